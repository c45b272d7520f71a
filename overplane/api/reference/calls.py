"""One call of the API, written for a shell, for Python and for JavaScript."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

KEY = "sk_test_..."  # stands in every sample for the reader's key; the page replaces it on request
ONE_LINE = 72  # characters that fit into the column of the samples
BRACKETS = "[]"
JSON, JSON_LINES = "application/json", "application/x-ndjson"
OF_ANSWERS = {True: "json", False: "text"}
Words = Mapping[bool | None, str]
OF_PYTHON: Words = {True: "True", False: "False", None: "None"}
OF_JSON: Words = {True: "true", False: "false", None: "null"}


@dataclass(frozen=True, slots=True)
class Call:
    """`file`: the name of one that is the body. `answers`: JSON, one object of JSON a line, or a text."""

    base_url: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    file: str = ""
    answers: str = JSON

    @classmethod
    def to(cls, base_url: str, method: str, address: str, *, header: str = "", body: str = "") -> "Call":
        """From an address with its query, one header (`Name: value`) and a body of JSON."""
        parts = urlsplit(address)
        name, _, value = header.partition(": ")
        headers = {name: value} if header else {}
        sent = json.loads(body) if body else None
        return cls(base_url, method, parts.path, dict(parse_qsl(parts.query)), headers, sent)

    @property
    def url(self) -> str:
        return self.base_url + self.path


def curl(call: Call) -> str:
    # Brackets and commas are readable as they are, and every server takes them; curl wants to be told (-g).
    query = urlencode(call.query, safe=f"{BRACKETS},:")
    globbing = " -g" if BRACKETS[0] in query else ""
    address = f'"{call.url}?{query}"' if query else call.url
    method = "" if call.method == "GET" else f" -X {call.method}"
    lines = [f"curl{globbing} {address}", f'-H "Authorization: Bearer {KEY}"{method}']
    lines += [f"-H {_quoted(f'{name}: {value}')}" for name, value in call.headers.items()]
    if call.body is not None:
        text = json.dumps(call.body, separators=(",", ":"), ensure_ascii=False)
        if len(text) > ONE_LINE:
            text = json.dumps(call.body, indent=2, ensure_ascii=False)
        lines += ['-H "Content-Type: application/json"', "-d '" + text.replace("'", "'\\''") + "'"]
    if call.file:
        lines += [f"--data-binary @{call.file}"]
    return " \\\n  ".join(lines)


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def python(call: Call) -> str:
    options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {KEY}"} | dict(call.headers)}
    if call.query:
        options["params"] = dict(call.query)
    if call.body is not None:
        options["json"] = call.body
    arguments = [
        json.dumps(call.url),
        *(f"{name}={literal(value, OF_PYTHON, 4, 4)}" for name, value in options.items()),
        *(["data=file"] if call.file else []),
    ]
    arguments += ["stream=True"] if call.answers == JSON_LINES else []
    called = f"requests.{call.method.lower()}(\n    " + ",\n    ".join([*arguments, "timeout=30"]) + ",\n)"
    if call.answers != JSON_LINES:
        said = "response.json()" if call.answers == JSON else "response.text"
        request = f"response = {called}"
        if call.file:
            request = f'with open("{call.file}", "rb") as file:\n{indent(request, "    ")}'
        return f"import requests\n\n{request}\nresponse.raise_for_status()\nprint({said})"
    return (
        f"import json\n\nimport requests\n\nwith {called} as response:\n    response.raise_for_status()\n"
        "    for line in response.iter_lines():\n        print(json.loads(line))"
    )


def javascript(call: Call) -> str:
    headers = {"Authorization": f"Bearer {KEY}"} | dict(call.headers)
    if call.body is not None:
        headers |= {"Content-Type": "application/json"}
    options = [] if call.method == "GET" else [f'method: "{call.method}"']
    options += [f"headers: {literal(headers, OF_JSON, 2, 2)}"]
    if call.body is not None:
        options += [f"body: JSON.stringify({literal(call.body, OF_JSON, 2, 2)})"]
    before, address = "", json.dumps(call.url)
    if call.file:
        before = "const file = document.querySelector('input[type=file]').files[0];\n"
        options += ["body: file"]
    if call.query:
        before += f"const query = new URLSearchParams({literal(dict(call.query), OF_JSON, 2, 0)});\n"
        address = f"`{call.url}?${{query}}`"
    lines = 'for (const line of (await response.text()).trim().split("\\n")) {\n  console.log(JSON.parse(line));\n}'
    return (
        f"{before}const response = await fetch({address}, {{\n  " + ",\n  ".join(options) + ",\n});\n"
        "if (!response.ok) throw new Error(await response.text());\n"
        + (
            lines
            if call.answers == JSON_LINES
            else f"console.log(await response.{OF_ANSWERS[call.answers == JSON]}());"
        )
    )


LANGUAGES = {"curl": curl, "python": python, "javascript": javascript}


def literal(value: Any, words: Words, step: int, indent: int) -> str:
    """A value of JSON in a language that calls true, false and null so; on one line where there is room."""
    if value is None or isinstance(value, bool):
        return words[value]
    if not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    inner = indent + step
    values = value.values() if isinstance(value, dict) else value
    names = (
        [f"{json.dumps(name, ensure_ascii=False)}: " for name in value]
        if isinstance(value, dict)
        else [""] * len(value)
    )
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    parts = [name + literal(one, words, step, inner) for name, one in zip(names, values, strict=True)]
    line = opening + ", ".join(parts) + closing
    if "\n" not in line and len(line) + indent <= ONE_LINE:
        return line
    return f"{opening}\n" + "".join(f"{' ' * inner}{part},\n" for part in parts) + " " * indent + closing
