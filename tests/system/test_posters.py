"""Who may post: by configuration, and by the attributes of each flavour of directory, on a real slapd."""
import json
import re
import threading
import time
from concurrent import futures

import pytest

from testbed import directory
from testbed.base import wait_until
from testbed.directory import entry, group_dn, person, person_dn
from testbed.milter import Milter
from testbed.slapd import MAILGROUP

TEXT = "EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26"
DN = "EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12"
FLAG = "EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE"
ATTRIBUTES = {
    TEXT: "mgrpAllowedBroadcaster mgrpAllowedDomain mgrpDisallowedBroadcaster mgrpDisallowedDomain mgrpBroadcasterPolicy "
          "mgrpModerator rfc822sender filtersender membersonly rfc822moderator listAllowedUser accessPolicy listModerator "
          "zimbraACE zimbraId mgrpDeliverTo",
    DN: "dnsender dnmoderator authOrig unauthOrig dLMemSubmitPerms dLMemRejectPerms msExchModeratedByLink memberOf",
    FLAG: "msExchRequireAuthToSendTo",
}


def schema():
    """The attributes with the syntaxes that their flavours have, on one class that any entry can have."""
    names, out = [], ""
    for syntax, words in ATTRIBUTES.items():
        for word in words.split():
            names.append(word)
            if f"'{word}'" not in MAILGROUP:
                out += f"attributetype ( 1.3.6.1.4.1.55555.3.{len(names)} NAME '{word}' {syntax} )\n"
    return out + f"objectclass ( 1.3.6.1.4.1.55555.4.1 NAME 'posting' SUP top AUXILIARY MAY ( {' $ '.join(names)} ) )\n"


def group(cn, members, mail=False, **more):
    """With the class that has everything."""
    attributes = dict(objectClass=["groupOfNames", "mailGroup", "posting"], cn=cn, member=[person_dn(m) if "=" not in m else m
                                                                                           for m in members], **more)
    if mail:
        attributes["mail"] = mail
    return entry(group_dn(cn), **attributes)


def some_people():
    out = directory.top()
    for uid in ("ann", "bob", "carl", "dora"):
        out += entry(person_dn(uid), objectClass=["inetOrgPerson", "mailRecipient", "posting"], uid=uid, cn=uid, sn=uid,
                     mail=f"{uid}@example.com", mailAlternateAddress=f"{uid}.alias@example.org", zimbraId=f"id-{uid}",
                     businessCategory="boss" if uid == "dora" else "staff")
    out += person("same1", "shared@example.com") + person("same2", "shared@example.com")
    out += group("dev", ["carl"], zimbraId="id-dev") + group("all", [group_dn("dev"), "bob"])
    return out


LOGIN = {u: ("", u) for u in ("ann", "bob", "carl", "dora", "nobody", "dora@example.com", "ann)(uid=*", "*")}
ANN, BOB, CARL, DORA = (LOGIN[u] for u in ("ann", "bob", "carl", "dora"))
STAFF_OU = "ldap:///ou=people,dc=example,dc=com"


def from_host(address):
    """A client in the site's networks without a login."""
    return address, None


def says(site, sender, recipient, client="127.0.0.1"):
    """250, 550 or 451, as the MTA would be told."""
    m = Milter(site.rollcall.milter_socket)
    try:
        m.connect(client)
        address, login = sender
        m.mail(address or f"{login}@somewhere.example", login=login)
        command, text = m.rcpt(recipient)
        assert command in (b"c", b"y"), (command, text)
        return 250 if command == b"c" else int(text[:3])
    finally:
        m.close()


