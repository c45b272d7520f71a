"""The tables of the domain: the customer, its line items, and what the service keeps beside them. Fields stand in the documented order and are the one source of type, length and default.

To add an attribute, add a line here and a migration; the API, the admin, the import, the export,
the events and the API description take it from the field.
"""

from contextlib import suppress

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Expression
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from crm import rules
from crm.import_runs import (
    HAS_WRITTEN,
    ImportOutcomes,
    ImportProblem,
    ImportRun,
    RunState,
)
from crm.matching import SEPARATORS, EmailKey, TaxKey
from overplane.database.fields import (
    CascadeKey,
    DatabaseOnlyCheck,
    DateField,
    IdField,
    MomentField,
    NumberField,
    OrderConstraint,
    RateField,
    StringField,
)
from overplane.database.rows import SqlTable
from overplane.database.transforms import AsciiLower, AsciiLowerWithout

StringField.register_lookup(Length)


def filled_in(name: str, fields: list[str]) -> models.Index:
    """An index without the customers that have no such value: nobody looks them up by it."""
    return models.Index(fields=fields, name=f"customer_{name}", condition=models.Q(**{f"{name}__isnull": False}))


def keyed(name: str, key: Expression) -> models.Index:
    """The same on a key of the value, instead of the value: who filters by the value names its key too (see `filters.py`).

    Two of each would cost a new customer 9 microseconds on PostgreSQL; these cost 5, those of the values 3.
    """
    condition = models.Q(**{f"{name}__isnull": False})
    return models.Index(key, name=f"customer_{name.partition('_')[0]}_key", condition=condition)


class Customer(models.Model):
    id = IdField()
    created_at = models.DateTimeField(_("created"), editable=False)
    updated_at = models.DateTimeField(_("updated"), editable=False)
    customer_name = StringField(_("customer name"), null=False)
    gender = StringField(_("gender"))
    customer_type = StringField(_("customer type"), null=False, blank=True, default="Company")
    default_bank_account = StringField(_("our bank account"))
    lead_name = StringField(_("from lead"))
    image = StringField(_("image"), max_length=2048)
    account_manager = StringField(_("account manager"))
    customer_group = StringField(_("customer group"))
    territory = StringField(_("territory"))
    tax_id = StringField(_("tax ID"))
    tax_category = StringField(_("tax category"))
    disabled = models.BooleanField(_("disabled"), default=False)
    is_internal_customer = models.BooleanField(_("internal customer"), default=False)
    represents_company = StringField(_("represents company"))
    default_currency = StringField(_("billing currency"))
    default_price_list = StringField(_("default price list"))
    language = StringField(_("print language"))
    website = StringField(_("website"), max_length=2048)
    customer_primary_contact = StringField(_("primary contact"))
    mobile_no = StringField(_("mobile phone"))
    email_id = StringField(_("e-mail"))
    customer_primary_address = StringField(_("primary address (name)"))
    primary_address = StringField(_("primary address"), max_length=65535)
    payment_terms = StringField(_("payment terms"))
    customer_details = StringField(_("customer details"), max_length=65535)
    market_segment = StringField(_("market segment"))
    industry = StringField(_("industry"))
    is_frozen = models.BooleanField(_("frozen"), default=False)
    loyalty_program = StringField(_("loyalty program"))
    loyalty_program_tier = StringField(_("loyalty program tier"))
    default_sales_partner = StringField(_("sales partner"))
    default_commission_rate = RateField(_("commission rate"))
    customer_pos_id = StringField(_("POS ID"))
    so_required = models.BooleanField(_("allow sales invoice without sales order"), default=False)
    dn_required = models.BooleanField(_("allow sales invoice without delivery note"), default=False)
    tax_withholding_category = StringField(_("tax withholding category"))
    opportunity_name = StringField(_("from opportunity"))
    prospect_name = StringField(_("from prospect"))
    first_name = StringField(_("first name"))
    last_name = StringField(_("last name"))
    tax_withholding_group = StringField(_("tax withholding group"))

    # Not part of the object: what the service keeps beside it.
    version = models.IntegerField(default=1, editable=False)
    search_text = models.TextField(default="", editable=False)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="customer_newest"),
            models.Index(fields=["updated_at", "id"], name="customer_updated"),
            models.Index(fields=["customer_name", "id"], name="customer_name"),
            keyed("email_id", AsciiLower("email_id")),
            keyed("tax_id", AsciiLowerWithout("tax_id", SEPARATORS)),
            filled_in("customer_pos_id", ["customer_pos_id"]),
            # A filter by one of these also sorts by age, so a page is read off the index.
            *(filled_in(name, [name, "-created_at", "-id"]) for name in ("customer_group", "territory")),
        ]
        constraints = [
            DatabaseOnlyCheck(condition=models.Q(customer_type__in=rules.CUSTOMER_TYPES), name="customer_type_known"),
            DatabaseOnlyCheck(
                condition=models.Q(default_commission_rate__range=(0, 100)), name="customer_commission_rate_percent"
            ),
            DatabaseOnlyCheck(condition=models.Q(default_currency__length=3), name="customer_currency_code"),
            DatabaseOnlyCheck(condition=models.Q(email_id__contains="@"), name="customer_email_has_at"),
            DatabaseOnlyCheck(condition=models.Q(version__gte=1), name="customer_version_positive"),
        ]
        permissions = [("export_customer", gettext_noop("Can export customers"))]

    def __str__(self) -> str:
        return str(self.customer_name)

    def clean(self) -> None:
        """The rules of every door, so that forms show them beside the field."""
        values = {}
        for field in self._meta.concrete_fields:
            with suppress(ValidationError):  # already told by clean_fields
                value = field.to_python(getattr(self, field.attname))
                field.run_validators(value)
                values[field.attname] = value
        rules.check_customer(values)


