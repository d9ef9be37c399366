"""A private Postfix: its files lie under one directory, it listens on loopback only."""
import grp
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import time

from .base import (ROOT, can_connect, end_process, free_port, library_path, server_path, servers, wait_until)

QUEUES = "active bounce corrupt defer deferred flush hold incoming private saved trace".split()

# The queue manager looks every second for mail that it found locked, which waits in "incoming" without anybody telling it.
MASTER = """
{smtp} inet n - n - - smtpd
pickup unix n - n 5 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def mail_owner():
    """Postfix's own user and group; where it is not installed, two that every Debian has and nobody uses."""
    try:
        pwd.getpwnam("postfix")
        grp.getgrnam("postdrop")
        return "postfix", "postdrop"
    except KeyError:
        return "news", "list"


def read_part(name):
    return (ROOT / "postfix" / name).read_text()


class Postfix:
    """`main` are more lines of main.cf, `master` of master.cf. Mail for elsewhere goes to `relay` (host, port)."""

    def __init__(self, directory, relay=None, main="", master="", base=MASTER, chroot=False, part=True, out_milter=None):
        self.dir = pathlib.Path(directory)
        self.port, self.reinject = free_port(), free_port()
        self.relay, self.main, self.more_master, self.base = relay, main, master, base
        self.chroot, self.part, self.out_milter = chroot, part, out_milter
        self.owner, self.group = mail_owner()
        self.process = None

    @property
    def queue(self):
        return self.dir / "queue"

    @property
    def sockets(self):
        return self.queue / "rollcall"

    @property
    def log(self):
        path = self.dir / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def make_directories(self):
        sockets = ["queue/rollcall"] if self.part else []
        for d in ["etc", "data", "queue", "queue/pid", "queue/public", "queue/maildrop", *sockets]:
            (self.dir / d).mkdir(parents=True, exist_ok=True)
        for d in QUEUES:
            (self.queue / d).mkdir(exist_ok=True, mode=0o700)
            shutil.chown(self.queue / d, self.owner)
        shutil.chown(self.dir / "data", self.owner)
        (self.dir / "data").chmod(0o700)
        for d, mode in (("public", 0o2710), ("maildrop", 0o1730)):
            shutil.chown(self.queue / d, self.owner, self.group)
            (self.queue / d).chmod(mode)
        if self.chroot:
            (self.queue / "etc").mkdir(exist_ok=True)
            for f in ("services", "hosts", "nsswitch.conf", "resolv.conf", "localtime"):
                if os.path.exists(f"/etc/{f}"):
                    shutil.copy(f"/etc/{f}", self.queue / "etc" / f)

    def settings(self):
        path = library_path()
        lines = f"""
compatibility_level = 3.6
queue_directory = {self.queue}
data_directory = {self.dir}/data
maillog_file = {self.dir}/maillog
maillog_file_prefixes = {self.dir}
daemon_directory = {server_path('/usr/lib/postfix/sbin')}
shlib_directory = {server_path('/usr/lib/postfix')}
meta_directory = {self.dir}/etc
command_directory = {server_path('/usr/sbin')}
sendmail_path = {server_path('/usr/sbin/sendmail')}
mail_owner = {self.owner}
setgid_group = {self.group}
default_privs = nobody
myhostname = mail.example.com
mydomain = example.com
mydestination =
mynetworks = 127.0.0.0/8
smtpd_authorized_xclient_hosts = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
biff = no
append_dot_mydomain = no
disable_dns_lookups = yes
smtp_dns_support_level = disabled
alias_maps =
alias_database =
local_recipient_maps =
smtp_line_length_limit = 0
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
minimal_backoff_time = 1s
maximal_backoff_time = 5s
queue_run_delay = 1s
message_size_limit = 209715200
mailbox_size_limit = 0
notify_classes =
"""
        if path:
            lines += f"import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH={path}\n"
            lines += f"export_environment = TZ MAIL_CONFIG LANG LD_LIBRARY_PATH={path}\n"
        if self.relay:
            to = f"smtp:[{self.relay[0]}]:{self.relay[1]}"
            for name in ("default", "relay", "local", "virtual"):
                lines += f"{name}_transport = {to}\n"
        if self.part:
            lines += read_part("main.cf.part")
        return self.override(lines + self.main)

    @staticmethod
    def override(text):
        """main.cf with the last of equal settings only, so that Postfix does not warn."""
        last = {}
        for line in re.sub(r"\n[ \t]+", " ", text).splitlines():
            name = re.match(r"([A-Za-z0-9_]+)\s*=", line)
            if name:
                last.pop(name.group(1), None)
                last[name.group(1)] = line
        return "\n".join(last.values()) + "\n"

    def services(self):
        base = self.base.format(smtp=f"127.0.0.1:{self.port}") if self.base is MASTER else self.base
        part = ""
        if self.part:
            part = read_part("master.cf.part").replace("127.0.0.1:10026", f"127.0.0.1:{self.reinject}")
            if self.out_milter:
                part = part.replace("  -o receive_override_options=no_milters\n", "")
                part = part.replace("  -o smtpd_milters=\n", f"  -o smtpd_milters=inet:127.0.0.1:{self.out_milter}\n")
            if not self.chroot:
                part = re.sub(r"^(rollcall\S* +unix +\S+ +- +)y", r"\1n", part, flags=re.M)
                part = re.sub(r"^(127\S+ inet n +- +)y", r"\1n", part, flags=re.M)
        return base + part + self.more_master

    def environment(self):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        if library_path():
            env["LD_LIBRARY_PATH"] = library_path()
        return env

    def run(self, program, *words, **options):
        return subprocess.run([server_path(program), "-c", str(self.dir / "etc"), *words],
                              env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, **options)

    def configure(self):
        self.make_directories()
        for name, text in (("main.cf", self.settings()), ("master.cf", self.services())):
            path = self.dir / "etc" / name
            path.write_text(text)
            then = time.time() - 10       # Postfix waits for a file that was written just now
            os.utime(path, (then, then))
        maps = pathlib.Path(server_path("/usr/share/postfix/dynamicmaps.cf"))
        text = "".join(re.findall(r"^(?!ldap\s).*\n", maps.read_text(), re.M)) if maps.exists() else ""
        if servers() != pathlib.Path("/"):
            text += f"ldap\t{server_path('/usr/lib/postfix/postfix-ldap.so')}\tdict_ldap_open\n"
        elif os.path.exists("/etc/postfix/dynamicmaps.cf"):
            text = pathlib.Path("/etc/postfix/dynamicmaps.cf").read_text()
        (self.dir / "etc/dynamicmaps.cf").write_text(text)

    def start(self, configure=True):
        if configure:
            self.configure()
        self.process = subprocess.Popen(
            [server_path("/usr/lib/postfix/sbin/master"), "-c", str(self.dir / "etc"), "-d"],
            env=self.environment(), stdout=subprocess.DEVNULL, stderr=open(self.dir / "errors", "ab"),
            start_new_session=True)
        wait_until(lambda: self.process.poll() is not None or can_connect(("127.0.0.1", self.port)),
                   what="Postfix")
        if self.process.poll() is not None:
            raise RuntimeError(f"Postfix did not start: {(self.dir / 'errors').read_text()}{self.log[-2000:]}")

    def stop(self):
        """All of it: master tells its children, and whoever is left after a moment is killed."""
        if self.process is None:
            return
        end_process(self.process)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process = None

    def flush(self):
        self.run("/usr/sbin/postqueue", "-f")

    def queued(self):
        """How many messages are in the queues."""
        return sum(len(files) for q in ("incoming", "active", "deferred", "maildrop")
                   for _, _, files in os.walk(self.queue / q))
