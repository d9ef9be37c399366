"""`make demo`: a whole private site on loopback, a few posts through it, and what became of them.

Its MTA is Postfix, or sendmail with `make demo MTA=sendmail`.

What it starts keeps running afterwards, until `make demo-stop` or the next `make demo`. Everything lies under one
directory; interrupted, it stops whatever it has started.
"""
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from demo.company import GUEST, Company  # noqa: E402
from testbed import base, client, postfix, rollcall, sendmail, slapd  # noqa: E402

PLACE = pathlib.Path(os.environ.get("ROLLCALL_DEMO", "/tmp/rollcall-demo"))
ABROAD = "127.0.0.9"                      # a client there is not in the trusted networks

POSTFIX = """
virtual_transport = virtual
virtual_mailbox_domains = example.com, partner.example.net
virtual_mailbox_base = {mail}
virtual_mailbox_maps = texthash:{maps}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
default_transport = error:this site delivers only to itself
"""

SENDMAIL = """RELAY_DOMAIN(`example.com partner.example.net')dnl
LOCAL_CONFIG
C{Mailboxes}example.com partner.example.net
LOCAL_RULE_0
R$+ < @ $={Mailboxes} . >\t$#mailbox $: $1 @ $2
LOCAL_NET_CONFIG
R$* < @ $* > $*\t$#error $@ 5.1.2 $: "550 this site delivers only to itself"
divert(0)dnl
"""

MAILBOX = """MAILER_DEFINITIONS
Mmailbox, P={python}, F=lsmnu, U=65534:65534, T=DNS/RFC822/X-Unix, A=python3 {script} {mail} $u
"""

SOURCES = """
corp:
  kind: ldap
  uri: [ "{uri}" ]
  bind: simple
  bind-dn: cn=rollcall,ou=services,dc=example,dc=com
  password-file: {password}
  base: dc=example,dc=com
  preset: groupOfNames
"""


# ---- processes ----

def started(pid):
    """When a process was started, in the kernel's count; None where there is none."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def stop_previous():
    """Stops what a demonstration left running, by pid and start time, and removes its directory."""
    if not PLACE.is_symlink() and not PLACE.exists():
        return False
    info = PLACE.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != 0:
        raise SystemExit(f"{PLACE} is in the way: it is not a directory of root's.")
    running = []
    for line in (PLACE / "running").read_text().splitlines() if (PLACE / "running").exists() else []:
        pid, since, _ = line.split(" ", 2)
        if started(pid) == since:
            running.append(int(pid))
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in running:
            try:                          # Postfix's children are of its group; most others have one each
                os.killpg(pid, sign)
            except ProcessLookupError:
                pass
        sendmail.kill_workers(PLACE / "mta/queue")
        end = time.monotonic() + 5
        while time.monotonic() < end and any(alive(pid) for pid in running):
            time.sleep(0.02)
    shutil.rmtree(PLACE)
    return bool(running)


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Interruption:
    """Signals that end the program; inside of `with` only afterwards, lest a process be started and not noted."""

    def __init__(self):
        self.held, self.pending = False, False

    def __call__(self, number, frame):
        self.pending = True
        if not self.held:
            raise KeyboardInterrupt

    def __enter__(self):
        self.held = True

    def __exit__(self, *unused):
        self.held = False
        if self.pending:
            raise KeyboardInterrupt


uninterrupted = Interruption()


class Site:
    """Each part starts in a session of its own, so that Ctrl-C reaches nobody but this program."""

    def __init__(self, mta):
        self.place, self.mta_name = PLACE, mta
        self.slapd = self.mta = self.rollcall = None

    def note(self, name, process):
        with (self.place / "running").open("a") as f:
            f.write(f"{process.pid} {started(process.pid)} {name}\n")

    def start_directory(self, ldif):
        self.slapd = slapd.Slapd(self.place / "directory")
        self.slapd.load(ldif)
        with uninterrupted:
            self.slapd.start()
            self.note("slapd", self.slapd.process)

    def prepare_mta(self, addresses):
        mail, maps = self.place / "mail", self.place / "mailboxes"
        for path in [mail] + [mail / a / d for a in addresses for d in ("", "cur", "new", "tmp")]:
            path.mkdir()
            os.chown(path, 65534, 65534)
        if self.mta_name == "sendmail":
            script = pathlib.Path(__file__).resolve().parent / "mailbox.py"
            self.mta = sendmail.Sendmail(self.place / "mta", mc=SENDMAIL, mailers=MAILBOX.format(
                python=sys.executable, script=script, mail=mail))
        else:
            maps.write_text("".join(f"{a} {a}/\n" for a in addresses))
            self.mta = postfix.Postfix(self.place / "mta", main=POSTFIX.format(mail=mail, maps=maps))
        self.mta.make_directories()

    def start_mta(self):
        with uninterrupted:
            self.mta.start()
            self.note(self.mta_name, self.mta.process)

    def start_rollcall(self):
        password = self.place / "password"
        password.write_text("secret\n")
        password.chmod(0o600)
        self.rollcall = rollcall.Rollcall(
            self.place / "rollcall", SOURCES.format(uri=self.slapd.uri, password=password),
            mta=self.mta.reinject, group=self.mta.owner, sockets=self.mta.sockets,
            more="errors: postmaster@example.com\nnetworks: [ 127.0.0.1/32 ]")
        with uninterrupted:
            self.rollcall.start()
            self.note("rollcall-milter", self.rollcall.milter)
            self.note("rollcall-expander", self.rollcall.expander)

    def mailboxes(self, message_id):
        """Who has this message: address to number of copies."""
        found = {}
        for path in (self.place / "mail").glob("*/new/*"):
            if f"Message-ID: <{message_id}>".encode() in path.read_bytes():
                found[path.parts[-3]] = found.get(path.parts[-3], 0) + 1
        return found


# ---- what is shown ----

def title(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


class timed:
    """with timed("slapd"): says how long it took."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        self.began = time.monotonic()

    def __exit__(self, kind, *unused):
        if kind is None:
            print(f"  {self.what:58} {(time.monotonic() - self.began) * 1000:8.0f} ms", flush=True)


