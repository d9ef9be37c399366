"""Lists within lists: flattened, or handed the post, which they take or refuse themselves."""
import json
import shutil
import textwrap

import pytest

from testbed import client, directory
from testbed.base import wait_until

p, g = directory.person_dn, directory.group_dn
A, B, C, D, E = (f"{name}@lists.example.com" for name in "abcde")
X = "x@closed.example.com"

# A: ann, C, B; B: bob, D; C: carl, ann, D; D: dora, bob, A. X takes posts from Bob alone.
MEMBERS = dict(a=["ann", "c", "b"], b=["bob", "d"], c=["carl", "ann", "d"], d=["dora", "bob", "a"])
EVERYBODY = ["ann@example.com", "bob@example.com", "carl@example.com", "dora@example.com"]


def company(more=""):
    out = directory.top() + "".join(directory.person(u) for u in ("ann", "bob", "carl", "dora", "xaver"))
    for name, members in MEMBERS.items():
        out += directory.group(name, [g(m) if len(m) == 1 else p(m) for m in members])
    return out + more


def with_x():
    """A group with B, X, and one that is no list: its members belong to A."""
    return company(
        directory.group("x", [p("xaver")], X) + directory.group("plain", [p("dora")], "plain@elsewhere.example") +
        directory.group("e", [p("carl"), g("x"), g("plain")]))


def destinations(check="", posts="nested: hand-over"):
    return f"""
        lists.example.com: {{ sources: [ corp ], posts: {{ {posts} }} }}
        closed.example.com: {{ sources: [ corp ], check: [ {check} ] }}
        """


ONLY_BOB = "posters: { allow: [ bob@example.com ] }"


def by_list(site):
    """Who got a copy by which list, of all messages."""
    out = {}
    for message in site.sink.delivered():
        name = (message.fields("List-Id") or ["none"])[0].strip().strip("<>").split(".")[0]
        out.setdefault(name, []).extend(r.split("@")[0] for r in message.recipients)
    return {name: sorted(people) for name, people in out.items()}


def envelopes(site):
    out = {}
    for path in (site.rollcall.dir / "state/spool").glob("*/*/envelope.json"):
        e = json.loads(path.read_text())
        if e["role"] == "post":
            out[e["list"]] = e
    return out


def file_source(place):
    lists = [dict(address=f"{name}@lists.example.com", members=[f"{m}@{'lists.' if len(m) == 1 else ''}example.com" for m in members])
             for name, members in MEMBERS.items()]
    path = place / "lists.json"
    path.write_text(json.dumps(dict(lists=lists)))
    return f"""
            corp: {{ kind: file, path: {path} }}
            """


@pytest.mark.parametrize("source", ["deref", "or", "base", "file", "union"])
def test_each_list_has_its_own_post_and_everybody_one_copy(make_site, place, source):
    """C009, C046: a diamond and a loop, whatever the source knows lists by, and in whatever order it names them."""
    options = dict(mta="sink", destinations=destinations())
    if source == "file":
        options["sources"] = file_source(place)
    elif source != "union":
        options["source_more"] = f"technique: {source}"
    site = make_site(company(), start=False, **options)
    if source == "union":
        path = place / "more.json"
        path.write_text(json.dumps(dict(lists=[dict(address=A, members=[B, "ann@example.com"])])))
        site.rollcall.sources = textwrap.dedent(site.rollcall.sources).rstrip() + f"\nmore: {{ kind: file, path: {path} }}"
        site.rollcall.destinations = site.rollcall.destinations.replace("[ corp ], posts", "[ corp, more ], posts")
    site.start()
    assert site.submit(to=A, sender="poster@example.org").code == 250
    site.rollcall.wait_idle()
    assert by_list(site) == dict(a=["ann"], b=["bob"], c=["carl"], d=["dora"])
    e = envelopes(site)
    assert {k: (v.get("before", []), v["version"]) for k, v in e.items()} == {
        A: ([], 1), B: ([A], 4), C: ([A, B], 4), D: ([A, B, C], 4)}
    assert [e[name].get("through") for name in (A, B, C)] == [None, A, A] and e[D]["through"] in (B, C)


def test_flattened_unless_it_is_said(make_site):
    site = make_site(company(), mta="sink")
    assert site.submit(to=A, sender="poster@example.org").code == 250
    site.rollcall.wait_idle()
    assert by_list(site) == dict(a=["ann", "bob", "carl", "dora"])


def test_a_list_says_it_of_itself(make_site):
    """By its entry in the directory: its lists are handed the post, and flatten what is within them."""
    more = directory.group("e", [g("b"), p("carl")], businessCategory="nested: hand-over")
    site = make_site(company(more), mta="sink", source_more="attributes: { settings: businessCategory }")
    assert site.submit(to=E, sender="poster@example.org").code == 250
    site.rollcall.wait_idle()
    assert by_list(site) == dict(e=["carl"], b=["ann", "bob", "dora"])


