"""Filters by text, where case and the spelling of accents do not count, and the table of filters of a model."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from django.db import models
from django.db.models import Q, QuerySet

from overplane.backoffice.filters import ColumnField, Field, Text
from overplane.backoffice.values import leads_an_index, spellings
from overplane.database.attributes import attributes
from overplane.database.fields import field_of

LONG = 4000  # characters: a text above is no value that anybody compares as a whole
Narrowing = Callable[[QuerySet, str], QuerySet]


class TextField(ColumnField):
    """A text column. `by_part` narrows by an index that knows parts of the text; it may leave too many, never too few."""

    by_part: Narrowing | None = None

    def __init__(self, name: str, label: Text, kind: str = "text", *, is_nullable: bool = True) -> None:
        super().__init__(name, label, kind, is_nullable=is_nullable)

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[str]) -> QuerySet:
        if self.by_part and len(values) == 1 and operator in ("contains", "begins", "is", "in"):
            queryset = self.by_part(queryset, values[0])
        if operator in ("is", "in"):
            return queryset.filter(self.equal(queryset.model, values))
        if operator == "not":
            return queryset.exclude(self.equal(queryset.model, values))
        return super().filter_queryset(queryset, operator, values)

    def equal(self, model: type[models.Model], values: Sequence[str]) -> Q:
        """That the column has one of these values, in whatever case. An index knows texts as they are written only."""
        if leads_an_index(model, self.name) and (written := spellings(model, self.name, values)) is not None:
            return Q(**{f"{self.name}__in": written})
        return Q(**{f"{self.name}__caseless_in": list(values)})


def fields_of(
    model: type[models.Model],
    *,
    timestamps: Iterable[str] = (),
    choices: Mapping[str, Mapping[str, Text]] | None = None,
    suggested: Iterable[str] = (),
) -> dict[str, Field]:
    """A filter for each attribute, the timestamps and the key, by name."""
    fields: dict[str, Field] = {}
    for name, known in attributes(model).items():
        column = field_of(model, name)
        if of := (choices or {}).get(name):
            fields[name] = ColumnField(name, column.verbose_name, "choice", choices=of, is_nullable=column.null)
        elif known.kind == "string":
            kind = "long" if (known.max_length or 0) > LONG else "text"
            fields[name] = TextField(name, column.verbose_name, kind, is_nullable=column.null)
        else:
            fields[name] = ColumnField(name, column.verbose_name, known.kind, is_nullable=column.null)
    for name in timestamps:
        fields[name] = ColumnField(name, field_of(model, name).verbose_name, "timestamp")
    fields["id"] = ColumnField("id", field_of(model, "id").verbose_name, "key")
    for name in suggested:
        fields[name].suggests = True
    return fields
