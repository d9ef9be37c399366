"""A short run of what `make crash` measures: a few crashes of every kind, on a smaller list."""
import sys

import pytest

from testbed.base import BUILD, ROOT

sys.path.insert(0, str(ROOT / "tests/crash"))

import crash  # noqa: E402

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


def test_what_is_asked():
    """Whoever is left out counts as a fault, and each copy too many where it was one of ours that died."""
    row = {"mta": "postfix", "kind": "x", "ours": True, "runs": 1, "lost": 0, "doubled": 0, "again": 0, "worst": 0}
    assert not list(crash.faults([row], 10))
    assert len(list(crash.faults([dict(row, lost=1)], 10))) == 1
    assert list(crash.faults([dict(row, doubled=1, worst=1, again=1)], 10))
    assert not list(crash.faults([dict(row, ours=False, doubled=1, worst=1, again=1)], 10))
    assert list(crash.faults([dict(row, ours=False, doubled=1, worst=1)], 10))
    assert list(crash.faults([dict(row, ours=False, doubled=11, worst=11, again=1)], 10))
