"""Files that come with forms: none larger than `UPLOAD_MAX_MIB` is received, and none of a stranger is stored."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers

MIB = 1024 * 1024


def largest() -> int:
    """Bytes of one file."""
    return settings.UPLOAD_MAX_MIB * MIB


class BoundedUpload(FileUploadHandler):
    """Before Django's own, which would write to the disk whatever anybody sends."""

    @property
    def is_of_a_stranger(self) -> bool:
        user = getattr(self.request, "user", None)
        return not (user and user.is_authenticated)

    def handle_raw_input(self, input_data: Any, META: dict[str, Any], content_length: int, *more: Any) -> None:  # noqa: N803 (Django's name)
        # The fields beside the file have their own limit. A little more passes, so that the form can say it in its page.
        if content_length > largest() + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self.is_of_a_stranger:
            raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return None if self.is_of_a_stranger else raw_data

    def file_complete(self, file_size: int) -> UploadedFile | None:
        """That there was one is said on the page that asks him to log in."""
        return SimpleUploadedFile(self.file_name or "file", b"") if self.is_of_a_stranger else None
