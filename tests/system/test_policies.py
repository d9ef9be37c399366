"""Policies as posters meet them, through either MTA: what is refused when, and for whom."""
import json
import pathlib
import random
import re
import ssl
import subprocess
import threading
import time

import pytest

from testbed import client, directory
from testbed.base import wait_until
from testbed.milter import Milter

STAFF, DEV, BOB = "staff@lists.example.com", "dev@lists.example.com", "bob@example.com"
ALL_OF_STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
BIG = "x" * 78 + "\r\n"


def asking(*checks, posters="anyone"):
    """Destinations whose lists ask these."""
    return f"lists.example.com: {{ sources: [ corp ], check: [ {', '.join((f'posters: {{ allow: {posters} }}', *checks))} ] }}"


@pytest.fixture
def make(make_site, mta):
    def make(*checks, **options):
        return make_site(mta=mta, destinations=asking(*checks), **options)
    return make


def post(c, *to, message=None, size=None, **more):
    """The replies to the recipients, and the last word."""
    assert c.mail("ann@example.com", "" if size is None else f"SIZE={size}").code == 250
    replies = [c.rcpt(r) for r in to]
    return *replies, c.data(message or client.message(**more))


# ---- several recipients ----

def test_split(make):
    """Who is checked otherwise than those before comes by itself, and nobody's mail is refused for another's."""
    site = make("max-size: { limit: 5k }", milter="mixed: split")
    with site.smtp() as c:
        staff, bob, end = post(c, STAFF, BOB, body=BIG * 100)
        assert (staff.code, end) == (250, "552 5.3.4")
        assert bob == "452 4.5.3"
        bob, staff, end = post(c, BOB, STAFF, body=BIG * 100)
        assert staff == "452 4.5.3" and (bob.code, end.code) == (250, 250)
    assert site.wait_for(1) == [BOB]
    (line,) = site.rollcall.log_lines("rcpt", to=BOB)
    assert (line["verdict"], line["by"]) == ("defer", "mixed")


def test_split_is_how_strangers_are_treated(make):
    """Also where mixed mail would be returned, since nobody knows to whom."""
    site = make("implicit-dest", milter="mixed: bounce")
    with site.smtp_from_abroad() as c:
        staff, dev, end = post(c, STAFF, DEV)
        assert dev == "452 4.5.3" and (staff.code, end.code) == (250, 250)
        dev, end = post(c, DEV)
        assert (dev.code, end) == (250, "550 5.7.1")
    assert site.wait_for(4) == ALL_OF_STAFF
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    assert sorted(site.sink.recipients()) == ALL_OF_STAFF


def test_refuse_all(make):
    """Somebody proven is told while connected, and which lists it is about."""
    site = make("max-size: { limit: 5k }")
    with site.smtp() as c:
        staff, bob, dev, end = post(c, STAFF, BOB, DEV, body=BIG * 100)
        assert (staff.code, bob.code, dev.code) == (250, 250, 250)
        assert end == "552 5.3.4" and f"{STAFF}, {DEV}" in end.text and BOB not in end.text
        *_, end = post(c, STAFF, body=BIG * 100)
        assert end == "552 5.3.4" and STAFF not in end.text
    site.post()
    assert site.wait_for(4) == ALL_OF_STAFF


def test_bounce(make):
    """It goes on for the others, and the MTA returns it to somebody proven, once."""
    site = make("max-size: { limit: 5k }", milter="mixed: bounce")
    with site.smtp() as c:
        staff, bob, end = post(c, STAFF, BOB, body=BIG * 100)
        assert (staff.code, bob.code, end.code) == (250, 250, 250)
    wait_until(lambda: site.sink.delivered("ann@example.com"), what="the report")
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    assert sorted(site.sink.recipients()) == ["ann@example.com", BOB]
    (report,) = site.sink.delivered("ann@example.com")
    assert b"Status: 5.3.4" in report.data and STAFF.encode() in report.data
    # Nobody else would take it: that is said at once.
    with site.smtp() as c:
        *_, end = post(c, STAFF, DEV, body=BIG * 100)
        assert end == "552 5.3.4"