# Per set of attributes: what an entry has, and who may post then.
NETSCAPE = [
    (dict(mgrpAllowedBroadcaster="mailto:Ann@Example.com"), {ANN: 250, from_host("ann@example.com"): 250, BOB: 550}),
    (dict(mgrpAllowedBroadcaster="ann.alias@example.org"), {ANN: 250, from_host("ann@example.com"): 250, BOB: 550}),
    (dict(mgrpAllowedBroadcaster=person_dn("ann").replace(",", ", ").upper()), {ANN: 250, BOB: 550}),
    (dict(mgrpAllowedBroadcaster=group_dn("all")), {BOB: 250, CARL: 250, ANN: 550}),
    (dict(mgrpAllowedBroadcaster=STAFF_OU + "??sub?(uid=bob)"), {BOB: 250, ANN: 550, LOGIN["nobody"]: 550}),
    (dict(mgrpAllowedBroadcaster=STAFF_OU + "??one"), {BOB: 250, from_host("x@example.com"): 550}),
    (dict(mgrpAllowedBroadcaster="ldap:///" + person_dn("bob")), {BOB: 250, ANN: 550}),
    (dict(mgrpAllowedBroadcaster="ldap:///??sub?(uid=bob)"), {BOB: 250, ANN: 550}),
    (dict(mgrpAllowedBroadcaster="ldap:///??one?(uid=bob)"), {BOB: 550}),
    (dict(mgrpAllowedBroadcaster="ldap:///dc=example,dc=com??subordinate?(uid=bob)"), {BOB: 250, ANN: 550}),
    (dict(mgrpAllowedBroadcaster="ldap:///" + group_dn("dev")), {CARL: 250, ANN: 550}),
    (dict(mgrpAllowedBroadcaster="ldap://ldap.example.net/dc=example"), {ANN: 451}),
    (dict(mgrpAllowedBroadcaster="a password"), {ANN: 451}),
    (dict(mgrpAllowedDomain="example.com", mgrpAllowedBroadcaster="ann@example.com"), {ANN: 250, BOB: 550}),
    (dict(mgrpAllowedDomain="example.net", mgrpAllowedBroadcaster="ann@example.com"), {ANN: 550}),
    (dict(mgrpBroadcasterPolicy="SMTP_AUTH_REQUIRED"), {ANN: 250, from_host("ann@example.com"): 550}),
    (dict(mgrpBroadcasterPolicy="auth_req AND no_requirements"), {ANN: 250, from_host("ann@example.com"): 550}),
    (dict(mgrpBroadcasterPolicy="NO_REQUIREMENTS"), {ANN: 250, from_host("ann@example.com"): 250}),
    (dict(mgrpBroadcasterPolicy="PASSWD_REQUIRED"), {ANN: 451}),
    (dict(mgrpBroadcasterPolicy="AUTH_REQ OR PASSWD_REQUIRED"), {ANN: 451}),
]
FLAVOURS = {
    "mailGroup": NETSCAPE + [
        (dict(mgrpAllowedDomain="example.com"), {ANN: 250, from_host("x@a.b.example.com"): 250,
                                                 from_host("x@notexample.com"): 550}),
    ],
    "inetMailGroup": NETSCAPE + [
        (dict(mgrpAllowedDomain="*.example.com"), {from_host("x@a.example.com"): 250, from_host("x@example.com"): 550}),
        (dict(mgrpAllowedDomain="example.com"), {ANN: 250, from_host("x@a.example.com"): 550}),
        (dict(mgrpDisallowedBroadcaster="ann@example.com"), {ANN: 550, BOB: 250}),
        (dict(mgrpDisallowedBroadcaster="ann.alias@example.org", mgrpAllowedBroadcaster="ann@example.com"), {ANN: 550}),
        (dict(mgrpDisallowedDomain="*.org"), {ANN: 550, from_host("x@example.org"): 550}),
        (dict(mgrpDisallowedBroadcaster="ldap:///??sub?(uid=ann)"), {ANN: 550, from_host("ann.alias@example.org"): 550, BOB: 250}),
        (dict(mgrpDisallowedBroadcaster="?"), {ANN: 451}),
    ],
    "qmailGroup": [
        (dict(dnsender=person_dn("ann")), {ANN: 250, BOB: 550}),
        (dict(rfc822sender="x@example.net"), {from_host("X@example.net"): 250, ANN: 550}),
        (dict(filtersender="(businessCategory=boss)"), {DORA: 250, ANN: 550, from_host("dora@example.com"): 250}),
        (dict(filtersender="businessCategory=boss"), {DORA: 451}),
        (dict(membersonly="TRUE", member=[person_dn("ann"), group_dn("dev")]), {ANN: 250, CARL: 250, BOB: 550}),
        (dict(membersonly="TRUE", dnsender=person_dn("bob")), {BOB: 250, CARL: 250, ANN: 550}),
        (dict(membersonly="perhaps"), {ANN: 451}),
    ],
    "iRedMail": [
        (dict(accessPolicy="public"), {("x@elsewhere.example", None): 250}),
        (dict(accessPolicy="domain"), {from_host("x@iredmail.example"): 250, from_host("x@a.iredmail.example"): 550, ANN: 550}),
        (dict(accessPolicy="subdomain"), {from_host("x@a.iredmail.example"): 250, ANN: 550}),
        (dict(accessPolicy="membersOnly", member=[group_dn("all")]), {BOB: 250, CARL: 250, ANN: 550}),
        (dict(accessPolicy="moderatorsonly", listModerator="ann@example.com"), {ANN: 250, BOB: 550}),
        (dict(accessPolicy="allowedonly", listAllowedUser="bob@example.com"), {BOB: 250, ANN: 550}),
        (dict(accessPolicy="membersandmoderatorsonly", listModerator="ann@example.com", member=[person_dn("bob")]),
         {ANN: 250, BOB: 250, CARL: 550}),
        (dict(listAllowedUser=["*@example.net", ".example.edu"]), {from_host("x@example.net"): 250, ANN: 550,
                                                                   from_host("x@a.example.edu"): 250}),
        (dict(listAllowedUser="example.com"), {ANN: 250, from_host("x@a.example.com"): 550}),
        (dict(accessPolicy="friendsonly"), {ANN: 451}),
    ],
    "exchange": [
        (dict(authOrig=person_dn("ann")), {ANN: 250, BOB: 550}),
        (dict(dLMemSubmitPerms=group_dn("all")), {BOB: 250, CARL: 250, ANN: 550}),
        (dict(authOrig=person_dn("ann"), dLMemSubmitPerms=group_dn("dev")), {ANN: 250, CARL: 250, BOB: 550}),
        (dict(unauthOrig=person_dn("ann")), {ANN: 550, from_host("ann.alias@example.org"): 550, BOB: 250}),
        (dict(dLMemRejectPerms=group_dn("all")), {CARL: 550, ANN: 250}),
        (dict(authOrig=person_dn("carl"), dLMemRejectPerms=group_dn("dev")), {CARL: 550}),
        (dict(msExchRequireAuthToSendTo="TRUE"), {ANN: 250, from_host("ann@example.com"): 550}),
        (dict(msExchRequireAuthToSendTo="FALSE"), {ANN: 250, from_host("ann@example.com"): 250}),
        (dict(msExchRequireAuthToSendTo="TRUE", authOrig=person_dn("ann")), {ANN: 250, BOB: 550}),
    ],
    "zimbra": [
        (dict(zimbraACE="id-ann usr sendToDistList"), {ANN: 250, BOB: 550}),
        (dict(zimbraACE="id-dev grp sendToDistList"), {CARL: 250, BOB: 550}),
        (dict(zimbraACE=["id-ann usr -sendToDistList", "00000000 all sendToDistList"]), {ANN: 550, BOB: 250,
                                                                                         LOGIN["nobody"]: 550}),
        (dict(zimbraACE="99999999 pub sendToDistList"), {from_host("x@elsewhere.example"): 250}),
        (dict(zimbraACE="example.net edom sendToDistList"), {from_host("x@example.net"): 250, ANN: 550}),
        (dict(zimbraACE="x@example.net gst sendToDistList"), {from_host("x@example.net"): 250, ANN: 550}),
        (dict(zimbraACE="id-x dom sendToDistList"), {ANN: 451}),
        (dict(zimbraACE="id-ann usr ownDistList"), {ANN: 250, BOB: 250}),
        (dict(zimbraACE="id-ann usr +sendToDistList"), {ANN: 250, BOB: 550}),
        (dict(zimbraACE="id-ann usr *sendToDistList"), {ANN: 451}),
        (dict(zimbraACE="nonsense"), {ANN: 451}),
    ],
    "tmail": [
        (dict(businessCategory="openList"), {from_host("x@elsewhere.example"): 250}),
        (dict(businessCategory="internalList"), {ANN: 250, from_host("x@elsewhere.example"): 550}),
        (dict(businessCategory="memberRestrictedList", member=[group_dn("dev")]), {CARL: 250, ANN: 550}),
        (dict(businessCategory="ownerRestrictedList", owner=person_dn("ann")), {ANN: 250, BOB: 550}),
        (dict(businessCategory="ownerRestrictedList", owner=group_dn("all")), {CARL: 250, ANN: 550}),
        (dict(businessCategory="domainRestrictedList"), {from_host("x@tmail.example"): 250, ANN: 550}),
        (dict(businessCategory="secretList"), {ANN: 451}),
    ],
}


