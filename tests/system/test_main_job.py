"""The main job: a post through a real MTA to a group of a real slapd reaches every member once."""
import functools
import re

import pytest

from testbed import client, directory
from testbed.base import wait_until

@pytest.fixture
def make_site(make_site, mta):
    """All of it with either MTA."""
    return functools.partial(make_site, mta=mta)


STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def test_every_member_gets_exactly_one_copy(site):
    site.post()
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF
    assert site.rollcall.counts()["done"] == 1


def test_unknown_list_is_refused_at_rcpt(site):
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("stuff@lists.example.com") == "550 5.1.1"
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.rcpt("st*@lists.example.com") == "550 5.1.1"
        assert c.data(client.message()).code == 250
    assert site.wait_for(4) == STAFF


def test_directory_metacharacters_match_nothing(site):
    """Whatever a stranger writes before the @ names no list and breaks no filter."""
    for local in ("*", "st*", "staff)(mail=*", "staff\\", "\\2a", "(", ")", "&", "|", "!", "st\0aff"):
        with site.smtp() as c:
            c.mail("ann@example.com")
            quoted = re.sub(r'(["\\])', r"\\\1", local)
            assert 500 <= c.rcpt(f'"{quoted}"@lists.example.com').code < 560, local
            if re.fullmatch(r"[*&|!]+|st\*", local):
                uucp = local == "!" and not site.postfix          # to sendmail it is more than a letter
                assert c.rcpt(f"{local}@lists.example.com") == ("554 5.0.0" if uucp else "550 5.1.1"), local
            assert c.rcpt("staff@lists.example.com").code == 250


def test_closed_by_default(site):
    with site.smtp_from_abroad() as c:
        c.mail("eve@elsewhere.example")
        assert c.rcpt("staff@lists.example.com") == "550 5.7.1"
        assert c.rcpt("stuff@lists.example.com") == "550 5.1.1"
        assert c.rcpt("staff-owner@lists.example.com").code == 250
    if not site.postfix:                  # a login with sendmail: test_sendmail.py
        return
    with site.smtp() as c:
        c.xclient(ADDR="203.0.113.7", NAME="relay.example.net", LOGIN="ann")
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250


def test_an_open_list_takes_mail_from_anyone(make_site):
    site = make_site(destinations="lists.example.com: { sources: [ corp ], check: [ posters: { allow: [ anyone ] } ] }")
    with site.smtp_from_abroad() as c:
        c.mail("eve@elsewhere.example")
        assert c.rcpt("staff@lists.example.com").code == 250


def test_other_mail_is_none_of_its_business(site):
    with site.smtp() as c:
        c.mail("ann@example.com")
        for other in ("bob@example.com", "staff@elsewhere.example", '"odd one"@example.com'):
            assert c.rcpt(other).code == 250
        assert c.data(client.message(to="bob@example.com", fields=["Auto-Submitted: auto-replied"])).code == 250
    assert len(site.wait_for(3)) == 3
    assert site.rollcall.log_lines("end") == []


@pytest.mark.parametrize("spelling", ["STAFF@LISTS.EXAMPLE.COM", "Everybody@Lists.Example.Com",
                                      "staff+any.detail@lists.example.com", '"staff"@lists.example.com'])
def test_spellings_of_one_list(site, spelling):
    site.post(to=spelling)
    assert site.wait_for(4) == STAFF
    (done,) = {t.fields("List-Post")[0] for t in site.sink.delivered("bob@example.com")}
    assert done == "<mailto:staff@lists.example.com>"


def test_exact_list_then_role_then_detail(site):
    """C049 to C051: a group's own name goes before a role, a role before a detail."""
    site.post(to="a+b@lists.example.com")
    assert site.wait_for(1) == ["dora@example.com"]
    site.sink.clear()
    site.post(to="staff-request@lists.example.com")
    assert site.wait_for(1) == ["emil@example.com"]
    site.sink.clear()
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("dev-request@lists.example.com") == "550 5.1.1"
        assert c.rcpt("dev-subscribe@lists.example.com") == "550 5.1.1"
        assert c.rcpt("stuff+staff@lists.example.com") == "550 5.1.1"


