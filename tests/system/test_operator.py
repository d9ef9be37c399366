"""What an operator does: rollcallctl, signals, reloading, running a part of the queues."""
import json
import os
import pty
import re
import signal
import subprocess
import time

import pytest

from testbed import client, directory
from testbed.base import BUILD, ROOT, wait_until

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]


# ---- lookup ----

@pytest.mark.parametrize("address, list_, role", [
    ("staff@lists.example.com", "staff@lists.example.com", "post"),
    ("Everybody+x@Lists.Example.Com", "staff@lists.example.com", "post"),
    ("staff-owner@lists.example.com", "staff@lists.example.com", "owner"),
    ("staff-bounces+ann=example.com@lists.example.com", "staff@lists.example.com", "bounces"),
    ("staff-request@lists.example.com", "staff-request@lists.example.com", "post"),
])
def test_lookup(lmtp_site, address, list_, role):
    got = lmtp_site.rollcall.ctl_json("lookup", address)
    assert (got["found"], got["list"], got["role"], got["source"]) == ("yes", list_, role, "corp")
    text = lmtp_site.rollcall.ctl("lookup", address, check=0).stdout
    assert f"{role} of the list {list_}" in text and got["key"] in text


@pytest.mark.parametrize("address, status, words", [
    ("stuff@lists.example.com", 1, "no list has this address"),
    ("staff-subscribe@lists.example.com", 1, "nobody is behind this role"),
    ("bob@example.com", 1, "in no domain of lists"),
    ("bob", 64, "bob"),
    ("a b@lists.example.com", 64, "a b@"),
])
def test_lookup_says_no(lmtp_site, address, status, words):
    got = lmtp_site.rollcall.ctl("lookup", address, check=status)
    assert words in got.stderr and got.stdout == ""
    if status == 1:
        got = lmtp_site.rollcall.ctl("--json", "lookup", address, check=status)
        assert json.loads(got.stdout)["found"] == "no"


def test_lookup_is_unsure(lmtp_site):
    lmtp_site.slapd.stop()
    got = lmtp_site.rollcall.ctl("--json", "lookup", "staff@lists.example.com", check=75)
    assert json.loads(got.stdout)["found"] == "unsure"


# ---- members ----

def test_members_and_how_they_are_some(lmtp_site):
    got = lmtp_site.rollcall.ctl_json("members", "staff@lists.example.com")
    via = {m["address"]: m["via"] for m in got["members"]}
    assert sorted(via) == STAFF
    assert via["ann@example.com"] == ["staff@lists.example.com"]
    assert via["carl@example.com"] == ["staff@lists.example.com", "dev@lists.example.com"]
    assert (got["recipients"], got["groups"]) == (4, 2)
    text = lmtp_site.rollcall.ctl("members", "staff@lists.example.com", check=0).stdout
    assert re.search(r"^carl@example.com +staff@lists.example.com > dev@lists.example.com$", text, re.M)
    assert "4 recipients, 2 groups" in text


def test_what_there_is_one_of(lmtp_site):
    """Whoever counts says it in English."""
    def last(to):
        return lmtp_site.rollcall.ctl("members", to, check=0).stdout.splitlines()[-1]
    assert last("edge@lists.example.com") == "3 recipients, 1 group, 2 members that do not exist, 1 without an address"
    lmtp_site.slapd.modify(directory.person("gone"), "ldapadd")
    assert last("edge@lists.example.com") == "4 recipients, 1 group, 1 member that does not exist, 1 without an address"


def test_members_are_read_afresh(lmtp_site):
    lmtp_site.rollcall.ctl("members", "a+b@lists.example.com", check=0)
    lmtp_site.slapd.modify(f"dn: {directory.group_dn('a+b')}\nchangetype: modify\nadd: member\n"
                           f"member: {directory.person_dn('emil')}\n")
    got = lmtp_site.rollcall.ctl_json("members", "a+b@lists.example.com")
    assert sorted(m["address"] for m in got["members"]) == ["dora@example.com", "emil@example.com"]


def test_members_that_are_odd_are_counted(lmtp_site):
    got = lmtp_site.rollcall.ctl_json("members", "edge@lists.example.com")
    assert (got["dangling"], got["without_address"], got["recipients"]) == (2, 1, 3)


def test_owners(lmtp_site):
    for words in (["--owners", "staff@lists.example.com"], ["staff-owner@lists.example.com"]):
        got = lmtp_site.rollcall.ctl_json("members", *words)
        assert [m["address"] for m in got["members"]] == ["ann@example.com"]


