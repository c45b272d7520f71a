"""Likely duplicates: the list by certainty, what people say of a pair, and several nearly certain groups merged at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from crm import merging
from crm.backoffice import duplicate_words
from crm.backoffice.admin.merges import MAY_MERGE
from crm.backoffice.pages.merge import compare_url, proposed_choices
from crm.backoffice.starting import start_job
from crm.duplicates import grouping, pairs
from crm.duplicates.pairs import RANGES
from crm.duplicates.weighing import NEARLY_CERTAIN
from crm.models import Customer, DuplicatePair, DuplicateSearch, PairState
from overplane.backoffice.origin import origin_of
from overplane.jobs.models import OPEN, Job
from overplane.problems import ObjectMissing, VersionMismatch

KIND = "crm.find_duplicates"
PAGE_SIZE = 50  # pairs
MOST_CONFIRMED = 20  # groups that are confirmed on one page: as many as somebody reads
LEVELS = {"nearly_certain": gettext_lazy("nearly certain"), "likely": gettext_lazy("likely")}
MAX_COUNT = 999  # in the menu: more is more than one reads


@dataclass(frozen=True, slots=True)
class ListedPair:
    """A pair, with its two customers as far as they are still there."""

    pair: DuplicatePair
    percent: str
    level: str
    why: str
    customers: list[Customer]
    link: str


def _percent(score: float) -> str:
    """Never 100: nothing is certain."""
    return f"{min(99.9, 100 * score):.1f} %" if score >= 0.99 else f"{100 * score:.0f} %"


def _lines(listed: Sequence[DuplicatePair]) -> list[ListedPair]:
    stored = Customer.objects.in_bulk({i for pair in listed for i in pair.customer_ids})
    lines = []
    for pair in listed:
        customers = [stored[i] for i in pair.customer_ids if i in stored]
        link = compare_url(pair.customer_ids) if len(customers) == 2 else ""
        level = str(LEVELS["nearly_certain" if pair.score >= NEARLY_CERTAIN else "likely"])
        why = duplicate_words.sentence(pair.reasons)
        lines.append(ListedPair(pair, _percent(pair.score), level, why, customers, link))
    return lines


def open_count() -> int:
    """For the menu: counted to its end only."""
    return DuplicatePair.objects.filter(state=PairState.OPEN).order_by()[: MAX_COUNT + 1].count()


@require_http_methods(["GET", "POST"])
@permission_required("crm.view_customer", raise_exception=True)
def duplicates(request: HttpRequest) -> HttpResponse:
    may_search = request.user.has_perm("crm.change_customer")
    if request.method == "POST":
        if not may_search:  # the search reads all customers: not for everybody
            raise PermissionDenied
        start_job(request, KIND, {}, key=KIND)
        return redirect("duplicates")
    level, state = request.GET.get("level", ""), request.GET.get("state", PairState.OPEN)
    condition = Q(state=state) if state in PairState.values else Q()
    if level in RANGES:
        low, high = RANGES[level]
        condition &= Q(score__gte=low, score__lt=high)
    chosen = DuplicatePair.objects.filter(condition).order_by("-score", "id")
    page = Paginator(chosen, PAGE_SIZE).get_page(request.GET.get("p"))
    context = admin.site.each_context(request) | {
        "title": _("Likely duplicates"),
        "searched_at": DuplicateSearch.objects.values_list("searched_at", flat=True).first(),
        "under_way": Job.objects.filter(kind=KIND, state__in=OPEN).first(),
        "page": page,
        "lines": _lines(list(page.object_list)),
        "filters": _filters(level, state),
        "query": urlencode({"level": level, "state": state}),
        "may_search": may_search,
        "may_merge": request.user.has_perms(MAY_MERGE),
    }
    return TemplateResponse(request, "crm/duplicates.html", context)


def _filters(level: str, state: str) -> list[list[tuple[str, str, bool]]]:
    """Links by row: (text, address, whether it is the chosen one)."""
    levels = [("", _("all")), *LEVELS.items()]
    states = [*PairState.choices, ("all", _("all"))]
    return [
        [(str(text), f"?{urlencode({'level': one, 'state': state})}", one == level) for one, text in levels],
        [(str(text), f"?{urlencode({'level': level, 'state': one})}", one == state) for one, text in states],
    ]


@require_POST
@permission_required(MAY_MERGE, raise_exception=True)
def judge(request: HttpRequest, pair_id: str) -> HttpResponse:
    """“No duplicate”, or that taken back."""
    state = PairState.OPEN if request.POST.get("state") == PairState.OPEN else PairState.DISMISSED
    try:
        pairs.set_state(pair_id, state)
    except ObjectMissing:
        messages.warning(request, _("That pair is gone: one of the two was changed or deleted."))
    else:
        said = (
            _("Open again.")
            if state == PairState.OPEN
            else _("Remembered: no duplicate, until one of the two changes.")
        )
        messages.success(request, said)
    query = request.POST.get("query", "")
    return redirect(f"{reverse('duplicates')}{'?' + query if query else ''}")


@dataclass(frozen=True, slots=True)
class GroupLine:
    score: str
    ids: str
    customers: list[Customer]
    survivor: Customer


@require_http_methods(["GET", "POST"])
@permission_required(MAY_MERGE, raise_exception=True)
def confirm(request: HttpRequest) -> HttpResponse:
    """Nearly certain groups: those that are ticked become one customer each, by a merge of its own."""
    if request.method == "POST":
        _merge_groups(request, request.POST.getlist("group")[:MOST_CONFIRMED])
        return redirect("confirm_duplicates")
    listed, _total = grouping.groups(limit=10 * MOST_CONFIRMED)
    certain = [one for one in listed if one.score >= NEARLY_CERTAIN and len(one.ids) <= merging.MOST][:MOST_CONFIRMED]
    stored = Customer.objects.in_bulk([i for group in certain for i in group.ids])
    lines = []
    for group in certain:
        customers = [stored[i] for i in group.ids if i in stored]
        if len(customers) > 1:
            survivor = min(customers, key=lambda one: (one.created_at, one.pk))
            versions = " ".join(f"{one.pk}:{one.version}" for one in customers)
            lines.append(GroupLine(_percent(group.score), versions, customers, survivor))
    context = admin.site.each_context(request) | {"title": _("Confirm nearly certain duplicates"), "groups": lines}
    return TemplateResponse(request, "crm/confirm_duplicates.html", context)


def _merge_groups(request: HttpRequest, groups: Sequence[str]) -> None:
    merged, refused = 0, 0
    for group in groups:
        versions = dict(part.rpartition(":")[::2] for part in group.split())
        try:
            _merge_group(request, {one: int(version) for one, version in versions.items()})
            merged += 1
        except (ObjectMissing, VersionMismatch, ValidationError, ValueError):
            refused += 1
    if merged:
        text = ngettext("%s group merged.", "%s groups merged.", merged) % merged
        messages.success(request, text + " " + _("Each can be taken back on its customer's page."))
    if refused:
        text = ngettext("%s group was changed meanwhile, and is left as it is.", "%s groups were changed meanwhile, and are left as they are.", refused)  # fmt: skip
        messages.warning(request, text % refused)


def _merge_group(request: HttpRequest, versions: dict[str, int]) -> None:
    customers = list(Customer.objects.filter(pk__in=versions).order_by("created_at", "id")[: merging.MOST + 1])
    if len(customers) < max(2, len(versions)):
        raise ValueError
    survivor, *others = customers
    choices = {name: one.customer_id for name, one in proposed_choices(customers, survivor.pk).items()}
    expected = {one: frozenset({version}) for one, version in versions.items()}
    merging.merge_customers(
        survivor.pk, [one.pk for one in others], choices=choices, origin=origin_of(request), expected=expected
    )
