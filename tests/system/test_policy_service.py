"""The check policy-service: servers of Postfix's policy protocol, asked when nobody else objects."""
import socket
import time

import pytest

from testbed.milter import Milter
from testbed.policyd import Faulty, RateLimit

STAFF = "staff@lists.example.com"


def asking(check, *before):
    checks = ", ".join(("posters: { allow: anyone }", *before, f"policy-service: {{ {check} }}"))
    return f"lists.example.com: {{ sources: [ corp ], check: [ {checks} ] }}"


@pytest.fixture
def faulty(place):
    servers = []

    def faulty(answer):
        said = answer if callable(answer) else lambda request, count: answer
        servers.append(Faulty(place / f"policy{len(servers)}", said))
        return servers[-1], f"server: 'unix:{servers[-1].server_address}'"
    yield faulty
    for s in servers:
        s.stop()


def test_a_real_server(make_site, mta, place):
    """Two posts pass, for the third its answer is to wait."""
    server = RateLimit(place / "limit", 2)
    server.start()
    try:
        site = make_site(mta=mta, destinations=asking(f"server: 'unix:{server.socket}'"))
        for _ in range(2):
            site.post()
        with site.smtp() as c:
            assert c.mail("ann@example.com").code == 250
            assert c.rcpt(STAFF) == "451 4.7.1"
        (line,) = site.rollcall.log_lines("rcpt", verdict="defer")
        assert (line["by"], line["reason"]) == ("policy-service", "defer_if_permit wait a little")
        assert server.log().count("connection from") == 1      # it is kept
    finally:
        server.stop()


def test_what_it_is_told(make_site, mta, faulty):
    server, where = faulty(b"action=dunno\n\n")
    site = make_site(mta=mta, destinations=asking(where))
    with site.smtp() as c:
        c.command("EHLO client.example.net")
        c.mail("Ann@Example.com", "SIZE=1000")
        assert c.rcpt("staff+x@lists.example.com").code == 250
        c.rcpt("dev@lists.example.com")
        c.command("RSET")
        c.mail("ann@example.com")
        c.rcpt(STAFF)
    first, other, later = server.requests
    assert first.pop("instance") == other["instance"] != later["instance"]
    assert first.pop("client_name") == first.pop("reverse_client_name") != ""
    assert first == {
        "request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP",
        "helo_name": "client.example.net", "sender": "ann@example.com",
        "recipient": "staff+x@lists.example.com", "recipient_count": "0", "client_address": "127.0.0.1", "size": "1000",
        "sasl_username": "", "encryption_protocol": ""}
    assert other["recipient"] == "dev@lists.example.com"


def ask(site):
    """The milter's answer to RCPT, and the line of the log that a refusal has."""
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    kind, text = m.rcpt(STAFF)
    m.close()
    return (text[:9].decode() if kind == b"y" else kind.decode()), (site.rollcall.log_lines("rcpt") or [{}])[-1]


@pytest.mark.parametrize("said, want, reason", [
    (b"action=DUNNO\n\n", "c", None),
    (b"x=y\naction=ok whatever\n\n", "c", None),
    (b"action=prepend X-Spam: no\n\n", "c", None),
    (b"action=reject go away\n\n", "550 5.7.1", "reject go away"),
    (b"action=554 5.7.1 go away\n\n", "550 5.7.1", "554 5.7.1 go away"),
    (b"action=450 4.2.0 wait\n\n", "451 4.7.1", "450 4.2.0 wait"),
    (b"action=DEFER_IF_PERMIT greylisted\n\n", "451 4.7.1", "DEFER_IF_PERMIT greylisted"),
    (b"action=HOLD\n\n", "451 4.7.1", "this action cannot be taken here: HOLD"),
    (b"action=5\n\n", "451 4.7.1", "this action cannot be taken here: 5"),
    (b"action=\n\n", "451 4.7.1", "this action cannot be taken here: "),
    (b"verdict=ok\n\n", "451 4.7.1", "the answer has no action"),
    (b"action=ok\n\naction=ok\n\n", "451 4.7.1", "SERVER: the answer has no end, or more behind it"),
    (b"action=ok\0\n\n", "451 4.7.1", "SERVER: the answer has a NUL in it"),
    (b"x" * 5000, "451 4.7.1", "SERVER: the answer has no end, or more behind it"),
    (None, "451 4.7.1", "SERVER: it ends the connection without an answer"),
])
def test_answers(make_site, faulty, said, want, reason):
    server, where = faulty(said)
    got, line = ask(make_site(mta="sink", destinations=asking(where)))
    assert got == want
    assert line.get("reason") == (reason and reason.replace("SERVER", where[9:-1]))