# `email_id__match_key=` is answered by the index.
Customer._meta.get_field("email_id").register_lookup(EmailKey)
Customer._meta.get_field("tax_id").register_lookup(TaxKey)


class SupplierNumberAtCustomer(models.Model):
    id = IdField()
    idx = models.PositiveIntegerField(_("position"), blank=True)
    customer = CascadeKey(Customer, related_name="supplier_numbers", db_index=False)
    company = StringField(_("company"))
    supplier_number = StringField(_("supplier number"))

    version = models.IntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("supplier number at customer")
        verbose_name_plural = _("supplier numbers at customer")
        ordering = ["customer", "idx"]
        constraints = [
            OrderConstraint(fields=["customer", "idx"], name="supplier_number_place"),
            DatabaseOnlyCheck(condition=models.Q(idx__gte=1), name="supplier_number_idx_from_1"),
        ]

    def __str__(self) -> str:
        return self.supplier_number or self.company or self.id


class CustomerTombstone(models.Model):
    """What stays of a deleted customer: its identifier is never used again, and cursors find their position."""

    id = IdField()
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()


class MergedCustomer(models.Model):
    """A customer that was merged into another one: no longer a customer, but whole, so that it can be given back.

    It goes with the customer that it became part of. Its tombstone keeps its place for cursors.
    """

    id = IdField()
    customer = CascadeKey(Customer, related_name="merged")  # which it is part of now, at the end of a chain of merges
    survivor_id = StringField(max_length=100, null=False)  # which it was merged into; merged itself since, perhaps
    place = models.PositiveIntegerField()  # among those that were merged into the same, in their order
    merged_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    version = models.IntegerField()
    # JSON, see `crm.merged`. A text: written and read as it is. Null once the merge can no longer be taken back.
    contents = models.TextField(null=True)

    class Meta:
        verbose_name = _("merged customer")
        default_permissions = ()
        indexes = [
            models.Index(fields=["merged_at"], name="merged_expiring", condition=models.Q(contents__isnull=False))
        ]
        constraints = [
            models.UniqueConstraint(fields=["survivor_id", "place"], name="merged_place"),
            DatabaseOnlyCheck(
                condition=~models.Q(id=models.F("customer_id")) & ~models.Q(id=models.F("survivor_id")),
                name="merged_into_another",
            ),
            DatabaseOnlyCheck(condition=models.Q(version__gte=1, place__gte=1), name="merged_counts_from_1"),
        ]

    def __str__(self) -> str:
        return self.id


