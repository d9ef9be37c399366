"""What is sendmail's own: our macros in Debian's configuration, what it lacks, what it does when we are away."""
import re
import shutil
import signal
import ssl
import subprocess
import time

import pytest

from testbed import client, directory
from testbed.base import ROOT, end_process, free_port, unpacked, wait_until
from testbed.rollcall import PROVEN

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def test_the_example_in_force(make_site):
    """Debian's sendmail.mc with our lines, as shipped but for places and ports."""
    site = make_site(mta="sendmail", start=False)
    sm = site.mta
    text = (ROOT / "sendmail-cf/example.mc").read_text()
    private = f"""define(`MAIL_SETTINGS_DIR', `{sm.dir}/')dnl
define(`QUEUE_DIR', `{sm.queue}')dnl
define(`STATUS_FILE', `{sm.dir}/statistics')dnl
define(`confPID_FILE', `{sm.dir}/pid')dnl
define(`confTRUSTED_USER', `root')dnl
define(`confDOMAIN_NAME', `mail.example.com')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {site.sink.port}')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confTO_RESOLVER_RETRANS', `1s')dnl
FEATURE(`accept_unresolvable_domains')dnl
undefine(`ALIAS_FILE')dnl
"""
    theirs = unpacked("sendmail")
    autoconf = theirs / "usr/share/sendmail/cf/debian/autoconf.m4"
    cf_m4, domain = "include(`/usr/share/sendmail/cf/m4/cf.m4')dnl\n", "DOMAIN(`debian-mta')dnl\n"
    feature = "\nFEATURE(`rollcall', `lists.example.com')dnl\n"
    port = f"define(`ROLLCALL_DAEMON_OPTIONS', `Addr=127.0.0.1, Port={sm.reinject}')dnl"
    for old, new in ((cf_m4, f"include(`{sm.dir}/cf/m4/cf.m4')dnl\ninclude(`{autoconf}')dnl\n"),
                     (domain, domain + private),
                     ("Port=smtp", f"Addr=127.0.0.1, Port={sm.port}"),
                     ("Port=submission", f"Addr=127.0.0.1, Port={free_port()}"),
                     (feature, f"\n{port}\nFEATURE(`rollcall', `lists.example.com', `unix:{sm.sockets}/milter.sock'"
                               f", `unix:{sm.sockets}/lmtp.sock')dnl\n")):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (sm.dir / "local-host-names").touch()
    subprocess.run([theirs / "usr/libexec/sendmail/makemap", "-C", "/dev/null", "hash", sm.dir / "access.db"],
                   input="", text=True, env=sm.environment() | {"LD_PRELOAD": ""}, check=True)
    sm.text = lambda: text
    site.start()
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("stuff@lists.example.com") == "550 5.1.1"
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(4) == STAFF


# ---- the macros ----

@pytest.mark.parametrize("domains, lmtp, line", [
    ("lists.example.com", "unix:/run/rollcall/lmtp.sock", "A=FILE /run/rollcall/lmtp.sock"),
    ("lists.example.com other.example", "inet:2424@127.0.0.1", "A=TCP $h 2424"),
])
def test_what_the_macros_make(make_site, domains, lmtp, line):
    sm = make_site(mta="sendmail", start=False, sendmail={"domains": domains, "lmtp": lmtp}).mta
    sm.configure()
    cf = (sm.dir / "sendmail.cf").read_text()
    assert line in cf
    assert f"Name=rollcall, Addr=127.0.0.1, Port={sm.reinject}, InputMailFilters=, M=ACS\n" in cf
    for domain in domains.split():
        addresses = "".join(f"3,0 staff@{d}\n" for d in (domain, domain.upper(), "no" + domain, "sub." + domain))
        got = re.findall(r"parse +returns: (.*)", sm.run("-bt", input=addresses).stdout)
        host = "$@ rollcall" if lmtp.startswith("unix") else "$@ [ 127 . 0 . 0 . 1 ]"
        assert [g.startswith(f"$# rollcall {host} $: staff") for g in got] == [True, True, False, False], got


def test_filters_for_posts_on_their_way_out(make_site):
    """Here it is ours that is named: then it is asked where posts come back, and refuses while it is away."""
    site = make_site(mta="sendmail", sendmail={"mc": "define(`ROLLCALL_DAEMON_FILTERS', `rollcall')dnl\n"})
    site.submit()
    assert site.wait_for(4) == STAFF
    end_process(site.rollcall.milter)
    site.submit()
    wait_until(lambda: "451 4.3.2" in site.rollcall.log, what="a batch that is put off")


