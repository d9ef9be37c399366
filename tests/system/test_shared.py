"""Lists in a domain that also has people: what the MTA asks the socketmap, and what becomes of the mail."""
import pathlib
import re
import stat
import threading
import time

import pytest

from testbed import client, directory, milter
from testbed.base import ROOT, as_they_answer, free_port, server_path, wait_until
from testbed.socketmap import Socketmap, netstring

LIST = "OK rollcall:unix:rollcall/lmtp.sock"
NONE = "NOTFOUND "
UNSURE = "TEMP the directory does not answer, try again later"

PEOPLE = ("ann", "bob", "carl", "dora", "emil", "postmaster")


def lines_of_readme():
    """Those of postfix/README.md, with our people for the tables in files."""
    text = (ROOT / "postfix/README.md").read_text()
    lines = re.search(r"(?m)^ {4}relay_domains = example\.com\n(?: {4}.*\n)+", text).group()
    people = ", ".join(f"{p}@example.com=x" for p in PEOPLE)
    for old, new in (("hash:/etc/postfix/people", f"inline:{{ {people} }}"), (", hash:/etc/postfix/transport", "")):
        assert lines.count(old) == 1
        lines = lines.replace(old, new)
    return re.sub("(?m)^ {4}", "", lines)


MAIN = lines_of_readme() + "recipient_delimiter = +\n"


def kind_of(domains, recipients):
    return MAIN.replace("relay_domains", domains).replace("relay_recipient_maps", recipients) + \
        "relay_domains =\nrelay_recipient_maps =\n"


# The domain as each kind that Postfix has: relayed, its own, of virtual mailboxes.
KINDS = {"relay": "", "local": kind_of("mydestination", "local_recipient_maps"),
         "virtual": kind_of("virtual_mailbox_domains", "virtual_mailbox_maps")}
SHARED = "example.com: { sources: [ corp ], shared: yes }"


def company():
    """People and lists at example.com."""
    p, g = directory.person_dn, directory.group_dn
    out = directory.top() + "".join(directory.person(u) for u in ("ann", "bob", "carl", "dora", "emil"))
    out += directory.group("dev", [p("carl"), p("dora")], domain="example.com", owners=[p("emil")])
    out += directory.group("staff", [p("ann"), p("bob"), g("dev")], domain="example.com", owners=[p("ann")])
    return out


STAFF = [f"{u}@example.com" for u in ("ann", "bob", "carl", "dora")]


@pytest.fixture
def make_shared(make_site):
    def make(**options):
        postfix = dict(options.pop("postfix", {}))
        postfix["main"] = MAIN + postfix.get("main", "")
        return make_site(company(), destinations=options.pop("destinations", SHARED), postfix=postfix,
                         socketmap=options.pop("socketmap", ""), **options)
    return make


@pytest.fixture
def map_site(make_site):
    """Without Postfix: the test asks."""
    return make_site(mta="sink", socketmap="")


# ---- through Postfix ----

@pytest.mark.parametrize("kind", KINDS)
def test_lists_and_people_in_one_domain(make_shared, kind):
    site = make_shared(postfix={"main": KINDS[kind]})
    site.post(to="staff@example.com")
    assert site.wait_for(4) == STAFF
    (t,) = {t.fields("List-Post")[0] for t in site.sink.delivered("bob@example.com")}
    assert t == "<mailto:staff@example.com>"
    site.sink.clear()
    site.post(to="emil@example.com", sender="eve@elsewhere.example")
    assert site.wait_for(1) == ["emil@example.com"]
    assert site.sink.transactions[0].sender == "eve@elsewhere.example"
    site.sink.clear()
    with site.smtp() as c:                # both in one message
        c.mail("ann@example.com")
        assert c.rcpt("dev@example.com").code == 250
        assert c.rcpt("emil@example.com").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(3) == ["carl@example.com", "dora@example.com", "emil@example.com"]
    site.rollcall.wait_idle()
    assert site.rollcall.counts()["done"] == 2
    with site.smtp() as c:
        c.mail("ann@example.com")
        reply = c.rcpt("nobody@example.com")
        assert reply == "550 5.1.1" and "User unknown in" in reply.text


