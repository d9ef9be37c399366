"""Active Directory: the contract, and what is peculiar to it, on a real domain controller of Samba's."""
import time

import pytest

from testbed import directory, ranges, rollcall, samba
from testbed.rollcall import ldap_settings, run_contract

from test_membership import MEMBERS, compare
from test_posters import says

SUFFIX = "DC=example,DC=com"
CROWD = 5100


def person_dn(name):
    return f"CN={name},OU=people,{SUFFIX}"


def group_dn(name):
    return f"CN={name},OU=groups,{SUFFIX}"


def person(name, mail=True, **more):
    """`mail` True is of his name, False is none."""
    if mail:
        more["mail"] = f"{name}@example.com" if mail is True else mail
    more = {"userAccountControl": "544", **more}
    return directory.entry(person_dn(name), objectClass="user", sAMAccountName=name, **more)


def contact(name, **more):
    return directory.entry(person_dn(name), objectClass="contact", **more)


def group(name, members=(), mail=True, kind="8", **more):
    """A universal distribution group; of kind -2147483646 a global one for security."""
    if mail:
        more["mail"] = f"{name}@lists.example.com" if mail is True else mail
    return directory.entry(group_dn(name), objectClass="group", sAMAccountName=f"g-{name}", groupType=kind,
                           member=list(members), **more)


def contract():
    p, g = person_dn, group_dn
    out = person("ann") + person("bob", "Bob@example.com") + person("carl") + person("dora")
    out += contact("guest", mail="guest@partner.example.net", targetAddress="SMTP:guest@partner.example.net")
    out += group("staff", [p("ann"), p("bob"), g("dev"), p("guest")], displayName="All of us", managedBy=p("ann"),
                 info="Errors@Example.com", description="reply-to: list",
                 proxyAddresses=["SMTP:staff@lists.example.com", "smtp:Everybody@lists.example.com",
                                 "X500:/o=Example/cn=staff", "SIP:staff@lists.example.com"])
    out += group("dev", [p("carl"), p("ann"), g("staff")]) + group("dev-owner", [p("ann")])
    out += group("diamond", [g("left"), g("right")]) + group("left", [g("bottom")])
    out += group("right", [g("bottom"), p("ann")]) + group("bottom", [p("dora")]) + group("selfish", [g("selfish")])
    return out + group("idn", [p("ann")], "idn@xn--bcher-kva.example")


def peculiar():
    p, g = person_dn, group_dn
    out = person("nomail", False) + person("away", userAccountControl="546")
    out += person("shared", userAccountControl="546", msExchRecipientTypeDetails="4")
    out += person("proxy", False,
                  proxyAddresses=["smtp:proxy.other@example.com", "X500:/o=x", "SMTP:proxy@example.com"])
    out += person("odd", False, proxyAddresses=["X500:/o=x"])
    out += contact("outside", targetAddress="SMTP:outside@partner.example.net")
    out += directory.entry(f"CN=Comma\\, Inc.,OU=people,{SUFFIX}", objectClass="user", sAMAccountName="comma",
                           mail="comma@example.com", userAccountControl="544", department="D07")
    out += directory.entry(f"CN=Jörg Müller,OU=people,{SUFFIX}", objectClass="user", sAMAccountName="joerg",
                           mail="joerg@example.com", userAccountControl="544", department="D07")
    out += group("edge", [p("nomail"), p("away"), p("shared"), p("proxy"), p("odd"), p("outside"),
                          f"CN=Comma\\, Inc.,OU=people,{SUFFIX}", f"CN=Jörg Müller,OU=people,{SUFFIX}"],
                 msExchCoManagedByLink=[p("bob"), p("carl")], managedBy=p("ann"))
    out += group("nolist", [p("ann")], False) + group("empty")
    out += group("hides", hideDLMembership="TRUE") + group("hidesinside", [p("ann"), g("hides")])
    out += group("hidessome", [p("ann")], hideDLMembership="TRUE")
    for name, wanted, more in (("dynamic", "(&(objectCategory=person)(department=D07))", {}),
                               ("narrow", "(mail=*)", dict(msExchDynamicDLBaseDN=f"OU=few,{SUFFIX}")),
                               ("broken", "(&(mail=*)", {})):
        out += directory.entry(group_dn(name), objectClass="msExchDynamicDistributionList", managedBy=p("ann"),
                               msExchDynamicDLFilter=wanted, mail=f"{name}@lists.example.com", **more)
    out += directory.entry(group_dn("nofilter"), objectClass="msExchDynamicDistributionList",
                           mail="nofilter@lists.example.com")
    out += group("withdynamic", [g("dynamic"), p("ann")])
    out += group("primary", [p("ann")], kind="-2147483646")
    out += directory.entry(f"OU=few,{SUFFIX}", objectClass="organizationalUnit")
    out += directory.entry(f"CN=few,OU=few,{SUFFIX}", objectClass="contact", mail="few@partner.example.net")
    return out


