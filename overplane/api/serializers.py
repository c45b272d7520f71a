"""Parses request bodies by a model's attributes. They are described by `schemas`, and answers are built elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from overplane.database.attributes import attributes, parse_json
from overplane.problems import Code, Errors, invalid

IGNORED = frozenset({"id", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class BodyParser:
    """`model` says which attributes there are; `rules` judges what could be read when something else could not."""

    model: type[models.Model]
    rules: Callable[[Mapping[str, Any]], Errors]

    def parse(self, payload: Mapping[str, Any], *, partial: bool) -> dict[str, Any]:
        """Values by attribute name. Raises one `ValidationError` with everything that is wrong."""
        known = attributes(self.model)
        values, problems = parse_json(known, payload, ignored=IGNORED)
        if not partial:
            for name, attribute in known.items():
                if attribute.required and name not in payload:
                    problems[name] = [invalid(Code.PARAMETER_MISSING, "This attribute is required.")]
        if problems:
            judged = {name: errors for name, errors in self.rules(values).items() if name not in problems}
            raise ValidationError(problems | judged)
        return values
