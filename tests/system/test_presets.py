"""Flavours of directories: the contract on each preset, and everything that names can mean."""
import re
import types

import pytest

from testbed import client, directory, rollcall, slapd
from testbed.base import ROOT, wait_until
from testbed.directory import account, alias, group_dn, person_dn, posix_group
from testbed.flavours import LISTS, OF_STAFF, TECHNIQUES, accounts
from testbed.rollcall import run_contract


def unique_names():
    """Every second value has an optional identifier behind its DN, "'0101'B" or none."""
    text = (ROOT / "tests/fixtures/contract.ldif").read_text().replace("groupOfNames", "groupOfUniqueNames")
    odd = re.compile(r"(?m)^member: ([^,]*[nt],.*)$")
    return re.sub(r"(?m)^member:", "uniqueMember:", odd.sub(r"uniqueMember: \1#'0101'B", text))


def posix(named=False):
    """With mail attributes, or with names that are addresses."""
    out = accounts()
    for name, (people, groups, addresses) in LISTS.items():
        domain = "xn--bcher-kva.example" if name == "idn" else "lists.example.com"
        more = dict(mgrpRFC822MailMember=[f"{g}@lists.example.com" for g in groups] + addresses)
        names = [name]
        if name == "staff":
            more.update(OF_STAFF, owner=person_dn("ann"))
            if named:
                names.append("Everybody")
            else:
                more["mailAlternateAddress"] = "Everybody@lists.example.com"
        out += posix_group(names, people, None if named else f"{name}@{domain}", **more)
    return out


def aliases():
    out = accounts() + alias("owner-staff", ["ann"])
    for name, (people, groups, addresses) in LISTS.items():
        more = OF_STAFF if name == "staff" else {}
        out += alias([name, "Everybody"] if more else name, people + groups + addresses, **more)
    return out


NAMED = '{ local-part: cn }'
FLAVOURS = {
    # Of values with an identifier behind the DN no server says whose they are.
    "unique": (unique_names, dict(preset="groupOfUniqueNames", lacks=["members"])),
    "posix": (posix, dict(preset="posixGroup")),
    "named": (lambda: posix(True), dict(preset="posixGroup", attributes=NAMED, filter='"(objectClass=posixGroup)"')),
    "alias": (aliases, dict(preset="nisMailAlias", filter='"(objectClass=nisMailAlias)"',
                            attributes="{ name: description, errors: mgrpErrorsTo }")),
}


@pytest.fixture(scope="module", params=FLAVOURS)
def flavour(request, module_place):
    make, settings = FLAVOURS[request.param]
    server = slapd.Slapd(module_place / request.param)
    server.load(make())
    server.start()
    yield server, settings
    server.stop()


@pytest.mark.parametrize("how", TECHNIQUES, ids=str)
def test_every_preset_keeps_the_contract(flavour, how):
    server, settings = flavour
    run_contract(server, **settings, **how)


# ---- a post to each ----

PEOPLE = ["ann", "bob", "carl"]
COPIES = [f"{u}@example.com" for u in PEOPLE]
AS_ALIAS = "preset: nisMailAlias\n              filter: (objectClass=nisMailAlias)"
AS_POSIX = "preset: posixGroup"
BY_NAME = AS_POSIX + "\n              filter: (description=list)\n              attributes: { local-part: cn }"


def people():
    return directory.top() + "".join(account(u) for u in PEOPLE)


POSTS = {
    "posixGroup": (AS_POSIX, "staff", lambda: posix_group("staff", PEOPLE, "staff@lists.example.com")),
    "nisMailAlias": (AS_ALIAS, "staff",
                     lambda: alias("staff", ["ann", "dev"]) + alias("dev", ["bob", "carl@example.com"])),
    "cn": (BY_NAME, '"r&d (x) team*"', lambda: posix_group("R&D (X) Team*", PEOPLE, description="list")),
}


