"""Nothing of an erased customer is left anywhere: the word in all its values is searched in every column of every table."""

import re
from collections import defaultdict
from collections.abc import Iterator

from django.db import connection

from faults.judging.evidence import Evidence, Problem

WORD = re.compile(rb"tok[a-km-z2-9]{12}")


def erased(evidence: Evidence) -> Iterator[Problem]:
    words = _words_of_erased(evidence)
    for table in connection.introspection.table_names():
        for word in _words_in(table) & words.keys():
            yield Problem("erasure", f"{table} holds {word} of {words[word]}, which was deleted", words[word])


def logged(evidence: Evidence) -> Iterator[Problem]:
    """What the service's processes wrote. Files of jobs are no part of this: an import's file is kept as it was sent."""
    words = _words_of_erased(evidence)
    for file in sorted(evidence.folder.glob("*.log")):
        for word in {found.decode() for found in WORD.findall(file.read_bytes())} & words.keys():
            yield Problem("erasure", f"{file.name} holds {word} of {words[word]}, which was deleted", words[word])


def _words_of_erased(evidence: Evidence) -> dict[str, str]:
    """Whose each is. After an upsert there may be another customer of the same word."""
    living = {evidence.tokens.get(one) for one in evidence.customers}
    gone = [one for one in _gone_altogether(evidence) if one in evidence.tokens]
    words = {evidence.tokens[one]: one for one in gone if evidence.tokens[one] not in living}
    evidence.judged["erased customers searched"] = len(words)
    return words


def _words_in(table: str) -> set[str]:
    found: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}"')
        while rows := cursor.fetchmany(500):
            for row in rows:
                for value in row:
                    text = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    found.update(word.decode() for word in WORD.findall(text))
    return found


def _gone_altogether(evidence: Evidence) -> set[str]:
    """The deleted ones, but for those of whom a merge has given something to one that lives."""
    near: dict[str, set[str]] = defaultdict(set)
    for event in evidence.feed:
        if event["type"] == "customer.merged":
            one, other = event["data"]["object"]["id"], event["data"]["object"].get("merged_into")
            for a, b in ((one, other), (other, one)):
                near[a].add(b)
    for call in evidence.of("merge", "office_merge"):  # what its event said is erased with it
        for other in call.sent["from"]:
            near[other].add(call.target)
            near[call.target].add(other)
    return {one for one in evidence.deleted if _connected(one, near) <= evidence.deleted}


def _connected(one: str, near: dict[str, set[str]]) -> set[str]:
    seen, waiting = {one}, [one]
    while waiting:
        for other in near[waiting.pop()] - seen:
            seen.add(other)
            waiting.append(other)
    return seen
