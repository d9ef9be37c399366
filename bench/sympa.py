"""Row 19: Sympa as it comes, on SQLite: a daemon that takes posts apart, some that send, by sendmail(1), to 25 at a time."""
import math
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time

from testbed.base import library_path, server_path, unpacked, wait_until

from machine import processor_of_group
from stand import DOMAIN, mail_of, members_of, message_in_a_file

CONFIG = """
domain {domain}
listmaster listmaster@example.com
db_type SQLite
db_name {path}/sympa.sqlite
sendmail {sendmail}
sendmail_aliases none
"""

LIST = """
subject {name}

status open

send public

owner
email owner@example.com
"""

USER = "nobody"                           # it does not run as root
DAEMONS = "sympa_msg.pl", "bulk.pl"
PACKET = 25                               # recipients of a message


class Sympa:
    """Lists of these sizes, sending through a Postfix that holds what sendmail(1) brings it."""

    def __init__(self, path, sizes, postfix):
        self.path, self.postfix, self.root, self.posts = path, postfix, unpacked("sympa"), 0
        self.groups = []
        for folder in "etc/sympa/sympa var/lib/sympa/list_data var/spool/sympa/msg run lib/Sympa sbin".split():
            (path / folder).mkdir(parents=True)
        self.configure("/bin/true")       # it tells its master that it made its tables
        self.move()
        self.bring_mail()
        for members in sizes:
            folder = path / f"var/lib/sympa/list_data/g{members}"
            folder.mkdir()
            (folder / "config").write_text(LIST.format(name=folder.name))
        self.run("sympa", "check")
        self.configure(server_path("/usr/sbin/sendmail"))
        self.subscribe(sizes)
        for folder, _, files in os.walk(path):
            for name in [".", *files]:
                shutil.chown(os.path.join(folder, name), USER, postfix.group)

    def configure(self, sendmail):
        text = CONFIG.format(domain=DOMAIN, path=self.path, sendmail=sendmail)
        (self.path / "etc/sympa/sympa/sympa.conf").write_text(text)

    def move(self):
        """Where things are is said by one module, and so is who it runs as."""
        text = (self.root / "usr/share/sympa/lib/Sympa/Constants.pm").read_text()
        for old, new in ((r"'/usr/", f"'{str(self.root).rstrip('/')}/usr/"), (r"'(/(etc|var|run)/)", fr"'{self.path}\1"),
                         (r"(USER +=>) '.*'", fr"\1 '{USER}'"), (r"(GROUP +=>) '.*'", fr"\1 '{self.postfix.group}'")):
            text = re.sub(old, new, text)
        (self.path / "lib/Sympa/Constants.pm").write_text(text)

    def bring_mail(self):
        """The program behind sendmail(1), which heeds settings from elsewhere only where it is not setgid."""
        shutil.copyfile(server_path("/usr/sbin/postdrop"), self.path / "sbin/postdrop")
        (self.path / "sbin/postdrop").chmod(0o755)
        text = self.postfix.settings() + f"command_directory = {self.path}/sbin\n"
        (self.path / "etc/main.cf").write_text(self.postfix.override(text))

    def environment(self):
        """Of the daemons, and of the sendmail(1) that they start."""
        libraries = [self.root / "usr/share/perl5", *self.root.glob("usr/lib/*-linux-gnu*/perl5/5.*")]
        shared = [str(d) for d in self.root.glob("usr/lib/*-linux-gnu*")] + [library_path()]
        return dict(os.environ, SYMPALIB=f"{self.path}/lib:{self.root}/usr/share/sympa/lib",
                    PERL5LIB=":".join(map(str, libraries)), LD_LIBRARY_PATH=":".join(filter(None, shared)),
                    MAIL_CONFIG=str(self.path / "etc"))

    def run(self, program, *words):
        """One of its programs, to its end; its number, which that of what it leaves behind is as well."""
        with open(self.path / "errors", "ab") as errors:
            child = subprocess.Popen([self.root / "usr/lib/sympa/bin" / program, *words], env=self.environment(),
                                     stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True)
        if child.wait() != 0:
            raise RuntimeError(f"{program}: {(self.path / 'errors').read_text()}")
        return child.pid

    def subscribe(self, sizes):
        with sqlite3.connect(self.path / "sympa.sqlite") as db:
            for n in sizes:
                db.executemany("""insert into subscriber_table (user_subscriber, list_subscriber, robot_subscriber,
                    date_epoch_subscriber, update_epoch_subscriber, subscribed_subscriber, reception_subscriber,
                    visibility_subscriber, number_messages_subscriber) values (?, ?, ?, 0, 0, 1, 'mail', 'noconceal', 0)
                    """, [(mail_of(i), f"g{n}", DOMAIN) for i in members_of(n)])
        db.close()

    def start(self):
        """Each goes to the background, in a process group that keeps its number."""
        for name in DAEMONS:
            self.groups.append(self.run(name))
            wait_until((self.path / "run/sympa" / name.replace(".pl", ".pid")).exists, 120, name)

    def stop(self):
        for group in self.groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.groups.clear()

    def processor(self):
        return sum(map(processor_of_group, self.groups))

    def post(self, members):
        """A post to so many, as its program `queue` puts it into the spool: seconds, and those of the processor."""
        to, before, used, began = f"g{members}@{DOMAIN}", self.postfix.held(), self.processor(), time.time()
        self.posts += 1
        temporary = self.path / f"var/spool/sympa/msg/T.{self.posts}"
        temporary.write_bytes(f"X-Sympa-To: {to}\n".encode() + message_in_a_file(to))
        shutil.chown(temporary, USER)
        temporary.rename(temporary.with_name(f"{to}.{int(began)}.{self.posts}"))
        messages = math.ceil(members / PACKET)
        wait_until(lambda: len(self.postfix.held(before)) >= messages, 900, "Sympa", every=0.05)
        return time.time() - began, self.processor() - used
