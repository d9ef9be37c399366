"""Whatever the directory does wrong, nobody is left out without a word: unsure, or complete."""
import collections
import contextlib
import json
import re

import pytest

from testbed import directory, rollcall
from testbed.base import ROOT
from testbed.faulty import (CODES, Close, Done, Entry, Faulty, Notice, Pause, Raw, Reference, Renamed, at, cut_at,
                            damaged, ends_with, entries_of)

UNSURE, COMPLETE, EITHER = "unsure", "complete", "either"
PEOPLE = [f"u{n}" for n in range(14)]
EVERYBODY = sorted(f"{u}@example.com" for u in PEOPLE)


def company():
    """A list with people, a group in it with people, and one in that; somebody is in all of them."""
    p, g, base = directory.person_dn, directory.group_dn, directory.SUFFIX
    yield base, {"objectClass": ["dcObject", "organization"], "dc": ["example"]}
    for u in PEOPLE:
        yield p(u), {"objectClass": ["inetOrgPerson"], "uid": [u], "mail": [f"{u}@example.com"]}
    inner = [("staff", [*map(p, PEOPLE[:8]), g("dev")]), ("dev", [*map(p, PEOPLE[7:12]), g("ops")]),
             ("ops", [p("u0"), *map(p, PEOPLE[12:])])]
    for name, members in inner:
        yield g(name), {"objectClass": ["groupOfNames", "mailGroup"], "cn": [name],
                        "mail": [f"{name}@lists.example.com"], "member": members}


class Bench:
    """The server, and rollcallctl with each technique."""

    def __init__(self, path, **options):
        self.server = Faulty(company(), **options)
        self.path, self.of = path, {}

    def source(self, technique, timeout, page):
        """rollcallctl with such a source."""
        settings = (technique, timeout, page)
        if settings not in self.of:
            made = self.of[settings] = rollcall.Rollcall(self.path / "-".join(settings), f"""
                corp: {{ kind: ldap, uri: "{self.server.uri}", base: "{directory.SUFFIX}", technique: {technique},
                         dangling: 0%, or-terms: 4, page: {page}, timeout: {timeout}, connect-timeout: {timeout} }}""")
            made.configure()
        return self.of[settings]

    def ask(self, technique, fault, *words, timeout="300ms", page="4"):
        self.server.fault = fault
        return self.source(technique, timeout, page).ctl("--json", *words, seconds=30)

    def check(self, technique, name, fault, want=EITHER):
        """Members are all or none. What is wrong with that, or None."""
        got = self.ask(technique, fault, "members", "staff@lists.example.com",
                       timeout="300ms" if want == UNSURE else "10s")
        if got.returncode == 75:
            return f"{name}: unsure: {got.stderr.strip()}" if want == COMPLETE else None
        if got.returncode != 0:
            return f"{name}: status {got.returncode}: {got.stderr.strip()}"
        addresses = sorted(m["address"] for m in json.loads(got.stdout)["members"])
        if sorted(set(addresses)) != EVERYBODY:
            return f"{name}: SHORT: {sorted(set(EVERYBODY) - set(addresses))}"
        return f"{name}: complete" if want == UNSURE else None

    def check_all(self, technique, cases):
        wrong = [w for case in cases if (w := self.check(technique, *case))]
        assert not wrong, "\n".join(wrong)


@pytest.fixture
def bench(place, monkeypatch):
    # libldap leaves requests behind; that it is libldap takes whole stacks to see.
    monkeypatch.setenv("ASAN_OPTIONS", "fast_unwind_on_malloc=0")
    monkeypatch.setenv("LSAN_OPTIONS", f"suppressions={ROOT}/testbed/lsan.supp:print_suppressions=0")
    with contextlib.ExitStack() as stack:
        def make(**options):
            b = Bench(place, **options)
            stack.callback(b.server.stop)
            return b
        yield make


# The requests by which each technique reads members.
READS = {"deref": ["deref"], "or": ["group", "or", "base"], "base": ["group", "base"]}
TECHNIQUES = pytest.mark.parametrize("technique", READS)


def unnamed(r, messages):
    """So that the technique `or` has something to read one by one as well."""
    if r.kind == "or":
        return entries_of(messages)[1:] + [Done()]
    return messages


def both(first, second):
    return lambda r, messages: second(r, first(r, messages))


