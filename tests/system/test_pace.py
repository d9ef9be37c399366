"""Pace: rates, small and urgent posts before huge ones, bursts, and what the MTA's answers and its queue change."""
import re
import time

import pytest

from testbed import directory
from testbed.rollcall import PROVEN
from testbed.base import wait_until


class Arrivals:
    """When which transaction was taken: (time, recipients, list)."""

    def __init__(self, site):
        self.all = []
        site.sink.on_dot = self.note

    def note(self, t):
        if t.sender:
            self.all.append((time.monotonic(), len(t.recipients), t.sender.partition("-bounces")[0]))

    def of(self, name):
        return [(when, count) for when, count, sender in self.all if sender == name]

    def most_in(self, seconds, names=None):
        some = [(when, count) for when, count, sender in self.all if names is None or sender in names]
        return max(sum(c for w, c in some if when <= w < when + seconds) for when, _ in some)


@pytest.mark.parametrize("which", ["rate", "list-rate", "domain-rate", "lane-rate"])
def test_no_more_than_a_rate(make_site, which):
    """In no second more than so many; a small post does not wait, nor does another list where it is for each."""
    site = make_site(directory.crowded(300, 280, 10), mta="sink", outbound=f"{which}: 100/second\nlanes: 1")
    came = Arrivals(site)
    began = time.monotonic()
    site.submit(to="g300@lists.example.com")
    site.submit(to="g280@lists.example.com")
    wait_until(lambda: came.of("g300"), what="the first batch")
    site.submit(to="g10@lists.example.com")
    wait_until(lambda: came.of("g10"), 2, what="the small post")
    assert sum(c for _, c in came.of("g300")) < 300
    site.wait_for(590)
    took = time.monotonic() - began
    for names in ([["g300"], ["g280"]] if which == "list-rate" else [["g300", "g280"]]):
        assert came.most_in(0.9, names) <= 100
    assert took > (2 if which == "list-rate" else 4.5)
    site.rollcall.wait_idle()
    assert len(set(site.sink.recipients())) == 300 and len(site.sink.recipients()) == 590


def test_small_and_urgent_posts_are_not_stuck(make_site):
    """Behind huge ones on the only lane; each of these would take long."""
    site = make_site(directory.crowded(3000, 200, 150, 5), mta="sink",
                     outbound="lanes: 1\nbatch: 100\nurgent: [ G150@lists.example.com ]")
    site.sink.delay_dot = 0.15
    came = Arrivals(site)
    for _ in range(3):
        site.submit(to="g3000@lists.example.com")
    wait_until(lambda: len(came.all) >= 3, what="the first batches")
    began = time.monotonic()
    site.submit(to="g150@lists.example.com")
    site.submit(to="g5@lists.example.com")
    wait_until(lambda: len(came.of("g150")) == 2 and came.of("g5"), what="those that cannot wait")
    assert came.of("g150")[-1][0] - began < 2 and came.of("g5")[0][0] - began < 2
    assert sum(c for _, c in came.of("g3000")) < 2500
    # One that is neither has its turns with the others.
    site.submit(to="g200@lists.example.com")
    wait_until(lambda: sum(c for _, c in came.of("g200")) == 200, what="its turns")
    assert sum(c for _, c in came.of("g3000")) < 3000


def test_small_posts_pass_many_large_ones_that_wait(make_site):
    """More large posts than are under way at a time."""
    site = make_site(directory.crowded(101, 5), mta="sink", outbound="rate: 100/minute\nlanes: 1")
    came = Arrivals(site)
    for _ in range(60):
        site.submit(to="g101@lists.example.com")
    wait_until(lambda: site.rollcall.counts()["outbound"] >= 60, what="the queue")
    began = time.monotonic()
    for _ in range(3):
        site.submit(to="g5@lists.example.com")
    wait_until(lambda: len(came.of("g5")) == 3, what="the small ones")
    assert time.monotonic() - began < 3 and sum(c for _, c in came.of("g101")) <= 100


def test_a_hold_time_spreads_a_burst(make_site):
    """Large posts begin one after the other; the small one between them at once."""
    site = make_site(directory.crowded(120, 5), mta="sink", outbound="hold: 700ms")
    came = Arrivals(site)
    for _ in range(4):
        site.submit(to="g120@lists.example.com")
    site.submit(to="g5@lists.example.com")
    began = time.monotonic()
    site.wait_for(485)
    whole, seen = [], {}
    for when, count in came.of("g120"):
        seen[len(seen)] = when
    whole = sorted(when for when, _ in came.of("g120"))
    starts = [w for i, w in enumerate(whole) if i == 0 or w - whole[i - 1] > 0.3]
    assert len(starts) == 4 and all(b - a > 0.6 for a, b in zip(starts, starts[1:]))
    assert came.of("g5")[0][0] - began < 0.6


