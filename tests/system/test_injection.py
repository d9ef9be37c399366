"""Putting batches into an MTA that fails as it is told: refusals, temporary ones, lost connections, reports."""
import json
import time

import pytest

from testbed import client, directory, sink
from testbed.base import wait_until
from testbed.rollcall import PROVEN

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]

OPEN = """
lists.example.com:
  sources: [ corp ]
  lists:
    staff:
      report: members
"""


def reports(site):
    return [t for t in site.sink.delivered() if "delivery-status" in "".join(t.fields("Content-Type"))]


def test_one_recipient_refused(lmtp_site):
    """The others get it; the owner gets one report; nobody else hears of it."""
    lmtp_site.sink.on_rcpt = lambda a, n: "550 5.1.1 no such user" if a == "bob@example.com" else None
    lmtp_site.submit()
    wait_until(lambda: reports(lmtp_site), what="the report")
    lmtp_site.rollcall.wait_idle()
    (report,) = reports(lmtp_site)
    assert report.sender == "" and report.recipients == ["ann@example.com"]
    text = report.data.decode()
    assert "was sent to 3 of 4 members" in text
    assert "Final-Recipient: rfc822; staff@lists.example.com\r\nAction: failed\r\nStatus: 5.1.1" in text
    assert "    1 member: 550 5.1.1\r\n" in text and "bob" not in text
    assert "Subject: test" in text and "Hello." not in text
    posts = [t for t in lmtp_site.sink.delivered() if t is not report]
    assert sorted(r for t in posts for r in t.recipients) == [a for a in STAFF if a != "bob@example.com"]


def test_a_report_names_members_where_the_list_says_so(make_site):
    site = make_site(mta="sink", destinations=OPEN)
    site.sink.on_rcpt = lambda a, n: "550 5.1.1 no such user" if a == "bob@example.com" else None
    site.submit()
    wait_until(lambda: reports(site), what="the report")
    text = reports(site)[0].data.decode()
    assert "    bob@example.com\r\n        550 5.1.1 no such user\r\n" in text
    assert "Final-Recipient: rfc822; bob@example.com\r\nAction: failed\r\nStatus: 5.1.1" in text


def test_reports_go_to_the_errors_address_first(lmtp_site):
    lmtp_site.sink.on_rcpt = lambda a, n: "550 5.1.1 no such user" if a == "ann@example.com" else None
    lmtp_site.submit(to="errors@lists.example.com")
    wait_until(lambda: reports(lmtp_site), what="the report")
    assert reports(lmtp_site)[0].recipients == ["errors@example.com"]


@pytest.mark.parametrize("to", ["noowner", "ownedbylist"])
def test_a_report_never_reaches_a_list(make_site, to):
    """Without an owner who is a person it goes to the site's errors address; the members of a group are persons."""
    site = make_site(mta="sink", more="errors: postmaster@example.com")
    site.sink.on_rcpt = lambda a, n: "550 5.1.1 no" if a == "ann@example.com" and n == 0 and not reports(site) else None
    site.submit(to=f"{to}@lists.example.com")
    wait_until(lambda: reports(site), what="the report")
    got = reports(site)[0].recipients
    assert not any(r.endswith("@lists.example.com") for r in got)
    assert got == (["postmaster@example.com"] if to == "noowner" else
                   sorted(["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"], key=got.index))


def test_a_report_with_nobody_to_go_to_is_kept(lmtp_site):
    lmtp_site.sink.on_rcpt = lambda a, n: "550 5.1.1 no such user"
    lmtp_site.submit(to="noowner@lists.example.com")
    wait_until(lambda: lmtp_site.rollcall.counts()["kept"] == 1, what="the kept report")
    assert lmtp_site.sink.delivered() == []
    assert "kept: neither noowner@lists.example.com nor the site names an errors address" in lmtp_site.rollcall.log


def test_a_report_that_is_refused_is_the_end(lmtp_site):
    """No report on a report: logged, and done."""
    lmtp_site.sink.on_rcpt = lambda a, n: "550 5.1.1 no such user"
    lmtp_site.submit()
    wait_until(lambda: "a report or bounce for staff@lists.example.com found no taker" in lmtp_site.rollcall.log,
               what="the log")
    lmtp_site.rollcall.wait_idle()
    assert lmtp_site.rollcall.counts()["done"] == 2


