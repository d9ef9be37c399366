"""Who of a list gets a post, and in which order: what is left out, what members want, programs, domains, exchangers."""
import json
import os
import re
import time

import pytest

from testbed import client, directory, dns
from testbed.base import wait_until

p, g = directory.person_dn, directory.group_dn
LIST = "staff@lists.example.com"
WISHES = 'attributes: { no-mail: [ "employeeType=nomail", "title=*" ], digest: employeeType=digest, ' \
         'not-mine: employeeType=notmine, member-login: memberUid }'


def company():
    out = directory.top() + "".join(directory.person(u) for u in ("ann", "bob", "carl"))
    out += directory.person("dora", mailAlternateAddress=["dora.d@example.net", "dd@example.com"])
    out += directory.person("nora", employeeType="NoMail") + directory.person("titus", title="Sir")
    out += directory.person("dig", employeeType="digest")
    out += directory.person("mine", employeeType="notmine", mailAlternateAddress="me@example.net")
    out += directory.person("shared", "inside@lists.example.com", employeeType="nomail")
    everybody = ["ann", "bob", "carl", "dora", "nora", "titus", "dig", "mine"]
    # An address in a domain of lists may be a list's, and is looked at later.
    out += directory.group("inner", [p("ann"), p("shared")])
    out += directory.group("within2", [p("ann"), g("inner")], mgrpRFC822MailMember="inside@lists.example.com")
    out += directory.group("staff", [p(u) for u in everybody], owners=[p("ann")], businessCategory=[])
    out += directory.group("few", [p("ann"), p("nora")])
    out += directory.group("left", [p("bob")])
    # By address first, and by the entry that says more afterwards; and the other way round.
    out += directory.group("twice", [p("nora"), g("within")], mgrpRFC822MailMember=["nora@example.com", "ann@example.com"])
    out += directory.group("within", [p("titus")], mgrpRFC822MailMember="titus@example.com")
    out += directory.group("own", [p("ann"), p("bob")], businessCategory=["not-me: yes", "without: bob@example.com"])
    out += directory.group("forbidden", [p("ann")], businessCategory="program: /bin/cat")
    return out


def recipients(site, sender="carl@example.com", to=LIST):
    """Of one post, without what the domain always is."""
    site.sink.clear()
    assert site.submit(to=to, sender=sender).code == 250
    site.rollcall.wait_idle()
    return sorted(r.split("@")[0] for r in site.sink.recipients())


def make(make_site, posts, more="", technique="auto", source="", **options):
    return make_site(company(), mta="sink", destinations=f"""
        lists.example.com: {{ sources: [ corp ], posts: {{ {posts} }} }}
        """, source_more=f"technique: {technique}\n              {source}", more=more, **options)


def why(site, sender="carl@example.com", to=LIST):
    got = site.rollcall.ctl_json("members", "--post-from", sender, to)
    return ([m["address"].split("@")[0] for m in got["members"]],
            {m["address"].split("@")[0]: m["why"] for m in got["out"]})


def wait_for_reason(site, words):
    wait_until(lambda: any(words in line.get("reason", "") for line in site.rollcall.log_lines("expand", verdict="later")),
               20, words)
    assert not site.sink.recipients()


# ---- the poster ----

def test_the_poster_is_left_out_by_every_address(make_site, mta):
    site = make_site(company(), mta=mta, destinations="""
        lists.example.com: { sources: [ corp ], posts: { not-me: yes }, check: [ posters: { allow: networks } ] }
        """)
    for sender in ("dora@example.com", "Dora.D@example.net", "dd@EXAMPLE.com"):
        site.sink.clear()
        site.post(sender=sender)
        assert "dora@example.com" not in site.wait_for(7)
        site.rollcall.wait_idle()
    site.sink.clear()
    site.post(sender="stranger@example.org")
    assert "dora@example.com" in site.wait_for(8)


def test_of_two_people_with_one_address_nobody_knows_who_posted(make_site):
    ldif = company() + directory.person("ed", "ed@example.com", mailAlternateAddress="office@example.com")
    ldif += directory.person("eve", "eve@example.com", mailAlternateAddress="office@example.com")
    ldif += directory.group("office", [p("ed"), p("eve"), p("ann")])
    site = make_site(ldif, mta="sink", destinations="""
        lists.example.com: { sources: [ corp ], posts: { not-me: yes } }
        """)
    assert recipients(site, "office@example.com", "office@lists.example.com") == ["ann", "ed", "eve"]
    assert recipients(site, "ed@example.com", "office@lists.example.com") == ["ann", "eve"]