def lanes_at_work(site, seconds):
    """How many connections were busy with a message at the same time."""
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, site.busy)
        time.sleep(0.01)
    return most


def watch(site, seconds):
    """Messages take a while; site.busy says how many at a time."""
    site.busy = 0

    def slowly(t):
        site.busy += 1
        time.sleep(seconds)
        site.busy -= 1
    site.sink.on_dot = slowly


def test_refusals_slow_down(make_site):
    """452 at MAIL: half as many lanes then, and for a while."""
    site = make_site(directory.crowded(6000, 300), mta="sink", outbound="lanes: 4\nbatch: 100\nretry-first: 100ms\nretry-most: 100ms")
    watch(site, 0.1)
    full = [True]
    site.sink.on_mail = lambda a: "452 4.3.1 insufficient system storage" if full else None
    site.submit(to="g6000@lists.example.com")
    wait_until(lambda: site.rollcall.log.count("insufficient system storage") >= 3, what="refusals")
    full.clear()
    wait_until(lambda: site.sink.recipients(), what="the first batch")
    assert lanes_at_work(site, 1.5) <= 2
    assert len(site.wait_for(6000, 60)) == 6000
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 6000


def test_the_mta_s_queue_is_long(make_site, place):
    """Large posts wait until it is shorter; small ones do not; a directory that cannot be read is no hindrance."""
    for name in ("active", "incoming"):
        (place / "queue" / name).mkdir(parents=True)
    for i in range(20):
        (place / "queue/active" / f"A{i}").touch()
    site = make_site(directory.crowded(300, 5), mta="sink", outbound=f"queue: {place}/queue\nqueue-most: 10")
    site.submit(to="g300@lists.example.com")
    site.submit(to="g5@lists.example.com")
    site.wait_for(5)
    time.sleep(1.5)
    assert len(site.sink.recipients()) == 5
    for i in range(15):
        (place / "queue/active" / f"A{i}").unlink()
    site.wait_for(305)
    site.rollcall.wait_idle()
    site.rollcall.outbound_more = f"queue: {place}/nothing\nqueue-most: 10"
    site.rollcall.reload()
    time.sleep(1.2)                       # it is looked at once a second
    site.submit(to="g300@lists.example.com")
    site.wait_for(605)
    assert f"outbound.queue: cannot read {place}/nothing" in site.rollcall.log


def test_the_queue_of_a_real_mta(make_site, mta):
    """It delivers slowly: a large post waits while there is more than one message in the queue, and then goes."""
    site = make_site(directory.crowded(300, 60), mta=mta, start=False, destinations=PROVEN)
    site.rollcall.outbound_more = f"queue: {site.mta.queue}\nqueue-most: 1"
    site.start()
    site.sink.delay_dot = 4
    for _ in range(3):
        site.post(to="g60@lists.example.com")
    wait_until(lambda: len(site.rollcall.log_lines("batch")) == 3, what="the small ones")
    time.sleep(1.2)                       # it is looked at once a second
    site.submit(to="g300@lists.example.com")
    time.sleep(1.5)
    assert not site.rollcall.log_lines("batch", list="g300@lists.example.com")
    assert site.rollcall.counts()["outbound"] == 1
    site.sink.delay_dot = 0
    wait_until(lambda: site.rollcall.log_lines("inject", state="done", list="g300@lists.example.com"), what="the end")


# ---- rollcallctl pace ----

def pace(site):
    return site.rollcall.ctl_json("pace")


