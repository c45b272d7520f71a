"""Everything that can be done in the back office: how, who may, and how one sees that it happened."""

from collections.abc import Callable
from typing import Any, NamedTuple

from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from crm import line_item_services, services
from crm.line_items import SUPPLIER_NUMBERS
from crm.models import Customer, SupplierNumberAtCustomer
from overplane.api import keys
from overplane.api.models import ApiKey
from overplane.events.models import Event
from overplane.events.webhooks import services as webhooks
from overplane.events.webhooks.models import Delivery, Endpoint
from overplane.jobs import files, queue
from overplane.jobs.models import Job, JobFile, State
from overplane.origin import Origin
from tests.backoffice.duplicate_pairs import is_dismissed, pair_of
from tests.backoffice.people import member, person, signed_in
from tests.filled_forms import new_form

User = get_user_model()
SETUP = Origin("user:setup")
ANONYMOUS, OUTSIDER, STRANGER = "anonymous", "not staff", "staff without a group"
GROUPS = ("Viewer", "Editor", "Manager", "Administrator")
VISITORS = (ANONYMOUS, OUTSIDER, STRANGER, *GROUPS)
NOBODY: frozenset[str] = frozenset()
STAFF = frozenset(VISITORS[2:])
VIEWER, EDITOR, MANAGER, ADMINISTRATOR = (frozenset(GROUPS[i:]) for i in range(4))
PASSWORD = {"password1": "another long password", "password2": "another long password", "usable_password": "true"}


class World(NamedTuple):
    """What is there before the action."""

    client: Client
    user: Any
    other: Any
    customer: str
    twin: str
    row: str
    key: str
    job: Job
    checked: Job
    change: int
    file: str  # of somebody else
    endpoint: str
    delivery: str
    pair: str


def visitor(kind: str) -> tuple[Client, Any]:
    if kind in GROUPS:
        client = member(kind, "me")
        return client, User.objects.get(username="me")
    if kind == ANONYMOUS:
        return Client(), None
    user = User.objects.create_user("me", is_staff=kind == STRANGER)
    if kind == OUTSIDER:
        member("Administrator", "chief")
        user.groups.set(Group.objects.all())
    return signed_in(user), user


def made_job(kind: str, actor: str, **payload: Any) -> Job:
    return queue.enqueue(kind, payload, actor, owner=person(actor[5:]).pk)


def checked_import(actor: str) -> Job:
    upload = files.store(ContentFile(b"customer_name\nImported\n"), "some.csv", actor, owner=person(actor[5:]).pk)
    job = made_job("crm.check_import", actor, file=upload.pk, name=upload.name, mapping={})
    result = {"created": 1, "problems": [], "problem_count": 0}
    Job.objects.filter(pk=job.pk).update(state=State.DONE, result=result, finished_at=timezone.now())
    return job


def world(kind: str) -> World:
    client, user = visitor(kind)
    other = User.objects.create_user("other", is_staff=True)
    TOTPDevice.objects.create(user=other, name="phone", confirmed=True)
    AccessAttempt.objects.create(username="other", failures_since_start=5)
    customer, twin = (
        services.create_customer({"customer_name": n, "territory": "North"}, origin=SETUP).output["id"]
        for n in ("Acme", "Acme Ltd")
    )
    row = line_item_services.add_line_item(SUPPLIER_NUMBERS, customer, {"company": "A"}, origin=SETUP).output["id"]
    services.update_customer(customer, {"territory": "South"}, origin=SETUP)
    change = Event.objects.get(type="customer.updated").pk
    job = made_job("crm.check_import", "user:other", file="", name="theirs.csv", mapping={})
    made_job("crm.import_customers", "user:applier", name="applied.csv")
    file = files.store(ContentFile(b"secret"), "theirs.csv", "user:other", owner=other.pk).pk
    key = keys.mint("shop")[0].pk
    endpoint = webhooks.create_endpoint({"url": "https://hooks.example.com/crm"})[0].pk
    delivery = webhooks.ping(endpoint).public_id
    checked = checked_import("user:me")
    pair = pair_of(customer, twin)
    return World(client, user, other, customer, twin, row, key, job, checked, change, file, endpoint, delivery, pair)


