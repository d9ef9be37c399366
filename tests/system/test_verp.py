"""Reverse-paths of members: whatever comes back says whose it was, by our token or by the MTA's XVERP."""
import os
import re
import time

from testbed import client, directory
from testbed.base import wait_until

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
ALWAYS = """
lists.example.com:
  sources: [ corp ]
  proof: always
  posts: { verp: always }
"""
OWN = r"staff-bounces\+[a-z2-7]{25,31}@lists\.example\.com"


def senders(site):
    return {t.recipients[0]: t.sender for t in site.sink.delivered()}


def bounce(site, to):
    """A report over LMTP to this address, and what the log makes of it."""
    before = len(site.rollcall.log_lines("verp"))
    assert site.submit(to=to, sender="", message=client.message(subject="failed", sender="<>")).code == 250
    wait_until(lambda: len(site.rollcall.log_lines("verp")) > before, what="the log")
    return site.rollcall.log_lines("verp")[-1]


def test_a_token_for_each(make_site):
    """A transaction for each, and the token says whose it is, in whatever case it comes back."""
    site = make_site(mta="sink", destinations=ALWAYS)
    site.submit()
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    assert all(len(t.recipients) == 1 and t.receipts for t in site.sink.delivered())
    assert len(set(senders(site).values())) == 4
    for member, sender in senders(site).items():
        assert re.fullmatch(OWN, sender) and len(sender.partition("@")[0]) <= 64
        for spelling in (sender, sender.upper()):
            got = bounce(site, spelling)
            assert (got["token"], got["member"], got["list"]) == ("true", member, "staff@lists.example.com")


def test_what_is_not_true(make_site):
    """C199: forged, foreign, the MTA's form, and of a post that is gone: never more than is known."""
    site = make_site(mta="sink", destinations=ALWAYS)
    site.submit()
    site.wait_for(4)
    site.rollcall.wait_idle()
    sender = senders(site)["bob@example.com"]
    local, _, domain = sender.partition("@")
    got = bounce(site, f"{local[:-1]}{'b' if local[-1] == 'a' else 'a'}@{domain}")
    assert got["token"] == "false" and "member" not in got
    got = bounce(site, sender.replace("staff-", "dev-"))
    assert got["token"] == "false" and got["list"] == "dev@lists.example.com" and "member" not in got
    got = bounce(site, "staff-bounces+bob=example.com@lists.example.com")
    assert got["token"] == "hint" and got["member"] == "bob@example.com" and "post" not in got
    for entry in (site.rollcall.dir / "state/spool/done").iterdir():
        for file in entry.iterdir():
            file.unlink()
        entry.rmdir()
    got = bounce(site, sender.upper())
    assert got["token"] == "true" and "member" not in got and len(got["post"]) == 8 and got["line"].isdigit()


def test_a_list_that_cannot_be_read(make_site):
    """Nothing is said of the member, but why; the bounce goes on."""
    site = make_site(mta="sink", destinations=ALWAYS)
    site.submit()
    site.wait_for(4)
    site.rollcall.wait_idle()
    (entry,) = (site.rollcall.dir / "state/spool/done").iterdir()
    (entry / "recipients").write_text("recipients 9\n")
    got = bounce(site, senders(site)["bob@example.com"])
    assert got["token"] == "true" and "member" not in got and "version" in got["reason"]


def test_keys_that_are_gone(make_site):
    site = make_site(mta="sink", destinations=ALWAYS)
    site.submit()
    site.wait_for(4)
    site.rollcall.wait_idle()
    time.sleep(1.1)                       # a key's name is its second
    site.rollcall.ctl("key", "new", "--in", "0s", check=0)
    (old,) = [k["id"] for k in site.rollcall.ctl_json("key")["keys"] if not k["seals"]]
    site.rollcall.ctl("key", "retire", old, "--now", check=0)
    site.rollcall.ctl("reload", check=0)
    assert bounce(site, senders(site)["bob@example.com"])["token"] == "false"


def test_not_every_post(make_site):
    """Never by default; and not what has no sender, or is for the owners."""
    site = make_site(mta="sink")
    site.submit()
    site.wait_for(4)
    site.rollcall.wait_idle()
    (t,) = site.sink.delivered()
    assert t.sender == "staff-bounces@lists.example.com"
    assert t.parameters.startswith("SIZE=") and "RET=HDRS ENVID=" in t.parameters
    assert t.of_recipients[0] == "NOTIFY=FAILURE ORCPT=rfc822;ann@example.com"
    site.sink.clear()
    site.rollcall.destinations = ALWAYS
    site.rollcall.reload()
    site.submit(to="staff-owner@lists.example.com")
    site.wait_for(1)
    assert site.sink.delivered()[0].sender == "staff-bounces@lists.example.com"