def domain_of(flavour):
    return f"{flavour.lower()}.example"


def test_the_attributes_of_every_flavour(make_site):
    """One directory with all of them, one domain and source for each; every value allows and denies as it says."""
    ldif = some_people()
    for flavour, cases in FLAVOURS.items():
        for n, (attributes, _) in enumerate(cases):
            members = attributes.get("member", [group_dn("dev")])
            ldif += group(f"{flavour}{n}", members, f"l{n}@{domain_of(flavour)}",
                          **{k: v for k, v in attributes.items() if k != "member"})
    site = make_site(ldif, mta="sink", start=False, slapd=dict(top=schema()))
    site.rollcall.sources = "".join(
        f'{flavour.lower()}: {{ kind: ldap, uri: [ "{site.slapd.uri}" ], base: "dc=example,dc=com", '
        f"attributes: {{ posting: {flavour} }} }}\n" for flavour in FLAVOURS)
    site.rollcall.destinations = "".join(f"{domain_of(f)}: {{ sources: [ {f.lower()} ] }}\n" for f in FLAVOURS)
    site.start()
    wrong = []
    for flavour, cases in FLAVOURS.items():
        for n, (attributes, wanted) in enumerate(cases):
            for sender, reply in wanted.items():
                got = says(site, sender, f"l{n}@{domain_of(flavour)}")
                if got != reply:
                    wrong.append((flavour, attributes, sender, reply, got))
    assert wrong == []
    # What nobody understands is said, with the entry and the value.
    reasons = [line["reason"] for line in site.rollcall.log_lines("rcpt", by="posters", verdict="defer")]
    odd = [n for n, (a, _) in enumerate(FLAVOURS["iRedMail"]) if a.get("accessPolicy") == "friendsonly"]
    assert f"not understood: accessPolicy: friendsonly; of {group_dn(f'iRedMail{odd[0]}')}" in reasons


# ---- by configuration ----

