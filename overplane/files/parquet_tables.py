"""Parquet: columns as they are, a list of structs as further rows. Needs pyarrow, an optional extra."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from overplane.files.archives import most_unpacked
from overplane.files.cells import Table
from overplane.files.layouts import Layout, Recognizer
from overplane.files.objects import Shape, rows_of
from overplane.files.sources import Source
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

# Rows at a time. Few: one long text in a dictionary becomes many long texts, however small the file is.
BATCH = 250


def pyarrow_module(name: str) -> Any:
    """It is large and slow to load: only when it is needed. Raises `UnusableFile` if it is not there."""
    try:
        return import_module(f"pyarrow.{name}")
    except ImportError:
        message = _("Parquet needs one more package: pip install -r requirements-parquet.txt")
        raise UnusableFile(message) from None


@contextmanager
def parquet_table(source: Source, layout: Layout, recognizer: Recognizer | None) -> Iterator[Table]:
    parquet = pyarrow_module("parquet")
    with source.seekable() as content:
        most = most_unpacked(content.seek(0, os.SEEK_END))
        try:
            file = parquet.ParquetFile(content)
            groups = range(file.metadata.num_row_groups)
            unpacked = sum(file.metadata.row_group(i).total_byte_size for i in groups)
            shape, headings = _shape(source.name, file.schema_arrow)
        except UnusableFile:
            raise
        except Exception as error:  # noqa: BLE001 (a broken file makes pyarrow raise errors of any class)
            raise UnusableFile(
                _("%(name)s is no Parquet file that can be read (%(error)s).") % {"name": source.name, "error": error}
            ) from None
        with file:
            if unpacked > most:
                raise _swollen(source.name)
            rows = rows_of(lambda: _objects(source.name, file, most), shape)
            yield Table(headings, rows, unreadable=shape.unreadable, nested=shape.columns)


def _swollen(name: str) -> UnusableFile:
    return UnusableFile(
        _("%(name)s unpacks to more than 200 times its size. If that is right, save the table as CSV.") % {"name": name}
    )


def _shape(name: str, schema: Any) -> tuple[Shape, list[str]]:
    """As the schema tells it, and the headings, which may name a column twice."""
    types = pyarrow_module("types")
    shape, own, nested = Shape(), [], []
    for column in schema:
        inners = _inner_fields(column.type, types)
        if inners is None:
            shape.keys[column.name] = None
            own.append(column.name)
            kinds = [(column.name, column.type)]
        else:
            shape.nested[column.name] = dict.fromkeys(inner.name for inner in inners)
            kinds = [(f"{column.name}.{inner.name}", inner.type) for inner in inners]
            nested += [heading for heading, _ in kinds]
        for heading, kind in kinds:
            if not _is_plain(kind, types):
                text = _(
                    "%(name)s: the column %(heading)s is %(kind)s, not text, a number, a truth value or a time. Leave that"
                    " column out."
                )
                shape.unreadable[heading] = text % {"name": name, "heading": repr(heading), "kind": kind}
    return shape, own + nested


def _inner_fields(kind: Any, types: Any) -> list[Any] | None:
    """Of a list of structs."""
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if not is_list or not types.is_struct(kind.value_type):
        return None
    return [kind.value_type.field(i) for i in range(kind.value_type.num_fields)]


def _is_plain(kind: Any, types: Any) -> bool:
    kind = kind.value_type if types.is_dictionary(kind) else kind
    is_text = types.is_string(kind) or types.is_large_string(kind)
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    is_moment = types.is_temporal(kind) and not types.is_interval(kind)
    return is_text or is_number or is_moment or types.is_boolean(kind) or types.is_null(kind)


def _objects(name: str, file: Any, most: int) -> Iterator[tuple[int, Any]]:
    """The rows as objects. Ends with an error when they grow to more than `most` bytes."""
    number, unpacked = 0, 0
    batches = file.iter_batches(BATCH)
    while True:
        batch = None
        try:
            batch = next(batches, None)
            unpacked += _size(batch) if batch else 0
            objects = batch.to_pylist() if batch and unpacked <= most else []
        except UnusableFile:
            raise
        except Exception as error:  # noqa: BLE001 (as above; also what Python's own types cannot hold)
            where = _where_it_broke(batch, number) if batch else f"after row {number}"
            raise UnusableFile(
                _("%(name)s, %(where)s: this cannot be read (%(error)s). Mend it, or save as CSV.")
                % {"name": name, "where": where, "error": error}
            ) from None
        if not batch:
            return
        if unpacked > most:
            raise _swollen(name)
        yield from enumerate(objects, number + 1)
        number += len(objects)


def _size(batch: Any) -> int:
    """In bytes, each text counted as often as it stands there."""
    return sum(c.dictionary_decode().nbytes if hasattr(c, "dictionary") else c.nbytes for c in batch.columns)


def _where_it_broke(batch: Any, before: int) -> str:
    for i in range(batch.num_rows):
        for column, heading in zip(batch.columns, batch.schema.names, strict=True):
            try:
                column[i].as_py()
            except Exception:  # noqa: BLE001 (that is the one)
                return _("row %(before)s, column %(heading)s") % {"before": before + i + 1, "heading": repr(heading)}
    return _("after row %(before)s") % {"before": before}
