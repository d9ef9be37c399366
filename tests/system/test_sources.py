"""Sources beside the directory: a post through each, from the client to the members."""
import json
import os
import subprocess
import textwrap
import time

import pytest

from testbed import client, postgresql, proxy, rollcall
from testbed.base import BUILD, ROOT, unpacked, wait_until

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
lists:lists.example.com) echo end ;;
*) exit 67 ;;
esac
"""
MORE = """#!/bin/sh
[ "$1" != lists ] || { printf '%s\\n' 'address: staff@lists.example.com' 'address: other@example.com' end; exit; }
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
    assert [x["address"] for x in site.rollcall.ctl_json("lists")["lists"]] == ["staff@lists.example.com"]
    put(programs / "30-older", "#!/bin/sh\nexit 67\n")
    assert f"{programs}/30-older lists lists.example.com: it does not say which lists there are" in \
        site.rollcall.ctl("lists", check=75).stderr


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


# ---- table ----

ALIASES = """
Staff@lists.example.com    ann@example.com, Bob@example.com,
    dev@lists.example.com, guest@partner.example.net
owner-staff@lists.example.com    ann@example.com
dev@lists.example.com      carl, ann@example.com, staff@lists.example.com
"""


def postmap(place, kind, text):
    """As a site does it, with the real one. The file."""
    base = unpacked("postmap")
    etc, lists = place / "etc", place / "lists"
    etc.mkdir(exist_ok=True)
    libraries = [base / "usr/lib/postfix", *(base / "usr/lib").glob("*-linux-gnu*")]
    (etc / "main.cf").write_text(f"compatibility_level = 3.6\nmail_owner = daemon\nsetgid_group = bin\n"
                                 f"queue_directory = {place}\ndata_directory = {place}\nmyhostname = mail.example.com\n"
                                 f"meta_directory = {etc}\nshlib_directory = {base / 'usr/lib/postfix'}\n")
    (etc / "dynamicmaps.cf").write_text("".join(f"{k} {base}/usr/lib/postfix/postfix-{k}.so dict_{k}_open mkmap_{k}_open\n"
                                                for k in ("lmdb", "cdb")))
    lists.write_text(text)
    subprocess.run([base / "usr/sbin/postmap", "-c", etc, f"{kind}:{lists}"], check=True,
                   env=dict(os.environ, LD_LIBRARY_PATH=":".join(map(str, libraries))))
    return lists.with_name(f"lists.{kind}")


@pytest.mark.parametrize("kind", ["lmdb", "cdb"])
def test_tables_of_postmap(make_site, place, kind):
    path = postmap(place, kind, ALIASES)
    site = make_site(sources=config(f"corp: {{ kind: table, format: {kind}, path: {path}, origin: example.com, "
                                    "cache: { yes: 0s, no: 0s, stale: 0s } }"))
    site.post()
    assert sorted(a.lower() for a in site.wait_for(4)) == STAFF
    assert rcpt(site, UNKNOWN).code == 550
    owners = site.rollcall.ctl_json("members", "--owners", "staff@lists.example.com")
    assert [m["address"] for m in owners["members"]] == ["ann@example.com"]
    postmap(place, kind, ALIASES + "new@lists.example.com dora@example.com\n")
    site.post(to="new@lists.example.com")
    assert site.wait_for(5).count("dora@example.com") == 1
    path.write_bytes(b"")
    assert rcpt(site, "staff@lists.example.com").code == 451


# ---- sql: PostgreSQL (SQLite is tested in tests/unit/test_sql.c) ----

FIND = ("SELECT l.address, l.name, l.errors, l.id AS key FROM lists l LEFT JOIN alternates a ON a.list = l.id "
        "WHERE lower(l.address) = $1 OR a.address = $1")
LISTS_OF = ("SELECT l.address, l.name, l.errors, l.id AS key, a.address AS alternate FROM lists l LEFT JOIN alternates a "
            "ON a.list = l.id WHERE l.address LIKE '%@' || $1 OR a.address LIKE '%@' || $1 ORDER BY l.id")
PEOPLE = "SELECT address FROM people WHERE list = $1 AND role = '{}'"


def sql(connect, database="postgresql", **more):
    settings = dict(kind="sql", database=database, connect=f'"{connect}"', find=f'"{FIND}"',
                    members=f'"{PEOPLE.format("member")}"', owners=f'"{PEOPLE.format("owner")}"', lists=f'"{LISTS_OF}"')
    settings.update((k.replace("_", "-"), v) for k, v in more.items())
    return "".join(f"  {k}: {v}\n" for k, v in settings.items())


@pytest.fixture(scope="module")
def database(module_place):
    """The contract's lists, and one of 20,000."""
    server = postgresql.Postgresql(module_place / "pg")
    server.create()
    server.start()
    server.execute((ROOT / "tests/fixtures/contract.sql").read_text())
    server.execute("INSERT INTO lists (id, address) VALUES (20, 'crowd@lists.example.com');"
                   "INSERT INTO people SELECT 20, 'member', 'user' || i || '@example.net' FROM generate_series(1, 20000) i;"
                   "CREATE USER secret PASSWORD 'secret'; GRANT SELECT ON lists, alternates, people TO secret")
    yield server
    server.stop()


