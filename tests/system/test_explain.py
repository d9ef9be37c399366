"""rollcallctl explain: what would become of a post, in the words that the client would get."""
import json

import pytest

from testbed import client
from testbed.milter import Milter

LISTS = """
lists.example.com:
  sources: [ corp ]
  check:
    - posters: { allow: [ authenticated ] }
    - require-tls: { on_fail: log-only }
    - fail: { answer: pass, after: 150ms, on_fail: log-only }
    - max-size: { limit: 5k }
    - header-match: { fields: "X-Spam: yes", on_fail: defer }
"""
STAFF, ANN = "staff@lists.example.com", "ann@example.com"


@pytest.fixture
def site(make_site):
    return make_site(mta="sink", destinations=LISTS)


def explain(site, *words, status):
    got = site.rollcall.ctl("--json", "explain", *words, check=status)
    return json.loads(got.stdout)


def test_every_check_and_its_answer(site):
    got = explain(site, ANN, STAFF, "--auth", "ann", status=0)
    assert (got["verdict"], got["list"], got["login"]) == ("pass", STAFF, "ann")
    answers = [(a["moment"], a["check"], a["answer"], a["outcome"]) for a in got["answers"]]
    assert answers == [("rcpt", "posters", "pass", "pass"), ("rcpt", "require-tls", "fail", "log-only"),
                       ("rcpt", "fail", "pass", "pass"), ("rcpt", "max-size", "pass", "pass")]
    slow = got["answers"][2]
    assert slow["microseconds"] >= 150000
    lines = site.rollcall.config.read_text().splitlines()
    file, line = slow["origin"].rsplit(":", 1)
    assert file == str(site.rollcall.config) and "fail:" in lines[int(line) - 1]
    text = site.rollcall.ctl("explain", ANN, STAFF, "--auth", "ann", "--tls", check=0).stdout
    assert "require-tls      pass" in text and "\nreply: 250 2.0.0 ok\n" in text


@pytest.mark.parametrize("words,status,reply,by", [
    ([ANN, STAFF], 1, "550 5.7.1", "posters"),
    ([ANN, STAFF, "--client", "127.0.0.1"], 1, "550 5.7.1", "posters"),
    (["", STAFF, "--auth", "ann"], 1, "550 5.7.1", "role"),
    (["<>", "staff-bounces@lists.example.com"], 0, "250 2.0.0", None),
    ([ANN, "stuff@lists.example.com", "--auth", "ann"], 1, "550 5.1.1", "source"),
    ([ANN, "everybody+x@lists.example.com", "--auth", "ann"], 0, "250 2.0.0", None),
])
def test_the_reply_is_that_of_the_milter(site, words, status, reply, by):
    got = explain(site, *words, status=status)
    assert f"{got['code']} {got['enhanced']}" == reply and got.get("by") == by
    login = words[words.index("--auth") + 1] if "--auth" in words else None
    m = Milter(site.rollcall.milter_socket)
    m.connect(words[3] if "--client" in words else "203.0.113.7")
    m.mail(words[0].strip("<>"), login=login)
    command, said = m.rcpt(words[1])
    assert command == b"c" if status == 0 else said.startswith(f"{reply} {got['text']}".encode())
    m.close()


@pytest.mark.parametrize("fields,body,status,reply,by", [
    ([], "Hello.\n", 0, "250 2.0.0", None),
    (["X-Spam: yes"], "Hello.\n", 75, "451 4.7.1", "header-match"),
    ([], "x\n" * 5000, 1, "552 5.3.4", "max-size"),
    (["Auto-Submitted: auto-replied"], "Hello.\n", 1, "550 5.7.1", "auto-submitted"),
    ([], "a\rb\n", 1, "554 5.6.0", "content"),
])
def test_a_message(site, place, fields, body, status, reply, by):
    """Lines of the file end as they do on this system."""
    head = client.message(fields=fields, body="").replace(b"\r\n", b"\n")
    (place / "post").write_bytes(head + body.encode())
    got = explain(site, ANN, STAFF, "--auth", "ann", str(place / "post"), status=status)
    assert f"{got['code']} {got['enhanced']}" == reply and got.get("by") == by
    assert {a["moment"] for a in got["answers"]} == {"rcpt", "end"}


def test_when_nothing_can_be_said(site):
    site.rollcall.ctl("drain", "--wait", "0s", check=0)
    assert explain(site, ANN, STAFF, "--auth", "ann", status=75)["by"] == "drain"
    site.rollcall.ctl("resume", check=0)
    site.slapd.stop()
    got = explain(site, ANN, STAFF, "--auth", "ann", status=75)
    assert (got["by"], got["code"]) == ("source", 451)


@pytest.mark.parametrize("words,status", [
    ([ANN], 64), ([ANN, STAFF, "a", "b"], 64), ([ANN, STAFF, "--auth"], 64), (["nobody", STAFF], 64),
    ([ANN, "nobody"], 64), ([ANN, STAFF, "--client", "here"], 64), ([ANN, STAFF, "/nonexistent"], 64),
    ([ANN, "bob@example.com"], 1)])
def test_what_cannot_be_asked(site, words, status):
    got = site.rollcall.ctl("explain", *words, check=status)
    assert got.stdout == "" and got.stderr
