"""What a member gets: the fields that lists put before posts."""
import base64
import email
import os
import pty
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from email.header import decode_header, make_header

import pytest

from testbed import client, directory
from testbed.base import BUILD

BLOCKS = """
lists.example.com:
  sources: [ corp ]
  posts:
    list-owner: owner
    list-archive: https://archive.example.com/{local}/
    reply-to: poster list
  lists:
    dev:
      reply-to: list
      list-post: closed
      sender: owner
      precedence: bulk
    noowner@lists.example.com:
      parents: all.partner.example
      list-owner: none
      list-archive: none
      reply-to: none
"""
SETTINGS = "attributes: { settings: businessCategory }"


def company(**of_staff):
    p = directory.person_dn
    out = directory.top() + "".join(directory.person(u) for u in ("ann", "bob"))
    out += directory.group("staff", [p("ann")], description="All of us", **of_staff)
    return out + directory.group("dev", [p("bob")]) + directory.group("noowner", [p("ann")])


def test_fields_by_destination_list_and_directory(make_site, mta):
    site = make_site(company(businessCategory=["reply-to: list poster help@example.com",
                                               "list-help: https://help.example.com/?{local}"]),
                     destinations=BLOCKS, source_more=SETTINGS, mta=mta)
    old = [f"List-{name}: <mailto:outer@example.net>" for name in
           ("Help", "Subscribe", "Unsubscribe", "Owner", "Archive", "Post")]
    old += ["List-Id: <outer.example.net>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Sender: eve@example.net"]
    for name in ("staff", "dev"):
        site.post(to=f"{name}@lists.example.com", fields=old)
    site.wait_for(2)
    t = site.sink.delivered("ann@example.com")[0]
    assert t.fields("List-Id") == ['"All of us" <staff.lists.example.com>']
    assert t.fields("List-Help") == ["<https://help.example.com/?staff>"]
    assert t.fields("List-Owner") == ["<mailto:staff-owner@lists.example.com>"]
    assert t.fields("List-Archive") == ["<https://archive.example.com/staff/>"]
    assert t.fields("List-Post") == ["<mailto:staff@lists.example.com>"]
    assert t.fields("Reply-To") == ["<staff@lists.example.com>, ann@example.com, <help@example.com>"]
    assert t.fields("Sender") == ["eve@example.net"]
    for name in ("List-Subscribe", "List-Unsubscribe", "List-Unsubscribe-Post"):
        assert t.fields(name) == []
    t = site.sink.delivered("bob@example.com")[0]
    assert t.fields("List-Post") == ["NO"]
    assert t.fields("Reply-To") == ["<dev@lists.example.com>"]
    assert t.fields("Sender") == ["<dev-owner@lists.example.com>"]
    assert t.fields("Precedence") == ["bulk"]


def test_a_post_from_a_parent_keeps_its_list_id(make_site):
    site = make_site(company(), destinations=BLOCKS, mta="sink")
    site.submit(to="noowner@lists.example.com", message=client.message(to="all@partner.example", fields=[
        "List-Id: Everybody <all.partner.example>", "List-Post: <mailto:all@partner.example>",
        "List-Archive: <https://partner.example/>", "List-Help: <https://partner.example/help>"]))
    site.wait_for(1)
    t = site.sink.delivered()[0]
    assert t.fields("List-Id") == ["Everybody <all.partner.example>"]
    assert t.fields("List-Post") == ["<mailto:all@partner.example>"]
    assert t.fields("List-Archive") == ["<https://partner.example/>"]
    assert t.fields("List-Help") == []


