"""The stamp: what the milter tells the expander of a message, and what anybody else could make of that."""
import json
import re
import subprocess

import pytest

from testbed import client, milter
from testbed.base import free_port, server_path, wait_until
from testbed.client import Client
from testbed.faults import Faults
from testbed.sink import Sink

STAFF, DEV, EDGE, BOB = "staff@lists.example.com", "dev@lists.example.com", "edge@lists.example.com", "bob@example.com"
TEAM = "team@mail.example.com"               # an alias of the MTA that leads to staff
ALL_OF_STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


PROVEN_ONLY = "posters: { allow: [ authenticated, networks ] }"    # also who is in no directory


def lists(*checks):
    return f"lists.example.com: {{ sources: [ corp ], check: [ {', '.join((PROVEN_ONLY, *checks))} ] }}"


def heard(site, **fields):
    """What the expander wrote about a message, once it has."""
    return wait_until(lambda: site.rollcall.log_lines("lmtp", **fields), what=f"LMTP {fields}")


def stamps(data):
    """The stamps of a message, as they stand there."""
    return re.findall(rb"(?mi)^(Rollcall-Stamp[ \t]*:(?:.*\r\n)(?:[ \t].*\r\n)*)", data.split(b"\r\n\r\n")[0] + b"\r\n")


# ---- through the MTA ----

@pytest.fixture
def make(make_site, mta, place):
    """A site whose MTA knows an alias, which the milter takes for somebody's address."""
    def make(**options):
        (place / "aliases").write_text(f"team: {STAFF}\n")
        main = f"virtual_alias_domains = mail.example.com\nvirtual_alias_maps = inline:{{ {TEAM}={STAFF} }}\n"
        site = make_site(mta=mta, postfix={"main": main + options.pop("main", "")},
                         sendmail={"mc": f"define(`ALIAS_FILE', `{place}/aliases')dnl\n"}, **options)
        if mta == "sendmail":
            got = site.mta.run("-bi")
            assert got.returncode == 0, got.stderr
        return site
    return make


def send(site, *to, message=None, sender="ann@example.com", connect=None):
    with (connect or site.smtp)() as c:
        assert c.mail(sender).code == 250
        assert [c.rcpt(r).code for r in to] == [250] * len(to)
        assert c.data(message or client.message()).code == 250


def captured(site, message=None):
    """The copy that somebody beside the list gets, which has the stamp."""
    send(site, STAFF, BOB, message=message)
    (copy,) = wait_until(lambda: [t for t in site.sink.delivered(BOB) if b"\r\nRollcall-Stamp:" in b"\r\n" + t.data],
                         what="the copy")
    wait_until(lambda: len(site.sink.recipients()) == 5, what="the post")
    site.rollcall.wait_idle()
    site.sink.clear()
    (stamp,) = stamps(copy.data)
    return stamp, copy.data


def test_a_post_is_judged_once(make):
    site = make(destinations=lists("fail: { at: rcpt, answer: pass }"))
    site.post()
    assert site.wait_for(4) == ALL_OF_STAFF
    (line,) = heard(site)
    assert (line["stamp"], line["judged"], line["client"]) == ("valid", "before", "127.0.0.1")
    assert all(stamps(t.data) == [] for t in site.sink.delivered())
    envelope = json.loads(next((site.rollcall.dir / "state/spool/done").glob("*/envelope.json")).read_text())
    assert {k: envelope.get(k) for k in ("stamp", "client", "identity", "proof", "verdict")} == {
        "stamp": "valid", "client": "127.0.0.1", "identity": None, "proof": "networks", "verdict": "pass"}
    assert 'rollcall_stamps_total{result="valid"} 1' in site.rollcall.ctl("metrics", check=0).stdout