RULES = {
    "{ allow: members }": {ANN: 250, CARL: 250, DORA: 550, from_host("ann.alias@example.org"): 250,
                           from_host("guest@partner.example.net"): 250, from_host("shared@example.com"): 451,
                           LOGIN["nobody"]: 550, LOGIN["*"]: 550, LOGIN["ann)(uid=*"]: 550,
                           from_host("*@example.com"): 550, from_host('"a)(mail=*"@example.com'): 550},
    "{ allow: owners }": {BOB: 250, ANN: 550},
    "{ allow: moderators }": {DORA: 250, ANN: 550},
    "{ allow: [ members, owners ], deny: ann.alias@example.org }": {ANN: 550, BOB: 250},
    "{ allow: x@example.net }": {from_host("X@Example.NET"): 250, ANN: 550},
    '{ allow: "dn:uid=Ann, ou=people,dc=example,dc=com" }': {ANN: 250, BOB: 550},
    '{ allow: "group:cn=all,ou=groups,dc=example,dc=com" }': {CARL: 250, ANN: 550},
    '{ allow: "list:other@{domain}" }': {DORA: 250, ANN: 550},
    '{ allow: "list:gone@{domain}" }': {DORA: 451},
    "{ allow: example.com }": {ANN: 250, LOGIN["dora@example.com"]: 250, from_host("x@a.example.com"): 550},
    "{ allow: .example.com }": {ANN: 250, from_host("x@a.example.com"): 250, from_host("x@badexample.com"): 550},
    '{ allow: "filter:(businessCategory=boss)" }': {DORA: 250, ANN: 550, LOGIN["nobody"]: 550},
    "{ allow: nobody }": {ANN: 550},
    "{ allow: known }": {ANN: 250, LOGIN["nobody"]: 550, from_host("x@elsewhere.example"): 550,
                         from_host("{list}"): 550},
    "{ allow: authenticated }": {LOGIN["nobody"]: 250, from_host("ann@example.com"): 550},
    "{ allow: networks }": {from_host("x@elsewhere.example"): 250, from_host("{list}"): 250, ANN: 250},
    "{ allow: anyone, deny: [ members, .example.net ] }": {ANN: 550, CARL: 550, DORA: 250, from_host("x@example.net"): 550},
    # Whom a stranger claims to be counts against him, and for him only where the site says so.
    "{ allow: [ members, networks ], by: envelope }": {LOGIN["nobody"]: 250},
}


def destination(n):
    return f"c{n}.example"


@pytest.fixture
def ruled(make_site):
    """One list with an address for each rule."""
    addresses = [f"staff@{destination(n)}" for n in range(len(RULES))]
    ldif = some_people() + group("staff", ["ann", group_dn("dev")], "staff@lists.example.com", mailAlternateAddress=addresses,
                                 mgrpRFC822MailMember="guest@partner.example.net", owner=person_dn("bob"),
                                 mgrpModerator="mailto:dora@example.com")
    ldif += group("other", ["dora"], "other@lists.example.com",
                  mailAlternateAddress=[f"other@{destination(n)}" for n in range(len(RULES))])
    checks = "".join(f"{destination(n)}: {{ sources: [ corp ], check: [ posters: "
                     f"{rule.replace('{domain}', destination(n))} ] }}\n" for n, rule in enumerate(RULES))
    return make_site(ldif, mta="sink", slapd=dict(top=schema()), destinations=checks)


def test_every_rule(ruled):
    wrong = []
    for n, (rule, wanted) in enumerate(RULES.items()):
        for (address, login), reply in wanted.items():
            to = f"staff@{destination(n)}"
            got = says(ruled, (address.replace("{list}", to), login), to)
            if got != reply:
                wrong.append((rule, address, login, reply, got))
    assert wrong == []


def moderated(rule):
    """The checks by which exactly those pass that `allow` lets in, if it stands in `bypass`."""
    return f"[ posters: {{ allow: anyone }}, moderated: {{ on_fail: reject, {rule} }} ]"


def test_every_rule_as_a_bypass_of_moderation(make_site):
    """Who needs no moderation is judged as who may post is, by what is proven: each rule that allows, turned."""
    rules = {r.replace("allow:", "bypass:").strip("{} "): w for r, w in RULES.items() if "deny" not in r and "by:" not in r}
    rules['bypass: "login:ann"'] = {ANN: 250, from_host("ann@example.com"): 550, LOGIN["dora@example.com"]: 550}
    at = {rule: destination(n) for n, rule in enumerate(rules)}
    ldif = some_people() + group("staff", ["ann", group_dn("dev")], "staff@lists.example.com", owner=person_dn("bob"),
                                 mailAlternateAddress=[f"staff@{d}" for d in at.values()],
                                 mgrpRFC822MailMember="guest@partner.example.net", mgrpModerator="mailto:dora@example.com")
    ldif += group("other", ["dora"], "other@lists.example.com", mailAlternateAddress=[f"other@{d}" for d in at.values()])
    site = make_site(ldif, mta="sink", slapd=dict(top=schema()), destinations="".join(
        f"{d}: {{ sources: [ corp ], check: {moderated(rule.replace('{domain}', d))} }}\n" for rule, d in at.items()))
    wrong = []
    for rule, wanted in rules.items():
        to = f"staff@{at[rule]}"
        for (address, login), reply in wanted.items():
            got = says(site, (address.replace("{list}", to), login), to)
            if got != reply:
                wrong.append((rule, address, login, reply, got))
        if "anyone" not in rule:          # of a stranger nothing is proven
            assert says(site, ("ann@example.com", None), to, client="203.0.113.7") == 550, rule
    assert wrong == []
    explained = site.rollcall.ctl_json("explain", "ann@example.com", f"staff@{at['bypass: members']}", "--auth", "ann")
    (said,) = [a for a in explained["answers"] if a["check"] == "moderated"]
    assert said["reason"] == "ann: bypass: members", said


