"""Every check: it passes, fails, is unsure, is late and is cancelled. Those that cannot be one of these say so."""
import contextlib
import re
import time

import pytest

from testbed import client, directory, dkim
from testbed.base import ROOT
from testbed.dns import Dns
from testbed.milter import Milter
from testbed.policyd import Faulty

SILENT, SERVFAIL = {"how": "silent"}, {"how": "servfail"}
ZONE = {"7.113.0.203.in-addr.arpa": {"PTR": ["mail.example.org"]}, "mail.example.org": {"A": ["203.0.113.7"]},
        "9.113.0.203.in-addr.arpa": SERVFAIL, "10.113.0.203.in-addr.arpa": SILENT,
        "_dmarc.example.org": {"TXT": ["v=DMARC1; p=reject"]}, "_dmarc.failing.example": SERVFAIL, "_dmarc.silent.example": SILENT,
        "s1._domainkey.failing.example": SERVFAIL, "s1._domainkey.silent.example": SILENT}
BIG = ("x" * 78 + "\r\n") * 100


def asked(check, passes, fails, unsure=None, waits=None):
    """
    A check, and messages that it passes, that it refuses with a reply, that it cannot know about (None: it always can),
    and about which it waits for somebody who is silent (None: it never waits). A message is a dictionary, as `ask` takes it.
    """
    if not isinstance(unsure, tuple):
        unsure = unsure, "451 4.7.1", {"unsure"}
    return dict(check=check, waits=waits, passes=(passes, None, {"pass"}), fails=(*fails, {"reject"}), unsure=unsure)


PROOF = {"fields": ["Authentication-Results: mx.example.com; dkim=pass header.d=example.org"]}
SHARED = dict(client="127.0.0.1", sender="shared@example.com")       # two people have it
CHECKS = {
    "posters": asked("{ allow: members }", dict(login="ann"), (dict(login="emil"), "550 5.7.1"), SHARED, dict(login="bob")),
    "reject": asked("", None, ({}, "550 5.7.1")),
    "authenticated": asked("{ by: results, trust: mx.example.com }", PROOF, ({}, "550 5.7.1")),
    "require-tls": asked("", dict(tls="TLSv1.3"), ({}, "550 5.7.10")),
    "rdns": asked("", {}, (dict(client="203.0.113.8"), "550 5.7.25"), dict(client="203.0.113.9"), dict(client="203.0.113.10")),
    "dkim": asked("", dict(signed="example.org"), ({}, "550 5.7.22"), dict(author="failing.example", signed="failing.example"),
                  dict(author="silent.example", signed="silent.example")),
    "dmarc": asked("", dict(author="nothing.example"), ({}, "550 5.7.26"), dict(author="failing.example"), dict(author="silent.example")),
    "max-size": asked("{ limit: 5k }", {}, (dict(body=BIG), "552 5.3.4")),
    "own-size": asked("", {}, (dict(body=BIG), "552 5.3.4")),
    "max-recipients": asked("{ limit: 2 }", dict(client="127.0.0.1", beside=1), (dict(client="127.0.0.1", beside=2), "550 5.5.3")),
    "implicit-dest": asked("", {}, (dict(to="bob@example.com"), "550 5.7.1")),
    "header-match": asked("{ fields: 'X-A: ^(a+)+$' }", {}, (dict(fields=["X-A: aa"]), "550 5.7.1"), dict(fields=[f"X-A: {'a' * 60}b"])),
    "required-fields": asked("", {}, (dict(subject=""), "550 5.7.1")),
    "content-type": asked("{ deny: text/html }", {}, (dict(fields=["Content-Type: text/html"]), "550 5.7.1"),
                          (dict(spoiled=""), "452 4.3.1", set())),     # it is not asked: the message cannot be kept
    "auto-submitted": asked("", {}, (dict(fields=["Auto-Submitted: auto-replied"]), "550 5.7.1")),
    "loop": asked("", {}, (dict(fields=["List-Post: <mailto:all@loop.example>"]), "554 5.4.6")),
    "rate": asked("{ posts: 1, in: 1h }", {}, ({}, "550 5.7.1"), dict(spoiled="rates")),
    "program": asked("{ path: 'PLACE/checks.d', timeout: 4m }", {}, (dict(subject="fail"), "550 5.7.1"), dict(subject="unsure"),
                     dict(subject="wait")),
    "policy-service": asked("{ server: 'unix:PLACE/policy', timeout: 4m }", {}, (dict(sender="fail@example.org"), "550 5.7.1"),
                            dict(sender="unsure@example.org"), dict(sender="wait@example.org")),
    # What is held is taken; so these refuse it.
    "moderated": asked("{ bypass: members, on_fail: reject }", dict(login="ann"), (dict(login="emil"), "550 5.7.1"), SHARED, dict(login="bob")),
    "storm": asked("{ posts: 2, in: 1h, on_fail: reject }", dict(times=2), ({}, "550 5.7.1"), dict(spoiled="storms")),
    "fail": asked("{ answer: pass }", {}, ({}, "550 5.7.1"), {}, {}),
}
# The check `fail` is told what to be.
TOLD = {"fails": "{ answer: fail }", "unsure": "{ answer: unsure }", "waits": "{ after: 1h }"}


