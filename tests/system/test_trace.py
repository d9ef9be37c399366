"""Why a member got a post, or did not."""
import json

import pytest

from testbed import client, directory
from testbed.base import wait_until

LATER = "retry-first: 1h\nretry-most: 1h"


def trace(site, post, member, status):
    """The outcome for a member, and all that is told."""
    got = site.rollcall.ctl("--json", "trace", post, f"{member}@example.com", check=status)
    told = json.loads(got.stdout)
    return told["outcome"], told


def events(told):
    return [e["event"] for e in told["events"] if e["event"] != "the post waits"]


def entry_of(site, list_="staff@lists.example.com"):
    (line,) = site.rollcall.log_lines("expand", list=list_)
    return line["id"]


def test_sent_refused_deferred_and_nobody(make_site):
    site = make_site(mta="sink", outbound=LATER)
    site.sink.on_rcpt = lambda a, n: {"bob@example.com": "550 5.1.1 nobody",
                                      "carl@example.com": "450 4.2.1 mailbox busy"}.get(a)
    site.submit()
    wait_until(lambda: site.rollcall.log_lines("inject", state="deferred"), what="a deferral")
    post = entry_of(site)
    word, told = trace(site, post, "ann", 0)
    assert word == "sent" and events(told) == ["sending", "in the MTA's queue"] and told["queue"] == "outbound"
    assert told["events"][1]["queue_id"] == "SINK1" and told["events"][0]["mta"].startswith("127.0.0.1 port ")
    assert sorted(told["now"]["via"]) == [["staff@lists.example.com"], ["staff@lists.example.com",
                                                                       "dev@lists.example.com"]]
    word, told = trace(site, post, "bob", 1)
    assert word == "refused" and events(told) == ["sending", "refused"]
    assert told["events"][1]["text"] == "550 5.1.1 nobody"
    word, told = trace(site, post, "carl", 75)
    assert word == "deferred" and events(told) == ["sending", "put off"]
    word, told = trace(site, post, "dora", 1)
    assert word == "no recipient" and told["events"] == [] and told["now"]["via"] == []
    text = site.rollcall.ctl("trace", post, "Ann@Example.com", check=0).stdout
    assert f"Ann@Example.com, {post}, for staff@lists.example.com: sent; line " in text
    assert "  in the MTA's queue, batch 1, as SINK1: 250\n" in text
    # The directory is asked now; what was written down then needs none.
    site.slapd.stop()
    word, told = trace(site, post, "ann", 0)
    assert word == "sent" and told["now"]["error"]
    site.rollcall.ctl("hold", post, check=0)
    assert trace(site, post, "carl", 75)[0] == "held"
    site.rollcall.ctl("stop", post, check=0)
    word, told = trace(site, post, "carl", 1)
    assert word == "given up" and told["reason"] == "stopped by an operator" and told["queue"] == "done"


def test_who_is_left_out_and_why(make_site):
    site = make_site(mta="sink")
    site.submit("edge@lists.example.com")
    site.rollcall.wait_idle()
    word, told = trace(site, entry_of(site, "edge@lists.example.com"), "nomail", 1)
    assert word == "no recipient"
    assert any("uid=nomail" in row["what"] and row["reason"] == "has no address" for row in told["now"]["left_out"])
    text = site.rollcall.ctl("trace", told["id"], "nomail@example.com", check=1).stdout
    assert "\nnow no member\n" in text and ": has no address\n" in text


def test_disabled_since(make_site):
    """He had the post, and has left since."""
    site = make_site(directory.top() + directory.person("ann") + directory.person("bob") +
                     directory.group("staff", [directory.person_dn("ann"), directory.person_dn("bob")]), mta="sink",
                     source_more="attributes: { disabled: title=gone }")
    site.submit()
    site.rollcall.wait_idle()
    site.slapd.modify(f"dn: {directory.person_dn('bob')}\nchangetype: modify\nadd: title\ntitle: gone\n")
    word, told = trace(site, entry_of(site), "bob", 0)
    assert word == "sent" and told["now"]["via"] == []
    assert [row["reason"] for row in told["now"]["left_out"]] == ["gets no mail (disabled)"]


def test_a_member_of_another_list_of_the_message(make_site):
    """He has it by the one that was named first."""
    site = make_site(mta="sink")
    with site.lmtp() as c:
        assert c.mail("ann@example.com").code == 250
        for list_ in ("noowner", "staff"):
            assert c.rcpt(f"{list_}@lists.example.com").code == 250
        assert [r.code for r in c.data(client.message(), 2)] == [250, 250]
    site.rollcall.wait_idle()
    word, told = trace(site, entry_of(site, "staff@lists.example.com"), "ann", 1)
    assert word == "left out" and told["also"] == "noowner@lists.example.com"
    assert trace(site, entry_of(site, "noowner@lists.example.com"), "ann", 0)[0] == "sent"


