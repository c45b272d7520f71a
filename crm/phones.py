"""One phone number in all its notations: `+49 30 …`, `0049 30 …`, `+49 (0)30 …`, `030 …`, `30 …`. Digits only; no numbering plan is asked.

Search keeps two forms of a number that is stored with its country, and looks for several of one that is typed, so that
each notation finds each other one.
"""

import re

from overplane.database.text import NOT_DIGIT, fold

# Codes of countries and zones as ITU-T E.164 gives them: none begins with another one.
CODE = "1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9]{2}"
CODE_AND_NATIONAL = re.compile(f"({CODE})(.*)")
# A number with its country, and what follows up to the next number, a letter or a separator.
INTERNATIONAL = re.compile(rf"(?:\+|(?<![0-9])00)[^+0-9A-Za-z]*({CODE})([^+,;A-Za-z\n]*)")
SHORTEST = 4  # digits of a part that is looked for as a number; fewer are in too many numbers
# Without its country a number is looked for if this many digits are left. The duplicate finder compares no shorter ones.
SHORTEST_NATIONAL = 7
LONGEST_NATIONAL = 10  # digits that are typed without a sign may begin with a country if there are more


def stored_forms(phone: str) -> list[str]:
    """What search keeps of a stored value beside its digits: each number with its country, and as it is dialled within.

    The second is no word of its own, so that who looks for the number of another country does not find it.
    """
    if "+" not in phone and "00" not in phone:
        return []
    forms = []
    for code, rest in INTERNATIONAL.findall(phone if phone.isascii() else fold(phone)):
        national = _national(rest)
        if len(national) >= SHORTEST:
            forms += [f" {code}{national}", f"~0{national}"]
    return forms


def looked_up(typed: str) -> list[str]:
    """The pieces of text of which one shows that a number is there; a blank stands for the number's beginning. None: typed is too short."""
    digits = NOT_DIGIT.sub("", typed)
    if len(digits) < SHORTEST:
        return []
    if typed.lstrip("( ").startswith("+"):
        return _of_international(digits)
    if digits.startswith("00"):
        return [digits, *_of_international(digits[2:])]
    if digits.startswith("0"):
        national = digits[1:]
        return [digits, national] if len(national) >= SHORTEST_NATIONAL else [digits, " " + national]
    return [digits, *(_of_international(digits) if len(digits) > LONGEST_NATIONAL else [])]


def _of_international(digits: str) -> list[str]:
    match = CODE_AND_NATIONAL.fullmatch(digits)
    if match is None or len(digits) < SHORTEST:
        return []
    code, national = match[1], _national(match[2])
    return [" " + code + national, *([" 0" + national, " " + national] if len(national) >= SHORTEST_NATIONAL else [])]


def _national(rest: str) -> str:
    """The digits behind the country's code, without the zero that is dialled within the country only, as in `+49 (0)30`."""
    digits = rest.replace(" ", "")
    return (digits if digits.isdecimal() else NOT_DIGIT.sub("", digits)).lstrip("0")
