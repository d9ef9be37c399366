"""The LMTP server: its dialogue, its limits, and that 250 means on disk, once."""
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from testbed import client
from testbed.base import clients, wait_until

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def test_the_greeting(lmtp_site):
    with lmtp_site.lmtp(greet=False) as c:
        assert c.banner.code == 220 and "mail.example.com LMTP rollcall" in c.banner.lines[0]
        assert c.command("EHLO x").code == 500
        assert c.mail("ann@example.com") == "503 5.5.1"
        hello = c.command("LHLO client.example.org")
        assert [line[4:] for line in hello.lines] == [
            "mail.example.com", "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8",
            "XFORWARD IDENT", f"SIZE {100 << 20}"]
        assert c.command("LHLO").code == 501
        assert c.command("LHLO <x>").code == 501
        assert c.command("NOOP").code == 250
        assert c.quit().code == 221


@pytest.mark.parametrize("sent, reply", [
    ("RCPT TO:<staff@lists.example.com>", "503 5.5.1"),
    ("DATA", "503 5.5.1"),
    ("MAIL ann@example.com", "501 5.5.4"),
    ("MAIL FROM:ann@example.com", "501 5.5.4"),
    ("MAIL FROM:<ann@example.com", "501 5.5.4"),
    ("MAIL FROM:<ann\0@example.com>", "501 5.5.4"),
    ("MAIL FROM:<ann@example.com> SIZE=x", "555 5.5.4"),
    ("MAIL FROM:<ann@example.com> BODY=BINARYMIME", "555 5.5.4"),
    ("MAIL FROM:<ann@example.com> RET=FULL", "555 5.5.4"),
    ("MAIL FROM:<ann@example.com> SMTPUTF8=1", "555 5.5.4"),
    ("TURN", "500 5.5.1"),
    ("", "500 5.5.1"),
    ("NOOP \0", "501 5.5.4"),
    ("NOOP \r x", "501 5.5.4"),
    ("X" * 5000, "500 5.5.2"),
])
def test_commands_that_are_wrong(lmtp_site, sent, reply):
    with lmtp_site.lmtp() as c:
        assert c.command(sent) == reply
        assert c.command("NOOP").code == 250


@pytest.mark.parametrize("to, reply", [
    ("<stuff@lists.example.com>", "550 5.1.1"),
    ("<staff@example.com>", "550 5.1.2"),
    ('<"staff"+x@lists.example.com>', "550 5.1.1"),
    ("<staff>", "501 5.1.3"),
    ("<>", "501 5.1.3"),
    ("<staff@lists.example.com> NOTIFY=NEVER", "555 5.5.4"),
    ("<dev-request@lists.example.com>", "550 5.1.1"),
    ("<staff-bounces@lists.example.com>", "550 5.7.1"),
    ("<" + "x" * 300 + "@lists.example.com>", "501 5.1.3"),
    ("staff@lists.example.com", "501 5.5.4"),
])
def test_recipients_that_are_refused(lmtp_site, to, reply):
    """C268: with a milter that was away, or asked too little, LMTP refuses what should have been refused before."""
    with lmtp_site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.command("RCPT TO:" + to) == reply
        assert c.command("DATA").code == 503
        assert c.rcpt("staff@lists.example.com").code == 250


def test_a_size_that_is_too_big(lmtp_site):
    """Said to the recipients: what brings a receipt is as big as the post, and never comes."""
    with lmtp_site.lmtp() as c:
        assert c.mail("ann@example.com", "SIZE=999999999999").code == 250
        assert c.rcpt("staff@lists.example.com") == "552 5.3.4"
        assert c.command("DATA").code == 503
        c.command("RSET")
        assert c.mail("ann@example.com", "SIZE=1000").code == 250
        assert c.rcpt("staff@lists.example.com").code == 250


def test_lines_end_in_cr_lf(lmtp_site):
    with lmtp_site.lmtp() as c:
        c.send("NOOP\n")
        assert c.reply() == "500 5.5.2"
        assert c.command("NOOP").code == 250


def test_too_many_errors_end_the_session(lmtp_site):
    with lmtp_site.lmtp() as c:
        codes = []
        with pytest.raises(ConnectionError):
            for _ in range(50):
                codes.append(c.command("WHAT").code)
        assert codes.count(500) <= 22 and codes[-1] == 421


