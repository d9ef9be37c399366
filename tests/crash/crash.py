#!/usr/bin/env python3
"""
make crash: kills what takes part in a fan-out, at random and at each step, and counts who was left out and who got the
post twice. docs/crash.md has the table and what is asked.
"""
import argparse
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from scene import Disk, Stand, can_have_disks  # noqa: E402
from testbed.base import wait_until  # noqa: E402

STEPS = range(1, 21)
ONCE = {*range(1, 11), 12, 16, 17, 18}    # steps that a post comes to once, or a few times
BEHIND = {18}                             # … and behind its end


def at_random(stand, span):
    """The expander, at any moment of a post."""
    def fault():
        stand.pause(0, span)
        stand.site.rollcall.kill_expander()
        stand.pause(0, 0.5)
        stand.site.rollcall.start_expander()
    return fault


def at_step(number):
    def kind(stand, span):
        rc = stand.site.rollcall

        def done():
            return rc.log_lines("inject", state="done")
        batches = stand.members // stand.batch
        rc.kill_expander()
        rc.environment.update(CRASH_STEP=str(number),
                              CRASH_AT=str(1 if number in ONCE else stand.chance.randint(1, batches)))
        rc.expander_program = "tests/crash_expander"
        rc.start_expander()

        def fault():
            end = time.monotonic() + span * 3 + 5
            while rc.expander.poll() is None and time.monotonic() < end and (number in BEHIND or len(done()) == before):
                time.sleep(0.01)
            rc.kill_expander()
            del rc.environment["CRASH_STEP"], rc.environment["CRASH_AT"]
            rc.expander_program = "rollcall-expander"
            rc.start_expander()
        before = len(done())
        return fault
    return kind


def milter(stand, span):
    def fault():
        stand.pause(0, 0.05)
        stand.site.rollcall.milter.kill()
        stand.site.rollcall.milter.wait()
        stand.pause(0, 0.3)
        stand.site.rollcall.start_milter()
    return fault


def slapd(stand, span):
    def fault():
        stand.pause(0, span / 3)
        stand.site.slapd.process.kill()
        stand.site.slapd.process.wait()
        stand.pause(0, 0.3)
        stand.site.slapd.start()
    return fault


def process(name):
    """One kind of process of the MTA, at any moment of the fan-out; it comes back by itself."""
    def kind(stand, span):
        def fault():
            stand.pause(0, span)
            stand.kill(stand.processes(name))
        return fault
    return kind


def cleanup_at_end(stand, span):
    """Between the milter's answer to the end of a message and the sync of the queue file."""
    at = [stand.chance.randint(1, 5)]

    def kill():
        at[0] -= 1
        if at[0] == 0:
            time.sleep(stand.chance.uniform(0, 0.0015))
            stand.kill(stand.processes("cleanup"))
    stand.second.after_end = kill

    def fault():
        wait_until(lambda: at[0] <= 0, 60, "the ends of messages")
        stand.second.after_end = None
    return fault


def whole_mta(stand, span):
    """master, or the daemon of sendmail with all its children; started again."""
    def fault():
        stand.pause(0, span)
        stand.kill([stand.site.mta.process.pid])
        stand.pause(0, 0.3)
        stand.restart_mta()
    return fault


def power(stand, span):
    """The host itself: what was not synced is lost, of the spool and of the MTA's queue."""
    def fault():
        stand.pause(0, span)
        stand.lose_power()
    return fault


def mta_away(stand, span):
    def fault():
        stand.pause(0, span)
        stand.site.mta.stop()
        stand.pause(0.5, 3)
        if stand.name == "postfix":
            stand.site.mta.start(configure=False)
        else:
            stand.site.mta.start()
    return fault


def second_milter(stand, span):
    """It defers three of ten messages at their end."""
    stand.second.on_end = lambda: b"t" if stand.chance.random() < 0.3 else b"c"

    def fault():
        time.sleep(span * 2)
        stand.second.on_end = None
    return fault


def full(where):
    def kind(stand, span):
        def fault():
            stand.pause(0, span)
            path = where(stand) / "fill"
            with open(path, "wb", 0) as f:
                try:
                    while f.write(b"x" * 65536):
                        pass
                except OSError:
                    pass
            stand.pause(0.5, 2)
            path.unlink()
            stand.clear_queue()
        return fault
    return kind


def spool(stand):
    return stand.site.rollcall.dir / "state"


def queue(stand):
    return stand.site.mta.queue