@pytest.mark.parametrize("wrong", ["reply-to: lst", "replyto: list", "Reply-To"])
def test_a_setting_misspelt_in_the_directory_is_unsure(make_site, wrong):
    """Nobody knows how the list wanted its posts: 4xx until it is mended, also for what was taken before."""
    site = make_site(company(businessCategory=wrong), source_more=SETTINGS + "\n              cache: { yes: 0s }",
                     mta="sink")
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 451
        assert c.rcpt("staff-owner@lists.example.com").code == 250
    assert "its settings in the source" in site.rollcall.log
    got = site.rollcall.ctl("lookup", "staff@lists.example.com", check=75)
    assert wrong.split(":")[0] in got.stderr.lower() or wrong in got.stderr
    site.slapd.modify(f"""dn: {directory.group_dn('staff')}
changetype: modify
replace: businessCategory
businessCategory: reply-to: list
""")
    site.submit()
    site.wait_for(1)
    assert site.sink.delivered()[0].fields("Reply-To") == ["<staff@lists.example.com>"]


def test_a_tag_in_the_subject_once(make_site, mta):
    """What members see in their programs, through both MTAs: also where the tag is no ASCII."""
    site = make_site(company(), mta=mta, destinations="""lists.example.com:
  sources: [ corp ]
  posts: { subject-tag: "[{local}]" }
  lists: { dev: { subject-tag: "[Köche]" } }
""")
    for subject in ("Lunch", "Re: [staff] Lunch", "=?utf-8?q?gr=C3=BCn?="):
        site.post(subject=subject)
    site.post(to="dev@lists.example.com", subject="=?utf-8?q?gr=C3=BCn?=")
    site.wait_for(4)
    got = [t.fields("Subject") for t in site.sink.delivered("ann@example.com")]
    assert sorted(got) == [["Re: [staff] Lunch"], ["[staff] =?utf-8?q?gr=C3=BCn?="], ["[staff] Lunch"]]
    (t,) = site.sink.delivered("bob@example.com")
    assert str(make_header(decode_header(t.fields("Subject")[0]))) == "[Köche] grün"


SIGNED = """--x\r
Content-Type: text/plain\r
\r
Signed.\r
--x\r
Content-Type: application/pgp-signature\r
\r
not really\r
--x--\r
"""


def test_texts_above_and_below(make_site, mta):
    """In the body where it is plain, beside it where it is not, nowhere where it is signed."""
    site = make_site(company(businessCategory="header: An alle"), mta=mta, source_more=SETTINGS,
                     destinations="""lists.example.com:
  sources: [ corp ]
  posts:
    footer: |
      --\x20
      Grüße von {local}
      .
""".replace("\\x20", " "))
    site.post(body="Hello.\r\n.\r\n", fields=["X-Number: 1", "Content-Type: text/plain; charset=utf-8",
                                            "Content-Transfer-Encoding: quoted-printable"])
    site.post(body="<p>Hello.\r\n", fields=["X-Number: 2", "Content-Type: text/html"])
    site.post(body=SIGNED, fields=["X-Number: 3", "Content-Type: multipart/signed; boundary=x"])
    site.wait_for(3)
    sent = {t.fields("X-Number")[0]: t.data for t in site.sink.delivered()}
    plain, html = (email.message_from_bytes(sent[n]) for n in "12")
    below = "-- \r\nGrüße von staff\r\n.\r\n"
    assert plain.get_payload(decode=True).decode() == "An alle\r\n\r\nHello.\r\n.\r\n\r\n" + below
    assert [p.get_content_type() for p in html.get_payload()] == ["text/plain", "text/html", "text/plain"]
    assert html.get_payload(1).get_payload() == "<p>Hello.\r\n"
    assert html.get_payload(2).get_payload(decode=True).decode() == below
    assert sent["3"].endswith(SIGNED.encode())


def test_from_the_list_under_the_posters_name(make_site, mta):
    site = make_site(company(businessCategory="from: rewrite"), mta=mta, source_more=SETTINGS)
    site.post(sender="ann@example.com", fields=["X-Number: 1"])
    site.post(to="dev@lists.example.com")
    site.wait_for(2)
    (t,) = site.sink.delivered("ann@example.com")
    assert t.fields("From") == ['"ann@example.com via All of us" <staff@lists.example.com>']
    assert t.fields("Author") == t.fields("Reply-To") == ["ann@example.com"]
    (t,) = site.sink.delivered("bob@example.com")
    assert t.fields("From") == ["ann@example.com"] and t.fields("Reply-To") == []


