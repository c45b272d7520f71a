"""Model fields that say once what a value may be: in the database, at every door, in the API description."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cached_property
from typing import Any

from django import forms
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Combinable
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from overplane.database.dialect import is_postgresql, is_sqlite
from overplane.database.form_fields import UnjudgedCharField, UnjudgedMomentField, UnjudgedNumberField
from overplane.database.moments import read_day, read_moment
from overplane.database.numbers import read_decimal
from overplane.database.ranges import Highest, Lowest, within
from overplane.database.validators import LengthCheck, check_characters
from overplane.problems import Code, invalid

ID = gettext_lazy("ID")
# Far more than the 15 digits of any field: rounding to its decimals then loses nothing, or raises.
EXACT = Context(prec=40, traps=[Inexact, InvalidOperation])


def field_of(model: type[models.Model], name: str) -> models.Field:
    """A column's field. (Django's own answer may also be a relation from another model, which has no column.)"""
    field = model._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise TypeError(f"{model.__name__}.{name} is no column.")
    return field


class ByCodePoint(models.Field):
    """Sorts and compares by code point on PostgreSQL too, as SQLite does; also makes `LIKE 'x%'` use plain indexes."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters = super().db_parameters(connection)
        if is_postgresql(connection):
            parameters["collation"] = "C"
        return parameters


class IdField(ByCodePoint, models.CharField):
    """A prefixed identifier as text primary key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 100)
        kwargs.setdefault("primary_key", True)
        kwargs.setdefault("editable", False)
        kwargs.setdefault("verbose_name", ID)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("verbose_name") is ID:
            del kwargs["verbose_name"]
        return name, path, args, kwargs


class CleanedWhenEmpty(models.Field):
    """`Model.full_clean` skips a blank field if it may be blank. Ours are cleaned all the same: there is one kind of empty."""

    empty_values = ()

    def run_validators(self, value: Any) -> None:
        if value is not None:
            super().run_validators(value)


class StringField(CleanedWhenEmpty, ByCodePoint, models.CharField):
    """Trimmed text or null. There is one kind of empty: the database refuses the empty string."""

    max_length: int
    # Of the model's attribute, where django-stubs look for it.
    _pyi_private_set_type: str | Combinable | None  # type: ignore[assignment]  # wider than CharField's: null by default
    _pyi_private_get_type: str | None  # type: ignore[assignment]  # the same

    def __init__(self, *args: Any, max_length: int = 255, **kwargs: Any) -> None:
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", kwargs["null"])
        super().__init__(*args, **{"max_length": max_length} | kwargs)
        # Ours, with the codes of the API, instead of CharField's own.
        self.validators = [check_characters, LengthCheck(max_length)]

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("null") is True:
            del kwargs["null"]
        else:
            kwargs["null"] = False
        if kwargs.get("blank", False) is kwargs.get("null", True):
            kwargs.pop("blank", None)
        if kwargs.get("max_length") == 255:
            del kwargs["max_length"]
        return name, path, args, kwargs

    def db_check(self, connection: BaseDatabaseWrapper) -> str:
        check = f"\"{self.column}\" <> ''"
        if is_sqlite(connection):  # which does not enforce varchar(255)
            check += f' AND length("{self.column}") <= {self.max_length}'
        return check

    def clean(self, value: Any, model_instance: Any) -> Any:
        """A control character at the edge is refused too, though some of them count as white space."""
        if isinstance(value, str):
            check_characters(value)
        return super().clean(value, model_instance)

    def to_python(self, value: Any) -> str | None:
        """Trimmed; what is empty then is the default."""
        text = super().to_python(value)
        return (text.strip() if text else text) or self.get_default()

    def validate(self, value: Any, model_instance: Any) -> None:
        """Whether it may be empty is a rule's business."""

    def formfield(self, **kwargs: Any) -> Any:
        kwargs.setdefault("form_class", UnjudgedCharField)
        return super().formfield(**{"max_length": None} | kwargs)