def test_what_only_the_milter_knows_is_left_to_the_expander(make):
    """Which is told by the stamp."""
    site = make("max-recipients: { limit: 1 }", milter="mixed: bounce")
    with site.smtp() as c:
        *_, end = post(c, STAFF, BOB)
        assert end.code == 250
        *_, end = post(c, STAFF, DEV)
        assert end == "550 5.5.3" and STAFF in end.text
    assert site.rollcall.log_lines("data", list=STAFF)[0]["by"] == "max-recipients"
    wait_until(lambda: site.sink.delivered("ann@example.com"), what="the report")
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    assert sorted(site.sink.recipients()) == ["ann@example.com", BOB]
    (report,) = site.sink.delivered("ann@example.com")
    assert b"Status: 5.5.3" in report.data and STAFF.encode() in report.data
    (line,) = site.rollcall.log_lines("lmtp", list=STAFF)
    assert (line["judged"], line["by"], line["reply"]) == ("before", "max-recipients", "550 5.5.3")


# ---- when ----

def test_a_size_is_believed_early_and_looked_at_later(make):
    """C163: who posts is told while connected."""
    site = make("max-size: { limit: 5k }")
    with site.smtp() as c:
        assert c.mail("ann@example.com", "SIZE=6000").code == 250
        assert c.rcpt(STAFF) == "552 5.3.4"
        c.command("RSET")
        *_, end = post(c, STAFF, size=100, body=BIG * 100)
        assert end == "552 5.3.4"
    ends = site.rollcall.log_lines("end")
    assert ends[0]["by"] == "max-size" and "max-size=fail" in ends[0]["asked"]


def test_too_many_recipients_at_data(make):
    """C230: of the envelope, whatever the header says."""
    site = make("max-recipients: { limit: 2 }")
    with site.smtp() as c:
        *_, end = post(c, STAFF, BOB, "carl@example.com")
        assert end == "550 5.5.3" and STAFF in end.text
        c.command("RSET")
        *_, end = post(c, STAFF, BOB)
        assert end.code == 250


# ---- about the content ----

@pytest.mark.parametrize("check,fields,want", [
    ("implicit-dest", ["Cc: \"Staff, all\" <STAFF@Lists.Example.com>"], None),
    ("implicit-dest", ["Cc: friends: bob@example.com, everybody@lists.example.com;"], "550 5.7.1"),
    ("implicit-dest", ["X: staff@lists.example.com", "Cc: bob@example.com (staff@lists.example.com)"], "550 5.7.1"),
    ("implicit-dest: { also: Team@example.com }", ["Resent-To: team@example.com"], None),
    ("header-match: { fields: 'X-Spam-Flag: ^yes' }", ["X-Spam-Flag: YES"], "550 5.7.1"),
    ("header-match: { fields: 'X-Spam-Flag: ^yes' }", ["X-Spam-Flag: no, yes"], None),
    ("header-match: { fields: [ 'X: y', 'X-Note: große post' ] }", ["X-Note: =?iso-8859-1?Q?Gro=DFe?= =?utf-8?B?UG9zdA==?="],
     None),
    ("header-match: { fields: [ 'X: y', 'X-Note: große +post' ] }",
     ["X-Note: =?iso-8859-1?Q?Gro=DFe_?=", " =?utf-8?B?UG9zdA==?="], "550 5.7.1"),
    ("header-match: { fields: 'X-A: ^(a+)+$' }", ["X-A: " + "a" * 60 + "b"], "451 4.7.1"),
    ("header-match: { fields: 'X-A: b', on_fail: log-only }", ["X-A: b"], None),
    ("header-match: { fields: 'X-A: b', on_fail: defer }", ["X-A: b"], "451 4.7.1"),
    ("auto-submitted: { generated: no }", ["Auto-Submitted: auto-generated"], "550 5.7.1"),
    ("auto-submitted", ["Auto-Submitted: auto-generated"], None),
    ("loop: { hops: 5 }", ["Received: by x"] * 6, "554 5.4.6"),
    ("loop", ["Received: by x"] * 6, None),
])
def test_content(make, check, fields, want):
    site = make(check)
    to = "ann@example.com" if check.startswith("implicit") else STAFF
    with site.smtp() as c:
        *_, end = post(c, STAFF, message=client.message(fields=fields, to=to))
    if want:
        assert end == want
        assert site.rollcall.log_lines("end")[0]["by"] == check.split(":")[0]
    else:
        assert end.code == 250
        site.wait_for(4)


