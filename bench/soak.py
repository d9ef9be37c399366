#!/usr/bin/python3
"""A long run under mixed load: all arrives, once, and the daemons stay as large as they were; see README.md."""
import argparse
import collections
import json
import os
import pathlib
import re
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import stand as stands  # noqa: E402
from stand import DOMAIN, SENDER, TENS, mail_of  # noqa: E402
from testbed import client, directory, slapd  # noqa: E402
from testbed.base import BUILD, wait_until  # noqa: E402

PEOPLE, ROUND, SESSIONS = 1000, 500, 8
SANITIZED = BUILD.name != "build"
OWNER = mail_of(999)

MAIN = """
enable_long_queue_ids = yes
default_transport = discard:
relay_transport = discard:
relay_domains = lists.example.com
transport_maps = inline:{ lists.example.com=rollcall:unix:rollcall/lmtp.sock }
"""


def members(name):
    """Who is to get what was posted to this local part."""
    role = re.fullmatch(r"ten(\d+)(-owner)?", name)
    if role.group(2):
        return {OWNER}
    k = int(role.group(1))
    return {mail_of(i) for i in range(8 * k, 8 * k + 10)}    # two are in the next list as well


def company(path):
    with open(path, "w") as out:
        out.write(directory.top())
        for i in range(PEOPLE):
            out.write(directory.person(f"u{i:07d}", mail_of(i)))
        for k in range(TENS):
            dns = [directory.person_dn(f"u{i:07d}") for i in range(8 * k, 8 * k + 10)]
            out.write(directory.group(f"ten{k}", dns, owners=[directory.person_dn("u0000999")]))
    return path


class Ledger:
    """What Postfix's log says of every message, by its Message-ID: the lists it went to, and who got it."""

    LINE = re.compile(r"postfix/(?:\w+/)?(\w+)\[\d+\]: (\w+): (?:message-id=<(.*)>$|to=<(.*?)>,.* status=(\w+))")

    def __init__(self, log):
        self.path, self.file, self.rest, self.ids = log, None, "", {}
        self.lists, self.got = collections.defaultdict(set), collections.defaultdict(collections.Counter)
        self.posts = self.copies = 0
        self.wrong = []

    def read(self):
        self.file = self.file or open(self.path, errors="replace")
        *lines, self.rest = (self.rest + self.file.read()).split("\n")
        for line in lines:
            m = self.LINE.search(line)
            if not m:
                continue
            service, queue_id, message, to, status = m.groups()
            if message:
                self.ids[queue_id] = message
            elif status == "bounced":
                self.wrong.append(line)
            elif status == "sent":
                name, _, domain = to.lower().partition("@")
                if service == "lmtp" and domain == DOMAIN:
                    self.lists[self.ids[queue_id]].add(name)
                else:
                    self.got[self.ids[queue_id]][to] += 1

    def settle(self):
        """Checks all there is, when nothing is on its way any more, and forgets it."""
        self.read()
        for message, names in self.lists.items():
            expected = set().union(*map(members, names))
            got = self.got.pop(message, collections.Counter())
            self.posts += 1
            self.copies += sum(got.values())
            if set(got) != expected or set(got.values()) != {1}:
                self.wrong.append(f"{message} to {sorted(names)}: {dict(got)}")
        for message in self.got:
            self.wrong.append(f"{message}: nobody posted it")
        for rest in (self.lists, self.got, self.ids):
            rest.clear()


