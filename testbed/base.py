"""What every private server needs: where its programs are, ports nobody uses, waiting for things to happen."""
import fcntl
import functools
import os
import pathlib
import random
import selectors
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")


@functools.lru_cache
def unpacked(*which):
    """The directory below which slapd and Postfix are, or that of one of the others that testbed/servers knows."""
    out = subprocess.run([ROOT / "testbed/servers", ROOT / "-".join(("build/servers", *which)), *which],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return pathlib.Path(out.strip().splitlines()[-1])


def servers():
    """The directory below which slapd and Postfix are."""
    return unpacked()


def server_path(path):
    """A file of the servers' packages, named as if they were installed."""
    return str(servers() / path.lstrip("/"))


def library_path():
    """LD_LIBRARY_PATH for servers that are only unpacked; empty for installed ones."""
    if servers() == pathlib.Path("/"):
        return ""
    multi = [d for d in (servers() / "usr/lib").glob("*-linux-gnu*")]
    dirs = [d for m in multi for d in (m, m / "ldap")] + list((servers() / "lib").glob("*-linux-gnu*"))
    return ":".join(str(d) for d in dirs + [servers() / "usr/lib/postfix"])


def clients(listener):
    """Each that connects, until the listener is closed."""
    while True:
        try:
            yield listener.accept()[0]
        except OSError:
            return


def as_they_answer(sessions):
    """Each of them once, as soon as there is something to read from it."""
    with selectors.DefaultSelector() as waiting:
        for s in sessions:
            waiting.register(s.socket, selectors.EVENT_READ, s)
        while waiting.get_map():
            for key, _ in waiting.select(30):
                waiting.unregister(key.fileobj)
                yield key.data


_given = set()


@functools.lru_cache
def port_locks():
    """A file in which the byte of each port is locked by the process that has given it away, until that ends."""
    return open(pathlib.Path(tempfile.gettempdir()) / f"rollcall-ports-{os.getuid()}", "ab")


def free_port():
    """
    A port for a server that is started later, and perhaps once more: below those that the kernel gives to clients and
    to whoever binds to none, so that none of them has it in the meantime, and given by no other process of tests.
    """
    first_of_clients = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10240, first_of_clients)
        try:
            if port not in _given:
                fcntl.lockf(port_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
                _given.add(port)
                with socket.socket() as s:
                    s.bind(("", port))
                return port
        except OSError:
            pass


def wait_until(condition, seconds=20, what="something", every=0.01):
    """Waits for condition() to be true, and returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(every)


def make_certificates(directory, name="directory.example.com", address="127.0.0.1"):
    """ca.pem, cert.pem and key.pem: a CA of its own, and a certificate for the name and the address."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    (directory / "san").write_text(f"subjectAltName=DNS:{name},IP:{address}\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test CA",
            "-keyout", "cakey.pem", "-out", "ca.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", "key.pem", "-out", "req.pem")
    openssl("x509", "-req", "-in", "req.pem", "-CA", "ca.pem", "-CAkey", "cakey.pem", "-days", "2",
            "-CAcreateserial", "-extfile", "san", "-out", "cert.pem")


def family(address):
    """Of a socket for (host, port), or for the path of a unix socket."""
    return socket.AF_UNIX if isinstance(address, str) else socket.AF_INET


def can_connect(address):
    with socket.socket(family(address)) as s:
        s.settimeout(1)
        try:
            s.connect(address)
            return True
        except OSError:
            return False


def end_process(process, seconds=10):
    """Ends a child orderly, or not."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_unpacked(root, *places):
    """The environment for a server that is only unpacked below `root`, with libraries of its own in these places."""
    env = dict(os.environ)
    if root != pathlib.Path("/"):
        preload = BUILD / "testbed/unpacked.so"
        subprocess.run(["make", "-s", f"BUILD={BUILD.relative_to(ROOT)}", preload.relative_to(ROOT)], cwd=ROOT,
                       check=True)
        libraries = [d / p for d in (root / "usr/lib").glob("*-linux-gnu*") for p in ("", *places)]
        libraries += (root / "lib").glob("*-linux-gnu*")
        env.update(LD_LIBRARY_PATH=":".join(map(str, libraries)), LD_PRELOAD=str(preload), UNPACKED=str(root))
    return env
