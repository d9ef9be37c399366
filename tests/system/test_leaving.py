"""Leaving a list by one click (RFC 8058): the fields of a post, and the web server that takes the answer."""
import re
import subprocess

import pytest

from testbed import client
from testbed.base import BUILD, ROOT, wait_until
from testbed.lighttpd import Lighttpd

STAFF = ["ann@example.com", "bob@example.com", "carl@example.com", "guest@partner.example.net"]
ONE_CLICK = """
lists.example.com:
  sources: [ corp ]
  posts:
    one-click: https://localhost:{port}/leave.cgi/{{token}}
    list-unsubscribe: "mailto:{{local}}-leave@example.com https://intranet.example.com/{{local}}"
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Lighttpd(tmp_path_factory.mktemp("web") / "lighttpd")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def web(server):
    """It calls rollcallctl by the script that is shipped."""
    def install(site):
        shipped = (ROOT / "examples/unsubscribe.cgi").read_text()
        words = f"{BUILD.absolute()}/rollcallctl -c {site.rollcall.config}"
        assert shipped.count("/usr/sbin/rollcallctl") == 1
        server.install("leave.cgi", shipped.replace("/usr/sbin/rollcallctl", words))
    server.link = install
    return server


def links(site):
    """Each member's URI, from the copies of the last post."""
    found = {}
    for t in site.sink.delivered():
        (value,) = t.fields("List-Unsubscribe")
        assert t.fields("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
        assert len(t.recipients) == 1
        uris = re.findall(r"<([^>]*)>", value)
        assert [u for u in uris if u.startswith("http")] == uris[:1] and uris[0].startswith("https://")
        assert uris[1:] == ["mailto:staff-leave@example.com"]
        found[t.recipients[0]] = re.sub(r"^https://localhost:\d+", "", uris[0])
    return found


def test_one_click(make_site, mta, web):
    """A provider's POST, as RFC 8058 has it: no cookies, no questions; the next post goes to the others."""
    site = make_site(mta=mta, destinations=ONE_CLICK.format(port=web.port))
    web.link(site)
    site.post()
    assert site.wait_for(4) == STAFF
    uris = links(site)
    assert len(set(uris.values())) == 4
    got = web.ask("POST", uris["bob@example.com"], "List-Unsubscribe=One-Click", FORM)
    assert got.status == 200 and got.getheader("Set-Cookie") is None
    assert "You get no more posts of this list." in got.text and got.getheader("Location") is None
    body = ("--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n")
    got = web.ask("POST", uris["guest@partner.example.net"].upper().replace("LEAVE.CGI", "leave.cgi"), body,
                  {"Content-Type": "multipart/form-data; boundary=b"})
    assert got.status == 200
    # A second time is as good.
    assert web.ask("POST", uris["bob@example.com"], "List-Unsubscribe=One-Click", FORM).status == 200
    kept = site.rollcall.ctl_json("preferences", "staff@lists.example.com")["preferences"]
    assert sorted((one["address"], one["wants"]) for one in kept) == [("bob@example.com", "no-mail"),
                                                                ("guest@partner.example.net", "no-mail")]
    before = len(site.sink.delivered())
    site.post(subject="the next")
    wait_until(lambda: len(site.sink.delivered()) == before + 2, what="the next post")
    site.rollcall.wait_idle()
    assert sorted(r for t in site.sink.delivered()[before:] for r in t.recipients) == ["ann@example.com", "carl@example.com"]


def test_what_a_person_sees(make_site, web):
    """Who opens the link is asked: a program that looks at links takes nobody off a list."""
    site = make_site(mta="sink", destinations=ONE_CLICK.format(port=web.port))
    web.link(site)
    site.rollcall.ctl("preferences", "staff@lists.example.com", "carl@example.com", "not-mine", check=0)
    site.submit()
    site.wait_for(4)
    uri = links(site)["carl@example.com"]
    for method in ("GET", "HEAD"):
        got = web.ask(method, uri)
        assert got.status == 200 and got.getheader("Cache-Control") == "no-store"
        assert ("<form method=\"post\">" in got.text and "staff@lists.example.com" in got.text) == (method == "GET")
    assert "carl@" not in got.text
    kept = site.rollcall.ctl_json("preferences", "staff@lists.example.com")["preferences"]
    assert [one["wants"] for one in kept] == ["not-mine"]
    assert web.ask("POST", uri, "List-Unsubscribe=One-Click", FORM).status == 200
    kept = site.rollcall.ctl_json("preferences", "staff@lists.example.com")["preferences"]
    assert [one["wants"] for one in kept] == ["no-mail not-mine"]
    # Behind the question mark, for servers that have no paths behind programs.
    path, _, token = links(site)["bob@example.com"].rpartition("/")
    assert web.ask("POST", f"{path}?{token}", "List-Unsubscribe=One-Click", FORM).status == 200
    assert len(site.rollcall.ctl_json("preferences", "staff@lists.example.com")["preferences"]) == 2


@pytest.mark.parametrize("method,body,fields,status", [
    ("POST", "List-Unsubscribe=One-Clique", FORM, 400),
    ("POST", "", FORM, 400),
    ("POST", "List-Unsubscribe=One-Click", {"Content-Type": "text/plain"}, 400),
    ("POST", "x" * 9000 + "&List-Unsubscribe=One-Click", FORM, 400),
    ("PUT", "List-Unsubscribe=One-Click", FORM, 405),
])
def test_what_is_no_one_click(make_site, web, method, body, fields, status):
    site = make_site(mta="sink", destinations=ONE_CLICK.format(port=web.port))
    web.link(site)
    site.submit()
    site.wait_for(4)
    assert web.ask(method, links(site)["ann@example.com"], body, fields).status == status
    assert site.rollcall.ctl_json("preferences", "staff@lists.example.com")["preferences"] == []


def cgi(site, **variables):
    """The program as another server would call it."""
    got = subprocess.run([BUILD / "rollcallctl", "-c", site.rollcall.config, "unsubscribe", "--cgi"], env=variables,
                         input=b"List-Unsubscribe=One-Click", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert got.returncode in (0, 78), got.stderr
    return got.stdout.decode(), got.stderr.decode()


def test_tokens(make_site, web):
    """Forged, of a member for another list, by a key that took over, and by one that is gone."""
    site = make_site(mta="sink", destinations=ONE_CLICK.format(port=web.port))
    ctl = site.rollcall.ctl
    site.submit()
    site.wait_for(4)
    old = links(site)["ann@example.com"].rpartition("/")[2]
    posted = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": FORM["Content-Type"], "CONTENT_LENGTH": "26"}
    for wrong in (old[:-1] + ("a" if old[-1] != "a" else "b"), ("b" if old[0] != "b" else "c") + old[1:], old[:-1],
                  old + "a", "", "x", "é", "a" * 5000):
        assert "no token of ours" in ctl("unsubscribe", wrong, check=1).stderr
        out, _ = cgi(site, PATH_INFO="/" + wrong, **posted)
        assert out.startswith("Status: 404 ") and "@" not in out
    assert ctl_wishes(site) == []
    # A method that a server lets through, a length that lies, and a disk on which nothing can be written.
    assert cgi(site, PATH_INFO="/" + old, **{**posted, "REQUEST_METHOD": "DELETE"})[0].startswith("Status: 405 ")
    assert cgi(site, PATH_INFO="/" + old, **{**posted, "CONTENT_LENGTH": "27"})[0].startswith("Status: 400 ")
    assert ctl_wishes(site) == []
    wishes = site.rollcall.dir / "state/preferences"
    wishes.write_text("no directory")
    out, said = cgi(site, PATH_INFO="/" + old, **posted)
    assert out.startswith("Status: 503 ") and "Retry-After: 300\r\n" in out and "preferences" in said
    assert "preferences" in ctl("unsubscribe", old, check=70).stderr
    wishes.unlink()
    # Another key seals: what the one before it made is good until it is retired.
    first = site.rollcall.ctl_json("key")["keys"][0]["id"]
    wait_until(lambda: ctl("key", "new", "--in", "0s").returncode == 0, what="the next second, by which a key is named")
    ctl("reload", check=0)
    with site.sink.lock:
        site.sink.transactions.clear()
    site.submit(message=client.message(subject="again"))
    site.wait_for(4)
    new = links(site)["ann@example.com"].rpartition("/")[2]
    assert new != old and new[:-16] == old[:-16]
    got = site.rollcall.ctl_json("unsubscribe", old)
    assert got == {"list": "staff@lists.example.com", "member": "ann@example.com"}
    assert ctl_wishes(site) == ["ann@example.com"]
    ctl("preferences", "staff@lists.example.com", "ann@example.com", "none", check=0)
    ctl("key", "retire", first, "--now", check=0)
    assert "made with a key that is gone" in ctl("unsubscribe", old, check=1).stderr and ctl_wishes(site) == []
    assert "ann@example.com gets no posts of staff@lists.example.com any more" in ctl("unsubscribe", new, check=0).stdout
    assert ctl_wishes(site) == ["ann@example.com"]
    ctl("unsubscribe", check=64)
    site.rollcall.config.write_text("nonsense: yes\n")
    out, said = cgi(site, PATH_INFO="/" + new, **posted)
    assert out.startswith("Status: 503 ") and "nonsense" in said


def ctl_wishes(site):
    return [one["address"] for one in site.rollcall.ctl_json("preferences", "staff@lists.example.com")["preferences"]]


def test_a_token_is_for_one_list(make_site, web):
    """Who leaves one keeps the other, and has his next copy by that."""
    site = make_site(mta="sink", destinations=ONE_CLICK.format(port=web.port))
    site.submit(to="dev@lists.example.com")
    site.wait_for(3)
    site.rollcall.wait_idle()
    (t,) = [t for t in site.sink.delivered() if t.recipients == ["carl@example.com"]]
    token = re.search(r"leave.cgi/([a-z2-7]+)>", t.fields("List-Unsubscribe")[0])[1]
    site.rollcall.ctl("unsubscribe", token, check=0)
    assert ctl_wishes(site) == []
    site.submit(to="staff@lists.example.com", message=client.message(subject="other"))
    site.wait_for(3 + 4)


def test_beside_texts_and_tokens(make_site, mta, web):
    """Each copy has all that is its own; the common text stays below; and preview shows the same bytes."""
    more = '    verp: always\n    footer: "Sent by {local}."\n'
    site = make_site(mta=mta, destinations=ONE_CLICK.format(port=web.port) + more)
    site.post(message=client.message(body="Hello.\r\n"))
    assert site.wait_for(4) == STAFF
    assert len({t.sender for t in site.sink.delivered()}) == 4
    for t in site.sink.delivered():
        assert t.data.replace(b"\r\n", b"\n").endswith(b"\n\nHello.\n\nSent by staff.\n")
    (site.path / "post").write_bytes(client.message(body="Hello.\r\n"))
    words = ["preview", "--message", "staff@lists.example.com", "bob@example.com", str(site.path / "post")]
    shown = site.rollcall.ctl(*words, check=0).stdout
    # Folded by sendmail, perhaps.
    uris = {who: uri.rpartition("/")[2] for who, uri in links(site).items()}
    assert uris["bob@example.com"] in shown and uris["ann@example.com"] not in shown
    assert shown.replace("\r\n", "\n").endswith("\n\nHello.\n\nSent by staff.\n")


def test_what_is_signed_stays_as_it_is(make_site, web):
    """The fields are in the header only; the body of a signed message is the same bytes."""
    site = make_site(mta="sink", destinations=ONE_CLICK.format(port=web.port) + '    footer: "For {member.address}"\n')
    body = "--x\r\n\r\nHello.\r\n--x\r\nContent-Type: application/pgp-signature\r\n\r\nabc\r\n--x--\r\n"
    site.submit(message=client.message(body=body, fields=[
        'Content-Type: multipart/signed; boundary=x; protocol="application/pgp-signature"', "MIME-Version: 1.0",
        "List-Unsubscribe: <https://elsewhere.example/1>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]))
    site.wait_for(4)
    links(site)
    assert all(t.data.endswith(b"\r\n\r\n" + body.encode()) for t in site.sink.delivered())


@pytest.mark.parametrize("more", ["preferences: no", "one-click: none"])
def test_where_nobody_may_leave(make_site, web, more):
    """No link that would not be heeded; the list's own way to leave is there, and one batch."""
    lists = f"  lists: {{ staff: {{ {more} }} }}\n"
    site = make_site(mta="sink", destinations=ONE_CLICK.format(port=web.port) + lists)
    site.submit()
    site.wait_for(4)
    (t,) = site.sink.delivered()
    assert not t.fields("List-Unsubscribe-Post")
    assert "https://intranet.example.com/staff" in t.fields("List-Unsubscribe")[0]


def test_a_crash(make_site, web):
    """What is left goes on with the links that it would have had."""
    destinations = ONE_CLICK.format(port=web.port).replace("  posts:", "  proof: always\n  posts:")
    site = make_site(mta="sink", destinations=destinations, outbound="lanes: 1")
    said = site.submit_and_die(2)
    assert said["version"] == 5 and "/leave.cgi/{token}>" in said["inject"]["each"]
    site.rollcall.start_expander()
    site.say_receipts()
    site.rollcall.wait_idle()
    assert sorted(site.sink.recipients()) == STAFF and len(set(links(site).values())) == 4