# What a group has, and who may post then, by login or as a sender that the site's own hosts vouch for.
POSTING = [
    (dict(authOrig=person_dn("ann")), {"ann": 250, "ann@example.com": 250, "bob": 550}),
    (dict(authOrig=person_dn("proxy")), {"proxy": 250, "proxy.other@example.com": 250, "ann": 550}),
    (dict(dLMemSubmitPerms=group_dn("right")), {"ann": 250, "dora": 250, "bob": 550}),
    (dict(authOrig=person_dn("bob"), dLMemSubmitPerms=group_dn("bottom")), {"bob": 250, "dora": 250, "ann": 550}),
    (dict(unauthOrig=person_dn("proxy")), {"proxy": 550, "proxy.other@example.com": 550, "bob": 250}),
    (dict(dLMemRejectPerms=group_dn("right")), {"dora": 550, "bob": 250}),
    (dict(authOrig=person_dn("dora"), dLMemRejectPerms=group_dn("right")), {"dora": 550}),
    (dict(msExchRequireAuthToSendTo="TRUE"), {"ann": 250, "ann@example.com": 550}),
    (dict(msExchRequireAuthToSendTo="FALSE"), {"ann": 250, "ann@example.com": 250}),
    (dict(msExchRequireAuthToSendTo="TRUE", authOrig=person_dn("ann")), {"ann": 250, "ann@example.com": 550, "bob": 550}),
    ({}, {"ann": 250, "ann@example.com": 250, "nobody": 550}),
]


def crowd():
    names = [f"u{i:04d}" for i in range(CROWD)]
    out = "".join(contact(n, mail=f"{n}@example.net") for n in names)
    return out + group("crowd", map(person_dn, names)) + group("small", map(person_dn, names[:7]))


@pytest.fixture(scope="module")
def domain(module_place):
    server = samba.Samba(module_place / "ad")
    units = "".join(directory.entry(f"OU={ou},{SUFFIX}", objectClass="organizationalUnit")
                    for ou in ("people", "groups", "services"))
    account = directory.entry(server.bind_dn, objectClass="user", sAMAccountName="rollcall", userAccountControl="66048")
    server.load(units + account + contract() + peculiar() + crowd() +
                "".join(group(f"posting{n}", [person_dn("carl")], **has) for n, (has, _) in enumerate(POSTING)))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def config(place, domain):
    """rollcallctl with a source of these settings."""
    def make(**settings):
        settings = {"uri": f'"{domain.uri}"', **domain.settings(), **settings}
        r = rollcall.Rollcall(place / "rc", f"corp:\n{ldap_settings(settings)}")
        r.configure()
        return r
    return make


def listed(r, name, *words):
    return r.members(f"{name}@lists.example.com", *words)


def unsure(r, name, words):
    got = r.ctl("members", f"{name}@lists.example.com")
    assert got.returncode == 75 and words in got.stderr, got


NAMES = "{ name: displayName, errors: info, settings: description }"
EVERY_WAY = pytest.mark.parametrize("technique", ["auto", "base", "memberof"])


@pytest.mark.parametrize("how", [
    dict(technique="auto"),
    dict(technique="or", or_terms=1, or_window=1),
    dict(technique="base", window=1, group_window=1),
    dict(technique="memberof", page=1),
], ids=str)
def test_the_contract(domain, how):
    run_contract(domain, **{**domain.settings(), "attributes": NAMES, **how})


@pytest.mark.parametrize("how", [{"starttls": "yes"}, {"uri": '"ldaps://{address}"'}], ids=["StartTLS", "ldaps"])
def test_encrypted(domain, config, how):
    how = {k: v.format(address=domain.address) for k, v in how.items()}
    r = config(ca_file=domain.dir / "ca.pem", **how)
    assert r.ctl("lookup", "staff@lists.example.com").returncode == 0


