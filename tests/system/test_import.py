"""rollcallctl import: lists of other programs become a file that answers with the same members."""
import json

import pytest

from testbed import rollcall

ANT = "ant@lists.example.com"


@pytest.fixture
def tool(place):
    """rollcallctl with a file of lists as its source; tool.load(text) puts one in place."""
    r = rollcall.Rollcall(place / "rc", f"corp: {{ kind: file, path: {place}/lists.json, cache: {{ yes: 0s, no: 0s }} }}\n")
    r.configure()

    def take(kind, *files, check=0):
        got = r.ctl("import", kind, *map(str, files), check=check)
        (place / "lists.json").write_text(got.stdout)
        r.ctl("config", "--check", check=0)
        return json.loads(got.stdout)["lists"], got.stderr

    def members(address, *words):
        return sorted(m["address"] for m in r.ctl_json("members", *words, address)["members"])
    r.take, r.members = take, members
    return r


def write(place, **files):
    paths = []
    for name, content in files.items():
        path = place / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        paths.append(path)
    return paths


# ---- Mailman ----

def member(email, role="member", list_id="ant.lists.example.com", **more):
    return dict(email=email, role=role, list_id=list_id, self_link="http://localhost:9001/3.1/members/1", **more)


def page(*entries, **more):
    return dict(start=0, total_size=len(entries), http_etag='"x"', entries=list(entries)) | more


LIST = dict(fqdn_listname=ANT, list_id="ant.lists.example.com", display_name="Ant", member_count=3)
CONFIG = dict(fqdn_listname=ANT, display_name="Ant", subject_prefix="[Ant] ", reply_goes_to_list="explicit_header",
              reply_to_address="editors@example.com", max_message_size=40, default_nonmember_action="hold",
              dmarc_mitigate_action="munge_from", anonymous_list=True)


def test_mailman(tool, place):
    """Members come before their list; one reads digests, one gets no posts, two pages are one roster."""
    files = write(place, members=page(member("ann@example.com"), member("Bob@Example.com", delivery_mode="mime_digests"),
                                      total_size=4),
                  more=page(member("carl@example.com", delivery_status="by_user"), member("cat@lists.example.com"),
                            total_size=4),
                  owners=page(member("dora@example.com", role="owner")),
                  others=[page(member("emil@example.com", role="moderator")), page(total_size=0)],
                  config=CONFIG, lists=page(LIST, LIST | dict(fqdn_listname="cat@lists.example.com", list_id="cat.lists")),
                  cats=page(member("tom@example.com", list_id="cat.lists")))
    lists, said = tool.take("mailman", *files)
    assert [x["address"] for x in lists] == [ANT, "cat@lists.example.com"]
    assert tool.members(ANT) == ["Bob@Example.com", "ann@example.com", "tom@example.com"]
    assert tool.members(ANT, "--owners") == ["dora@example.com"]
    assert lists[0]["name"] == "Ant"
    assert lists[0]["settings"] == ["subject-tag: [Ant]", "reply-to: editors@example.com"]
    for words in ("max_message_size: 40k", "default_nonmember_action: hold", "dmarc_mitigate_action: munge_from",
                  "anonymous_list", "Bob@Example.com: mime_digests", "carl@example.com gets no posts",
                  "the role moderator"):
        assert words in said, words
    assert tool.ctl("lookup", ANT).returncode == 0


@pytest.mark.parametrize("files, why", [
    (dict(a="{"), "/a: "),
    (dict(a=[1]), "/a: something is neither a list (fqdn_listname) nor a member (email)"),
    (dict(a=dict(fqdn_listname="ant")), '/a: "ant" is no mailbox address'),
    (dict(a=page(member("ann@example.com"))), "of which there is no list here"),
    (dict(a=LIST, b=dict(email="ann@example.com", list_id="ant.lists.example.com")), "has no role in"),
    (dict(a=LIST, b=page(member("ann@example.com"), total_size=2)),
     "member of ant.lists.example.com: 1 of 2 are here: give all pages"),
])
def test_mailman_that_is_wrong(tool, place, files, why):
    got = tool.ctl("import", "mailman", *map(str, write(place, **files)), check=70)
    assert why in got.stderr and got.stdout == ""


