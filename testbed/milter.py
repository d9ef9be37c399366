"""The MTA's side of the milter protocol, version 6, as far as tests and measurements need it."""
import socket
import struct

ACTIONS, STEPS = 0x1FF, 0x1FFFFF
NO_HELO, NO_UNKNOWN = 0x02, 0x100
NO_REPLY = {"header": 0x80, "connect": 0x1000, "helo": 0x2000, "mail": 0x4000, "eoh": 0x40000, "body": 0x80000}


class Milter:
    """One connection, which is one SMTP session. Whoever calls `packet` reads the answer, or knows there is none."""

    def __init__(self, path, steps=STEPS, timeout=30, negotiate=True, actions=ACTIONS):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        if not negotiate:
            return
        self.send(b"O", struct.pack(">III", 6, actions, steps))
        command, data = self.read()
        assert command == b"O"
        self.version, self.actions, self.steps = struct.unpack(">III", data[:12])
        self.macros = {}
        at = 12
        while at < len(data):
            (stage,) = struct.unpack(">I", data[at:at + 4])
            end = data.index(b"\0", at + 4)
            self.macros[stage] = data[at + 4:end].decode().split()
            at = end + 1

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, command, data=b""):
        self.socket.sendall(struct.pack(">I", 1 + len(data)) + command + data)

    def read(self):
        """The next packet that is more than a sign of life; those are counted in self.progress."""
        self.progress = 0
        while True:
            head = self.file.read(4)
            if len(head) < 4:
                raise ConnectionError("the milter closed the connection")
            (length,) = struct.unpack(">I", head)
            body = self.file.read(length)
            if body[:1] != b"p":
                return body[:1], body[1:]
            self.progress += 1

    def step(self, name, command, *words):
        """Sends a step, and reads its answer where there is one."""
        self.send(command, b"".join(w + b"\0" for w in words))
        if self.steps & NO_REPLY.get(name, 0):
            return b"c", b""
        return self.read()

    def define(self, command, **macros):
        pairs = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in macros.items())
        self.send(b"D", command + pairs)

    def connect(self, address="127.0.0.1", name="client.example.org"):
        """`name` is one that the MTA has confirmed; without one it is the address in brackets."""
        self.send(b"C", (name or f"[{address}]").encode() + b"\0" + b"4" + struct.pack(">H", 25) + address.encode() + b"\0")
        return (b"c", b"") if self.steps & NO_REPLY["connect"] else self.read()

    def mail(self, sender, *parameters, login=None, tls=None):
        self.define(b"M", **({"{auth_authen}": login} if login else {}), **({"{tls_version}": tls} if tls else {}))
        return self.step("mail", b"M", f"<{sender}>".encode(), *[p.encode() for p in parameters])

    def rcpt(self, recipient, queue_id="ABC"):
        self.define(b"R", i=queue_id)
        return self.step("rcpt", b"R", f"<{recipient}>".encode())

    def message(self, fields, body=b"Hello.\r\n", queue_id="ABC"):
        """DATA to end of message; the answer, or what ended it before. What it changes is in self.changes."""
        self.changes = []
        self.define(b"T", i=queue_id)
        got = self.step("data", b"T")
        if got[0] != b"c":
            return got
        for name, value in fields:
            self.step("header", b"L", name, value)
        self.step("eoh", b"N")
        for at in range(0, len(body), 65535):
            self.send(b"B", body[at:at + 65535])
            if not self.steps & NO_REPLY["body"]:
                assert self.read()[0] in b"cs"
        self.define(b"E", i=queue_id)
        self.send(b"E")
        while True:
            got = self.read()
            if got[0] not in b"im":       # insert a field, change one
                return got
            index, (name, value) = struct.unpack(">I", got[1][:4])[0], got[1][4:-1].split(b"\0")
            self.changes.append((got[0].decode(), index, name.decode(), value.decode()))

    def abort(self):
        self.send(b"A")
