"""What a list's entry in the directory says goes before what the configuration says, setting by setting."""
import pytest

from testbed import client
from testbed.base import wait_until
from test_flavours import crowd, person_dn, preset, sun_group
from test_posters import from_host, says

LIST, PLAIN = "staff@lists.example.com", "plain@lists.example.com"
DENY = "ldap:///??sub?(uid=eve)"


def make(make_site, posts="", check="posters: { allow: known }", mta="sink", errors="", **attributes):
    """Two lists: one with these attributes, and one that leaves all to the configuration."""
    out = crowd("ann", "bob", "dora", "eve")
    out += sun_group(uniqueMember=person_dn("ann"), owner=person_dn("dora"), **attributes)
    out += sun_group("plain", uniqueMember=person_dn("ann"), owner=person_dn("dora"))
    options = preset("inetMailGroup", "attributes: { settings: description }")
    return make_site(out, **{**options, "mta": mta}, more=f"errors: {errors}" if errors else "", destinations=f"""
        lists.example.com: {{ sources: [ corp ], check: [ {check} ], posts: {{ {posts} }} }}
        """)


def posted(site, to):
    site.sink.clear()
    assert site.submit(to=to, message=client.message(to=to)).code == 250
    site.wait_for(1)
    (transaction,) = site.sink.delivered("ann@example.com")
    site.rollcall.wait_idle()
    return transaction


@pytest.mark.parametrize("posts, attributes, field, own, configured", [
    ("subject-tag: '[all]'", dict(mgrpListTag="[own]"), "Subject", "[own] ", "[all] "),
    ("subject-tag: '[all]'", dict(description="subject-tag: [own]"), "Subject", "[own] ", "[all] "),
    ("subject-tag: '[all]'", dict(description="subject-tag: none"), "Subject", "test", "[all] "),
    ("reply-to: list", dict(description="reply-to: dora@example.com"), "Reply-To", "<dora@example.com>", "<plain@"),
    ("precedence: bulk", dict(description="precedence: list"), "Precedence", "list", "bulk"),
    ("list-help: 'https://all.example/'", dict(description="list-help: https://own.example/"), "List-Help",
     "<https://own.example/>", "<https://all.example/>"),
])
def test_what_posts_look_like(make_site, posts, attributes, field, own, configured):
    site = make(make_site, posts, check="posters: { allow: anyone }", **attributes)
    for to, wanted in ((LIST, own), (PLAIN, configured)):
        assert posted(site, to).fields(field)[0].startswith(wanted)


@pytest.mark.parametrize("check, attributes, wanted, plain", [
    ("posters: { allow: nobody }", dict(mgrpAllowedBroadcaster="ann@example.com"), {"ann": 250, "bob": 550},
     {"ann": 550, "bob": 550}),
    ("posters: { allow: anyone }", dict(mgrpAllowedBroadcaster="ann@example.com"), {"ann": 250, "bob": 550},
     {"ann": 250, "bob": 250}),
    ("posters: { allow: anyone }", dict(mgrpDisallowedBroadcaster=DENY), {"ann": 250, "eve": 550}, {"ann": 250, "eve": 250}),
    # What the configuration denies stays denied.
    ("posters: { allow: anyone, deny: eve@example.com }", dict(mgrpAllowedBroadcaster=DENY), {"eve": 550}, {"eve": 550}),
    ("posters: { allow: anyone }", dict(inetMailGroupStatus="disabled"), {"ann": 550}, {"ann": 250}),
    ("posters: { allow: anyone }", dict(inetMailGroupStatus="inactive"), {"ann": 450}, {"ann": 250}),
])
def test_who_may_post(make_site, check, attributes, wanted, plain):
    site = make(make_site, check=check, **attributes)
    for to, replies in ((LIST, wanted), (PLAIN, plain)):
        assert {u: says(site, from_host(f"{u}@example.com"), to) for u in replies} == replies


@pytest.mark.parametrize("own, limit, takes, refuses", [(2000, "100k", 1000, 3000), (100_000, "2k", 1000, 3000)])
def test_how_large_posts_are(make_site, own, limit, takes, refuses):
    """The smaller of the two counts: a list cannot take what the site does not."""
    site = make(make_site, check=f"posters: {{ allow: anyone }}, max-size: {{ limit: {limit} }}", mgrpMsgMaxSize=str(own))
    for size, code in ((takes, 250), (refuses, 552)):
        assert site.submit(message=client.message(body="x\r\n" * (size // 3))).code == code


def test_where_failures_go(make_site, mta):
    """A bounce of a post: to the list's own address for that, else to the site's."""
    site = make(make_site, check="posters: { allow: anyone }", mta=mta, errors="site@example.com",
                mgrpErrorsTo="mailto:bob@example.com")
    for to, who in ((LIST, "bob@example.com"), (PLAIN, "site@example.com")):
        site.sink.clear()
        site.post(sender="", to=to.replace("@", "-bounces@"), message=client.message(subject="Undelivered"))
        wait_until(lambda who=who: site.sink.recipients() == [who], 30, f"the bounce at {who}")