class Dialogue(client.Client):
    """An SMTP client that shows what is said, and how long each answer took."""

    def __init__(self, port, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
        self.file = self.socket.makefile("rb")
        self.lmtp = False
        self.show(None, self.reply(), 0)
        self.say("EHLO client.example.com", quiet=True)

    @staticmethod
    def show(said, reply, ms):
        if said:
            print(f"  C: {said}")
        print(f"  S: {reply.lines[-1]:80} {f'{ms:6.1f} ms' if ms else ''}".rstrip(), flush=True)

    def say(self, text, quiet=False):
        began = time.monotonic()
        reply = self.command(text)
        if not quiet:
            self.show(text, reply, (time.monotonic() - began) * 1000)
        return reply

    def post(self, text):
        self.say("DATA")
        began = time.monotonic()
        self.send(text + b".\r\n")
        reply = self.reply()
        self.show("(message) .", reply, (time.monotonic() - began) * 1000)
        return reply


def post(site, list_name, subject, number):
    """Posts to a list and shows how it went, until the last mailbox has its copy."""
    title(f"A post to {list_name}")
    sender, to = "ada.abel@example.com", f"{list_name}@lists.example.com"
    message_id = f"{number}.{os.getpid()}@client.example.com"
    with Dialogue(site.mta.port) as c:
        c.say(f"MAIL FROM:<{sender}>")
        c.say(f"RCPT TO:<{to}>")
        c.post(f"From: Ada Abel <{sender}>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{message_id}>\r\n"
               f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}\r\n\r\n"
               f"Hello,\r\n\r\nthis went to {to}.\r\n".encode())
        taken = time.monotonic()
    members = site.rollcall.ctl_json("members", to)["members"]
    got = base.wait_until(lambda: (lambda m: m if len(m) >= len(members) else None)(site.mailboxes(message_id)),
                          60, f"{len(members)} copies")
    spent = (time.monotonic() - taken) * 1000
    show_steps(site, to, spent)
    show_recipients(members, got)


def step(what, ms):
    print(f"  {what:78} {ms:8.1f} ms", flush=True)


def several(n, one, many):
    return f"{n} {one if int(n) == 1 else many}"


def show_steps(site, to, spent):
    base.wait_until(lambda: site.rollcall.log_lines("inject", list=to, state="done"), what="the end of the post")
    expand = site.rollcall.log_lines("expand", list=to)[-1]
    gone = f", {several(expand['dangling'], 'entry is', 'entries are')} gone" if "dangling" in expand else ""
    step(f"read from the directory: {several(expand['recipients'], 'person', 'people')} in"
         f" {several(expand['groups'], 'group', 'groups')}{gone}", float(expand["ms"]))
    for b in site.rollcall.log_lines("batch", list=to):
        step(f"put back into {site.mta_name}: {several(b['sent'], 'recipient', 'recipients')} as {b['to_queue']}",
             float(b["ms"]))
    step("from the 250 until the last mailbox had its copy", spent)


