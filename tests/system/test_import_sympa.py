"""rollcallctl import sympa: its lists become sources that answer with what its own searches find."""
import json
import subprocess

import pytest

from testbed import directory, rollcall, slapd
from testbed.directory import SUFFIX
from testbed.flavours import FLAVOURS

STAFF, DEV, ALL = ("staff@lists.example.com", "dev@lists.example.com", "c+all@lists.example.com")
ADMIN = f"cn=admin,{SUFFIX}"


def person(uid, unit="people", **more):
    return directory.entry(f"uid={uid},ou={unit},{SUFFIX}", objectClass=["inetOrgPerson", "mailRecipient"], cn=uid, sn=uid,
                           uid=uid, **{"mail": f"{uid}@example.com", **more})


def company():
    out = directory.top() + directory.entry(f"ou=guests,{SUFFIX}", objectClass="organizationalUnit", ou="guests")
    out += person("ann", title="R&D (Zürich) 100%?", mailAlternateAddress=["a1@example.com", "a2@example.com"])
    out += person("bob", title="Sales*") + person("carl", title="Sales") + person("dora", "guests", title="R#D")
    return out + person("nomail", mail=[], title="Sales")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = slapd.Slapd(tmp_path_factory.mktemp("ldap"), **FLAVOURS["urls"]().slapd)
    s.load(company())
    s.start()
    yield s
    s.stop()


def query(server, filter, suffix=f"ou=people,{SUFFIX}", **more):
    """A paragraph of Sympa's."""
    values = dict(host="127.0.0.1", port=server.port if server else 389, suffix=suffix, scope="sub", timeout="30",
                  filter=filter, attrs="mail", select="first") | more
    return "include_ldap_query\n" + "".join(f"{k} {v}\n" for k, v in values.items() if v is not None) + "\n"


def write(place, **lists):
    paths = []
    for name, text in lists.items():
        name = name.replace("_", "+")
        path = place / "list_data/lists.example.com" / name / "config"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        paths.append(path)
    return paths


def tool(place):
    r = rollcall.Rollcall(place / "rc", f"corp: {{ kind: file, path: {place}/none.json }}\n")
    r.configure()
    return r


def run(place, kind, files, check=0):
    return tool(place).ctl("import", kind, *map(str, files), check=check)


def found(server, filter, suffix, scope="sub", attribute="mail", first=True, dn=ADMIN):
    """What Sympa's own search would have found."""
    got = subprocess.run(["ldapsearch", "-LLL", "-x", "-H", server.uri, "-D", dn, "-w", "secret", "-o", "ldif-wrap=no",
                          "-b", suffix, "-s", scope, filter, attribute], check=True, capture_output=True, text=True).stdout
    out = set()
    for block in got.split("\n\n"):
        values = [line.split(": ", 1)[1] for line in block.splitlines() if line.startswith(attribute + ": ")]
        out.update(values[:1] if first else values)
    return out


def take_over(place, server, files):
    """All that a postmaster does: loads the groups, and takes the rest as it was printed."""
    server.modify(run(place, "sympa-groups", files).stdout, tool="ldapadd")
    (place / "sympa.json").write_text(run(place, "sympa", files).stdout)
    text = run(place, "sympa-config", files).stdout
    sources, destinations = text.split("\nsources:\n")[1].split("\ndestinations:\n")
    for n in range(1, 10):
        (place / f"sympa-{n}.password").write_text("secret\n")
    r = rollcall.Rollcall(place / "new", sources.replace("/etc/rollcall/", f"{place}/"), destinations)
    r.configure()
    r.ctl("config", "--check", check=0)
    return r, text


def members(r, address, *words):
    return {m["address"] for m in r.ctl_json("members", *words, address)["members"]}


