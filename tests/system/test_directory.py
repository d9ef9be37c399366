"""The directory: binding, TLS, failover, every technique, and everything that may go wrong with it."""
import re
import threading
import time

import pytest

from testbed import client, directory, slapd
from testbed.base import ROOT, wait_until
from testbed.rollcall import ldap_settings, run_contract

TECHNIQUES = pytest.mark.parametrize("technique", ["deref", "or", "base"])
STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


# ---- the contract of sources, by every technique, bind and transport ----

@pytest.fixture(scope="module")
def contract_server(module_place):
    """One slapd with the contract's lists, TLS, and a map from root's uid to an entry for EXTERNAL."""
    path = module_place / "contract"
    server = slapd.Slapd(path, top='authz-regexp "^gidNumber=0\\\\+uidNumber=0,cn=peercred,cn=external,cn=auth$" '
                                   '"cn=rollcall,ou=services,dc=example,dc=com"')
    server.make_certificates()
    server.load(ROOT / "tests/fixtures/contract.ldif")
    server.start()
    (path / "password").write_text("secret\n")
    yield server
    server.stop()


STYLED = dict(attributes="{ settings: businessCategory }")


@pytest.mark.parametrize("settings", [
    dict(technique="auto"),
    dict(technique="deref"),
    dict(technique="or"),
    dict(technique="or", or_terms=1, or_window=1),
    dict(technique="or", or_terms=1000, page=1),
    dict(technique="base"),
    dict(technique="base", window=1, group_window=1),
    dict(cache="{ yes: 0s, no: 0s }"),
], ids=str)
def test_every_technique_keeps_the_contract(contract_server, settings):
    run_contract(contract_server, **STYLED, **settings)


def test_simple_bind(contract_server):
    run_contract(contract_server, **STYLED, bind="simple", bind_dn="cn=rollcall,ou=services,dc=example,dc=com",
                 password_file=contract_server.dir / "password")


def test_external_over_ldapi(contract_server):
    run_contract(contract_server, **STYLED, bind="external", uri=f'"{contract_server.ldapi}"')


def test_starttls(contract_server):
    run_contract(contract_server, **STYLED, starttls="yes", ca_file=contract_server.dir / "ca.pem",
                 uri=f'"ldap://127.0.0.1:{contract_server.port}"')


def test_ldaps(contract_server):
    run_contract(contract_server, **STYLED, ca_file=contract_server.dir / "ca.pem",
                 uri=f'"ldaps://127.0.0.1:{contract_server.tls_port}"')


def test_failover(contract_server):
    run_contract(contract_server, **STYLED, uri=f'[ "ldap://127.0.0.1:1", "{contract_server.uri}" ]')


def lookup(site_or_rollcall, address="staff@lists.example.com"):
    return site_or_rollcall.ctl("lookup", address)


@pytest.fixture
def config(place, contract_server):
    """rollcallctl with a source of these settings."""
    from testbed import rollcall

    def make(**settings):
        settings = {"uri": f'[ "{contract_server.uri}" ]', "base": '"dc=example,dc=com"', **settings}
        r = rollcall.Rollcall(place / "rc", f"corp:\n{ldap_settings(settings)}")
        r.configure()
        return r
    return make


@pytest.mark.parametrize("settings, words", [
    (dict(uri='"ldap://127.0.0.1:1"'), "Can't contact LDAP server"),
    (dict(bind="simple", bind_dn='"cn=rollcall,ou=services,dc=example,dc=com"', password_file="{wrong}"),
     "Invalid credentials"),
    (dict(starttls="yes", uri='"ldap://127.0.0.1:{port}"'), "StartTLS: Connect error (its certificate is not trusted"),
    (dict(uri='"ldaps://127.0.0.1:{tls_port}"'), "certificate is not trusted"),
    (dict(ca_file="{ca}", uri='"ldap://127.0.0.2:{port}"', starttls="yes"), "not for that name"),
    (dict(base='"dc=elsewhere,dc=com"'), "No such object"),
], ids=["nobody there", "wrong password", "unknown CA, StartTLS", "unknown CA, ldaps", "wrong name", "wrong base"])
def test_what_cannot_be_asked_is_unsure(config, contract_server, settings, words):
    (contract_server.dir / "wrong").write_text("wrong\n")
    fill = dict(wrong=contract_server.dir / "wrong", port=contract_server.port, tls_port=contract_server.tls_port,
                ca=contract_server.dir / "ca.pem")
    got = lookup(config(**{k: v.format(**fill) if isinstance(v, str) else v for k, v in settings.items()}))
    assert got.returncode == 75 and words in got.stderr


