"""Whether somebody is a member: what a walk says, for every flavour, without one, whatever the size of the group."""
import random
import threading

import pytest

from testbed import directory
from testbed.directory import entry, group_dn, person_dn
from testbed.flavours import ACTIVE, FLAVOURS, LISTS, PEOPLE, mail_of
from testbed.milter import Milter
from testbed.slapd import MAILGROUP

MEMBERS = ("lists.example.com: { sources: [ corp ], check: [ posters: { allow: members } ] }\n"
           "bücher.example: { sources: [ corp ], check: [ posters: { allow: members } ] }")
IN_PEOPLE = "ldap:///ou=people,dc=example,dc=com??sub?"
IN_GROUPS = "ldap:///ou=groups,dc=example,dc=com??sub?"


def source(**settings):
    return "\n              ".join(f"{k}: {v}" for k, v in settings.items())


def may_post(site, sender, recipient):
    m = Milter(site.rollcall.milter_socket)
    try:
        m.connect("127.0.0.1")
        m.mail(sender)
        command, text = m.rcpt(recipient)
        return 250 if command == b"c" else int(text[:3])
    finally:
        m.close()


def walked(site, address):
    return {m["address"].lower() for m in site.rollcall.ctl_json("members", address)["members"]}


def compare(site, lists, people):
    """Both ways to ask, of each person and list."""
    for name in lists:
        address = f"{name}@lists.example.com"
        members = walked(site, address)
        asked = {p for p in people if may_post(site, p, address) == 250}
        assert asked == members & set(people), name


@pytest.mark.parametrize("name", FLAVOURS)
def test_every_flavour(make_site, name):
    f = FLAVOURS[name]()
    # businessCategory has another meaning for tmail.
    ldif = f.make().replace("businessCategory: reply-to: list\n", "")
    site = make_site(ldif, mta="sink", slapd=f.slapd, source_more=source(**f.settings),
                     destinations=MEMBERS)
    compare(site, [n for n in LISTS if n != "idn"], [mail_of(u).lower() for u in PEOPLE])


def random_groups(seed):
    """People and groups within each other by values, by searches, by addresses; with exceptions."""
    r = random.Random(seed)
    people, groups = [f"p{i}" for i in range(8)], [f"g{i}" for i in range(9)]
    out = directory.top()
    for i, uid in enumerate(people):
        out += entry(person_dn(uid), objectClass=["inetOrgPerson", "extensibleObject"], uid=uid, cn=uid, sn=uid,
                     mail=f"{uid}@example.com", employeeType=f"t{i % 3}")

    def some(what, most):
        return r.sample(what, r.randrange(most + 1))

    for i, cn in enumerate(groups):
        more, urls = {}, []
        if i % 3 == 0:
            urls += [f"{IN_PEOPLE}(uid={u})" for u in some(people, 2)] + [f"{IN_GROUPS}(cn={g})" for g in some(groups, 1)]
            urls += [f"{IN_PEOPLE}(employeeType=t{r.randrange(3)})"] * (r.random() < 0.3)
            urls += [f"mailto:{u}@example.com" for u in some(people, 1)]
            urls += [f"mailto:{g}@lists.example.com" for g in some(groups, 1)]
            more["mgrpDeliverException"] = [person_dn(u) for u in some(people, 1)] + [group_dn(g) for g in some(groups, 1)]
        out += entry(group_dn(cn), objectClass=["emptyGroup", "inetMailGroup", "extensibleObject"], cn=cn,
                     mail=f"{cn}@lists.example.com", mgrpDeliverTo=urls[::2], memberURL=urls[1::2],
                     uniqueMember=[person_dn(u) for u in some(people, 1)] + [group_dn(g) for g in some(groups, 2)],
                     mgrpRFC822MailMember=[f"{u}@example.com" for u in some(people, 1)] + [
                         f"{g}@lists.example.com" for g in some(groups, 1)], **more)
    return out, [f"{u}@example.com" for u in people], groups


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("terms", [1, 50])
def test_random_groups(make_site, seed, terms):
    ldif, people, groups = random_groups(seed)
    f = FLAVOURS["inetMailGroup"]()
    site = make_site(ldif, mta="sink", slapd=f.slapd, destinations=MEMBERS,
                     source_more=source(**{"preset": "inetMailGroup", "or-terms": terms}))
    compare(site, groups, people)


def test_a_search_that_cannot_be_read(make_site):
    """Where the list depends on it whoever is not found is doubtful; elsewhere nobody is."""
    out = directory.top() + directory.person("ann") + directory.person("bob")
    for cn, more in (("bad", dict(memberURL="ldap://elsewhere.example/dc=x??sub?(a=b)")), ("up", dict(member=group_dn("bad"))),
                     ("well", dict(memberURL=f"{IN_PEOPLE}(uid=ann)"))):
        out += entry(group_dn(cn), objectClass=["groupOfURLs", "mailGroup", "extensibleObject"], cn=cn,
                     mail=f"{cn}@lists.example.com", **more)
    site = make_site(out, mta="sink", slapd=FLAVOURS["urls"]().slapd, source_more="preset: groupOfURLs", destinations=MEMBERS)
    ann, bob = ([may_post(site, f"{p}@example.com", f"{cn}@lists.example.com") for cn in ("bad", "up", "well")]
                for p in ("ann", "bob"))
    assert (ann, bob) == ([451, 451, 250], [451, 451, 550])


