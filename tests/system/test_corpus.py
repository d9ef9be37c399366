"""Posts as the world writes them: each goes through as the same bytes, but for the fields a list has of its own."""
import re

import pytest

LIST = "staff@lists.example.com"
OURS = (b"list-id", b"list-post", b"precedence", b"rollcall-stamp")


def as_sent(path):
    """A message as a client would send it: whatever line ends the file has, CRLF."""
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", path.read_bytes())
    return text if text.endswith(b"\r\n") else text + b"\r\n"


def without_ours(message):
    """The message without the fields that the list writes itself, folded ones with all their lines."""
    message = re.sub(rb"^>?From .*\r\n", b"", message)            # of an mbox; no field
    kept, dropping, at = [], False, 0
    while at < len(message):
        end = message.index(b"\r\n", at) + 2
        line = message[at:end]
        if line == b"\r\n" or not (line[:1] in b" \t" and at > 0 or re.match(rb"[!-9;-~]+[ \t]*:", line)):
            break                         # the header ends with an empty line, or where it is none any more
        if line[:1] not in b" \t":
            dropping = line.split(b":")[0].strip().lower() in OURS
        if not dropping:
            kept.append(line)
        at = end
    empty = b"" if message[at:at + 2] == b"\r\n" else b"\r\n"     # lest the body become header
    return b"".join(kept) + empty + message[at:]


@pytest.fixture
def site(make_site, place):
    (place / "lists.json").write_text(f"""{{ "lists": [ {{ "address": "{LIST}", "errors": "errors@example.com",
        "members": [ "bob@example.com" ] }} ] }}""")
    return make_site(mta="sink", sources=f"corp: {{ kind: file, path: {place}/lists.json }}")


REPORT = re.compile(rb"(?im)^(content-type: *multipart/report|auto-submitted: *auto-replied|from:.*mailer-daemon)")


def test_posts_come_out_as_the_same_bytes(site, corpus):
    files = sorted(p for p in (corpus / "posts").glob("m*/*") if p.is_file())
    assert len(files) > 900
    taken, dropped = {}, []
    with site.lmtp() as c:
        for path in files:
            message = as_sent(path)
            c.mail("ann@example.com", "SMTPUTF8 BODY=8BITMIME")
            c.rcpt(LIST)
            reply = c.data(message)[0]
            assert reply.code == 250, (path, reply)
            entry = re.search(" as ([a-z2-7]{26})$", reply.text)
            if entry:
                taken[entry.group(1)] = (path, message)
            else:
                dropped.append(path)
    assert len(dropped) < 30
    for path in dropped:
        assert REPORT.search(path.read_bytes()), path
    site.rollcall.wait_idle(120)
    for t in site.sink.delivered():
        entry = re.search(rb"\r\n\tid (\w+) for", t.data).group(1).decode()
        path, message = taken.pop(entry)
        added = re.match(rb"Received: (?:.*\r\n)(?:[ \t].*\r\n)*List-Id: .*\r\n(?:[ \t].*\r\n)*"
                         rb"List-Post: .*\r\nPrecedence: list\r\n", t.data)
        assert t.data[added.end():] == without_ours(message), path
    assert taken == {}


def test_bounces_reach_the_errors_address_and_nobody_else(site, corpus):
    files = sorted(p for p in (corpus / "bounces/messages").iterdir() if p.is_file())
    assert len(files) > 700
    with site.lmtp() as c:
        for path in files:
            c.mail("", "SMTPUTF8 BODY=8BITMIME")
            assert c.rcpt("staff-bounces@lists.example.com").code == 250
            assert c.rcpt(LIST).code == 550
            assert c.data(as_sent(path))[0].code == 250, path
    site.rollcall.wait_idle(120)
    different = {as_sent(path) for path in files}             # what comes again is the MTA trying again
    assert site.sink.recipients() == ["errors@example.com"] * len(different)
    assert {t.sender for t in site.sink.delivered()} == {""}