def test_stamps_from_outside_are_taken_off(make):
    """All of them, however they are written, and ours comes in their place, before anything else."""
    site = make()
    stamp, _ = captured(site)
    forged = ["Rollcall-Stamp: forged", "rollcall-stamp:", " a second line", "ROLLCALL-STAMP: x",
              *(build(stamp).decode().rstrip("\r\n") for build in CASES.values() if build(stamp))]
    send(site, STAFF, BOB, message=client.message(fields=forged))
    assert site.wait_for(5) == sorted(ALL_OF_STAFF + [BOB])
    copies = {t.recipients[0]: t.data for t in site.sink.delivered() if t.recipients == [BOB]}
    (ours,) = stamps(copies[BOB])
    assert ours != stamp and ours.startswith(b"Rollcall-Stamp: ") and copies[BOB].startswith((b"Rollcall", b"Received"))
    assert copies[BOB].index(b"Rollcall-Stamp") < copies[BOB].index(b"\nFrom:")
    assert heard(site, list=STAFF)[-1]["stamp"] == "valid"
    assert [stamps(t.data) for t in site.sink.delivered() if t.recipients != [BOB]] == [[]]


def changed(stamp, at):
    """With another character so far behind the name."""
    at += stamp.index(b":") + 2
    return stamp[:at] + (b"a" if stamp[at:at + 1] != b"a" else b"b") + stamp[at + 1:]


CASES = {
    "none": lambda stamp: b"",
    "damaged": lambda stamp: b"Rollcall-Stamp: 0123456789\r\n",
    "damaged2": lambda stamp: stamp[:60] + b"\r\n",
    "foreign": lambda stamp: changed(stamp, 10),
    "forged": lambda stamp: changed(stamp, 60),
    "other": lambda stamp: stamp,
    "other2": lambda stamp: stamp + stamp,
    "damaged3": lambda stamp: b"rollcall-stamp : forged\r\n" + stamp,
}


def test_by_an_alias_no_stamp_of_others_counts(make):
    """The milter does not see that it is mail to a list, and takes nothing off: the expander does."""
    site = make(destinations=lists("authenticated"))
    stamp, whole = captured(site)
    for name, build in CASES.items():
        message = client.message(subject=name)
        send(site, TEAM, message=build(stamp) + message)
        got = site.wait_for(4)
        assert got == ALL_OF_STAFF, name
        want = name.rstrip("23")
        line = heard(site, list=STAFF)[-1]
        assert (line["stamp"], line["judged"], line.get("client")) == (want, "now", None), name
        assert all(stamps(t.data) == [] for t in site.sink.delivered()), name
        site.rollcall.wait_idle()
        site.sink.clear()
    # The very message again, by whoever got a copy of it.
    send(site, TEAM, message=whole, sender="ann@example.com", connect=site.smtp_from_abroad)
    assert site.wait_for(4) == ALL_OF_STAFF
    assert heard(site, list=STAFF)[-1]["stamp"] == "other"


def test_one_that_has_waited_for_too_long(make, place):
    """The MTA had to keep the message for longer than a stamp counts; and one like it by an alias."""
    site = make(destinations=lists("authenticated"), more="stamp: { lifetime: 2h }")
    stamp, _ = captured(site)
    faults = Faults(place / "faults")
    site.rollcall.kill_expander()
    send(site, STAFF)
    send(site, TEAM, message=stamp + client.message())
    wait_until(lambda: site.mta.queued() == 2, what="two messages that wait")
    faults.clock(2.1)
    site.rollcall.environment.update(faults.environment)
    site.rollcall.start_expander()
    site.mta.flush()
    assert site.wait_for(8) == sorted(2 * ALL_OF_STAFF)
    lines = heard(site, list=STAFF, judged="now")
    assert len(lines) == 2 and {line["stamp"] for line in lines} == {"old"} and not any("client" in line for line in lines)
    assert [stamps(t.data) for t in site.sink.delivered()] == [[]] * len(site.sink.delivered())


