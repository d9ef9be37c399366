"""Row 19: mlmmj, which keeps its members in files and sends to them from one process, over one connection."""
import os
import subprocess
import time

from testbed.base import unpacked

from stand import DOMAIN, mail_of, members_of, message_in_a_file

FOLDERS = ("archive bounce control digesters.d incoming moderation nomailsubs.d queue/discarded requeue subconf "
           "subscribers.d text unsubconf")


class Mlmmj:
    """Lists as they are fastest: reverse-paths are left to the MTA, and as many recipients a message as Postfix takes."""

    def __init__(self, path, sizes, port):
        self.path = path
        for members in sizes:
            self.make(path / f"g{members}", members, port)

    @staticmethod
    def make(path, members, port):
        for folder in FOLDERS.split():
            (path / folder).mkdir(parents=True)
        (path / "index").write_text("0\n")
        settings = {"listaddress": f"{path.name}@{DOMAIN}", "owner": f"owner@{DOMAIN}", "relayhost": "127.0.0.1",
                    "smtpport": port, "smtphelo": DOMAIN, "verp": "", "maxverprecips": 1000}
        for name, value in settings.items():
            (path / "control" / name).write_text(f"{value}\n")
        by_letter = {}
        for i in members_of(members):
            by_letter.setdefault(mail_of(i)[0], []).append(mail_of(i))
        for letter, some in by_letter.items():
            (path / "subscribers.d" / letter).write_text("\n".join(some) + "\n")

    def post(self, members):
        """Hands a post to so many in, and waits until it has ended: seconds, and those of the processor."""
        path = self.path / f"g{members}"
        text = message_in_a_file(f"{path.name}@{DOMAIN}")
        began = time.time()
        child = subprocess.Popen([unpacked("mlmmj") / "usr/bin/mlmmj-receive", "-F", "-L", path],
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        child.stdin.write(text)
        child.stdin.close()
        _, status, used = os.wait4(child.pid, 0)
        took = time.time() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise RuntimeError(f"mlmmj-receive: {child.returncode}")
        return took, used.ru_utime + used.ru_stime
