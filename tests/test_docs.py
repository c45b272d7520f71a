"""The reference pages."""

from django.test import Client

from overplane.api.reference import MEANINGS
from overplane.problems import Code


def test_shows_every_route_and_explains_every_code(client: Client) -> None:
    page = client.get("/docs").content.decode()
    assert set(MEANINGS) == set(Code)
    for code in Code:
        assert f'id="error-{code}"' in page
    for route in ("/api/crm/customer/{id}", "/api/crm/supplier-number-at-customer/reorder", "/api/crm/event"):
        assert route in page
    assert "customer_name_example" in page


def test_needs_nothing_from_elsewhere(client: Client) -> None:
    answer = client.get("/docs")
    page = answer.content.decode()
    assert "<script" not in page
    assert "style=" not in page
    assert 'src="http' not in page
    assert "default-src 'self'" in answer["Content-Security-Policy"]