@pytest.mark.parametrize("word, reply", [("reject", "550 5.7.1"), ("defer", "451 4.7.1")])
def test_what_becomes_of_mail_without_one(make, word, reply):
    """By an alias: what may be asked of everything is asked of it, and `without_session` says the rest."""
    site = make(destinations=lists(f"authenticated: {{ without_session: {word} }}"))
    send(site, TEAM)
    (line,) = heard(site, list=STAFF, reply=reply)[:1]
    assert (line["stamp"], line["by"]) == ("none", "authenticated")
    if word == "reject":
        # The MTA has it already, and tells the sender: who may not be the one that it says.
        wait_until(lambda: site.sink.delivered("ann@example.com"), what="the report")
        wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
        assert site.sink.recipients() == ["ann@example.com"]
    else:
        assert site.mta.queued() == 1 and site.sink.recipients() == []
    # What came by the milter is not asked that.
    site.sink.clear()
    site.post()
    assert len(site.wait_for(4)) == 4


def test_several_lists_in_any_order(make):
    """Whoever is on several gets it by the one that was named first, though LMTP has them otherwise or one by one."""
    site = make(main="rollcall_destination_recipient_limit = 1\n")
    send(site, DEV, EDGE, STAFF, message=client.message(to=STAFF))
    site.wait_for(6)
    site.rollcall.wait_idle()
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    by = {t.sender.split("-")[0]: sorted(r.lower() for r in t.recipients) for t in site.sink.delivered()}
    assert by == {"dev": ALL_OF_STAFF, "edge": ["shared@example.com", "two.a@example.com"]}
    before = {line["list"]: line["stamp"] for line in heard(site)}
    assert before == {DEV: "valid", EDGE: "valid", STAFF: "valid"}


def test_an_alias_beside_the_list(make):
    """It is one post to one list, and judged."""
    site = make()
    send(site, TEAM, STAFF)
    assert site.wait_for(4) == ALL_OF_STAFF
    (line,) = heard(site, list=STAFF)
    assert (line["stamp"], line["judged"]) == ("valid", "before")


# ---- sendmail(1) ----

@pytest.mark.parametrize("judged", [True, False])
def test_mail_of_the_host(make_site, mta, judged):
    """Postfix asks the milter if it is told to; sendmail never does for a message that is handed to itself."""
    main = "non_smtpd_milters = { unix:rollcall/milter.sock, default_action=tempfail }\n" if judged else ""
    site = make_site(mta=mta, postfix={"main": main}, destinations=lists("authenticated: { without_session: reject }"))
    message = client.message()
    if mta == "postfix":
        env = dict(site.mta.environment(), MAIL_CONFIG=str(site.mta.dir / "etc"))
        subprocess.run([server_path("/usr/sbin/sendmail"), "-oi", "-f", "ann@example.com", STAFF], env=env, check=True,
                       input=message, timeout=60)
    else:
        got = subprocess.run(site.mta.command("-oi", "-f", "ann@example.com", STAFF), env=site.mta.environment(),
                             input=message.replace(b"\r\n", b"\n"), timeout=60)
        assert got.returncode == 0
    (line,) = heard(site, list=STAFF)
    if judged and mta == "postfix":
        assert (line["stamp"], line["reply"]) == ("valid", "250 2.0.0") and site.wait_for(4) == ALL_OF_STAFF
    else:
        assert (line["stamp"], line["reply"]) == ("none", "550 5.7.1")


# ---- a content filter behind the queue ----

class Filter(Sink):
    """What stands behind content_filter: it takes a message and gives it back to another port of the MTA."""

    def __init__(self, back, change=None, xforward=False):
        self.back, self.change = back, change
        super().__init__()
        if xforward:
            self.extensions.append("XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE")
        self.on_dot = self.give_back

    def give_back(self, t):
        with Client(("127.0.0.1", self.back)) as c:
            for line in self.forwarded:
                assert c.command(line).code == 250
            c.mail(t.sender)
            for r in t.recipients + t.receipts:
                c.rcpt(r)
            assert c.data(self.change(t.data) if self.change else t.data).code == 250


