"""Keys: who makes the first one, for whom, and how others take their place."""
import json
import os
import pwd
import re
import subprocess

import pytest

from testbed.base import BUILD
from testbed.rollcall import Rollcall


@pytest.fixture
def make(place):
    def make(**options):
        r = Rollcall(place / "rc", "corp: { kind: fail }", **options)
        r.configure()
        (r.dir / "state").mkdir(mode=0o711)
        return r
    return make


def names(r):
    return sorted(p.name for p in (r.dir / "state/keys").iterdir())


def test_the_first_key_is_for_whom_the_daemons_run_as(make):
    r = make(more="user: nobody")
    os.chmod(r.dir.parent, 0o755)
    line = r.ctl("key", check=0).stdout
    keys = r.dir / "state/keys"
    (name,) = names(r)
    assert re.fullmatch(r"\d{8}T\d{6}Z", name) and line.startswith(f"{name}  seals since ")
    for path, mode in ((keys, 0o40700), (keys / name, 0o100600)):
        st = path.stat()
        assert (st.st_mode, st.st_uid) == (mode, pwd.getpwnam("nobody").pw_uid)


def test_many_at_once_make_one(make):
    r = make()
    many = [subprocess.Popen([BUILD / "rollcallctl", "-c", r.config, "--json", "key", "list"], stdout=subprocess.PIPE)
            for _ in range(8)]
    got = [json.loads(p.communicate()[0]) for p in many]
    assert all(g == got[0] for g in got) and len(got[0]["keys"]) == len(names(r)) == 1


def test_a_place_of_its_own(make, place):
    r = make(more=f"keys: {place}/keys.d")
    r.ctl("key", "list", check=0)
    assert len(list((place / "keys.d").iterdir())) == 1 and not (r.dir / "state/keys").exists()
    r = make_again(r, more="keys: keys.d")
    assert "keys: \"keys.d\" is no absolute path" in r.ctl("key", check=78).stderr
    r = make_again(r, more=f"keys: {place}/not/there")
    assert f"cannot make the directory {place}/not/there: No such file" in r.ctl("key", check=70).stderr


def make_again(r, more):
    r.more = more
    r.configure()
    return r


def test_rotation(make):
    r = make()
    (first,) = r.ctl_json("key")["keys"]
    assert first["seals"]
    # The next one: readable now, and sealing in an hour.
    second = r.ctl_json("key", "new")["made"]
    old, new = r.ctl_json("key", "list")["keys"]
    assert (old["id"], old["seals"], old["until"]) == (first["id"], True, new["from"])
    assert (new["id"], new["seals"]) == (second, False) and 3590000 < new["from"] - old["from"] < 3660000
    text = r.ctl("key", "list", check=0).stdout
    assert "will seal from" in text and "rollcallctl reload" in r.ctl("key", "new", "--in", "2h", check=0).stdout
    # The one that seals stays, unless somebody insists.
    got = r.ctl("key", "retire", first["id"], check=1)
    assert "is the key that seals" in got.stderr and first["id"] in names(r)
    assert r.ctl_json("key", "retire", first["id"], "--now")["retired"] == first["id"]
    assert first["id"] not in names(r) and len(names(r)) == 2
    # Nothing is in force: the oldest seals rather than none.
    assert [k["seals"] for k in r.ctl_json("key")["keys"]] == [True, False]


def test_mistakes(make):
    r = make()
    (first,) = r.ctl_json("key")["keys"]
    for words in (["old"], ["new", "now"], ["retire"], ["new", "--in", "soon"], ["list", "all"]):
        assert "usage: rollcallctl" in r.ctl("key", *words, check=64).stderr
    assert "there is no key 20000101T000000Z" in r.ctl("key", "retire", "20000101T000000Z", check=70).stderr
    assert "\"old\" is no name of a key" in r.ctl("key", "retire", "old", check=70).stderr
    assert "is the only key" in r.ctl("key", "retire", first["id"], "--now", check=70).stderr
    (r.dir / "state/keys/notes").write_text("remember")
    assert "/state/keys/notes is no key" in r.ctl("key", check=70).stderr
    (r.dir / "state/keys/notes").unlink()
    (r.dir / "state/keys" / first["id"]).chmod(0o644)
    assert "mode 0600" in r.ctl("key", check=70).stderr