STORED_MODELS = [
    model
    for label in (
        "crm",
        "auth",
        "overplane_api",
        "overplane_events",
        "overplane_webhooks",
        "overplane_jobs",
        "overplane_backoffice",
        "axes",
    )
    for model in apps.get_app_config(label).get_models()
    if model.__name__ != "Allowance"
]


def everything() -> dict[str, set[Any]]:
    """All that is stored, but for when somebody was last seen or failed."""
    unseen = {"last_login", "last_used_at"}
    return {
        model._meta.label: {
            tuple(map(str, row))
            for row in model.objects.values_list(*(f.name for f in model._meta.concrete_fields if f.name not in unseen))
        }
        for model in (*STORED_MODELS, TOTPDevice)
    }


Do = Callable[[World], HttpResponse]
Done = Callable[[World, HttpResponse], bool]


class Act(NamedTuple):
    name: str
    who: frozenset[str]
    do: Do
    done: Done


def page(w: World, name: str, *args: str) -> str:
    """The address; an argument that names something of the world stands for its id."""
    objects = [getattr(w, arg) if arg in World._fields else arg for arg in args]
    return reverse(name, args=[getattr(one, "pk", one) or 0 for one in objects])


def see(name: str, url: str, *args: Any, who: frozenset[str], query: str = "", text: str = "") -> Act:
    """A page that is shown; with `text`, that holds this."""
    return Act(
        name,
        who,
        lambda w: w.client.get(page(w, url, *args) + query.format(**w._asdict())),
        lambda w, answer: answer.status_code == 200 and text in b"".join(answer).decode(errors="replace"),
    )


def send(name: str, url: str, *args: Any, form: Any, who: frozenset[str], done: Callable[[World], bool]) -> Act:
    """A form that is sent, and what is so afterwards."""
    return Act(
        name,
        who,
        lambda w: w.client.post(page(w, url, *args), form(w) if callable(form) else form),
        lambda w, answer: answer.status_code in (200, 302) and done(w),
    )


def action(name: str, *chosen: str, who: frozenset[str], done: Callable[[World], bool], **more: str) -> Act:
    """One of the customer list's actions, on these."""
    return send(
        f"bulk: {name}",
        "admin:crm_customer_changelist",
        form=lambda w: {"action": name, "_selected_action": [getattr(w, c) for c in chosen], **more},
        who=who,
        done=done,
    )


def now(w: World) -> Customer:
    return Customer.objects.get(pk=w.customer)


def gone(*names: str) -> Callable[[World], bool]:
    return lambda w: not Customer.objects.filter(pk__in=[getattr(w, name) for name in names]).exists()


def form(*rows: dict[str, Any], initial: int = 0, **values: Any) -> dict[str, Any]:
    return new_form(*rows, initial=initial, **{"territory": "South"} | values)


def its_row(w: World, **values: Any) -> dict[str, Any]:
    return form({"id": w.row, "customer": w.customer, "idx": 1, "company": "A"} | values, initial=1)


def merge_form(w: World) -> dict[str, Any]:
    versions = dict(Customer.objects.values_list("id", "version"))
    sent = {"id": [w.customer, w.twin], "kept": w.customer}
    return sent | {f"version-{i}": versions[i] for i in (w.customer, w.twin)}


def companies(w: World) -> list[str]:
    return list(SupplierNumberAtCustomer.objects.order_by("idx").values_list("company", flat=True))


def users(name: str) -> Callable[[World], bool]:
    return lambda w: User.objects.filter(username=name).exists()


def hook(**values: Any) -> Callable[[World], bool]:
    return lambda w: Endpoint.objects.filter(pk=w.endpoint, **values).exists()


def deliveries(number: int) -> Callable[[World], bool]:
    return lambda w: Delivery.objects.count() == number


def job_of(kind: str) -> Callable[[World], bool]:
    return lambda w: Job.objects.filter(kind=kind, actor="user:me").exclude(pk=w.checked.pk).exists()