def test_all_of_them_are_here():
    """Also of each that names a resource, since it waits for that, what it does while it waits."""
    names, waiting = set(), set()
    for path in (ROOT / "policies").glob("*.c"):
        for text in re.findall(r"(?ms)^const struct policy policy_\w+ = \{\n(.*?)^\};", path.read_text()):
            name = re.search(r'\.name = "([^"]+)"', text)[1]
            names.add(name)
            waiting |= {name} if ".resource" in text else set()
    assert set(CHECKS) == names and {name for name, c in CHECKS.items() if c["waits"] is not None} == waiting


def domain_of(name, which="passes"):
    return f"{which}.{name}.example" if name == "fail" or which == "cancelled" else f"{name}.example"


def destination(name, which, place):
    """One that asks this check; a check that gets cancelled stands beside one that refuses the post meanwhile."""
    check = TOLD.get("waits" if which == "cancelled" else which, CHECKS[name]["check"]) if name == "fail" else CHECKS[name]["check"]
    checks = [f"{name}: {check}" if check else name] + ["posters: { allow: anyone }"] * (name != "posters")
    if which == "cancelled" and name == "policy-service":                # it is asked when nobody else objects
        checks.insert(0, "policy-service: { server: 'unix:PLACE/soon' }")
    elif which == "cancelled":
        checks.insert(0, f"fail: {{ after: 500ms, at: {'rcpt' if name in (*OF_PEOPLE, 'rdns', 'fail') else 'end'} }}")
    source = "sized" if name == "own-size" else "second" if name == "moderated" else "corp"
    return f"{domain_of(name, which)}: {{ sources: [ {source} ], check: [ {', '.join(checks)} ] }}".replace("PLACE", str(place))


PROGRAM = """#!/bin/sh
case $(sed -n 's/^Subject: *//p') in fail*) exit 1;; unsure*) exit 2;; wait*) exec sleep 600;; esac
"""


def decide(request, count):
    word = request["sender"].partition("@")[0]
    return {"fail": b"action=reject\n\n", "unsure": b"action=defer\n\n", "wait": b""}.get(word, b"action=dunno\n\n")


def reject_soon(request, count):
    time.sleep(0.5)
    return b"action=reject\n\n"


@pytest.fixture
def make(make_site, place):
    """A site whose lists have an address in each domain; what it asks is on this host, and hangs as it is told to."""
    with contextlib.ExitStack() as stack:
        dns = Dns({**ZONE, key(place).name: {"TXT": [key(place).record]}})
        stack.callback(dns.stop)
        for name, answer in ("policy", decide), ("soon", reject_soon):
            stack.callback(Faulty(place / name, answer).stop)
        (place / "checks.d").mkdir()
        (place / "checks.d/check").write_text(PROGRAM)
        (place / "checks.d/check").chmod(0o755)

        def make(cells, milter="", more=""):
            p = directory.person_dn
            ldif = directory.top() + "".join(directory.person(u) for u in ("ann", "bob", "emil"))
            ldif += "".join(directory.person(u, "shared@example.com") for u in ("same1", "same2"))
            ldif += directory.group("all", [p("ann"), p("bob")], "all@lists.example.com", description="4000",
                                    mailAlternateAddress=[f"all@{domain_of(*cell)}" for cell in cells])
            blocks = {domain_of(*cell): destination(*cell, place) for cell in cells}
            site = make_site(ldif, start=False, mta="sink", milter=milter, destinations="\n".join(blocks.values()),
                             more=f"dns: {{ servers: [ '{dns.server}' ], timeout: 60s }}\nnetworks: [ 127.0.0.0/8 ]\n{more}")
            # One of its own for each that is asked for people: a silent directory is known to be, and not asked again.
            block = f"kind: ldap, uri: [ '{site.slapd.uri}' ], base: 'dc=example,dc=com', cache: {{ people: 0s }}"
            site.rollcall.sources = (f"corp: {{ {block} }}\nsecond: {{ {block} }}\n"
                                     f"sized: {{ {block}, attributes: {{ size: description }} }}")
            return site.start()
        yield make


def key(place):
    return dkim.Key(place / "key.pem", "example.org")


