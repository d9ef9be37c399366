"""A private Active Directory domain controller, Samba's, on a loopback address of its own: its ports are fixed."""
import pathlib
import random
import socket
import subprocess

from .base import ROOT, can_connect, end_process, make_certificates, run_unpacked, unpacked, wait_until

PASSWORD = "Secret-123"


def free_address():
    """Where no other domain controller is."""
    while True:
        address = f"127.{random.randrange(64, 250)}.{random.randrange(256)}.{random.randrange(2, 250)}"
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((address, 389))
                return address
            except OSError:
                continue


class Samba:
    """Takes simple binds without TLS, unless it is started `strong`, as Microsoft's are. Refuses anonymous searches."""

    def __init__(self, directory, suffix="DC=example,DC=com"):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.suffix = suffix
        self.address = free_address()
        self.bind_dn = f"CN=rollcall,OU=services,{suffix}"
        self.password = PASSWORD
        (self.dir / "password").write_text(PASSWORD + "\n")
        self.process = None
        self.root = unpacked("samba")

    @property
    def uri(self):
        return f"ldap://{self.address}"

    def settings(self):
        """Those of a source."""
        return {"preset": "activeDirectory", "bind": "simple", "bind-dn": f'"{self.bind_dn}"',
                "password-file": self.dir / "password", "base": f'"{self.suffix}"'}

    def environment(self):
        env = run_unpacked(self.root, "samba")
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        if self.root != pathlib.Path("/"):
            env["PYTHONPATH"] = str(self.root / "usr/lib/python3/dist-packages")
        return env

    def load(self, ldif):
        """A new domain with these entries, one of which is the user rollcall."""
        make_certificates(self.dir, "dc1.example.com", self.address)
        with open(self.dir / "load.log", "wb") as log:
            got = subprocess.run(["/usr/bin/python3", "-P", ROOT / "testbed/samba_load.py", self.dir, self.address,
                                  self.suffix], input=ldif.encode(), stdout=log, stderr=log, env=self.environment())
        if got.returncode != 0:
            raise RuntimeError((self.dir / "load.log").read_text()[-3000:])

    def start(self, strong=False):
        option = f"--option=ldap server require strong auth={'yes' if strong else 'no'}"
        with open(self.dir / "log/out", "ab") as log:
            self.process = subprocess.Popen(
                [self.root / "usr/sbin/samba", "-i", "-s", self.dir / "smb.conf", "-M", "single", "-d", "0",
                 "--debug-stdout", option],
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_until(lambda: self.process.poll() is not None or can_connect((self.address, 389)), what="samba")
        if self.process.poll() is not None:
            raise RuntimeError((self.dir / "log/out").read_text())

    def stop(self):
        end_process(self.process)
        self.process = None

    def modify(self, ldif, tool="ldapmodify"):
        subprocess.run([tool, "-x", "-H", self.uri, "-D", f"CN=Administrator,CN=Users,{self.suffix}", "-w", PASSWORD],
                       input=ldif, text=True, check=True, stdout=subprocess.DEVNULL)

    def search(self, dn, attribute):
        """The first value, as rollcall sees it."""
        got = subprocess.run(["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.uri, "-D", self.bind_dn, "-w",
                              self.password, "-s", "base", "-b", dn, attribute], check=True, text=True, stdout=subprocess.PIPE)
        return got.stdout.split(f"{attribute}: ")[1].split()[0]
