"""A spool that was restored from a backup is not sent again blindly; one that was moved is where it was."""
import json
import shutil
import subprocess
import time

import pytest

from testbed.base import wait_until

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
LATER = "retry-first: 1h\nretry-most: 1h"


@pytest.fixture
def stopped(make_site):
    """A site with one post that bob is still to get, and nobody who works on it."""
    site = make_site(mta="sink", outbound=LATER)
    site.sink.on_rcpt = lambda a, n: "450 4.2.1 mailbox busy" if a == "bob@example.com" else None
    site.submit()
    wait_until(lambda: site.rollcall.log_lines("inject", state="deferred"), what="a deferral")
    assert len(site.sink.recipients()) == 3
    site.rollcall.stop()
    site.sink.on_rcpt = None
    site.sink.clear()
    site.spool = site.rollcall.dir / "state/spool"
    return site


def command(*words, **options):
    subprocess.run([str(w) for w in words], check=True, **options)


def copy(spool, other):
    command("cp", "-a", spool, other)


def archive(spool, other):
    other.mkdir(mode=0o700)
    command("sh", "-c", f"tar -C {spool} -cf - . | tar -C {other} -xpf -")


def start(site):
    site.rollcall.start_milter()
    site.rollcall.start_expander()


def hurry(site):
    """What is deferred goes out; an entry that is being looked at in the moment of a retry does not hear of it."""
    wait_until(lambda: site.rollcall.ctl("retry", "all", check=0) and site.sink.recipients(), what="a copy", every=0.2)


def put_back(site, way=copy):
    """The spool as it is becomes a backup, the post is finished, and then the backup is the spool."""
    backup = site.rollcall.dir / "backup"
    way(site.spool, backup)
    start(site)
    hurry(site)
    assert site.sink.recipients() == ["bob@example.com"]
    site.rollcall.wait_idle()
    site.rollcall.stop()
    site.sink.clear()
    shutil.rmtree(site.spool)
    way(backup, site.spool)


@pytest.mark.parametrize("way", [copy, archive])
def test_nothing_goes_out_again_until_it_is_released(stopped, way):
    """New mail is taken and sent; what was restored stays, whatever happens, until somebody decides."""
    put_back(stopped, way)
    r = stopped.rollcall
    start(stopped)
    assert "error: restored: " in r.log and "it is a copy: 1 entry is held" in r.log
    assert stopped.submit().code == 250
    assert stopped.wait_for(4) == STAFF
    stopped.sink.clear()
    r.ctl("retry", "all", check=0)
    (entry,) = r.ctl_json("queue")["entries"]
    assert entry["held"] and entry["sent"] == 3
    text = r.ctl("queue", check=0).stdout
    assert "3 of 4 sent, 1 deferred  held\n" in text and "1 entry is held: the spool was restored" in text
    assert 'rollcall_queue_held{queue="outbound"} 1\n' in r.ctl("metrics", check=0).stdout
    assert "1 of them are held" in r.ctl("drain", check=75).stdout
    r.ctl("resume", check=0)
    r.stop()
    start(stopped)                            # a restart does not release it
    time.sleep(2.5)
    assert stopped.sink.delivered() == [] and r.log.count("error: restored") == 1
    assert "no entry \"nonsense\" is held" in r.ctl("release", "nonsense", check=1).stderr
    assert r.ctl("release", entry["id"], check=0).stdout == "1 entry is worked on again\n"
    hurry(stopped)
    r.wait_idle()
    assert stopped.sink.recipients() == ["bob@example.com"]
    assert r.ctl_json("release", "all") == {"entries": 0}


def test_an_entry_that_is_discarded(stopped):
    put_back(stopped)
    start(stopped)
    r = stopped.rollcall
    (entry,) = r.ctl_json("queue")["entries"]
    assert r.ctl("discard", "all", check=0).stdout == "1 entry is done with, unsent\n"
    counts = r.counts()
    assert (counts["outbound"], counts["done"]) == (0, 1)
    assert sorted(p.name for p in (stopped.spool / "done" / entry["id"]).iterdir()) \
        == ["envelope.json", "progress", "recipients"]
    assert list((stopped.spool / "held").iterdir()) == []
    assert "is held" in r.ctl("discard", entry["id"], check=1).stderr
    r.ctl("retry", "all")
    assert "drained" in r.ctl("drain", check=0).stdout
    assert stopped.sink.delivered() == []


