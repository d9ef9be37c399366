"""rollcallctl lists: which groups are lists, and who could write to them; all of it or nothing."""
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from testbed import client, directory
from testbed.base import BUILD
from testbed.directory import group, person, person_dn


def rows(site, *words):
    return {row["address"]: row for row in site.rollcall.ctl_json("lists", *words)["lists"]}


def test_lists(lmtp_site):
    got = lmtp_site.rollcall.ctl_json("lists")
    assert got["count"] == len(got["lists"]) > 5 and got["twice"] == 0 and "ways" not in got
    staff = rows(lmtp_site)["staff@lists.example.com"]
    assert staff == dict(address="staff@lists.example.com", also=["everybody@lists.example.com"], name="All of us",
                         domain="lists.example.com", source="corp", key=directory.group_dn("staff"), twice=False)
    text = lmtp_site.rollcall.ctl("lists", check=0).stdout
    assert re.search(rf"(?m)^staff@lists.example.com +corp: {re.escape(directory.group_dn('staff'))}"
                     r" also everybody@lists.example.com$", text)
    assert text.endswith(f"\n{got['count']} lists\n") and "written to" not in text
    assert lmtp_site.rollcall.ctl("lists", "staff").returncode == 64


def test_only_lists_are_listed(make_site):
    """What lookup says no to, for want of an address, by its domain or by the filter, is not there."""
    out = directory.top() + person("ann") + group("open", [person_dn("ann")], description="public")
    out += group("hidden", [person_dn("ann")]) + group("private", [person_dn("ann")], mail=False, description="public")
    out += group("other", [person_dn("ann")], mail="other@example.com", description="public")
    out += group("both", [person_dn("ann")], mail="both@example.com", description="public",
                 mailAlternateAddress=["b@lists.example.com", "a@lists.example.com", "A@lists.example.com"])
    site = make_site(out, mta="sink", source_more='filter: "(description=public)"')
    assert sorted(rows(site)) == ["a@lists.example.com", "open@lists.example.com"]
    assert rows(site)["a@lists.example.com"]["also"] == ["b@lists.example.com"]


def test_none(make_site):
    site = make_site(directory.top(), mta="sink")
    assert site.rollcall.ctl_json("lists") == dict(lists=[], count=0, twice=0)
    assert site.rollcall.ctl("lists", check=0).stdout == "0 lists\n"


# ---- who could write to them ----

@pytest.mark.parametrize("check, text, passing", [
    ("", "known", []),
    ("check: [ posters: { allow: [ authenticated, networks ] } ]", "authenticated, networks", ["networks", "authenticated"]),
    ("check: [ posters: { allow: [ members, .example.com ], by: envelope } ]", r"members, \.example\.com \(by: envelope\)", []),
    ("check: [ posters: { allow: anyone }, authenticated ]", "networks,authenticated", ["networks", "authenticated"]),
    ("check: [ posters: { allow: [ anyone ] } ]", "anyone", ["anyone", "networks", "authenticated"]),
    ("check: [ posters: { allow: [ networks ] } ]", "networks", ["networks"]),
    ("check: [ posters: { allow: [ authenticated ] } ]", "authenticated", ["authenticated"]),
    ("check: [ posters: { allow: [ ] } ]", None, None),
])
def test_who_could_post(make_site, check, text, passing):
    site = make_site(mta="sink", start=False, destinations=f"lists.example.com:\n  sources: [ corp ]\n  {check}")
    site.rollcall.configure()
    if text is None:
        passing, text = [], "nobody"
    got = site.rollcall.ctl_json("lists", "--exposed")
    assert got["anyone"] == (got["count"] if "anyone" in passing else 0) and got["owners"] == got["count"]
    for row in got["lists"]:
        assert [w for w, verdict in row["from"].items() if verdict == "pass"] == [*passing, "lmtp"]
    assert got["ways"]["lmtp"] == f"unix:{site.rollcall.lmtp_socket}"
    lines = site.rollcall.ctl("lists", "--exposed", check=0).stdout.splitlines()
    assert all(re.match(rf"\S+@lists.example.com +{text} +corp: ", line) for line in lines[:got["count"]])
    assert f"SMTP: {got['anyone']} can be written to by anyone, of {got['count']} the owners" in lines
    assert f"LMTP: {got['count']} can be written to by whoever may connect to unix:{site.rollcall.lmtp_socket}" \
        "; over TCP from 127.0.0.0/8, ::1" in lines


