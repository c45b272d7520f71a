"""The customer form. It parses; `Customer.clean` judges."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.urls import reverse

from crm import rules
from crm.backoffice.admin import hints
from crm.backoffice.admin.sections import HELP, SUGGESTED
from crm.backoffice.wording import in_words
from crm.models import Customer
from overplane.backoffice.merging import MergingForm
from overplane.database.attributes import attributes

LONG = 4000  # characters; a text that may be longer than any address gets several lines
WATCHED = hints.TYPED
INPUT_TYPES = {"email_id": "email", "mobile_no": "tel"}


def _offered(name: str, choices: Sequence[str]) -> Sequence[str]:
    """The choices, and an empty one if the attribute may be without."""
    return choices if attributes(Customer)[name].default in choices else ("", *choices)


class CustomerForm(MergingForm):
    class Meta:
        model = Customer
        fields = list(attributes(Customer))
        widgets = {
            **{
                name: forms.Select(choices=in_words(name, _offered(name, choices)))
                for name, choices in rules.CHOICES.items()
            },
            **{
                field.name: forms.Textarea(attrs={"rows": 3, "cols": 60})
                for field in Customer._meta.concrete_fields
                if (field.max_length or 0) > LONG
            },
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            attrs = field.widget.attrs
            field.help_text = HELP.get(name, "")
            if name in SUGGESTED:
                attrs["data-suggest"] = reverse("admin:crm_customer_values", args=[name])
            if name in WATCHED:
                attrs["data-watched"] = name
            if name in rules.REQUIRED:
                attrs["aria-required"] = "true"
            if name in INPUT_TYPES:
                attrs["inputmode"] = INPUT_TYPES[name]
            if name == "default_commission_rate":
                attrs["inputmode"] = "decimal"
