"""What a poster is told who asked for it (RFC 3461): that the list has it, by the MTA, and nothing of members."""
import re

import pytest

from testbed import client
from testbed.base import wait_until

LIST = "staff@lists.example.com"


def reports(site):
    """What was sent with the null sender."""
    return [t for t in site.sink.delivered() if t.sender == ""]


def post(site, notify, to=LIST):
    with site.smtp() as c:
        assert c.mail("ann@example.com", "RET=HDRS ENVID=poster+2B1").code == 250
        assert c.rcpt(to, f"NOTIFY={notify} ORCPT=rfc822;staff+2Bx@lists.example.com").code == 250
        assert c.data(client.message(to=to)).code == 250


def test_delivered_to_the_list(make_site, mta):
    """One report, by the MTA, which knows the poster's ENVID and ORCPT; members get none of the poster's wishes."""
    site = make_site(mta=mta, more="errors: help@example.com")
    site.sink.on_rcpt = lambda a, n: "550 5.1.1 no such user" if a == "bob@example.com" else None
    post(site, "SUCCESS,FAILURE,DELAY")
    wait_until(lambda: len(reports(site)) == 2, 60, "the reports to the poster and of the member")
    site.rollcall.wait_idle()
    wait_until(lambda: site.mta.queued() == 0, 60, "an empty queue")
    assert sorted(r for t in reports(site) for r in t.recipients) == ["ann@example.com", "help@example.com"]
    (report,) = [t for t in reports(site) if t.recipients == ["ann@example.com"]]
    text = report.data.decode()
    assert re.search(r"(?im)^Action: (delivered|relayed)", text)
    assert re.search(r"(?im)^Original-Envelope-Id: poster\+1", text)
    assert re.search(r"(?im)^Original-Recipient: rfc822; ?staff\+x@lists\.example\.com", text)
    assert not re.search(r"bob@|carl@|guest@", text)
    for t in site.sink.delivered():
        if t.sender:
            assert "poster" not in t.parameters and all("SUCCESS" not in p for p in t.of_recipients)


@pytest.mark.parametrize("notify", ["NEVER", "FAILURE,DELAY"])
def test_nothing_that_was_not_asked_for(make_site, mta, notify):
    site = make_site(mta=mta)
    post(site, notify)
    site.wait_for(4)
    site.rollcall.wait_idle()
    wait_until(lambda: site.mta.queued() == 0, 60, "an empty queue")
    assert not reports(site)