def test_who_may_post(make_site, domain):
    site = make_site(mta="sink", server=domain)
    wrong = []
    for n, (has, wanted) in enumerate(POSTING):
        for who, reply in wanted.items():
            got = says(site, (who, None) if "@" in who else ("", who), f"posting{n}@lists.example.com")
            if got != reply:
                wrong.append((has, who, reply, got))
    assert wrong == []


def test_a_post(make_site, domain, mta):
    site = make_site(mta=mta, server=domain)
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt("stuff@lists.example.com").code == 550
        assert c.rcpt("nolist@lists.example.com").code == 550
    site.post(to="everybody@lists.example.com")
    people = [f"{u}@example.com" for u in ("Bob", "ann", "carl")] + ["guest@partner.example.net"]
    assert site.wait_for(4) == people
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == people


# ---- lists, people and owners ----

@pytest.mark.parametrize("address, found", [
    ("Everybody@Lists.Example.Com", "staff"),
    ("staff-owner@lists.example.com", "staff"),
    ("dynamic@lists.example.com", "dynamic"),
    ("nolist@lists.example.com", None),
    ("ann@example.com", None),
])
def test_lists_are_found(config, address, found):
    got = config().ctl("lookup", address)
    assert got.returncode == (0 if found else 1), got
    assert not found or f"{found}@lists.example.com" in got.stdout


def test_all_lists(config):
    """In pages; and the references of the domain's top, which lead to no people, do not matter."""
    got = config(page=3).ctl("lists", check=0).stdout
    names = "staff dev dev-owner diamond left right bottom selfish edge empty hides dynamic narrow crowd small".split()
    assert all(f"{n}@lists.example.com" in got for n in names)


@EVERY_WAY
def test_people(config, technique):
    """The primary address, that of a contact; no mail, none that is a mailbox; disabled, but not a shared mailbox."""
    addresses, got = listed(config(technique=technique), "edge")
    assert addresses == ["comma@example.com", "joerg@example.com", "outside@partner.example.net", "proxy@example.com",
                         "shared@example.com"]
    assert (got["without_address"], got["refused"], got["closed"], got["dangling"]) == (1, 1, 1, 0)


@pytest.mark.parametrize("attributes, more", [
    ("{ disabled: none }", ["away@example.com"]),
    ("{ enabled: none }", None),
    ("{ disabled: [ 'userAccountControl&2', 'displayName=nobody' ] }", []),
    ("{ disabled: 'mail=AWAY@example.com' }", []),
])
def test_disabled_as_configured(config, attributes, more):
    addresses, got = listed(config(attributes=attributes), "edge")
    assert [a for a in addresses if a.startswith(("away", "shared"))] == \
        ([] if more is None else more + ["shared@example.com"])


def test_owners(config):
    assert listed(config(), "edge", "--owners")[0] == ["Bob@example.com", "ann@example.com", "carl@example.com"]
    assert listed(config(), "dynamic", "--owners")[0] == ["ann@example.com"]


@EVERY_WAY
def test_hidden_members(config, technique):
    """A list whose members we are not shown is not taken for empty, nor within another; one that is empty is."""
    r = config(technique=technique)
    unsure(r, "hides", f"member of {group_dn('hides')} cannot be read")
    unsure(r, "hidesinside", f"member of {group_dn('hides')} cannot be read")
    assert listed(r, "hidessome")[0] == ["ann@example.com"]
    assert listed(r, "empty")[0] == []


# ---- members that a search finds ----

@EVERY_WAY
def test_dynamic_lists(config, technique):
    r = config(technique=technique, page=1)
    assert listed(r, "dynamic")[0] == ["comma@example.com", "joerg@example.com"]
    assert listed(r, "narrow")[0] == ["few@partner.example.net"]
    addresses, got = listed(r, "withdynamic")
    assert addresses == ["ann@example.com", "comma@example.com", "joerg@example.com"] and got["groups"] == 2
    groups = f'"OU=groups,{SUFFIX}"'
    outside = config(technique=technique, base=groups)
    unsure(outside, "narrow", f"OU=few,{SUFFIX} lies below neither base nor url-bases")
    allowed = config(technique=technique, base=groups, url_bases=f'[ "OU=few,{SUFFIX}" ]')
    assert listed(allowed, "narrow")[0] == ["few@partner.example.net"]
    r = config(technique=technique, page=1)
    unsure(r, "broken", "is no filter: a parenthesis is open")
    unsure(r, "nofilter", "cannot be read")


