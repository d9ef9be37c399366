"""STARTTLS and AUTH towards an MTA elsewhere: a real Postfix, and all that may be wrong about it."""
import pytest

from testbed import directory
from testbed.base import free_port, make_certificates, wait_until
from testbed.logins import Logins

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]

REMOTE = """
127.0.0.1:{port} inet n - n - - smtpd
  -o syslog_name=postfix/remote
  -o smtpd_milters=
  -o smtpd_tls_security_level={level}
  -o smtpd_tls_cert_file={certificates}/cert.pem
  -o smtpd_tls_key_file={certificates}/key.pem
  -o smtpd_tls_received_header=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_hard_error_limit=100000
"""
LOGIN = """  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path={socket}
  -o smtpd_sasl_security_options=noanonymous
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
"""


@pytest.fixture
def make_remote(make_site, place):
    """A site whose posts go to a port of Postfix that has TLS, and `more` options; the site says with which settings."""
    (place / "tls").mkdir()
    make_certificates(place / "tls", "mta.example.com")
    (place / "other").mkdir()
    make_certificates(place / "other", "mta.example.com")

    def make(outbound, level="may", more="", ldif=None, **options):
        port = free_port()
        master = REMOTE.format(port=port, level=level, certificates=place / "tls") + more
        site = make_site(ldif, start=False, postfix={"master": master}, **options)
        site.rollcall.mta = port
        settle(site, outbound)
        return site.start()

    def settle(site, outbound):
        site.rollcall.outbound_more = outbound.format(place=place)
    make.settle = settle
    return make


def reasons(site):
    return [e["reason"] for e in site.rollcall.ctl_json("queue")["entries"] if e.get("reason")]


def go_on(site, make_remote, outbound):
    """The operator mends it."""
    make_remote.settle(site, outbound)
    site.rollcall.reload()
    site.rollcall.ctl("retry", "all")


GOOD = "tls: required\ntls-ca: {place}/tls/ca.pem\n"


def test_over_tls(make_remote):
    """Proven by address; a large message in several batches arrives whole."""
    site = make_remote(GOOD + "batch: 50\nlanes: 2", ldif=directory.crowded(300))
    text = "".join(f"line {i} {'x' * 70}\r\n" + ".\r\n" * (i % 100 == 0) for i in range(20000))
    body = f"From: ann@example.com\r\nTo: g300@lists.example.com\r\nSubject: large\r\n\r\n{text}".encode()
    site.submit(to="g300@lists.example.com", message=body)
    assert len(set(site.wait_for(300, 60))) == 300
    for t in site.sink.delivered():
        assert t.data.endswith(text.encode()) and "using TLSv1." in "".join(t.fields("Received"))
    assert not site.rollcall.log_lines("inject", state="deferred")


def test_proven_by_name(make_remote):
    site = make_remote(GOOD + "tls-name: mta.example.com")
    site.submit()
    assert site.wait_for(4) == STAFF


@pytest.mark.parametrize("wrong,level,reason", [
    ("tls: required\ntls-ca: {place}/other/ca.pem", "may", "TLS: certificate: "),
    ("tls: required", "may", "TLS: certificate: "),
    (GOOD + "tls-name: elsewhere.example.com", "may", "TLS: certificate: hostname mismatch"),
    (GOOD, "none", "it offers no STARTTLS, which outbound.tls requires"),
])
def test_not_proven(make_remote, wrong, level, reason):
    """The post waits, and queue and log say why; nothing is said in the clear."""
    site = make_remote(wrong, level=level)
    site.submit()
    wait_until(lambda: any(reason in r for r in reasons(site)), what="the reason")
    assert site.sink.recipients() == [] and reason in site.rollcall.log
    assert "mail=" not in "".join(line for line in site.mta.log.splitlines() if "remote/smtpd" in line and "disconnect" in line)
    go_on(site, make_remote, GOOD if level == "may" else "tls: opportunistic")
    assert site.wait_for(4) == STAFF


