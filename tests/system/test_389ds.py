"""389 Directory Server, and groups as FreeIPA has them in it: the contract, and what is peculiar to them."""

import pytest

from testbed import directory, ds389, rollcall
from testbed.base import ROOT
from testbed.directory import entry, person_dn
from testbed.rollcall import ldap_settings, run_contract

SUFFIX = "dc=example,dc=com"
MANY = 40
LIMITS = {"": {"nsslapd-sizelimit": "20"},
          "cn=config,cn=ldbm database,cn=plugins": {"nsslapd-lookthroughlimit": "30"}}
# 389's schema lets groups of these classes be empty.
EMPTY = "{ settings: businessCategory, never-empty: none, group-classes: [ groupOfNames, groupOfUniqueNames ] }"
EVERY_WAY = pytest.mark.parametrize("technique", ["auto", "or", "base", "memberof"])


def peculiar():
    people = [person_dn(f"u{i}") for i in range(MANY)]
    out = "".join(directory.person(f"u{i}") for i in range(MANY)) + directory.person("nomail", mail=False)
    out += directory.group("many", people)
    out += directory.group("edge", [people[0], person_dn("gone"), person_dn("nomail"), *people[1:5]])
    return out + entry(directory.group_dn("empty"), objectClass=["groupOfNames", "mailGroup"], cn="empty",
                       mail="empty@lists.example.com")


@pytest.fixture(scope="module", params=[True, False], ids=["deref", "no deref"])
def plain(request, module_place):
    """As it comes, but for limits that are lower. One of the two has no dereference control."""
    server = ds389.Ds389(module_place / f"plain-{request.param}", deref=request.param, settings=LIMITS)
    server.load((ROOT / "tests/fixtures/contract.ldif").read_text() + peculiar())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def plugged(module_place):
    """The MemberOf plugin is on."""
    server = ds389.Ds389(module_place / "plugged", memberof=True)
    server.load((ROOT / "tests/fixtures/contract.ldif").read_text() + peculiar())
    yield server
    server.stop()


@pytest.fixture
def make_ctl(place):
    """rollcallctl with a source of these settings."""
    def make(server, **settings):
        settings = {"uri": f'"{server.uri}"', **server.settings(), **settings}
        r = rollcall.Rollcall(place / "rc", f"corp:\n{ldap_settings(settings)}")
        r.configure()
        return r
    return make


def listed(r, name, *words):
    return r.members(f"{name}@lists.example.com", *words)


@EVERY_WAY
def test_the_contract(plain, technique):
    """Without the plugin memberOf finds nobody; all are found all the same. The limits leave no room for posters' groups."""
    run_contract(plain, technique=technique, attributes=EMPTY, lacks=["members"])


@pytest.mark.parametrize("more", [{}, {"page": 1}, {"or_terms": 1}], ids=str)
def test_the_contract_by_memberof(plugged, more):
    """It says of people in nested groups, too, that they are members: they come once, by the group they are in."""
    run_contract(plugged, technique="memberof", attributes=EMPTY, **more)


def test_memberof_is_used(plugged, make_ctl):
    """By far fewer searches than members; and what it says too much, being old, makes nobody a member."""
    plugged.modify("dn: cn=config\nchangetype: modify\nreplace: nsslapd-accesslog-logging-enabled\n"
                   "nsslapd-accesslog-logging-enabled: on\n-\nreplace: nsslapd-accesslog-logbuffering\n"
                   "nsslapd-accesslog-logbuffering: off\n")
    add = f"dn: {person_dn('dora')}\nchangetype: modify\nadd: memberOf\n"
    plugged.modify(add + f"memberOf: {directory.group_dn('many')}\n")
    addresses, _ = listed(make_ctl(plugged, technique="memberof"), "many")
    assert addresses == sorted(f"u{i}@example.com" for i in range(MANY))
    log = (plugged.dir / "log/access").read_text()
    mine = log[log.rindex(f'filter="(memberOf={directory.group_dn("many")})"'):]
    assert f"nentries={MANY + 1}" in mine and mine.count(" SRCH ") == 0


