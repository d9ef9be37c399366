"""Faults that a machine cannot be told to have: a clock that jumps, a disk that reports errors (testbed/faults.c)."""
import mmap
import struct
import subprocess

from .base import BUILD, ROOT


class Faults:
    """`environment` is for the processes that are to suffer them, which share what is set here."""

    WALL, SYNC, WRITE, COUNT = range(4)

    def __init__(self, path):
        library = BUILD / "testbed/faults.so"
        subprocess.run(["make", "-s", f"BUILD={BUILD.relative_to(ROOT)}", library.relative_to(ROOT)], cwd=ROOT,
                       check=True)
        path.write_bytes(bytes(32))
        path.chmod(0o666)
        with open(path, "r+b") as f:
            self.words = mmap.mmap(f.fileno(), 32)
        self.environment = {"LD_PRELOAD": str(library), "FAULTS": str(path),
                            "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def get(self, which):
        return struct.unpack_from("=q", self.words, which * 8)[0]

    def set(self, which, value):
        struct.pack_into("=q", self.words, which * 8, value)

    def clock(self, hours):
        """The wall clock is so many hours ahead of the real one."""
        self.set(self.WALL, int(hours * 3600000))

    def disk(self, sync=0, write=0):
        """Syncs, and writes to files, end with these errnos."""
        self.set(self.SYNC, sync)
        self.set(self.WRITE, write)

    @property
    def met(self):
        """How many of the disk's faults there were."""
        return self.get(self.COUNT)
