"""Posts whose author's domain forbids by DMARC what the list does to them."""
import json
import time

import pytest

from testbed import client, dkim
from testbed.base import wait_until
from testbed.dns import Dns

STAFF = "staff@lists.example.com"
ZONE = {"_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]}, "_dmarc.strict.example": {"TXT": ["v=DMARC1; p=quarantine; adkim=s"]},
        "_dmarc.lax.example": {"TXT": ["v=DMARC1; p=none"]},
        "_dmarc.soft.example": {"TXT": ["v=DMARC1; p=reject; sp=none"]}, "_dmarc.looping.example": {"how": "servfail"}}


@pytest.fixture
def dns():
    server = Dns(ZONE)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return dkim.Key(tmp_path_factory.mktemp("keys") / "key.pem", "mail.example.org")


@pytest.fixture
def make(make_site, place, dns):
    def make(posts, mta="sink", lmtp="", start=True, steps=""):
        (place / "lists.json").write_text(json.dumps({"lists": [
            {"address": STAFF, "name": "All of us", "members": ["bob@example.com"]},
            {"address": "dev@lists.example.com", "members": ["bob@example.com"], "settings": ["dmarc: none"]}]}))
        return make_site(mta=mta, start=start, lmtp=lmtp, sources=f"corp: {{ kind: file, path: {place}/lists.json }}",
                         destinations=f"lists.example.com: {{ sources: [ corp ], check: [ posters: {{ allow: anyone }} ], posts: {{ {posts} }}, modify: [ {steps} ] }}",
                         more=f"dns: {{ servers: [ '{dns.server}' ], timeout: 500ms }}")
    return make


def message(author, **more):
    return client.message(sender=f"Ann <ann@{author}>", **more)


def received(site, text):
    return site.received("bob@example.com", sender="ann@example.org", message=text)


def field(text, name):
    """The values of a field of the outer header, unfolded."""
    return [f.partition(b":")[2].replace(b"\r\n", b"").strip().decode() for f in dkim.split(text)[0]
            if f.partition(b":")[0].lower() == name.lower().encode()]


def test_whose_mail_is_rewritten(make, mta, key):
    """Unsigned mail of domains that forbid it; what keeps a signature of its own goes on as it is, and the signature holds."""
    site = make("dmarc: rewrite", mta=mta)
    got = received(site, message("example.org"))
    assert field(got, "From") == ['"Ann via All of us" <staff@lists.example.com>']
    assert field(got, "Reply-To") == field(got, "Author") == ["Ann <ann@example.org>"]
    (line,) = site.rollcall.log_lines("dmarc")
    assert (line["author"], line["wish"], line["treatment"], line["list"]) == ("example.org", "reject", "rewrite", STAFF)
    signed = dkim.sign(message("example.org", body="Hello.\r\n\r\n.dot\r\n\r\n"), key)
    got = received(site, signed)
    assert field(got, "From") == ["Ann <ann@example.org>"] and not field(got, "Reply-To")
    assert dkim.verify(got, key) == [True]
    assert signed.partition(b"\r\n\r\n")[2].rstrip() == got.partition(b"\r\n\r\n")[2].rstrip()
    assert field(received(site, message("lax.example")), "From") == ["Ann <ann@lax.example>"]


def preview(site, place, text):
    (place / "post.eml").write_bytes(text)
    return site.rollcall.ctl("preview", "--message", STAFF, "bob@example.com", str(place / "post.eml"), check=0).stdout.replace("\n", "\r\n").encode()


KEPT, VIA = "kept", "via"
CASES = [
    ("dmarc: none", "example.org", False, KEPT),
    ("dmarc: keep", "example.org", False, KEPT),
    ("dmarc: rewrite", "example.org", False, VIA),
    ("dmarc: rewrite", "example.org", True, KEPT),
    ("dmarc: rewrite", "below.example.org", False, VIA),
    ("dmarc: rewrite", "lax.example", False, KEPT),
    ("dmarc: rewrite", "soft.example", False, VIA),
    ("dmarc: rewrite", "below.soft.example", False, KEPT),
    ("dmarc: rewrite", "unknown.example", False, KEPT),
    ("dmarc: rewrite", "looping.example", False, VIA),           # asked for the last time
    ("dmarc: rewrite", "example.org, eve@example.net", False, KEPT),     # C121
    ("dmarc: rewrite, footer: Bye", "example.org", True, VIA),
    ("dmarc: rewrite, footer: 'For {member.local}'", "example.org", True, VIA),
    ("dmarc: rewrite, subject-tag: '[x]'", "example.org", True, VIA),
    ("dmarc: rewrite, subject-tag: '[x]'", "lax.example", True, KEPT),
    ("dmarc: 'rewrite example.org=keep'", "example.org", False, KEPT),
    ("dmarc: 'strict.example=rewrite'", "strict.example", False, VIA),
    ("dmarc: 'strict.example=rewrite'", "example.org", False, KEPT),
]


