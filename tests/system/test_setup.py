"""postfix/rollcall-postfix: puts the set-up into a real Postfix's configuration and takes it out again."""
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

from testbed import client
from testbed.base import ROOT, server_path, wait_until
from testbed.postfix import MASTER

SCRIPT = ROOT / "postfix/rollcall-postfix"
DOMAIN = "lists.example.com"
STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
FAILED, IN_THE_WAY, USAGE, NO_POSTFIX = 1, 2, 64, 69
SOCKETS = "{ unix:rollcall/milter.sock, default_action=tempfail, connect_timeout=10s }"


def debian(name, place="/usr/share/postfix"):
    return pathlib.Path(server_path(f"{place}/{name}")).read_text()


class Setup:
    """A site whose Postfix knows nothing of rollcall yet, and the script."""

    def __init__(self, site):
        self.site, self.postfix = site, site.postfix
        self.etc = self.postfix.dir / "etc"
        self.postfix.configure()
        # For `postfix check`: what of Debian's list of files lies in a private place.
        mine = re.findall(r"(?m)^\$(?:queue|data)_directory.*\n", debian("postfix-files", "/etc/postfix"))
        (self.etc / "postfix-files").write_text("".join(mine))
        self.shipped = sorted(p.name for p in self.etc.iterdir())

    def file(self, name):
        return (self.etc / name).read_text()

    def files(self):
        return {n: self.file(n) for n in ("main.cf", "master.cf")}

    def add(self, main="", master=""):
        """What a site has written itself."""
        for name, text in (("main.cf", main), ("master.cf", master)):
            (self.etc / name).write_text(self.file(name) + text)

    def script(self, command, *words, status=0):
        if command != "undo":
            words = ("-u", "root", "-p", str(self.postfix.reinject), *words)
        env = self.postfix.environment()
        env["PATH"] = f"{server_path('/usr/sbin')}:{env['PATH']}"
        got = subprocess.run([SCRIPT, command, "-c", self.etc, *words], env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        assert got.returncode == status, got.stdout + got.stderr
        return got.stdout + got.stderr

    def conf(self, name):
        return self.postfix.run("/usr/sbin/postconf", "-h", name).stdout.strip()

    def service(self, name):
        return " ".join(self.postfix.run("/usr/sbin/postconf", "-M", name).stdout.split())

    def start_postfix(self):
        then = time.time() - 10       # Postfix waits for a file that was written just now
        for name in ("main.cf", "master.cf"):
            os.utime(self.etc / name, (then, then))
        self.postfix.start(configure=False)

    def start(self):
        self.site.rollcall.start()
        self.start_postfix()

    def settled(self):
        """An smtpd that waits already serves one more session as it was before a reload."""
        self.reloads = getattr(self, "reloads", 0) + 1
        wait_until(lambda: self.postfix.log.count("reload -- version") == self.reloads, what="the reload")
        for _ in range(3):
            with self.site.smtp():
                pass


@pytest.fixture
def setup(make_site):
    """setup(...): Postfix as Debian's main.cf and the testbed's master.cf make it, on a port of its own."""
    def make(base=MASTER, chroot=False, port=None, **options):
        site = make_site(start=False, postfix={"part": False, "base": base, "chroot": chroot}, **options)
        site.postfix.port = port or site.postfix.port
        private = site.postfix.settings

        def settings():
            shipped = debian("main.cf.debian")
            names = set(re.findall(r"(?m)^(\w+) *=", shipped))
            return shipped + "".join(f"{line}\n" for line in private().splitlines()
                                     if line.split(" ")[0] not in names)

        site.postfix.settings = settings
        return Setup(site)

    return make


def works(site):
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("stuff@lists.example.com") == "550 5.1.1"
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(4) == STAFF


# ---- what it does ----

def test_debians_defaults(port_25, setup):
    """main.cf and master.cf as they are shipped, chrooted services, and all of it out again."""
    s = setup(base=debian("master.cf.dist"), chroot=True, port=25)
    before = s.files()
    assert before["master.cf"] == debian("master.cf.dist")
    assert "set up for lists.example.com" not in s.script("check", DOMAIN, status=FAILED)
    said = s.script("apply", DOMAIN)
    assert f"postfix -c {s.etc} reload" in said
    assert s.service("rollcall/unix").split()[4] == "y"
    assert "set up for lists.example.com" in s.script("check")
    s.start()
    works(s.site)
    assert "rollcall/lmtp.sock]" in s.postfix.log
    s.site.stop()
    s.script("undo")
    assert s.files() == before
    assert sorted(p.name for p in s.etc.iterdir()) == s.shipped
    assert not (s.postfix.queue / "rollcall").exists()


def test_services_that_are_not_chrooted(setup):
    s = setup()
    assert "# not chrooted: " in s.script("show", DOMAIN)
    s.script("apply", DOMAIN)
    for name in ("rollcall/unix", f"127.0.0.1:{s.postfix.reinject}/inet"):
        assert s.service(name).split()[4] == "n"
    s.start()
    works(s.site)


def test_what_is_written_is_what_the_parts_say(setup):
    s = setup(base=debian("master.cf.dist"), chroot=True)
    s.script("apply", DOMAIN)
    part = (ROOT / "postfix/main.cf.part").read_text()
    wanted = re.findall(r"(?m)^(\w+) = ?(.*)$", part)
    assert len(wanted) == 6
    for name, value in wanted:
        assert s.conf(name) == value, name
    part = (ROOT / "postfix/master.cf.part").read_text().replace("10026", str(s.postfix.reinject))
    services = re.sub(r"\n +", " ", re.sub(r"(?m)^(#.*)?\n", "", part)).splitlines()
    assert len(services) == 3
    for line in services:
        words = line.split()
        assert s.service("/".join(words[:2])) == " ".join(words)


def test_show_changes_nothing_and_says_what_apply_would_do(setup):
    s = setup()
    before = s.files()
    shown = s.script("show", DOMAIN)
    assert s.script("apply", "-n", DOMAIN) in shown
    assert s.files() == before and sorted(p.name for p in s.etc.iterdir()) == s.shipped
    queue = s.postfix.queue
    assert f"milter: {{ listen: unix:{queue}/rollcall/milter.sock, group: {s.postfix.owner} }}" in shown
    assert f"outbound: {{ mta: smtp:127.0.0.1:{s.postfix.reinject} }}" in shown
    # The commands are what a person could type.
    env = dict(s.postfix.environment(), PATH=f"{server_path('/usr/sbin')}:/usr/bin:/bin")
    subprocess.run(["sh", "-e"], input=shown, env=env, check=True, text=True)
    assert "set up for" in s.script("check", DOMAIN)


def test_a_running_postfix_is_told(setup):
    """-r reloads it: from then on it works, and after undo it does not know the domain any more."""
    s = setup()
    s.start_postfix()
    assert "set up for" not in s.script("apply", "-r", DOMAIN)
    s.site.rollcall.start()
    s.settled()
    works(s.site)
    shown = s.script("undo", "-n")
    assert f"cp -p {s.etc}/rollcall-setup/main.cf.before {s.etc}/main.cf" in shown
    s.site.rollcall.stop()
    s.script("undo", "-r")
    s.settled()
    with s.site.smtp() as c:
        c.xclient(ADDR="203.0.113.7", NAME="relay.example.net")
        c.mail("eve@elsewhere.example")
        assert c.rcpt("staff@lists.example.com") == "554 5.7.1"       # relay access denied


def test_the_directory_of_the_sockets(setup):
    s = setup()
    s.script("apply", DOMAIN)
    path = s.postfix.queue / "rollcall"
    assert path.stat().st_mode & 0o7777 == 0o750
    assert (path.owner(), path.group()) == ("root", s.postfix.owner)
    (path / "somebodys").write_text("")
    assert "it is not empty" in s.script("undo") and path.exists()


def test_apply_twice_is_apply_once(setup):
    s = setup()
    before = s.files()
    s.script("apply", DOMAIN)
    once, times = s.files(), [p.stat().st_mtime_ns for p in sorted(s.etc.rglob("*"))]
    assert "set up already" in s.script("apply", DOMAIN)
    assert "set up already" in s.script("apply")
    assert s.files() == once and [p.stat().st_mtime_ns for p in sorted(s.etc.rglob("*"))] == times
    s.script("undo")
    assert s.files() == before
    assert "nothing to undo" in s.script("undo")


def test_a_further_domain(setup):
    """Added to what is there; undo takes both out."""
    lists = '{ "lists": [ { "address": "pizza@more.example", "members": [ "bob@example.com" ] } ] }'
    s = setup(sources="lists: { kind: file, path: /nonexistent }",
              destinations="lists.example.com: { sources: [ lists ] }\nmore.example: { sources: [ lists ] }")
    path = s.site.path / "lists.json"
    path.write_text(lists)
    s.site.rollcall.sources = f"lists: {{ kind: file, path: {path} }}"
    before = s.files()
    s.script("apply", DOMAIN)
    s.script("apply", "More.Example")
    assert s.conf("relay_domains") == "lists.example.com, more.example"
    assert s.conf("smtpd_milters") == SOCKETS
    assert s.conf("transport_maps").count("inline:") == 2       # the other is that of receipts
    assert "set up for lists.example.com, more.example" in s.script("check")
    s.start()
    with s.site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com") == "550 5.1.1"
        assert c.rcpt("pizza@more.example").code == 250
        assert c.data(client.message()).code == 250
    assert s.site.wait_for(1) == ["bob@example.com"]
    s.script("undo")
    assert s.files() == before


def test_another_port(setup):
    """The port that was chosen first is left when another is."""
    s = setup()
    before = s.files()
    s.script("apply", DOMAIN)
    old, s.postfix.reinject = s.postfix.reinject, s.postfix.reinject - 1
    s.script("apply")
    assert s.service(f"127.0.0.1:{old}/inet") == "" and s.service(f"127.0.0.1:{old - 1}/inet") != ""
    s.script("undo")
    assert s.files() == before


# ---- a site with settings of its own ----

CUSTOM = """
# What comes from outside is looked at by another milter first.
smtpd_milters =
  # with a comment between
    { unix:%s, default_action=accept,
      connect_timeout=5s }
relay_domains = relay.example,
  hash:%s/relays
transport_maps = hash:%s/transport
relay_recipient_maps = inline:{ bob@relay.example=x }
"""


def customised(s, other_socket):
    (s.etc / "transport").write_text("special.example smtp:[127.0.0.1]:%d\n" % s.site.sink.port)
    (s.etc / "relays").write_text("other.example x\n")
    for name in ("transport", "relays"):
        got = s.postfix.run("/usr/sbin/postmap", f"hash:{s.etc}/{name}")
        assert got.returncode == 0, got.stderr
    s.add(CUSTOM % (other_socket, s.etc, s.etc))


def test_beside_other_milters_tables_and_domains(setup, make_site):
    """What was there goes on working, and is there again afterwards, comments and folds included."""
    s = setup()
    # Another milter: it refuses what it does not know at other.example.
    other = make_site(mta="sink", destinations="other.example: { sources: [ corp ] }")
    group = s.postfix.owner
    os.chmod(other.rollcall.milter_socket, 0o666)
    os.chmod(other.rollcall.dir, 0o755)
    customised(s, other.rollcall.milter_socket)
    before = s.files()
    s.script("apply", DOMAIN)
    assert s.conf("relay_domains") == f"relay.example, hash:{s.etc}/relays, lists.example.com"
    assert s.conf("smtpd_milters").endswith(f"connect_timeout=5s }}, {SOCKETS}")
    assert s.conf("relay_recipient_maps").endswith(", inline:{ @lists.example.com=rollcall }")
    once = s.files()
    s.script("apply", DOMAIN)
    assert s.files() == once
    s.start()
    with s.site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("stuff@lists.example.com") == "550 5.1.1"
        assert c.rcpt("stuff@other.example") == "550 5.1.1"
        assert c.rcpt("nobody@relay.example").code == 550
        for good in ("bob@relay.example", "x@special.example", "staff@lists.example.com"):
            assert c.rcpt(good).code == 250, good
        assert c.data(client.message()).code == 250
    assert s.site.wait_for(6) == sorted(STAFF + ["bob@relay.example", "x@special.example"])
    assert re.search(r"to=<x@special.example>, relay=127.0.0.1", s.postfix.log) and group
    s.script("undo")
    assert s.files() == before


def test_undo_keeps_what_was_changed_since(setup):
    s = setup()
    s.add(main="relay_domains = relay.example\n")
    s.script("apply", DOMAIN)
    s.postfix.run("/usr/sbin/postconf", "-e", "relay_domains = first.example, lists.example.com, relay.example",
                  "message_size_limit = 5000000", "rollcall_destination_recipient_limit = 7")
    said = s.script("undo", status=FAILED)
    assert "rollcall_destination_recipient_limit was changed since" in said
    assert s.conf("relay_domains") == "first.example, relay.example"
    assert s.conf("message_size_limit") == "5000000"
    for name in ("transport_maps", "smtpd_milters", "relay_recipient_maps"):
        assert not re.search(rf"(?m)^{name}", s.file("main.cf")), name
    assert "rollcall " not in s.file("master.cf")


@pytest.mark.parametrize("again", [False, True])
def test_undo_of_a_file_with_an_unrelated_change(setup, again):
    """The same bytes but for that change, also if something was applied after it."""
    s = setup()
    s.add(main="smtpd_milters = inet:127.0.0.1:8891\n")
    before = s.files()
    s.script("apply", DOMAIN)
    s.add(main="# a note\n", master="# another\n")
    if again:
        s.script("apply", "more.example")
    assert "No such file" not in s.script("undo")
    before["main.cf"] += "# a note\n"
    before["master.cf"] += "# another\n"
    assert s.files() == before


def test_what_cannot_be_remembered_is_not_changed(setup):
    s = setup()
    s.add(main="relay_domains = relay.example\n")
    (s.etc / "rollcall-setup/wrote").mkdir(parents=True)
    (s.etc / "rollcall-setup/wrote/relay_domains").symlink_to("/nowhere/at/all")
    assert "set relay_domains = relay.example, lists.example.com: failed: cp: " in s.script("apply", DOMAIN, status=FAILED)
    assert s.conf("relay_domains") == "relay.example"


def test_undo_leaves_a_service_that_was_changed(setup):
    s = setup()
    s.script("apply", DOMAIN)
    s.postfix.run("/usr/sbin/postconf", "-P", "-e", "rollcall/unix/lmtp_line_length_limit=2000")
    assert "the service rollcall was changed since" in s.script("undo", status=FAILED)
    assert "lmtp_line_length_limit=2000" in s.service("rollcall/unix")
    assert s.service(f"127.0.0.1:{s.postfix.reinject}/inet") == ""


def test_the_old_default_of_relay_domains_is_kept(setup):
    """With an old compatibility_level, Postfix relays for the subdomains of mydestination."""
    s = setup()
    s.postfix.run("/usr/sbin/postconf", "-e", "compatibility_level = 1", "mydestination = example.org")
    before = s.files()
    assert "example.org" in s.postfix.run("/usr/sbin/postconf", "-xh", "relay_domains").stdout
    s.script("apply", DOMAIN)
    s.script("apply", "more.example")
    assert s.conf("relay_domains") == "$mydestination, lists.example.com, more.example"
    s.script("undo")
    assert s.files() == before


def test_what_was_set_up_by_hand_stays_the_sites(setup):
    """The parts pasted in by somebody: there is nothing to write, and nothing to take out."""
    s = setup()
    parts = {n: (ROOT / "postfix" / f"{n}.part").read_text() for n in ("main.cf", "master.cf")}
    master = parts["master.cf"].replace("10026", str(s.postfix.reinject))
    s.add(parts["main.cf"], re.sub(r"(?m)^(rollcall\S* +unix +\S+ +- +|127\S+ inet n +- +)y", r"\1n", master))
    before = s.files()
    s.script("apply", DOMAIN)             # makes the directory only
    assert s.files() == before
    s.start()
    works(s.site)
    s.site.stop()
    s.script("undo")
    assert s.files() == before


def test_services_with_milters_of_their_own_are_named(setup):
    s = setup()
    s.add(master="127.0.0.1:10025 inet n - n - - smtpd\n  -o smtpd_milters=\n")
    assert "127.0.0.1:10025/inet has milters of its own" in s.script("apply", DOMAIN)


# ---- what is in the way ----

CONFLICTS = {
    "mydestination": ("mydestination = $myhostname, Lists.Example.com", "", "is in mydestination"),
    "a table in mydestination": ("mydestination = inline:{ lists.example.com=x }", "", "is in mydestination"),
    "virtual_alias_domains": ("virtual_alias_domains = lists.example.com", "", "is in virtual_alias_domains"),
    "virtual_alias_maps": ("virtual_alias_maps = inline:{ lists.example.com=x }", "",
                           "is in virtual_alias_domains"),
    "a catch-all": ("virtual_alias_domains =\nvirtual_alias_maps = inline:{ @lists.example.com=bob@example.com }",
                    "", "virtual_alias_maps sends all of @lists.example.com to bob@example.com"),
    "virtual_mailbox_domains": ("virtual_mailbox_domains = .example.com", "", "is in virtual_mailbox_domains"),
    "an exclusion": ("relay_domains = !lists.example.com, example.com", "", "excludes lists.example.com"),
    "a transport": ("transport_maps = inline:{ lists.example.com=smtp:elsewhere }", "",
                    "transport_maps sends lists.example.com to smtp:elsewhere already"),
    "a pattern of transports": ("transport_maps = regexp:{ { /./ smtp:elsewhere } }", "",
                                "transport_maps sends rollcall-postmaster@lists.example.com to smtp:elsewhere"),
    "a weak milter": ("smtpd_milters = { unix:rollcall/milter.sock, default_action=accept }", "",
                      "smtpd_milters has { unix:rollcall/milter.sock, default_action=accept }, which is not"),
    "a limit": ("rollcall_destination_recipient_limit = 1", "", "rollcall_destination_recipient_limit is 1"),
    "a service": ("", "rollcall unix - n n - - pipe\n  user=nobody argv=/bin/true",
                  "master.cf has a service rollcall of another shape"),
    "the port": ("", "localhost:{port} inet n - n - - smtpd", "taken in master.cf, by the service localhost:"),
    "the port, the same": ("", "127.0.0.1:{port} inet n - n - - smtpd", "of another shape"),
}


@pytest.mark.parametrize("main, master, words", CONFLICTS.values(), ids=CONFLICTS.keys())
def test_what_is_in_the_way(setup, main, master, words):
    """One sentence that names it, a status of its own, and nothing is changed."""
    s = setup()
    s.add(f"{main}\n", master.format(port=s.postfix.reinject) + "\n")
    before = s.files()
    said = s.script("apply", DOMAIN, status=IN_THE_WAY)
    assert words in said and "nothing was changed" in said
    assert len([line for line in said.splitlines() if words in line]) == 1
    assert words in s.script("show", DOMAIN, status=IN_THE_WAY)
    assert s.files() == before and not (s.etc / "rollcall-setup").exists()
    assert not (s.postfix.queue / "rollcall").exists()


def test_everything_in_the_way_is_named_at_once(setup):
    s = setup()
    s.add("mydestination = lists.example.com\nrollcall_destination_recipient_limit = 1\n")
    said = s.script("apply", DOMAIN, status=IN_THE_WAY)
    assert "mydestination" in said and "recipient_limit" in said


def test_a_port_of_another_process(setup):
    s = setup()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", s.postfix.reinject))
        listener.listen()
        assert "another process listens on port" in s.script("apply", DOMAIN, status=IN_THE_WAY)
    s.script("apply", DOMAIN)


def test_a_directory_of_somebody_else(setup):
    s = setup()
    (s.postfix.queue / "rollcall").mkdir(mode=0o777)
    assert "with mode 750" in s.script("apply", DOMAIN, status=IN_THE_WAY)


def test_a_user_who_is_not_there(setup):
    s = setup()
    assert "there is no user nosuchuser" in s.script("apply", "-u", "nosuchuser", DOMAIN, status=IN_THE_WAY)


def test_usage(setup):
    s = setup()
    for words in (("apply",), ("nonsense", DOMAIN), ("apply", "a..b"), ("apply", "x y"),
                  ("apply", "-p", "x", DOMAIN), ("apply", "-x"), ("apply", "{x}")):
        s.script(*words, status=USAGE)
    assert "main.cf" in s.script("show", "-c", "/nonexistent", DOMAIN, status=NO_POSTFIX)


@pytest.mark.parametrize("had, becomes", [("", "rollcall.invalid"), ("example.net", "example.net, rollcall.invalid"),
                                          ("$relay_domains example.net", "$relay_domains, example.net, rollcall.invalid")])
def test_domains_of_etrn_that_are_named_already(setup, had, becomes):
    """What a site has narrowed down stays so, but for receipts."""
    s = setup()
    s.add(main=f"fast_flush_domains = {had}\n")
    s.script("apply", DOMAIN)
    assert re.search(r"(?m)^fast_flush_domains *= *(.*)$", s.file("main.cf")).group(1) == becomes
    assert "set up for" in s.script("check", DOMAIN)
    s.script("apply", DOMAIN)
    assert re.search(r"(?m)^fast_flush_domains *= *(.*)$", s.file("main.cf")).group(1) == becomes
    s.add(main="# touched\n")
    s.script("undo")
    assert re.search(r"(?m)^fast_flush_domains *= *(.*)$", s.file("main.cf")).group(1) == had
