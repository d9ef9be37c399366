"""
Stands before a directory and cuts the values of `member` into parts, as Microsoft's Active Directory does; Samba's
gives them all at once. For connections without TLS.
"""
import re
import socket
import threading

from .base import clients


def element(data, at):
    """(tag, where its content begins, where it ends) of the BER element there; None while it is not whole."""
    if len(data) < at + 2:
        return None
    length, begin = data[at + 1], at + 2
    if length & 0x80:
        begin += length & 0x7f
        if len(data) < begin:
            return None
        length = int.from_bytes(data[at + 2:begin], "big")
    return (data[at], begin, begin + length) if len(data) >= begin + length else None


def elements(data):
    """All elements of some content, as (tag, content)."""
    at, out = 0, []
    while at < len(data):
        tag, begin, at = element(data, at)
        out.append((tag, data[begin:at]))
    return out


def ber(tag, content):
    n = len(content)
    if n < 0x80:
        return bytes((tag, n)) + content
    size = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content


ENTRY = 0x64


class Ranges:
    """
    No answer has more than `limit` values of member. `part`, if set, is called for each part with the number of its
    first value; `spoil`, if set, gets (name, values) of each and returns what is sent instead.
    """

    def __init__(self, host, port=389, limit=1500):
        self.to, self.limit = (host, port), limit
        self.part = self.spoil = None
        self.parts = self.asked = 0       # parts given, requests taken
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"ldap://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.listener.close()

    def accept(self):
        for client in clients(self.listener):
            server = socket.create_connection(self.to)
            threading.Thread(target=self.pass_on, args=(client, server, self.count), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(server, client, self.cut), daemon=True).start()

    @staticmethod
    def pass_on(source, to, change):
        data = bytearray()
        try:
            while got := source.recv(1 << 16):
                data += got
                while whole := element(data, 0):
                    to.sendall(change(bytes(data[:whole[2]])))
                    del data[:whole[2]]
        except OSError:
            pass
        for s in (source, to):
            s.close()

    def count(self, message):
        self.asked += 1
        return message

    def cut(self, message):
        _, begin, end = element(message, 0)
        number, (tag, content), *controls = elements(message[begin:end])
        if tag != ENTRY:
            return message
        (_, dn), (_, attributes) = elements(content)
        kept = b"".join(self.cut_attribute(a) for _, a in elements(attributes))
        return ber(0x30, b"".join(ber(*e) for e in (number, (ENTRY, ber(4, dn) + ber(0x30, kept)), *controls)))

    def cut_attribute(self, attribute):
        (_, name), (_, values) = elements(attribute)
        asked = re.fullmatch(rb"(?i)member(?:;range=(\d+)-\*)?", name)
        values = [v for _, v in elements(values)]
        if not asked or (asked.group(1) is None and len(values) <= self.limit):
            return ber(0x30, attribute)
        first, out = int(asked.group(1) or 0), b""
        if asked.group(1) is None:
            out = ber(0x30, ber(4, name) + ber(0x31, b""))
        end = b"*"
        if len(values) > self.limit:
            values, end = values[:self.limit], b"%d" % (first + self.limit - 1)
        name = b"member;range=%d-%s" % (first, end)
        self.parts += 1
        if self.part:
            self.part(first)
        if self.spoil:
            name, values = self.spoil(name, values)
        return out + ber(0x30, ber(4, name) + ber(0x31, b"".join(ber(4, v) for v in values)))
