"""Dispatch: who sends decides what is asked, in the milter and, by the stamp, behind the MTA."""
import pytest

from testbed import client, directory
from testbed.base import free_port, wait_until
from testbed.milter import Milter

STAFF, DEV, BOB = "staff@lists.example.com", "dev@lists.example.com", "bob@example.com"
OPEN = "everybody@lists.example.com"
ALL_OF_STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
BIG = "x" * 78 + "\r\n"

SENDERS = """senders:
  partner: { from: [ .partner.example.net ] }
  abroad: { networks: [ 203.0.113.0/24, 127.0.0.9 ], check: [ reject ] }
  crew: { from: [ ann@example.com ], networks: [ 127.0.0.0/8 ] }
"""
LISTS = """lists.example.com:
  sources: [ corp ]
  check:
    - max-size: { limit: 5k }
  senders:
    partner: { check: [ posters: { allow: anyone }, header-match: { fields: "X-No: ." } ] }
    crew: { check: [ max-size: { limit: 50k } ] }
"""


def post(c, sender, *to, **more):
    assert c.mail(sender).code == 250
    replies = [c.rcpt(r) for r in to]
    return *replies, c.data(client.message(**more))


def through(site, sender, abroad=False, **more):
    with (site.smtp_from_abroad if abroad else site.smtp)() as c:
        return post(c, sender, STAFF, **more)


def test_who_sends_decides(make_site, mta):
    """Through the MTA: the checks of the block hold in the place of all others, also behind it."""
    site = make_site(mta=mta, more=SENDERS, destinations=LISTS)
    rcpt, _ = through(site, "stranger@example.net", abroad=True)
    assert rcpt == "550 5.7.1"
    (line,) = site.rollcall.log_lines("rcpt", senders="abroad")
    assert line["by"] == "reject"
    # Who nobody else would let in, and with other checks: of all that follow the first block counts.
    rcpt, end = through(site, "x@sub.partner.example.net", abroad=True, fields=["X-No: 1"])
    assert rcpt.code == 250 and end == "550 5.7.1"
    rcpt, end = through(site, "x@sub.partner.example.net", abroad=True, body=BIG * 100)
    assert end.code == 250
    # More than others may, and the expander does not say otherwise.
    rcpt, end = through(site, "ann@example.com", body=BIG * 200)
    assert end.code == 250
    _, end = through(site, "ann@example.com", body=BIG * 1000)
    assert end == "552 5.3.4"
    _, end = through(site, "bob@example.com", body=BIG * 200)
    assert end == "552 5.3.4"
    assert site.wait_for(8) == sorted(2 * ALL_OF_STAFF)
    lines = wait_until(lambda: (got := site.rollcall.log_lines("lmtp")) and len(got) == 2 and got, what="two posts")
    assert sorted((line["senders"], line["stamp"]) for line in lines) == [("crew", "valid"), ("partner", "valid")]


def test_behind_the_mta_without_a_stamp_the_destination_decides(make_site):
    """Nobody knows who sends: no block holds."""
    site = make_site(mta="sink", more=SENDERS, destinations=LISTS)
    assert site.submit(message=client.message(body=BIG * 200)) == "552 5.3.4"
    assert site.submit(message=client.message(fields=["X-No: 1"])).code == 250
    assert all("senders" not in line for line in site.rollcall.log_lines("lmtp"))


def test_an_alias_leads_to_the_checks_of_who_sends(make_site):
    """The stamp says who sends; the list that it does not name is asked about, as those senders are."""
    main = "virtual_alias_domains = mail.example.com\nvirtual_alias_maps = inline:{ team@mail.example.com=staff@lists.example.com }\n"
    site = make_site(more=SENDERS, destinations=LISTS, postfix={"main": main})
    for sender, want in (("bob@example.com", "552 5.3.4"), ("ann@example.com", "250 2.0.0")):
        with site.smtp() as c:
            _, _, end = post(c, sender, DEV if sender.startswith("ann") else "carl@example.com", "team@mail.example.com",
                             body=BIG * 200)
            assert end.code == 250
        # Where the milter saw no list there is no stamp, and the destination's own checks hold.
        line = wait_until(lambda: site.rollcall.log_lines("lmtp", list=STAFF, **{"from": sender}), what=sender)[0]
        assert line["reply"] == want, line
    assert site.rollcall.log_lines("lmtp", list=STAFF, **{"from": "ann@example.com"})[0]["senders"] == "crew"


