"""Of a large group whose people are all in one place no classes are asked, as long as no group is in that place."""
import pytest

from testbed import directory
from testbed.base import wait_until
from testbed.directory import group_dn, person_dn
from testbed.faulty import Close, Done, Entry, Faulty, Pause, Reference, at, ends_with, entries_of

COUNT = 2010                              # from 2,000 people on
PEOPLE = [f"u{n:04}" for n in range(COUNT)]
EVERYBODY = [f"{u}@example.com" for u in PEOPLE]
PLACE = f"ou=people,{directory.SUFFIX}"
STAFF = group_dn("staff").lower()
LISTS = {"objectClass": ["groupOfNames", "mailGroup"]}


def company():
    yield directory.SUFFIX, {"objectClass": ["dcObject", "organization"], "dc": ["example"]}
    yield PLACE, {"objectClass": ["organizationalUnit"]}
    for u in PEOPLE:
        yield person_dn(u), {"objectClass": ["inetOrgPerson"], "uid": [u], "mail": [f"{u}@example.com"]}
    yield group_dn("staff"), {**LISTS, "mail": ["staff@lists.example.com"], "member": [person_dn(u) for u in PEOPLE]}


class Reading:
    """A site with the list, and what is asked of its members each time it is read."""

    def __init__(self, make_site, more=""):
        self.server, self.fault = Faulty(company()), None
        self.server.fault = self.answer
        self.asked = []                   # of each reading of a list: whether for classes
        self.site = make_site(mta="sink", sources=f"""
            corp: {{ kind: ldap, uri: "{self.server.uri}", base: "{directory.SUFFIX}", {more} }}""")

    def answer(self, r, messages):
        if self.fault:
            messages = self.fault(r, messages)
        if r.kind == "deref" and r.base.lower() == STAFF:
            self.asked.append("objectClass" in Faulty.deref_attributes(r))
            if self.asked[-1]:            # so that the questions about the place are quick beside it
                messages = [Pause(1), *messages]
        return messages

    def add(self, dn, joins=True, **attributes):
        """An entry, which is a member of the list."""
        self.server.entries[dn.lower()] = dn, attributes
        if joins:
            self.server.entries[STAFF][1]["member"].append(dn)

    def remove(self, dn):
        del self.server.entries[dn.lower()]
        self.server.entries[STAFF][1]["member"].remove(dn)

    def post(self, more=()):
        """Everybody gets one, and whom else is said."""
        self.site.sink.clear()
        self.site.submit()
        assert self.site.wait_for(COUNT + len(more)) == sorted([*EVERYBODY, *more])
        wait_until(lambda: self.site.rollcall.counts()["outbound"] == 0, what="the end of the post")

    def post_later(self, words):
        """One that nobody gets as long as the directory is as it is."""
        self.site.sink.clear()
        before = len(self.site.rollcall.log_lines("expand", verdict="later"))
        self.site.submit()
        wait_until(lambda: len(self.site.rollcall.log_lines("expand", verdict="later")) > before, what="later")
        assert words in self.site.rollcall.log and not self.site.sink.recipients()

    def reconnect(self):
        self.site.rollcall.ctl("reload", check=0)


@pytest.fixture
def reading(make_site):
    servers = []

    def make(*words):
        servers.append(Reading(make_site, *words))
        return servers[-1]
    yield make
    for r in servers:
        r.server.stop()


def test_classes_are_asked_once(reading):
    """And again on another connection. The place is asked about each time, and whether a search there finds people once."""
    r = reading()
    for _ in range(3):
        r.post()
    assert r.asked == [True, False, False]
    assert r.server.counts["place"] == 3 and r.server.counts["bind"] == 1
    r.reconnect()
    r.post()
    assert r.asked[3:] == [True] and r.server.counts["place"] == 0


def test_a_group_of_the_people_that_shows_no_member(reading):
    """Beside them: it is seen, with its class or by itself, whatever its address looks like."""
    r = reading()
    r.post()
    hidden = {"objectClass": ["groupOfNames"], "mail": ["hidden@example.com"]}
    r.add(f"cn=hidden,{PLACE}", **hidden)
    r.post_later(f"member of cn=hidden,{PLACE} cannot be read")
    r.remove(f"cn=hidden,{PLACE}")
    assert r.site.wait_for(COUNT) == EVERYBODY
    assert False not in r.asked
    r.reconnect()
    r.post()
    r.post()
    assert r.asked[-2:] == [True, False]
    elsewhere = group_dn("hidden")
    r.add(elsewhere, **hidden)
    r.post_later(f"member of {elsewhere} cannot be read")


@pytest.mark.parametrize("where, classes", [(PLACE, True), (f"ou=groups,{directory.SUFFIX}", False)], ids=["there", "elsewhere"])
def test_groups_within(reading, where, classes):
    """One whose members are seen is read; one that may be empty, and has nobody, is no person. Not members: they are people's."""
    r = reading()
    r.post()
    r.add(f"cn=dev,{where}", **LISTS, mail=["dev@lists.example.com"], member=[f"uid=new,{PLACE}", person_dn(PEOPLE[0])])
    r.add(f"uid=new,{PLACE}", joins=False, objectClass=["inetOrgPerson"], mail=["new@example.com"])
    r.add(f"cn=empty,{where}", objectClass=["groupOfMembers"], mail=["empty@example.com"])
    r.post(["new@example.com"])
    assert r.asked == [True, classes]


