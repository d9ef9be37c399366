"""A recording SMTP server that takes all mail, or refuses, delays and breaks off as it is told."""
import collections
import re
import socket
import socketserver
import threading
import time


class Transaction:
    def __init__(self):
        self.sender, self.parameters, self.recipients, self.data = None, "", [], b""
        self.of_recipients = []            # the parameters of their RCPTs
        self.receipts = []                # receipt recipients, which are not among the others

    @property
    def header(self):
        return self.data.split(b"\r\n\r\n", 1)[0].decode("utf-8", "surrogateescape") + "\r\n"

    @property
    def queue_id(self):
        """The MTA's. What it delivers again after its own death has the same."""
        return re.search(r"\bid (\w+)", self.fields("Received")[0])[1]

    def fields(self, name):
        """All values of a field, unfolded."""
        unfolded = re.sub(r"\r\n[ \t]+", " ", self.header)
        return re.findall(rf"^{re.escape(name)}:[ \t]*(.*?)\r?$", unfolded, re.M | re.I)


class Sink:
    """
    Faults, each a function that may be None:
      on_mail(address), on_rcpt(address, count), on_dot(transaction): a reply to give instead of 250, or
      "close" to break off, "hang" to say nothing any more. Of a receipt only on_receipt(address) hears.
    """

    def __init__(self, port=0, extensions=("PIPELINING", "SIZE 0", "8BITMIME", "SMTPUTF8", "DSN",
                                           "ENHANCEDSTATUSCODES")):
        self.transactions, self.lock = [], threading.Lock()
        self.extensions = list(extensions)
        self.on_mail = self.on_rcpt = self.on_dot = self.on_receipt = None
        self.connections, self.open = 0, set()
        self.delay_dot = 0
        self.forwarded = []               # XFORWARD, as it came
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            wbufsize = -1

            def handle(self):
                sink.connection(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.address = ("127.0.0.1", self.port)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def clear(self):
        with self.lock:
            self.transactions.clear()

    def delivered(self, to=None):
        """Transactions that were taken, optionally those with this recipient."""
        with self.lock:
            return [t for t in self.transactions if to is None or to in t.recipients]

    def recipients(self):
        """All recipients of all that was taken, as often as they came."""
        with self.lock:
            return [r for t in self.transactions for r in t.recipients]

    def copies(self):
        """How many copies each recipient has of each post, by its Message-ID."""
        return collections.Counter((t.fields("Message-ID")[0], r) for t in self.delivered() for r in t.recipients)

    def connection(self, h):
        h.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.connections += 1
            self.open.add(h.connection)
        try:
            self.dialogue(h)
        except (ConnectionError, BrokenPipeError, ValueError):
            pass
        with self.lock:
            self.open.discard(h.connection)

    def drop_connections(self):
        """Breaks off whatever is open."""
        with self.lock:
            for c in self.open:
                try:
                    c.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    @staticmethod
    def buffered(h):
        """What was read from the socket and not looked at yet, without reading more."""
        h.connection.setblocking(False)
        try:
            return h.rfile.peek()
        except (BlockingIOError, TypeError):
            return b""
        finally:
            h.connection.setblocking(True)

    def say(self, h, text):
        h.wfile.write(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def fault(self, h, reply):
        """Says a faulty reply; False where the connection is to end."""
        if reply == "close":
            h.wfile.flush()
            h.connection.shutdown(socket.SHUT_RDWR)
            return False
        if reply == "hang":
            h.wfile.flush()
            time.sleep(3600)
        self.say(h, reply)
        if reply.startswith("421"):
            h.wfile.flush()
            return False
        return True

    def dialogue(self, h):
        self.say(h, "220 sink.example.com ESMTP")
        t = None
        while True:
            if b"\n" not in self.buffered(h):
                h.wfile.flush()
            line = h.rfile.readline()
            if not line.endswith(b"\r\n"):
                return
            command = line[:-2].decode("utf-8", "surrogateescape")
            verb = command[:4].upper()
            if verb in ("EHLO", "LHLO"):
                lines = ["sink.example.com"] + self.extensions
                for k, e in enumerate(lines):
                    self.say(h, f"250{' ' if k == len(lines) - 1 else '-'}{e}")
            elif verb == "MAIL":
                t = Transaction()
                m = re.match(r"MAIL FROM:<([^>]*)>\s*(.*)", command, re.I)
                t.sender, t.parameters = m.group(1), m.group(2)
                reply = self.on_mail and self.on_mail(t.sender)
                if reply:
                    t = None
                    if not self.fault(h, reply):
                        return
                else:
                    self.say(h, "250 2.1.0 ok")
            elif verb == "RCPT":
                if t is None:
                    self.say(h, "503 5.5.1 need MAIL")
                    continue
                address, parameters = re.match(r"RCPT TO:<(.*)>\s*([^>]*)$", command, re.I).groups()
                receipt = address.startswith("receipt+")
                reply = self.on_receipt and self.on_receipt(address) if receipt else \
                    self.on_rcpt and self.on_rcpt(address, len(t.recipients))
                if reply:
                    if not self.fault(h, reply):
                        return
                else:
                    (t.receipts if receipt else t.recipients).append(address)
                    if not receipt:
                        t.of_recipients.append(parameters)
                    self.say(h, "250 2.1.5 ok")
            elif verb == "DATA":
                if t is None or not t.recipients + t.receipts:
                    self.say(h, "554 5.5.1 no valid recipients")
                    continue
                self.say(h, "354 go on")
                h.wfile.flush()
                if not self.content(h, t):
                    return
                if not self.end_of_data(h, t):
                    return
                t = None
            elif verb == "RSET":
                t = None
                self.say(h, "250 2.0.0 ok")
            elif verb == "XFOR":
                self.forwarded.append(command)
                self.say(h, "250 2.0.0 ok")
            elif verb == "NOOP":
                self.say(h, "250 2.0.0 ok")
            elif verb == "QUIT":
                self.say(h, "221 2.0.0 bye")
                h.wfile.flush()
                return
            else:
                self.say(h, "500 5.5.1 what?")

    def content(self, h, t):
        parts = []
        while True:
            line = h.rfile.readline()
            if not line:
                return False
            if line == b".\r\n":
                break
            parts.append(line[1:] if line.startswith(b".") else line)
        t.data = b"".join(parts)
        return True

    def end_of_data(self, h, t):
        if self.delay_dot:
            time.sleep(self.delay_dot)
        reply = self.on_dot and self.on_dot(t)
        if reply and not reply.startswith("taken "):
            return self.fault(h, reply)
        with self.lock:
            self.transactions.append(t)
            number = len(self.transactions)
        if reply:                         # it is taken, and then something happens
            return self.fault(h, reply[6:])
        self.say(h, f"250 2.0.0 Ok: queued as SINK{number}")
        return True
