"""Mail that comes by no client: sendmail(1) and pickup, with and without the milter in non_smtpd_milters."""
import os
import subprocess

import pytest

from testbed import client
from testbed.base import server_path, wait_until

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
JUDGED = "non_smtpd_milters = { unix:rollcall/milter.sock, default_action=tempfail }\n"
STRANGE = "networks: [ 10.0.0.0/8 ]"      # not this host
NOBODY_HERE = "lists.example.com: { sources: [ corp ], check: [ posters: { allow: [ authenticated ] } ] }"


def submit(site, *to, sender="emil@example.com", **message):
    """As cron and the users of the host do it."""
    env = dict(site.postfix.environment(), MAIL_CONFIG=str(site.postfix.dir / "etc"))
    subprocess.run([server_path("/usr/sbin/sendmail"), "-oi", "-f", sender, *to], env=env, check=True,
                   input=client.message(**message), timeout=60)


def judged(make_site, **options):
    return make_site(postfix={"main": JUDGED}, **options)


def returned(site, status):
    """The message has come back to its sender, and nothing is left of it."""
    wait_until(lambda: site.sink.delivered("emil@example.com"), what="the report")
    wait_until(lambda: site.postfix.queued() == 0, what="an empty queue")
    (report,) = site.sink.delivered("emil@example.com")
    assert f"Status: {status}".encode() in report.data
    return report


def test_without_the_milter_it_is_posted_unjudged(make_site):
    """The expander knows what a list is, and not who may post."""
    site = make_site(destinations=NOBODY_HERE)
    submit(site, "staff@lists.example.com")
    assert site.wait_for(4) == STAFF
    assert site.rollcall.log_lines("rcpt") + site.rollcall.log_lines("end") == []
    site.sink.clear()
    submit(site, "stuff@lists.example.com")
    returned(site, "5.1.1")


def test_with_the_milter_it_comes_from_this_host(make_site):
    """As a client on 127.0.0.1 without a login, with the queue id known from the start."""
    site = judged(make_site)
    submit(site, "staff@lists.example.com")
    assert site.wait_for(4) == STAFF
    (line,) = site.rollcall.log_lines("end")
    assert (line["client"], line["verdict"], line["from"]) == ("127.0.0.1", "pass", "emil@example.com")
    assert "login" not in line
    assert f"{line['queue']}: uid={os.getuid()} from=<emil@example.com>" in site.postfix.log


@pytest.mark.parametrize("options", [{"more": STRANGE}, {"destinations": NOBODY_HERE}],
                         ids=["networks", "posters"])
def test_who_may_not_post_gets_it_back(make_site, options):
    """A refusal at RCPT would leave the message in maildrop for ever: it comes at the end."""
    site = judged(make_site, **options)
    submit(site, "staff@lists.example.com")
    returned(site, "5.7.1")
    (line,) = site.rollcall.log_lines("rcpt")
    assert (line["reply"], line["list"]) == ("550 5.7.1", "staff@lists.example.com")
    assert "can't reject recipient" not in site.postfix.log
    assert site.rollcall.counts()["done"] == 0


def test_a_refusing_list_is_not_reached_beside_others(make_site):
    """The expander could not refuse it: the whole message comes back."""
    site = judged(make_site, more=STRANGE)
    submit(site, "staff@lists.example.com", "bob@example.com", "staff-owner@lists.example.com")
    returned(site, "5.7.1")
    assert site.sink.recipients() == ["emil@example.com"]


def test_an_unknown_list(make_site):
    site = judged(make_site)
    submit(site, "stuff@lists.example.com")
    assert b"no such list" in returned(site, "5.1.1").data
    assert site.rollcall.log_lines("lmtp") == []


def test_an_unknown_list_beside_others(make_site):
    """They get the message, and the expander's answer comes back."""
    site = judged(make_site)
    submit(site, "stuff@lists.example.com", "a+b@lists.example.com", "bob@example.com")
    returned(site, "5.1.1")
    site.wait_for(3)
    assert sorted(site.sink.recipients()) == ["bob@example.com", "dora@example.com", "emil@example.com"]


def test_a_directory_that_does_not_answer(make_site):
    """The message stays where it is until it is known."""
    site = judged(make_site)
    site.slapd.stop()
    submit(site, "staff@lists.example.com")
    wait_until(lambda: site.rollcall.log_lines("rcpt", verdict="defer"), what="a deferral")
    assert site.postfix.queued() > 0 and site.rollcall.log_lines("lmtp") == []
    site.slapd.start()
    # pickup comes back to it by itself, here after five seconds at the latest.
    assert site.wait_for(4, 90) == STAFF


def test_automatic_replies(make_site):
    site = judged(make_site)
    submit(site, "staff@lists.example.com", fields=["Auto-Submitted: auto-replied"])
    returned(site, "5.7.1")


def test_other_local_mail_is_none_of_its_business(make_site):
    site = judged(make_site, more=STRANGE)
    submit(site, "bob@example.com", fields=["Auto-Submitted: auto-generated"])
    assert site.wait_for(1) == ["bob@example.com"]
    assert site.rollcall.log_lines("rcpt") + site.rollcall.log_lines("end") == []
