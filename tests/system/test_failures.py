"""
The milter, LMTP and the socketmap absent, hanging, dying, with either MTA: what docs/operating.md says becomes of
clients, of what is queued and of other mail. Each test is a row of its tables. The MTAs are set up as shipped; only
their waits are shorter. What Postfix waits for a socketmap cannot be set: there it is ended as a watchdog does it.
"""
import concurrent.futures
import os
import pathlib
import re
import signal
import socket
import threading
import time

import pytest

import test_shared
from conftest import Site, company, short_directory
from testbed import client
from testbed.base import ROOT, can_connect, end_process, wait_until
from testbed.postfix import MASTER, read_part
from testbed.proxy import Proxy

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
LIST, PEOPLE_LIST = "staff@lists.example.com", "staff@example.com"
STRANGER = "stranger@elsewhere.example"
OTHER = "bob@elsewhere.example"

# The waits of the MTAs here: as shipped, they are what the pages say.
SHORT = {
    "smtpd_milters": "connect_timeout=2s, command_timeout=2s, content_timeout=2s",
    "lmtp": "lmtp_lhlo_timeout = 2s\nlmtp_mail_timeout = 2s\nlmtp_rcpt_timeout = 2s\nlmtp_data_done_timeout = 2s\n",
    "sendmail": "define(`ROLLCALL_MILTER_TIMES', `C:2s;S:2s;R:2s;E:3s')dnl\ndefine(`ROLLCALL_MAP_TIME', `2s')dnl\n"
                "define(`confTO_INITIAL', `2s')dnl\ndefine(`confTO_DATAFINAL', `5s')dnl\n"
}
QUICK = 1.5                               # below which nobody has waited for anything


def rows_of(heading):
    """The table below a heading of docs/operating.md: {first cell: the other cells}."""
    text = (ROOT / "docs/operating.md").read_text().split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?m)^\|.*\n\|[-|]*\|\n((?:\|.*\n)+)", text).group(1)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return {cells[0].strip("| "): cells[1:] for cells in rows}


class Told:
    """What clients are told, held against the row of the test and the column of its MTA."""

    def __init__(self, row, mta):
        column = ("postfix", "sendmail").index(mta)
        self.said = set(re.findall(r"\b[245]\d\d \d\.\d\.\d", rows_of("### What clients are told")[row][column]))
        self.logged = re.findall(r"`([^`]+)`", rows_of("### What the logs say")[row][column])
        self.seen = set()

    def __call__(self, reply, at_least=0.0, since=None):
        took = time.monotonic() - since if since is not None else 0
        text = f"{reply.code} {reply.enhanced}"
        assert text in self.said, f"{reply}: the page has {self.said}"
        assert at_least <= took < at_least + QUICK + 2 * (at_least > 0), f"{reply} after {took} s"
        self.seen.add(text)
        return reply


@pytest.fixture(scope="module", params=["postfix", "sendmail"])
def mta(request):
    return request.param


@pytest.fixture(scope="module")
def place():
    with short_directory() as path:
        yield path


@pytest.fixture(scope="module")
def plain_site(place, mta):
    """A domain of lists, as the set-up for each MTA has it."""
    milters = re.search(r"(?m)^smtpd_milters = .*", read_part("main.cf.part")).group()
    main = re.sub("connect_timeout=[0-9a-z]+", SHORT["smtpd_milters"], milters) + "\n" + SHORT["lmtp"]
    # Small posts ask for receipts as well: whoever is killed is killed at any moment.
    site = Site(place / "plain", company(), mta=mta, postfix={"main": main}, sendmail={"mc": SHORT["sendmail"]},
                destinations="lists.example.com: { sources: [ corp ], proof: always }")
    yield site.start()
    site.stop()