def test_the_address_that_was_written_to_is_the_list(make):
    site = make("implicit-dest")
    everybody = "everybody@lists.example.com"
    with site.smtp() as c:
        *_, end = post(c, everybody, to=everybody)
        assert end.code == 250
        *_, end = post(c, everybody, to=STAFF)
        assert end.code == 250


def test_what_came_past_the_milter_is_asked_again(make_site):
    """C265: what depends on the message alone; the rest the expander cannot know. Each recipient has a reply."""
    site = make_site(mta="sink", destinations=asking("max-size: { limit: 5k }", "require-tls", "max-recipients: { limit: 1 }",
                                                     posters="authenticated"))
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert (c.rcpt(STAFF).code, c.rcpt("staff-owner@lists.example.com").code) == (250, 250)
        staff, owner = c.data(client.message(body=BIG * 100), recipients=2)
        assert staff == "552 5.3.4" and owner.code == 250
    assert site.submit().code == 250


# ---- about the session ----

def test_only_proven_posters(make):
    site = make("authenticated")
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt(STAFF).code == 250
    with site.smtp_from_abroad() as c:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt(STAFF) == "550 5.7.1"
        assert c.rcpt("staff-owner@lists.example.com").code == 250


def test_too_many_posts(make):
    """Counted for each poster and list, over a restart, and only where the post was taken."""
    site = make("rate: { posts: 2, in: 1h }", "max-size: { limit: 5k }")

    def rcpt(sender, to=STAFF):
        with site.smtp() as c:
            assert c.mail(sender).code == 250
            return c.rcpt(to)

    site.post()
    with site.smtp() as c:
        *_, end = post(c, STAFF, body=BIG * 100)
        assert end == "552 5.3.4"
    assert rcpt("ann@example.com").code == 250
    site.post()
    site.rollcall.stop()
    site.rollcall.start()
    assert rcpt("ann@example.com") == "550 5.7.1"
    assert rcpt("bob@example.com").code == 250
    assert rcpt("ann@example.com", DEV).code == 250
    assert rcpt("ann@example.com", "staff-owner@lists.example.com").code == 250
    (line,) = site.rollcall.log_lines("rcpt", by="rate")
    assert line["reason"].startswith("2 posts; the next in 1")
    got = site.rollcall.ctl_json("explain", "bob@example.com", STAFF, "--client", "127.0.0.1")
    assert [a["answer"] for a in got["answers"] if a["check"] == "rate"] == ["pass"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mail.example.com",
                    "-keyout", path / "key.pem", "-out", path / "cert.pem"], check=True, stderr=subprocess.DEVNULL)
    return (path / "cert.pem").read_text(), (path / "key.pem").read_text()


def test_only_encrypted_connections(make, place, certificate):
    for name, text in zip(("cert.pem", "key.pem"), certificate):
        (place / name).write_text(text)
        (place / name).chmod(0o600)
    site = make("require-tls: { networks: no }",
                postfix={"main": f"smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {place}/cert.pem\n"
                                 f"smtpd_tls_key_file = {place}/key.pem\n"},
                sendmail={"mc": f"define(`confSERVER_CERT', `{place}/cert.pem')dnl\n"
                                f"define(`confSERVER_KEY', `{place}/key.pem')dnl\n"
                                f"define(`confCACERT', `{place}/cert.pem')dnl\ndefine(`confCACERT_PATH', `{place}')dnl\n"})
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt(STAFF) == "550 5.7.10"
        assert c.rcpt(BOB).code == 250
    with site.smtp() as c:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        c.start_tls(context)
        *_, end = post(c, STAFF)
        assert end.code == 250
    assert site.wait_for(4) == ALL_OF_STAFF


# ---- parts ----

def parts(*inner, kind="multipart/mixed"):
    """A message, or a part of one."""
    between = "".join(f"--x{len(inner)}\r\n{p}\r\n" for p in inner)
    return f"Content-Type: {kind}; boundary=x{len(inner)}\r\n\r\n{between}--x{len(inner)}--\r\n"