def test_strangers(ruled):
    """Nobody has proven anything: what they claim is not believed, unless the site says so; but it can be denied."""
    def got(sender, rule):
        return says(ruled, (sender, None), f"staff@{destination(list(RULES).index(rule))}", client="203.0.113.7")

    assert got("ann@example.com", "{ allow: members }") == 550
    assert got("ann@example.com", "{ allow: known }") == 550
    assert got("x@example.net", "{ allow: x@example.net }") == 550
    assert got("ann@example.com", "{ allow: [ members, networks ], by: envelope }") == 250
    assert got("dora@example.com", "{ allow: [ members, networks ], by: envelope }") == 550
    denied = "{ allow: anyone, deny: [ members, .example.net ] }"
    assert [got(s, denied) for s in ("x@elsewhere.example", "ann@example.com", "x@example.net")] == [250, 550, 550]


def test_by_from(make_site):
    """C161, C162: From counts at the end, of whoever has proven nothing; of others what is proven, whatever From says."""
    site = make_site(some_people() + group("staff", ["ann", "bob"], "staff@lists.example.com"), mta="sink",
                     slapd=dict(top=schema()),
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: members, "
                                  "deny: bob@example.com, by: from } ] }")

    def post(header, client="203.0.113.7", login=None):
        m = Milter(site.rollcall.milter_socket)
        m.connect(client)
        m.mail("x@elsewhere.example", login=login)
        rcpt = m.rcpt("staff@lists.example.com")
        got = rcpt if rcpt[0] == b"y" else m.message([(b"From", h) for h in header])
        m.close()
        return rcpt[0] + got[0]

    assert post([b" Ann <ann@example.com>"]) == b"cc"
    for header in ([b" Dora <dora@example.com>"], [b" ann@example.com, bob@example.com"], [b" a@example.com", b" ann@example.com"],
                   [b" staff@lists.example.com"], [b" bob@example.com"], []):
        assert post(header) == b"cy", header
    assert post([b" staff@lists.example.com"], login="ann") == b"cc"
    assert post([b" ann@example.com"], login="dora") == post([b" ann@example.com"], client="127.0.0.1") == b"yy"


def test_moderators_of_exchange(make_site):
    site = make_site(some_people() + group("staff", ["bob"], "staff@lists.example.com",
                                           msExchModeratedByLink=[person_dn("ann"), group_dn("dev")]),
                     mta="sink", slapd=dict(top=schema()), source_more="attributes: { posting: exchange }",
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: moderators } ] }")
    assert [says(site, who, "staff@lists.example.com") for who in (ANN, BOB, CARL, DORA)] == [250, 550, 250, 550]


# ---- what it costs, and what happens when the directory is away ----

SEARCH, ABANDON = 0x63, 0x50


def requests(data):
    """The tag of each request, and all of it."""
    while data:                                               # LDAPMessage: a sequence of a number and the request
        short = data[1] < 128
        size = data[1] if short else int.from_bytes(data[2:2 + data[1] - 128], "big")
        head = 2 if short else 2 + data[1] - 128
        body = data[head:head + size]
        yield body[2 + body[1]], body
        data = data[head + size:]


class Watch:
    """Counts searches on their way to a directory that is far away."""

    def __init__(self, proxy, delay):
        self.searches = 0
        proxy.look, proxy.delay = self.look, delay

    def look(self, data, from_server):
        if not from_server:
            self.searches += sum(tag == SEARCH for tag, _ in requests(data))


class Slow:
    """The directory never answers searches that name something, nor what comes with them."""

    def __init__(self, proxy, name):
        self.name, self.lock = name, threading.Lock()
        self.searches = self.abandoned = 0
        proxy.look = self.look

    def look(self, data, from_server):
        if from_server:
            return False
        tags = list(requests(data))
        slow = any(tag == SEARCH and self.name in body for tag, body in tags)
        with self.lock:
            self.searches += slow and sum(tag == SEARCH for tag, _ in tags)
            self.abandoned += sum(tag == ABANDON for tag, _ in tags)
        return slow


def test_two_round_trips_for_a_huge_group(make_site):
    """Finding the list and who the poster is go together, and whether he is on it follows: whatever its size."""
    count = 100_000
    crowd = [f"uid=u{i},ou=people,dc=example,dc=com" for i in range(count)]
    ldif = some_people() + group("huge", [*crowd, person_dn("ann"), group_dn("dev")], "huge@lists.example.com")
    ldif += group("small", ["bob"], "small@lists.example.com")
    site = make_site(ldif, mta="sink", through_proxy=True, slapd=dict(top=schema()), milter="deadline: 20s",
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: members } ] }")
    watch = Watch(site.proxy, delay=0.4)
    assert says(site, BOB, "small@lists.example.com") == 250      # two connections are open now
    watch.searches, began = 0, time.monotonic()
    assert says(site, ANN, "huge@lists.example.com") == 250
    assert 0.8 <= time.monotonic() - began < 1.2
    assert watch.searches == 3            # two of them at once
    # Another list: who it is, is known; the list, her groups, and groups with these.
    watch.searches, began = 0, time.monotonic()
    assert says(site, ANN, "small@lists.example.com") == 550
    assert watch.searches == 3 and time.monotonic() - began < 1.6
    # All of it is.
    watch.searches = 0
    assert says(site, ANN, "huge@lists.example.com") == 250
    assert watch.searches == 0
    # By a nested group: one more level.
    assert says(site, CARL, "huge@lists.example.com") == 250
    assert watch.searches == 4


