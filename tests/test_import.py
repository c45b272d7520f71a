"""manage.py import_customers."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from crm.models import Customer
from overplane.events.models import Event


def run(path: Path, text: str | bytes, *maps: str, **options: Any) -> str:
    file = path / "customers.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    out, err = StringIO(), StringIO()
    try:
        call_command("import_customers", str(file), map=list(maps), stdout=out, stderr=err, **options)
    except CommandError as error:
        return f"{error.returncode} {err.getvalue()}{error}"
    return out.getvalue()


@pytest.mark.django_db
def test_imports_with_a_mapping_and_writes_events(tmp_path: Path) -> None:
    text = '\ufeffName, Tel ,tax_id\r\n"Müller, Söhne",030-1,007\r\n  Acme ,,\r\n'
    assert "Imported 2 customers" in run(tmp_path, text, "Name=customer_name", "Tel=mobile_no")
    assert set(Customer.objects.values_list("customer_name", "mobile_no", "tax_id")) == {
        ("Müller, Söhne", "030-1", "007"),
        ("Acme", None, None),
    }
    assert Event.objects.filter(type="customer.created", actor__startswith="import:run_").count() == 2


@pytest.mark.django_db
def test_tells_every_problem_by_line_and_writes_nothing(tmp_path: Path) -> None:
    text = 'customer_name,email_id,disabled\nGood,a@b,yes\n"two\nlines",no,no\n,a@b,maybe\nx\n'
    told = run(tmp_path, text)
    assert told.startswith("1 ")
    assert "line 3, email_id: Must be an e-mail address" in told
    assert "line 5, disabled: Must be yes or no" in told
    assert "line 5, customer_name: Must not be empty." in told
    assert "line 6, row: The row has 1 cells, the heading 3." in told
    assert not Customer.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "maps", "told"),
    [
        ("", [], "empty"),
        ("Nme,customer_name\nx,y\n", [], "Unknown columns: 'Nme'"),
        ("a\nx\n", ["b=customer_name"], "no column 'b'"),
        ("a\nx\n", ["a=customer_nam"], "customer_name"),
        ("a,b\nx,y\n", ["a=customer_name", "b=customer_name"], "More than one column"),
        (b"customer_name\n\xff\xfe\n", [], "not utf-8"),
        ('customer_name\n"x\n', [], "not CSV"),
        ("customer_name\n\0\n", [], "characters_not_allowed"),
    ],
)
def test_refuses_what_is_no_table(tmp_path: Path, text: str | bytes, maps: list[str], told: str) -> None:
    answer = run(tmp_path, text, *maps)
    assert answer[0] in "12"
    assert told in answer
    assert not Customer.objects.exists()
