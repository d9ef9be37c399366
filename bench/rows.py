"""The rows: each measures something and what it is compared with, by turns, and gives the medians."""
import functools
import operator
import pathlib
import re
import selectors
import signal
import subprocess
import sys
import time

from testbed import client, directory, milter, proxy
from testbed.base import ROOT, as_they_answer, can_connect, end_process, free_port, wait_until

import directories
import peers
import polite
from machine import peak
from stand import (BARE, DOMAIN, PEOPLE, SENDER, SIZE, TENS, Rollcall, Tail, check_sum, mail_of, median,
                   members_of)


WARM = 3                                  # posts that do not count
FAN_OUT = "LMTP's 250 to the last recipient queued"
CONNECT = "connect to the last recipient queued"
LATENCY = "10 members, DATA's 250 to the re-injected 250"
STEADY = "posts to 10-member lists, steady"
RCPT = "list known and cached; a milter that does nothing"
OTHERS = "mail without list recipients"


class Bound:
    """A target: of the ratio, or of the value itself."""

    def __init__(self, sign, limit, of="ratio", text=None):
        self.sign, self.limit, self.of, self.text = sign, limit, of, text

    def met(self, value, ratio):
        measured = ratio if self.of == "ratio" else value
        return measured <= self.limit if self.sign == "≤" else measured >= self.limit

    def words(self, unit):
        return self.text or f"{self.sign} {self.limit:g} {'×' if self.of == 'ratio' else unit}"


def most(first, then=None, of="ratio"):
    return Bound("≤", first, of), then and Bound("≤", then, of)


def least(first, then):
    return Bound("≥", first), Bound("≥", then)


def row(number, name, value, unit, reference, bounds):
    """
    One object of the results. `bounds` are those of the columns first and then; None: nothing is asked. Value and
    reference are numbers, or what by_turns() gave: then the ratio is the median of those of two runs side by side.
    """
    if isinstance(value, list):
        ratio = median(map(operator.truediv, value, reference))
        value, reference = median(value), median(reference)
    else:
        ratio = None if reference is None else value / reference
    words = [b and b.words(unit) for b in bounds]
    met = [b and b.met(value, ratio) for b in bounds]

    def short(x):
        return None if x is None else float(f"{x:.4g}") if abs(x) < 1000 else round(x)
    return {"row": number, "name": name, "value": short(value), "unit": unit, "reference": short(reference),
            "ratio": short(ratio), "target": dict(zip(("first", "then"), words)),
            "met": dict(zip(("first", "then"), met))}


def by_turns(repeats, *measures, warm=1):
    """Runs each so often, in alternating order, after one run that does not count. The results of each."""
    for m in measures * warm:
        m()
    got = [[] for _ in measures]
    for k in range(repeats):
        order = range(len(measures))
        for i in order if k % 2 == 0 else reversed(order):
            got[i].append(measures[i]())
    return got


