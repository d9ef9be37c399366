"""
What other list managers' tests and documents say of what posts look like, by the numbers that these cases have in
../shared/corpus/CASES.md: each a list of its own in one site, through either MTA. Where rollcall does otherwise on purpose,
docs/posts.md says so, and the case looks at that. Others have tests of their own, which name them.
"""
import email.header
import json
import re

import pytest

from testbed import client
from testbed.base import wait_until
from testbed.dns import Dns

BOB = "bob@example.com"
ZONE = {"_dmarc.strict.example": {"TXT": ["v=DMARC1; p=reject"]}, "_dmarc.lax.example": {"TXT": ["v=DMARC1; p=none"]},
        "_dmarc.soft.example": {"TXT": ["v=DMARC1; p=reject; sp=none"]},
        "_dmarc.sub.example": {"TXT": ["v=DMARC1; p=none; sp=quarantine"]},
        "_dmarc.twice.example": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=reject"]},
        "_dmarc.odd.example": {"TXT": ["v=DMARC01; p=reject"]}}
SIGNED = ("--x\r\nContent-Type: text/plain\r\n\r\nHello. \r\n--x\r\nContent-Type: application/pgp-signature\r\n\r\nabc\r\n--x--\r\n")
MIXED = ["MIME-Version: 1.0", "Content-Type: text/plain; charset=iso-8859-1; format=flowed", "Content-Transfer-Encoding: 8bit"]
SHADY = ["Approved", "Approve", "X-Approved", "X-Approve", "Urgent", "Return-Receipt-To", "Disposition-Notification-To",
         "X-Confirm-Reading-To"]


class Got:
    """What the member has."""

    def __init__(self, t):
        header, _, self.body = t.data.partition(b"\r\n\r\n")
        self.header = re.split(rb"\r\n(?![ \t])", header)
        self.transaction = t

    def all(self, name):
        """The values of a field, folds removed."""
        return [re.sub(rb"\r\n(?=[ \t])", b"", f.partition(b":")[2]).strip().decode()
                for f in self.header if f.partition(b":")[0].lower() == name.lower().encode()]

    def subject(self):
        (value,) = self.all("Subject")
        return str(email.header.make_header(email.header.decode_header(value)))


def munged(name):
    return lambda got: got.all("From") == [f'"{name} via the list" <{got.list}@lists.example.com>'] and len(got.all("Author")) == 1


def untouched(got):
    return len(got.all("From")) <= 1 and not got.all("Author") and "via" not in "".join(got.all("From"))