@contextlib.contextmanager
def spoiled(path):
    """As long as this lasts, what is kept there cannot be used."""
    aside = path.with_name(path.name + ".aside")
    path.rename(aside)
    path.write_text("")
    yield
    path.unlink()
    aside.rename(path)


def ask(site, place, name, which, client_=None, sender="ann@example.org", login=None, tls=None, beside=0, to=None, author="example.org",
        signed=None, **message):
    """The reply to one message, or None where it is taken."""
    address = f"all@{domain_of(name, which)}"
    text = client.message(sender=f"Ann <ann@{author}>", to=to or address, **message)
    if signed:
        other = key(place)
        other.domain = signed
        text = dkim.sign(text, other)
    fields, body = dkim.split(text)
    m = Milter(site.rollcall.milter_socket, timeout=60)
    m.connect(client_ or "203.0.113.7", name=None)
    m.mail(sender, login=login, tls=tls)
    kind, reply = m.rcpt(address)
    for n in range(beside):
        assert m.rcpt(f"other{n}@example.com")[0] == b"c"
    if kind == b"c":
        kind, reply = m.message([tuple(part.strip() for part in f.split(b":", 1)) for f in fields], body)
    m.close()
    return reply[:10].decode().strip() if kind == b"y" else None


def answers(site, name):
    families = {f["name"]: f["samples"] for f in site.rollcall.ctl_json("metrics")["metrics"]}
    return {s["labels"]["answer"]: int(s["value"]) for s in families["rollcall_policy_answers_total"] if s["labels"]["check"] == name}


def said(site, place, name, which, message):
    """The reply, and what the check is counted to have said."""
    before, message = answers(site, name), dict(message)
    for _ in range(message.pop("times", 1)):
        with contextlib.ExitStack() as stack:
            if "spoiled" in message:
                stack.enter_context(spoiled(site.rollcall.dir / "state" / message.pop("spoiled")))
            reply = ask(site, place, name, which, message.pop("client", None), **message)
    after = answers(site, name)
    return reply, {word for word in after if after[word] > before.get(word, 0)}


def test_what_it_says(make, place):
    cells = [(name, which) for name in CHECKS for which in ("passes", "fails", "unsure")]
    site, wrong = make(cells), []
    for name, c in CHECKS.items():
        for which in ("passes", "fails", "unsure"):
            message, *want = c[which]
            if message is None:
                continue
            reply, words = said(site, place, name, which, message)
            if which == "fails":
                words.discard("pass")                              # where it is asked twice, it may pass at first
            if [reply, words] != want:
                wrong.append((name, which, reply, words))
    assert wrong == [], wrong


WAITING = [name for name, c in CHECKS.items() if c["waits"] is not None]
OF_PEOPLE = "posters", "moderated"           # whom the directory is asked about
# A name server that has been silent for long is not asked again for a while: one for each check that would ask it.
OF_NAMES = "rdns", "dkim", "dmarc"
together = pytest.mark.parametrize("names", [*([name] for name in OF_NAMES), [n for n in WAITING if n not in OF_NAMES]],
                                   ids=[*OF_NAMES, "others"])


@contextlib.contextmanager
def hanging(site, name):
    """While people are asked for, the directory is silent."""
    if name not in OF_PEOPLE:
        yield
        return
    site.slapd.hang()
    yield
    site.slapd.go_on()


@together
def test_at_the_deadline(make, place, names):
    """Whoever has not answered is unsure, and nobody waits longer."""
    site = make([(name, "waits") for name in names], "deadline: 1s\ncontent-deadline: 1s")
    for name in names:
        if name in OF_PEOPLE:
            assert ask(site, place, name, "waits", login="ann") is None
        with hanging(site, name):
            began = time.monotonic()
            reply, words = said(site, place, name, "waits", CHECKS[name]["waits"])
            assert reply == "451 4.7.1" and words in ({"late"}, {"unsure"}), (name, reply, words)
            assert 0.9 < time.monotonic() - began < 10, name


@together
def test_when_it_is_of_no_use(make, place, names):
    """
    Another check refuses the post: nobody waits. Who was at work stops, so that the few workers there are have time for the next
    one.
    """
    site = make([(name, "cancelled") for name in names], "deadline: 25s\ncontent-deadline: 60s",
                "workers: { source: 1, dns: 1, program: 1, policy-service: 2, fail: 2 }")
    for name in names:
        if name in OF_PEOPLE:                                     # the list is to be known
            assert ask(site, place, name, "cancelled", login="emil") == "550 5.7.1"
        with hanging(site, name):
            for _ in range(3):
                began = time.monotonic()
                reply, words = said(site, place, name, "cancelled", CHECKS[name]["waits"])
                assert reply == "550 5.7.1" and "cancelled" in words and not words & {"unsure", "late", "busy"}, (name, reply, words)
                assert time.monotonic() - began < 10, name