def test_in_the_directory(make_site, company_ldif):
    """The list says so itself; and what a member would get."""
    members = [directory.person_dn("ann"), directory.person_dn("bob")]
    site = make_site(company_ldif + directory.group("own", members, businessCategory="verp: always"), mta="sink",
                     source_more="attributes: { settings: businessCategory }")
    for name in ("own", "noowner"):
        site.submit(to=f"{name}@lists.example.com")
    site.wait_for(3)
    assert len(senders(site)) == 2 and len(site.sink.delivered()) == 3
    (site.path / "post").write_bytes(client.message())
    for name, own in (("own", True), ("noowner", False)):
        words = ["preview", f"{name}@lists.example.com", "ann@example.com", str(site.path / "post")]
        assert site.rollcall.ctl_json(*words)["verp"] is own
        assert ("reverse-path of the member's own" in site.rollcall.ctl(*words, check=0).stdout) is own


def test_a_long_name(make_site, company_ldif):
    """Too long for a token: the post goes as it would without."""
    name = "a" * 40
    site = make_site(company_ldif + directory.group(name, [directory.person_dn("ann"), directory.person_dn("bob")]),
                     mta="sink", destinations=ALWAYS)
    site.submit(to=f"{name}@lists.example.com")
    assert site.wait_for(2) == STAFF[:2]
    assert [t.sender for t in site.sink.delivered()] == [f"{name}-bounces@lists.example.com"]


def test_once_to_everybody_whatever_dies(make_site):
    """Killed within the fan-out: the batches of one are settled like others."""
    site = make_site(mta="sink", destinations=ALWAYS, outbound="lanes: 1\nsettle: 1s")
    site.sink.on_dot = lambda t: site.rollcall.kill_expander() if len(site.sink.delivered()) == 2 else None
    site.submit()
    wait_until(lambda: site.rollcall.expander is None, what="the end")
    site.sink.on_dot = None
    before = len(site.sink.recipients())
    site.rollcall.start_expander()
    for t in site.sink.delivered()[:before]:
        with site.lmtp() as c:
            c.mail(t.sender)
            assert c.rcpt(t.receipts[0]).code == 550
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF


def refuse_bob(address, count):
    return "550 5.1.1 no such user" if address == "bob@example.com" else None


def test_through_an_mta(make_site, mta):
    """The MTA's own report on a member comes to the member's address, through the milter."""
    site = make_site(mta=mta, destinations=ALWAYS, outbound="xverp: no")
    site.sink.on_rcpt = refuse_bob
    site.post()
    site.wait_for(3)
    wait_until(lambda: site.rollcall.log_lines("verp"), 60, "the report")
    (got,) = site.rollcall.log_lines("verp")
    assert (got["token"], got["member"]) == ("true", "bob@example.com")
    assert all(re.fullmatch(OWN, s) for s in senders(site).values())


SUSPECTS = ALWAYS.replace("verp: always", "verp: suspects")


def test_members_under_suspicion(make_site, mta):
    """All in one batch, until a report says of one that he was not reached; then his copy says for certain whose it is."""
    site = make_site(mta=mta, destinations=SUSPECTS, outbound="suspect: 1h")
    site.sink.on_rcpt = refuse_bob
    site.post()
    site.wait_for(3)
    assert {t.sender for t in site.sink.delivered()} == {"staff-bounces@lists.example.com"}
    wait_until(lambda: site.rollcall.log_lines("suspect"), 60, "the report")
    assert site.rollcall.log_lines("suspect")[0]["member"] == "bob@example.com"
    assert not site.rollcall.log_lines("verp")
    site.post(subject="the next")
    site.wait_for(6)
    wait_until(lambda: site.rollcall.log_lines("verp"), 60, "the second report")
    (got,) = site.rollcall.log_lines("verp")
    assert (got["token"], got["member"]) == ("true", "bob@example.com")
    assert len(site.rollcall.log_lines("suspect")) == 1           # he was one already
    assert [b["recipients"] for b in site.rollcall.log_lines("batch", list="staff@lists.example.com")].count("1") == 1
    # Of another list he is none; and not for ever.
    site.sink.on_rcpt = None
    site.sink.clear()
    site.post(to="dev@lists.example.com")
    site.wait_for(3)
    assert not any("+" in t.sender for t in site.sink.delivered())
    for file in (site.rollcall.dir / "state/suspects").iterdir():
        os.utime(file, (time.time() - 5, time.time() - 5))
    wait_until(lambda: site.rollcall.counts()["outbound"] == 0, what="the post")       # the report is kept
    site.sink.clear()
    site.post(subject="later")
    assert site.wait_for(4) == STAFF
    assert {t.sender for t in site.sink.delivered()} == {"staff-bounces@lists.example.com"}