# The case, the settings of the list, what is special about the message, and what has to be so.
JAPANESE = "=?iso-2022-jp?B?GyRCRnxLXDhsGyhC?="
CASES = [
    ("C080", [], {}, lambda g: not g.all("List-Archive") and not g.all("Archived-At")),
    ("C083", [], dict(fields=["Precedence: bulk"]), lambda g: g.all("Precedence") == ["list"]),
    ("C084", ["list-post: closed"], {}, lambda g: g.all("List-Post") == ["NO"]),
    ("C085", [], dict(name="Grüße\nan alle"),
     lambda g: g.all("List-Id")[0].endswith(" <c085.lists.example.com>") and g.all("List-Id")[0].isascii()
     and str(email.header.make_header(email.header.decode_header(g.all("List-Id")[0].partition(" <")[0]))) == "Grüße an alle"),
    ("C087", [], dict(fields=[f"{name}: x" for name in SHADY]), lambda g: not [name for name in SHADY if g.all(name)]),
    ("C088", ["archived-at: https://a.example/{hash}"], dict(fields=["Archived-At: <https://forged.example/>"]),
     lambda g: len(g.all("Archived-At")) == 2 and g.all("Archived-At")[0].startswith("<https://a.example/")),
    ("C089", ["subject-tag: [t]"], dict(subject=None), lambda g: g.all("Subject") == ["[t]"]),
    ("C092", ["subject-tag: [t]"], dict(subject="=?utf-8?B?5Zue5aSN?=: AW: SV: [t] x"),
     lambda g: g.all("Subject") == ["=?utf-8?B?5Zue5aSN?=: AW: SV: [t] x"]),
    ("C095", ["subject-tag: [t]"], dict(subject=f"Re: {JAPANESE}"),
     lambda g: g.subject() == "[t] Re: 日本語" and JAPANESE in g.all("Subject")[0]),
    ("C096", ["subject-tag: [t]"], dict(subject="one " + "word " * 12 + "\r\n and more"),
     lambda g: g.all("Subject")[0].split() == ["[t]", "one"] + ["word"] * 12 + ["and", "more"]),
    ("C102", ["footer: Bye"], dict(body=SIGNED, fields=["MIME-Version: 1.0", "Content-Type: multipart/signed; boundary=x;"
                                                        " protocol=\"application/pgp-signature\""]),
     lambda g: g.body == SIGNED.encode()),
    ("C103", ["footer: Bye"], dict(body="Hello.\r\n"),
     lambda g: g.body == b"Hello.\r\n\r\nBye\r\n" and not g.all("Content-Type")),
    ("C105", ["footer: Bye"], dict(body="Hello \r\nthere.\r\n-- \r\nAnn\r\n", fields=MIXED),
     lambda g: g.body.startswith(b"Hello \r\nthere.\r\n-- \r\nAnn\r\n") and g.body.endswith(b"Bye\r\n")),
    ("C109", ["dmarc: rewrite"], dict(sender="Ann <ann@strict.example>"),
     lambda g: munged("Ann")(g) and g.all("Reply-To") == ["Ann <ann@strict.example>"]),
    ("C110", ["dmarc: rewrite"], dict(sender="Ann <ann@lax.example>"), untouched),
    ("C110 none", ["dmarc: rewrite"], dict(sender="Ann <ann@nothing.example>"), untouched),
    ("C111", ["dmarc: rewrite"], dict(sender="Ann <ann@deep.strict.example>"), munged("Ann")),
    ("C112", ["dmarc: rewrite"], dict(sender="Ann <ann@deep.soft.example>"), untouched),
    ("C112 sp", ["dmarc: rewrite"], dict(sender="Ann <ann@deep.sub.example>"), munged("Ann")),
    ("C115", ["dmarc: rewrite"], dict(sender="Ann <ann@twice.example>"), untouched),
    ("C116", ["dmarc: rewrite"], dict(sender="Ann <ann@odd.example>"), untouched),
    ("C121", ["dmarc: rewrite"], dict(sender="Ann <ann@strict.example>, Bob <bob@strict.example>"), untouched),
    ("C123", ["dmarc: rewrite", "reply-to: list"], dict(sender="Ann <ann@strict.example>"),
     lambda g: munged("Ann")(g) and g.all("Reply-To") == [f"<{g.list}@lists.example.com>"]
     and g.all("Author") == ["Ann <ann@strict.example>"]),
    ("C124", ["dmarc: wrap"], dict(sender="Ann <ann@strict.example>", body="Hello.\r\n"),
     lambda g: g.all("Content-Type") == ["message/rfc822"] and b"\r\nFrom: Ann <ann@strict.example>\r\n" in b"\r\n" + g.body
     and g.body.endswith(b"\r\n\r\nHello.\r\n") and re.findall(rb"(?m)^Message-ID: (.*)\r", g.body) ==
     [v.encode() for v in g.all("Message-ID")]),
    ("C125", ["dmarc: wrap"], dict(sender="Ann <ann@strict.example>", fields=["Cc: c@x.example", "Reply-To: r@x.example"]),
     lambda g: g.all("Cc") == ["c@x.example"] and g.all("Reply-To") == ["r@x.example"]
     and g.body.count(b"Cc: c@x.example") == 1),
    ("C196", ['footer: "{member.address}"', "verp: always"], dict(body="Hello.\r\n"),
     lambda g: g.transaction.recipients == [BOB] and re.match(r"\w+-bounces\+[a-z2-7]+@", g.transaction.sender) is not None),
]


@pytest.fixture
def dns():
    server = Dns(ZONE)
    yield server
    server.stop()


def name_of(case):
    return re.sub("[^a-z0-9]", "", case.lower())


def test_each_case(make_site, mta, place, dns):
    lists = [{"address": f"{name_of(case)}@lists.example.com", "name": special.get("name", "the list"), "members": [BOB],
              "settings": settings} for case, settings, special, _ in CASES]
    (place / "lists.json").write_text(json.dumps({"lists": lists}))
    site = make_site(mta=mta, sources=f"lists: {{ kind: file, path: {place}/lists.json }}",
                     destinations="lists.example.com:\n  sources: [ lists ]\n  check: [ posters: { allow: anyone } ]\n"
                                  f"  lists: {{ c087: {{ modify: [ remove: {{ fields: {json.dumps(SHADY)} }} ] }} }}\n",
                     more=f"dns: {{ servers: [ '{dns.server}' ], timeout: 2s }}")
    for case, _, special, _ in CASES:
        more = dict(special)
        more["fields"] = [f"X-Case: {case}", *more.get("fields", [])]
        # One without a subject is sent without the field.
        bare = "subject" in more and more["subject"] is None
        text = client.message(to=f"{name_of(case)}@lists.example.com", **{k: v for k, v in more.items() if v is not None and k != "name"})
        if bare:
            text = re.sub(rb"(?m)^Subject: .*\r\n", b"", text, count=1)
        site.post(f"{name_of(case)}@lists.example.com", sender="ann@example.org", message=text)
    wait_until(lambda: len(site.sink.delivered(BOB)) >= len(CASES), 60, "the posts")
    wrong = []
    for t in site.sink.delivered(BOB):
        got = Got(t)
        case = re.search(rb"(?m)^X-Case: ([^\r]+)", t.data)[1].decode()
        got.list = name_of(case)
        (want,) = [w for c, _, _, w in CASES if c == case]
        if not want(got):
            wrong.append((case, t.data))
    assert not wrong
    assert len(site.sink.delivered(BOB)) == len(CASES)
