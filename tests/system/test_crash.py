"""kill -9 of the expander at its worst moments: nobody is lost, and at most the batches in flight go twice."""
import os
import random
import threading
import time

import pytest

from testbed import client, directory
from testbed.base import wait_until

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def again(site):
    site.rollcall.kill_expander()
    site.rollcall.start_expander()


def test_during_intake(make_site, mta):
    """With a real MTA as the client, killed within a message: it comes again, and goes out once."""
    site = make_site(mta=mta, more="limits: { message: 60M }")
    big = client.message(body=("x" * 76 + "\r\n") * 500000)
    spool = site.rollcall.dir / "state/spool/tmp"
    left = []

    def kill_at_half():
        wait_until(lambda: any(p.stat().st_size > 1 << 20 for p in spool.glob("*/message.eml")), every=0.0005)
        site.rollcall.kill_expander()
        left.extend(spool.iterdir())

    watcher = threading.Thread(target=kill_at_half)
    watcher.start()
    site.post(message=big)
    watcher.join()
    assert left
    site.rollcall.start_expander()
    assert site.wait_for(4, 60) == STAFF
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF
    # What was begun is cleared away when it is old enough to be nobody's.
    for p in left:
        os.utime(p, (0, 0))
    again(site)
    assert not [p for p in left if p.exists()]


def test_during_expansion(make_site):
    """Killed while it waits for the directory: the post is expanded anew."""
    site = make_site(mta="sink", source_more="cache: { yes: 1h }\n              timeout: 30s")
    site.submit(to="edge@lists.example.com")
    site.wait_for(3)
    site.sink.clear()
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        site.slapd.hang()
        try:
            assert c.data(client.message())[0].code == 250
            wait_until(lambda: site.rollcall.counts()["pending"] == 1, what="a pending post")
            time.sleep(0.2)
            site.rollcall.kill_expander()
        finally:
            site.slapd.go_on()
    assert site.sink.delivered() == []
    site.rollcall.start_expander()
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF


def test_during_injection(make_site):
    """Killed with every lane waiting for a reply: those batches are in doubt and go again, others go once."""
    lanes, batch, size = 3, 50, 1029       # 21 batches of 49, and a receipt each
    site = make_site(directory.crowded(size), mta="sink",
                     outbound=f"lanes: {lanes}\nbatch: {batch}")
    done = 0

    def slowly(transaction):
        nonlocal done
        done += 1
        if done > 5:
            time.sleep(0.5)

    site.sink.on_dot = slowly
    site.submit(to=f"g{size}@lists.example.com")
    wait_until(lambda: done >= 5 + lanes, what="lanes that wait")
    site.rollcall.kill_expander()
    site.sink.on_dot = None
    site.rollcall.start_expander()
    site.wait_for(size)
    site.rollcall.wait_idle()
    time.sleep(0.6)                       # what the sink was busy with when the kill came
    count = site.sink.copies()
    assert len(count) == size and max(count.values()) <= 2
    assert sum(n == 2 for n in count.values()) <= lanes * batch
    # The sink brings no receipts.
    assert f"{lanes * (batch - 1)} recipients are in doubt since a crash: waiting" in site.rollcall.log
    assert len(site.rollcall.log_lines("doubt", state="again")) == lanes


def test_what_was_sent_before_is_not_sent_again(lmtp_site):
    lmtp_site.submit()
    lmtp_site.wait_for(4)
    lmtp_site.rollcall.wait_idle()
    for _ in range(3):
        again(lmtp_site)
    lmtp_site.rollcall.wait_idle()
    time.sleep(0.3)
    assert sorted(lmtp_site.sink.recipients()) == STAFF


@pytest.mark.parametrize("seed", [1, 2])
def test_at_any_moment(make_site, mta, seed):
    """Posts come through an MTA all the while, and the expander dies every now and then."""
    chance = random.Random(seed)
    lanes, batch, size, posts = 2, 20, 150, 12
    site = make_site(directory.crowded(size), mta=mta,
                     outbound=f"lanes: {lanes}\nbatch: {batch}")
    kills = 0
    for i in range(posts):
        site.post(to=f"g{size}@lists.example.com", sender="user0@example.net")
        time.sleep(chance.uniform(0, 0.15))
        if i % 2:
            again(site)
            kills += 1
    wait_until(lambda: len(site.sink.copies()) >= posts * size, 60, "all copies")
    site.rollcall.wait_idle()
    # What the MTA put off while nobody listened may wait until somebody wakes it up.
    wait_until(lambda: site.mta.flush() or site.mta.queued() == 0, 30, "an empty queue", every=1)
    count = site.sink.copies()
    assert len(count) == posts * size
    assert sum(n - 1 for n in count.values()) <= kills * lanes * batch
    assert site.rollcall.counts()["done"] == posts
