"""Directories that other products have made: the contract on each preset, and what is odd about each."""
import contextlib
import subprocess
import types

import pytest

from conftest import short_directory
from testbed import client, directory, rollcall, slapd
from testbed.base import wait_until
from testbed.directory import group_dn, person_dn
from testbed.flavours import ACTIVE, FLAVOURS, TECHNIQUES
from testbed.rollcall import run_contract


@pytest.fixture(scope="module", params=FLAVOURS)
def flavour(request, module_place):
    f = FLAVOURS[request.param]()
    server = slapd.Slapd(module_place / request.param, **f.slapd)
    server.load(f.make())
    server.start()
    yield server, f.settings
    server.stop()


@pytest.mark.parametrize("how", TECHNIQUES, ids=str)
def test_every_preset_keeps_the_contract(flavour, how):
    server, settings = flavour
    run_contract(server, **settings, **how)


# ---- helpers ----

PLACE = "\n              "


def more(*lines):
    return PLACE.join(lines)


def preset(name, *lines):
    """What stands in a source; and what its slapd knows."""
    return dict(mta="sink", source_more=more(f"preset: {name}", *lines), slapd=FLAVOURS_OF[name]().slapd)


FLAVOURS_OF = {**FLAVOURS, "groupOfURLs": FLAVOURS["urls"]}


def members(site, name="staff", *words):
    got = site.rollcall.ctl_json("members", *words, f"{name}@lists.example.com")
    return sorted(m["address"] for m in got["members"]), got


def unsure(site, words, name="staff"):
    got = site.rollcall.ctl("members", f"{name}@lists.example.com")
    assert got.returncode == 75 and words in got.stderr, got.stderr


def everybody(*uids):
    return [f"{u}@example.com" for u in uids]


def rcpt(site, name="staff", parameters=""):
    with site.lmtp() as c:
        assert c.mail("ann@example.com", parameters).code == 250
        return c.rcpt(f"{name}@lists.example.com")


# ---- URLs ----

def url_group(*urls, name="staff", **attributes):
    return directory.entry(group_dn(name), objectClass=["groupOfURLs", "mailGroup"], cn=name, memberURL=list(urls),
                           mail=f"{name}@lists.example.com", **attributes)


def crowd(*uids):
    return directory.top() + "".join(directory.person(u) for u in uids)


IN_PEOPLE = "ldap:///ou=people,dc=example,dc=com??sub?"


@pytest.mark.parametrize("url, who", [
    (IN_PEOPLE + "(uid=ann)", ["ann"]),
    (IN_PEOPLE + "uid=ann", ["ann"]),
    (IN_PEOPLE + "(uid=a*)", ["ann", "a*"]),
    (IN_PEOPLE + "(uid=a%5c2a)", ["a*"]),
    (IN_PEOPLE + r"(uid=a\2a)", ["a*"]),
    (IN_PEOPLE + "(%7c(uid=bob)(uid=%61nn))", ["ann", "bob"]),
    ("ldap:///??sub?", ["ann", "a*", "bob"]),                  # no filter
    ("ldap:///??sub?(uid=bob)", ["bob"]),                     # no base: that of the source
    ("LDAP:///OU=People,%20DC=Example,DC=com??one?(uid=bob)", ["bob"]),
    ("ldap:///uid=bob,ou=people,dc=example,dc=com", ["bob"]),  # no scope: the entry itself
    ("ldap:///ou=people,dc=example,dc=com", None),            # which has no address, and is one person
    ("ldap:///ou=people,dc=example,dc=com?cn,sn?sub?(uid=bob)", ["bob"]),
    (IN_PEOPLE + "(uid=nobody)", []),
    ("ldap:///ou=people,dc=example,dc=com??sub?(objectClass=inetOrgPerson)?bindname=x", ["ann", "a*", "bob"]),
    ("mailto:guest@example.com", ["guest"]),
])
def test_what_a_url_finds(url_site, url, who):
    url_site.slapd.modify(f"dn: {group_dn('staff')}\nchangetype: modify\nreplace: memberURL\n"
                          + directory.attribute("memberURL", url) + "\n")
    addresses, got = members(url_site)
    assert addresses == sorted(everybody(*who or []))
    assert who is not None or got["without_address"] == 1


