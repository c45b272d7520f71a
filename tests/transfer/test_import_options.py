"""Options that cannot be meant: one sentence, whichever door they come by."""

from typing import Any

import pytest

from crm.transfer.options import ImportOptions
from overplane.files.sources import UnusableFile

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"mode": "merge"}, "There is no mode 'merge'; there are create, update, upsert."),
    (
        {"mode": "upsert", "match_on": "territory"},
        "Customers are not matched on 'territory', but on id, tax_id, customer_pos_id, email_id, customer_name.",
    ),
    ({"mode": "update"}, "Mode update needs to know how customers are found (--match-on tax_id, say)."),
    ({"match_on": "tax_id"}, "Mode create finds nobody, so it matches on nothing. Use upsert."),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnusableFile) as refused:
        ImportOptions(**options)
    assert str(refused.value) == message
