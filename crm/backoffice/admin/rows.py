"""Supplier numbers inside the customer form: parsed here, dealt their places by the services."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm import services
from crm.models import SupplierNumberAtCustomer
from crm.representation import ROW_ATTRIBUTES
from overplane.backoffice.merging import MergingForm
from overplane.origin import Origin

ROWS_A_PAGE = 100
BIGGEST_PLACE = 2**31 - 1


class RowForm(MergingForm):
    idx = forms.IntegerField(required=False, min_value=1, max_value=BIGGEST_PLACE, label=_("position"))
    unmerged = ("idx",)

    class Meta:
        model = SupplierNumberAtCustomer
        fields = ("idx", *ROW_ATTRIBUTES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_gone = False
        number = self.instance.idx or _("new")
        for field in self.fields.values():
            field.widget.attrs |= {"aria-label": f"{field.label}, {number}", "autocomplete": "off"}

    def has_changed(self) -> bool:
        """A new row in which nobody typed is none, though the page has given it a place."""
        return (
            any(name in ROW_ATTRIBUTES for name in self.changed_data)
            if not self.instance.pk
            else bool(self.changed_data)
        )

    def clean_idx(self) -> int:
        # An empty one only has to get past the column's own check; the services deal the places.
        return self.cleaned_data["idx"] or 1

    @property
    def place(self) -> int | None:
        """Where the row is to stand, if that was asked for."""
        asked = "idx" in self.changed_data and self.data.get(self.add_prefix("idx"), "").strip()
        return self.cleaned_data["idx"] if asked else None

    def clean(self) -> dict[str, Any]:
        if self.is_gone and any(name in self.changed_data for name in ROW_ATTRIBUTES):
            raise forms.ValidationError(_("This row was removed by somebody else. Remove it here too, or add it anew."))
        return super().clean()


class RowFormSet(BaseInlineFormSet):
    """One page of rows in the order of their places."""

    page = 1

    def get_queryset(self) -> QuerySet | list[SupplierNumberAtCustomer]:
        if not hasattr(self, "_queryset"):
            first = (self.page - 1) * ROWS_A_PAGE
            page = self.queryset.filter(idx__gt=first, idx__lte=first + ROWS_A_PAGE).order_by("idx")
            self._queryset = self._sent_rows() if self.is_bound else page
        return self._queryset

    def _sent_rows(self) -> list[SupplierNumberAtCustomer]:
        """The rows that were sent, in the page's order, which Django shows them in; an empty one where one is gone."""
        names = (f"{self.add_prefix(i)}-id" for i in range(self.initial_form_count()))
        ids = [self.data.get(name, "").replace("\0", "") for name in names]
        there = {row.pk: row for row in self.queryset.filter(pk__in=ids)}
        return [there.get(row_id) or SupplierNumberAtCustomer() for row_id in ids]

    def _construct_form(self, i: int, **kwargs: Any) -> RowForm:
        form = super()._construct_form(i, **kwargs)
        if self.is_bound and i < self.initial_form_count() and not form.instance.pk:
            form.is_gone = form.empty_permitted = True
            form.fields["id"].disabled, form.fields["id"].required = True, False
            for name in form.Meta.fields:  # what this person did to it is told from what the page showed
                form.fields[name].show_hidden_initial = True
        return form

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        # Django's own field would ask the database for each row whether it is there.
        form.fields["id"] = forms.CharField(required=False, initial=form.instance.pk, widget=forms.HiddenInput)
        if "DELETE" in form.fields:
            number = form.instance.idx or _("new")
            form.fields["DELETE"].widget.attrs["aria-label"] = gettext("Delete row %s") % number

    def validate_unique(self) -> None:
        """Two rows that both ask for a place get it one after the other: the services deal the places."""

    def save_through_services(self, customer_id: str, origin: Origin) -> None:
        """Deletes, changes and adds; then one reorder, if rows are to stand elsewhere."""
        self.new_objects, self.changed_objects, self.deleted_objects = [], [], []
        to_delete = [form for form in self.deleted_forms if form.instance.pk]
        for form in to_delete:
            services.delete_supplier_number(form.instance.pk, origin=origin)
            self.deleted_objects.append(form.instance)
        places: dict[str, int] = {}
        for form in self.forms:
            if form.is_gone or form in self.deleted_forms or not form.has_changed():
                continue
            row_id = self._save_row(form, customer_id, origin)
            if form.place is not None:
                places[row_id] = form.place
        if places:
            self._reorder(customer_id, places, origin)

    def _save_row(self, form: RowForm, customer_id: str, origin: Origin) -> str:
        values = {name: getattr(form.instance, name) for name in form.changed_data if name in ROW_ATTRIBUTES}
        if form.instance.pk:
            if values:
                services.update_supplier_number(form.instance.pk, values, origin=origin)
            self.changed_objects.append((form.instance, form.changed_data))
            return form.instance.pk
        self.new_objects.append(form.instance)
        return services.add_supplier_number(customer_id, values, origin=origin).output["id"]

    def _reorder(self, customer_id: str, places: dict[str, int], origin: Origin) -> None:
        """Moved rows go to their places in ascending order; the others close up around them. Beyond the end is last."""
        rows = SupplierNumberAtCustomer.objects.filter(customer_id=customer_id).order_by("idx")
        order = [row_id for row_id in rows.values_list("pk", flat=True) if row_id not in places]
        for row_id, place in sorted(places.items(), key=lambda item: item[1]):
            order.insert(place - 1, row_id)
        services.reorder_supplier_numbers(customer_id, order, origin=origin)


class RowInline(admin.TabularInline):
    model = SupplierNumberAtCustomer
    form = RowForm
    formset = RowFormSet
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[RowFormSet]:
        formset = super().get_formset(request, obj, **kwargs)
        asked = request.GET.get("rows", "")
        formset.page = int(asked) if asked.isascii() and asked.isdigit() and 0 < len(asked) < 6 else 1
        formset.page = max(formset.page, 1)
        return formset