def test_a_poster_whom_the_directory_does_not_tell(make_site):
    """Two have the address, and the server gives only one of them: the post waits."""
    ldif = company() + directory.person("ed", "office@example.com") + directory.person("eve", "office@example.com")
    site = make_site(ldif, mta="sink", slapd={"top": "sizelimit 1"}, destinations="""
        lists.example.com: { sources: [ corp ], posts: { not-me: yes } }
        """)
    assert "dora" not in recipients(site, "dora@example.com")
    site.sink.clear()
    assert site.submit(sender="office@example.com").code == 250
    wait_for_reason(site, "looking for a person")


def test_a_namesake_of_the_poster_gets_the_post(make_site):
    """For the directory blanks make no difference between two addresses; for mail they do."""
    ldif = company() + directory.person("ed", '"e d"@example.com', mailAlternateAddress="ed@example.com")
    ldif += directory.person("eddie", '"e  d"@example.com', mailAlternateAddress="eddie@example.com")
    ldif += directory.group("office", [p("ed"), p("eddie"), p("ann")])
    site = make_site(ldif, mta="sink", destinations="""
        lists.example.com: { sources: [ corp ], posts: { not-me: yes }, check: [ posters: { allow: anyone } ] }
        """)
    assert recipients(site, '"e d"@example.com', "office@lists.example.com") == ['"e  d"', "ann"]


def test_nobody_is_left(make_site):
    """That is no mistake of the list's: the post is done."""
    site = make(make_site, "not-me: yes, without: ann@example.com", source=WISHES)
    assert recipients(site, "carl@example.com", "few@lists.example.com") == []
    assert [line["left_out"] for line in site.rollcall.log_lines("expand", recipients=0)] == ["2"]


# ---- without ----

def test_without(make_site):
    site = make(make_site, 'without: "left@lists.example.com Carl@example.com", without-filter: "(title=*)"')
    assert recipients(site) == ["ann", "dig", "dora", "mine", "nora"]
    members, out = why(site)
    assert sorted(out) == ["bob", "carl", "titus"] and set(out.values()) == {"is left out by the list (without)"}


@pytest.mark.parametrize("posts, words", [
    ("without: gone@lists.example.com", "there is no list gone@lists.example.com"),
    ('without-filter: "(x)"', "looking for people by a filter"),
])
def test_what_cannot_be_left_out_makes_the_post_wait(make_site, posts, words):
    site = make(make_site, posts)
    assert site.submit().code == 250
    wait_for_reason(site, words)


def test_a_filter_for_a_source_that_has_none(make_site, place):
    (place / "lists.json").write_text(json.dumps({"lists": [{"address": LIST, "members": ["ann@example.com"]}]}))
    site = make_site(mta="sink", sources=f"corp: {{ kind: file, path: {place}/lists.json }}",
                     destinations='lists.example.com: { sources: [ corp ], posts: { without-filter: "(a=b)" } }')
    assert site.submit().code == 250
    wait_for_reason(site, "a source of the kind file has no filters")


# ---- what members want ----

@pytest.mark.parametrize("technique", ["deref", "or", "base"])
def test_wishes_of_the_directory(make_site, technique):
    site = make(make_site, "order: none", technique=technique, source=WISHES)
    assert recipients(site) == ["ann", "bob", "carl", "dora", "mine"]
    assert recipients(site, "me@example.net") == ["ann", "bob", "carl", "dora"]
    assert recipients(site, to="twice@lists.example.com") == ["ann"]
    assert recipients(site, to="inner@lists.example.com") == ["ann"]
    assert recipients(site, to="within2@lists.example.com") == ["ann"]
    members, out = why(site, "mine@example.com")
    assert out == {"nora": "wants no mail", "titus": "wants no mail", "dig": "wants digests",
                   "mine": "wants no copy of the own post"}


def test_wishes_that_one_of_several_sources_knows(make_site, place):
    (place / "lists.json").write_text(json.dumps({"lists": [
        {"address": "inner@lists.example.com", "members": ["inside@lists.example.com", "bob@example.com"]}]}))
    site = make_site(company(), start=False, mta="sink", source_more=WISHES,
                     destinations="lists.example.com: { sources: [ own, corp ], posts: { not-me: yes } }")
    site.rollcall.sources += f"""
            own: {{ kind: file, path: {place}/lists.json }}"""
    site.start()
    assert recipients(site, "me@example.net", to="inner@lists.example.com") == ["ann", "bob"]
    assert recipients(site, "bob@example.com", to="inner@lists.example.com") == ["ann"]