@pytest.mark.parametrize("url, words", [
    ("ldap://ldap.example.com/dc=example,dc=com??sub?(uid=ann)", "it names the server ldap.example.com"),
    ("ldap://127.0.0.1:389/dc=example,dc=com??sub?(uid=ann)", "it names the server 127.0.0.1:389"),
    ("ldap://,%zz/dc=example,dc=com??sub?(uid=ann)", "it names the server ,%zz"),
    ("ldaps:///dc=example,dc=com??sub?(uid=ann)", "it is of ldaps, not ldap"),
    ("ldapi://%2ftmp%2fx/dc=example,dc=com??sub?(uid=ann)", "it is of ldapi, not ldap"),
    ("http://www.example.com/", "it is no LDAP URL"),
    ("|/bin/sh", "it is no LDAP URL"),
    ("uid=ann", "it is no LDAP URL"),
    ("ldap:///dc=example,dc=com??everywhere?(uid=ann)", "it is no LDAP URL"),
    ("ldap:///dc=com??sub?(uid=ann)", "dc=com lies below neither base nor url-bases"),
    ("ldap:///dc=example,dc=org??sub?(uid=ann)", "lies below neither base"),
    ("ldap:///dc=badexample,dc=com??sub?(uid=ann)", "lies below neither base"),
    ("ldap:///dc=example%5c%2cdc=com??sub?(uid=ann)", "lies below neither base"),
    ("ldap:///no dn??sub?(uid=ann)", "lies below neither base"),
    ("ldap:///dc=example,dc=com??sub?(uid=ann)?!x=y", "it asks for an extension"),
    (IN_PEOPLE + "(uid=ann", "a parenthesis is open"),
    (IN_PEOPLE + "(uid=ann))(uid=*", "is more than one filter"),
    (IN_PEOPLE + "((uid=ann))", "( is followed by"),
    (IN_PEOPLE + "(uid)", "Bad search filter"),
    (IN_PEOPLE + "(uid=\\zz)", "two hex digits"),
    ("ldap:///ou=gone,dc=example,dc=com??sub?(uid=ann)", "searching for members of staff@lists.example.com: No such"),
])
def test_what_no_url_may_say(url_site, url, words):
    url_site.slapd.modify(f"dn: {group_dn('staff')}\nchangetype: modify\nreplace: memberURL\nmemberURL: "
                          f"{IN_PEOPLE}(uid=bob)\n" + directory.attribute("memberURL", url) + "\n")
    unsure(url_site, words)


@pytest.fixture(scope="module")
def url_site():
    with only_a_source(crowd("ann", "bob", "a*") + url_group(IN_PEOPLE), "groupOfURLs") as site:
        yield site


@contextlib.contextmanager
def only_a_source(ldif, name, *lines, **options):
    """A directory, and a configuration for rollcallctl."""
    with short_directory() as place:
        server = slapd.Slapd(place / "ldap", **{**FLAVOURS_OF[name]().slapd, **options})
        site = types.SimpleNamespace(slapd=server)
        site.rollcall = rollcall.Rollcall(place / "rc", more(
            "corp:", "kind: ldap", f'uri: [ "{server.uri}" ]', "base: dc=example,dc=com", f"preset: {name}", *lines))
        site.rollcall.sources = site.rollcall.sources.replace(PLACE, "\n  ")
        server.load(ldif)
        server.start()
        site.rollcall.configure()
        yield site
        server.stop()


def test_further_bases(make_site):
    out = crowd("ann", "bob") + directory.group("dev", [person_dn("bob")])
    out += url_group("ldap:///ou=people,dc=example,dc=com??sub?(uid=ann)",
                     "ldap:///ou=groups,dc=example,dc=com??sub?(cn=dev)")
    site = make_site(out, **preset("groupOfURLs", "url-bases: [ 'OU=People, DC=example,DC=com' ]"))
    site.rollcall.sources = site.rollcall.sources.replace("base: dc=example", "base: ou=groups,dc=example")
    site.rollcall.configure()
    assert members(site)[0] == everybody("ann", "bob")
    site.rollcall.sources = site.rollcall.sources.replace("url-bases: [ 'OU=People,", "url-bases: [ 'OU=services,")
    site.rollcall.configure()
    unsure(site, "lies below neither base nor url-bases")


def test_the_server_finds_them_as_well(make_site):
    """With slapd's dynlist the group shows members, too; each is one."""
    for technique in ("deref", "or", "base"):
        options = preset("groupOfURLs", f"technique: {technique}", "or-terms: 1")
        options["slapd"] = FLAVOURS["dynlist"]().slapd
        site = make_site(crowd("ann", "bob") + url_group(IN_PEOPLE + "(uid=*)"), **options)
        shown = subprocess.run(["ldapsearch", "-x", "-LLL", "-H", site.slapd.uri, "-b", group_dn("staff"), "member"],
                               stdout=subprocess.PIPE, text=True, check=True).stdout
        assert shown.count("\nmember: ") == 2
        addresses, got = members(site)
        assert (addresses, got["groups"], got["dangling"]) == (everybody("ann", "bob"), 1, 0)
        site.stop()