def test_refused_recipients_are_no_errors_of_the_session(lmtp_site):
    """A post to many lists that are gone reaches the one that is left."""
    with lmtp_site.lmtp() as c:
        c.mail("ann@example.com")
        for n in range(60):
            assert c.rcpt(f"gone{n}@lists.example.com").code == 550
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message())[0].code == 250


@pytest.mark.parametrize("sender", ["ann", "a" * 300 + "@example.com", "ann@exa mple", "jörg@exämple.com"])
def test_senders_that_are_odd(lmtp_site, sender):
    """The MTA has taken mail from it; to refuse it now would make the MTA write to it."""
    assert lmtp_site.submit(sender=sender).code == 250
    assert lmtp_site.wait_for(4) == STAFF


def test_pipelining_and_one_reply_for_each(lmtp_site):
    """C024, C263, C271: RFC 2033: replies after the dot for the accepted recipients, in their order; equal ones share an effect."""
    with lmtp_site.lmtp() as c:
        c.send("MAIL FROM:<ann@example.com>\r\nRCPT TO:<staff@lists.example.com>\r\n"
               "RCPT TO:<stuff@lists.example.com>\r\nRCPT TO:<Everybody@lists.example.com>\r\n"
               "RCPT TO:<a+b@lists.example.com>\r\nRCPT TO:<staff+x@lists.example.com>\r\nDATA\r\n")
        assert [c.reply().code for _ in range(7)] == [250, 250, 550, 250, 250, 250, 354]
        c.send(client.message() + b".\r\nQUIT\r\n")
        replies = [c.reply() for _ in range(4)]
        assert [r.code for r in replies] == [250] * 4
        ids = [r.text.split()[-1] for r in replies]
        assert ids[0] == ids[1] == ids[3] != ids[2]
        assert c.reply().code == 221
    assert lmtp_site.wait_for(5) == sorted(STAFF + ["dora@example.com"])
    lmtp_site.rollcall.wait_idle()
    assert lmtp_site.rollcall.counts()["done"] == 2


def test_limits_of_a_transaction(make_site):
    """C275: beyond one the message is refused, and the session goes on."""
    site = make_site(mta="sink", lmtp="recipients: 100", more="limits: { message: 20k, header: 4k }")
    with site.lmtp() as c:
        c.mail("ann@example.com")
        codes = [c.rcpt(f"staff+{i}@lists.example.com") for i in range(101)]
        assert codes[99].code == 250 and codes[100] == "452 4.5.3"
        replies = c.data(client.message(body="x" * 30000 + "\r\n"), 100)
        assert replies[0] == "552 5.3.4" == replies[99]
        c.mail("ann@example.com")
        c.rcpt("staff@lists.example.com")
        assert c.data(client.message(fields=["X: " + "y" * 5000]))[0] == "552 5.3.4"
        c.mail("ann@example.com")
        c.rcpt("staff@lists.example.com")
        # A header that ends, as the MTA has it, at a line that is no field, with a long body behind.
        assert c.data(b"Subject: x\r\nno field\r\n" + b"y" * 5000 + b"\r\n")[0].code == 250
    assert len(site.wait_for(4)) == 4


