"""Row 17: how long a single mail takes through an MTA that is busy with a fan-out."""
import statistics
import threading
import time

from testbed import client, sink
from testbed.base import wait_until

from stand import DOMAIN, PEOPLE, SENDER, SINGLE, Tail

APART = 0.04                              # seconds between two mails
BATCH = 150                               # recipients


class Singles:
    """Mails one by one, and when each arrived at the end of its way."""

    def __init__(self, postfix, port):
        self.port, self.number, self.arrived = postfix.port, 0, {}
        self.sink = sink.Sink(port=port)
        self.sink.on_dot = self.note

    def stop(self):
        self.sink.stop()

    def note(self, transaction):
        self.arrived[transaction.fields("Subject")[0]] = time.perf_counter()

    def send(self):
        """Its name, and when it was begun and accepted."""
        self.number += 1
        name, began = f"single-{self.number}", time.perf_counter()
        with client.Client(("127.0.0.1", self.port)) as c:
            c.mail(SENDER)
            c.rcpt(f"ann@{SINGLE}")
            reply = c.data(client.message(subject=name))
        if reply.code != 250:
            raise RuntimeError(f"a single mail: {reply}")
        return name, began, time.perf_counter()

    def until(self, is_over):
        """Milliseconds of those that are sent until then: to the 250, and to their arrival."""
        sent = []
        while not is_over():
            began = time.perf_counter()
            sent.append(self.send())
            time.sleep(max(0, APART - (time.perf_counter() - began)))
        wait_until(lambda: all(name in self.arrived for name, _, _ in sent), 120, "the single mails")
        return ([(taken - began) * 1000 for _, began, taken in sent],
                [(self.arrived[name] - began) * 1000 for name, began, _ in sent])


def p95(values):
    return statistics.quantiles(values, n=20)[-1]


def idle(singles, count):
    end = singles.number + count
    return singles.until(lambda: singles.number >= end)


def fan_out(stand, rc):
    """A function that sends a post to everybody, and gives its milliseconds."""
    def run():
        tail = Tail(rc)
        began = stand.submit(rc, f"g{PEOPLE}@{DOMAIN}")
        end, _ = tail.fan_outs(1, 300)
        return end - began
    return run


def bare(stand, p):
    """The same for the bare injector, over one connection, and as much at a time as a long fan-out sends."""
    return lambda: stand.load("-n", 1, "-m", PEOPLE // BATCH, "-r", BATCH, p.at("reinject"), stand.members(PEOPLE))["ms"]


def beside(run, p, singles):
    """The mails' milliseconds, as above, and those of what else is going on."""
    p.settle()
    over, took = threading.Event(), []

    def work():
        try:
            took.append(run())
        finally:
            over.set()
    thread = threading.Thread(target=work)
    thread.start()
    accepted, arrived = singles.until(over.is_set)
    thread.join()
    return accepted, arrived, took[0]
