import importlib
import sys

from bench import goals

NAMES = ("crashes", "interruptions", "growth", "transfers", "upsert", "pooler", "requests", "webhooks")

if __name__ == "__main__":
    try:
        for name in sys.argv[1:] or NAMES:
            importlib.import_module(f"bench.{name}").main()
    finally:
        goals.table()
