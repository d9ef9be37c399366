"""What fails a check and goes on with a field that says so."""
import json

import pytest

from testbed import client
from testbed.base import wait_until

STAFF, DEV = "staff@lists.example.com", "dev@lists.example.com"
SPAM = 'header-match: { fields: "X-Spam: yes", on_fail: tag, tag: spam }'


def destination(*checks, more=""):
    lines = "".join(f"    - {check}\n" for check in ("posters: { allow: anyone }", *checks))
    return f"lists.example.com:\n  sources: [ corp ]\n  check:\n{lines}{more}"


def post(site, *to, **more):
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert [c.rcpt(r).code for r in to] == [250] * len(to)
        return c.data(client.message(**more))


def tags(site, member="bob@example.com"):
    """The values of the field, of the member's last post."""
    got = wait_until(lambda: site.sink.delivered(member), what="the post")[-1]
    head = got.data.split(b"\r\n\r\n")[0].decode().split("\r\n")
    return [line.partition(": ")[2] for line in head if line.lower().startswith("x-rollcall-tag:")]


def test_it_goes_on_with_a_field(make_site, mta):
    """All checks that failed, in the order of the configuration; nobody else can put it there."""
    site = make_site(mta=mta, destinations=destination(
        SPAM, "max-size: { limit: 4k, on_fail: tag }", "fail: { answer: unsure, at: end, on_fail: tag, on_unsure: tag }"))
    assert post(site, STAFF, fields=["X-Spam: yes", "X-Rollcall-Tag: max-size=fail"], body="x\r\n" * 3000).code == 250
    assert len(site.wait_for(4)) == 4
    assert tags(site) == ["spam=fail, max-size=fail, fail=unsure"]
    line = wait_until(lambda: site.rollcall.log_lines("end"), what="the verdict")[0]
    assert (line["verdict"], line["by"]) == ("tag", "header-match")
    (line,) = site.rollcall.log_lines("lmtp")
    assert (line["verdict"], line["judged"], line["by"]) == ("tag", "before", "header-match")
    metrics = site.rollcall.ctl("metrics", check=0).stdout
    assert 'rollcall_policy_answers_total{daemon="rollcall-milter",answer="tag",check="max-size"} 1' in metrics or \
        any('answer="tag"' in m and 'check="max-size"' in m and m.endswith(" 1") for m in metrics.splitlines())


def test_what_passes_has_no_such_field(make_site, mta):
    site = make_site(mta=mta, destinations=destination(SPAM))
    assert post(site, STAFF, fields=["x-rollcall-tag: spam=fail", "X-Rollcall-TAG: x"]).code == 250
    assert len(site.wait_for(4)) == 4 and tags(site) == []


@pytest.mark.parametrize("worse, code, by", [
    ("fail: { answer: fail, at: end }", 550, "fail"), ("fail: { answer: unsure, at: end, after: 100ms }", 451, "fail"),
    ("fail: { answer: fail, at: rcpt, on_fail: reject }", 550, "fail")])
def test_worse_verdicts_win(make_site, mta, worse, code, by):
    site = make_site(mta=mta, destinations=destination(SPAM, worse))
    with site.smtp() as c:
        c.mail("ann@example.com")
        first = c.rcpt(STAFF)
        last = c.data(client.message(fields=["X-Spam: yes"])) if first.code == 250 else first
    assert last.code == code
    (line,) = site.rollcall.log_lines("end") or site.rollcall.log_lines("rcpt")
    assert line["by"] == by and not site.sink.delivered()


def test_what_is_held_keeps_its_tags(make_site, mta):
    """They are there when somebody lets it go; whoever decides sees why it was held."""
    site = make_site(mta=mta, destinations=destination(SPAM, "max-size: { limit: 4k, on_fail: hold }"),
                     more="moderation: { notices: 0 }")
    assert post(site, STAFF, fields=["X-Spam: yes"], body="x\r\n" * 3000).code == 250
    (entry,) = wait_until(lambda: site.rollcall.ctl_json("held")["held"], what="the post")
    assert entry["reason"].startswith("max-size") and "spam" not in entry["reason"]
    site.rollcall.ctl("accept", entry["id"], check=0)
    assert len(site.wait_for(4)) == 4 and tags(site) == ["spam=fail"]


def test_members_of_two_lists(make_site, mta):
    """One that tags it comes before others, like one that it passes to: everybody gets one copy."""
    site = make_site(mta=mta, destinations=destination(SPAM, more="""
  lists:
    dev: { subject-tag: "[dev]" }
"""))
    assert post(site, STAFF, DEV, fields=["X-Spam: yes"]).code == 250
    assert len(site.wait_for(4)) == 4 and tags(site) == ["spam=fail"]
    for line in site.rollcall.log_lines("lmtp"):
        assert line["verdict"] == "tag"


def test_past_the_milter(make_site, place):
    """The expander asks what it can, and tags as well; so does a preview."""
    site = make_site(mta="sink", destinations=destination(SPAM))
    text = client.message(fields=["X-Spam: yes", "X-Rollcall-Tag: nothing"])
    assert site.submit(STAFF, message=text).code == 250
    assert len(site.wait_for(4)) == 4 and tags(site) == ["spam=fail"]
    (place / "post").write_bytes(text)
    shown = site.rollcall.ctl("preview", "--message", STAFF, "ann@example.com", str(place / "post"), check=0).stdout
    assert "\nX-Rollcall-Tag: spam=fail\n" in shown and "nothing" not in shown


def test_explain_says_so(make_site, place):
    site = make_site(mta="sink", destinations=destination(SPAM, "max-size: { limit: 4k, on_fail: hold }"))
    (place / "post").write_bytes(client.message(fields=["X-Spam: yes"]))
    words = ["explain", "ann@example.com", STAFF, str(place / "post")]
    text = site.rollcall.ctl(*words, check=0).stdout
    assert "\nverdict: tag, by header-match: " in text and "\nit goes on with: X-Rollcall-Tag: spam=fail\nreply: 250 " in text
    assert any("header-match" in line and " fail " in line and " tag " in line for line in text.splitlines())
    told = json.loads(site.rollcall.ctl("--json", *words, check=0).stdout)
    assert (told["verdict"], told["by"], told["tags"], told["code"]) == ("tag", "header-match", "spam=fail", 250)
