"""Receipts: the MTA tells which batches it has queued, whatever died before it could say so."""
import re
import time

import pytest

from testbed import client, directory
from testbed.base import wait_until

ALWAYS = "lists.example.com: { sources: [ corp ], proof: always }"
STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def outcomes(site, state):
    return site.rollcall.log_lines("doubt", state=state)


def tell(site, address):
    """What the MTA does with a receipt: the reply to its RCPT."""
    with site.lmtp() as c:
        assert c.mail("staff-bounces@lists.example.com", "SIZE=999999999999").code == 250
        return c.rcpt(address)


def spool(site, *queues):
    return [e for q in queues or ("pending", "outbound", "done")
            for e in (site.rollcall.dir / "state/spool" / q).iterdir()]


def test_through_an_mta(make_site, mta):
    """It comes back from a real MTA, is noted or late, and nobody is told of it."""
    site = make_site(mta=mta, destinations=ALWAYS)
    site.post()
    assert site.wait_for(4) == STAFF
    wait_until(lambda: site.rollcall.log_lines("receipt"), what="the receipt")
    site.rollcall.wait_idle()
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    (receipt,) = site.rollcall.log_lines("receipt")
    assert receipt["state"] in ("noted", "late")
    (entry,) = spool(site, "done")
    assert receipt["id"] == entry.name and receipt["batch"] == "1"
    assert sorted(site.sink.recipients()) == STAFF           # no bounce, no report
    assert "no_receipt" not in site.rollcall.log


def test_nobody_from_abroad_writes_to_it(make_site, mta):
    site = make_site(mta=mta)
    with site.smtp_from_abroad() as c:
        c.mail("eve@elsewhere.example")
        assert c.rcpt("receipt+uegaozwghqbigaj7r63fjuqkki.1.abcdefghijklmnop@mail.example.com.rollcall.invalid").code // 100 == 5


@pytest.mark.parametrize("end", ["taken close", "taken 451 4.3.0 try again", "taken 421 4.3.2 closing"])
def test_the_reply_is_lost(make_site, end):
    """Lost or temporary after the end of data, and the receipt is heard: queued, and not sent again."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 20s")
    site.sink.on_dot = lambda t: end
    site.submit()
    wait_until(lambda: [b for b in site.rollcall.log_lines("batch") if "doubt" in b], what="a doubt")
    site.sink.on_dot = None
    (t,) = site.sink.delivered()
    assert tell(site, t.receipts[0]) == "550 5.1.1"
    site.rollcall.wait_idle()
    assert site.sink.recipients() == t.recipients and len(outcomes(site, "queued")) == 1


@pytest.mark.parametrize("end", ["close", "451 4.3.0 try again"])
def test_no_receipt_comes(make_site, end):
    """The MTA answers all the while: it never had the batch, which is sent again, and that is logged."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 1s")
    ends = [end]
    site.sink.on_dot = lambda t: ends and ends.pop()
    began = time.monotonic()
    site.submit()
    assert site.wait_for(4) == STAFF
    assert time.monotonic() - began > 1
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF and len(outcomes(site, "again")) == 1


def test_the_time_counts_while_the_mta_answers(make_site):
    """An MTA that is away, or comes back only now, has had no chance to tell."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 2s\nretry-most: 300ms")
    site.sink.on_dot = lambda t: "taken close"
    site.submit()
    wait_until(lambda: [b for b in site.rollcall.log_lines("batch") if "doubt" in b], what="a doubt")
    (t,) = site.sink.delivered()
    port = site.sink.port
    site.sink.stop()
    site.sink.drop_connections()
    time.sleep(3)
    assert outcomes(site, "again") == []
    site.sink = type(site.sink)(port=port)
    time.sleep(1)
    assert outcomes(site, "again") == []
    assert tell(site, t.receipts[0]) == "550 5.1.1"
    site.rollcall.wait_idle()
    assert site.sink.delivered() == [] and len(outcomes(site, "queued")) == 1


def test_to_wait_for_a_receipt_is_no_fault(make_site):
    """An expander that is killed while a post only waits did not die of the post, which is never held for it."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 1h")
    site.sink.on_dot = lambda t: site.rollcall.kill_expander()
    site.submit()
    for n in range(1, 8):
        wait_until(lambda: site.rollcall.expander is None, what="the end")
        site.rollcall.start_expander()
        wait_until(lambda: site.rollcall.log.count("waiting for the receipts") == n, what="a doubt")
        (entry,) = spool(site, "outbound")
        wait_until(lambda: '"defer"' in (entry / "progress").read_text().splitlines()[-1], what="the record")
        if n < 7:
            site.rollcall.kill_expander()
    assert site.rollcall.counts()["held"] == 0
    (t,) = site.sink.delivered()
    assert tell(site, t.receipts[0]) == "550 5.1.1"
    site.rollcall.wait_idle()
    assert site.sink.recipients() == t.recipients


