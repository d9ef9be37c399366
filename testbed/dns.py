"""
A name server with a zone of the test's making, over UDP and TCP, that can be told to behave badly. As a program it takes
the zone as JSON, prints its port and runs until its standard input ends.

    {"example.com": {"MX": [[10, "mx.example.com"]], "TXT": ["some text"], "A": ["192.0.2.1"], "ttl": 60},
     "slow.example.com": {"A": ["192.0.2.2"], "how": "delay=0.3"}}

`how` is one of servfail, silent, garbage (bytes that are no message), cut (a message that ends in its middle), truncate
(nothing but TC over UDP, all of it over TCP), wrong (records whose data make no sense) or delay=SECONDS. Other names do not
exist. The TXT record of queries.example.org is how many questions came before.
"""
import ipaddress
import json
import os
import socket
import struct
import sys
import threading

TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
NUMBERS = {v: k for k, v in TYPES.items()}
TC, SERVFAIL, NXDOMAIN = 0x0200, 2, 3


def wire_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        data = label.encode("latin-1")
        out += bytes([len(data)]) + data if data else b""
    return out + b"\0"


def wire_data(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        return struct.pack("!H", value[0]) + wire_name(value[1])
    if kind == "TXT":
        data = value.encode()
        pieces = [data[i:i + 255] for i in range(0, len(data), 255)] or [b""]
        return b"".join(bytes([len(p)]) + p for p in pieces)
    return wire_name(value)


def record(name, kind, data, ttl):
    return wire_name(name) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data


class Dns:
    def __init__(self, zone=None, port=0):
        self.zone = {name.lower(): block for name, block in (zone or {}).items()}
        self.asked = []                    # (name, type), in order
        self.stopping = False
        while True:                        # one port that is free for both
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", port))
            self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.tcp.bind(self.udp.getsockname())
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(64)
        self.port = self.udp.getsockname()[1]
        self.server = f"127.0.0.1@{self.port}"
        for target in (self.hear_udp, self.hear_tcp):
            threading.Thread(target=target, daemon=True).start()

    def stop(self):
        self.stopping = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("127.0.0.1", self.port))
        try:
            self.tcp.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.tcp.close()

    def hear_udp(self):
        while True:
            data, peer = self.udp.recvfrom(4096)
            if self.stopping:
                self.udp.close()
                return
            self.answer(data, False, lambda reply, peer=peer: self.udp.sendto(reply, peer))

    def hear_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        with connection:
            while True:
                head = connection.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    return
                data = connection.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                self.answer(data, True, lambda reply: connection.sendall(struct.pack("!H", len(reply)) + reply))

    def answer(self, data, tcp, send):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += 1 + data[at]
        kind = NUMBERS.get(struct.unpack("!H", data[at + 1:at + 3])[0], "?")
        question, name = data[12:at + 5], ".".join(labels).lower()
        before = len(self.asked)
        self.asked.append((name, kind))
        block = self.zone.get(name)
        how = (block or {}).get("how", "")
        if name == "queries.example.org":
            block = {"TXT": [str(before)], "ttl": 0}
        if how == "silent":
            return
        reply = self.reply(data[:2], question, name, kind, block, how, tcp)
        if how.startswith("delay="):
            timer = threading.Timer(float(how[6:]), self.send_late, [send, reply])
            timer.daemon = True
            timer.start()
        else:
            send(reply)

    @staticmethod
    def send_late(send, reply):
        try:
            send(reply)
        except OSError:
            pass                           # nobody waits any more

    def reply(self, ident, question, name, kind, block, how, tcp):
        flags, answers = 0x8580, b""
        records = [] if block is None else block.get(kind, [])
        count, ttl = len(records), (block or {}).get("ttl", 60)
        if how == "garbage":
            return ident + os.urandom(40)
        if how == "servfail":
            flags |= SERVFAIL
        elif how == "truncate" and not tcp:
            flags, count = flags | TC, 0
        elif block is None:
            flags |= NXDOMAIN
        elif not records and "CNAME" in block:
            target = block["CNAME"]
            more = self.zone[target].get(kind, [])
            answers = record(name, "CNAME", wire_name(target), ttl)
            answers += b"".join(record(target, kind, wire_data(kind, r), ttl) for r in more)
            count = 1 + len(more)
        else:
            for r in records:
                answers += record(name, kind, b"\x01" if how == "wrong" else wire_data(kind, r), ttl)
        authority = b""
        if count == 0 and not flags & TC and how != "servfail":
            authority = record("example.org", "SOA", wire_name("ns.example.org") * 2 + struct.pack("!5I", 1, 60, 60, 60, 60), 60)
        out = ident + struct.pack("!HHHHH", flags, 1, count, 1 if authority else 0, 0) + question + answers + authority
        return out[:len(out) * 2 // 3] if how == "cut" else out


def main():
    server = Dns(json.loads(sys.argv[1]))
    print(server.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