def test_one_copy_per_person_and_members_that_are_odd(site):
    """A member without mail, one with two addresses, two with the same, two that do not exist."""
    site.post(to="edge@lists.example.com")
    got = site.wait_for(3)
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == got == ["Shared@Example.com", "ann@example.com", "two.a@example.com"]
    (line,) = site.rollcall.log_lines("expand", list="edge@lists.example.com")
    assert (line["dangling"], line["without_address"]) == ("2", "1")


def test_a_list_of_people_who_are_gone_waits(site):
    """Three of three members missing looks like a broken directory: nobody is left out by that."""
    site.post(to="dangling@lists.example.com")
    wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), what="a deferred post")
    assert "3 of 3 members do not exist" in site.rollcall.log
    assert site.rollcall.counts()["pending"] == 1
    site.slapd.modify("".join(directory.person(f"gone{i}") for i in (1, 2, 3)), "ldapadd")
    assert site.wait_for(3) == [f"gone{i}@example.com" for i in (1, 2, 3)]


def test_what_a_member_gets(site):
    body = "One\r\n.two\r\n..three\r\n" + "x" * 3000 + "\r\n\r\nä\x00b\r\n"
    sent = client.message(body=body.encode("utf-8"), subject="=?utf-8?q?gr=C3=BC=C3=9Fe?=",
                          fields=["X-Odd:   two  blanks ", "Folded: a\r\n\tb\r\n c", "Precedence: bulk",
                                  "List-Help: <mailto:x@example.com>", "Rollcall-Stamp: forged"])
    with site.smtp() as c:
        c.mail("ann@example.com", "BODY=8BITMIME")
        c.rcpt("staff@lists.example.com")
        assert c.data(sent).code == 250
    site.wait_for(4)
    (t,) = site.sink.delivered("bob@example.com")
    assert t.sender == "staff-bounces@lists.example.com"
    assert "BODY=8BITMIME" in t.parameters and "ENVID=" in t.parameters
    assert t.fields("List-Id") == ['"All of us" <staff.lists.example.com>']
    assert t.fields("List-Post") == ["<mailto:staff@lists.example.com>"]
    assert t.fields("Precedence") == ["list"]
    assert t.fields("List-Help") == ["<mailto:x@example.com>"]
    assert t.fields("Rollcall-Stamp") == []
    # But for what stands on top and the two fields that were replaced, the same bytes.
    head, _, rest = sent.partition(b"\r\n\r\n")
    kept = re.sub(rb"(Precedence|Rollcall-Stamp): .*?\r\n", b"", head + b"\r\n") + b"\r\n" + rest
    assert t.data.endswith(kept)
    above = t.data[:-len(kept)].decode()
    assert re.sub(r"\r\n[ \t]+", " ", above).count("\r\n") == 6, above


def test_precedence_as_configured(make_site):
    site = make_site(destinations="lists.example.com: { sources: [ corp ], posts: { precedence: none } }")
    site.post(fields=["Precedence: bulk"])
    site.wait_for(4)
    assert site.sink.delivered("bob@example.com")[0].fields("Precedence") == ["bulk"]


def test_fields_of_an_outer_list_are_not_doubled(site):
    """A post that came by another list keeps one List-Id and one List-Post: ours."""
    site.post(fields=["List-Id: <outer.example.net>", "List-Post: <mailto:outer@example.net>",
                      "List-Id: <outermost.example.net>"])
    site.wait_for(4)
    t = site.sink.delivered("bob@example.com")[0]
    assert t.fields("List-Id") == ['"All of us" <staff.lists.example.com>']
    assert t.fields("List-Post") == ["<mailto:staff@lists.example.com>"]


@pytest.mark.parametrize("fields, reply", [
    (["Auto-Submitted: auto-replied"], "550 5.7.1"),
    (["Content-Type: multipart/report; report-type=delivery-status; boundary=x"], "550 5.7.1"),
    (["List-Post: <mailto:staff@lists.example.com>"], "554 5.4.6"),
    (["List-Id: x <staff.lists.example.com>"], "554 5.4.6"),
])
def test_what_is_never_expanded_is_refused_while_connected(site, fields, reply):
    with site.smtp() as c:
        c.mail("ann@example.com")
        c.rcpt("staff@lists.example.com")
        assert c.data(client.message(fields=fields)) == reply
    assert site.rollcall.counts()["done"] == 0