@pytest.mark.parametrize("address, status", [("stuff@lists.example.com", 1), ("bob@example.com", 1), ("x", 64)])
def test_members_of_what_is_no_list(lmtp_site, address, status):
    assert lmtp_site.rollcall.ctl("members", address, check=status).stdout == ""


# ---- queue and retry ----

def test_the_queue_and_why(make_site):
    site = make_site(mta="sink", outbound="retry-first: 1h\nretry-most: 1h")
    site.sink.on_rcpt = lambda a, n: "450 4.2.1 mailbox busy" if a == "bob@example.com" else None
    site.submit(message=client.message(body=b"x" * 50 + b"\r\n" + (b"y" * 70 + b"\r\n") * 1000))
    wait_until(lambda: len(site.sink.recipients()) == 3 and site.rollcall.log_lines("inject", state="deferred"),
               what="a deferral")
    got = site.rollcall.ctl_json("queue")
    assert got["counts"]["outbound"] == 1
    (entry,) = got["entries"]
    assert (entry["list"], entry["recipients"], entry["sent"], entry["waiting"]) == ("staff@lists.example.com", 4, 3, 1)
    assert entry["deferred"] == 1 and entry["per_minute"] == 0 and "end" not in entry       # it stands
    assert entry["reason"] == "450 4.2.1 mailbox busy" and entry["tries"] == 1
    text = site.rollcall.ctl("queue", check=0).stdout
    assert re.search(rf"^{entry['id']}  outbound +\d+s +71k  staff@lists.example.com  3 of 4 sent, 1 deferred\n"
                     r" +450 4.2.1 mailbox busy; again in \d+m$", text, re.M), text
    site.sink.on_rcpt = None
    assert "no entry \"nonsense\" is waiting" in site.rollcall.ctl("retry", "nonsense", check=70).stderr
    assert "1 entry will be tried now" in site.rollcall.ctl("retry", entry["id"], check=0).stdout
    assert site.wait_for(4) == STAFF
    site.rollcall.wait_idle()
    assert site.rollcall.ctl_json("retry", "all") == {"expander": {"entries": 0}}


def test_how_long_it_will_take(make_site):
    """A fan-out that is slow: the rate so far, and its end; shown until it is over."""
    site = make_site(mta="sink", outbound="batch: 1\nlanes: 1\nsmall: 100")
    site.sink.delay_dot = 1
    site.submit()
    wait_until(lambda: [e for e in site.rollcall.ctl_json("queue")["entries"] if e.get("sent") == 2], what="a half")
    (entry,) = site.rollcall.ctl_json("queue")["entries"]
    now = time.time() * 1000
    assert 10 < entry["per_minute"] < 120 and entry["arrived"] < entry["end"] and entry["end"] < now + 60000
    text = site.rollcall.ctl("queue", "--follow", check=0, seconds=60).stdout
    assert re.search(r" [23] of 4 sent  \d+/min, \d+s left\npending 0, outbound 1, bounce 0 \(0 kept\), moderation 0, done 0\n", text)
    assert text.endswith("\npending 0, outbound 0, bounce 0 (0 kept), moderation 0, done 1\n") and "\x1b" not in text
    site.rollcall.ctl("--json", "queue", "--follow", check=64)


def test_progress_in_place_on_a_terminal(lmtp_site):
    ours, theirs = pty.openpty()
    got = subprocess.Popen([BUILD / "rollcallctl", "-c", lmtp_site.rollcall.config, "queue", "--follow"],
                           stdout=theirs, stderr=theirs)
    assert got.wait(20) == 0
    os.close(theirs)
    assert os.read(ours, 4096).startswith(b"\x1b[H\x1b[Jpending 0, ")
    os.close(ours)


def test_nobody_else_talks_to_the_terminal(make_site):
    site = make_site(mta="sink")
    site.sink.on_rcpt = lambda a, n: "450 4.2.0 \x1b]0;owned\x07\x1b[2J\u009b2Jhello"
    site.submit()
    wait_until(lambda: site.rollcall.log_lines("inject", state="deferred"), what="a deferral")
    text = site.rollcall.ctl("queue", check=0).stdout
    assert "\\x1b]0;owned\\x07\\x1b[2J\\xc2\\x9b2Jhello" in text
    assert not set(text) & set("\x1b\x07\u009b")