REFUSALS = {"mail": lambda a: "550 5.7.1 not you" if a else None,
            "rcpt": lambda a, n: f"554 5.7.1 <{a}>: Relay access denied"}


@pytest.mark.parametrize("stage", ["mail", "rcpt"])
def test_the_whole_post_refused(make_site, stage):
    """It may be a mistake in the MTA's configuration: believed when it has lasted, and reported then."""
    site = make_site(mta="sink", outbound="distrust: 1s")
    setattr(site.sink, f"on_{stage}", REFUSALS[stage])
    began = time.monotonic()
    site.submit()
    wait_until(lambda: "reported as" in site.rollcall.log, what="the report")
    assert time.monotonic() - began > 1
    site.sink.on_rcpt = None
    site.rollcall.ctl("retry", "all")
    wait_until(lambda: reports(site), what="the report")
    text = reports(site)[0].data.decode()
    assert "was sent to nobody" in text
    assert f"    4 members: {'550' if stage == 'mail' else '554'} 5.7.1\r\n" in text


@pytest.mark.parametrize("stage", ["mail", "rcpt"])
def test_the_whole_post_refused_for_a_moment(make_site, stage):
    """The posts of that moment are not lost, also where the expander ends in it."""
    site = make_site(directory.crowded(300), mta="sink", outbound="batch: 50")
    setattr(site.sink, f"on_{stage}", REFUSALS[stage])
    site.submit(to="g300@lists.example.com")
    wait_until(lambda: "nobody is taken (55" in site.rollcall.log, what="the log")
    time.sleep(0.5)
    (entry,) = site.rollcall.ctl_json("queue")["entries"]
    assert " 5.7.1 " in entry["reason"] and entry["refused"] == 0 and entry["waiting"] == 300
    site.rollcall.kill_expander()
    setattr(site.sink, f"on_{stage}", None)
    site.rollcall.start_expander()
    assert len(set(site.wait_for(300))) == 300
    site.rollcall.wait_idle()
    assert reports(site) == [] and len(site.sink.recipients()) == 300


def test_refused_until_the_mta_has_enough(make_site):
    """A port that is not meant for us loses patience with so many errors: still nobody is refused for good."""
    site = make_site(directory.crowded(300), mta="sink", outbound="batch: 50\nlanes: 1")
    count = []

    def impatient(address, n):
        count.append(address)
        return "421 4.7.0 too many errors" if len(count) % 21 == 0 else f"554 5.7.1 <{address}>: Relay access denied"
    site.sink.on_rcpt = impatient
    site.submit(to="g300@lists.example.com")
    wait_until(lambda: site.rollcall.log.count("nobody is taken (554") > 1, what="the log")
    site.sink.on_rcpt = None
    assert len(site.wait_for(300)) == 300
    site.rollcall.wait_idle()
    assert reports(site) == [] and len(site.sink.recipients()) == 300


def test_a_batch_of_unknown_members_does_not_hold_up_the_others(make_site):
    site = make_site(directory.crowded(300), mta="sink", outbound="batch: 50\nlanes: 1\n"
                     "retry-first: 1m")
    refused = set()

    def first_fifty(address, n):
        if len(refused) < 50:
            refused.add(address)
        return "550 5.1.1 no such user" if address in refused else None
    site.sink.on_rcpt = first_fifty
    site.submit(to="g300@lists.example.com")
    assert len(site.wait_for(250)) >= 250


def test_one_of_many_refused_by_a_policy(lmtp_site):
    """That is about the recipient: reported at once."""
    lmtp_site.sink.on_rcpt = lambda a, n: "550 5.7.1 not here" if a == "bob@example.com" else None
    lmtp_site.submit()
    wait_until(lambda: reports(lmtp_site), 2, what="the report")


def test_the_only_member_is_unknown(lmtp_site):
    """Reported at once."""
    lmtp_site.sink.on_rcpt = lambda a, n: "550 5.1.1 no such user" if a == "dora@example.com" else None
    lmtp_site.rollcall.more = "errors: postmaster@example.com"
    lmtp_site.rollcall.reload()
    lmtp_site.submit(to="a+b@lists.example.com")
    wait_until(lambda: reports(lmtp_site), 2, what="the report")


def test_refused_after_the_dot(lmtp_site):
    lmtp_site.sink.on_dot = lambda t: "554 5.6.0 I do not like it" if t.sender else None
    lmtp_site.submit()
    wait_until(lambda: reports(lmtp_site), what="the report")
    assert b"    4 members: 554 5.6.0\r\n" in reports(lmtp_site)[0].data


