"""What waits for this person: the first thing that the first page says. Each with where to go."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.admin.utils import quote
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from crm.backoffice.admin.merges import MAY_MERGE
from crm.backoffice.uploads import import_run_of
from crm.models import Customer, DuplicatePair, ImportRun, PairState, RunState
from overplane.api.models import ApiKey
from overplane.events.models import Event
from overplane.events.webhooks.models import Endpoint, EndpointStatus
from overplane.jobs.models import Job, State
from overplane.jobs.owners import visible_to

SINCE = timedelta(days=14)  # an import with refused rows that nobody mended by then is not going to be
EXPIRING = timedelta(days=30)  # time enough to give a client its new key
NEWEST = 200  # events of one person among which the records are looked for that he changed last
RECENT = 6  # records; they fill the column beside the numbers

# What invoices and letters need: attributes without which a customer is counted, each with its icon and words.
MISSING: dict[str, tuple[str, Callable[[int], str]]] = {
    "tax_id": ("triangle-alert", lambda n: ngettext("%s customer without tax ID", "%s customers without tax ID", n)),
    "email_id": ("mail", lambda n: ngettext("%s customer without e-mail", "%s customers without e-mail", n)),
}


class Need(NamedTuple):
    icon: str
    text: str
    url: str


def needs(user: User | AnonymousUser, counted: dict[str, Any] | None) -> list[Need]:
    result = [*_duplicates(user), *_jobs(user), *_endpoints(user), *_keys(user)]
    if user.has_perm("crm.change_customer") and counted:
        result += _missing(counted.get("missing", {}))
    return result


def _duplicates(user: User | AnonymousUser) -> Iterator[Need]:
    if user.has_perms(MAY_MERGE) and (n := DuplicatePair.objects.filter(state=PairState.OPEN).count()):
        text = ngettext("%s pair of likely duplicates", "%s pairs of likely duplicates", n)
        yield Need("copy", text % number_format(n, force_grouping=True), reverse("duplicates"))


def _jobs(user: User | AnonymousUser) -> Iterator[Need]:
    jobs = Job.objects.filter(visible_to(user), kind="crm.import_customers", state=State.DONE)
    newest = list(jobs.filter(finished_at__gte=timezone.now() - SINCE).order_by("-id")[:50])
    if user.has_perm("crm.add_customer"):
        for job in _unmended(newest):
            refused = job.result["problem_count"]
            text = ngettext("%(name)s: %(n)s problem", "%(name)s: %(n)s problems", refused)
            yield Need(
                "download",
                text % {"name": job.payload.get("name", ""), "n": refused},
                reverse("import_job", args=[job.pk]),
            )


def _unmended(imports: Sequence[Job]) -> list[Any]:
    """The imports whose refused rows wait: not taken back, nor has their file of refused rows been imported since."""
    refused: list[Any] = [job for job in imports if job.result and job.result.get("problem_count")]
    if not refused:
        return []
    since = {job.payload["file"] for job in imports if "file" in job.payload}
    runs = {job.pk: import_run_of(job) for job in refused}
    undone_ids = set(ImportRun.objects.filter(pk__in=runs.values(), state=RunState.UNDONE).values_list("pk", flat=True))
    return [job for job in refused if runs[job.pk] not in undone_ids and job.result.get("report") not in since]


def _endpoints(user: User | AnonymousUser) -> Iterator[Need]:
    """Webhooks that do not arrive, the longest first."""
    if user.has_perm("overplane_webhooks.view_endpoint"):
        ill = Endpoint.objects.filter(~Q(status=EndpointStatus.ENABLED) | Q(failing_since__isnull=False))
        for one in ill.order_by("failing_since", "id")[:10]:
            words = gettext("Webhook fails: %s") if one.is_enabled else gettext("Webhook disabled: %s")
            url = reverse("admin:overplane_webhooks_endpoint_change", args=[quote(one.pk)])
            yield Need("webhook", words % (one.description or one.url), url)


def _keys(user: User | AnonymousUser) -> Iterator[Need]:
    if user.has_perm("overplane_api.view_apikey"):
        now = timezone.now()
        expiring = ApiKey.objects.filter(revoked_at__isnull=True, expires_at__range=(now, now + EXPIRING))
        for key in expiring.order_by("expires_at")[:10]:
            text = gettext("The API key “%(name)s” (…%(last)s) expires soon") % {
                "name": key.name,
                "last": key.last_four,
            }
            yield Need("key-round", text, reverse("admin:overplane_api_apikey_change", args=[key.pk]))


def _missing(counts: dict[str, int]) -> Iterator[Need]:
    listed = reverse("admin:crm_customer_changelist")
    for name, (icon, words) in MISSING.items():
        if n := counts.get(name):
            yield Need(icon, words(n) % number_format(n, force_grouping=True), f"{listed}?{name}.empty=1")


def my_recent(actor: str) -> list[Customer]:
    """The customers that this person changed last."""
    subjects = Event.objects.filter(actor=actor).order_by("-seq").values_list("subject", flat=True)[:NEWEST]
    newest = list(dict.fromkeys(subjects))[:RECENT]
    stored = Customer.objects.only("customer_name", "territory").in_bulk(newest)
    return [stored[one] for one in newest if one in stored]
