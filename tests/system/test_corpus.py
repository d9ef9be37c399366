"""Posts as the world writes them: each goes through as the same bytes, but for the fields a list has of its own."""
import email
import re

import pytest

from testbed import client
from testbed.base import wait_until
from testbed.rollcall import PROVEN

LIST = "staff@lists.example.com"
OURS = [b"list-id", b"list-post", b"precedence", b"rollcall-stamp"]
# And those that go where another list has put them there.
OF_LISTS = [b"list-help", b"list-owner", b"list-subscribe", b"list-unsubscribe", b"list-unsubscribe-post"]

# What a list asks for, the fields that it then puts before posts, and those it takes the place of.
STYLES = {
    "plain": ("", b"List-Id: <staff.lists.example.com>\r\nList-Post: <mailto:staff@lists.example.com>\r\n"
                  b"Precedence: list\r\n", []),
    "fields": ("""list-id: "{local}.example.com"
    list-post: "https://example.com/{local} {local}@{domain}"
    list-help: help@example.com
    list-owner: owner
    list-subscribe: https://example.com/in
    list-unsubscribe: https://example.com/out
    list-archive: https://example.com/archive
    sender: owner
    precedence: bulk
    reply-to: list""",
               b"List-Id: <staff.example.com>\r\n"
               b"List-Post: <https://example.com/staff>,\r\n <mailto:staff@lists.example.com>\r\n"
               b"List-Help: <mailto:help@example.com>\r\n"
               b"List-Owner: <mailto:staff-owner@lists.example.com>\r\n"
               b"List-Subscribe: <https://example.com/in>\r\nList-Unsubscribe: <https://example.com/out>\r\n"
               b"List-Archive: <https://example.com/archive>\r\nPrecedence: bulk\r\n"
               b"Sender: <staff-owner@lists.example.com>\r\nReply-To: <staff@lists.example.com>\r\n",
               [b"list-archive", b"sender", b"reply-to"] + OF_LISTS),
    "tag": ('{ list-post: none, subject-tag: "[Täg]" }',
            b"List-Id: <staff.lists.example.com>\r\nPrecedence: list\r\n", []),
    "from": ("{ list-post: none, from: rewrite }",
             b"List-Id: <staff.lists.example.com>\r\nPrecedence: list\r\n", []),
    "footer": ('{ list-post: none, footer: "-- \\nThis list: {local}" }',
               b"List-Id: <staff.lists.example.com>\r\nPrecedence: list\r\n", []),
}
FOOTER = b"\r\n-- \r\nThis list: staff\r\n"
TAG = b"=?utf-8?Q?=5BT=C3=A4g=5D?="


def tagged(message):
    """The Subject field with a tag, and the names of fields it takes the place of."""
    subjects = [v.strip(b" \t\r\n") for v in values(b"subject", message)]
    if len(subjects) > 1 or any(set(s) & set(range(32)) - set(b"\t\r\n") or not is_utf8(s) for s in subjects):
        return b"", []
    subject = (subjects or [b""])[0]
    tag = TAG[:-2] + b"_?=" if subject.startswith(b"=?") else TAG
    first = len(b"Subject: " + tag + b" " + subject.split(b"\r\n")[0])
    between = b"" if not subject else b" " if first <= 78 else b"\r\n "
    return b"Subject: " + tag + between + subject + b"\r\n", [b"subject"]


def is_utf8(text):
    try:
        text.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


def as_sent(path):
    """A message as a client would send it: whatever line ends the file has, CRLF."""
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", path.read_bytes())
    return text if text.endswith(b"\r\n") else text + b"\r\n"


def take_apart(message):
    """The fields as pairs of name and bytes, folds included, and the rest."""
    message = re.sub(rb"^>?From .*\r\n", b"", message)            # of an mbox; no field
    fields, at = [], 0
    while at < len(message):
        end = message.index(b"\r\n", at) + 2
        line = message[at:end]
        if line[:1] in b" \t" and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + line)
        elif re.match(rb"[!-9;-~]+[ \t]*:", line):
            fields.append((line.split(b":")[0].strip().lower(), line))
        else:
            break                         # the header ends with an empty line, or where it is none any more
        at = end
    return fields, message[at:]


def values(name, message):
    """What the fields of a name hold, folds included."""
    return [text.partition(b":")[2] for n, text in take_apart(message)[0] if n == name]


def without(names, message):
    """The message without the fields of these names."""
    fields, rest = take_apart(message)
    empty = b"" if rest[:2] == b"\r\n" else b"\r\n"             # lest the body become header
    return b"".join(text for name, text in fields if name not in names) + empty + rest


@pytest.fixture
def style(request):
    return STYLES[getattr(request, "param", "plain")]


