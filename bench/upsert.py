"""A file of customers that are all there already, one in a hundred changed: only those are written."""

import csv
import json
import os
import tempfile
from pathlib import Path

import psycopg

from bench.transfers import CUSTOMERS, generate, report, run
from tests.databases import start_postgresql

CHANGED_EVERY = 100


def main() -> None:
    server = start_postgresql(durable=True)
    with tempfile.TemporaryDirectory(prefix="overplane-upsert-") as name:
        environment = os.environ | {"DATABASE_URL": server.url, "DATA_DIR": name, "DEBUG": ""}
        old, new = Path(name) / "old.csv", Path(name) / "new.csv"
        try:
            generate(old, CUSTOMERS)
            _change(old, new)
            run(environment, "migrate", "-v", "0")
            run(environment, "import_customers", str(old))
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
            seconds, peak, said = run(
                environment, "import_customers", str(new), "--match-on", "customer_pos_id", "--json"
            )
            counts = {name: n for name, n in json.loads(said).items() if isinstance(n, int) and n}
            with psycopg.connect(server.url) as connection:
                events = connection.execute(
                    "SELECT count(*) FROM overplane_events_event WHERE actor = %s",
                    ["import:" + json.loads(said)["run"]],
                ).fetchone()
                versions = connection.execute("SELECT count(*) FROM crm_customer WHERE version > 1").fetchone()
            report("upsert, 1 % differ", seconds, CUSTOMERS, megabytes=peak)
            print(f"  {counts}; events written {events}, customers with a new version {versions}")
            assert counts["updated"] == CUSTOMERS // CHANGED_EVERY == events[0] == versions[0]  # type: ignore[index]
            assert counts["unchanged"] == CUSTOMERS - counts["updated"]
        finally:
            server.destroy()


def _change(old: Path, new: Path) -> None:
    with old.open(encoding="utf-8", newline="") as source, new.open("w", encoding="utf-8", newline="") as target:
        rows, writer, count = csv.reader(source), csv.writer(target), 0
        headings = next(rows)
        writer.writerow(headings)
        column = headings.index("territory")
        for row in rows:
            if row[0]:
                row[column] += "!" if count % CHANGED_EVERY == 0 else ""
                count += 1
            writer.writerow(row)
