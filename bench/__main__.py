import importlib
import sys

from bench import goals

NAMES = (
    "crashes",
    "interruptions",
    "duplicates",
    "growth",
    "transfers",
    "uploads",
    "upsert",
    "pooler",
    "rolling",
    "purging",
    "failover",
    "replicas",
    "requests",
    "webhooks",
    "hostile",
)

if __name__ == "__main__":
    chosen = sys.argv[1:] or NAMES
    if unknown := set(chosen) - set(NAMES):
        sys.exit(f"There is no {', '.join(sorted(unknown))}, only {', '.join(NAMES)}.")
    try:
        for name in chosen:
            importlib.import_module(f"bench.{name}").main()
    finally:
        goals.table()