def test_moderation_of_a_huge_group_costs_no_more(make_site):
    """Who the poster is, is asked once for both checks, and so is whether he is on the list."""
    crowd = [f"uid=u{i},ou=people,dc=example,dc=com" for i in range(100_000)]
    ldif = some_people() + group("huge", [*crowd, person_dn("ann"), group_dn("dev")], "huge@lists.example.com")
    ldif += group("small", ["bob"], "small@lists.example.com")
    site = make_site(ldif, mta="sink", through_proxy=True, slapd=dict(top=schema()), milter="deadline: 20s",
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: members }, "
                                  "moderated: { bypass: members, on_fail: reject } ] }")
    watch = Watch(site.proxy, delay=0.4)
    assert says(site, BOB, "small@lists.example.com") == 250
    watch.searches, began = 0, time.monotonic()
    assert says(site, ANN, "huge@lists.example.com") == 250
    assert time.monotonic() - began < 1.2 and watch.searches == 3


def test_moderation_by_a_directory_that_is_away(make_site):
    """Whether somebody needs moderation is not known then: 451, or held, as on_unsure says; late is unsure as well."""
    checks = {"lists.example.com": "moderated: { bypass: members }", "b.example": "moderated: { bypass: members, on_unsure: hold }"}
    site = make_site(some_people() + group("staff", ["ann"], "staff@lists.example.com", mailAlternateAddress="staff@b.example"),
                     mta="sink", slapd=dict(top=schema()), milter="deadline: 1s", source_more="cache: { people: 0s }",
                     destinations="".join(f"{d}: {{ sources: [ corp ], check: [ posters: {{ allow: anyone }}, {c} ] }}\n"
                                          for d, c in checks.items()))
    staff, held = (f"staff@{d}" for d in checks)
    verdicts = lambda: [li["verdict"] for li in site.rollcall.log_lines("rcpt", to=held)]
    assert says(site, ANN, staff) == says(site, ANN, held) == 250 and verdicts() == []
    site.slapd.hang()
    try:
        began = time.monotonic()
        assert says(site, ANN, staff) == 451
        assert 0.9 < time.monotonic() - began < 5
        assert says(site, ANN, held) == 250 and verdicts() == ["hold"]
    finally:
        site.slapd.go_on()
    wait_until(lambda: says(site, ANN, staff) == 250, 20, "the directory")
    site.slapd.stop()
    wait_until(lambda: says(site, ANN, staff) == 451, 10, "that nobody knows")
    assert re.search("moderated=(late|unsure)", site.rollcall.log_lines("rcpt", verdict="defer")[-1]["asked"])
    assert says(site, ANN, held) == 250 and set(verdicts()) == {"hold"}


def test_permission_is_never_stale(make_site):
    """A list may be remembered while the directory is away; that somebody may post is not for longer than `people`."""
    own = group("own", ["ann"], "own@lists.example.com", mgrpAllowedBroadcaster="ann@example.com")
    site = make_site(some_people() + group("staff", ["ann"], "staff@lists.example.com") + own, mta="sink",
                     slapd=dict(top=schema()), milter="deadline: 300ms", source_more="cache: { yes: 1s, people: 1s }",
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: members } ] }")
    assert says(site, ANN, "staff@lists.example.com") == 250
    site.slapd.modify(f"dn: {group_dn('staff')}\nchangetype: modify\nreplace: member\nmember: {person_dn('bob')}\n")
    wait_until(lambda: says(site, ANN, "staff@lists.example.com") == 550, 10, "that ann is no member any more")
    assert says(site, BOB, "staff@lists.example.com") == says(site, from_host("ann@example.com"), "own@lists.example.com") == 250
    site.slapd.stop()
    wait_until(lambda: says(site, from_host("ann@example.com"), "own@lists.example.com") == 451, 10, "that its rules are old")
    assert site.rollcall.log_lines("rcpt", reason=f"what {group_dn('own')} says of posters is old")
    wait_until(lambda: says(site, BOB, "staff@lists.example.com") == 451, 10, "that bob is not known to be one")
    site.slapd.start()
    wait_until(lambda: says(site, BOB, "staff@lists.example.com") == 250, 10, "the directory")