def test_the_milter_agrees(make_site):
    """What is said to be open is open to a stranger, in a running site, and what is not is not."""
    site = make_site(directory.top() + person("ann") + group("a", [person_dn("ann")]) +
                     group("b", [person_dn("ann")], domain="open.example.com"),
                     destinations="lists.example.com: { sources: [ corp ] }\n"
                                  "open.example.com: { sources: [ corp ], check: [ posters: { allow: anyone } ] }",
                     postfix=dict(main="relay_domains = lists.example.com open.example.com\n"
                                  "transport_maps = inline:{ lists.example.com=rollcall:unix:rollcall/lmtp.sock, "
                                  "open.example.com=rollcall:unix:rollcall/lmtp.sock }\n"))
    for address, row in rows(site, "--exposed").items():
        with site.smtp_from_abroad() as c:
            c.mail("stranger@example.net")
            assert (c.rcpt(address).code == 250) == (row["from"]["anyone"] == "pass"), address


def test_ways_on_which_nobody_is_asked(make_site):
    """An alias leads a stranger to a list in a domain of its own, too; so it is said."""
    site = make_site(directory.top() + person("ann") + group("closed", [person_dn("ann")]), postfix=dict(
        main="virtual_alias_domains = example.org\nvirtual_alias_maps = inline:{ all@example.org=closed@lists.example.com }\n"))
    with site.smtp_from_abroad() as c:
        c.mail("stranger@example.net")
        assert c.rcpt("closed@lists.example.com") == "550 5.7.1"
        assert c.rcpt("all@example.org").code == 250
        assert c.data(client.message()).code == 250
    assert site.wait_for(1) == ["ann@example.com"]
    said = site.rollcall.ctl("lists", "--exposed", check=0).stdout
    assert "aliases: those of the MTA that lead to a list are asked nothing\n" in said and "sendmail(1): asked nothing" in said


def test_shared_domains_and_several(make_site):
    """A group with addresses in two domains is a list in both."""
    out = directory.top() + person("ann")
    out += group("staff", [person_dn("ann")], mailAlternateAddress="crew@example.com")
    site = make_site(out, mta="sink", start=False, socketmap="",
                     destinations="lists.example.com: { sources: [ corp ] }\n"
                                  "example.com: { sources: [ corp ], shared: yes, "
                                  "check: [ posters: { allow: [ anyone ] } ] }")
    site.rollcall.configure()
    got = site.rollcall.ctl_json("lists", "--exposed")
    assert {r["address"]: r["from"]["anyone"] for r in got["lists"]} == {
        "staff@lists.example.com": "reject", "crew@example.com": "pass"}
    assert got["ways"]["socketmap"] == f"unix:{site.rollcall.map_socket}"


# ---- all or nothing ----

def fails(site, words, status=75):
    for more in ([], ["--json"]):
        got = site.rollcall.ctl(*more, "lists", "--exposed")
        assert got.returncode == status and got.stdout == "" and words in got.stderr, got


def test_a_directory_that_is_down(make_site):
    site = make_site(mta="sink", start=False)
    site.rollcall.configure()
    site.slapd.stop()
    fails(site, "lists.example.com: not all lists could be read: ldap://")


@pytest.mark.parametrize("limit, words", [
    ("sizelimit 20", "Size limit exceeded"),
    ("sizelimit size.soft=20 size.hard=20 size.prtotal=120", "Size limit exceeded"),
    ("sizelimit size.pr=100", "Administrative limit exceeded"),
    ("sizelimit size.soft=20 size.hard=20 size.prtotal=unlimited", None),
])
def test_limits_of_the_server(make_site, limit, words):
    """A limit that pages get around is got around; another ends it."""
    site = make_site(directory.top() + directory.crowd(10, [], groups=200), mta="sink", start=False,
                     slapd=dict(extra=limit))
    site.rollcall.configure()
    if words:
        fails(site, words)
    else:
        assert len(rows(site)) == 200
    site.rollcall.sources = site.rollcall.sources.replace("dc=com", "dc=com\n              page: 7")
    site.rollcall.configure()
    if "size.pr=" in limit:
        words = None
    if words:
        fails(site, words)
    else:
        assert len(rows(site)) == 200


