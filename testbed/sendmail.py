"""A private sendmail: its files lie under one directory, it listens on loopback only."""
import os
import pathlib
import signal
import subprocess

from .base import ROOT, can_connect, end_process, free_port, unpacked, wait_until

# Without a dot in the host's name sendmail waits a minute for one, each time it starts.
HOSTNAME = """
#include <stdio.h>
int gethostname(char *name, size_t size) { snprintf(name, size, "mail.example.com"); return 0; }
"""

MC = """divert(-1)
include(`{dir}/cf/m4/cf.m4')
divert(0)dnl
VERSIONID(`a private sendmail')
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mail.example.com')dnl
define(`confPID_FILE', `{dir}/pid')dnl
define(`QUEUE_DIR', `{dir}/queue')dnl
define(`STATUS_FILE', `{dir}/statistics')dnl
define(`HELP_FILE', `{dir}/help')dnl
define(`confSERVICE_SWITCH_FILE', `{dir}/services')dnl
define(`confDEF_USER_ID', `65534:65534')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl the directory may be below /tmp
define(`confLOG_LEVEL', `10')dnl
define(`confTO_IDENT', `0')dnl
define(`confTO_RESOLVER_RETRANS', `1s')dnl
define(`confTO_RESOLVER_RETRY', `1')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
undefine(`ALIAS_FILE')dnl
undefine(`confCT_FILE')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port={port}')dnl
{relay}{mc}define(`ROLLCALL_DAEMON_OPTIONS', `Addr=127.0.0.1, Port={reinject}')dnl
FEATURE(`rollcall', `{domains}', `unix:{sockets}/milter.sock', `{lmtp}', `{shared}', `unix:{sockets}/socketmap.sock')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
MAILER(`rollcall')dnl
{mailers}"""

RELAY = """define(`RELAY_MAILER_ARGS', `TCP $h {port}')dnl
define(`RELAY_MAILER_LL', `0')dnl
define(`SMART_HOST', `relay:[{host}]')dnl
"""

OUT_MILTER = """MAIL_FILTER(`out', `S=inet:{port}@127.0.0.1, F=T')dnl
define(`ROLLCALL_DAEMON_FILTERS', `out')dnl
"""


class Sendmail:
    """
    `mc` are more lines of the .mc file before our feature, `mailers` behind the mailers. Mail for elsewhere goes
    to `relay` (host, port). `lmtp` is where the expander listens, if it is not the socket in `sockets`.
    `domains` have lists only, `shared` people as well. `out_milter` is the port of a milter that sees what the
    expander puts back.
    """

    owner = None                          # it is root who uses the sockets

    def __init__(self, directory, relay=None, mc="", mailers="", domains="lists.example.com", lmtp=None,
                 shared="", every="1s", out_milter=None):
        self.dir = pathlib.Path(directory)
        self.port, self.reinject = free_port(), free_port()
        self.relay, self.mc, self.mailers, self.domains, self.shared = relay, mc, mailers, domains, shared
        if out_milter:
            self.mc += OUT_MILTER.format(port=out_milter)
        self.lmtp = lmtp or f"unix:{self.sockets}/lmtp.sock"
        self.runs = (f"-q{every}",)       # of the queue
        self.process = None

    @property
    def queue(self):
        return self.dir / "queue"

    @property
    def sockets(self):
        return self.dir / "sockets"

    @property
    def log(self):
        path = self.dir / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def make_directories(self):
        for d, mode in (("", 0o755), ("queue", 0o700), ("sockets", 0o755)):
            (self.dir / d).mkdir(parents=True, exist_ok=True)
            (self.dir / d).chmod(mode)
        (self.dir / "services").write_text("hosts files\naliases files\n")
        self.make_cf_directory()

    def make_cf_directory(self):
        """The macros as they would be with ours installed: links to sendmail's and to ours."""
        for cf in (unpacked("sendmail") / "usr/share/sendmail/cf", ROOT / "sendmail-cf"):
            for path in cf.glob("*/*"):
                link = self.dir / "cf" / path.relative_to(cf)
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.exists():
                    link.symlink_to(path)

    def text(self):
        relay = RELAY.format(host=self.relay[0], port=self.relay[1]) if self.relay else ""
        return MC.format(dir=self.dir, port=self.port, reinject=self.reinject, domains=self.domains, relay=relay,
                         shared=self.shared, sockets=self.sockets, lmtp=self.lmtp, mc=self.mc, mailers=self.mailers)

    def environment(self):
        """For sendmail; it passes nothing of it on."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_PRELOAD": str(self.dir / "hostname.so")}
        if unpacked("sendmail") != pathlib.Path("/"):
            libraries = (unpacked("sendmail") / "usr/lib").glob("*-linux-gnu*")
            env["LD_LIBRARY_PATH"] = ":".join(str(d) for d in libraries)
        return env

    def m4(self, mc):
        """What m4 makes of a .mc file; it is an error if m4 or the macros say anything."""
        installed = pathlib.Path("/usr/bin/m4")
        m4 = installed if installed.exists() else unpacked("sendmail") / "usr/bin/m4"
        got = subprocess.run([m4, mc], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=dict(self.environment(), LD_PRELOAD=""))
        if got.returncode or got.stderr:
            raise RuntimeError(f"m4: {got.stderr}")
        return got.stdout

    def configure(self):
        self.make_directories()
        (self.dir / "sendmail.mc").write_text(self.text())
        (self.dir / "sendmail.cf").write_text(self.m4(self.dir / "sendmail.mc"))
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", self.dir / "hostname.so", "-"],
                       input=HOSTNAME, text=True, check=True)

    def command(self, *words):
        # What is of interest for syslog goes to a file of our own.
        return [str(unpacked("sendmail") / "usr/libexec/sendmail/sendmail"), "-D", str(self.dir / "maillog"),
                "-d89.100", "-C", str(self.dir / "sendmail.cf"), *words]

    def run(self, *words, **options):
        return subprocess.run(self.command(*words), env=self.environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, **options)

    def start(self):
        self.configure()
        self.process = subprocess.Popen(
            self.command("-bD", *self.runs), env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(self.dir / "errors", "ab"), start_new_session=True)
        wait_until(lambda: self.process.poll() is not None or
                   all(can_connect(("127.0.0.1", p)) for p in (self.port, self.reinject)), what="sendmail")
        if self.process.poll() is not None:
            raise RuntimeError(f"sendmail did not start: {(self.dir / 'errors').read_text()}{self.log[-2000:]}")

    def stop(self):
        """All of it: whoever is busy with a session or a delivery is in a session of its own."""
        if self.process is None:
            return
        end_process(self.process)
        kill_workers(self.queue)
        self.process = None

    def flush(self):
        self.run("-q")

    def queued(self):
        """How many messages are in the queue."""
        return len(list(self.queue.glob("qf*")))


def workers(queue):
    """Processes of sendmail that work in this queue directory, which is where each of them stands."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "cwd") == str(queue) and os.readlink(path / "exe").endswith("/sendmail"):
                found.append(int(path.name))
        except OSError:
            continue
    return found


def kill_workers(queue):
    for pid in workers(queue):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