@pytest.mark.parametrize("level,more,secret", [
    ("may", "", True), ("none", "", False), ("may", "  -o smtpd_tls_mandatory_protocols=TLSv1\n  -o smtpd_tls_protocols=TLSv1\n", False)])
def test_opportunistic(make_remote, level, more, secret):
    """Whatever the certificate; in the clear where it is not offered, or fails, which is logged."""
    site = make_remote("tls: opportunistic", level=level, more=more)
    site.submit()
    assert site.wait_for(4) == STAFF
    assert ("using TLSv1." in "".join(site.sink.delivered()[0].fields("Received"))) == secret
    assert ("trying without" in site.rollcall.log) == bool(more)


@pytest.fixture
def make_login(make_remote, place):
    made = []

    def make(mechanisms=("PLAIN", "LOGIN"), password="se cret", known="se cret"):
        (place / "password").write_text(password + "\n")
        (place / "password").chmod(0o600)
        made.append(Logins(place / "auth", {"rollcall": known}, mechanisms))
        return make_remote(GOOD + "auth-user: rollcall\nauth-password-file: {place}/password",
                           more=LOGIN.format(socket=place / "auth")), made[-1]
    yield make
    for logins in made:
        logins.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_login(make_login, mechanism):
    site, logins = make_login([mechanism])
    site.submit()
    assert site.wait_for(4) == STAFF
    assert set(logins.asked) == {(mechanism, "rollcall")}


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_password_that_is_refused(make_login, place, mechanism):
    """The post waits, and goes when the file is right."""
    site, _ = make_login([mechanism], known="another")
    site.submit()
    wait_until(lambda: any(f"AUTH {mechanism}: 535 5.7.8" in r for r in reasons(site)), what="the reason")
    assert "se cret" not in site.rollcall.log and "AHJvbGxjYWxs" not in site.rollcall.log
    (place / "password").write_text("another\n")
    site.rollcall.ctl("reload", check=0)
    site.rollcall.ctl("retry", "all")
    assert site.wait_for(4) == STAFF


def test_no_login_is_offered(make_remote, place):
    (place / "password").write_text("secret\n")
    (place / "password").chmod(0o600)
    site = make_remote(GOOD + "auth-user: rollcall\nauth-password-file: {place}/password")
    site.submit()
    wait_until(lambda: any("AUTH: it offers neither PLAIN nor LOGIN" in r for r in reasons(site)), what="the reason")


@pytest.mark.parametrize("outbound,complaint", [
    ("tls: requierd", "is not one of none, opportunistic, required"),
    ("tls: required\ntls-ca: {place}/nothing.pem", "outbound.tls-ca: {place}/nothing.pem: "),
    ("auth-user: me\nauth-password-file: {place}/good", "tls must be required"),
    (GOOD + "auth-user: me", "outbound.auth-user needs auth-password-file"),
    (GOOD + "auth-user: me\nauth-password-file: {place}/nothing", "there is no file {place}/nothing"),
    (GOOD + "auth-user: me\nauth-password-file: {place}/open", "{place}/open: others may read it"),
    (GOOD + "auth-user: me\nauth-password-file: {place}/empty", "there is no password in its first line"),
])
def test_mistakes(make_site, place, outbound, complaint):
    (place / "tls").mkdir()
    make_certificates(place / "tls", "mta.example.com")
    for name, text, mode in (("good", "x\n", 0o600), ("open", "x\n", 0o644), ("empty", "\nx\n", 0o600)):
        (place / name).write_text(text)
        (place / name).chmod(mode)
    site = make_site(mta="sink", start=False, outbound=outbound.format(place=place))
    site.rollcall.configure()
    (site.rollcall.dir / "state").mkdir()
    with pytest.raises(RuntimeError) as e:
        site.rollcall.start_expander()
    assert complaint.format(place=place) in str(e.value)