@pytest.mark.parametrize("order", [(A, C), (C, A), (D, B, A)])
def test_lists_that_the_post_came_for_as_well(make_site, order):
    """In one transaction, in any order: they are reached once, and everybody is."""
    site = make_site(company(), mta="sink", destinations=destinations())
    with site.lmtp() as c:
        assert c.mail("poster@example.org").code == 250
        for to in order:
            assert c.rcpt(to).code == 250
        assert [r.code for r in c.data(client.message(to=A), len(order))] == [250] * len(order)
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == EVERYBODY
    assert set(envelopes(site)) == {A, B, C, D}


def test_lists_that_the_stamp_names(make_site, mta):
    """However the MTA brings them: the two that the post came for first, and then the others."""
    site = make_site(company(), mta=mta, destinations=destinations())
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert [c.rcpt(to).code for to in (C, A)] == [250, 250]
        assert c.data(client.message(to=C)).code == 250
    assert site.wait_for(4) == EVERYBODY
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == EVERYBODY
    e = envelopes(site)
    assert {k: (v.get("before", []), v.get("behind", [])) for k, v in e.items()} == {
        C: ([], [A]), A: ([C], []), B: ([C, A], []), D: ([C, A, B], [])}


def test_it_takes_the_post_from_whom_it_takes_posts(make_site, mta):
    """By the poster's identity, as the milter has it; what is no list of ours is flattened."""
    site = make_site(with_x(), mta=mta, destinations=destinations(ONLY_BOB))
    site.post(to=E, sender="bob@example.com")
    assert site.wait_for(3) == ["carl@example.com", "dora@example.com", "xaver@example.com"]
    site.rollcall.wait_idle()
    e = envelopes(site)
    assert (e[X]["through"], e[X]["stamp"]) == (E, "valid")
    assert all(e[X][key] == e[E][key] for key in ("client", "proof", "sender", "arrived", "queue_id"))
    assert by_list(site) == dict(e=["carl", "dora"], x=["xaver"])


def test_it_refuses_the_post_and_the_poster_hears_of_it(make_site, mta):
    site = make_site(with_x(), mta=mta, destinations=destinations(ONLY_BOB))
    site.post(to=E, sender="ann@example.com")
    site.wait_for(3)
    site.rollcall.wait_idle()
    assert by_list(site) == dict(e=["carl", "dora"], none=["ann"])
    report = next(m for m in site.sink.delivered() if not m.fields("List-Id"))
    assert X in report.fields("Subject")[0] and E.encode() in report.data
    line, = site.rollcall.log_lines("nested", verdict="reject")
    assert (line["list"], line["through"], line["by"], line["told"]) == (X, E, "posters", "ann@example.com")


def test_by_its_address_in_the_directory(make_site):
    """A member that is no DN."""
    more = directory.group("f", [p("carl")], mgrpRFC822MailMember=[B, "nobody@lists.example.com", "dora@example.com"])
    site = make_site(company(more), mta="sink", destinations=destinations())
    assert site.submit(to="f@lists.example.com", sender="poster@example.org").code == 250
    site.rollcall.wait_idle()
    got = by_list(site)
    assert got.pop("f") == ["carl", "dora", "nobody"]
    assert got == dict(b=["bob"], a=["ann"])


COUNTING = """#!/bin/sh
case $1 in
find) case $2 in all@*|l[0-9]*@*) ;; *) exit 67 ;; esac ;;
members) echo $2 >> {asked}
    case $2 in
    all@*) for i in $(seq {lists}); do echo l$i@lists.example.com; done ;;
    *) echo everybody@example.com; echo $2 | sed s/@lists\\\\./@/ ;;
    esac ;;
*) exit 67 ;;
esac
"""


def test_lists_within_are_read_a_few_times_each(make_site, place):
    """However many there are: once to see what is within, once for itself, and not once more for each that comes behind."""
    lists, asked = 30, place / "asked"
    programs = place / "programs"
    programs.mkdir()
    (programs / "lists").write_text(COUNTING.format(asked=asked, lists=lists))
    (programs / "lists").chmod(0o755)
    site = make_site(mta="sink", sources=f"corp: {{ kind: program, path: {programs} }}", destinations=destinations())
    assert site.submit(to="all@lists.example.com", sender="poster@example.org").code == 250
    site.rollcall.wait_idle(120)
    assert sorted(site.sink.recipients()) == sorted(
        ["everybody@example.com"] + [f"l{i}@example.com" for i in range(1, lists + 1)])
    assert len(asked.read_text().split()) <= 3 * (lists + 1)


def test_of_a_list_of_another_source(make_site, place):
    path = place / "more.json"
    path.write_text(json.dumps(dict(lists=[dict(address=E, members=[X, "carl@example.com", "nobody@closed.example.com"])])))
    site = make_site(with_x(), mta="sink", start=False)
    site.rollcall.sources = textwrap.dedent(site.rollcall.sources).rstrip() + f"\nmore: {{ kind: file, path: {path} }}"
    site.rollcall.destinations = destinations().replace("[ corp ], posts", "[ more ], posts")
    site.start()
    assert site.submit(to=E, sender="poster@example.org").code == 250
    site.rollcall.wait_idle()
    assert by_list(site) == dict(e=["carl", "nobody"], x=["xaver"])