def test_a_member_whose_address_is_none(tool, place):
    """Everybody else is there, and the status says that somebody is not."""
    lists, said = tool.take("mailman", *write(place, a=LIST, b=page(member("ann@example.com"), member("|/bin/sh"))), check=1)
    assert lists[0]["members"] == ["ann@example.com"] and '"|/bin/sh" is no mailbox address (left out)' in said


# ---- LDIF ----

IREDMAIL = """dn: mail=ann@example.com,ou=Users,domainName=example.com,o=domains,dc=x
objectClass: mailUser
mail: ann@example.com
accountStatus: active
memberOfGroup: ant@lists.example.com

dn: mail=old@example.com,ou=Users,domainName=example.com,o=domains,dc=x
objectClass: mailUser
mail: old@example.com
accountStatus: disabled
memberOfGroup: ant@lists.example.com

dn: mail=web@example.com,ou=Users,domainName=example.com,o=domains,dc=x
objectClass: mailUser
mail: web@example.com
accountStatus: active
enabledService: mail
enabledService: sogo
memberOfGroup: ant@lists.example.com

dn: mail=emil@example.com,ou=Users,domainName=example.com,o=domains,dc=x
objectClass: mailUser
mail: emil@example.com
enabledService: deliver
memberOfGroup: ant@lists.example.com

dn: mail=ant@lists.example.com,ou=Groups,domainName=lists.example.com,o=domains,dc=x
objectClass: mailList
mail: Ant@lists.example.com
shadowAddress: ants@lists.example.com
cn: Ants
listOwner: dora@example.com
accessPolicy: membersonly
accountStatus: active
enabledService: mail
enabledService: deliver
enabledService: shadowaddress

dn: mail=cat@lists.example.com,ou=Groups,domainName=lists.example.com,o=domains,dc=x
objectClass: mailList
mail: cat@lists.example.com
shadowAddress: cats@lists.example.com
enabledService: Mail
enabledService: Deliver
memberOfGroup: ant@lists.example.com

dn: memberOfGroup=bob,dc=x
objectClass: mailExternalUser
mail:: Qm9iQFBhcnRuZXIuZXhhbXBsZS5uZXQ=
memberOfGroup: cat@lists.example.com
memberOfGroup: gone@lists.example.com

dn: mail=closed@lists.example.com,dc=x
objectClass: mailList
mail: closed@lists.example.com
accountStatus: disabled

dn: mail=off@lists.example.com,dc=x
objectClass: mailList
mail: off@lists.example.com
enabledService: mail
"""


def test_iredmail(tool, place):
    lists, said = tool.take("iredmail", *write(place, a=IREDMAIL))
    assert [x["address"] for x in lists] == [ANT, "cat@lists.example.com"]
    assert tool.members("ants@lists.example.com") == ["Bob@Partner.example.net", "ann@example.com"]
    assert tool.members(ANT, "--owners") == ["dora@example.com"] and lists[0]["name"] == "Ants"
    assert "alternates" not in lists[1]        # cats@ is not in service
    for words in ("/a:27: ant@lists.example.com: accessPolicy: membersonly", "mail=old@example.com", "is not active",
                  "mail=web@example.com,ou=Users,domainName=example.com,o=domains,dc=x is not active", "mail=emil@",
                  "gone@lists.example.com has members, and is no list here", "closed@lists.example.com is not active",
                  "off@lists.example.com is not active"):
        assert words in said, words


def test_an_iredmail_list_of_mlmmj(tool, place):
    """Its members are in mlmmj's own files: an empty list is no result."""
    text = "dn: cn=a\nobjectClass: mailList\nmail: ant@lists.example.com\n" + "".join(
        f"enabledService: {word}\n" for word in ("mail", "deliver", "mlmmj"))
    _, said = tool.take("iredmail", *write(place, a=text), check=1)
    assert "/a:1: ant@lists.example.com: its members are with mlmmj (left out)" in said


