"""A file as the body of a request, raw or as a part of a form: written to disk piece by piece, never held in memory."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from gunicorn.http.errors import ParseException

from overplane.api import body
from overplane.api.errors import ApiError, bad_request, error
from overplane.problems import Code, nearest

PIECE = 256 * 1024  # bytes that are read and written together: 4 reads a megabyte, and little memory each upload
MULTIPART = "multipart/form-data"
FIELD = "file"
EMPTY = "The file is empty. Send it as the body, or as `file` of a form."
MISSING = "The form has no file: send it as the part `file`, with a file name (in UTF-8)."


@dataclass(slots=True)
class Upload:
    """`name`: of the file, as a form has it. `fields`: the form's others."""

    file: TemporaryUploadedFile
    sha256: str
    size: int
    name: str
    fields: list[tuple[str, str]]

    def close(self) -> None:
        self.file.close()


class _Spool(FileUploadHandler):
    """Takes one file, and counts."""

    chunk_size = PIECE

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit, self.size, self.digest = limit, 0, hashlib.sha256()
        self.spooled: TemporaryUploadedFile | None = None

    def begin(self) -> None:
        self.spooled = TemporaryUploadedFile(FIELD, "application/octet-stream", 0, None)

    def new_file(self, field_name: str, file_name: str, *args: Any, **more: Any) -> None:
        super().new_file(field_name, file_name, *args, **more)
        if field_name != FIELD:
            message = f'There is no file "{field_name[:100]}" here.{nearest(field_name, [FIELD])}'
            raise bad_request(Code.PARAMETER_UNKNOWN, message, field_name[:100])
        if self.spooled is not None:
            raise bad_request(Code.PARAMETER_DUPLICATE, "Send one file in a request.", FIELD)
        self.begin()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self.spooled is not None, "a file is begun before its content comes"
        self.size += len(raw_data)
        if self.size > self.limit:
            raise _too_large(self.limit)
        self.digest.update(raw_data)
        self.spooled.write(raw_data)

    def file_complete(self, file_size: int) -> None:
        """(The form's own collection of files is not asked.)"""

    def upload(self, fields: list[tuple[str, str]]) -> Upload:
        if self.spooled is None or not self.size:
            raise bad_request(Code.PARAMETER_MISSING, EMPTY if self.spooled else MISSING, FIELD)
        self.spooled.size = self.size
        self.spooled.seek(0)
        return Upload(self.spooled, self.digest.hexdigest(), self.size, self.file_name or "", fields)


def media_type(request: HttpRequest) -> str:
    return (request.META.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()


def receive(request: HttpRequest, *, limit: int, taken: Collection[str]) -> Upload:
    """The file that the request brings; to be closed. `taken`: media types of raw files; none at all is taken, too."""
    kind = media_type(request)
    body.check_coding(request)
    if kind not in (*taken, MULTIPART, ""):
        message = f"The body is {kind:.100}. Send the file as it is ({', '.join(sorted(taken))}), or as {MULTIPART}."
        raise error(415, Code.UNSUPPORTED_MEDIA_TYPE, message)
    stream = body.Stream(request)
    if stream.announced > limit + (body.MIB if kind == MULTIPART else 0):
        raise _too_large(limit)
    spool = _Spool(limit)
    try:
        fields = _form(request, stream, spool) if kind == MULTIPART else _raw(stream, spool)
        stream.check_end(Code.PARAMETER_INVALID)
        return spool.upload(fields)
    except (OSError, ParseException) as failure:
        _close(spool)
        message = f"The body could not be read to its end: {failure!s:.200}."
        raise bad_request(Code.PARAMETER_INVALID, message, FIELD) from None
    except BaseException:
        _close(spool)
        raise


def _close(spool: _Spool) -> None:
    if spool.spooled is not None:
        spool.spooled.close()


def _raw(stream: body.Stream, spool: _Spool) -> list[tuple[str, str]]:
    spool.begin()
    while piece := stream.read(PIECE):
        spool.receive_data_chunk(piece, 0)
    return []


def _form(request: HttpRequest, stream: body.Stream, spool: _Spool) -> list[tuple[str, str]]:
    # Django reads no form without a length, which a chunked body does not have. It does nothing else with the number.
    environ = request.META | {"CONTENT_LENGTH": str(stream.announced or 1)}
    try:
        fields, _files = MultiPartParser(environ, stream, [spool], "utf-8").parse()  # type: ignore[arg-type]  # it is only read
    except (MultiPartParserError, SuspiciousOperation) as failure:
        raise bad_request(Code.PARAMETER_INVALID, f"The form cannot be read: {failure!s:.200}.") from None
    return [(name, str(value)) for name, values in fields.lists() for value in values]


def _too_large(limit: int) -> ApiError:
    return error(413, Code.BODY_TOO_LARGE, f"The file is larger than {limit:,} bytes, which IMPORT_MAX_BYTES allows.")
