"""Rolling restarts of two services behind nginx as it is shipped, while clients read, write, stream and wait: no request fails.

And of one service whose workers are replaced (`systemctl reload`). ROLLING_RESTARTS sets how many of each.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench import goals
from tests.databases import start_postgresql
from tests.rolling import Load, Machine, machines
from tests.served import manage

RESTARTS = int(os.environ.get("ROLLING_RESTARTS", "20"))
CUSTOMERS = 20_000  # an export of so many takes a second or more


def _prepared(url: str, home: Path) -> str:
    """The key of a database with customers."""
    manage(home, "migrate", "-v", "0", DATABASE_URL=url)
    file = home / "customers.csv"
    file.write_text("Company name\n" + "".join(f"Nordlicht {n}\n" for n in range(CUSTOMERS)))
    manage(home, "import_customers", str(file), "--quiet", DATABASE_URL=url)
    return manage(home, "create_api_key", "bench", DATABASE_URL=url)


def measure(label: str, count: int, renew: Callable[[Machine], None], url: str, home: Path, key: str) -> None:
    home.mkdir()
    with machines(home, count, DATABASE_URL=url, GRACEFUL_SECONDS="30") as (running, proxy):
        load = Load(proxy, key)
        try:
            for number in range(RESTARTS):
                renew(running[number % count])
        finally:
            load.stop()
    ledger = load.ledger
    print(f"{label}: {dict(ledger.answers)}, failed {len(ledger.failures)}")
    for one in ledger.failures[:20]:
        print(f"  {one}")
    print("  longest wait, s: " + ", ".join(f"{kind} {seconds:.2f}" for kind, seconds in ledger.longest.items()))
    with psycopg.connect(url) as connection:
        stored = connection.execute("SELECT count(*) FROM crm_customer WHERE customer_name LIKE 'c-%'").fetchone()
    missed = len(load.acknowledged) - len(load.in_feed)
    print(f"  acknowledged {len(load.acknowledged)}, deleted {load.deleted}, stored {stored}, not in the feed {missed}")
    print(goals.at_most(f"{label}: requests that failed", len(ledger.failures), 0), flush=True)


def main() -> None:
    server = start_postgresql(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="overplane-rolling-") as folder:
            home = Path(folder)
            key = _prepared(server.url, home)
            measure(f"{RESTARTS} rolling restarts of two", 2, Machine.restart, server.url, home / "two", key)
            measure(f"{RESTARTS} reloads of one", 1, Machine.reload, server.url, home / "one", key)
    finally:
        server.destroy()