def test_many_posts_at_once(make_site):
    """Reading and writing MIME is done by a library, on the threads of all sessions."""
    site = make_site(company(), destinations="""lists.example.com:
  sources: [ corp ]
  posts: { subject-tag: "[Köche]", footer: "Grüße", from: rewrite }
""", mta="sink")

    def post(n):
        with site.lmtp() as c:
            for i in range(10):
                c.mail("ann@example.com")
                c.rcpt("staff@lists.example.com")
                assert c.data(client.message(subject=f"=?iso-8859-1?q?gr=FCn?= {n}.{i}", fields=[
                    "Content-Type: text/plain; charset=utf-8"]))[0].code == 250

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(post, range(8)))
    site.wait_for(80)
    subjects = {t.fields("Subject")[0] for t in site.sink.delivered()}
    assert subjects == {f"=?utf-8?Q?=5BK=C3=B6che=5D_?= =?iso-8859-1?q?gr=FCn?= {n}.{i}"
                        for n in range(8) for i in range(10)}


# ---- preview ----

EVERYTHING = """lists.example.com:
  sources: [ corp ]
  posts:
    list-owner: owner
    reply-to: list poster
    sender: owner
    subject-tag: "[{local}]"
    header: Above
    footer: Below
"""


def when(data):
    """Without what preview cannot know: the MTA's name and the time."""
    return re.sub(rb"^Received: from \S+ (by .*\r\n\tid .*\r\n)\t.*\r\n", rb"\1", data)


@pytest.mark.parametrize("fields", [[], ["Content-Type: text/html; charset=utf-8"],
                                    ["Content-Type: multipart/signed; boundary=x"]], ids=str)
def test_preview_shows_the_same_bytes_as_arrive(make_site, place, fields):
    site = make_site(mta="sink", destinations=EVERYTHING)
    message = client.message(body="One\r\n.\r\n..\r\n\0grün\r\n".encode(), fields=fields, to="staff@lists.example.com")
    (place / "post").write_bytes(message.replace(b"\r\n", b"\n").rstrip(b"\n"))
    site.submit(message=message, parameters="BODY=8BITMIME")
    site.wait_for(4)
    (t,) = site.sink.delivered("carl@example.com")
    words = ["staff@lists.example.com", "Carl@Example.com", str(place / "post")]
    raw = subprocess.run([BUILD / "rollcallctl", "-c", site.rollcall.config, "preview", "--message", *words],
                         check=True, stdout=subprocess.PIPE).stdout
    assert when(raw) == when(t.data)
    got = site.rollcall.ctl_json("preview", *words)
    assert when(base64.b64decode(got["message_base64"])) == when(t.data)
    assert (got["sender"], got["recipient"], got["list"]) == (t.sender, "carl@example.com", "staff@lists.example.com")
    assert f"SIZE={len(t.data)}" in t.parameters
    assert got["parameters"] == "BODY=8BITMIME" and "BODY=8BITMIME" in t.parameters
    shown = subprocess.run([BUILD / "rollcallctl", "-c", site.rollcall.config, "preview", *words],
                           check=True, stdout=subprocess.PIPE).stdout
    envelope = b"MAIL FROM:<staff-bounces@lists.example.com> BODY=8BITMIME\nRCPT TO:<carl@example.com>\n\n"
    assert shown.startswith(envelope + b"Received: ") and when(shown[len(envelope):]) == when(t.data)


