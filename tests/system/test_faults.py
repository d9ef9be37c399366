"""Faults of the machine and of what is around: each row of docs/faults.md that has no test elsewhere."""
import errno
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest

from testbed import client, directory, faults
from testbed.base import BUILD, ROOT, wait_until
from testbed.milter import Milter
from testbed.rollcall import Rollcall

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
SANITIZED = BUILD.name != "build"


class Watch:
    """What the daemons of a site take while all is well; then that a fault makes them take no more."""

    def __init__(self, site):
        self.site = site
        site.submit()
        site.wait_for(4)
        site.rollcall.wait_idle()
        site.sink.clear()
        with_milter(site)
        self.fds = {p: self.open(p) for p in self.processes}

    @property
    def processes(self):
        return [self.site.rollcall.milter.pid, self.site.rollcall.expander.pid]

    @staticmethod
    def open(pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    @staticmethod
    def used(pid):
        fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def calm(self, seconds=0.7):
        """In the midst of the fault nobody spins."""
        before = {p: self.used(p) for p in self.processes}
        time.sleep(seconds)
        for p in self.processes:
            assert self.used(p) - before[p] < seconds / 2, "it spins"

    def well(self):
        """Afterwards: both run, take posts and send each once, and have not kept any descriptor."""
        assert self.site.rollcall.milter.poll() is None and self.site.rollcall.expander.poll() is None
        self.site.rollcall.wait_idle()
        self.site.sink.clear()
        assert self.site.submit().code == 250
        assert self.site.wait_for(4) == STAFF
        with_milter(self.site)
        self.site.rollcall.wait_idle()
        assert sorted(self.site.sink.recipients()) == STAFF
        for p in set(self.processes) & set(self.fds):
            wait_until(lambda p=p: self.open(p) <= self.fds[p], 30, "descriptors to be closed")


def drafts(spool):
    """Entries that are being written, or were left so."""
    return [d.name for d in (spool / "tmp").iterdir() if not d.name.startswith("spare-")]


def with_milter(site, to="staff@lists.example.com"):
    """One recipient, asked as an MTA does; what the milter says."""
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    got = m.rcpt(to)
    m.close()
    return got


def deferred(site, count=1):
    wait_until(lambda: len(site.rollcall.log_lines("inject", state="deferred")) >= count, what="deferrals")


def a_waiting_post(site):
    """One that the MTA puts off; sink.on_mail = None lets it go."""
    site.sink.on_mail = lambda a: "451 4.3.0 not now"
    assert site.submit().code == 250
    deferred(site)


def limit(process, which, value):
    hard = resource.prlimit(process.pid, which)[1]
    resource.prlimit(process.pid, which, (value, hard))


def unanswered(path):
    """A connection that nobody may have accepted yet."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    return s


# ---- the clock ----

@pytest.fixture
def make_site(make_site):
    """Connections to the MTA that are not used do not stay, so that descriptors can be counted soon."""
    def make(*words, outbound="", **options):
        return make_site(*words, outbound=outbound if "idle:" in outbound else outbound + "\nidle: 200ms", **options)
    return make


@pytest.fixture
def faulty(make_site, place):
    """A site whose daemons have the faults of testbed/faults.c."""
    def make(**options):
        site = make_site(mta="sink", start=False, **options)
        site.faults = faults.Faults(place / "faults")
        site.rollcall.environment.update(site.faults.environment)
        return site.start()
    return make


@pytest.mark.parametrize("hours", [200, -200])
def test_the_clock_jumps(faulty, hours):
    """Nothing waits for hours, nothing is given up, what is remembered is, sessions go on."""
    site = faulty(source_more="cache: { yes: 1h }")
    watch = Watch(site)
    first = client.message()
    assert site.submit(message=first).code == 250
    a_waiting_post(site)
    deferred(site, 4)
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    with site.lmtp() as c:
        c.mail("ann@example.com")
        site.faults.clock(hours)
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message())[0].code == 250
    assert m.rcpt("staff@lists.example.com")[0] == b"c"
    m.close()
    tries = len(site.rollcall.log_lines("inject", state="deferred"))
    deferred(site, tries + 4)
    site.slapd.hang()
    try:
        assert with_milter(site)[0] == b"c"
    finally:
        site.slapd.go_on()
    watch.calm()
    # As well for an expander that is started while the clock is wrong.
    site.rollcall.kill_expander()
    site.rollcall.start_expander()
    tries = len(site.rollcall.log_lines("inject", state="deferred"))
    deferred(site, tries + 4)
    assert not site.rollcall.log_lines("inject", state="expired") and "report" not in site.rollcall.log
    site.faults.clock(0)
    site.sink.on_mail = None
    site.wait_for(12)
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 12
    assert site.submit(message=first).code == 250
    watch.well()


def test_a_refusal_of_everybody_is_not_believed_for_a_jump(faulty):
    """outbound.distrust is an hour of trying, not of the clock."""
    site = faulty()
    site.sink.on_mail = lambda a: "554 5.7.1 access denied" if a else None
    assert site.submit().code == 250
    deferred(site, 2)
    site.faults.clock(200)
    deferred(site, 6)
    site.sink.on_mail = None
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    assert len(site.sink.transactions) == 1


# ---- descriptors ----

def test_no_descriptors_for_the_milter(lmtp_site):
    """Sessions beyond what there is room for are sent away; the others are answered, also from the directory."""
    watch = Watch(lmtp_site)
    limit(lmtp_site.rollcall.milter, resource.RLIMIT_NOFILE, 64)
    sessions, sent_away = [], 0
    while sent_away < 10:
        assert len(sessions) < 60
        try:
            sessions.append(Milter(lmtp_site.rollcall.milter_socket, timeout=5))
        except ConnectionError:
            sent_away += 1
    assert len(sessions) > 20
    watch.calm()
    assert "file descriptors run out: no more sessions are taken" in lmtp_site.rollcall.log
    for m in (sessions[0], sessions[-1]):
        m.connect()
        m.mail("ann@example.com")
        assert m.rcpt("a+b@lists.example.com")[0] == b"c"
        assert m.rcpt("nosuch@lists.example.com")[0] == b"y"
    assert lmtp_site.rollcall.ctl("metrics").stdout.count('rollcall_up{daemon="milter"} 1') == 1
    for m in sessions:
        m.close()
    wait_until(lambda: Watch.open(watch.processes[0]) < 20, what="descriptors to come back")
    watch.well()


def test_no_descriptors_for_the_expander(make_site):
    """4xx to what comes, everything else is put off; when descriptors come back, everybody has one copy."""
    site = make_site(mta="sink", outbound="idle: 0s", source_more="cache: { yes: 1h }")
    watch = Watch(site)
    a_waiting_post(site)
    expander = site.rollcall.expander
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        used = max(int(n) for n in os.listdir(f"/proc/{expander.pid}/fd")) + 1
        limit(expander, resource.RLIMIT_NOFILE, 3)
        assert c.data(client.message())[0] == "451 4.3.0"
        more = [unanswered(site.rollcall.lmtp_socket) for _ in range(3)]
        watch.calm(1.5)
        wait_until(lambda: "cannot accept a connection: Too many open files" in site.rollcall.log, what="the log line")
        wait_until(lambda: re.search(r"outbound/\w+ waits: cannot open .*Too many open files", site.rollcall.log),
                   what="an entry that cannot be opened")
        assert "left alone" not in site.rollcall.log and "cannot be read" not in site.rollcall.log
        limit(expander, resource.RLIMIT_NOFILE, max(used, 1024))
        site.sink.on_mail = None
        assert site.wait_for(4) == STAFF
        for s in more:
            assert s.recv(3) == b"220"
            s.close()
    assert drafts(site.rollcall.dir / "state/spool") == []
    watch.well()


# ---- memory, and entries that end the process ----

@pytest.mark.skipif(SANITIZED, reason="a sanitizer needs all the addresses there are")
def test_a_post_that_needs_more_memory_than_there_is(make_site):
    """It ends the expander, says so, and is held in the end; other posts get through; it may be tried again."""
    count = 300000
    ldif = directory.top() + "".join(directory.person(u) for u in ("ann", "bob"))
    ldif += directory.group("staff", [directory.person_dn(u) for u in ("ann", "bob")])
    ldif += directory.group("huge", [], mgrpRFC822MailMember=[f"member-{i:06}@members.example.net" for i in range(count)])
    site = make_site(ldif, mta="sink", outbound="retry-first: 100ms\nretry-most: 100ms")
    site.submit()
    site.wait_for(2)
    site.rollcall.wait_idle()
    status = open(f"/proc/{site.rollcall.expander.pid}/status", encoding="ascii").read()
    # What it has now, and a little: less than so many members need.
    room = (int(re.search(r"VmData:\s+(\d+)", status).group(1)) + 1024) * 1024
    with site.lmtp() as c:
        c.mail("ann@example.com")
        c.rcpt("huge@lists.example.com")
        site.slapd.hang()
        assert c.data(client.message())[0].code == 250
    site.rollcall.wrap = ["prlimit", f"--data={room}:"]
    limit(site.rollcall.expander, resource.RLIMIT_DATA, room)
    site.slapd.go_on()
    ends = 0
    while not site.rollcall.counts()["held"]:
        # Where it is libldap that is refused memory, the post is put off instead; it may also end before work begins.
        wait_until(lambda: site.rollcall.expander.poll() is not None or site.rollcall.counts()["held"], 40,
                   "the end of the expander")
        if site.rollcall.expander.poll() is not None:
            ends += 1
            assert site.rollcall.expander.returncode == -signal.SIGABRT and ends < 20
            assert site.rollcall.log.count("error: fatal: out of memory") == ends
            site.rollcall.start_expander()
    assert ends >= 5
    assert "huge@lists.example.com, is held: the expander ended 5 times while it was working on it" in site.rollcall.log
    assert "held" in site.rollcall.ctl("queue", check=0).stdout
    limit(site.rollcall.expander, resource.RLIMIT_DATA, resource.RLIM_INFINITY)
    site.submit()
    site.wait_for(4)
    site.rollcall.ctl("release", "all", check=0)
    site.wait_for(4 + count, 60)
    site.rollcall.wait_idle()
    assert len(set(site.sink.recipients())) == 2 + count and len(site.sink.recipients()) == 4 + count


def test_killed_each_time_it_works_on_a_post(make_site, place):
    """As the kernel does when memory runs out, without a word: the next one says what it finds."""
    (place / "lists.json").write_text('{ "lists": [ { "address": "few@other.example.com", "members":'
                                      ' [ "bob@example.com" ], "owners": [ "ann@example.com" ] } ] }')
    site = make_site(mta="sink", start=False, source_more="timeout: 1m\n              cache: { yes: 1h }")
    site.rollcall.sources += f"\nfile: {{ kind: file, path: {place}/lists.json }}"
    site.rollcall.destinations += "\nother.example.com: { sources: [ file ] }"
    site.start()
    site.submit()
    site.wait_for(4)
    site.sink.clear()
    with site.lmtp() as c:
        c.mail("ann@example.com")
        c.rcpt("staff@lists.example.com")
        site.slapd.hang()
        assert c.data(client.message())[0].code == 250
    (progress,) = (site.rollcall.dir / "state/spool/pending").glob("*/progress")
    for n in range(5):
        wait_until(lambda: progress.read_text().count("begin") == n + 1, what="work to begin")
        site.submit(to="few@other.example.com")
        site.wait_for(n + 1)
        wait_until(lambda: site.rollcall.counts()["done"] == n + 2, what="the end of the other post")
        site.rollcall.kill_expander()
        site.rollcall.start_expander()
    wait_until(lambda: site.rollcall.counts()["held"] == 1, what="the post to be held")
    assert site.rollcall.log.count("the expander ended while it was working on it") == 4
    site.slapd.go_on()
    site.rollcall.ctl("release", "all", check=0)
    site.wait_for(9)
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == sorted(STAFF + ["bob@example.com"] * 5)


# ---- the disk ----

@pytest.mark.parametrize("which", ["sync", "write"])
def test_a_disk_that_reports_errors(faulty, which):
    """No 250, and no batch is sent, without what has to be on disk before; nothing is lost, nothing sent twice."""
    site = faulty()
    watch = Watch(site)
    a_waiting_post(site)
    site.faults.disk(**{which: errno.EIO})
    assert site.submit() == "451 4.3.0"
    wait_until(lambda: re.search(r"Input/output error", site.rollcall.log) or site.faults.met > 20, what="errors")
    site.sink.on_mail = None
    watch.calm()
    assert site.sink.delivered() == []
    site.faults.disk()
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF
    assert drafts(site.rollcall.dir / "state/spool") == []
    watch.well()


@pytest.fixture
def disk_site(make_site):
    """A site whose spool is a file system of its own, mounted with these options."""
    mounted = []

    def make(options="size=4m", **more):
        site = make_site(mta="sink", start=False, **more)
        site.disk = site.rollcall.dir / "state/spool"
        site.disk.mkdir(parents=True)
        got = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", site.disk], stderr=subprocess.PIPE, text=True)
        if got.returncode:
            pytest.skip(f"no right to mount a file system: {got.stderr.strip()}")
        mounted.append(site.disk)
        return site.start()
    yield make
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


def test_a_disk_that_becomes_read_only(disk_site):
    site = disk_site(outbound="retry-first: 2s\nretry-most: 2s\nidle: 0s", lmtp="free: 0")
    watch = Watch(site)
    a_waiting_post(site)
    site.sink.on_mail = None
    remount = ["mount", "-o", "remount,ro", site.disk]
    wait_until(lambda: subprocess.run(remount, stderr=subprocess.DEVNULL).returncode == 0, what="a moment without writers")
    assert site.submit() == "451 4.3.0"
    wait_until(lambda: len(re.findall("Read-only file system", site.rollcall.log)) > 2, what="failures")
    watch.calm()
    assert site.sink.delivered() == []
    subprocess.run(["mount", "-o", "remount,rw", site.disk], check=True)
    assert site.wait_for(4) == STAFF
    watch.well()


def test_no_inodes(disk_site):
    """As a full disk: 452, before there is anything to be cleared away."""
    site = disk_site("size=4m,nr_inodes=60", lmtp="free: 0")
    watch = Watch(site)
    made = []
    try:
        for i in range(100):
            (site.disk / f"fill{i}").touch()
            made.append(site.disk / f"fill{i}")
    except OSError as e:
        assert e.errno == errno.ENOSPC
    assert site.submit() == "452 4.3.1"
    watch.calm()
    assert drafts(site.disk) == []
    for p in made:
        p.unlink()
    watch.well()


def test_the_spool_is_taken_away(lmtp_site):
    """Nothing is taken that could not be kept; an expander that is started again makes it anew."""
    watch = Watch(lmtp_site)
    spool = lmtp_site.rollcall.dir / "state/spool"
    os.rename(spool, spool.with_name("elsewhere"))
    subprocess.run(["rm", "-rf", spool.with_name("elsewhere")], check=True)
    assert lmtp_site.submit() == "451 4.3.0"
    wait_until(lambda: "cannot read the queue pending: No such file or directory" in lmtp_site.rollcall.log,
               what="the log line")
    watch.calm()
    lmtp_site.rollcall.kill_expander()
    lmtp_site.rollcall.start_expander()
    watch.well()


def test_the_spool_of_another_owner(nobody_site):
    site = nobody_site
    watch = Watch(site)
    a_waiting_post(site)
    site.sink.on_mail = None
    spool = site.rollcall.dir / "state/spool"
    for path in (spool, *spool.iterdir()):
        os.chown(path, 0, 0)
    assert site.submit() == "451 4.3.0"
    wait_until(lambda: "Permission denied" in site.rollcall.log, what="the log line")
    watch.calm()
    for path in (spool, *spool.iterdir()):
        os.chown(path, 65534, 65534)
    site.rollcall.ctl("retry", "all", check=0)
    wait_until(lambda: len(site.sink.recipients()) == 4, what="the post that waited")
    watch.well()


# ---- the MTA ----

@pytest.mark.parametrize("where", ["on_mail", "on_rcpt", "on_dot"])
def test_an_mta_that_hangs(make_site, where):
    """It is waited for as long as is configured, and asked again."""
    site = make_site(mta="sink", outbound="reply: 1s")
    watch = Watch(site)
    once = [1]
    setattr(site.sink, where, lambda *unused: "hang" if once and once.pop() else None)
    site.submit()
    watch.calm()
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF and not once
    watch.well()


@pytest.mark.parametrize("where", ["on_mail", "on_rcpt", "on_dot"])
def test_an_mta_whose_disk_is_full(lmtp_site, where):
    tries = []

    def full(*unused):
        tries.append(1)
        return "452 4.3.1 insufficient system storage" if len(tries) < 4 else None
    setattr(lmtp_site.sink, where, full)
    lmtp_site.submit()
    assert lmtp_site.wait_for(4) == STAFF
    lmtp_site.rollcall.wait_idle()
    assert sorted(lmtp_site.sink.recipients()) == STAFF


# ---- the processes ----

@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL])
def test_two_expanders_and_one_is_stopped(make_site, place, end):
    """It keeps what it has claimed, and nothing else, until it goes on or dies."""
    site = make_site(mta="sink", outbound="reply: 10s")
    watch = Watch(site)
    second = Rollcall(place / "second", site.rollcall.sources, mta=site.sink.port)
    second.configure()
    (second.dir / "state").mkdir()
    os.symlink(site.rollcall.dir / "state/spool", second.dir / "state/spool")
    stopped = site.rollcall.expander
    try:
        site.sink.on_mail = lambda a: time.sleep(1)
        site.submit()
        wait_until(lambda: site.rollcall.counts()["outbound"] == 1 and site.sink.open, what="a post under way")
        stopped.send_signal(signal.SIGSTOP)
        time.sleep(1.2)
        site.sink.on_mail = None
        second.start_expander()
        with client.Client(second.lmtp_socket, lmtp=True) as c:
            c.mail("ann@example.com")
            c.rcpt("a+b@lists.example.com")
            assert c.data(client.message())[0].code == 250
        assert site.wait_for(1) == ["dora@example.com"]
        time.sleep(2.5)                   # the second looks again, twice
        assert site.sink.recipients() == ["dora@example.com"]
        stopped.send_signal(end)
        assert site.wait_for(5) == sorted(STAFF + ["dora@example.com"])
        if end == signal.SIGKILL:
            stopped.wait()
            site.rollcall.start_expander()
        site.rollcall.wait_idle()
        assert len(site.sink.recipients()) == 5
    finally:
        second.stop()
    watch.well()


def test_both_daemons_stopped_for_a_while(make_site):
    """In the middle of an expansion, an LMTP dialogue and a milter's session: time that ran out is a retry."""
    site = make_site(mta="sink", outbound="expand: 1s\nreply: 1s", source_more="timeout: 1s")
    watch = Watch(site)
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        site.slapd.hang()
        assert c.data(client.message())[0].code == 250
        c.mail("ann@example.com")
        for p in watch.processes:
            os.kill(p, signal.SIGSTOP)
        site.slapd.go_on()
        time.sleep(3)
        for p in watch.processes:
            os.kill(p, signal.SIGCONT)
        assert m.rcpt("staff@lists.example.com")[0] == b"c"
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message())[0].code == 250
    m.close()
    assert site.wait_for(8) == sorted(STAFF * 2)
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 8
    watch.well()