def test_temporary_refusals_are_tried_again(lmtp_site):
    """Those that were taken are not sent to again; the others once they are taken."""
    tries = []

    def busy(address, n):
        if address == "bob@example.com":
            tries.append(time.monotonic())
            return "450 4.2.1 busy" if len(tries) < 4 else None
        return None
    lmtp_site.sink.on_rcpt = busy
    lmtp_site.submit()
    assert lmtp_site.wait_for(4) == STAFF
    lmtp_site.rollcall.wait_idle()
    assert sorted(lmtp_site.sink.recipients()) == STAFF
    gaps = [b - a for a, b in zip(tries, tries[1:])]
    assert all(gap >= least for gap, least in zip(gaps, (0.25, 0.55, 1.15))), gaps      # 300 ms, and it doubles
    assert reports(lmtp_site) == []


@pytest.mark.parametrize("stage", ["mail", "dot", "data"])
def test_a_batch_that_is_put_off(lmtp_site, stage):
    times = []

    def once(*unused):
        times.append(stage)
        return "451 4.3.0 not now" if len(times) <= 2 else None
    setattr(lmtp_site.sink, {"mail": "on_mail", "dot": "on_dot", "data": "on_dot"}[stage], once)
    lmtp_site.submit()
    assert lmtp_site.wait_for(4) == STAFF
    lmtp_site.rollcall.wait_idle()
    assert sorted(lmtp_site.sink.recipients()) == STAFF


@pytest.mark.parametrize("fault", ["421 4.3.2 closing", "close"])
def test_421_in_the_middle(lmtp_site, fault):
    """The MTA goes away in the middle of the recipients: nothing was queued, and it is sent again."""
    said = []

    def once(address, n):
        if n == 2 and not said:
            said.append(1)
            return fault
        return None
    lmtp_site.sink.on_rcpt = once
    lmtp_site.submit()
    assert lmtp_site.wait_for(4) == STAFF
    lmtp_site.rollcall.wait_idle()
    assert said and sorted(lmtp_site.sink.recipients()) == STAFF


def test_the_connection_closed_after_the_final_dot(lmtp_site):
    """Nobody can know whether it was queued: sent again, and the log says that this batch was in doubt."""
    said = []

    def once(t):
        if not said:
            said.append(1)
            return "close"
        return None
    lmtp_site.sink.on_dot = once
    lmtp_site.submit()
    assert lmtp_site.wait_for(4) == STAFF
    lmtp_site.rollcall.wait_idle()
    assert sorted(lmtp_site.sink.recipients()) == STAFF
    assert [b["doubt"] for b in lmtp_site.rollcall.log_lines("batch") if "doubt" in b] == ["yes"]


def test_a_reply_lost_after_the_batch_was_taken(lmtp_site):
    """The same with an MTA that had queued it: at most the batch in flight comes twice, and nobody is left out."""
    said = []

    def once(t):
        if not said:
            said.append(1)
            return "taken close"
        return None
    lmtp_site.sink.on_dot = once
    lmtp_site.submit()
    got = lmtp_site.wait_for(8)
    lmtp_site.rollcall.wait_idle()
    assert got == sorted(STAFF * 2)
    assert [b["doubt"] for b in lmtp_site.rollcall.log_lines("batch") if "doubt" in b] == ["yes"]


@pytest.mark.parametrize("reply", ["452 4.5.3 too many recipients", "452 Too many", "451 4.5.3 Too many recipients",
                                   "552 too many recipients", "552 5.5.3 enough", "550 5.5.3 Too many recipients"])
def test_as_many_recipients_as_the_mta_takes(make_site, reply):
    """C232: 452 after n recipients is no failure: the rest goes in the next transaction, and n is learnt."""
    site = make_site(directory.crowded(500), mta="sink", outbound="lanes: 1")
    site.sink.on_rcpt = lambda a, n: reply if n >= 60 else None
    began = time.monotonic()
    site.submit(to="g500@lists.example.com")
    assert len(site.wait_for(500)) == 500
    assert time.monotonic() - began < 3
    site.rollcall.wait_idle()
    assert sorted(set(site.sink.recipients())) == sorted(site.sink.recipients())
    sizes = [len(t.recipients) for t in site.sink.transactions]
    assert max(sizes) == 60 and len(sizes) == 9