@pytest.fixture(scope="module")
def shared_site(place, mta):
    """Lists and people in one domain."""
    relay = "RELAY_DOMAIN(`example.com')dnl\n"          # the site's own: it takes mail for its people
    site = Site(place / "shared", test_shared.company(), mta=mta, destinations=test_shared.SHARED, socketmap="",
                source_more="cache: { yes: 0s, no: 0s, stale: 0s }", postfix={"main": test_shared.MAIN},
                outbound="lanes: 1",      # what its session remembers, nobody else can make good
                sendmail={"mc": relay + SHORT["sendmail"], "domains": "", "shared": "example.com"})
    if site.postfix:                      # an smtpd remembers what it could not look up: each client has a new one
        site.postfix.base = re.sub("smtpd\n", "smtpd\n  -o max_use=1\n",
                                   MASTER.format(smtp=f"127.0.0.1:{site.postfix.port}"), count=1)
    yield site.start()
    site.stop()


def in_order(site, with_a_map):
    """All parts there and at work, nothing queued, nothing in the sink: how a test begins, and ends."""
    rc = site.rollcall
    site.sink.on_rcpt = None
    for process in (rc.milter, rc.expander):
        if process and process.poll() is None:
            process.send_signal(signal.SIGCONT)
    if not rc.expander or rc.expander.poll() is not None:
        rc.start_expander()
    if with_a_map and not can_connect(rc.map_socket):
        with_map(site)
    elif rc.milter.poll() is not None:
        rc.start_milter()
    wait_for_nothing(site)
    site.sink.clear()


def wait_for_nothing(site):
    """Until all queues are empty. A file that moves from one to another may be missed once."""
    for _ in range(2):
        wait_until(lambda: site.mta.queued() == 0, 40, "an empty queue of the MTA")
        site.rollcall.wait_idle()


@pytest.fixture
def told(request, mta):
    """Also looks, at the end, whether everything was seen that the page promises."""
    part, failure = re.match(r"test_(\w+?)_(absent|hanging|dying)", request.node.name).groups()
    told = Told(f"{part}, {failure}", mta)
    site = request.getfixturevalue("shared_site" if part == "socketmap" else "plain_site")
    begun, failed = len(site.mta.log), request.session.testsfailed
    yield told
    in_order(site, part == "socketmap")
    if request.session.testsfailed == failed:
        assert told.seen == told.said
        for text in told.logged:
            assert text in site.mta.log[begun:], text


def test_the_waits_on_the_page_are_those_shipped():
    said = rows_of("### What clients are told")
    connect = re.search(r"connect_timeout=(\d+)s", read_part("main.cf.part")).group(1)
    assert f"after {connect} s at the beginning" in said["milter, hanging"][0]
    feature = (ROOT / "sendmail-cf/feature/rollcall.m4").read_text()
    assert f"after {re.search(r';R:([0-9]+)s;', feature).group(1)} s" in said["milter, hanging"][1]
    asked = re.search(r"ROLLCALL_MAP_TIME', `([0-9]+)s", feature).group(1)
    assert f"after {asked} s" in said["socketmap, hanging"][1]


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def stop(process):
    """Hangs, from the return of this on."""
    process.send_signal(signal.SIGSTOP)
    threads = pathlib.Path(f"/proc/{process.pid}/task")
    wait_until(lambda: all(") T " in (t / "stat").read_text() for t in threads.iterdir()), what="it to stop")


def silent(path):
    """Somebody who lets others connect to a path and says nothing."""
    pathlib.Path(path).unlink(missing_ok=True)
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    os.chmod(path, 0o666)
    s.listen(64)
    return s


def leave_socket(path):
    """The file of a socket that nobody listens at, as a process leaves it that was killed."""
    silent(path).close()


def refused(site, to=LIST):
    """Who may not post still may not."""
    with site.smtp_from_abroad() as c:
        c.mail(STRANGER)
        assert c.rcpt(to) == "550 5.7.1"


def goes_on(site, copies, to=LIST):
    """All is as before: what was queued has come, once; whoever may posts, and nobody else."""
    assert site.wait_for(len(copies), 40) == sorted(copies)
    refused(site, to)
    site.post(to=to)
    members = test_shared.STAFF if to == PEOPLE_LIST else STAFF
    site.wait_for(len(copies) + len(members), 40)
    wait_for_nothing(site)
    assert sorted(site.sink.recipients()) == sorted(copies + members)