def test_receipts_come_back(make_shared):
    """The rule that keeps other domains from the socketmap lets them pass."""
    site = make_shared(destinations="example.com: { sources: [ corp ], shared: yes, proof: always }")
    site.post(to="staff@example.com")
    assert site.wait_for(4) == STAFF
    wait_until(lambda: site.rollcall.log_lines("receipt"), what="the receipt")
    assert site.rollcall.log_lines("receipt")[0]["state"] in ("noted", "late")


def test_details_and_roles(make_shared):
    site = make_shared()
    site.post(to="DEV+any.detail@example.com")
    assert site.wait_for(2) == ["carl@example.com", "dora@example.com"]
    site.sink.clear()
    site.post(to="emil+tag@example.com")
    assert site.wait_for(1) == ["emil+tag@example.com"]
    site.sink.clear()
    site.post(to="dev-owner@example.com")
    assert site.wait_for(1) == ["emil@example.com"]
    with site.smtp() as c:
        c.mail("")
        assert c.rcpt("dev-bounces+carl=example.com@example.com").code == 250
        assert c.rcpt("dev@example.com") == "550 5.7.1"
        assert c.rcpt("ann@example.com").code == 250


def test_who_is_nobody_is_told_so_by_postfix(make_shared):
    site = make_shared()
    with site.smtp() as c:
        c.mail("ann@example.com")
        for nobody in ("nobody", "dev-request", "ann-owner", "staff-nobody"):
            reply = c.rcpt(f"{nobody}@example.com")
            assert reply == "550 5.1.1" and "User unknown in relay recipient table" in reply.text, reply
    assert site.rollcall.log_lines("rcpt") == []


@pytest.mark.parametrize("own", ["mail.example.com", "mail.example.com, example.com"])
def test_lists_stay_closed(make_shared, own):
    """A stranger writes to people, and not to lists; however he spells them."""
    kind = KINDS["local" if "," in own else "relay"]
    site = make_shared(postfix={"main": f"{kind}mydestination = {own}\n"})
    spellings = ["<{}@example.com.>", "<@relay.example:{}@example.com>", "<{}@example.com(c)>",
                 "<{} @example.com>", "<example.com!{}>", "<<{}@example.com>>", "<\\{}@example.com>",
                 "<{}%example.com@example.com>", "<{}%example.com@mail.example.com>", '<"{}"@example.com>',
                 '<"{}@example.com"@mail.example.com>', "<{}@example.com@mail.example.com>", "<{}+x@example.com.>"]
    for spelling in spellings:
        with site.smtp() as c:
            c.xclient(ADDR="203.0.113.7", NAME="bad.example.net")
            c.mail("stranger@elsewhere.example")
            assert c.command("RCPT TO:" + spelling.format("staff")).code >= 500, spelling
            assert c.rcpt("ann@example.com").code == 250


def test_a_list_that_is_made_and_unmade(make_shared):
    site = make_shared(source_more="cache: { yes: 0s, no: 0s }")
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("new@example.com") == "550 5.1.1"
        site.slapd.modify(directory.group("new", [directory.person_dn("ann")], domain="example.com"), "ldapadd")
        assert c.rcpt("new@example.com").code == 250
        site.slapd.modify(f"dn: {directory.group_dn('new')}\nchangetype: delete\n")
        assert c.rcpt("new@example.com") == "550 5.1.1"


