"""The prose of the reference names the kinds that are registered: as it always did with one, and each with a second."""

import json
import re

from django.db import models
from django.template.loader import render_to_string
from django.test.utils import isolate_apps

from crm.api.meanings import enumerated, several
from crm.api.reference_words import expanding, found_in, topic_words
from crm.line_items import SUPPLIER_NUMBERS, LineItem
from crm.models import Customer
from overplane.database.fields import CascadeKey, IdField, StringField

with isolate_apps("crm"):

    class CallAtCustomer(models.Model):
        id = IdField()
        idx = models.PositiveIntegerField("position", blank=True)
        customer = CascadeKey(Customer, related_name="calls", db_index=False)
        purpose = StringField("purpose")
        version = models.IntegerField(default=1, editable=False)

        class Meta:
            app_label = "crm"


CALLS = LineItem(CallAtCustomer, label="call", label_plural="calls")
FOUND_CALLS = LineItem(CallAtCustomer, label="call", label_plural="calls", searched=("purpose",))
ONE, TWO = (SUPPLIER_NUMBERS,), (SUPPLIER_NUMBERS, CALLS)


def prose_of(topic: str, kinds: tuple[LineItem, ...]) -> str:
    """Its paragraphs as text."""
    page = render_to_string(f"reference/topics/{topic}.html", topic_words(kinds))
    return " ".join(re.sub("<.*?>", "", text) for text in re.findall("<p>(.*?)</p>", page))


def test_words_are_enumerated() -> None:
    assert [enumerated(words, "and") for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip
    assert (several(ONE), several(TWO)) == ("supplier numbers", "supplier numbers and calls")


def test_rows_in_one_write() -> None:
    one, two = (prose_of("line-items", kinds) for kinds in (ONE, TWO))
    assert (
        "A customer and its supplier numbers are written at once: supplier_numbers in POST, PATCH and in a batch is the full list in its order."
        in one
    )
    assert "Without the attribute the line items stay as they are." in one
    assert (
        "A customer and its supplier numbers and calls are written at once: supplier_numbers and calls in POST, PATCH and in a batch are the full lists in their order."
        in two
    )
    assert "Without the attribute the line items of its kind stay as they are." in two
    assert "What a read with expand[]=supplier_numbers and expand[]=calls answered" in two


def test_pages_with_rows() -> None:
    one, two = (prose_of("pagination", kinds) for kinds in (ONE, TWO))
    assert "expand[]=supplier_numbers adds each customer's line items, fields=customer_name,email_id narrows" in one
    assert "expand[]=supplier_numbers and expand[]=calls add each customer's line items, fields=" in two


def test_the_samples_are_of_what_is_registered() -> None:
    calls = topic_words((CALLS,))
    assert json.loads(calls["body_of_both"])["calls"] == [{"purpose": "purpose_example"}]
    assert json.loads(calls["body_of_changed_list"])["calls"][0] == {"id": "call-at-customer_abc123"}
    assert "supplier" not in json.dumps(calls)


def test_words_are_looked_for_in_the_kinds_that_are_searched() -> None:
    customers = "name, e-mail, phone, tax id, POS id"
    assert found_in(ONE) == found_in(TWO) == f"{customers}, first and last name or supplier numbers"
    assert found_in((*ONE, FOUND_CALLS)) == f"{customers}, first and last name, supplier numbers or calls"
    assert found_in((CALLS,)) == f"{customers} or first and last name"


def test_the_description_says_how_several_are_added() -> None:
    assert expanding(["`a`"]) == "`a` adds each customer's rows."
    assert expanding(["`a`", "`b`"]) == "`a` and `b` add each customer's rows."