def test_wishes_can_be_passed_over(make_site):
    site = make(make_site, "preferences: no", source=WISHES)
    assert len(recipients(site, "mine@example.com")) == 8


def test_wishes_kept_here(make_site):
    site = make(make_site, "order: none")
    ctl = site.rollcall.ctl
    ctl("preferences", LIST, "Bob@example.com", "no-mail", check=0)
    ctl("preferences", LIST, "nora@example.com", "not-mine", check=0)
    ctl("preferences", "all", "ann@example.com", "digest", "not-mine", check=0)
    assert recipients(site, "nora@example.com") == ["carl", "dig", "dora", "mine", "titus"]
    assert recipients(site, "carl@example.com", "few@lists.example.com") == ["nora"]
    assert ctl("preferences", LIST, check=0).stdout.split() == ["bob@example.com", "no-mail", "nora@example.com", "not-mine"]
    assert site.rollcall.ctl_json("preferences", "all")["preferences"] == [
        {"address": "ann@example.com", "wants": "digest not-mine"}]
    ctl("preferences", LIST, "bob@example.com", "none", check=0)
    assert ctl("preferences", LIST, "bob@example.com", check=0).stdout == ""
    assert "bob" in recipients(site)
    for words, status in ((["nolist@lists.example.com"], 1), ([LIST, "nobody"], 64), ([LIST, "a@b", "no-male"], 64), ([], 64),
                          (["nobody"], 64)):
        assert ctl("preferences", *words).returncode == status, words


def test_wishes_that_cannot_be_read_make_the_post_wait(make_site):
    site = make(make_site, "order: none")
    site.rollcall.ctl("preferences", LIST, "bob@example.com", "no-mail", check=0)
    (path,) = (site.rollcall.dir / "state/preferences").iterdir()
    whole = path.read_text()
    path.write_text(whole[:-8])
    assert site.submit().code == 250
    wait_for_reason(site, "it is damaged")
    path.write_text(whole)
    site.rollcall.ctl("retry", "all", check=0)
    assert "bob@example.com" not in site.wait_for(7)


def test_who_wants_nothing_of_one_list_has_the_post_from_the_other(make_site):
    site = make(make_site, "order: none")
    site.rollcall.ctl("preferences", LIST, "ann@example.com", "no-mail", check=0)
    with site.lmtp() as c:
        c.mail("carl@example.com")
        assert c.rcpt(LIST).code == 250 and c.rcpt("few@lists.example.com").code == 250
        assert all(r.code == 250 for r in c.data(client.message(to=LIST)))
    site.rollcall.wait_idle()
    got = sorted(site.sink.recipients())
    assert len(got) == 8 and len(set(got)) == 8


def test_settings_of_the_list_itself(make_site):
    site = make(make_site, "order: none", source="attributes: { settings: businessCategory }")
    assert recipients(site, "stranger@example.org", "own@lists.example.com") == ["ann"]
    assert recipients(site, "ann@example.com", "own@lists.example.com") == []
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("forbidden@lists.example.com").code == 451
    assert "program can only stand in the configuration" in site.rollcall.log


# ---- order ----

def crowd(domains, each=3):
    """Members of several domains, by turns."""
    people = [f"u{i}@{d}" for i in range(each) for d in domains]
    return directory.top() + directory.person("ann") + directory.group("staff", [p("ann")], mgrpRFC822MailMember=people), people


def frozen(site):
    """The distribution list of the one post."""
    site.rollcall.wait_idle()
    (path,) = (site.rollcall.dir / "state/spool/done").glob("*/recipients")
    return [line.split("\t")[0] for line in path.read_text().splitlines()[1:-1]]


def domains_of(addresses):
    """The domains in order, once for each run."""
    out = []
    for a in addresses:
        domain = a.split("@")[1]
        if not out or out[-1] != domain:
            out.append(domain)
    return out


DOMAINS = ["b.example.org", "example.com", "a.example.org", "example.net", "c.example.org"]


def test_by_domain(make_site):
    ldif, people = crowd(DOMAINS)
    site = make_site(ldif, mta="sink", destinations="lists.example.com: { sources: [ corp ], posts: { order: domain } }")
    assert site.submit().code == 250
    got = frozen(site)
    assert sorted(got) == sorted(people + ["ann@example.com"])
    assert domains_of(got) == ["example.com", "example.net", "a.example.org", "b.example.org", "c.example.org"]