def test_people_in_the_place(reading):
    """Members make somebody a group; a wish, an address that is none, and no entry at all are seen as ever."""
    r = reading("attributes: { disabled: [ employeeType=gone ], no-mail: [ employeeType=quiet ] }, dangling: 50%")
    r.post()
    r.add(person_dn("boss"), objectClass=["inetOrgPerson"], mail=["boss@example.com"], member=[person_dn("second")])
    r.add(person_dn("second"), joins=False, objectClass=["inetOrgPerson"], mail=["second@example.com"])
    r.add(person_dn("gone"), objectClass=["inetOrgPerson"], mail=["gone@example.com"], employeeType=["gone"])
    r.add(person_dn("quiet"), objectClass=["inetOrgPerson"], mail=["quiet@example.com"], employeeType=["quiet"])
    r.add(person_dn("evil"), objectClass=["inetOrgPerson"], mail=["|/bin/sh"])
    r.add(person_dn("dumb"), objectClass=["inetOrgPerson"])
    r.add(f"cn=dumb,{directory.SUFFIX}", objectClass=["inetOrgPerson"], mail=["elsewhere@example.com"])
    r.server.entries[STAFF][1]["member"].append(person_dn("nobody"))
    r.post(["second@example.com", "elsewhere@example.com"])
    assert r.asked == [True, False]
    line = r.site.rollcall.log_lines("expand", list="staff@lists.example.com")[-1]
    assert (line["refused"], line["dangling"]) == ("1", "1")


def test_people_who_move(reading):
    """Few are read by themselves; of many the classes are asked again."""
    r = reading()
    r.post()
    new = [f"new{n}" for n in range(51)]
    for n, name in enumerate(new):
        r.add(f"uid={name},ou=new,{directory.SUFFIX}", objectClass=["inetOrgPerson"], mail=[f"{name}@example.com"])
        if n in (49, 50):
            r.post([f"{u}@example.com" for u in new[:n + 1]])
    r.post([f"{u}@example.com" for u in new])
    assert r.asked == [True, False, False, True]


def test_people_in_several_places(reading):
    """Then what is above them is asked about, and groups are there."""
    r = reading()
    r.add(f"uid=far,ou=new,{directory.SUFFIX}", objectClass=["inetOrgPerson"], mail=["far@example.com"])
    for _ in range(3):
        r.post(["far@example.com"])
    assert r.asked == [True, True, True]


@pytest.mark.parametrize("only", [0, 1], ids=["people", "groups"])
def test_a_place_that_cannot_be_asked_about(reading, only):
    """It says nothing then, and the post is complete all the same."""
    r = reading("timeout: 3s")
    answers = [ends_with(code, 0) for code in (1, 3, 4, 11, 12, 32, 50, 53, 80)]
    answers += [lambda _, m: [Reference(), Done()],
                lambda _, m: [Entry(group_dn("x"), {}), Done()] if only else [Done()],
                lambda _, m: []]
    for n, answer in enumerate(answers):
        r.fault = at("place", answer, only)
        r.post()
        r.post()
        assert r.asked[-2:] == [True, True], n
        assert r.server.counts["place"] == only + 1, n
        r.reconnect()
    r.fault = at("place", lambda _, m: [*entries_of(m), Close()], only)
    r.post()
    r.post()
    assert len(r.site.rollcall.log_lines("expand", verdict="later")) == 1
    assert False not in r.asked


def test_a_place_that_takes_long_to_ask_about(reading):
    """Where nothing is saved, it is given up."""
    r = reading()
    r.fault = at("place", lambda _, m: [Pause(1), *m], 1)
    for _ in range(3):
        r.post()
    assert r.asked == [True, False, True] and r.server.counts["place"] == 2


def test_classes_of_another_name(reading):
    """There may be no index of them."""
    r = reading("attributes: { classes: structuralObjectClass }")
    for dn, entry in r.server.entries.values():
        entry["structuralObjectClass"] = entry["objectClass"][:1]
    r.post()
    r.post()
    assert r.server.counts["place"] == 0


def test_on_a_real_server(make_site):
    """Whatever is asked, and whatever is saved: a group that hides its members, among the people, is seen."""
    out = directory.top() + "".join(directory.person(u) for u in PEOPLE)
    out += directory.group("staff", [person_dn(u) for u in PEOPLE])
    hidden = f"cn=hidden,{PLACE}"
    site = make_site(out, mta="sink", slapd=dict(access=[f'access to dn.exact="{hidden}" attrs=member by * none']))
    for n in range(3):
        site.submit()
        assert len(site.wait_for(COUNT * (n + 1))) == COUNT * (n + 1)
    site.slapd.modify(directory.entry(hidden, objectClass=["groupOfNames", "mailGroup"], cn="hidden",
                                      mail="hidden@example.com", member=person_dn(PEOPLE[0])), tool="ldapadd")
    site.slapd.modify(f"dn: {group_dn('staff')}\nchangetype: modify\nadd: member\nmember: {hidden}\n")
    site.submit()
    wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), what="later")
    assert f"member of {hidden} cannot be read" in site.rollcall.log
    site.slapd.modify(f"dn: {group_dn('staff')}\nchangetype: modify\ndelete: member\nmember: {hidden}\n")
    assert sorted(set(site.wait_for(COUNT * 4))) == EVERYBODY
