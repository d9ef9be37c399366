"""make install: what a package would hold, and what systemd thinks of the units."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from testbed.base import BUILD, ROOT, library_path, server_path, wait_until

FILES = """
lib/systemd/system/rollcall-expander.service lib/systemd/system/rollcall-milter.service
lib/sysusers.d/rollcall.conf lib/tmpfiles.d/rollcall.conf
sbin/rollcall-expander sbin/rollcall-milter sbin/rollcall-postfix sbin/rollcall-recall sbin/rollcallctl
share/doc/rollcall/LICENSE share/doc/rollcall/NEWS share/doc/rollcall/README.md
share/doc/rollcall/examples/file.yaml share/doc/rollcall/examples/lists.json
share/doc/rollcall/examples/posix.yaml
share/doc/rollcall/examples/rollcall.yaml share/doc/rollcall/examples/runner.py
share/doc/rollcall/examples/unsubscribe.cgi share/doc/rollcall/postfix/README.md
share/man/man5/rollcall.yaml.5 share/man/man7/rollcall-policies.7 share/man/man8/rollcall-expander.8 share/man/man8/rollcall-milter.8
share/man/man8/rollcall-postfix.8 share/man/man8/rollcallctl.8
share/rollcall/main.cf.part share/rollcall/master.cf.part share/rollcall/reading.sh
share/rollcall/sendmail-cf/README.md share/rollcall/sendmail-cf/example.mc
share/rollcall/sendmail-cf/feature/rollcall.m4 share/rollcall/sendmail-cf/mailer/rollcall.m4
""".split() + [f"share/doc/rollcall/docs/{p.name}" for p in (ROOT / "docs").glob("*.md")]
UNITS = ["rollcall-milter.service", "rollcall-expander.service"]


def install(destination, prefix="/usr", **variables):
    words = [f"{k}={v}" for k, v in dict(variables, DESTDIR=destination, PREFIX=prefix).items()]
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={BUILD.relative_to(ROOT)}", "install", *words], check=True,
                   stdout=subprocess.PIPE, umask=0o077)
    return pathlib.Path(f"{destination}{prefix}")


def tree(top):
    return {str(p.relative_to(top)): p for p in sorted(top.rglob("*")) if p.is_file()}


@pytest.fixture
def installed(place):
    return install(place / "package")


def needs(program):
    if shutil.which(program) is None:
        pytest.skip(f"this machine has no {program}")


def test_the_files(installed, place):
    assert sorted(tree(installed)) == sorted(FILES)
    assert [p.name for p in (place / "package").iterdir()] == ["usr"]
    for name, path in tree(installed).items():
        assert path.stat().st_mode & 0o7777 == (0o755 if name.startswith("sbin/") else 0o644), name


def test_programs_are_what_was_built(installed):
    """Not stripped: that is the packager's business."""
    for name in ("rollcall-milter", "rollcall-expander", "rollcallctl"):
        assert (installed / "sbin" / name).read_bytes() == (BUILD / name).read_bytes()


def test_the_same_again(installed, place):
    again = install(place / "again")
    assert {n: p.read_bytes() for n, p in tree(installed).items()} == \
        {n: p.read_bytes() for n, p in tree(again).items()}


def test_nothing_says_where_it_was_made(installed, place):
    for name, path in tree(installed).items():
        data = path.read_bytes()
        assert str(place).encode() not in data and str(ROOT).encode() not in data, name
        assert not re.search(rb"@[A-Z]+DIR@", data), name


def test_places_are_written_in(place):
    top = install(place / "package", prefix="/opt/rollcall", SYSCONFDIR="/etc/opt")
    for unit in UNITS:
        text = (top / "lib/systemd/system" / unit).read_text()
        assert f"ExecStart=/opt/rollcall/sbin/{unit[:-8]} -c /etc/opt/rollcall/rollcall.yaml\n" in text
    assert "d /etc/opt/rollcall 0750 root rollcall -" in (top / "lib/tmpfiles.d/rollcall.conf").read_text()
    assert "\nparts=/opt/rollcall/share/rollcall\n" in (top / "sbin/rollcall-postfix").read_text()


def test_the_installed_script_finds_its_parts(place):
    top = install("", prefix=str(place / "usr"))
    etc = place / "etc"
    etc.mkdir()
    (etc / "main.cf").write_text(f"queue_directory = {place}\nmail_owner = nobody\n")
    shutil.copy(server_path("/usr/share/postfix/master.cf.dist"), etc / "master.cf")
    env = {"PATH": f"{server_path('/usr/sbin')}:/usr/bin:/bin", "LD_LIBRARY_PATH": library_path()}
    words = ["show", "-c", etc, "-u", "nobody", "lists.example.com"]
    got = subprocess.run([top / "sbin/rollcall-postfix", *words], env=env, check=True, stdout=subprocess.PIPE,
                         text=True)
    assert "smtpd_milters = { unix:rollcall/milter.sock, default_action=tempfail, connect_timeout=10s }" in got.stdout


