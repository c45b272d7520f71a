"""The routes of exports that a worker writes: ask for one, see how far it is, download it. For full keys only."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from crm.api.export_descriptions import describe_export_file, describe_exports
from crm.api.import_words import as_in_the_api
from crm.api.transfer_viewsets import BYTES, TransferViewSet, wrong_state
from crm.transfer import export_requests, runs
from overplane import waiting
from overplane.api.viewsets import JsonResponse
from overplane.jobs import queue
from overplane.jobs.models import Job, JobFile, State
from overplane.problems import ObjectMissing

# What a job's state is called outside.
STATUSES = {
    State.QUEUED: "queued",
    State.RUNNING: "writing",
    State.DONE: "done",
    State.FAILED: "broken_off",
    State.CANCELLED: "canceled",
}


def output_of(job: Job) -> dict[str, Any]:
    result = job.result or {}
    request = export_requests.as_sent(job.payload["request"])
    return {
        "id": runs.export_id(job),
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "status": STATUSES[State(job.state)],
        "request": request,
        "customers": result.get("count", job.done),
        "file_name": job.payload["name"],
        "warnings": [as_in_the_api(result["note"])] if result.get("note") else [],
        "error": as_in_the_api(job.error) if job.state == State.FAILED else None,
    }


class OfExport(TransferViewSet):
    def find(self, export_id: str) -> Job:
        job = runs.export_job(export_id)
        if job is None:
            raise ObjectMissing("export", export_id)
        return job


@describe_exports()
class ExportViewSet(OfExport):
    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        export_request = export_requests.parse(self.payload)
        origin = self.origin
        payload = {"request": export_requests.stored(self.payload), "name": f"customers.{export_request.format}"}
        job = queue.enqueue(runs.EXPORT, payload, origin.actor, request_id=origin.request_id)
        response = JsonResponse(output_of(job), status=202)
        response["Location"] = f"{request.path.rstrip('/')}/{runs.export_id(job)}"
        return response

    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        job, query = self.find(id), self.query()
        wait = query.integer("wait", default=0, lowest=0, highest=waiting.LONGEST)
        query.finish(("wait",))
        output = output_of(job)
        if job.is_open:
            output = self.awaited(output, wait, lambda: output_of(self.find(id)))
        return JsonResponse(output)


@describe_export_file()
class ExportFileViewSet(OfExport):
    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        job = self.find(id)
        self.no_query()
        if job.state != State.DONE:
            raise wrong_state(runs.WrongState(STATUSES[State(job.state)], "The export has no file (yet)."))
        stored = JobFile.objects.filter(pk=(job.result or {}).get("file")).first()
        if stored is None:
            raise ObjectMissing("file of an export", id)
        return self.attachment(self.content(stored), stored.name, BYTES)