def test_a_tls_server_that_hangs(config):
    """The handshake, too, has its time."""
    import socket
    silent = socket.create_server(("127.0.0.1", 0))
    try:
        r = config(uri=f'"ldaps://localhost:{silent.getsockname()[1]}"', connect_timeout="500ms")
        began = time.monotonic()
        got = lookup(r)
        assert got.returncode == 75 and time.monotonic() - began < 5
    finally:
        silent.close()


# ---- a directory on a bad day, under a running site ----

def refused(site, to="dev@lists.example.com"):
    with site.smtp() as c:
        c.mail("ann@example.com")
        began = time.monotonic()
        reply = c.rcpt(to)
        return reply, time.monotonic() - began


def test_down_and_back_again(make_site, mta):
    site = make_site(mta=mta, through_proxy=True, source_more='cache: { yes: 200ms, no: 200ms, stale: 5s }')
    site.post()
    site.wait_for(4)
    site.proxy.refusing = True
    site.proxy.drop_all()
    time.sleep(0.3)
    # Not in memory: 451. Known lately: it exists still, and the post waits until its members can be read.
    assert refused(site)[0] == "451 4.4.3"
    site.post()
    wait_until(lambda: site.mta.queued() > 0 or site.rollcall.log_lines("expand", verdict="later"),
               what="a post that waits")
    assert refused(site, "bob@example.com")[0].code == 250
    assert len(site.sink.recipients()) == 4
    site.proxy.refusing = False
    assert len(site.wait_for(8)) == 8
    assert refused(site)[0].code == 250
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == sorted(STAFF * 2)


def test_restarted_while_connections_are_idle(make_site):
    site = make_site(mta="sink", source_more="cache: { yes: 0s }")
    site.submit()
    site.wait_for(4)
    site.slapd.stop()
    site.slapd.start()
    site.submit()
    assert len(site.wait_for(8)) == 8
    assert not site.rollcall.log_lines("expand", verdict="later")


def test_hanging(make_site, mta):
    site = make_site(mta=mta, source_more='cache: { yes: 300ms, no: 300ms }', milter="deadline: 700ms")
    site.slapd.hang()
    try:
        reply, took = refused(site)
        assert reply == "451 4.4.3" and 0.6 < took < 2
        assert refused(site, "bob@example.com")[1] < 0.5
    finally:
        site.slapd.go_on()
    wait_until(lambda: refused(site)[0].code == 250, what="the directory to be back")


@pytest.mark.parametrize("technique", ["deref", "or", "base"])
def test_cut_off_in_the_middle_of_the_members(make_site, technique):
    """At any byte of the answer: nobody is sent anything until the members are complete."""
    site = make_site(directory.crowded(400), mta="sink", through_proxy=True,
                     source_more=f"technique: {technique}\ncache: {{ yes: 1h }}".replace("\n", "\n              "))
    site.rollcall.ctl("members", "g400@lists.example.com", check=0)
    whole = site.proxy.passed
    assert whole > 10000
    with site.lmtp() as c:               # the list is known; its members are not
        c.mail("ann@example.com")
        assert c.rcpt("g400@lists.example.com").code == 250
        site.proxy.drop_all()
        for at in (1, whole // 10, whole // 2, whole - 600):
            site.proxy.cut_after = at
            before = len(site.rollcall.log_lines("expand", verdict="later"))
            if at == 1:
                assert c.data(client.message(to="g400@lists.example.com"))[0].code == 250
            wait_until(lambda: len(site.rollcall.log_lines("expand", verdict="later")) > before + 1,
                       what=f"a failure at {at}")
            assert site.sink.delivered() == []
    site.proxy.cut_after = None
    assert len(site.wait_for(400)) == 400
    site.rollcall.wait_idle()
    assert sorted(set(site.sink.recipients())) == sorted(site.sink.recipients())


def test_restarted_in_the_middle_of_a_large_list(make_site):
    """100,000 members: none of those that were read before is sent anything, and each gets one copy after all."""
    members = 100000
    site = make_site(directory.crowded(members), mta="sink", through_proxy=True)
    killed = threading.Event()
    passed = []

    def look(data, from_server):
        passed.append(len(data) * from_server)
        if sum(passed) > 2000000 and not killed.is_set():
            site.slapd.process.kill()
            killed.set()
    site.proxy.look = look
    site.submit(to=f"g{members}@lists.example.com")
    assert killed.wait(20)
    site.proxy.look = None
    wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), what="a failure")
    assert site.sink.recipients() == []
    site.slapd.stop()
    site.slapd.start()
    assert len(site.wait_for(members, 60)) == members
    site.rollcall.wait_idle()
    assert len(set(site.sink.recipients())) == len(site.sink.recipients()) == members


