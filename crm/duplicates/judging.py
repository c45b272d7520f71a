"""Nearly all pairs of a block are strangers: most of these are recognised before the longest texts are compared."""

from math import log2

from crm.duplicates.comparing import COMPARE, Agreement
from crm.duplicates.normalising import NAMES, Profile
from crm.duplicates.terms import Bits
from crm.duplicates.weighing import LIKELY, ONE, STRANGERS, Model

NAME, ADDRESS = NAMES.index("customer_name"), NAMES.index("primary_address")
# What is compared in a moment comes first.
ORDER = (*(index for index in range(len(NAMES)) if index not in (NAME, ADDRESS)), NAME, ADDRESS)
SLACK = 1.0  # bits: a common word that is shared in another form counts as half of one


class Judge:
    """Compares pairs, and gives up as soon as nothing that is left could make two strangers one."""

    def __init__(self, model: Model, bits: Bits) -> None:
        self.bits = bits
        odds = model.odds(())
        self.start = log2(odds[ONE] / odds[STRANGERS]) - log2(LIKELY / (1 - LIKELY)) + SLACK
        self.logs = [[log2(share) for share in shares] for shares in model.ones]
        self.best_address = max(self.logs[ADDRESS])

    def agreements(self, one: Profile, other: Profile, address_bits: float) -> list[Agreement] | None:
        """As `compare` has them, if the two are perhaps one. `address_bits`: as much as equal addresses could say."""
        said, agreements = self.start, []
        for index in ORDER:
            if (first := one[index]) and (second := other[index]):
                if index == ADDRESS and said + self.best_address + address_bits < 0:
                    return None
                agreement = COMPARE[index](index, first, second, self.bits)
                said += self.logs[index][agreement.level] + agreement.bits
                agreements.append(agreement)
        return sorted(agreements) if said >= 0 else None
