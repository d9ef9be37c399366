"""The sample company: its people, departments within departments, and a project across them."""
from testbed import directory

FIRST = """Ada Amir Anna Boris Carla Chen Dana Diego Edith Emil Farid Fiona Greta Hugo Ines Ivan Jana Jonas Karin Kofi
Lena Luca Maja Marco Nadia Noah Olga Omar Paula Pavel Rosa Ruben Sara Silas Tara Theo Uma Victor Wanda Yusuf""".split()
LAST = """Abel Berg Costa Dorn Ende Falk Gross Hahn Iwan Jung Kern Lang Moor Nagy Ott Pohl Reis Stein Thal Voss""".split()

# A department is its number of people of its own, or the departments it consists of.
DEPARTMENTS = {
    "engineering": {"platform": 24, "apps": 31, "quality": 12},
    "sales": {"sales-north": 22, "sales-south": 27, "key-accounts": 9},
    "operations": {"logistics": 38, "support": {"support-day": 26, "support-night": 14}},
    "finance": 17, "people": 8, "legal": 5,
}
GUEST = "pm@partner.example.net"


def people():
    """Names, in an order that mixes them."""
    for k, last in enumerate(LAST):
        for i in range(len(FIRST)):
            yield f"{FIRST[(i * 7 + k) % len(FIRST)]} {last}"


class Company:
    def __init__(self):
        self.ldif = directory.top()
        self.names = people()
        self.heads, self.addresses, self.groups = [], [], 0
        top = [self.department(name, what) for name, what in DEPARTMENTS.items()]
        board = self.add_group("board", self.heads, self.heads[0])
        self.add_group("all-staff", top + [board], self.heads[0], description="Everybody")
        gone = directory.person_dn("left.last.year")
        self.add_group("atlas", [directory.group_dn("platform"), directory.group_dn("key-accounts"),
                                 self.heads[0], gone], self.heads[0], mgrpRFC822MailMember=GUEST,
                       description="The Atlas project, and our contact at the partner's")

    def add_person(self):
        name = next(self.names)
        uid = name.lower().replace(" ", ".")
        self.ldif += directory.person(uid, name=name)
        self.addresses.append(f"{uid}@example.com")
        return directory.person_dn(uid)

    def add_group(self, name, members, owner, **more):
        self.ldif += directory.group(name, members, owners=[owner], **more)
        self.groups += 1
        return directory.group_dn(name)

    def department(self, name, what, within=False):
        """The group of a department; its first person heads it."""
        if isinstance(what, int):
            members = [self.add_person() for _ in range(what)]
            head = members[0]
        else:
            head = self.add_person()
            members = [head] + [self.department(n, w, True) for n, w in what.items()]
        if not within:
            self.heads.append(head)
        return self.add_group(name, members, head)