def test_members_are_those_of_its_searches(server, place):
    """Filters with whatever URLs, LDIF and YAML take for something else; two servers' worth of settings; lists within."""
    bind = dict(bind_dn=ADMIN, bind_password="secret")
    odd = "(title=R&D \\28Zürich\\29 100%?)"
    searches = {
        "staff": [dict(filter="(|(title=Sales*)(title=R#D))", suffix=SUFFIX, **bind)],
        "dev": [dict(filter="title=Sales\\2a", **bind), dict(filter="(uid=dora)", suffix=f"ou=guests,{SUFFIX}", scope="one", **bind)],
        "c_all": [dict(filter=odd, attrs="mailAlternateAddress", select="all", scope="one", user=ADMIN, passwd="secret"),
                  dict(filter="(uid=carl)", suffix=f"uid=carl,ou=people,{SUFFIX}", scope="base", **bind)],
    }
    more = {
        "staff": "subject Alle – \"wir\"\n\nsend private\n\nowner\nemail boss@example.com\nprofile privileged\n\n"
                 "custom_subject Staff\n\nreply_to_header\nvalue list\napply forced\n\n# a comment\ncreation\ndate_epoch 1\n\n",
        "dev": "subject Dev\n\nsend privateoreditorkey\n\neditor\nemail ed@example.com\n\nmax_size 5000000\n\nlang de\n\n"
               "include_list staff\n",
        "c_all": "subject All\r\n\r\nsend public\r\n\r\ninclude_list dev@lists.example.com\r\n",
    }
    files = write(place, **{name: more[name] + "\n" + "".join(query(server, **s) for s in searches[name]) for name in more})
    r, text = take_over(place, server, files)
    want = {name: set() for name in searches}
    for name, all_of_them in searches.items():
        for s in all_of_them:
            filter = s["filter"] if s["filter"].startswith("(") else f"({s['filter']})"
            want[name] |= found(server, filter, s.get("suffix", f"ou=people,{SUFFIX}"), s.get("scope", "sub"),
                                s.get("attrs", "mail"), s.get("select") != "all")
    assert want == dict(staff={"bob@example.com", "carl@example.com", "dora@example.com"},
                        dev={"bob@example.com", "dora@example.com"},
                        c_all={"a1@example.com", "a2@example.com", "carl@example.com"})
    assert members(r, STAFF) == want["staff"]
    assert members(r, DEV) == want["dev"] | want["staff"]
    assert members(r, ALL) == want["c_all"] | want["dev"] | want["staff"]
    assert members(r, STAFF, "--owners") == {"boss@example.com"}
    lists = json.loads((place / "sympa.json").read_text())["lists"]
    assert lists[0]["name"] == 'Alle – "wir"' and lists[0]["settings"] == ["subject-tag: [Staff]", "reply-to: list"]
    said = run(place, "sympa", files).stderr
    for words in ("dev/config:6: dev@lists.example.com: editor ed@example.com", "no counterpart: max_size 5000000",
                  "no counterpart: lang de", "c+all/config:15: select: all: of people of other classes"):
        assert words in said and words in text, words
    assert "secret" not in text + said
    assert "# dev@lists.example.com: send privateoreditorkey: members, moderators" in text
    assert "posters: { allow: [ members ] }" in text      # what all three have in common


# ---- searches in two levels ----

def two_levels(server, filter1="(cn=x)", **more):
    values = dict(host="127.0.0.1", port=server.port if server else 389, suffix1=f"ou=groups,{SUFFIX}", scope1="sub",
                  filter1=filter1, attrs1="uniqueMember", select1="all", suffix2="[attrs1]", scope2="base",
                  filter2="(objectClass=*)", attrs2="mail", select2="first") | more
    return "include_ldap_2level_query\n" + "".join(f"{k} {v}\n" for k, v in values.items() if v is not None) + "\n"


def found_in_two_levels(server, filter1="(cn=x)", attrs1="uniqueMember", suffix2="[attrs1]", scope2="base",
                        filter2="(objectClass=*)", attrs2="mail", select2="first", **_):
    """What Sympa's own two searches would have found: the second once for each value of the first."""
    out = set()
    filter2 = filter2 if filter2.startswith("(") else f"({filter2})"
    for value in found(server, filter1, f"ou=groups,{SUFFIX}", attribute=attrs1, first=False):
        out |= found(server, filter2.replace("[attrs1]", value), suffix2.replace("[attrs1]", value), scope2, attrs2,
                     select2 == "first")
    return out