def numbered(count):
    return crowd(*(f"u{i}" for i in range(count))) + url_group(IN_PEOPLE + "(objectClass=inetOrgPerson)")


def test_all_pages_are_read(make_site):
    site = make_site(numbered(50), **preset("groupOfURLs", "page: 7"))
    assert len(members(site)[0]) == 50


@pytest.mark.parametrize("limit", ["sizelimit 20", "limits * size.pr=5 size.prtotal=20",
                                   "limits * size.prtotal=disabled"])
def test_a_search_that_is_cut_short_is_unsure(make_site, limit):
    options = preset("groupOfURLs", "page: 5")
    options["slapd"]["extra"] = limit
    site = make_site(numbered(50), **options)
    unsure(site, "searching for members of staff@lists.example.com: ")


def test_a_referral_is_unsure(make_site):
    out = crowd("ann") + url_group(IN_PEOPLE + "(objectClass=inetOrgPerson)")
    out += directory.entry("ou=away,ou=people,dc=example,dc=com", objectClass=["referral", "extensibleObject"],
                           ou="away", ref="ldap://127.0.0.1:1/ou=away,dc=example,dc=com")
    unsure(make_site(out, **preset("groupOfURLs")), "the server refers to another")


def test_a_search_that_breaks_off_sends_nothing(make_site):
    site = make_site(numbered(200), through_proxy=True, **preset("groupOfURLs", "page: 20", "cache: { yes: 1h }"))
    members(site)
    whole = site.proxy.passed
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        site.proxy.drop_all()
        site.proxy.cut_after = whole // 2
        assert c.data(client.message())[0].code == 250
    wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), what="a failure")
    assert site.sink.recipients() == []
    site.proxy.cut_after = None
    assert len(site.wait_for(200)) == 200


def test_dynamic_groups_within_each_other(make_site):
    """C030: searches that find groups, which search; and the same search in two of them is one."""
    in_groups = "ldap:///ou=groups,dc=example,dc=com??sub?"
    out = crowd("ann", "bob", "carl") + directory.group("plain", [person_dn("carl"), group_dn("staff")])
    out += url_group(in_groups + "(|(cn=dev)(cn=plain))") + url_group(
        IN_PEOPLE + "(uid=ann)", in_groups + "(cn=*)", name="dev")
    out += url_group(IN_PEOPLE + "(uid=ann)", IN_PEOPLE + "(uid=bob)", name="ops")
    for technique in ("deref", "or", "base"):
        site = make_site(out, **preset("groupOfURLs", f"technique: {technique}"))
        for name in ("staff", "dev"):
            addresses, got = members(site, name)
            assert (addresses, got["groups"]) == (everybody("ann", "bob", "carl"), 4)
        site.stop()


# ---- Netscape's and Sun's ----

def mail_group(name="staff", classes=("emptyGroup", "mailGroup"), **attributes):
    return directory.entry(group_dn(name), objectClass=list(classes), cn=name, mail=f"{name}@lists.example.com",
                           **attributes)


def test_exceptions_are_from_what_searches_find(make_site):
    """By DN, however that is written; and of one group alone."""
    out = crowd("ann", "bob", "carl", "dora", "emil")
    out += mail_group(uniqueMember=[group_dn("dev"), person_dn("dora")],
                      mgrpDeliverTo=["ldap:///ou=people,dc=example,dc=com??sub?(uid=*)", "mailto:guest@example.com"],
                      mgrpDeliverException=["UID=Ann, OU=people,dc=example,dc=com", f"dn={person_dn('bob')}",
                                            person_dn("dora"), "no dn"])
    out += mail_group("dev", mgrpDeliverTo="ldap:///ou=people,dc=example,dc=com??sub?(|(uid=ann)(uid=emil))")
    site = make_site(out, **preset("mailGroup"))
    assert members(site)[0] == everybody("ann", "carl", "dora", "emil", "guest")


@pytest.mark.parametrize("technique", ["deref", "or", "base"])
def test_groups_of_several_kinds(make_site, technique):
    """In one source; within each other, and in one entry."""
    out = directory.top() + "".join(directory.person(u) for u in ("ann", "bob", "carl", "dora"))
    out += directory.group("staff", [person_dn("ann"), group_dn("dev")])
    out += directory.entry(group_dn("dev"), objectClass=["groupOfUniqueNames", "mailGroup"], cn="dev",
                           mail="dev@lists.example.com",
                           uniqueMember=[f"{person_dn('bob')}#'01'B", group_dn("ops"), group_dn("staff")])
    out += directory.entry(group_dn("ops"), objectClass=["groupOfNames", "mailGroup", "extensibleObject"], cn="ops",
                           mail="ops@lists.example.com", member=person_dn("carl"), uniqueMember=person_dn("dora"))
    groups = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))"
    site = make_site(out, mta="sink", source_more=more(
        f"technique: {technique}", f"attributes: {{ groups: '{groups}', member-also: uniqueMember }}"))
    for name in ("staff", "dev"):
        addresses, got = members(site, name)
        assert (addresses, got["groups"], got["dangling"]) == (everybody("ann", "bob", "carl", "dora"), 3, 0)