@pytest.fixture
def filtered(make_site):
    filters = []

    def make(change=None, xforward=False, more=""):
        back = free_port()
        f = Filter(back, change, xforward)
        filters.append(f)
        master = f"""
scan unix - - n - - smtp -o smtp_send_xforward_command=yes
127.0.0.1:{back} inet n - n - - smtpd -o content_filter= -o smtpd_milters= -o smtpd_authorized_xforward_hosts=127.0.0.0/8
"""
        main = f"content_filter = scan:[127.0.0.1]:{f.port}\nlmtp_send_xforward_command = yes\n"
        return make_site(postfix={"main": main, "master": master}, more=more,
                         destinations=lists("authenticated: { without_session: defer }"))
    yield make
    for f in filters:
        f.stop()


def test_a_content_filter_that_passes_the_name_on(filtered):
    """XFORWARD: the message has another name in the queue now, and the one that it came with."""
    site = filtered(xforward=True)
    site.post()
    assert site.wait_for(4) == ALL_OF_STAFF
    assert heard(site, list=STAFF)[0]["stamp"] == "valid"


def test_a_content_filter_that_does_not(filtered):
    site = filtered()
    site.post()
    line = heard(site, list=STAFF)[0]
    assert (line["stamp"], line["reply"]) == ("other", "451 4.7.1")
    # The site says so: the digest counts, whatever the filter has added.
    site.rollcall.more = "stamp: { match: digest }"
    site.rollcall.reload()
    site.mta.flush()
    assert site.wait_for(4) == ALL_OF_STAFF
    assert heard(site, list=STAFF)[-1]["stamp"] == "valid"


def test_a_content_filter_that_changes_the_message(filtered):
    def mark(data):
        return b"X-Scanned: yes\r\n" + data.replace(b"Subject: test\r\n", b"Subject: \r\n\ttest\r\n") + b"scanned\r\n"
    site = filtered(change=mark, more="stamp: { match: digest }")
    site.post(subject="test")
    assert site.wait_for(4) == ALL_OF_STAFF
    assert heard(site, list=STAFF)[0]["stamp"] == "valid"
    # Who got a copy cannot use the stamp again, not by an alias either: the milter takes it off all mail.
    send(site, BOB, message=client.message(fields=["Rollcall-Stamp: aaaa"]))
    (t,) = wait_until(lambda: site.sink.delivered(BOB)[-1:] if len(site.sink.recipients()) == 5 else [], what="the mail")
    assert stamps(t.data) == []


def test_an_mta_that_writes_the_sender_anew(make_site):
    """C284: the reverse-path is another one then, and the queue id and the header say that it is the message."""
    site = make_site(postfix={"main": "sender_canonical_maps = inline:{ ann@example.com=ann.smith@example.com }\n"},
                     destinations=lists("authenticated: { without_session: defer }"))
    site.post()
    assert site.wait_for(4) == ALL_OF_STAFF
    (line,) = heard(site, list=STAFF)
    assert (line["stamp"], line["from"]) == ("valid", "ann.smith@example.com")


# ---- straight to LMTP, with stamps that the milter has really made ----

class Stamps:
    """Plays the MTA for the milter."""

    def __init__(self, site):
        self.site = site

    def make(self, *to, queue_id="4ABC", sender="ann@example.com", address="127.0.0.1", login=None, fields=()):
        m = milter.Milter(self.site.rollcall.milter_socket)
        m.connect(address)
        m.mail(sender, login=login)
        for r in to:
            assert m.rcpt(r, queue_id=queue_id)[0] == b"c"
        assert m.message([*fields, (b"From", b" ann@example.com"), (b"Subject", b" x")], queue_id=queue_id)[0] == b"c"
        m.close()
        (value,) = [c[3] for c in m.changes if c[:3] == ("i", 0, "Rollcall-Stamp")]
        return "Rollcall-Stamp: " + value.replace("\n", "\r\n") + "\r\n"