def test_what_came_back_beside_what_is_done(stopped):
    """Queues of a backup that were put into the spool that lives, and lost its identity: it is done with, or a repeat."""
    backup = stopped.rollcall.dir / "backup"
    copy(stopped.spool / "outbound", backup)
    start(stopped)
    hurry(stopped)
    stopped.rollcall.wait_idle()
    for decision in ("discard", "release"):
        stopped.rollcall.stop()
        (stopped.spool / "outbound").rmdir()
        copy(backup, stopped.spool / "outbound")
        (stopped.spool / "identity").unlink()
        start(stopped)
        assert stopped.rollcall.counts()["held"] == 1
        stopped.rollcall.ctl(decision, "all", check=0)
        stopped.rollcall.wait_idle()
    assert stopped.sink.recipients() == ["bob@example.com"]
    assert stopped.rollcall.counts()["done"] == 1


def test_what_lives_is_not_discarded(lmtp_site):
    """Only what is held can be."""
    lmtp_site.sink.on_mail = lambda a: "451 4.3.0 not now"
    lmtp_site.submit()
    wait_until(lambda: lmtp_site.rollcall.counts()["outbound"] == 1, what="a post")
    entry = lmtp_site.rollcall.ctl_json("queue")["entries"][0]
    lmtp_site.rollcall.ctl("discard", entry["id"], check=1)
    assert lmtp_site.rollcall.ctl_json("discard", "all") == {"entries": 0}
    lmtp_site.sink.on_mail = None
    assert lmtp_site.wait_for(4) == STAFF


def test_a_spool_that_was_moved(stopped):
    """On one file system it is the same, and so it is after chown, chmod, touch and a restart."""
    other = stopped.rollcall.dir / "elsewhere"
    stopped.spool.rename(other)
    stopped.spool.mkdir()
    stopped.spool.rmdir()
    other.rename(stopped.spool)
    identity = stopped.spool / "identity"
    identity.chmod(0o640)
    identity.touch()
    command("chown", "-R", "nobody", stopped.spool)
    command("chown", "-R", "root", stopped.spool)
    start(stopped)
    hurry(stopped)
    assert stopped.sink.recipients() == ["bob@example.com"]
    assert "restored" not in stopped.rollcall.log


def test_another_machine(stopped):
    """The whole disk was copied: files are what they were, and the machine is not."""
    identity = stopped.spool / "identity"
    said = json.loads(identity.read_text())
    if said["machine"] == "":
        pytest.skip("this machine has no id")
    with open(identity, "r+") as f:           # in place: it stays the same file
        f.write(json.dumps(dict(said, machine="a" * 26)))
        f.truncate()
    start(stopped)
    assert "it was made on another machine: 1 entry is held" in stopped.rollcall.log
    assert json.loads(identity.read_text())["machine"] == said["machine"]


def test_a_spool_that_does_not_say(stopped):
    """Entries without an identity: it may have been left out of the backup. An empty spool is just new."""
    (stopped.spool / "identity").unlink()
    start(stopped)
    assert "it does not say where it was made: 1 entry is held" in stopped.rollcall.log
    stopped.rollcall.stop()
    shutil.rmtree(stopped.spool)
    start(stopped)
    assert stopped.rollcall.log.count("error: restored") == 1


def test_a_spool_of_a_newer_version_is_refused(stopped):
    identity = stopped.spool / "identity"
    identity.write_text('{"version": 2, "all": "different"}\n')
    with pytest.raises(RuntimeError, match="the spool is of version 2, which is not known to this program"):
        stopped.rollcall.start_expander()
    assert identity.read_text() == '{"version": 2, "all": "different"}\n'
    assert len(list((stopped.spool / "outbound").iterdir())) == 1 and not list((stopped.spool / "held").iterdir())