@pytest.fixture
def name_server():
    servers = []

    def start(zone):
        servers.append(dns.Dns(zone))
        return servers[-1]
    yield start
    for s in servers:
        s.stop()


MX = {"b.example.org": {"MX": [[20, "z.example.net"], [10, "mx.big.example"]]},
      "example.net": {"MX": [[10, "mx.big.example"]]},
      "a.example.org": {"MX": [[0, "."]]},
      "example.com": {"MX": [[10, "mx.own.example"]]}}


def by_mx(make_site, server, together="5s"):
    ldif, people = crowd(DOMAINS)
    site = make_site(ldif, mta="sink", destinations="lists.example.com: { sources: [ corp ], posts: { order: mx } }",
                     more=f"dns: {{ servers: [ {server} ], together: {together} }}")
    assert site.submit().code == 250
    got = frozen(site)
    assert sorted(got) == sorted(people + ["ann@example.com"])
    return site, domains_of(got)


def test_by_exchanger(make_site, name_server):
    """A null MX, and a domain without any, go by their own name."""
    server = name_server(MX)
    site, got = by_mx(make_site, server.server)
    assert got == ["example.net", "b.example.org", "example.com", "a.example.org", "c.example.org"]
    assert sorted(n for n, _ in server.asked) == sorted(DOMAINS)
    metrics = site.rollcall.ctl("metrics", check=0).stdout
    assert re.search(r'rollcall_dns_answers_total\{[^}]*answer="found",type="MX"\} 4\n', metrics), metrics


@pytest.mark.parametrize("how", ["silent", "servfail", "delay=30"])
def test_a_name_server_that_does_not_know(make_site, name_server, how):
    """The post goes, in the order of domains as far as exchangers are not known."""
    server = name_server({**MX, "b.example.org": {"how": how}, "example.com": {"how": how}})
    began = time.monotonic()
    _, got = by_mx(make_site, server.server, together="500ms")
    assert time.monotonic() - began < 20
    assert got == ["example.com", "example.net", "a.example.org", "b.example.org", "c.example.org"]


def test_no_name_server_at_all(make_site):
    _, got = by_mx(make_site, "127.0.0.1@1", together="300ms")
    assert got == ["example.com", "example.net", "a.example.org", "b.example.org", "c.example.org"]


# ---- a program ----

def with_program(make_site, place, body, posts=""):
    path = place / "choose"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    return make(make_site, f"program: {path}{posts}")


def test_a_program_leaves_out_and_orders(make_site, place):
    site = with_program(make_site, place, f"env >{place}/environment\ngrep -v bob | sort -r\n")
    assert site.submit(sender="carl@example.com").code == 250
    got = [a.split("@")[0] for a in frozen(site)]
    assert got == ["titus", "nora", "mine", "dora", "dig", "carl", "ann"]
    environment = (place / "environment").read_text().splitlines()
    assert {"ROLLCALL_ADDRESS=" + LIST, "ROLLCALL_QUESTION=recipients", "ROLLCALL_SENDER=carl@example.com"} <= set(environment)
    assert not any(line.startswith("HOME=") for line in environment)
    _, out = why(site)
    assert out == {"bob": "is left out by the program"}


def test_a_program_that_may_add(make_site, place):
    site = with_program(make_site, place, f"cat; echo New@example.org; echo {LIST}; echo ann@example.com\n",
                        ", program-may-add: yes, not-me: yes")
    assert recipients(site) == ["New", "ann", "bob", "dig", "dora", "mine", "nora", "titus"]


@pytest.mark.parametrize("body, posts, words", [
    ("cat; echo new@example.org", "", "it names new@example.org, which it did not get"),
    ("cat; echo carl@example.com", ", not-me: yes", "it names carl@example.com, which it did not get"),
    ("head -n 2; exit 3", "", "status 3"),
    ("head -n 2; kill -9 $$", "", "signal 9"),
    ("head -n 2; printf half@example.org", "", "end"),
    ("head -n 2; echo nonsense", "", "nonsense"),
    ("head -n 2; exec sleep 100", ", program-timeout: 300ms", "time"),
    ("exec yes ann@example.com", "", "prints more"),
], ids=["adds", "brings the poster back", "fails", "dies", "half a line", "nonsense", "hangs", "floods"])
def test_a_program_that_is_not_believed(make_site, place, body, posts, words):
    """Nobody is sent anything; and once it is mended everybody gets the post."""
    site = with_program(make_site, place, body + "\n", posts)
    assert site.submit(sender="carl@example.com").code == 250
    wait_for_reason(site, words)
    (place / "choose").write_text("#!/bin/sh\nexec cat\n")
    site.rollcall.ctl("retry", "all", check=0)
    assert len(site.wait_for(7)) >= 7


