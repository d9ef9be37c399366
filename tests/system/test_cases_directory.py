"""What happens to groups while they are lists: cases of OpenLDAP's tests and of MTAs' (../shared/corpus/CASES.md), on a real slapd."""
import pytest

from testbed import client, directory
from testbed.base import wait_until
from testbed.milter import Milter

p, g = directory.person_dn, directory.group_dn
A, B, C = (f"{name}@lists.example.com" for name in "abc")
# References follow whoever is renamed, and leave with whoever is deleted.
REFINT = dict(top="moduleload refint", extra="overlay refint\nrefint_attributes member owner\nrefint_nothing cn=nobody")


def company():
    """A has B, B has C, C has A; each has somebody of its own, and all of them Ann."""
    out = directory.top() + "".join(directory.person(u) for u in ("ann", "bob", "carl"))
    out += directory.person("dora", "dora+lists@example.com")
    for name, who, inner in (("a", "bob", "b"), ("b", "carl", "c"), ("c", "dora", "a")):
        out += directory.group(name, [p("ann"), p(who), g(inner)])
    return out


def post(site, to=A):
    """Who got it."""
    site.sink.clear()
    assert site.submit(to=to, message=client.message(to=to)).code == 250
    site.rollcall.wait_idle()
    return sorted(site.sink.recipients())


EVERYBODY = ["ann@example.com", "bob@example.com", "carl@example.com", "dora+lists@example.com"]


@pytest.mark.parametrize("technique", ["deref", "or", "base"])
def test_groups_that_change(make_site, technique):
    """Each post goes to those who are members then; nobody hears of what went wrong before."""
    site = make_site(company(), mta="sink", source_more=f"technique: {technique}", slapd=REFINT)
    # C022, C029, C046: a cycle of three, and everybody once. C053: with the detail that her address has.
    assert post(site) == post(site, B) == post(site, C) == EVERYBODY
    # C032: another name, and another address.
    site.slapd.modify(f"dn: {p('bob')}\nchangetype: modrdn\nnewrdn: uid=robert\ndeleteoldrdn: 1\n\n"
                      f"dn: {p('robert')}\nchangetype: modify\nreplace: mail\nmail: robert@example.com\n")
    assert post(site) == sorted([*EVERYBODY[:1], *EVERYBODY[2:], "robert@example.com"])
    # C034: one that has itself.
    site.slapd.modify(f"dn: {g('a')}\nchangetype: modify\nadd: member\nmember: {g('a')}\n")
    assert post(site) == sorted([*EVERYBODY[:1], *EVERYBODY[2:], "robert@example.com"])
    # C036: members that are there before they are.
    site.slapd.modify(f"dn: {g('a')}\nchangetype: modify\nadd: member\nmember: {p('emil')}\nmember: {g('d')}\n")
    assert "emil@example.com" not in post(site)
    site.slapd.modify(directory.person("emil") + directory.person("frida") + directory.group("d", [p("frida")]), "ldapadd")
    assert {"emil@example.com", "frida@example.com"} < set(post(site))
    # C035: a group that is a member is deleted, and a person; also where no overlay takes care of that.
    site.slapd.modify(f"dn: {g('b')}\nchangetype: delete\n\ndn: {p('emil')}\nchangetype: delete\n")
    assert post(site) == ["ann@example.com", "frida@example.com", "robert@example.com"]
    assert not [t for t in site.sink.delivered() if t.sender == ""]


def test_groups_that_go_without_a_word(make_site):
    """C035, where the directory keeps values that lead to nobody: the others get it, and the log counts them."""
    site = make_site(company(), mta="sink")
    site.slapd.modify(f"dn: {g('b')}\nchangetype: delete\n")
    assert post(site) == ["ann@example.com", "bob@example.com"]
    (line,) = site.rollcall.log_lines("expand", list=A)
    assert line["dangling"] == "1"


@pytest.mark.parametrize("technique", ["deref", "or", "base"])
def test_a_cycle_of_which_a_part_cannot_be_read(make_site, technique):
    """C047: nobody gets anything before somebody has mended it, and nobody is told that all was well."""
    site = make_site(company(), mta="sink", source_more=f"technique: {technique}",
                     slapd=dict(access=[f'access to dn.exact="{g("c")}" attrs=member by * none']))
    assert site.submit(to=A).code == 250
    wait_until(lambda: site.rollcall.log_lines("expand", verdict="later"), what="a post that waits")
    assert f"member of {g('c')} cannot be read" in site.rollcall.log and site.sink.recipients() == []


def test_what_is_refused_is_not_changed(lmtp_site):
    """C277: one check refuses it, and what the others would have had written is not."""
    for fields, want, changes in ([(b"Auto-Submitted", b" auto-replied")], b"y", 0), ([(b"Subject", b" x")], b"c", 1):
        m = Milter(lmtp_site.rollcall.milter_socket)
        m.connect()
        m.mail("ann@example.com")
        assert m.rcpt("staff@lists.example.com")[0] == b"c"
        assert m.message([*fields, (b"Rollcall-Stamp", b" forged")])[0] == want
        assert len([c for c in m.changes if c[3]]) == changes
        m.close()