def test_dns_beside_logins(make_site):
    """In a preset whose own members are no DNs."""
    out = directory.top() + "".join(directory.account(u) for u in ("ann", "bob")) + directory.entry(
        group_dn("staff"), objectClass=["posixGroup", "mailGroup", "extensibleObject"], cn="staff", gidNumber="1",
        mail="staff@lists.example.com", memberUid="ann", uniqueMember=f"{person_dn('bob')}#'01'B")
    site = make_site(out, mta="sink", source_more=more("preset: posixGroup", "attributes: { member-also: uniqueMember }"))
    assert members(site)[0] == everybody("ann", "bob")


def test_netscapes_other_groups(make_site):
    out = crowd("ann", "bob") + directory.entry(
        group_dn("staff"), objectClass=["emptyGroup", "mailGroup", "groupOfMailEnhancedUniqueNames"], cn="staff",
        mail="staff@lists.example.com", uniqueMember=person_dn("ann"), mailEnhancedUniqueMember=person_dn("bob"))
    assert members(make_site(out, **preset("mailGroup")))[0] == everybody("ann", "bob")


def sun_group(name="staff", **attributes):
    return mail_group(name, ("emptyGroup", "inetMailGroup"), **attributes)


def test_what_the_status_of_a_list_means(make_site):
    """None is active; a word that is none of Sun's is inactive."""
    want = {"": 250, "active": 250, "ACTIVE": 250, "inactive": 450, "enabled": 450, "activ": 450, "Disabled": 550,
            "deleted": 550}
    out = crowd("ann")
    for i, word in enumerate(want):
        out += sun_group(f"l{i}", uniqueMember=person_dn("ann"), inetMailGroupStatus=[word] if word else [],
                         owner=person_dn("ann"))
    site = make_site(out, **preset("inetMailGroup"))
    for i, (word, code) in enumerate(want.items()):
        assert rcpt(site, f"l{i}").code == code, word
        assert rcpt(site, f"l{i}-owner").code == 250
    assert rcpt(site, "l3") == "450 4.2.1" and rcpt(site, "l6") == "550 5.2.1"
    assert 'reason="inetMailGroupStatus is Disabled"' in site.rollcall.log


@pytest.mark.parametrize("technique", ["deref", "base"])
def test_what_the_status_of_a_list_within_another_means(make_site, technique):
    out = crowd("ann", "bob", "carl") + sun_group(uniqueMember=[person_dn("ann"), group_dn("dev"), group_dn("ops")])
    out += sun_group("dev", uniqueMember=person_dn("bob"), inetMailGroupStatus="disabled")
    out += sun_group("ops", uniqueMember=person_dn("carl"), inetMailGroupStatus="active")
    site = make_site(out, **preset("inetMailGroup", f"technique: {technique}"))
    assert members(site)[0] == everybody("ann", "carl")
    assert rcpt(site, "dev").code == 550
    site.submit()
    assert site.wait_for(2) == everybody("ann", "carl")
    assert "dev@lists.example.com within staff@lists.example.com is left out: inetMailGroupStatus is disabled" in (
        site.rollcall.log)
    site.slapd.modify(f"dn: {group_dn('ops')}\nchangetype: modify\nreplace: inetMailGroupStatus\n"
                      "inetMailGroupStatus: inactive\n")
    unsure(site, "ops@lists.example.com within staff@lists.example.com takes no mail now")


@pytest.mark.parametrize("technique", ["deref", "or", "base"])
def test_people_who_get_no_mail(make_site, technique):
    out = directory.top()
    words = ["active", "inactive", "Disabled", "deleted", "removed", "hold", "anything"]
    for i, word in enumerate(words):
        out += directory.entry(person_dn(f"u{i}"), objectClass=["inetOrgPerson", "inetMailUser"], uid=f"u{i}", cn="U",
                               sn="U", mail=f"u{i}@example.com", mailUserStatus=word, inetUserStatus="active")
    out += sun_group(uniqueMember=[person_dn(f"u{i}") for i in range(len(words))])
    site = make_site(out, **preset("inetMailGroup", f"technique: {technique}"))
    addresses, got = members(site)
    assert addresses == everybody("u0", "u1", "u5", "u6") and got["closed"] == 3
    omitted = site.rollcall.ctl_json("members", "--why", "staff@lists.example.com")["omitted"]
    assert sorted((o["what"], o["why"]) for o in omitted) == [
        (person_dn(u), "gets no mail (disabled)") for u in ("u2", "u3", "u4")]
    site.submit()
    site.wait_for(4)
    site.rollcall.wait_idle()
    assert site.rollcall.log_lines("expand", closed=3)