def test_falling_silent_in_the_middle(make_site):
    site = make_site(mta="sink", through_proxy=True, source_more="timeout: 500ms")
    site.submit()
    site.wait_for(4)
    site.proxy.hanging.set()
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message())[0].code == 250
    wait_until(lambda: "fell silent" in site.rollcall.log or "no answer in time" in site.rollcall.log,
               what="the time-out")
    site.proxy.hanging.clear()
    site.proxy.drop_all()
    assert len(site.wait_for(8)) == 8


def test_the_overlay_is_taken_away(make_site):
    """What a server could do is proven again on each connection: the next post is complete all the same."""
    site = make_site(mta="sink")
    site.submit()
    assert site.wait_for(4) == STAFF
    site.slapd.stop()
    site.slapd.deref = False
    site.slapd.start()
    site.submit()
    assert len(site.wait_for(8, 60)) == 8


def test_a_limit_of_the_server(make_site):
    """An answer cut short by a size limit is asked for in other ways, and never taken for the whole."""
    site = make_site(directory.crowded(200), mta="sink", start=False,
                     source_more="technique: or")
    site.slapd.stop()
    site.slapd.extra = "sizelimit 20"
    site.slapd.start()
    site.start()
    site.submit(to="g200@lists.example.com")
    assert len(site.wait_for(200)) == 200


def test_a_referral_is_no_answer(make_site):
    out = directory.top() + directory.person("ann")
    out += directory.group("staff", [directory.person_dn("ann"), "uid=x,ou=away,dc=example,dc=com"])
    out += directory.entry("ou=away,dc=example,dc=com", objectClass=["referral", "extensibleObject"], ou="away",
                           ref="ldap://127.0.0.1:1/ou=away,dc=example,dc=com")
    site = make_site(out, mta="sink", source_more="technique: base")
    got = site.rollcall.ctl("members", "staff@lists.example.com")
    assert got.returncode == 75 and "not all members could be read" in got.stderr
    # An address that is found is found; one that is not might be where the server points to.
    assert lookup(site.rollcall).returncode == 0
    got = lookup(site.rollcall, "stuff@lists.example.com")
    assert got.returncode == 75 and "refers to another" in got.stderr


def test_two_groups_with_one_address(make_site):
    out = directory.top() + directory.person("ann")
    out += directory.group("one", [directory.person_dn("ann")], mail="staff@lists.example.com")
    out += directory.group("two", [directory.person_dn("ann")], mail="other@lists.example.com",
                           mailAlternateAddress="Staff@lists.example.com")
    site = make_site(out, mta="sink")
    got = lookup(site.rollcall)
    assert got.returncode == 75 and "2 lists have the address staff@lists.example.com" in got.stderr
    assert lookup(site.rollcall, "other@lists.example.com").returncode == 0


def test_groups_without_an_address_or_outside_the_filter_are_no_lists(make_site):
    out = directory.top() + directory.person("ann")
    out += directory.group("private", [directory.person_dn("ann")], mail=False)
    out += directory.group("hidden", [directory.person_dn("ann")], description="internal")
    out += directory.group("open", [directory.person_dn("ann")], description="public")
    site = make_site(out, mta="sink", source_more='filter: "(description=public)"')
    assert lookup(site.rollcall, "private@lists.example.com").returncode == 1
    assert lookup(site.rollcall, "hidden@lists.example.com").returncode == 1
    assert lookup(site.rollcall, "open@lists.example.com").returncode == 0