def queue_a_post(site, to=LIST):
    """One post that waits in the MTA, since the expander is away."""
    site.rollcall.kill_expander()
    site.post(to=to)
    wait_until(lambda: site.mta.queued() == 1, what="a post in the queue")


# ---- the milter ----

def test_milter_absent(plain_site, told):
    """Nobody is served at the port for clients; what is queued goes out. With the file of the socket, and without."""
    site = plain_site
    queue_a_post(site)
    end_process(site.rollcall.milter)
    assert not os.path.exists(site.rollcall.milter_socket)
    for left in (False, True):
        if left:
            leave_socket(site.rollcall.milter_socket)
        for connect in (site.smtp, site.smtp_from_abroad):
            began = time.monotonic()
            with connect() as c:
                told(c.mail("ann@example.com"), since=began)
                assert c.rcpt(LIST).code == c.rcpt(OTHER).code == 503
    site.rollcall.start_expander()
    assert site.wait_for(4, 40) == STAFF
    site.rollcall.start_milter()
    goes_on(site, STAFF)


def test_milter_hanging(plain_site, told):
    """C288: clients wait, each session once, at whatever it is; what is queued goes out."""
    site = plain_site
    queue_a_post(site)
    before, within = site.smtp(), site.smtp()
    for c in (before, within):
        assert c.mail("ann@example.com").code == 250
    assert within.rcpt(LIST).code == 250
    assert within.command("DATA").code == 354
    stop(site.rollcall.milter)

    def connects():
        with site.smtp() as c:
            return told(c.mail("ann@example.com"), 2, began)

    def is_in_a_session():
        told(before.rcpt(LIST), 2, began)
        since = time.monotonic()
        told(before.rcpt(OTHER), since=since)

    def is_at_the_end():
        within.send(client.message() + b".\r\n")
        told(within.reply(), 2, began)

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(f) for f in (connects, is_in_a_session, is_at_the_end)]:
            done.result()
    for c in (before, within):
        c.close()
    site.rollcall.start_expander()
    assert site.wait_for(4, 40) == STAFF
    site.rollcall.milter.send_signal(signal.SIGCONT)
    goes_on(site, STAFF)


def test_milter_dying(plain_site, told):
    """Between RCPT and DATA, within DATA, and after the dot: whose session it is in has to come again."""
    site = plain_site
    before, within, after = sessions = [site.smtp() for _ in range(3)]
    for c in sessions:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt(LIST).code == 250
    for c in (within, after):
        assert c.command("DATA").code == 354
        c.send(client.message())
    stop(site.rollcall.milter)
    after.send(b".\r\n")
    time.sleep(0.3)                       # the MTA has passed it on, or is about to
    kill(site.rollcall.milter)
    told(after.reply())
    within.send(b".\r\n")
    told(within.reply())
    told(before.rcpt(OTHER))
    assert before.data(client.message()).code in (451, 503)
    with site.smtp() as c:
        told(c.mail("ann@example.com"))
    for c in sessions:
        c.close()
    site.rollcall.start_milter()
    goes_on(site, [])


# ---- LMTP ----

def test_lmtp_absent(plain_site, told):
    """Posts are taken and wait in the MTA, other mail goes on. With the file of the socket, and without."""
    site, rc = plain_site, plain_site.rollcall
    end_process(rc.expander)
    assert not os.path.exists(rc.lmtp_socket)
    for left in (False, True):
        if left:
            leave_socket(rc.lmtp_socket)
        told(site.post())
        refused(site)
    site.post(to=OTHER)
    assert site.wait_for(1) == [OTHER]
    wait_until(lambda: site.mta.queued() == 2, what="two posts in the queue")
    rc.start_expander()
    goes_on(site, [OTHER, *STAFF, *STAFF])