FEW = {
    "postfix": {"main": "smtpd_recipient_limit = 50\n"},
    "sendmail": {"mc": "define(`confMAX_RCPTS_PER_MESSAGE', `50')dnl\n"},
}


def test_through_an_mta_that_takes_few_recipients(make_site, mta):
    """What it says when it has enough is understood, and its receipts are counted with the others."""
    site = make_site(directory.crowded(500), mta=mta, destinations=PROVEN, outbound="lanes: 2", **{mta: FEW[mta]})
    site.post("g500@lists.example.com", sender="user0@example.net")
    assert len(set(site.wait_for(500))) == 500
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 500
    batches = site.rollcall.log_lines("batch")
    assert max(int(b["sent"]) for b in batches) == 49 and not [b for b in batches if "doubt" in b]
    assert [p["state"] for p in site.rollcall.log_lines("inject", list="g500@lists.example.com")] == ["done"]


def test_through_an_mta_that_takes_one_recipient(make_site, mta):
    """Where the receipt has the only place, batches go without."""
    site = make_site(mta=mta, destinations=PROVEN.replace("{ sources", "{ proof: always, sources"),
                     outbound="retry-first: 1h", **{mta: {k: v.replace("50", "1") for k, v in FEW[mta].items()}})
    site.post()
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF
    assert "takes one recipient: without receipts" in site.rollcall.log


def test_through_an_mta_that_counts_the_envelope(make_site):
    """
    C233: with so many recipients the message is too big for Postfix after the end of data, where the limit is that
    of main.cf: halves are not.
    """
    site = make_site(directory.crowded(1000), destinations=PROVEN, outbound="lanes: 1\nretry-first: 1h", start=False)
    services = site.mta.services()
    site.mta.services = lambda: services.replace("message_size_limit=0", "message_size_limit=20000")
    site.start().post("g1000@lists.example.com", sender="user0@example.net")
    assert len(set(site.wait_for(1000))) == 1000
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 1000
    said = [b.get("reply", "") for b in site.rollcall.log_lines("batch")]
    assert said[0].startswith("552 5.3.4") and said[-1] == ""
    (post,) = site.rollcall.log_lines("inject", list="g1000@lists.example.com")
    assert (post["state"], post["sent"], post["refused"]) == ("done", "1000", "0")


def test_a_message_that_is_too_big_for_the_mta_alone(make_site):
    """It is refused when the batch is as small as can be, and not before; the owner hears of it."""
    site = make_site(mta="sink", outbound="lanes: 1")
    site.sink.on_dot = lambda t: "552 5.3.4 message file too big" if t.sender else None
    site.submit()
    wait_until(lambda: reports(site), what="the report")
    sizes = [int(b["recipients"]) for b in site.rollcall.log_lines("batch", list="staff@lists.example.com")]
    assert sizes[0] == 4 and sizes.count(1) >= 4
    assert b"    4 members: 552 5.3.4\r\n" in reports(site)[0].data


def test_the_mta_is_away(make_site):
    """Nothing is lost, nothing is hurried; when it is back the posts go."""
    site = make_site(mta="sink", start=False)
    site.sink.stop()
    site.start()
    for _ in range(3):
        assert site.submit().code == 250
    wait_until(lambda: site.rollcall.counts()["outbound"] == 3 and "Connection refused" in site.rollcall.log,
               what="failures")
    entries = site.rollcall.ctl_json("queue")["entries"]
    assert all("Connection refused" in e["reason"] and e["tries"] >= 1 for e in entries)
    site.sink = sink.Sink(port=site.sink.port)
    assert len(site.wait_for(12)) == 12
    site.rollcall.wait_idle()


def test_a_connection_that_died_while_idle(make_site):
    """Postfix closes idle connections: the next batch notices, and takes another at once."""
    site = make_site(mta="sink", outbound="lanes: 1\nidle: 1m")
    site.submit()
    site.wait_for(4)
    site.rollcall.wait_idle()
    site.sink.drop_connections()
    began = time.monotonic()
    site.submit()
    assert len(site.wait_for(8)) == 8
    assert time.monotonic() - began < 0.25 and site.sink.connections == 2
    assert site.rollcall.log_lines("inject", state="deferred") == []