def test_the_size_that_a_list_takes(make_site):
    out = crowd("ann") + sun_group(uniqueMember=person_dn("ann"), mgrpMsgMaxSize="2000")
    out += sun_group("any", uniqueMember=person_dn("ann"), mgrpMsgMaxSize="0")
    for name, size in (("odd", "10M"), ("minus", "-1")):
        out += sun_group(name, uniqueMember=person_dn("ann"), mgrpMsgMaxSize=size)
    site = make_site(out, **preset("inetMailGroup"))
    assert rcpt(site, "odd").code == rcpt(site, "minus").code == 450
    assert "mgrpMsgMaxSize is 10M, which is no size" in site.rollcall.log
    assert site.submit(message=client.message(body="x" * 70 + "\r\n" + "y\r\n" * 900)).code == 552
    assert site.submit(to="any@lists.example.com", message=client.message(body="y\r\n" * 900)).code == 250
    assert site.submit().code == 250


def test_the_tag_of_a_list(make_site):
    out = crowd("ann") + sun_group(uniqueMember=person_dn("ann"), mgrpListTag="Staff: ")
    out += sun_group("odd", uniqueMember=person_dn("ann"), mgrpListTag="a\nb: c")
    site = make_site(out, **preset("inetMailGroup"))
    site.submit()
    site.wait_for(1)
    assert site.sink.transactions[0].fields("Subject")[0].startswith("Staff: ")
    assert rcpt(site, "odd").code == 451


def test_what_a_list_says_to_those_it_refuses(make_site, mta):
    """At RCPT, behind the reply; its first line, without what no reply may have. Nothing to others, and of no list."""
    out = crowd("ann", "bob") + sun_group(uniqueMember=person_dn("ann"), mgrpMsgRejectText="Ask 100% of Zoë\nfor more",
                                          mgrpAllowedBroadcaster=person_dn("ann"))
    out += sun_group("quiet", uniqueMember=person_dn("ann"), mgrpAllowedBroadcaster=person_dn("ann"))
    site = make_site(out, **{**preset("inetMailGroup"), "mta": mta}, destinations="lists.example.com: "
                     "{ sources: [ corp ], check: [ posters: { allow: members } ] }")
    with site.smtp() as c:
        assert c.mail("bob@example.com").code == 250
        quiet, told = (c.rcpt(f"{name}@lists.example.com") for name in ("quiet", "staff"))
        assert (quiet.code, told.code) == (550, 550)
        assert "Ask 100? of Zo??" in str(told) and "more" not in str(told) and "Ask" not in str(quiet)
        assert "Ask" not in str(c.rcpt("stuff@lists.example.com"))
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250 and c.rcpt("staff@lists.example.com").code == 250


def test_two_sources_of_a_list(make_site):
    """The stricter of what they say of it counts."""
    own = "cn=staff,ou=services,dc=example,dc=com"
    out = crowd("ann", "bob") + sun_group(uniqueMember=person_dn("ann"), mgrpMsgMaxSize="5000")
    out += sun_group(uniqueMember=person_dn("bob"), mgrpMsgMaxSize="1000").replace(group_dn("staff"), own)
    options = preset("inetMailGroup")
    site = make_site(out, destinations="lists.example.com: { sources: [ corp, hr ] }", **options, start=False)
    corp = site.rollcall.sources
    site.rollcall.sources = (corp.replace("base: dc", "base: ou=groups,dc")
                             + corp.replace("corp:", "hr:").replace("base: dc", "base: ou=services,dc"))
    site.start()
    assert site.submit(message=client.message(body="y\r\n" * 400)).code == 552
    assert site.submit().code == 250
    assert site.wait_for(2) == everybody("ann", "bob")
    site.slapd.modify(f"dn: {own}\nchangetype: modify\nreplace: inetMailGroupStatus\ninetMailGroupStatus: disabled\n")
    got = site.rollcall.ctl("explain", "ann@example.com", "staff@lists.example.com")
    assert "the list is closed" in got.stdout and "inetMailGroupStatus is disabled" in got.stdout


# ---- qmail-ldap ----

def qmail_group(name="staff", **attributes):
    return directory.entry(group_dn(name), objectClass=["applicationProcess", "qmailGroup"], cn=name,
                           mail=f"{name}@lists.example.com", mailMessageStore="/x",
                           mailAlternateAddress=f"{name}-catchall@example.org", **attributes)