def test_it_is_the_post_that_ends_the_expander(make_site):
    """Each time that it is sent again, after a doubt: that is counted, and the post is held in the end."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 500ms")
    site.sink.on_dot = lambda t: site.rollcall.kill_expander()
    site.submit()
    for _ in range(5):
        wait_until(lambda: site.rollcall.expander is None, what="the end")
        site.rollcall.start_expander()
    wait_until(lambda: site.rollcall.counts().get("held"), what="the hold")
    assert "rollcallctl release lets it go" in site.rollcall.log and len(site.sink.delivered()) == 5


def test_receipts_that_cannot_be_read(make_site):
    """Of a newer version: the post is put off, and what is in doubt stays so."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 1s")
    site.sink.on_dot = lambda t: site.rollcall.kill_expander()
    site.submit()
    wait_until(lambda: site.rollcall.expander is None and site.sink.delivered(), what="the end")
    (entry,) = spool(site, "outbound")
    (entry / "receipts").write_text('{"version":2}\n')
    site.rollcall.start_expander()
    wait_until(lambda: "receipts: not of a version known" in site.rollcall.log, what="the log")
    time.sleep(2)
    assert len(site.sink.delivered()) == 1 and not outcomes(site, "again")
    (shown,) = site.rollcall.ctl_json("queue")["entries"]
    assert shown["reason"] == "receipts: not of a version known to this program"
    (t,) = site.sink.delivered()
    assert tell(site, t.receipts[0]) == "451 4.3.0"       # the MTA keeps it


def test_an_mta_that_stays_away(make_site):
    """Nobody can say any more whether it had the batch: when the time is over it is reported."""
    site = make_site(mta="sink", destinations=ALWAYS, more="errors: postmaster@example.com",
                     outbound="settle: 1h\nexpire: 3s\nretry-most: 500ms")
    site.sink.on_dot = lambda t: "close"
    site.submit()
    wait_until(lambda: [b for b in site.rollcall.log_lines("batch") if "doubt" in b], what="a doubt")
    site.sink.stop()
    site.sink.drop_connections()
    wait_until(lambda: "reported as" in site.rollcall.log, what="the report")
    assert site.rollcall.log_lines("inject", state="expired")


def test_heard_before_the_reply_and_after_a_crash(make_site):
    """The MTA is quick with the receipt and slow with the reply; the expander dies between the two."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 20s")
    told = []

    def slow(t):
        told.append(tell(site, t.receipts[0]))
        site.rollcall.kill_expander()
    site.sink.on_dot = slow
    site.submit()
    wait_until(lambda: site.rollcall.expander is None, what="the end")
    assert told == ["550 5.1.1"]
    site.sink.on_dot = None
    site.rollcall.start_expander()
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF and len(outcomes(site, "queued")) == 1


def test_heard_after_a_crash(make_site):
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 20s")
    site.sink.on_dot = lambda t: site.rollcall.kill_expander()
    site.submit()
    wait_until(lambda: site.rollcall.expander is None and site.sink.delivered(), what="the end")
    site.sink.on_dot = None
    site.rollcall.start_expander()
    time.sleep(1)
    assert site.rollcall.counts()["outbound"] == 1
    assert "4 recipients are in doubt since a crash: waiting for the receipts" in site.rollcall.log
    (t,) = site.sink.delivered()
    # By another name of this host's, and in other letters, as MTAs may write it.
    assert tell(site, t.receipts[0].upper().replace("MAIL.EXAMPLE.COM", "OLD.EXAMPLE.COM")) == "550 5.1.1"
    site.rollcall.wait_idle()
    assert site.sink.recipients() == t.recipients and len(outcomes(site, "queued")) == 1


@pytest.mark.parametrize("reply", ["450 4.2.1 mailbox busy", "550 5.1.1 no such user"])
def test_who_was_refused_is_not_taken_for_sent(make_site, reply):
    """The receipt says that the batch was queued; the crash comes before the reply is known."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 20s")
    site.sink.on_rcpt = lambda a, n: reply if a == "bob@example.com" else None
    site.sink.on_dot = lambda t: site.rollcall.kill_expander()
    site.submit()
    wait_until(lambda: site.rollcall.expander is None and site.sink.delivered(), what="the end")
    site.sink.on_dot = site.sink.on_rcpt = None
    (t,) = site.sink.delivered()
    site.rollcall.start_expander()
    tell(site, t.receipts[0])
    if reply.startswith("4"):
        assert site.wait_for(4) == STAFF
        site.rollcall.wait_idle()
        assert sorted(site.sink.recipients()) == STAFF
    else:
        report = wait_until(lambda: [r for r in site.sink.delivered() if r.sender == ""], what="the report")[0]
        assert b"    1 member: 550" in report.data
        site.rollcall.wait_idle()
        assert b"was sent to 3 of 4 members" in report.data


def test_everybody_is_refused_but_the_receipt(make_site):
    """Nothing is sent, not even an empty message to the receipt recipient."""
    site = make_site(mta="sink", destinations=ALWAYS)
    site.sink.on_rcpt = lambda a, n: "550 5.1.1 no such user" if a in STAFF else None
    site.submit()
    wait_until(lambda: "found no taker" in site.rollcall.log or site.rollcall.counts()["done"] == 2, what="the end")
    assert all(t.recipients for t in site.sink.delivered())


