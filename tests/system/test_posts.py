"""What a member gets: the fields that lists put before posts."""
import email
from email.header import decode_header, make_header

import pytest

from testbed import client, directory

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
