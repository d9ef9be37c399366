"""rollcallctl source: which servers answer, and by which technique members are read from them, and why."""
import contextlib

import pytest

from testbed import directory, rollcall
from testbed.faulty import Done, Entry, Faulty, at, ends_with
from test_faulty import company

GONE = "ldap://127.0.0.1:1"


@pytest.fixture
def ask(place):
    with contextlib.ExitStack() as stack:
        def make(fault=None, controls=None, more="", uris="{uri}"):
            server = Faulty(company(), **({} if controls is None else dict(controls=controls)))
            stack.callback(server.stop)
            server.fault = fault
            rc = rollcall.Rollcall(place / str(server.port), f"""
                corp: {{ kind: ldap, uri: [ {uris.format(uri=server.uri)} ], base: "{directory.SUFFIX}", {more} }}
                also: {{ kind: file, path: {place}/none.json }}""")
            rc.configure()
            return rc, server
        yield make


@pytest.mark.parametrize("options, technique, words", [
    ({}, "deref", "which has named a member of cn=staff,"),
    (dict(controls=[]), "or", "does not list the dereference control, and a search by entryDN finds the base"),
    (dict(controls=[], fault=at("probe", lambda r, m: [Done()])), "base", "does not find the base"),
    (dict(fault=at("deref", ends_with(12, 0))), "or", "lists and refuses the dereference control"),
    (dict(fault=at("deref", lambda r, m: [Entry(e.dn, e.attributes, []) if isinstance(e, Entry) else e for e in m])),
     "deref", "has named no member yet; tried on cn=staff,"),
    (dict(fault=at("find", lambda r, m: [Done()])), "deref", "tried on nothing"),
    (dict(fault=at("find", lambda r, m: []), more="timeout: 300ms"), "deref", "tried on nothing"),
    (dict(more="technique: base"), "base", "configured"),
    (dict(more="preset: posixGroup"), None, None),
], ids=["named", "not listed", "entryDN unknown", "refused", "names nobody", "no groups", "silent", "configured", "no DNs"])
def test_technique_and_why(ask, options, technique, words):
    rc, server = ask(**options)
    (source,) = rc.ctl_json("source", "corp")["sources"]
    (got,) = source["servers"]
    assert (source["source"], got["server"], got["kind"], got["state"]) == ("corp", server.uri, "ldap", "up")
    assert got.get("technique") == technique and (words or "") in got.get("reason", "")
    assert 0 < got["round_trip_us"] < 10000000


def test_each_server_is_asked(ask):
    rc, server = ask(uris=f'"{GONE}", "{{uri}}"')
    got = rc.ctl("source", "corp", check=0).stdout
    assert f"{GONE} (ldap): down: {GONE}: bind: Can't contact LDAP server" in got
    assert f"{server.uri} (ldap): up" in got and "    deref: the server lists" in got


def test_what_does_not_answer(ask):
    rc, _ = ask(uris=f'"{GONE}"')
    assert rc.ctl("source", "corp").returncode == 75
    got = rc.ctl("source")
    assert got.returncode == 75 and "corp\n" in got.stdout and "also\n  also (file): down: " in got.stdout
    got = rc.ctl("source", "crop")
    assert got.returncode == 1 and "there is no source crop" in got.stderr
    assert rc.ctl("source", "corp", "also").returncode == 64
