"""Fixtures: a site is a real slapd, a real MTA, a recording server behind it and our daemons between them."""
import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import shutil
import socket
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from testbed.base import BUILD, wait_until  # noqa: E402
from testbed import client, directory, postfix, proxy, rollcall, sendmail, sink, slapd  # noqa: E402

PEOPLE = ["ann", "bob", "carl", "dora", "emil"]


def company():
    """A few people and lists with everything that may be odd about them."""
    p, g = directory.person_dn, directory.group_dn
    out = directory.top() + "".join(directory.person(u) for u in PEOPLE)
    out += directory.person("nomail", mail=False)
    out += directory.entry(p("twomail"), objectClass=["inetOrgPerson"], uid="twomail", cn="Two", sn="Mail",
                           mail=["two.a@example.com", "two.b@example.com"])
    out += directory.person("same1", "Shared@Example.com") + directory.person("same2", "shared@example.com")
    out += directory.group("staff", [p("ann"), p("bob"), g("dev")], owners=[p("ann")],
                           mailAlternateAddress="everybody@lists.example.com", description="All of us")
    out += directory.group("dev", [p("carl"), p("ann"), g("staff")],
                           mgrpRFC822MailMember="guest@partner.example.net")
    out += directory.group("edge", [p("ann"), p("nomail"), p("twomail"), p("same1"), p("same2"), p("gone"),
                                    g("gone")], owners=[p("bob")])
    out += directory.group("dangling", [p("gone1"), p("gone2"), p("gone3")])
    out += directory.group("a+b", [p("dora")])
    out += directory.group("staff-request", [p("emil")])
    out += directory.group("noowner", [p("ann")])
    out += directory.group("errors", [p("ann")], mgrpErrorsTo="mailto:Errors@Example.com", owners=[p("bob")])
    out += directory.group("ownedbylist", [p("ann")], owners=[g("dev")])
    return out