def reads(technique):
    """(kind, what goes before a fault)."""
    for kind in READS[technique]:
        yield kind, (unnamed if technique == "or" and kind == "base" else lambda r, messages: messages)


@pytest.mark.parametrize("technique, requests", [
    # One for each group; for the list, and each four members of a level; for each entry. And what DNs are found by.
    ("deref", dict(deref=3)), ("or", {"group": 1, "or": 3 + 2 + 1, "probe": 1}), ("base", dict(group=3, base=14)),
    ("auto", dict(deref=3)),
])
def test_requests_follow_groups_and_batches(bench, technique, requests):
    """Cycles and diamonds cost nothing: whoever is in several groups is read once."""
    b = bench()
    dn, (name, ops) = directory.group_dn("ops").lower(), b.server.entries[directory.group_dn("ops").lower()]
    b.server.entries[dn] = (name, {**ops, "member": [*ops["member"], directory.group_dn("staff")]})
    b.check_all(technique, [("none", None, COMPLETE)])
    before = dict(bind=1, root=1, find=1)
    assert +b.server.counts == +collections.Counter({**before, **requests})


@TECHNIQUES
def test_every_result_code_at_every_request(bench, technique):
    b = bench()
    # What an OR does not find, or may not, is read one by one; a member that is not there is dangling.
    harmless = {"or": (4, 11, 32, 34)}
    b.check_all(technique, [
        (f"{kind} {code} after {after}", both(before, at(kind, ends_with(code, after), only)),
         COMPLETE if code in harmless.get(kind, ()) else EITHER if kind == "deref" else UNSURE)
        for kind, before in reads(technique) for code in CODES
        for after, only in ([(0, None), (None, 0)] if code in (4, 32, 53) else [(0, 0)])])


@pytest.mark.parametrize("kind", ["bind", "root", "find"])
def test_every_result_code_before_members_are_read(bench, kind):
    b = bench()
    b.check_all("auto", [(f"{kind} {code}", at(kind, ends_with(code, 0)), UNSURE) for code in CODES])
    for code in (1, 4, 10, 32, 51, 80):
        for after in (0, 1):
            got = b.ask("auto", at(kind, ends_with(code, after)), "lookup", "staff@lists.example.com")
            assert got.returncode == 75, (code, after, got)


def without(value):
    """A group of which the control does not name one of the members."""
    def change(r, messages):
        (e,) = entries_of(messages)
        refs = [ref for ref in e.references if ref[1] != value]
        return [Entry(e.dn, e.attributes, refs), Done()]
    return change


def only_attributes(*names):
    """References that show some attributes only."""
    def change(r, messages):
        (e,) = entries_of(messages)
        refs = [(a, dn, {k: v for k, v in attributes.items() if k in names}) for a, dn, attributes in e.references]
        return [Entry(e.dn, e.attributes, refs), Done()]
    return change


def changed(change_entry):
    def change(r, messages):
        return [change_entry(m) if isinstance(m, Entry) else m for m in messages]
    return change


def test_faults_of_the_dereference_control(bench):
    b = bench()
    p, g = directory.person_dn, directory.group_dn
    b.check_all("deref", [
        ("a person is missing", at("deref", without(p("u3"))), COMPLETE),
        ("a group is missing", at("deref", without(g("dev"))), COMPLETE),
        ("all are missing", at("deref", changed(lambda e: Entry(e.dn, e.attributes, []))), COMPLETE),
        ("no control", at("deref", changed(lambda e: Entry(e.dn, e.attributes))), COMPLETE),
        ("no values, all references",
         at("deref", changed(lambda e: Entry(e.dn, {k: v for k, v in e.attributes.items() if k != "member"},
                                             e.references))), COMPLETE),
        ("no values, no references",
         at("deref", changed(lambda e: Entry(e.dn, {"objectClass": ["groupOfNames"]}))), UNSURE),
        ("in another order", at("deref", changed(lambda e: Entry(e.dn, e.attributes, e.references[::-1]))), COMPLETE),
        ("twice", at("deref", changed(lambda e: Entry(e.dn, e.attributes, e.references * 2))), COMPLETE),
        ("without classes", at("deref", only_attributes("mail", "member")), COMPLETE),
        ("without mail", at("deref", only_attributes("objectClass", "member")), COMPLETE),
        ("without anything", at("deref", only_attributes()), COMPLETE),
        ("the first is another's", at("deref", changed(lambda e: Entry(
            e.dn, {**e.attributes, "member": e.attributes["member"][::-1]}, e.references[:1]))), COMPLETE),
    ])


