"""The contract's lists (tests/fixtures/contract.ldif) as other flavours of directories have them."""
from .base import ROOT, unpacked
from .directory import SUFFIX, account, entry, group_dn, person_dn, top
from .slapd import MAILGROUP

# People, groups, addresses.
LISTS = {
    "staff": (["ann", "bob"], ["dev"], ["guest@partner.example.net"]),
    "dev": (["carl", "ann"], ["staff"], []),
    "dev-owner": (["ann"], [], []),
    "diamond": ([], ["left", "right"], []),
    "left": ([], ["bottom"], []),
    "right": (["ann"], ["bottom"], []),
    "bottom": (["dora"], [], []),
    "selfish": ([], ["selfish"], []),
    "idn": (["ann"], [], []),
}
PEOPLE = ["ann", "bob", "carl", "dora"]
# Every way to read members, once with as little at a time as there can be.
TECHNIQUES = [dict(technique="deref"), dict(technique="or", or_terms=1, or_window=1, page=1),
              dict(technique="base", window=1, group_window=1)]
OF_STAFF = dict(description="All of us", mgrpErrorsTo="Errors@Example.com")


def mail_of(uid):
    return "Bob@example.com" if uid == "bob" else f"{uid}@example.com"


def address(name):
    return f"{name}@xn--bcher-kva.example" if name == "idn" else f"{name}@lists.example.com"


def fixture(name):
    return ROOT / f"tests/fixtures/schema/{name}.schema"


def either(attribute, values):
    return "(|" + "".join(f"({attribute}={v})" for v in values) + ")"


def people(*classes, **more):
    """`more` are functions of the login that give an attribute's values, or None."""
    out = top()
    for uid in PEOPLE:
        own = {name: make(uid) for name, make in more.items() if make(uid)}
        out += entry(person_dn(uid), objectClass=["inetOrgPerson", *classes], uid=uid, cn=uid.title(), sn=uid.title(),
                     **{"mail": mail_of(uid), **own})
    return out


def accounts():
    return top() + "".join(account(u, mail_of(u)) for u in PEOPLE)


def lists(make):
    """`make` is given a list's name and members, and what only staff has."""
    out = ""
    for name, members in LISTS.items():
        out += make(name, *members, {**OF_STAFF, "owner": person_dn("ann")} if name == "staff" else {})
    return out


def rfc2307bis():
    """Of the people every second one is a member by login, the others and groups by DN."""
    def make(name, who, groups, addresses, more):
        dns = [person_dn(u) for u in who[::2]] + [group_dn(g) for g in groups]
        if name == "staff":
            more["mailAlternateAddress"] = "Everybody@lists.example.com"
        return entry(group_dn(name), objectClass=["groupOfNames" if dns else "groupOfMembers", "posixGroup", "mailGroup"],
                     cn=name, gidNumber="1", mail=address(name), member=dns, memberUid=who[1::2],
                     mgrpRFC822MailMember=addresses, **more)
    return accounts() + lists(make)


def urls():
    """People by one URL, groups by another."""
    def make(name, who, groups, addresses, more):
        found = [f"ldap:///ou=people,{SUFFIX}??one?{either('uid', who)}"] if who else []
        found += [f"ldap:///ou=groups,{SUFFIX}?mail?sub?{either('cn', groups)}"] if groups else []
        if name == "staff":
            more["mailAlternateAddress"] = "Everybody@lists.example.com"
        return entry(group_dn(name), objectClass=["groupOfURLs", "mailGroup"], cn=name, mail=address(name),
                     memberURL=found, mgrpRFC822MailMember=addresses, **more)
    return accounts() + lists(make)