@contextlib.contextmanager
def short_directory():
    """A short-named directory that Postfix may enter, removed at the end."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="rc", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def place():
    with short_directory() as path:
        yield path


@pytest.fixture(scope="module")
def module_place():
    """The same, for servers that the tests of a file share."""
    with short_directory() as path:
        yield path


@pytest.fixture(scope="session")
def company_ldif():
    return company()


class Site:
    """
    `mta` is "postfix", "sendmail" or "sink": with that the sink takes the injections itself, for faults. `server` is a
    directory that runs already, with the settings of a source for it; without it there is a slapd of its own.
    """

    def __init__(self, path, ldif, mta="postfix", **options):
        self.path = path
        server = options.pop("server", None)
        self.slapd = None if server else slapd.Slapd(path / "ldap", **options.pop("slapd", {}))
        if self.slapd:
            self.slapd.load(ldif)
            self.slapd.start()
        self.proxy = None
        uri = (server or self.slapd).uri
        if options.pop("through_proxy", False):
            self.proxy = proxy.Proxy(("127.0.0.1", self.slapd.port))
            uri = self.proxy.uri
        self.sink = sink.Sink()
        self.mta = self.postfix = None
        if server:
            options["sources"] = "corp:\n" + rollcall.ldap_settings({"uri": f'"{uri}"', **server.settings()})
        sources = options.pop("sources", None) or f"""
            corp:
              kind: ldap
              uri: [ "{uri}" ]
              base: dc=example,dc=com
              {options.pop("source_more", "")}
            """
        of_mta = {name: options.pop(name, {}) for name in ("postfix", "sendmail")}
        port, group, sockets = self.sink.port, None, None
        if mta == "postfix":
            self.mta = postfix.Postfix(path / "pf", relay=self.sink.address, **of_mta["postfix"])
            self.postfix = self.mta
        elif mta == "sendmail":
            self.mta = sendmail.Sendmail(path / "sm", relay=self.sink.address, **of_mta["sendmail"])
            options["more"] = "networks: [ 127.0.0.1/32 ]\n" + options.get("more", "")
        if self.mta:
            self.mta.make_directories()
            port, group, sockets = self.mta.reinject, self.mta.owner, self.mta.sockets
        self.rollcall = rollcall.Rollcall(path / "rc", sources, mta=port, group=group, sockets=sockets,
                                          **options)

    def start(self):
        self.rollcall.start()
        if self.mta:
            self.mta.start()
        return self

    def stop(self):
        """All of it, also where one of them complains at its end."""
        with contextlib.ExitStack() as others:
            for thing in (self.sink, self.slapd, self.proxy, self.mta):
                if thing:
                    others.callback(thing.stop)
            self.rollcall.stop()

    def smtp(self):
        return client.Client(("127.0.0.1", self.mta.port))

    def smtp_from_abroad(self):
        """A client outside of the trusted networks."""
        if not self.postfix:
            return client.Client(("127.0.0.1", self.mta.port), source="127.0.0.9")
        c = self.smtp()
        c.xclient(ADDR="203.0.113.7", NAME="relay.example.net")
        return c

    def lmtp(self, greet=True):
        return client.Client(self.rollcall.lmtp_socket, lmtp=True, greet=greet)

    def post(self, to="staff@lists.example.com", sender="ann@example.com", message=None, **more):
        """One post over SMTP that is taken."""
        with self.smtp() as c:
            assert c.mail(sender).code == 250
            assert c.rcpt(to).code == 250
            reply = c.data(message or client.message(to=to, **more))
            assert reply.code == 250, reply
            return reply

    def received(self, member, **post):
        """What a member gets of one post over SMTP."""
        before = len(self.sink.delivered(member))
        self.post(**post)
        wait_until(lambda: len(self.sink.delivered(member)) > before, what="the post")
        return self.sink.delivered(member)[-1].data

    def submit(self, to="staff@lists.example.com", sender="ann@example.com", message=None, parameters=""):
        """One post straight over LMTP; the reply."""
        with self.lmtp() as c:
            assert c.mail(sender, parameters).code == 250
            assert c.rcpt(to).code == 250
            return c.data(message or client.message(to=to))[0]

    def submit_and_die(self, copies):
        """One post over LMTP, whose expander dies after so many of its copies; the envelope that is left."""
        self.sink.on_dot = lambda t: self.rollcall.kill_expander() if len(self.sink.delivered()) == copies else None
        self.submit()
        wait_until(lambda: self.rollcall.expander is None, what="the end")
        self.sink.on_dot = None
        (envelope,) = (self.rollcall.dir / "state/spool/outbound").glob("*/envelope.json")
        return json.loads(envelope.read_text())

    def say_receipts(self):
        """As an MTA would, of all that the sink has taken."""
        for t in self.sink.delivered():
            with self.lmtp() as c:
                c.mail(t.sender)
                assert c.rcpt(t.receipts[0]).code == 550

    def wait_for(self, count, seconds=20):
        """Until so many copies have arrived; returns all recipients in order."""
        wait_until(lambda: len(self.sink.recipients()) >= count, seconds, f"{count} copies")
        return sorted(self.sink.recipients())


@pytest.fixture
def make_site(place, company_ldif):
    """make_site(...) builds a site; all are stopped at the end."""
    sites, numbers = [], itertools.count()

    def make(ldif=None, start=True, **options):
        site = Site(place / str(next(numbers)), ldif or company_ldif, **options)
        sites.append(site)
        return site.start() if start else site

    yield make
    with contextlib.ExitStack() as all_of_them:
        for site in reversed(sites):
            all_of_them.callback(site.stop)


@pytest.fixture(params=["postfix", "sendmail"])
def mta(request):
    """For tests, or files of them, that run with either."""
    return request.param


@pytest.fixture
def port_25():
    """Debian's master.cf listens there. One test at a time, whatever other processes run."""
    with open(BUILD / "port-25.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", 25))
            except OSError as e:
                pytest.skip(f"port 25 is not free on this machine: {e}")
        yield


@pytest.fixture
def site(make_site):
    return make_site()


@pytest.fixture
def lmtp_site(make_site):
    """Without Postfix: the test speaks LMTP, and the sink takes the injections."""
    return make_site(mta="sink")


@pytest.fixture
def nobody_site(make_site):
    """The same; its daemons are started as root, and become the user nobody."""
    site = make_site(mta="sink", start=False, more="user: nobody")
    state = site.rollcall.dir / "state"
    state.mkdir()
    shutil.chown(state, "nobody", "nogroup")
    site.rollcall.dir.chmod(0o777)
    return site.start()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails shows what the daemons wrote."""
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" or not report.failed:
        return
    place = item.funcargs.get("place")
    for pattern in ("*/rc/log", "*/rc/errors", "*/pf/maillog", "*/sm/maillog", "*/sm/errors"):
        for path in sorted(place.glob(pattern)) if place else []:
            text = path.read_text(errors="replace")
            if text:
                report.sections.append((str(path), text[-6000:]))


@pytest.fixture(scope="session")
def corpus():
    path = pathlib.Path(__file__).resolve().parents[3] / "shared" / "corpus"
    if not path.is_dir():
        pytest.skip("no corpus")
    return path


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("the whole-system tests start a private Postfix, which needs root")