# Name, whether it is one of ours or slapd that dies, the MTAs it is for, and what happens.
KINDS = [("expander", True, "both", at_random)]
KINDS += [(f"step-{n}", True, "both", at_step(n)) for n in STEPS]
KINDS += [
    ("milter", True, "both", milter),
    ("slapd", True, "both", slapd),
    ("smtpd", False, "postfix", process("smtpd")),
    ("cleanup", False, "postfix", process("cleanup")),
    ("cleanup-at-end", False, "postfix", cleanup_at_end),
    ("qmgr", False, "postfix", process("qmgr")),
    ("sendmail-children", False, "sendmail", process("sendmail")),
    ("mta", False, "both", whole_mta),
    ("mta-away", False, "both", mta_away),
    ("second-milter", False, "both", second_milter),
    ("full-spool", False, "both", full(spool)),
    ("full-queue", False, "both", full(queue)),
    ("power", False, "both", power),
]


def chosen(words, mta):
    """All kinds for an MTA, or those that are named; "step" names all steps."""
    for kind in KINDS:
        if kind[2] in ("both", mta) and (not words or kind[0] in words or
                                            ("step" in words and kind[0].startswith("step-"))):
            yield kind


def measure(stand):
    """How long a post takes that nothing happens to: of two, the second."""
    stand.run(lambda: None)
    began = len(stand.site.rollcall.log)
    got = stand.run(lambda: None)
    if got["lost"] or got["doubled"] or began == len(stand.site.rollcall.log):
        raise RuntimeError(f"without any fault: {got}")
    return got["seconds"]


def run_kinds(stand, words, runs, say):
    """A row for each kind, and whether it is one of ours."""
    span = measure(stand)
    for name, ours, _, kind in chosen(words, stand.name):
        sums = dict.fromkeys(("runs", "lost", "doubled", "redelivered", "queued", "again"), 0)
        worst = 0
        for _ in range(runs):
            got = stand.run(kind(stand, span))
            sums["runs"] += 1
            for key in list(sums)[1:]:
                sums[key] += got[key]
            worst = max(worst, got["doubled"])
        say(f"| {stand.name} | {name} | " + " | ".join(str(n) for n in sums.values()) + " |")
        yield {"kind": name, "mta": stand.name, "ours": ours, "worst": worst, **sums}


def with_stand(mta, members, seed, words, runs, say, disk=None, **options):
    stand = Stand(mta, members, seed, **options)
    try:
        for path in (spool(stand), queue(stand)):
            stand.mount(path, 400 if disk else 256, disk)       # XFS has 300 at least
        queue(stand).chmod(0o755)
        stand.site.mta.make_directories()
        stand.start()
        rows = list(run_kinds(stand, words, runs, say))
        if stand.hung:
            say(f"Postfix stood still by itself and was started again: {stand.hung} times")
        return rows
    finally:
        stand.stop()


def with_stands(mta, words, say, disk, **options):
    """Power is lost with disks that forget, and everything else happens in memory."""
    names = [name for name, *_ in chosen(words, mta)]
    others = [name for name in names if name != "power"]
    if others:
        yield from with_stand(mta, words=others, say=say, **options)
    if "power" in names and can_have_disks(disk):
        yield from with_stand(mta, words=["power"], say=say, disk=disk, **options)
    elif "power" in names:
        say(f"power: skipped: no loop devices, or no mkfs.{disk}")


def faults(rows, in_flight):
    """What is asked, and not so."""
    for r in rows:
        if r["lost"]:
            yield f"{r['mta']} {r['kind']}: {r['lost']} lost"
        if r["ours"] and r["doubled"]:
            yield f"{r['mta']} {r['kind']}: {r['doubled']} doubled"
        if r["worst"] > in_flight or (r["doubled"] and not r["again"]):
            yield f"{r['mta']} {r['kind']}: {r['doubled']} doubled, {r['again']} batches sent again"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--runs", type=int, default=5, help="of each kind")
    p.add_argument("--kinds", default="", help="names with commas between; step for all steps")
    p.add_argument("--mta", default="postfix,sendmail")
    p.add_argument("--members", type=int, default=20000)
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--settle", default="10s")
    p.add_argument("--proof", default="always", help="never shows what there would be without receipts")
    p.add_argument("--disk", choices=Disk.MAKE, default="ext4", help="the file system that power is lost on")
    a = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    print("| MTA | what dies | runs | lost | doubled | doubled by the MTA alone | batches in doubt, queued "
          "| sent again |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    rows = []
    for mta in a.mta.split(","):
        rows += with_stands(mta, [k for k in a.kinds.split(",") if k], lambda line: print(line, flush=True),
                            disk=a.disk, members=a.members, seed=a.seed, runs=a.runs, settle=a.settle, proof=a.proof)
    wrong = list(faults(rows, 4 * 1000))
    for line in wrong:
        print(line)
    ours = [r for r in rows if r["ours"]]
    print(f"{sum(r['runs'] for r in ours)} runs, {sum(r['lost'] for r in ours)} lost, "
          f"{sum(r['doubled'] for r in ours)} doubled")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
