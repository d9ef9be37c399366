"""Directories for tests, the demonstration and measurements, as LDIF."""
import base64

SUFFIX = "dc=example,dc=com"


def attribute(name, value):
    data = value.encode()
    plain = data and all(32 <= b < 127 for b in data) and data[0] not in b" :<" and data[-1:] != b" "
    return f"{name}: {value}" if plain else f"{name}:: {base64.b64encode(data).decode()}"


def entry(dn, **attributes):
    lines = [attribute("dn", dn)]
    for name, values in attributes.items():
        for value in [values] if isinstance(values, str) else values:
            lines.append(attribute(name.replace("_", ";"), value))
    return "\n".join(lines) + "\n\n"


def top(suffix=SUFFIX):
    name = suffix.split(",")[0].split("=")[1]
    out = entry(suffix, objectClass=["dcObject", "organization"], o=name, dc=name)
    for ou in ("people", "groups", "services"):
        out += entry(f"ou={ou},{suffix}", objectClass="organizationalUnit", ou=ou)
    out += entry(f"cn=rollcall,ou=services,{suffix}",
                 objectClass=["applicationProcess", "simpleSecurityObject"], cn="rollcall",
                 userPassword="secret")
    return out


def escape(value):
    """A value as it stands in a DN (RFC 4514)."""
    return "".join("\\" + c if c in ',+"\\<>;=' else c for c in value)


def person_dn(uid, suffix=SUFFIX):
    return f"uid={escape(uid)},ou=people,{suffix}"


def group_dn(cn, suffix=SUFFIX):
    return f"cn={escape(cn)},ou=groups,{suffix}"


def person(uid, mail=None, name=None, suffix=SUFFIX, **more):
    name = name or uid.title()
    attributes = dict(objectClass=["inetOrgPerson", "mailRecipient"], uid=uid, cn=name,
                      sn=name.split()[-1], **more)
    if mail is not False:
        attributes["mail"] = mail or f"{uid}@example.com"
    return entry(person_dn(uid, suffix), **attributes)


def account(uid, mail=None, login=None, **more):
    """A person with a login, RFC 2307."""
    uids = [uid, login] if login else uid
    attributes = dict(objectClass=["inetOrgPerson", "posixAccount"], uid=uids, cn=uid.title(), sn=uid.title(),
                      uidNumber="1000", gidNumber="1000", homeDirectory="/", **more)
    if mail is not False:
        attributes["mail"] = mail or f"{uid}@example.com"
    return entry(person_dn(uid), **attributes)


def posix_group(cn, logins=(), mail=None, dn=None, **more):
    """`mail` or `more` make it a mailGroup as well; several names are a list, the first that of the DN."""
    names = [cn] if isinstance(cn, str) else cn
    attributes = dict(objectClass=["posixGroup"], cn=names, gidNumber="1000", memberUid=list(logins), **more)
    if mail:
        attributes["mail"] = mail
    if mail or more:
        attributes["objectClass"] = ["posixGroup", "mailGroup"]
    return entry(dn or group_dn(names[0]), **attributes)


def alias(cn, members=(), dn=None, **more):
    """A nisMailAlias; with `more` an extensibleObject as well."""
    names = [cn] if isinstance(cn, str) else cn
    return entry(dn or group_dn(names[0]), objectClass=["nisMailAlias"] + ["extensibleObject"] * bool(more), cn=names,
                 rfc822MailMember=list(members), **more)


def group(cn, members, mail=None, owners=(), suffix=SUFFIX, domain="lists.example.com", **more):
    """`members` are DNs. A group without any gets itself, which says the same."""
    attributes = dict(objectClass=["groupOfNames", "mailGroup"], cn=cn,
                      member=list(members) or [group_dn(cn, suffix)], **more)
    if mail is not False:
        attributes["mail"] = mail or f"{cn}@{domain}"
    if owners:
        attributes["owner"] = list(owners)
    return entry(group_dn(cn, suffix), **attributes)


def crowd(people, sizes, suffix=SUFFIX, groups=0, start=0):
    """`people` numbered persons, groups g<size> of the first so many, and `groups` small ones."""
    parts = [person(f"u{i:07d}", f"user{i}@example.net", f"User {i}", suffix)
             for i in range(start, start + people)]
    for size in sizes:
        parts.append(group(f"g{size}", [person_dn(f"u{i:07d}", suffix) for i in range(size)],
                           suffix=suffix, owners=[person_dn("u0000000", suffix)]))
    for g in range(groups):
        parts.append(group(f"small{g}", [person_dn(f"u{(g * 7 + i) % people:07d}", suffix)
                                         for i in range(3)], suffix=suffix))
    return "".join(parts)


def crowded(*sizes):
    """A whole directory, with groups g<size> of the first so many of its people."""
    return top() + crowd(max(sizes), sizes)
