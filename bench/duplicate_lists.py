"""Lists with known duplicates, made up: what real tables have that FEBRL has not.

Companies: legal forms, typing errors, offices that moved, an e-mail that a whole group shares, shops of one name in many
towns. People: families at one address with one phone, common names, nicknames, changed names.
"""

import random
from collections.abc import Callable
from itertools import count
from typing import Any

Row = tuple[int, dict[str, Any]]  # who it is, and a customer
SYLLABLES = [
    "ba",
    "be",
    "bo",
    "da",
    "del",
    "fen",
    "gar",
    "hel",
    "in",
    "jor",
    "ka",
    "kel",
    "lan",
    "lo",
    "mar",
    "mi",
    "nor",
    "o",
    "pel",
    "ran",
    "ri",
    "sol",
    "ta",
    "tor",
    "ul",
    "va",
    "ver",
    "wil",
    "zan",
]
TRADES = [
    "Metallbau",
    "Logistics",
    "Software",
    "Foods",
    "Textil",
    "Consulting",
    "Pharma",
    "Elektro",
    "Druck",
    "Bau",
    "Handel",
    "Systems",
    "Design",
    "Energy",
    "Media",
]
FORMS = ("GmbH", "AG", "Ltd", "Inc.", "S.A.", "GmbH & Co. KG", "B.V.", "LLC", "")
TOWNS = [("Berlin", "10"), ("Hamburg", "20"), ("München", "80"), ("Köln", "50"), ("Leipzig", "04"), ("Bremen", "28"), ("Essen", "45"), ("Ulm", "89"), ("Jena", "07"), ("Kiel", "24")]  # fmt: skip
FIRST = [
    "Anna",
    "Bernd",
    "Clara",
    "David",
    "Emma",
    "Felix",
    "Greta",
    "Hans",
    "Ida",
    "Jan",
    "Katharina",
    "Lukas",
    "Marie",
    "Nils",
    "Olga",
    "Paul",
    "Robert",
    "Sophie",
    "Thomas",
    "Ulrike",
]
NICKNAMES = {"Katharina": "Kathi", "Robert": "Rob", "Thomas": "Tom", "Sophie": "Sofie", "Ulrike": "Uli"}
LAST = [
    "Müller",
    "Schmidt",
    "Weber",
    "Fischer",
    "Becker",
    "Hoffmann",
    "Koch",
    "Richter",
    "Klein",
    "Wolf",
    "Neumann",
    "Schwarz",
    "Zimmermann",
    "Braun",
    "Krüger",
]
STREETS = (
    "Hauptstraße",
    "Bahnhofstr.",
    "Gartenweg",
    "Schulstraße",
    "Lindenallee",
    "Am Markt",
    "Bergstraße",
    "Ringstr.",
)
BRANDS = ("Backhaus Krone", "Fitwell", "Pizza Bello", "Optik Klar", "Autoteile Rapid", "Kinderland")
FREE = ("gmail.com", "web.de", "gmx.net", "outlook.com")


def typo(dice: random.Random, text: str) -> str:
    i = dice.randrange(1, max(2, len(text) - 1))
    return dice.choice(
        [text[:i] + text[i + 1 :], text[:i] + text[i] + text[i:], text[:i] + text[i : i + 2][::-1] + text[i + 2 :]]
    )