def test_with_the_directory_down(make_shared):
    """Whoever was written to lately is known to be no list: his mail flows. The others have to wait."""
    site = make_shared(source_more="cache: { yes: 0s, no: 0s }")
    site.post(to="emil@example.com")
    site.post(to="dev@example.com")
    site.wait_for(3)
    site.rollcall.wait_idle()
    wait_until(lambda: site.postfix.queued() == 0, what="an empty queue")
    site.sink.clear()
    site.slapd.stop()
    site.post(to="emil@example.com")
    assert site.wait_for(1) == ["emil@example.com"]
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("bob@example.com").code == 451
        assert c.rcpt("staff@example.com").code == 451
        assert c.rcpt("bob@elsewhere.example").code == 250
        assert c.rcpt("dev@example.com").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(2) == ["bob@elsewhere.example", "emil@example.com"]
    wait_until(lambda: site.rollcall.log_lines("lmtp", to="dev@example.com", reply="451 4.4.3"),
               what="a post that waits in Postfix")
    site.slapd.start()
    assert site.wait_for(4, 60) == ["bob@elsewhere.example", "carl@example.com", "dora@example.com", "emil@example.com"]
    with site.smtp() as c:
        c.mail("ann@example.com")
        wait_until(lambda: c.rcpt("bob@example.com").code == 250, what="answers again")


def test_mail_in_the_queue_waits_for_an_answer(make_shared):
    """Mail that is in Postfix already when the answer gets lost goes neither astray nor back."""
    site = make_shared(source_more="cache: { yes: 0s, no: 0s, stale: 0s }")
    site.postfix.run("/usr/sbin/postconf", "-e", "defer_transports=smtp,rollcall", check=True)
    site.postfix.run("/usr/sbin/postfix", "reload")
    time.sleep(1)
    for to in ("dev", "emil"):
        site.post(to=f"{to}@example.com")
    site.slapd.stop()
    site.postfix.run("/usr/sbin/postconf", "-e", "defer_transports=", check=True)
    site.postfix.run("/usr/sbin/postfix", "reload")
    site.postfix.flush()
    wait_until(lambda: site.rollcall.log_lines("socketmap", question="transport emil@example.com",
                                               verdict="defer"), what="a question")
    assert site.sink.recipients() == []
    site.slapd.start()
    site.postfix.flush()
    assert site.wait_for(3, 60) == ["carl@example.com", "dora@example.com", "emil@example.com"]


def test_with_the_socketmap_away(make_shared):
    """Nobody says what is a list: mail to the domain waits, and by the rule before the map no other does."""
    site = make_shared()
    site.post(to="staff@example.com")
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    site.sink.clear()
    site.rollcall.milter.terminate()
    site.rollcall.milter.wait(20)
    with client.Client(("127.0.0.1", site.postfix.reinject)) as c:       # which has no milter
        c.mail("ann@example.com")
        assert c.rcpt("staff@example.com").code == 451
        assert c.rcpt("ann@example.com").code == 451
        assert c.rcpt("bob@elsewhere.example").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(1) == ["bob@elsewhere.example"]
    site.rollcall.start_milter()
    site.post(to="dev@example.com")
    assert site.wait_for(3) == ["bob@elsewhere.example", "carl@example.com", "dora@example.com"]


@pytest.mark.usefixtures("port_25")
def test_with_debians_services_chrooted(make_shared):
    """trivial-rewrite and smtpd are chrooted there: they find the socket below the queue directory."""
    master = pathlib.Path(server_path("/usr/share/postfix/master.cf.dist")).read_text()
    assert "rewrite   unix  -       -       y" in master
    site = make_shared(start=False, postfix={"base": master, "chroot": True})
    site.postfix.port = 25
    site.start()
    site.post(to="staff+x@example.com")
    assert site.wait_for(4) == STAFF
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("nobody@example.com") == "550 5.1.1"


def test_errors_of_lists_go_to_a_person_of_the_domain(make_shared):
    """The address that hears of failures may lie in the domain, and so may owners."""
    site = make_shared(more="errors: postmaster@example.com")
    site.slapd.modify(directory.group("alone", [directory.person_dn("ann")], domain="example.com"), "ldapadd")
    site.post(to="alone-owner@example.com")
    assert site.wait_for(1) == ["postmaster@example.com"]


# ---- the protocol ----