class Soak:
    def __init__(self, stand):
        self.stand = stand
        self.slapd = stand.keep(slapd.Slapd(stand.path / "ldap"))
        self.slapd.load(company(stand.path / "company.ldif"))
        self.slapd.start()
        self.mta = p = stands.Postfix(stand.path / "pf", main=MAIN)
        p.services = lambda: super(stands.Postfix, p).services()     # nothing is held
        p.make_directories()
        self.rc = stand.keep(stands.Rollcall(stand.path / "rc", self.slapd.uri, mta=p.reinject, group=p.owner,
                                             sockets=p.queue / "rollcall"))
        # What was freed is to be given back: else memory grows by design.
        self.rc.environment["ASAN_OPTIONS"] = "quarantine_size_mb=4"
        self.rc.start()
        stand.keep(p).start()
        self.ledger = Ledger(p.dir / "maillog")
        self.accepted, self.lock, self.refused, self.odd = 0, threading.Lock(), 0, []

    # ---- what goes on beside the posts ----

    def expect(self, reply, *codes):
        if reply.code not in codes:
            self.odd.append(str(reply))

    def refusals(self):
        with client.Client(("127.0.0.1", self.mta.port)) as c:
            self.expect(c.mail(SENDER), 250)
            self.expect(c.rcpt(f"nobody-knows-it@{DOMAIN}"), 550)
            self.expect(c.rcpt(f"ten1+*)(uid=*@{DOMAIN}"), 250, 550)
            self.expect(c.command("RSET"), 250)
            self.expect(c.mail("stranger@elsewhere.example"), 250)
        self.refused += 1

    def broken_off(self):
        """Clients that go away after RCPT and in the middle of the content."""
        for goes_on in (False, True):
            with client.Client(("127.0.0.1", self.mta.port)) as c:
                c.mail(SENDER)
                c.rcpt(f"ten2@{DOMAIN}")
                if goes_on:
                    c.command("DATA")
                    c.send(b"Subject: half of it\r\n\r\nThis is")

    def several(self):
        """One message to two lists that share members, an owner and somebody who is no list."""
        with client.Client(("127.0.0.1", self.mta.port)) as c:
            c.mail(SENDER)
            for to in (f"ten3@{DOMAIN}", f"TEN4@{DOMAIN}", f"ten5-owner@{DOMAIN}"):
                self.expect(c.rcpt(to), 250)
            message = client.message(sender=SENDER, to=f"ten3@{DOMAIN}", body="x" * 70 + "\r\n" * 3000)
            reply = c.data(message)
            self.expect(reply, 250)
            self.count(reply.code == 250)

    def count(self, posts):
        with self.lock:
            self.accepted += posts

    def beside(self, number):
        try:
            for _ in range(5):
                self.refusals()
                self.broken_off()
                self.several()
            self.rc.ctl("reload", check=0)
            self.rc.ctl("queue", check=0)
            self.rc.ctl("metrics", check=0)
            if number % 5 == 0:
                self.slapd.hang()
                time.sleep(0.5)
                self.slapd.go_on()
        except Exception as e:            # said when the round is over
            self.odd.append(repr(e))

    # ---- rounds ----

    def idle(self):
        """Looks for itself: rollcallctl would count what is done as well, which grows."""
        spool = self.rc.dir / "state/spool"
        return not any(os.listdir(spool / q) for q in ("pending", "outbound", "bounce")) and self.mta.queued() == 0

    def round(self, number, posts):
        t = threading.Thread(target=self.beside, args=(number,))
        t.start()
        got = self.stand.load("-n", SESSIONS, "-m", posts, self.mta.at("smtp"), self.stand.tens())
        t.join()
        self.count(got["accepted"])
        wait_until(self.idle, 120, "nothing to do", every=0.02)
        self.ledger.settle()
        if number % 10 == 0:              # connections to the directory are made anew
            self.slapd.stop()
            self.slapd.start()
        if self.odd or self.ledger.wrong:
            raise RuntimeError(f"round {number}: {(self.odd + self.ledger.wrong)[:5]}")

    def sample(self):
        """Of each daemon: descriptors, threads, kB of memory."""
        out = {}
        for name, process in (("milter", self.rc.milter), ("expander", self.rc.expander)):
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended: {(self.rc.dir / 'errors').read_text()}")
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            out[name] = {"descriptors": len(os.listdir(f"/proc/{process.pid}/fd")),
                         "threads": int(re.search(r"Threads:\s+(\d+)", status).group(1)),
                         "kB": int(re.search(r"VmRSS:\s+(\d+)", status).group(1))}
        return out


def growth(samples, name, what):
    """The median of the last quarter against that of the second one: the first is for warming up."""
    quarter = len(samples) // 4
    early, late = (stands.median(s[name][what] for s in part)
                   for part in (samples[quarter:2 * quarter], samples[-quarter:]))
    return early, late


def judge(samples):
    """
    Where something grew. How many idle connections and threads there are at a moment differs by some; one left behind
    in each round would be many more. Sanitizers keep records of threads that ended and of what was freed, so that memory says
    nothing of a build with one; it finds leaks itself.
    """
    out = []
    for name in ("milter", "expander"):
        for what, more in (("descriptors", 16), ("threads", 16), ("kB", 4096)):
            early, late = growth(samples, name, what)
            print(f"{name}: {what} {early:g} in the second quarter, {late:g} in the last")
            if late > early * 1.05 + more and not (what == "kB" and SANITIZED):
                out.append(f"{name}: {what} grew from {early:g} to {late:g}")
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--posts", type=int, default=50000)
    p.add_argument("--place", help="a directory on the disk to work on; by default /tmp, or build/")
    p.add_argument("--keep", action="store_true", help="leave the files, to look at what happened")
    o = p.parse_args()
    rounds = max(8, o.posts // ROUND)
    stand = stands.Stand(1, o.place)
    failed = True
    try:
        s = Soak(stand)
        samples, rates, before, busy, began = [], [], 0, 0.0, time.monotonic()
        for n in range(rounds):
            start = time.monotonic()
            s.round(n, o.posts // rounds)
            busy += time.monotonic() - start
            samples.append(s.sample())
            if n % 10 == 9 or n == rounds - 1:
                rate = (s.accepted - before) / busy
                print(f"{s.accepted} posts, {s.ledger.copies} copies, {rate:.0f} posts/s, "
                      f"{json.dumps(samples[-1])}", flush=True)
                rates.append(rate)
                before, busy = s.accepted, 0.0
        grown = judge(samples)
        if s.ledger.posts != s.accepted:
            grown.append(f"{s.accepted} were accepted, {s.ledger.posts} came to lists")
        s.rc.stop()                       # fails where a sanitizer found something
        print(f"{s.accepted} posts in {time.monotonic() - began:.0f} s, {stands.median(rates):.1f} posts/s in the median, "
              f"{s.ledger.copies} copies, {s.refused} refused: "
              + ("; ".join(grown) or "all came once, and nothing grew"))
        failed = bool(grown)
    finally:
        stand.close(o.keep)
    sys.exit(failed)


main()