@pytest.fixture
def asking(place):
    """rollcallctl with a source of these settings."""
    def make(connect, **more):
        r = rollcall.Rollcall(place / "rc", "corp:\n" + sql(connect, **more))
        r.configure()
        return r
    return make


@pytest.mark.parametrize("more", [{}, dict(connections=2, cache="{ yes: 0s, no: 0s }"), dict(idle="0s")], ids=str)
def test_postgresql_keeps_the_contract(database, place, more):
    (place / "source.yaml").write_text(sql(database.connect, **more))
    subprocess.run(["make", "-s", f"{BUILD.name}/tests/contract_ldap"], cwd=ROOT, check=True)
    got = subprocess.run([BUILD / "tests/contract_ldap", place / "source.yaml", "style", "people"], cwd=ROOT, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert got.returncode == 0, got.stdout


@pytest.mark.parametrize("connect, more, words", [
    ("host=127.0.0.1 port=1 dbname=postgres user=rollcall", {}, "Connection refused"),
    ("{own} dbname=elsewhere", {}, 'database "elsewhere" does not exist'),
    ("{own} user=nobody", {}, 'role "nobody" does not exist'),
    ("{own} user=secret passfile={wrong}", {}, 'password authentication failed for user "secret"'),
    ("{own} sslmode=require", {}, "server does not support SSL, but SSL was required"),
    ("{own}", dict(find='"SELEKT $1"'), 'corp: find staff@lists.example.com: ERROR:  syntax error at or near "SELEKT"'),
    ("{own}", dict(find='"SELECT address FROM lists; SELECT $1"'), "cannot insert multiple commands"),
    ("{own}", dict(find='"SELECT address FROM lists -- $1"'), "supplies 1 parameters"),
    ("{own}", dict(find='"SELECT address FROM lists WHERE address <> $1"'), "find gives several rows"),
    ("{own}", dict(find='"SELECT $1 AS adress"'), "find gives no address"),
    ("{own}", dict(find='"DELETE FROM lists WHERE address = $1 RETURNING address"'),
     "cannot execute DELETE in a read-only transaction"),
    ("{own}", dict(find='"SELECT $1 AS address, pg_sleep(60)"', timeout="500ms"), "it has not answered in time"),
], ids=lambda v: v[-30:] if isinstance(v, str) else None)
def test_what_postgresql_refuses_is_unsure(database, asking, place, connect, more, words):
    (place / "wrong").write_text("*:*:*:secret:wrong\n")
    (place / "wrong").chmod(0o600)
    got = asking(connect.format(own=database.connect, wrong=place / "wrong"), **more).ctl(
        "lookup", "staff@lists.example.com")
    assert got.returncode == 75 and words in got.stderr, got.stderr


def test_a_password_from_a_file(database, asking, place):
    (place / "right").write_text("*:*:*:secret:secret\n")
    (place / "right").chmod(0o600)
    r = asking(f"{database.connect} user=secret passfile={place}/right")
    assert len(r.ctl_json("members", "staff@lists.example.com")["members"]) == 4


def through(proxy_, connect):
    return connect.replace(f"port={connect.split('port=')[1].split()[0]}", f"port={proxy_.port}")


def test_postgresql_that_hangs_costs_no_more_than_its_time(database, asking):
    between = proxy.Proxy(("127.0.0.1", database.port))
    try:
        between.hanging.set()
        began = time.monotonic()
        got = asking(through(between, database.connect), connect_timeout="500ms").ctl("lookup", "staff@lists.example.com")
        assert (got.returncode, "connecting: it has not answered in time" in got.stderr) == (75, True), got.stderr
        assert time.monotonic() - began < 5
    finally:
        between.stop()


def test_postgresql_cut_off_anywhere(database, asking):
    """A part of the members is never an answer, whatever byte was the last."""
    between = proxy.Proxy(("127.0.0.1", database.port))
    try:
        r = asking(through(between, database.connect))
        got = r.ctl_json("members", "crowd@lists.example.com")
        assert got["recipients"] == 20000
        whole = between.passed
        assert whole > 400000
        for at in (1, 500, 1000, whole // 100, whole // 2, whole - 1000, whole - 70):
            between.cut_after = at
            got = r.ctl("members", "crowd@lists.example.com")
            assert got.returncode == 75, (at, got)
    finally:
        between.stop()


def test_postgresql(make_site, database, mta):
    """A post; the server is started again between two, and is away for a third."""
    site = make_site(mta=mta, sources="\ncorp:\n" + sql(database.connect, cache="{ yes: 0s, stale: 0s }"))
    site.post()
    assert sorted(a.lower() for a in site.wait_for(4)) == STAFF
    assert rcpt(site, UNKNOWN).code == 550
    database.stop()
    database.start()
    site.post()
    assert len(site.wait_for(8)) == 8
    assert not site.rollcall.log_lines("expand", verdict="later")
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        database.stop()
        assert c.data(client.message()).code == 250
    assert rcpt(site, "staff@lists.example.com").code == 451
    database.start()
    assert sorted(a.lower() for a in site.wait_for(12)) == sorted(STAFF * 3)
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 12
