"""The demonstration: what it shows, that it stops, and that it leaves nothing behind when it is interrupted."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from testbed.base import ROOT

SCRIPT = ROOT / "demo/run.py"


@pytest.fixture
def demo(place):
    """demo("stop") runs it with a directory of its own; the test ends with nothing left running."""
    environment = dict(os.environ, ROLLCALL_DEMO=str(place / "demo"))

    def run(*words, **options):
        return subprocess.Popen([sys.executable, SCRIPT, *words], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    yield run
    run("stop").communicate()


def running(place):
    """Processes that have the place in their command line, or stand in it."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words, directory = path.read_bytes(), os.readlink(path.parent / "cwd")
        except OSError:
            continue
        if str(place / "demo").encode() in words + directory.encode():
            found.append(words)
    return found


@pytest.mark.parametrize("words, mta", [([], "Postfix"), (["sendmail"], "sendmail")])
def test_what_it_shows(demo, place, words, mta):
    out, _ = (process := demo(*words)).communicate(timeout=120)
    assert process.returncode == 0, out
    assert re.search(r"550 5\.1\.1 (<.*>\.\.\. )?no such list", out)
    assert re.search(r"550 5\.7\.1 (<.*>\.\.\. )?you may not post to this list", out)
    assert f"{mta} listens on 127.0.0.1" in out
    assert "237 mailboxes got one copy each" in out
    assert "all-staff > operations > support > support-night" in out
    assert "swaks --server 127.0.0.1:" in out
    assert len(running(place)) >= 4       # slapd, the MTA, and ours

    out, _ = (process := demo(*words)).communicate(timeout=120)
    assert process.returncode == 0, out
    assert "What the last demonstration left running is stopped." in out

    out, _ = (process := demo("stop")).communicate(timeout=30)
    assert (process.returncode, out) == (0, "Stopped.\n")
    assert running(place) == []
    assert demo("stop").communicate()[0] == "Nothing was running.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("after", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("words", [[], ["sendmail"]], ids=["postfix", "sendmail"])
def test_interrupted(demo, place, number, after, words):
    process = demo(*words)
    time.sleep(after)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    if process.returncode == 0:           # it had come to its end
        assert "Stop it with: make demo-stop" in out
        return
    assert running(place) == []
    if process.returncode > 0:            # else it had not begun
        assert "Nothing is left running" in out
        assert not (place / "demo").exists()


def test_a_directory_of_somebody_else_is_in_the_way(demo, place):
    (place / "demo").symlink_to("/etc")
    out, _ = (process := demo()).communicate(timeout=30)
    assert process.returncode != 0
    assert "is in the way" in out
    assert os.path.exists("/etc/passwd")
    (place / "demo").unlink()
