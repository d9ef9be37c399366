"""Spools of other versions: those of older ones are worked on, what is newer is left alone."""
import json
import shutil

import pytest

from testbed.base import ROOT, wait_until

FIXTURES = ROOT / "tests/fixtures"
STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
REST = ["carl@example.com", "guest@partner.example.net"]         # of the list that was half sent

# What version 1 wrote: who is still to get what, by Message-ID.
OLD = {
    "<2@client.example.org>": REST,                               # one batch sent, the other put off
    "<3@client.example.org>": REST,                               # one batch sent, the other in doubt
    "<4@client.example.org>": STAFF,                              # in pending
    "<5@client.example.org>": ["errors@example.com"],             # a bounce
    "<6@client.example.org>": sorted(STAFF + ["two.a@example.com", "shared@example.com", "ann@example.com"]),
}


def place_spool(site):
    """The fixture as the spool of a site that was not started yet."""
    site.rollcall.configure()
    spool = site.rollcall.dir / "state/spool"
    spool.parent.mkdir()
    shutil.copytree(FIXTURES / "spool-1", spool)
    (spool / "tmp").mkdir()                       # version control keeps no empty directory
    return spool


def release(site):
    """Starts the expander; what comes without an identity is held at first."""
    site.rollcall.start_expander()
    assert "7 entries are held" in site.rollcall.log and site.sink.delivered() == []
    site.rollcall.ctl("release", "all", check=0)


def hurry(site, done):
    """Until so many are done; an entry that is being looked at in the moment of a retry does not hear of it."""
    wait_until(lambda: site.rollcall.ctl("retry", "all") and site.rollcall.counts()["done"] == done, what="the rest",
               every=0.2)


def test_a_spool_of_version_1(make_site):
    """Each entry comes to its proper end; what was sent or done is not sent again."""
    site = make_site(mta="sink", start=False)
    place_spool(site)
    assert site.rollcall.counts() == {"moderation": 0, "pending": 4, "bounce": 1, "outbound": 2, "done": 1, "kept": 0, "held": 0}
    site.rollcall.start_milter()
    release(site)
    hurry(site, 8)
    got = {}
    for t in site.sink.delivered():
        got.setdefault(t.fields("Message-ID")[0], []).extend(t.recipients)
        assert t.data.endswith(b"\r\n\r\nKept from version 1 of the spool.\r\n.dots\r\n")
        assert t.fields("Received")[0].startswith("from client.example.org by mail.example.com (rollcall) with LMTP")
    assert {k: sorted(r.lower() for r in v) for k, v in got.items()} == OLD
    assert site.rollcall.counts() == {"moderation": 0, "pending": 0, "bounce": 0, "outbound": 0, "done": 8, "kept": 0, "held": 0}
    # What was done is remembered: the MTA sends it again, and it is a repeat.
    assert site.submit(message=(FIXTURES / "spool-1.eml").read_bytes()).code == 250
    assert site.rollcall.log_lines("lmtp", reason="a repeat of what is here already")
    assert site.rollcall.counts()["done"] == 8


def test_the_fixture_is_of_version_1():
    for path in FIXTURES.glob("spool-1/*/*/*"):
        text = path.read_text()
        if path.name == "envelope.json":
            assert json.loads(text)["version"] == 1
        elif path.name == "recipients":
            assert text == "" or text.startswith("recipients 1\n")
        elif path.name == "progress":
            assert text == "" or text.startswith('{"version":1}\n')


@pytest.mark.parametrize("queue, name, old, new, words", [
    ("pending", "envelope.json", '"version": 1', '"version": 99', "version 99 is not known"),
    ("outbound", "recipients", "recipients 1\n", "recipients 2 zstd\n", "recipients: version 2 zstd is not known"),
    ("outbound", "progress", '{"version":1}', '{"version":2}', "progress: not of a version known"),
])
def test_a_newer_entry_is_left_alone(make_site, queue, name, old, new, words):
    """It is logged, shown, and stays as it is; others get on."""
    site = make_site(mta="sink", start=False)
    spool = place_spool(site)
    entry = sorted((spool / queue).iterdir())[0]
    (entry / name).write_text((entry / name).read_text().replace(old, new))
    before = {p.name: p.read_bytes() for p in entry.iterdir()}
    release(site)
    hurry(site, 7)
    # Without its progress an entry could be worked on: it is put off, and nothing is added to it.
    said = f"id={entry.name}" if name == "progress" else f"{queue}/{entry.name} is left alone: "
    assert any(said in s and words in s for s in site.rollcall.log.splitlines())
    assert {p.name: p.read_bytes() for p in entry.iterdir()} == before
    (shown,) = site.rollcall.ctl_json("queue")["entries"]
    assert shown["id"] == entry.name and words in shown["reason"]
    left = site.rollcall.ctl("drain", check=75).stdout
    assert "1 of them cannot be read" in left or name == "progress"