def test_a_directory_that_hangs(make_site):
    """At the deadline nobody knows; and where another check settles it, nobody waits."""
    late = "fail: { answer: fail }, "
    site = make_site(some_people() + group("staff", ["ann"], "staff@lists.example.com", mailAlternateAddress="staff@b.example"),
                     mta="sink", slapd=dict(top=schema()), milter="deadline: 1s", source_more="cache: { people: 0s }",
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: members } ] }\n"
                                  f"b.example: {{ sources: [ corp ], check: [ {late}posters: {{ allow: members }} ] }}")
    assert says(site, ANN, "staff@lists.example.com") == 250
    assert says(site, ANN, "staff@b.example") == 550
    site.slapd.hang()
    try:
        began = time.monotonic()
        assert says(site, ANN, "staff@b.example") == 550
        assert time.monotonic() - began < 0.9
        assert says(site, ANN, "staff@lists.example.com") == 451
        assert time.monotonic() - began > 0.9
    finally:
        site.slapd.go_on()
    lines = site.rollcall.log_lines("rcpt", to="staff@b.example")
    assert "posters=cancelled" in lines[-1]["asked"]
    assert re.search("posters=(late|unsure/)", site.rollcall.log_lines("rcpt", verdict="defer")[-1]["asked"])
    wait_until(lambda: says(site, ANN, "staff@lists.example.com") == 250, 20, "the directory")


def slow_site(make_site, **options):
    """A domain where another check soon settles it, and one where none does."""
    ldif = some_people() + group("staff", ["ann"], "staff@lists.example.com", mailAlternateAddress="staff@b.example")
    ldif += group("search", ["bob"], "search@lists.example.com", mailAlternateAddress="search@b.example",
                  mgrpDeliverTo="ldap:///??sub?(cn=nobody in particular)")
    options.setdefault("milter", "deadline: 20s")
    site = make_site(ldif, mta="sink", through_proxy=True, slapd=dict(top=schema()), destinations="""
        lists.example.com: { sources: [ corp ], check: [ fail: { answer: fail, after: 300ms }, posters: { allow: members } ] }
        b.example: { sources: [ corp ], check: [ posters: { allow: members } ] }
        """, **options)
    assert [says(site, BOB, f"{list}@{domain}") for list in ("staff", "search") for domain in ("b.example", "lists.example.com")] \
        == [550, 550, 250, 550]
    return site


def test_what_is_cancelled_is_abandoned_under_many_sessions(make_site):
    """All workers are free at once, and their connections are used on."""
    site = slow_site(make_site, source_more="cache: { people: 0s }")
    slow = Slow(site.proxy, b"slow")
    for _ in range(3):
        with futures.ThreadPoolExecutor(100) as sessions:
            said = sessions.map(lambda n: says(site, ("", f"slow{n}"), "staff@lists.example.com"), range(100))
        assert set(said) == {550}
        assert any("posters=cancelled" in line["asked"] for line in site.rollcall.log_lines("rcpt", login="slow99"))
        assert says(site, ANN, "staff@b.example") == 250
    wait_until(lambda: slow.abandoned >= slow.searches, 10, "that all is abandoned")
    assert slow.searches >= 4 and site.proxy.connections <= 8         # as many as the cache has workers


@pytest.mark.parametrize("name", [b"\x04\x03uid", b"\x04\x06member\x04", b"nobody in particular"], ids=["who", "groups", "search"])
def test_every_search_is_abandoned_that_is_cancelled(make_site, name):
    site = slow_site(make_site, source_more="""attributes: { member-url: mgrpDeliverTo }
              timeout: 60s
              cache: { patience: 60s }""")
    slow, before = Slow(site.proxy, name), site.proxy.connections
    assert says(site, ANN, "search@lists.example.com") == 550
    wait_until(lambda: slow.abandoned >= slow.searches > 0, 10, "that it is abandoned")
    site.proxy.look = None
    assert says(site, ANN, "search@b.example") == 550
    assert site.proxy.connections == before


def test_what_is_late_is_abandoned(make_site):
    """The connection is used on, but not for ever: the server may be gone."""
    site = slow_site(make_site, milter="deadline: 1s", source_more="""cache: { people: 0s, workers: 1 }
              connect-timeout: 2500ms""")
    slow, before = Slow(site.proxy, b"slow"), site.proxy.connections
    for n in range(2):
        assert says(site, ("", f"slow{n}"), "staff@b.example") == 451
        wait_until(lambda n=n: slow.abandoned == slow.searches == n + 1, 10, "that it is abandoned")
    assert says(site, ANN, "staff@b.example") == 250
    assert site.proxy.connections == before
    for n in range(4):
        assert says(site, ("", f"slow{n}"), "staff@b.example") == 451
    wait_until(lambda: says(site, ANN, "staff@b.example") == 250, 10, "another connection")
    assert site.proxy.connections == before + 1


