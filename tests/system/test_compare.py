"""rollcallctl compare: a list here beside what another program makes of it."""
import json
import os

import pytest

from testbed import client, directory, postfix
from testbed.base import free_port, wait_until

STAFF = "staff@lists.example.com"
ALL_OF_STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def lines(*words):
    return "".join(f"{w}\n" for w in words)


def compare(site, *words, check=0):
    got = site.rollcall.ctl("--json", "compare", *words, check=check)
    return json.loads(got.stdout)


def one(site, *words, check=0):
    (only,) = compare(site, *words, check=check)["lists"]
    return only


def test_the_same(lmtp_site, place):
    (place / "staff").write_text(lines("# from elsewhere", "Ann <Ann@Example.com>", *ALL_OF_STAFF[1:]))
    got = one(lmtp_site, STAFF, place / "staff")
    assert (got["same"], got["only_here"], got["only_there"]) == (4, [], [])
    # Only the spelling is another: told, and no difference.
    assert got["spelling"] == [dict(address="ann@example.com", reason="Ann@Example.com", file=str(place / "staff"), line=2)]
    assert lmtp_site.rollcall.ctl("compare", "--quiet", STAFF, place / "staff", check=0).stdout == ""


def test_differences_and_their_reasons(lmtp_site, place):
    (place / "staff").write_text(lines("ann@example.com", "bob@example.com", "eve@example.com", "edge@lists.example.com",
                                       "broken"))
    got = one(lmtp_site, STAFF, place / "staff", check=1)
    assert got["same"] == 2
    assert [(r["address"], r["via"]) for r in got["only_here"]] == [
        ("carl@example.com", [STAFF, "dev@lists.example.com"]),
        ("guest@partner.example.net", [STAFF, "dev@lists.example.com"])]
    assert [(r["address"], r["line"], r["reason"]) for r in got["only_there"]] == [
        ("eve@example.com", 3, "no member here"), ("edge@lists.example.com", 4, "a list here, but no member")]
    assert [(r["line"], r["reason"]) for r in got["unreadable"]] == [(5, '"broken" is no mailbox address')]
    text = lmtp_site.rollcall.ctl("compare", "--quiet", STAFF, place / "staff", check=1).stdout
    assert text.splitlines() == [
        f"{STAFF}: 2 in both, 2 only here, 2 only there, 1 unreadable",
        f"  + {'carl@example.com':40} {STAFF} > dev@lists.example.com",
        f"  + {'guest@partner.example.net':40} {STAFF} > dev@lists.example.com",
        f"  - {'eve@example.com':40} {place}/staff:3: no member here",
        f"  - {'edge@lists.example.com':40} {place}/staff:4: a list here, but no member",
        f"  ! {place}/staff:5: \"broken\" is no mailbox address"]


def test_members_who_are_left_out(make_site, place):
    """Who does not exist, who has no address, whose address is none: told with the group they are named in."""
    p = directory.person_dn
    ldif = directory.top() + directory.person("ann") + directory.person("nomail", mail=False)
    ldif += directory.person("odd", mail="|/bin/sh")
    ldif += directory.group("edge", [p("ann"), p("nomail"), p("odd"), p("gone")], mgrpRFC822MailMember="|/bin/cat")
    site = make_site(ldif, mta="sink")
    (place / "edge").write_text("ann@example.com\n")
    got = one(site, "edge@lists.example.com", place / "edge")
    assert sorted((r["what"], r["reason"]) for r in got["omitted"]) == sorted([
        (p("nomail"), "has no address"), (p("gone"), "does not exist"), ("|/bin/sh", "the address is no mailbox"),
        ("|/bin/cat", "the address is no mailbox")])
    assert all(r["via"] == ["edge@lists.example.com"] for r in got["omitted"])


@pytest.mark.parametrize("technique", ["deref", "or", "base"])
def test_other_addresses_and_disabled_people(make_site, place, technique):
    """Who is there by another address of his is no difference; who gets no mail is, and why."""
    ldif = directory.top() + directory.person("ann", mail="ann@example.com") + directory.person("bob")
    ldif += directory.entry(directory.person_dn("Old"), objectClass=["inetOrgPerson", "mailRecipient"], uid="old", cn="O",
                            sn="O", mail="old@example.com", mailAlternateAddress="elder@example.com", title="gone")
    ldif += directory.entry(directory.person_dn("carl"), objectClass=["inetOrgPerson", "mailRecipient"], uid="carl",
                            cn="C", sn="C", mail="carl@example.com",
                            mailAlternateAddress=["Carl.Smith@example.com", "cs@example.com"])
    ldif += directory.group("edge", [directory.person_dn(u) for u in ("ann", "bob", "old", "carl")])
    site = make_site(ldif, mta="sink", source_more=f"technique: {technique}" + "\n              " +
                     "attributes: { disabled: title=gone }")
    (place / "edge").write_text(lines("ann@example.com", "Carl.Smith@Example.com", "cs@example.com", "elder@example.com",
                                      "eve@example.com"))
    got = one(site, "edge@lists.example.com", place / "edge", check=1)
    assert got["same"] == 2 and [r["address"] for r in got["only_here"]] == ["bob@example.com"]
    assert [(r["address"], r["line"], r["reason"]) for r in got["spelling"]] == [
        ("carl@example.com", n, f"{who}, another address of the same person")
        for n, who in ((2, "Carl.Smith@Example.com"), (3, "cs@example.com"))]
    assert [(r["address"], r["reason"]) for r in got["only_there"]] == [
        ("elder@example.com", "a member here, but left out: gets no mail (disabled)"), ("eve@example.com", "no member here")]
    assert [r["reason"] for r in got["omitted"]] == ["gets no mail (disabled)"]
    text = site.rollcall.ctl("members", "--why", "edge@lists.example.com", check=0).stdout.splitlines()
    assert text[-2].lower().split() == [*f"{directory.person_dn('old')} gets no mail (disabled), in".split(),
                                        "edge@lists.example.com"] and text[-1] == "3 recipients, 0 left out"


