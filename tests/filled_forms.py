"""A page's form as a browser would send it back: every field with the value it was shown with."""

from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse


class Fields(HTMLParser):
    """The successful controls of one form, in HTML's sense of the word."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.is_inside = form_id, False
        self.values: dict[str, list[str]] = {}
        self.select = self.area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.is_inside = given.get("id") == self.form_id
        name = given.get("name", "")
        if not self.is_inside or "disabled" in given:
            return
        if tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in given:
            self._add(self.select, given.get("value", ""))
        elif tag == "textarea":
            self.area = name
            self._add(name, "")
        elif tag == "input" and name and given.get("type") != "submit":
            is_box = given.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in given:
                self._add(name, given.get("value", "on" if is_box else ""))

    def handle_endtag(self, tag: str) -> None:
        self.area = "" if tag == "textarea" else self.area
        self.is_inside = self.is_inside and tag != "form"

    def handle_data(self, data: str) -> None:
        if self.area:
            self.values[self.area][-1] += data.removeprefix("\n")

    def _add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)


def filled(page: HttpResponse, form_id: str = "customer_form") -> dict[str, Any]:
    """What the form would send, without the row that only serves as a pattern."""
    fields = Fields(form_id)
    fields.feed(page.content.decode())
    assert fields.values, f"there is no form {form_id!r} on the page"
    return {name: values[-1] for name, values in fields.values.items() if "__prefix__" not in name}