def test_its_posts_are_counted_once(make_site):
    """By whom the milter knows, also where stamps are known by the digest."""
    site = make_site(with_x(), mta="postfix", destinations=destinations("rate: { posts: 2, in: 1d }"),
                     more="stamp: { match: digest }")
    for n in range(1, 4):
        site.post(to=E, sender="ann@example.com")
        wait_until(lambda: len(site.rollcall.log_lines("nested", list=X)) == n, 20, "the list within")
        site.rollcall.wait_idle()
    assert by_list(site)["x"] == ["xaver"] * 2
    line, = site.rollcall.log_lines("nested", verdict="reject")
    assert line["by"] == "rate"


def test_nobody_unproven_hears_of_a_refusal(make_site):
    """It came past the milter: the sender may be anybody."""
    site = make_site(with_x(), mta="sink", destinations=destinations("max-size: { limit: 1k }"))
    message = client.message(to=E) + b"x" * 70 * 20 + b"\r\n"
    assert site.submit(to=E, sender="ann@example.com", message=message).code == 250
    site.rollcall.wait_idle()
    assert by_list(site) == dict(e=["carl", "dora"])
    line, = site.rollcall.log_lines("nested", verdict="reject")
    assert (line["list"], line["by"]) == (X, "max-size") and "told" not in line


def test_while_it_is_unsure_nobody_gets_anything(make_site):
    """And afterwards everybody gets it once."""
    site = make_site(with_x(), mta="sink", destinations=destinations("fail: { without_session: defer }"))
    assert site.submit(to=E, sender="ann@example.com").code == 250
    wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), 20, "a later try")
    assert f"{X} within {E}" in site.rollcall.log_lines("expand", verdict="later")[0]["reason"]
    assert not site.sink.recipients() and set(envelopes(site)) == {E}
    site.rollcall.destinations = destinations()
    site.rollcall.reload()
    site.wait_for(3)
    site.rollcall.wait_idle()
    assert by_list(site) == dict(e=["carl", "dora"], x=["xaver"])


def test_while_nobody_knows_any_more_who_posted_it_waits(make_site):
    """The key of the stamp is away: without it the list within would be asked as if nobody had posted."""
    site = make_site(with_x(), mta="postfix", destinations=destinations(ONLY_BOB))
    r = site.rollcall
    r.kill_expander()
    r.start_expander("--queues", "inbound")
    site.post(to=E, sender="bob@example.com")
    wait_until(lambda: r.log_lines("lmtp", list=E), 20, "the post")
    r.kill_expander()
    keys = r.dir / "state/keys"
    shutil.move(keys, r.dir / "away")
    r.start_expander()
    wait_until(lambda: r.log_lines("expand", verdict="later"), 20, "a later try")
    assert "the stamp was valid, and is" in r.log_lines("expand", verdict="later")[0]["reason"]
    r.kill_expander()
    shutil.rmtree(keys, ignore_errors=True)
    shutil.move(r.dir / "away", keys)
    r.start_expander()
    assert site.wait_for(3) == ["carl@example.com", "dora@example.com", "xaver@example.com"]


def test_a_crash_before_the_list_is_whole(make_site):
    """Those within have their entries, the one that handed the post over is read once more."""
    site = make_site(company(), mta="sink", destinations=destinations(), start=False)
    r = site.rollcall
    r.start()
    r.kill_expander()
    r.start_expander("--queues", "inbound")
    assert site.submit(to=A, sender="poster@example.org").code == 250
    spool = r.dir / "state/spool"
    entry, = (spool / "pending").iterdir()
    shutil.copytree(entry, r.dir / "kept")
    r.kill_expander()
    r.start_expander("--queues", "pending")
    wait_until(lambda: len(list((spool / "outbound").iterdir())) == 4, 20, "four lists that are whole")
    r.kill_expander()
    shutil.rmtree(spool / "outbound" / entry.name)
    shutil.move(r.dir / "kept", entry)
    r.start_expander()
    r.wait_idle()
    assert by_list(site) == dict(a=["ann"], b=["bob"], c=["carl"], d=["dora"])
    assert len(r.log_lines("nested", reason="it has the post already")) == 3


def test_members_tells_of_it(make_site):
    site = make_site(company(), mta="sink", destinations=destinations())
    got = site.rollcall.ctl_json("members", "--post-from", "ann@example.com", A)
    assert ([m["address"] for m in got["members"]], sorted(got["nested"])) == (["ann@example.com"], [B, C])
    text = site.rollcall.ctl("members", "--post-from", "ann@example.com", A).stdout
    assert f"handed over to {B}" in text
