"""What a browser would send of a page's form. Knows nothing of Django: programs outside of it fill forms, too."""

from html.parser import HTMLParser


class Fields(HTMLParser):
    """The successful controls of one form, in HTML's sense of the word."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.is_inside = form_id, False
        self.values: dict[str, list[str]] = {}
        self.select = self.area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.is_inside = attributes.get("id") == self.form_id
        name = attributes.get("name", "")
        if not self.is_inside or "disabled" in attributes:
            return
        if tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in attributes:
            self._add(self.select, attributes.get("value", ""))
        elif tag == "textarea":
            self.area = name
            self._add(name, "")
        elif tag == "input" and name and attributes.get("type") != "submit":
            is_box = attributes.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in attributes:
                self._add(name, attributes.get("value", "on" if is_box else ""))

    def handle_endtag(self, tag: str) -> None:
        self.area = "" if tag == "textarea" else self.area
        self.is_inside = self.is_inside and tag != "form"

    def handle_data(self, data: str) -> None:
        if self.area:
            self.values[self.area][-1] += data.removeprefix("\n")

    def _add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)
