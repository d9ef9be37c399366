"""Signing on the way out, as docs/dkim.md says: a real rspamd at the place where posts come back to the MTA."""
import json
import re

import pytest

from testbed import client, dkim
from testbed.dns import Dns
from testbed.rspamd import Rspamd

STAFF, BOB = "staff@lists.example.com", "bob@example.com"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    place = tmp_path_factory.mktemp("keys")
    place.chmod(0o755)
    return dkim.Key(place / "list.pem", "lists.example.com"), dkim.Key(place / "poster.pem", "example.org")


@pytest.fixture(scope="module")
def signer(tmp_path_factory, keys):
    dns = Dns({key.name: {"TXT": [key.record]} for key in keys})
    r = Rspamd(tmp_path_factory.mktemp("signer") / "rspamd", keys[0], dns.server)
    r.start()
    yield r
    r.stop()
    dns.stop()


@pytest.fixture
def make(make_site, place, mta, signer):
    def make(posts):
        (place / "lists.json").write_text(json.dumps({"lists": [{"address": STAFF, "members": [BOB]}]}))
        return make_site(mta=mta, sources=f"corp: {{ kind: file, path: {place}/lists.json }}",
                         destinations=f"lists.example.com: {{ sources: [ corp ], check: [ posters: {{ allow: anyone }} ], posts: {{ {posts} }} }}",
                         **{mta: {"out_milter": signer.port}})
    return make


def received(site, text):
    return site.received(BOB, sender="ann@example.org", message=text)


def test_signatures_of_list_and_poster(make, keys):
    """The list's signature covers what the list did, and the poster's holds where the list did nothing to what it covers."""
    lists, poster = keys
    text = dkim.sign(client.message(sender="Ann <ann@example.org>", body="Hello.\r\n\r\n.dot\r\n" + "x" * 900 + "\r\n"), poster)
    site = make("subject-tag: none")
    got = received(site, text)
    assert dkim.verify(got, lists) == [True] and dkim.verify(got, poster) == [True]
    assert dkim.verify(got, lists, "ARC-Message-Signature") == [True]
    assert b"ARC-Seal: i=1;" in got and b"cv=none" in got
    assert b"List-Id: <staff.lists.example.com>" in got
    # Somebody changes it on the way: the test can fail.
    assert dkim.verify(got.replace(b"Hello", b"Hallo"), lists) == [False]
    # What the list changes is under its own signature only.
    site.rollcall.destinations = site.rollcall.destinations.replace("subject-tag: none", "subject-tag: '[staff]', footer: Bye")
    site.rollcall.reload()
    got = received(site, text.replace(b"Message-ID: <", b"Message-ID: <again"))
    assert b"Subject: [staff] test" in got and b"Bye" in got
    assert dkim.verify(got, lists) == [True] and dkim.verify(got, poster) == [False]


def test_the_way_out_is_signed(make, keys):
    """Both fields of one click are under the list's signature, as RFC 8058 asks."""
    lists, _ = keys
    site = make("one-click: 'https://lists.example.com/leave/{token}', list-unsubscribe: 'mailto:{local}-leave@example.com'")
    got = received(site, client.message(sender="Ann <ann@example.org>"))
    (signature,) = [f for f in dkim.split(got)[0] if f.startswith(b"DKIM-Signature:")]
    names = re.search(rb"\bh=([^;]*)", signature)[1].lower().split()
    covered = b"".join(names).split(b":")
    assert b"list-unsubscribe" in covered and b"list-unsubscribe-post" in covered
    assert dkim.verify(got, lists) == [True]
    assert got.count(b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") == 1
    assert dkim.verify(got.replace(b"One-Click", b"Two-Click"), lists) == [False]
    assert dkim.verify(got.replace(b"/leave/", b"/stay/"), lists) == [False]