@pytest.mark.parametrize("flavour_of_post", POSTS)
def test_a_post(make_site, mta, flavour_of_post):
    settings, name, groups = POSTS[flavour_of_post]
    site = make_site(people() + groups(), mta=mta, source_more=settings)
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt("stuff@lists.example.com").code == 550
    site.post(to=f"{name}@lists.example.com")
    assert site.wait_for(3) == COPIES
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == COPIES


# ---- logins ----

def listed(site, address="staff@lists.example.com", *words):
    return site.rollcall.members(address, *words)


def test_logins_are_what_they_are(make_site):
    """Odd characters, other case, several logins of a person, nobody, somebody without mail; no wildcard."""
    odd = ["*", "a*", "x)(uid=ann", "back\\slash", "ann@example.com"]
    out = people() + account("dora", login="dorothea") + account("nomail", mail=False)
    out += "".join(account(u, f"odd{i}@example.com") for i, u in enumerate(odd))
    out += directory.person("plain")
    out += posix_group("staff", [*odd, "ANN", "dora", "dorothea", "nomail", "gone", "plain", "bo*"],
                       "staff@lists.example.com")
    for terms in (50, 1):
        site = make_site(out, mta="sink", source_more=f"{AS_POSIX}\n              or-terms: {terms}")
        addresses, got = listed(site)
        assert addresses == ["ann@example.com", "dora@example.com", *(f"odd{i}@example.com" for i in range(len(odd)))]
        # "plain" has no login: it is no posixAccount.
        assert (got["dangling"], got["without_address"], got["refused"]) == (3, 1, 0)
        site.stop()


def test_members_who_are_gone_are_named_in_the_log(make_site):
    site = make_site(people() + posix_group("staff", [*PEOPLE, "gone"], "staff@lists.example.com"), mta="sink",
                     source_more=AS_POSIX)
    site.submit()
    assert site.wait_for(3) == COPIES
    assert "dangling: staff@lists.example.com: uid=gone is not there" in site.rollcall.log


def test_too_many_logins_of_nobody_are_unsure(make_site):
    out = people() + posix_group("staff", ["ann", "gone1", "gone2"], "staff@lists.example.com")
    site = make_site(out, mta="sink", source_more=AS_POSIX)
    got = site.rollcall.ctl("members", "staff@lists.example.com")
    assert got.returncode == 75 and "2 of 3 members do not exist" in got.stderr


@pytest.mark.parametrize("terms", [50, 1])
def test_a_login_of_two_people_is_unsure(make_site, terms):
    twin = directory.entry("cn=twin,ou=people,dc=example,dc=com", objectClass=["inetOrgPerson", "posixAccount"],
                           cn="twin", sn="twin", uid="Bob", uidNumber="1", gidNumber="1", homeDirectory="/",
                           mail="twin@example.com")
    out = people() + twin + posix_group("staff", PEOPLE, "staff@lists.example.com")
    site = make_site(out, mta="sink", source_more=f"{AS_POSIX}\n              or-terms: {terms}")
    got = site.rollcall.ctl("members", "staff@lists.example.com")
    assert got.returncode == 75 and 'several people have the login "bob"' in got.stderr
    # The site can say who is meant.
    site.rollcall.sources = site.rollcall.sources.replace(
        AS_POSIX, AS_POSIX + "\n              attributes: { people: (&(objectClass=posixAccount)(!(cn=twin))) }")
    site.rollcall.configure()
    assert listed(site)[0] == COPIES


def test_one_login_beyond_a_limit_is_unsure(make_site):
    """Two people, of whom the server shows one: not even alone is it known who is meant."""
    twin = directory.entry(person_dn("twin"), objectClass=["inetOrgPerson", "posixAccount"], cn="twin", sn="twin",
                           uid=["twin", "bob"], uidNumber="1", gidNumber="1", homeDirectory="/")
    out = people() + twin + posix_group("staff", PEOPLE, "staff@lists.example.com")
    site = make_site(out, mta="sink", slapd=dict(extra="sizelimit 1"), source_more=AS_POSIX)
    got = site.rollcall.ctl("members", "staff@lists.example.com")
    assert got.returncode == 75 and "looking for members by name: Size limit exceeded" in got.stderr


