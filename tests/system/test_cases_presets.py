"""Who may post by what directories of each product say: their own schema, their groups as they have them, and the preset alone."""
import pytest

from test_posters import ANN, FLAVOURS as CASES, domain_of, from_host, says
from testbed import directory
from testbed.directory import entry, group_dn, person_dn
from testbed.flavours import ACTIVE, FLAVOURS

PEOPLE = "ann", "bob", "carl", "dora"


def mail_of(dn):
    """Of a person or of a group."""
    name = dn.split(",")[0].split("=")[1]
    return f"{name}@example.com" if ",ou=people," in dn else f"{name}@groups.example.com"


# How people have a second address, and groups their members.
def netscape_person(uid, second):
    return dict(objectClass="mailRecipient", mailAlternateAddress=second)


def sun_person(uid, second):
    return dict(objectClass="inetMailUser", mailEquivalentAddress=second)


def qmail_person(uid, second):
    return dict(objectClass="qmailUser", mailAlternateAddress=second, accountStatus="active")


def zimbra_person(uid, second):
    return dict(objectClass="zimbraAccount", zimbraMailAlias=second, zimbraId=f"id-{uid}", zimbraAccountStatus="active",
                mail=f"{uid}@internal.example.com", zimbraMailDeliveryAddress=f"{uid}@example.com")


def netscape_group(members, **more):
    return dict(objectClass=["emptyGroup", "mailGroup"], uniqueMember=members)


def sun_group(members, **more):
    return dict(objectClass=["emptyGroup", "inetMailGroup"], uniqueMember=members)


def qmail_group(members, address):
    return dict(objectClass=["applicationProcess", "qmailGroup"], dnmember=members, mailMessageStore="/x",
                mailAlternateAddress=f"catchall-{address}")


def zimbra_group(members, **more):
    return dict(objectClass="zimbraDistributionList", zimbraMailForwardingAddress=[mail_of(m) for m in members])


def tmail_group(members, **more):
    return dict(objectClass=["groupOfNames", "mailGroup"], member=members)


HOW = {"mailGroup": (netscape_person, netscape_group), "inetMailGroup": (sun_person, sun_group),
       "qmailGroup": (qmail_person, qmail_group), "zimbra": (zimbra_person, zimbra_group), "tmail": (netscape_person, tmail_group)}


def build(flavour, lists):
    """The people and groups of test_posters.py, and lists: (name, address, members, attributes)."""
    person, group = HOW[flavour]
    out = directory.top()
    for uid in PEOPLE:
        own = person(uid, f"{uid}.alias@example.org")
        out += entry(person_dn(uid), uid=uid, cn=uid, sn=uid, businessCategory="boss" if uid == "dora" else "staff",
                     **{"mail": f"{uid}@example.com", **own, "objectClass": ["inetOrgPerson", own["objectClass"]]})
    inner = [("dev", mail_of(group_dn("dev")), [person_dn("carl")], {"zimbraId": "id-dev"} if flavour == "zimbra" else {}),
             ("all", mail_of(group_dn("all")), [group_dn("dev"), person_dn("bob")], {})]
    for name, address, members, attributes in inner + lists:
        own = group(members, address=address)
        if flavour == "zimbra":
            own.update(uid=name)
        out += entry(group_dn(name), cn=name, mail=address, **own, **attributes)
    return out


def iredmail(lists):
    """Members say themselves what they are members of, by its address."""
    inner = [("dev", "dev@groups.example.com", [person_dn("carl")], {}),
             ("all", "all@groups.example.com", [group_dn("dev"), person_dn("bob")], {})]
    every = inner + lists
    within = lambda dn: [address for _, address, members, _ in every if dn in members]
    out = directory.top()
    for uid in PEOPLE:
        out += entry(person_dn(uid), objectClass=["inetOrgPerson", "mailUser"], uid=uid, cn=uid, sn=uid, mail=f"{uid}@example.com",
                     shadowAddress=f"{uid}.alias@example.org", memberOfGroup=within(person_dn(uid)), **ACTIVE)
    for name, address, _, attributes in every:
        out += entry(f"mail={address},ou=groups,dc=example,dc=com", objectClass="mailList", mail=address, cn=name,
                     memberOfGroup=within(group_dn(name)), **ACTIVE, **attributes)
    return out


def wrong_in_schema(flavour, attributes):
    """What the product's schema does not let anybody write."""
    return flavour == "qmailGroup" and attributes.get("membersonly") not in (None, "TRUE", "FALSE")


@pytest.mark.parametrize("flavour", [f for f in CASES if f != "exchange"])
def test_every_attribute_with_the_products_schema(make_site, flavour):
    """The cases of test_posters.py; and the second address of a person counts, both ways, as each product has it."""
    cases = [(dict(attributes), wanted) for attributes, wanted in CASES[flavour] if not wrong_in_schema(flavour, attributes)]
    lists = []
    for n, (attributes, _) in enumerate(cases):
        members = attributes.pop("member", [group_dn("dev")])
        lists.append((f"l{n}", f"l{n}@{domain_of(flavour)}", members, attributes))
    f = FLAVOURS[flavour]()
    ldif = iredmail(lists) if flavour == "iRedMail" else build(flavour, lists)
    site = make_site(ldif, mta="sink", slapd=f.slapd, source_more=f"preset: {f.settings['preset']}",
                     destinations=f"{domain_of(flavour)}: {{ sources: [ corp ] }}")
    wrong = []
    for n, (attributes, wanted) in enumerate(cases):
        for sender, reply in [*wanted.items(), *([(from_host("ann.alias@example.org"), wanted[ANN])] if both_count(wanted) else [])]:
            got = says(site, sender, f"l{n}@{domain_of(flavour)}")
            if got != reply:
                wrong.append((attributes, lists[n][2], sender, reply, got))
    assert wrong == [], wrong


def both_count(wanted):
    """Whether it is about Ann, however she is known: not about a login, or about domains of what is written."""
    return wanted.get(ANN) == wanted.get(from_host("ann@example.com"), wanted.get(ANN)) and ANN in wanted and wanted[ANN] != 451