def test_a_control_that_is_listed_and_refused(bench):
    """Other techniques do, where the choice is left to rollcall; at any group, also when several were asked for."""
    b = bench()
    refusals = [(f"{code} at {only}", at("deref", ends_with(code, 0), only), COMPLETE)
                for code in (12, 53) for only in (None, 0, 1, 2)]
    b.check_all("auto", refusals)
    b.check_all("deref", [(name, fault, UNSURE) for name, fault, _ in refusals])


def test_the_overlay_is_taken_away_from_a_server_that_runs(bench, make_site):
    """On a connection that stays: the next post is complete all the same, and at once."""
    b = bench()
    site = make_site(mta="sink", sources=f"""
        corp: {{ kind: ldap, uri: "{b.server.uri}", base: "{directory.SUFFIX}" }}""")
    site.submit()
    assert site.wait_for(14) == EVERYBODY
    assert b.server.counts["deref"] == 3
    b.server.fault = at("deref", ends_with(12, 0))
    site.submit()
    assert len(site.wait_for(28)) == 28
    assert b.server.counts["bind"] == 1 and "members are read in other ways" in site.rollcall.log
    assert not site.rollcall.log_lines("expand", verdict="later")


def test_a_control_that_is_not_heeded(bench, make_site):
    """It is listed, and names nobody though there are members: it is no more asked for until there is another connection."""
    b = bench()
    site = make_site(mta="sink", sources=f"""
        corp: {{ kind: ldap, uri: "{b.server.uri}", base: "{directory.SUFFIX}" }}""")
    b.server.fault = at("deref", changed(lambda e: Entry(e.dn, e.attributes)))
    site.submit()
    assert site.wait_for(14) == EVERYBODY
    asked = b.server.counts["deref"]
    assert asked < 3 and "is listed, and names no member of staff@lists.example.com" in site.rollcall.log
    site.submit()
    assert len(site.wait_for(28)) == 28
    assert b.server.counts["deref"] == asked and b.server.counts["bind"] == 1
    b.server.fault = None
    site.rollcall.ctl("reload", check=0)
    site.submit()
    assert len(site.wait_for(42)) == 42
    assert b.server.counts["deref"] == 3


def test_a_replica_that_lags(bench, make_site):
    """A walk is one server's from its beginning to its end: what another says is never put together with it."""
    new, old = bench(), bench()
    dn = directory.group_dn("ops").lower()
    old.server.entries[dn] = (dn, {**old.server.entries[dn][1], "member": [directory.person_dn("u0")]})
    site = make_site(mta="sink", sources=f"""
        corp: {{ kind: ldap, uri: [ "{new.server.uri}", "{old.server.uri}" ], base: "{directory.SUFFIX}" }}""")

    def die(r, messages):
        new.server.stop()
        return [Close()]
    new.server.fault = at("deref", die, 1)
    site.submit()
    assert site.wait_for(12) == sorted(f"u{n}@example.com" for n in range(12))
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 12 and len(site.rollcall.log_lines("expand", verdict="later")) == 1
    assert new.server.counts["deref"] == 2 and old.server.counts["deref"] == 3


