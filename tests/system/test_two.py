"""Two that work one spool: a second expander, and a runner in another language."""
import os
import signal
import subprocess
import time

import pytest

from testbed import client, directory, rollcall
from testbed.base import ROOT, free_port, wait_until

BATCH = 20


def check(site, posts, size):
    """Everybody has every post, once."""
    wait_until(lambda: len(site.sink.copies()) >= posts * size, 60, "all copies")
    site.rollcall.wait_idle(60)
    if site.mta:
        wait_until(lambda: site.mta.queued() == 0, 30, "an empty queue")
    count = site.sink.copies()
    assert len(count) == posts * size
    assert sum(count.values()) == posts * size


@pytest.fixture
def pair(make_site):
    """A site with a second expander, which shares the spool of the first: either takes mail and hears receipts."""
    others = []

    def make(size, **options):
        ports = free_port(), free_port()
        either = f"inet:127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"
        maps = f"""transport_maps = inline:{{ {{ lists.example.com = rollcall:{either} }} }},
 inline:{{ {{ .rollcall.invalid = rollcall:{either} }} }}
"""
        site = make_site(directory.crowded(size), postfix={"main": maps}, start=False,
                         lmtp=f"listen: inet:127.0.0.1:{ports[0]}", **options)
        second = rollcall.Rollcall(site.rollcall.dir / "second", site.rollcall.sources, mta=site.rollcall.mta,
                                   destinations=site.rollcall.destinations, outbound=site.rollcall.outbound_more,
                                   lmtp=f"listen: inet:127.0.0.1:{ports[1]}")
        others.append(second)
        site.lmtp_ports = ports
        site.start()
        second.configure()
        (second.dir / "state").mkdir()
        (second.dir / "state/spool").symlink_to(site.rollcall.dir / "state/spool")
        second.start_expander()
        return site, second

    yield make
    for second in others:
        second.stop()


OUTBOUND = f"lanes: 2\nbatch: {BATCH}\nsettle: 5s\nrescan: 200ms"


def test_two_expanders(pair):
    """They compete for posts, and send each batch once."""
    site, second = pair(200, outbound=OUTBOUND)
    for port in site.lmtp_ports * 6:
        with client.Client(("127.0.0.1", port), lmtp=True) as c:
            c.mail("ann@example.com")
            c.rcpt("g200@lists.example.com")
            assert c.data(client.message())[0].code == 250
    check(site, 12, 200)
    assert site.rollcall.log_lines("batch") and second.log_lines("batch")


def test_one_is_killed_and_the_other_takes_over(pair):
    """In the middle of its batches; what was in doubt the other settles by the receipts that it hears."""
    site, second = pair(600, outbound=OUTBOUND)
    for kill in range(3):
        for _ in range(3):
            site.post(to="g600@lists.example.com", sender="user0@example.net")
        wait_until(lambda: site.rollcall.log_lines("batch"), what="a batch")
        time.sleep(0.02 * kill)
        site.rollcall.kill_expander()
        done = 3 * (kill + 1) * 600
        wait_until(lambda: len(site.sink.copies()) >= done, 60, "the other to take over")
        second.wait_idle()
        site.rollcall.start_expander()
    check(site, 9, 600)


@pytest.fixture
def runner():
    started = []

    def start(site):
        process = subprocess.Popen(
            ["/usr/bin/python3", ROOT / "examples/runner.py", site.rollcall.dir / "state/spool", "127.0.0.1",
             str(site.rollcall.mta), "mail.example.com.rollcall.invalid"], stderr=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        assert process.communicate()[1] == b""


def test_a_runner_in_python_alone(make_site, mta, runner):
    """The expander takes posts in and reads members; the runner sends them."""
    site = make_site(mta=mta)
    site.rollcall.kill_expander()
    site.rollcall.start_expander("--queues", "inbound,pending,bounce")
    runner(site)
    message = client.message(fields=["List-Id: <old.example>", "X-Long: one", "List-Post:", " <mailto:old@example>"],
                             body="..dots\r\n.\r\nend\r\n")
    site.post(message=message)
    assert site.wait_for(4) == ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
    site.rollcall.wait_idle()
    (t,) = {t.data: t for t in site.sink.delivered()}.values()
    assert len(t.fields("List-Id")) == 1 and "<staff.lists.example.com>" in t.fields("List-Id")[0]
    assert "old@example" not in t.header and t.fields("X-Long") == ["one"]
    assert t.data.endswith(message.split(b"\r\n\r\n", 1)[1])
    (entry,) = (site.rollcall.dir / "state/spool/done").iterdir()
    wait_until(lambda: not (entry / "message.eml").exists(), what="the end")
    assert site.rollcall.log_lines("batch") == [] and site.rollcall.log_lines("receipt")


def test_a_runner_beside_the_expander(make_site, mta, runner):
    """Both work, either is killed now and then; the one finishes what the other left."""
    size, posts = 150, 12
    site = make_site(directory.crowded(size), mta=mta, outbound=OUTBOUND)
    process = runner(site)
    for i in range(posts):
        site.post(to=f"g{size}@lists.example.com", sender="user0@example.net")
        if i % 4 == 1:
            process.send_signal(signal.SIGKILL)
            process = runner(site)
        elif i % 4 == 3:
            site.rollcall.kill_expander()
            site.rollcall.start_expander()
    check(site, posts, size)
    assert os.listdir(site.rollcall.dir / "state/spool/outbound") == []