class NumberField(CleanedWhenEmpty, models.DecimalField):
    """An exact decimal, or null unless it says otherwise; as large as its digits allow, on both databases.

    SQLite and most readers of JSON keep fifteen digits of a number. No field promises more.
    """

    MOST_DIGITS = 15

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", kwargs["null"])
        super().__init__(*args, **kwargs)
        if not 0 < self.max_digits <= self.MOST_DIGITS:
            raise ValueError(f"A number keeps 1 to {self.MOST_DIGITS} digits, not {self.max_digits}.")

    @cached_property
    def validators(self) -> list[Any]:
        """Those of the field itself and what its digits hold, instead of DecimalField's own."""
        most = Decimal(10) ** (self.max_digits - self.decimal_places) - Decimal(1).scaleb(-self.decimal_places)
        own = self._validators  # type: ignore[attr-defined]  # of Django's Field; the stubs leave it out
        return within([*self.default_validators, *own], -most, most)

    def run_validators(self, value: Any) -> None:
        if value is not None:
            self.check_decimals(value)
        super().run_validators(value)

    def check_decimals(self, value: Decimal) -> None:
        _sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):  # infinite, or no number
            raise invalid(Code.PARAMETER_INVALID_TYPE, _("Must be a number."))
        # Not normalize(): that computes, and 1e-999999999 is beyond what a computation can hold.
        zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
        if value and exponent + zeros < -self.decimal_places:
            raise invalid(Code.PARAMETER_INVALID, _("At most %d decimals are kept.") % self.decimal_places)

    def to_python(self, value: Any) -> Decimal | None:
        """What is empty is the default."""
        if value in (None, ""):
            default = self.get_default()
            return None if default is None else super().to_python(default)
        if not isinstance(value, str):
            return self._short(super().to_python(value))
        try:
            return self._short(read_decimal(value.strip()))
        except ValueError:
            raise invalid(Code.PARAMETER_INVALID_TYPE, _("Must be a number, written like 12.5.")) from None

    def _short(self, number: Decimal) -> Decimal:
        """Without meaningless zeros: a short text can ask for a thousand million of them, and no database stores them."""
        if not number:
            return Decimal(0)
        try:
            rounded = number.quantize(Decimal(1).scaleb(-self.decimal_places), context=EXACT)
        except (Inexact, InvalidOperation):  # the validators report it
            return number
        exponent = number.as_tuple().exponent
        return number if isinstance(exponent, int) and exponent >= -self.decimal_places else rounded

    def formfield(self, **kwargs: Any) -> Any:
        return models.Field.formfield(self, **{"form_class": UnjudgedNumberField} | kwargs)


class RateField(NumberField):
    """A percentage, with nine decimals."""

    WORDS = gettext_lazy("Must be a percentage from 0 to 100.")
    default_validators = [Lowest(0, WORDS), Highest(100, WORDS)]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_digits": 12, "decimal_places": 9} | kwargs)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"sign": "%"} | kwargs)


class WrittenField(CleanedWhenEmpty):
    """A day or a moment, or null unless it says otherwise. Every value that can be written can be stored."""

    widget: forms.Widget

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", kwargs["null"])
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        """What is empty is the default."""
        if isinstance(value, str):
            value = value.strip()
        if value in (None, ""):
            return self.get_default()
        try:
            return self.read(value) if isinstance(value, str) else value
        except ValueError:
            raise invalid(Code.PARAMETER_INVALID, self.expected) from None

    def read(self, text: str) -> date:
        raise NotImplementedError

    @property
    def expected(self) -> str:
        raise NotImplementedError

    def formfield(self, **kwargs: Any) -> Any:
        own = {"form_class": UnjudgedMomentField, "widget": self.widget}  # not what the admin makes of such fields
        return models.Field.formfield(self, **kwargs | own)


class DateField(WrittenField, models.DateField):
    """A day of the calendar."""

    widget = forms.TextInput(attrs={"type": "date", "max": "9999-12-31"})

    def read(self, text: str) -> date:
        return read_day(text)

    @property
    def expected(self) -> str:
        return _("Must be a date such as 2024-01-15.")


class MomentField(WrittenField, models.DateTimeField):
    """A moment, in whole seconds of UTC."""

    widget = forms.TextInput(attrs={"placeholder": "2024-01-15T09:30:00Z"})

    def read(self, text: str) -> datetime:
        return read_moment(text)

    @property
    def expected(self) -> str:
        return _("Must be a timestamp such as 2024-01-15T09:30:00Z, or a date.")


class CascadeKey(models.ForeignKey):
    """A foreign key whose children the database itself deletes, so that no Python has to fetch them first."""

    def __init__(self, to: Any, on_delete: Any = models.DO_NOTHING, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False  # Django's own constraint cannot cascade; ours is in the column's type
        super().__init__(to, on_delete=on_delete, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["db_constraint"]
        return name, path, args, kwargs

    def db_type_suffix(self, connection: BaseDatabaseWrapper) -> str:
        quote = connection.ops.quote_name
        table, column = quote(self.remote_field.model._meta.db_table), quote(str(self.target_field.column))
        return f"REFERENCES {table} ({column}) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        return super().db_parameters(connection) | {
            "collation": self.target_field.db_parameters(connection).get("collation")
        }


def has_field(model: type[models.Model], name: str) -> bool:
    return any(field.name == name for field in model._meta.concrete_fields)


class DatabaseOnlyCheck(models.CheckConstraint):
    """A rule of `rules.py` that the database checks too. Forms do not check it: the rule has the better message."""

    def validate(self, *args: Any, **kwargs: Any) -> None:
        pass


class OrderConstraint(models.UniqueConstraint):
    """Unique (parent, position), checked at the statement's end where the database can (PostgreSQL), else row by row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"deferrable": models.Deferrable.IMMEDIATE} | kwargs)

    def _for(self, schema_editor: Any) -> models.UniqueConstraint:
        deferrable = (
            self.deferrable if schema_editor.connection.features.supports_deferrable_unique_constraints else None
        )
        return models.UniqueConstraint(fields=self.fields, name=self.name, deferrable=deferrable)

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        return self._for(schema_editor).constraint_sql(model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        return self._for(schema_editor).create_sql(model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return self._for(schema_editor).remove_sql(model, schema_editor)

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """The services give the positions, people do not type them: a form has nothing to check."""