def test_lmtp_hanging(plain_site, told):
    """The MTA gives up and comes again; it is stored once, though the reply gets lost."""
    site, rc = plain_site, plain_site.rollcall
    stop(rc.expander)
    told(site.post())
    refused(site)
    site.post(to=OTHER)
    assert site.wait_for(1) == [OTHER]
    wait_until(lambda: given_up(site) >= 1, what="the MTA to give up")
    rc.expander.send_signal(signal.SIGCONT)
    assert site.wait_for(5, 40) == sorted([OTHER, *STAFF])
    between = Between(site, lambda data, from_server: from_server and b"taken for the list" in data)
    between.then = between.proxy.hanging.set
    site.post()
    seen = given_up(site)
    wait_until(lambda: given_up(site) > seen, what="the MTA to give up after the dot")
    assert between.struck
    between.end()
    goes_on(site, [OTHER, *STAFF, *STAFF])
    assert re.search(r'rollcall_entries_total{.*result="repeated".*} [1-9]', rc.ctl("metrics").stdout)


@pytest.mark.parametrize("when", ["at RCPT", "within DATA", "after the dot"])
def test_lmtp_dying(plain_site, told, when):
    """Killed while the MTA delivers: it comes again, and nobody has it twice."""
    site, rc = plain_site, plain_site.rollcall
    sent = []

    def now(data, from_server):
        if not from_server:
            sent.append(len(data))
        return {"at RCPT": from_server and b"recipient ok" in data,
                "within DATA": sum(sent) > 100000,
                "after the dot": from_server and b"taken for the list" in data}[when]

    between = Between(site, now)
    between.then = rc.kill_expander
    told(site.post(message=client.message(body=("x" * 76 + "\r\n") * 5000)))
    refused(site)
    wait_until(lambda: between.struck, what="the end of the expander")
    site.post(to=OTHER)
    # After the dot the post may have been on its way already.
    wait_until(lambda: OTHER in site.sink.recipients(), what=OTHER)
    between.end(alive=False)
    leave_socket(rc.lmtp_socket)
    rc.start_expander()
    goes_on(site, [OTHER, *STAFF])


class Between:
    """Between the MTA and the expander: once `now(data, from_server)`, it does `then()` and passes nothing on."""

    def __init__(self, site, now):
        self.path = site.rollcall.lmtp_socket
        os.rename(self.path, self.path + ".real")
        self.now, self.then, self.struck, self.lock = now, None, False, threading.Lock()
        self.proxy = Proxy(self.path + ".real", at=self.path)
        self.proxy.look = self.look

    def look(self, data, from_server):
        with self.lock:
            if not self.struck and self.now(data, from_server):
                self.then()
                self.struck = True
        if self.struck and not self.proxy.hanging.is_set():
            raise ConnectionError("it is dead")

    def end(self, alive=True):
        """Out of the way; the MTA reaches the expander itself again."""
        self.proxy.stop()
        if alive:
            os.rename(self.path + ".real", self.path)
        else:
            os.unlink(self.path + ".real")


def given_up(site):
    """How often the MTA had no answer for a post over LMTP in time; receipts, which may hang too, are not counted."""
    return len(re.findall(rf"to=<{re.escape(LIST)}>.*timed out", site.mta.log, re.I))


# ---- the socketmap ----

def without_map(site):
    """The milter there, and no socketmap."""
    end_process(site.rollcall.milter)
    site.rollcall.socketmap_more = None
    site.rollcall.configure()
    site.rollcall.start_milter()


def with_map(site):
    end_process(site.rollcall.milter)
    site.rollcall.socketmap_more = ""
    site.rollcall.configure()
    site.rollcall.start_milter()


def others_pass(site, sender="ann@example.com"):
    """Mail between domains that are not shared, and from a sender in the shared one."""
    before = len(site.sink.recipients())
    began = time.monotonic()
    with site.smtp() as c:
        assert c.mail(sender).code == 250
        assert c.rcpt(OTHER).code == 250
        assert c.data(client.message()).code == 250
    assert time.monotonic() - began < QUICK
    site.wait_for(before + 1)


