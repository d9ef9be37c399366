"""
What other list managers' tests and documents say of posting, by the numbers that these cases have in ../shared/corpus/CASES.md:
many in one site, through either MTA. Others have tests of their own, which name them.
"""
import json
import re

from testbed import client
from testbed.base import wait_until

SENT, HELD, REFUSED = "sent", "held", "550 5.7.1"
BACK = "back@mail.example.com"               # an alias of the MTA that leads to a list

# What each domain asks of posts to its lists. Whatever can be held is: so nothing is lost where a case is wrong.
CHECKS = {
    "open.example": "loop",
    "named.example": "implicit-dest: { also: Team@mail.example.com, on_fail: hold }",
    "few.example": "max-recipients: { limit: 2 }",
    "header.example": """header-match: { on_fail: hold, fields: [ 'From: .*person@(blah\\.)?example\\.com',
        'Subject: ^(unsubscribe|help|confirm \\S+)$', 'Subject: grüße' ] }""",
    "subject.example": "required-fields: { on_fail: hold }",
    "parts.example": "content-type: { allow: [ text/plain, 'image/*' ], deny: multipart/alternative }",
    "small.example": "max-size: { limit: 4k, on_fail: hold }",
    "members.example": "posters: { allow: [ members, .partner.example ], by: envelope, on_fail: hold }",
}
LIST = {domain: f"all@{domain}" for domain in CHECKS}


def parts(*inner, kind="multipart/mixed"):
    between = "".join(f"--x{len(inner)}\r\n{p}" for p in inner)
    return f"Content-Type: {kind}; boundary=x{len(inner)}", f"{between}--x{len(inner)}--\r\n"


def part(kind, fields="", text="text"):
    return f"Content-Type: {kind}\r\n{fields}\r\n{text}\r\n"


def to(*addresses):
    return {"to": ", ".join(addresses)}