@pytest.fixture
def site(make_site, place, style):
    (place / "lists.json").write_text(f"""{{ "lists": [ {{ "address": "{LIST}", "errors": "errors@example.com",
        "members": [ "bob@example.com" ] }} ] }}""")
    return make_site(mta="sink", destinations=f"""lists.example.com:
  sources: [ corp ]
  posts:
    {style[0] or "{}"}""", sources=f"corp: {{ kind: file, path: {place}/lists.json }}")


REPORT = re.compile(rb"(?im)^(content-type: *multipart/report|auto-submitted: *auto-replied|from:.*mailer-daemon)")


def post_all(site, files, seconds=120):
    """Posts each message; what was taken, by the names of the entries."""
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
    site.rollcall.wait_idle(seconds)
    return taken


def each_delivered(site, taken):
    """What came of each: the message as posted, its entry, and what was sent without our Received field."""
    for t in site.sink.delivered():
        entry = re.search(rb"\r\n\tid (\w+) for", t.data).group(1).decode()
        path, message = taken.pop(entry)
        yield path, message, entry.encode(), t.data[re.match(rb"Received: .*\r\n(?:[ \t].*\r\n)*", t.data).end():]
    assert taken == {}


def removed_of_lists(message):
    return OF_LISTS if values(b"list-id", message) + values(b"list-post", message) else []


@pytest.fixture
def posts(corpus):
    return sorted(p for p in (corpus / "posts").glob("m*/*") if p.is_file())


@pytest.mark.parametrize("style", ["plain", "fields", "tag"], indirect=True)
def test_posts_come_out_as_the_same_bytes(site, posts, style):
    for path, message, _, sent in each_delivered(site, post_all(site, posts)):
        subject, old = tagged(message) if "subject-tag" in style[0] else (b"", [])
        names = OURS + removed_of_lists(message) + style[2] + old
        assert sent == style[1] + subject + without(names, message), path


@pytest.mark.parametrize("style", ["from"], indirect=True)
def test_posts_from_the_list_name_their_posters(site, posts, style):
    rewritten = 0
    for path, message, _, sent in each_delivered(site, post_all(site, posts)):
        assert sent.startswith(style[1]), path
        sent, names = sent[len(style[1]):], OURS + removed_of_lists(message)
        if sent != without(names, message):
            ours = re.match(rb"From: (\".*\"|=\?.*\?=(\r\n =\?.*\?=)*)\r\n <staff@lists.example.com>\r\n", sent)
            assert ours, path
            (poster, *_), answers = values(b"from", message), values(b"reply-to", message)
            poster, answers = (v.strip(b" \t\r\n") for v in (poster, (answers or [poster])[0]))
            added = (b"" if values(b"author", message) else b"Author: " + poster + b"\r\n") + \
                b"Reply-To: " + answers + b"\r\n"
            if not sent[ours.end():].startswith(added):           # the poster's own is empty: it stays
                assert answers == b"", path
                added = added[:added.index(b"Reply-To: ")]
            gone = [b"from"] + ([b"reply-to"] if b"Reply-To: " in added else [])
            assert sent[ours.end() + len(added):] == without(names + gone, message), path
            rewritten += 1
    assert rewritten > 800


@pytest.mark.parametrize("style", ["footer"], indirect=True)
def test_bodies_stay_the_same_bytes_within_a_footer(site, posts, style):
    """Whichever way the text gets in, the body is there unchanged, and a reader of MIME finds the text."""
    seen = {"alone": 0, "inside": 0, "beside": 0}
    for path, message, entry, sent in each_delivered(site, post_all(site, posts)):
        assert sent.startswith(style[1]), path
        sent, names = sent[len(style[1]):], OURS + removed_of_lists(message)
        boundary = b"=_rollcall_" + entry
        content = [text for name, text in take_apart(message)[0] if name.startswith(b"content-")]
        body = without(names, message).partition(b"\r\n")[2] if not take_apart(message)[0] else \
            take_apart(message)[1].removeprefix(b"\r\n")
        if b"boundary=\"" + boundary not in sent:
            way = "alone" if sent == without(names, message) else "inside"
            quoted = any(v.strip().lower() == b"quoted-printable"
                         for v in values(b"content-transfer-encoding", message))
            assert way == "alone" or sent == without(names, message) + \
                (FOOTER.replace(b" \r", b"=20\r") if quoted else FOOTER), path
        else:
            way, part = "beside", b"--" + boundary
            moved = names + [b"mime-version"] + [c.partition(b":")[0].strip().lower() for c in content]
            head = b"".join(text for name, text in take_apart(message)[0] if name not in moved)
            added = (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"" + boundary + b"\"\r\n")
            eight_bit = b"Content-Transfer-Encoding: 8bit\r\n" if max(message) > 127 else b""
            fields = b"".join(re.sub(rb"^([^ \t:]+)[ \t]*:\s*((?s:.*?))\s*$", rb"\1: \2\r\n", c) for c in content)
            assert sent == (added + eight_bit + head + b"\r\n" + part + b"\r\n" + fields + b"\r\n" + body + b"\r\n" +
                            part + b"\r\nContent-Type: text/plain; charset=us-ascii\r\n"
                            b"Content-Disposition: inline\r\n\r\n" + FOOTER[2:] + b"\r\n" + part + b"--\r\n"), path
            got = email.message_from_bytes(sent)
            first, second = got.get_payload()
            assert second.get_payload() == FOOTER[2:].decode() and not got.defects, path
        if way == "inside":
            assert email.message_from_bytes(sent).get_payload(decode=True).endswith(FOOTER), path
        seen[way] += 1
    assert seen["alone"] > 10 and seen["inside"] > 100 and seen["beside"] > 100, seen


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


