"""A private PostgreSQL: its files lie under one directory, it listens on loopback, and it runs as nobody."""
import os
import pathlib
import pwd
import signal
import subprocess

from .base import free_port, unpacked, wait_until

NOBODY = pwd.getpwnam("nobody")


class Postgresql:
    """Trusts its clients on loopback, but for the user "secret", whose password is "secret"."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.port = free_port()
        self.process = None
        self.bin = unpacked("postgresql") / "usr/lib/postgresql/15/bin"
        self.libraries = ":".join(str(d) for d in (unpacked("postgresql") / "usr/lib").glob("*-linux-gnu*"))

    @property
    def connect(self):
        return f"host=127.0.0.1 port={self.port} dbname=postgres user=rollcall"

    def popen(self, program, *words, **more):
        """It refuses to run as root."""
        return subprocess.Popen([self.bin / program, *map(str, words)], cwd=self.dir, user=NOBODY.pw_uid,
                                group=NOBODY.pw_gid, extra_groups=[], start_new_session=True,
                                env=dict(os.environ, LC_ALL="C.UTF-8", LD_LIBRARY_PATH=self.libraries), **more)

    def run(self, program, *words, given=""):
        p = self.popen(program, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = p.communicate(given.encode())[0]
        if p.returncode != 0:
            raise RuntimeError(said.decode())

    def create(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        os.chown(self.dir, NOBODY.pw_uid, NOBODY.pw_gid)
        self.run("initdb", "-D", self.dir / "data", "-U", "rollcall", "--auth=trust", "--no-sync", "--wal-segsize=1",
                 "--encoding=UTF8")
        hba = self.dir / "data/pg_hba.conf"
        hba.write_text("host all secret 127.0.0.1/32 scram-sha-256\n" + hba.read_text())

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = self.popen("postgres", "-D", self.dir / "data", "-p", self.port, "-k", self.dir, "-F",
                                      "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=4MB",
                                      "-c", "max_connections=20", stdout=log, stderr=log)
        wait_until(lambda: self.process.poll() is not None or self.is_ready(), 30, "postgres")
        if self.process.poll() is not None:
            raise RuntimeError((self.dir / "log").read_text())

    def is_ready(self):
        """It takes connections before it can serve them."""
        return self.popen("pg_isready", "-q", "-d", self.connect).wait() == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)     # does not wait for its clients
            self.process.wait(30)
        self.process = None

    def execute(self, sql):
        self.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.connect, given=sql)
