"""Several MTAs: batches go where they are taken fastest; one that dies costs nobody a post, and nobody has it twice."""
import os
import signal
import time
from collections import Counter

import pytest

from testbed import directory, postfix, sink
from testbed.base import wait_until

ALWAYS = "lists.example.com: { sources: [ corp ], proof: always }"


@pytest.fixture
def make_farm(make_site):
    """A site that injects into so many sinks, which are in site.farm; site.sink is the first."""
    others = []

    def make(count, weights=None, outbound="", **options):
        site = make_site(mta="sink", start=False, **options)
        site.farm = [site.sink] + [sink.Sink() for _ in range(count - 1)]
        others.extend(site.farm[1:])
        weights = weights or [""] * count
        mtas = ", ".join(f'"smtp:127.0.0.1:{s.port}{w}"' for s, w in zip(site.farm, weights))
        site.rollcall.text = lambda text=site.rollcall.text: text().replace(
            f"mta: smtp:127.0.0.1:{site.sink.port}", f"mta: [ {mtas} ]")
        site.rollcall.outbound_more = outbound
        return site.start()
    yield make
    for s in others:
        s.stop()


def copies(site):
    return Counter(r for s in site.farm for r in s.recipients())


def wait_for(site, count, seconds=30):
    wait_until(lambda: sum(copies(site).values()) >= count, seconds, f"{count} copies")
    site.rollcall.wait_idle()


def test_where_they_are_taken_fastest(make_farm):
    site = make_farm(3, ldif=directory.crowded(3000), outbound="lanes: 1\nbatch: 50")
    site.farm[1].delay_dot = 0.2
    site.submit(to="g3000@lists.example.com")
    wait_for(site, 3000)
    assert max(copies(site).values()) == 1 and len(copies(site)) == 3000
    fast, slow, other = (len(s.recipients()) for s in site.farm)
    assert 0 < slow < fast / 2 and slow < other / 2


def test_weights(make_farm):
    """As many lanes as it weighs."""
    site = make_farm(2, [" weight 3", ""], ldif=directory.crowded(3000), outbound="lanes: 1\nbatch: 50\nadapt: no")
    for s in site.farm:
        s.delay_dot = 0.05
    site.submit(to="g3000@lists.example.com")
    wait_for(site, 3000)
    assert (site.farm[0].connections, site.farm[1].connections) == (3, 1)
    assert 1.8 < len(site.farm[0].recipients()) / len(site.farm[1].recipients()) < 5


@pytest.mark.parametrize("fault", ["absent", "421 4.3.2 closing", "452 4.3.1 no room"])
def test_one_that_is_away_is_left_and_tried_again(make_farm, fault):
    """Its batches go to the other at once, and are not put off; it is found when it is back."""
    site = make_farm(2, ldif=directory.crowded(1000, 200, 4), outbound="lanes: 1\nbatch: 100\nretry-first: 1m\nretry-most: 1m")
    away = site.farm[1]
    if fault == "absent":
        away.stop()
    else:
        away.on_mail = lambda a: fault
    site.farm[0].delay_dot = 0.02         # or it has taken all before the other was asked
    for size in (1000, 4):
        site.submit(to=f"g{size}@lists.example.com")
    wait_for(site, 1004, 10)
    assert site.rollcall.log_lines("mta", state="away") and not site.rollcall.log_lines("inject", state="deferred")
    if fault == "absent":
        site.farm[1] = away = sink.Sink(port=away.port)
    else:
        away.on_mail = None
    for s in site.farm:
        s.delay_dot = 0.1
    want = 1004
    while not away.recipients() and want < 20000:
        site.submit(to="g1000@lists.example.com")
        want += 1000
        wait_for(site, want, 20)
    assert away.recipients() and site.rollcall.log_lines("mta", state="back")
    assert sum(copies(site).values()) == want
    if fault == "absent":
        away.stop()


