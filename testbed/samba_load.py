"""
python3 -P samba_load.py DIRECTORY ADDRESS SUFFIX <LDIF: provisions the domain of testbed/samba.py there and writes the
entries straight into it. A program of its own, since Samba's modules for Python need its libraries from the beginning.
"""
import logging
import os
import sys

import ldb
from samba import dsdb, param
from samba.auth import system_session
from samba.provision import provision
from samba.samdb import SamDB

PASSWORD = "Secret-123"

# What Exchange adds to the schema, as far as rollcall reads it; the numbers of attributes and classes are ours.
NUMBERS = "1.2.840.113556.1.8000.2554.55555"
TEXT, LARGE, FLAG, NAME = ("2.5.5.12", 64), ("2.5.5.16", 65), ("2.5.5.8", 1), ("2.5.5.1", 127)
EXCHANGE = [("targetAddress", TEXT, False, "user contact"),
            ("msExchRecipientTypeDetails", LARGE, False, "user contact"),
            ("msExchCoManagedByLink", NAME, True, "group dynamic"),
            ("hideDLMembership", FLAG, False, "group"),
            ("msExchDynamicDLFilter", TEXT, False, "dynamic"),
            ("msExchDynamicDLBaseDN", NAME, False, "dynamic"),
            ("authOrig", NAME, True, "group"),
            ("unauthOrig", NAME, True, "group"),
            ("dLMemSubmitPerms", NAME, True, "group"),
            ("dLMemRejectPerms", NAME, True, "group"),
            ("msExchRequireAuthToSendTo", FLAG, False, "group")]
LINKS = ("member", *(name for name, syntax, *_ in EXCHANGE if syntax is NAME), "managedBy")


def add_schema(db, suffix):
    base = f"CN=Schema,CN=Configuration,{suffix}"
    may = {}
    refresh = "dn:\nchangetype: modify\nadd: schemaUpdateNow\nschemaUpdateNow: 1\n"
    for i, (name, (syntax, om), many, classes) in enumerate(EXCHANGE, 1):
        # A DN's class of objects is the BER of 1.3.12.2.1011.28.0.714; its link is a forward one by its even number.
        link = f"oMObjectClass:: KwwCh3McAIVK\nlinkID: {21000 + 2 * i}\n" if om == 127 else ""
        db.add_ldif(f"dn: CN={name},{base}\nobjectClass: attributeSchema\nlDAPDisplayName: {name}\n"
                    f"attributeID: {NUMBERS}.1.{i}\nattributeSyntax: {syntax}\noMSyntax: {om}\n{link}"
                    f"isSingleValued: {'FALSE' if many else 'TRUE'}\n")
        for c in classes.split():
            may.setdefault(c, []).append(name)
    db.modify_ldif(refresh)
    carry = may.pop("dynamic") + ["mail", "proxyAddresses", "displayName", "managedBy"]
    db.add_ldif(f"dn: CN=ms-Exch-Dynamic-Distribution-List,{base}\nobjectClass: classSchema\n"
                f"lDAPDisplayName: msExchDynamicDistributionList\ngovernsID: {NUMBERS}.2.1\nobjectClassCategory: 1\n"
                "subClassOf: top\nrDNAttID: cn\npossSuperiors: organizationalUnit\n"
                "defaultSecurityDescriptor: D:(A;;RPLCLORC;;;AU)\n"        # whoever is authenticated reads
                + "".join(f"mayContain: {a}\n" for a in carry))
    for name, cn in (("group", "Group"), ("user", "User"), ("contact", "Contact")):
        db.modify_ldif(f"dn: CN={cn},{base}\nchangetype: modify\nadd: mayContain\n"
                       + "".join(f"mayContain: {a}\n" for a in may[name] + ["proxyAddresses"] * (name == "group")))
    db.modify_ldif(refresh)


def make_domain(directory, address, suffix):
    parts = "private private/tls state state/sysvol cache lock run ncalrpc bind-dns log".split()
    for part in parts:
        os.makedirs(f"{directory}/{part}", mode=0o700, exist_ok=True)
    realm = suffix.upper().replace("DC=", "").replace(",", ".")
    conf = f"{directory}/smb.conf"
    settings = {"workgroup": "EXAMPLE", "realm": realm, "netbios name": "DC1", "server services": "ldap",
                "server role": "active directory domain controller", "disable netbios": "yes",
                "interfaces": f"{address}/8", "bind interfaces only": "yes",
                "private dir": f"{directory}/private", "state directory": f"{directory}/state",
                "cache directory": f"{directory}/cache", "lock directory": f"{directory}/lock",
                "pid directory": f"{directory}/run", "ncalrpc dir": f"{directory}/ncalrpc",
                "binddns dir": f"{directory}/bind-dns", "log file": f"{directory}/log/samba.log",
                "tls keyfile": f"{directory}/key.pem", "tls certfile": f"{directory}/cert.pem",
                "tls cafile": f"{directory}/ca.pem", "dsdb:schema update allowed": "yes"}
    with open(conf, "w") as f:
        f.write("[global]\n" + "".join(f"\t{k} = {v}\n" for k, v in settings.items()))
        for share in ("netlogon", "sysvol"):              # provision() asks for them; nobody serves them
            f.write(f"[{share}]\n\tpath = {directory}/state/sysvol\n")
    lp = param.LoadParm()
    lp.load(conf)
    log = logging.getLogger("provision")
    log.setLevel(logging.ERROR)
    provision(log, system_session(), smbconf=conf, lp=lp, realm=realm, domain="EXAMPLE", hostname="dc1", hostip=address,
              adminpass=PASSWORD, serverrole="active directory domain controller", dns_backend="NONE",
              skip_sysvolacl=True, dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2, batch_mode=True)
    return lp


def add_entries(db, ldif):
    """Links come when all is there that they lead to: a domain has none that leads nowhere."""
    links = []
    for _, entry in db.parse_ldif(ldif):
        for name in LINKS:
            if name in entry:
                links.append((entry.dn, name, list(entry[name])))
                entry.remove(name)
        db.add(entry)
    for dn, name, values in links:
        change = ldb.Message(dn)
        change[name] = ldb.MessageElement(values, ldb.FLAG_MOD_ADD, name)
        db.modify(change)


def main():
    directory, address, suffix = sys.argv[1:]
    lp = make_domain(directory, address, suffix)
    where = dict(url=f"{directory}/private/sam.ldb", session_info=system_session(), lp=lp)
    add_schema(SamDB(**where), suffix)
    db = SamDB(**where, options=["batch_mode:1"])         # indexes once at the end
    db.transaction_start()
    add_entries(db, sys.stdin.read())
    db.setpassword("(sAMAccountName=rollcall)", PASSWORD, force_change_at_next_login=False)
    db.transaction_commit()


main()