@EVERY_WAY
def test_limits_make_nobody_missing(plain, make_ctl, technique):
    """What a limit leaves out of a search is read by itself."""
    addresses, got = listed(make_ctl(plain, technique=technique), "many")
    assert addresses == sorted(f"u{i}@example.com" for i in range(MANY)) and got["dangling"] == 0


@EVERY_WAY
def test_members_that_are_gone_are_counted(plain, make_ctl, technique):
    """The control is silent about them."""
    addresses, got = listed(make_ctl(plain, technique=technique, dangling="50%"), "edge")
    assert len(addresses) == 5 and (got["dangling"], got["without_address"]) == (1, 1)


def test_empty_groups(plain, make_ctl):
    """Whether a group of these classes may be empty is the server's affair: the site says so."""
    got = make_ctl(plain).ctl("members", "empty@lists.example.com")
    assert got.returncode == 75 and "cannot be read" in got.stderr
    assert listed(make_ctl(plain, attributes=EMPTY), "empty")[0] == []


@EVERY_WAY
def test_members_that_are_hidden(plain, make_ctl, technique):
    """The control comes as for a group that has none."""
    change = (f"dn: {directory.group_dn('dev')}\nchangetype: modify\n{{}}: aci\naci: (targetattr = \"member\")"
              "(version 3.0; acl \"hidden\"; deny (all) userdn = \"ldap:///anyone\";)\n")
    plain.modify(change.format("add"))
    try:
        got = make_ctl(plain, technique=technique).ctl("members", "staff@lists.example.com")
        assert got.returncode == 75 and f"member of {directory.group_dn('dev')} cannot be read" in got.stderr
    finally:
        plain.modify(change.format("delete"))


def test_all_lists_or_none(plain, make_ctl):
    """There are limits for pages: of entries on one, and of those to look through for all."""
    low = {"cn=config,cn=ldbm database,cn=plugins": "nsslapd-pagedlookthroughlimit", "": "nsslapd-pagedsizelimit"}
    assert "many@lists.example.com" in make_ctl(plain, page=2).ctl("lists", check=0).stdout
    for name, attribute in low.items():
        dn = f"{name},cn=config" if name else "cn=config"
        change = f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {{}}\n"
        plain.modify(change.format(3))
        try:
            got = make_ctl(plain, page=5).ctl("lists")
            assert got.returncode == 75 and "limit exceeded" in got.stderr.lower(), got
        finally:
            plain.modify(change.format(0))


def test_a_post(make_site, plain, mta):
    site = make_site(mta=mta, server=plain)
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt("stuff@lists.example.com").code == 550
    site.post()
    people = ["Bob@example.com", "ann@example.com", "carl@example.com", "guest@partner.example.net"]
    assert site.wait_for(4) == people
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == people


# ---- FreeIPA ----

def user_dn(uid):
    return f"uid={uid},cn=users,cn=accounts,{SUFFIX}"


def ipa_dn(cn):
    return f"cn={cn},cn=groups,cn=accounts,{SUFFIX}"


def ipa_user(uid, mail=True, **more):
    if mail:
        more["mail"] = f"{uid}@example.com" if mail is True else mail
    return entry(user_dn(uid), objectClass=["inetOrgPerson", "posixAccount", "ipaObject"], uid=uid, cn=uid, sn=uid,
                 uidNumber="1000", gidNumber="1000", homeDirectory="/", **more)


def ipa_group(cn, members=(), domain="lists.example.com", mailed=True, **more):
    classes = ["groupOfNames", "nestedGroup", "ipaUserGroup", "ipaObject"]
    if mailed:
        classes.append("mailGroup")
        more["mail"] = f"{cn}@{domain}"
    return entry(ipa_dn(cn), objectClass=classes, cn=cn, member=list(members), **more)