def test_questions_and_answers(map_site):
    with Socketmap(map_site.rollcall.map_socket) as m:
        assert m.ask("staff@lists.example.com") == LIST
        assert m.ask("staff+x@lists.example.com", "recipient") == "OK list"
        assert m.ask("stuff@lists.example.com") == NONE
        for key in ("*", "lists.example.com", "@lists.example.com", "bob@example.com", ""):
            assert m.ask(key) == NONE
        assert m.ask("staff@lists.example.com", "aliases") == "PERM the maps are transport and recipient"
        # Many at once, and in pieces.
        many = [netstring(f"recipient {u}@lists.example.com") for u in ("staff", "stuff")] * 500
        sender = threading.Thread(target=m.send, args=(b"".join(many),))
        sender.start()
        assert [m.read() for _ in many] == ["OK list", NONE] * 500
        sender.join()
        for byte in netstring("transport staff@lists.example.com"):
            m.send(bytes([byte]))
        assert m.read() == LIST


@pytest.mark.parametrize("sent, words", [
    (b"1025:transport x", "PERM too long"), (b"99999999999999999999:", "PERM too long"),
    (b"GET / HTTP/1.0\r\n\r\n", "PERM no netstring"), (b"3:abcd", "PERM no netstring"),
    (b"\x16\x03\x01", "PERM no netstring"), (b"01:x,", "PERM no netstring")])
def test_what_is_no_question_ends_it(map_site, sent, words):
    with Socketmap(map_site.rollcall.map_socket) as m:
        assert m.ask("staff@lists.example.com") == LIST
        m.send(sent)
        assert m.read() == words
        with pytest.raises(ConnectionError):
            m.read()
    with Socketmap(map_site.rollcall.map_socket) as m:
        assert m.ask("staff@lists.example.com") == LIST


def test_whoever_may_use_it(make_site):
    site = make_site(mta="sink", socketmap="group: daemon")
    mode = pathlib.Path(site.rollcall.map_socket).stat()
    assert stat.S_IMODE(mode.st_mode) == 0o660 and mode.st_gid == 1
    port = free_port()
    site = make_site(mta="sink", socketmap=f"listen: inet:127.0.0.1:{port}\nnetworks: 192.0.2.0/24")
    with pytest.raises((ConnectionError, AssertionError)), Socketmap(("127.0.0.1", port)) as m:
        m.ask("staff@lists.example.com")
    assert "127.0.0.1 may not connect (socketmap.networks)" in site.rollcall.log
    port = free_port()
    site = make_site(mta="sink", socketmap=f"listen: inet:127.0.0.1:{port}")
    with Socketmap(("127.0.0.1", port)) as m:
        assert m.ask("staff@lists.example.com") == LIST


def test_absent_is_off(lmtp_site):
    assert not pathlib.Path(lmtp_site.rollcall.map_socket).exists()


def test_a_hanging_directory_holds_up_nobody_else(make_site):
    """Sixty whose lists are in memory are answered at once; the others within the deadline, or sooner."""
    site = make_site(mta="sink", source_more="cache: { yes: 1h }", socketmap="",
                     milter="deadline: 1s\nmax-waiting: 10\nbreaker: 10\nprobe: 100ms")
    maps = [Socketmap(site.rollcall.map_socket) for _ in range(80)]
    assert maps[0].ask("staff@lists.example.com") == LIST
    site.slapd.hang()
    try:
        began = time.monotonic()
        for n, m in enumerate(maps):
            m.send(netstring(f"transport {f'x{n}' if n % 4 == 0 else 'staff'}@lists.example.com"))
        known, others = [], []
        for m in as_they_answer(maps):
            answer = m.read()
            (known if answer == LIST else others).append((answer, time.monotonic() - began))
        assert len(known) == 60 and max(took for _, took in known) < 0.3
        assert {answer for answer, _ in others} == {UNSURE} and max(took for _, took in others) < 2
        # The breaker is the milter's: from now on neither waits.
        wait_until(lambda: "has not answered" in site.rollcall.log, what="the breaker")
        began = time.monotonic()
        assert maps[0].ask("another@lists.example.com") == UNSURE
        m = milter.Milter(site.rollcall.milter_socket)
        m.connect()
        m.mail("ann@example.com")
        assert m.rcpt("another@lists.example.com")[1].startswith(b"451 4.4.3 ")
        m.close()
        assert time.monotonic() - began < 0.5
    finally:
        site.slapd.go_on()
    wait_until(lambda: maps[1].ask("another@lists.example.com") == NONE, what="answers again")
    for m in maps:
        m.close()