LIST, CHANGE, ADD = "admin:crm_customer_changelist", "admin:crm_customer_change", "admin:crm_customer_add"
KEYS, USERS, JOBS = "admin:overplane_api_apikey", "admin:auth_user", "admin:overplane_jobs_job"
HOOKS, HOOK = (
    "admin:overplane_webhooks_endpoint",
    {"url": "https://new.example.com/", "payload": "thin", "status": "enabled"},
)
ACTS = [
    # Getting in
    see("first page", "admin:index", who=STAFF),
    see("own password", "admin:password_change", who=STAFF),
    see("own second factor", "second_factor", who=STAFF),
    Act("the API with the session", NOBODY, lambda w: w.client.get("/api/crm/customer"), lambda w, a: a.status_code == 200),
    # Customers: reading
    see("part of the first page: figures", "admin:index", who=VIEWER, text="Changed last"),
    see("list", LIST, who=VIEWER, text="Acme Ltd"),
    see("search", LIST, who=VIEWER, query="?q=ltd", text="Acme Ltd"),
    see("form", CHANGE, "customer", who=VIEWER, text="South"),
    see("values already used", "admin:crm_customer_values", "territory", who=VIEWER, text="South"),
    see("hint at duplicates", "admin:crm_customer_duplicates_of", who=VIEWER, query="?customer_name=Acme", text="Acme"),
    see("history of one", "admin:crm_customer_history", "customer", who=VIEWER, text="North"),
    see("log", "admin:overplane_events_event_changelist", who=VIEWER, text="customer.updated"),
    see("one event", "admin:overplane_events_event_change", "change", who=VIEWER, text="North"),
    see("duplicates", "duplicates", who=VIEWER, text="Acme Ltd"),
    send(
        "keep columns", "admin:crm_customer_columns", form={"column": ["territory"]}, who=VIEWER,
        done=lambda w: apps.get_model("overplane_backoffice.SavedView").objects.filter(user=w.user).exists(),
    ),
    send(
        "save a view", "admin:crm_customer_views", form={"name": "mine", "query": "q=x"}, who=VIEWER,
        done=lambda w: apps.get_model("overplane_backoffice.SavedView").objects.filter(name="mine").exists(),
    ),
    # Customers: writing
    see("part of the form: saving", CHANGE, "customer", who=EDITOR, text='name="_save"'),
    see("form to add", ADD, who=EDITOR, text='name="customer_name"'),
    send("add", ADD, form=form(customer_name="New"), who=EDITOR,
         done=lambda w: Customer.objects.filter(customer_name="New").exists()),
    send("change", CHANGE, "customer", form=lambda w: its_row(w) | {"territory": "East"}, who=EDITOR,
         done=lambda w: now(w).territory == "East"),
    send("add a row", CHANGE, "customer", form=form({"company": "B"}), who=EDITOR,
         done=lambda w: companies(w) == ["A", "B"]),
    send("change a row", CHANGE, "customer", form=lambda w: its_row(w, company="B"), who=EDITOR,
         done=lambda w: companies(w) == ["B"]),
    send("delete a row", CHANGE, "customer", form=lambda w: its_row(w, DELETE="on"), who=EDITOR,
         done=lambda w: companies(w) == []),
    see("page to delete", "admin:crm_customer_delete", "customer", who=MANAGER),
    send("delete", "admin:crm_customer_delete", "customer", form={"post": "yes"}, who=MANAGER, done=gone("customer")),
    send("restore an old value", "admin:crm_customer_restore", "customer", who=EDITOR,
         form=lambda w: {"event": w.change, "field": "territory"}, done=lambda w: now(w).territory == "North"),
    action("disable", "customer", who=EDITOR, done=lambda w: now(w).disabled),
    action("freeze", "customer", who=EDITOR, done=lambda w: now(w).is_frozen),
    action("set_territory", "customer", who=EDITOR, value="West", done=lambda w: now(w).territory == "West"),
    action("delete_selected", "customer", "twin", who=MANAGER, post="yes", done=gone("customer", "twin")),
    Act(
        "bulk: export_selected", MANAGER,
        lambda w: w.client.post(reverse(LIST), {"action": "export_selected", "_selected_action": [w.customer]}),
        lambda w, answer: answer.get("Content-Disposition", "").startswith("attachment") and b"Acme" in b"".join(answer),
    ),
    send("search for duplicates", "duplicates", form={}, who=EDITOR, done=job_of("crm.find_duplicates")),
    send("say that two are none", "judge_duplicate", "pair", form={"state": "dismissed"}, who=MANAGER, done=is_dismissed),
    send("confirm groups", "confirm_duplicates", form=lambda w: {"group": f"{w.customer}:2 {w.twin}:1"}, who=MANAGER, done=gone("twin")),
    see("compare", "merge", query="?id={customer}&id={twin}", who=MANAGER, text="Acme Ltd"),
    send("merge", "merge", form=merge_form, who=MANAGER, done=gone("twin")),
    see("page of imports", "import", who=EDITOR),
    send("upload", "import", who=EDITOR, form=lambda w: {"file": SimpleUploadedFile("a.csv", b"customer_name\nA\n")},
         done=lambda w: JobFile.objects.filter(name="a.csv", actor="user:me").exists()),
    see("part of the page of imports: another's", "import", who=MANAGER, text="applied.csv"),
    see("part of the first page: another's import", "admin:index", who=MANAGER, text="user:applier"),
    see("report of the own import", "import_job", "checked", who=EDITOR, text="some.csv"),
    see("report of another's import", "import_job", "job", who=MANAGER, text="theirs.csv"),
    send("apply the own import", "import_apply", "checked", form={}, who=EDITOR, done=job_of("crm.import_customers")),
    send("cancel another's import", "import_cancel", "job", form={}, who=NOBODY, done=lambda w: not Job.objects.get(pk=w.job.pk).is_open),
    see("another's file", "job_file", "file", who=NOBODY, text="secret"),
    see("mapping of another's file", "import_mapping", "file", who=NOBODY, text="secret"),
    see("page of exports", "export", who=MANAGER),
    send("export", "export", form={"format": "csv"}, who=MANAGER, done=job_of("crm.export_customers")),
    # Jobs
    see("the own jobs", f"{JOBS}_changelist", who=STAFF),
    see("part of the jobs: another's", f"{JOBS}_change", "job", who=MANAGER, text="attempts"),
    send("bulk: cancel a job", f"{JOBS}_changelist", who=MANAGER, form=lambda w: {"action": "cancel", "_selected_action": [w.job.pk]},
         done=lambda w: not Job.objects.get(pk=w.job.pk).is_open),
    send("delete a job", f"{JOBS}_delete", "job", form={"post": "yes"}, who=NOBODY, done=lambda w: not Job.objects.filter(pk=w.job.pk).exists()),
    # API keys
    see("keys", f"{KEYS}_changelist", who=ADMINISTRATOR, text="shop"),
    see("a key", f"{KEYS}_change", "key", who=ADMINISTRATOR, text="shop"),
    send("make a key", f"{KEYS}_add", form={"name": "new"}, who=ADMINISTRATOR,
         done=lambda w: ApiKey.objects.filter(name="new").exists()),
    send("roll a key", f"{KEYS}_roll", "key", form={"hours": "1"}, who=ADMINISTRATOR, done=lambda w: ApiKey.objects.count() == 2),
    send("bulk: revoke a key", f"{KEYS}_changelist", who=ADMINISTRATOR, form=lambda w: {"action": "revoke", "_selected_action": [w.key]},
         done=lambda w: ApiKey.objects.get().revoked_at is not None),
    send("delete a key", f"{KEYS}_delete", "key", form={"post": "yes"}, who=NOBODY, done=lambda w: not ApiKey.objects.exists()),
    # Webhooks
    see("endpoints", f"{HOOKS}_changelist", who=ADMINISTRATOR, text="hooks.example.com"),
    see("an endpoint", f"{HOOKS}_change", "endpoint", who=ADMINISTRATOR, text="Test event"),
    see("a delivery", f"{HOOKS}_delivery", "endpoint", "delivery", who=ADMINISTRATOR, text="Test event"),
    see("form of an endpoint", f"{HOOKS}_edit", "endpoint", who=ADMINISTRATOR, text="hooks.example.com"),
    send("make an endpoint", f"{HOOKS}_add", form=HOOK | {"start": "now"}, who=ADMINISTRATOR,
         done=lambda w: Endpoint.objects.count() == 2),
    send("change an endpoint", f"{HOOKS}_edit", "endpoint", form=HOOK, who=ADMINISTRATOR, done=hook(payload="thin")),
    send("roll a secret", f"{HOOKS}_roll", "endpoint", form={}, who=ADMINISTRATOR, done=hook(previous_until__isnull=False)),
    send("ping", f"{HOOKS}_ping", "endpoint", form={}, who=ADMINISTRATOR, done=deliveries(2)),
    send("resend", f"{HOOKS}_resend", "endpoint", "delivery", form={}, who=ADMINISTRATOR, done=deliveries(2)),
    send("replay", f"{HOOKS}_replay", "endpoint", form={"created_from": "2000-01-01T00:00"}, who=ADMINISTRATOR,
         done=lambda w: LogEntry.objects.filter(change_message__startswith="Replayed").exists()),
    send("disable an endpoint", f"{HOOKS}_disable", "endpoint", form={}, who=ADMINISTRATOR, done=hook(status="disabled")),
    send("enable an endpoint", f"{HOOKS}_enable", "endpoint", form={}, who=ADMINISTRATOR,
         done=lambda w: LogEntry.objects.filter(change_message="Enabled").exists()),
    send("enable an endpoint from now on", f"{HOOKS}_enable_from_now", "endpoint", form={}, who=ADMINISTRATOR,
         done=lambda w: LogEntry.objects.filter(change_message="Enabled from now on").exists()),
    send("bulk: disable endpoints", f"{HOOKS}_changelist", who=ADMINISTRATOR, done=hook(status="disabled"),
         form=lambda w: {"action": "disable_selected", "_selected_action": [w.endpoint]}),
    send("delete an endpoint", f"{HOOKS}_delete", "endpoint", form={"post": "yes"}, who=ADMINISTRATOR,
         done=lambda w: not Endpoint.objects.exists()),
    # People
    see("users", f"{USERS}_changelist", who=ADMINISTRATOR, text="other"),
    send("add a user", f"{USERS}_add", form={"username": "new", **PASSWORD}, who=ADMINISTRATOR, done=users("new")),
    send("change a user", f"{USERS}_change", "other", who=ADMINISTRATOR, form={"username": "renamed", "is_staff": "on"},
         done=users("renamed")),
    send("part of the form: make oneself a superuser", f"{USERS}_change", "user", who=NOBODY,
         form=lambda w: {"username": "me", "is_staff": "on", "is_active": "on", "is_superuser": "on",
                         "groups": list(w.user.groups.values_list("pk", flat=True)) if w.user else []},
         done=lambda w: w.user is not None and User.objects.get(pk=w.user.pk).is_superuser),
    send("set another's password", "admin:auth_user_password_change", "other", form=PASSWORD, who=ADMINISTRATOR,
         done=lambda w: User.objects.get(pk=w.other.pk).check_password(PASSWORD["password1"])),
    send("bulk: reset another's second factor", f"{USERS}_changelist", who=ADMINISTRATOR,
         form=lambda w: {"action": "reset_second_factor", "_selected_action": [w.other.pk]},
         done=lambda w: not TOTPDevice.objects.exists()),
    send("delete a user", f"{USERS}_delete", "other", form={"post": "yes"}, who=ADMINISTRATOR,
         done=lambda w: not users("other")(w)),
    see("groups", "admin:auth_group_changelist", who=ADMINISTRATOR, text="Viewer"),
    send("add a group", "admin:auth_group_add", form={"name": "Guests"}, who=ADMINISTRATOR,
         done=lambda w: Group.objects.filter(name="Guests").exists()),
    see("failed logins", "admin:axes_accessattempt_changelist", who=ADMINISTRATOR, text="other"),
]  # fmt: skip