def test_ports(make_site):
    """By number and by name, as the MTA says it."""
    other, named = free_port(), free_port()
    site = make_site(more=f"senders:\n  inner: {{ ports: {other} }}\n  named: {{ ports: [ inside ], check: [ posters: {{ allow: anyone }} ] }}\n",
                     destinations="lists.example.com: { sources: [ corp ], senders: { inner: { check: [ "
                                  "posters: { allow: anyone }, max-size: { limit: 5k } ] } } }",
                     postfix={"master": f"{other} inet n - n - - smtpd\n"
                                        f"{named} inet n - n - - smtpd -o milter_macro_daemon_name=inside\n"})

    def at(port, sender):
        with client.Client(("127.0.0.1", port)) as c:
            c.xclient(ADDR="203.0.113.7", NAME="relay.example.net")
            assert c.mail(sender, "SIZE=6000" if sender.startswith("big") else "").code == 250
            return c.rcpt(STAFF)
    assert at(site.mta.port, "stranger@example.net") == "550 5.7.1"
    assert at(other, "stranger@example.net").code == 250
    assert at(other, "big@example.net") == "552 5.3.4"
    assert at(named, "big@example.net").code == 250


def test_ports_of_sendmail(make_site):
    other = free_port()
    site = make_site(mta="sendmail", more="senders:\n  inner: { ports: Inner }\n",
                     destinations="lists.example.com: { sources: [ corp ], senders: { inner: { check: [ "
                                  "posters: { allow: anyone } ] } } }",
                     sendmail={"mc": f"DAEMON_OPTIONS(`Name=Inner, Addr=127.0.0.1, Port={other}')dnl\n"})
    for port, want in ((site.mta.port, 550), (other, 250)):
        with client.Client(("127.0.0.1", port), source="127.0.0.9") as c:
            assert c.mail("stranger@example.net").code == 250
            assert c.rcpt(STAFF).code == want


# ---- the milter by itself ----

@pytest.fixture
def small(make_site):
    return make_site(mta="sink", milter="mixed: split", more="""senders:
  submission: { ports: submission, authenticated: yes }
  inner: { networks: [ 10.0.0.0/8 ] }
  outside: { authenticated: no, check: [ posters: { allow: anyone }, header-match: { fields: "X-No: ." } ] }
""", destinations="""lists.example.com:
  sources: [ corp ]
  senders:
    inner: { check: [ posters: { allow: anyone }, authenticated ] }
    submission: { check: [ posters: { allow: authenticated }, max-size: { limit: 5k } ] }
    outside: { check: [ posters: { allow: anyone }, max-size: { limit: 5k } ] }
open.example.com: { sources: [ corp ], shared: yes }
""", ldif=None)


def connect(site, port=None, name=None):
    m = Milter(site.rollcall.milter_socket)
    if port or name:
        m.define(b"C", **{k: v for k, v in (("{daemon_port}", port), ("{daemon_name}", name)) if v})
    m.connect("203.0.113.7")
    return m


def test_the_mta_is_asked_for_what_is_needed(small):
    m = connect(small)
    assert {"{daemon_port}", "{daemon_name}"} <= set(m.macros[0])
    m.close()


def test_recipients_of_one_message_in_blocks_of_their_own(small):
    """Whoever is asked otherwise later comes by itself; the same sender is another one's block elsewhere."""
    m = connect(small, "587", "submission")
    m.mail("ann@example.com", login="ann")
    assert m.rcpt(STAFF)[0] == b"c"
    command, text = m.rcpt(BOB)               # of whom nothing is asked later
    assert text.startswith(b"452 4.5.3")
    assert m.rcpt(DEV)[0] == b"c"
    m.close()


