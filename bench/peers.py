"""Row 19: the same post to the same members given out by us, mlmmj, Mailman and Sympa, on one machine in one go."""
import time

from testbed.base import free_port

from machine import processor, processor_of_group
from mailman import Mailman
from mlmmj import Mlmmj
from stand import DOMAIN, MAIN, PEOPLE, Postfix, Rollcall, Tail, check_sum, median, submit
from sympa import Sympa

SIZES = 1000, 10000, PEOPLE
US, SLOW = "us", ("Mailman", "Sympa")
SINK, POSTFIX = "into a server that keeps nothing", "through Postfix, held"


class Ours:
    def __init__(self, rc):
        self.rc = rc

    def post(self, members):
        """A post to so many: seconds, and those of the processor."""
        tail, used, began = Tail(self.rc), processor(self.rc.expander.pid), time.time()
        submit(self.rc.lmtp_socket, f"g{members}@{DOMAIN}")
        end, batches = tail.fan_outs(1)
        check_sum(batches, members)
        return end / 1000 - began, processor(self.rc.expander.pid) - used


def into_a_sink(stand):
    """Who is compared, what is to be stopped afterwards, and no Postfix."""
    port = free_port()
    sink = stand.sink(f"inet:127.0.0.1:{port}")
    rc = stand.keep(Rollcall(stand.path / "sink-rc", stand.people.uri, mta=port))
    rc.configure()
    (rc.dir / "state").mkdir()
    rc.start_expander()
    mailman = stand.keep(Mailman(stand.path / "sink-mailman", SIZES, port))
    mailman.start()
    peers = {US: Ours(rc), "mlmmj": Mlmmj(stand.path / "sink-mlmmj", SIZES, port), "Mailman": mailman}
    return peers, (mailman, rc, sink), None


def into_postfix(stand):
    """The same, and the Postfix."""
    p = Postfix(stand.path / "peers-pf", main=MAIN)
    rc = stand.inside_postfix("peers-rc", p)
    mailman = stand.keep(Mailman(stand.path / "mailman", SIZES, p.reinject))
    mailman.start()
    sympa = stand.keep(Sympa(stand.path / "sympa", SIZES, p))
    sympa.start()
    peers = {US: Ours(rc), "mlmmj": Mlmmj(stand.path / "mlmmj", SIZES, p.reinject), "Mailman": mailman, "Sympa": sympa}
    return peers, (sympa, mailman, rc, p), p


def figures(peer, members, postfix):
    """Members a second, and microseconds of the processor for each; and those with Postfix's."""
    if not postfix:
        took, used = peer.post(members)
        return members / took, used / members * 1e6
    postfix.settle()
    held, before = postfix.held(), processor_of_group(postfix.process.pid)
    took, used = peer.post(members)
    theirs = processor_of_group(postfix.process.pid) - before
    sent = postfix.members(postfix.held(held))
    if sent != members:
        raise RuntimeError(f"{type(peer).__name__} sent to {sent} of {members}")
    return members / took, used / members * 1e6, (used + theirs) / members * 1e6


def medians(peers, members, postfix, by_turns, repeats):
    """The figures of each. Those that are slow run less often, and are warm when it is the turn of the larger lists."""
    def runs(names, count, warm):
        return dict(zip(names, by_turns(count, *(lambda peer=peers[name]: figures(peer, members, postfix)
                                                 for name in names), warm=warm)))
    first = members == SIZES[0]
    got = runs([name for name in peers if name not in SLOW], repeats, 1)
    more = runs([US] + [name for name in peers if name in SLOW], 2 if first else 1, 1 if first else 0)
    got = {**more, **got, US: got[US] + more[US]}
    return {name: [median(column) for column in zip(*got[name])] for name in peers}


def row_19(stand, row, by_turns, fewer, Bound):
    for where, make in (SINK, into_a_sink), (POSTFIX, into_postfix):
        peers, running, postfix = make(stand)
        for members in SIZES:
            here = {name: peer for name, peer in peers.items() if name != "Sympa" or members < PEOPLE or stand.long}
            got = medians(here, members, postfix, by_turns, fewer(stand) if members == PEOPLE else stand.repeats)
            for name in list(here)[1:]:
                faster = Bound("≥", 1.5 if where == SINK and name == "mlmmj" else 1)
                what = ((f"{members:,} members, {where}; {name}", "rcpts/s", faster),
                        (f"the same, processor for each of {members:,}; {name}", "µs", Bound("≤", 1)),
                        (f"the same, with Postfix's; {name}", "µs", Bound("≤", 1)))
                for (words, unit, bound), value, reference in zip(what, got[US], got[name]):
                    yield row(19, words, value, unit, reference, (None, bound))
        for thing in running:
            thing.stop()