def deliver(site, stamp, *to, queue_id="4ABC", sender="ann@example.com", subject="x", xforward=None):
    text = f"{stamp}Received: from a by b with SMTP id {queue_id}; now\r\nFrom: ann@example.com\r\nSubject: {subject}\r\n\r\nx\r\n"
    with site.lmtp() as c:
        if xforward is not None:
            assert c.command(f"XFORWARD {xforward}").code == 250
        assert c.mail(sender).code == 250
        assert [c.rcpt(r).code for r in to] == [250] * len(to)
        replies = c.data(text.encode(), recipients=len(to))
    return [f"{r.code} {r.enhanced}" for r in replies]


@pytest.fixture
def straight(make_site):
    def make(*checks, **options):
        site = make_site(mta="sink", destinations=lists(*(checks or ("authenticated: { without_session: reject }",))),
                         **options)
        return site, Stamps(site)
    return make


YES, NO = ["250 2.0.0"], ["550 5.7.1"]


def test_whose_stamp_it_is(straight):
    site, s = straight()
    stamp = s.make(STAFF)
    assert deliver(site, stamp, STAFF) == YES
    for how in ({"queue_id": "4ABD"}, {"queue_id": "4abc"}, {"sender": "bob@example.com", "subject": "y"},
                {"queue_id": "4ABD", "xforward": "IDENT=4ABD"}, {"queue_id": "4ABD", "xforward": "NAME=4ABC"}):
        assert deliver(site, stamp, STAFF, **how) == NO, how
        assert site.rollcall.log_lines("lmtp")[-1]["stamp"] == "other"
    for how in ({"queue_id": "4ABD", "xforward": "NAME=x.example.org IDENT=4ABC"}, {"sender": "bob@example.com"},
                {"subject": "z", "xforward": "IDENT=[UNAVAILABLE]"}):
        assert deliver(site, stamp, STAFF, **how) == YES, how
    # The name is that of one message.
    with site.lmtp() as c:
        assert c.command("XFORWARD IDENT=4ABC").code == 250
        c.mail("ann@example.com")
        c.command("RSET")
        assert c.command("XFORWARD ?=x").code == 501
    owner = "staff-owner@lists.example.com"
    assert deliver(site, s.make(owner, sender=""), owner, sender="") == YES


def test_the_list_that_is_named(straight):
    """Another one of the same message, by an alias, is asked with what the milter saw of the client."""
    site, s = straight("authenticated: { by: login, without_session: reject }")
    stamp = s.make(STAFF, login="jane")
    assert deliver(site, stamp, DEV, STAFF) == YES * 2
    lines = {line["list"]: line for line in site.rollcall.log_lines("lmtp")}
    assert (lines[STAFF]["judged"], lines[DEV]["judged"], lines[DEV]["login"]) == ("before", "now", "jane")
    owner = s.make("staff-owner@lists.example.com")
    assert deliver(site, owner, STAFF, subject="y") == NO
    assert deliver(site, owner, "staff-owner@lists.example.com", subject="z") == YES


def test_what_an_alias_leads_to_is_counted(straight):
    site, s = straight("rate: { posts: 1, in: 1h, of: list }")
    stamp = s.make(STAFF)
    assert deliver(site, stamp, DEV) == YES
    assert deliver(site, stamp, DEV, subject="y") == NO
    assert deliver(site, stamp, STAFF, subject="y") == YES


def test_before_is_what_the_stamp_says(straight):
    """Whatever comes with it in one transaction, and whatever comes first."""
    site, s = straight()
    stamp = s.make(DEV, STAFF, EDGE)
    before = {}
    for to in ((EDGE,), (STAFF,), (DEV,)):
        deliver(site, stamp, *to, queue_id="4ABC")
    site.rollcall.wait_idle()
    for path in (site.rollcall.dir / "state/spool/done").glob("*/envelope.json"):
        e = json.loads(path.read_text())
        before[e["list"]] = e.get("before", [])
    assert before == {DEV: [], STAFF: [DEV], EDGE: [DEV, STAFF]}
    got = site.sink.recipients()
    assert len(got) == len(set(got))