@pytest.mark.parametrize("technique", ["deref", "or", "base"])
def test_other_names_for_logins(make_site, technique):
    """Any attribute can hold the logins, and any be one; DNs and logins go together. What has logins is a group."""
    out = people() + directory.person("dora", employeeNumber="47") + directory.person("emil", employeeNumber="49")
    out += directory.entry(group_dn("staff"), objectClass=["groupOfNames", "extensibleObject"], cn="staff",
                           mail="staff@lists.example.com", member=[person_dn("ann"), group_dn("ops")], l=["47", "48"])
    out += directory.entry(group_dn("ops"), objectClass=["applicationProcess", "extensibleObject"], cn="ops",
                           mail="ops@example.org", l="49")
    site = make_site(out, mta="sink", source_more=f"technique: {technique}\n              attributes: {{ member-login: "
                     "l, login: employeeNumber, people: (objectClass=inetOrgPerson) }")
    addresses, got = listed(site)
    assert addresses == ["ann@example.com", "dora@example.com", "emil@example.com"]
    assert (got["dangling"], got["groups"]) == (1, 2)


def test_members_of_a_kind_that_is_not_read_are_unsure(make_site):
    """A group of another class among the owners: its members cannot be seen, and nobody takes it for empty."""
    out = people() + posix_group("staff", ["ann"], "staff@lists.example.com", owner=group_dn("heads"))
    out += directory.group("heads", [person_dn("bob")])
    site = make_site(out, mta="sink", source_more=AS_POSIX)
    got = site.rollcall.ctl("members", "--owners", "staff@lists.example.com")
    assert got.returncode == 75 and f"members of {group_dn('heads')} cannot be read" in got.stderr
    site.rollcall.sources = site.rollcall.sources.replace(
        AS_POSIX, AS_POSIX + "\n              attributes: { member: member }")
    site.rollcall.configure()
    assert listed(site, "staff-owner@lists.example.com")[0] == ["bob@example.com"]


def test_a_limit_is_no_end(make_site):
    """Logins that a limit of the server left out are looked for one by one."""
    out = directory.top() + "".join(account(f"u{i}") for i in range(120))
    out += posix_group("staff", [f"u{i}" for i in range(120)], "staff@lists.example.com")
    site = make_site(out, mta="sink", slapd=dict(extra="sizelimit 20"), source_more=AS_POSIX)
    addresses, got = listed(site)
    assert len(addresses) == 120 and got["dangling"] == 0


def test_logins_are_in_the_directory_and_it_is_away(make_site):
    site = make_site(people() + posix_group("staff", PEOPLE, "staff@lists.example.com"), mta="sink",
                     through_proxy=True, source_more=AS_POSIX + "\n              cache: { yes: 1h }")
    listed(site)
    whole = site.proxy.passed
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        site.proxy.drop_all()
        site.proxy.cut_after = whole - 200
        assert c.data(client.message())[0].code == 250
    wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), what="a failure")
    assert site.sink.recipients() == []
    site.proxy.cut_after = None
    assert site.wait_for(3) == COPIES


# ---- aliases ----

def test_values_of_aliases(make_site):
    """An address, another alias, a login; programs, files and includes are refused, with or without an @."""
    refused = ["|/bin/sh -c x", '"|exec /bin/sh x@example.com"', "/var/mail/x", ":include:/etc/x@example.com",
               "\\ann", "|cmd@example.com", "a b@example.com"]
    out = people() + alias("staff", ["Dev", "bob", "x@example.net", "All  Staff", "gone", *refused])
    out += alias(["dev", "developers"], ["staff", "carl"]) + alias("all staff", ["ann", "dev@lists.example.com"])
    site = make_site(out, mta="sink", source_more=AS_ALIAS)
    addresses, got = listed(site)
    assert addresses == [*COPIES, "x@example.net"]
    assert (got["groups"], got["dangling"], got["refused"]) == (3, 1, len(refused))
    site.submit()
    assert site.wait_for(4) == addresses
    assert site.rollcall.log.count(" is no name or address") == len(refused) - 1