def attached(kind, more=""):
    return f"Content-Type: {kind}\r\nContent-Disposition: attachment{more}\r\n\r\nabc\r\n"


PLAIN = "\r\ntext\r\n"
PROGRAM = attached("application/x-msdownload", "; filename=a.exe")


@pytest.mark.parametrize("check, content, reason", [
    ("deny: application/x-msdownload", PLAIN, None),
    ("deny: application/x-msdownload", parts(PLAIN, attached("image/png")), None),
    ("deny: application/x-msdownload", PROGRAM, "application/x-msdownload is denied"),
    ("deny: application/X-*", parts(PLAIN, PROGRAM), "application/x-msdownload is denied"),
    ("deny: application/x-msdownload", parts(PLAIN, parts(PLAIN, PLAIN, "Content-Type: message/rfc822\r\n\r\nSubject: y\r\n" + PROGRAM)),
     "application/x-msdownload is denied"),
    ("deny: text/html", parts(PLAIN, "Content-Type: TEXT/HTML\r\n\r\n<p>\r\n", kind="multipart/alternative"), "TEXT/HTML is denied"),
    ("deny: multipart/alternative", parts(PLAIN, kind="multipart/alternative"), "multipart/alternative is denied"),
    ("allow: text/plain", parts(PLAIN, parts(PLAIN, PLAIN)), None),
    ("allow: [ 'text/*', image/png ]", parts(PLAIN, attached("image/png"), attached("image/gif")), "image/gif is not allowed"),
    ("allow: '*/*', deny: image/gif", parts(PLAIN, attached("image/gif")), "image/gif is denied"),
    ("allow: text/plain", attached("nonsense"), "application/octet-stream is not allowed"),
    ("deny-names: '*.exe'", parts(PLAIN, PROGRAM), "a file's name is denied: a.exe"),
    ("deny-names: '*.exe'", parts(PLAIN, attached("text/plain", "; filename*=utf-8''%C3%A4.EXE")), "a file's name is denied: ä.EXE"),
    ("deny-names: '*.exe'", parts(PLAIN, attached('text/plain; name="=?utf-8?B?Yi5leGU=?="')), "a file's name is denied: b.exe"),
    ("deny: video/mp4, parts: 3", parts(PLAIN, PLAIN), None),
    ("deny: video/mp4, parts: 3", parts(PLAIN, PLAIN, PLAIN), "there are too many parts, or too deep ones"),
    ("deny: video/mp4, depth: 2", parts(parts(PLAIN, PLAIN)), None),
    ("deny: video/mp4, depth: 2", parts(parts(parts(PLAIN, PLAIN, PLAIN), PLAIN)), "there are too many parts, or too deep ones"),
    ("deny: video/mp4", "".join(f"Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n" for i in range(5000)),
     "there are too many parts, or too deep ones"),
], ids=range(19))
def test_content_types(make_site, check, content, reason):
    site = make_site(mta="sink", destinations=asking(f"content-type: {{ {check} }}"))
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt(STAFF)[0] == b"c"
    head, _, body = ("\r\n" + content).partition("\r\n\r\n")
    fields = [(n.encode(), v.encode()) for n, v in (line.split(":", 1) for line in head.split("\r\n") if line)]
    answer, text = m.message([(b"Subject", b" x"), *fields], body.encode())
    m.close()
    if reason is None:
        assert answer == b"c"
    else:
        assert text.startswith(b"550 5.7.1 ")
        line = site.rollcall.log_lines("end")[-1]
        assert (line["by"], line["reason"]) == ("content-type", reason)


def test_content_types_through_the_mta(make):
    site = make("content-type: { deny-names: '*.exe' }")
    message = ("From: ann@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n" + parts(PLAIN, PROGRAM)).encode()
    with site.smtp() as c:
        *_, end = post(c, STAFF, message=message)
        assert end == "550 5.7.1"
        *_, end = post(c, STAFF)
        assert end.code == 250


