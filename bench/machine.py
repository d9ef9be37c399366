"""What the machine is like, and what processes have used of it."""
import os
import pathlib
import re
import statistics
import time


def peak(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) * 1024


def processor(pid):
    """Seconds that a process has used, all its threads."""
    return time.clock_gettime((~pid << 3) | 2)


def processor_of_group(group):
    """Seconds that the processes of a group have used, and the children that they have waited for."""
    seconds = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                seconds += processor(int(path.parent.name))
        except OSError:                   # it has ended in the meantime
            continue
        if int(fields[2]) == group:
            seconds += sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")
    return seconds


def file_system(path):
    """The kind of the one that holds the path."""
    best, kind = "", "unknown"
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, point, this = line.split()[:3]
        if os.path.commonpath([point, os.path.realpath(path)]) == point and len(point) >= len(best):
            best, kind = point, this
    return kind


def has_journal():
    """Of ext4, as far as it can be seen."""
    return any(pathlib.Path("/proc/fs/jbd2").glob("*"))


def sync_cost(path):
    """Milliseconds to sync a new file of 6 kB, the median of a hundred."""
    took = []
    for k in range(100):
        with open(path / f"sync-{k}", "wb") as f:
            f.write(bytes(6000))
            f.flush()
            began = time.perf_counter()
            os.fsync(f.fileno())
            took.append((time.perf_counter() - began) * 1000)
        (path / f"sync-{k}").unlink()
    return round(statistics.median(took), 3)


def describe_machine(path):
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    kind = file_system(path)
    if kind == "ext4" and not has_journal():
        kind += ", no journal"
    return {"cpus": os.cpu_count(), "model": cpu.group(1) if cpu else os.uname().machine,
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            "kernel": os.uname().release, "file_system": kind, "sync_ms": sync_cost(path)}
