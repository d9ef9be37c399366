"""The milter as the MTA sees it: what it asks for, how it answers, what it does when many come at once."""
import itertools
import time

import pytest

from testbed import milter
from testbed.base import as_they_answer, wait_until


@pytest.fixture
def connect(lmtp_site):
    open_ones = []

    def make(**options):
        m = milter.Milter(lmtp_site.rollcall.milter_socket, **options)
        open_ones.append(m)
        return m
    yield make
    for m in open_ones:
        m.close()


def test_it_asks_for_what_it_needs_only(connect):
    m = connect()
    assert m.actions == 0x11              # to add header fields, and to change them
    no_replies = sum(milter.NO_REPLY.values())
    assert m.steps == milter.NO_HELO | milter.NO_UNKNOWN | no_replies
    # 1 is HELO, of which nothing is wanted; the port tells mail of the own host.
    assert m.macros == {0: ["{daemon_port}", "{daemon_name}"], 2: ["i", "{auth_authen}", "{mail_addr}", "{tls_version}"], 3: ["i", "{rcpt_addr}"],
                        4: ["i"], 5: ["i"], 6: ["i"]}


@pytest.mark.parametrize("steps", [milter.STEPS, 0x7F, milter.STEPS & ~0x80000], ids=hex)
def test_an_mta_that_knows_less(connect, steps):
    """Steps that an old MTA cannot do without a reply are replied to."""
    m = connect(steps=steps)
    assert m.steps & ~steps == 0
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt("staff@lists.example.com") == (b"c", b"")
    assert m.rcpt("stuff@lists.example.com")[1].startswith(b"550 5.1.1 ")
    assert m.message([(b"Subject", b" x")]) == (b"c", b"")


def test_mail_for_nobody_of_ours_ends_at_data(connect):
    m = connect()
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt("bob@example.com") == (b"c", b"")
    assert m.message([(b"Subject", b" x")])[0] == b"a"


def test_whoever_is_no_mta_does_no_harm(connect):
    """Steps in any order, with nothing announced: nothing is let through, and the next one is served."""
    for packet in ((b"M", b"<ann@example.com>\0"), (b"R", b"<staff@lists.example.com>\0"), (b"T", b""),
                   (b"L", b"a\0b\0"), (b"N", b""), (b"B", b"x"), (b"E", b""), (b"A", b""), (b"Q", b"")):
        for negotiate in (True, False):
            m = connect(negotiate=negotiate)
            try:
                m.send(*packet)
                m.send(b"R", b"<staff@lists.example.com>\0")
                m.send(b"Q")
                while m.read()[0] != b"c":
                    pass
                assert False, f"{packet} was let through"
            except ConnectionError:
                pass
    m = connect()
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt("staff@lists.example.com") == (b"c", b"")


def test_an_empty_login_is_none(connect):
    m = connect()
    m.connect("203.0.113.7")
    m.define(b"M", **{"{auth_authen}": ""})
    m.step("mail", b"M", b"<eve@elsewhere.example>")
    assert m.rcpt("staff@lists.example.com")[1].startswith(b"550 5.7.1 ")


def test_many_messages_in_one_connection(connect, lmtp_site):
    """C281: of one nothing is left in the next."""
    m = connect()
    m.connect("203.0.113.7")
    m.mail("eve@elsewhere.example")
    assert m.rcpt("staff@lists.example.com", "ONE")[1].startswith(b"550 5.7.1 ")
    m.abort()
    m.mail("eve@elsewhere.example", login="ann")
    assert m.rcpt("staff@lists.example.com", "TWO")[0] == b"c"
    assert m.message([(b"From", b" x")], queue_id="TWO")[0] == b"c"
    m.mail("eve@elsewhere.example", login="ann")
    assert m.rcpt("bob@example.com", "THREE")[0] == b"c"
    assert m.message([], queue_id="THREE")[0] == b"a"
    m.mail("eve@elsewhere.example", login="ann")
    assert m.rcpt("dev@lists.example.com", "FOUR")[0] == b"c"
    m.abort()
    m.mail("eve@elsewhere.example", login="ann")
    assert m.rcpt("staff@lists.example.com", "FIVE")[0] == b"c"
    assert m.message([(b"Auto-Submitted", b" auto-replied")], queue_id="FIVE")[1].startswith(b"550 5.7.1 ")
    ends = [(e["queue"], e["verdict"]) for e in lmtp_site.rollcall.log_lines("end")]
    assert ends == [("TWO", "pass"), ("FIVE", "reject")]
    (refusal,) = lmtp_site.rollcall.log_lines("rcpt", queue="ONE")
    assert refusal["to"] == "staff@lists.example.com" and refusal["client"] == "203.0.113.7"


def test_limits_are_those_of_the_expander(connect):
    """The end of message is judged as LMTP will judge it."""
    m = connect()
    m.connect()
    m.mail("ann@example.com")
    m.rcpt("staff@lists.example.com")
    assert m.message([(b"X", b" y" * 20000)] * 60)[1].startswith(b"552 5.3.4 ")
    m.mail("ann@example.com")
    m.rcpt("staff@lists.example.com")
    assert m.message([(b"X", b" y")], body=b"x" * (101 << 20))[1].startswith(b"552 5.3.4 ")


