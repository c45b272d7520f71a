"""An export as a job, whoever has asked for it: its file is kept beside the job."""

from tempfile import TemporaryFile
from typing import Any

from django.core.files import File

from crm.transfer import exports
from crm.transfer.long_cells import LongCells
from crm.transfer.selection import Selection
from overplane.files.sources import UnusableFile
from overplane.jobs import files
from overplane.jobs.kinds import Refused, Run


def store(run: Run, selection: Selection, format: str, long_cells: LongCells) -> dict[str, Any]:
    """The job's result: its `file`, the `count` of customers, and a `note` of long cells. Raises `Refused`."""
    with TemporaryFile() as file:
        try:
            with run.reading():
                count = exports.export(selection, format, file, progress=run.progress, long_cells=long_cells)
        except UnusableFile as error:
            raise Refused(str(error)) from None
        file.seek(0)
        name = f"customers {run.job.created_at:%Y-%m-%d %H.%M}.{format}"
        stored = files.store(File(file), name, run.job.actor, run.job)
    return {"file": stored.pk, "count": count, "note": long_cells.note}