@pytest.mark.parametrize("domains, lmtp, complaint", [
    ("", "unix:/run/lmtp.sock", "needs the domains of lists"),
    ("lists.example.com", "/run/lmtp.sock", "neither unix:/path nor inet:port@host"),
    ("lists.example.com", "inet:127.0.0.1:24", "neither unix:/path nor inet:port@host"),
])
def test_what_the_macros_complain_of(make_site, domains, lmtp, complaint):
    sm = make_site(mta="sendmail", start=False, sendmail={"domains": domains, "lmtp": lmtp}).mta
    with pytest.raises(RuntimeError, match=complaint):
        sm.configure()


# ---- what passes, and what does not ----

def test_what_the_expander_gets(make_site):
    """The sink in its place, over TCP: the same bytes, nothing added but the stamp and Received, addresses spaced anew."""
    site = make_site(mta="sendmail", start=False, destinations=PROVEN,
                     sendmail={"mc": "FEATURE(`accept_unqualified_senders')dnl\n"})
    site.mta.lmtp = f"inet:{site.sink.port}@127.0.0.1"
    site.start()
    head = ("X-Odd:   two  blanks \r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nFolded: a\r\n\tb\r\n c\r\n"
            f"X-Long: {'y' * 1500}\r\nPrecedence: bulk\r\n")
    body = "From here\r\n.two\r\n..three\r\n" + "x" * 5000 + "\r\n\r\nä \r\n".encode().decode()
    with site.smtp() as c:
        c.mail("ann@example.com", "BODY=8BITMIME")
        c.rcpt("Staff+Detail@lists.example.com")
        assert c.data(f"{head}\r\n{body}".encode()).code == 250
        c.mail("ann")
        assert c.rcpt("staff@lists.example.com").code == 250
        to = "To: a@example.com,b@example.com,\r\n   \"C, D\" <c@example.com>\r\n"
        gone = "Return-Path: <x@example.org>\r\nBcc: x@example.org\r\nContent-Length: 6\r\n"
        assert c.data(f"{gone}From: ann\r\n{to}\r\nHello.\r\n".encode()).code == 250
    wait_until(lambda: len(site.sink.transactions) == 2, what="two messages")
    plain, addresses = sorted(site.sink.transactions, key=lambda t: b"X-Odd" not in t.data)
    received = re.match(rb"Rollcall-Stamp: .*\r\n(\t.*\r\n)*Received: .*\r\n(\t.*\r\n)*", plain.data)
    assert plain.data[received.end():] == f"{head}\r\n{body}".encode()
    assert plain.recipients == ["Staff+Detail@lists.example.com"] and "BODY=8BITMIME" in plain.parameters
    assert addresses.sender == "ann@mail.example.com"
    assert addresses.data.endswith(
        b'GMT\r\nFrom: ann\r\nTo: a@example.com, b@example.com, "C, D" <c@example.com>\r\n\r\nHello.\r\n')


def test_several_lists_are_one_transaction(make_site):
    site = make_site(mta="sendmail")
    with site.smtp() as c:
        c.mail("ann@example.com")
        for name in ("a+b", "staff-request", "noowner"):
            assert c.rcpt(f"{name}@lists.example.com").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(3) == ["ann@example.com", "dora@example.com", "emil@example.com"]
    (line,) = [x for x in site.mta.log.splitlines() if "mailer=rollcall" in x]
    assert line.count("@lists.example.com>") == 3


def test_more_recipients_than_it_takes(make_site):
    """452 ends a batch early: what is left goes in others."""
    site = make_site(directory.crowded(120), mta="sendmail",
                     sendmail={"mc": "define(`confMAX_RCPTS_PER_MESSAGE', `50')dnl\n"})
    site.post(to="g120@lists.example.com", sender="user0@example.net")
    site.wait_for(120)
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == sorted(f"user{i}@example.net" for i in range(120))


def test_names_beyond_ascii(make_site, place):
    """Domains work in their ASCII form; addresses that need SMTPUTF8 are refused, and those of members reported."""
    (place / "lists.json").write_text("""{ "lists": [
        { "address": "alle@bücher.example", "errors": "errors@example.com",
          "members": [ "ann@example.com", "jörg@example.com", "bob@müller.example" ] } ] }""", encoding="utf-8")
    site = make_site(mta="sendmail", sources=f"lists: {{ kind: file, path: {place}/lists.json }}",
                     destinations="bücher.example: { sources: [ lists ] }",
                     sendmail={"domains": "xn--bcher-kva.example"})
    with site.smtp_from_abroad() as c:
        assert "SMTPUTF8" not in repr(c.hello)
        c.mail("eve@elsewhere.example")
        assert c.rcpt("alle@bücher.example").code == 550          # "Relaying denied"
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("größe@xn--bcher-kva.example") == "501 5.1.3"
        assert c.rcpt("niemand@xn--bcher-kva.example") == "550 5.1.1"
        assert c.rcpt("Alle@XN--bcher-kva.example").code == 250
        assert c.data(client.message(to="alle@xn--bcher-kva.example")).code == 250
    got = site.wait_for(3)
    assert got == ["ann@example.com", "bob@xn--mller-kva.example", "errors@example.com"]
    (report,) = site.sink.delivered("errors@example.com")
    assert "xn--bcher-kva.example" in site.sink.delivered("ann@example.com")[0].sender
    assert "5.6.7" in report.data.decode(), report.data.decode()


