"""Whether every planted fault still finds its place in the product: `python -m faults.planted`. Names those that do not."""

import os
import sys

import django

from faults import planted


def finds_its_place(one: planted.Planted) -> bool:
    """In a process of its own: what is planted stays."""
    child = os.fork()
    if child == 0:
        try:
            one.install()
        except Exception as error:  # noqa: BLE001 (whatever it is, it is to be said)
            print(f"{one.name}: {type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "overplane.settings")
    os.environ.pop("FAULTS_PLANTED", None)
    django.setup()
    known = planted.all_known()
    rotten = [name for name, one in known.items() if not finds_its_place(one)]
    print(f"{len(known) - len(rotten)} of {len(known)} find their place")
    sys.exit(bool(rotten))
