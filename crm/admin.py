"""The back office. Forms parse, `Customer.clean` judges, and nothing is written but by the services."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crm import rules, services
from crm.models import Customer, SupplierNumberAtCustomer
from crm.representation import CUSTOMER_NAMES
from overplane.database.attributes import attributes
from overplane.observability import Origin

LONG = 1000


def origin_of(request: HttpRequest) -> Origin:
    return Origin(f"user:{request.user.get_username()}", request.request_id)


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = list(attributes(Customer))
        widgets = {
            "customer_type": forms.Select(choices=[(one, one) for one in rules.CUSTOMER_TYPES]),
            **{
                field.name: forms.Textarea(attrs={"rows": 4, "cols": 80})
                for field in Customer._meta.concrete_fields
                if (field.max_length or 0) > 4000
            },
        }


class RowFormSet(BaseInlineFormSet):
    """Rows in the order of their places; a row without a place goes last."""

    def get_queryset(self) -> QuerySet:
        return super().get_queryset().order_by("idx")

    def validate_unique(self) -> None:
        """Two rows that both ask for a place get it one after the other: the services deal the places."""


class RowForm(forms.ModelForm):
    idx = forms.IntegerField(required=False, min_value=1, label=_("position"))

    class Meta:
        model = SupplierNumberAtCustomer
        fields = ("idx", "company", "supplier_number")

    def clean_idx(self) -> int:
        # The services deal the places; here an empty one only has to get past the column's own check.
        return self.cleaned_data["idx"] or 1


class RowInline(admin.TabularInline):
    model = SupplierNumberAtCustomer
    form = RowForm
    formset = RowFormSet
    extra = 0


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    form = CustomerForm
    inlines = [RowInline]
    list_display = (
        "customer_name",
        "customer_type",
        "customer_group",
        "territory",
        "email_id",
        "disabled",
        "updated_at",
    )
    readonly_fields = ("id", "created_at", "updated_at")
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: Customer | None = None) -> list[str]:
        return [name for name in CUSTOMER_NAMES if obj is not None or name not in self.readonly_fields]

    def save_model(self, request: HttpRequest, obj: Customer, form: forms.ModelForm, change: bool) -> None:
        # Off the instance, which full_clean has made Python values of; the form holds texts.
        values = {name: getattr(obj, name) for name in form.changed_data if name in attributes(Customer)}
        if change:
            services.update_customer(obj.pk, values, origin=origin_of(request))
        else:
            obj.pk = services.create_customer(values, origin=origin_of(request)).shown["id"]
        obj.refresh_from_db()

    def save_formset(
        self, request: HttpRequest, form: forms.ModelForm, formset: BaseInlineFormSet, change: bool
    ) -> None:
        origin, customer_id = origin_of(request), form.instance.pk
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        for row_form in formset.deleted_forms:
            if row_form.instance.pk:
                services.delete_supplier_number(row_form.instance.pk, origin=origin)
                formset.deleted_objects.append(row_form.instance)
        for row_form in formset.forms:
            if row_form in formset.deleted_forms or not row_form.has_changed():
                continue
            values = {n: getattr(row_form.instance, n) for n in row_form.changed_data if n in RowForm.Meta.fields}
            if row_form.instance.pk and row_form.instance.idx:
                values = self._within(customer_id, values, new=False)
                services.update_supplier_number(row_form.instance.pk, values, origin=origin)
                formset.changed_objects.append((row_form.instance, row_form.changed_data))
            else:
                values = self._within(customer_id, values, new=True)
                services.add_supplier_number(customer_id, values, origin=origin)
                formset.new_objects.append(row_form.instance)

    def _within(self, customer_id: str, values: dict[str, Any], *, new: bool) -> dict[str, Any]:
        """A place beyond the end means last."""
        if values.get("idx"):
            count = SupplierNumberAtCustomer.objects.filter(customer_id=customer_id).count()
            values["idx"] = min(values["idx"], count + new)
        return values

    def delete_model(self, request: HttpRequest, obj: Customer) -> None:
        services.delete_customer(obj.pk, origin=origin_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        services.delete_customers(list(queryset.values_list("pk", flat=True)), origin=origin_of(request))