def test_who_is_a_member(make_site, domain):
    """By values, filters and the primary group, as a walk finds them; without one."""
    token = domain.search(group_dn("primary"), "primaryGroupToken")
    domain.modify(f"dn: {group_dn('primary')}\nchangetype: modify\nadd: member\nmember: {person_dn('dora')}\n")
    domain.modify(f"dn: {person_dn('dora')}\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: {token}\n")
    domain.modify(f"dn: {group_dn('dev')}\nchangetype: modify\nadd: member\nmember: {group_dn('primary')}\n")
    try:
        site = make_site(mta="sink", server=domain, destinations=MEMBERS)
        compare(site, ["staff", "dev", "diamond", "dynamic", "withdynamic", "narrow", "primary", "crowd"],
                [f"{u}@example.com" for u in ("ann", "bob", "carl", "dora", "comma", "joerg")] + [
                    "few@partner.example.net", "u0007@example.net"])
    finally:
        domain.modify(f"dn: {group_dn('dev')}\nchangetype: modify\ndelete: member\nmember: {group_dn('primary')}\n")
        domain.modify(f"dn: {person_dn('dora')}\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: 513\n")
        domain.modify(f"dn: {group_dn('primary')}\nchangetype: modify\ndelete: member\nmember: {person_dn('dora')}\n")


@EVERY_WAY
def test_the_primary_group(domain, config, technique):
    """Who has a group as the primary one is not among its members, and is one all the same."""
    token = domain.search(group_dn("primary"), "primaryGroupToken")
    domain.modify(f"dn: {group_dn('primary')}\nchangetype: modify\nadd: member\nmember: {person_dn('dora')}\n")
    domain.modify(f"dn: {person_dn('dora')}\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: {token}\n")
    try:
        assert listed(config(technique=technique), "primary")[0] == ["ann@example.com", "dora@example.com"]
        without = config(technique=technique, attributes="{ primary-member: none }")
        assert listed(without, "primary")[0] == ["ann@example.com"]
    finally:
        domain.modify(f"dn: {person_dn('dora')}\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: 513\n")
        domain.modify(f"dn: {group_dn('primary')}\nchangetype: modify\ndelete: member\nmember: {person_dn('dora')}\n")


# ---- values in parts ----

@pytest.fixture
def parts(domain):
    proxy = ranges.Ranges(domain.address)
    yield proxy
    proxy.stop()


