"""A form for a new customer makes one customer, however often it is sent.

The customer's id is drawn when the form is shown, and signed into it. A second post of the form finds the customer.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature, Signer
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from crm import services
from crm.backoffice.outcomes import unmarked
from crm.line_items import PARENT
from crm.models import Customer, CustomerTombstone
from overplane.backoffice.origin import origin_of
from overplane.backoffice.typed import show_again
from overplane.ids import is_id, new_id

FIELD = "_new_customer"
signer = Signer(salt="crm.backoffice.new_customer")


def drawn() -> str:
    return signer.sign(new_id("customer"))


def drawn_id(request: HttpRequest) -> str | None:
    """None if the form brings none of ours: then it is a post like any other."""
    try:
        customer_id = signer.unsign(request.POST.get(FIELD, ""))
    except BadSignature:
        return None
    return customer_id if is_id("customer", customer_id) else None


def saved_text(customer: Customer) -> SafeString:
    return format_html(gettext("“{}” is saved."), format_html("<bdi>{}</bdi>", unmarked(str(customer)[:80])))


class AddedOnce(admin.ModelAdmin):
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        customer_id = drawn_id(request) if object_id is None and request.method == "POST" else None
        if customer_id and (answer := self._sent_before(request, customer_id)):
            return answer
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            # The form was sent twice at once, and the other post was first.
            if customer_id and (answer := self._sent_before(request, customer_id)):
                return answer
            raise

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if context.get("original") is None:
            context["one_time"] = (FIELD, drawn())
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Customer, post_url_continue: str | None = None) -> HttpResponse:
        """Says it as for a customer that was there before."""
        if "_continue" not in request.POST:
            return super().response_add(request, obj, post_url_continue)
        self.message_user(request, saved_text(obj), messages.SUCCESS)
        context: dict[str, Any] = {"preserved_filters": self.get_preserved_filters(request), "opts": self.opts}
        return redirect(add_preserved_filters(context, reverse("admin:crm_customer_change", args=[obj.pk])))

    def create_once(self, request: HttpRequest, values: services.Values) -> str:
        created = services.create_customer(values, origin=origin_of(request), customer_id=drawn_id(request))
        return created.output["id"]

    def _sent_before(self, request: HttpRequest, customer_id: str) -> HttpResponse | None:
        """Where a repeated post leads: to its customer, or to the form if something else stands in it now."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        customer = Customer.objects.filter(pk=customer_id).first()
        if customer is None and not CustomerTombstone.objects.filter(pk=customer_id).exists():
            return None
        if customer is not None and self._holds(request, customer):
            messages.info(request, gettext("This form was sent before: here is the customer that it made."))
            return redirect(reverse("admin:crm_customer_change", args=[customer.pk]))
        show_again(request)
        text = gettext("This form has made a customer already (%s). Save it to make one more.")
        messages.warning(request, text % (format_html("“{}”", str(customer)[:80]) if customer else gettext("deleted")))
        return super().changeform_view(request)

    def _holds(self, request: HttpRequest, customer: Customer) -> bool:
        """Whether the customer is what was sent now, rows included."""
        form = self.get_form(request, None, change=False)(request.POST, instance=customer)
        if form.changed_data:
            return False
        formsets, _inlines = self._create_formsets(request, Customer(), change=False)  # type: ignore[attr-defined]  # not in the stubs
        for formset in formsets:
            kind, known = formset.kind, formset.kind.attributes
            stored = [[getattr(row, n) for n in known] for row in kind.model.objects.filter(**{PARENT: customer.pk})]
            if not formset.is_valid():
                return False
            rows = [one.instance for one in formset.forms if one.has_changed() and one not in formset.deleted_forms]
            sent = [[_or_default(getattr(row, n), known[n]) for n in known] for row in rows]
            if len(sent) != len(stored) or any(values not in stored for values in sent):
                return False
        return True


def _or_default(value: Any, attribute: Any) -> Any:
    return attribute.default if value is None else value