def test_reload_says_what_has_to_wait(lmtp_site):
    r = lmtp_site.rollcall
    r.milter_more, r.lmtp_more, r.outbound_more = "group: nogroup", "sessions: 7", "lanes: 2\nbatch: 7"
    r.reload()
    waits = set(re.findall(r"reload: (\S+) takes effect at the next start only", r.log))
    assert waits == {"milter.group", "outbound.lanes"}


def test_reload_says_what_it_did(lmtp_site):
    assert set(lmtp_site.rollcall.ctl_json("reload")) == {"milter", "expander"}


def test_retry_without_an_expander(lmtp_site):
    lmtp_site.rollcall.kill_expander()
    got = lmtp_site.rollcall.ctl("retry", "all", check=70)
    assert "expander" in got.stderr
    # The queue is read from disk all the same.
    assert lmtp_site.rollcall.counts()["outbound"] == 0


# ---- usage ----

@pytest.mark.parametrize("words", ["", "lookup", "lookup a b", "members", "queue x", "retry", "reload x",
                                   "config", "config --check --print", "config --nonsense", "drain x", "drain --wait", "drain --wait soon", "resume x", "metrics x", "release",
                                   "discard"])
def test_usage(lmtp_site, words):
    got = lmtp_site.rollcall.ctl(*words.split(), check=64)
    assert "usage: rollcallctl" in got.stderr and got.stdout == ""


@pytest.mark.parametrize("words, said", [
    ("memebrs x", 'there is no command "memebrs"; did you mean "members"?'),
    ("nonsense", 'there is no command "nonsense": rollcallctl help names all'),
    ("help nonsense", 'there is no command "nonsense"'),
    ("members --owner x@y", "members has no option --owner"),
    ("members --post x@y", "members has no option --post"),
    ("reload --all", "reload has no option --all"),
])
def test_mistyped(words, said):
    got = subprocess.run([BUILD / "rollcallctl", *words.split()], capture_output=True, text=True)
    assert got.returncode == 64 and f"rollcallctl: {said}" in got.stderr and got.stdout == ""


@pytest.mark.parametrize("words", ["help", "-h", "--help", "help stop", "stop --help", "stop -h"])
def test_help(words):
    got = subprocess.run([BUILD / "rollcallctl", *words.split()], capture_output=True, text=True)
    assert got.returncode == 0 and got.stderr == ""
    assert "[--wait TIME] POST" in got.stdout and "ends a post's sending" in got.stdout


@pytest.mark.parametrize("program", ["rollcall-milter", "rollcall-expander", "rollcallctl"])
def test_every_program_says_its_version(program):
    got = subprocess.run([BUILD / program, "-V"], stdout=subprocess.PIPE, text=True, check=True)
    assert re.fullmatch(rf"{program} \d+\.\d+\n", got.stdout)


@pytest.mark.parametrize("words", [["rollcall-milter", "-x"], ["rollcall-expander", "-x"], ["rollcall-milter", "/etc/x.yaml"],
                                   ["rollcall-expander", "/etc/x.yaml"],
                                   ["rollcall-expander", "--queues", "pending,nonsense"]])
def test_daemons_refuse_what_they_do_not_know(words):
    got = subprocess.run([BUILD / words[0], *words[1:]], stderr=subprocess.PIPE, text=True)
    assert got.returncode == 64 and "usage:" in got.stderr


# ---- configuration ----

def test_config_print(lmtp_site):
    got = {e["setting"]: e for e in lmtp_site.rollcall.ctl_json("config", "--print")}
    assert got["hostname"]["value"] == "mail.example.com" and re.search(r"rollcall.yaml:1", got["hostname"]["origin"])
    assert got["outbound.lanes"] == {"setting": "outbound.lanes", "value": "4", "origin": "default"}
    assert "sources.corp.preset" in got and "destinations.lists.example.com.sources" in got
    text = lmtp_site.rollcall.ctl("config", "--print", check=0).stdout
    assert re.search(r"^outbound.lanes: 4 +# default$", text, re.M)


MISTAKES = [("lanes: 4x", "outbound"), ("lanse: 4", "did you mean \"lanes\"")]


@pytest.mark.parametrize("line, words", MISTAKES)
def test_config_check(lmtp_site, line, words):
    assert ": ok" in lmtp_site.rollcall.ctl("config", "--check", check=0).stdout
    assert lmtp_site.rollcall.ctl_json("config", "--check") == {"file": str(lmtp_site.rollcall.config), "ok": True}
    lmtp_site.rollcall.outbound_more = line
    lmtp_site.rollcall.configure()
    got = lmtp_site.rollcall.ctl("config", "--check", check=78)
    number = lmtp_site.rollcall.config.read_text().splitlines().index("  " + line) + 1
    assert f"rollcall.yaml:{number}:" in got.stderr
    if "did you" in words:
        assert words in got.stderr


