"""What was stored before a rule, or past all doors, is named by `check_data`; one such value spoils no export."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.conftest import Api


def stored(model_table: str, object_id: str, **values: Any) -> None:
    """Past every door and every check of the ORM."""
    columns = ", ".join(f'"{name}" = %s' for name in values)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model_table} SET {columns} WHERE id = %s", [*values.values(), object_id])


def checked() -> tuple[list[list[str]], int]:
    """The lines that it prints and its exit code."""
    output = StringIO()
    try:
        call_command("check_data", stdout=output, stderr=StringIO())
    except CommandError as error:
        return [line.split("\t") for line in output.getvalue().splitlines()], error.returncode
    return [line.split("\t") for line in output.getvalue().splitlines()], 0


def test_sound_data_is_said_to_be_sound(api: Api) -> None:
    customer = api.create(customer_details="one\ttwo\r\nthree", default_commission_rate=12.5, email_id="a@b")
    api.add_row(customer["id"], company="Acme DE", supplier_number="4711")
    assert checked() == ([], 0)


def test_each_value_that_no_door_takes_is_named(api: Api) -> None:
    first, second, sound = (api.create(customer_name=name)["id"] for name in ("A", "B", "C"))
    row = api.add_row(sound, company="Acme DE")["id"]
    stored("crm_customer", first, customer_name="A\x01", territory="x\ufffey")
    stored("crm_customer", second, customer_name="\u200b", email_id="a@b@c")
    stored("crm_suppliernumberatcustomer", row, company="\x85")
    lines, code = checked()
    assert code == 1
    assert {tuple(line[:3]) for line in lines} == {
        (first, "customer_name", "characters_not_allowed"),
        (first, "territory", "characters_not_allowed"),
        (second, "customer_name", "parameter_invalid_empty"),
        (second, "email_id", "parameter_invalid"),
        (row, "company", "characters_not_allowed"),
    }
    assert [line[3] for line in lines if line[1] == "territory"] == [
        "The text holds U+FFFE, a character that cannot be shown. Remove it."
    ]


@pytest.mark.slow
def test_all_rows_are_read_however_many_there_are(api: Api) -> None:
    many = {"operations": [{"op": "create", "data": {"customer_name": "x"}} for _ in range(1000)]}
    assert api.post("/api/crm/customer/batch", many).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crm_customer SET industry = %s", ["\x7f"])
    lines, code = checked()
    assert (len(lines), code) == (1000, 1)


@pytest.mark.slow
@pytest.mark.parametrize("sign", ["\x01", "\x85", "\ufdd0", "\ufffe", "\uffff"])
def test_a_stored_control_character_goes_into_every_file_and_is_refused_coming_back(
    api: Api, tmp_path: Path, sign: str
) -> None:
    bad, good = api.create(customer_name="Bad")["id"], api.create(customer_name="Good")["id"]
    stored("crm_customer", bad, territory=f"a{sign}b")
    for suffix in ("csv", "xlsx", "ndjson"):
        file = tmp_path / f"customers.{suffix}"
        call_command("export_customers", str(file), stderr=StringIO())
        report = StringIO()
        with pytest.raises(CommandError):
            call_command("import_customers", str(file), "--match-on", "id", dry_run=True, json=True, stdout=report)
        output = report.getvalue()
        assert output.count("characters_not_allowed") >= 1
        assert f"U+{ord(sign):04X}" in output
        assert good not in output
