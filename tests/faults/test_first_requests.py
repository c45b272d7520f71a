"""What a process makes once is asked for by many at the same time, right after it has started."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from overplane.caching import computed_once
from tests.served import ROOT, served

AT_ONCE = 36


@pytest.mark.slow
@pytest.mark.half("postgresql")
@pytest.mark.django_db(transaction=True)
def test_all_who_ask_first_for_the_description_get_the_same(tmp_path: Path) -> None:
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]  # which the page names
    subprocess.run(collect, cwd=ROOT, env=os.environ | {"DATA_DIR": str(tmp_path)}, check=True)
    with served(tmp_path) as service, ThreadPoolExecutor(AT_ONCE) as pool:
        paths = ["/docs", "/api/openapi.json"] * (AT_ONCE // 2)
        answers = list(pool.map(lambda path: (path, *service.get(path)), paths))
    assert [status for _, status, _ in answers] == [200] * AT_ONCE
    for path in set(paths):
        assert len({body for of, _, body in answers if of == path}) == 1


def test_it_is_made_by_one_and_a_failure_is_not_kept() -> None:
    barrier, calls = threading.Barrier(8), []

    @computed_once
    def made() -> int:
        calls.append(threading.current_thread().name)
        if len(calls) == 1:
            raise ValueError("the first one fails")
        return len(calls)

    with pytest.raises(ValueError, match="the first"):
        made()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: (barrier.wait(), made())[1], range(8)))
    assert results == [2] * 8
    made.cache_clear()
    assert made() == 3