def test_what_is_never_expanded_is_not_refused_for_others(site):
    """One of the recipients may have it: it is taken, and dropped for the list without a word to anybody."""
    with site.smtp() as c:
        c.mail("ann@example.com")
        c.rcpt("staff@lists.example.com")
        c.rcpt("bob@example.com")
        assert c.data(client.message(fields=["Auto-Submitted: auto-replied"])).code == 250
    assert site.wait_for(1) == ["bob@example.com"]
    wait_until(lambda: site.rollcall.log_lines("lmtp", reply="250 2.0.0", by="auto-submitted"), what="the drop")
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    assert site.sink.recipients() == ["bob@example.com"]


def test_the_null_sender_never_posts(site):
    """C187, C208."""
    with site.smtp() as c:
        c.mail("")
        assert c.rcpt("staff@lists.example.com") == "550 5.7.1"
        assert c.rcpt("staff-bounces@lists.example.com").code == 250
        assert c.rcpt("staff-bounces+ann=example.com@lists.example.com").code == 250
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff-bounces@lists.example.com") == "550 5.7.1"


def test_a_loop_through_another_host_ends(site):
    """What comes back with another list's fields in place of ours is known by our own trace."""
    site.post()
    site.wait_for(4)
    back = site.sink.delivered("bob@example.com")[0].data
    back = re.sub(rb"(?m)^List-(Id|Post):.*\r\n( .*\r\n)*", b"", back)
    with site.smtp() as c:
        c.mail("ann@example.com")
        c.rcpt("staff@lists.example.com")
        assert c.data(b"List-Id: <other.example>\r\n" + back) == "554 5.4.6"


def test_two_lists_in_one_message(site):
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("a+b@lists.example.com").code == 250
        assert c.rcpt("staff-request@lists.example.com").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(2) == ["dora@example.com", "emil@example.com"]


def test_two_lists_with_the_same_people_in_one_message(site):
    """Whoever is on several gets one copy; through the one that the poster named first."""
    with site.smtp() as c:
        c.mail("ann@example.com")
        for to in ("a+b", "errors", "edge", "noowner"):
            assert c.rcpt(f"{to}@lists.example.com").code == 250
        assert c.data(client.message()).code == 250
    site.wait_for(4)
    site.rollcall.wait_idle()
    wait_until(lambda: site.mta.queued() == 0, what="the MTA to have delivered")
    assert [r.lower() for r in sorted(site.sink.recipients())] == [
        "shared@example.com", "ann@example.com", "dora@example.com", "two.a@example.com"]
    assert [t.sender for t in site.sink.delivered("ann@example.com")] == ["errors-bounces@lists.example.com"]


def test_log_lines_carry_the_queue_id(site):
    reply = site.post()
    queue_id = re.search(r"queued as (\w+)|(\w+) Message accepted", reply.text)
    queue_id = queue_id[1] or queue_id[2]
    site.wait_for(4)
    site.rollcall.wait_idle()
    for event in ("end", "lmtp", "inject"):
        assert len(site.rollcall.log_lines(event, queue=queue_id)) == 1, event
    (batch,) = site.rollcall.log_lines("batch")
    assert f"{batch['to_queue']}: from=<staff-bounces@lists.example.com>" in site.mta.log


def test_a_group_of_ten_thousand(make_site):
    site = make_site(directory.crowded(10000))
    site.post(to="g10000@lists.example.com", sender="user0@example.net")
    got = site.wait_for(10000, 60)
    site.rollcall.wait_idle()
    wait_until(lambda: site.mta.queued() == 0, 60, "an empty queue")
    assert sorted(site.sink.recipients()) == got == sorted(f"user{i}@example.net" for i in range(10000))


def test_too_many_hops(make_site):
    site = make_site(more="limits: { hops: 20 }")
    with site.smtp() as c:
        c.mail("ann@example.com")
        c.rcpt("staff@lists.example.com")
        assert c.data(client.message(fields=["Received: by x"] * 21)) == "554 5.4.6"


IDN = """
bücher.example: { sources: [ lists ] }
lists.example.com: { sources: [ lists ] }
"""

