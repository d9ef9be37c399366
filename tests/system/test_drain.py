"""rollcallctl drain and resume: nothing new is taken, what was taken is finished, and it is said what is left."""
import json
import os
import shutil
import subprocess
import threading
import time

from testbed import client, directory
from testbed.base import BUILD, wait_until
from testbed.milter import Milter

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


def refused(site, to="staff@lists.example.com"):
    with site.lmtp() as c:
        assert c.mail("ann@example.com").code == 250
        return c.rcpt(to)


def test_posts_during_a_drain_arrive_after_it(site):
    """With Postfix: the client is told to come again, mail for others passes, and a queued post waits for the end."""
    assert "drained: nothing is left to do" in site.rollcall.ctl("drain", check=0).stdout
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com") == "451 4.3.2"
        assert c.rcpt("staff-owner@lists.example.com") == "451 4.3.2"
        assert c.rcpt("stuff@lists.example.com") == "550 5.1.1"       # what is refused for good still is
        assert c.rcpt("bob@example.com") == 250
        assert c.data(client.message(to="bob@example.com")).code == 250
    assert site.wait_for(1) == ["bob@example.com"]
    site.sink.clear()
    assert site.rollcall.log_lines("rcpt", verdict="defer", by="drain")
    assert "draining for" in site.rollcall.ctl("queue", check=0).stdout
    assert site.rollcall.ctl_json("queue")["draining"] is True
    assert "new mail is taken again" in site.rollcall.ctl("resume", check=0).stdout
    site.post()
    assert site.wait_for(4) == STAFF
    assert site.rollcall.log.count("drain: mail for lists is taken again") == 2
    assert site.rollcall.ctl_json("queue")["draining"] is False
    assert "no drain to end" in site.rollcall.ctl("resume", check=0).stdout


def test_what_the_mta_has_waits_in_its_queue(site):
    """A post that was taken by the MTA before the drain, and comes over LMTP during it."""
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        site.rollcall.ctl("drain", check=0)
        assert c.rcpt("staff-owner@lists.example.com").code == 250    # all recipients of a message are treated alike
        assert c.data(client.message()).code == 250
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com") == "451 4.3.2"
    wait_until(lambda: "451 4.3.2" in site.postfix.log, what="a post that Postfix puts off")
    assert site.sink.delivered() == [] and site.rollcall.counts()["done"] == 0
    site.rollcall.ctl("resume", check=0)
    site.postfix.flush()
    assert sorted(set(site.wait_for(5))) == STAFF


def test_what_is_under_way_is_finished(make_site):
    """The drain waits for posts in the queues, and for a session that was let in before it."""
    site = make_site(directory.crowded(200), mta="sink", outbound="batch: 20\nlanes: 1")
    site.sink.on_dot = lambda t: time.sleep(0.1)
    site.submit(to="g200@lists.example.com")
    got = []
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("g200@lists.example.com").code == 250
        drain = threading.Thread(target=lambda: got.append(site.rollcall.ctl("drain")))
        drain.start()
        wait_until(lambda: refused(site, "g200@lists.example.com") == "451 4.3.2", what="the drain")
        wait_until(lambda: len(site.sink.recipients()) == 200, what="the first post")
        time.sleep(0.5)
        assert drain.is_alive()
        assert c.rcpt("g200@lists.example.com") == "451 4.3.2"
        assert c.data(client.message(to="g200@lists.example.com"))[0].code == 250
    drain.join()
    assert got[0].returncode == 0 and got[0].stdout.endswith("drained: nothing is left to do\n")
    assert "coming in" in got[0].stdout and "outbound 1" in got[0].stdout
    assert len(site.sink.recipients()) == 400
    assert site.rollcall.counts() == {"moderation": 0, "pending": 0, "bounce": 0, "outbound": 0, "done": 2, "kept": 0, "held": 0}