def qmail_people(*uids, **attributes):
    return "".join(directory.entry(person_dn(u), objectClass=["inetOrgPerson", "qmailUser"], uid=u, cn=u, sn=u,
                                   mail=f"{u}@example.com", **attributes) for u in uids)


@pytest.mark.parametrize("text, who", [
    ("(uid=ann)", ["ann"]),
    ("uid=ann", ["ann"]),
    ("(&(objectClass=qmailUser)(!(uid=ann)))", ["bob", "a*", "staff"]),
    (r"(uid=a\2a)", ["a*"]),
    ("(uid=ann)(uid=bob)", "is more than one filter"),
    ("((objectclass=qmailUser)(uid=ann))", "( is followed by"),
    ("(uid=ann", "a parenthesis is open"),
    ("(uid=ann))", "is more than one filter"),
    ("(&(uid=ann)(|))", []),               # nobody matches an empty OR (RFC 4526)
    ("()", "( is followed by"),
    ("(:=x)", "Bad search filter"),
    ("mailto:x@example.com", "Bad search filter"),
])
def test_filters_of_a_group(filter_site, text, who):
    """One that is none is unsure: nobody knows whom it means. (The manual of qmail-ldap has one of these.)"""
    filter_site.slapd.modify(f"dn: {group_dn('staff')}\nchangetype: modify\nreplace: filtermember\n"
                             + directory.attribute("filtermember", text) + "\n")
    if isinstance(who, str):
        unsure(filter_site, who)
    else:
        assert members(filter_site)[0] == sorted(everybody(*(u for u in who if u != "staff")))


@pytest.fixture(scope="module")
def filter_site():
    with only_a_source(directory.top() + qmail_people("ann", "bob", "a*") + qmail_group(), "qmailGroup") as site:
        yield site


def test_qmail_accounts(make_site):
    out = directory.top() + qmail_people("ann", accountStatus="nopop") + qmail_people("bob", accountStatus="disabled")
    out += qmail_people("carl", accountStatus="deleted") + qmail_people("dora")
    out += qmail_group(filtermember="(objectClass=inetOrgPerson)", mailSizeMax="1000")
    out += qmail_group("dev", accountStatus="disabled", rfc822member="x@example.com")
    site = make_site(out, **preset("qmailGroup"))
    addresses, got = members(site)
    assert addresses == everybody("ann", "dora") and got["closed"] == 2
    assert rcpt(site, "dev").code == 550
    assert site.submit(message=client.message(body="y\r\n" * 400)).code == 552


# ---- iRedMail ----

def ired(dn, *classes, **attributes):
    return directory.entry(dn, objectClass=list(classes), **{**ACTIVE, **attributes})


def ired_list(name="staff", address=None, **attributes):
    return ired(group_dn(name), "mailList", "extensibleObject", mail=address or f"{name}@lists.example.com",
                **attributes)


def ired_user(uid, **attributes):
    return ired(person_dn(uid), "inetOrgPerson", "mailUser", uid=uid, cn=uid, sn=uid, mail=f"{uid}@example.com",
                memberOfGroup="staff@lists.example.com", **attributes)


def test_members_say_that_they_are(make_site):
    """Who is disabled is not; an entry of people elsewhere is as many as it has addresses; aliases are walked."""
    of_staff = dict(memberOfGroup="Staff@Lists.example.com")
    out = directory.top() + ired_list() + ired_user("ann") + ired_user("bob", accountStatus="disabled")
    out += ired_user("carl", enabledService="mail") + ired_user("dora", domainStatus="disabled")
    out += ired("cn=x,ou=people,dc=example,dc=com", "mailExternalUser", "extensibleObject", cn="x",
                mail=["x1@example.org", "x2@example.org", "none"], **of_staff)
    out += ired("cn=alias,ou=groups,dc=example,dc=com", "mailAlias", cn="alias", mail="alias@example.com",
                mailForwardingAddress=["y@example.org", "ann@example.com"], **of_staff)
    out += ired_list("dev", **of_staff) + ired_list("off", **{**of_staff, "accountStatus": "disabled"})
    out += "".join(ired_user(u).replace("staff@", f"{name}@") for u, name in (("emil", "dev"), ("off", "off")))
    site = make_site(out, **preset("iRedMail"))
    addresses, got = members(site)
    assert addresses == sorted([*everybody("ann", "emil"), "x1@example.org", "x2@example.org", "y@example.org"])
    assert (got["groups"], got["refused"]) == (3, 1)