@pytest.mark.parametrize("technique, limit", [("auto", 1500), ("memberof", 1500), ("memberof", 5000), ("auto", None)])
def test_a_large_group_is_whole(config, parts, technique, limit):
    parts.limit = limit or CROWD
    r = config(technique=technique, uri=f'"{parts.uri}"')
    addresses, got = listed(r, "crowd")
    assert addresses == [f"u{i:04d}@example.net" for i in range(CROWD)] and got["dangling"] == 0
    assert parts.parts == (-(-CROWD // limit) + 1 if limit else 0)       # the first came twice
    assert parts.asked < CROWD / 40                                      # many members in each answer


@pytest.mark.parametrize("limit", [1, 3, 6, 7])
def test_every_end_of_the_last_part(config, parts, limit):
    """It is said to be the last, however many there are in it. Nested groups come in parts, too."""
    parts.limit = limit
    r = config(uri=f'"{parts.uri}"')
    assert len(listed(r, "small")[0]) == 7
    assert len(listed(r, "staff")[0]) == 4


def test_a_post_to_a_large_group(make_site, domain, parts):
    site = make_site(server=type("Cut", (), dict(uri=parts.uri, settings=domain.settings))())
    site.post(to="crowd@lists.example.com")
    assert len(set(site.wait_for(CROWD, 120))) == CROWD
    site.rollcall.wait_idle(120)
    assert len(site.sink.recipients()) == CROWD


def test_changed_meanwhile_is_unsure(config, domain, parts):
    """Somebody leaves while the parts are read: who was in the next moves into one that was read."""
    parts.limit = 3
    change = f"dn: {group_dn('small')}\nchangetype: modify\n{{}}: member\nmember: {person_dn('u0000')}\n"
    parts.part = lambda first: domain.modify(change.format("delete")) if first == 3 else None
    try:
        unsure(config(uri=f'"{parts.uri}"'), "small", "they were changed while they were read")
    finally:
        parts.part = None
        domain.modify(change.format("add"))
    assert len(listed(config(uri=f'"{parts.uri}"'), "small")[0]) == 7


@pytest.mark.parametrize("spoil, words", [
    (lambda name, values: (name, values[:-1]), "a part is cut short"),
    (lambda name, values: (b"member;range=0-2", values), "a part is missing"),
    (lambda name, values: (b"member;range=x", values), "a part is missing"),
    (lambda name, values: (b"memberOf", values), "a part is missing"),
    (lambda name, values: (b"member", []), "a part is missing"),
], ids=["short", "again", "nonsense", "another attribute", "none"])
def test_a_part_that_is_spoilt_is_unsure(config, parts, spoil, words):
    parts.limit = 3
    parts.spoil = lambda name, values: spoil(name, values) if name == b"member;range=3-5" else (name, values)
    unsure(config(uri=f'"{parts.uri}"'), "small", words)


def test_without_the_number_of_changes_it_is_unsure(config, parts, monkeypatch):
    parts.limit = 3
    cut = parts.cut
    monkeypatch.setattr(parts, "cut", lambda message: cut(message).replace(b"uSNChanged", b"uSNUnknown"))
    unsure(config(uri=f'"{parts.uri}"'), "small",
           "uSNChanged, which tells whether they change meanwhile, cannot be read")


# ---- what it answers to other questions ----

def test_anonymous_is_unsure(config):
    got = config(bind="none").ctl("lookup", "staff@lists.example.com")
    assert got.returncode == 75 and "Operations error" in got.stderr


def test_without_encryption_it_may_take_no_password(config, domain):
    """As Microsoft's by default. What was open when it stopped is opened anew."""
    r = config(ca_file=domain.dir / "ca.pem", starttls="yes")
    domain.stop()
    domain.start(strong=True)
    try:
        assert r.ctl("lookup", "staff@lists.example.com").returncode == 0
        got = config().ctl("lookup", "staff@lists.example.com")
        assert got.returncode == 75 and "Strong(er) authentication required" in got.stderr
    finally:
        domain.stop()
        domain.start()


def test_a_control_that_it_has_not(config):
    """Its answer is none to a search at all: it is heard as one, and nobody waits for another."""
    began = time.monotonic()
    unsure(config(technique="deref", timeout="20s"), "staff", "Critical extension is unavailable")
    assert time.monotonic() - began < 15


def test_a_reference_that_leads_to_people_is_unsure(make_site, place):
    """In another directory, to show both: a subordinate domain, and what the rootDSE says holds no people."""
    def away(name, ref):
        return directory.entry(f"dc={name},dc=example,dc=com", objectClass=["referral", "extensibleObject"], dc=name,
                               ref=f"ldap://127.0.0.1:1/{ref}")
    path = place / "root"
    path.write_text("dn:\nconfigurationNamingContext: cn=configuration,dc=example,dc=com\n"
                    "defaultNamingContext: dc=example,dc=com\nrootDomainNamingContext: dc=example,dc=com\n")
    schema = "".join(f"attributetype ( 1.3.6.1.4.1.55555.5.{i} NAME '{n}NamingContext' SUP distinguishedName )\n"
                     for i, n in enumerate(("configuration", "default", "rootDomain")))
    out = directory.top() + directory.person("ann") + directory.group("staff", [directory.person_dn("ann")])
    out += away("a", "cn=Configuration,dc=example,dc=com") + away("b", "DC=DomainDnsZones,dc=example,dc=com")
    out += away("c", "DC=ForestDnsZones,dc=example,dc=com")
    for more, status in (("", 1), (away("d", "dc=d,dc=example,dc=com"), 75)):
        site = make_site(out + more, mta="sink", slapd=dict(top=f"{schema}rootDSE {path}"), source_more="technique: or")
        got = site.rollcall.ctl("lookup", "stuff@lists.example.com")
        assert got.returncode == status, got
        assert site.rollcall.ctl("lists").returncode == (75 if more else 0)
        assert site.rollcall.ctl("lookup", "staff@lists.example.com").returncode == 0


@pytest.mark.parametrize("attributes, words", [
    ("{ disabled: userAccountControl }", '"userAccountControl" is no condition: attribute=value or attribute&bits'),
    ("{ disabled: 'userAccountControl&two' }", "is no condition"),
    ("{ enabled: 'a=' }", "is no condition"),
    ("{ enabled: '=a' }", "an attribute has a name"),
])
def test_mistakes(config, attributes, words):
    got = config(attributes=attributes).ctl("config", "--check")
    assert got.returncode == 78 and words in got.stderr, got.stderr
