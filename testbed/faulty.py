"""
An LDAP server for faults that no real one can be told to have. It serves a small directory rightly (RFC 4511), with
paged results, the dereference control and ranges of values; and a fault of the test changes what it is about to say.
"""
import collections
import itertools
import socket
import threading
import time

from .base import clients
from .ber import elements, integer, number, octets, tlv

DEREF = "1.3.6.1.4.1.4203.666.5.16"
PAGED = "1.2.840.113556.1.4.319"
NOTICE = "1.3.6.1.4.1.1466.20036"
BIND, UNBIND, SEARCH, ABANDON = 0x60, 0x42, 0x63, 0x50

# The result codes of RFC 4511 section 4.1.9 and appendix A, those of other operations included, and one of nobody.
CODES = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 32, 33, 34, 36, 48, 49, 50, 51, 52, 53,
         54, 64, 65, 66, 67, 68, 69, 71, 80, 118, 4711]


# ---- what it says ----

class Entry:
    def __init__(self, dn, attributes, references=None):
        """`references` are the answer of the dereference control: (attribute, DN, {name: values})."""
        self.dn, self.attributes, self.references = dn, attributes, references

    def encode(self):
        def pairs(attributes):
            return [tlv(0x30, octets(name), tlv(0x31, *map(octets, values))) for name, values in attributes.items()]
        controls = b""
        if self.references is not None:
            value = tlv(0x30, *(tlv(0x30, octets(attribute), octets(dn),
                                    *([tlv(0xa0, *pairs(attributes))] if attributes else []))
                                for attribute, dn, attributes in self.references))
            controls = tlv(0xa0, tlv(0x30, octets(DEREF), octets(value)))
        return tlv(0x64, octets(self.dn), tlv(0x30, *pairs(self.attributes))), controls


class Done:
    def __init__(self, code=0, cookie=None, text="", tag=0x65):
        self.code, self.cookie, self.text, self.tag = code, cookie, text, tag

    def encode(self):
        controls = b""
        if self.cookie is not None:
            value = tlv(0x30, integer(0), octets(self.cookie))
            controls = tlv(0xa0, tlv(0x30, octets(PAGED), octets(value)))
        referral = tlv(0xa3, octets("ldap://127.0.0.1:1/")) if self.code == 10 else b""
        return tlv(self.tag, integer(self.code, 0x0a), octets(""), octets(self.text), referral), controls


class Reference:
    """To another server."""

    def encode(self):
        return tlv(0x73, octets("ldap://127.0.0.1:1/dc=example,dc=com??sub")), b""


class Notice:
    """That the server is about to end the connection; with an id of its own."""
    id = 0

    def __init__(self, code=52):
        self.code = code

    def encode(self):
        return tlv(0x78, integer(self.code, 0x0a), octets(""), octets(""), tlv(0x8a, NOTICE)), b""


class Raw:
    """Bytes as they are."""

    def __init__(self, data):
        self.data = data


class Pause:
    def __init__(self, seconds):
        self.seconds = seconds


class Close:
    pass


class Renamed:
    """Another message with an id of its own."""

    def __init__(self, message, id):
        self.message, self.id = message, id

    def encode(self):
        return self.message.encode()


# ---- what it is asked ----

class Request:
    """`kind` is what it is for: bind, root, find (lists), place, group, deref, or, probe, base (of a member)."""

    def __init__(self, id, tag, content, controls):
        self.id, self.tag, self.controls = id, tag, controls
        self.kind = "bind" if tag == BIND else "other"
        self.count = 0                    # how many of this kind came before, on its connection
        if tag != SEARCH:
            return
        base, scope, _, limit, _, _, filter, attributes = elements(content)
        self.base, self.scope, self.limit, self.filter = base[1].decode(), number(scope[1]), number(limit[1]), filter
        self.attributes = [a.decode() for _, a in elements(attributes[1])]

    def classify(self, server):
        ored = self.filter[0] == 0xa1
        if self.base == "":
            self.kind = "root"
        elif DEREF in self.controls:
            self.kind = "deref"
        elif self.scope == 1:
            self.kind = "place"
        elif self.filter[0] == 0xa3:
            self.kind = "probe"
        elif self.scope == 2:
            self.kind = "or" if ored else "find"
        else:
            entry = server.entries.get(self.base.lower())
            self.kind = "group" if entry and "member" in entry[1] else "base"


def matches(entry, filter):
    tag, content = filter
    dn, attributes = entry
    if tag in (0xa0, 0xa1):
        return (all if tag == 0xa0 else any)(matches(entry, f) for f in elements(content))
    if tag == 0xa2:
        return not matches(entry, next(elements(content)))
    if tag == 0x87:
        values = attributes.get(content.decode(), ["top"] if content.lower() == b"objectclass" else [])
        return bool(values)
    if tag == 0xa3:
        (_, name), (_, value) = elements(content)
        if name == b"entryDN":
            return dn.lower() == value.decode().lower()
        return value.decode().lower() in (v.lower() for v in attributes.get(name.decode(), []))
    raise ValueError(f"filter {tag:x}")