def sendmail():
    """Values, some with commas; searches; URLs; owners by name."""
    def alias(name, **more):
        return entry(f"sendmailMTAKey={name},ou=groups,{SUFFIX}", sendmailMTAAliasGrouping="aliases",
                     objectClass=["sendmailMTAAliasObject", "extensibleObject"], sendmailMTAHost="mail.example.com",
                     **more)

    def make(name, who, groups, addresses, more):
        values = [", ".join(who + addresses)] if who else []
        more.pop("owner", None)
        if name == "staff":
            values += groups
        elif name in ("dev", "right"):
            more["sendmailMTAAliasSearch"] = f"(&(objectClass=sendmailMTAAliasObject)(sendmailMTAKey={groups[0]}))"
        elif groups:
            more["sendmailMTAAliasURL"] = f"ldap:///ou=groups,{SUFFIX}??sub?{either('sendmailMTAKey', groups)}"
        return alias(name, sendmailMTAKey=[name] + ["Everybody"] * (name == "staff"), sendmailMTAAliasValue=values,
                     **more)
    return accounts() + alias("owner-staff", sendmailMTAKey="owner-staff", sendmailMTAAliasValue="ann") + lists(make)


def netscape(sun=False):
    """DNs, of which some have an identifier behind; groups by URL where there are people as well."""
    def make(name, who, groups, addresses, more):
        more = dict(more, mgrpDeliverTo=[], objectClass=["emptyGroup", "mailGroup"])
        dns = [person_dn(u) + "#'0101'B" * (u == "ann") for u in who]
        if who and groups:
            more["mgrpDeliverTo"] = [f"ldap:///ou=groups,{SUFFIX}??sub?{either('cn', groups)}"]
        else:
            dns += [group_dn(g) for g in groups]
        if name == "staff":
            more["mailAlternateAddress"] = "Everybody@lists.example.com"
        if sun:
            more["objectClass"] = ["emptyGroup", "inetMailGroup"]
            more["memberURL"] = more.pop("mgrpDeliverTo")
            more["mailEquivalentAddress"] = more.pop("mailAlternateAddress", [])
            more["inetMailGroupStatus"] = ["Active"] if name == "dev" else []
        return entry(group_dn(name), cn=name, mail=address(name), uniqueMember=dns,
                     mgrpRFC822MailMember=[f"mailto:{a}" for a in addresses], **more)
    return people() + lists(make)


def qmail():
    """People of dev by filter, others and groups by DN."""
    def make(name, who, groups, addresses, more):
        dns = [person_dn(u) for u in who if name != "dev"] + [group_dn(g) for g in groups]
        more.pop("owner", None)
        alternates = [f"{name}-catchall@qmail.example.com"] + ["Everybody@lists.example.com"] * (name == "staff")
        if name == "staff":
            more["bounceadmin"] = more.pop("mgrpErrorsTo")
        return entry(group_dn(name), objectClass=["applicationProcess", "qmailGroup", "extensibleObject"], cn=name,
                     mail=address(name), mailAlternateAddress=alternates, mailMessageStore="/x", dnmember=dns,
                     rfc822member=addresses, filtermember=[either("uid", who)] if name == "dev" else [],
                     owner=person_dn("ann") if name == "staff" else [], **more)
    return people("qmailUser", accountStatus=lambda u: "active") + lists(make)


ACTIVE = dict(accountStatus="active", enabledService=["mail", "deliver"])


def iredmail():
    """Members say themselves which lists they are in."""
    def lists_of(who):
        return [address(name) for name, (members, _, _) in LISTS.items() if who in members]

    def make(name, who, groups, addresses, more):
        more = dict(ACTIVE)
        if name == "staff":
            more.update(cn=OF_STAFF["description"], mgrpErrorsTo=OF_STAFF["mgrpErrorsTo"], listOwner="ann@example.com",
                        shadowAddress="Everybody@lists.example.com",
                        enabledService=["mail", "deliver", "shadowaddress"])
        within = [address(up) for up, (_, inner, _) in LISTS.items() if name in inner]
        out = entry(f"mail={address(name)},ou=groups,{SUFFIX}", objectClass=["mailList", "extensibleObject"],
                    mail=address(name), memberOfGroup=within, **more)
        if addresses:
            out += entry(f"memberOfGroup={address(name)},ou=people,{SUFFIX}", objectClass="mailExternalUser",
                         memberOfGroup=address(name), mail=addresses, **ACTIVE)
        return out
    return people("mailUser", memberOfGroup=lists_of, accountStatus=lambda u: "active",
                  enabledService=lambda u: ["mail", "deliver"]) + lists(make)