def test_nested_aliases_need_not_be_lists(make_site):
    """The filter says what can be written to, not who is within what."""
    out = people() + alias("staff", ["hidden"], description="list") + alias("hidden", PEOPLE)
    site = make_site(out, mta="sink", source_more=AS_ALIAS.replace("objectClass=nisMailAlias", "description=list"))
    assert site.rollcall.ctl("lookup", "hidden@lists.example.com").returncode == 1
    assert listed(site)[0] == COPIES


def test_an_alias_goes_before_a_login(make_site):
    out = people() + alias("staff", ["ann"]) + alias("ann", ["bob"])
    site = make_site(out, mta="sink", source_more=AS_ALIAS)
    assert listed(site)[0] == ["bob@example.com"]


def test_two_aliases_of_one_name_are_unsure(make_site):
    out = people() + alias("staff", ["dev"]) + alias("dev", ["ann"]) + alias(["ops", "DEV"], ["bob"])
    site = make_site(out, mta="sink", source_more=AS_ALIAS)
    got = site.rollcall.ctl("members", "staff@lists.example.com")
    assert got.returncode == 75 and 'several groups are called "dev"' in got.stderr


def test_owners_of_an_alias(make_site):
    """owner-NAME, by the name of the DN; none is nobody, two are unsure."""
    out = people() + alias(["staff", "everybody"], ["ann"]) + alias("owner-staff", ["bob", "carl@example.com"])
    out += alias("dev", ["ann"]) + alias("ops", ["ann"]) + alias("owner-ops", ["ann"])
    out += alias(["x", "owner-ops"], ["bob"])
    site = make_site(out, mta="sink", source_more=AS_ALIAS)
    for address in ("staff", "everybody"):
        assert listed(site, f"{address}-owner@lists.example.com")[0] == COPIES[1:]
    assert listed(site, "dev@lists.example.com", "--owners")[0] == []
    got = site.rollcall.ctl("members", "--owners", "ops@lists.example.com")
    assert got.returncode == 75 and 'several groups are called "owner-ops"' in got.stderr


@pytest.mark.parametrize("limit, words", [("sizelimit 1", "looking for owners: Size limit exceeded"),
                                          ("", "the server refers to another for owners")])
def test_owners_that_may_be_more(make_site, limit, words):
    out = people() + alias("staff", ["ann"]) + alias("owner-staff", ["bob"])
    if limit:
        out += alias(["x", "owner-staff"], ["carl"])
    else:
        out += directory.entry("ou=away,dc=example,dc=com", objectClass=["referral", "extensibleObject"], ou="away",
                               ref="ldap://127.0.0.1:1/ou=away,dc=example,dc=com")
    site = make_site(out, mta="sink", slapd=dict(extra=limit), source_more=AS_ALIAS)
    got = site.rollcall.ctl("members", "--owners", "staff@lists.example.com")
    assert got.returncode == 75 and words in got.stderr


# ---- names that are addresses ----

def named_groups():
    out = people()
    for cn, more in (("Sales", {}), ("sales-owner", {}), (["eng", "R&D"], {}), ('q"\\*)(', {}), ("größe", {}),
                     ("private", dict(description="no")), ("Mailed", dict(mail="other@lists.example.com")),
                     ("Abroad", dict(mail="abroad@example.org"))):
        out += posix_group(cn, ["ann"], **{"description": "list", **more})
    return out


