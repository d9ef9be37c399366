"""The queues under stress: full disks, files that make no sense, ends that come at a bad moment, posts that wait."""
import json
import os
import signal
import subprocess
import time

import pytest

from testbed import client, directory, sink
from testbed.base import wait_until

from test_injection import STAFF, reports


@pytest.fixture
def small_disk(place):
    """A file system of one megabyte, where mounting is permitted."""
    mounted = []

    def mount(path):
        path.mkdir(parents=True, exist_ok=True)
        got = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", path], stderr=subprocess.PIPE, text=True)
        if got.returncode:
            pytest.skip(f"no right to mount a small file system: {got.stderr.strip()}")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


def fill(path):
    with open(path, "wb", 0) as f:
        try:
            while f.write(b"x" * 4096) == 4096:
                pass
        except OSError:
            pass


def test_a_disk_that_is_full_during_injection(make_site, small_disk):
    """Whatever could not be written down: nobody is left out, and at most what was in flight goes twice."""
    site = make_site(directory.crowded(300), mta="sink", start=False,
                     destinations="lists.example.com: { sources: [ corp ], proof: never }",
                     outbound="lanes: 2\nbatch: 50")
    disk = small_disk(site.rollcall.dir / "state/spool")
    busy = set()

    def once_busy(address, n):
        if len(busy) < 100 and n % 2 and address not in busy:
            busy.add(address)
            return "450 4.2.1 this mailbox is busy, and says so in many words, so that its record takes some room"
        return None

    def filling(t):
        if not (disk / "fill").exists():
            fill(disk / "fill")

    site.sink.on_rcpt, site.sink.on_dot = once_busy, filling
    site.start()
    site.submit(to="g300@lists.example.com")
    wait_until(lambda: "cannot write progress: No space left" in site.rollcall.log, what="a full disk")
    site.sink.on_dot = None
    (disk / "fill").unlink()
    wait_until(lambda: len(set(site.sink.recipients())) == 300, what="all copies")
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) <= 300 + 2 * 50
    assert "left alone" not in site.rollcall.log and "is no record" not in site.rollcall.log


def test_a_disk_that_is_full_during_expansion(make_site, small_disk):
    """A list that cannot be written down is put off, and nobody is sent anything by then."""
    site = make_site(directory.crowded(2000), mta="sink", start=False)
    disk = small_disk(site.rollcall.dir / "state/spool")
    site.start()
    site.slapd.hang()
    with site.lmtp() as c:
        site.slapd.go_on()
        c.mail("ann@example.com")
        c.rcpt("g2000@lists.example.com")
        site.slapd.hang()
        assert c.data(b"Subject: x\r\n\r\n")[0].code == 250
    fill(disk / "fill")
    site.slapd.go_on()
    wait_until(lambda: "No space left" in site.rollcall.log, what="a full disk")
    assert site.sink.delivered() == []
    (disk / "fill").unlink()
    assert len(site.wait_for(2000)) == 2000


def test_a_progress_that_cannot_be_read_is_reported_in_the_end(make_site):
    site = make_site(mta="sink", outbound="expire: 3s\nretry-first: 500ms\nretry-most: 500ms")
    site.sink.on_mail = lambda a: "451 4.3.0 not now" if a else None
    site.submit()
    wait_until(lambda: site.rollcall.counts()["outbound"] == 1, what="the entry")
    site.rollcall.kill_expander()
    (progress,) = (site.rollcall.dir / "state/spool/outbound").glob("*/progress")
    progress.write_text('{"version":9}\n')
    site.rollcall.start_expander()
    (entry,) = site.rollcall.ctl_json("queue")["entries"]
    assert entry["reason"] == "progress: not of a version known to this program"
    wait_until(lambda: reports(site), what="the report")
    (report,) = reports(site)
    assert "what was sent cannot be read: progress: not of a version known" in report.data.decode()
    assert report.recipients == ["ann@example.com"]
    site.rollcall.wait_idle()


def test_a_progress_that_a_full_disk_has_spoilt(lmtp_site):
    """Half a record with the next one glued to it: what it was about is in doubt, and is sent again."""
    lmtp_site.sink.on_mail = lambda a: "451 4.3.0 not now" if a else None
    lmtp_site.submit()
    wait_until(lambda: lmtp_site.rollcall.counts()["outbound"] == 1, what="the entry")
    lmtp_site.rollcall.kill_expander()
    (progress,) = (lmtp_site.rollcall.dir / "state/spool/outbound").glob("*/progress")
    progress.write_text('{"batch":1,"at":1,"first":0,"count":4}\n'
                        '{"batch":1,"line":1,"code":550,"te{"batch":1,"at":2,"code":250}\n')
    lmtp_site.sink.on_mail = None
    lmtp_site.rollcall.start_expander()
    assert lmtp_site.wait_for(4) == STAFF
    lmtp_site.rollcall.wait_idle()
    assert "progress, line 2, is no record: what was under way there is in doubt" in lmtp_site.rollcall.log