def test_iredmail_lists(make_site):
    flag = dict(enabledService=["mail", "deliver", "ShadowAddress"])
    out = directory.top() + ired_list(shadowAddress="other@lists.example.com", listOwner=["bob@example.com", "none"],
                                      maxMessageSize="1000")
    out += ired_list("flagged", shadowAddress="shadow@lists.example.com", **flag)
    out += ired_list("off", accountStatus="disabled") + ired_list("elsewhere", domainStatus="disabled")
    out += ired_list("mlmmj", enabledService=["mail", "deliver", "mlmmj"], memberOfGroup="flagged@lists.example.com")
    site = make_site(out, **preset("iRedMail"))
    for name, code in (("staff", 250), ("other", 550), ("shadow", 250), ("off", 550), ("elsewhere", 550),
                       ("mlmmj", 550)):
        assert rcpt(site, name).code == code, name
    assert site.submit(message=client.message(body="y\r\n" * 400)).code == 552
    addresses, got = members(site, "staff", "--owners")
    assert (addresses, got["refused"]) == (everybody("bob"), 1)
    assert site.rollcall.ctl("lists", check=0).stdout.count("@lists.example.com") >= 2
    # The members of a list that mlmmj serves are not in the directory.
    unsure(site, "mlmmj@lists.example.com within flagged@lists.example.com takes no mail now", "shadow")


def test_the_address_of_a_list_in_a_filter(make_site):
    """It is what it is: nobody else's list is meant."""
    odd = ['a*b', '"x)(mail=*"', '"back\\\\slash"']
    out = directory.top()
    for i, local in enumerate(odd):
        out += ired_list(f"l{i}", f"{local}@lists.example.com")
        out += ired_user(f"u{i}").replace("memberOfGroup: staff", f"memberOfGroup: {local}")
    out += ired_user("other").replace("memberOfGroup: staff", 'memberOfGroup: axb')
    site = make_site(out, **preset("iRedMail"))
    for i, local in enumerate(odd):
        assert members(site, local)[0] == everybody(f"u{i}")


# ---- Zimbra ----

def zimbra_account(uid, status="active", **attributes):
    return directory.entry(person_dn(uid), objectClass=["inetOrgPerson", "zimbraAccount"], uid=uid, cn=uid, sn=uid,
                           mail=f"{uid}@internal.example.com", zimbraMailDeliveryAddress=f"{uid}@example.com",
                           zimbraAccountStatus=status, zimbraMemberOf="id-staff", **attributes)


def test_zimbra_groups(make_site):
    """People by their ids, external ones in a unit of the group; who is closed is left out."""
    out = directory.top() + zimbra_account("ann") + zimbra_account("bob", "closed") + zimbra_account("carl", "locked")
    out += zimbra_account("dora", "maintenance") + zimbra_account("emil", zimbraMailStatus="disabled")
    out += directory.entry(group_dn("staff"), objectClass=["groupOfURLs", "zimbraGroup"], cn="staff",
                           mail="staff@lists.example.com", zimbraMailAlias="all@lists.example.com", zimbraId="id-staff",
                           zimbraMailStatus="enabled",
                           memberURL="ldap:///??sub?(|(zimbraMemberOf=id-staff)(zimbraId=unit))")
    out += directory.entry(f"cn=external,{group_dn('staff')}", objectClass="zimbraGroupStaticUnit", cn="external",
                           zimbraId="unit", zimbraMailForwardingAddress=["guest@example.org", "list@lists.example.com"])
    out += directory.entry(group_dn("list"), objectClass=["zimbraDistributionList"], uid="list", cn="list",
                           mail="list@lists.example.com", zimbraMailForwardingAddress=["z@example.org",
                                                                                       "staff@lists.example.com"])
    out += directory.entry(group_dn("off"), objectClass=["zimbraDistributionList"], cn="off", zimbraMailStatus="disabled",
                           mail="off@lists.example.com", zimbraMailForwardingAddress="z@example.org")
    site = make_site(out, **preset("zimbra"))
    for name in ("staff", "all", "list"):
        addresses, got = members(site, name)
        assert addresses == [*everybody("ann", "carl", "dora"), "guest@example.org", "z@example.org"], name
        assert (got["closed"], got["groups"]) == (2, 3)
    assert rcpt(site, "off").code == 550


# ---- sendmail ----