@pytest.mark.parametrize("address, want, role", [
    ("sales", "sales", "post"),
    ("SALES+tag", "sales", "post"),
    ("sales-owner", "sales-owner", "post"),
    ("sales-bounces+x", "sales", "bounces"),
    ("sales-owner-owner", "sales-owner", "owner"),
    ("r&d", "eng", "post"),
    ('"eng-owner"', "eng", "owner"),
    ('"q\\"\\\\*)("', '"q\\"\\\\*)("', "post"),
    ("GRÖSSE", None, None),
    ("GRÖßE", "größe", "post"),
    ("other", "other", "post"),
    ("abroad", "abroad", "post"),
    ("mailed", None, None),              # it has an address of its own in the domain
    ("private", None, None),             # not within the filter
    ("*", None, None),
    ("s*", None, None),
    ('"sales)(cn=*"', None, None),
    ('""', None, None),
    ('" sales"', None, None),
])
def test_names_are_addresses(named_site, address, want, role):
    got = named_site.rollcall.ctl("--json", "lookup", f"{address}@lists.example.com")
    if want is None:
        assert got.returncode == 1, got
    else:
        got = named_site.rollcall.ctl_json("lookup", f"{address}@lists.example.com")
        assert (got["list"], got["role"]) == (f"{want}@lists.example.com", role)


@pytest.fixture(scope="module")
def named_site(module_place):
    server = slapd.Slapd(module_place / "ldap")
    server.load(named_groups())
    server.start()
    site = types.SimpleNamespace(slapd=server)
    site.rollcall = rollcall.Rollcall(module_place / "rc", f"""
        corp:
              kind: ldap
              uri: [ "{server.uri}" ]
              base: dc=example,dc=com
              {BY_NAME}
        """)
    site.rollcall.configure()
    yield site
    server.stop()


def test_names_are_addresses_in_domains_of_lists_only(named_site):
    assert named_site.rollcall.ctl("lookup", "sales@example.org").returncode == 1


def test_two_groups_of_one_name_are_unsure(make_site):
    """Closed, and logged; the others are lists as before."""
    second = "cn=staff,ou=services,dc=example,dc=com"
    out = people() + posix_group("staff", ["ann"], description="list") + posix_group("dev", ["ann"], description="list")
    out += posix_group("Staff", ["bob"], description="list", dn=second)
    site = make_site(out, mta="sink", source_more=BY_NAME)
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 451
        assert c.rcpt("dev@lists.example.com").code == 250
    assert "2 lists have the address staff@lists.example.com" in site.rollcall.log
    got = site.rollcall.ctl("lists", check=0).stdout
    assert re.search(r"(?m)^staff@.* TWICE:", got) and "1 has an address that is another's as well" in got


def test_addresses_of_named_lists_are_walked(make_site):
    """In the list's own domain; elsewhere such an address is somebody's we do not know."""
    out = people()
    out += posix_group("staff", ["ann"], description="list",
                       mgrpRFC822MailMember=["dev@lists.example.com", "dev@other.example.org", "no@lists.example.com"])
    out += posix_group("dev", ["bob"], description="list", mgrpRFC822MailMember="staff@lists.example.com")
    out += posix_group("no", ["carl"])
    site = make_site(out, mta="sink", source_more=BY_NAME)
    addresses, got = listed(site)
    assert addresses == ["ann@example.com", "bob@example.com", "dev@other.example.org", "no@lists.example.com"]
    assert got["groups"] == 2


# ---- mistakes ----

@pytest.mark.parametrize("settings, words", [
    (AS_POSIX.replace("posixGroup", "posixgroups"), 'did you mean "posixGroup"?'),
    ("preset: nisMailAlias", 'preset: nisMailAlias makes lists of entries that have no address, which needs a filter '
                             'that says of which: filter: "(objectClass=nisMailAlias)" for all'),
    (AS_POSIX + "\n              attributes: { local-part: cn }",
     'local-part: to make lists of groups that have no address needs a filter'),
    ("attributes: { member-login: 'uid)(x' }", '"uid)(x" is no attribute'),
    ("attributes: { owner: '' }", "an attribute has a name"),
    ("attributes: { people: uid=* }", 'people: "uid=*" is no filter'),
    ("attributes: { member-logins: uid }", 'did you mean "member-login"?'),
])
def test_mistakes(make_site, settings, words):
    site = make_site(mta="sink", start=False, source_more=settings)
    site.rollcall.configure()
    got = site.rollcall.ctl("config", "--check")
    assert got.returncode == 78 and words in got.stderr, got.stderr
    assert re.search(r"rollcall\.yaml:\d+:\d+: ", got.stderr)