def test_manuals_have_no_mistakes(installed):
    needs("man")
    for path in (installed / "share/man").rglob("*.?"):
        got = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", path], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=dict(os.environ, MANWIDTH="80"))
        assert (got.returncode, got.stderr) == (0, ""), path


# ---- the units ----

def test_systemd_takes_the_units(place):
    needs("systemd-analyze")
    top = install("", prefix=str(place / "usr"))
    units = [top / "lib/systemd/system" / u for u in UNITS]
    got = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    said = [line for line in got.stdout.splitlines() if "rollcall" in line]
    assert (got.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_are_hardened(installed, unit):
    """Of ten points of exposure systemd calls up to two OK."""
    needs("systemd-analyze")
    got = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                          installed / "lib/systemd/system" / unit], stdout=subprocess.PIPE, text=True)
    level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", got.stdout).group(1))
    print(unit, level)
    assert level < 2


def test_the_user_and_the_directories(place):
    """systemd-sysusers and systemd-tmpfiles make them, below a directory of ours."""
    needs("systemd-sysusers")
    needs("systemd-tmpfiles")
    install(place)
    (place / "etc").mkdir()
    (place / "etc/group").write_text("postfix:x:4711:\n")
    for program, folder in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
        words = ["--create"] if "tmpfiles" in program else []
        got = subprocess.run([program, f"--root={place}", *words, "rollcall.conf"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert got.returncode == 0, got.stdout
    (user,) = re.findall(r"(?m)^rollcall:x:(\d+):(\d+):rollcall mailing lists:/var/lib/rollcall:(\S*)$",
                         (place / "etc/passwd").read_text())
    assert "nologin" in user[2]
    sockets, config = (place / "var/spool/postfix/rollcall").stat(), (place / "etc/rollcall").stat()
    assert (sockets.st_uid, sockets.st_gid, sockets.st_mode & 0o777) == (int(user[0]), 4711, 0o750)
    assert (config.st_uid, config.st_gid, config.st_mode & 0o777) == (0, int(user[1]), 0o750)


def allowed(unit):
    """The names of the system calls that a unit lets through."""
    def names(group):
        text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", group], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        out = set()
        for word in re.findall(r"(?m)^    (\S+)", text):
            out |= names(word) if word.startswith("@") else {word}
        return out

    got = set()
    for line in re.findall(r"(?m)^SystemCallFilter=(.*)$", unit.read_text()):
        for word in line.strip("~").split():
            got = got - names(word) if line.startswith("~") else got | names(word)
    return got


def test_the_daemons_need_no_more_than_the_units_allow(make_site, installed):
    """Every system call of theirs, from the start over a post and a reload to the end, without privileges."""
    needs("systemd-analyze")
    needs("strace")
    if b"__tsan_init" in (BUILD / "rollcall-milter").read_bytes() + (BUILD / "rollcall-expander").read_bytes():
        pytest.skip("the thread sanitizer has system calls of its own")
    site = make_site(mta="sink", start=False)
    state, trace = site.rollcall.dir / "state", site.path / "trace"
    for path in (state, trace):
        path.mkdir(mode=0o700)
        shutil.chown(path, "nobody", "nogroup")
    site.rollcall.dir.chmod(0o777)
    site.rollcall.wrap = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs",
                          "--bounding-set=-all", "strace", "-D", "-ff", "-qq", "-o", str(trace / "of")]
    site.rollcall.environment = {"ASAN_OPTIONS": "detect_leaks=0"}    # which cannot be done below strace
    site.start()
    site.submit()
    assert len(site.wait_for(4)) == 4
    site.rollcall.ctl("reload", check=0)
    site.rollcall.wait_idle()
    site.rollcall.stop()
    # What is traced is the child, and not strace, which ends after it and would leave it alone.
    wait_until(lambda: subprocess.run(["pgrep", "-f", str(trace)], stdout=subprocess.DEVNULL).returncode == 1,
               what="the end of strace")
    used = {name for path in trace.iterdir()
            for name in re.findall(r"(?m)^(\w+)\(", path.read_text(errors="replace"))}
    assert {"accept4", "fsync", "renameat2", "setrlimit"} & used
    missing = used - allowed(installed / "lib/systemd/system/rollcall-expander.service") - {"execve"}
    # Refused with EPERM, which does no harm: LimitNOFILE= has done it.
    assert missing <= {"setrlimit", "prlimit64"}, missing