LEVELS = {
    "everybody": dict(filter1="(|(cn=cri)(cn=ufr*))"),
    "staff": dict(filter1="(cn=*)", filter2="(employeeType=staff)", scope1="one"),
    "either": dict(filter1="(cn=cri)", filter2="(|(employeeType=guest)(title=*))", attrs2="mail"),
    "two": dict(filter1="(cn=ufrmi)", attrs2="mailAlternateAddress", select2="all"),
    "logins": dict(filter1="(cn=posix)", attrs1="memberUid", suffix2=f"ou=people,{SUFFIX}", scope2="sub",
                   filter2="(&(uid=[attrs1])(employeeType=staff))"),
    "plain": dict(filter1="(cn=posix)", attrs1="memberUid", suffix2=f"ou=people,{SUFFIX}", scope2="one", filter2="uid=[attrs1]"),
}


def university(count=300):
    """The groups of Sympa's manual, and people of whom some count."""
    out = directory.top()
    for i in range(count):
        mails = {} if i % 50 == 9 else dict(mail=f"p{i}@example.com")
        out += person(f"p{i}", employeeType="staff" if i % 3 else "guest", mail=mails.get("mail", []),
                      mailAlternateAddress=[f"a{i}@example.com", f"b{i}@example.com"], **({} if i % 7 else dict(title="T")))
    for cn, members in dict(cri=range(0, 200), ufrmi=range(150, 260), ufrx=[290, 1]).items():
        out += directory.entry(f"cn={cn},ou=groups,{SUFFIX}", objectClass="groupOfUniqueNames", cn=cn,
                               uniqueMember=[f"uid=p{i},ou=people,{SUFFIX}" for i in members])
    return out + directory.entry(f"cn=posix,ou=groups,{SUFFIX}", objectClass="posixGroup", cn="posix", gidNumber="7",
                                 memberUid=[f"p{i}" for i in range(100, 140)])


def test_searches_in_two_levels(tmp_path, place):
    """Each becomes a search for groups whose members count by conditions; compare finds no difference."""
    server = slapd.Slapd(tmp_path / "ldap", **FLAVOURS["urls"]().slapd)
    server.load(university())
    server.start()
    try:
        bind = dict(bind_dn=ADMIN, bind_password="secret")
        files = write(place, **{name: two_levels(server, **bind, **more) for name, more in LEVELS.items()})
        r, text = take_over(place, server, files)
        for name, more in LEVELS.items():
            want = found_in_two_levels(server, **more)
            address = f"{name}@lists.example.com"
            (place / "theirs").write_text("".join(f"{a}\n" for a in want))
            assert want and members(r, address) == want, name
            r.ctl("compare", address, str(place / "theirs"), check=0)
            (place / "theirs").write_text("".join(f"{a}\n" for a in sorted(want)[1:]))
            assert r.ctl("compare", address, str(place / "theirs")).returncode == 1
        assert "everybody@lists.example.com: groups within a group are read, too" in text
    finally:
        server.stop()


@pytest.mark.parametrize("more, what", [
    (dict(select1="first"), "x@lists.example.com: select1: first: all members of a group count here (left out)"),
    (dict(select1=None), "select1: is not there: all members"),
    (dict(attrs1="member, owner"), "attrs1: member, owner: one attribute is needed (left out)"),
    (dict(scope2="one"), "scope2: one: the entry itself is looked at, and nothing beside or below it (left out)"),
    (dict(suffix2="ou=x,[attrs1]"), "suffix2: ou=x,[attrs1]: the entry itself is looked at"),
    (dict(filter2="(!(a=b))"), "filter2: (!(a=b)): who counts is said by conditions"),
    (dict(filter2="(a=b*)"), "who counts is said by conditions"),
    (dict(filter2="(a>=b)"), "who counts is said by conditions"),
    (dict(filter2="(&(a=b)(c=d))"), "who counts is said by conditions"),
    (dict(filter2=None), "filter2: is not there: there is no second level"),
    (dict(suffix2="ou=p", filter2="(|(uid=[attrs1])(cn=[attrs1]))"), "it does not look for one value of the first level"),
    (dict(suffix2="ou=p", filter2="(cn=x)"), "it does not look for one value of the first level"),
    (dict(suffix2="ou=p", filter2="(&(uid=[attrs1])"), "it does not look for one value of the first level"),
    (dict(select2="regex"), "select2: regex: addresses are not chosen by a pattern (left out)")])
