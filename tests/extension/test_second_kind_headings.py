"""A second kind of line item changes nothing of what headings were taken for: who came first keeps them."""

from itertools import combinations, product

import pytest
from django.db import models
from django.test.utils import isolate_apps

from crm.line_items import LINE_ITEMS, LineItem
from crm.models import Customer
from crm.transfer.columns import (
    PARENTS,
    column_name,
    customer_columns,
    customer_fields,
    guess,
    known_headings,
    line_item_columns,
    line_item_file,
    nested_columns,
    plain,
    referenced_line_items,
)
from overplane.database.fields import CascadeKey, IdField, StringField

with isolate_apps("crm"):

    class ContactAtCustomer(models.Model):
        """Its names, labels and list are what files say of customers and of supplier numbers already."""

        id = IdField()
        idx = models.PositiveIntegerField("position", blank=True)
        customer = CascadeKey(Customer, related_name="notes", db_index=False)
        company = StringField("company")
        supplier_number = StringField("phone")
        email_id = StringField("Lieferantennummer")
        role = StringField("vendor no.")
        version = models.IntegerField(default=1, editable=False)

        class Meta:
            app_label = "crm"
            verbose_name = "supplier number at customer"


CONTACTS = LineItem(ContactAtCustomer, label="contact", label_plural="supplier numbers")
BOTH = (*LINE_ITEMS, CONTACTS)
# Everything that was known of a file, as its heading or as a part of files of nothing but line items.
OWN = [*PARENTS, *(name for kind in LINE_ITEMS for name in line_item_columns(kind))]
WORDS = ["customer_id", "company", "supplier_number", "Firma", "Lieferantennummer", "Vendor no.", "phone", "notes", "email_id", "role"]  # fmt: skip
BESIDE = ([], ["customer_id"], ["customer_id", "supplier_number"], ["name"])


def test_the_second_kind_wants_what_others_have() -> None:
    wanted = known_headings((CONTACTS,))
    taken = {heading for heading, name in known_headings().items() if wanted.get(heading, name) != name}
    assert len(taken) > 4, "or this file tests nothing"


def test_each_heading_that_was_known_means_what_it_meant() -> None:
    before, after = known_headings(), known_headings(BOTH)
    assert {heading: after[heading] for heading in before} == before
    assert {column_name(CONTACTS, name) for name in CONTACTS.names} <= set(after.values())


@pytest.mark.slow
def test_each_guess_that_was_made_is_made() -> None:
    known = {*known_headings(), *customer_columns(), *nested_columns(), *OWN}
    changed = []
    for heading, beside in product(sorted(known), BESIDE):
        headings = [*(one for one in beside if plain(one) != plain(heading)), heading]
        before = guess(headings, LINE_ITEMS)
        after = guess(headings, BOTH)
        if {one: after.get(one) for one in before} != before:
            changed.append(headings)
    assert changed == []


def test_no_file_becomes_one_of_another_kind_where_columns_may_be_left_out() -> None:
    for count in (2, 3, 4):
        for headings in combinations(WORDS, count):
            before = line_item_file(headings, {}, ignore_unknown=True, kinds=LINE_ITEMS)
            after = line_item_file(headings, {}, ignore_unknown=True, kinds=BOTH)
            assert after == before or not customer_fields(headings, LINE_ITEMS), headings
            assert before[0] is None or after == before, headings
            known = line_item_file(headings, {}, ignore_unknown=False, kinds=LINE_ITEMS)
            if known[1].keys() == set(headings):
                assert line_item_file(headings, {}, ignore_unknown=False, kinds=BOTH) == known, headings
            if referenced := referenced_line_items(headings, {}, LINE_ITEMS):
                assert referenced_line_items(headings, {}, BOTH) == referenced, headings


def test_a_file_that_only_the_later_kind_knows_is_of_that_kind() -> None:
    """It would be refused otherwise; and whoever names the list or maps a column has said which."""
    whole = ["customer_id", "company", "supplier_number", "role"]
    assert line_item_file(whole, {}, ignore_unknown=False, kinds=BOTH)[0] is CONTACTS
    for headings, mapping in (
        (["customer_id", "notes.company"], {}),
        (["customer_id", "notes.company", "notes.supplier_number"], {}),
        (["customer_id", "company"], {"company": "notes.company"}),
        (["customer_id", "x", "company"], {"x": "role"}),
    ):
        assert line_item_file(headings, mapping, ignore_unknown=False, kinds=BOTH)[0] is CONTACTS, headings