class Trips:
    """Counts how often the client waits for a directory that is far away: what is asked together is on its way together."""

    def __init__(self, proxy, delay=0.3):
        self.count, self.answered, self.lock = 0, True, threading.Lock()
        proxy.look, proxy.delay = self.look, delay

    def look(self, data, from_server):
        with self.lock:
            if not from_server:
                self.count += self.answered
            self.answered = from_server


COUNT = 100_000
HUGE = "huge@lists.example.com"


def crowd(classes=(), **more):
    out = directory.top()
    for i in range(COUNT):
        out += entry(person_dn(f"u{i}"), objectClass=["inetOrgPerson", *classes], uid=f"u{i}", cn="U", sn="U",
                     mail=f"u{i}@example.com", **({k: v(i) for k, v in more.items() if v(i)}))
    return out


def all_but_one(value):
    return lambda i: value if i else None


BY = {
    "memberURL": (
        "groupOfURLs", dict(schemas=["nis", "dyngroup", MAILGROUP], index="uid,mail,cn,employeeType"),
        lambda: crowd(employeeType=all_but_one("staff")) + entry(
            group_dn("huge"), objectClass=["groupOfURLs", "mailGroup"], cn="huge", mail=HUGE,
            memberURL=f"{IN_PEOPLE}(employeeType=staff)")),
    "filtermember": (
        "qmailGroup", FLAVOURS["qmailGroup"]().slapd,
        lambda: crowd(employeeType=all_but_one("staff")) + entry(
            group_dn("huge"), objectClass=["applicationProcess", "qmailGroup", "extensibleObject"], cn="huge", mail=HUGE,
            mailMessageStore="/x", mailAlternateAddress="x@x.example", filtermember="(employeeType=staff)")),
    "memberOfGroup": (
        "iRedMail", FLAVOURS["iRedMail"]().slapd,
        lambda: crowd(["mailUser"], memberOfGroup=all_but_one(HUGE), accountStatus=lambda i: "active",
                      enabledService=lambda i: ["mail", "deliver"]) + entry(
            f"mail={HUGE},ou=groups,dc=example,dc=com", objectClass=["mailList", "extensibleObject"], mail=HUGE, **ACTIVE)),
    "primary-member": (
        "groupOfNames\n              attributes: { primary-group: gidNumber, primary-member: employeeType }", {},
        lambda: crowd(employeeType=all_but_one("77")) + entry(
            group_dn("huge"), objectClass=["groupOfNames", "mailGroup", "extensibleObject"], cn="huge", mail=HUGE,
            member=group_dn("huge"), gidNumber="77")),
    "uniqueMember": (
        "groupOfNames\n              attributes: { groups: (objectClass=mailGroup), member-also: uniqueMember }",
        dict(extra="index uniqueMember eq"),
        lambda: crowd() + entry(
            group_dn("huge"), objectClass=["groupOfUniqueNames", "mailGroup"], cn="huge", mail=HUGE,
            uniqueMember=[person_dn(f"u{i}") for i in range(1, COUNT)])),
}


@pytest.mark.parametrize("by", BY)
def test_two_round_trips_for_a_huge_group(make_site, by):
    """That somebody is a member, and that somebody is not, when the list and the person are known already."""
    preset, slapd, make = BY[by]
    ldif = make()
    if preset != "iRedMail":
        ldif += entry(group_dn("none"), objectClass=ldif_classes(preset), cn="none", mail="none@lists.example.com",
                      **{"groupOfNames": {"member": group_dn("none")}, "qmailGroup": {
                          "mailMessageStore": "/x", "mailAlternateAddress": "y@x.example"}}.get(preset.split()[0], {}))
    site = make_site(ldif, mta="sink", through_proxy=True, slapd=slapd, source_more=f"preset: {preset}",
                     destinations=MEMBERS, milter="deadline: 20s")
    trips = Trips(site.proxy)
    assert may_post(site, "u0@example.com", HUGE) == 550      # the list is known, and she is, and that she is not is not
    trips.count = 0
    assert may_post(site, "u0@example.com", HUGE) == 550
    assert trips.count <= 2
    if preset != "iRedMail":
        assert may_post(site, "u7@example.com", "none@lists.example.com") == 550
        trips.count = 0
        assert may_post(site, "u7@example.com", HUGE) == 250
        assert trips.count <= 2


def ldif_classes(preset):
    return {"groupOfURLs": ["groupOfURLs", "mailGroup"], "qmailGroup": ["applicationProcess", "qmailGroup", "extensibleObject"]}.get(
        preset, ["groupOfNames", "mailGroup"])