def show_recipients(members, got):
    """Each member is to have one copy, and nobody else any."""
    paths = {}
    for m in members:
        paths.setdefault(" > ".join(v.removesuffix("@lists.example.com") for v in m["via"]), []).append(m["address"])
    twice = [a for a, n in got.items() if n != 1]
    strangers = set(got) - {m["address"] for m in members}
    if twice or strangers:
        raise SystemExit(f"this is wrong: twice {twice}, not members {strangers}")
    print(f"  {len(got)} mailboxes got one copy each, as members of")
    for path, who in sorted(paths.items()):
        names = ", ".join(a.removesuffix("@example.com") for a in who[:2])
        more = f" and {len(who) - 2} more" if len(who) > 2 else ""
        print(f"    {path:49} {len(who):3}: {names}{more}")


def refusals(site):
    title("A list that does not exist")
    with Dialogue(site.mta.port) as c:
        c.say("MAIL FROM:<ada.abel@example.com>")
        c.say("RCPT TO:<all-stuff@lists.example.com>")
    title("A stranger who writes to a list (from outside the trusted networks, without login)")
    with Dialogue(site.mta.port, ABROAD) as c:
        c.say("MAIL FROM:<ada.abel@example.com>")
        c.say("RCPT TO:<all-staff@lists.example.com>")


def farewell(site):
    title("What is running now")
    for line in (site.place / "running").read_text().splitlines():
        pid, _, name = line.split(" ", 2)
        print(f"  {name:18} pid {pid}")
    ctl = base.BUILD / "rollcallctl"
    print(f"""
{site.mta_name} listens on 127.0.0.1 port {site.mta.port}; slapd is {site.slapd.uri}. Mailboxes, logs and
configuration lie in {site.place}. Try:

  swaks --server 127.0.0.1:{site.mta.port} --from ada.abel@example.com --to atlas@lists.example.com
  ls {site.place}/mail/{GUEST}/new
  {ctl} -c {site.rollcall.config} members atlas@lists.example.com
  tail {site.place}/rollcall/log {site.place}/mta/maillog

Stop it with: make demo-stop""")


# ---- the demonstration ----

def run(mta):
    site = Site(mta)
    if stop_previous():
        print("What the last demonstration left running is stopped.")
    PLACE.mkdir(mode=0o755)
    PLACE.chmod(0o755)
    title("A company, its directory and its mail server")
    with timed(f"slapd and {mta} are there"):
        base.servers()
        if mta == "sendmail":
            base.unpacked("sendmail")
    company = Company()
    with timed(f"slapd has {len(company.addresses)} people and {company.groups} groups"):
        site.start_directory(company.ldif)
    with timed("rollcall-milter and rollcall-expander run"):
        site.prepare_mta(company.addresses + [GUEST, "postmaster@example.com"])
        site.start_rollcall()
    with timed(f"{mta} runs"):
        site.start_mta()
    refusals(site)
    post(site, "platform", "a team", 1)
    post(site, "atlas", "a project across departments, with a guest", 2)
    post(site, "all-staff", "everybody", 3)
    farewell(site)


def last_lines(path):
    return "".join(path.read_text(errors="replace").splitlines(True)[-20:]) if path.exists() else ""


def main():
    word = (sys.argv[1:] or ["postfix"])[0].lower()
    if len(sys.argv) > 2 or word not in ("postfix", "sendmail", "stop"):
        raise SystemExit("usage: run.py [postfix|sendmail|stop]")
    if os.geteuid() != 0:
        raise SystemExit("The demonstration starts a mail server of its own, which only root can. Run it as root.")
    if word == "stop":
        print("Stopped." if stop_previous() else "Nothing was running.")
        return

    for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(s, uninterrupted)
    try:
        run("sendmail" if word == "sendmail" else "Postfix")
    except BaseException as e:
        for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(s, signal.SIG_IGN)
        text = "".join(last_lines(PLACE / name) for name in ("rollcall/errors", "rollcall/log", "mta/maillog"))
        stop_previous()
        if isinstance(e, KeyboardInterrupt):
            raise SystemExit("\nInterrupted. Nothing is left running.")
        if isinstance(e, (TimeoutError, RuntimeError, subprocess.CalledProcessError)):
            raise SystemExit(f"{text}{e}\nThe demonstration failed, and everything is stopped.")
        raise


main()