def test_the_one_that_is_silent_longest_makes_way(make_site):
    site = make_site(mta="sink", socketmap="connections: 3\ntimeout: 1h")
    maps = []
    for _ in range(3):
        maps.append(Socketmap(site.rollcall.map_socket))
        assert maps[-1].ask("staff@lists.example.com") == LIST
        time.sleep(0.05)
    assert maps[0].ask("staff@lists.example.com") == LIST
    time.sleep(0.05)
    maps.append(Socketmap(site.rollcall.map_socket))
    assert maps[3].ask("staff@lists.example.com") == LIST
    assert maps[1].file.read(1) == b""
    for m in (maps[0], maps[2], maps[3]):
        assert m.ask("staff@lists.example.com") == LIST
    for m in maps:
        m.close()


def test_a_silent_connection_ends(make_site):
    site = make_site(mta="sink", socketmap="timeout: 1s")
    with Socketmap(site.rollcall.map_socket) as m:
        assert m.ask("staff@lists.example.com") == LIST
        assert m.file.read(1) == b""


def test_reload_and_stop(map_site):
    """A connection that stays gets answers by the new configuration; none keeps the milter from ending."""
    rc = map_site.rollcall
    with Socketmap(rc.map_socket) as m, Socketmap(rc.map_socket) as busy:
        assert m.ask("staff@lists.example.com") == LIST
        rc.socketmap_more = "transport: lmtp:inet:mail.example.com:24"
        rc.reload()
        assert m.ask("staff@lists.example.com") == "OK lmtp:inet:mail.example.com:24"
        rc.socketmap_more = f"listen: unix:{rc.dir}/other.sock"
        rc.reload()
        assert "socketmap.listen takes effect at the next start only" in rc.log
        assert m.ask("staff@lists.example.com") == LIST
        map_site.slapd.hang()
        try:
            busy.send(netstring("transport other@lists.example.com"))
            began = time.monotonic()
            rc.milter.terminate()
            assert rc.milter.wait(15) == 0
            assert time.monotonic() - began < 10
        finally:
            map_site.slapd.go_on()
        assert busy.read() == UNSURE
        assert m.file.read(1) == b""
    assert not pathlib.Path(rc.map_socket).exists()


# ---- through sendmail ----

@pytest.fixture
def sendmail_site(make_site):
    """The fourth argument of our feature; that the domain's mail is taken is the site's to say."""
    return make_site(company(), mta="sendmail", destinations=SHARED, socketmap="",
                     source_more="cache: { yes: 0s, no: 0s, stale: 0s }",
                     sendmail={"domains": "", "shared": "example.com", "mc": "RELAY_DOMAIN(`example.com')dnl\n"})


def test_lists_and_people_with_sendmail(sendmail_site):
    site = sendmail_site
    with site.smtp() as c:                # both in one message
        c.mail("ann@example.com")
        assert c.rcpt("DEV+any.detail@example.com").code == 250
        assert c.rcpt("emil+tag@example.com").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(3) == ["carl@example.com", "dora@example.com", "emil+tag@example.com"]
    site.sink.clear()
    site.post(to="dev-owner@example.com")
    assert site.wait_for(1) == ["emil@example.com"]
    with site.smtp() as c:
        c.mail("")
        assert c.rcpt("dev-bounces+carl=example.com@example.com").code == 250
        assert c.rcpt("dev@example.com") == "550 5.7.1"


