"""A short run of what `make crash` measures: a few crashes of every kind, on a smaller list."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

from testbed.base import BUILD, ROOT, end_process, wait_until

sys.path.insert(0, str(ROOT / "tests/crash"))

import crash  # noqa: E402
import scene  # noqa: E402

FEW = {"postfix": ["expander", "step-11", "step-12", "step-13", "step-14", "step-19", "milter", "slapd", "smtpd",
                   "cleanup-at-end", "qmgr", "mta", "second-milter"],
       "sendmail": ["expander", "step-12", "step-13", "step-20", "sendmail-children", "mta", "second-milter"]}


def test_a_few_of_every_kind(mta):
    if not (BUILD / "tests/crash_expander").exists():
        pytest.skip("make system builds the expander that kills itself")
    said = []
    rows = crash.with_stand(mta, 2000, 1, FEW[mta], 1, said.append, settle="3s")
    assert [r["kind"] for r in rows] == FEW[mta]
    assert list(crash.faults(rows, 4 * 1000)) == [], "\n".join(said)
    assert sum(r["queued"] + r["again"] for r in rows) > 0


def need_disks(kind):
    if not scene.can_have_disks(kind):
        pytest.skip(f"no loop devices, or no mkfs.{kind}")


@pytest.mark.parametrize("kind, megabytes", [("ext4", 32), ("xfs", 320)])
def test_a_disk_forgets_what_was_not_synced(tmp_path, kind, megabytes):
    need_disks(kind)
    place = tmp_path / "disk"
    place.mkdir()
    disk = scene.Disk(tmp_path / "image", place, megabytes, kind)
    try:
        with open(place / "synced", "w") as f:
            f.write("x")
            f.flush()
            os.fsync(f.fileno())
        (place / "not").write_text("x")
        disk.lose_power()
        with pytest.raises(OSError):
            (place / "later").write_text("x")
        disk.recover()
        assert [p.name for p in place.iterdir()] == ["synced"] and (place / "synced").read_text() == "x"
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_loss_of_power(mta):
    """Of the whole host: nobody is lost, and what is sent again is said to be."""
    need_disks("ext4")
    said = []
    rows = crash.with_stand(mta, 2000, 1, ["power"], 4, said.append, disk="ext4", settle="3s")
    assert [(r["kind"], r["runs"]) for r in rows] == [("power", 4)]
    assert list(crash.faults(rows, 4 * 1000)) == [], "\n".join(said)


def test_postfix_that_waits_for_itself():
    """Nobody reads what master wants to log: it is seen, and Postfix started again."""
    stand = scene.Stand("postfix", 100, 1, settle="1s")
    try:
        stand.start()
        for pid in stand.processes("postlogd"):
            os.kill(pid, signal.SIGSTOP)

        def hangs():
            stand.kill(stand.processes("smtpd"))        # of which master tells the log
            stand.look_after_mta()
            return stand.hangs_since is not None
        got = stand.run(lambda: wait_until(hangs, 60, "a master that waits"))
    finally:
        stand.stop()
    assert stand.hung == 1
    assert got["lost"] == 0


def test_many_runs_find_room():
    stand = scene.Stand("postfix", 100, 1)
    stand.remembered = 2
    try:
        stand.start()
        lost = [stand.run(lambda: None)["lost"] for _ in range(5)]
        left = stand.site.rollcall.counts()["done"]
    finally:
        stand.stop()
    assert lost == [0] * 5
    assert left < 5


def never_delivers(site):
    site.sink.on_dot = lambda t: "451 4.3.0 later"


def takes_nothing(site):
    end_process(site.rollcall.milter)


QUEUED = ("pf/queue/incoming/*", "pf/queue/active/*", "pf/queue/deferred/*/*")


@pytest.mark.parametrize("fault, told, left", [
    (never_delivers, "0 copies have come, and none for 3 s", QUEUED),
    (takes_nothing, "the post was not taken: .*451", ("rc/log",)),
])
def test_what_does_not_end_is_kept(fault, told, left):
    """What there is to see is copied before all is taken down, and the place is named."""
    stand = scene.Stand("postfix", 100, 1)
    stand.patience = 3
    try:
        stand.start()
        fault(stand.site)
        with pytest.raises(TimeoutError, match=told) as error:
            stand.run(lambda: None)
    finally:
        stand.stop()
    (place,) = map(pathlib.Path, re.findall(r"see (/tmp/crash-kept-\S+)", str(error.value)))
    try:
        assert [p for pattern in left for p in place.glob(pattern)]
        assert re.search(r"^pending 0, .*\nin the MTA: \d+\nexpander:\n(.*\n)*lane ", (place / "state").read_text())
    finally:
        shutil.rmtree(place)


def test_what_is_asked():
    """Whoever is left out counts as a fault, and each copy too many where it was one of ours that died."""
    row = {"mta": "postfix", "kind": "x", "ours": True, "runs": 1, "lost": 0, "doubled": 0, "again": 0, "worst": 0}
    assert not list(crash.faults([row], 10))
    assert len(list(crash.faults([dict(row, lost=1)], 10))) == 1
    assert list(crash.faults([dict(row, doubled=1, worst=1, again=1)], 10))
    assert not list(crash.faults([dict(row, ours=False, doubled=1, worst=1, again=1)], 10))
    assert list(crash.faults([dict(row, ours=False, doubled=1, worst=1)], 10))
    assert list(crash.faults([dict(row, ours=False, doubled=11, worst=11, again=1)], 10))