def test_a_list_that_refused_it_has_no_part_in_that(straight):
    """Each is told what the milter said, and the others do not wait for it."""
    site, s = straight("implicit-dest: { also: nobody@example.com }", milter="mixed: bounce")
    stamp = s.make(DEV, STAFF, fields=[(b"To", STAFF.encode())])
    replies = deliver(site, stamp, STAFF, DEV)
    assert replies == ["250 2.0.0", "550 5.7.1"]
    site.wait_for(4)
    line = site.rollcall.log_lines("lmtp", list=DEV)[0]
    assert (line["judged"], line["by"]) == ("before", "implicit-dest")


def test_who_was_unsure_is_asked_again(straight):
    site, s = straight("fail: { at: end, answer: unsure }", milter="mixed: bounce")
    stamp = s.make(STAFF, BOB)
    assert deliver(site, stamp, STAFF) == ["451 4.7.1"]
    assert site.rollcall.log_lines("lmtp", list=STAFF)[0]["judged"] == "now"
    site.rollcall.destinations = lists("fail: { at: end, answer: pass }")
    site.rollcall.reload()
    assert deliver(site, stamp, STAFF) == YES


def test_a_program_that_was_unsure_cannot_be_asked_again(straight, place):
    """It would need the message in a file: what it did not say is not taken for a yes."""
    (place / "checks.d").mkdir(mode=0o755)
    (place / "checks.d/a").write_text("#!/bin/sh\nexit 9\n")
    (place / "checks.d/a").chmod(0o755)
    site, s = straight(f"program: {{ path: {place}/checks.d }}", milter="mixed: bounce")
    assert deliver(site, s.make(STAFF, BOB), STAFF) == ["451 4.7.1"]
    assert site.rollcall.log_lines("lmtp", list=STAFF)[0]["by"] == "program"


def test_quiet_refusals_stay_quiet(straight):
    site, s = straight("loop")
    stamp = s.make(STAFF, BOB, fields=[(b"List-Post", b" <mailto:staff@lists.example.com>")])
    assert deliver(site, stamp, STAFF) == ["250 2.0.0"]
    (line,) = site.rollcall.log_lines("lmtp", list=STAFF)
    assert (line["judged"], line["by"]) == ("before", "loop") and site.rollcall.counts()["done"] == 0


def test_by_digest(straight):
    site, s = straight(more="stamp: { match: digest }")
    stamp = s.make(STAFF)
    assert deliver(site, stamp, STAFF, queue_id="4ABD", sender="bob@example.com") == YES
    assert deliver(site, stamp, STAFF, subject="y") == NO
    # Whoever has a copy could send it by an alias: the list must be named.
    assert deliver(site, stamp, DEV) == NO


def test_an_old_one(straight, place):
    faults = Faults(place / "faults")
    site = None

    def start(site):
        site.rollcall.configure()
        (site.rollcall.dir / "state").mkdir(exist_ok=True)
        site.rollcall.start_milter()
        site.rollcall.environment.update(faults.environment)
        site.rollcall.start_expander()
    site, s = straight(start=False, more="stamp: { lifetime: 2h }")
    start(site)
    stamp = s.make(STAFF)
    faults.clock(1.9)
    assert deliver(site, stamp, STAFF) == YES
    faults.clock(2.1)
    assert deliver(site, stamp, STAFF, subject="y") == NO
    assert site.rollcall.log_lines("lmtp")[-1]["stamp"] == "old"