def test_another_rate_while_posts_go_out(make_site):
    """For one list: slower at once; the other is not, nor a small post; and as fast as ever when it is taken back."""
    site = make_site(directory.crowded(2000, 280, 10), mta="sink", outbound="batch: 50\nlanes: 2")
    came = Arrivals(site)
    site.rollcall.ctl("pace", "list", "G2000@lists.example.com", "60/minute", check=0)
    site.submit(to="g2000@lists.example.com")
    site.submit(to="g280@lists.example.com")
    site.submit(to="g10@lists.example.com")
    wait_until(lambda: sum(c for _, c in came.of("g280")) == 280 and came.of("g10"), what="the others")
    wait_until(lambda: came.of("g2000"), what="the first of the slow one")
    assert sum(c for _, c in came.of("g2000")) <= 10
    slow = next(one for one in pace(site)["lists"] if one["list"] == "g2000@lists.example.com")
    assert slow["rate"] == "60/minute" and slow["set"] > 0 and slow["per_minute"] >= 5 and slow["wait"] > 0
    shown = site.rollcall.ctl("pace", check=0).stdout
    line = next(one for one in shown.splitlines() if one.startswith("list g2000@"))
    assert re.search(r"60/minute, set \ds ago", line) and "in the last minute, waits " in line
    assert "pace: set: list g2000@lists.example.com 60/minute" in site.rollcall.log
    assert "rates are set by rollcallctl pace" in site.rollcall.ctl("queue", check=0).stdout
    site.rollcall.ctl("pace", "list", "g2000@lists.example.com", "default", check=0)
    began = time.monotonic()
    site.wait_for(2290)
    assert time.monotonic() - began < 10
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 2290 and pace(site)["set"] == []
    assert "rates are set" not in site.rollcall.ctl("queue", check=0).stdout


@pytest.mark.parametrize("of", [["all"], ["mta"], ["mta", "smtp:127.0.0.1:{port}"], ["lane"], ["list"], ["domain"],
                                ["domain", "Lists.example.com"]])
def test_each_thing_has_a_pace(make_site, of):
    """More slowly by it than the configuration says, and with no limit where that has one."""
    site = make_site(directory.crowded(300), mta="sink", outbound=f"lanes: 1\n{'' if of == ['all'] else of[0] + '-'}rate: 1000/second")
    came = Arrivals(site)
    words = [word.format(port=site.sink.port) for word in of]
    site.rollcall.ctl("pace", *words, "100/second", check=0)
    site.submit(to="g300@lists.example.com")
    site.wait_for(300)
    assert came.most_in(0.9) <= 100
    came.all.clear()
    site.rollcall.ctl("pace", *words, "none", check=0)
    site.submit(to="g300@lists.example.com")
    began = time.monotonic()
    site.wait_for(600)
    assert time.monotonic() - began < 2 and came.most_in(1) == 300


def test_it_lasts_over_restarts(make_site):
    """So that what was slowed down for a reason is not as fast as ever after a crash; a file that is damaged is told."""
    site = make_site(directory.crowded(300), mta="sink", outbound="rate: 500/second")
    site.rollcall.ctl("pace", "all", "none", check=0)
    site.rollcall.ctl("pace", "domain", "lists.example.com", "60/minute", check=0)
    site.rollcall.ctl("pace", "lane", "7/minute", check=0)
    site.rollcall.ctl("pace", "lane", "default", check=0)
    site.rollcall.kill_expander()
    site.rollcall.start_expander()
    site.rollcall.ctl("reload", check=0)
    seen = pace(site)
    assert seen["all"]["rate"] == "none" and seen["each"]["lane"]["rate"] == "none"
    assert [(one["of"], one.get("name"), one["rate"]) for one in seen["set"]] == [
        ("all", None, "none"), ("domain", "lists.example.com", "60/minute")]
    assert "domain lists.example.com                   60/minute, set" in site.rollcall.ctl("pace", check=0).stdout
    site.submit(to="g300@lists.example.com")
    site.wait_for(5)
    assert len(site.sink.recipients()) <= 10
    site.rollcall.kill_expander()
    path = site.rollcall.dir / "state/pace"
    whole = path.read_text()
    path.write_text(whole.replace("60/minute", "60/week"))
    with pytest.raises(RuntimeError, match='state/pace: "60/week" is no rate'):
        site.rollcall.start_expander()
    path.write_text(whole)
    site.rollcall.start_expander()
    site.rollcall.ctl("pace", "default", check=0)
    site.wait_for(300)
    site.rollcall.wait_idle()
    assert pace(site)["set"] == [] and len(site.sink.recipients()) == 300