def test_that_hangs_or_is_away(make_site, faulty, place):
    """Only its own posts wait, for as long as it may take."""
    server, where = faulty(b"action=ok")
    site = make_site(mta="sink", destinations=asking(f"{where}, timeout: 200ms"))
    got, line = ask(site)
    assert (got, line["by"]) == ("451 4.7.1", "policy-service") and line["reason"].endswith("no answer in time")
    site = make_site(mta="sink", destinations=asking(f"server: 'unix:{place}/nowhere'"))
    got, line = ask(site)
    assert got == "451 4.7.1" and "nowhere" in line["reason"]


def test_that_was_started_again(make_site, faulty):
    """A kept connection has ended: the question goes over a new one."""
    server, where = faulty(b"action=dunno\n\n")
    server.answer = lambda request, count: b"action=dunno\n\n" if count != 2 else None
    site = make_site(mta="sink", destinations=asking(where))
    assert [ask(site)[0] for _ in range(3)] == ["c", "c", "c"]
    assert (server.connections, len(server.requests)) == (2, 4)


def test_is_not_asked_where_somebody_else_objects(make_site, faulty):
    """Being asked has effects: it waits for the others, also those that take time."""
    server, where = faulty(b"action=dunno\n\n")
    for other, want in (("fail: { after: 200ms }", "550 5.7.1"), ("fail: { after: 200ms, answer: unsure }", "451 4.7.1"),
                        ("max-size: { limit: 1k }, fail: { at: end }", "c"), ("fail: { answer: pass, after: 200ms }", "c")):
        site = make_site(mta="sink", destinations=asking(where, other))
        before = len(server.requests)
        began = time.monotonic()
        assert ask(site)[0] == want
        assert len(server.requests) - before == (want == "c")
        assert time.monotonic() - began < 10
        # Nor where the operator asks what would happen.
        got = site.rollcall.ctl("explain", "ann@example.com", STAFF, "--json", check=None)
        assert ("policy-service" in got.stdout) and len(server.requests) - before == (want == "c") * 2


@pytest.mark.parametrize("at, state, count", [("data", "DATA", "1"), ("end", "END-OF-MESSAGE", "1")])
def test_moments(make_site, mta, faulty, at, state, count):
    server, where = faulty(b"action=reject\n\n")
    site = make_site(mta=mta, destinations=asking(f"{where}, at: {at}"))
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt(STAFF).code == 250
        assert c.data(b"Subject: x\r\n\r\nx\r\n") == "550 5.7.1"
    (request,) = server.requests
    assert (request["protocol_state"], request["recipient_count"], request["recipient"]) == (state, count, STAFF)
    assert at == "data" or int(request["size"]) >= 15


def test_that_is_not_needed_any_more(make_site, faulty):
    """Its answer cannot change the verdict: nobody waits for it."""
    first, one = faulty(b"")
    second, two = faulty(b"action=reject\n\n")
    site = make_site(mta="sink", destinations=f"lists.example.com: {{ sources: [ corp ], check: [ posters: {{ allow: anyone }}, "
                     f"policy-service: {{ {two} }}, policy-service: {{ {one}, timeout: 4m }} ] }}", milter="deadline: 20s")
    began = time.monotonic()
    got, line = ask(site)
    assert got == "550 5.7.1" and time.monotonic() - began < 15
    assert [word.split("/")[0] for word in line["asked"].split()[-2:]] == ["policy-service=fail", "policy-service=cancelled"]


def test_over_tcp(make_site):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        site = make_site(mta="sink", destinations=asking(f"server: 'inet:127.0.0.1:{listener.getsockname()[1]}'"))
        m = Milter(site.rollcall.milter_socket)
        m.connect()
        m.mail("ann@example.com")
        m.send(b"R", b"<staff@lists.example.com>\0")
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(10000).endswith(b"\n\n")
            connection.sendall(b"action=du")
            time.sleep(0.05)
            connection.sendall(b"nno\n\n")
            assert m.read()[0] == b"c"
        m.close()
