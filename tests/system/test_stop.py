"""A fan-out that is stopped: nobody else gets it, and who has it is told exactly."""
import signal
import subprocess
import time

import pytest

from testbed import directory
from testbed.base import ROOT, server_path, wait_until
from testbed.rollcall import PROVEN

PEOPLE = [f"p{i:02}" for i in range(40)]
ALL = sorted(f"{p}@example.com" for p in PEOPLE)
LIST = "many@lists.example.com"
ODD = [a for i, a in enumerate(ALL) if i % 2]
# Twenty go at once, the others one by one.
SLOW = "batch: 10\nlanes: 1\nsmall: 0\nadapt: no\nrate: 8000/hour"


def many():
    p = directory.person_dn
    return directory.top() + "".join(directory.person(u) for u in PEOPLE) + directory.group("many", map(p, PEOPLE))


def recall_of(mta):
    """The program as it is set up, where the MTA is a private one."""
    program = str(ROOT / "packaging/rollcall-recall")
    if not hasattr(mta, "chroot"):
        return [program, "sendmail", str(mta.queue)]
    path = f"{server_path('/usr/sbin')}:/usr/sbin:/usr/bin:/sbin:/bin"
    libraries = [f"{k}={v}" for k, v in mta.environment().items() if k != "PATH"]
    return ["/usr/bin/env", f"PATH={path}", *libraries, program, "postfix", "-c", str(mta.dir / "etc")]


def words(program):
    return "[ " + ", ".join(f'"{w}"' for w in program) + " ]"


@pytest.fixture
def make_stand(make_site, mta):
    def make(outbound=SLOW, program=None):
        site = make_site(many(), mta=mta, start=False, destinations=PROVEN)
        site.rollcall.outbound_more = f"{outbound}\nrecall: {words(program or recall_of(site.mta))}"
        return site.start()
    return make


def only_entry(site):
    (entry,) = site.rollcall.ctl_json("queue")["entries"]
    return entry


def check(site, told):
    """What was told is the truth, and stays so when the sink takes everything and all is tried again."""
    assert told["perhaps"] == [] and told["refused"] == []
    assert sorted(told["sent"] + told["recalled"] + told["unsent"]) == ALL
    assert sorted(told["sent"]) == sorted(site.sink.recipients())
    site.sink.on_rcpt, site.sink.delay_dot = None, 0
    r = site.rollcall
    r.kill_expander()
    r.start_expander()
    r.ctl("retry", "all", check=0)
    site.mta.flush()
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue of the MTA")
    assert r.counts()["outbound"] == 0
    assert sorted(told["sent"]) == sorted(site.sink.recipients())


def test_half_delivered(make_stand):
    site = make_stand()
    site.sink.on_rcpt = lambda a, n: None if a in ODD else "450 4.2.1 mailbox busy"
    site.post(LIST)
    site.wait_for(10)
    told = site.rollcall.ctl_json("stop", only_entry(site)["id"])
    assert told["list"] == LIST and set(told["recalled"]) & set(ALL) - set(ODD)
    assert len(told["recalled"]) >= 10 and len(told["unsent"]) >= 5
    check(site, told)
    # It is done: there is nothing left to stop, and the answer is the same.
    again = site.rollcall.ctl_json("stop", told["id"])
    assert again == told


def test_addresses_that_the_queue_has_otherwise(make_site, mta):
    """Postfix keeps them without quotes, sendmail in xtext."""
    mails = ["plus+tag@example.com", "a=b@example.com", '"two words"@example.com', '"a\\"b\\\\c,d"@example.com',
             "O'Neil@Example.COM", "{a}~b@example.com", "idn@xn--bcher-kva.example.com", '".dot"@example.com']
    uids = [f"p{i}" for i in range(len(mails))]
    ldif = directory.top() + "".join(map(directory.person, uids, mails)) + directory.group(
        "many", map(directory.person_dn, uids))
    site = make_site(ldif, mta=mta, start=False, destinations=PROVEN)
    site.rollcall.outbound_more = f"recall: {words(recall_of(site.mta))}"
    site.start()
    site.sink.on_rcpt = lambda a, n: "450 4.2.1 mailbox busy"
    site.post(LIST)
    wait_until(lambda: site.rollcall.log_lines("inject", state="done"), what="the end of the injection")
    told = site.rollcall.ctl_json("stop", site.rollcall.log_lines("inject")[-1]["id"])
    assert sorted(told["recalled"]) == sorted(mails) and not told["perhaps"] + told["sent"] + told["refused"]
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue of the MTA")


