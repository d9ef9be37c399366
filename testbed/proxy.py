"""A proxy that hangs or breaks off: what a server does on a bad day."""
import os
import queue
import socket
import threading
import time

from .base import clients, family

class Proxy:
    """
    Between clients and `to`, (host, port) or the path of a unix socket; at a port of its own, or at the path `at`.
    `look(data, from_server)`, if set, sees what is to be passed first; what it raises ends the connection, and where it
    says True nobody ever hears of it.
    """

    def __init__(self, to, at=None):
        self.to = to
        self.look = None
        self.hanging = threading.Event()
        self.refusing = False
        self.cut_after = None             # bytes from the server, on each connection
        self.hang_after = None            # the same, and silence from then on
        self.delay = 0                    # seconds that all from clients is under way, however much there is
        self.passed = 0                   # bytes from the server, on all of them
        self.connections = 0
        self.open = []
        self.lock = threading.Lock()
        self.listener = socket.socket(family(at))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(at or ("127.0.0.1", 0))
        if at:
            os.chmod(at, 0o666)
        self.listener.listen(64)
        self.port = None if at else self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def uri(self):
        return f"ldap://127.0.0.1:{self.port}"

    def accept(self):
        for client in clients(self.listener):
            with self.lock:
                self.connections += 1
                refusing = self.refusing
            if refusing:
                client.close()
                continue
            try:
                server = socket.socket(family(self.to))
                server.connect(self.to)
            except OSError:
                server.close()
                client.close()
                continue
            with self.lock:
                self.open += [client, server]
            threading.Thread(target=self.pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, True), daemon=True).start()

    def carry(self, way, to):
        """Brings what is put on its way there, when it is due."""
        while True:
            due, data = way.get()
            if data is None:
                return
            time.sleep(max(0, due - time.monotonic()))
            try:
                to.sendall(data)
            except OSError:
                return

    def pump(self, source, to, from_server):
        passed, way = 0, None
        try:
            while True:
                data = source.recv(65536)
                if not data and from_server and self.hanging.is_set():
                    return                # of its end neither
                if not data:
                    break
                if self.look and self.look(data, from_server):
                    continue
                if self.hanging.is_set() or (from_server and self.hang_after is not None and passed >= self.hang_after):
                    continue              # swallowed: nobody ever hears of it
                if from_server and self.cut_after is not None:
                    data = data[:max(0, self.cut_after - passed)]
                passed += len(data)
                if self.delay and not from_server:
                    if way is None:
                        way = queue.SimpleQueue()
                        threading.Thread(target=self.carry, args=(way, to), daemon=True).start()
                    way.put((time.monotonic() + self.delay, data))
                    continue
                to.sendall(data)
                if from_server:
                    with self.lock:
                        self.passed += len(data)
                    if self.cut_after is not None and passed >= self.cut_after:
                        break
        except OSError:
            pass
        if way:
            way.put((0, None))
        for s in (source, to):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def drop_all(self):
        """Breaks off every connection there is."""
        with self.lock:
            for s in self.open:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.open.clear()

    def stop(self):
        """What connects from now on is refused; the path stays."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)      # a thread waits in accept()
        except OSError:
            pass
        self.listener.close()
        self.drop_all()
