"""Posts that are held: nobody gets them until somebody says so, and then everybody does, once."""
import base64
import email
import email.policy
import json
import re
import threading
import time

import pytest

from testbed import client
from testbed.base import wait_until

STAFF, DEV, EDGE = "staff@lists.example.com", "dev@lists.example.com", "edge@lists.example.com"
ALL_OF_STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
HOLD = "header-match: { fields: 'Subject: secret', on_fail: hold }"
SECRET = "a secret"


def lists(*checks):
    return f"lists.example.com: {{ sources: [ corp ], check: [ {', '.join(('posters: { allow: anyone }', *checks))} ] }}"


@pytest.fixture
def make(make_site, mta):
    def make(*checks, **options):
        keep = options.pop("moderation", "")
        more = options.pop("more", "") + (f"\nmoderation: {{ {keep} }}" if keep else "")
        return make_site(mta=mta, destinations=lists(*(checks or (HOLD,))), more=more, **options)
    return make


def make_past(make_site, *checks, **options):
    """A site where what comes past the milter is held, and no owner is told."""
    return make_site(mta="sink", more="moderation: { notices: 0 }",
                     destinations=lists("authenticated: { without_session: hold }", *checks), **options)


def held(site, *words):
    return site.rollcall.ctl_json("held", *words)["held"]


def hold_one(site, subject=SECRET, **more):
    """A post that is held; what `held` says of it."""
    before = {h["id"] for h in held(site)}
    site.post(message=client.message(subject=subject, **more))
    return wait_until(lambda: [h for h in held(site) if h["id"] not in before], what="a held post")[0]


def notices(site, to="ann@example.com"):
    return [email.message_from_bytes(t.data, policy=email.policy.default) for t in site.sink.delivered(to)
            if b"Auto-Submitted: auto-generated" in t.data]


def posts(site):
    return sorted(r for t in site.sink.delivered() if b"Auto-Submitted" not in t.data for r in t.recipients)


def queue_of(site, entry):
    return {p.parent.name for p in (site.rollcall.dir / "state/spool").glob(f"*/{entry}")}


# ---- the way of a post ----

