"""Recovery codes: ten that work once each in place of the authenticator app, for when the phone is lost.

They are stored as passwords are. django-otp's `otp_static` would store them as they are.
"""

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from overplane.people.models import RecoveryCode

COUNT = 10  # one for each first digit, so that a code says which hash is its own
# Fifteen digits are 50 random bits; with Argon2's 50 ms for each guess nobody gets through them. Digits alone: a phone
# then shows its keypad for both kinds of code.
LENGTH = 16


def renew(user: Any) -> list[str]:
    """Ten new codes, as people read them; the old ones end. They exist nowhere but in this answer."""
    codes = [f"{number}{secrets.randbelow(10 ** (LENGTH - 1)):0{LENGTH - 1}}" for number in range(COUNT)]
    # Before the transaction: half a second in which nobody has to wait for a lock.
    new = [RecoveryCode(user=user, number=number, hash=make_password(code)) for number, code in enumerate(codes)]
    with transaction.atomic():
        # Two pages that make new ones at once: the later set is the one that counts, and no set is mixed.
        get_user_model().objects.select_for_update().get(pk=user.pk)
        end(user)
        RecoveryCode.objects.bulk_create(new)
    return [" ".join(code[at : at + 4] for at in range(0, LENGTH, 4)) for code in codes]


def looks_like_one(code: str) -> bool:
    return len(code) == LENGTH and code.isascii() and code.isdigit()


def spend(user: Any, code: str) -> bool:
    """Whether this was a code of the user's. It is none from now on: of two requests at once one deletes the row."""
    stored = RecoveryCode.objects.filter(user=user, number=int(code[0])).first()
    if stored is None or not check_password(code, stored.hash):
        return False
    return RecoveryCode.objects.filter(pk=stored.pk).delete()[0] == 1


def left(user: Any) -> int:
    return RecoveryCode.objects.filter(user=user).count()


def end(user: Any) -> None:
    RecoveryCode.objects.filter(user=user).delete()