def test_values_of_sendmails_aliases(make_site):
    """Several in one value; quotes; what runs programs; a search and a URL; names with characters of filters."""
    def alias(name, **attributes):
        return directory.entry(f"sendmailMTAKey={directory.escape(name)},ou=groups,dc=example,dc=com",
                               objectClass="sendmailMTAAliasObject", sendmailMTAKey=name,
                               **{"sendmailMTAAliasGrouping": "aliases", **attributes})
    refused = ["|/bin/sh -c 'a, bob'", '"|exec /bin/sh a, bob"', ":include:/etc/x,bob", "/var/mail/x, bob"]
    out = directory.top() + "".join(directory.account(u) for u in ("ann", "bob", "carl", "dora", "x*"))
    out += alias("staff", sendmailMTAAliasValue=["ann , carl,,dev", '"q,x"@example.org', "x@example.org,|/bin/x",
                                                 *refused],
                 sendmailMTAAliasSearch="(|(sendmailMTAKey=s\\2a)(uid=dora))",
                 sendmailMTAAliasURL="ldap:///ou=groups,dc=example,dc=com??one?(sendmailMTAKey=ops)")
    out += alias("dev", sendmailMTAAliasValue="x*") + alias("s*", sendmailMTAAliasValue="s1@example.org")
    out += alias("ops", sendmailMTAAliasValue="ops@example.org") + alias("sx", sendmailMTAAliasValue="bob")
    out += alias("ann", sendmailMTAAliasValue="bob", sendmailMTAAliasGrouping="others")
    site = make_site(out, **preset("sendmail", "filter: (objectClass=sendmailMTAAliasObject)"))
    addresses, got = members(site)
    assert addresses == sorted([*everybody("ann", "carl", "dora", "x*"), '"q,x"@example.org', "x@example.org",
                                "s1@example.org", "ops@example.org"])
    assert (got["refused"], got["dangling"], got["groups"]) == (len(refused) + 1, 0, 4)


# ---- at the MTA ----

def test_what_a_list_says_of_itself_at_rcpt(make_site, mta):
    """The size that the client announces, of each list its own; and whether it takes posts."""
    out = crowd("ann", "bob") + sun_group(uniqueMember=person_dn("ann"), mgrpMsgMaxSize="20000")
    out += sun_group("large", uniqueMember=person_dn("bob")) + sun_group(
        "off", uniqueMember=person_dn("ann"), inetMailGroupStatus="disabled")
    out += sun_group("later", uniqueMember=person_dn("ann"), inetMailGroupStatus="inactive")
    site = make_site(out, **{**preset("inetMailGroup"), "mta": mta})
    with site.smtp() as c:
        assert c.mail("ann@example.com", "SIZE=20001").code == 250
        assert c.rcpt("staff@lists.example.com").code == 552
        assert c.rcpt("off@lists.example.com").code == 550
        assert c.rcpt("later@lists.example.com").code == 450
        assert c.rcpt("large@lists.example.com").code == 250
        assert c.data(client.message(body="y\r\n" * 9000)).code == 250
    assert site.wait_for(1) == everybody("bob")
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message(body="y\r\n" * 9000)).code == 552
    site.rollcall.wait_idle()
    assert site.sink.recipients() == everybody("bob")


# ---- a post to each ----

COPIES = ["Bob@example.com", "ann@example.com", "carl@example.com", "guest@partner.example.net"]


@pytest.mark.parametrize("name", ["urls", "sendmail", "inetMailGroup", "iRedMail", "zimbra"])
def test_a_post(make_site, mta, name):
    f = FLAVOURS[name]()
    site = make_site(f.make(), mta=mta, slapd=f.slapd,
                     source_more=more(*(f"{k}: {v}" for k, v in f.settings.items())))
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt("stuff@lists.example.com").code == 550
    site.post()
    assert site.wait_for(4) == COPIES
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == COPIES


# ---- mistakes ----

@pytest.mark.parametrize("settings, words", [
    ("preset: zimra", 'did you mean "zimbra"?'),
    ("preset: sendmail", 'filter: "(&(objectClass=sendmailMTAAliasObject)(sendmailMTAAliasGrouping=aliases))" for all'),
    ("url-bases: [ 'no dn' ]", 'url-bases: "no dn" is no DN'),
    ("attributes: { states: [ closed ] }", '"closed" is no meaning of a word: word=open'),
    ("attributes: { states: [ off=shut ] }", '"off=shut" is no meaning of a word'),
    ("attributes: { states: [ =open ] }", '"=open" is no meaning of a word'),
    ("attributes: { alternate-flag: l }", "alternate-flag: needs an alternate-word"),
    ("attributes: { member-of-filter: x }", 'member-of-filter: "x" is no filter'),
    ("attributes: { member-url: [ 'a b' ] }", '"a b" is no attribute'),
    ("filter: ((mail=*))", "( is followed by &, |, ! or an attribute"),
])
def test_mistakes(make_site, settings, words):
    site = make_site(mta="sink", start=False, source_more=settings)
    site.rollcall.configure()
    got = site.rollcall.ctl("config", "--check")
    assert got.returncode == 78 and words in got.stderr, got.stderr
    assert "rollcall.yaml:" in got.stderr
