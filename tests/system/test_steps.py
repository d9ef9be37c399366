"""Steps that ask: a source for addresses, and programs of the site. And those that are for some senders."""
import json
import os
import pathlib
import re

import pytest

from testbed import client, directory
from testbed.base import wait_until

STAFF, DEV = "staff@lists.example.com", "dev@lists.example.com"


def destination(steps, more=""):
    return f"lists.example.com: {{ sources: [ corp ], check: [ posters: {{ allow: anyone }} ], modify: [ {steps} ]{more} }}"


def people():
    p = directory.person_dn
    ldif = directory.top() + directory.person("bob")
    ldif += directory.person("ann", mailAlternateAddress=["a.smith@old.example.com", "as@example.com"])
    for uid in ("twin1", "twin2"):
        ldif += directory.person(uid, mailAlternateAddress="twins@example.com")
    return ldif + directory.group("staff", [p("bob")]) + directory.group("dev", [p("bob")])


def post(site, *to, envelope="ann@example.com", **more):
    with site.smtp() as c:
        assert c.mail(envelope).code == 250
        assert [c.rcpt(r).code for r in to] == [250] * len(to)
        assert c.data(client.message(**more)).code == 250


def over_lmtp(site, *to, text=None):
    """The reply for each list, of a message that the MTA may try again."""
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert [c.rcpt(r).code for r in to] == [250] * len(to)
        return c.data(text or client.message(), recipients=len(to))


def reason(site, list_=STAFF):
    return wait_until(lambda: site.rollcall.log_lines("lmtp", list=list_), what="the line")[-1]["reason"]


def head(site, member="bob@example.com"):
    """The header, with the values on one line: MTAs fold as they like."""
    got = wait_until(lambda: site.sink.delivered(member), what="the post")[-1]
    return re.sub(r"\r\n[ \t]+", " ", got.data.split(b"\r\n\r\n")[0].decode()).split("\r\n")


# ---- addresses ----

def test_the_address_that_the_directory_has(make_site, mta):
    """For any other of a person's, wherever in a field; names and comments stay, and who is not known, is two or a list."""
    site = make_site(people(), mta=mta, destinations=destination("alias: { fields: [ From, Cc, Reply-To ] }"))
    post(site, STAFF, sender="Ann <a.smith@old.example.com>", fields=[
        'Cc: "Smith, A. <as@example.com>" <AS@example.com>, twins@example.com,\r\n eve@elsewhere.example, dev@lists.example.com',
        "Reply-To: Bob@Example.com"])
    got = head(site)
    assert "From: Ann <ann@example.com>" in got
    assert ('Cc: "Smith, A. <as@example.com>" <ann@example.com>, twins@example.com, eve@elsewhere.example, '
            "dev@lists.example.com") in got
    # That was the right one, whatever its case.
    assert "Reply-To: Bob@Example.com" in got and "To: staff@lists.example.com" in got


@pytest.mark.parametrize("lists", [[STAFF], [STAFF, DEV]])
def test_while_nobody_knows_whose_address_it_is(make_site, place, lists):
    """The post waits, and all lists of it together."""
    (place / "lists").write_text(json.dumps({"lists": [{"address": a, "members": ["bob@example.com"]} for a in (STAFF, DEV)]}))
    site = make_site(people(), mta="sink", start=False)
    # Lists are found: it is the other source that knows nothing.
    ldap = site.rollcall.sources
    site.rollcall.sources = f"corp: {{ kind: file, path: {place}/lists }}\npeople:\n" + ldap.split("corp:\n")[1]
    site.rollcall.destinations = destination("", """,
  lists: { staff: { modify: [ alias: { fields: From, source: people } ] } }""")
    site.start()
    site.slapd.stop()
    text = client.message(sender="as@example.com")
    assert over_lmtp(site, *lists, text=text) == ["451 4.7.1"] * len(lists)
    assert "as@example.com of From: " in reason(site)
    assert site.rollcall.counts()["pending"] == 0
    site.slapd.start()
    assert wait_until(lambda: [r.code for r in over_lmtp(site, *lists, text=text)] == [250] * len(lists),
                      what="the directory")
    assert site.wait_for(1) == ["bob@example.com"]