def test_suspicion_costs_nobody_a_post(make_site):
    """Who is suspect has it once, whatever dies; whoever is named by a forged report has it as well."""
    site = make_site(mta="sink", destinations=SUSPECTS, outbound="lanes: 1")
    report = ("Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
              "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
              "Original-Recipient: rfc822;carl@example.com\r\nFinal-Recipient: rfc822;c@far.example\r\nAction: failed\r\n\r\n"
              "Final-Recipient: rfc822;Bob@Example.com\r\nAction: failed\r\n\r\n"
              "Final-Recipient: rfc822;nobody@far.example\r\nAction: failed\r\n\r\n--b--\r\n")
    site.submit(to="staff-bounces@lists.example.com", sender="", message=("From: <>\r\n" + report).encode())
    wait_until(lambda: len(site.rollcall.log_lines("suspect")) == 3, what="the suspicion")
    site.sink.on_dot = lambda t: site.rollcall.kill_expander() if len(site.sink.delivered()) == 1 else None
    site.submit()
    wait_until(lambda: site.rollcall.expander is None, what="the end")
    site.sink.on_dot = None
    before = site.sink.delivered()
    site.rollcall.start_expander()
    for t in before:
        with site.lmtp() as c:
            c.mail(t.sender)
            assert c.rcpt(t.receipts[0]).code == 550
    wait_until(lambda: site.rollcall.counts()["outbound"] == 0, what="the post")       # the report is kept
    assert sorted(site.sink.recipients()) == STAFF
    own = {r for t in site.sink.delivered() if "+" in t.sender for r in t.recipients}
    assert own == {"bob@example.com", "carl@example.com"} and len(site.sink.delivered()) == 3


def test_xverp(make_site):
    """Postfix makes the reverse-paths of one batch; receipts work beside it, and what comes back is a hint."""
    site = make_site(destinations=ALWAYS)
    site.post(to="noowner@lists.example.com")          # an MTA says what it has when it is met first
    site.wait_for(1)
    site.rollcall.wait_idle()
    site.sink.clear()
    site.sink.on_rcpt = refuse_bob
    site.post()
    assert site.wait_for(3) == [a for a in STAFF if a != "bob@example.com"]
    assert senders(site)["guest@partner.example.net"] == \
        "staff-bounces+guest=partner.example.net@lists.example.com"
    (batch,) = [b for b in site.rollcall.log_lines("batch") if b["list"] == "staff@lists.example.com"]
    assert batch["recipients"] == "4"
    wait_until(lambda: site.rollcall.log_lines("verp"), 60, "the report")
    (got,) = site.rollcall.log_lines("verp")
    assert (got["token"], got["member"]) == ("hint", "bob@example.com")
    wait_until(lambda: len(site.rollcall.log_lines("receipt")) == 2, what="the receipts")
    assert {r["state"] for r in site.rollcall.log_lines("receipt")} <= {"noted", "late"}


def test_addresses_that_want_quoting(make_site, mta, company_ldif):
    """ORCPT is well-formed whatever a member is called, and arrives."""
    odd = ["a+b=c@example.com", "o'x%y!z@example.com", "\"a b\"@example.com"]
    people = "".join(directory.person(f"odd{i}", a) for i, a in enumerate(odd))
    members = [directory.person_dn(f"odd{i}") for i in range(len(odd))]
    site = make_site(company_ldif + people + directory.group("odd", members), mta=mta)
    site.post(to="odd@lists.example.com")
    site.wait_for(3)
    got = {a: p for t in site.sink.delivered() for a, p in zip(t.recipients, t.of_recipients)}
    assert "ORCPT=rfc822;a+2Bb+3Dc@example.com" in got["a+b=c@example.com"]
    assert all("NOTIFY=FAILURE" in p and "ORCPT=rfc822;" in p for p in got.values())


def test_settings_that_make_no_sense(make_site):
    site = make_site(mta="sink", start=False, destinations=ALWAYS.replace("always }", "evry 10 }"))
    site.rollcall.configure()
    (site.rollcall.dir / "state").mkdir()
    got = site.rollcall.ctl("config", "--check")
    assert got.returncode != 0 and "verp" in got.stderr and "never, always" in got.stderr