def test_held_and_accepted(make):
    """C146, C150, C153."""
    site = make("fail: { at: rcpt, answer: fail, on_fail: hold }", HOLD)
    entry = hold_one(site, subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe?= secret")
    assert (entry["list"], entry["sender"], entry["proof"]) == (STAFF, "ann@example.com", "networks")
    assert entry["subject"] == "Grüße secret" and entry["size"] > 100
    # All reasons, once each.
    assert [r.split(":")[0] for r in entry["reason"].split("; ")] == ["fail", "header-match"]
    for event, many in ("rcpt", 1), ("end", 1), ("lmtp", 1):
        (line,) = wait_until(lambda: site.rollcall.log_lines(event, list=STAFF), what=event)
        assert line["verdict"] == "hold", line
    assert line["reply"].startswith("250 ")
    (notice,) = wait_until(lambda: notices(site), what="the notice")
    text = notice.get_body().get_content()
    assert f"rollcallctl accept {entry['id']}" in text and "Grüße secret" in text and "header-match" in text
    assert notice["To"] == "staff-owner@lists.example.com" and notice["List-Id"] is None
    (post,) = [p for p in notice.walk() if p.get_content_type() == "message/rfc822"]
    assert post.get_content()["Rollcall-Stamp"] is None and "Hello." in str(post.get_content())
    assert site.sink.delivered("ann@example.com")[0].sender == ""
    site.rollcall.wait_idle()
    assert posts(site) == [] and queue_of(site, entry["id"]) == {"moderation"}
    assert site.rollcall.counts()["moderation"] == 1
    got = site.rollcall.ctl("accept", entry["id"], check=0)
    assert "accepted" in got.stdout
    wait_until(lambda: len(posts(site)) >= 4, what="the post")
    again = site.rollcall.ctl("accept", entry["id"], check=1)
    assert "accepted already" in again.stderr
    assert "accepted already" in site.rollcall.ctl("reject", entry["id"], check=1).stderr
    assert "accepted already" in site.rollcall.ctl("discard", entry["id"], check=1).stderr
    site.rollcall.wait_idle()
    assert posts(site) == ALL_OF_STAFF and held(site) == []
    page = site.rollcall.ctl("metrics", check=0).stdout
    assert 'rollcall_moderation_total{result="held"} 1' in page and 'rollcall_moderation_total{result="accepted"} 1' in page


def test_rejected(make):
    """C148: the poster is told, if who that is is proven; a stranger hears nothing: it may be somebody else."""
    site = make(moderation="notices: 0")
    entry = hold_one(site, subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe?= secret")
    site.rollcall.ctl("reject", entry["id"], "--reason", "Not here, Ann.", check=0)
    (notice,) = wait_until(lambda: notices(site), what="the notice")
    text = notice.get_body().get_content()
    assert "Not here, Ann." in text and "Subject: Grüße secret" in text and "sent to nobody" in text
    with site.smtp_from_abroad() as c:
        assert c.mail("emil@example.com").code == 250 and c.rcpt(STAFF).code == 250
        assert c.data(client.message(subject=SECRET)).code == 250
    stranger = wait_until(lambda: held(site), what="the stranger's")[0]
    assert stranger.get("proof") is None
    site.rollcall.ctl("reject", stranger["id"], check=0)
    wait_until(lambda: queue_of(site, stranger["id"]) == {"done"}, what="its end")
    site.rollcall.wait_idle()
    assert len(site.sink.delivered()) == 1 and posts(site) == []
    assert "rejected already" in site.rollcall.ctl("accept", stranger["id"], check=1).stderr


def test_discarded(make):
    site = make(moderation="notices: 0")
    entry = hold_one(site)
    site.rollcall.ctl("discard", entry["id"], check=0)
    wait_until(lambda: queue_of(site, entry["id"]) == {"done"}, what="its end")
    assert "discarded already" in site.rollcall.ctl("accept", entry["id"], check=1).stderr
    assert 'no entry "nothing" is held' in site.rollcall.ctl("accept", "nothing", check=1).stderr
    assert site.rollcall.ctl("discard", "a" * 26, check=1).stderr
    site.rollcall.wait_idle()
    assert site.sink.delivered() == []


def test_expired(make):
    """C149: nobody decides on it: it is thrown away, its owners are told, and so is who comes too late."""
    site = make(moderation="keep: 3s, notices: 1")
    entry = hold_one(site)
    wait_until(lambda: queue_of(site, entry["id"]) == {"done"}, seconds=30, what="its end")
    wait_until(lambda: len(notices(site)) == 2, what="two notices")
    assert "thrown away" in notices(site)[1]["Subject"] and posts(site) == []
    assert "thrown away" in site.rollcall.ctl("accept", entry["id"], check=1).stderr


def test_no_more_notices_than_so_many_a_day(make):
    """C151."""
    site = make(moderation="notices: 2")
    for n in range(3):
        hold_one(site, subject=f"secret {n}")
    wait_until(lambda: len(notices(site)) == 2, what="two notices")
    site.rollcall.wait_idle()
    # The MTA may have brought the second one first.
    texts = [n.get_body().get_content() for n in notices(site)]
    assert {re.search("secret [0-2]", t)[0]: "last notice" in t for t in texts} == {"secret 0": False, "secret 1": True}
    assert len(held(site)) == 3


# ---- several lists, several ways ----



def test_lists_that_pass_come_before_those_that_hold(make):
    """In whatever order they were named: members of both get it at once, and once."""
    site = make("implicit-dest: { on_fail: hold }", moderation="notices: 0")
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert [c.rcpt(r).code for r in (STAFF, EDGE)] == [250, 250]
        assert c.data(client.message(to=EDGE)).code == 250
    (entry,) = wait_until(lambda: held(site), what="the held post")
    assert entry["list"] == STAFF
    wait_until(lambda: "ann@example.com" in posts(site), what="the other list's post")
    site.rollcall.wait_idle()
    first = posts(site)
    assert "bob@example.com" not in first
    site.rollcall.ctl("accept", entry["id"], check=0)
    wait_until(lambda: "bob@example.com" in posts(site), what="the rest")
    site.rollcall.wait_idle()
    assert posts(site) == sorted({*first, *ALL_OF_STAFF})


def two_held(site, subject):
    """One message that both lists hold; their entries. Ann is on both."""
    with site.smtp() as c:
        assert c.mail("emil@example.com").code == 250
        assert [c.rcpt(r).code for r in (STAFF, EDGE)] == [250, 250]
        assert c.data(client.message(to=f"{STAFF}, {EDGE}", subject=subject)).code == 250
    entries = wait_until(lambda: len(held(site)) == 2 and held(site), what="two held posts")
    return {h["list"]: h["id"] for h in entries}


def once(site):
    """Everybody of both has it, once."""
    everybody = sorted([*ALL_OF_STAFF, "Shared@Example.com", "two.a@example.com"])
    wait_until(lambda: {*posts(site)} == {*everybody}, what="everybody")
    site.rollcall.wait_idle()
    assert posts(site) == everybody
    site.sink.clear()


def test_two_lists_that_held_it_make_one_copy(make):
    """Whichever lets it go first, at the same time, and whatever dies between: members of both get it from the first."""
    site = make(moderation="notices: 0")
    for first, second, dies in ((STAFF, EDGE, False), (EDGE, STAFF, False), (STAFF, EDGE, True), (EDGE, STAFF, True)):
        ids = two_held(site, f"secret of {first}, {dies}")
        site.rollcall.ctl("accept", ids[first], check=0)
        wait_until(lambda: "ann@example.com" in posts(site), what="the first list's post")
        site.rollcall.wait_idle()
        if dies:
            site.rollcall.kill_expander()
        site.rollcall.ctl("accept", ids[second], check=0)
        if dies:
            site.rollcall.start_expander()
        once(site)
    ids = two_held(site, "secret at the same time")
    site.rollcall.kill_expander()                            # which finds both decided
    for entry in ids.values():
        site.rollcall.ctl("accept", entry, check=0)
    site.rollcall.start_expander()
    once(site)
    for n in range(3):
        ids = two_held(site, f"secret {n}, by two people")
        people = [threading.Thread(target=site.rollcall.ctl, args=("accept", entry), kwargs=dict(check=0))
                  for entry in ids.values()]
        for p in people:
            p.start()
        for p in people:
            p.join()
        once(site)


def test_a_list_that_does_not_let_it_go_takes_nothing_away(make):
    """What one of two rejects, members of both get from the other."""
    site = make(moderation="notices: 0")
    for first, second in ((STAFF, EDGE), (EDGE, STAFF)):
        ids = two_held(site, f"secret of {first}")
        site.rollcall.ctl("discard", ids[first], check=0)
        site.rollcall.ctl("accept", ids[second], check=0)
        wait_until(lambda: "ann@example.com" in posts(site), what="the other list's post")
        site.rollcall.wait_idle()
        assert posts(site).count("ann@example.com") == 1
        site.sink.clear()


def test_an_order_that_cannot_be_read(make_site):
    """Who has it already is not known then: the post waits, and goes when that is mended."""
    site = make_site(mta="postfix", destinations=lists(HOLD), more="moderation: { notices: 0 }", outbound="retry-first: 100ms")
    ids = two_held(site, SECRET)
    site.rollcall.ctl("accept", ids[STAFF], check=0)
    wait_until(lambda: len(posts(site)) == 4, what="the first list's post")
    (order,) = (site.rollcall.dir / "state/let-go").iterdir()
    text = order.read_text()
    assert text == f"let-go 1\n{STAFF}\n"
    order.write_text("nonsense")
    site.rollcall.ctl("accept", ids[EDGE], check=0)
    wait_until(lambda: f"let-go/{order.name} makes no sense" in site.rollcall.log, what="the complaint")
    assert queue_of(site, ids[EDGE]) == {"moderation"} and len(posts(site)) == 4
    order.write_text(text)
    once(site)


def test_moderated(make):
    """C140: all posts wait, but of those who need no moderation; by an alias they wait, too."""
    site = make("moderated: { bypass: example.com }", moderation="notices: 0")
    site.post()
    assert site.wait_for(4) == ALL_OF_STAFF
    site.post(sender="guest@partner.example.net")
    (entry,) = wait_until(lambda: held(site), what="the held post")
    assert (entry["sender"], entry["reason"]) == (
        "guest@partner.example.net", "moderated: guest@partner.example.net is none of example.com")
    assert site.submit(message=client.message(subject="by an alias")).code == 250
    assert [h["subject"] for h in held(site)].count("by an alias") == 1
    with site.smtp_from_abroad() as c:                       # who says so is nobody proven
        assert c.mail("ann@example.com").code == 250 and c.rcpt(STAFF).code == 250
        assert c.data(client.message(subject="from abroad")).code == 250
    wait_until(lambda: "from abroad" in [h["subject"] for h in held(site)], what="the stranger's")


def test_a_storm(make):
    """Everybody answers all: the rest of the thread is held, the owner is told once; other posts pass."""
    site = make("storm: { posts: 3, in: 1h, quiet: 1h }", moderation="notices: 20")
    for n in range(5):
        site.post(message=client.message(subject="Lunch" if n == 0 else "Re: Lunch"))
    wait_until(lambda: len(held(site)) == 2, what="two posts that are held")
    assert all(h["reason"].startswith("storm: ") for h in held(site))
    site.post(message=client.message(subject="Tea"))
    wait_until(lambda: len(posts(site)) == 16, what="four posts")
    wait_until(lambda: len(notices(site)) == 1, what="the notice")
    site.rollcall.wait_idle()
    assert len(notices(site)) == 1
    assert f"{STAFF}: 3 posts in 3600 s" in site.rollcall.log
    assert "there is a storm; over in" in site.rollcall.ctl("storm", STAFF, check=0).stdout
    site.rollcall.ctl("storm", DEV, check=1)
    site.rollcall.ctl("storm", STAFF, "begin", check=64)
    assert "there is a storm" in site.rollcall.ctl("storm", "Staff@Lists.Example.com", check=0).stdout
    assert "in no domain of lists" in site.rollcall.ctl("storm", "staff@example.com", check=1).stderr
    assert "is no mailbox address" in site.rollcall.ctl("storm", "staff", check=64).stderr
    (kept, *_) = (site.rollcall.dir / "state/storms").glob("*.storm")
    assert site.rollcall.ctl_json("storm", STAFF, "end")["ended"] is True
    kept.with_suffix(".kept").mkdir()     # what cannot be removed
    assert f"cannot remove {kept.with_suffix('.kept')}" in site.rollcall.ctl("storm", STAFF, "end", check=70).stderr
    kept.with_suffix(".kept").rmdir()
    site.post(message=client.message(subject="Re: Lunch"))
    wait_until(lambda: len(posts(site)) == 20, what="the next post")
    assert len(held(site)) == 2


def test_a_storm_of_those_who_want_to_be_left_alone(make):
    """Each writes a subject of his own: what they want stands in the text, which is decoded."""
    site = make("storm: { posts: 3, in: 1h, quiet: 1h }", moderation="notices: 0")
    coded = base64.b64encode("Könnt ihr mich bitte streichen?".encode()).decode()
    asking = [("Please remove me from this list.\r\n", []), ("Me too!\r\n\r\nOn 3 July Bob wrote:\r\n> Please remove me\r\n", []),
              (f"{coded}\r\n", ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64"]),
              ("UNSUBSCRIBE\r\n", [])]
    others = ["Fine.\r\n\r\nOn 3 July Bob wrote:\r\n> Please remove me\r\n", "We have a new page, where " + "customers can unsubscribe. " * 20]
    for n, body in enumerate(others):
        site.post(message=client.message(subject=f"Other {n}", body=body))
    for n, (body, fields) in enumerate(asking):
        site.post(message=client.message(subject=f"Number {n}", body=body, fields=fields))
    (entry,) = wait_until(lambda: held(site), what="the one that is held")
    assert entry["subject"] == "Number 3" and entry["reason"].startswith("storm: ")
    for n, body in enumerate(others):
        site.post(message=client.message(subject=f"Other again {n}", body=body))
    wait_until(lambda: len(posts(site)) == 4 * (2 * len(others) + 3), what="all others")
    assert len(held(site)) == 1


def test_worse_is_worse(make):
    """A list that holds it does not save it from a check that refuses it later."""
    site = make("fail: { at: rcpt, answer: fail, on_fail: hold }", "max-size: { limit: 4k }")
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250 and c.rcpt(STAFF).code == 250
        assert c.data(client.message(body="x" * 78 + "\r\n" * 2 + ("y" * 78 + "\r\n") * 100)) == "552 5.3.4"
    got = site.rollcall.ctl("explain", "ann@example.com", STAFF, "--client", "127.0.0.1", check=0).stdout
    assert "verdict: hold, by fail" in got and "reply: 250" in got
    assert held(site) == []


def test_by_an_alias_without_a_session(make_site):
    """Past the milter: held, where the checks that need the session say so."""
    site = make_past(make_site, "require-tls: { without_session: hold }")
    assert site.submit().code == 250
    (entry,) = held(site, STAFF)
    assert held(site, DEV) == []
    assert entry["reason"] == ("it came past the milter, and authenticated cannot be asked; "
                               "it came past the milter, and require-tls cannot be asked")
    # The MTA sends it again: it is the same, and known.
    site.rollcall.ctl("accept", entry["id"], check=0)
    assert site.wait_for(4) == ALL_OF_STAFF


# ---- when something dies ----

@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_what_is_decided_holds_whatever_dies(make_site, again):
    """The record of the decision is on disk; whoever comes next carries it out, at once, and whoever decides next hears of it."""
    site = make_past(make_site)
    message = client.message()
    assert site.submit(message=message).code == 250
    (entry,) = held(site)
    progress = site.rollcall.dir / "state/spool/moderation" / entry["id"] / "progress"
    wait_until(lambda: progress.exists() and '"defer"' in progress.read_text(), what="a time at which it is looked at again")
    site.rollcall.kill_expander()
    site.rollcall.ctl("accept", entry["id"], check=0)
    assert queue_of(site, entry["id"]) == {"moderation"} and held(site) == []
    if again:
        assert "accepted already" in site.rollcall.ctl("reject", entry["id"], check=1).stderr
    site.rollcall.start_expander()
    assert site.wait_for(4) == ALL_OF_STAFF
    assert site.submit(message=message).code == 250          # and the same again is nothing new
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == ALL_OF_STAFF


def test_a_message_that_is_lost(make_site):
    """C147: a disk lost it: whoever decides is not held up, and the post is reported like any that cannot be sent."""
    site = make_past(make_site, outbound="expire: 1s")
    assert site.submit().code == 250 and site.submit(to=DEV).code == 250
    for entry in held(site):
        (site.rollcall.dir / "state/spool/moderation" / entry["id"] / "message.eml").unlink()
    first, second = held(site)
    assert first["subject"] == ""
    site.rollcall.ctl("reject", first["id"], check=0)
    wait_until(lambda: queue_of(site, first["id"]) == {"done"}, what="its end")
    site.rollcall.ctl("accept", second["id"], check=0)
    wait_until(lambda: queue_of(site, second["id"]) == {"done"}, seconds=40, what="its end, too")
    assert site.rollcall.log_lines("report") == [] and "reported as" in site.rollcall.log
    assert posts(site) == []


def test_a_spool_that_was_restored(make_site):
    """What was held may have been accepted since the backup: it is let go by two decisions."""
    site = make_past(make_site)
    assert site.submit().code == 250
    (entry,) = held(site)
    site.rollcall.kill_expander()
    (site.rollcall.dir / "state/spool/identity").unlink()
    site.rollcall.start_expander()
    assert "rollcallctl release" in site.rollcall.ctl("accept", entry["id"], check=70).stderr
    site.rollcall.ctl("release", entry["id"], check=0)
    site.rollcall.ctl("accept", entry["id"], check=0)
    assert site.wait_for(4) == ALL_OF_STAFF


def test_a_poster_that_is_a_list(make):
    """It hears of no rejection: that would be a post to it."""
    site = make(moderation="notices: 0")
    site.post(sender=DEV, message=client.message(subject=SECRET))
    entry = wait_until(lambda: held(site), what="a held post")[0]
    site.rollcall.ctl("reject", entry["id"], check=0)
    wait_until(lambda: "it would go to a list" in site.rollcall.log, what="the end of the notice")
    site.rollcall.wait_idle()
    assert site.sink.delivered() == []


def test_what_was_held_for_long_is_not_old(make_site):
    """To wait was no try to send it: when the directory is down as it is let go, it has its time."""
    site = make_past(make_site)
    assert site.submit().code == 250
    (entry,) = held(site)
    site.rollcall.kill_expander()
    with open(site.rollcall.dir / "state/spool/moderation" / entry["id"] / "progress", "a") as progress:
        progress.write(json.dumps({"defer": 0, "at": int(time.time() * 1000), "tries": 200, "spent": 10 * 86400000}) + "\n")
    site.slapd.stop()
    site.rollcall.start_expander()
    site.rollcall.ctl("accept", entry["id"], check=0)
    wait_until(lambda: [e for e in site.rollcall.ctl_json("queue")["entries"] if e["queue"] == "pending" and e["tries"] > 1],
               what="tries")
    site.slapd.start()
    assert site.wait_for(4) == ALL_OF_STAFF
