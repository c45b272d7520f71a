"""The table of pairs: written by those who compare, dismissed and reopened by people, gone with either customer."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from crm.duplicates.comparing import Agreement
from crm.duplicates.normalising import NAMES
from crm.duplicates.weighing import LIKELY, NEARLY_CERTAIN, Model, agreement_word
from crm.models import PAIRS, TERMS, DuplicatePair, PairState
from overplane.database import statements
from overplane.database.dialect import row_lock
from overplane.database.encoding import dumps
from overplane.database.rows import to_database
from overplane.database.statements import Statement
from overplane.ids import new_ids
from overplane.problems import ObjectMissing

# Whoever dismissed a pair is asked again only when one of the two has changed in what was compared.
UPSERT = f"""
INSERT INTO {PAIRS.name} (id, first_id, second_id, score, state, reasons, compared_at, first_hash, second_hash)
VALUES (%s, %s, %s, %s, 'open', %s, %s, %s, %s)
ON CONFLICT (first_id, second_id) DO UPDATE SET score = excluded.score, reasons = excluded.reasons,
  compared_at = excluded.compared_at, first_hash = excluded.first_hash, second_hash = excluded.second_hash,
  state = CASE WHEN {PAIRS.name}.state = 'dismissed' AND {PAIRS.name}.first_hash = excluded.first_hash
    AND {PAIRS.name}.second_hash = excluded.second_hash THEN 'dismissed' ELSE 'open' END
"""
EXISTING = "SELECT id FROM crm_customer WHERE id IN ({}) ORDER BY id{}"
BATCH = 200  # pairs in one transaction, whose customers nobody changes meanwhile


class Compared(NamedTuple):
    """Two customers, each by its id and the hash of what was compared of it, and what came of it."""

    one: tuple[str, int]
    other: tuple[str, int]
    score: float
    reasons: list[dict[str, Any]]


def reasons(model: Model, agreements: Sequence[Agreement]) -> list[dict[str, Any]]:
    """The strongest first, for or against."""
    weights = model.weights(agreements)
    listed = [
        {"attribute": NAMES[one.attribute], "agreement": agreement_word(one.level), "weight": round(weight, 1)}
        for one, weight in zip(agreements, weights, strict=True)
    ]
    return sorted(listed, key=lambda one: -abs(one["weight"]))


def store(compared: Iterable[Compared], now: datetime) -> int:
    """Writes pairs whose customers are both still there; how many."""
    rows, count = list(compared), 0
    for start in range(0, len(rows), BATCH):
        count += _store(rows[start : start + BATCH], now)
    return count


def _store(compared: Sequence[Compared], now: datetime) -> int:
    ids = sorted({customer_id for one in compared for customer_id in (one.one[0], one.other[0])})
    with transaction.atomic():
        # Locked, so that none is deleted before its pair is there to be deleted, too.
        existing = {row[0] for row in statements.rows(EXISTING.format(statements.marks(ids), row_lock()), ids)}
        chosen = [one for one in compared if one.one[0] in existing and one.other[0] in existing]
        chosen.sort(key=lambda one: min(one.one, one.other))
        parameters = []
        for pair_id, one in zip(new_ids("pair", len(chosen)), chosen, strict=True):
            (first, first_hash), (second, second_hash) = sorted((one.one, one.other))
            text = dumps(one.reasons).decode()
            parameters.append(to_database([pair_id, first, second, one.score, text, now, first_hash, second_hash]))
        with connection.cursor() as cursor:
            cursor.executemany(UPSERT, parameters)
    return len(chosen)


def forget_older(now: datetime) -> int:
    """After all were compared: open pairs that were not found any more."""
    return DuplicatePair.objects.filter(state=PairState.OPEN, compared_at__lt=now).delete()[0]


def forget_others(customer_id: str, own_hash: int, partners: Sequence[str]) -> None:
    """After one customer was compared: its pairs with others than these, unless they were merged or are dismissed as it is now."""
    side = "((first_id = %s AND first_hash {0} %s) OR (second_id = %s AND second_hash {0} %s))"
    stale = f"(state = 'open' AND (first_id = %s OR second_id = %s)) OR (state = 'dismissed' AND {side.format('<>')})"
    rows = statements.rows(
        f"SELECT id, first_id, second_id FROM {PAIRS.name} WHERE {stale}",
        [customer_id, customer_id, customer_id, own_hash, customer_id, own_hash],
    )
    kept = {*partners, customer_id}
    gone = [pair_id for pair_id, first, second in rows if not {first, second} <= kept]
    for part in statements.in_parts(gone):
        statements.run(f"DELETE FROM {PAIRS.name} WHERE id IN ({statements.marks(part)})", part)


def erase_pairs(ids: Sequence[str]) -> Statement:
    marks = statements.marks(ids)
    return Statement(f"DELETE FROM {PAIRS.name} WHERE (first_id IN ({marks}) OR second_id IN ({marks}))", [*ids, *ids])


def erase_terms(ids: Sequence[str]) -> Statement:
    return Statement(f"DELETE FROM {TERMS.name} WHERE customer_id IN ({statements.marks(ids)})", ids)


def merge(survivor_id: str, merged_ids: Sequence[str]) -> None:
    """In the transaction of a merge: the pairs that it settled say so, all others of the merged ones go."""
    marks, several = statements.marks(merged_ids), [survivor_id, *merged_ids]
    within = statements.marks(several)
    statements.run(
        f"UPDATE {PAIRS.name} SET state = 'merged' WHERE first_id IN ({within}) AND second_id IN ({within})",
        [*several, *several],
    )
    statements.run(
        f"DELETE FROM {PAIRS.name} WHERE (first_id IN ({marks}) OR second_id IN ({marks})) AND state <> 'merged'",
        [*merged_ids, *merged_ids],
    )
    statements.run(*erase_terms(merged_ids))


def set_state(pair_id: str, state: PairState) -> DuplicatePair:
    """Dismisses a pair, or opens it again. One that was merged stays so. `ObjectMissing` if there is none."""
    with transaction.atomic():
        pair = DuplicatePair.objects.select_for_update(no_key=True).filter(pk=pair_id).first()
        if pair is None:
            raise ObjectMissing("pair", pair_id)
        if pair.state not in (PairState.MERGED, state):
            pair.state = state
            pair.save(update_fields=["state"])
    return pair


def output(pair: DuplicatePair) -> dict[str, Any]:
    return {
        "id": pair.pk,
        "customers": pair.customer_ids,
        "score": round(pair.score, 6),
        "level": "nearly_certain" if pair.score >= NEARLY_CERTAIN else "likely",
        "state": pair.state,
        "compared_at": pair.compared_at,
        "reasons": pair.reasons,
    }


RANGES = {"nearly_certain": (NEARLY_CERTAIN, 1.1), "likely": (LIKELY, NEARLY_CERTAIN)}  # of scores, by level
