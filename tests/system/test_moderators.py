"""Moderators whom the directory names, by preset: they may post, need no moderation, and hear of posts that are held."""
import json

import pytest

from testbed import client, directory
from test_flavours import crowd, everybody, group_dn, ired_list, ired_user, members, person_dn, preset, qmail_group, \
    qmail_people, sun_group
from test_posters import from_host, says

PEOPLE = ("ann", "bob", "carl", "dora", "eve")
EXTERNAL = "x@partner.example.net"


def sun():
    out = crowd(*PEOPLE) + sun_group("mods", uniqueMember=[person_dn("bob"), group_dn("staff")], mgrpRFC822MailMember=EXTERNAL)
    out += sun_group(uniqueMember=person_dn("eve"), owner=person_dn("dora"), mgrpModerator=[
        "mailto:ann@example.com", group_dn("mods"), "ldap:///??sub?(uid=carl)", person_dn("gone")])
    out += sun_group("plain", uniqueMember=person_dn("eve"), owner=person_dn("dora"))
    out += sun_group("odd", uniqueMember=person_dn("eve"), owner=person_dn("dora"), mgrpModerator=[
        "ldap:///dc=elsewhere??sub", "ldap://elsewhere.example/dc=example,dc=com??sub"])
    return out, everybody("ann", "bob", "carl", "eve") + [EXTERNAL], everybody("dora")


def qmail():
    """A group is named by its entry; another by its address, which has a group within it."""
    out = directory.top() + qmail_people(*PEOPLE) + qmail_group("mods", dnmember=person_dn("bob"))
    out += qmail_group("inner", dnmember=person_dn("carl")) + qmail_group("more", dnmember=group_dn("inner"))
    out += qmail_group(dnmember=person_dn("eve"), bounceadmin="dora@example.com",
                       rfc822moderator=[EXTERNAL, "none@lists.example.com", "more@lists.example.com"],
                       dnmoderator=[person_dn("ann"), group_dn("mods")])
    out += qmail_group("plain", dnmember=person_dn("eve"), bounceadmin="dora@example.com")
    return out, everybody("ann", "bob", "carl") + [EXTERNAL, "none@lists.example.com"], None


def ired():
    out = directory.top() + "".join(ired_user(u) for u in PEOPLE)
    out += ired_list(listOwner="dora@example.com", listModerator=["ann@example.com", EXTERNAL])
    out += ired_list("plain", listOwner="dora@example.com")
    return out, everybody("ann") + [EXTERNAL], everybody("dora")


KINDS = {"inetMailGroup": sun, "qmailGroup": qmail, "iRedMail": ired}


@pytest.fixture(params=KINDS)
def kind(request):
    ldif, moderators, owners = KINDS[request.param]()
    return ldif, moderators, owners or ["admin@example.com"], preset(request.param)


def test_they_may_post_and_need_no_moderation(make_site, kind):
    ldif, moderators, owners, options = kind
    site = make_site(ldif, **options, destinations="""
        lists.example.com: { sources: [ corp ], check: [ posters: { allow: moderators } ] }
        """, more="moderation: { notices: 0 }")
    assert members(site, "staff", "--moderators")[0] == sorted(moderators)
    assert members(site, "plain", "--moderators")[0] == []
    others = {*everybody(*PEOPLE), *owners, "y@partner.example.net"} - {*moderators}
    wanted = {**{a: 250 for a in moderators}, **{a: 550 for a in others}}
    assert {a: says(site, from_host(a), "staff@lists.example.com") for a in wanted} == wanted
    assert {says(site, from_host(a), "plain@lists.example.com") for a in wanted} == {550}
    site.rollcall.destinations = """
        lists.example.com: { sources: [ corp ], check: [ posters: { allow: anyone }, moderated: { bypass: moderators } ] }
        """
    site.rollcall.configure()
    for address in wanted:
        got = site.rollcall.ctl("--json", "explain", address, "staff@lists.example.com", "--client", "127.0.0.1")
        assert json.loads(got.stdout)["verdict"] == ("pass" if address in moderators else "hold"), address


def test_they_are_told_of_posts_that_are_held(make_site, mta, kind):
    """Where there are none, or none can be told, the owners are."""
    ldif, moderators, owners, options = kind
    site = make_site(ldif, **{**options, "mta": mta}, more="errors: admin@example.com", destinations="""
        lists.example.com: { sources: [ corp ],
                             check: [ posters: { allow: anyone }, header-match: { fields: 'Subject: secret', on_fail: hold } ] }
        """)
    lists = {"staff": sorted(a for a in moderators if not a.endswith("@lists.example.com")), "plain": owners, **({"odd": owners} if "cn=odd" in ldif else {})}
    for name, who in lists.items():
        site.sink.clear()
        site.post(message=client.message(subject="a secret"), to=f"{name}@lists.example.com")
        assert site.wait_for(len(who)) == who
        site.rollcall.wait_idle()
        (notice,) = {t.data for t in site.sink.delivered()}
        assert f"A post to {name}@lists.example.com waits for you".encode() in notice
        assert sorted(site.sink.recipients()) == who
