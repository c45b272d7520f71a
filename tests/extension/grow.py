"""What a developer adds to a copy of the project: attributes of every kind on both models, and a second kind of line item.

What the second kind costs outside of tests is what CONTRIBUTING promises.
"""

import re
import sys
from pathlib import Path

FIELDS = """    grade = StringField("grade")
    tier = StringField("tier")
    is_vip = models.BooleanField("is VIP", default=False, db_default=False)
    credit = NumberField("credit", max_digits=12, decimal_places=2)
    visits = models.IntegerField("visits", null=True, blank=True)
    branches = models.PositiveIntegerField("branches", default=1)
    since = DateField("since")
    seen_at = MomentField("seen at")
    remarks = StringField("remarks", max_length=65535)
"""
MODEL = """

class VisitAtCustomer(models.Model):
    id = IdField()
    idx = models.PositiveIntegerField(_("position"), blank=True)
    customer = CascadeKey(Customer, related_name="visits_paid", db_index=False)
    purpose = StringField("purpose")
    notes = StringField("notes")
    cost = NumberField("cost", max_digits=12, decimal_places=2)
    is_planned = models.BooleanField("planned", default=False)
    people = models.PositiveIntegerField("people", default=1)

    version = models.IntegerField(default=1, editable=False)

    class Meta:
        verbose_name = "visit at customer"
        verbose_name_plural = "visits at customer"
        ordering = ["customer", "idx"]
        constraints = [OrderConstraint(fields=["customer", "idx"], name="visit_position")]

    def __str__(self) -> str:
        return self.purpose or self.id
"""
LINE_ITEM = """VISITS = LineItem(VisitAtCustomer, label="visit", label_plural="visits", paired_by="purpose")
"""
TIERS = '"tier": ("Gold", "Silver")'
LINE_ITEM_CHOICES = "LINE_ITEM_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {"
CHOICES_OF_VISITS = '"visits_paid": {"purpose": ("Sales", "Service", "Audit")}'
STRAY = """

class Stray(models.Model):
    customer = CascadeKey(Customer, related_name="strays")
"""


def grow(root: Path) -> None:
    add_attributes(root)
    add_line_item(root)


def add_attributes(root: Path) -> None:
    """A line each, after the last documented attribute of each model."""
    models = root / "crm" / "models.py"
    text = models.read_text()
    for name in ("tax_withholding_group", "supplier_number"):
        text, count = re.subn(rf"(    {name} = StringField\(.*\)\n)", rf"\1{FIELDS}", text)
        assert count == 1, name
    models.write_text(text)
    rules = root / "crm" / "rules.py"
    _replace(rules, '"customer_type": CUSTOMER_TYPES}', f'"customer_type": CUSTOMER_TYPES, {TIERS}}}')
    _replace(rules, LINE_ITEM_CHOICES, f'{LINE_ITEM_CHOICES}"supplier_numbers": {{{TIERS}}}, ')


def add_line_item(root: Path) -> None:
    """A model and its registration; what is left is the migration that Django makes."""
    models, registry = root / "crm" / "models.py", root / "crm" / "line_items.py"
    _insert(models, MODEL, before="\n\nclass CustomerTombstone")
    text = registry.read_text()
    text = text.replace("import SupplierNumberAtCustomer\n", "import SupplierNumberAtCustomer, VisitAtCustomer\n")
    text = text.replace("LINE_ITEMS: tuple", f"{LINE_ITEM}LINE_ITEMS: tuple").replace(
        "= (SUPPLIER_NUMBERS,)", "= (SUPPLIER_NUMBERS, VISITS)"
    )
    registry.write_text(text)
    _replace(root / "crm" / "rules.py", LINE_ITEM_CHOICES, f"{LINE_ITEM_CHOICES}{CHOICES_OF_VISITS}, ")


def add_stray(root: Path) -> None:
    """A table that belongs to customers and is no line item."""
    _insert(root / "crm" / "models.py", STRAY, before="\n\nclass CustomerTombstone")


def _insert(path: Path, addition: str, *, before: str) -> None:
    _replace(path, before, addition + before)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} in {path}"
    path.write_text(text.replace(old, new))


if __name__ == "__main__":
    grow(Path(sys.argv[1]))
