"""A private slapd: its files lie under one directory, it listens on loopback and a unix socket."""
import os
import pathlib
import shutil
import signal
import subprocess
import urllib.parse

from .base import can_connect, end_process, free_port, library_path, make_certificates, server_path, wait_until

MAILGROUP = """
attributetype ( 1.3.6.1.4.1.55555.1.1 NAME 'mailAlternateAddress'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.55555.1.2 NAME 'mgrpRFC822MailMember'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.55555.1.3 NAME 'mgrpErrorsTo'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.55555.1.4 NAME 'mgrpAllowedBroadcaster'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.55555.1.5 NAME 'mgrpAllowedDomain'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.55555.1.6 NAME 'mgrpBroadcasterPolicy'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.55555.1.7 NAME 'mgrpModerator'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
objectclass ( 1.3.6.1.4.1.55555.2.1 NAME 'mailGroup' SUP top AUXILIARY
  MAY ( mail $ mailAlternateAddress $ mgrpRFC822MailMember $ mgrpErrorsTo $ mgrpAllowedBroadcaster $
        mgrpAllowedDomain $ mgrpBroadcasterPolicy $ mgrpModerator $ owner ) )
objectclass ( 1.3.6.1.4.1.55555.2.2 NAME 'mailRecipient' SUP top AUXILIARY
  MAY ( mail $ mailAlternateAddress ) )
objectclass ( 1.3.6.1.4.1.55555.2.3 NAME 'groupOfMembers' SUP top STRUCTURAL
  MUST cn MAY ( member $ owner $ description ) )
"""


class Slapd:
    """
    `schemas` come after core, cosine and inetorgperson: names of slapd's own, paths of others, and MAILGROUP, which is
    ours; `index` are attributes of theirs.
    """

    def __init__(self, directory, suffix="dc=example,dc=com", deref=True, extra="", top="", maxsize=1 << 30, access=(),
                 schemas=("nis", "misc", MAILGROUP), index="uid,mail,mailAlternateAddress,cn"):
        self.dir = pathlib.Path(directory)
        self.suffix = suffix
        self.port = free_port()
        self.deref, self.extra, self.top, self.maxsize = deref, extra, top, maxsize
        self.schemas, self.index = list(schemas), index
        self.access = list(access)        # what stands before "access to * by * read"
        self.process = None
        self.dir.mkdir(parents=True, exist_ok=True)
        self.tls = False

    @property
    def uri(self):
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def ldapi(self):
        return "ldapi://" + urllib.parse.quote(str(self.dir / "ldapi"), safe="")

    def configure(self):
        schema = server_path("/etc/ldap/schema")
        (self.dir / "mailgroup.schema").write_text(MAILGROUP)
        lines = [f"include {schema}/{s}.schema" for s in ("core", "cosine", "inetorgperson")]
        for s in self.schemas:
            own = self.dir / "mailgroup.schema" if s == MAILGROUP else f"{schema}/{s}.schema"
            lines += [f"include {s if isinstance(s, pathlib.Path) else own}"]
        lines += [f"pidfile {self.dir}/slapd.pid",
                  f"argsfile {self.dir}/slapd.args", "loglevel 0", "sizelimit unlimited",
                  f"modulepath {server_path('/usr/lib/ldap')}", "moduleload back_mdb"]
        if self.deref:
            lines += ["moduleload deref"]
        if self.tls:
            lines += [f"TLSCACertificateFile {self.dir}/ca.pem", f"TLSCertificateFile {self.dir}/cert.pem",
                      f"TLSCertificateKeyFile {self.dir}/key.pem"]
        lines += [self.top]
        lines += ["database mdb", f'suffix "{self.suffix}"', f'rootdn "cn=admin,{self.suffix}"',
                  "rootpw secret", f"directory {self.dir}/db", "dbnosync", f"maxsize {self.maxsize}",
                  "index objectClass eq", f"index {self.index} eq",
                  "index member,owner eq", "sortvals member",
                  "access to attrs=userPassword by anonymous auth by self write by * none",
                  *self.access, "access to * by * read"]
        if self.deref:
            lines += ["overlay deref"]
        lines += [self.extra]
        (self.dir / "slapd.conf").write_text("\n".join(lines) + "\n")

    def environment(self):
        return dict(os.environ, LD_LIBRARY_PATH=library_path(), PATH="/usr/sbin:/usr/bin:/sbin:/bin")

    def load(self, ldif):
        """Loads LDIF into an empty database; slapd must not run."""
        self.configure()
        shutil.rmtree(self.dir / "db", ignore_errors=True)
        (self.dir / "db").mkdir(mode=0o700)
        path = self.dir / "load.ldif"
        if isinstance(ldif, pathlib.Path):
            path = ldif
        else:
            path.write_text(ldif)
        subprocess.run(["slapadd", "-q", "-f", self.dir / "slapd.conf", "-b", self.suffix, "-l", path],
                       executable=server_path("/usr/sbin/slapd"), env=self.environment(), check=True,
                       stdout=subprocess.DEVNULL)

    def start(self):
        self.configure()
        listen = f"{self.uri} {self.ldapi}"
        if self.tls:
            self.tls_port = free_port()
            listen += f" ldaps://127.0.0.1:{self.tls_port} ldap://127.0.0.2:{self.port}"
        self.process = subprocess.Popen(
            [server_path("/usr/sbin/slapd"), "-d", "0", "-f", str(self.dir / "slapd.conf"), "-h", listen],
            env=self.environment(), stdout=subprocess.DEVNULL, stderr=open(self.dir / "log", "ab"),
            start_new_session=True)
        wait_until(lambda: self.process.poll() is not None or can_connect(("127.0.0.1", self.port)),
                   what="slapd")
        if self.process.poll() is not None:
            raise RuntimeError((self.dir / "log").read_text())

    def stop(self):
        end_process(self.process)
        self.process = None

    def hang(self):
        """Takes connections and answers nothing, from the return of this on."""
        self.process.send_signal(signal.SIGSTOP)
        threads = pathlib.Path(f"/proc/{self.process.pid}/task")
        wait_until(lambda: all(") T " in (t / "stat").read_text() for t in threads.iterdir()), what="slapd to stop")

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def modify(self, ldif, tool="ldapmodify"):
        subprocess.run([tool, "-x", "-H", self.uri, "-D", f"cn=admin,{self.suffix}", "-w", "secret"],
                       input=ldif, text=True, check=True, stdout=subprocess.DEVNULL)

    def make_certificates(self):
        """For 127.0.0.1 as well, since libldap asks for another name than localhost there."""
        make_certificates(self.dir)
        self.tls = True