class Maker:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.entities = count()

    def word(self, syllables: int = 3) -> str:
        return "".join(self.dice.choices(SYLLABLES, k=syllables)).title()

    def address(self) -> str:
        town, code = self.dice.choice(TOWNS)
        street = self.dice.choice(STREETS) if self.dice.random() < 0.5 else f"{self.word()}straße"
        return f"{street} {self.dice.randrange(1, 150)}, {code}{self.dice.randrange(1000):03} {town}"

    def phone(self) -> str:
        return f"+49 {self.dice.randrange(30, 990)} {self.dice.randrange(10**6, 10**7)}"

    def blank(self, values: dict[str, Any], share: float) -> dict[str, Any]:
        return {n: v for n, v in values.items() if n == "customer_name" or self.dice.random() > share}

    def company(self) -> dict[str, Any]:
        word = self.word()
        name = f"{word} {self.dice.choice(TRADES)} {self.dice.choice(FORMS)}".strip()
        return {
            "customer_name": name, "primary_address": self.address(), "mobile_no": self.phone(),
            "email_id": f"info@{word.lower()}.example", "tax_id": f"DE{self.dice.randrange(10**8, 10**9)}",
        }  # fmt: skip

    def again(self, values: dict[str, Any]) -> dict[str, Any]:
        """The same company as somebody else enters it."""
        other, dice = dict(values), self.dice
        words = other["customer_name"].split()
        change = dice.random()
        if change < 0.35:
            words = [w for w in words if w not in " ".join(FORMS).split()] + [dice.choice(FORMS)]
        elif change < 0.6:
            i = dice.randrange(min(2, len(words)))
            words[i] = typo(dice, words[i])
        elif change < 0.7:
            words = [w.upper() for w in words]
        other["customer_name"] = " ".join(words).strip()
        moved = dice.random() < 0.12
        if moved:
            other["primary_address"] = self.address()
        elif dice.random() < 0.4:
            other["primary_address"] = other["primary_address"].replace("straße", "str.").replace(",", "")
        elif dice.random() < 0.3:
            other["primary_address"] = typo(dice, other["primary_address"])
        if dice.random() < 0.3:
            other["email_id"] = f"{dice.choice(FIRST).lower()}@{other['email_id'].partition('@')[2]}"
        if dice.random() < 0.3:
            other["mobile_no"] = other["mobile_no"].replace("+49 ", "0") if dice.random() < 0.7 else self.phone()
        if "tax_id" in other and dice.random() < 0.15:
            other["tax_id"] = typo(dice, other["tax_id"])
        return self.blank(other, 0.1 if moved else 0.25)

    def person(self, last: str = "", at: dict[str, Any] | None = None) -> dict[str, Any]:
        first = self.dice.choice(FIRST)
        last = last or (self.dice.choice(LAST) if self.dice.random() < 0.5 else self.word(2))
        own = at or {"primary_address": self.address(), "mobile_no": self.phone()}
        mail = f"{first}.{last}{self.dice.randrange(100)}@{self.dice.choice(FREE)}".lower()
        return {"customer_name": f"{first} {last}", "customer_type": "Individual", "email_id": mail, **own}

    def person_again(self, values: dict[str, Any]) -> dict[str, Any]:
        other, dice = dict(values), self.dice
        first, last = other["customer_name"].split(" ", 1)
        change = dice.random()
        if change < 0.3:
            other["customer_name"] = f"{typo(dice, first)} {last}"
        elif change < 0.5:
            other["customer_name"] = f"{last}, {first}"
        elif change < 0.65:
            other["customer_name"] = f"{NICKNAMES.get(first, first[0] + '.')} {last}"
        if dice.random() < 0.15:
            other["primary_address"] = self.address()
        if dice.random() < 0.3:
            other["email_id"] = f"{first}{last}@{dice.choice(FREE)}".lower()
        if dice.random() < 0.2:
            other["mobile_no"] = self.phone()
        return self.blank(other, 0.2)

    def retyped(self, values: dict[str, Any]) -> dict[str, Any]:
        return self.person_again(values) if values.get("customer_type") else self.again(values)

    def rows(
        self, values: dict[str, Any], again: Callable[[dict[str, Any]], dict[str, Any]], share: float
    ) -> list[Row]:
        """One customer, and with this share others that are the same."""
        entity = next(self.entities)
        rows = [(entity, values)]
        while self.dice.random() < share:
            rows.append((entity, again(values)))
        return rows


def companies(size: int, seed: int = 1) -> list[Row]:
    maker, rows = Maker(seed), []
    while len(rows) < size:
        kind = maker.dice.random()
        if kind < 0.03:  # a group: subsidiaries with one e-mail, one phone, often one house
            parent = maker.company()
            word = parent["customer_name"].split()[0]
            for trade in maker.dice.sample(TRADES, maker.dice.randrange(2, 7)):
                own = maker.company() | {"customer_name": f"{word} {trade} GmbH", "email_id": parent["email_id"]}
                if maker.dice.random() < 0.5:
                    own |= {"primary_address": parent["primary_address"], "mobile_no": parent["mobile_no"]}
                rows += maker.rows(own, maker.again, 0.05)
        elif kind < 0.13:  # a shop of a chain
            brand = maker.dice.choice(BRANDS)
            own = maker.company() | {
                "customer_name": brand,
                "email_id": f"info@{brand.replace(' ', '').lower()}.example",
            }
            if maker.dice.random() < 0.5:
                del own["tax_id"]
            rows += maker.rows(own, maker.again, 0.1)
        else:
            rows += maker.rows(maker.company(), maker.again, 0.15)
    return rows


def people(size: int, seed: int = 2) -> list[Row]:
    maker, rows = Maker(seed), []
    while len(rows) < size:
        if maker.dice.random() < 0.2:
            first = maker.person()
            last = first["customer_name"].split(" ", 1)[1]
            home = {"primary_address": first["primary_address"], "mobile_no": first["mobile_no"]}
            names = {first["customer_name"]}
            rows += maker.rows(first, maker.person_again, 0.1)
            for _ in range(maker.dice.randrange(1, 4)):
                other = maker.person(last, home)
                if other["customer_name"] not in names:
                    names.add(other["customer_name"])
                    rows += maker.rows(other, maker.person_again, 0.1)
        else:
            rows += maker.rows(maker.person(), maker.person_again, 0.15)
    return rows