def test_a_message_that_is_too_big_with_so_many_recipients(make_site):
    """552 at the end of data: again with half of the recipients, until it is taken; each one has it once."""
    site = make_site(directory.crowded(300), mta="sink", outbound="lanes: 2")
    site.sink.on_dot = lambda t: "552 5.3.4 message file too big" if len(t.recipients) > 40 else None
    site.submit(to="g300@lists.example.com")
    assert len(site.wait_for(300)) == 300
    site.rollcall.wait_idle()
    assert len(set(site.sink.recipients())) == len(site.sink.recipients()) == 300
    assert reports(site) == []


def test_a_message_that_is_too_big_for_one_is_refused(lmtp_site):
    lmtp_site.sink.on_dot = lambda t: "552 5.3.4 message file too big" if t.sender else None
    lmtp_site.submit()
    wait_until(lambda: reports(lmtp_site), what="the report")
    assert "was sent to nobody" in reports(lmtp_site)[0].data.decode()
    lmtp_site.rollcall.wait_idle()


def test_at_the_limit_of_size(make_site):
    """Postfix takes a post with its default limit, and has room for our fields and for all recipients."""
    size = 10240000
    people = [f"person-with-a-rather-long-name-{i:05}" for i in range(1000)]
    ldif = directory.top() + "".join(directory.person(u) for u in people)
    ldif += directory.group("all", [directory.person_dn(u) for u in people])
    site = make_site(ldif, postfix={"main": f"message_size_limit = {size}\n"})
    for lines in range(size // 1000 - 8, 0, -1):          # the largest that it takes
        with site.smtp() as c:
            c.mail(f"{people[0]}@example.com")
            c.rcpt("all@lists.example.com")
            if c.data(client.message(to="all@lists.example.com", body=("x" * 998 + "\r\n") * lines)).code == 250:
                break
    assert lines > size // 1000 - 30
    assert len(set(site.wait_for(1000, 60))) == 1000
    site.rollcall.wait_idle()
    assert all(b["sent"] == b["recipients"] for b in site.rollcall.log_lines("batch"))
    assert "too big" not in site.rollcall.log


def end(site, seconds):
    """Ends the expander, which has to do it in so many seconds; how many it took."""
    began = time.monotonic()
    site.rollcall.expander.send_signal(signal.SIGTERM)
    assert site.rollcall.expander.wait(seconds) == 0
    site.rollcall.expander = None
    return time.monotonic() - began


@pytest.mark.parametrize("where", ["on_mail", "on_dot"])
def test_the_end_while_the_mta_is_silent(make_site, where):
    """A batch whose end was sent is in doubt; nobody is left out by what was given up."""
    site = make_site(mta="sink")
    setattr(site.sink, where, lambda *unused: "hang")
    site.submit()
    time.sleep(0.5)
    assert 4 < end(site, 8)
    (batch,) = site.rollcall.log_lines("batch")
    assert "not waited for any more" in batch["reply"] and ("doubt" in batch) == (where == "on_dot")
    setattr(site.sink, where, None)
    site.rollcall.start_expander()
    assert site.wait_for(4) == STAFF


def test_the_end_while_the_directory_is_silent(make_site):
    site = make_site(mta="sink", source_more="timeout: 1m", start=False)
    site.rollcall.environment["TSAN_OPTIONS"] += ":report_thread_leaks=0"      # that is what it does
    site.start()
    site.submit()
    site.wait_for(4)
    site.slapd.hang()
    try:
        with site.lmtp() as c:
            c.mail("ann@example.com")
            c.rcpt("staff@lists.example.com")
            assert c.data(client.message())[0].code == 250
            time.sleep(0.5)
            end(site, 8)
    finally:
        site.slapd.go_on()
    site.rollcall.start_expander()
    assert site.wait_for(8) == sorted(STAFF * 2)
    assert "the expander ended while" not in site.rollcall.log      # five restarts must not hold a good post


def test_the_end_when_nothing_hangs(lmtp_site):
    """Batches that are under way come to their end."""
    lmtp_site.sink.delay_dot = 1.5
    lmtp_site.submit()
    time.sleep(0.5)
    assert end(lmtp_site, 8) < 3
    assert lmtp_site.wait_for(4) == STAFF
    lmtp_site.rollcall.start_expander()
    lmtp_site.rollcall.wait_idle()
    assert sorted(lmtp_site.sink.recipients()) == STAFF


def test_a_small_post_passes_a_huge_one(make_site):
    ldif = directory.top() + directory.person("ann") + directory.crowd(6000, [6000])
    ldif += directory.group("small", [directory.person_dn("ann")])
    site = make_site(ldif, mta="sink", outbound="batch: 100\nlanes: 2")
    site.sink.delay_dot = 0.5
    site.submit(to="g6000@lists.example.com")
    wait_until(lambda: site.sink.recipients(), what="the first batch")
    began = time.monotonic()
    site.submit(to="small@lists.example.com")
    wait_until(lambda: "ann@example.com" in site.sink.recipients(), what="the small post", every=0.01)
    assert time.monotonic() - began < 1.7          # what is left of a batch, and its own
    assert len(site.sink.recipients()) < 2000
    site.sink.delay_dot = 0
    assert len(set(site.wait_for(6001))) == 6001


def test_more_posts_than_are_worked_on_at_once(make_site):
    """The lanes that find nothing wait, and do not look for it all the time."""
    site = make_site(mta="sink", outbound="lanes: 80")
    site.sink.delay_dot = 3
    with site.lmtp() as c:
        for i in range(90):
            c.mail("ann@example.com")
            c.rcpt("staff@lists.example.com")
            assert c.data(client.message())[0].code == 250
    wait_until(lambda: len(site.sink.open) >= 60, what="busy lanes")

    def used():
        fields = open(f"/proc/{site.rollcall.expander.pid}/stat", encoding="ascii").read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    before = used()
    time.sleep(1.5)
    assert used() - before < 0.3
    site.sink.delay_dot = 0
    assert len(site.wait_for(360)) == 360


@pytest.mark.parametrize("lanes", [1, 3])
def test_connections_that_are_not_used_are_closed(make_site, lanes):
    site = make_site(mta="sink", outbound=f"rescan: 300ms\nidle: 1s\nlanes: {lanes}")
    site.submit()
    site.wait_for(4)
    assert len(site.sink.open) == 1
    time.sleep(0.5)
    assert len(site.sink.open) == 1
    wait_until(lambda: not site.sink.open, 2, "a connection to be closed")


def test_a_reload_that_names_another_mta(make_site):
    """A connection to the one before is not used any more."""
    site = make_site(mta="sink", outbound="idle: 1m\nlanes: 1")
    site.submit()
    site.wait_for(4)
    site.rollcall.wait_idle()
    old, site.sink = site.sink, sink.Sink()
    try:
        site.rollcall.mta = site.sink.port
        site.rollcall.reload()
        site.submit()
        assert site.wait_for(4) == STAFF
        assert len(old.recipients()) == 4
    finally:
        old.stop()


def test_a_limit_that_is_absurd_is_not_learnt(make_site):
    site = make_site(mta="sink", outbound="lanes: 1")
    once = [1]
    site.sink.on_rcpt = lambda a, n: "452 4.5.3 too many recipients" if n and once and once.pop() else None
    site.submit()
    assert site.wait_for(4) == STAFF
    site.submit()
    assert len(site.wait_for(8)) == 8
    assert [len(t.recipients) for t in site.sink.transactions][-1] == 4


@pytest.mark.parametrize("members", [[], ["hermit@lists.example.com"]])
def test_a_list_without_members(make_site, place, members):
    """Not done without a word: it waits for somebody, and is reported in the end."""
    def write(some):
        (place / "lists.json").write_text(json.dumps({"lists": [
            {"address": "hermit@lists.example.com", "members": some, "owners": ["ann@example.com"]}]}), encoding="utf-8")
    write(members)
    site = make_site(mta="sink", sources=f"corp: {{ kind: file, path: {place}/lists.json }}",
                     outbound="expire: 3s\nretry-first: 500ms\nretry-most: 500ms")
    site.submit(to="hermit@lists.example.com")
    wait_until(lambda: site.rollcall.ctl_json("queue")["entries"][0]["tries"], what="a try")
    (entry,) = site.rollcall.ctl_json("queue")["entries"]
    assert entry["queue"] == "pending" and entry["reason"] == "the list has no members to send to"
    write(["bob@example.com"])
    site.rollcall.ctl("reload", check=0)
    assert site.wait_for(1) == ["bob@example.com"]
    write(members)
    site.rollcall.ctl("reload", check=0)
    site.submit(to="hermit@lists.example.com")
    wait_until(lambda: reports(site), what="the report")
    (report,) = reports(site)
    assert report.recipients == ["ann@example.com"]
    assert "was sent to nobody.\r\nIt has been given up: the list has no members to send to" in report.data.decode()
    site.rollcall.wait_idle()
