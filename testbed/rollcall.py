"""Private rollcall daemons: configuration, state, sockets and logs under one directory."""
import json
import os
import pathlib
import re
import signal
import subprocess
import textwrap

from .base import BUILD, ROOT, can_connect, end_process, wait_until


def block(indent, text):
    return textwrap.indent(textwrap.dedent(text).strip(), " " * indent)


# A destination whose lists take posts from whoever is proven, also from people whom the source does not know.
PROVEN = "lists.example.com: { sources: [ corp ], check: [ posters: { allow: [ authenticated, networks ] } ] }"


class Rollcall:
    """
    `sources` and `destinations` are YAML blocks; `more` are further top-level lines. With `socketmap`, lines of
    that block or "", the milter has one.
    """

    def __init__(self, directory, sources, destinations=None, mta=10026, more="", milter="", lmtp="",
                 outbound="", wrap=(), group=None, sockets=None, socketmap=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.sources, self.more = sources, more
        self.destinations = destinations or "lists.example.com: { sources: [ corp ] }"
        self.mta, self.milter_more, self.lmtp_more, self.outbound_more = mta, milter, lmtp, outbound
        self.socketmap_more = socketmap
        self.wrap, self.group = list(wrap), group
        self.sockets = pathlib.Path(sockets or self.dir)
        self.milter = self.expander = None
        self.expander_program = "rollcall-expander"
        # libmilter destroys a mutex at exit that a thread of its own has just used.
        self.environment = {"TSAN_OPTIONS": f"suppressions={ROOT}/testbed/tsan.supp"}

    @property
    def config(self):
        return self.dir / "rollcall.yaml"

    @property
    def milter_socket(self):
        return str(self.sockets / "milter.sock")

    @property
    def map_socket(self):
        return str(self.sockets / "socketmap.sock")

    @property
    def lmtp_socket(self):
        return str(self.sockets / "lmtp.sock")

    def text(self):
        group = f"\n  group: {self.group}" if self.group else ""
        maps = ""
        if self.socketmap_more is not None:
            listen = "" if "listen:" in self.socketmap_more else f"\n  listen: unix:{self.map_socket}"
            maps = f"socketmap:{listen}{group}\n{block(2, self.socketmap_more)}\n"
        lmtp = "" if "listen:" in self.lmtp_more else f"\n  listen: unix:{self.lmtp_socket}"
        quick = {"retry-first": "300ms", "retry-most": "2s", "rescan": "1s", "settle": "1s"}
        outbound = textwrap.dedent(self.outbound_more) + "".join(
            f"\n{k}: {v}" for k, v in quick.items() if k not in self.outbound_more)
        return f"""hostname: mail.example.com
state: {self.dir}/state
log:
  to: file:{self.dir}/log
  level: debug
{textwrap.dedent(self.more).strip()}
milter:
  listen: unix:{self.milter_socket}{group}
{block(2, self.milter_more)}
{maps}lmtp:{lmtp}{group}
{block(2, self.lmtp_more)}
outbound:
  mta: smtp:127.0.0.1:{self.mta}
{block(2, outbound)}
sources:
{block(2, self.sources)}
destinations:
{block(2, self.destinations)}
"""

    def configure(self):
        self.config.write_text(self.text())

    @property
    def log(self):
        path = self.dir / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def log_lines(self, event, **fields):
        """Lines of an event whose fields are these."""
        out = []
        for line in self.log.splitlines():
            m = re.match(rf"\S+ \S+: \w+: {event} (.*)", line)
            if not m:
                continue
            got = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|\S+)', m.group(1))}
            if all(got.get(k) == str(v) for k, v in fields.items()):
                out.append(got)
        return out

    def spawn(self, program, *words):
        return subprocess.Popen([*self.wrap, str(BUILD / program), "-c", str(self.config), *words],
                                stdout=subprocess.DEVNULL, stderr=open(self.dir / "errors", "ab"),
                                env=dict(os.environ, **self.environment), start_new_session=True)

    def start_milter(self):
        self.milter = self.spawn("rollcall-milter")
        self.await_socket(self.milter, self.milter_socket)

    def start_expander(self, *words):
        self.expander = self.spawn(self.expander_program, *words)
        control = str(self.dir / "state/expander.control")
        wait_until(lambda: self.expander.poll() is not None or can_connect(control), what="the expander")
        if self.expander.poll() is not None:
            raise RuntimeError((self.dir / "errors").read_text())

    def await_socket(self, process, path):
        wait_until(lambda: process.poll() is not None or can_connect(path), what=path)
        if process.poll() is not None:
            raise RuntimeError((self.dir / "errors").read_text())

    def start(self):
        self.configure()
        (self.dir / "state").mkdir(exist_ok=True)
        self.start_milter()
        self.start_expander()

    def reload(self):
        """Until the settings, as they are by now, are in force; what rollcallctl says."""
        self.configure()
        return self.ctl("reload", check=0)

    def kill_expander(self):
        self.expander.send_signal(signal.SIGKILL)
        self.expander.wait()
        self.expander = None

    def stop(self):
        for process in (self.milter, self.expander):
            end_process(process)
        self.milter = self.expander = None
        self.check_sanitizers((self.dir / "errors").read_text() if (self.dir / "errors").exists() else "")

    @staticmethod
    def check_sanitizers(text):
        """What a build with sanitizers found, at its end or before; but not races of libmilter with itself."""
        text = "".join(report for report in text.split("==================\n")
                       if "WARNING: ThreadSanitizer" not in report or "(libmilter" not in report or "(rollcall" in report)
        text = re.sub(r"ThreadSanitizer: reported \d+ warnings\n", "", text)
        if re.search(r"Sanitizer|runtime error:", text):
            raise AssertionError(text)

    def ctl(self, *words, check=None, seconds=None):
        got = subprocess.run([str(BUILD / "rollcallctl"), "-c", str(self.config), *words], timeout=seconds,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.check_sanitizers(got.stderr)
        if check is not None and got.returncode != check:
            raise AssertionError(f"rollcallctl {words}: status {got.returncode}: {got.stdout}{got.stderr}")
        return got

    def ctl_json(self, *words):
        return json.loads(self.ctl("--json", *words, check=0).stdout)

    def members(self, address, *words):
        """The addresses, sorted, each once, and all that `members` says."""
        got = self.ctl_json("members", *words, address)
        return sorted({m["address"] for m in got["members"]}), got

    def counts(self):
        return self.ctl_json("queue")["counts"]

    def wait_idle(self, seconds=30):
        """Until nothing is left to do."""
        def idle():
            c = self.counts()
            return c["pending"] + c["outbound"] + c["bounce"] == 0
        wait_until(idle, seconds, "empty queues", every=0.05)


def ldap_settings(settings):
    """Those of a directory, as they stand in a configuration."""
    return "  kind: ldap\n" + "".join(f"  {k.replace('_', '-')}: {v}\n" for k, v in settings.items())


def run_contract(server, **settings):
    """
    The contract of sources, on a directory with the contract's lists; of their posts where they have settings. `lacks` are
    words of contract_ldap.
    """
    lacks = settings.pop("lacks", []) + ([] if "settings:" in settings.get("attributes", "") else ["style"])
    settings = {"uri": f'[ "{server.uri}" ]', "base": "dc=example,dc=com", **settings}
    path = server.dir / "source.yaml"
    path.write_text(ldap_settings(settings))
    subprocess.run(["make", "-s", f"{BUILD.name}/tests/contract_ldap"], cwd=ROOT, check=True)
    got = subprocess.run([BUILD / "tests/contract_ldap", path, *lacks], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    assert got.returncode == 0, got.stdout