# ---- who posts ----

def test_a_login(make_site):
    """AUTH with a certificate: {auth_authen} is what the milter asks for, and opens the list."""
    site = make_site(mta="sendmail", start=False, destinations=PROVEN)
    tls = site.slapd.dir
    site.slapd.make_certificates()
    subprocess.run("openssl req -newkey rsa:2048 -nodes -subj /CN=ann -keyout ann.key -out ann.req &&"
                   " openssl x509 -req -in ann.req -CA ca.pem -CAkey cakey.pem -days 2 -CAcreateserial -out ann.pem &&"
                   " chmod 600 *key*",
                   shell=True, cwd=tls, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    site.mta.mc = "TRUST_AUTH_MECH(`EXTERNAL')dnl\n" + "".join(f"define(`{k}', `{v}')dnl\n" for k, v in (
        ("confCACERT", tls / "ca.pem"), ("confCACERT_PATH", tls), ("confSERVER_CERT", tls / "cert.pem"),
        ("confSERVER_KEY", tls / "key.pem"), ("confAUTH_MECHANISMS", "EXTERNAL")))
    site.start()
    context = ssl.create_default_context(cafile=tls / "ca.pem")
    context.load_cert_chain(tls / "ann.pem", tls / "ann.key")
    with site.smtp_from_abroad() as c:
        assert c.command("STARTTLS").code == 220
        c.socket = context.wrap_socket(c.socket, server_hostname="127.0.0.1")
        c.file = c.socket.makefile("rb")
        assert "AUTH EXTERNAL" in repr(c.command("EHLO client.example.org"))
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com") == "550 5.7.1"
        c.command("RSET")
        assert c.command("AUTH EXTERNAL =").code == 235
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message()).code == 250
    site.wait_for(4)
    assert site.rollcall.log_lines("end")[0]["login"] == "/CN+3Dann"      # it gives logins in xtext (RFC 3461)


# ---- when we are away ----

def test_the_milter_is_away(make_site):
    """Everybody is told to come back; what is in the spool goes out, by the daemon without filters."""
    site = make_site(mta="sendmail")
    end_process(site.rollcall.milter)
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 451
    site.submit()
    assert site.wait_for(4) == STAFF
    site.rollcall.start_milter()
    site.post()
    site.wait_for(8)


def test_the_milter_hangs(make_site):
    site = make_site(mta="sendmail",
                     sendmail={"mc": "define(`ROLLCALL_MILTER_TIMES', `C:1s;S:1s;R:1s;E:2s')dnl\n"})
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        site.rollcall.milter.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert c.rcpt("staff@lists.example.com").code == 451
            assert 0.9 < time.monotonic() - began < 5
        finally:
            site.rollcall.milter.send_signal(signal.SIGCONT)
    site.post()
    assert site.wait_for(4) == STAFF


def test_the_expander_is_away(make_site):
    """sendmail keeps what it has taken."""
    site = make_site(mta="sendmail")
    site.rollcall.kill_expander()
    site.post()
    wait_until(lambda: "stat=Deferred" in site.mta.log, what="a delivery that is put off")
    assert site.mta.queued() == 1
    site.rollcall.start_expander()
    assert site.wait_for(4) == STAFF
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")


def test_as_a_user_of_its_own(make_site):
    """The sockets of README.md: rollcall's own, in a directory of its own, which only root may enter besides."""
    site = make_site(mta="sendmail", start=False, more="user: nobody")
    state = site.rollcall.dir / "state"
    state.mkdir()
    for path, mode in ((state, 0o700), (site.mta.sockets, 0o750)):
        shutil.chown(path, "nobody", "nogroup")
        path.chmod(mode)
    (site.rollcall.dir / "log").touch()
    shutil.chown(site.rollcall.dir / "log", "nobody")
    site.start()
    site.post()
    assert site.wait_for(4) == STAFF
