"""Row 19: Mailman 3 as it comes, on SQLite: of its runners those that a post passes, and 500 recipients a message."""
import itertools
import os
import re
import sqlite3
import subprocess
import time
import uuid

from testbed.base import can_connect, end_process, free_port, unpacked, wait_until

from machine import processor
from stand import DOMAIN, mail_of, members_of, submit

CONFIG = """
[mailman]
site_owner: owner@example.com
layout: bench
[paths.bench]
var_dir: {path}
bin_dir: {root}/usr/lib/mailman3/bin
[mta]
incoming: mailman.mta.null.NullMTA
smtp_host: 127.0.0.1
smtp_port: {smtp}
lmtp_port: {lmtp}
"""

RUNNERS = "lmtp", "in", "pipeline", "out"
EPOCH, NEVER = "2026-01-01 00:00:00", "0001-01-01 00:00:00.000000"


class Mailman:
    """Lists of these sizes, the largest last, sending to a server at this port."""

    def __init__(self, path, sizes, port):
        self.path, self.sizes, self.root, self.lmtp, self.runners = path, sizes, unpacked("mailman"), free_port(), []
        path.mkdir()
        (path / "mailman.cfg").write_text(CONFIG.format(path=path, root=self.root, smtp=port, lmtp=self.lmtp))
        for members in sizes:
            self.spawn("mailman", "--run-as-root", "-C", path / "mailman.cfg", "create", f"g{members}@{DOMAIN}").wait()
        with sqlite3.connect(path / "data/mailman.db") as db:
            self.subscribe(db)
        db.close()

    def spawn(self, program, *words):
        env = dict(os.environ, PYTHONPATH=str(self.root / "usr/lib/python3/dist-packages"))
        with open(self.path / "errors", "ab") as errors:
            return subprocess.Popen(["/usr/bin/python3", self.root / "usr/lib/mailman3/bin" / program, *words], env=env,
                                    stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)

    def subscribe(self, db):
        """A user, an address and preferences for each person, and a member for each in a list, as it has them."""
        people = members_of(self.sizes[-1])
        rows = {i: k for k, i in enumerate(people, 1)}

        def insert(table, columns, values):
            marks = ", ".join("?" * len(columns.split(",")))
            db.executemany(f"insert into {table} ({columns}) values ({marks})", values)
        numbers = itertools.count(1000)   # of preferences

        def preferences(count, delivery=None):
            some = list(itertools.islice(numbers, count))
            insert("preferences", "id, delivery_mode, delivery_status", ((n, delivery, delivery) for n in some))
            return some
        insert("user", "id, display_name, _user_id, _created_on, is_server_owner, preferences_id",
               ((rows[i], "", uuid.uuid4().hex, EPOCH, False, p) for i, p in zip(people, preferences(len(people)))))
        insert("address", "id, email, display_name, verified_on, registered_on, user_id, preferences_id",
               ((rows[i], mail_of(i), "", EPOCH, EPOCH, rows[i], p) for i, p in zip(people, preferences(len(people)))))
        for n in self.sizes:
            insert("member", "_member_id, role, list_id, address_id, preferences_id, bounce_score, last_warning_sent, "
                   "total_warnings_sent",
                   ((uuid.uuid4().hex, 1, f"g{n}.{DOMAIN}", rows[i], p, 0, NEVER, 0)
                    for i, p in zip(members_of(n), preferences(n, 1))))

    def start(self):
        self.runners = [self.spawn("runner", "-C", self.path / "mailman.cfg", "-r", name) for name in RUNNERS]
        wait_until(lambda: can_connect(("127.0.0.1", self.lmtp)), 120, "Mailman's LMTP")
        started = self.path / "logs/mailman.log"
        wait_until(lambda: started.read_text().count("runner started") == len(RUNNERS), 120, "Mailman's runners")

    def stop(self):
        for runner in self.runners:
            end_process(runner)

    def log(self):
        return (self.path / "logs/smtp.log").read_text()

    def post(self, members):
        """A post to so many, over LMTP: seconds until it says that it has sent it, and those of the processor."""
        def processors():
            return sum(processor(runner.pid) for runner in self.runners)
        known, used, began = len(self.log()), processors(), time.time()
        submit(("127.0.0.1", self.lmtp), f"g{members}@{DOMAIN}")
        done = wait_until(lambda: re.search(r" smtp to \S+ for (\d+) recips, completed", self.log()[known:]), 300,
                          "Mailman", every=0.005)
        took, used = time.time() - began, processors() - used
        if int(done.group(1)) != members or " delivery to " in self.log()[known:]:
            raise RuntimeError(f"Mailman did not send to {members}: {self.log()[known:]}")
        return took, used