# What Postfix or sendmail, with their defaults, take for an address of ours (and what they may or may not).
SPELLINGS = ["<{}@lists.example.com.>", "<@relay.example:{}@lists.example.com>", "<@:{}@lists.example.com>",
             "<{}@lists.example.com(c)>", "<(c){}@lists.example.com>", "<{}@lists.(x)example.com>",
             "<{} @lists.example.com>", "<{}@ lists.example.com>", "< {}@lists.example.com>",
             "<{}@lists.example.com >", "<lists.example.com!{}>", "<<{}@lists.example.com>>",
             "<\\{}@lists.example.com>", "<x:{}@lists.example.com;>", "<{}@lists.example.com@>", "{}@lists.example.com",
             "Foo <{}@lists.example.com>", "<{}%lists.example.com@mail.example.com>", '<"{}"@lists.example.com>',
             "<{}@lists.example.com@mail.example.com>", '<"{}@lists.example.com"@mail.example.com>',
             "<lists.example.com!{}@mail.example.com>", "<mail.example.com!lists.example.com!{}>"]


def test_no_spelling_goes_past_the_milter(make_site):
    """MTAs understand more than RFC 5321; whatever they take for a list is judged as one."""
    site = make_site(postfix={"main": "mydestination = mail.example.com\n"})
    accepted = 0
    for spelling in SPELLINGS:
        with site.smtp_from_abroad() as c:
            c.mail("stranger@elsewhere.example")
            for local in ("staff", "nosuch"):
                assert c.command("RCPT TO:" + spelling.format(local)).code >= 500, spelling
        with site.smtp() as c:
            c.mail("ann@example.com")
            assert c.command("RCPT TO:" + spelling.format("nosuch")).code >= 500, spelling
            accepted += c.command("RCPT TO:" + spelling.format("staff")).code == 250
    assert accepted > 5                   # so the spellings are not all nonsense to it


# Postfix does not know that both forms of a domain are one: it is told of each.
IDN_DOMAINS = ("bücher.example", "xn--bcher-kva.example", "lists.example.com")
IDN_MAIN = f"""
relay_domains = {", ".join(IDN_DOMAINS)}
transport_maps = inline:{{ {", ".join(f"{{ {d}=rollcall:unix:rollcall/lmtp.sock }}" for d in IDN_DOMAINS)} }}
"""


@pytest.mark.parametrize("mta", ["postfix"])
def test_names_beyond_ascii(make_site, place):
    """
    C214 to C217: IDN domains in both forms, and local parts with SMTPUTF8, composed or not, in either case. What sendmail does
    without SMTPUTF8 is in test_sendmail.py.
    """
    (place / "lists.json").write_text("""{ "lists": [
        { "address": "alle@bücher.example", "members": [ "ann@example.com", "jörg@example.com" ] },
        { "address": "größe@lists.example.com", "members": [ "bob@example.com" ] } ] }""", encoding="utf-8")
    site = make_site(sources=f"lists: {{ kind: file, path: {place}/lists.json }}", destinations=IDN,
                     postfix={"main": IDN_MAIN})
    for to in ("alle@bücher.example", "Alle@BÜCHER.example", "alle@xn--bcher-kva.example"):
        site.sink.clear()
        with site.smtp() as c:
            c.mail("ann@example.com", "SMTPUTF8")
            assert c.rcpt(to).code == 250, to
            assert c.data(client.message(to="alle@example")).code == 250
        assert site.wait_for(2) == ["ann@example.com", "jörg@example.com"]
    for to in ("größe@lists.example.com", "gro\u0308ße@lists.example.com", "GRÖßE@lists.example.com"):
        site.sink.clear()
        with site.smtp() as c:
            c.mail("ann@example.com", "SMTPUTF8")
            assert c.rcpt(to).code == 250, to
            assert c.data(client.message(to="list@example")).code == 250
        assert site.wait_for(1) == ["bob@example.com"]
        (t,) = site.sink.transactions
        assert t.sender == "größe-bounces@lists.example.com" and "SMTPUTF8" in t.parameters
        assert t.fields("List-Id") == ["<gr%C3%B6%C3%9Fe.lists.example.com>"]
