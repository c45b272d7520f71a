"""The house keeps its plan: what a linter cannot see. (Who may import whom is in pyproject.toml, for `lint-imports`.)"""

import ast
import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import models

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path for top in ("overplane", "crm", "tests", "bench", "faults") for path in (ROOT / top).rglob("*.py")
)
OURS = [path for path in MODULES if path.relative_to(ROOT).parts[0] in ("overplane", "crm")]
CODE = [path for path in OURS if "migrations" not in path.parts]
# Settings and routes put the house together, so they may name everything in it.
PLATFORM = [path for path in CODE if path.is_relative_to(ROOT / "overplane") and path.stem not in ("settings", "urls")]
DOMAIN_WORDS = re.compile(r"customer|supplier|territory|commission|tax_id|\bcrm\b", re.IGNORECASE)
LONGEST, LONGEST_TABLE = 330, 450  # in the product; beside it, where a test may be one long table
SIGNALS = {"Signal", "receiver", "pre_save", "post_save", "pre_delete", "post_delete", "m2m_changed"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def tree(path: Path) -> list[ast.AST]:
    """Read once for all that look at it, which halves the time of these tests."""
    return list(ast.walk(ast.parse(path.read_text())))


def matches(
    paths: list[Path], looks_wrong: type[ast.AST] | tuple[type[ast.AST], ...], test: Callable[[Any], bool]
) -> list[str]:
    """Where a node of this class is what the test says."""
    return [
        f"{name(path)}:{node.lineno}"
        for path in paths
        for node in tree(path)
        if isinstance(node, looks_wrong) and test(node)
    ]


def test_there_is_something_to_look_at() -> None:
    assert {"crm/services.py", "overplane/settings.py"} <= {name(path) for path in CODE}
    assert len(CODE) > 80


def test_modules_are_short() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in MODULES}
    longest = {name(path): n for path, n in lines.items() if n > (LONGEST if path in OURS else LONGEST_TABLE)}
    assert longest == {}


# A template writes its arguments side by side.
TEMPLATE_TAGS = "templatetags"