# ---- the directory ----

def test_restarted_in_the_middle_of_an_expansion(make_site):
    site = make_site(directory.crowded(400), mta="sink", through_proxy=True,
                     source_more="cache: { yes: 1h }")
    site.rollcall.ctl("members", "g400@lists.example.com", check=0)
    whole = site.proxy.passed
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("g400@lists.example.com").code == 250
        site.proxy.drop_all()
        site.proxy.cut_after = whole // 2
        assert c.data(client.message())[0].code == 250
        wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), what="half an answer")
        site.slapd.stop()
        site.proxy.cut_after = None
        wait_until(lambda: len(site.rollcall.log_lines("expand", verdict="later")) > 2, what="no answer at all")
        assert site.sink.delivered() == []
        site.slapd.start()
    assert len(site.wait_for(400)) == 400
    site.rollcall.wait_idle()
    assert len(set(site.sink.recipients())) == len(site.sink.recipients()) == 400


def test_a_directory_that_lags(lmtp_site):
    """A replica that has the group already and its members not yet: the post waits for them."""
    assert lmtp_site.submit(to="dangling@lists.example.com").code == 250
    wait_until(lambda: lmtp_site.rollcall.log_lines("expand", verdict="later"), what="a deferral")
    lmtp_site.slapd.modify("".join(directory.person(f"gone{i}") for i in (1, 2, 3)), "ldapadd")
    assert lmtp_site.wait_for(3) == [f"gone{i}@example.com" for i in (1, 2, 3)]
    lmtp_site.rollcall.wait_idle()


# ---- the table ----

def test_the_table_names_tests_that_exist():
    """And every test of this file is in it."""
    page = (ROOT / "docs/faults.md").read_text()
    named = set(re.findall(r"`(test_\w+)\.(\w+)`", page))
    assert len(named) > 40
    for module, name in named:
        system, unit = ROOT / f"tests/system/{module}.py", ROOT / f"tests/unit/{module}.c"
        assert (system.exists() and re.search(rf"(?m)^def {name}\(", system.read_text())) or \
               (unit.exists() and f"cmocka_unit_test({name})" in unit.read_text()), f"{module}.{name}"
    here = set(re.findall(r"(?m)^def (test_\w+)\(", (ROOT / "tests/system/test_faults.py").read_text()))
    assert here - {name for _, name in named} == {"test_the_table_names_tests_that_exist"}