def test_a_deferred_post_is_reported_and_not_waited_for(make_site):
    site = make_site(mta="sink", outbound="retry-first: 1h\nretry-most: 1h")
    site.sink.on_rcpt = lambda a, n: "450 4.2.1 mailbox busy" if a == "bob@example.com" else None
    site.submit()
    wait_until(lambda: site.rollcall.log_lines("inject", state="deferred"), what="a deferral")
    began = time.monotonic()
    got = site.rollcall.ctl("drain", check=75)
    assert time.monotonic() - began < 10
    assert "left: pending 0, outbound 1, bounce 0, 1 of them wait for a retry" in got.stdout
    assert "the next retry is in" in got.stdout
    got = json.loads(site.rollcall.ctl("--json", "drain", check=75).stdout)
    assert (got["drained"], got["deferred"], got["left"]["outbound"]) == (False, 1, 1)
    assert got["entries"] == [site.rollcall.ctl_json("queue")["entries"][0]["id"]]
    # With --wait it is waited for as well, so long.
    site.rollcall.ctl("drain", "--wait", "500ms", check=75)
    site.sink.on_rcpt = None
    late = threading.Timer(0.5, lambda: site.rollcall.ctl("retry", "all", check=0))
    late.start()
    assert "drained" in site.rollcall.ctl("drain", "--wait", "30s", check=0).stdout
    late.join()
    assert sorted(site.sink.recipients()) == STAFF
    assert refused(site) == "451 4.3.2"


def test_bounces_that_are_kept_hold_nobody_up(lmtp_site):
    """Nobody is named for them, and nothing would be gained by waiting."""
    lmtp_site.submit(to="noowner-bounces@lists.example.com", sender="")
    wait_until(lambda: lmtp_site.rollcall.counts()["kept"] == 1, what="a kept bounce")
    assert "bounces are kept" in lmtp_site.rollcall.ctl("drain", check=0).stdout


def test_it_lasts_over_restarts(lmtp_site):
    """Who drains in order to upgrade wants to look before mail comes in again."""
    lmtp_site.rollcall.ctl("drain", check=0)
    lmtp_site.rollcall.stop()
    lmtp_site.rollcall.start()
    assert refused(lmtp_site) == "451 4.3.2"
    m = Milter(lmtp_site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt("staff@lists.example.com") == (b"y", b"451 4.3.2 no mail for lists is taken now, try again later\0")
    assert m.rcpt("bob@example.com")[0] == b"c"
    m.close()
    lmtp_site.rollcall.ctl("resume", check=0)
    assert lmtp_site.submit().code == 250
    assert lmtp_site.wait_for(4) == STAFF


def test_without_daemons(lmtp_site):
    """The file is what counts: it can be put before the start, and says what nobody works on."""
    lmtp_site.rollcall.stop()
    assert "drained" in lmtp_site.rollcall.ctl("drain", check=0).stdout
    lmtp_site.rollcall.ctl("resume", check=0)
    lmtp_site.sink.on_mail = lambda a: "451 4.3.0 not now"
    lmtp_site.rollcall.start()
    lmtp_site.submit()
    wait_until(lambda: lmtp_site.rollcall.log_lines("inject", state="deferred"), what="a deferral")
    lmtp_site.rollcall.kill_expander()
    got = lmtp_site.rollcall.ctl("drain", "--wait", "1h", check=75)
    assert "no expander runs: pending 0, outbound 1" in got.stdout
    lmtp_site.sink.on_mail = None
    lmtp_site.rollcall.start_expander()
    assert "drained" in lmtp_site.rollcall.ctl("drain", "--wait", "30s", check=0).stdout
    assert sorted(lmtp_site.sink.recipients()) == STAFF


def test_before_anything_ever_ran(lmtp_site):
    lmtp_site.rollcall.stop()
    shutil.rmtree(lmtp_site.rollcall.dir / "state")
    assert "drained" in lmtp_site.rollcall.ctl("drain", check=0).stdout
    lmtp_site.rollcall.start()
    assert refused(lmtp_site) == "451 4.3.2"


def test_the_state_of_another_user(nobody_site):
    """root drains what runs as somebody else."""
    site = nobody_site
    site.rollcall.ctl("drain", check=0)
    assert refused(site) == "451 4.3.2"
    got = subprocess.run([BUILD / "rollcallctl", "-c", site.rollcall.config, "resume"], user=65534, group=65534,
                         extra_groups=[], stdout=subprocess.PIPE, text=True)
    assert (got.returncode, got.stdout) == (0, "new mail is taken again\n")
    assert not os.path.exists(site.rollcall.dir / "state/drain")
    assert site.submit().code == 250
