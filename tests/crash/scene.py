"""What the kinds of crashes happen to: a site with a large list, behind a second milter, and posts to it."""
import collections
import concurrent.futures
import fcntl
import os
import pathlib
import random
import re
import shutil
import signal
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/system")]

from conftest import Site  # noqa: E402
from testbed import client, directory, sendmail  # noqa: E402
from testbed.base import can_connect, wait_until  # noqa: E402

LIST = "crowd@lists.example.com"
GHOSTS = [f"ghost{i}@refused.example" for i in range(3)]        # members that the MTA refuses at RCPT

MAIN = """
mydestination = refused.example
local_recipient_maps = inline:{nobody=x}
smtp_destination_recipient_limit = 1000
service_throttle_time = 1s
message_size_limit = 10240000
"""
MC = """LOCAL_RULESETS
SLocal_check_rcpt
R< $* @ refused.example >\t$#error $@ 5.1.1 $: "550 User unknown"
divert(0)dnl
"""


class Second:
    """A second milter, that of a site, at the port where posts come back. on_end() answers the end of a message."""

    NOTHING_ELSE = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | 0x200

    def __init__(self):
        self.on_end = self.after_end = None
        second = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    while second.packet(self):
                        pass
                except (ConnectionError, struct.error):
                    pass

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def packet(self, h):
        (length,) = struct.unpack(">I", h.rfile.read(4))
        data = h.rfile.read(length)
        if data[:1] == b"O":
            self.say(h, b"O" + struct.pack(">III", 6, 0, self.NOTHING_ELSE))
        elif data[:1] == b"E":
            self.say(h, self.on_end() if self.on_end else b"c")
            if self.after_end:
                self.after_end()
        elif data[:1] not in b"DAK":
            return data[:1] != b"Q" and self.say(h, b"c")
        return True

    @staticmethod
    def say(h, answer):
        h.wfile.write(struct.pack(">I", len(answer)) + answer)
        return True

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Disk:
    """A file system with a journal in an image, of which what was not synced can be lost."""

    MAKE = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}
    SHUTDOWN, NO_FLUSH = 0x8004587d, 2    # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN, …_NOLOGFLUSH

    def __init__(self, image, path, megabytes, kind="ext4"):
        self.image, self.path = image, path
        with open(image, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, megabytes << 20)
        subprocess.run([*self.MAKE[kind], image], check=True)
        self.attach()
        if kind == "ext4":
            (path / "lost+found").rmdir()

    def attach(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.path], check=True)

    def lose_power(self):
        """Nothing more is written, and what was not is forgotten."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, self.SHUTDOWN, struct.pack("I", self.NO_FLUSH))
        finally:
            os.close(fd)

    def recover(self):
        wait_until(lambda: subprocess.run(["umount", self.path], stderr=subprocess.DEVNULL).returncode == 0, 30,
                   f"nobody who uses {self.path}")
        self.attach()


def can_have_disks(kind="ext4"):
    """Whether there are loop devices here, and what makes such file systems."""
    if not shutil.which(Disk.MAKE[kind][0]):
        return False
    got = subprocess.run(["losetup", "--find"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        os.close(os.open(got.stdout.strip(), os.O_RDWR))
    except OSError:
        return False
    return True


def first_queue_id(transaction):
    """That by which the MTA took the post from the client."""
    return re.search(r"\bid (\w+)", transaction.fields("Received")[-1])[1]


class Stand:
    """A site for runs of one MTA."""

    def __init__(self, mta, members, seed, settle="10s", proof="always", lanes=4, batch=1000):
        self.name, self.members, self.chance, self.lanes, self.batch = mta, members, random.Random(seed), lanes, batch
        self.disks = {}                   # by path
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="crash", dir="/tmp"))
        self.path.chmod(0o755)
        self.mounted, self.patience, self.remembered = [], 120, 100
        self.hangs_since, self.hung = None, 0
        self.second = Second()
        people = [f"u{i:07d}" for i in range(members)]
        ldif = directory.crowd(members, [])
        ldif += directory.group("crowd", map(directory.person_dn, people), mgrpRFC822MailMember=GHOSTS)
        options = {"postfix": {"main": MAIN},
                   "sendmail": {"mailers": MC}}[mta]
        self.site = Site(self.path, directory.top() + ldif, mta=mta, **{mta: {"out_milter": self.second.port, **options}},
                         more="errors: postmaster@example.com",
                         destinations=f"lists.example.com: {{ sources: [ corp ], proof: {proof} }}",
                         outbound=f"lanes: {lanes}\nbatch: {batch}\nsettle: {settle}")

    def mount(self, path, megabytes, disk=None):
        path.mkdir(parents=True, exist_ok=True)
        if disk:
            self.disks[path] = Disk(self.path / f"{path.name}.img", path, megabytes, disk)
        else:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", path], check=True)
        self.mounted.append(path)

    def start(self):
        self.site.start()

    def stop(self):
        try:
            self.site.stop()
        finally:
            self.second.stop()
            for path in self.mounted:
                subprocess.run(["umount", "-l", path], check=True)
            shutil.rmtree(self.path, ignore_errors=True)

    # ---- processes ----

    def processes(self, name=None):
        """Those of this MTA: Postfix's master's children, of that name or all, or sendmail's in its queue directory."""
        if isinstance(self.site.mta, sendmail.Sendmail):
            return [p for p in sendmail.workers(self.site.mta.queue) if p != self.site.mta.process.pid]
        found = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, comm, rest = re.match(r"(\d+) \((.*)\) (.*)", stat.read_text()).groups()
            except OSError:
                continue
            if name in (comm, None) and int(rest.split()[1]) == self.site.mta.process.pid:
                found.append(int(pid))
        return found

    @staticmethod
    def send(pids, number):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self, pids):
        self.send(pids, signal.SIGKILL)

    def clear_queue(self):
        """What sendmail could not finish it waits for for ever, until somebody takes it away."""
        for left in self.site.mta.queue.glob("tf*"):
            left.unlink(missing_ok=True)

    def restart_mta(self):
        """Starts it as it was configured, once whoever is left of it is gone."""
        mta = self.site.mta
        if isinstance(mta, sendmail.Sendmail):
            sendmail.kill_workers(mta.queue)
            mta.process.wait()
            mta.start()
            return
        try:
            os.killpg(mta.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        mta.process.wait()
        wait_until(lambda: not can_connect(("127.0.0.1", mta.port)), what="the end of Postfix")
        mta.start(configure=False)

    def everybody(self):
        """What runs on the host of the lists."""
        ours = (self.site.mta.process, self.site.rollcall.expander, self.site.rollcall.milter)
        return {*(p.pid for p in ours if p is not None and p.poll() is None), *self.processes()}

    def freeze(self):
        """Stops everybody, and gives who that was."""
        stopped = set()
        while running := self.everybody() - stopped:
            self.send(running, signal.SIGSTOP)
            stopped |= running
        return stopped

    def lose_power(self):
        """The host stops at once, and starts again with what its disks have."""
        rc, stopped = self.site.rollcall, self.freeze()
        for disk in self.disks.values():
            disk.lose_power()
        self.kill(stopped)
        for process in (self.site.mta.process, rc.expander, rc.milter):
            process.wait()
        for disk in self.disks.values():
            disk.recover()
        self.clear_queue()
        rc.start_milter()
        rc.start_expander()
        self.restart_mta()

    def look_after_mta(self):
        """Starts Postfix again whose master and postlogd wait for each other (postfix/README.md, "The log")."""
        try:
            hangs = pathlib.Path(f"/proc/{self.site.mta.process.pid}/wchan").read_text() == "unix_wait_for_peer"
        except OSError:
            hangs = False
        if not hangs:
            self.hangs_since = None
        elif self.hangs_since is None:
            self.hangs_since = time.monotonic()
        elif time.monotonic() - self.hangs_since > 15:
            self.hung += 1
            self.hangs_since = None
            self.restart_mta()

    def keep(self):
        """Copies what there is to see of a run that does not end: spool, queue, logs, and where the expander waits."""
        place = pathlib.Path(tempfile.mkdtemp(prefix="crash-kept-", dir="/tmp"))
        site, expander = self.site, self.site.rollcall.expander
        said = [site.rollcall.ctl("queue").stdout.strip(), f"in the MTA: {self.queued()}", "expander:"]
        for task in sorted(pathlib.Path(f"/proc/{expander.pid}/task").glob("*") if expander else []):
            said.append(" ".join((task / name).read_text().strip() for name in ("comm", "wchan", "syscall")))
        (place / "state").write_text("\n".join(said) + "\n")
        stopped = self.freeze()           # lest a message moves from a directory not yet copied to one that is
        subprocess.run(["cp", "-a", site.rollcall.dir, site.mta.dir, place], check=True)
        self.send(stopped, signal.SIGCONT)
        return place

    # ---- one run ----

    def pause(self, least, most):
        time.sleep(self.chance.uniform(least, most))

    def post(self, message):
        """As a client does: until it is taken."""
        end, replies = time.monotonic() + self.patience, []
        while time.monotonic() < end:
            try:
                with self.site.smtp() as c:
                    replies = [c.mail("user0@example.net"), c.rcpt(LIST), c.data(message)]
                    if replies[-1].code == 250:
                        return
            except (OSError, IndexError, ValueError):
                pass
            time.sleep(0.1)
        raise TimeoutError(f"the post was not taken: {replies}")

    def queued(self):
        """Messages that the MTA has committed. What a killed cleanup or sendmail has begun stays behind, and is none."""
        q = self.site.mta.queue
        if self.name == "sendmail":
            files = q.glob("qf*")
        else:
            files = [p for d in ("incoming", "active", "deferred") for p in (q / d).rglob("*") if p.is_file()]
        count = 0
        for p in files:
            try:
                st = p.stat()
                count += st.st_size > 0 if self.name == "sendmail" else st.st_mode & 0o100 != 0
            except FileNotFoundError:
                count += 1
        return count

    def is_over(self, before):
        try:
            counts = self.site.rollcall.counts()
        except (AssertionError, ValueError):
            return False
        return counts["done"] > before and counts["pending"] + counts["outbound"] + counts["bounce"] == 0 and \
            self.queued() == 0

    def wait_for_end(self, before):
        """However long it takes on a busy machine, as long as something comes of it."""
        seen, since = None, time.monotonic()
        while not self.is_over(before):
            self.look_after_mta()
            came = len(self.site.sink.recipients())
            if came != seen:
                seen, since = came, time.monotonic()
            if time.monotonic() - since > self.patience:
                raise TimeoutError(f"{came} copies have come, and none for {self.patience} s")
            time.sleep(0.1)

    def make_room(self):
        """Takes old posts away, lest many runs fill the file system of the spool."""
        done = self.site.rollcall.dir / "state/spool/done"
        names = list(done.iterdir()) if done.exists() else []
        if len(names) > self.remembered:
            for path in names:
                shutil.rmtree(path)

    def run(self, fault):
        """One post and what happens to it: how many are lost, how many copies too many, batches in doubt."""
        self.make_room()
        log = len(self.site.rollcall.log)
        before = self.site.rollcall.counts()["done"]
        self.site.sink.clear()
        message = client.message(to=LIST, sender="user0@example.net", body="A line.\r\n" * 400)
        began = time.monotonic()
        try:
            with concurrent.futures.ThreadPoolExecutor() as beside:
                posting = beside.submit(self.post, message)
                fault()
                while not concurrent.futures.wait([posting], timeout=0.1).done:
                    self.look_after_mta()
            posting.result()
            self.wait_for_end(before)
        except TimeoutError as e:
            raise TimeoutError(f"{e}: see {self.keep()}") from e
        took = time.monotonic() - began
        (msgid,) = re.findall(rb"(?mi)^Message-ID: *(\S+)", message)
        # By the queue id that the MTA gave a batch: a copy of the same one again is the MTA's own doing. And by that of
        # the post: a client that had no reply posts again, which nobody can tell from a second post.
        copies = [(r, first_queue_id(t), t.queue_id) for t in self.site.sink.delivered()
                  if t.fields("Message-ID") == [msgid.decode()] for r in t.recipients]
        injected = collections.Counter((r, post) for r, post, _ in set(copies))
        text = self.site.rollcall.log[log:]
        return {"lost": self.members - len({r for r, _ in injected}),
                "doubled": sum(injected.values()) - len(injected),
                "redelivered": len(copies) - sum(injected.values()), "seconds": took,
                "queued": len(re.findall(r": doubt .*state=queued", text)),
                "again": len(re.findall(r": doubt .*state=again", text))}
