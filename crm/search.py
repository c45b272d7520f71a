"""Finding customers by words: one folded text a customer, kept by the write path, behind a trigram index.

PostgreSQL has a GIN index of pg_trgm on the column. SQLite has an FTS5 table with the trigram
tokenizer, tied to its own integer key (VACUUM renumbers the rowids of a table with a text key)
and kept by triggers, which are put back after every migration.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import groupby
from operator import or_
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from crm import phones
from crm.line_items import LINE_ITEMS, PARENT
from overplane.database import counters
from overplane.database.dialect import is_sqlite
from overplane.database.text import fold, search_text, without_gaps
from overplane.events import feed
from overplane.events.models import Event
from overplane.ids import is_id

SEARCHED = ("customer_name", "email_id", "mobile_no", "tax_id", "customer_pos_id", "first_name", "last_name")
PHONE = SEARCHED.index("mobile_no")
MAX_LENGTH = 200  # letters: a name, a place and a number, and each word costs a look into the index
# A word of which a phone number may be written: no letters, no wildcards.
OF_NUMBER = re.compile(r"[-+().,/:'‐-―0-9]+")
# What comes along with an id that is copied from a text or a table.
AROUND_ID = "\"'`,;<>()[]"

# One value, so that the planner takes it to the index before it looks at customers.
OWNERS = {
    kind.id_prefix: f"SELECT {PARENT} FROM {kind.table.name} WHERE id = %s"  # by how the ids begin
    for kind in LINE_ITEMS
}

SQLITE_TABLES = [
    "CREATE TABLE IF NOT EXISTS crm_search_key (docid integer PRIMARY KEY, customer_id varchar(100) NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS crm_search USING fts5(body, tokenize='trigram case_sensitive 1')",
]
SQLITE_TRIGGERS = {
    "crm_search_insert": (
        "AFTER INSERT ON crm_customer BEGIN"
        " INSERT INTO crm_search_key (customer_id) VALUES (new.id);"
        " INSERT INTO crm_search (rowid, body)"
        " SELECT docid, new.search_text FROM crm_search_key WHERE customer_id = new.id; END"
    ),
    "crm_search_update": (
        "AFTER UPDATE OF search_text ON crm_customer WHEN old.search_text <> new.search_text BEGIN"
        " UPDATE crm_search SET body = new.search_text"
        " WHERE rowid = (SELECT docid FROM crm_search_key WHERE customer_id = new.id); END"
    ),
    "crm_search_delete": (
        "AFTER DELETE ON crm_customer BEGIN"
        " DELETE FROM crm_search WHERE rowid = (SELECT docid FROM crm_search_key WHERE customer_id = old.id);"
        " DELETE FROM crm_search_key WHERE customer_id = old.id; END"
    ),
}
SQLITE_REFILL = [
    "DELETE FROM crm_search",
    "DELETE FROM crm_search_key",
    "INSERT INTO crm_search_key (customer_id) SELECT id FROM crm_customer",
    "INSERT INTO crm_search (rowid, body) SELECT docid, search_text FROM crm_search_key"
    " JOIN crm_customer ON crm_customer.id = customer_id",
]
SQLITE_FIND = (
    "SELECT customer_id FROM crm_search_key JOIN crm_search ON crm_search.rowid = docid WHERE crm_search MATCH %s"
)


def text_of(customer: Mapping[str, Any], of_line_items: Iterable[str | None]) -> str:
    """What the customer is found by: its own values, and those of its line items (`searched` of each kind), in order."""
    return text_of_values([*(customer[name] for name in SEARCHED), *of_line_items])


def text_of_values(values: list[str | None]) -> str:
    """The same, of all the values in order."""
    return with_phone(search_text(values), values[PHONE])


def with_phone(text: str, phone: str | None) -> str:
    """The text, found by the other notations of its phone number too."""
    if not phone or not (forms := phones.stored_forms(phone)):
        return text
    for form in forms:
        if form not in text:
            text += form
    return text


def filter_by_words(queryset: QuerySet, words: str) -> QuerySet:
    """Customers whose text holds every word (shorter than three letters: at a word's start), or who have this id.

    Words that together are a phone number are found in any notation of it, too.
    """
    folded = fold(words).split()
    # Words of nothing but accents find nobody, not everybody.
    has_words = _has_words(folded) if folded else Q(pk__in=[])
    has_id = _has_id(words.strip().strip(AROUND_ID).strip())
    return queryset.filter(has_words if has_id is None else has_words | has_id)


def ways_of(words: Sequence[str]) -> Iterator[list[list[str]]]:
    """The alternatives for each folded word, or for words that may be one phone number. Each lists the parts that the text must contain."""
    for may_be_number, several in groupby(words, lambda word: OF_NUMBER.fullmatch(word) is not None):
        row = list(several)
        parts = [_part(word) for word in row]
        forms = phones.looked_up(" ".join(row)) if may_be_number else []
        # A form that holds the only word, or another form, says nothing more.
        word = parts[0] if len(parts) == 1 else None
        others = [form for form in forms if not any(one in form for one in (word, *forms) if one and one != form)]
        if others := [form for form in others if form != word]:
            yield [parts, *([form] for form in others)]
        else:
            yield from ([[part]] for part in parts)


def _has_words(words: Sequence[str]) -> Q:
    certain: list[str] = []
    condition = Q()
    for ways in ways_of(words):
        if len(ways) == 1:
            certain += ways[0]
        else:
            condition &= _has_any(ways)
    return _has_all(certain) & condition


def _has_any(ways: Sequence[Sequence[str]]) -> Q:
    """What most ways have in common is asked for first: PostgreSQL then looks into its index once, not once a way (40 ms each at a million)."""
    core = min((part.strip() for way in ways[1:] for part in way), key=len)
    close = [way for way in ways if any(core in part for part in way)]
    has_core = reduce(or_, map(_has_all, close))
    if len(close) > 1:
        has_core = _has_all([core]) & has_core
    return reduce(or_, [_has_all(way) for way in ways if way not in close], has_core)


def _has_all(parts: Sequence[str]) -> Q:
    condition = Q()
    if is_sqlite() and (indexed := [part for part in parts if len(part) > 2]):
        phrases = " AND ".join('"' + part.replace('"', '""') + '"' for part in indexed)
        condition &= Q(pk__in=RawSQL(SQLITE_FIND, [phrases]))  # noqa: S611 (bound as a parameter)
        parts = [part for part in parts if len(part) < 3]
    for part in parts:
        condition &= Q(search_text__contains=part)
    return condition


def _part(word: str) -> str:
    """What the text must hold for a word to be found."""
    number = without_gaps(word)
    word = number if len(number) > 2 else word
    return word if len(word) > 2 else " " + word


def _has_id(word: str) -> Q | None:
    """The customer with this id, or whose line item or event has it."""
    if is_id("customer", word):
        return Q(pk=word)
    if key := feed.key_of(word):
        epoch, seq = key
        return Q(pk=Subquery(Event.objects.filter(pk=seq, epoch=epoch).values("subject")))
    prefix = word.partition("_")[0]
    if prefix not in OWNERS or not is_id(prefix, word):
        return None
    return Q(pk=RawSQL(OWNERS[prefix], [word]))  # noqa: S611 (bound as a parameter)


def filter_by_part(queryset: QuerySet, part: str) -> QuerySet:
    """Customers whose text may hold this part of an attribute: the index answers it, and the exact condition comes on top."""
    # The beginning of a long part is enough; SQLite takes no pattern above 50,000 bytes.
    folded = " ".join(fold(part[:MAX_LENGTH]).split())
    return queryset.filter(search_text__contains=folded) if len(folded) > 2 else queryset


def missing(connection: BaseDatabaseWrapper) -> set[str]:
    """The names of the triggers that are missing."""
    return set(SQLITE_TRIGGERS) - counters.triggers(connection) if is_sqlite(connection) else set()


def install(connection: BaseDatabaseWrapper) -> None:
    """Creates SQLite's triggers and fills the index, unless all triggers exist."""
    if not missing(connection):
        return
    with connection.cursor() as cursor:
        for statement in SQLITE_TABLES:
            cursor.execute(statement)
        for name, body in SQLITE_TRIGGERS.items():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            cursor.execute(f"CREATE TRIGGER {name} {body}")
        for statement in SQLITE_REFILL:
            cursor.execute(statement)