def test_other_names_for_things(make_site):
    """Every name of the preset can be the site's own."""
    out = directory.top() + directory.person("bob")
    out += directory.person("ann", mailAlternateAddress="ann.private@example.net")
    out += directory.entry(directory.group_dn("g"), objectClass=["groupOfUniqueNames", "mailGroup"], cn="g",
                           uniqueMember=[directory.person_dn("ann"), directory.person_dn("bob")],
                           mailAlternateAddress="g@lists.example.com", seeAlso=directory.person_dn("bob"))
    site = make_site(out, mta="sink", source_more="""attributes:
                groups: (objectClass=groupOfUniqueNames)
                address: mailAlternateAddress
                member: uniqueMember
                owner: seeAlso
                mail: mailAlternateAddress""")
    site.submit(to="g@lists.example.com")
    assert site.wait_for(1) == ["ann.private@example.net"]
    got = site.rollcall.ctl_json("members", "g@lists.example.com")
    assert got["without_address"] == 1


def test_members_named_in_other_words(make_site):
    """DNs compare without case and blanks; a person named in two spellings gets one copy, by every technique."""
    out = directory.top() + directory.person("ann") + directory.person("o'hara, jr. +x", "ohara@example.com")
    odd = directory.person_dn("o'hara, jr. +x")
    out += directory.group("staff", ["UID=Ann,  OU=People,DC=Example,dc=com", odd, directory.group_dn("sub")])
    out += directory.group("sub", ["uid=ann,ou=people,dc=example,dc=com"])
    for technique in ("deref", "or", "base"):
        site = make_site(out, mta="sink", source_more=f"technique: {technique}")
        got = site.rollcall.ctl_json("members", "staff@lists.example.com")
        assert sorted(m["address"] for m in got["members"]) == ["ann@example.com", "ohara@example.com"], technique
        assert got["dangling"] == 0
        site.stop()


def test_members_outside_the_base(make_site):
    """They are members like others; an OR below the base does not find them, and they are read one by one."""
    out = directory.top() + directory.person("ann") + directory.person("bob")
    out += directory.group("staff", [directory.person_dn(u) for u in ("ann", "bob")])
    for technique in ("deref", "or", "base"):
        site = make_site(out, mta="sink", start=False, source_more=f"technique: {technique}")
        site.rollcall.sources = site.rollcall.sources.replace("base: dc=", "base: ou=groups,dc=")
        site.start()
        got = site.rollcall.ctl_json("members", "staff@lists.example.com")
        assert sorted(m["address"] for m in got["members"]) == ["ann@example.com", "bob@example.com"], technique
        site.stop()


# ---- members that are addresses of lists ----

def list_addresses():
    p = directory.person_dn
    out = directory.top() + "".join(directory.person(u) for u in ("ann", "bob", "carl", "dora", "emil"))
    out += directory.person("forward", "D@lists.example.com")
    out += directory.group("a", [p("ann"), p("bob"), p("emil"), p("forward")],
                           mgrpRFC822MailMember=["B@Lists.Example.com", "nobody@lists.example.com", "x@example.net",
                                                 "other@lists.example.org"])
    out += directory.group("b", [p("ann"), p("carl")], mail="b@lists.example.org",
                           mailAlternateAddress="b@lists.example.com",
                           mgrpRFC822MailMember=["a@lists.example.com", "c@lists.example.org"])
    out += directory.group("c", [p("carl")], mail="c@lists.example.org", mgrpRFC822MailMember="y@example.net")
    out += directory.group("d", [p("dora")])
    return out


@TECHNIQUES
@pytest.mark.parametrize("terms", [50, 1])
def test_addresses_of_lists_are_walked(make_site, technique, terms):
    """Literal members and people's addresses; a domain is known by the groups on the way to an address."""
    site = make_site(list_addresses(), mta="sink",
                     source_more=f"technique: {technique}\n              or-terms: {terms}")
    got = site.rollcall.ctl_json("members", "a@lists.example.com")
    addresses = sorted(m["address"] for m in got["members"])
    assert sorted(set(addresses)) == [
        "ann@example.com", "bob@example.com", "carl@example.com", "dora@example.com", "emil@example.com",
        "nobody@lists.example.com", "other@lists.example.org", "x@example.net", "y@example.net"]
    assert got["groups"] == 4
    site.submit(to="a@lists.example.com")
    assert site.wait_for(9) == sorted(set(addresses))


