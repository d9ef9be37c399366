#!/usr/bin/python3
"""Measures, prints a table as it goes, and writes results.json beside this file; see README.md."""
import argparse
import json
import os
import pathlib
import signal
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import machine as machines  # noqa: E402
import rows  # noqa: E402
import stand as stands  # noqa: E402

RESULTS = HERE / "results.json"
HEAD = (f"{'row':>3} {'what; against what':<82} {'value':>9} {'reference':>9} {'unit':<10} {'ratio':>6}  "
        "first / then")


def shown(x):
    return "" if x is None else f"{x:.0f}" if abs(x) >= 1000 else f"{x:.4g}"


def line(r):
    ratio = "" if r["ratio"] is None else f"{r['ratio']:.2f}"
    columns = [f"{r['target'][c]} {'yes' if r['met'][c] else 'NO'}" if r["target"][c] else "-"
               for c in ("first", "then")]
    return (f"{r['row']:>3} {r['name']:<82} {shown(r['value']):>9} {shown(r['reference']):>9} "
            f"{r['unit']:<10} {ratio:>6}  {' / '.join(columns)}")


def write(machine, measured, number):
    """Puts the objects of one row in the place of the old ones."""
    old = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    merged = [r for r in old if r["row"] != number] + measured
    merged.sort(key=lambda r: r["row"])
    text = json.dumps({"machine": machine, "rows": merged}, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n")


def options():
    p = argparse.ArgumentParser()
    p.add_argument("--rows", default="", help="numbers with commas; all by default")
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--place", help="a directory on the disk to measure on; by default /tmp, or build/")
    p.add_argument("--long", action="store_true", help="Sympa with 100,000 members too: some minutes")
    p.add_argument("--keep", action="store_true", help="leave the files, to look at what happened")
    o = p.parse_args()
    o.rows = [int(n) for n in o.rows.split(",") if n] or list(rows.ROWS)
    for n in o.rows:
        if n not in rows.ROWS:
            p.error(f"there is no row {n}; there are {', '.join(map(str, rows.ROWS))}")
    return o


def measure(stand, machine, numbers):
    """How many rows could not be measured; the others are written as they come."""
    failed = 0
    for n in numbers:
        measured = []
        try:
            for r in rows.ROWS[n](stand):
                measured.append(r)
                print(line(r), flush=True)
        except Exception:                 # one row says nothing about the next
            traceback.print_exc()
            failed += 1
            continue
        write(machine, measured, n)
    return failed


def main():
    o = options()
    if os.geteuid() != 0:
        sys.exit("a private Postfix needs root")
    for s in (signal.SIGINT, signal.SIGTERM):
        signal.signal(s, lambda *_: sys.exit("ended"))
    stand = stands.Stand(o.repeats, o.place, o.long)
    try:
        machine = machines.describe_machine(stand.path)
        print(", ".join(f"{k} {v}" for k, v in machine.items()))
        print(HEAD, flush=True)
        if measure(stand, machine, o.rows):
            sys.exit("not all rows could be measured")
    finally:
        for s in (signal.SIGINT, signal.SIGTERM):
            signal.signal(s, signal.SIG_IGN)
        stand.close(o.keep)


main()