def test_content_types_of_many_posts_at_once(make_site):
    site = make_site(mta="sink", destinations=asking("content-type: { deny-names: '*.exe' }"))
    _, _, body = (parts(*[attached("image/png", "; filename*=utf-8''%C3%A4.png")] * 200, PROGRAM)).partition("\r\n\r\n")
    answers = []

    def post_one():
        m = Milter(site.rollcall.milter_socket)
        m.connect()
        m.mail("ann@example.com")
        m.rcpt(STAFF)
        answers.append(m.message([(b"Content-Type", b" multipart/mixed; boundary=x201")], body.encode())[1][:3])
        m.close()
    threads = [threading.Thread(target=post_one) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [b"550"] * 8


# ---- programs ----

@pytest.fixture
def programs(place):
    """programs(name=text) makes a directory of executables."""
    path = place / "checks.d"
    path.mkdir(mode=0o755)

    def make(**texts):
        for name, text in texts.items():
            (path / name).write_text(f"#!/bin/sh\n{text}\n")
            (path / name).chmod(0o755)
        return path
    return make


def test_programs_see_the_message_and_the_facts(make, programs, place):
    path = programs(a=f'cat > {place}/seen; printf "%s" "$ROLLCALL_FACTS" > {place}/facts; env > {place}/env',
                    b='grep -q "^Subject: no" && echo \'{"verdict": "fail", "reason": "said no"}\'; exit 0',
                    c=f"echo c >> {place}/last")
    (path / "README").write_text("no program")
    site = make(f"program: {{ path: {path} }}")
    message = client.message(body="x" * 3000 + "\r\n.dot\r\n" + BIG * 2000)
    with site.smtp() as c:
        *_, end = post(c, STAFF, message=message)
        assert end.code == 250
    assert site.wait_for(4) == ALL_OF_STAFF
    seen = (place / "seen").read_bytes()
    assert seen.endswith(message.partition(b"\r\n\r\n")[2]) and b"\r\nSubject: test\r\n" in seen
    facts = json.loads((place / "facts").read_text())
    assert (facts["list"], facts["sender"], facts["trusted"], facts["recipients"]) == (STAFF, "ann@example.com", True, 1)
    assert sorted(line.split("=")[0] for line in (place / "env").read_text().split("\n") if line) == \
        ["PATH", "PWD", "ROLLCALL_FACTS"] + (["SHLVL", "_"] if b"SHLVL" in (place / "env").read_bytes() else [])
    with site.smtp() as c:
        *_, end = post(c, STAFF, subject="no")
        assert end == "550 5.7.1"
    assert (place / "last").read_text() == "c\n"
    line = site.rollcall.log_lines("end", verdict="reject")[0]
    assert (line["by"], line["reason"]) == ("program", "b: said no")


@pytest.mark.parametrize("text,reply,reason", [
    ("exit 0", None, ""),
    ("exit 1", "550 5.7.1", "a: it fails"),
    ("echo '{\"reason\": \"too blue\"}'; exit 1", "550 5.7.1", "a: too blue"),
    ("echo '{\"verdict\": \"pass\"}'", None, ""),
    ("echo '{\"verdict\": \"unsure\"}'", "451 4.7.1", "a: it is unsure"),
    ("exit 75", "451 4.7.1", "a: it is unsure"),
    ("echo yes", "451 4.7.1", "a: it says what is no JSON object"),
    ("kill -SEGV $$", "451 4.7.1", "a: it was ended by signal 11"),
    ("yes", "451 4.7.1", "a: it prints more than it may"),
    ("yes > /dev/stderr", "451 4.7.1", "a: it has not ended in time"),
    ("sleep 600 & sleep 600", "451 4.7.1", "a: it has not ended in time"),
    ("sleep 600 & exit 0", None, ""),
    ("exec 1>&-; sleep 600", "451 4.7.1", "a: it has not ended in time"),
    ("exec /nonexistent", "451 4.7.1", "a: it is unsure"),
    ("test $(ulimit -v) = 61440 && exit 3", "451 4.7.1", "a: it is unsure"),
])
def test_what_a_program_may_do(make_site, programs, place, text, reply, reason):
    """Whatever it does, only its own post waits, for a bounded time, and nothing is left of it."""
    path = programs(a=f"echo $$ > {place}/pid; {text}")
    site = make_site(mta="sink", destinations=asking(f"program: {{ path: {path}, timeout: 1s, memory: 60M }}"))
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt(STAFF)[0] == b"c"
    command, said = m.message([(b"Subject", b" x")])
    if reply:
        assert said.startswith(reply.encode())
        assert site.rollcall.log_lines("end")[0]["reason"] == reason
    else:
        assert command == b"c"
    group = int((place / "pid").read_text())
    wait_until(lambda: not members_of(group), what="the end of what it started")
    m.close()


def members_of(group):
    """Processes of a process group that are no zombies."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def test_a_program_that_is_not_needed_any_more(make_site, programs, place):
    """It is killed when its answer can change nothing."""
    path = programs(a=f"echo $$ > {place}/pid; sleep 600")
    site = make_site(mta="sink", milter="content-deadline: 30s",
                     destinations=asking("fail: { at: end, after: 500ms }", f"program: {{ path: {path}, timeout: 1m }}"))
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt(STAFF)[0] == b"c"
    began = time.monotonic()
    assert m.message([(b"Subject", b" x")])[1].startswith(b"550 5.7.1 ")
    assert time.monotonic() - began < 10
    group = int((place / "pid").read_text())
    wait_until(lambda: not members_of(group), what="the end of the program")
    assert "program=cancelled" in site.rollcall.log_lines("end")[0]["asked"]
    m.close()


def test_programs_that_others_could_have_written(make_site, programs):
    path = programs(a="exit 0", **{"b~": "exit 1"})
    site = make_site(mta="sink", destinations=asking(f"program: {{ path: {path} }}"))
    (path / "a").chmod(0o775)
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt(STAFF)[0] == b"c"
    assert m.message([(b"Subject", b" x")])[1].startswith(b"451 4.7.1 ")
    assert site.rollcall.log_lines("end")[0]["reason"] == f"{path}/a can be changed by others"
    m.close()
    assert f"path: {path}/a can be changed by others" in site.rollcall.ctl("config", "--check", check=78).stderr
    (path / "a").chmod(0o755)
    site.rollcall.ctl("explain", "ann@example.com", STAFF, str(path / "a"))
    (path / "a").unlink()
    assert f"path: there is no executable in {path}" in site.rollcall.ctl("config", "--check", check=78).stderr


# ---- checks that wait ----

def test_a_check_that_hangs_stops_nobody_else(make_site):
    """Its recipients are put off at the deadline; others, of the same session and of others, go on."""
    site = make_site(mta="sink", destinations=asking("fail: { answer: pass, after: 1h }"),
                     milter="deadline: 500ms", more="workers: { fail: 2 }")
    sessions = [Milter(site.rollcall.milter_socket) for _ in range(6)]
    for m in sessions:
        m.connect()
        m.mail("ann@example.com")
    for m in sessions:
        m.send(b"R", b"<staff@lists.example.com>\0")
    assert all(m.read()[1].startswith(b"451 4.7.1 ") for m in sessions)
    assert sessions[0].rcpt("bob@example.com")[0] == b"c"
    assert sessions[0].rcpt("staff-owner@lists.example.com")[0] == b"c"
    # The check knows the deadline as well, and may see it first.
    asked = {line["asked"].split("/")[0].replace("unsure", "late") for line in site.rollcall.log_lines("rcpt")}
    assert asked == {"posters=pass fail=late", "posters=pass fail=busy"}
    for m in sessions:
        m.close()


def test_a_check_that_is_tried_out(make_site):
    """It keeps nobody waiting, and what it would have said is in the log."""
    site = make_site(mta="sink", destinations=asking("fail: { after: 300ms, on_fail: log-only, at: end }"))
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt(STAFF)[0] == b"c"
    assert m.message([(b"Subject", b" x")])[0] == b"c"
    assert "fail=trial" in site.rollcall.log_lines("end")[0]["asked"]
    wait_until(lambda: site.rollcall.log_lines("trial"), what="its answer")
    (line,) = site.rollcall.log_lines("trial")
    assert (line["check"], line["list"], line["verdict"]) == ("fail", STAFF, "reject")
    m.close()


def test_a_reload_while_a_check_waits(make_site):
    """Who waits keeps the configuration it was asked by."""
    site = make_site(mta="sink", destinations=asking("fail: { answer: pass, after: 1500ms }"))
    m, other = (Milter(site.rollcall.milter_socket) for _ in range(2))
    m.connect()
    m.mail("ann@example.com")
    m.send(b"R", b"<staff@lists.example.com>\0")
    wait_until(lambda: any(re.match(r'rollcall_milter_lookups_total.* [1-9]', line) for line in
                           site.rollcall.ctl("metrics").stdout.splitlines()), what="the question")
    site.rollcall.destinations = asking("fail: { answer: fail }")
    site.rollcall.reload()
    assert m.read()[0] == b"c"
    other.connect()
    other.mail("ann@example.com")
    assert other.rcpt(STAFF)[1].startswith(b"550 5.7.1 ")
    m.close()
    other.close()


def test_answers_are_counted(make_site):
    site = make_site(mta="sink", destinations=asking("max-size: { limit: 5k }"))
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com", "SIZE=9000")
    assert m.rcpt(STAFF)[1].startswith(b"552 5.3.4 ")
    m.mail("ann@example.com", "SIZE=900")
    assert m.rcpt(STAFF)[0] == b"c"
    families = {f["name"]: f["samples"] for f in site.rollcall.ctl_json("metrics")["metrics"]}
    answers = {s["labels"]["answer"]: s["value"] for s in families["rollcall_policy_answers_total"]
               if s["labels"]["check"] == "max-size"}
    assert answers == {"pass": "1", "reject": "1"}
    assert [s["value"] for s in families["rollcall_policy_seconds"]
            if s["labels"]["check"] == "max-size" and s["suffix"] == "_count"] == ["2"]
    m.close()


# ---- the same, whatever the timing ----

def some_checks(draw, after):
    """Checks whose answers are drawn, each after a time of its own."""
    out = []
    for _ in range(draw.randint(2, 6)):
        at, answer = draw.choice(["rcpt", "data", "end", "end"]), draw.choice(["pass", "pass", "fail", "unsure"])
        becomes = draw.choice(["", ", on_fail: defer", ", on_unsure: reject", ", on_fail: log-only", ", on_fail: hold"])
        out.append(f"fail: {{ at: {at}, answer: {answer}, after: {after.randint(0, 3)}ms{becomes} }}")
    return ["posters: { allow: anyone }", *out, "max-size: { limit: 10k, on_fail: log-only }"]


def replies_to(m, recipients):
    """All bytes that a client would be told about a message."""
    m.mail("ann@example.com")
    got = [m.rcpt(r) for r in recipients]
    got += [m.message([(b"Subject", b" x"), (b"From", b" ann@example.com")])] if any(c == b"c" for c, _ in got) else []
    m.abort()
    return tuple(got)


def test_the_same_bytes_whatever_the_timing(make_site):
    """The same input a thousand times, while the checks answer in any order: each time the client is told the same."""
    p, g = directory.person_dn, directory.group
    ldif = directory.top() + directory.person("ann") + "".join(
        g(name, [p("ann")], mailAlternateAddress=f"{name}@b.example") for name in ("staff", "dev"))
    inputs, shufflings, sessions, each, seen = 10, 20, 2, 5, set()
    timing, site = random.Random(), None
    for n in range(inputs):
        recipients = [STAFF, DEV, "staff@b.example", BOB][:2 + n % 3]
        address, first = ("127.0.0.1", "203.0.113.7")[n % 2], None
        for _ in range(shufflings):
            draw = random.Random(n)
            text = "".join(f"{d}: {{ sources: [ corp ], check: [ {', '.join(some_checks(draw, timing))} ] }}\n"
                           for d in ("lists.example.com", "b.example"))
            if site is None:
                site = make_site(ldif, mta="sink", destinations=text, milter="deadline: 20s\ncontent-deadline: 20s",
                                 more="workers: { fail: 64 }")
            else:
                site.rollcall.destinations = text
                site.rollcall.reload()
            got = [[] for _ in range(sessions)]

            def session(told):
                m = Milter(site.rollcall.milter_socket)
                m.connect(address)
                for _ in range(each):
                    told.append(replies_to(m, recipients))
                m.close()

            threads = [threading.Thread(target=session, args=(told,)) for told in got]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert [len(told) for told in got] == [each] * sessions
            first = first or got[0][0]
            assert {r for told in got for r in told} == {first}, text
        seen.add(first)
    assert inputs * shufflings * sessions * each >= 1000 and len(seen) > inputs / 2
