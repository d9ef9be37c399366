"""A client for dialogues: SMTP or LMTP, over TCP or a unix socket, as raw as a test wants it."""
import re
import socket

from .base import family


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3])
        m = re.match(r"\d{3}[ -](?:(\d\.\d+\.\d+) )?(.*)", lines[-1])
        self.enhanced, self.text = m.group(1), m.group(2)

    def __repr__(self):
        return " / ".join(self.lines)

    def __eq__(self, other):
        if isinstance(other, int):
            return self.code == other
        return f"{self.code} {self.enhanced}" == other


class Client:
    def __init__(self, address, lmtp=False, greet=True, timeout=60, source=None):
        self.socket = socket.socket(family(address))
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")
        self.lmtp = lmtp
        self.banner = self.reply()
        if greet:
            self.hello = self.command(f"{'LHLO' if lmtp else 'EHLO'} client.example.org")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))

    def reply(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line.endswith(b"\n"):
                raise ConnectionError(f"the connection ended after {lines + [line]}")
            lines.append(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))
            if lines[-1][3:4] != "-":
                return Reply(lines)

    def command(self, text):
        self.send(text + "\r\n" if isinstance(text, str) else text + b"\r\n")
        return self.reply()

    def xclient(self, **attributes):
        """Postfix's XCLIENT: to be somebody else, from somewhere else."""
        self.command("XCLIENT " + " ".join(f"{k}={v}" for k, v in attributes.items()))
        return self.command("EHLO client.example.org")

    def start_tls(self, context):
        assert self.command("STARTTLS").code == 220
        self.file.close()
        self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")
        return self.command("EHLO client.example.org")

    def mail(self, sender, parameters=""):
        return self.command(f"MAIL FROM:<{sender}>{' ' if parameters else ''}{parameters}")

    def rcpt(self, recipient, parameters=""):
        return self.command(f"RCPT TO:<{recipient}>{' ' if parameters else ''}{parameters}")

    def data(self, message, recipients=1):
        """The content, bytes with CRLF; dots are seen to. One reply, or one for each recipient over LMTP."""
        reply = self.command("DATA")
        if reply.code != 354:
            return reply if not self.lmtp else [reply]
        self.send(re.sub(rb"(?m)^\.", b"..", message) + (b"" if message.endswith(b"\r\n") else b"\r\n")
                  + b".\r\n")
        if not self.lmtp:
            return self.reply()
        return [self.reply() for _ in range(recipients)]

    def quit(self):
        reply = self.command("QUIT")
        self.close()
        return reply


def message(subject="test", sender="ann@example.com", to="staff@lists.example.com", body="Hello.\r\n",
            fields=()):
    """A small message, bytes with CRLF."""
    message.count = getattr(message, "count", 0) + 1
    head = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Sat, 21 Nov 2026 12:00:00 +0000",
            f"Message-ID: <{message.count}.{id(head_marker)}@client.example.org>", *fields]
    text = "\r\n".join(head) + "\r\n\r\n"
    return text.encode("utf-8") + (body if isinstance(body, bytes) else body.encode("utf-8"))


head_marker = object()
