"""What is measured on: private servers that rows share, made when the first asks, stopped at the end."""
import datetime
import functools
import json
import os
import pathlib
import re
import shutil
import stat
import statistics
import subprocess
import tempfile
import time

from testbed import client, directory, postfix, rollcall, sendmail, slapd
from testbed.base import BUILD, ROOT, can_connect, end_process, free_port, library_path, wait_until

from machine import file_system, peak

DOMAIN, BARE = "lists.example.com", "bare.example.com"
GIVEN = "anna boris clara david elena felix greta henry irene jakob katja linus maria nadia oskar".split()
FAMILY = "adler bauer conrad decker engel fischer graf hofmann ivers jansen keller lorenz maurer".split()
SENDER = "anna.adler.0@example.com"
SIZE = 5000                               # bytes of a message
SINGLE = "single.example"                 # mail for it is delivered to a port that row 17 listens on
PEOPLE = 100000
TENS = 50                                 # lists of ten members

# Everything that comes this way is put on hold: it is queued, and nobody works on it.
HELD = """
held unix n - n - 0 cleanup
  -o { header_checks = regexp:{{/^Subject:/ HOLD}} }
"""

PORT = """
127.0.0.1:{port} inet n - n - - smtpd
"""

MAIN = """
default_transport = discard:
relay_transport = discard:
relay_domains = lists.example.com, bare.example.com
transport_maps = inline:{ lists.example.com=rollcall:unix:rollcall/lmtp.sock, \
bare.example.com=rollcall:unix:rollcall/sink.sock, .rollcall.invalid=rollcall:unix:rollcall/lmtp.sock }
"""


def median(values):
    return statistics.median(values)


def mail_of(i):
    """Addresses look like those of a large company: what it costs to parse them depends on it."""
    return f"{GIVEN[i % len(GIVEN)]}.{FAMILY[i // 7 % len(FAMILY)]}.{i}@example.com"


