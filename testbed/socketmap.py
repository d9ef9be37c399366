"""The MTA's side of the socketmap protocol."""
import socket

from .base import family


def netstring(data):
    data = data if isinstance(data, bytes) else data.encode()
    return b"%d:%s," % (len(data), data)


class Socketmap:
    """One connection, for any number of questions."""

    def __init__(self, address, timeout=30):
        self.socket = socket.socket(family(address))
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        """The next answer."""
        digits = b""
        while not digits.endswith(b":"):
            c = self.file.read(1)
            if not c:
                raise ConnectionError("the connection ended")
            digits += c
        data = self.file.read(int(digits[:-1]) + 1)
        assert data.endswith(b","), data
        return data[:-1].decode()

    def ask(self, key, name="transport"):
        self.send(netstring(f"{name} {key}"))
        return self.read()
