"""The routes of imports: take a file, say how far it is and what became of it, steer. For full keys only."""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from crm.api import import_output
from crm.api.import_descriptions import (
    describe_actions,
    describe_imports,
    describe_problems,
    describe_refused,
    describe_result,
)
from crm.api.import_options import MEDIA_TYPES, parse
from crm.api.import_words import as_in_the_api
from crm.api.transfer_viewsets import BYTES, TransferViewSet, wrong_state
from crm.models import ImportOutcomes, ImportProblem, ImportRun
from crm.transfer import runs
from crm.transfer.recording import result_lines, result_name
from overplane import waiting
from overplane.api import uploads
from overplane.api.pagination import PARAMETERS, Page, Slice
from overplane.api.uploads import Upload
from overplane.api.viewsets import JsonResponse
from overplane.jobs import files
from overplane.jobs.models import JobFile
from overplane.problems import Code, ObjectMissing
from overplane.queries.parameters import Query

CSV = "text/csv; charset=utf-8"


class OfImport(TransferViewSet):
    def find(self, run_id: str) -> ImportRun:
        run = ImportRun.objects.filter(pk=run_id, settings__undo__isnull=True).first()
        if run is None:
            raise ObjectMissing("import", run_id)
        return run

    def answer(self, run: ImportRun, *, status: int = 200) -> HttpResponse:
        return JsonResponse(import_output.imports([run])[0], status=status)


@describe_imports()
class ImportViewSet(OfImport):
    upload: Upload | None = None
    stored: JobFile | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.is_taken = False
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            if self.upload:
                self.upload.close()
            if self.stored and not self.is_taken:  # an answer was repeated, or something is wrong
                files.discard(self.stored)

    def receive(self) -> None:
        """Stored before the transaction, which nobody can wait for while a store is far away."""
        if self.request.method != "POST":
            return
        is_form = uploads.media_type(self.request) == uploads.MULTIPART
        self.requested = parse(self.request) if not is_form else None
        self.upload = uploads.receive(self.request, limit=settings.IMPORT_MAX_BYTES, taken=MEDIA_TYPES)
        if is_form:
            self.requested = parse(self.request, self.upload.fields, file_name=self.upload.name)
        assert self.requested is not None, "of a form it was read just now"
        self.stored = files.store(self.upload.file, self.requested.file_name, self.caller.actor)

    @property
    def payload(self) -> dict[str, Any]:
        """What makes two requests the same."""
        assert self.upload is not None, "a POST has a file"
        assert self.requested is not None, "it was parsed when that was received"
        options = {"fields": sorted(self.upload.fields), "format": self.requested.beside["format"]}
        return options | {"sha256": self.upload.sha256, "name": self.upload.name}

    def create(self, request: HttpRequest) -> HttpResponse:
        assert self.upload is not None, "it was received before"
        assert self.requested is not None, "so were its parameters"
        assert self.stored is not None, "and it is stored"
        with transaction.atomic():
            run = runs.begin(
                self.stored,
                self.requested.options,
                file_hash=self.upload.sha256,
                beside=self.requested.beside,
                dry_run=self.requested.dry_run,
                origin=self.origin,
            )
        self.is_taken = True
        response = self.answer(run, status=202)
        response["Location"] = f"{request.path.rstrip('/')}/{run.pk}"
        return response

    def list(self, request: HttpRequest) -> HttpResponse:
        query = self.query()
        page = Page.requested(query)
        query.finish(PARAMETERS)
        chosen = ImportRun.objects.filter(settings__undo__isnull=True)
        if page.cursor is not None and not chosen.filter(pk=page.cursor).exists():
            raise page.missing_cursor()
        part = _part(page, chosen, page.cursor, newest_first=True)
        objects = import_output.imports(part.rows)
        return self.page_of(query, page, objects, total=chosen.count(), has_more=part.has_more)

    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        run, query = self.find(id), self.query()
        wait = query.integer("wait", default=0, lowest=0, highest=waiting.LONGEST)
        query.finish(("wait",))
        output = import_output.imports([run])[0]
        if output["status"] not in runs.STILL:
            output = self.awaited(output, wait, lambda: import_output.imports([self.find(id)])[0])
        return JsonResponse(output)