def test_a_list_is_one_list_by_all_its_addresses(make_site):
    """C269: its own address in the domain names it, or else the first of the alternates; one copy, one List-Id."""
    out = directory.top() + directory.person("ann")
    out += directory.group("x", [directory.person_dn("ann")], mail="x@example.com",
                           mailAlternateAddress=["a2@lists.example.com", "A1@lists.example.com", "a0@example.com"])
    out += directory.group("y", [directory.person_dn("ann")], mail=["y2@lists.example.com", "y1@lists.example.com"],
                           mailAlternateAddress="y0@lists.example.com")
    site = make_site(out)
    for asked, name in (("a1", "a1"), ("a2", "a1"), ("y0", "y1"), ("y1", "y1"), ("y2", "y1")):
        got = site.rollcall.ctl_json("lookup", f"{asked}@lists.example.com")
        assert got["list"] == f"{name}@lists.example.com"
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("a1@lists.example.com").code == c.rcpt("a2@lists.example.com").code == 250
        assert c.data(client.message()).code == 250
    site.wait_for(1)
    site.rollcall.wait_idle()
    (got,) = site.sink.transactions
    assert got.recipients == ["ann@example.com"] and got.fields("List-Id") == ["<a1.lists.example.com>"]


def test_an_address_of_two_lists_among_members_is_unsure(make_site):
    out = list_addresses() + directory.group("e", [directory.person_dn("ann")], mail="d@lists.example.com")
    site = make_site(out, mta="sink")
    got = site.rollcall.ctl("members", "a@lists.example.com")
    assert got.returncode == 75 and "several lists have the address D@lists.example.com" in got.stderr


# ---- what the bind identity may not read ----

def acl_site(make_site, technique, *access):
    """A list with two people, two groups, and people in those."""
    p, g = directory.person_dn, directory.group_dn
    out = directory.top() + "".join(directory.person(u) for u in ("ann", "bob", "carl", "dora", "emil"))
    out += directory.group("staff", [p("ann"), p("bob"), g("dev"), p("carl"), g("ops")])
    out += directory.group("dev", [p("dora")]) + directory.group("ops", [p("emil")])
    return make_site(out, mta="sink", slapd=dict(access=access), source_more=f"technique: {technique}")


EVERYBODY = [f"{u}@example.com" for u in ("ann", "bob", "carl", "dora", "emil")]


def members(site):
    got = site.rollcall.ctl_json("members", "staff@lists.example.com")
    return sorted(m["address"] for m in got["members"]), got


@TECHNIQUES
@pytest.mark.parametrize("who", ["ann", "bob"])
def test_the_control_may_stop_in_the_middle(make_site, technique, who):
    """OpenLDAP's overlay ends its answer at an entry that has an attribute which it must not show."""
    site = acl_site(make_site, technique,
                    f'access to dn.exact="{directory.person_dn(who)}" attrs=member by * none')
    assert members(site)[0] == EVERYBODY


@TECHNIQUES
@pytest.mark.parametrize("what, words", [
    ("{dev} attrs=member by * none", "member of {dev} cannot be read"),
    ("{staff} attrs=member by * none", "member of {staff} cannot be read"),
    ("{dev} by * disclose", "{dev} cannot be read"),
    ("{bob} by * disclose", "{bob} cannot be read"),
    ("{bob} attrs=objectClass by * none", "{bob} cannot be read"),
])
def test_what_is_seen_to_be_hidden_is_unsure(make_site, technique, what, words):
    dn = dict(dev=directory.group_dn("dev"), staff=directory.group_dn("staff"), bob=directory.person_dn("bob"))
    site = acl_site(make_site, technique, "access to dn.exact=" + what.format(**{k: f'"{v}"' for k, v in dn.items()}))
    got = site.rollcall.ctl("members", "staff@lists.example.com")
    assert got.returncode == 75 and words.format(**dn) in got.stderr
    site.submit()
    wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), what="a post that waits")
    assert site.sink.recipients() == []


