"""What systemd hears of the daemons: readiness, reloads, the end, and signs of life. Its socket is a real one."""
import ctypes
import os
import pathlib
import signal
import socket
import time

import pytest

from testbed import milter
from testbed.base import wait_until

WATCHDOG = 1.5                            # seconds that a unit would allow
PROGRAMS = ["milter", "expander"]


class Manager:
    """The socket of NOTIFY_SOCKET, as systemd has one."""

    def __init__(self, path):
        self.path, self.messages = path, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o777)
        self.socket.setblocking(False)

    def environment(self, watchdog=True):
        out = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog:
            out["WATCHDOG_USEC"] = str(int(WATCHDOG * 1e6))
        return out

    def read(self):
        while True:
            try:
                self.messages.append((time.monotonic(), self.socket.recv(4096).decode()))
            except BlockingIOError:
                return [text for _, text in self.messages]

    def count(self, word):
        return sum(word in text.split("\n") for text in self.read())

    def wait(self, word, count=1, seconds=20):
        wait_until(lambda: self.count(word) >= count, seconds, f"{word} for the {count}. time")


@pytest.fixture
def manager(place):
    m = Manager(place / "notify")
    yield m
    m.socket.close()


@pytest.fixture
def daemon(make_site, manager):
    """daemon("milter"): one daemon, its environment as the manager makes it."""
    def start(which, watchdog=True, **options):
        site = make_site(mta="sink", start=False, **options)
        r = site.rollcall
        r.configure()
        (r.dir / "state").mkdir()
        r.environment = manager.environment(watchdog)
        getattr(r, f"start_{which}")()
        return site, getattr(r, which)

    return start


# ---- ptrace(2): one thread of a process is stopped, the others run on ----

SEIZE, INTERRUPT, DETACH, ALL = 0x4206, 0x4207, 17, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, thread):
    if libc.ptrace(request, thread, None, None) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace of the thread {thread}")


def threads(process, name):
    found = [int(p.parent.name) for p in pathlib.Path(f"/proc/{process.pid}/task").glob("*/comm")
             if p.read_text().strip() == name]
    assert found, name
    return found


class Stopped:
    """with Stopped(thread): it does not move."""

    def __init__(self, thread):
        self.thread = thread

    def __enter__(self):
        try:
            ptrace(SEIZE, self.thread)
        except PermissionError as e:
            pytest.skip(f"this machine lets nobody trace: {e}")
        ptrace(INTERRUPT, self.thread)
        os.waitpid(self.thread, ALL)

    def __exit__(self, *_):
        ptrace(DETACH, self.thread)


# ---- what is heard ----

@pytest.mark.parametrize("which", PROGRAMS)
def test_ready_reload_stop(daemon, manager, which):
    site, process = daemon(which, watchdog=False)
    manager.wait("READY=1")
    assert manager.read() == ["READY=1"]
    site.rollcall.ctl("reload", check=0)
    manager.wait("READY=1", 2)
    process.send_signal(signal.SIGUSR1)
    manager.wait("READY=1", 3)
    first = [text.split("\n")[0] for text in manager.read()]
    assert first == ["READY=1"] + ["RELOADING=1", "READY=1"] * 2
    assert manager.read()[1].split("\n")[1].startswith("MONOTONIC_USEC=")
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert "stop: ended" in site.rollcall.log
    assert manager.read()[-1] == "STOPPING=1" and manager.count("STOPPING=1") == 1


@pytest.mark.parametrize("which", PROGRAMS)
def test_a_reload_of_a_broken_file_ends_as_ready(daemon, manager, which):
    site, process = daemon(which, watchdog=False)
    manager.wait("READY=1")
    site.rollcall.config.write_text("hostname: [\n")
    process.send_signal(signal.SIGUSR1)
    manager.wait("READY=1", 2)
    assert process.poll() is None


@pytest.mark.parametrize("which", PROGRAMS)
def test_ready_is_not_said_of_a_wrong_configuration(daemon, manager, which):
    with pytest.raises(RuntimeError):
        daemon(which, more="nonsense: 1")
    assert manager.read() == []