def test_a_burst_while_the_directory_hangs(make_site):
    """Sixty recipients whose lists are in memory are answered at once, whatever twenty others wait for."""
    site = make_site(mta="sink", source_more="cache: { yes: 1h }", milter="deadline: 2s")
    path = site.rollcall.milter_socket
    sessions = [milter.Milter(path) for _ in range(80)]
    for s in sessions:
        s.connect()
        s.mail("ann@example.com")
    assert sessions[0].rcpt("staff@lists.example.com")[0] == b"c"
    site.slapd.hang()
    try:
        began = time.monotonic()
        for n, s in enumerate(sessions):
            s.define(b"R", i=f"Q{n}")
            s.send(b"R", b"<other%d@lists.example.com>\0" % n if n % 4 == 0 else b"<staff@lists.example.com>\0")
        answers = answers_of(sessions, began)
    finally:
        site.slapd.go_on()
    known = [took for command, _, took in answers if command == b"c"]
    unknown = [took for _, text, took in answers if text.startswith(b"451 4.4.3 ")]
    assert len(known) == 60 and max(known) < 0.1
    assert len(unknown) == 20 and max(unknown) < 3
    for s in sessions:
        s.close()


def answers_of(sessions, began):
    """(command, text, seconds) of each session's next answer, in the order they come."""
    return [(*s.read(), time.monotonic() - began) for s in as_they_answer(sessions)]


def test_too_many_that_wait(make_site):
    """Beyond the cap nobody waits; beyond the breaker nobody waits at all until the directory answers."""
    site = make_site(mta="sink", source_more="cache: { yes: 1h, no: 0s }",
                     milter="deadline: 600ms\nmax-waiting: 3\nbreaker: 3\nprobe: 100ms")
    path = site.rollcall.milter_socket
    sessions = [milter.Milter(path) for _ in range(8)]
    for s in sessions:
        s.connect()
        s.mail("ann@example.com")
    site.slapd.hang()
    try:
        began = time.monotonic()
        for n, s in enumerate(sessions):
            s.send(b"R", b"<other%d@lists.example.com>\0" % n)
        answers = answers_of(sessions, began)
        assert all(text.startswith(b"451 4.4.3 ") for _, text, _ in answers)
        assert sum(took < 0.4 for _, _, took in answers) == 5 and answers[-1][2] < 1.5
        wait_until(lambda: "has not answered" in site.rollcall.log, what="the breaker")
        began = time.monotonic()
        assert sessions[0].rcpt("another@lists.example.com")[1].startswith(b"451 4.4.3 ")
        assert time.monotonic() - began < 0.2
    finally:
        site.slapd.go_on()
    wait_until(lambda: sessions[1].rcpt("stuff@lists.example.com")[1].startswith(b"550 5.1.1 "), what="answers again")
    for s in sessions:
        s.close()


@pytest.mark.parametrize("cache", ["{ }", "{ no: 1h }"])
def test_the_breaker_stays_open_while_the_directory_hangs(make_site, cache):
    """The probe is never answered from memory, where the answer to an earlier one would be."""
    site = make_site(mta="sink", source_more=f"cache: {cache}", milter="deadline: 300ms\nbreaker: 2\nprobe: 100ms")
    m = milter.Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    for n in range(2):
        site.slapd.hang()
        try:
            for i in range(2):
                assert m.rcpt(f"other{n}{i}@lists.example.com")[1].startswith(b"451 4.4.3 ")
            wait_until(lambda: site.rollcall.log.count("has not answered") == n + 1, what="the breaker")
            ended = time.monotonic() + 2
            for i in itertools.count():
                began = time.monotonic()
                assert m.rcpt(f"more{n}{i}@lists.example.com")[1].startswith(b"451 4.4.3 ")
                assert time.monotonic() - began < 0.25
                if began > ended:
                    break
                time.sleep(0.1)
            assert site.rollcall.log.count("answers again") == n
        finally:
            site.slapd.go_on()
        wait_until(lambda: m.rcpt(f"back{n}@lists.example.com")[1].startswith(b"550 5.1.1 "), what="answers again")
    m.close()


def connections(port):
    """How many there are to a port of this host."""
    rows = [line.split() for line in open("/proc/net/tcp")][1:]
    return sum(remote.endswith(f":{port:04X}") and state == "01" for _, _, remote, state, *_ in rows)


def test_connections_of_a_burst_are_closed_again(make_site):
    """Though one of them is always in use."""
    site = make_site(mta="sink", source_more="cache: { yes: 0s, no: 0s }\n              idle: 1s",
                     milter="deadline: 20s\nbreaker: 1000")
    sessions = [milter.Milter(site.rollcall.milter_socket) for _ in range(4)]
    for s in sessions:
        s.connect()
        s.mail("ann@example.com")
    site.slapd.hang()
    try:
        for n, s in enumerate(sessions):
            s.send(b"R", b"<other%d@lists.example.com>\0" % n)
        time.sleep(0.5)
    finally:
        site.slapd.go_on()
    assert all(text.startswith(b"550 5.1.1 ") for _, text, _ in answers_of(sessions, time.monotonic()))
    assert connections(site.slapd.port) == 5      # the fifth asked who the sender is
    for n in range(6):
        time.sleep(0.3)
        assert sessions[0].rcpt(f"again{n}@lists.example.com")[1].startswith(b"550 5.1.1 ")
    assert connections(site.slapd.port) == 1
    for s in sessions:
        s.close()


def test_progress_is_reported_while_it_waits(make_site):
    """So that the MTA's own time does not run out first."""
    site = make_site(mta="sink", milter="deadline: 20s\nbreaker: 1000")
    m = milter.Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    site.slapd.hang()
    try:
        m.send(b"R", b"<other@lists.example.com>\0")
        time.sleep(0.2)
    finally:
        site.slapd.go_on()
    assert m.read()[1].startswith(b"550 5.1.1 ")
    m.close()