def test_a_list_that_the_others_have_as_one_address(lmtp_site, place):
    (place / "staff").write_text(lines("ann@example.com", "bob@example.com", "DEV@lists.example.com"))
    got = one(lmtp_site, STAFF, place / "staff")
    assert (got["same"], got["through"], got["only_here"], got["only_there"]) == (2, 2, [], [])
    assert [r["address"] for r in got["lists"]] == ["dev@lists.example.com"]


def test_columns(lmtp_site, place):
    (place / "staff.csv").write_text('#TYPE X\r\n"Name";"Mail"\r\n' +
                                     "".join(f'"A; B";"{a}"\r\n' for a in ALL_OF_STAFF))
    for column in ("mail", "2"):
        got = one(lmtp_site, "--column", column, STAFF, place / "staff.csv", check=0 if column == "mail" else 1)
        assert got["same"] == 4
    got = lmtp_site.rollcall.ctl("compare", "--column", "mial", STAFF, place / "staff.csv", check=70)
    assert f'{place}/staff.csv:2: there is no column "mial"' in got.stderr


def test_a_directory_of_lists(lmtp_site, place):
    export = place / "export"
    export.mkdir()
    (export / f"{STAFF}.txt").write_text(lines(*ALL_OF_STAFF))
    (export / "dev@lists.example.com").write_text(lines(*ALL_OF_STAFF))
    (export / "gone@lists.example.com.csv").write_text("ann@example.com\n")
    (export / ".hidden").write_text("x\n")
    (export / "dev@lists.example.com~").write_text("x\n")
    text = lmtp_site.rollcall.ctl("compare", "--all", export, check=1)
    assert text.stdout.splitlines() == ["dev@lists.example.com: 4 in both, 0 only here, 0 only there",
                                        f"{STAFF}: 4 in both, 0 only here, 0 only there"]
    assert "gone@lists.example.com: no list has this address" in text.stderr
    got = compare(lmtp_site, "--all", export, check=1)
    assert got["differences"] == 0 and [x.get("error") for x in got["lists"]] == [
        None, "no list has this address", None]
    (export / "gone@lists.example.com.csv").unlink()
    assert lmtp_site.rollcall.ctl("compare", "--quiet", "--all", export, check=0).stdout == ""


@pytest.mark.parametrize("words, status, said", [
    (["compare"], 64, "usage"), (["compare", STAFF], 64, "usage"), (["compare", "--all", "/x", "y"], 64, "usage"),
    (["compare", STAFF, "/nonexistent"], 70, "there is no file /nonexistent"),
    (["compare", "--all", "/nonexistent"], 70, "cannot read /nonexistent: No such file"),
    (["compare", "nowhere@example.org", "/dev/null"], 1, "in no domain of lists"),
    (["compare", "staff", "/dev/null"], 64, "no mailbox address"),
    (["compare", "--post", "x", "/dev/null"], 1, "there is no such post")])
def test_mistakes(lmtp_site, words, status, said):
    assert said in lmtp_site.rollcall.ctl(*words, check=status).stderr


def test_a_directory_that_is_down(lmtp_site, place):
    """Half of the members are no members to compare with."""
    (place / "staff").write_text(lines(*ALL_OF_STAFF))
    lmtp_site.slapd.stop()
    assert lmtp_site.rollcall.ctl("compare", STAFF, place / "staff", check=75).stdout == ""


def test_the_distribution_list_of_a_post(lmtp_site, place):
    """What a post really went to, whatever the directory says by now."""
    lmtp_site.submit(STAFF)
    assert lmtp_site.wait_for(4) == ALL_OF_STAFF
    entry = lmtp_site.rollcall.log_lines("expand")[0]["id"]
    (place / "posts").write_text("".join(
        f"From x Thu Jan  1 00:00:00 2026\nX-Original-To: {a}\nReceived: by h\nTo: {STAFF}\n\nx\n\n"
        for a in ALL_OF_STAFF[1:]))
    wait_until(lambda: lmtp_site.rollcall.log_lines("inject", state="done"), what="the end of the post")
    got = one(lmtp_site, "--post", entry, place / "posts", check=1)
    assert (got["list"], got["same"], [r["address"] for r in got["only_here"]]) == (entry, 3, ["ann@example.com"])