@pytest.mark.parametrize("block, line, kind", [
    (None, "user: {}", "user"), ("milter", "  group: {}", "group"), ("socketmap", "  group: {}", "group"), ("lmtp", "  group: {}", "group"),
])
def test_config_check_knows_who_is_there(make_site, block, line, kind):
    """A daemon that becomes nobody who is there would not start."""
    r = make_site(mta="sink", start=False).rollcall
    r.configure()
    good = re.sub(r"(?m)^(user:| +group:).*\n", "", r.config.read_text())
    if block == "socketmap":
        good += "socketmap:\n  listen: inet:127.0.0.1:1\n"
    for name, status in ("root", 0), ("nosuch", 78):
        written = line.format(name)
        r.config.write_text(f"{written}\n{good}" if block is None else re.sub(f"(?m)^{block}:\n", f"{block}:\n{written}\n", good))
        got = r.ctl("config", "--check", check=status)
        if status:
            number = r.config.read_text().splitlines().index(written) + 1
            path = f"{block}.{kind}" if block else kind
            assert f'{r.config}:{number}: {path}: there is no {kind} "nosuch" on this host' in got.stderr and got.stdout == ""
            r.ctl("config", "--print", check=0)                  # that can be looked at on any host


@pytest.mark.parametrize("how", ["reload", "USR1"])
def test_reload_with_a_broken_file(lmtp_site, how):
    """The old configuration stays in force, and the error names the place."""
    r = lmtp_site.rollcall
    good = r.config.read_text()

    def reload():
        if how == "reload":
            return r.ctl("reload")
        for process in (r.milter, r.expander):
            process.send_signal(signal.SIGUSR1)

    r.config.write_text(good[:len(good) // 2])
    got = reload()
    if how == "reload":
        assert got.returncode == 78 and "rollcall.yaml:" in got.stderr
    else:
        wait_until(lambda: r.log.count("the old configuration stays in force") == 2, what="the complaints")
    assert lmtp_site.submit().code == 250
    assert lmtp_site.wait_for(4) == STAFF
    r.config.write_text(good.replace("destinations:\n  lists.example.com:", "destinations:\n  elsewhere.example:"))
    reload()
    wait_until(lambda: r.log.count("is in force") == 2, what="the new configuration")
    with lmtp_site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 550


def test_reload_tells_what_needs_a_restart(lmtp_site):
    lmtp_site.rollcall.outbound_more = "lanes: 9"
    got = lmtp_site.rollcall.reload()
    assert got.stdout == "milter: reloaded\nexpander: reloaded\n"
    assert "outbound.lanes" in lmtp_site.rollcall.log


def test_reload_with_nobody_running(lmtp_site):
    lmtp_site.rollcall.stop()
    assert "no daemon is running" in lmtp_site.rollcall.ctl("reload", check=70).stderr


def test_a_reload_in_the_middle_of_work(make_site):
    """Posts on their way finish by the configuration that they began with, or with the new one; none is lost."""
    site = make_site(directory.crowded(300), mta="sink", outbound="batch: 10")
    site.sink.on_dot = lambda t: time.sleep(0.01)
    for _ in range(5):
        site.submit(to="g300@lists.example.com")
        site.rollcall.ctl("reload", check=0)
    site.wait_for(1500)
    site.rollcall.wait_idle()
    assert len(site.sink.recipients()) == 1500


@pytest.mark.parametrize("program", ["rollcall-milter", "rollcall-expander"])
def test_a_daemon_with_a_broken_file_does_not_start(lmtp_site, program):
    path = lmtp_site.rollcall.dir / "broken.yaml"
    path.write_text("hostname: [\n")
    got = subprocess.run([BUILD / program, "-c", path], stderr=subprocess.PIPE, text=True, timeout=10)
    assert got.returncode == 78 and "broken.yaml:" in got.stderr


@pytest.mark.parametrize("program", ["rollcall-milter", "rollcall-expander"])
def test_a_second_daemon_on_the_same_sockets_does_not_start(lmtp_site, program):
    got = subprocess.run([BUILD / program, "-c", lmtp_site.rollcall.config], stderr=subprocess.PIPE, timeout=10)
    assert got.returncode == 1 and b"listens on" in got.stderr
    assert lmtp_site.submit().code == 250


def test_daemons_give_up_root(nobody_site):
    """Started as root, they run as the user of the configuration, and the sockets are the MTA's group's."""
    site = nobody_site
    for process in (site.rollcall.milter, site.rollcall.expander):
        assert os.stat(f"/proc/{process.pid}").st_uid == 65534
    for path in (site.rollcall.milter_socket, site.rollcall.lmtp_socket):
        assert os.stat(path).st_uid == 65534 and os.stat(path).st_mode & 0o777 == 0o660
    site.submit()
    assert site.wait_for(4) == STAFF
    site.rollcall.ctl("reload", check=0)


def test_some_queues_only(make_site):
    """An expander that takes in, and another that sends out; they meet only in the spool."""
    site = make_site(mta="sink", start=False)
    site.rollcall.configure()
    (site.rollcall.dir / "state").mkdir()
    site.rollcall.start_milter()
    site.rollcall.start_expander("--queues", "inbound")
    site.submit()
    assert site.rollcall.counts()["pending"] == 1
    site.rollcall.kill_expander()
    site.rollcall.start_expander("--queues", "pending")
    wait_until(lambda: site.rollcall.counts()["outbound"] == 1, what="an expanded post")
    assert site.sink.delivered() == [] and not os.path.exists(site.rollcall.dir / "state/lmtp.sock")
    site.rollcall.kill_expander()
    site.rollcall.start_expander("--queues", "outbound,bounce")
    assert site.wait_for(4) == STAFF


# ---- examples ----

@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.name)
def test_people_get_their_mail_with_every_example(make_site, company_ldif, example):
    """bob@example.com is no list: whatever the examples say, his mail is let through, and lists work."""
    unix = "".join(directory.account(f"{u}9", f"{u}@example.com") for u in ("ann", "bob", "carl"))
    unix += directory.posix_group("unix", ["ann9", "bob9", "carl9"], description="mailing list of ours")
    unix += directory.posix_group("wheel", ["ann9"])
    site = make_site(company_ldif + unix, start=False)
    text = example.read_text()
    for old, new in ((r"/var/lib/rollcall", str(site.rollcall.dir / "state")),
                     (r"/var/spool/postfix", str(site.postfix.queue)),
                     (r"/etc/rollcall/lists.json", str(ROOT / "examples/lists.json")),
                     (r"/etc/rollcall/ldap.password", str(site.path / "password")),
                     (r"group: postfix", f"group: {site.postfix.owner}"),
                     (r"smtp:127.0.0.1:10026", f"smtp:127.0.0.1:{site.postfix.reinject}"),
                     (r"user: rollcall\n", ""), (r"starttls: yes\n", "starttls: no\n"),
                     (r"ldap://ldap\d.example.com", site.slapd.uri)):
        text = re.sub(old, new, text)
    if "outbound:" not in text:
        text += f"outbound: {{ mta: smtp:127.0.0.1:{site.postfix.reinject} }}\n"
    (site.path / "password").write_text("secret\n")
    site.rollcall.configure = lambda: site.rollcall.config.write_text(text)
    site.start()
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("bob@example.com").code == 250
        assert c.data(client.message(to="bob@example.com")).code == 250
        assert c.mail("").code == 250
        assert c.rcpt("bob@example.com").code == 250
        assert c.data(client.message(to="bob@example.com", fields=["Auto-Submitted: auto-replied"])).code == 250
    assert site.wait_for(2) == ["bob@example.com"] * 2
    site.sink.clear()
    known = {"rollcall.yaml": "staff", "file.yaml": "pizza", "posix.yaml": "unix"}[example.name]
    site.post(to=f"{known}@lists.example.com", sender="dora@example.com")     # who has one entry
    assert "bob@example.com" in site.wait_for(3)
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("bob@lists.example.com") == "550 5.1.1"
        assert c.rcpt("wheel@lists.example.com") == "550 5.1.1"


def test_every_example_is_tried():
    """A file that names domains of lists is in examples/, or a part of one that the tests put in force."""
    found = {str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.suffix in (".yaml", ".part", ".mc", ".m4")
             and not str(p.relative_to(ROOT)).startswith("build")}
    assert found == {"examples/rollcall.yaml", "examples/file.yaml", "examples/posix.yaml",
                     "postfix/main.cf.part", "postfix/master.cf.part",
                     "sendmail-cf/example.mc", "sendmail-cf/feature/rollcall.m4", "sendmail-cf/mailer/rollcall.m4"}