@pytest.mark.parametrize("body", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\nMAIL FROM:<x@y>\r\n", b"\n.\r\n", b"a\r\r\n"])
def test_bare_line_ends_are_refused(lmtp_site, body):
    """C273."""
    with lmtp_site.lmtp() as c:
        c.mail("ann@example.com")
        c.rcpt("staff@lists.example.com")
        assert c.command("DATA").code == 354
        c.send(b"Subject: x\r\n\r\n" + body + b"\r\n.\r\n")
        assert c.reply() == "554 5.6.0"
        assert c.command("NOOP").code == 250
    assert lmtp_site.rollcall.counts()["done"] == 0


def test_a_nul_goes_through(lmtp_site):
    assert lmtp_site.submit(message=client.message(body=b"a\0b\r\n")).code == 250
    lmtp_site.wait_for(4)
    assert lmtp_site.sink.transactions[0].data.endswith(b"\r\n\r\na\0b\r\n")


def test_the_mta_that_sends_again(lmtp_site):
    """C006, C007: the reply was lost: the same bytes come again, during the fan-out and after it. One copy."""
    again = client.message()
    lmtp_site.sink.delay_dot = 0.5
    first = lmtp_site.submit(message=again)
    second = lmtp_site.submit(message=again)
    assert first.text == second.text
    lmtp_site.wait_for(4)
    lmtp_site.rollcall.wait_idle()
    assert lmtp_site.submit(message=again).text == first.text
    lmtp_site.rollcall.wait_idle()
    assert sorted(lmtp_site.sink.recipients()) == STAFF
    # The same text for another list is another post.
    assert lmtp_site.submit(to="a+b@lists.example.com", message=again).text != first.text
    assert len(lmtp_site.wait_for(5)) == 5


def test_a_reply_that_is_lost_between_the_mta_and_us(make_site, mta):
    """With a proxy that cuts the connection after the dot, the MTA sends again: still one copy."""
    main = "transport_maps = inline:{ lists.example.com=rollcall:inet:127.0.0.1:{PORT} }\n"
    site = make_site(mta=mta, start=False)
    cut = Cut(site.rollcall.lmtp_socket)
    site.mta.main = main.replace("{PORT}", str(cut.port))         # Postfix's
    site.mta.lmtp = f"inet:{cut.port}@127.0.0.1"                  # and sendmail's way to it
    site.start()
    try:
        site.post()
        assert site.wait_for(4) == STAFF
        wait_until(lambda: cut.cuts >= 1 and site.mta.queued() == 0, what="the MTA to be done")
        site.rollcall.wait_idle()
        assert sorted(site.sink.recipients()) == STAFF
        assert re.search("lost connection|stat=Deferred", site.mta.log)
        assert site.rollcall.log_lines("lmtp", reason="a repeat of what is here already")
    finally:
        cut.stop()


class Cut:
    """Passes LMTP on to a unix socket, and the first reply after the first dot not back."""

    def __init__(self, path):
        self.path, self.cuts = path, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        for a in clients(self.listener):
            threading.Thread(target=self.serve, args=(a,), daemon=True).start()

    def serve(self, a):
        b = socket.socket(socket.AF_UNIX)
        b.connect(self.path)
        ended = threading.Event()

        def back():
            while True:
                try:
                    data = b.recv(65536)
                    if ended.is_set() and self.cuts == 0:
                        self.cuts += 1
                        data = b""
                    if not data:
                        a.shutdown(socket.SHUT_RDWR)
                        return
                    a.sendall(data)
                except OSError:           # the other direction has ended it
                    return

        threading.Thread(target=back, daemon=True).start()
        tail = b""                        # the dot may come by itself
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                tail = tail[-4:] + data
                if b"\r\n.\r\n" in tail:
                    ended.set()
                b.sendall(data)
        except OSError:
            pass
        b.close()

    def stop(self):
        self.listener.close()


def test_a_connection_that_ends_within_a_message(lmtp_site):
    """C272."""
    with lmtp_site.lmtp() as c:
        c.mail("ann@example.com")
        c.rcpt("staff@lists.example.com")
        assert c.command("DATA").code == 354
        c.send(b"Subject: x\r\n\r\nhalf a lin")
    wait_until(lambda: "ended within a message" in lmtp_site.rollcall.log, what="the log line")
    spool = lmtp_site.rollcall.dir / "state/spool"
    wait_until(lambda: not list(spool.glob("tmp/*")), what="an empty tmp")
    assert lmtp_site.rollcall.counts() == {"moderation": 0, "pending": 0, "bounce": 0, "outbound": 0, "done": 0, "kept": 0, "held": 0}


def test_a_hundred_megabytes(make_site):
    """The message goes through, and the expander's memory does not grow with it."""
    site = make_site(mta="sink", more="limits: { message: 120M }")
    site.submit()
    site.wait_for(4)
    before = peak_memory(site.rollcall.expander.pid)
    big = client.message(body=(b"x" * 98 + b"\r\n") * (1 << 20))
    assert len(big) > 100 << 20
    assert site.submit(to="a+b@lists.example.com", message=big).code == 250
    assert site.wait_for(5, 60)[-2] == "dora@example.com"
    got = site.sink.delivered("dora@example.com")[0].data
    assert got.endswith(big[big.index(b"\r\n\r\n"):])
    # The message is mapped while it is sent: pages of the file, which the kernel takes back at will.
    assert anonymous_memory(site.rollcall.expander.pid) < 60 << 20
    assert before < 60 << 20


def peak_memory(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) << 10


def anonymous_memory(pid):
    return int(re.search(r"RssAnon:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) << 10


def test_a_full_disk(make_site, place):
    """452, nothing half-written, and work again when there is room."""
    state = place / "small"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", state], check=True)
    try:
        site = make_site(mta="sink", start=False, lmtp="free: 0")
        site.rollcall.configure()
        os.symlink(state, site.rollcall.dir / "state")
        site.start()
        big = client.message(body="x" * 900 + "\r\n") * 1
        assert site.submit(message=client.message(body=("y" * 98 + "\r\n") * 12000)) == "452 4.3.1"
        assert not list((state / "spool/tmp").iterdir())
        assert site.submit(message=big).code == 250
        assert site.wait_for(4) == STAFF
    finally:
        for _ in range(50):
            site.rollcall.stop()
            if subprocess.run(["umount", state]).returncode == 0:
                break
            time.sleep(0.1)


def test_a_disk_with_little_room_left(make_site, place):
    """The room is looked at before the message comes: with SIZE, and with a reserve."""
    state = place / "small"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", state], check=True)
    try:
        site = make_site(mta="sink", start=False, lmtp="free: 1M")
        os.symlink(state, site.rollcall.dir / "state")
        site.start()
        with site.lmtp() as c:
            assert c.mail("ann@example.com", f"SIZE={7 << 19}").code == 250
            assert c.rcpt("staff@lists.example.com") == "452 4.3.1"
            c.command("RSET")
            assert c.mail("ann@example.com", f"SIZE={1 << 20}").code == 250
            assert c.rcpt("staff@lists.example.com").code == 250
    finally:
        site.rollcall.stop()
        subprocess.run(["umount", state])


def test_too_many_sessions(make_site):
    site = make_site(mta="sink", lmtp="sessions: 2")
    with site.lmtp(), site.lmtp():
        third = site.lmtp(greet=False)
        assert third.banner == "421 4.3.2"
        third.close()
    wait_until(lambda: site.lmtp(greet=False).banner.code == 220, what="a free session")


def test_tcp_for_allowed_networks_only(make_site):
    from testbed.base import free_port
    port, other = free_port(), free_port()
    site = make_site(mta="sink", start=False, lmtp="networks: [ 192.0.2.0/24 ]")
    text = site.rollcall.text().replace("listen: unix:" + site.rollcall.lmtp_socket,
                                        f"listen: [ \"inet:127.0.0.1:{port}\", \"unix:{site.rollcall.lmtp_socket}\" ]")
    site.rollcall.text = lambda: text
    site.start()
    with pytest.raises(ConnectionError):
        client.Client(("127.0.0.1", port), lmtp=True)
    site.rollcall.stop()
    text = text.replace("192.0.2.0/24", "127.0.0.0/8").replace(str(port), str(other))
    site.rollcall.text = lambda: text
    site.rollcall.start()
    with client.Client(("127.0.0.1", other), lmtp=True) as c:
        assert c.command("NOOP").code == 250


def test_a_silent_client_is_sent_away(make_site):
    site = make_site(mta="sink", lmtp="timeout: 1s")
    with site.lmtp() as c:
        assert c.reply() == "421 4.4.2"


def test_stopping_ends_idle_sessions_at_once(lmtp_site):
    with lmtp_site.lmtp() as idle, lmtp_site.lmtp(greet=False) as silent, lmtp_site.lmtp() as begun:
        assert begun.mail("ann@example.com").code == 250
        began = time.monotonic()
        lmtp_site.rollcall.expander.terminate()
        assert idle.reply() == "421 4.3.2" and silent.reply() == "421 4.3.2"
        assert time.monotonic() - began < 1
        # A transaction has its time to end.
        assert begun.rcpt("staff@lists.example.com").code == 250
        assert begun.command("RSET").code == 250
        assert begun.reply() == "421 4.3.2"
        assert lmtp_site.rollcall.expander.wait(3) == 0


def test_stopping_is_orderly(lmtp_site):
    """A session in the middle of a message may finish it; the entry is done by the next start."""
    c = lmtp_site.lmtp()
    c.mail("ann@example.com")
    c.rcpt("staff@lists.example.com")
    assert c.command("DATA").code == 354
    c.send(b"Subject: x\r\n\r\n")
    lmtp_site.rollcall.expander.terminate()
    wait_until(lambda: not os.path.exists(lmtp_site.rollcall.dir / "state/expander.control"), what="the stop to begin")
    c.send(b"Hello.\r\n.\r\n")
    assert c.reply().code == 250
    assert c.reply() == "421 4.3.2"
    assert lmtp_site.rollcall.expander.wait(10) == 0
    lmtp_site.rollcall.start_expander()
    assert lmtp_site.wait_for(4) == STAFF