def _part(page: Page, chosen: Any, key: Any, *, newest_first: bool) -> Slice:
    """The objects of a page in the order of their keys, or against it."""
    descending = newest_first != page.backwards
    ordered = chosen.order_by("-pk" if descending else "pk")
    if page.cursor is None:
        return Slice.cut(list(ordered[page.offset : page.offset + page.limit + 1]), page)
    beyond = {"pk__lt" if descending else "pk__gt": key}
    return Slice.cut(list(ordered.filter(**beyond)[: page.limit + 1]), page)


@describe_problems()
class ImportProblemViewSet(OfImport):
    def list(self, request: HttpRequest, id: str) -> HttpResponse:
        run, query = self.find(id), self.query()
        page = Page.requested(query)
        query.finish(PARAMETERS)
        key = import_output.problem_key(page.cursor) if page.cursor is not None else None
        if page.cursor is not None and key is None:
            raise page.missing_cursor()
        chosen = ImportProblem.objects.filter(run_id=run.pk)
        part = _part(page, chosen, key, newest_first=False)
        objects = [import_output.problem(one) for one in part.rows]
        return self.page_of(query, page, objects, total=chosen.count(), has_more=part.has_more)


class OfFile(OfImport):
    def ended(self, run_id: str) -> ImportRun:
        """Of an import that goes on only a part would be there."""
        run = self.find(run_id)
        self.no_query()
        status = runs.status_of(run, runs.jobs_of([run]).get(run.pk))
        if status in runs.UNDER_WAY:
            raise wrong_state(runs.WrongState(status, "The import has not ended: wait for that."))
        return run


@describe_refused()
class RefusedFileViewSet(OfFile):
    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        run = self.ended(id)
        stored = JobFile.objects.filter(pk=run.refused_id).first() if run.refused_id else None
        if stored is None:
            raise ObjectMissing("file of refused rows", id)
        return self.attachment(self.content(stored), stored.name, BYTES)


@describe_result()
class ResultFileViewSet(OfFile):
    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        run = self.ended(id)
        if not ImportOutcomes.objects.filter(run_id=run.pk).exists():
            raise ObjectMissing("file of results", id)
        lines = result_lines(run.pk, worded=as_in_the_api)
        return self.attachment(lines, result_name(run.file_name), CSV)


class ImportAction(OfImport):
    """Something that is done to an import, if its state allows it."""

    known: Collection[str] = ()
    answered = 202

    def act(self, run_id: str, options: dict[str, bool | None]) -> None:
        raise NotImplementedError

    def create(self, request: HttpRequest, id: str) -> HttpResponse:
        options = self.read_values(self._parsed, lambda: self.find(id))
        self.find(id)
        try:
            self.act(id, options)
        except runs.WrongState as refusal:
            raise wrong_state(refusal) from None
        return self.answer(self.find(id), status=self.answered)

    def _parsed(self, payload: dict[str, Any]) -> dict[str, bool | None]:
        query = Query(payload)
        options: dict[str, bool | None] = {}
        for name in self.known:
            value = query.raw(name)
            if value is not None and type(value) is not bool:
                query.fail(name, Code.PARAMETER_INVALID_TYPE, "Must be true or false.")
            options[name] = value
        query.finish(self.known)
        return options


@describe_actions("apply")
class ImportApplyViewSet(ImportAction):
    known = ("skip_errors", "again")

    def act(self, run_id: str, options: dict[str, bool | None]) -> None:
        runs.apply(run_id, skip_errors=options["skip_errors"], again=options["again"], origin=self.origin)


@describe_actions("cancel")
class ImportCancelViewSet(ImportAction):
    answered = 200

    def act(self, run_id: str, options: dict[str, bool | None]) -> None:
        runs.cancel(run_id)


@describe_actions("resume")
class ImportResumeViewSet(ImportAction):
    def act(self, run_id: str, options: dict[str, bool | None]) -> None:
        runs.resume(run_id, origin=self.origin)


@describe_actions("undo")
class ImportUndoViewSet(ImportAction):
    def act(self, run_id: str, options: dict[str, bool | None]) -> None:
        runs.take_back(run_id, origin=self.origin)