def test_aliases_that_are_lists_of_one(make_site, mta, place):
    """Of a table of the site; what is a list of several, or of nobody, is none."""
    (place / "lists").write_text(json.dumps({"lists": [{"address": STAFF, "members": ["bob@example.com"]}]}))
    (place / "aliases").write_text(json.dumps({"lists": [
        {"address": "sales@old.example.com", "members": ["Sales@example.com"]},
        {"address": "empty@old.example.com", "members": []},
        {"address": "all@old.example.com", "members": ["x@example.com", "y@example.com"]}]}))
    site = make_site(mta=mta, sources=f"corp: {{ kind: file, path: {place}/lists }}\nold: {{ kind: file, path: {place}/aliases }}",
                     destinations=destination("alias: { fields: Cc, source: old, of: aliases }"))
    post(site, STAFF, fields=["Cc: sales@old.example.com, all@old.example.com, empty@old.example.com, x@old.example.com"])
    assert "Cc: sales@example.com, all@old.example.com, empty@old.example.com, x@old.example.com" in head(site)


def test_more_addresses_than_are_looked_up(make_site):
    site = make_site(people(), mta="sink", destinations=destination("alias: { fields: Cc }"))
    text = client.message(fields=["Cc: " + ",\r\n ".join(f"x{n}@example.com" for n in range(101))])
    assert over_lmtp(site, STAFF, text=text) == ["451 4.3.0"]
    assert reason(site) == "there are more than 100 addresses in Cc"


# ---- for some senders ----

def test_a_tag_and_answers_of_some_senders(make_site, mta):
    """Beside the list's own, which are for all."""
    site = make_site(mta=mta, more="senders:\n  outside: { from: partner.example.net }\n", destinations=destination("", """,
  posts: { subject-tag: "[{local}]", reply-to: list },
  senders: { outside: { check: [ posters: { allow: anyone } ], modify: [
    subject-tag: { tag: "[extern]" }, reply-to: { to: "poster list" } ] } }"""))
    post(site, STAFF, envelope="eve@partner.example.net", sender="eve@partner.example.net", subject="Re: [Extern] lunch")
    got = head(site)
    assert "Subject: [staff] Re: [Extern] lunch" in got and f"Reply-To: eve@partner.example.net, <{STAFF}>" in got
    post(site, STAFF, envelope="eve@partner.example.net", sender="eve@partner.example.net", subject="news")
    assert wait_until(lambda: "Subject: [extern] [staff] news" in head(site), what="the second post")
    post(site, STAFF, subject="home")
    assert wait_until(lambda: "Subject: [staff] home" in head(site), what="the third post")
    assert f"Reply-To: <{STAFF}>" in head(site)


# ---- programs ----

@pytest.fixture
def program(place):
    """program(text) makes one of a shell's, and gives its path."""
    def make(text, name="change"):
        path = place / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + text + "\n")
        path.chmod(0o755)
        return path
    return make


def test_a_program_changes_the_header(make_site, mta, place, program):
    """Every member gets what it prints; preview shows it; the body is not touched."""
    path = program(f"cat > {place}/seen; sed 's/^Subject: .*/Subject: changed/; /^X-Secret:/d' {place}/seen; echo 'X-Own: 1'")
    site = make_site(mta=mta, destinations=destination(f"add: {{ field: 'X-Own: 0' }}, program: {{ path: {path} }}"))
    text = client.message(fields=["X-Secret: room 5"], body="X-Secret: no\r\n.dots\r\n")
    with site.smtp() as c:
        c.mail("ann@example.com")
        c.rcpt(STAFF)
        assert c.data(text).code == 250
    assert len(site.wait_for(4)) == 4
    for t in site.sink.delivered():
        assert t.data.endswith(b"\r\n\r\nX-Secret: no\r\n.dots\r\n")
    got = head(site)
    assert "Subject: changed" in got and got.count("X-Own: 0") == got.count("X-Own: 1") == 1
    assert not [line for line in got if line.startswith("X-Secret")]
    seen = (place / "seen").read_bytes()
    # What the MTA's milter and we know among ourselves it does not get to see.
    assert b"\r" not in seen and b"Rollcall-Stamp" not in seen and b"List-Id:" in seen and b"\nSubject: test\n" in seen
    (place / "post").write_bytes(text)
    shown = site.rollcall.ctl("preview", "--message", STAFF, "ann@example.com", str(place / "post"), check=0).stdout
    assert "\nSubject: changed\n" in shown and "\nX-Own: 1\n" in shown