def fewer(stand):
    """Repeats of what takes long."""
    return max(1, stand.repeats // 2 + 1)


# ---- fan-out ----

def fan_out(stand, rc, p, members, repeats):
    """LMTP's 250 to the last recipient queued, and reading the addresses and injecting the batches."""
    sizes = stand.path / "sizes"

    def ours():
        p.settle()
        tail = Tail(rc)
        began = stand.submit(rc, f"g{members}@{DOMAIN}")
        end, batches = tail.fan_outs(1)
        check_sum(batches, members)
        p.check_held()
        in_order = sorted(batches, key=lambda name: int(name.rpartition(".")[2]))
        sizes.write_text("".join(f"{batches[name]}\n" for name in in_order))
        return end - began

    def limit():
        p.settle()
        read = stand.run("ldap_reader", stand.people.uri, directory.group_dn(f"g{members}"),
                         f"ou=people,{directory.SUFFIX}", "deref", 1)
        put = stand.load("-n", 4, "-b", sizes, p.at("reinject"), stand.members(members))
        return read["ms"][0] + put["ms"]

    return by_turns(repeats, ours, limit)


def row_1(stand):
    value, reference = fan_out(stand, stand.site, stand.postfix, 10000, stand.repeats)
    yield row(1, f"10,000 members, {FAN_OUT}; read and inject", value, "ms", reference, most(1.5, 1.1))


def row_2(stand):
    """The limit is without pace, and so is what is held to it."""
    for flag, words, bounds in ("no", " with adapt: no", most(1.5, 1.1)), ("yes", "", (None, None)):
        adapt(stand.site, flag)
        value, reference = fan_out(stand, stand.site, stand.postfix, PEOPLE, stand.repeats)
        yield row(2, f"{PEOPLE:,} members, {FAN_OUT}{words}; read and inject", value, "ms", reference, bounds)


def to_list(stand, members):
    return stand.addresses(f"g{members}", [f"g{members}@{DOMAIN}"])


def connect_to_queued(stand, rc, p, members):
    """A function that gives the time from the client's connect to the last recipient queued."""
    def ours():
        p.settle()
        tail = Tail(rc)
        posted = stand.load("-c", p.at("smtp"), to_list(stand, members))
        end, _ = tail.fan_outs(1)
        p.check_held()
        return end - posted["begin"] / 1000
    return ours


def through_postfix(stand, members):
    """Functions of that kind: ours, the rival's two."""
    rival, to = stand.rival, to_list(stand, members)
    ours = connect_to_queued(stand, stand.site, stand.postfix, members)

    def at(port):
        def expand():
            rival.settle()
            return stand.load("-c", rival.at(port), to)["ms"]
        return expand
    return ours, at("best"), at("usual")


def row_3(stand):
    ours, best, _ = through_postfix(stand, 1000)
    value, reference = by_turns(stand.repeats * 2, ours, best)
    yield row(3, f"1,000 members, {CONNECT}; Postfix ldap: at its best", value,
              "ms", reference, most(1.5, 1.2))


def row_4(stand):
    value, best, usual = by_turns(stand.repeats, *through_postfix(stand, 10000))
    name = f"10,000 members, {CONNECT}; Postfix ldap: "
    yield row(4, name + "at its best", value, "ms", best, most(0.55, 0.40))
    yield row(4, name + "as usually set up", value, "ms", usual, most(0.40, 0.28))


# ---- small lists ----

def latency(stand, rc, p, posts):
    """The client's 250 to the re-injected 250, of posts that come one by one; all of them, after a few."""
    took = []
    for k in range(posts + WARM):
        to = stand.addresses(f"ten{k % TENS}", [f"ten{k % TENS}@{DOMAIN}"])
        tail = Tail(rc)
        posted = stand.load(p.at("smtp"), to)
        end, _ = tail.fan_outs(1)
        took.append(end - posted["end"] / 1000)
        p.settle()
    return took[WARM:]


def row_5(stand):
    posts = 6 * stand.repeats
    ms = median(latency(stand, stand.site, stand.postfix, posts))
    yield row(5, LATENCY, ms, "ms", None, most(25, 8, of="value"))
    rc, ours, theirs, p = stand.slow_site(3)
    before = ours.count
    ms = median(latency(stand, rc, p, posts))
    rc.wait_idle()
    if theirs.count == 0:
        raise RuntimeError("Postfix's syncs were not slowed down")
    yield row(5, "the same, every sync 3 ms longer", ms, "ms", None, most(25, of="value"))
    syncs = (ours.count - before) / (posts + WARM)
    yield row(5, "syncs of rollcall for one post, from LMTP's dot to done", syncs, "syncs", None,
              (None, Bound("≤", 7, "value")))


POSTS, SESSIONS = 1000, 8


def steady(stand, rc, p):
    """A function that gives posts a second."""
    def ours():
        p.settle()
        tail = Tail(rc)
        posted = stand.load("-n", SESSIONS, "-m", POSTS, p.at("smtp"), stand.tens())
        end, _ = tail.fan_outs(POSTS)
        return POSTS / (end - posted["begin"] / 1000) * 1000
    return ours


def row_6(stand):
    p = stand.postfix

    def bare():
        p.settle()
        sink = stand.sink("-c", POSTS, f"unix:{p.queue}/rollcall/sink.sock")
        put = stand.spawn("mail_load", "-n", 4, "-m", POSTS, "-r", 10, "-s", SIZE, "-f", SENDER,
                          p.at("reinject"), stand.members(10000))
        posted = stand.load("-n", SESSIONS, "-m", POSTS, p.at("plain"), stand.tens(BARE))
        end = max(sink.answer()["end"], put.answer()["end"])
        return POSTS / (end - posted["begin"]) * 1e6

    ours = steady(stand, stand.site, p)
    value, reference = by_turns(fewer(stand), ours, bare)
    yield row(6, f"{STEADY}; bare Postfix in, LMTP to a sink, batch", value, "posts/s",
              reference, least(0.5, 0.75))
    yield from row_6_receipts(stand)


def set_proof(rc, proof):
    """Whether posts ask for receipts, from now on."""
    rc.destinations = f"{DOMAIN}: {{ sources: [ corp ], proof: {proof} }}"
    rc.reload()


def delivered(stand, posts, to, proof):
    """A function that gives posts a second, until Postfix has delivered what comes back, to nowhere."""
    rc, _, p = stand.delivering_site

    def measure():
        set_proof(rc, proof)
        p.settle()
        tail = Tail(rc)
        posted = stand.load("-n", 8, "-m", posts, p.at("smtp"), to)
        tail.fan_outs(posts)
        wait_until(lambda: p.queued() == 0, 60, "an empty queue", every=0.002)
        return posts / (time.time() - posted["begin"] / 1e6)
    return measure


def row_6_receipts(stand):
    _, _, p = stand.delivering_site
    posts = 500

    def bare():
        p.settle()
        sink = stand.sink("-c", posts, f"unix:{p.queue}/rollcall/sink.sock")
        put = stand.spawn("mail_load", "-n", 4, "-m", posts, "-r", 10, "-s", SIZE, "-f", SENDER,
                          p.at("reinject"), stand.members(10000))
        posted = stand.load("-n", 8, "-m", posts, p.at("plain"), stand.tens(BARE))
        sink.answer(), put.answer()
        wait_until(lambda: p.queued() == 0, 60, "an empty queue", every=0.002)
        return posts / (time.time() - posted["begin"] / 1e6)

    with_them, without = (delivered(stand, posts, stand.tens(), proof) for proof in ("always", "never"))
    proven, plain, reference = by_turns(stand.repeats, with_them, without, bare)
    name = "posts to 10-member lists, delivered to nowhere, with receipts"
    yield row(6, f"{name}; bare Postfix", proven, "posts/s", reference, (None, Bound("≥", 0.6)))
    yield row(6, f"{name}; without", proven, "posts/s", plain, (None, None))
    with_them, without = (delivered(stand, posts // 4, stand.hundreds(), proof) for proof in ("always", "never"))
    proven, plain = by_turns(stand.repeats, with_them, without)
    yield row(6, f"{name.replace('10-', '100-')}; without", proven, "posts/s", plain, (None, None))


def row_7(stand):
    members = 10000
    for technique in ("deref", "or", "base"):
        rc = Rollcall(stand.path / f"read-{technique}", stand.people.uri, f"technique: {technique}")
        rc.configure()

        def ours():
            return median(stand.run("source_reader", rc.config, f"g{members}@{DOMAIN}", 3)["ms"])

        def bare():
            got = stand.run("ldap_reader", stand.people.uri, directory.group_dn(f"g{members}"),
                            f"ou=people,{directory.SUFFIX}", technique, 3)
            if got["addresses"] != members:
                raise RuntimeError(f"ldap_reader {technique}: {got['addresses']} addresses")
            return median(got["ms"])

        value, reference = (members / median(ms) * 1000 for ms in by_turns(stand.repeats, ours, bare))
        yield row(7, f"LDAP read, {technique}, 10,000 members; bare reader", value, "members/s",
                  reference, least(0.7, 0.9))


# ---- taking posts in ----

def row_8(stand):
    p = stand.postfix
    _ = stand.site                        # for Postfix to run
    rc = stand.keep(Rollcall(stand.path / "intake", stand.people.uri))
    rc.configure()
    (rc.dir / "state").mkdir()
    rc.start_expander("--queues", "inbound")

    for sessions, posts, bounds in ((1, 400, least(0.5, 0.7)), (4, 1200, least(0.5, 0.9)),
                                    (16, 2000, least(0.5, 1.0))):
        def lmtp():
            got = stand.load("-l", "-n", sessions, "-m", posts, f"unix:{rc.lmtp_socket}", stand.tens())
            return posts / got["ms"] * 1000

        def smtp():
            p.settle()
            got = stand.load("-n", sessions, "-m", posts, p.at("plain-held"), stand.tens())
            return posts / got["ms"] * 1000

        value, reference = by_turns(stand.repeats, lmtp, smtp)
        yield row(8, f"posts accepted by LMTP, durable, {sessions} session{'s' if sessions > 1 else ''}; "
                  "Postfix's smtpd", value, "posts/s", reference, bounds)
    rc.stop()


def against_null_milter(stand, p, *words):
    """Milliseconds with our milter and with the one that does nothing."""
    def at(port):
        def measure():
            p.settle()
            return stand.load(*words[:-1], p.at(port), words[-1])["ms"]
        return measure
    return by_turns(stand.repeats, at("ours-held"), at("null-held"))


def rcpt(stand, p):
    """Microseconds for a recipient that is a list, with either."""
    rounds, each = 10, 1000
    ms = against_null_milter(stand, p, "-x", "-m", rounds, "-r", each, stand.tens())
    return ([t * 1000 / rounds / each for t in runs] for runs in ms)


def others(stand, p):
    """Milliseconds for a mail to somebody else, with either."""
    mails = 500
    to = stand.addresses("others", [f"anna.adler.{i}@elsewhere.example" for i in range(mails)])
    return ([ms / mails for ms in runs] for runs in against_null_milter(stand, p, "-m", mails, to))


def row_9(stand):
    _ = stand.site                        # for Postfix to run
    value, reference = rcpt(stand, stand.postfix)
    yield row(9, f"RCPT through Postfix, {RCPT}", value, "µs", reference, most(1.3, 1.1))


def row_12(stand):
    _ = stand.site
    value, reference = others(stand, stand.postfix)
    yield row(12, f"{OTHERS} through Postfix; a milter that does nothing", value, "ms", reference, most(1.3, 1.05))


def row_23(stand):
    """What is done with Postfix above, with sendmail. Nothing is asked of it."""
    rc, p = stand.sendmail_site, stand.sendmail

    def through_sendmail(name, value, unit, reference=None):
        return row(23, f"sendmail: {name}", value, unit, reference, (None, None))

    for members, repeats in ((10000, stand.repeats), (PEOPLE, fewer(stand))):
        value, reference = fan_out(stand, rc, p, members, repeats)
        yield through_sendmail(f"{members:,} members, {FAN_OUT}; read and inject", value, "ms", reference)
    for members in (1000, 10000):
        (value,) = map(median, by_turns(stand.repeats, connect_to_queued(stand, rc, p, members)))
        yield through_sendmail(f"{members:,} members, {CONNECT}", value, "ms")
    yield through_sendmail(LATENCY, median(latency(stand, rc, p, 6 * stand.repeats)), "ms")
    (value,) = map(median, by_turns(fewer(stand), steady(stand, rc, p)))
    yield through_sendmail(STEADY, value, "posts/s")
    value, reference = rcpt(stand, p)
    yield through_sendmail(f"RCPT, {RCPT}", value, "µs", reference)
    value, reference = others(stand, p)
    yield through_sendmail(f"{OTHERS}; a milter that does nothing", value, "ms", reference)


# ---- memory and start ----

def expander_peak(stand, source, members, seconds):
    port = free_port()
    sink = stand.sink(f"inet:127.0.0.1:{port}")
    rc = stand.keep(Rollcall(stand.path / f"memory-{members}", source.uri, mta=port))
    rc.configure()
    (rc.dir / "state").mkdir()
    rc.start_expander()
    tail = Tail(rc)
    stand.submit(rc, f"g{members}@{DOMAIN}")
    _, batches = tail.fan_outs(1, seconds)
    check_sum(batches, members)
    held = rc.peak()
    rc.stop()
    sink.stop()
    return held / 1e6


def row_14(stand):
    for members in (10000, PEOPLE, 1000000):
        source = stand.people
        if members > PEOPLE:
            source = stand.slapd("million", members, [(f"g{members}", range(members))], maxsize=8 << 30)
        mb = expander_peak(stand, source, members, 300)
        bounds = [Bound("≤", base + each * members / 1e6, "value", f"≤ {base} MB + {each} B a member")
                  for base, each in ((32, 200), (24, 100))]
        yield row(14, f"peak memory of the expander, {members:,} members", mb, "MB", None, bounds)
        if members > PEOPLE:
            source.stop()


def start_milter(rc):
    """How long until it answers, and what it holds then."""
    began = time.perf_counter()
    rc.milter = rc.spawn("rollcall-milter")
    wait_until(lambda: can_connect(rc.milter_socket), what="the milter", every=0.0005)
    m = milter.Milter(rc.milter_socket)
    took = (time.perf_counter() - began) * 1000
    m.connect()
    m.mail(SENDER)
    if m.rcpt(f"l1@{DOMAIN}")[0] != b"c":
        raise RuntimeError("the milter does not know the list")
    m.close()
    held = peak(rc.milter.pid)
    end_process(rc.milter)
    return took, held / 1e6


def start_expander(rc):
    began = time.perf_counter()
    rc.expander = rc.spawn("rollcall-expander")
    wait_until(lambda: can_connect(rc.lmtp_socket), what="the expander", every=0.0005)
    with client.Client(rc.lmtp_socket, lmtp=True) as c:
        took = (time.perf_counter() - began) * 1000
        c.mail(SENDER)
        if c.rcpt(f"l1@{DOMAIN}").code != 250:
            raise RuntimeError("the expander does not know the list")
    held = rc.peak()
    end_process(rc.expander)
    return took, held / 1e6


def row_15(stand):
    sites = []
    for lists in (12, 12000, 1000000):
        groups = [(f"l{k}", [k % 1000, (k * 7 + 1) % 1000]) for k in range(lists)]
        source = stand.slapd(f"lists-{lists}", 1000, groups, maxsize=8 << 30)
        rc = Rollcall(stand.path / f"start-{lists}", source.uri)
        rc.configure()
        (rc.dir / "state").mkdir()
        sites.append(stand.keep(rc))
    equal = Bound("≤", 1.1, text="equal (≤ 1.1 ×)")
    for program, start in (("milter", start_milter), ("expander", start_expander)):
        few, *more = by_turns(2 * stand.repeats, *(functools.partial(start, rc) for rc in sites))
        for lists, many in zip(("12,000", "1,000,000"), more):
            for at, what, unit in ((0, "start", "ms"), (1, "memory", "MB")):
                value, reference = (median(got[at] for got in all_of) for all_of in (many, few))
                yield row(15, f"{what} of the {program}, {lists} lists; 12 lists", value, unit, reference,
                          (equal, equal))


# ---- other mail meanwhile ----

def adapt(rc, flag):
    """Whether long fan-outs look at how the MTA fares, from now on."""
    rc.outbound_more = re.sub(r"adapt: \w+\n", "", rc.outbound_more) + f"adapt: {flag}\n"
    rc.reload()


def row_17(stand):
    rc, _, p = stand.delivering_site
    singles = stand.keep(polite.Singles(p, stand.single_port))
    polite.idle(singles, 20)
    quiet, got = polite.idle(singles, 200), {}
    for _ in range(fewer(stand)):
        for flag in ("no", "yes"):
            adapt(rc, flag)
            got.setdefault(flag, []).append(polite.beside(polite.fan_out(stand, rc), p, singles))
        got.setdefault("bare", []).append(polite.beside(polite.bare(stand, p), p, singles))
    took = {how: median(ms for _, _, ms in runs) for how, runs in got.items()}
    meanwhile = {"yes": f"a fan-out to {PEOPLE:,}", "no": f"a fan-out to {PEOPLE:,} with adapt: no",
                 "bare": f"bare injecting, {polite.BATCH} at a time"}
    for at, words in ((1, "through the MTA"), (0, "to its 250")):
        before = polite.p95(quiet[at])
        for how, what in meanwhile.items():
            ms = polite.p95([m for run in got[how] for m in run[at]])
            yield row(17, f"p95 of a single mail {words} during {what}; while idle", ms, "ms", before,
                      (None, Bound("≤", 2)) if how == "yes" and at == 1 else (None, None))
    for how, bound in (("yes", Bound("≤", 1.5)), ("bare", None)):
        yield row(17, f"{meanwhile[how]}; with adapt: no", took[how], "ms", took["no"], (None, bound))


# ---- reverse-paths of members ----

def with_verp(stand, members, verp, xverp):
    """A function that gives the time from LMTP's 250 to the last recipient queued."""
    rc, p = stand.site, stand.postfix
    destinations, outbound = rc.destinations, rc.outbound_more

    def measure():
        rc.destinations = f"{DOMAIN}: {{ sources: [ corp ], posts: {{ verp: {verp} }} }}"
        rc.outbound_more = f"{outbound}xverp: {xverp}\n"
        rc.reload()
        rc.destinations, rc.outbound_more = destinations, outbound
        p.settle()
        tail = Tail(rc)
        began = stand.submit(rc, f"g{members}@{DOMAIN}")
        end, batches = tail.fan_outs(1)
        check_sum(batches, members)
        if len(batches) > members / 100 and xverp == "yes":
            raise RuntimeError(f"{len(batches)} batches: the MTA has no XVERP")
        return end - began
    return measure


def row_16(stand):
    value, reference = by_turns(2 * stand.repeats, with_verp(stand, 10000, "always", "yes"),
                                with_verp(stand, 10000, "never", "yes"))
    yield row(16, f"VERP by XVERP, 10,000 members, {FAN_OUT}; without VERP", value, "ms", reference, (None, most(1.2)[0]))
    value, reference = by_turns(fewer(stand), with_verp(stand, 1000, "always", "no"),
                                with_verp(stand, 1000, "never", "no"))
    yield row(16, f"VERP by tokens, 1,000 members, {FAN_OUT}; without VERP", value, "ms", reference, (None, None))
    stand.site.reload()


# ---- syncs and crashes ----

def submit_and_wait(stand, rc, p):
    tail = Tail(rc)
    stand.submit(rc, f"g10000@{DOMAIN}")
    tail.fan_outs(1)
    p.settle()


def system_calls(pid, summary, what):
    """How many a process makes meanwhile."""
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-c", "-o", summary, "-p", str(pid)])
    try:
        wait_until(lambda: "TracerPid:\t0" not in pathlib.Path(f"/proc/{pid}/status").read_text(), 10, "strace")
        what()
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
    return int(re.search(r"^100\.00 +\S+ +\d+ +(\d+) .*total$", summary.read_text(), re.M)[1])


def row_18(stand):
    rc, ours, p = stand.delivering_site
    posts = 10 * stand.repeats
    rc.kill_expander()
    rc.start_expander("--queues", "inbound")
    before = ours.count
    for k in range(posts):
        stand.submit(rc, f"ten{k % TENS}@{DOMAIN}")
    yield row(18, "syncs of rollcall for a post that LMTP accepts", (ours.count - before) / posts, "syncs", None,
              (None, Bound("≤", 4, "value")))
    rc.kill_expander()
    rc.start_expander()
    rc.wait_idle(60)
    for proof, words in (("always", "with receipts"), ("never", "without")):
        set_proof(rc, proof)
        p.settle()
        before = ours.count
        submit_and_wait(stand, rc, p)
        yield row(18, f"syncs of rollcall for 1,000 of 10,000 recipients, {words}", (ours.count - before) / 10, "syncs",
                  None, (None, Bound("≤", 2, "value")))
        calls = system_calls(rc.expander.pid, stand.path / "calls", lambda: submit_and_wait(stand, rc, p))
        yield row(18, f"system calls of the expander for 1,000 of 10,000 recipients, {words}", calls / 10, "calls", None,
                  (None, None))


def row_20(stand):
    """`make crash` has more kinds, and both MTAs."""
    sys.path.insert(0, str(ROOT / "tests/crash"))
    import crash
    runs = 4 * stand.repeats
    (got,) = crash.with_stand("postfix", 20000, None, ["expander"], runs, lambda line: None)
    zero = (None, Bound("≤", 0, "value"))
    for key, words in (("lost", "left out"), ("doubled", "copies too many")):
        yield row(20, f"expander killed at random in {runs} posts to 20,000: {words}", got[key], "recipients", None,
                  zero)


# ---- other list managers ----

def row_19(stand):
    yield from peers.row_19(stand, row, by_turns, fewer, Bound)


# ---- the burst ----

def answers_of(sessions, began):
    """What each session hears next, and after how many milliseconds."""
    return [(s.read()[0], (time.perf_counter() - began) * 1000) for s in as_they_answer(sessions)]


def waiting_checks(rc, count):
    """So many recipients at once, each checked by ten checks: the slowest, of several times in one session each."""
    sessions = [milter.Milter(rc.milter_socket) for _ in range(count)]
    slowest = []
    for _ in range(10):
        for s in sessions:
            s.connect()
            s.mail(SENDER)
        began = time.perf_counter()
        for s in sessions:
            s.send(b"R", f"<ten0@{DOMAIN}>\0".encode())
        answers = answers_of(sessions, began)
        if any(command != b"c" for command, _ in answers):
            raise RuntimeError("a check has failed")
        slowest.append(max(ms for _, ms in answers))
    for s in sessions:
        s.close()
    return median(slowest[WARM:])


def row_13(stand):
    checks = ", ".join(["fail: { answer: pass, after: 20ms }"] * 10)
    rc = stand.keep(Rollcall(stand.path / "checks", stand.people.uri, more="workers: { fail: 1000 }",
                             destinations=f"{DOMAIN}: {{ sources: [ corp ], check: [ {checks} ] }}"))
    rc.configure()
    (rc.dir / "state").mkdir()
    rc.start_milter()
    for count, then in ((1, 25), (100, 40)):
        (value,) = map(median, by_turns(stand.repeats, lambda: waiting_checks(rc, count)))
        yield row(13, f"ten checks that wait 20 ms each, {count} session{'s at once' if count > 1 else ''}", value,
                  "ms", None, (None, Bound("≤", then, of="value")))
    rc.stop()


def burst(rc, source):
    """60 recipients that are cached and 20 that need a directory that hangs: the slowest of either."""
    rc.start_milter()
    sessions = [milter.Milter(rc.milter_socket) for _ in range(80)]
    for s in sessions:
        s.connect()
        s.mail(SENDER)
    if sessions[0].rcpt(f"ten0@{DOMAIN}")[0] != b"c":
        raise RuntimeError("the milter does not know the list")
    source.hang()
    try:
        began = time.perf_counter()
        for n, s in enumerate(sessions):
            s.define(b"R", i=f"Q{n}")
            s.send(b"R", (f"<other{n}@{DOMAIN}>\0" if n % 4 == 0 else f"<ten0@{DOMAIN}>\0").encode())
        answers = answers_of(sessions, began)
    finally:
        source.go_on()
    for s in sessions:
        s.close()
    end_process(rc.milter)
    cached = [ms for command, ms in answers if command == b"c"]
    others = [ms for command, ms in answers if command != b"c"]
    if (len(cached), len(others)) != (60, 20):
        raise RuntimeError(f"{len(cached)} were taken, {len(others)} refused")
    return max(cached), max(others)


def row_21(stand):
    source = stand.people
    rc = stand.keep(Rollcall(stand.path / "burst", source.uri))
    rc.configure()
    (rc.dir / "state").mkdir()
    got = [burst(rc, source) for _ in range(fewer(stand))]
    cached, others = (max(g[i] for g in got) for i in (0, 1))
    yield row(21, "80 RCPTs at once while the directory hangs: the slowest of 60 cached", cached, "ms", None,
              most(100, 20, of="value"))
    yield row(21, "80 RCPTs at once while the directory hangs: the slowest of 20 others", others, "ms", None,
              most(3000, 3000, of="value"))


# ---- who may post ----

MEMBERS_ONLY = f"{DOMAIN}: {{ sources: [ corp ], check: [ posters: {{ allow: members }} ] }}"


def lone_milter(stand, name, uri, cache, **options):
    """A milter without anything else."""
    rc = stand.keep(Rollcall(stand.path / name, uri, cache, **options))
    rc.configure()
    (rc.dir / "state").mkdir()
    rc.start_milter()
    return rc


def round_trips(rc, members, size):
    """How often a recipient waits for a directory that takes half a second for each request."""
    m = milter.Milter(rc.milter_socket)
    m.connect()
    m.mail(mail_of(members.pop()))
    began = time.perf_counter()
    if m.rcpt(f"g{size}@{DOMAIN}")[0] != b"c":
        raise RuntimeError("a member may not post")
    m.close()
    return (time.perf_counter() - began) // 0.5


def row_10(stand):
    far = proxy.Proxy(("127.0.0.1", stand.people.port))
    far.delay = 0.5
    anyone = f"{DOMAIN}: {{ sources: [ corp ], check: [ posters: {{ allow: anyone }} ] }}"
    for name, destinations, bound in (("existence", anyone, 1), ("existence and permission", MEMBERS_ONLY, 2)):
        rc = lone_milter(stand, f"far-{bound}", far.uri, "cache: { yes: 0s, no: 0s }", destinations=destinations,
                         milter="deadline: 20s")
        for size in (1000, PEOPLE):
            members = list(members_of(size))
            (value,) = map(median, by_turns(fewer(stand), lambda: round_trips(rc, members, size)))
            yield row(10, f"RCPT, not cached, list of {size:,}: {name}", value, "round trips", None,
                      (Bound("≤", 1, of="value") if bound == 1 else None, Bound("≤", bound, of="value")))
        rc.stop()
    far.stop()


def answer_times(rc, recipients, rate=1000, count=5000):
    """How long each of many recipients waits, who come at an even pace in 100 sessions: the 99th of a hundred, in ms."""
    sessions = [milter.Milter(rc.milter_socket) for _ in range(100)]
    for n, s in enumerate(sessions):
        s.connect()
        s.mail(mail_of(n))
    sent, took, begun = 0, [], {}
    with selectors.DefaultSelector() as waiting:
        for s in sessions:
            waiting.register(s.socket, selectors.EVENT_READ, s)
        start = time.perf_counter()
        while len(took) < sent or sent < count:
            now = time.perf_counter()
            while sent < count and start + sent / rate <= now and sessions[sent % 100] not in begun:
                s = sessions[sent % 100]
                begun[s] = time.perf_counter()
                s.send(b"R", f"<{recipients[sent % 100]}@{DOMAIN}>\0".encode())
                sent += 1
            pause = max(0, start + sent / rate - time.perf_counter()) if sent < count else 10
            for key, _ in waiting.select(pause):
                key.data.read()
                took.append((time.perf_counter() - begun.pop(key.data)) * 1000)
    for s in sessions:
        s.close()
    return sorted(took)[len(took) * 99 // 100]


def row_11(stand):
    tens = [f"ten{n // 10}" for n in range(100)]         # each session's poster is a member
    for name, lists, cache, bounds in (
            ("cached", ["hundred0"] * 100, "", most(10, 2, of="value")),
            ("not cached", tens, "cache: { yes: 0s, no: 0s, people: 10ms }", most(50, 20, of="value"))):
        rc = lone_milter(stand, f"p99-{len(cache)}", stand.people.uri, cache, destinations=MEMBERS_ONLY)
        (value,) = map(median, by_turns(fewer(stand), lambda: answer_times(rc, lists)))
        yield row(11, f"p99 of an RCPT with permission, 100 sessions, 1,000 a second, {name}", value, "ms", None, bounds)
        rc.stop()


# ---- the socketmap ----

def row_0(stand):
    """Questions about lists that are in memory, one at a time on each connection. Nothing is asked of it."""
    rc = stand.keep(Rollcall(stand.path / "map", stand.people.uri, "cache: { yes: 1h }", socketmap=""))
    rc.configure()
    (rc.dir / "state").mkdir()
    rc.start_milter()
    questions = 50000
    for connections in (1, 8):
        def ask():
            got = stand.run("map_load", "-n", connections, "-m", questions, f"unix:{rc.map_socket}", stand.tens())
            if got["ok"] != questions:
                raise RuntimeError(f"map_load: {got}")
            return questions / got["ms"] * 1000

        (value,) = map(median, by_turns(stand.repeats, ask))
        yield row(0, f"socketmap queries, cached, {connections} connection{'s' if connections > 1 else ''}", value,
                  "queries/s", None, (None, None))
    rc.stop()


def row_50(stand):
    yield from directories.row_50(stand, row, by_turns)


def row_51(stand):
    yield from directories.row_51(stand, row)


def row_52(stand):
    yield from directories.row_52(stand, row)


ROWS = {1: row_1, 2: row_2, 3: row_3, 4: row_4, 5: row_5, 6: row_6, 7: row_7, 8: row_8, 9: row_9, 10: row_10, 11: row_11,
        12: row_12, 13: row_13, 14: row_14, 15: row_15, 16: row_16, 17: row_17, 18: row_18, 19: row_19, 20: row_20, 21: row_21,
        23: row_23, 50: row_50, 51: row_51, 52: row_52, 0: row_0}