class MergedKey(models.Model):
    """A digest of a natural key that a merged customer had; see `crm.merged_keys`."""

    key = models.BigIntegerField(db_index=True)
    merged = CascadeKey(MergedCustomer, related_name="keys")

    class Meta:
        default_permissions = ()


class PairState(models.TextChoices):
    OPEN = "open", _("still open")
    DISMISSED = "dismissed", _("no duplicate")
    MERGED = "merged", _("merged")


class DuplicatePair(models.Model):
    """Two customers that are perhaps one. No value of theirs stands here, and a pair goes with either of them.

    No foreign keys: who was merged is no customer any more, and the pair says so.
    """

    id = IdField()
    first_id = StringField(max_length=100, null=False)  # the lower id
    second_id = StringField(max_length=100, null=False)
    score = models.FloatField()
    state = models.CharField(max_length=16, choices=PairState, default=PairState.OPEN)
    reasons = models.JSONField()
    compared_at = models.DateTimeField()
    # Of what was compared: a dismissed pair stays dismissed until one of them changes.
    first_hash = models.BigIntegerField()
    second_hash = models.BigIntegerField()

    @property
    def customer_ids(self) -> list[str]:
        return [str(self.first_id), str(self.second_id)]

    class Meta:
        verbose_name = _("likely duplicate")
        verbose_name_plural = _("likely duplicates")
        default_permissions = ()
        indexes = [
            models.Index(fields=["second_id"], name="pair_second"),
            models.Index(fields=["-score", "id"], name="pair_certain"),
            models.Index(fields=["state", "-score", "id"], name="pair_state_certain"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["first_id", "second_id"], name="pair_once"),
            DatabaseOnlyCheck(condition=models.Q(first_id__lt=models.F("second_id")), name="pair_ordered"),
        ]

    def __str__(self) -> str:
        return self.id


class DuplicateTerm(models.Model):
    """Which customers have a term that duplicates are found by; see `crm.duplicates.terms`."""

    pk = models.CompositePrimaryKey("term", "customer_id")
    term = models.BigIntegerField()
    customer_id = StringField(max_length=100, null=False)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["customer_id"], name="term_customer")]


class DuplicateSearch(models.Model):
    """One row: how far the log is compared, what was estimated when the whole table was, and who does either."""

    epoch = models.IntegerField(default=0)
    xid = models.BigIntegerField(default=0)
    seq = models.BigIntegerField(default=0)
    searched_at = models.DateTimeField(null=True)  # the whole table
    estimates = models.JSONField(default=dict)  # the model, and how common the common terms are
    version = models.PositiveSmallIntegerField(default=0, db_default=0)  # of the terms
    holder = models.CharField(max_length=100, default="")
    held_until = models.DateTimeField(null=True)
    searcher = models.CharField(max_length=100, default="")
    searching_until = models.DateTimeField(null=True)
    # The table of terms is being written anew: if that does not come to its end, it is as wrong as if it were missing.
    is_replacing = models.BooleanField(default=False, db_default=False)

    class Meta:
        default_permissions = ()


CUSTOMERS = SqlTable(Customer, unread=["search_text"])
SEARCHABLE = SqlTable(Customer)  # with the text that search looks in: for those who write
TOMBSTONES = SqlTable(CustomerTombstone)
MERGED = SqlTable(MergedCustomer)
PAIRS = SqlTable(DuplicatePair)
TERMS = SqlTable(DuplicateTerm)
