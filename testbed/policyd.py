"""Policy servers: Debian's policyd-rate-limit, and one that misbehaves as it is told to."""
import os
import pathlib
import socketserver
import subprocess
import threading

from .base import unpacked, wait_until


class RateLimit:
    """Lets a SASL login, or else a client, through so many times; then it says to defer."""

    def __init__(self, directory, most):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True)
        self.socket = self.dir / "policy"
        self.root = unpacked("policyd")
        (self.dir / "conf.yaml").write_text(f"""\
debug: True
user: root
group: root
pidfile: {self.dir}/pid
backend: 0
sqlite_config: {{ database: {self.dir}/db }}
SOCKET: {self.socket}
socket_permission: 0666
limits: [[{most}, 86400]]
limits_by_id: {{}}
limit_by_sasl: True
limit_by_sender: False
limit_by_ip: True
limited_networks: [ "127.0.0.0/8" ]
success_action: dunno
fail_action: defer_if_permit wait a little
db_error_action: dunno
report: False
delay_to_close: 300
""")

    def start(self):
        packages = self.root / "usr/lib/python3/dist-packages"
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(["/usr/bin/python3", self.root / "usr/bin/policyd-rate-limit", "-f", self.dir / "conf.yaml"],
                                            env=dict(os.environ, PYTHONPATH=str(packages)), stdout=log, stderr=log)
        wait_until(lambda: self.process.poll() is not None or self.socket.exists(), 20, "the policy server")
        if self.process.poll() is not None:
            raise RuntimeError(self.log())

    def log(self):
        return (self.dir / "log").read_text()

    def stop(self):
        self.process.kill()
        self.process.wait()


class Faulty(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """
    Answers each request by `answer(request, count)`: bytes, which may be none at all; after None the connection ends.
    `requests` are dictionaries, `connections` counts.
    """
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, path, answer):
        self.requests, self.connections, self.answer = [], 0, answer

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.server.connections += 1
                lines = []
                for line in self.rfile:
                    if line != b"\n":
                        lines.append(line.decode().rstrip("\n").split("=", 1))
                        continue
                    self.server.requests.append(dict(lines))
                    lines = []
                    said = self.server.answer(self.server.requests[-1], len(self.server.requests))
                    if said is None:
                        return
                    try:
                        self.wfile.write(said)
                    except OSError:
                        return
        super().__init__(str(path), Handler)
        os.chmod(path, 0o666)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()