def test_a_program_that_is_gone(make_site, place):
    site = with_program(make_site, place, "cat\n")
    os.unlink(place / "choose")
    assert site.submit().code == 250
    wait_for_reason(site, "choose")


# ---- rollcallctl members ----

def test_members_as_text(make_site):
    site = make(make_site, "not-me: yes", source=WISHES)
    ctl = site.rollcall.ctl
    assert ctl("members", LIST, check=0).stdout.splitlines()[-1] == "8 recipients, 1 group"
    plain = ctl("members", "--post-from", "ann@example.com", LIST, check=0).stdout.splitlines()
    assert plain[-1] == "4 recipients, 4 left out" and "ann@example.com" not in plain
    full = ctl("members", "--why", LIST, check=0).stdout.splitlines()
    assert full[-1] == "5 recipients, 3 left out" and len(full) == 9
    assert any(line.split()[0] == "nora@example.com" and line.endswith("wants no mail") for line in full)
    assert ctl("members", "--owners", "--why", LIST).returncode == 64
    site.slapd.stop()
    got = ctl("members", "--why", LIST)
    assert got.returncode == 75


# ---- addresses that are none ----

NONE = ["|/bin/sh -c true", ":include:/etc/passwd", "/var/mail/ann", "ann", "a b@example.com", "ann@", "\\ann"]


def broken():
    out = directory.top() + directory.person("ann") + directory.person("odd", "|/bin/true")
    return out + directory.group("staff", [p("ann"), p("odd")], owners=[p("ann")], mgrpRFC822MailMember=NONE)


@pytest.mark.parametrize("report", ["numbers", "members"])
def test_values_that_are_no_address_are_told(make_site, mta, report):
    """The others get the post; the owner hears of it, once, and what they are where reports name members."""
    site = make_site(broken(), mta=mta, destinations=f"""
        lists.example.com: {{ sources: [ corp ], posts: {{ report: {report} }} }}
        """)
    for _ in range(2):
        site.post(sender="ann@example.com")
    wait_until(lambda: len(site.sink.delivered("ann@example.com")) >= 3, what="two posts and a report")
    site.rollcall.wait_idle()
    assert set(site.sink.recipients()) == {"ann@example.com"}
    reports = [m for m in site.sink.delivered() if b"without a valid address" in m.data]
    (text,) = [m.data.decode() for m in reports]
    assert [f"    {v}\r\n" in text for v in NONE + ["|/bin/true"]] == [report == "members"] * 8
    assert ("8 members of the list staff@lists.example.com get no posts" in text) == (report == "numbers")
    assert report == "members" or not any(v in text for v in NONE if not v.startswith("ann"))
    assert "Auto-Submitted: auto-generated" in text
    assert site.rollcall.log_lines("expand", refused="8", recipients="1")


@pytest.mark.parametrize("technique", ["deref", "or", "base"])
def test_by_every_technique(make_site, technique):
    site = make_site(broken(), mta="sink", source_more=f"technique: {technique}")
    got = site.rollcall.ctl_json("members", LIST)
    assert got["refused"] == 8 and got["recipients"] == 1
    text = site.rollcall.ctl("members", LIST, check=0).stdout
    assert 'no address: "|/bin/true" in staff@lists.example.com' in text
    assert 'no address: ":include:/etc/passwd" in staff@lists.example.com' in text


def test_of_other_sources(make_site, place):
    (place / "lists.json").write_text(json.dumps({"lists": [
        {"address": LIST, "members": ["ann@example.com", "|/bin/sh", "more@lists.example.com"], "owners": ["ann@example.com"]},
        {"address": "more@lists.example.com", "members": ["/etc/passwd"]}]}))
    site = make_site(mta="sink", sources=f"corp: {{ kind: file, path: {place}/lists.json }}")
    text = site.rollcall.ctl("members", LIST, check=0).stdout
    assert 'no address: "|/bin/sh" in staff@lists.example.com' in text
    assert 'no address: "/etc/passwd" in more@lists.example.com' in text