def test_lists_stay_closed_with_sendmail(sendmail_site):
    """A stranger writes to people, and not to lists; however he spells them."""
    for spelling in ("<{}@example.com>", "<{}@example.com.>", "<@relay.example:{}@example.com>", "<{}@EXAMPLE.com(c)>",
                     "<{} @example.com>", "<<{}@example.com>>", '<"{}"@example.com>', "<\\{}@example.com>",
                     "<{}%example.com@example.com>", "<example.com!{}@example.com>", "<{}+x@example.com.>"):
        with sendmail_site.smtp_from_abroad() as c:
            c.mail("stranger@elsewhere.example")
            if c.command("RCPT TO:" + spelling.format("staff")).code == 250:
                c.data(client.message())  # to somebody; the expander takes it for no list either
    with sendmail_site.smtp_from_abroad() as c:
        c.mail("stranger@elsewhere.example")
        assert c.rcpt("ann@example.com").code == 250
    wait_until(lambda: sendmail_site.mta.queued() == 0, what="an empty queue")
    assert not sendmail_site.rollcall.log_lines("lmtp", reply="250 2.0.0")
    assert not set(sendmail_site.sink.recipients()) & set(STAFF)


@pytest.mark.parametrize("domain", ["example.com", "lists.example.com"])
def test_what_sendmail_was_told_is_a_list_is_taken_as_one(make_site, domain):
    """
    Odd spellings come to the expander as the client had them. Were one taken at RCPT and refused there, a stranger
    who writes to owners could have sendmail return mail to whomever he likes.
    """
    shared = {"domains": "", "shared": domain, "mc": f"RELAY_DOMAIN(`{domain}')dnl\n"}
    site = make_site(company().replace("staff@example.com", f"staff@{domain}"), mta="sendmail", socketmap="",
                     destinations=f"{domain}: {{ sources: [ corp ], shared: {'yes' if domain == 'example.com' else 'no'} }}",
                     sendmail=shared if domain == "example.com" else {})
    taken = 0
    for spelling in ("\\{}", "s\\taff-owner", '"st"aff-owner', '{}+"x y"', '"{}"+x', "{}+;", "{}+\\x", '"{}+x y"',
                     '"s\\taff-owner"', "{}.", '"{}"."x"', "{}+a..b"):
        with site.smtp_from_abroad() as c:
            c.mail("forged@victim.example")
            if c.command(f"RCPT TO:<{spelling.format('staff-owner')}@{domain}>").code == 250:
                assert c.data(client.message()).code == 250
                taken += 1
    assert taken > 5
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    site.rollcall.wait_idle()
    wait_until(lambda: site.mta.queued() == 0, what="an empty queue")
    assert {line["reply"] for line in site.rollcall.log_lines("lmtp")} == {"250 2.0.0"}
    assert "ann@example.com" in site.sink.recipients() and "forged@victim.example" not in site.sink.recipients()


def test_sendmail_waits_for_an_answer(sendmail_site):
    """Recipients in the domain are put off; senders in it are not asked about."""
    site = sendmail_site
    site.slapd.stop()
    with site.smtp() as c:
        assert c.mail("ann@example.com").code == 250
        assert c.rcpt("staff@example.com") == "451 4.3.0"
        assert c.rcpt("emil@example.com") == "451 4.3.0"
        assert c.rcpt("bob@elsewhere.example").code == 250
        site.slapd.start()
        wait_until(lambda: c.rcpt("emil@example.com").code == 250, what="answers again")


def test_sendmails_map_class_socket(sendmail_site):
    """sendmail asks under the name of its map: the map is called as ours is."""
    site = sendmail_site

    def look_up(key):
        out = site.mta.run("-bt", input=f"/map recipient {key}\n").stdout
        return out.partition(f"map_lookup: recipient ({key}) ")[2].splitlines()[0]
    assert look_up("staff+x@example.com") == "returns list (0)"
    assert look_up("stuff@example.com") == "no match (68)"              # EX_NOHOST: not found
    site.slapd.stop()
    assert look_up("other@example.com") == "no match (75)"              # EX_TEMPFAIL