@TECHNIQUES
def test_faults_of_the_protocol(bench, technique):
    b = bench()
    broken = [
        ("reference first", lambda r, m: [Reference(), *m], UNSURE),
        ("reference last", lambda r, m: [*m[:-1], Reference(), m[-1]], UNSURE),
        ("referral", ends_with(10, 0), UNSURE),
        ("no answer", lambda r, m: [], UNSURE),
        ("no end", lambda r, m: m[:-1], UNSURE),
        ("late", lambda r, m: [Pause(0.05), *m], COMPLETE),
        ("too late", lambda r, m: [Pause(0.8), *m], UNSURE),
        ("notice", lambda r, m: [Notice(), Close()], UNSURE),
        ("notice after an entry", lambda r, m: [*m[:1], Notice(), Close()], UNSURE),
        ("notice, and on it goes", lambda r, m: [Notice(), *m], EITHER),
        ("notice of success", lambda r, m: [Notice(0), *m], EITHER),
        ("notice of success, and no answer", lambda r, m: [Notice(0)], UNSURE),
        ("end of nothing", lambda r, m: [Renamed(Done(), 0), *m], EITHER),
        ("end of nothing, and no answer", lambda r, m: [Renamed(Done(), 0)], UNSURE),
        ("wrong id", lambda r, m: [Renamed(x, r.id + 1000) for x in m], UNSURE),
        ("end with a wrong id", lambda r, m: [*m[:-1], Renamed(m[-1], r.id + 1000)], UNSURE),
        ("entries twice", lambda r, m: [*m[:-1], *m], COMPLETE),
        ("ends twice", lambda r, m: [*m, Done()], EITHER),
        ("extended response at the end", lambda r, m: [*m[:-1], Done(12, tag=0x78)], UNSURE),
        ("bind response at the end", lambda r, m: [*m[:-1], Done(tag=0x61)], UNSURE),
        ("an entry of another", changed(lambda e: Entry(*b.server.entries[directory.person_dn("u1")])), EITHER),
        ("an entry without attributes", changed(lambda e: Entry(e.dn, {}, e.references)), EITHER),
        ("damaged", damaged(), UNSURE),
        ("a byte in 40", damaged(40), EITHER),
        ("text", lambda r, m: [Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")], UNSURE),
        ("a message of 4 GB", lambda r, m: [Raw(b"\x30\x84\xff\xff\xff\xff"), *m], UNSURE),
        ("closed", lambda r, m: [Close()], UNSURE),
    ] + [(f"cut at {share}", cut_at(share), UNSURE) for share in (0.01, 0.1, 0.5, 0.9, 0.99)]
    # These take their time.
    silent = ("no answer", "no end", "too late", "notice of success, and no answer", "end of nothing, and no answer",
              "wrong id", "end with a wrong id")
    b.check_all(technique, [(f"{kind} {only}: {name}", both(before, at(kind, change, only)), want)
                            for kind, before in reads(technique) for name, change, want in broken
                            for only in ((0,) if kind == "group" or name in silent else (0, 1))])


def ranges(r, messages):
    """The first values, as a range that goes on, and never another one."""
    return [Entry(m.dn, {**{k: v for k, v in m.attributes.items() if not k.startswith("member")},
                         "member": [], "member;range=0-2": m.attributes["member"][:3]}, m.references)
            if isinstance(m, Entry) and "member" in m.attributes else m for m in messages]


@TECHNIQUES
def test_ranges_of_values(bench, technique):
    """A server that gives a part of the values says so: they are asked for to their end, as `group`, or it is unsure."""
    b = bench(most=3)
    cases = [("in ranges", None, COMPLETE)]
    for kind in ("group", "deref"):
        want = UNSURE if kind in ("group", technique) else COMPLETE
        cases += [("the same range again and again", at(kind, ranges), UNSURE)] if kind in READS[technique] else []
        for code in (1, 4, 11, 32, 50, 80):
            cases += [(f"{kind} {code} at range {n}", at(kind, ends_with(code, 0), n), want) for n in (0, 1, 2)]
        cases += [(f"{kind}: no values at range {n}", at(kind, changed(lambda e: Entry(
            e.dn, {"objectClass": ["groupOfNames"]})), n), want) for n in (0, 1, 2)]
        cases += [(f"{kind}: cut at range {n}", at(kind, cut_at(0.5), n), want) for n in (0, 1, 2)]
    b.check_all(technique, cases)


# ---- all lists ----

def endless(r, messages):
    """A cookie always, and no entries after the first page."""
    return entries_of(messages)[:1 if r.count == 0 else 0] + [Done(cookie="more")]


def again(r, messages):
    """The first page, always."""
    return entries_of(messages) + [Done(cookie="0")]


def test_pages_of_lists(bench):
    b = bench()
    got = b.ask("auto", None, "lists", page="1", timeout="10s")
    assert got.returncode == 0 and len(re.findall(r"[a-z]+@lists", got.stdout)) >= 3
    for fault, words in ((endless, "one empty page after another"), (again, "the same entry came twice")):
        got = b.ask("auto", at("find", fault), "lists", page="1", timeout="10s")
        assert got.returncode == 75 and words in got.stderr
    for name, fault in [("reference", lambda r, m: [Reference(), *m]),
                        ("silent", lambda r, m: []), ("no end", lambda r, m: m[:-1]), ("cut", cut_at(0.5)),
                        ("damaged", damaged()), *((f"code {c}", ends_with(c)) for c in CODES)]:
        for only in (0, 1):
            got = b.ask("auto", at("find", fault, only), "lists", page="1")
            assert got.returncode == 75, (name, only, got)