def tries_without_map(site, since):
    """How many queued recipients the MTA tried, and could not ask where to. sendmail tells it by mailq only."""
    if site.postfix:
        return len(set(re.findall(r':transport lookup error for "(staff|emil)@', site.mta.log[since:])))
    return site.mta.run("-bp").stdout.count("(recipient map: lookup")


def test_socketmap_absent(shared_site, told):
    """Nobody says who is a list: mail to the domain waits, wherever it is, and mail to others passes."""
    site, rc = shared_site, shared_site.rollcall
    rc.kill_expander()
    site.sink.on_rcpt = lambda address, n: "451 4.2.0 later" if address == "emil@example.com" else None
    site.post(to=PEOPLE_LIST)
    site.post(to="emil@example.com")
    wait_until(lambda: site.mta.queued() == 2, what="two in the queue")
    without_map(site)
    for left in (False, True):
        if left:
            leave_socket(rc.map_socket)
        for connect in (site.smtp, site.smtp_from_abroad):
            with connect() as c:
                assert c.mail(STRANGER).code == 250
                for to in (PEOPLE_LIST, "emil@example.com"):
                    began = time.monotonic()
                    told(c.rcpt(to), since=began)
    others_pass(site)
    rc.start_expander()
    site.sink.on_rcpt = None
    site.submit(to="dev@example.com")     # to members in the domain: by the port where posts come back
    wait_until(lambda: "451 4.3.0" in "".join(x["reason"] for x in rc.log_lines("inject", state="deferred")),
               what="a batch that is put off")
    since = len(site.mta.log)
    wait_until(lambda: tries_without_map(site, since) == 2, what="the queue to be tried")
    assert site.sink.recipients() == [OTHER] and site.mta.queued() == 2
    with_map(site)
    goes_on(site, [OTHER, "emil@example.com", "carl@example.com", "dora@example.com", *test_shared.STAFF], PEOPLE_LIST)


def test_socketmap_hanging(shared_site, told):
    """Whoever asks waits; whoever need not ask does not."""
    site, rc = shared_site, shared_site.rollcall
    without_map(site)
    listener = silent(rc.map_socket)
    with site.smtp_from_abroad() as c, concurrent.futures.ThreadPoolExecutor() as pool:
        assert c.mail(STRANGER).code == 250
        began = time.monotonic()
        answer = pool.submit(c.rcpt, PEOPLE_LIST)
        if site.postfix:                  # whose other mail may stand behind the question
            time.sleep(2)
            assert not answer.done()
            listener.close()              # what a watchdog does: the process is ended, and its connections with it
        else:
            others_pass(site)
        told(answer.result(), 2, began)
        listener.close()
    if site.postfix:
        others_pass(site)
    with_map(site)
    stop(rc.milter)
    site.submit(to="dev@example.com")
    time.sleep(0.5)
    assert site.sink.recipients() == [OTHER]
    rc.milter.send_signal(signal.SIGCONT)
    goes_on(site, [OTHER, "carl@example.com", "dora@example.com"], PEOPLE_LIST)


def test_socketmap_dying(shared_site, told):
    """Killed while it is asked, since the directory does not answer; it is the milter's process, too."""
    site, rc = shared_site, shared_site.rollcall
    site.slapd.hang()
    with site.smtp_from_abroad() as c, concurrent.futures.ThreadPoolExecutor() as pool:
        try:
            assert c.mail(STRANGER).code == 250
            answer = pool.submit(c.rcpt, PEOPLE_LIST)
            time.sleep(0.5)
            assert not answer.done()
            kill(rc.milter)
        finally:
            site.slapd.go_on()
        told(answer.result())
        told(c.rcpt("emil@example.com"))
    with site.smtp_from_abroad() as c:
        told(c.mail(STRANGER))
    with client.Client(("127.0.0.1", site.mta.reinject)) as c:
        c.mail("ann@example.com")
        assert c.rcpt(PEOPLE_LIST) == "451 4.3.0"
        assert c.rcpt(OTHER).code == 250
    rc.start_milter()
    goes_on(site, [], PEOPLE_LIST)