# What sendmail-cf/README.md advises: else sendmail looks into each multipart, ends what nobody has ended, and takes the
# eighth bit away where a part claims to have none.
OPTIONS = {"postfix": {}, "sendmail": {"mc": "define(`confMAX_MIME_HEADER_LENGTH', `0/0')dnl\n"}}


def send_all(port, to, senders, messages):
    """Sends each from its sender over SMTP; the replies."""
    replies = []
    with client.Client(("127.0.0.1", port)) as c:
        for sender, message in zip(senders, messages):
            assert c.mail(sender, "BODY=8BITMIME").code == 250
            assert c.rcpt(to).code == 250
            replies.append(c.data(message))
    return replies


def each_alone(site, messages):
    """What the MTA by itself makes of each: in where clients come, out, in where posts come back, and out again."""
    numbers = [f"{n}@example.com" for n in range(len(messages))]

    def pass_on(port, to, sent):
        assert {reply.code for reply in send_all(port, to, numbers, sent)} == {250}
        wait_until(lambda: len(site.sink.delivered(to)) >= len(sent), 120, "plain mail", every=0.1)
        got = {t.sender: t.data for t in site.sink.delivered(to)}
        return [got[n] for n in numbers]
    return pass_on(site.mta.reinject, "twice@example.net", pass_on(site.mta.port, "once@example.net", messages))


def queue_id(received):
    return re.search(rb"\sid (\w+)", received)[1].decode()


def as_fields(message, hops, generated):
    """The fields without the first Received of so many hops and what the MTA has added, and the body."""
    fields, body = take_apart(message)
    for _ in range(hops):
        fields.remove(next(f for f in fields if f[0] == b"received"))
    return [f for f in fields if f[0] not in generated], body.removeprefix(b"\r\n")


def test_posts_through_an_mta(make_site, place, posts, mta):
    """
    In and out again through an MTA that runs: each body is the same bytes. MTAs complete fields and write some of them
    anew; so each header is what the MTA makes of the same message when it has it twice without us.
    """
    (place / "lists.json").write_text(f'{{ "lists": [ {{ "address": "{LIST}", "members": [ "bob@example.com" ] }} ] }}')
    site = make_site(mta=mta, destinations=PROVEN, sources=f"corp: {{ kind: file, path: {place}/lists.json }}",
                     **{mta: OPTIONS[mta]})
    messages = [as_sent(p) for p in posts]
    taken, refused = {}, []
    for n, reply in enumerate(send_all(site.mta.port, LIST, ["ann@example.com"] * len(posts), messages)):
        if reply.code == 250:
            taken[re.search(r"queued as (\w+)|^(\w+) Message", reply.text).expand(r"\1\2")] = n
        else:
            assert reply == "550 5.7.1" and REPORT.search(messages[n]), (posts[n], reply)
            refused.append(n)
    assert len(taken) > 900 and len(refused) < 30
    alone = each_alone(site, messages)
    copies = wait_until(lambda: len(site.sink.delivered("bob@example.com")) >= len(taken) and
                        site.sink.delivered("bob@example.com"), 120, "all posts", every=0.1)
    wrong = []
    for t in copies:
        received = [text for name, text in take_apart(t.data)[0] if name == b"received"]
        n = taken.pop(queue_id(received[2]))                # the MTA's, ours, and the MTA's when it came in
        posted, body = as_fields(messages[n], 0, [])
        named = {name for name, text in posted if text.partition(b":")[2].strip()}
        generated = {b"from", b"date", b"message-id"} - named
        got, want = as_fields(t.data, 3, generated), as_fields(alone[n], 2, generated)
        theirs = OURS + removed_of_lists(messages[n])
        header = STYLES["plain"][1] + b"".join(text for name, text in want[0] if name not in theirs)
        if got[1] != body:
            wrong.append((posts[n].name, "body", got[1][:80], body[:80]))
        if b"".join(text for _, text in got[0]) != header:
            wrong.append((posts[n].name, "header", b"".join(text for _, text in got[0]), header))
    assert taken == {}
    assert not wrong