def test_each_reason(make, place, dns, key):
    site = make("dmarc: none", start=False)
    for posts, author, signed, want in CASES:
        site.rollcall.destinations = f"lists.example.com: {{ sources: [ corp ], check: [ posters: {{ allow: anyone }} ], posts: {{ {posts} }} }}"
        site.rollcall.configure()
        text = message(author)
        got = field(preview(site, place, dkim.sign(text, key) if signed else text), "From")
        assert ("staff@lists.example.com" in got[0]) == (want == VIA), (posts, author, signed, got)
        assert want == VIA or got == field(text, "From")
    # Of a strict domain a signature of another one of the same organisation is not enough.
    site.rollcall.destinations = site.rollcall.destinations.replace("strict.example=rewrite", "rewrite")
    site.rollcall.configure()
    near = dkim.Key(key.path, "mail.strict.example")
    assert "via" in field(preview(site, place, dkim.sign(message("strict.example"), near)), "From")[0]
    # One of the very domain is, and nobody needs to be asked.
    asked = len(dns.asked)
    own = dkim.Key(key.path, "strict.example")
    assert "via" not in field(preview(site, place, dkim.sign(message("strict.example"), own)), "From")[0]
    assert len(dns.asked) == asked


def test_wrapped(make, mta, key):
    """The message whole, and its signature in it, in one of the list's; texts of the list's are left out."""
    site = make("dmarc: wrap, footer: 'Bye {local}', reply-to: list, subject-tag: '[x]'", mta=mta)
    text = dkim.sign(message("example.org", fields=["Cc: Carl <carl@example.org>"]), key)
    got = received(site, text)
    assert "staff@lists.example.com" in field(got, "From")[0] and field(got, "Reply-To") == ["<staff@lists.example.com>"]
    assert field(got, "Subject") == ["[x] test"] and field(got, "Cc") == ["Carl <carl@example.org>"]
    assert field(got, "Message-ID") == field(text, "Message-ID")
    assert field(got, "Content-Type") == ["message/rfc822"] and b"Bye" not in got
    inner = got.partition(b"\r\n\r\n")[2]
    assert dkim.verify(inner, key) == [True]
    assert inner[inner.index(b"DKIM-Signature"):].rstrip() == text.rstrip()


def test_wrapped_with_a_header_of_utf8(make, place):
    """It is another kind of message; and preview knows that it came with SMTPUTF8."""
    site = make("dmarc: wrap")
    text = message("example.org", subject="Grüße")
    site.submit(message=text, parameters="SMTPUTF8")
    site.wait_for(1)
    got = site.sink.delivered("bob@example.com")[0].data
    assert field(got, "Content-Type") == ["message/global"]
    assert field(preview(site, place, text), "Content-Type") == ["message/global"]


def test_wrapped_without_texts_for_each(make, mta, key):
    """They would stand around the message in the message."""
    site = make("dmarc: wrap, footer: 'For {member.local}'", mta=mta)
    got = received(site, dkim.sign(message("example.org"), key))
    assert field(got, "Content-Type") == ["message/rfc822"] and b"For bob" not in got


CHANGES = [
    ("rewrite: { fields: Subject, match: test, with: toast }", True, VIA),         # it is signed
    ("rewrite: { fields: Subject, match: nothing, with: x }", True, KEPT),
    ("rewrite: { fields: X-Own, match: a, with: b }", True, KEPT),
    ("remove: { fields: To }", True, VIA),
    ("add: { field: 'X-Own: c' }", True, KEPT),
    ("rewrite: { fields: From, match: 'example[.]org', with: lax.example }", True, "lax"),
    ("rewrite: { fields: From, match: 'lax[.]example', with: example.org }", False, "org"),
]


@pytest.mark.parametrize("step, signed, want", CHANGES)
def test_what_the_steps_of_the_site_break(make, place, key, step, signed, want):
    """They are done before it is asked whether a signature survives, and done again after From was rewritten."""
    site = make("dmarc: rewrite", start=False, steps=step)
    site.rollcall.configure()
    text = message("lax.example" if want == "org" else "example.org", fields=["X-Own: a"])
    got = preview(site, place, dkim.sign(text, key) if signed else text)
    (shown,) = field(got, "From")
    # A step that makes the author another one decides whose wishes count.
    assert ("staff@lists.example.com" in shown) == (want in (VIA, "org")) and ("lax" in shown) == (want == "lax")
    if "toast" in step:
        assert field(got, "Subject") == ["toast"]
    if "remove" in step:
        assert not field(got, "To")
    if "c'" in step:
        assert field(got, "X-Own") == ["c", "a"]


