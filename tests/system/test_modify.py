"""What a site changes in posts: only that, and nothing goes out without it."""
from testbed import client
from testbed.base import wait_until

STAFF, DEV = "staff@lists.example.com", "dev@lists.example.com"
ALL_OF_STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
LISTS = """lists.example.com:
  sources: [ corp ]
  posts: { subject-tag: "[{local}]" }
  check: [ posters: { allow: anyone } ]
  modify:
    - remove: { fields: [ X-Internal, Precedence ] }
    - rewrite: { fields: Subject, match: "\\\\[extern\\\\] *", with: "" }
    - rewrite: { fields: [ To, Cc ], match: "@old\\\\.example\\\\.com\\\\b", with: "@example.com" }
    - add: { field: "X-Campus: north of {local}" }
  senders:
    partner: { check: [ posters: { allow: anyone } ], modify: [ add: { field: "X-From-Outside: yes" } ] }
  lists:
    dev: { reply-to: list, modify: [ ] }
"""
SENDERS = "senders:\n  partner: { from: partner.example.net }\n"
FIELDS = ["X-Internal: room 5", "X-internal: room 6", "Cc: Bob <bob@old.example.com>, x@old.example.community"]


def header(data):
    return data.split(b"\r\n\r\n")[0].decode() + "\r\n"


def post(site, *to, sender="ann@example.com", **more):
    message = client.message(subject="[Extern] lunch", fields=FIELDS, **more)
    with site.smtp() as c:
        assert c.mail(sender).code == 250
        assert [c.rcpt(r).code for r in to] == [250] * len(to)
        return message, c.data(message)


def test_steps_one_after_the_other(make_site, mta, place):
    """Through the MTA; what preview shows is what comes; the body and all other fields are the same bytes."""
    site = make_site(mta=mta, destinations=LISTS, more=SENDERS)
    message, end = post(site, STAFF)
    assert end.code == 250 and site.wait_for(4) == ALL_OF_STAFF
    (got, *_) = site.sink.delivered("ann@example.com")
    head = header(got.data)
    assert "x-internal" not in head.lower() and "\r\nPrecedence:" not in head
    assert "\r\nX-Campus: north of staff\r\n" in head and "\r\nSubject: [staff] lunch\r\n" in head
    assert "\r\nCc: Bob <bob@example.com>, x@old.example.community\r\n" in head
    assert got.data.split(b"\r\n\r\n", 1)[1] == message.split(b"\r\n\r\n", 1)[1]
    (place / "post").write_bytes(message)
    shown = site.rollcall.ctl("preview", "--message", STAFF, "ann@example.com", str(place / "post"), check=0).stdout
    for line in ("X-Campus: north of staff", "Subject: [staff] lunch", "Cc: Bob <bob@example.com>, x@old.example.community"):
        assert line in shown.splitlines()
    assert "X-Internal" not in shown


def test_a_list_and_senders_have_steps_of_their_own(make_site, mta):
    """In the place of the destination's; the list's say goes first."""
    site = make_site(mta=mta, destinations=LISTS, more=SENDERS)
    assert post(site, STAFF, sender="x@partner.example.net")[1].code == 250
    assert site.wait_for(4) == ALL_OF_STAFF
    head = header(site.sink.delivered("bob@example.com")[0].data)
    assert "\r\nX-From-Outside: yes\r\n" in head and "\r\nX-Internal: room 5\r\n" in head and "X-Campus" not in head
    site.sink.clear()
    assert post(site, DEV, sender="x@partner.example.net", body="dev\r\n")[1].code == 250
    site.wait_for(4)
    head = header(site.sink.delivered("bob@example.com")[0].data)
    assert "X-From-Outside" not in head and "X-Campus" not in head and f"\r\nReply-To: <{DEV}>\r\n" in head


def test_mail_to_owners_is_left_alone(make_site):
    site = make_site(destinations=LISTS, more=SENDERS)
    assert post(site, "staff-owner@lists.example.com")[1].code == 250
    assert site.wait_for(1) == ["ann@example.com"]
    head = header(site.sink.delivered("ann@example.com")[0].data)
    assert "\r\nX-Internal: room 5\r\n" in head and "\r\nSubject: [Extern] lunch\r\n" in head


def test_what_cannot_be_changed_does_not_go_out(make_site, place):
    """The list puts the post off, and others of the same message get theirs."""
    site = make_site(mta="sink", destinations="""lists.example.com:
  sources: [ corp ]
  check: [ posters: { allow: anyone } ]
  lists:
    staff: { modify: [ rewrite: { fields: X-A, match: "^(a+)+$", with: "" } ] }
""")
    message = client.message(fields=["X-A: " + "a" * 60 + "b"])
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert [c.rcpt(r).code for r in (STAFF, DEV)] == [250, 250]
        staff, dev = c.data(message, recipients=2)
    assert staff == "451 4.3.0" and dev.code == 250
    line = wait_until(lambda: site.rollcall.log_lines("lmtp", list=STAFF), what="the refusal")[0]
    assert line["reason"] == "the expression has too much to do with X-A"
    assert site.wait_for(4) == ALL_OF_STAFF
    (place / "post").write_bytes(message)
    got = site.rollcall.ctl("preview", STAFF, "ann@example.com", str(place / "post"), check=75)
    assert "too much to do with X-A" in got.stderr
