"""mailbox.py DIRECTORY ADDRESS...: sendmail's mailer in the demonstration. What comes on standard input goes to each
address, into the Maildir of that name."""
import os
import sys
import time

EX_NOUSER = 67


def main(directory, *addresses):
    if not all(os.path.isdir(os.path.join(directory, a)) for a in addresses):
        return EX_NOUSER
    message = sys.stdin.buffer.read()
    for n, address in enumerate(addresses):
        box, name = os.path.join(directory, address), f"{time.time():.6f}.{os.getpid()}_{n}.mail.example.com"
        with open(os.path.join(box, "tmp", name), "xb") as f:
            f.write(message)
        os.rename(os.path.join(box, "tmp", name), os.path.join(box, "new", name))
    return 0


sys.exit(main(*sys.argv[1:]))