def sizes() -> Iterator[tuple[str, int, int, ast.AST]]:
    """Each function and class of the product: where, lines, positional arguments."""
    for path in CODE:
        for node in tree(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                arguments = [] if isinstance(node, ast.ClassDef) else [*node.args.posonlyargs, *node.args.args]
                own = [one for one in arguments if one.arg not in ("self", "cls")]
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{name(path)}:{node.name}", lines, len(own), node


def test_functions_and_classes_are_short() -> None:
    longest = {
        where: lines for where, lines, _, node in sizes() if lines > (150 if isinstance(node, ast.ClassDef) else 45)
    }
    assert longest == {}


def test_what_could_be_swapped_is_given_by_name() -> None:
    many = [where for where, _, arguments, _ in sizes() if arguments > 4 and TEMPLATE_TAGS not in where]
    assert many == []


def test_the_environment_is_read_in_the_settings() -> None:
    def reads(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv") and is_os(node.value)

    def is_os(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == "os"

    modules = {where.partition(":")[0] for where in matches(CODE, ast.Attribute, reads)}
    # wsgi.py sets the name of the settings, as Django wants it; it reads nothing.
    assert modules == {"overplane/settings.py", "overplane/wsgi.py"}
    assert not matches(CODE, ast.ImportFrom, lambda node: node.module == "os")


def test_an_ignored_complaint_about_types_says_which_and_why() -> None:
    unexplained = re.compile(r"# type: ignore(?!\[[a-z-]+\]  # \w)")
    lines = [(path, number, line) for path in OURS for number, line in enumerate(path.read_text().splitlines(), 1)]
    assert [f"{name(path)}:{number}" for path, number, line in lines if unexplained.search(line)] == []


DIALECT = ROOT / "overplane/database/dialect.py"


def test_only_the_dialect_asks_which_database_it_is() -> None:
    assert matches([DIALECT], ast.Attribute, lambda node: node.attr == "vendor")
    others = [path for path in CODE if path != DIALECT]
    asking = {where.partition(":")[0] for where in matches(others, ast.Attribute, lambda node: node.attr == "vendor")}
    assert asking == set()


# Whatever outlives a request or a job, and why it says nothing of either.
MEMORIES = {
    "crm/backoffice/page_words.py:_fields": "by the language",
    "crm/duplicates/search_state.py:_cached": "by the moment of the last search, which is looked up for each use",
    "crm/duplicates/terms.py:of": "as long as one comparison",
    "crm/transfer/columns.py:_nested_headings": "names of columns and headings, in all languages",
    "crm/transfer/columns.py:_own_headings": "names of columns and headings, in all languages",
    "crm/transfer/columns.py:customer_columns": "names of columns and headings, in all languages",
    "crm/transfer/columns.py:customer_headings": "names of columns and headings, in all languages",
    "crm/transfer/columns.py:known_headings": "names of columns and headings, in all languages",
    "crm/transfer/columns.py:line_item_columns": "names of columns and headings, in all languages",
    "crm/transfer/columns.py:line_item_fields": "names of columns and headings, in all languages",
    "crm/transfer/columns.py:nested_columns": "names of columns and headings, in all languages",
    "overplane/compression.py:accepts_gzip": "by the header's text",
    "overplane/api/pages.py:description": "made in English, whoever asks first",
    "overplane/api/reference/pages.py:page": "made in English, whoever asks first",
    "overplane/database/attributes.py:attributes": "by the model; texts are translated when a value is refused",
    "overplane/database/dialect.py:_default_vendor": "a process serves one kind of database",
    "overplane/database/postgresql/prepared.py:numbered": "by the statement's text",
    "overplane/database/postgresql/servers.py:_tried_last": "a fact of the network",
    "overplane/database/statements.py:_conditional": "by the statements' texts",
    "overplane/database/statements.py:_joined": "by the statements' texts",
    "overplane/database/time_limits.py:_answers_requests": "what a process is for",
    "overplane/files/encoding_guesses.py:_of_character": "by the character",
    "overplane/ids.py:_pattern": "by the prefix",
    "overplane/observability.py:_meters": "by the labels",
    "overplane/log_lines.py:request_id": "set and put back by `thread_state`",
    "overplane/addresses.py:_unknown_proxies": "whom the log has named already, a few at most",
    "overplane/api/keys.py:_remembered": "by the digest of a valid key, for `REMEMBERED_SECONDS`",
    "overplane/api/turns.py:_under_way": "by the object that is written; each write takes itself out",
    "overplane/database/postgresql/poolers.py:_findings": "by the server, the database and the user",
    "overplane/database/postgresql/poolers.py:_paused": "by the server, the database and the user",
    "overplane/database/postgresql/watch.py:_servers": "the open connections",
    "overplane/database/replicas.py:_Held": "begins and ends with a request, in one `with`",
    "overplane/ending.py:_shared": "that this service is to stop",
    "overplane/ending.py:_streams_end": "that this process is to stop",
    "overplane/events/served.py:_written": "the newest event that was served, to anybody",
}
# What apps register when they start, and nobody changes afterwards.
REGISTRIES = {
    "overplane/api/events/descriptions.py:EVENT",
    "overplane/api/events/descriptions.py:EVENTS",
    "overplane/api/surroundings.py:_known",
    "overplane/checkups.py:known",
    "overplane/checkups.py:of_machine",
    "overplane/database/erasure.py:_erasers",
    "overplane/database/maintenance.py:_managed",
    "overplane/database/maintenance.py:counted",
    "overplane/jobs/housekeeping.py:tasks",
    "overplane/jobs/kinds.py:known",
    "overplane/jobs/loops.py:known",
}

LOCAL = re.compile(r"\b[Ll]ocal$")
CHANGING = {
    "add",
    "append",
    "appendleft",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popleft",
    "remove",
    "setdefault",
    "update",
}


def remembered(path: Path) -> Iterator[str]:
    """Cached functions, variables of a context or a thread, and those of a module that a function sets."""
    for node in tree(path):
        if isinstance(node, ast.FunctionDef):
            if any(re.search(r"\b((lru_)?cache|computed_once)\b", ast.unparse(one)) for one in node.decorator_list):
                yield f"{name(path)}:{node.name}"
        elif isinstance(node, ast.Global):
            yield from (f"{name(path)}:{variable}" for variable in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and is_of_context_or_thread(node.value):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            yield f"{name(path)}:{ast.unparse(target)}"
        elif isinstance(node, ast.ClassDef) and any(LOCAL.search(ast.unparse(base)) for base in node.bases):
            yield f"{name(path)}:{node.name}"
    yield from (f"{name(path)}:{variable}" for variable in changed_by_functions(path))


def changed_by_functions(path: Path) -> set[str]:
    """Lists, sets and dictionaries of the module that a function changes."""
    assigned = [node for node in tree(path)[0].body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    names = {
        ast.unparse(target)
        for node in assigned
        if isinstance(node.value, ast.Dict | ast.List | ast.Set | ast.Call)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    functions = [node for node in tree(path) if isinstance(node, ast.FunctionDef)]
    return {variable for one in functions for inner in ast.walk(one) if (variable := changed(inner)) in names}


def changed(node: ast.AST) -> str:
    """The name of what an item is put into or taken out of."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return ast.unparse(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
        return ast.unparse(node.func.value)
    return ast.unparse(node.target) if isinstance(node, ast.AugAssign) else ""


def is_of_context_or_thread(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in ("ContextVar", "local", "Local")


def test_what_a_process_remembers_is_known_and_says_nothing_of_a_request() -> None:
    assert {where for path in CODE for where in remembered(path)} == set(MEMORIES) | REGISTRIES


def inside_functions(path: Path) -> Iterator[str]:
    for outer in tree(path):
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for inner in ast.walk(outer):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    yield f"{name(path)}:{inner.lineno}"


@pytest.mark.slow
def test_nothing_is_imported_inside_a_function() -> None:
    assert [where for path in OURS for where in inside_functions(path)] == []


@pytest.mark.slow
def test_no_test_module_imports_another() -> None:
    """What several need has a module of its own: tests then move and change alone."""

    def names_a_test_module(node: ast.Import | ast.ImportFrom) -> bool:
        names = [getattr(node, "module", None) or "", *(one.name for one in node.names)]
        return any(part.startswith("test_") for one in names for part in one.split("."))

    modules = [path for path in MODULES if path.is_relative_to(ROOT / "tests")]
    assert matches(modules, (ast.Import, ast.ImportFrom), names_a_test_module) == []


def test_nothing_is_written_in_save_or_delete_or_a_signal() -> None:
    """Bulk and queryset writes would go past them; the services are the only writers."""
    domain = [path for path in CODE if path.is_relative_to(ROOT / "crm")]
    assert len(domain) > 20
    assert matches(domain, ast.ClassDef, writes_by_itself) == []
    assert matches(domain, ast.Name, lambda node: node.id in SIGNALS) == []
    assert matches(domain, ast.alias, lambda node: node.name.split(".")[-1] in SIGNALS | {"signals"}) == []


def writes_by_itself(definition: ast.ClassDef) -> bool:
    bases = " ".join(ast.unparse(base) for base in definition.bases)
    own = {inner.name for inner in definition.body if isinstance(inner, ast.FunctionDef)}
    is_stored = re.search(r"Model\b|Form\b|Serializer|Manager|QuerySet", bases) is not None
    return is_stored and not own.isdisjoint({"save", "delete", "save_base", "create", "update", "bulk_create"})


@pytest.mark.parametrize("model", apps.get_app_config("crm").get_models(), ids=lambda model: model.__name__)
def test_models_save_as_django_does(model: type[models.Model]) -> None:
    for method in ("save", "delete", "save_base"):
        assert getattr(model, method) is getattr(models.Model, method)
    assert type(model._default_manager) is models.Manager


def test_the_platform_names_no_domain_word() -> None:
    assert [where for path in PLATFORM for where in domain_words(path)] == []


def domain_words(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if DOMAIN_WORDS.search(line):
            yield f"{name(path)}:{number}: {line.strip()}"