def test_preview_of_what_would_not_arrive(make_site, place):
    site = make_site(mta="sink")
    good, reply, bare, gone = (str(place / name) for name in ("good", "reply", "bare", "gone"))
    (place / "good").write_text("From: ann@example.com\nSubject: x\n\nHello.\n")
    (place / "reply").write_text("Auto-Submitted: auto-replied\n\nHello.\n")
    (place / "bare").write_text("Subject: x\n\nHello.\rYou.\n")
    (place / "long").write_text("X: " + "x" * 2000000 + "\n\n")
    ctl, staff, ann = site.rollcall.ctl, "staff@lists.example.com", "ann@example.com"
    for words, status, text in [
            ((staff, ann, good, good), 64, "usage"), ((staff, "ann", good), 64, "no mailbox"),
            (("staff", ann, good), 64, "no mailbox"), ((staff, "dora@example.com", good), 1, "no member of"),
            (("nolist@lists.example.com", ann, good), 1, "no list has this address"),
            (("staff-bounces@lists.example.com", ann, good), 1, "no list has this address"),
            ((ann, ann, good), 1, "no list has this address"), ((staff, ann, reply), 1, "would not get it"),
            ((staff, ann, bare), 1, "would not get it"), ((staff, ann, str(place / "long")), 1, "would not get it"),
            ((staff, ann, gone), 70, "there is no file"), (("dangling@lists.example.com", ann, good), 75, "not all")]:
        got = ctl("preview", *words, check=status)
        assert text in got.stderr and got.stdout == "", words
    got = ctl("preview", "staff-owner@lists.example.com", ann, good, check=0).stdout
    assert "for <staff-owner@lists.example.com>" in got and "List-Id" not in got
    (place / "empty").write_text("")
    assert ctl("preview", "--message", staff, ann, str(place / "empty"), check=0).stdout.endswith("list\n\n")
    site.slapd.stop()
    assert "staff@lists" in ctl("preview", staff, ann, good, check=75).stderr


def test_preview_for_who_gets_nothing(make_site, place):
    """What the list leaves out, members do not want, and lists within it get for themselves."""
    site = make_site(mta="sink", destinations="""
        lists.example.com:
          sources: [ corp ]
          posts: { without: guest@partner.example.net }
          lists: { staff: { nested: hand-over } }
        """)
    site.rollcall.ctl("preferences", "staff@lists.example.com", "bob@example.com", "no-mail", check=0)
    (place / "post").write_bytes(client.message())

    def refused(member, of="staff@lists.example.com"):
        got = site.rollcall.ctl("preview", of, member, str(place / "post"), check=1)
        assert got.stdout == ""
        return got.stderr
    assert "bob@example.com gets no post of staff@lists.example.com: wants no mail" in refused("bob@example.com")
    assert "left out by the list (without)" in refused("guest@partner.example.net", "dev@lists.example.com")
    assert "perhaps of a list within it" in refused("carl@example.com")
    assert "carl@example.com is no owner" in refused("carl@example.com", "staff-owner@lists.example.com")
    site.rollcall.ctl("preview", "dev@lists.example.com", "carl@example.com", str(place / "post"), check=0)
    # not-me is for who posts: a preview is of a post from nobody.
    site.rollcall.ctl("preview", "staff@lists.example.com", "ann@example.com", str(place / "post"), check=0)


def test_preview_does_not_let_mail_talk_to_the_terminal(make_site, place):
    site = make_site(mta="sink")
    (place / "post").write_bytes("Subject: grün\n\nHello \x1b[31m\n\nEnd".encode())
    main, terminal = pty.openpty()
    words = [BUILD / "rollcallctl", "-c", site.rollcall.config, "preview", "staff@lists.example.com",
             "ann@example.com", place / "post"]
    subprocess.run(words, check=True, stdout=terminal)
    os.close(terminal)
    shown = os.read(main, 65536).decode()
    os.close(main)
    assert shown.endswith("Subject: grün\r\n\r\nHello \\x1b[31m\r\n\r\nEnd\r\n")
    assert "BODY=8BITMIME SMTPUTF8\r\n" in shown
