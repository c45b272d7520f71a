import importlib
import sys

NAMES = ("crashes", "growth", "transfers")

if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        importlib.import_module(f"bench.{name}").main()