def test_deliveries_under_way_are_waited_for(make_stand):
    """Whom the MTA is about to deliver to when the post is stopped, has it; those behind him do not get it."""
    site = make_stand("batch: 10\nlanes: 2\nsmall: 0")
    site.sink.delay_dot = 2
    site.post(LIST)
    wait_until(lambda: site.sink.open, what="a delivery")
    wait_until(lambda: site.rollcall.log_lines("inject", state="done"), what="the end of the injection")
    check(site, site.rollcall.ctl_json("stop", site.rollcall.log_lines("inject")[-1]["id"]))


@pytest.mark.parametrize("mta", ["postfix"])
def test_killed_between_the_steps(make_stand, place):
    """The program ends rollcallctl when it has listed, and when it has removed: a second stop tells the same."""
    site = make_stand()
    program, marks = recall_of(site.mta), place / "marks"
    marks.mkdir()
    script = place / "kill"
    script.write_text(f"""#!/bin/sh
        {" ".join(program)} "$@" || exit
        [ -e {marks}/$1 ] && exit
        touch {marks}/$1
        kill -9 $PPID
        """)
    script.chmod(0o755)
    site.rollcall.outbound_more = f"{SLOW}\nrecall: {words([str(script)])}"
    site.rollcall.reload()
    site.sink.on_rcpt = lambda a, n: None if a in ODD else "450 4.2.1 mailbox busy"
    site.post(LIST)
    site.wait_for(10)
    entry = only_entry(site)["id"]
    for step in ("list", "remove"):
        assert site.rollcall.ctl("stop", entry).returncode == -signal.SIGKILL
        assert (marks / step).exists()
        assert only_entry(site)["held"]
    told = site.rollcall.ctl_json("stop", entry)
    assert len(told["recalled"]) >= 10
    check(site, told)


@pytest.mark.parametrize("mta", ["postfix"])
@pytest.mark.parametrize("program, why", [
    (["/bin/false"], "outbound.recall: "),
    (["/bin/echo"], "outbound.recall prints what is no recipient of a batch of this post"),
    (["/usr/bin/printf", "%.1s\\n"], 'outbound.recall prints "l", not an id and an address'),
    (["/no/such/program"], "/no/such/program"),
])
def test_a_program_that_fails(make_stand, program, why):
    site = make_stand(program=program)
    site.sink.on_rcpt = lambda a, n: "450 4.2.1 mailbox busy"
    site.post(LIST)
    wait_until(lambda: site.rollcall.log_lines("batch"), what="a batch")
    entry = only_entry(site)["id"]
    got = site.rollcall.ctl("stop", entry, check=70)
    assert f"{entry} is held, and nobody else gets it, but not all is done: " in got.stderr and why in got.stderr
    assert only_entry(site)["held"]


@pytest.fixture
def sink_site(make_site):
    """The sink is the MTA, and takes a post as slowly as a rate wants."""
    return make_site(many(), mta="sink", outbound=SLOW, destinations=PROVEN)


def test_without_a_program(sink_site):
    """What the MTA has taken it may deliver: that is said."""
    sink_site.submit(LIST)
    sink_site.wait_for(20)
    text = sink_site.rollcall.ctl("stop", only_entry(sink_site)["id"], check=0).stdout
    count = len(sink_site.sink.recipients())
    assert f", for {LIST}, is stopped: 0 have it" in text
    assert f"\n{count} may have it: the MTA took it, and its queue was not searched\n" in text
    assert all(f"\n    {a}\n" in text for a in sink_site.sink.recipients())
    assert f"\n{40 - count} had not been sent to\n" in text
    assert sink_site.rollcall.counts()["outbound"] == 0