def members_of(count):
    """Who is in the list of so many: people from all over the directory."""
    return range(0, PEOPLE, PEOPLE // count)


def write_people(path, people, groups):
    """`groups` are (name, numbers of members)."""
    def dn(i):
        return directory.person_dn(f"u{i:07d}")
    with open(path, "w") as out:
        out.write(directory.top())
        for i in range(people):
            mail = mail_of(i)
            out.write(directory.person(f"u{i:07d}", mail, mail.partition("@")[0].replace(".", " ").title()))
        for name, members in groups:
            out.write(directory.group(name, [dn(i) for i in members]))
    return path


class Rollcall(rollcall.Rollcall):
    """As a site would run it: with the log and the times of the defaults."""

    def __init__(self, path, slapd_uri, source_more="", **options):
        sources = f"""
            corp:
              kind: ldap
              uri: [ "{slapd_uri}" ]
              base: {directory.SUFFIX}
              {source_more}
            """
        # Lanes stay open between two measurements, as those of the injector are when its clock starts.
        super().__init__(path, sources, **options,
                         outbound="retry-first: 5s\nretry-most: 15m\nrescan: 5s\nidle: 4m\n")

    def text(self):
        return super().text().replace("  level: debug\n", "")

    def peak(self):
        """Bytes of memory the expander has held at most."""
        return peak(self.expander.pid)


def message_to(to):
    text = "This is a line of a text that nobody is meant to read.\r\n"
    return client.message(sender=SENDER, to=to, body=text * (SIZE // len(text)))


def submit(address, to):
    """One post over LMTP: when it was accepted, in milliseconds since 1970."""
    with client.Client(address, lmtp=True) as c:
        if c.mail(SENDER).code != 250 or c.rcpt(to).code != 250:
            raise RuntimeError(f"{to} was refused")
        (reply,) = c.data(message_to(to))
        now = time.time() * 1000
        if reply.code != 250:
            raise RuntimeError(f"{to}: {reply}")
        return now


def message_in_a_file(to):
    """The same as MTAs give it to programs: as a file, with its reverse-path."""
    return f"Return-Path: <{SENDER}>\n".encode() + message_to(to).replace(b"\r\n", b"\n")


class Tail:
    """The log of the expander from here on."""

    LINE = re.compile(r"(\S+) rollcall-expander\S+ \w+: (\w+) (.*)")

    def __init__(self, rc):
        self.file = open(rc.dir / "log", errors="replace")
        self.file.seek(0, os.SEEK_END)
        self.rest = ""

    def lines(self):
        text = self.rest + self.file.read()
        *whole, self.rest = text.split("\n")
        for line in whole:
            m = self.LINE.match(line)
            if m:
                yield m.group(1), m.group(2), dict(re.findall(r"(\w+)=(\S+)", m.group(3)))

    @staticmethod
    def moment(stamp):
        """Milliseconds since 1970. The log cuts off what is below one; half of that is put back."""
        return datetime.datetime.fromisoformat(stamp).timestamp() * 1000 + 0.5

    def fan_outs(self, count, seconds=120):
        """Waits for so many posts: when the last batch was queued, and the sizes of all by their names."""
        done, last, sizes, end = 0, 0, {}, time.monotonic() + seconds
        while done < count:
            for stamp, event, fields in self.lines():
                if event == "batch":
                    last = max(last, self.moment(stamp))
                    sizes[fields["name"]] = int(fields["recipients"])
                    if fields["sent"] != fields["recipients"]:
                        raise RuntimeError(f"a batch was not taken whole: {fields}")
                elif event == "inject" and fields["state"] == "done":
                    done += 1
            if time.monotonic() > end:
                raise TimeoutError(f"{done} of {count} posts done after {seconds} s")
            time.sleep(0.002)
        return last, sizes


def check_sum(batches, members):
    if sum(batches.values()) != members:
        raise RuntimeError(f"{sum(batches.values())} of {members} were sent to")


class Postfix(postfix.Postfix):
    """With further ports, each an smtpd with options of its own; what is re-injected is held, unless `hold` says no."""

    def __init__(self, path, ports=(), hold=True, **options):
        self.hold = hold
        self.ports = {name: free_port() for name, _ in ports}
        master = HELD
        for name, more in ports:
            master += PORT.format(port=self.ports[name]) + "".join(f"  -o {m}\n" for m in more)
        super().__init__(path, master=master, **options)

    def services(self):
        """What programs bring by sendmail(1) is held as well."""
        text, own, pickup = super().services(), "cleanup_service_name=rollcall-cleanup", "pickup unix n - n 5 1 pickup"
        if self.part and own not in text or pickup not in text:
            raise RuntimeError("master.cf is not what it was: re-injected mail would not be held")
        if not self.hold:
            return text
        held = "cleanup_service_name=held"
        return text.replace(own, held).replace(pickup, f"{pickup}\n  -o {held}")

    def check_held(self):
        """After a fan-out: nobody has been busy with it beside."""
        if self.hold and not any((self.queue / "hold").iterdir()):
            raise RuntimeError("what was re-injected is not held")

    def held(self, known=()):
        """The names of messages on hold that are durable, which the last bit of their mode says; those known left out."""
        with os.scandir(self.queue / "hold") as entries:
            return {e.name for e in entries if e.name not in known and e.stat().st_mode & stat.S_IXUSR}

    def members(self, names):
        """How many people these messages are for, all together."""
        shown = self.run("/usr/sbin/postcat", "-eq", *names, check=True).stdout
        return len(re.findall(r"^recipient: .*@example\.com$", shown, re.M))

    def at(self, name):
        port = {"smtp": self.port, "reinject": self.reinject, **self.ports}[name]
        return f"inet:127.0.0.1:{port}"

    def settle(self):
        """
        Until it has nothing to do. What is held stays: ext4 without a journal makes files slowly for a
        minute after many were removed.
        """
        wait_until(lambda: self.queued() == 0, 60, "an empty queue")
        time.sleep(0.05)


FILTERED = """INPUT_MAIL_FILTER(`null', `S=unix:{sockets}/null.sock, F=T')
"""
PORTS = """DAEMON_OPTIONS(`Name=held-{name}, Addr=127.0.0.1, Port={port}, DeliveryMode=q, InputMailFilters={filter}')
"""


class Sendmail(sendmail.Sendmail):
    """What is re-injected is queued, and nobody works on it; the same on two ports more, one without our filter."""

    def __init__(self, path):
        super().__init__(path)
        self.ports = {"ours-held": free_port(), "null-held": free_port()}
        self.mc = FILTERED.format(sockets=self.sockets)
        for name, mail_filter in (("ours-held", "rollcall"), ("null-held", "null")):
            self.mc += PORTS.format(name=name, port=self.ports[name], filter=mail_filter)
        self.runs = ()                    # nobody comes for the queue

    def text(self):
        return super().text().replace(f"Port={self.reinject}", f"Port={self.reinject}, DeliveryMode=q")

    def at(self, name):
        return f"inet:127.0.0.1:{ {'smtp': self.port, 'reinject': self.reinject, **self.ports}[name] }"

    def check_held(self):
        if not any(self.queue.glob("qf*")):
            raise RuntimeError("what was re-injected is not queued")

    def settle(self):
        """What is queued is of no use to anybody any more."""
        for path in self.queue.glob("[dq]f*"):
            path.unlink(missing_ok=True)
        time.sleep(0.05)


class Preload:
    """Makes every sync of whoever it is loaded into slower, and counts them."""

    def __init__(self, path, name, milliseconds):
        self.library = path / "slow_sync.so"
        if not self.library.exists():     # where Postfix's user can read it
            shutil.copy(BUILD / "bench/slow_sync.so", self.library)
        self.counter = path / name
        self.counter.write_bytes(bytes(8))
        self.counter.chmod(0o666)
        self.environment = {"LD_PRELOAD": str(self.library), "SLOW_SYNC_COUNT": str(self.counter),
                            "SLOW_SYNC_MS": str(milliseconds)}

    @property
    def count(self):
        return int.from_bytes(self.counter.read_bytes(), "little")

    def import_environment(self):
        """The line of main.cf by which Postfix's processes get it."""
        words = "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C " + " ".join(
            f"{k}={v}" for k, v in self.environment.items())
        if library_path():
            words += f" LD_LIBRARY_PATH={library_path()}"
        return f"import_environment = {words}\n"


class Stand:
    def __init__(self, repeats, place=None, long=False):
        self.repeats, self.long = repeats, long
        self.path = self.make_place(place)
        self.open = []                    # what is to be stopped, the last first

    @staticmethod
    def make_place(place):
        """A short-named directory on a real disk that Postfix's user may enter."""
        if place is None:
            place = "/tmp" if file_system("/tmp") != "tmpfs" else ROOT / "build"
        path = pathlib.Path(tempfile.mkdtemp(prefix="rcb", dir=place))
        path.chmod(0o755)
        return path

    def close(self, keep):
        for thing in reversed(self.open):
            try:
                thing.stop()
            except Exception as e:        # the others are to be stopped all the same
                print(f"stopping {thing}: {e}")
        self.open.clear()
        if keep:
            print(f"The files are in {self.path}.")
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    def keep(self, thing):
        self.open.append(thing)
        return thing

    # ---- programs ----

    def run(self, program, *words):
        """One of the programs of this folder; what it prints."""
        got = subprocess.run([BUILD / "bench" / program, *map(str, words)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=600)
        if got.returncode != 0:
            raise RuntimeError(f"{program} {words}: {got.stderr}")
        return json.loads(got.stdout)

    def load(self, *words):
        """mail_load; nothing may be refused."""
        got = self.run("mail_load", "-s", SIZE, "-f", SENDER, *words)
        if got["refused"]:
            raise RuntimeError(f"mail_load {words}: {got}")
        return got

    def spawn(self, program, *words):
        process = subprocess.Popen([BUILD / "bench" / program, *map(str, words)],
                                   stdout=subprocess.PIPE, text=True)
        return self.keep(Child(process))

    def sink(self, *words):
        """A server that takes everything, at the last of the words."""
        child = self.spawn("sink", *words)
        kind, _, where = words[-1].partition(":")
        address = where if kind == "unix" else ("127.0.0.1", int(where.rpartition(":")[2]))
        wait_until(lambda: can_connect(address), what="the sink")
        return child

    def addresses(self, name, addresses):
        path = self.path / f"addresses-{name}"
        if not path.exists():
            path.write_text("".join(f"{a}\n" for a in addresses))
        return path

    # ---- directories ----

    def slapd(self, name, people, groups, **options):
        s = self.keep(slapd.Slapd(self.path / name, **options))
        s.load(write_people(self.path / f"{name}.ldif", people, groups))
        (self.path / f"{name}.ldif").unlink()
        s.start()
        return s

    @functools.cached_property
    def people(self):
        """100,000 people, large lists, and some of ten and of a hundred members."""
        groups = [(f"g{n}", members_of(n)) for n in (1000, 10000, PEOPLE)]
        groups += [(f"ten{k}", range(10 * k, 10 * k + 10)) for k in range(TENS)]
        groups += [(f"hundred{k}", range(100 * k, 100 * k + 100)) for k in range(TENS)]
        return self.slapd("people", PEOPLE, groups)

    def tens(self, domain=DOMAIN):
        return self.addresses(f"tens-{domain}", [f"ten{k}@{domain}" for k in range(TENS)])

    def hundreds(self):
        return self.addresses("hundreds", [f"hundred{k}@{DOMAIN}" for k in range(TENS)])

    def members(self, count):
        return self.addresses(f"members-{count}", map(mail_of, members_of(count)))

    # ---- a site ----

    def set_up(self, name, mta, null=False, preload=None, **options):
        """The two daemons, the milter that does nothing where it is asked for, then the MTA around them."""
        mta.make_directories()
        rc = self.keep(Rollcall(self.path / name, self.people.uri, mta=mta.reinject, **options))
        if preload:
            rc.environment = preload.environment
        rc.start()
        if null:
            socket = options["sockets"] / "null.sock"
            self.spawn("null_milter", f"unix:{socket}")
            wait_until(socket.exists, what="the null milter")
        self.keep(mta).start()
        return rc

    def inside_postfix(self, name, p, **options):
        return self.set_up(name, p, group=p.owner, sockets=p.queue / "rollcall", **options)

    @functools.cached_property
    def postfix(self):
        ports = (("plain", ["smtpd_milters="]),
                 ("plain-held", ["smtpd_milters=", "cleanup_service_name=held"]),
                 ("ours-held", ["cleanup_service_name=held"]),
                 ("null-held", ["smtpd_milters=unix:rollcall/null.sock", "cleanup_service_name=held"]))
        return Postfix(self.path / "pf", ports, main=MAIN)

    @functools.cached_property
    def site(self):
        """The two daemons, Postfix before and behind them, and the milter that does nothing on a port."""
        return self.inside_postfix("rc", self.postfix, null=True)

    @functools.cached_property
    def delivering_site(self):
        """One whose Postfix delivers what comes back, to nowhere, and receipts: rollcall, its syncs, Postfix."""
        ours = Preload(self.path, "syncs-delivering", 0)
        self.single_port = free_port()
        route = f"inline:{{ {SINGLE}=smtp:[127.0.0.1]:{self.single_port} }}"
        p = Postfix(self.path / "dpf", (("plain", ["smtpd_milters="]),), hold=False,
                    main=MAIN.replace("transport_maps = ", f"transport_maps = {route}, "))
        return self.inside_postfix("drc", p, preload=ours), ours, p

    @functools.cached_property
    def sendmail(self):
        return Sendmail(self.path / "sm")

    @functools.cached_property
    def sendmail_site(self):
        """The two daemons with sendmail, and the milter that does nothing."""
        return self.set_up("sm-rc", self.sendmail, null=True, sockets=self.sendmail.sockets,
                           more="networks: [ 127.0.0.1/32 ]")

    def slow_site(self, milliseconds):
        """Another one whose syncs take longer: rollcall, its syncs, Postfix."""
        ours, theirs = (Preload(self.path, f"syncs-{name}", milliseconds) for name in ("rollcall", "postfix"))
        p = Postfix(self.path / "slow-pf", main=MAIN + theirs.import_environment())
        return self.inside_postfix("slow-rc", p, preload=ours), ours, theirs, p

    @functools.cached_property
    def rival(self):
        """Postfix that expands the groups itself: virtual_alias_maps = ldap."""
        cf = self.path / "rival"
        cf.mkdir()
        common = f"""server_host = {self.people.uri}
version = 3
bind = no
search_base = ou=groups,{directory.SUFFIX}
query_filter = (mail=%s)
domain = {DOMAIN}
"""
        (cf / "known.cf").write_text(common + "result_attribute = mail\n")
        (cf / "expand.cf").write_text(common + "result_attribute = mgrpRFC822MailMember\n"
                                      "leaf_result_attribute = mail\nspecial_result_attribute = member\n")
        expanding = f"virtual_alias_maps=ldap:{cf}/expand.cf"
        ports = (("best", ["cleanup_service_name=expanding"]),
                 ("usual", ["cleanup_service_name=expanding", expanding]))
        p = Postfix(self.path / "rpf", ports, part=False, main=f"""
default_transport = discard:
virtual_alias_domains = {DOMAIN}
virtual_alias_maps = ldap:{cf}/known.cf
virtual_alias_expansion_limit = 1000000
""")
        p.more_master += HELD.replace("held", "expanding", 1) + f"  -o {expanding}\n"
        self.keep(p).start()
        return p

    # ---- posts ----

    def submit(self, rc, to):
        """One post straight over LMTP: when it was accepted, in milliseconds since 1970."""
        return submit(rc.lmtp_socket, to)


class Child:
    def __init__(self, process):
        self.process = process

    def stop(self):
        end_process(self.process)

    def answer(self, seconds=120):
        """What it prints before it ends."""
        out, _ = self.process.communicate(timeout=seconds)
        return json.loads(out)