def test_the_milter_is_ready_when_it_answers(daemon, manager):
    """Not when its socket is there, but when a worker of libmilter has answered a negotiation on it."""
    site, _ = daemon("milter", watchdog=False)
    manager.wait("READY=1")
    m = milter.Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt("staff@lists.example.com") == (b"c", b"")
    m.close()


def test_the_expander_is_ready_when_it_takes_mail(daemon, manager):
    site, _ = daemon("expander", watchdog=False)
    manager.wait("READY=1")
    assert site.submit().code == 250


@pytest.mark.parametrize("which", PROGRAMS)
def test_signs_of_life_come_well_within_the_time(daemon, manager, which):
    daemon(which)
    manager.wait("WATCHDOG=1", 8)
    times = [at for at, text in manager.messages if text == "WATCHDOG=1"]
    assert all(b - a > WATCHDOG / 6 for a, b in zip(times, times[1:]))   # nor all the time
    manager.read()
    time.sleep(2 * WATCHDOG)
    assert manager.count("WATCHDOG=1") >= len(times) + 2


@pytest.mark.parametrize("which", PROGRAMS)
def test_without_a_watchdog_nothing_is_said(daemon, manager, which):
    daemon(which, watchdog=False)
    manager.wait("READY=1")
    time.sleep(1)
    assert manager.read() == ["READY=1"]


# ---- a daemon that is stuck ----

def silent(manager):
    """No sign of life for longer than a unit would allow, after those that were on their way."""
    time.sleep(2 * WATCHDOG)
    before = manager.count("WATCHDOG=1")
    time.sleep(1.5 * WATCHDOG)
    return manager.count("WATCHDOG=1") == before


@pytest.mark.parametrize("which, thread", [("milter", "rollcall-milter"), ("expander", "lmtp-accept"),
                                           ("expander", "expand"), ("expander", "lane"), ("expander", "bounce"),
                                           ("expander", "rollcall-expand")])
def test_a_daemon_that_is_stuck_gives_no_sign_of_life(daemon, manager, which, thread):
    """One thread that matters does not move: the others cannot cover it up. When it moves again, so does the rest.
    Of the milter that is libmilter's listener; a worker that waits is not stuck."""
    site, process = daemon(which)
    manager.wait("WATCHDOG=1", 2)
    with Stopped(threads(process, thread)[0]):
        assert silent(manager)
    seen = manager.count("WATCHDOG=1")
    manager.wait("WATCHDOG=1", seen + 2)
    assert process.poll() is None
    if thread in ("expand", "lane"):
        assert f"a thread ({thread}) has not come back in time" in site.rollcall.log


def test_a_slow_mta_is_not_a_stuck_expander(daemon, manager):
    """A lane that waits for a reply for longer than the watchdog's time lives."""
    site, process = daemon("expander")
    site.sink.on_dot = lambda t: time.sleep(3 * WATCHDOG)
    manager.wait("WATCHDOG=1", 2)
    assert site.submit().code == 250
    wait_until(lambda: site.sink.recipients(), 30, "the post")
    assert "has not come back" not in site.rollcall.log


def test_waiting_for_the_directory_is_not_being_stuck(daemon, manager):
    """Callbacks that wait, more than libmilter has workers for, do not stop the milter's signs of life."""
    site, _ = daemon("milter", through_proxy=True, milter="deadline: 5s")
    site.proxy.hanging.set()
    manager.wait("WATCHDOG=1", 2)
    talks = [milter.Milter(site.rollcall.milter_socket) for _ in range(8)]
    for n, m in enumerate(talks):
        m.connect()
        m.mail("ann@example.com")
        m.send(b"R", f"<list{n}@lists.example.com>".encode() + b"\0")
    before = manager.count("WATCHDOG=1")
    time.sleep(1.8 * WATCHDOG)                  # less than the milter waits for a connection to the directory
    assert site.rollcall.log_lines("rcpt") == []
    assert manager.count("WATCHDOG=1") >= before + 3
    for m in talks:
        m.close()
