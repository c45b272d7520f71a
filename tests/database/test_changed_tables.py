"""A migration changes a table on which connections have prepared their statements: nobody hears of it."""

import pytest
from django.db import OperationalError, connection, transaction

from crm.models import CUSTOMERS
from tests.conftest import CUSTOMER, Api
from tests.connections import only_postgresql

pytestmark = [pytest.mark.django_db(transaction=True), only_postgresql]


def widen(size: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "crm_customer" ALTER COLUMN "industry" TYPE varchar({size})')


def test_a_longer_text_disturbs_no_statement_that_is_prepared(live_api: Api) -> None:
    customer = live_api.create(industry="Steel")
    path = f"{CUSTOMER}/{customer['id']}"
    assert live_api.get(path).status_code == 200
    widen(300)
    try:
        assert live_api.get(path).json() == customer
        assert live_api.patch(path, {"industry": "Wood"}).status_code == 200
    finally:
        widen(255)
    assert live_api.get(path).json()["industry"] == "Wood"


def test_a_transaction_that_it_meets_is_to_be_tried_again(live_api: Api) -> None:
    customer = live_api.create(industry="Steel")
    assert CUSTOMERS.get(customer["id"])
    widen(300)
    try:
        with pytest.raises(OperationalError), transaction.atomic():
            CUSTOMERS.get(customer["id"])
        connection.close_if_unusable_or_obsolete()  # as the end of a request does
        with transaction.atomic():
            assert CUSTOMERS.get(customer["id"])
    finally:
        widen(255)
        connection.close()
