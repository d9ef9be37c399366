"""Copies that say whom they are for."""
import email
import email.policy
import re

import pytest

from testbed import client

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
PERSONAL = """
lists.example.com:
  sources: [ corp ]
  posts:
    header: "{post.subject}, for {member.local}"
    footer: |
      Sent to {member.address} by {local}, {post.message-id}.
      https://x.example/leave?who={member.address}
"""


def copies(site):
    assert all(len(t.recipients) == 1 for t in site.sink.delivered())
    return {t.recipients[0]: t for t in site.sink.delivered()}


def texts(t):
    """What is above and below, of a body of one part or several."""
    m = email.message_from_bytes(t.data, policy=email.policy.default)
    if m.is_multipart():
        parts = list(m.iter_parts())
        return parts[0].get_content(), parts[-1].get_content()
    body = m.get_content()
    return body.split("\n", 1)[0], body


KINDS = {
    "text": client.message(subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", body="Hello.\r\n",
                           fields=["Content-Type: text/plain; charset=utf-8", "MIME-Version: 1.0"]),
    "html": client.message(subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", body="<p>Hello.</p>\r\n",
                           fields=["Content-Type: text/html", "MIME-Version: 1.0"]),
    "quoted": client.message(subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", body="Hello=2E\r\n", fields=[
        "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "MIME-Version: 1.0"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_for_each(make_site, mta, kind):
    """Everybody's own name in it, in whatever way the text is put; and what preview shows is the same bytes."""
    site = make_site(mta=mta, destinations=PERSONAL)
    site.post(message=KINDS[kind])
    assert site.wait_for(4) == STAFF
    for member, t in copies(site).items():
        above, below = texts(t)
        assert above.strip() == f"Grüße, for {member.partition('@')[0]}"
        assert f"Sent to {member} by staff" in below
        assert f"leave?who={member.replace('@', '%40')}" in below
        assert not [m for m in STAFF if m != member and m in above + below]
    (site.path / "post").write_bytes(KINDS[kind])
    words = ["preview", "--message", "staff@lists.example.com", "bob@example.com", str(site.path / "post")]
    shown = site.rollcall.ctl(*words, check=0).stdout.encode()
    body = copies(site)["bob@example.com"].data.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]
    # Boundaries are made of the post's name, which the fields of the MTA are part of.
    shown, body = (re.sub(rb"=_rollcall_[a-z2-7]+", b"=_", text) for text in (shown, body))
    assert shown.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1] == body


def test_what_is_signed_is_not_touched(make_site):
    """One batch, and the same bytes."""
    site = make_site(mta="sink", destinations=PERSONAL)
    body = "--x\r\n\r\nHello.\r\n--x\r\nContent-Type: application/pgp-signature\r\n\r\nabc\r\n--x--\r\n"
    site.submit(message=client.message(body=body, fields=[
        'Content-Type: multipart/signed; boundary=x; protocol="application/pgp-signature"', "MIME-Version: 1.0"]))
    assert site.wait_for(4) == STAFF
    (t,) = site.sink.delivered()
    assert t.data.endswith(b"\r\n\r\n" + body.encode())


def test_with_reverse_paths_of_their_own(make_site):
    """One transaction serves both; a poster cannot put fields in the texts of others."""
    site = make_site(mta="sink", destinations=PERSONAL + "    verp: always\n")
    site.submit(message=client.message(subject="{member.address}", body="{member.address}\r\n"))
    assert site.wait_for(4) == STAFF
    got = copies(site)
    assert len({t.sender for t in got.values()}) == 4
    for t in got.values():
        assert b"\r\n\r\n{member.address}, for " in t.data
        assert t.fields("Subject") == ["{member.address}"] and b"\r\n{member.address}\r\n" in t.data


def test_a_crash(make_site):
    """What was sent before stays sent; the rest goes on with the same texts."""
    site = make_site(mta="sink", destinations=PERSONAL.replace("  posts:", "  proof: always\n  posts:"), outbound="lanes: 1")
    said = site.submit_and_die(2)
    assert said["version"] == 3 and "{member.address}" in said["inject"]["below"]
    site.rollcall.start_expander()
    site.say_receipts()
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF
    assert all(f"Sent to {m}".encode() in t.data for m, t in copies(site).items())


def test_a_field_that_there_is_not(make_site):
    site = make_site(mta="sink", start=False, destinations=PERSONAL.replace("member.address", "member.adress"))
    site.rollcall.configure()
    (site.rollcall.dir / "state").mkdir()
    got = site.rollcall.ctl("config", "--check")
    assert got.returncode != 0 and "did you mean {member.address}?" in got.stderr