def test_a_post_that_expires(make_site):
    """The report says how many were not sent it, and why."""
    site = make_site(mta="sink", outbound="expire: 2s")
    site.sink.on_rcpt = lambda a, n: "450 4.2.1 mailbox busy" if a == "bob@example.com" else None
    site.submit()
    wait_until(lambda: reports(site), what="the report")
    text = reports(site)[0].data.decode()
    assert "was sent to 3 of 4 members" in text and "It has been given up: 450 4.2.1\r\n" in text
    assert "Final-Recipient: rfc822; staff@lists.example.com" in text and "bob" not in text
    site.rollcall.wait_idle()


def test_an_expansion_that_expires(make_site):
    """The members were never complete: the report says that nobody was sent it."""
    site = make_site(mta="sink", more="errors: postmaster@example.com", outbound="expire: 2s")
    site.submit(to="dangling@lists.example.com")
    wait_until(lambda: reports(site), what="the report")
    (report,) = reports(site)
    assert report.recipients == ["postmaster@example.com"]
    assert "was sent to nobody" in report.data.decode()
    assert "3 of 3 members do not exist" in report.data.decode()
    site.rollcall.wait_idle()
    assert len(site.sink.delivered()) == 1


def test_an_mta_without_smtputf8(make_site, place):
    """Those who need it are refused with a clear reason; the others get the post."""
    (place / "lists.json").write_text(
        '{ "lists": [ { "address": "mixed@lists.example.com", "members": [ "ann@example.com", "jörg@example.com" ],'
        ' "owners": [ "ann@example.com" ] } ] }', encoding="utf-8")
    site = make_site(mta="sink", sources=f"corp: {{ kind: file, path: {place}/lists.json }}")
    site.sink.extensions = [e for e in site.sink.extensions if e != "SMTPUTF8"]
    site.submit(to="mixed@lists.example.com")
    wait_until(lambda: reports(site), what="the report")
    assert b"    1 member: 553 5.6.7\r\n" in reports(site)[0].data
    assert [t.recipients for t in site.sink.delivered() if t.sender] == [["ann@example.com"]]


@pytest.mark.parametrize("subject, body, needed", [
    ("post", "Grüße.\r\n", False),
    ("Grüße", "post\r\n", True),
    ("post\r\nContent-Type: multipart/mixed; boundary=b", "--b\r\nContent-Description: Grüße\r\n\r\n.\r\n--b--\r\n", True),
    ("post\r\nContent-Type: multipart/mixed; boundary=b", "--b\r\n\r\n.\r\n--b--\r\n", False),
], ids=["body", "header", "part", "ascii"])
def test_a_post_that_need_not_have_come_with_smtputf8(make_site, subject, body, needed):
    """What a client says of everything it sends does not keep a post from an MTA without it."""
    site = make_site(mta="sink", more="errors: postmaster@example.com")
    site.sink.extensions = [e for e in site.sink.extensions if e != "SMTPUTF8"]
    message = client.message(to="staff@lists.example.com", subject=subject, body=body)
    with site.lmtp() as c:
        c.mail("ann@example.com", "SMTPUTF8 BODY=8BITMIME")
        assert c.rcpt("staff@lists.example.com").code == 250
        (reply,) = c.data(message)
        assert reply.code == 250, reply
    site.rollcall.wait_idle()
    posts = [t for t in site.sink.delivered() if t.sender]
    if needed:
        assert not posts and b"553 5.6.7" in reports(site)[0].data
    else:
        assert posts and posts[0].data.endswith(body.encode()) and not reports(site)


def test_smtputf8_is_asked_for_those_who_need_it(make_site, place):
    """In a transaction of their own: the others' hosts may have none."""
    members = [f"u{i}@example.com" for i in range(5)] + ["jörg@example.com"] + [f"v{i}@example.com" for i in range(5)]
    (place / "lists.json").write_text(json.dumps(
        {"lists": [{"address": "mixed@lists.example.com", "members": members}]}), encoding="utf-8")
    site = make_site(mta="sink", sources=f"corp: {{ kind: file, path: {place}/lists.json }}")
    site.submit(to="mixed@lists.example.com")
    assert len(site.wait_for(11)) == 11
    got = {"SMTPUTF8" in t.parameters: t.recipients for t in site.sink.delivered()}
    assert got[True] == ["jörg@example.com"] and len(got[False]) == 10


