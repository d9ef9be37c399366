"""A private 389 Directory Server, which FreeIPA builds on: all files in one directory, and it listens on loopback."""
import pathlib
import re
import shutil
import subprocess

from .base import can_connect, end_process, free_port, run_unpacked, unpacked, wait_until

# What its own schema lacks: FreeIPA's classes and attributes as far as rollcall reads them. The numbers are ours.
SCHEMA = """dn: cn=schema
objectClass: top
objectClass: ldapSubentry
objectClass: subschema
cn: schema
attributeTypes: ( 1.3.6.1.4.1.55555.3.1 NAME 'memberManager' SUP distinguishedName )
objectClasses: ( 1.3.6.1.4.1.55555.4.1 NAME 'ipaObject' SUP top AUXILIARY )
objectClasses: ( 1.3.6.1.4.1.55555.4.2 NAME 'nestedGroup' SUP groupOfNames STRUCTURAL MAY memberOf )
objectClasses: ( 1.3.6.1.4.1.55555.4.3 NAME 'ipaUserGroup' SUP nestedGroup STRUCTURAL MAY memberManager )
"""
ANYBODY_READS = """dn: {suffix}
changetype: modify
add: aci
aci: (targetattr != "userPassword")(version 3.0; acl "read"; allow (read, search, compare) userdn = "ldap:///anyone";)
"""


# What groups of a person are looked for by, and 389 has no index of as it comes.
INDEXED = ("mgrpRFC822MailMember", "rfc822MailMember")
INDEX = """dn: cn={attribute},cn=index,cn=userRoot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: nsIndex
cn: {attribute}
nsSystemIndex: false
nsIndexType: eq

"""


class Ds389:
    """
    `deref` and `memberof` say whether these plugins are on: by default the one is and the other is not, as in 389
    itself. `settings` are {name of an entry below cn=config, or "": {attribute: value}}.
    """

    def __init__(self, directory, suffix="dc=example,dc=com", deref=True, memberof=False, settings=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.suffix, self.deref, self.memberof = suffix, deref, memberof
        self.more = settings or {}
        self.port = free_port()
        self.process = None
        self.root = unpacked("389-ds")

    @property
    def uri(self):
        return f"ldap://127.0.0.1:{self.port}"

    def settings(self):
        """Those of a source."""
        return {"base": f'"{self.suffix}"'}

    def configuration(self):
        """Debian's templates, with places and settings of ours."""
        data = self.root / "usr/share/dirsrv/data"
        text = "\n\n".join((data / f"template-{t}.ldif").read_text() for t in ("dse", "suffix-db"))
        etc, tmp, run = self.dir / "etc", self.dir / "tmp", self.dir / "run"
        places = dict(schema_dir=etc / "schema", config_dir=etc, cert_dir=etc, lock_dir=run, run_dir=run, tmp_dir=tmp,
                      ldif_dir=tmp, bak_dir=tmp, inst_dir=self.dir, log_dir=self.dir / "log", db_dir=self.dir / "db",
                      db_home_dir=self.dir / "home", db_lib="bdb", fqdn="localhost", ds_port=self.port, ds_user="root",
                      rootdn="cn=Directory Manager", ds_passwd="{CLEAR}secret", ldapi_enabled="off",
                      ldapi=self.dir / "ldapi", ldapi_autobind="off", ds_suffix=self.suffix, ds_bename="userRoot")
        text = re.sub(r"%(\w+)%", lambda m: str(places[m.group(1)]), text)
        of_database = "cn=config,cn=ldbm database,cn=plugins"
        settings = {"": {"nsslapd-listenhost": "127.0.0.1", "nsslapd-accesslog-logging-enabled": "off"},
                    of_database: {"nsslapd-db-durable-transaction": "off"},
                    "cn=MemberOf Plugin,cn=plugins": {"nsslapd-pluginenabled": "on" if self.memberof else "off"},
                    "cn=deref,cn=plugins": {"nsslapd-pluginenabled": "on" if self.deref else "off"}}
        for name, values in self.more.items():
            settings.setdefault(name, {}).update(values)
        entries = [e for e in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n", "", text)) if e.strip()]
        for name, values in settings.items():
            dn = f"dn: {name},cn=config".replace(": ,", ": ").lower()
            which = next(i for i, e in enumerate(entries) if e.strip().lower().splitlines()[0] == dn)
            for attribute, value in values.items():
                kept = re.sub(rf"(?im)^{attribute}:.*\n?", "", entries[which]).strip()
                entries[which] = f"{kept}\n{attribute}: {value}"
        return "\n\n".join(e.strip() for e in entries) + "\n"

    def modify(self, ldif, tool="ldapmodify"):
        subprocess.run([tool, "-x", "-H", self.uri, "-D", "cn=Directory Manager", "-w", "secret"], input=ldif,
                       text=True, check=True, stdout=subprocess.DEVNULL)

    def create(self):
        for part in ("db/userRoot", "run", "log", "tmp", "etc/schema"):
            (self.dir / part).mkdir(parents=True, exist_ok=True)
        for f in (self.root / "usr/share/dirsrv/schema").glob("*.ldif"):
            shutil.copy(f, self.dir / "etc/schema")
        (self.dir / "etc/schema/98test.ldif").write_text(SCHEMA)
        (self.dir / "etc/slapd-collations.conf").write_text("")
        (self.dir / "etc/dse.ldif").write_text(self.configuration())

    def start(self):
        (self.dir / "home").mkdir(exist_ok=True)          # of the database while it is open
        with open(self.dir / "log/out", "ab") as log:
            self.process = subprocess.Popen(
                # With a level of debugging, the default one, it stays in the foreground.
                [self.root / "usr/sbin/ns-slapd", "-d", "16384", "-D", self.dir / "etc", "-i", self.dir / "run/pid"],
                env=run_unpacked(self.root, "dirsrv", "dirsrv/plugins"), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)
        wait_until(lambda: self.process.poll() is not None or can_connect(("127.0.0.1", self.port)), 60, "ns-slapd")
        if self.process.poll() is not None:
            raise RuntimeError((self.dir / "log/out").read_text() + (self.dir / "log/errors").read_text())

    def stop(self):
        end_process(self.process, 30)
        self.process = None

    def load(self, ldif):
        """Its entries are added while it runs: an import passes the plugins by, which compute memberOf. It stays up."""
        self.create()
        self.start()
        self.modify("".join(INDEX.format(attribute=a) for a in INDEXED), "ldapadd")
        self.modify(ldif, "ldapadd")
        self.modify(ANYBODY_READS.format(suffix=self.suffix))
