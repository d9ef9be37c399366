"""The checks that ask who a message is really from: dkim, dmarc, rdns, and authenticated by a trusted server's word."""
import json
import threading
import time

import pytest

from testbed import client, dkim
from testbed.base import wait_until
from testbed.dns import Dns
from testbed.milter import Milter

STAFF = "staff@lists.example.com"
DMARC = {"_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]}, "_dmarc.lax.example": {"TXT": ["v=DMARC1; p=none"]},
         "_dmarc.soft.example": {"TXT": ["v=DMARC1; p=quarantine; sp=none"]},
         "_dmarc.strict.example": {"TXT": ["v=DMARC1; p=reject; adkim=s"]},
         "_dmarc.twice.example": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]},
         "_dmarc.failing.example": {"how": "servfail"}, "_dmarc.silent.example": {"how": "silent"}}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    place = tmp_path_factory.mktemp("keys")
    return {domain: dkim.Key(place / "key.pem", domain)
            for domain in ("example.org", "mail.example.org", "other.example", "failing.example", "silent.example", "gone.example",
                           "mail.strict.example")}


@pytest.fixture
def dns(keys):
    zone = dict(DMARC)
    zone.update({key.name: {"TXT": [key.record]} for key in keys.values()})
    zone[keys["failing.example"].name] = {"how": "servfail"}
    zone[keys["silent.example"].name] = {"how": "silent"}
    del zone[keys["gone.example"].name]
    zone.update({"7.113.0.203.in-addr.arpa": {"PTR": ["mail.example.org"]}, "mail.example.org": {"A": ["203.0.113.7"]},
                 "8.113.0.203.in-addr.arpa": {"PTR": ["liar.example"]}, "liar.example": {"A": ["192.0.2.1"]},
                 "9.113.0.203.in-addr.arpa": {"how": "servfail"},
                 "10.113.0.203.in-addr.arpa": {"PTR": ["failing.example"]}, "failing.example": {"how": "servfail"},
                 "11.113.0.203.in-addr.arpa": {"how": "silent"}})
    server = Dns(zone)
    yield server
    server.stop()


def settings(dns, *checks, timeout="20s", milter=""):
    asked = ", ".join(("posters: { allow: anyone }", *checks))
    return {"destinations": f"lists.example.com: {{ sources: [ corp ], check: [ {asked} ] }}", "milter": milter,
            "more": f"dns: {{ servers: [ '{dns.server}' ], timeout: {timeout} }}"}


def message(author, body="Hello.\r\n", more=()):
    return client.message(sender=f"Ann <ann@{author}>", body=body, fields=list(more))


def explain(site, place, text, *words):
    file = place / "post.eml"
    file.write_bytes(text)
    got = site.rollcall.ctl("--json", "explain", "ann@example.org", STAFF, *words, str(file))
    return json.loads(got.stdout)


def answer(got, check):
    """What a check said, and why."""
    (a,) = [a for a in got["answers"] if a["check"] == check]
    return a["answer"], a.get("reason", "")


# ---- signatures ----

MESSAGES = [
    ("dkim", "example.org", "example.org", "pass", ""),
    ("dkim", "a.example.org", "mail.example.org", "pass", ""),
    ("dkim: { alignment: strict }", "example.org", "mail.example.org", "fail", "the signature is of mail.example.org"),
    ("dkim", "example.org", "other.example", "fail", "the signature is of other.example"),
    ("dkim: { aligned: no }", "example.org", "other.example", "pass", ""),
    ("dkim", "example.org", None, "fail", "it has no signature"),
    ("dkim: { aligned: no }", "example.org", None, "fail", "it has no signature"),
    ("dkim", "gone.example", "gone.example", "fail", "no signature holds"),
    ("dkim", "failing.example", "failing.example", "unsure", "s1._domainkey.failing.example: the name server does not know"),
    ("dkim", "silent.example", "silent.example", "unsure", "s1._domainkey.silent.example: "),
    ("dkim", "example.org, eve@example.net", "example.org", "fail", "From is not one mailbox"),
    ("dmarc", "example.org", "example.org", "pass", ""),
    ("dmarc", "deep.below.example.org", None, "fail", "deep.below.example.org wishes reject, and it has no signature"),
    ("dmarc", "example.org", "other.example", "fail", "example.org wishes reject, and the signature is of another domain"),
    ("dmarc", "lax.example", None, "pass", ""),
    ("dmarc", "soft.example", None, "fail", "soft.example wishes quarantine, and it has no signature"),
    ("dmarc: { deny: reject }", "soft.example", None, "pass", ""),
    ("dmarc", "sub.soft.example", None, "pass", ""),
    ("dmarc: { forwards: no }", "example.org", "example.org", "fail", "example.org wishes reject, and the list changes what it sends on"),
    ("dmarc: { forwards: no }", "lax.example", None, "pass", ""),
    ("dmarc: { forwards: no, authors: [ Example.org ] }", "example.org", "example.org", "fail", "example.org wishes reject, and the list"),
    ("dmarc: { forwards: no, authors: [ Example.org ] }", "a.example.org", "mail.example.org", "fail", "a.example.org wishes reject, and the list"),
    ("dmarc: { forwards: no, authors: le.org }", "example.org", "example.org", "pass", ""),
    ("dmarc: { forwards: no, lists: [ Staff@lists.example.com, dev@lists.example.com ] }", "example.org", "example.org", "fail", "example.org wishes reject, and the list"),
    ("dmarc: { forwards: no, lists: dev@lists.example.com }", "example.org", "example.org", "pass", ""),
    ("dmarc: { forwards: no, lists: dev@lists.example.com }", "example.org", None, "fail", "example.org wishes reject, and it has no signature"),
    ("dmarc", "strict.example", "mail.strict.example", "fail", "strict.example wishes reject, and the signature is of another domain"),
    ("dmarc", "twice.example", None, "pass", ""),
    ("dmarc", "nothing.example", None, "pass", ""),
    ("dmarc", "failing.example", None, "unsure", "_dmarc.failing.example: the name server does not know"),
    ("dmarc", "silent.example", None, "unsure", "_dmarc.silent.example: "),
    ("dmarc", "example.org, eve@example.net", "example.org", "fail", "From is not one mailbox"),
]