def test_cut_off_anywhere(make_site):
    site = make_site(directory.top() + directory.crowd(10, [], groups=300), mta="sink", start=False,
                     through_proxy=True, source_more="page: 100")
    site.rollcall.configure()
    site.rollcall.ctl("lists", check=0)
    whole = site.proxy.passed
    for at in (100, whole // 4, whole // 2, whole - 100, whole - 10):
        site.proxy.cut_after = at
        fails(site, "not all lists could be read")


def test_falling_silent(make_site):
    site = make_site(directory.top() + directory.crowd(10, [], groups=300), mta="sink", start=False,
                     through_proxy=True, source_more="page: 20\n              timeout: 300ms")
    site.rollcall.configure()
    site.rollcall.ctl("lists", check=0)
    site.proxy.hang_after = site.proxy.passed // 2
    fails(site, "looking for all lists: the directory fell silent")
    site.proxy.hanging.set()
    fails(site, "bind: no answer in time")


def test_a_referral(make_site):
    out = directory.top() + person("ann") + group("staff", [person_dn("ann")])
    out += directory.entry("ou=away,dc=example,dc=com", objectClass=["referral", "extensibleObject"], ou="away",
                           ref="ldap://127.0.0.1:1/ou=away,dc=example,dc=com")
    site = make_site(out, mta="sink", start=False)
    site.rollcall.configure()
    fails(site, "the server refers to another")


@pytest.mark.parametrize("source, words", [
    ("kind: fail", "told to be unsure"),
    ("kind: fail\n  answer: yes", "every address in lists.example.com is a list"),
    ("kind: file\n  path: /nonexistent", "No such file"),
])
def test_other_sources(make_site, source, words):
    site = make_site(mta="sink", start=False, sources=f"corp:\n  {source}")
    site.rollcall.configure()
    fails(site, words)
    site.rollcall.sources = "corp:\n  kind: fail\n  answer: no"
    site.rollcall.configure()
    assert site.rollcall.ctl("lists", check=0).stdout == "0 lists\n"


def test_no_room(lmtp_site):
    """Neither a part of the lists nor a status of success where they cannot be written down."""
    command = [BUILD / "rollcallctl", "-c", lmtp_site.rollcall.config, "lists"]
    with open("/dev/full", "w") as full:
        got = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert got.returncode == 70 and "cannot write the lists down" in got.stderr

    def no_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    got = subprocess.run(command, preexec_fn=no_files, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert got.returncode == 70 and got.stdout == "" and "cannot write to a temporary file" in got.stderr

    elsewhere = tempfile.mkdtemp(prefix="rc", dir="/var/tmp")
    shutil.copy(lmtp_site.rollcall.config, elsewhere)
    command[2] = f"{elsewhere}/rollcall.yaml"
    got = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o ro none /tmp && exec "$@"', "-", *command],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert got.returncode == 70 and got.stdout == "" and "cannot make a temporary file" in got.stderr
    shutil.rmtree(elsewhere)


# ---- many ----

MEASURE = """import resource, subprocess, sys, time
began = time.monotonic()
out = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE).stdout
print(out.count(b"@lists"), time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


def test_many_lists(make_site):
    """Time and memory for 12,000; a process of its own measures, which is small itself."""
    used = []
    for count in (12, 12000):
        site = make_site(directory.top() + directory.crowd(10, [], groups=count), mta="sink", start=False)
        site.rollcall.configure()
        command = [str(BUILD / "rollcallctl"), "-c", str(site.rollcall.config), "lists", "--exposed"]
        out = subprocess.run([sys.executable, "-c", MEASURE, *command], check=True, stdout=subprocess.PIPE, text=True)
        found, seconds, kilobytes = (float(n) for n in out.stdout.split())
        assert found == count and seconds < 5
        used.append(kilobytes)
        json.loads(site.rollcall.ctl("--json", "lists", check=0).stdout)
        site.stop()
    # The sanitizers keep what was freed.
    assert BUILD.name != "build" or used[1] - used[0] < 3000