def test_all_of_them_are_away(make_farm):
    """As with one: the post waits, and says why."""
    site = make_farm(2, ldif=directory.crowded(200))
    for s in site.farm:
        s.on_mail = lambda a: "451 4.3.0 not now"
    site.submit(to="g200@lists.example.com")
    wait_until(lambda: site.rollcall.log_lines("inject", state="deferred"), what="the deferral")
    (entry,) = site.rollcall.ctl_json("queue")["entries"]
    assert "not now" in entry["reason"]
    for s in site.farm:
        s.on_mail = None
    wait_for(site, 200)
    assert max(copies(site).values()) == 1


def test_the_intent_names_the_mta(make_farm):
    """A batch in doubt is settled with the MTA that got it: that the other answers says nothing."""
    site = make_farm(2, ldif=directory.crowded(150), destinations=ALWAYS, outbound="settle: 1s\nlanes: 1\nbatch: 300\nretry-most: 300ms")
    one, other = site.farm
    for s in site.farm:
        s.on_dot = lambda t: "taken close" if t.sender else None
    site.submit(to="g150@lists.example.com")
    wait_until(lambda: [b for b in site.rollcall.log_lines("batch") if "doubt" in b], what="a doubt")
    wait_until(lambda: sum(copies(site).values()) == 150, what="all")
    batches = [b for b in site.rollcall.log_lines("batch") if "doubt" in b]
    assert all(b["mta"] in [f"127.0.0.1 port {s.port}" for s in site.farm] for b in batches)
    (path,) = (site.rollcall.dir / "state/spool/outbound").iterdir()
    assert f'"mta":"{batches[0]["mta"]}"' in (path / "progress").read_text()
    had, other = (one, other) if one.recipients() else (other, one)
    had.stop()
    had.drop_connections()
    had.on_dot = other.on_dot = None
    if not other.recipients():
        time.sleep(3)
        assert not site.rollcall.log_lines("doubt", state="again")
    back = sink.Sink(port=had.port)
    site.farm.append(back)
    with site.lmtp() as c:
        assert c.mail("staff-bounces@lists.example.com").code == 250
        for t in [t for s in site.farm for t in s.delivered()]:
            assert c.rcpt(t.receipts[0]) == "550 5.1.1"
    site.rollcall.wait_idle()
    assert sum(copies(site).values()) == 150


def test_killed_in_mid_fan_out(make_site, place):
    """Two real Postfixes; one dies whole, while it has batches in hand, and comes back: none lost, none doubled."""
    size = 4000
    site = make_site(directory.crowded(size), start=False, destinations=ALWAYS, outbound="lanes: 2\nbatch: 50\nsettle: 4s\nadapt: no",
                     postfix={"main": "smtpd_client_connection_rate_limit = 0\n"})
    lmtp = site.mta.sockets / "lmtp.sock"
    second = postfix.Postfix(place / "pf2", relay=site.sink.address, main=(
        f"transport_maps = inline:{{ .rollcall.invalid=lmtp:unix:{lmtp} }}\n"))
    site.rollcall.text = lambda text=site.rollcall.text: text().replace(
        f"mta: smtp:127.0.0.1:{site.mta.reinject}",
        f'mta: [ "smtp:127.0.0.1:{site.mta.reinject}", "smtp:127.0.0.1:{second.reinject}" ]')
    site.start()
    try:
        second.start()
        site.submit(to=f"g{size}@lists.example.com")
        wait_until(lambda: sum(b["mta"].endswith(f"port {second.reinject}") for b in site.rollcall.log_lines("batch")) >= 5,
                   what="batches of the second")
        os.killpg(second.process.pid, signal.SIGKILL)
        second.process.wait()
        time.sleep(0.3)
        second.start(configure=False)
        wait_until(lambda: site.rollcall.log_lines("inject", state="done"), 60, "the end")
        second.flush()
        wait_until(lambda: len(site.sink.recipients()) >= size, 60, "all copies")
        time.sleep(1)                     # for copies too many
        # What the MTA delivers again after its death is its own doing.
        got = Counter(r for r, _ in {(r, t.queue_id) for t in site.sink.delivered() for r in t.recipients})
        doubts = [b for b in site.rollcall.log_lines("batch") if "doubt" in b]
        assert len(got) == size and set(got.values()) == {1}, (Counter(got.values()), len(doubts))
        assert site.rollcall.log_lines("mta", state="away")
    finally:
        second.stop()