class Faulty:
    """
    `entries` are (DN, {attribute: values}). `fault(request, messages)`, if set, gets what is to be said and gives what
    is said instead. With `most` the server gives so many values of `member` at a time.
    """

    def __init__(self, entries, controls=(DEREF, PAGED), most=None):
        self.entries = {dn.lower(): (dn, attributes) for dn, attributes in entries}
        self.controls, self.most, self.fault = list(controls), most, None
        self.counts = collections.Counter()              # of the youngest connection: requests by kind
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def uri(self):
        return f"ldap://127.0.0.1:{self.port}"

    def stop(self):
        """What connects from now on is refused."""
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)      # a thread waits in accept()
            self.listener.close()

    def accept(self):
        for client in clients(self.listener):
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        counts = collections.Counter()
        try:
            with client, client.makefile("rb") as stream:
                while self.answer(client, stream, counts):
                    pass
        except OSError:
            pass

    def read(self, stream):
        head = stream.read(2)
        if len(head) < 2:
            return None
        n = head[1]
        if n & 0x80:
            n = int.from_bytes(stream.read(n & 0x7f))
        (_, id), (tag, content), *rest = elements(stream.read(n))
        controls = {}
        for _, all_of_them in rest:
            for _, control in elements(all_of_them):
                (_, oid), *more = elements(control)
                controls[oid.decode()] = next((v for t, v in more if t == 0x04), b"")
        return Request(number(id), tag, content, controls)

    def answer(self, client, stream, counts):
        r = self.read(stream)
        if r is None or r.tag == UNBIND:
            return False
        if r.tag == ABANDON:
            return True
        if r.tag == SEARCH:
            r.classify(self)
        r.count = counts[r.kind]
        counts[r.kind] += 1
        self.counts = counts
        messages = [Done(tag=0x61)] if r.tag == BIND else list(self.search(r))
        if self.fault:
            messages = self.fault(r, messages)
        for m in messages:
            if isinstance(m, Close):
                client.shutdown(socket.SHUT_RDWR)
                return False
            if isinstance(m, Pause):
                time.sleep(m.seconds)
            else:
                client.sendall(self.encode(r, m))
        return True

    @staticmethod
    def encode(request, message):
        if isinstance(message, Raw):
            return message.data
        body, controls = message.encode()
        return tlv(0x30, integer(getattr(message, "id", request.id)), body, controls)

    # ---- rightly ----

    def search(self, r):
        if r.kind == "root":
            return [Entry("", {"supportedControl": self.controls}), Done()]
        if any(oid not in self.controls for oid in r.controls):
            return [Done(12)]
        if r.base.lower() not in self.entries:
            return [Done(32)]
        if r.scope == 0:
            found = [self.entries[r.base.lower()]]
        elif r.scope == 1:
            found = [e for e in self.entries.values() if e[0].lower().partition(",")[2] == r.base.lower()]
        else:
            found = [e for e in self.entries.values() if e[0].lower().endswith(r.base.lower())]
        found = [e for e in found if matches(e, r.filter)]
        cookie = None
        if r.limit and len(found) > r.limit:
            return [*(self.entry(r, e) for e in found[:r.limit]), Done(4)]
        if PAGED in r.controls:
            found, cookie = self.page(r, found)
        return [*(self.entry(r, e) for e in found), Done(cookie=cookie)]

    @staticmethod
    def page(r, found):
        (_, value), = elements(r.controls[PAGED])
        (_, size), (_, cookie) = elements(value)
        first = int(cookie) if cookie.isdigit() else 0
        last = first + number(size)
        return found[first:last], str(last) if last < len(found) else ""

    def entry(self, r, e):
        dn, attributes = e
        references = None
        if self.most:
            attributes = {**attributes, "uSNChanged": ["1"]}
        if DEREF in r.controls and "member" in attributes:
            wanted = self.deref_attributes(r)
            references = [("member", v, self.chosen(self.entries[v.lower()][1], wanted)) for v in attributes["member"]
                          if v.lower() in self.entries]
        return Entry(dn, self.ranged(r, self.chosen(attributes, r.attributes)), references)

    @staticmethod
    def deref_attributes(r):
        (_, specs), = elements(r.controls[DEREF])
        (_, spec), = elements(specs)
        (_, _), (_, attributes) = elements(spec)
        return [a.decode() for _, a in elements(attributes)]

    @staticmethod
    def chosen(attributes, wanted):
        wanted = [w.partition(";")[0].lower() for w in wanted]
        return {k: v for k, v in attributes.items() if k.lower() in wanted}

    def ranged(self, r, attributes):
        """MS-ADTS 3.1.1.3.1.3.3, where the server has a most."""
        if not self.most or "member" not in attributes:
            return attributes
        asked = next((a.partition("range=")[2] for a in r.attributes if a.startswith("member;range=")), "0-*")
        first = int(asked.partition("-")[0])
        values = attributes["member"][first:first + self.most]
        end = "*" if first + self.most >= len(attributes["member"]) else str(first + self.most - 1)
        if first == 0 and end == "*":
            return attributes
        rest = {k: v for k, v in attributes.items() if k != "member"}
        return {**rest, "member": [], f"member;range={first}-{end}": values} if values else rest


# ---- faults: each a function of a request and the messages it is answered by ----

def at(kind, change, only=None):
    """Only for requests of a kind; with `only` the one that comes after so many."""
    def fault(r, messages):
        if r.kind != kind or (only is not None and r.count != only):
            return messages
        return change(r, messages)
    return fault


def entries_of(messages):
    return [m for m in messages if isinstance(m, Entry)]


def ends_with(code, after=None):
    """A result code, after some of the entries."""
    def change(r, messages):
        if r.kind == "bind":
            return [Done(code, tag=0x61)]
        return entries_of(messages)[:after] + [Done(code)]
    return change


def cut_at(share):
    """The connection ends in the middle of the bytes."""
    def change(r, messages):
        data = b"".join(Faulty.encode(r, m) for m in messages)
        return [Raw(data[:int(len(data) * share)]), Close()]
    return change


def damaged(every=7):
    """One byte in so many is another one."""
    def change(r, messages):
        data = bytearray(b"".join(Faulty.encode(r, m) for m in messages))
        for i in itertools.islice(range(len(data)), every - 1, None, every):
            data[i] ^= 0x55
        return [Raw(bytes(data)), Close()]
    return change
