"""rollcallctl source: which servers answer, and by which technique members are read from them, and why."""
import contextlib
import json
import re
import time

import pytest

from testbed import directory, rollcall
from testbed.base import wait_until
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
     "or", "lists and does not heed the dereference control"),
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


def known(site, daemon):
    """What the daemon says of the one server."""
    (source,) = json.loads(site.rollcall.ctl("--json", "source", "corp").stdout)["sources"]
    return source["servers"][0]["daemons"].get(daemon)


def test_what_the_daemons_know(make_site):
    """Without asking anybody: whether they are connected, how members were read last, and what went wrong last."""
    site = make_site(mta="sink", through_proxy=True)
    assert known(site, "expander") == dict(server=site.proxy.uri, connections=0)
    site.submit()
    site.rollcall.wait_idle()
    got = known(site, "expander")
    assert got["connections"] >= 1 and got["technique"] == "deref" and "error" not in got
    assert 0 < got["connected_ms"] <= got["read_ms"] <= time.time() * 1000
    assert "technique" not in known(site, "milter")
    text = site.rollcall.ctl("source", "corp").stdout
    assert re.search(r"rollcall-expander: \d+ connections?, connected \S+ ago, members read by deref \S+ ago\n", text), text
    site.proxy.refusing = True
    site.proxy.drop_all()
    site.submit()
    wait_until(lambda: "error" in known(site, "expander"), what="the error")
    got = known(site, "expander")
    assert got["connections"] == 0 and got["failed_ms"] >= got["read_ms"] and site.proxy.uri in got["error"]
    text = site.rollcall.ctl("source", "corp").stdout
    assert re.search(r"last error \S+ ago: " + re.escape(got["error"]), text), text
    site.rollcall.kill_expander()
    assert known(site, "expander") is None and known(site, "milter") is not None