def ipa():
    out = entry(SUFFIX, objectClass="domain", dc="example")
    for dn in ("cn=accounts", "cn=users,cn=accounts", "cn=groups,cn=accounts", "cn=compat", "cn=groups,cn=compat",
               "cn=users,cn=compat"):
        out += entry(f"{dn},{SUFFIX}", objectClass="nsContainer", cn=dn.split(",")[0][3:])
    u, g = user_dn, ipa_dn
    out += ipa_user("ann") + ipa_user("bob", "Bob@example.com") + ipa_user("carl") + ipa_user("dora")
    out += ipa_user("locked", nsAccountLock="TRUE") + ipa_user("open", nsAccountLock="FALSE")
    out += ipa_user("nomail", False)
    out += ipa_group("staff", [u("ann"), u("bob"), g("dev")], mailAlternateAddress="Everybody@lists.example.com",
                     description="All of us", businessCategory="reply-to: list", mgrpErrorsTo="Errors@Example.com",
                     mgrpRFC822MailMember="guest@partner.example.net", memberManager=u("ann"))
    out += ipa_group("dev", [u("carl"), u("ann"), g("staff")]) + ipa_group("dev-owner", [u("ann")])
    out += ipa_group("diamond", [g("left"), g("right")]) + ipa_group("left", [g("bottom")])
    out += ipa_group("right", [g("bottom"), u("ann")]) + ipa_group("bottom", [u("dora")])
    out += ipa_group("selfish", [g("selfish")]) + ipa_group("idn", [u("ann")], "xn--bcher-kva.example")
    out += ipa_group("edge", [u(n) for n in ("ann", "bob", "locked", "open", "nomail")] + [g("empty")],
                     memberManager=[u("bob"), g("dev")], owner=u("carl"))
    out += ipa_group("empty") + ipa_group("named", [u("ann")], mailed=False)
    # What the plugin of the compatibility tree shows: the same names once more, with logins for members.
    for cn in ("staff", "named"):
        out += entry(f"cn={cn},cn=groups,cn=compat,{SUFFIX}", objectClass=["posixGroup", "extensibleObject"], cn=cn,
                     gidNumber="1000", memberUid=["ann", "bob"], mail="staff@lists.example.com")
    return out + entry(f"uid=bob,cn=users,cn=compat,{SUFFIX}", objectClass=["posixAccount", "extensibleObject"],
                       uid="bob", cn="bob", uidNumber="1000", gidNumber="1000", homeDirectory="/")


@pytest.fixture(scope="module")
def freeipa(module_place):
    server = ds389.Ds389(module_place / "ipa", memberof=True)
    server.load(ipa())
    yield server
    server.stop()


@EVERY_WAY
@pytest.mark.parametrize("base", [f"cn=accounts,{SUFFIX}", SUFFIX])
def test_freeipa_keeps_the_contract(freeipa, technique, base):
    """Also with the compatibility tree below the base."""
    run_contract(freeipa, preset="freeIPA", technique=technique, base=f'"{base}"',
                 attributes="{ settings: businessCategory }")


@EVERY_WAY
def test_people_of_freeipa(freeipa, make_ctl, technique):
    """Locked accounts get no mail; groups may be empty."""
    addresses, got = listed(make_ctl(freeipa, preset="freeIPA", technique=technique), "edge")
    assert addresses == ["Bob@example.com", "ann@example.com", "open@example.com"]
    assert (got["closed"], got["without_address"], got["groups"]) == (1, 1, 2)
    everybody = make_ctl(freeipa, preset="freeIPA", technique=technique, attributes="{ disabled: none }")
    assert "locked@example.com" in listed(everybody, "edge")[0]


def test_owners_of_freeipa(freeipa, make_ctl):
    """Managers, who may be a group, and owners."""
    r = make_ctl(freeipa, preset="freeIPA")
    assert listed(r, "edge", "--owners")[0] == ["Bob@example.com", "ann@example.com", "carl@example.com",
                                                "guest@partner.example.net"]


def test_names_of_freeipa(freeipa, make_ctl):
    """Its groups have no address of their own; of two of a name that of the compatibility tree is none of them."""
    r = make_ctl(freeipa, preset="freeIPA", attributes="{ local-part: cn, member-login: memberUid }",
                 filter='"(objectClass=ipaUserGroup)"')
    assert listed(r, "named")[0] == ["ann@example.com"]