@pytest.mark.parametrize("text, why", [
    ("cat; exit 1", "it ended with status 1"),
    ("cat; kill -SEGV $$", "it was ended by signal 11"),
    ("sleep 600 & sleep 600", "it has not ended in time"),
    ("cat; exec 1>&-; sleep 600", "it has not ended in time"),
    ("yes 'X-A: b'", "it prints more than it may"),
    ("yes > /dev/stderr", "it has not ended in time"),
    ("exit 0", "it prints nothing"),
    ("sed s/^List-Id:/X-List:/", "it changes List-Id, which is not changed in this way"),
    ("cat; echo 'From: eve@example.com'", "From stands in a message once"),
    ("test $(ulimit -v) = 61440 && exit 3", "it ended with status 3"),
])
def test_a_program_that_fails(make_site, place, program, text, why):
    """Only its own list waits, for a bounded time; nothing is left of it; and nothing is lost when it is mended."""
    path = program(f"echo $$ > {place}/pid; {text}")
    site = make_site(mta="sink", destinations=destination("", f""",
  lists: {{ staff: {{ modify: [ program: {{ path: {path}, timeout: 1s, memory: 60M }} ] }} }}"""))
    message = client.message()
    staff, dev = over_lmtp(site, STAFF, DEV, text=message)
    assert staff == "451 4.3.0" and dev.code == 250
    assert reason(site) == f"{path}: {why}"
    group = (place / "pid").read_text().strip()
    wait_until(lambda: not [s for s in pathlib.Path("/proc").glob("[0-9]*/stat") if in_group(s, group)], what="its end")
    program("cat; echo 'X-Own: 1'")
    assert over_lmtp(site, STAFF, text=message)[0].code == 250
    wait_until(lambda: any(b"X-Own: 1" in t.data for t in site.sink.delivered()), what="the post of staff")


def in_group(stat, group):
    """Whether a process is of that group, and no zombie."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[2] == group and fields[0] != "Z"


def test_the_mta_tries_a_post_again(make_site, mta, place, program):
    """A program that fails for a while delays the post, and that is all."""
    path = program(f"test -e {place}/mended || exit 75; cat; echo 'X-Own: 1'")
    site = make_site(mta=mta, destinations=destination(f"program: {{ path: {path} }}"))
    post(site, STAFF)
    assert reason(site) == f"{path}: it ended with status 75"
    (place / "mended").touch()
    site.mta.flush()
    assert len(site.wait_for(4)) == 4
    assert "X-Own: 1" in head(site)


def test_a_program_that_others_could_have_written(make_site, program):
    """It is not run: at the start the file is refused, later the post waits."""
    path = program("cat")
    site = make_site(mta="sink", destinations=destination(f"program: {{ path: {path} }}"))
    path.chmod(0o775)
    assert over_lmtp(site, STAFF) == ["451 4.3.0"]
    assert reason(site) == f"{path}: {path} can be changed by others"
    assert f"path: {path} can be changed by others" in site.rollcall.ctl("config", "--check", check=78).stderr
    path.chmod(0o755)
    os.chmod(path.parent, 0o777)
    assert over_lmtp(site, STAFF) == ["451 4.3.0"]
    assert reason(site) == f"{path}: {path.parent}/ can be changed by others"