def zimbra():
    """Lists without lists in them are dynamic, the others static."""
    def make(name, who, groups, addresses, more):
        more.pop("description", None)
        classes = ["extensibleObject"]
        if name == "staff":
            more.update(displayName="All of us", zimbraMailAlias="Everybody@lists.example.com")
        if groups:
            classes += ["zimbraDistributionList"]
            more["zimbraMailForwardingAddress"] = [mail_of(u) for u in who] + [address(g) for g in groups] + addresses
        else:
            classes += ["groupOfURLs", "zimbraGroup"]
            more["memberURL"] = f"ldap:///??sub?(|(zimbraMemberOf=id-{name})(zimbraId=unit-{name}))"
        return entry(group_dn(name), objectClass=classes, cn=name, zimbraId=f"id-{name}", mail=address(name), **more)

    def groups_of(who):
        return [f"id-{name}" for name, (members, _, _) in LISTS.items() if who in members]
    return people("zimbraAccount", zimbraMemberOf=groups_of, mail=lambda u: f"{u}@internal.example.com",
                  zimbraMailDeliveryAddress=mail_of, zimbraAccountStatus=lambda u: "active") + lists(make)


def contract():
    return (ROOT / "tests/fixtures/contract.ldif").read_text()


class Flavour:
    """How to make the directory, and the settings of a source that reads it."""

    def __init__(self, make, schemas, index, settings, **slapd):
        self.make, self.settings = make, settings
        self.slapd = dict(schemas=schemas, index=index, **slapd)


def sendmail_schema():
    return unpacked("sendmail") / "usr/share/sendmail/examples/ldap/sendmail.schema.v2"


DYNLIST = dict(top="moduleload dynlist", extra="overlay dynlist\ndynlist-attrset groupOfURLs memberURL member")
FLAVOURS = {
    "rfc2307bis": lambda: Flavour(rfc2307bis, [fixture("rfc2307bis"), MAILGROUP], "uid,mail,cn",
                                  dict(preset="rfc2307bis")),
    "urls": lambda: Flavour(urls, ["nis", "dyngroup", MAILGROUP], "uid,mail,cn", dict(preset="groupOfURLs")),
    "dynlist": lambda: Flavour(urls, ["nis", "dyngroup", MAILGROUP], "uid,mail,cn", dict(preset="groupOfURLs"),
                               **DYNLIST),
    "sendmail": lambda: Flavour(sendmail, ["nis", MAILGROUP, sendmail_schema()], "uid,sendmailMTAKey",
                                dict(preset="sendmail", filter='"(objectClass=sendmailMTAAliasObject)"',
                                     attributes="{ errors: mgrpErrorsTo }")),
    "mailGroup": lambda: Flavour(netscape, [fixture("netscape")], "mail", dict(preset="mailGroup")),
    "inetMailGroup": lambda: Flavour(lambda: netscape(True), ["dyngroup", fixture("netscape"), fixture("sun")], "mail",
                                     dict(preset="inetMailGroup")),
    "qmailGroup": lambda: Flavour(qmail, [fixture("qmail")], "mail",
                                  dict(preset="qmailGroup", attributes="{ owner: owner }")),
    "iRedMail": lambda: Flavour(iredmail, [fixture("iredmail"), "misc", MAILGROUP], "mail,memberOfGroup",
                                dict(preset="iRedMail", attributes="{ errors: mgrpErrorsTo }")),
    "zimbra": lambda: Flavour(zimbra, ["dyngroup", MAILGROUP, fixture("zimbra")], "mail,zimbraMemberOf",
                              dict(preset="zimbra", attributes="{ owner: owner, errors: mgrpErrorsTo }")),
    "tmail": lambda: Flavour(contract, ["nis", "misc", MAILGROUP], "mail", dict(
        preset="tmail", attributes="{ address: [ mail, mailAlternateAddress ], member-address: mgrpRFC822MailMember, "
                                   "errors: mgrpErrorsTo }")),
}