def test_a_directory_that_dies_under_many_sessions(make_site):
    """Whatever is asked meanwhile is answered rightly or 451, and all is well again without a restart."""
    site = make_site(some_people() + group("staff", ["ann"], "staff@lists.example.com"), mta="sink", slapd=dict(top=schema()),
                     source_more="cache: { people: 0s }",
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: members } ] }")
    answers, ended = {"ann": [], "bob": []}, threading.Event()

    def session(login):
        m = Milter(site.rollcall.milter_socket)
        m.connect("203.0.113.7")
        while not ended.is_set():
            m.mail(f"{login}@example.com", login=login)
            answers[login].append(m.rcpt("staff@lists.example.com")[1][:3])
            m.abort()
        m.close()

    threads = [threading.Thread(target=session, args=(("ann", "bob")[n % 2],)) for n in range(100)]
    for t in threads:
        t.start()
    try:
        wait_until(lambda: len(answers["ann"]) > 200 and len(answers["bob"]) > 200, 30, "answers")
        site.slapd.process.kill()
        site.slapd.process.wait()
        before = [len(a) for a in answers.values()]
        wait_until(lambda: all(a[n:].count(b"451") > 50 for a, n in zip(answers.values(), before)), 30, "451")
        site.slapd.start()
        before = [len(a) for a in answers.values()]
        wait_until(lambda: answers["ann"][before[0]:].count(b"") > 50 and answers["bob"][before[1]:].count(b"550") > 50, 60,
                   "answers again")
    finally:
        ended.set()
        for t in threads:
            t.join()
    assert set(answers["ann"]) == {b"", b"451"} and set(answers["bob"]) == {b"550", b"451"}


# ---- the operator ----

def test_explain_names_what_decided(make_site):
    site = make_site(some_people() + group("staff", ["ann"], "staff@lists.example.com",
                                           mgrpAllowedBroadcaster=["mailto:bob@example.com", person_dn("carl")]) +
                     group("plain", ["ann"], "plain@lists.example.com") +
                     group("odd", ["ann"], "odd@lists.example.com", mgrpAllowedBroadcaster="ldap://x/"),
                     mta="sink", slapd=dict(top=schema()),
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: [ owners, members ] } ] }")

    def explain(login, to, status):
        got = json.loads(site.rollcall.ctl("--json", "explain", "x@example.net", to, "--auth", login, check=status).stdout)
        (answer,) = [a for a in got["answers"] if a["check"] == "posters"]
        assert answer["origin"].startswith(str(site.rollcall.config) + ":")
        return answer["reason"]

    key = group_dn("staff")
    assert explain("carl", "staff@lists.example.com", 0) == \
        f"carl may post: mgrpAllowedBroadcaster: {person_dn('carl')}; of {key}"
    assert explain("ann", "staff@lists.example.com", 1) == \
        "ann is none of those that may post: mgrpAllowedBroadcaster: mailto:bob@example.com; " \
        f"mgrpAllowedBroadcaster: {person_dn('carl')}; of {key}"
    assert explain("ann", "plain@lists.example.com", 0) == "ann may post: allow: members"
    assert explain("bob", "plain@lists.example.com", 1) == \
        "bob is none of those that may post: allow: owners; allow: members"
    assert explain("ann", "odd@lists.example.com", 75) == \
        f"not understood: mgrpAllowedBroadcaster: ldap://x/; of {group_dn('odd')}"
    exposed = {r["address"].partition("@")[0]: r["posters"] for r in site.rollcall.ctl_json("lists", "--exposed")["lists"]}
    assert exposed == dict(staff=f"mgrpAllowedBroadcaster: mailto:bob@example.com; mgrpAllowedBroadcaster: {person_dn('carl')}",
                           plain="owners, members", odd="nobody, until its entry is mended")


@pytest.mark.parametrize("how", ["groupOfUniqueNames", "person-groups"])
def test_other_ways_to_be_a_member(make_site, how):
    """uniqueMember; and memberOf of the person, where the site says that it can be trusted."""
    out = some_people()
    if how == "person-groups":
        out += entry(person_dn("eve"), objectClass=["inetOrgPerson", "posting"], uid="eve", cn="eve", sn="eve",
                     memberOf=group_dn("staff"))
        out += group("staff", ["ann"], "staff@lists.example.com")
        more = "attributes: { person-groups: memberOf }"
    else:
        out += entry(group_dn("staff"), objectClass=["groupOfUniqueNames", "mailGroup"], cn="staff",
                     mail="staff@lists.example.com", uniqueMember=[person_dn("ann"), group_dn("devs")])
        out += entry(group_dn("devs"), objectClass="groupOfUniqueNames", cn="devs", uniqueMember=person_dn("carl"))
        more = "preset: groupOfUniqueNames"
    site = make_site(out, mta="sink", slapd=dict(top=schema()), source_more=more,
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: members } ] }")
    wanted = {"ann": 250, "bob": 550, **({"eve": 250} if how == "person-groups" else {"carl": 250})}
    assert {u: says(site, ("", u), "staff@lists.example.com") for u in wanted} == wanted


def test_logins_of_a_source_that_knows_addresses(make_site, place):
    """A login is the address that it looks like, or that it makes with the domain that the site names."""
    (place / "lists.json").write_text('{ "lists": [ { "address": "staff@lists.example.com", '
                                      '"members": [ "ann@example.com" ] } ] }')
    site = make_site(mta="sink", sources=f"corp: {{ kind: file, path: {place}/lists.json }}",
                     destinations="lists.example.com: { sources: [ corp ], check: [ posters: "
                                  "{ allow: members, login-domain: example.com } ] }")
    wanted = {"ann": 250, "ann@example.com": 250, "bob": 550, "ann@example.net": 550}
    assert {u: says(site, ("", u), "staff@lists.example.com") for u in wanted} == wanted
