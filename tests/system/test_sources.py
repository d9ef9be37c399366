"""Sources beside the directory: a post through each, from the client to the members."""
import json
import textwrap

from testbed import client
from testbed.base import wait_until

UNKNOWN = "stuff@lists.example.com"


def config(text):
    return "\n" + textwrap.indent(textwrap.dedent(text).strip(), " " * 12) + "\n            "


def rcpt(site, address):
    with site.smtp() as c:
        c.mail("ann@example.com")
        return c.rcpt(address)


# ---- program ----

LISTS = """#!/bin/sh
# The sender gets a copy at another address; whoever else is there.
case $1:$2 in
find:staff@lists.example.com) echo "name: All of us" ;;
members:staff@lists.example.com) echo "copy.of.${ROLLCALL_SENDER%@*}@example.com"; echo Bob@example.com ;;
owners:staff@lists.example.com) echo ann@example.com ;;
*) exit 67 ;;
esac
"""
MORE = """#!/bin/sh
[ "$2" = staff@lists.example.com ] || exit 67
[ "$1" != members ] || printf '%s\\n' bob@example.com dora@example.com
"""
DYING = """#!/bin/sh
[ "$1" = members ] || exit 0
echo dora@example.com
echo out of order >&2
kill -9 $$
"""


def put(path, text):
    """As an installation does it: there is never half of a program."""
    new = path.with_name(f".{path.name}")
    new.write_text(text)
    new.chmod(0o755)
    new.rename(path)


def test_program(make_site, place, mta):
    programs = place / "programs"
    programs.mkdir()
    put(programs / "10-lists", LISTS)
    put(programs / "20-more", MORE)
    site = make_site(mta=mta, sources=config(f"corp: {{ kind: program, path: {programs}, cache: {{ yes: 0s, stale: 0s }} }}"))
    whole = ["bob@example.com", "copy.of.ann@example.com", "dora@example.com"]
    site.post()
    assert sorted(a.lower() for a in site.wait_for(3)) == whole
    assert rcpt(site, UNKNOWN).code == 550
    # It dies among the members: nobody is sent anything until it is well again.
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        put(programs / "20-more", DYING)
        assert c.data(client.message()).code == 250
    wait_until(lambda: "it was ended by signal 9: out of order" in site.rollcall.log, what="a failure")
    put(programs / "20-more", "#!/bin/sh\nexit 75\n")
    assert rcpt(site, "staff@lists.example.com").code == 451
    assert len(site.sink.recipients()) == 3
    put(programs / "20-more", MORE)
    assert sorted(a.lower() for a in site.wait_for(6)) == sorted(whole * 2)
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 6


# ---- several ----

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def test_a_directory_and_a_file(make_site, place, mta):
    """The directory's list has further members and owners in a file, and a list there among its members."""
    path = place / "lists.json"
    lists = [dict(address="staff@lists.example.com", members=["ann@example.com", "helpers@lists.example.com"],
                  owners=["dora@example.com"]),
             dict(address="helpers@lists.example.com", members=["hugo@example.net"])]

    def put_lists(text):
        new = place / "lists.new"
        new.write_text(text)
        new.rename(path)
    put_lists(json.dumps(dict(lists=lists)))
    site = make_site(mta=mta, start=False)
    site.rollcall.sources = textwrap.dedent(site.rollcall.sources).rstrip() + \
        f"\nmore: {{ kind: file, path: {path}, cache: {{ yes: 0s, no: 0s, stale: 0s }} }}"
    site.rollcall.destinations = "lists.example.com: { sources: [ corp, more ] }"
    site.start()
    whole = sorted(STAFF + ["hugo@example.net"])
    site.post()
    assert site.wait_for(5) == whole
    assert rcpt(site, "helpers@lists.example.com").code == 250
    assert rcpt(site, UNKNOWN).code == 550
    owners = site.rollcall.ctl_json("members", "--owners", "staff@lists.example.com")
    assert [m["address"] for m in owners["members"]] == ["ann@example.com", "dora@example.com"]
    assert site.rollcall.ctl_json("lookup", "staff@lists.example.com")["source"] == "corp+more"
    # One of the two cannot be read: nobody is sent a part.
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        put_lists("{")
        assert c.data(client.message()).code == 250
    wait_until(lambda: f'{path}: line 1' in site.rollcall.log, what="a failure")
    assert len(site.sink.recipients()) == 5
    put_lists(json.dumps(dict(lists=lists)))
    assert site.wait_for(10) == sorted(whole * 2)
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 10
