"""What some threads at most may do is given back, however it ends."""

from collections.abc import Generator

import pytest
from django.db import OperationalError

from overplane.api import streams, turns

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("failure", "moves"), [(ValueError, True), (OperationalError, False)])
def test_a_write_that_is_refused_has_not_waited(failure: type[Exception], moves: bool) -> None:
    with turns.turn("x"):
        (writes,) = turns._under_way.values()
        writes.moved = 0
        with pytest.raises(failure), turns.turn("x"):
            raise failure
        assert bool(writes.moved) == moves
    assert not turns._under_way


def test_an_export_whose_end_fails_leaves_room_for_the_next() -> None:
    def parts() -> Generator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            raise OperationalError("the database has gone")

    for _ in range(streams.settings.WEB_THREADS + 1):
        answer = streams.StreamResponse(parts(), content_type="text/plain")
        next(iter(answer))
        answer.close()