def test_a_batch_under_way_is_waited_for(sink_site):
    sink_site.sink.delay_dot = 3
    sink_site.submit(LIST)
    wait_until(lambda: sink_site.sink.open, what="a batch")
    entry = only_entry(sink_site)["id"]
    got = sink_site.rollcall.ctl("stop", "--wait", "0s", entry, check=75)
    assert "no further batch begins, but not all is done: somebody still works on it; stop it again" in got.stderr
    told = sink_site.rollcall.ctl_json("stop", entry)
    assert sorted(told["perhaps"]) == sorted(sink_site.sink.recipients()) and len(told["perhaps"]) == 10
    assert len(told["unsent"]) == 30


def test_hold_and_release(sink_site):
    """Held, it waits, over a restart and a retry; released, the others get it, once."""
    r = sink_site.rollcall
    sink_site.submit(LIST)
    sink_site.wait_for(20)
    entry = only_entry(sink_site)["id"]
    assert "is held" in r.ctl("hold", entry, check=0).stdout
    wait_until(lambda: r.log_lines("inject", state="held"), what="the expander to let it go")
    count = len(sink_site.sink.recipients())
    assert count < 40
    r.kill_expander()
    r.outbound_more = "batch: 10"
    r.configure()
    r.start_expander()
    r.ctl("retry", "all", check=0)
    time.sleep(2)                         # longer than a rescan
    assert len(sink_site.sink.recipients()) == count and only_entry(sink_site)["held"]
    assert r.ctl_json("release", entry) == {"entries": 1}
    assert sink_site.wait_for(40) == ALL
    r.wait_idle()
    assert f"{entry} is done already" in r.ctl("hold", entry, check=1).stderr


def test_discard_waits_for_who_works_on_it(sink_site):
    r = sink_site.rollcall
    sink_site.sink.delay_dot = 3
    sink_site.submit(LIST)
    wait_until(lambda: sink_site.sink.open, what="a batch")
    entry = only_entry(sink_site)["id"]
    r.ctl("hold", entry, check=0)
    assert "an expander still works on it: try again" in r.ctl("discard", entry, check=70).stderr
    wait_until(lambda: r.ctl("discard", entry).returncode == 0, what="the expander to let it go")
    assert len(sink_site.sink.recipients()) == 10 and r.counts()["outbound"] == 0


def test_before_anybody_was_sent_it(make_site):
    """One whose members cannot be read is stopped as well, by the queue id of the MTA it came from."""
    site = make_site(many(), through_proxy=True, destinations=PROVEN, lmtp="lookup: 1s", outbound="retry-first: 1h\nretry-most: 1h")
    site.rollcall.stop()
    site.rollcall.start_milter()
    site.rollcall.start_expander("--queues", "inbound")
    reply = site.post(LIST)
    wait_until(lambda: site.rollcall.counts()["pending"] == 1, what="the post")
    queue_id = only_entry(site)["queue_id"]
    assert queue_id in reply.text
    told = site.rollcall.ctl_json("stop", queue_id)
    assert told["list"] == LIST and told["unsent"] == []    # nobody had looked who is on it
    assert site.rollcall.counts() == {"moderation": 0, "pending": 0, "outbound": 0, "bounce": 0, "done": 1, "kept": 0,
                                      "held": 0}


@pytest.mark.parametrize("name", ["nothing", "aaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_no_such_post(sink_site, name):
    for command in ("stop", "hold"):
        assert f'there is no post "{name}"' in sink_site.rollcall.ctl(command, name, check=1).stderr


def test_ids_that_are_none():
    """What an MTA said instead of a queue id comes to no command line of others."""
    for word in ("-d", "a/b", "", "ABC;x"):
        got = subprocess.run([ROOT / "packaging/rollcall-recall", "sendmail", "/tmp", "remove", word],
                             stderr=subprocess.PIPE, text=True)
        assert got.returncode == 75 and "is no queue id" in got.stderr


@pytest.mark.parametrize("given", [[], ["postfix"], ["postfix", "-c"], ["exim", "list"], ["sendmail"],
                                   ["sendmail", "/tmp"], ["sendmail", "/tmp", "mend"]])
def test_usage_of_the_program(given):
    got = subprocess.run([ROOT / "packaging/rollcall-recall", *given], stderr=subprocess.PIPE, text=True)
    assert got.returncode == 64 and "usage: rollcall-recall postfix" in got.stderr