def test_what_a_message_shows(make_site, place, dns, keys):
    """Each check about each message; all of them would be too many sites."""
    checks = sorted({check for check, *_ in MESSAGES})
    site = make_site(start=False, mta="sink", **settings(dns, timeout="500ms"))
    for check in checks:
        site.rollcall.destinations = settings(dns, check)["destinations"]
        site.rollcall.configure()
        for asked, author, signed_by, want, why in MESSAGES:
            text = message(author)
            if asked != check:
                continue
            if signed_by:
                text = dkim.sign(text, keys[signed_by])
            said, reason = answer(explain(site, place, text), check.split(":")[0])
            assert (said, reason[:len(why)] if why else reason) == (want, why), (check, author, signed_by)


def test_signatures_that_do_not_hold(make_site, place, dns, keys):
    """C246: another body, another signed field, a part of the body only; of several signatures one good one is enough."""
    site = make_site(start=False, mta="sink", **settings(dns, "dkim", timeout="500ms"))
    site.rollcall.configure()
    key, ask = keys["example.org"], lambda text: answer(explain(site, place, text), "dkim")[0]
    good = dkim.sign(message("example.org"), key)
    assert dkim.verify(good, key) == [True] and ask(good) == "pass"
    assert ask(good + b"More.\r\n") == "fail"
    assert ask(good.replace(b"Subject: ", b"Subject: not ")) == "fail"
    assert ask(dkim.sign(message("example.org"), key, more=" l=8;")) == "fail"
    assert ask(dkim.sign(good, keys["gone.example"])) == "pass"
    assert ask(dkim.sign(good, keys["failing.example"])) == "pass"
    # What nobody knows is no fail, where it could have been a pass.
    bad = good.replace(b"d=example.org", b"d=mail.example.org")
    assert ask(bad) == "fail"
    dns.zone[keys["mail.example.org"].name] = {"how": "servfail"}
    assert ask(bad) == "unsure"


def through(site, text):
    with site.smtp_from_abroad() as c:
        assert c.mail("ann@example.org").code == 250
        assert c.rcpt(STAFF).code == 250
        return c.data(text)


def test_through_an_mta(make_site, mta, dns, keys):
    """The signature of what the MTA shows to the milter."""
    site = make_site(mta=mta, **settings(dns, "dkim", "dmarc"))
    good = dkim.sign(message("example.org", body="Hello.\r\n\r\n..\r\n" + "x" * 70000 + "\r\n\r\n\r\n", more=["X-Folded: a\r\n\t b"]),
                     keys["example.org"], names=("From", "Subject", "X-Folded", "Cc"))
    assert through(site, good).code == 250
    assert through(site, message("example.org")) == "550 5.7.22"
    assert through(site, dkim.sign(message("example.org"), keys["other.example"])) == "550 5.7.22"
    site.wait_for(4)


def test_the_word_of_a_trusted_server(make_site, mta, dns):
    """A filter before us puts its field on top; what a milter is shown has no Received field of this MTA's above it."""
    site = make_site(mta=mta, **settings(dns, "authenticated: { by: results, trust: mx.example.com }"))
    field = b"Authentication-Results: mx.example.com;\r\n\tdkim=pass (good) header.d=example.org\r\n"
    received = b"Received: from a by b; Sat, 21 Nov 2026 12:00:00 +0000\r\n"
    assert through(site, field + received + message("example.org")).code == 250
    assert through(site, received + field + message("example.org")) == "550 5.7.1"
    assert through(site, field.replace(b"pass", b"none") + field + message("example.org")) == "550 5.7.1"
    assert through(site, field + message("example.net")) == "550 5.7.1"
    (line, *_) = site.rollcall.log_lines("end", verdict="reject")
    assert (line["by"], line["reason"]) == ("authenticated", "no field of a trusted server is about mail of example.org")


