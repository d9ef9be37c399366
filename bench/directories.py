"""Rows about directories: each server by each technique, round trips, and who is a member."""
import json
import subprocess
import time

from testbed import directory, ds389, proxy, rollcall, samba, slapd
from testbed.directory import entry, group_dn, person_dn
from testbed.rollcall import ldap_settings
from testbed.slapd import MAILGROUP

import stand as stands

MEMBERS, FEW = 10000, 1000
OF_SAMBA = 2000                           # which takes long to make people
DYNAMIC = 700                             # other groups with searches, each of which dynlist looks at
SUFFIX = directory.SUFFIX
SCHEMAS = ("nis", "misc", "dyngroup", MAILGROUP)
DYNLIST = dict(top="moduleload dynlist", extra="overlay dynlist\ndynlist-attrset groupOfURLs memberURL member")
ALL_PEOPLE = f"ldap:///ou=people,{SUFFIX}??sub?(objectClass=inetOrgPerson)"


def url_group(name, url):
    return entry(group_dn(name), objectClass=["groupOfURLs", "mailGroup"], cn=name, mail=f"{name}@{stands.DOMAIN}",
                 memberURL=url)


def people(count):
    return "".join(directory.person(f"u{i:07d}", stands.mail_of(i)) for i in range(count))


def groups(*sizes):
    return "".join(directory.group(f"g{n}", [person_dn(f"u{i:07d}") for i in range(n)], domain=stands.DOMAIN) for n in sizes)


def searches():
    """A group of everybody by a search, and others of one person each."""
    return url_group("found", ALL_PEOPLE) + "".join(
        url_group(f"one{i}", f"ldap:///ou=people,{SUFFIX}??sub?(uid=u{i:07d})") for i in range(DYNAMIC))


class Kind:
    """A server with its members: what makes it, how a source reads it, and who asks it with ldapsearch."""

    def __init__(self, name, count, techniques, settings=None, bind=(), base=f"ou=people,{SUFFIX}"):
        self.name, self.count, self.techniques = name, count, techniques
        self.settings, self.bind, self.base = settings or {"base": f'"{SUFFIX}"'}, bind, base


def of_slapd(stand, name, dynamic, **options):
    s = stand.keep(slapd.Slapd(stand.path / name.replace(" ", "-"), schemas=SCHEMAS, **options))
    s.load(directory.top() + people(MEMBERS) + groups(MEMBERS, FEW) + dynamic)
    s.start()
    return s, Kind(name, MEMBERS, ("deref", "or", "base") + (("URL",) if dynamic else ()))


def of_memberof(stand):
    """The overlay sees what is written while it runs, and nothing before."""
    s = stand.keep(slapd.Slapd(stand.path / "memberof", schemas=SCHEMAS, top="moduleload memberof", extra="overlay memberof"))
    s.load(directory.top() + people(MEMBERS))
    s.start()
    s.modify(groups(MEMBERS), tool="ldapadd")
    return s, Kind("slapd with memberof", MEMBERS, ("memberof",))


def of_389(stand):
    s = stand.keep(ds389.Ds389(stand.path / "ds389", memberof=True, settings={
        "": {"nsslapd-sizelimit": "-1", "nsslapd-pagedsizelimit": "-1"},
        "cn=config,cn=ldbm database,cn=plugins": {"nsslapd-lookthroughlimit": "-1", "nsslapd-pagedlookthroughlimit": "-1"}}))
    s.load(directory.top() + people(MEMBERS) + groups(MEMBERS))
    return s, Kind("389-ds", MEMBERS, ("deref", "or", "base", "memberof"), s.settings())


def of_samba(stand):
    s = stand.keep(samba.Samba(stand.path / "samba"))
    suffix = "DC=example,DC=com"
    out = "".join(entry(f"OU={ou},{suffix}", objectClass="organizationalUnit") for ou in ("people", "groups", "services"))
    out += entry(s.bind_dn, objectClass="user", sAMAccountName="rollcall", userAccountControl="66048")
    names = [f"CN=u{i:07d},OU=people,{suffix}" for i in range(OF_SAMBA)]
    out += "".join(entry(dn, objectClass="contact", mail=stands.mail_of(i)) for i, dn in enumerate(names))
    out += entry(f"CN=g{OF_SAMBA},OU=groups,{suffix}", objectClass="group", sAMAccountName="g", groupType="8",
                 mail=f"g{OF_SAMBA}@{stands.DOMAIN}", member=names)
    s.load(out)
    s.start()
    return s, Kind("Samba AD", OF_SAMBA, ("or", "base", "memberof"), s.settings(), ("-D", s.bind_dn, "-w", s.password),
                   f"OU=people,{suffix}")