def test_members_whom_a_step_left_out(make_site):
    site = make_site(mta="sink", destinations="""
        lists.example.com:
          sources: [ corp ]
          posts: { not-me: yes, without: guest@partner.example.net }
        """)
    site.rollcall.ctl("preferences", "staff@lists.example.com", "bob@example.com", "no-mail", check=0)
    site.submit()
    assert site.wait_for(1) == ["carl@example.com"]
    site.rollcall.wait_idle()
    post = entry_of(site)
    for member, why in [("ann", "posted it (not-me)"), ("bob", "wants no mail")]:
        word, told = trace(site, post, member, 1)
        assert word == "left out" and told["now"]["why"] == why and told["now"]["via"] and told["events"] == []
        text = site.rollcall.ctl("trace", post, f"{member}@example.com", check=1).stdout
        assert f": left out\nnow a member by: staff@lists.example.com" in text and f"\n    but {why}\n" in text
    got = site.rollcall.ctl("trace", post, "guest@partner.example.net", check=1).stdout
    assert "\n    but is left out by the list (without)\n" in got
    # He has changed his mind since: nothing is known of then.
    site.rollcall.ctl("preferences", "staff@lists.example.com", "bob@example.com", "none", check=0)
    word, told = trace(site, post, "bob", 1)
    assert word == "no recipient" and "why" not in told["now"]


def test_members_of_a_list_within_that_has_a_post_of_its_own(make_site):
    site = make_site(mta="sink", destinations="lists.example.com: { sources: [ corp ], posts: { nested: hand-over } }")
    site.submit()
    assert len(site.wait_for(4)) == 4
    site.rollcall.wait_idle()
    word, told = trace(site, entry_of(site), "carl", 1)
    assert word == "left out" and told["handed"] == "dev@lists.example.com"
    assert trace(site, entry_of(site, "dev@lists.example.com"), "carl", 0)[0] == "sent"
    text = site.rollcall.ctl("trace", entry_of(site), "carl@example.com", check=1).stdout
    assert ": left out: dev@lists.example.com, which he is on, has a post of its own\n" in text


def test_in_moderation(make_site):
    site = make_site(mta="sink", more="moderation: { notices: 0 }", destinations="""
        lists.example.com: { sources: [ corp ], check: [ moderated: { on_fail: hold } ] }
        """)
    site.submit()
    wait_until(lambda: site.rollcall.counts()["moderation"] == 1, what="a post that is held")
    (entry,) = site.rollcall.ctl_json("queue")["entries"]
    word, told = trace(site, entry["id"], "ann", 75)
    assert word == "in moderation" and told["reason"] and told["queue"] == "moderation"
    for command in ("hold", "stop"):
        assert "waits in moderation" in site.rollcall.ctl(command, entry["id"], check=1).stderr
    site.rollcall.ctl("accept", entry["id"], check=0)
    site.wait_for(4)
    site.rollcall.wait_idle()
    assert trace(site, entry["id"], "ann", 0)[0] == "sent"


def test_before_it_is_expanded(make_site):
    site = make_site(mta="sink", through_proxy=True)
    site.rollcall.stop()
    site.rollcall.start_expander("--queues", "inbound")
    site.submit()
    wait_until(lambda: site.rollcall.counts()["pending"] == 1, what="the post")
    (entry,) = site.rollcall.ctl_json("queue")["entries"]
    assert trace(site, entry["id"], "ann", 75)[0] == "not expanded yet"


def test_the_log_of_the_mta(make_site, mta):
    """What it says of this member and this post, and not of others."""
    site = make_site(mta=mta, start=False)
    site.rollcall.outbound_more = f"mail-log: {site.mta.dir}/maillog"
    site.start()
    reply = site.post("staff@lists.example.com")
    site.post("noowner@lists.example.com")
    site.wait_for(5)
    post = entry_of(site)
    wait_until(lambda: trace(site, post, "ann", 0)[1]["log"], what="a line of the log")
    told = trace(site, post, "ann", 0)[1]
    queue_id = told["events"][1]["queue_id"]
    assert told["log"] and all(queue_id in line and "ann@example.com" in line for line in told["log"])
    assert any(word in line for line in told["log"] for word in ("status=sent", "stat=Sent"))
    # The post by the queue id that it came with, and by its Message-ID.
    came_as = reply.text.split()[-1] if mta == "postfix" else site.rollcall.log_lines("expand")[0].get("queue")
    if came_as:
        assert trace(site, came_as, "ann", 0)[1]["id"] == post


def test_a_log_that_cannot_be_read(make_site):
    site = make_site(mta="sink", outbound="mail-log: /no/such/log")
    site.submit()
    site.rollcall.wait_idle()
    got = site.rollcall.ctl("trace", entry_of(site), "ann@example.com", check=0)
    assert "cannot read /no/such/log" in got.stderr and ": sent; line " in got.stdout


@pytest.mark.parametrize("words, status", [(["nothing", "ann@example.com"], 1), (["nothing", "ann"], 64),
                                           (["nothing"], 64)])
def test_what_cannot_be_asked(lmtp_site, words, status):
    assert lmtp_site.rollcall.ctl("trace", *words, check=status).stderr
