"""Judges the folder of one run and prints the problems, and what it looked at, as JSON: `python -m faults.judging FOLDER`, with the run's `DATABASE_URL`."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "overplane.settings"
django.setup()

from faults.judging import acknowledged, answers, erasure, imports, readers, register, replaying, tables  # noqa: E402
from faults.judging.evidence import Evidence  # noqa: E402

CHECKS = (
    answers.some, answers.expected, answers.repeated, acknowledged.creations, acknowledged.changes, register.registers,
    replaying.replayed, readers.followed, readers.delivered, readers.lists, tables.positions, tables.counts, tables.texts,
    tables.tombstones, erasure.erased, erasure.logged, imports.imported, imports.upserted, imports.broken_off, readers.events, acknowledged.refused, acknowledged.upserts,
)  # fmt: skip
MOST = 20  # problems of one check: what is wrong is often wrong everywhere

if __name__ == "__main__":
    evidence = Evidence(Path(sys.argv[1]))
    problems = [asdict(problem) for check in CHECKS for problem in list(check(evidence))[:MOST]]
    json.dump({"problems": problems, "judged": evidence.judged}, sys.stdout)