def reader(stand, server, kind, technique, uri=None, members=None):
    """A function that gives the milliseconds of walks by the technique."""
    preset = {"preset": "groupOfURLs"} if technique == "URL" else {}
    settings = {**kind.settings, **preset, "uri": f'"{uri or server.uri}"'}
    if technique != "URL":
        settings["technique"] = technique
    name = "found" if technique == "URL" else f"g{members or kind.count}"
    rc = rollcall.Rollcall(stand.path / f"read-{kind.name}-{technique}-{name}".replace(" ", "-"),
                           f"corp:\n{ldap_settings(settings)}")
    rc.configure()

    def walk(runs=3):
        got = stand.run("source_reader", rc.config, f"{name}@{stands.DOMAIN}", runs)
        if got["addresses"] != (members or kind.count):
            raise RuntimeError(f"{kind.name}, {technique}: {got['addresses']} addresses")
        return stands.median(got["ms"])
    return walk


def searcher(server, kind):
    """The same for ldapsearch, which finds the people by one search in pages."""
    command = ["ldapsearch", "-x", "-LLL", "-H", server.uri, *kind.bind, "-b", kind.base, "-E", "pr=1000/noprompt",
               "(mail=*)", "mail"]

    def search():
        began = time.perf_counter()
        got = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        took = (time.perf_counter() - began) * 1000
        if got.stdout.count(b"\nmail:") != kind.count:
            raise RuntimeError(f"ldapsearch {kind.name}: not all")
        return took
    return search


def of_all(stand):
    yield of_slapd(stand, "slapd", searches())
    yield of_slapd(stand, "slapd with dynlist", searches(), **DYNLIST)
    yield of_memberof(stand)
    yield of_389(stand)
    yield of_samba(stand)


def row_50(stand, row, by_turns):
    """Members a second of each server by each technique, and of ldapsearch, by turns."""
    for server, kind in of_all(stand):
        walks = [reader(stand, server, kind, t) for t in kind.techniques]
        *got, reference = (kind.count / stands.median(ms) * 1000
                           for ms in by_turns(stand.repeats, *walks, searcher(server, kind)))
        for technique, value in zip(kind.techniques, got):
            yield row(50, f"{kind.name}, {technique}, {kind.count:,} members; ldapsearch", value, "members/s", reference,
                      (None, None))
        server.stop()


def row_51(stand, row):
    """How often a walk waits for a directory that is far away."""
    server, kind = of_slapd(stand, "slapd far away", searches())
    far = proxy.Proxy(("127.0.0.1", server.port))
    for technique in kind.techniques:
        walk = reader(stand, server, kind, technique, far.uri, None if technique == "URL" else FEW)
        far.delay = 0.1
        value = walk(1) // 100
        far.delay = 0
        count = kind.count if technique == "URL" else FEW
        yield row(51, f"a group of {count:,}, {technique}", value, "round trips", None, (None, None))
    far.stop()
    server.stop()


def row_52(stand, row):
    """A list in a file: members a second, and the most memory of the expander."""
    count = 1000000
    lists = stand.path / "million.json"
    with open(lists, "w") as out:
        json.dump({"lists": [{"address": f"g{count}@{stands.DOMAIN}", "members": [stands.mail_of(i) for i in range(count)]}]},
                  out)
    port = stands.free_port()
    sink = stand.sink(f"inet:127.0.0.1:{port}")
    rc = stand.keep(stands.Rollcall(stand.path / "file", "", mta=port))
    rc.sources = f"corp:\n  kind: file\n  path: {lists}\n"
    rc.configure()
    (rc.dir / "state").mkdir()
    ms = stands.median(stand.run("source_reader", rc.config, f"g{count}@{stands.DOMAIN}", 3)["ms"])
    yield row(52, f"a list of {count:,} in a file", count / ms * 1000, "members/s", None, (None, None))
    rc.start_expander()
    tail = stands.Tail(rc)
    stand.submit(rc, f"g{count}@{stands.DOMAIN}")
    _, batches = tail.fan_outs(1, 300)
    if sum(batches.values()) != count:
        raise RuntimeError(f"{sum(batches.values())} were sent to")
    yield row(52, "peak memory of the expander for it", rc.peak() / 1e6, "MB", None, (None, None))
    rc.stop()
    sink.stop()