def test_forged_receipts(make_site):
    """Who knows the entry's name, as members do, and the number of the batch, does not know the token."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="settle: 2s")
    ends = ["close"]
    site.sink.on_dot = lambda t: ends and ends.pop()
    site.submit()
    wait_until(lambda: [b for b in site.rollcall.log_lines("batch") if "doubt" in b], what="a doubt")
    (entry,) = spool(site, "outbound")
    for token in ("abcdefghijklmnop", "0", "", "abcdefghijklmnop.x"):
        for batch in (1, 2, 0):
            assert tell(site, f"receipt+{entry.name}.{batch}.{token}@mail.example.com.rollcall.invalid").code // 100 == 5
    assert not (entry / "receipts").exists()
    assert site.rollcall.log_lines("receipt", state="unknown") and not outcomes(site, "queued")
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    # Nor is it written where others read it.
    (entry,) = spool(site, "done")
    tokens = re.findall(r'"receipt":"(\w+)"', (entry / "progress").read_text())
    assert len(set(tokens)) == 2
    for t in site.sink.delivered():
        assert not any(token.encode() in t.data or token in t.parameters for token in tokens)


def test_an_mta_that_takes_no_receipts(make_site):
    """Refused, or without DSN, where it would make a report: the post goes without, and the log says so."""
    site = make_site(mta="sink", destinations=ALWAYS)
    site.sink.on_receipt = lambda a: "550 5.7.1 no relaying"
    site.submit()
    assert site.wait_for(4) == STAFF
    assert site.rollcall.log_lines("batch", no_receipt="550 5.7.1 no relaying")
    site.sink.extensions = [e for e in site.sink.extensions if e != "DSN"]
    site.sink.drop_connections()
    site.submit()
    assert len(site.wait_for(8)) == 8
    assert site.rollcall.log_lines("batch", no_receipt="the MTA has no DSN")
    assert [t.receipts for t in site.sink.delivered()] == [[], []]


def test_which_posts_ask_for_it(make_site):
    """By the number of recipients; the receipt counts as one of the batch."""
    site = make_site(directory.crowded(30, 9), mta="sink", outbound="batch: 10\nlanes: 1",
                     destinations="lists.example.com: { sources: [ corp ], proof: from 10 }")
    site.submit(to="g30@lists.example.com")
    site.submit(to="g9@lists.example.com")
    site.wait_for(39)
    site.rollcall.wait_idle()
    sizes = sorted((len(t.receipts), len(t.recipients)) for t in site.sink.delivered())
    assert sizes == [(0, 9), (1, 6), (1, 8), (1, 8), (1, 8)]


@pytest.mark.parametrize("value", ["sometimes", "from", "from 0", "from many", "10"])
def test_proof_misspelt(make_site, value):
    site = make_site(mta="sink", start=False, destinations=f"lists.example.com: {{ sources: [ corp ], proof: {value} }}")
    site.rollcall.configure()
    got = site.rollcall.ctl("config", "--check")
    assert got.returncode and "is not one of always, never, or from and a number" in got.stderr


SELDOM = {"postfix": {"main": "minimal_backoff_time = 1h\nmaximal_backoff_time = 1h\nqueue_run_delay = 1h\n"},
          "sendmail": {"every": "1h"}}


def test_an_mta_that_has_put_the_receipt_off(make_site, mta):
    """The expander was away when it came, and the MTA would come again much later: it is asked to hurry."""
    site = make_site(mta=mta, outbound="settle: 30s", **{mta: SELDOM[mta]})
    site.rollcall.kill_expander()
    site.rollcall.start_expander("--queues", "inbound,pending")
    site.submit()
    wait_until(lambda: site.rollcall.counts()["outbound"] == 1, what="the entry")
    site.rollcall.kill_expander()
    # As an expander does that dies behind the dot.
    (entry,) = spool(site, "outbound")
    (entry / "progress").write_text('{"version":1}\n{"batch":1,"at":1,"first":0,"count":4,"receipt":"abcdefghijklmnop"}\n')
    with client.Client(("127.0.0.1", site.mta.reinject)) as c:
        assert c.mail("staff-bounces@lists.example.com").code == 250
        receipt = f"receipt+{entry.name}.1.abcdefghijklmnop@mail.example.com.rollcall.invalid"
        assert c.command(f"RCPT TO:<{receipt}> NOTIFY=NEVER").code == 250
        for address in STAFF:
            assert c.rcpt(address).code == 250
        assert c.data((entry / "message.eml").read_bytes()).code == 250
    assert site.wait_for(4) == STAFF
    wait_until(lambda: re.search(r"receipt\+.*(status=deferred|stat=Deferred)", site.mta.log), what="a deferral")
    began = time.monotonic()
    site.rollcall.start_expander()
    site.rollcall.wait_idle()
    assert time.monotonic() - began < 20
    assert sorted(site.sink.recipients()) == STAFF and len(outcomes(site, "queued")) == 1
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    assert sorted(site.sink.recipients()) == STAFF
