"""
Stands before a directory and cuts the values of `member` into parts, as Microsoft's Active Directory does; Samba's
gives them all at once. For connections without TLS.
"""
import re
import socket
import threading

from .base import clients
from .ber import element, elements, octets, tlv

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
                while whole := element(data):
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
        _, begin, end = element(message)
        number, (tag, content), *controls = elements(message[begin:end])
        if tag != ENTRY:
            return message
        (_, dn), (_, attributes) = elements(content)
        kept = [self.cut_attribute(a) for _, a in elements(attributes)]
        return tlv(0x30, *(tlv(*e) for e in (number, (ENTRY, octets(dn) + tlv(0x30, *kept)), *controls)))

    def cut_attribute(self, attribute):
        (_, name), (_, values) = elements(attribute)
        asked = re.fullmatch(rb"(?i)member(?:;range=(\d+)-\*)?", name)
        values = [v for _, v in elements(values)]
        if not asked or (asked.group(1) is None and len(values) <= self.limit):
            return tlv(0x30, attribute)
        first, out = int(asked.group(1) or 0), b""
        if asked.group(1) is None:
            out = tlv(0x30, octets(name), tlv(0x31))
        end = b"*"
        if len(values) > self.limit:
            values, end = values[:self.limit], b"%d" % (first + self.limit - 1)
        name = b"member;range=%d-%s" % (first, end)
        self.parts += 1
        if self.part:
            self.part(first)
        if self.spoil:
            name, values = self.spoil(name, values)
        return out + tlv(0x30, octets(name), tlv(0x31, *map(octets, values)))