@TECHNIQUES
@pytest.mark.parametrize("what, missing, counted", [
    ("{dev} by * none", "dora", "dangling"),
    ("{bob} by * none", "bob", "dangling"),
    ("{bob} attrs=mail by * none", "bob", "without_address"),
    ("{dev} attrs=mail by * none", None, None),
])
def test_what_looks_like_nothing_is_counted(make_site, technique, what, missing, counted):
    """An entry that slapd does not even disclose is not there; an attribute may be none."""
    dn = dict(dev=f'"{directory.group_dn("dev")}"', bob=f'"{directory.person_dn("bob")}"')
    site = acl_site(make_site, technique, "access to dn.exact=" + what.format(**dn))
    addresses, got = members(site)
    assert addresses == [a for a in EVERYBODY if a != f"{missing}@example.com"]
    assert (got["dangling"], got["without_address"]) == (counted == "dangling", counted == "without_address")


@TECHNIQUES
def test_the_documented_rights_are_enough(make_site, technique):
    rule = re.search(r"^    access to (.*?)\n *by dn.exact=.* read\n", (ROOT / "docs/sources.md").read_text(), re.M)
    site = acl_site(make_site, technique, f"access to {rule[1]} by anonymous read", "access to * by * none")
    assert members(site)[0] == EVERYBODY


@TECHNIQUES
def test_groups_that_may_be_empty(make_site, technique):
    """They are groups by their class: mail never goes to their own address."""
    p, g = directory.person_dn, directory.group_dn
    out = directory.top() + "".join(directory.person(u) for u in ("ann", "bob", "carl"))
    out += directory.group("staff", [p("ann"), p("bob"), p("carl"), g("empty"), g("full")])
    out += directory.entry(g("empty"), objectClass=["groupOfMembers", "mailGroup"], cn="empty", mail="e@example.com")
    out += directory.entry(g("full"), objectClass=["groupOfMembers"], cn="full", member=p("ann"))
    site = make_site(out, mta="sink", source_more=f"technique: {technique}")
    addresses, got = members(site)
    assert sorted(set(addresses)) == EVERYBODY[:3] and got["groups"] == 3


def test_members_that_are_gone_are_named_in_the_log(make_site):
    """A few of them; a group may have been many people, and its place says that it was one."""
    p, g = directory.person_dn, directory.group_dn
    out = directory.top() + "".join(directory.person(f"u{n}") for n in range(12))
    out += directory.group("staff", [p(f"u{n}") for n in range(12)] + [p(f"gone{n}") for n in range(5)] + [g("old")])
    site = make_site(out, mta="sink")
    site.submit()
    assert len(site.wait_for(12)) == 12
    log = [line for line in site.rollcall.log.splitlines() if ": dangling: staff@" in line]
    assert len([line for line in log if ": info: " in line and "uid=gone" in line]) == 3
    (line,) = [line for line in log if ": warn" in line]
    assert "cn=old,ou=groups,dc=example,dc=com, perhaps a group by its place, is not there" in line


def test_a_schema_where_groups_may_be_empty(make_site):
    site = acl_site(make_site, "auto\n              attributes: { never-empty: [ none ], "
                    "group-classes: [ groupOfNames ] }",
                    f'access to dn.exact="{directory.group_dn("dev")}" attrs=member by * none')
    assert members(site)[0] == [a for a in EVERYBODY if not a.startswith("dora")]


def test_classes_by_another_attribute(make_site):
    site = acl_site(make_site, "deref\n              attributes: { classes: structuralObjectClass }")
    assert members(site)[0] == EVERYBODY


def test_addresses_from_the_directory_are_parsed(make_site):
    """Programs, files and other values that are no mailbox are refused, not sent to."""
    out = directory.top() + directory.person("ann") + directory.person("evil", "|/bin/sh -c x")
    out += directory.group("staff", [directory.person_dn("ann"), directory.person_dn("evil")],
                           mgrpRFC822MailMember=["/var/mail/x", ":include:/etc/passwd", "guest@example.net"])
    site = make_site(out, mta="sink")
    site.submit()
    assert site.wait_for(2) == ["ann@example.com", "guest@example.net"]
    (line,) = site.rollcall.log_lines("expand", list="staff@lists.example.com")
    assert line["refused"] == "3"
