"""Staff and their groups. An Administrator manages people, but makes nobody, himself included, a superuser."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db.models import Count, ManyToManyField, Q, QuerySet
from django.forms import ModelMultipleChoiceField
from django.forms.models import ModelChoiceIterator
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from overplane.backoffice.filters import ColumnField, Field, Filters
from overplane.backoffice.lists import BigTableAdmin
from overplane.database.ordering import Order
from overplane.people import recovery, second_factor

User = get_user_model()
admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.unregister(TOTPDevice)  # its pages show secrets


class GroupField(Field):
    """By the name of a group."""

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[str]) -> QuerySet:
        named = Q()
        for name in values:
            named |= Q(name__iexact=name)
        return queryset.filter(pk__in=Group.objects.filter(named).values("user"))


@admin.register(User)
class StaffAdmin(BigTableAdmin, UserAdmin):
    columns = list_display = ("username", "first_name", "last_name", "email", "group_names", "state", "last_login")
    list_filter = ()
    filters = Filters.of(
        [
            ColumnField("username", _("username"), "text"),
            ColumnField("email", _("e-mail"), "text"),
            ColumnField("is_active", _("active"), "boolean"),
            GroupField("group", _("group"), "text", ("is", "in")),
            ColumnField("last_login", _("last login"), "timestamp", is_nullable=True),
        ]
    )
    search_placeholder = _("Username, name, e-mail")
    order_fields = ()
    default_order = Order("username", descending=False)
    has_stored_count = False
    cell_looks = {"username": "avatar"}
    actions = primary_actions = ("reset_second_factor",)
    readonly_fields = ("second_factor_state", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "second_factor_state")}),
        (_("Times"), {"fields": ("last_login", "date_joined")}),
    )
    add_form = UserCreationForm
    add_form_template = None
    change_user_password_template = "people/user_password.html"  # noqa: S105 (a template)
    # A new person can log in at once: without staff status and a group the account would be of no use.
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2", "is_staff", "groups")}),)
    filter_horizontal = ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_staff": True} | super().get_changeform_initial_data(request)

    @admin.display(description=_("state"), ordering="is_active")
    def state(self, user: Any) -> SafeString:
        kind, label = ("active", _("active")) if user.is_active else ("disabled", _("disabled"))
        return format_html('<span class="status bo-{}">{}</span>', kind, label)

    @admin.display(description=_("second factor"))
    def second_factor_state(self, user: Any) -> str:
        if second_factor.confirmed(user) is None:
            return gettext("off")
        left = recovery.left(user)
        return ngettext("on, %d recovery code left", "on, %d recovery codes left", left) % left

    @admin.display(description=_("superuser"))
    def superuser(self, user: Any) -> str:
        return gettext("yes") if user.is_superuser else gettext("no")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may not make anybody a superuser reads it in words."""
        sections = super().get_fieldsets(request, obj)
        if obj is None or request.user.is_superuser:
            return sections
        return [
            (title, {"fields": tuple("superuser" if n == "is_superuser" else n for n in options["fields"])})
            for title, options in sections
        ]

    @admin.display(description=_("groups"))
    def group_names(self, user: Any) -> str:
        return ", ".join(group.name for group in user.groups.all())

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, "superuser")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    def _may_touch(self, request: HttpRequest, user: Any) -> bool:
        return user is None or request.user.is_superuser or not user.is_superuser

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        if not request.user.is_superuser and queryset.filter(is_superuser=True).exists():
            raise PermissionDenied
        super().delete_queryset(request, queryset)

    @admin.action(description=_("Reset the second factor"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet) -> None:
        if not request.user.is_superuser and queryset.filter(is_superuser=True).exists():
            raise PermissionDenied
        for user in queryset:
            second_factor.reset(user, session=request.session.session_key)
            self.log_change(request, user, "Second factor reset")
        self.message_user(
            request, _("Reset. They log in with the password alone and can set it up anew."), messages.SUCCESS
        )


# Words for Django's own permissions: theirs are English and repeat the model's name.
VERBS = {"view": _("see"), "add": _("add"), "change": _("change"), "delete": _("delete")}


class ByModel(ModelChoiceIterator):
    """Permissions under the name of what they are for."""

    def __iter__(self) -> Iterator[Any]:
        ordered = self.queryset.order_by("content_type__app_label", "content_type__model", "pk")
        for content_type, permissions in groupby(ordered, key=lambda permission: permission.content_type):
            yield content_type.name, [self.choice(permission) for permission in permissions]


class PermissionsField(ModelMultipleChoiceField):
    iterator = ByModel

    def label_from_instance(self, obj: Permission) -> str:
        return str(VERBS.get(obj.codename.partition("_")[0], gettext(obj.name)))


@admin.register(Group)
class StaffGroupAdmin(BigTableAdmin, GroupAdmin):
    columns = list_display = ("name", "members")
    order_fields = ()
    default_order = Order("name", descending=False)
    has_stored_count = False
    filter_horizontal = ()
    search_placeholder = _("Name")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(member_count=Count("user"))

    @admin.display(description=_("members"))
    def members(self, group: Any) -> int:
        return group.member_count

    def formfield_for_manytomany(
        self, db_field: ManyToManyField, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        if db_field.name == "permissions":
            kwargs["form_class"] = PermissionsField
        return super().formfield_for_manytomany(db_field, request, **kwargs)
