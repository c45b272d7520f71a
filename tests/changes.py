"""Changes of a customer and its supplier numbers, one for each way through each door."""

from collections.abc import Callable
from typing import Any

from crm.models import SupplierNumberAtCustomer
from tests.conftest import CUSTOMER, ROW
from tests.doors import World
from tests.filled_forms import defaults

BEFORE = {
    "customer_name": "Altona", "email_id": "alt@mail.example", "mobile_no": "040-1111", "tax_id": "T1",
    "customer_pos_id": "altpos", "first_name": "Altfirst", "last_name": "Altlast",
}  # fmt: skip
AFTER = {
    "customer_name": "Neustadt", "email_id": "neu@mail.example", "mobile_no": "040-2222", "tax_id": "N1",
    "customer_pos_id": "neupos", "first_name": "Neufirst", "last_name": "Neulast",
}  # fmt: skip
NUMBERS = {"A": "ALT-77", "B": "ALT-88"}
ALL = [*BEFORE.values(), *NUMBERS.values()]
HEADINGS = "tax_id,supplier_numbers.company,supplier_numbers.supplier_number"
PRIOR = "--match-on tax_id"
REPLACED = f"{PRIOR} --replace-rows"
NAMES = ",".join(AFTER)

# What is done, what is found then, and what is not any more.
Way = tuple[Callable[[World], Any], list[str], list[str]]
IMPORTS: dict[str, Way] = {
    "a new customer with numbers": (
        lambda w: w.file(f"customer_name,{HEADINGS}", "Neustadt,N1,A,NEU-77", ",,B,NEU-88"),
        ["Neustadt", "N1", "NEU-77", "NEU-88", *ALL],
        [],
    ),
    "numbers in a file of their own": (
        lambda w: w.file("customer_id,company,supplier_number", f"{w.customer},A,NEU-77", f"{w.customer},C,NEU-99"),
        ["NEU-77", "NEU-99", "ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "only new numbers": (
        lambda w: w.file("customer_id,company,supplier_number", f"{w.customer},C,NEU-99"),
        ["NEU-99", *ALL],
        [],
    ),
    "an upsert of every value": (
        lambda w: w.file(f"id,{NAMES}", ",".join([w.customer, *AFTER.values()]), arguments="--match-on id"),
        [*AFTER.values(), *NUMBERS.values()],
        list(BEFORE.values()),
    ),
    "an upsert of the name": (
        lambda w: w.file("tax_id,customer_name", "T1,Neustadt", arguments=PRIOR),
        ["Neustadt", "T1", "ALT-77", "ALT-88"],
        ["Altona"],
    ),
    "an upsert of a number": (
        lambda w: w.file(HEADINGS, "T1,A,NEU-77", arguments=PRIOR),
        ["NEU-77", "ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "an upsert of name and number": (
        lambda w: w.file(f"customer_name,{HEADINGS}", "Neustadt,T1,A,NEU-77", arguments=PRIOR),
        ["Neustadt", "NEU-77", "ALT-88"],
        ["Altona", "ALT-77"],
    ),
    "replaced numbers": (
        lambda w: w.file(HEADINGS, "T1,B,ALT-88", ",C,NEU-99", arguments=REPLACED),
        ["ALT-88", "NEU-99", "Altona"],
        ["ALT-77"],
    ),
    "numbers of which one is gone": (
        lambda w: w.file(HEADINGS, "T1,B,ALT-88", arguments=REPLACED),
        ["ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "a new name and one number less": (
        lambda w: w.file(f"customer_name,{HEADINGS}", "Neustadt,T1,B,ALT-88", arguments=REPLACED),
        ["Neustadt", "ALT-88"],
        ["Altona", "ALT-77"],
    ),
}
OTHERS: dict[str, Way] = {
    "a patch": (
        lambda w: w.api.patch(f"{CUSTOMER}/{w.customer}", AFTER),
        [*AFTER.values(), *NUMBERS.values()],
        list(BEFORE.values()),
    ),
    "a new row": (
        lambda w: w.api.add_row(w.customer, company="C", supplier_number="NEU-99"),
        ["NEU-99", *ALL],
        [],
    ),
    "a changed row": (
        lambda w: w.api.patch(f"{ROW}/{w.rows['A']}", {"supplier_number": "NEU-77"}),
        ["NEU-77", "ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "an emptied row": (
        lambda w: w.api.patch(f"{ROW}/{w.rows['A']}", {"supplier_number": None}),
        ["ALT-88", "Altona"],
        ["ALT-77"],
    ),
    "a deleted row": (lambda w: w.api.delete(f"{ROW}/{w.rows['A']}"), ["ALT-88", "Altona"], ["ALT-77"]),
    "a batch that updates": (
        lambda w: w.batch({"op": "update", "id": w.customer, "data": AFTER}),
        [*AFTER.values(), *NUMBERS.values()],
        list(BEFORE.values()),
    ),
    "a batch that upserts": (
        lambda w: w.batch(
            {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "T1", "customer_name": "Neustadt"}}
        ),
        ["Neustadt", "T1", *NUMBERS.values()],
        ["Altona"],
    ),
    "a batch that makes and updates": (
        lambda w: w.batch(
            {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "N1", "customer_name": "Zwischen"}},
            {"op": "upsert", "match_on": "tax_id", "data": {"tax_id": "N1", "customer_name": "Neustadt"}},
        ),
        ["Neustadt", "N1", *ALL],
        ["Zwischen"],
    ),
    "a merge": (World.merge, ["Neustadt", "N1", "NEU-99", "ALT-77", "ALT-88", "Altfirst"], ["Altona", "T1"]),
    "a merge by hand": (World.merge_by_hand, ["Neustadt", "NEU-99", "ALT-77", "ALT-88", "T1"], ["Altona"]),
    "the form": (
        lambda w: w.admin({"customer_name": "Neustadt", "supplier_numbers-0-supplier_number": "NEU-77"}),
        ["Neustadt", "NEU-77", "ALT-88"],
        ["Altona", "ALT-77"],
    ),
    "the form, with a row gone": (
        lambda w: w.admin({"supplier_numbers-0-DELETE": "on"}),
        ["Altona", "ALT-88"],
        ["ALT-77"],
    ),
    "the form, with a new row": (
        lambda w: w.admin(
            {f"supplier_numbers-2-{name}": value for name, value in defaults(SupplierNumberAtCustomer).items()}
            | {
                "supplier_numbers-TOTAL_FORMS": "3",
                "supplier_numbers-2-company": "C",
                "supplier_numbers-2-supplier_number": "NEU-99",
            }
        ),
        ["NEU-99", *ALL],
        [],
    ),
    "the history": (World.restore, ALL, ["Neustadt"]),
}
WAYS = IMPORTS | OTHERS


MOVES: dict[str, tuple[Callable[[World], Any], list[str], str]] = {
    "a row goes last": (lambda w: w.api.add_row(w.customer, company="X"), ["created"], "ABCX"),
    "the last row goes": (lambda w: w.api.delete(f"{ROW}/{w.rows['C']}"), ["deleted"], "AB"),
    "a row goes between": (lambda w: w.api.add_row(w.customer, company="X", idx=3), ["created", "reordered"], "ABXC"),
    "a row between goes": (lambda w: w.api.delete(f"{ROW}/{w.rows['B']}"), ["deleted", "reordered"], "AC"),
    "a row moves": (lambda w: w.api.patch(f"{ROW}/{w.rows['C']}", {"idx": 2}), ["updated", "reordered"], "ACB"),
    "a row changes": (lambda w: w.api.patch(f"{ROW}/{w.rows['C']}", {"supplier_number": "9"}), ["updated"], "ABC"),
}