@pytest.mark.parametrize("words,why", [
    (["all"], "it is all, mta, lane, list or domain, perhaps a name, and a rate"),
    (["lists", "5/day"], "it is all, mta, lane, list or domain"),
    (["all", "5/week"], '"5/week" is no rate, like 50000/hour'),
    (["all", "x", "5/day"], "all has no names"),
    (["lane", "1", "5/day"], "lane has no names"),
    (["mta", "smtp:127.0.0.1:1", "5/day"], '"smtp:127.0.0.1:1" is none of outbound.mta'),
    (["mta", "x", "5/day"], '"x" is no MTA'),
    (["domain", "-", "5/day"], "-"),
    (["domain", "elsewhere.example", "5/day"], "no list is in the domain elsewhere.example"),
    (["list", "nobody@lists.example.com", "5/day"], "no list has this address"),
])
def test_what_has_no_pace(make_site, words, why):
    site = make_site(directory.crowded(5), mta="sink")
    got = site.rollcall.ctl("pace", *words)
    assert got.returncode in (1, 70) and why in got.stderr, got
    assert pace(site)["set"] == []


def test_a_pace_where_the_directory_is_away(make_site):
    """Then a list's address is taken as it is: whoever wants to slow it down has a reason."""
    site = make_site(directory.crowded(300), mta="sink")
    site.slapd.stop()
    site.rollcall.ctl("pace", "list", "g300@lists.example.com", "60/minute", check=0)
    assert pace(site)["set"][0]["name"] == "g300@lists.example.com"


def test_what_slows_an_mta_down_is_shown(make_site, place):
    """How many recipients it takes, that it refuses, that its queue is long."""
    (place / "active").mkdir()
    site = make_site(directory.crowded(300), mta="sink", outbound=f"lanes: 4\nbatch: 300\nqueue: {place}\nqueue-most: 1\n"
                                                      "retry-first: 60s\nretry-most: 60s")
    one = pace(site)["mtas"][0]
    assert one["at_most"] == one["lanes"] == 4 and one["batch"] == 300 and "slowed_by" not in one
    site.sink.on_rcpt = lambda a, n: "452 4.5.3 too many recipients" if n >= 80 else None
    site.submit(to="g300@lists.example.com")
    site.wait_for(300)
    assert pace(site)["mtas"][0]["batch"] < 100
    site.sink.on_mail = lambda a: "452 4.3.1 insufficient system storage"
    site.submit(to="g300@lists.example.com")
    wait_until(lambda: pace(site)["mtas"][0].get("slowed_by") == "refusals", what="the refusals")
    one = pace(site)["mtas"][0]
    assert one["at_most"] < 4 and "insufficient system storage" in one["said"]
    assert "slowed by refusals: 452 4.3.1 insufficient" in site.rollcall.ctl("pace", check=0).stdout
    for i in range(3):
        (place / f"active/{i}").touch()
    wait_until(lambda: pace(site)["mtas"][0].get("slowed_by") == "queue", what="the queue")
    assert pace(site)["mtas"][0]["at_most"] == 0
    assert "slowed by a queue that is long" in site.rollcall.ctl("pace", check=0).stdout


def test_a_pace_without_lanes(make_site):
    site = make_site(directory.crowded(5), mta="sink")
    site.rollcall.kill_expander()
    got = site.rollcall.ctl("pace", check=70)
    assert "expander" in got.stderr
    site.rollcall.start_expander("--queues", "inbound,pending")
    assert "does not work on the queue outbound" in site.rollcall.ctl("pace", "all", "5/day", check=70).stderr


def test_long_fan_outs_wait_for_receipts(make_site):
    """
    A receipt shows that the MTA has taken a batch up. Where they come, or it is not known yet, a long fan-out sends the
    next batch only then, one at a time at first; where they stay away, it goes on without.
    """
    site = make_site(directory.crowded(1000), mta="sink", outbound="batch: 20",
                     destinations="lists.example.com: { sources: [ corp ], proof: always }")
    came = []

    def tell(t):
        with site.lmtp() as c:
            c.mail("g1000-bounces@lists.example.com")
            assert c.rcpt(t.receipts[0]).code == 550

    def fan_out(on_dot):
        """How long the second batch came after the first, where that is noted."""
        came.clear()
        site.sink.on_dot = on_dot
        before = len(site.sink.recipients())
        site.submit(to="g1000@lists.example.com")
        site.wait_for(before + 1000)
        site.rollcall.wait_idle()
        return came and came[1] - came[0]

    def note(_):
        came.append(time.monotonic())

    assert 0.5 < fan_out(note) < 1.9
    assert fan_out(note) < 0.5
    fan_out(tell)
    assert fan_out(note) > 1
    assert all(site.sink.recipients().count(m) == 4 for m in set(site.sink.recipients()))