def test_lists_whose_blocks_ask_otherwise_are_split(make_site):
    """The same sender is in one block here and in another there; others are asked the same in both."""
    ldif = directory.top() + directory.person("ann") + directory.person("bob") + "".join(
        directory.group(name, [directory.person_dn("ann")], domain=domain)
        for name, domain in (("a", "lists.example.com"), ("b", "open.example.com")))
    site = make_site(ldif, mta="sink", milter="mixed: split",
                     more="senders:\n  crew: { from: ann@example.com, check: [ max-size: { limit: 5k } ] }\n",
                     destinations="lists.example.com: { sources: [ corp ], senders: { crew: { check: [ max-size: { limit: 6k } ] } } }\n"
                                  "open.example.com: { sources: [ corp ] }\n")
    for sender, want in (("ann@example.com", b"y452 4.5.3"), ("bob@example.com", b"c")):
        m = Milter(site.rollcall.milter_socket)
        m.connect()
        m.mail(sender)
        assert m.rcpt("a@lists.example.com")[0] == b"c"
        assert b"".join(m.rcpt("b@open.example.com")).startswith(want)
        m.close()


def test_another_message_of_a_session(small):
    """Each message is dispatched anew: the login comes with it."""
    m = connect(small, "587", "submission")
    for login, want in ((None, "outside"), ("ann", "submission")):
        m.mail("ann@example.com", login=login)
        assert m.rcpt(STAFF)[0] == b"c"
        m.message([(b"X-No", b" 1")])
        assert small.rollcall.log_lines("end")[-1]["senders"] == want
    m.close()


# ---- what the operator sees ----

def test_explain_says_who_it_is(small):
    def explain(*words):
        return small.rollcall.ctl_json("explain", "ann@example.com", STAFF, *words)
    got = explain("--auth", "ann", "--port", "submission")
    assert got["senders"] == "submission" and [a["check"] for a in got["answers"]] == ["posters", "max-size"]
    assert "senders" not in explain("--auth", "ann", "--port", "587")
    assert explain()["senders"] == "outside"
    said = small.rollcall.ctl("explain", "ann@example.com", STAFF, check=0).stdout
    assert "\nsenders: outside\n" in said
    said = small.rollcall.ctl("explain", "--auth", "ann", "ann@example.com", STAFF, check=0).stdout
    assert "\nsenders: others\n" in said
    small.rollcall.ctl("explain", "ann@example.com", STAFF, "--port", "", check=64)


def test_lists_exposed_says_it_for_each_kind(small):
    got = small.rollcall.ctl_json("lists", "--exposed")
    staff = next(r for r in got["lists"] if r["address"] == STAFF)
    assert staff["senders"].pop("inner") == {"anyone": "reject", "networks": "pass", "authenticated": "pass"}
    assert staff["senders"] == {"submission": {"authenticated": "pass"}, "outside": {"anyone": "pass", "networks": "pass"}}
    assert staff["from"]["anyone"] == "pass"
    lines = small.rollcall.ctl("lists", "--exposed", check=0).stdout
    assert " submission:authenticated inner:networks,authenticated outside:anyone " in next(line for line in lines.splitlines() if line.startswith(STAFF))


def test_lists_exposed_counts_what_a_forged_sender_opens(make_site):
    site = make_site(mta="sink", start=False, more="senders:\n  boss: { from: boss@example.com }\n  near: { networks: 10.0.0.0/8 }\n",
                     destinations="lists.example.com: { sources: [ corp ], senders: { near: { check: [ posters: { allow: anyone } ] }, "
                                  "boss: { check: [ posters: { allow: ALLOW } ] } } }")
    for allow, all_of_them in (("authenticated", False), ("anyone", True)):
        site.rollcall.destinations = site.rollcall.destinations.replace("ALLOW", allow)
        site.rollcall.configure()
        got = site.rollcall.ctl_json("lists", "--exposed")
        assert got["anyone"] == (got["count"] if all_of_them else 0)
        site.rollcall.destinations = site.rollcall.destinations.replace(allow, "ALLOW", 2).replace("ALLOW", "anyone", 1)


def test_the_settings_that_hold_are_shown(small):
    settings = {s["setting"]: s["value"] for s in small.rollcall.ctl_json("config", "--print")}
    assert settings["senders.submission.authenticated"] == "yes"
    assert settings["destinations.lists.example.com.senders.submission.max-size.limit"] == "5k"
