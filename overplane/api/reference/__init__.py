"""The API reference for people, made from the OpenAPI description, so that it cannot say anything else.

`schemas` reads the description, `sections` makes the chapters of it, `calls` writes a call in three languages,
`limits` collects the limits, `pages` serves all of it. Only the general prose stands in `templates/reference/topics/`.
"""

from overplane.api.reference.pages import docs

__all__ = ["docs"]
