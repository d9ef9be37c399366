"""Sources beside the directory: a post through each, from the client to the members."""
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