MGRP = """dn: cn=Ant , ou=groups,dc=x
objectClass: groupOfUniqueNames
objectClass: mailGroup
mail: ant@lists.example.com
mailAlternateAddress: ants@lists.example.com
description: Ants
uniqueMember: uid=Ann, ou=people,dc=x
uniqueMember: cn=cat,ou=groups,dc=x
mgrpRFC822MailMember: Guest@partner.example.net
owner: uid=dora,ou=people,dc=x#'0101'B
mgrpErrorsTo: mailto:errors@example.com
mgrpAllowedBroadcaster: mailto:ann@example.com

dn: cn=cat,ou=groups,dc=x
objectClass: groupOfUniqueNames
objectClass: inetMailGroup
mail: cat@lists.example.com
uniqueMember: uid=tom,ou=people,dc=x

dn: uid=ann,ou=people,dc=x
mail: ann@example.com

dn: uid=tom,ou=people,dc=x
mail: tom@example.com

dn: uid=dora,ou=people,dc=x
mail: dora@example.com
"""


def test_mgrp(tool, place):
    lists, said = tool.take("mgrp", *write(place, a=MGRP))
    assert tool.members("ants@lists.example.com") == ["Guest@partner.example.net", "ann@example.com", "tom@example.com"]
    assert tool.members(ANT, "--owners") == ["dora@example.com"]
    assert (lists[0]["name"], lists[0]["errors"]) == ("Ants", "errors@example.com")
    assert "/a:1: ant@lists.example.com: mgrpAllowedBroadcaster: mailto:ann@example.com: see check" in said


@pytest.mark.parametrize("more, what", [
    ("uniqueMember: uid=eve,dc=x\n", "uid=eve,dc=x is not in these files (left out)"),
    ("uniqueMember: cn=nobody,dc=x\n\ndn: cn=nobody,dc=x\ncn: x\n", "cn=nobody,dc=x has no mail (left out)"),
    ("mgrpRFC822MailMember: |/bin/sh\n", '"|/bin/sh" is no mailbox address (left out)'),
    ("mgrpErrorsTo: nobody\n", "mgrpErrorsTo: "),
    ("\ndn: cn=x,dc=x\nobjectClass: mailGroup\n", "is a group without mail, and no list (left out)")])
def test_what_is_left_out_of_mgrp(tool, place, more, what):
    text = "dn: cn=a,dc=x\nobjectClass: mailGroup\nmail: ant@lists.example.com\nmgrpRFC822MailMember: ann@example.com\n"
    lists, said = tool.take("mgrp", *write(place, a=text + more), check=1)
    assert what in said and lists[0]["members"] == ["ann@example.com"]


@pytest.mark.parametrize("kind, text, why", [
    ("mgrp", "dn: cn=a\nobjectClass: mailGroup\nmail: a@x\nmgrpDeliverTo: ldap:///dc=x??sub?(a=b)\n", "/a:1: a@x: mgrpDeliverTo"),
    ("mgrp", "dn: cn=a\nobjectClass: mailGroup\nmail: ant\n", '/a:1: "ant" is no mailbox address'),
    ("mgrp", "dn: cn=a\nmail\n", "/a:2: this is no line"),
    ("iredmail", "dn: cn=a\nobjectClass: mailList\n", "/a:1: cn=a is a list without mail"),
    ("iredmail", "dn: cn=a\nobjectClass: mailList\nmail: a\n", '/a:1: "a" is no mailbox address'),
    ("iredmail", "dn: cn=a\nmemberOfGroup: a\nmail: a@x\n", '/a:1: "a" is no mailbox address')])
def test_ldif_that_is_wrong(tool, place, kind, text, why):
    got = tool.ctl("import", kind, *map(str, write(place, a=text)), check=70)
    assert why in got.stderr and got.stdout == ""


def test_mistakes(tool):
    assert "mailman" in tool.ctl("import", "majordomo", "x", check=64).stderr
    assert "usage" in tool.ctl("import", "mailman", check=64).stderr
    assert "there is no file /nonexistent" in tool.ctl("import", "mgrp", "/nonexistent", check=70).stderr
