"""The service as `make run` starts it: gunicorn with two workers. What must hold although they share no memory."""

import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from overplane.api import keys
from overplane.api.models import Allowance
from tests.conftest import CUSTOMER
from tests.served import Service, served

pytestmark = pytest.mark.slow

RATE = 5


@pytest.fixture
def service(transactional_db: None, tmp_path: Path) -> Iterator[Service]:
    with served(tmp_path, RATE_LIMIT=str(RATE)) as running:
        yield running


def counted(service: Service, text: str) -> float:
    lines = service.get("/metrics")[1].decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.startswith("overplane_requests_total") and text in line
    )


def test_two_workers_are_one_service(service: Service) -> None:
    """One start for all of it: starting is what takes long."""
    both_workers_are_counted(service)
    new_workers_go_on_where_the_old_ones_were(service)
    limits_are_exact(service)
    failures_are_counted_together_and_block_no_valid_key(service)
    Allowance.objects.all().delete()  # as a minute does
    a_revoked_key_stops_everywhere_within_five_seconds(service)


def both_workers_are_counted(service: Service) -> None:
    assert service.many(40, "/healthz", "") == {200: 40}
    assert [counted(service, 'route="healthz"') for _ in range(8)] == [40] * 8
    # What is asked for at each scrape stands there once, whichever of them answers.
    assert service.get("/metrics")[1].count(b"\noverplane_feed_lag_seconds 0.0\n") == 1


def new_workers_go_on_where_the_old_ones_were(service: Service) -> None:
    service.process.send_signal(signal.SIGHUP)
    time.sleep(4)
    assert service.many(10, "/healthz", "") == {200: 10}
    assert [counted(service, 'route="healthz"') for _ in range(8)] == [50] * 8


def limits_are_exact(service: Service) -> None:
    record, key = keys.mint("busy")
    begun = time.time()
    answers = service.many(80, CUSTOMER, key)
    took = time.time() - begun
    assert answers[200] + answers[429] == 80
    assert RATE <= answers[200] <= RATE + RATE * took
    held = Allowance.objects.get(pk=f"key:{record.pk}")
    # What was there at first and what flowed in since is what was taken and what is left.
    assert answers[200] == pytest.approx(RATE + RATE * (held.at - begun) - held.tokens, abs=RATE * 0.5)


def failures_are_counted_together_and_block_no_valid_key(service: Service) -> None:
    begun = time.time()
    answers = service.many(40, CUSTOMER, "sk_test_wrong")
    regained = int((time.time() - begun) * 20 / 60) + 1
    assert set(answers) == {401, 429}
    assert 20 <= answers[401] <= 20 + regained
    assert service.get(CUSTOMER, keys.mint("valid")[1])[0] == 200


def a_revoked_key_stops_everywhere_within_five_seconds(service: Service) -> None:
    record, key = keys.mint("stolen")
    _, successor = keys.roll(record, grace=timedelta(hours=1))
    assert service.many(4, CUSTOMER, key)[200] == 4
    keys.revoke(record)
    revoked = time.monotonic()
    seen: list[tuple[float, int]] = []
    while time.monotonic() - revoked < 6.5 or seen[-1][0] < 5:
        seen.append((time.monotonic() - revoked, service.get(CUSTOMER, key)[0]))
        time.sleep(0.4)  # more than twenty failures a minute would be answered with 429
    assert {status for at, status in seen if at >= 5} == {401}
    assert service.get(CUSTOMER, successor)[0] == 200