def test_second_levels_that_are_left_out(place, more, what):
    assert what in run(place, "sympa", write(place, x=two_levels(None, **more)), check=1).stderr


def test_searches_beside_each_other(server, place):
    """Suffixes that are not below the base are named, also where they have something in common with it."""
    files = write(place, x=query(server, "(uid=b)", r"OU=A\,B, ou=Guests, DC=example,DC=com") + query(server, "(uid=ann)") +
                  query(server, "(a=b)", "ou=x,o=other") + query(server, "(a=c)", "dc=x,dc=com") +
                  query(server, "(a=d)", "dc=x,dc=com"))
    text = run(place, "sympa-config", files).stdout
    assert 'base: "DC=example,DC=com"\n    url-bases: [ "ou=x,o=other", "dc=x,dc=com" ]' in text
    assert run(place, "sympa-groups", files).stdout.count("memberURL: ") == 5


@pytest.mark.parametrize("more, want", [
    (dict(host="l1.example.com:390, l2"), 'uri: [ "ldap://l1.example.com:390", "ldap://l2" ]'),
    (dict(host="l1,l2", port="390"), 'uri: [ "ldap://l1:390", "ldap://l2:390" ]'),
    (dict(host="ldaps://l1"), 'uri: [ "ldaps://l1" ]'),
    (dict(host="l1", use_tls="ldaps"), 'uri: [ "ldaps://l1" ]'),
    (dict(host="l1", use_ssl="yes"), 'uri: [ "ldaps://l1" ]'),
    (dict(host="l1", use_tls="starttls", ca_file="/etc/ca.pem"), 'starttls: yes\n    ca-file: "/etc/ca.pem"'),
    (dict(timeout="3600"), "timeout: 600s"),
    (dict(attrs="proxy, cn"), 'mail: "proxy"\n      person-address: [ mail, mailAlternateAddress, "proxy" ]'),
    (dict(bind_dn='cn="a\\,b",dc=x', bind_password="p"), 'bind-dn: "cn=\\"a\\\\,b\\",dc=x"')])
def test_servers(place, more, want):
    files = write(place, x=query(None, "(uid=ann)", **{"port": None, **more}))
    assert want in run(place, "sympa-config", files).stdout


@pytest.mark.parametrize("send, allow", [("public", "anyone"), ("closed", "nobody"), ("owner", "owners"), ("intranet", "known"),
                                         ("editorkey", "moderators"), ("our_own", "nobody")])
def test_scenarios(place, send, allow):
    got = run(place, "sympa-config", write(place, x=f"send {send}\n"))
    assert f"posters: {{ allow: [ {allow} ] }}" in got.stdout
    assert ("x@lists.example.com: send our_own: not known" in got.stderr) == (send == "our_own")


@pytest.mark.parametrize("text, what", [
    ("include_sql_query\nhost x\n", "/x/config:1: x@lists.example.com: no counterpart: include_sql_query (left out)"),
    ("member_include\nsource x\n", "no counterpart: member_include (left out)"),
    ("include_list a filter b\n", "a part of a list: a filter b (left out)"),
    ("include_sympa_list\nlistname a\nfilter b\n", "a part of a list: a (left out)"),
    ("include_list a b@c\n", "(left out)"),
    ("include_list a@\n", '"" is no domain (left out)'),
    (query(None, "(a=b)", select="regex"), "select: regex: addresses are not chosen by a pattern (left out)")])
def test_members_that_are_left_out(place, text, what):
    files = write(place, x=text)
    for kind in ("sympa", "sympa-groups", "sympa-config"):
        assert what in run(place, kind, files, check=1).stderr