# The case, the domain, what is special about the message, and what becomes of it.
CASES = [
    ("C001", "open", dict(fields=["List-Post: <mailto:all@open.example>"]), "554 5.4.6"),
    ("C002", "open", dict(fields=["List-Post: <mailto:a@x.example>", "List-Post: <mailto:ALL@Open.example>", "List-Post: NO"]),
     "554 5.4.6"),
    ("C003", "open", dict(fields=["List-Post: <mailto:all@x.example>", "List-Id: <all.x.example>"]), SENT),
    # Marks of other mail that is sent to many: no reply to anybody, and posts like others.
    ("C202", "open", dict(fields=["Precedence: bulk"]), SENT),
    ("C202 junk", "open", dict(fields=["Precedence: junk"]), SENT),
    ("C202 list", "open", dict(fields=["Precedence: list"]), SENT),
    ("C203", "open", dict(fields=["X-Ack: no"]), SENT),
    ("C206", "open", dict(fields=["X-Auto-Response-Suppress: OOF, All"]), SENT),
    # Whoever is named beside the list gets a copy all the same.
    ("C018", "open", dict(fields=["Cc: Bob <bob@example.com>"]), SENT),
    ("C020", "named", dict(to='"a\r\n b, c" <x@x.example>,\r\n\t"all, of\r\n us" <all@named.example>'), SENT),
    ("C021", "named", dict(to='"Doe, all@named.example" <x@x.example>'), HELD),
    ("C224", "named", to("bob@example.com"), HELD),
    ("C225", "named", to("Somebody <TEAM@mail.example.com>"), SENT),
    ("C228", "named", dict(to="bob@example.com", fields=["Delivered-To: all@named.example"]), HELD),
    ("C229", "named", dict(to="bob@example.com", fields=["Cc: g: a@x.example, all@named.example;"]), SENT),
    # Of the header nothing is counted: it is the envelope that mail is sent by (test_policies.py).
    ("C230", "few", dict(to="a@x.example, b@x.example", fields=["To: c@x.example", "Cc: d@x.example", "Cc: all@few.example"]), SENT),
    ("C233", "header", dict(sender="A <a.person@blah.example.com>"), HELD),
    ("C233 without", "header", dict(sender="person@example.com"), HELD),
    ("C233 other", "header", dict(sender="person@example.org"), SENT),
    ("C235", "header", dict(subject="=?iso-8859-1?Q?Gr=FC=DFe?="), HELD),
    # Fields of parts are none of the message's.
    ("C236", "header", dict(parts=parts(part("text/plain", "Subject: unsubscribe\r\n"))), SENT),
    ("C154", "header", dict(subject="Unsubscribe"), HELD),
    ("C155 without", "header", dict(subject="confirm"), SENT),
    ("C155", "header", dict(subject="confirm 12345"), HELD),
    ("C156", "header", dict(parts=parts(part("text/html", text="unsubscribe"))), SENT),
    ("C160", "subject", dict(subject=""), HELD),
    ("C160 encoded", "subject", dict(subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe?="), SENT),
    ("C239", "parts", dict(parts=("Content-Type: application/x-msdownload", "x\r\n")), REFUSED),
    ("C239 without", "parts", dict(parts=parts(part("text/plain"), part("image/png"))), SENT),
    ("C240", "parts", dict(parts=parts(part("text/plain"), part("text/html"), kind="multipart/alternative")), REFUSED),
    ("C241", "parts", dict(parts=parts(part("text/plain"), part("multipart/mixed; boundary=y", text="--y\r\n" + part(
        "application/zip") + "--y--"))), REFUSED),
    ("C244", "parts", dict(parts=parts(part("video/mp4"), part("application/zip"))), REFUSED),
    ("C157", "small", dict(body=("x" * 70 + "\r\n") * 60), HELD),
    ("C157 without", "small", dict(body=("x" * 70 + "\r\n") * 6), SENT),
    ("C141", "members", dict(), HELD),
    ("C141 accepted", "members", dict(envelope="x@a.partner.example"), SENT),
    ("C141 member", "members", dict(envelope="bob@example.com"), SENT),
    # A header that ends at a line that is no field: what follows is the body, as the MTA has it.
    ("C286", "open", dict(fields=["Good: yes", "no field at all", "Bad: List-Post: <mailto:all@open.example>"]), SENT),
    ("C289 many", "open", dict(fields=[f"X-{n}: y" for n in range(2000)]), SENT),
    ("C289 long", "open", dict(fields=["X-Long: " + " ".join("y" * 60 for _ in range(500))]), SENT),
]


def make(make_site, mta, place):
    lists = [{"address": address, "members": ["bob@example.com"], "owners": ["owner@example.com"]} for address in LIST.values()]
    lists += [{"address": "ring@open.example", "members": ["bob@example.com", BACK], "owners": ["ring-owner@open.example", "carl@example.com"]},
              {"address": "munged@open.example", "members": ["bob@example.com"], "settings": ["from: rewrite"]},
              {"address": "next@open.example", "members": ["dora@example.com"]}]
    (place / "lists.json").write_text(json.dumps({"lists": lists}))
    (place / "aliases").write_text("back: ring@open.example\n")
    destinations = "\n".join(f"{domain}: {{ sources: [ lists ], check: [ {check if check.startswith('posters') else OPEN + check} ] }}"
                             for domain, check in CHECKS.items())
    maps = ", ".join(f"{domain}=rollcall:unix:rollcall/lmtp.sock" for domain in (*CHECKS, ".rollcall.invalid"))
    main = (f"relay_domains = {', '.join(CHECKS)}\ntransport_maps = inline:{{ {maps} }}\nvirtual_alias_domains = mail.example.com\n"
            f"virtual_alias_maps = inline:{{ {BACK}=ring@open.example }}\n")
    site = make_site(mta=mta, sources=f"lists: {{ kind: file, path: {place}/lists.json }}", destinations=destinations,
                     more="moderation: { notices: 0 }", postfix={"main": main},
                     sendmail={"domains": " ".join(CHECKS), "mc": f"define(`ALIAS_FILE', `{place}/aliases')dnl\n"
                                                                  "define(`confMAX_HEADERS_LENGTH', `200000')dnl\n"})
    if mta == "sendmail":
        assert site.mta.run("-bi").returncode == 0
    return site


OPEN = "posters: { allow: anyone }, "


def message(case, domain, envelope=None, parts=None, **more):
    more.setdefault("to", LIST[domain])
    fields = [f"X-Case: {case}", *more.pop("fields", [])]
    if parts:
        fields += ["MIME-Version: 1.0", parts[0]]
        more["body"] = parts[1]
    return client.message(fields=fields, **more)


def cases_in(data):
    return re.search(rb"(?m)^X-Case: ([^\r]+)", data).group(1).decode()


def test_each_case(make_site, mta, place):
    """One session for all of them: what one message has said or was answered is nothing to the next one (C281)."""
    site, said = make(make_site, mta, place), {}
    with site.smtp_from_abroad() as c:
        for case, name, special, want in CASES:
            domain = f"{name}.example"
            assert c.mail(special.get("envelope", "x@stranger.example")).code == 250
            assert c.rcpt(LIST[domain]).code == 250, case
            end = c.data(message(case, domain, **special))
            said[case] = f"{end.code} {end.enhanced}" if end.code >= 400 else None
    assert said == {case: want if want[0].isdigit() else None for case, *_, want in CASES}
    wanted = {what: sorted(case for case, *_, want in CASES if want == what) for what in (SENT, HELD)}
    wait_until(lambda: len(site.sink.recipients()) >= len(wanted[SENT]), what="the posts")
    wait_until(lambda: len(site.rollcall.ctl_json("held")["held"]) >= len(wanted[HELD]), what="those that are held")
    site.rollcall.wait_idle()
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    # Nobody else gets anything: of no post its sender hears by mail, nor an owner (C202, C203, C206, C208).
    assert {r for r in site.sink.recipients()} == {"bob@example.com"}
    assert sorted(cases_in(t.data) for t in site.sink.delivered()) == wanted[SENT]
    spool = site.rollcall.dir / "state/spool/moderation"
    assert sorted(cases_in(path.read_bytes()) for path in spool.glob("*/message.eml")) == wanted[HELD]


def arrived(site, address, count):
    """So many messages for that address, when nothing moves any more."""
    wait_until(lambda: len(site.sink.delivered(address)) >= count, what=f"{count} for {address}")
    site.rollcall.wait_idle()
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    assert len(site.sink.delivered(address)) == count
    return site.sink.delivered(address)


def test_what_comes_back(make_site, mta, place):
    """By an alias that is a member, to the owners, and from a list that has put itself into From."""
    site = make(make_site, mta, place)

    def post(address, data):
        with site.smtp() as c:
            assert c.mail("ann@example.com").code == 250
            assert c.rcpt(address).code == 250
            return c.data(data)

    # C010, C016: it ends where it comes back, and nobody hears of that.
    assert post("ring@open.example", client.message(to="ring@open.example")).code == 250
    arrived(site, "bob@example.com", 1)
    wait_until(lambda: site.rollcall.log_lines("lmtp", list="ring@open.example", by="loop"), what="the end of the loop")
    arrived(site, "bob@example.com", 1)
    assert site.sink.recipients() == ["bob@example.com"]
    site.sink.clear()
    # C014: mail to the owners has a mark as well; an owner that is the owners' own address gets nothing.
    assert post("ring-owner@open.example", client.message(to="ring-owner@open.example")).code == 250
    (copy,) = arrived(site, "carl@example.com", 1)
    assert site.sink.recipients() == ["carl@example.com"]
    assert post("ring-owner@open.example", copy.data) == "554 5.4.6"
    site.sink.clear()
    # C015: the next list's members get it under the first list's From, and still each list knows it again.
    assert post("munged@open.example", client.message(to="munged@open.example")).code == 250
    (copy,) = arrived(site, "bob@example.com", 1)
    assert "munged@open.example" in copy.fields("From")[0]
    assert post("munged@open.example", copy.data) == "554 5.4.6"
    assert post("next@open.example", copy.data).code == 250
    (other,) = arrived(site, "dora@example.com", 1)
    assert other.fields("List-Id") == ["<next.open.example>"] and other.fields("From") == copy.fields("From")
    assert [post(f"{name}@open.example", other.data) for name in ("munged", "next")] == ["554 5.4.6"] * 2