def test_an_mta_without_pipelining(lmtp_site):
    lmtp_site.sink.extensions = ["8BITMIME"]
    lmtp_site.sink.on_rcpt = lambda a, n: "550 5.1.1 no" if a == "bob@example.com" else None
    lmtp_site.submit()
    wait_until(lambda: reports(lmtp_site), what="the report")
    lmtp_site.rollcall.wait_idle()
    t = next(t for t in lmtp_site.sink.delivered() if t.sender)
    assert "SIZE" not in t.parameters and "ENVID" not in t.parameters and len(t.recipients) == 3


def test_bounces_are_handed_over_and_never_expanded(make_site):
    site = make_site(mta="sink", more="errors: postmaster@example.com")
    bounce = client.message(subject="Undelivered", sender="MAILER-DAEMON@example.net",
                            fields=["Content-Type: multipart/report; report-type=delivery-status; boundary=x",
                                    "Auto-Submitted: auto-replied"])
    assert site.submit(to="staff-bounces+x=y@lists.example.com", sender="", message=bounce).code == 250
    assert site.wait_for(1) == ["postmaster@example.com"]
    (t,) = site.sink.transactions
    assert t.sender == "" and t.data.endswith(bounce)
    assert t.fields("List-Id") == []
    site.sink.clear()
    assert site.submit(to="errors-bounces@lists.example.com", sender="", message=bounce).code == 250
    assert site.wait_for(1) == ["errors@example.com"]


def test_bounces_are_kept_until_somebody_is_named(lmtp_site):
    for i in range(3):
        assert lmtp_site.submit(to="staff-bounces@lists.example.com", sender="").code == 250
    wait_until(lambda: lmtp_site.rollcall.counts()["kept"] == 3, what="kept bounces")
    assert lmtp_site.sink.delivered() == []
    lmtp_site.rollcall.more = "errors: postmaster@example.com"
    lmtp_site.rollcall.reload()
    lmtp_site.rollcall.ctl("retry", "all", check=0)
    assert lmtp_site.wait_for(3) == ["postmaster@example.com"] * 3


def test_mail_to_the_owner(make_site):
    site = make_site(mta="sink", more="errors: postmaster@example.com")
    site.submit(to="staff-owner@lists.example.com", sender="eve@elsewhere.example")
    assert site.wait_for(1) == ["ann@example.com"]
    (t,) = site.sink.transactions
    assert t.sender == "staff-bounces@lists.example.com" and t.fields("List-Id") == []
    site.sink.clear()
    site.submit(to="noowner-owner@lists.example.com", sender="eve@elsewhere.example")
    assert site.wait_for(1) == ["postmaster@example.com"]
    site.sink.clear()
    site.submit(to="staff-owner@lists.example.com", sender="")
    assert site.wait_for(1) == ["ann@example.com"]
    assert site.sink.transactions[0].sender == ""


KNOWS_ITS_USERS = {
    "postfix": {"main": "mydestination = example.com\nlocal_recipient_maps = inline:{ann=x, carl=x}\n"},
    "sendmail": {"mc": "LOCAL_RULESETS\nSLocal_check_rcpt\n"
                       'R< bob@example.com >\t$#error $@ 5.1.1 $: "550 User unknown"\ndivert(0)dnl\n'},
}


def test_through_an_mta_an_unknown_member_is_reported(make_site, mta):
    """A real MTA that knows its users refuses at RCPT; the report goes through it to the owner."""
    site = make_site(mta=mta, **{mta: KNOWS_ITS_USERS[mta]})
    site.post()
    wait_until(lambda: reports(site), what="the report")
    (report,) = reports(site)
    assert report.recipients == ["ann@example.com"]
    assert b"    1 member: 550 5.1.1\r\n" in report.data and b"bob" not in report.data
    assert sorted(set(site.sink.recipients())) == ["ann@example.com", "carl@example.com", "guest@partner.example.net"]


def test_what_the_mta_cannot_deliver_comes_to_the_errors_address(make_site, mta):
    """Refused by a host beyond the MTA: its bounce goes to list-bounces, and from there to who is named for it."""
    site = make_site(mta=mta, more="errors: postmaster@example.com")
    site.sink.on_rcpt = lambda a, n: "550 5.1.1 no such user" if a == "bob@example.com" else None
    site.post()
    wait_until(lambda: reports(site), what="the bounce")
    (bounce,) = reports(site)
    assert (bounce.sender, bounce.recipients) == ("", ["postmaster@example.com"])
    assert "bob@example.com" in bounce.data.decode()
    assert site.rollcall.log_lines("lmtp", role="bounces")