def test_wrapped_after_the_steps(make, mta, key):
    """They change the header around the message; inside of it nothing is missing but what is removed, and nothing is new."""
    site = make("dmarc: 'wrap'", mta=mta, steps="rewrite: { fields: Subject, match: test, with: toast }, remove: { fields: X-Secret }, "
                "add: { field: 'X-Campus: north' }")
    text = dkim.sign(message("example.org", fields=["X-Secret: room 5"]), key, names=["From", "Subject"])
    got = received(site, text)
    assert field(got, "Content-Type") == ["message/rfc822"] and field(got, "Subject") == ["toast"]
    assert field(got, "X-Campus") == ["north"] and b"X-Secret" not in got
    inner = got.partition(b"\r\n\r\n")[2]
    assert dkim.verify(inner, key) == [True] and field(inner, "Subject") == ["test"] and not field(inner, "X-Campus")


def test_while_the_dns_does_not_know(make, dns):
    """The MTA keeps the post and tries again; when the DNS knows, the post goes out as it should."""
    site = make("dmarc: rewrite")
    dns.zone["_dmarc.slow.example"] = {"how": "servfail"}

    def submit(minutes):
        taken = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(time.time() - minutes * 60))
        return site.submit(STAFF, message=f"Received: by mx.example.com id 1; {taken}\r\n".encode() + text)

    text = message("slow.example")
    assert submit(0) == "451 4.7.1"
    (line,) = site.rollcall.log_lines("lmtp")
    assert line["reason"] == "_dmarc.slow.example: the name server does not know"
    assert site.rollcall.counts()["pending"] == 0
    # So do other lists of the same message, lest those who are on both get it twice.
    with site.lmtp() as c:
        assert c.mail("ann@example.org").code == 250
        assert c.rcpt("dev@lists.example.com").code == c.rcpt(STAFF).code == 250
        taken = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
        assert c.data(f"Received: by mx.example.com id 1; {taken}\r\n".encode() + text, 2) == ["451 4.7.1"] * 2
    assert site.rollcall.counts()["pending"] == 0
    # After an hour it goes as if the domain forbade it.
    assert submit(61).code == 250
    site.wait_for(1)
    assert b"Author: Ann <ann@slow.example>" in site.sink.delivered("bob@example.com")[0].data
    assert site.rollcall.log_lines("dmarc")[0]["wish"] == "unknown"
    # A post without a date of the MTA's does not wait for ever, and one that nobody forbids is sent as it is.
    assert site.submit(STAFF, message=message("slow.example")).code == 250
    text = message("lax.example")
    assert submit(0).code == 250
    site.wait_for(3)
    assert sum(b"\r\nFrom: Ann <ann@lax.example>" in d.data for d in site.sink.delivered("bob@example.com")) == 1


def test_the_mta_tries_again(make, dns):
    """Nothing is lost or changed by a name server that was away for a while."""
    dns.zone["_dmarc.away.example"] = {"how": "servfail"}
    site = make("dmarc: rewrite", mta="postfix")
    site.post(STAFF, sender="ann@example.org", message=message("away.example"))
    wait_until(lambda: site.rollcall.log_lines("lmtp", reply="451 4.7.1"), what="a reply that it is to wait")
    dns.zone["_dmarc.away.example"] = {"TXT": ["v=DMARC1; p=none"]}
    site.wait_for(1, seconds=60)
    assert b"\r\nFrom: Ann <ann@away.example>" in site.sink.delivered("bob@example.com")[0].data


def test_fields_for_leaving_count(make, mta, key):
    """Those that each member has of his own break a signature that says there are none, and no other."""
    site = make("dmarc: rewrite, one-click: 'https://lists.example.com/leave/{token}'", mta=mta)
    got = received(site, dkim.sign(message("example.org"), key))
    assert field(got, "From") == ["Ann <ann@example.org>"] and field(got, "List-Unsubscribe-Post")
    assert dkim.verify(got, key) == [True]
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post"):
        got = received(site, dkim.sign(message("example.org", subject=name), key, names=("From", "Date", name)))
        assert field(got, "From") == ['"Ann via All of us" <staff@lists.example.com>']