def test_replies(make_site, dns):
    site = make_site(**settings(dns, "dmarc"))
    assert through(site, message("example.org")) == "550 5.7.26"
    assert through(site, message("failing.example")) == "451 4.7.1"
    other = make_site(**settings(dns, "dkim: { aligned: no }", "rdns"))
    with other.smtp() as c:
        c.xclient(ADDR="203.0.113.12", NAME="[UNAVAILABLE]")
        assert c.mail("ann@example.org").code == 250
        assert c.rcpt(STAFF) == "550 5.7.25"
    assert through(other, message("example.org")) == "550 5.7.20"


# ---- names ----

NAMES = [
    ("rdns", "203.0.113.7", [], "pass", ""),
    ("rdns", "203.0.113.8", [], "fail", "liar.example has not the address 203.0.113.8"),
    ("rdns: { confirmed: no }", "203.0.113.8", [], "pass", ""),
    ("rdns", "203.0.113.9", [], "unsure", "9.113.0.203.in-addr.arpa: the name server does not know"),
    ("rdns", "203.0.113.10", [], "unsure", "failing.example: the name server does not know"),
    ("rdns", "203.0.113.11", [], "unsure", "11.113.0.203.in-addr.arpa: "),
    ("rdns", "203.0.113.12", [], "fail", "203.0.113.12 has no name"),
    ("rdns", "203.0.113.12", ["--auth", "ann"], "pass", ""),
    ("rdns", "203.0.113.13", [], "pass", ""),
    ("rdns: { networks: no }", "203.0.113.13", [], "fail", "203.0.113.13 has no name"),
]


def test_names(make_site, place, dns):
    site = make_site(start=False, mta="sink", **settings(dns, timeout="500ms"))
    site.rollcall.more += "\nnetworks: [ 203.0.113.13/32 ]"
    for check, address, words, want, why in NAMES:
        site.rollcall.destinations = settings(dns, check)["destinations"]
        site.rollcall.configure()
        said, reason = answer(explain(site, place, message("example.org"), "--client", address, *words), "rdns")
        assert (said, reason[:len(why)] if why else reason) == (want, why), (check, address)


# ---- waiting ----

def ask_milter(site, text, to=STAFF):
    """The milter's answer to a whole message."""
    m = Milter(site.rollcall.milter_socket, timeout=60)
    m.connect("203.0.113.7")
    m.mail("ann@example.org")
    kind, reply = m.rcpt(to)
    if kind == b"c":
        fields, body = dkim.split(text)
        kind, reply = m.message([tuple(part.strip() for part in f.split(b":", 1)) for f in fields], body)
    m.close()
    return reply[:9].decode() if kind == b"y" else kind.decode()


def test_the_deadline_and_what_is_of_no_use(make_site, dns, keys):
    """A name server that is silent costs the deadline at most, and less where its answer is of no use."""
    text = dkim.sign(message("silent.example"), keys["silent.example"])
    site = make_site(mta="sink", **settings(dns, "dmarc", "dkim", milter="content-deadline: 1s"))
    began = time.monotonic()
    assert ask_milter(site, text) == "451 4.7.1"
    assert 0.9 < time.monotonic() - began < 15
    # Another check refuses it a moment later: whoever waits for the DNS is told to stop.
    site = make_site(mta="sink", **settings(dns, "fail: { answer: fail, at: end, after: 300ms }", "dmarc", timeout="60s",
                                            milter="content-deadline: 60s"))
    dns.zone["_dmarc.example.org"] = {"how": "silent"}
    began = time.monotonic()
    assert ask_milter(site, message("example.org")) == "550 5.7.1"
    assert ("_dmarc.example.org", "TXT") in dns.asked
    site.rollcall.stop()                                           # waits for whoever still works
    assert time.monotonic() - began < 30


def test_a_hundred_sessions_while_the_dns_hangs(make_site, place, dns):
    """Only what asks the DNS is unsure, and nobody else waits for it, also what has to wait for something else."""
    (place / "checks.d").mkdir()
    (place / "checks.d/pass").write_text("#!/bin/sh\nexit 0\n")
    (place / "checks.d/pass").chmod(0o755)
    options = settings(dns, "dmarc", milter="content-deadline: 5s")
    options["destinations"] += ("\nother.example.com: { sources: [ corp ], check: [ posters: { allow: anyone }, "
                                f"program: {{ path: {place}/checks.d }} ] }}")
    (place / "lists.json").write_text(json.dumps({"lists": [
        {"address": address, "members": ["ann@example.com"]} for address in (STAFF, "team@other.example.com")]}))
    site = make_site(mta="sink", sources=f"corp: {{ kind: file, path: {place}/lists.json }}", **options)
    text, got = message("silent.example"), []
    threads = [threading.Thread(target=lambda: got.append(ask_milter(site, text))) for _ in range(100)]
    for t in threads:
        t.start()
    wait_until(lambda: ("_dmarc.silent.example", "TXT") in dns.asked, what="a question")
    for _ in range(3):
        assert ask_milter(site, text, "team@other.example.com") in ("c", "a")
    assert any(t.is_alive() for t in threads)
    for t in threads:
        t.join()
    assert got == ["451 4.7.1"] * 100