def test_a_key_that_is_changed(straight):
    """Stamps of the old key count while it is there; those of a new one at once, without a reload."""
    site, s = straight()
    old = s.make(STAFF)
    (first,) = site.rollcall.ctl_json("key")["keys"]
    wait_until(lambda: site.rollcall.ctl("key", "new", "--in", "0s").returncode == 0, what="another second")
    site.rollcall.ctl("reload", check=0)
    new = s.make(STAFF)
    assert new[:33] != old[:33]           # the version and the key's time
    assert deliver(site, new, STAFF, subject="1") == deliver(site, old, STAFF, subject="2") == YES
    got = site.rollcall.ctl("key", "retire", first["id"], check=1)
    assert "was the key that sealed until" in got.stderr
    site.rollcall.ctl("key", "retire", first["id"], "--now", check=0)
    site.rollcall.ctl("reload", check=0)
    assert deliver(site, old, STAFF, subject="3") == NO
    assert site.rollcall.log_lines("lmtp")[-1]["stamp"] == "foreign"
    assert deliver(site, new, STAFF, subject="4") == YES


def test_doubled_and_many(straight):
    """The first that counts does; but nobody makes us look at any number of them."""
    site, s = straight()
    ours, other = s.make(STAFF), s.make(STAFF, queue_id="4ABD")
    assert deliver(site, ours * 2, STAFF, subject="1") == YES
    assert deliver(site, other + ours, STAFF, subject="2") == YES
    assert deliver(site, other * 8 + ours, STAFF, subject="3") == NO


def test_an_mta_that_takes_no_fields(lmtp_site):
    m = milter.Milter(lmtp_site.rollcall.milter_socket, actions=8)
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt(STAFF)[0] == b"c"
    assert m.message([(b"Subject", b" x")])[1].startswith(b"451 4.3.0 ")
    m.close()
    assert "the MTA takes no header fields from us" in lmtp_site.rollcall.log


def test_a_place_for_keys_that_cannot_be_used(make_site):
    site = make_site(mta="sink", start=False, more="keys: /nonexistent/keys")
    site.rollcall.configure()
    (site.rollcall.dir / "state").mkdir()
    for program in ("rollcall-milter", "rollcall-expander"):
        assert site.rollcall.spawn(program).wait(20) != 0
        errors = site.rollcall.dir / "errors"
        assert "cannot make the directory /nonexistent/keys: No such file" in errors.read_text()
        errors.unlink()


def test_reload_with_a_key_that_is_none(lmtp_site):
    key = next((lmtp_site.rollcall.dir / "state/keys").iterdir())
    key.chmod(0o644)
    assert "mode 0600" in lmtp_site.rollcall.ctl("reload", check=70).stderr
    assert lmtp_site.submit().code == 250
    key.chmod(0o600)
    lmtp_site.rollcall.ctl("reload", check=0)


def test_explained(straight, place):
    """What a stamp says, and what becomes of a message that came past the milter."""
    site, s = straight("authenticated: { without_session: reject }", "max-size: { limit: 5k }")
    for name, text in {"ours": s.make(STAFF, login="jane"), "none": "Rollcall-Stamp: x1\r\n", "plain": ""}.items():
        (place / name).write_bytes(text.encode() + client.message())
    got = site.rollcall.ctl("--json", "explain", "ann@example.com", STAFF, str(place / "ours"), check=1)
    stamp = json.loads(got.stdout)["stamp"]
    assert (stamp["queue_id"], stamp["login"], stamp["lists"]) == ("4ABC", "jane", [{"list": STAFF}])
    words = ("explain", "--past-milter", "ann@example.com", STAFF)
    got = site.rollcall.ctl(*words, str(place / "none"), check=1)
    assert "  stamp damaged\n" in got.stdout and "authenticated" in got.stdout
    assert "verdict: reject, by authenticated: it came past the milter, and authenticated cannot be asked" in got.stdout
    assert re.search(r"end +max-size +pass", got.stdout) and "rcpt  authenticated" not in got.stdout
    assert "stamp" not in site.rollcall.ctl(*words, str(place / "plain"), check=1).stdout
    site.rollcall.ctl(*words, check=1)
    assert "lmtp" in json.dumps(site.rollcall.ctl_json("lists", "--exposed"))