@pytest.mark.parametrize("text, what", [
    ("custom_subject [%list.sequence%]\n", "custom_subject: [%list.sequence%] has no counterpart"),
    ("reply_to_header\nvalue all\n", ":2: x@lists.example.com: reply_to_header: all has no counterpart"),
    ("status closed\n", "x@lists.example.com is closed, and left out"),
    (query(None, "(a=b)", ca_verify="none"), "ca_verify: none: certificates are always verified"),
    (query(None, "(a=b)", ssl_cert="x"), "ssl_cert has no counterpart"),
    (query(None, "(a=b)", bind_dn="cn=x"), "there is no password for cn=x")])
def test_what_has_no_counterpart(place, text, what):
    assert what in run(place, "sympa", write(place, x=text)).stderr


def test_what_has_one(place):
    """The reply address, the host of older versions, a block of newer ones."""
    text = ("host old.example.com\n\nreply_to_header\nvalue other_email\nother_email r@example.com\n\nsubject X\n\n"
            "include_sympa_list\nlistname a\n\ninclude_sympa_list\nlistname b@else.example.com\n")
    got = run(place, "sympa", write(place, x=text))
    (one,) = json.loads(got.stdout)["lists"]
    assert one == dict(address="x@old.example.com", name="X", members=["a@old.example.com", "b@else.example.com"],
                       settings=["reply-to: r@example.com"])
    assert "/x/config:9: x@old.example.com: a@old.example.com is not in these files: posts go to its address" in got.stderr


def test_lists_within_each_other(place):
    """Each has the searches of all, once."""
    files = write(place, **{name: f"include_list {within}\n\n" + query(None, f"(uid={name})")
                            for name, within in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"))})
    entries = run(place, "sympa-groups", files).stdout.split("\n\n")[2:]
    assert [e.count("(uid=") for e in entries] == [3, 3, 3, 4]


@pytest.mark.parametrize("text, why", [
    ("owner\n", "/x/config:1: owner has no email"),
    ("subject a\nb c\n", '/x/config:2: "b c" stands behind "subject", which has a value already: a blank line is missing'),
    ("\n\n<x>\n", '/x/config:3: this is no line "parameter value"'),
    ("subject \x01\n", "/x/config:1: not UTF-8, or a control character"),
    ("include_ldap_query\nhost h\n", "/x/config:1: include_ldap_query has no filter"),
    (query(None, "(a=b)", suffix=None), "/x/config:1: include_ldap_query has no suffix"),
    (query(None, "(a=b)", host=None), "/x/config:1: include_ldap_query names no host"),
    (query(None, "(a=b)", host="a/b"), '/x/config:2: host: "a/b" is no server'),
    (query(None, "(a=b)", host="http://x"), '/x/config:2: host: "http://x" is no server'),
    (query(None, "(a=b)", port="0"), '/x/config:3: port: "0" is none'),
    (query(None, "(a=b)", scope="all"), '/x/config:5: scope: "all" is none of sub, one, base'),
    (query(None, "(a=b)", timeout="soon"), '/x/config:6: timeout: "soon" is no number of seconds'),
    ("include_list\n", "/x/config:1: include_list names no list"),
    ("include_sympa_list\nname x\n", "/x/config:1: include_sympa_list names no list"),
    ("host nowhere\n", "/x/config: it names no host, and is in no directory of a domain")])
def test_files_that_are_wrong(place, text, why):
    got = run(place, "sympa", write(place, x=text), check=70)
    assert why in got.stderr and got.stdout == ""


@pytest.mark.parametrize("kind", ["sympa", "sympa-groups", "sympa-config"])
def test_a_filter_that_is_none(place, kind):
    files = write(place, x="subject x\n\n" + query(None, "(a=b"))
    got = run(place, kind, files, check=70)
    assert "/x/config:9: " in got.stderr and got.stdout == ""


def test_where_the_name_is(place):
    (path,) = write(place, x="subject x\n")
    assert "a second list x@lists.example.com" in run(place, "sympa", [path, path], check=70).stderr
    (place / "config").write_text("host lists.example.com\n")
    got = subprocess.run([rollcall.BUILD / "rollcallctl", "import", "sympa", "config"], cwd=place, capture_output=True, text=True)
    assert got.returncode == 70 and "config: the directory that it is in has no name of a list" in got.stderr
