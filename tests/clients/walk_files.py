"""Imports, exports and duplicates by the client that openapi-python-client generates. `run` copies this file beside it."""

import csv
import io

from calling import client, ok, refused, until
from overplane_client.api.duplicates import (
    dismiss_duplicate,
    list_duplicates,
    list_duplicates_of_customer,
    reopen_duplicate,
)
from overplane_client.api.imports_and_exports import (
    apply_import,
    cancel_import,
    create_export,
    create_import,
    download_export,
    download_import_result,
    download_refused_rows,
    list_import_problems,
    list_imports,
    resume_import,
    retrieve_export,
    retrieve_import,
    undo_import,
)
from overplane_client.models import (
    DuplicatePair,
    DuplicatePairLevel,
    DuplicatePairPage,
    DuplicatePairState,
    ErrorCode,
    Export,
    ExportCreate,
    ExportCreateColumnsItem,
    ExportStatus,
    Import,
    ImportApply,
    ImportPage,
    ImportProblemPage,
    ImportStatus,
    ListDuplicatesState,
)
from overplane_client.types import File


def walk_imports() -> None:
    twin = "python & Sons,python-1,python@example.com,12 Long Street Springfield"
    lines = ["customer_name,tax_id,email_id,primary_address", twin, twin, ",python-2,,"]
    file = File(io.BytesIO("\n".join(lines).encode()))
    answer = create_import.sync_detailed(client=client, body=file, file_name="python.csv", dry_run=True)
    begun = ok(Import, answer, 202)

    def ended(status: ImportStatus) -> Import:
        def ask() -> Import:
            return ok(Import, retrieve_import.sync_detailed(begun.id, client=client, wait=5))

        return until(ask, lambda run: run.status is status)

    checked = ended(ImportStatus.CHECKED)
    assert (checked.problem_count, checked.counts.created, checked.file_name) == (1, 2, "python.csv")
    problems = ok(ImportProblemPage, list_import_problems.sync_detailed(begun.id, client=client))
    assert [(one.row, one.column) for one in problems.data] == [(4, "customer_name")]
    assert ok(ImportPage, list_imports.sync_detailed(client=client)).data[0].id == begun.id

    body = ImportApply(skip_errors=True)
    ok(Import, apply_import.sync_detailed(begun.id, client=client, body=body), 202)
    ended(ImportStatus.DONE)
    assert refused(cancel_import.sync_detailed(begun.id, client=client), 409) is ErrorCode.IMPORT_STATE
    assert refused(resume_import.sync_detailed(begun.id, client=client), 409) is ErrorCode.IMPORT_STATE
    rows = ok(File, download_refused_rows.sync_detailed(begun.id, client=client)).payload.read()
    assert b"python-2" in rows
    result = ok(str, download_import_result.sync_detailed(begun.id, client=client))
    outcomes = list(csv.DictReader(io.StringIO(result, newline="")))
    assert [one["outcome"] for one in outcomes] == ["created", "created", "refused"]
    walk_duplicates(outcomes[0]["customer_id"])
    walk_exports()

    ok(Import, undo_import.sync_detailed(begun.id, client=client), 202)
    ended(ImportStatus.UNDONE)


def walk_duplicates(customer_id: str) -> None:
    def ask() -> DuplicatePairPage:
        return ok(DuplicatePairPage, list_duplicates_of_customer.sync_detailed(customer_id, client=client))

    (pair,) = until(ask, lambda page: page.total > 0).data
    assert (pair.level, pair.state) == (DuplicatePairLevel.NEARLY_CERTAIN, DuplicatePairState.OPEN)
    assert customer_id in pair.customers
    dismissed = ok(DuplicatePair, dismiss_duplicate.sync_detailed(pair.id, client=client))
    assert dismissed.state is DuplicatePairState.DISMISSED
    listed = list_duplicates.sync_detailed(client=client, state=ListDuplicatesState.DISMISSED)
    assert ok(DuplicatePairPage, listed).data == [dismissed]
    assert ok(DuplicatePair, reopen_duplicate.sync_detailed(pair.id, client=client)).state is DuplicatePairState.OPEN


def walk_exports() -> None:
    columns = [ExportCreateColumnsItem.CUSTOMER_NAME]
    body = ExportCreate(columns=columns, customer_nameprefix="python &")
    export_id = ok(Export, create_export.sync_detailed(client=client, body=body), 202).id

    def ask() -> Export:
        return ok(Export, retrieve_export.sync_detailed(export_id, client=client, wait=5))

    assert until(ask, lambda export: export.status is ExportStatus.DONE).customers == 2
    file = ok(File, download_export.sync_detailed(export_id, client=client)).payload.read()
    assert file.count(b"python & Sons") == 2
