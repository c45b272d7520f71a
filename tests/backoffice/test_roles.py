"""Who may do what in the back office: each act of the table is tried by each kind of visitor through real requests.

Whoever may, sees it happen; whoever may not is refused, and nothing at all is written.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.urls import get_resolver, reverse

from tests.backoffice.role_acts import (
    ACTS,
    ANONYMOUS,
    OUTSIDER,
    STRANGER,
    VISITORS,
    Act,
    World,
    everything,
    page,
    world,
)

pytestmark = [pytest.mark.slow, pytest.mark.half("sqlite")]


def tried(act: Act, w: World, before: dict[str, set[Any]]) -> tuple[bool, HttpResponse, list[str]]:
    """Whether it happened, the answer, and which tables were written though it did not; all of it is taken back."""
    cookies = dict(w.client.cookies)
    with transaction.atomic():
        answer = act.do(w)
        happened = act.done(w, answer)
        after = before if happened else everything()
        transaction.set_rollback(True)
    w.client.cookies.clear()
    w.client.cookies.update(cookies)
    return happened, answer, [label for label in after if after[label] != before[label]]


def is_refusal(act: Act, kind: str, answer: HttpResponse) -> bool:
    if kind in (ANONYMOUS, OUTSIDER) and answer.status_code == 302:
        return answer["Location"].startswith(reverse("admin:login"))
    if act.name.startswith(("bulk", "part")):  # there is no such action, this part of the form or page is not there
        return answer.status_code in (200, 302, 403)
    return answer.status_code in (401, 403, 404)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", VISITORS)
def test_each_can_do_exactly_what_he_should(kind: str, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    w = world(kind)
    before, wrong = everything(), []
    for act in ACTS:
        happened, answer, written = tried(act, w, before)
        if happened != (kind in act.who):
            wrong.append(f"{act.name}: {'allowed' if happened else 'refused'} ({answer.status_code})")
        elif not happened and not is_refusal(act, kind, answer):
            wrong.append(f"{act.name}: answered with {answer.status_code}")
        elif not happened and written:
            wrong.append(f"{act.name}: refused, but it wrote {written}")
    assert not wrong


# What somebody may open who is staff and nothing else.
OPEN = {
    "admin:index", "admin:login", "admin:logout", "admin:jsi18n", "admin:password_change", "admin:password_change_done",
    "second_factor", "second_factor_code", "second_factor_qr", "second_factor_off", "recovery_codes", "admin:app_list",
    "admin:overplane_jobs_job_changelist", "admin:overplane_jobs_job_columns", "admin:overplane_jobs_job_views",  # of the own jobs
    "session",  # says who one is, and signs in
}  # fmt: skip
ARGUMENTS = {
    "object_id": "customer", "field": "territory", "number": "1", "file_id": "file", "job_id": "checked", "id": "other",
    "key_id": "key", "endpoint_id": "endpoint", "delivery_id": "delivery", "app_label": "crm", "content_type_id": "1", "url": "x", "pair_id": "pair",
}  # fmt: skip


def back_office_pages(resolver: Any, route: str = "", namespace: str = "") -> Iterator[tuple[str, list[str]]]:
    for pattern in resolver.url_patterns:
        here = route + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from back_office_pages(pattern, here, namespace + inner)
        elif here.startswith("admin/") and pattern.name:
            yield namespace + pattern.name, [ARGUMENTS[name] for name in re.findall(r"<(?:\w+:)?(\w+)>", here)]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [ANONYMOUS, STRANGER])
def test_no_page_of_the_back_office_is_open_to_those_without_a_group(kind: str, settings: Any, tmp_path: Any) -> None:
    """Also a page that somebody adds without a line in the table above."""
    settings.MEDIA_ROOT = tmp_path
    w = world(kind)
    before = everything()
    pages = {name: page(w, name, *args) for name, args in back_office_pages(get_resolver()) if name not in OPEN}
    assert len(pages) > 50
    for name, url in pages.items():
        for answer in (w.client.get(url), w.client.post(url)):
            # Where there is no such object Django leads to the first page, whoever asks.
            way = {ANONYMOUS: reverse("admin:login"), STRANGER: reverse("admin:index")}[kind]
            led_away = answer.status_code == 302 and answer["Location"].partition("?")[0] == way
            assert led_away or (kind == STRANGER and answer.status_code in (403, 404, 405)), (name, answer)
    assert everything() == before