BOXES = """
virtual_mailbox_domains = example.com, partner.example.net
virtual_mailbox_maps = static:all
virtual_mailbox_base = {place}/boxes
virtual_uid_maps = static:1
virtual_gid_maps = static:1
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
virtual_transport = virtual
"""


def test_posts_as_a_real_mta_delivers_them(make_site, place):
    """The boxes of members, as Postfix writes them, say who got the post: the list's own copy in between does not count."""
    (place / "boxes").mkdir()
    os.chown(place / "boxes", 1, 1)
    site = make_site(mta="postfix", postfix=dict(main=BOXES.format(place=place)))
    site.post()
    box = place / "boxes/all"
    wait_until(lambda: box.exists() and box.read_text().count("\nX-Original-To: ") == 4, what="four copies")
    assert one(site, STAFF, box)["same"] == 4


# ---- a shadow ----

SHADOW = """lists.example.com:
  sources: [ corp ]
  shadow: yes
  check: [ posters: { allow: [ anyone ] } ]
"""


def test_a_shadow_sends_nothing(make_site, place):
    """Neither a post, nor mail to owners, nor a report; also when the configuration has changed meanwhile."""
    site = make_site(mta="sink", destinations=SHADOW, more="errors: postmaster@example.com")
    assert site.submit(STAFF).code == 250
    assert site.submit("staff-owner@lists.example.com").code == 250
    shadow = wait_until(lambda: site.rollcall.log_lines("inject", state="shadow", list=STAFF, waiting=4), what="a shadow")
    (place / "staff").write_text(lines(*ALL_OF_STAFF[:3]))
    got = one(site, "--post", shadow[0]["id"], place / "staff", check=1)
    assert (got["same"], [r["address"] for r in got["only_here"]]) == (3, ["guest@partner.example.net"])
    site.rollcall.wait_idle()
    assert site.sink.recipients() == []


def test_what_was_a_shadow_stays_one(make_site):
    """Posts that were taken as a shadow, and waited for the directory, are not sent when the shadow is no more."""
    site = make_site(mta="sink", destinations=SHADOW)
    site.slapd.stop()
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt(STAFF).code == 451
    site.slapd.start()
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt(STAFF).code == 250
        site.slapd.stop()
        (reply,) = c.data(b"Subject: x\r\n\r\nx\r\n")
        assert reply.code == 250
    wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), what="a try")
    site.rollcall.destinations = SHADOW.replace("shadow: yes", "shadow: no")
    site.rollcall.reload()
    site.slapd.start()
    wait_until(lambda: site.rollcall.log_lines("inject", state="shadow"), what="the shadow")
    assert site.submit(STAFF).code == 250           # one of another message is none
    assert site.wait_for(4) == ALL_OF_STAFF
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 4


def test_a_shadow_that_expires_is_reported_to_nobody(make_site):
    site = make_site(mta="sink", destinations=SHADOW, more="errors: postmaster@example.com",
                     outbound="expire: 1s\nretry-first: 300ms\nretry-most: 1s")
    assert site.submit("dangling@lists.example.com").code == 250
    wait_until(lambda: "given up, sent to nobody" in site.rollcall.log, what="its end")
    site.rollcall.wait_idle()
    assert site.sink.recipients() == []


COPIES = r"""
recipient_bcc_maps = regexp:{{{{/^(.*)@lists\.example\.com$$/ $$1@shadow.invalid}}}}
transport_maps = inline:{{ shadow.invalid=shadow:inet:127.0.0.1:{port} }}
"""
LANE = r"""
shadow unix - - n - - lmtp
  -o { lmtp_generic_maps = regexp:{{/^(.*)@shadow\.invalid$$/ $$1@lists.example.com}} }
"""


def test_copies_from_a_real_mta(make_site, place):
    """The Postfix of the documentation: the other program gets the post, and the shadow a copy."""
    port = free_port()
    shadow = make_site(mta="sink", destinations=SHADOW, lmtp=f"listen: inet:127.0.0.1:{port}")
    other = postfix.Postfix(place / "other", relay=shadow.sink.address, part=False, master=LANE,
                            main=COPIES.format(port=port))
    other.start()
    try:
        with client.Client(("127.0.0.1", other.port)) as c:
            assert (c.mail("ann@example.com").code, c.rcpt(STAFF).code) == (250, 250)
            assert c.data(client.message(to=STAFF)).code == 250
        assert shadow.wait_for(1) == [STAFF]
        wait_until(lambda: shadow.rollcall.log_lines("inject", state="shadow", list=STAFF, waiting=4), what="a shadow")
        shadow.rollcall.wait_idle()
        assert shadow.sink.recipients() == [STAFF]
    finally:
        other.stop()
