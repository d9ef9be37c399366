"""Directories made at random: every technique finds whom a naive reading of the same data finds."""
import os
import random

import pytest

from testbed import directory, rollcall, slapd

PEOPLE, GROUPS = 60, 40
LISTS = "lists.example.com"


def spelled(rng, text):
    """The same DN or address, as somebody else writes it."""
    text = "".join(rng.choice((c.lower(), c.upper())) for c in text) if rng.random() < 0.3 else text
    return text.replace(",", ", ") if rng.random() < 0.2 else text


class Company:
    """Groups in groups, cycles and diamonds included; people without address, two with the same; and who is gone."""

    def __init__(self, seed):
        self.rng = rng = random.Random(seed)
        self.mail = {}
        self.groups = {}
        for n in range(PEOPLE):
            dn = directory.person_dn(rng.choice(("u{}", "Ü{}", "o'hara, {}", "a+b {}", 'q"{}\\')).format(n))
            self.mail[dn] = rng.choices((spelled(rng, f"P{rng.randrange(PEOPLE)}@example.com"), None), (9, 1))[0]
        names = [f"g{n}" for n in range(GROUPS)]
        for name in names:
            people = rng.sample(list(self.mail), rng.choice((1, 2, 5, 20)))
            others = [directory.group_dn(g) for g in rng.sample(names, rng.choice((0, 0, 1, 2, 4)))]
            gone = [directory.person_dn(f"gone{n}") for n in range(rng.choice((0, 0, 0, 2)))]
            literal = [f"x{rng.randrange(9)}@example.net"] * rng.randrange(2)
            literal += [f"{rng.choice(('', 'also-'))}{g}@{LISTS}" for g in rng.sample(names, rng.choice((0, 0, 0, 1)))]
            self.groups[name] = (people, others, gone, literal)

    def ldif(self):
        out, rng = directory.top(), self.rng
        for n, (dn, mail) in enumerate(self.mail.items()):
            out += directory.entry(dn, objectClass="inetOrgPerson", cn="x", sn="x", **({"mail": mail} if mail else {}))
        for name, (people, others, gone, literal) in self.groups.items():
            members = people + others + gone
            rng.shuffle(members)
            out += directory.group(name, [spelled(rng, dn) for dn in members], mail=spelled(rng, f"{name}@{LISTS}"),
                                   mailAlternateAddress=f"also-{name}@{LISTS}",
                                   **({"mgrpRFC822MailMember": [spelled(rng, a) for a in literal]} if literal else {}))
        return out

    def members(self, name, seen=None):
        seen = set() if seen is None else seen
        if name in seen:
            return set()
        seen.add(name)
        people, others, _, literal = self.groups[name]
        found = {self.mail[dn].lower() for dn in people if self.mail[dn]}
        inner = [dn.split(",")[0].removeprefix("cn=") for dn in others]
        for address in literal:
            local, _, domain = address.partition("@")
            if domain == LISTS:
                inner.append(local.removeprefix("also-"))
            else:
                found.add(address)
        return found.union(*(self.members(g, seen) for g in inner))


def sources(uri):
    """One for each technique."""
    for technique, more in (("deref", ""), ("or", "or-terms: 7"), ("or", "or-terms: 50"), ("base", ""), ("auto", "")):
        yield technique, f"""corp: {{ kind: ldap, uri: "{uri}", base: "{directory.SUFFIX}", technique: {technique},
                                     dangling: 100%, {more} }}"""


@pytest.mark.parametrize("number", range(2))
def test_every_technique_finds_the_same(place, number):
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print("SEED =", seed)
    company = Company(seed)
    server = slapd.Slapd(place / "ldap")
    server.load(company.ldif())
    server.start()
    try:
        for n, (technique, source) in enumerate(sources(server.uri)):
            rc = rollcall.Rollcall(place / f"rc{n}", source)
            rc.configure()
            for name in company.groups:
                got = rc.ctl_json("members", f"{name}@{LISTS}")["members"]
                assert {m["address"].lower() for m in got} == company.members(name), (seed, technique, name)
    finally:
        server.stop()
