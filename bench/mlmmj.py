"""Row 19: mlmmj, which keeps its members in files and sends to them from one process, over one connection."""
import os
import subprocess
import time

from testbed import client
from testbed.base import unpacked

from stand import DOMAIN, SENDER, SIZE, mail_of, members_of

FOLDERS = ("archive bounce control digesters.d incoming moderation nomailsubs.d queue/discarded requeue subconf "
           "subscribers.d text unsubconf")


class Mlmmj:
    """A list as it is fastest: reverse-paths are left to the MTA, and as many recipients a message as Postfix takes."""

    def __init__(self, path, members, port):
        self.path, self.members = path, members
        self.address = f"g{members}@{DOMAIN}"
        for folder in FOLDERS.split():
            (path / folder).mkdir(parents=True)
        (path / "index").write_text("0\n")
        settings = {"listaddress": self.address, "owner": f"owner@{DOMAIN}", "relayhost": "127.0.0.1", "smtpport": port,
                    "smtphelo": DOMAIN, "verp": "", "maxverprecips": 1000}
        for name, value in settings.items():
            (path / "control" / name).write_text(f"{value}\n")
        by_letter = {}
        for i in members_of(members):
            by_letter.setdefault(mail_of(i)[0], []).append(mail_of(i))
        for letter, some in by_letter.items():
            (path / "subscribers.d" / letter).write_text("\n".join(some) + "\n")

    def post(self):
        """Hands a post in, and waits until it has ended: when it began, and seconds of the processor."""
        line = "This is a line of a text that nobody is meant to read.\n"
        message = client.message(sender=SENDER, to=self.address, body=line * (SIZE // len(line)))
        text = f"Return-Path: <{SENDER}>\n".encode() + message.replace(b"\r\n", b"\n")
        began = time.time()
        child = subprocess.Popen([unpacked("mlmmj") / "usr/bin/mlmmj-receive", "-F", "-L", self.path],
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        child.stdin.write(text)
        child.stdin.close()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise RuntimeError(f"mlmmj-receive: {child.returncode}")
        return began * 1000, used.ru_utime + used.ru_stime
