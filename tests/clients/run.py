"""Lints the description, generates clients from it, compiles them, and walks every documented call with each of them.

    python -m tests.clients.run

The service runs for it on 127.0.0.1 and a new SQLite file. What is generated goes into a directory that is deleted
afterwards. Without node, or with an old one, the linters and the TypeScript clients are left out.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.clients.service import Service, running

HERE = Path(__file__).parent
TOOLS = HERE / "node_modules" / ".bin"
BIN = Path(sys.executable).parent
LONGEST = 180  # seconds that one command may take
ENVIRONMENT = os.environ | {
    "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",  # openapi-python-client calls ruff
    "REDOCLY_TELEMETRY": "off",
    "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
}
TYPESCRIPT = ["hey", "fetch"]
OLDEST_NODE = (20, 19)  # as in package.json


def run(*command: str | Path, cwd: Path, **variables: str) -> None:
    """Its output is shown only if it fails."""
    done = execute(*command, cwd=cwd, **variables)
    if done.returncode:
        sys.stdout.write(done.stdout + done.stderr)
        raise SystemExit(f"Failed: {' '.join(map(str, command))}")


def execute(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=ENVIRONMENT | variables, timeout=LONGEST, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip


def has_node() -> bool:
    if not shutil.which("npm") or not shutil.which("node"):
        return False
    version = subprocess.run(["node", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    major, minor, *_ = version.strip().removeprefix("v").split(".")
    return (int(major), int(minor)) >= OLDEST_NODE


def install() -> None:
    """What package-lock.json names, once."""
    installed, wanted = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=HERE)
        installed.touch()


def redocly(work: Path, name: str) -> str:
    """What it finds, warnings too: its exit code tells of errors alone."""
    done = execute(TOOLS / "redocly", "lint", name, "--extends=recommended", "--format=json", cwd=work)
    try:
        totals = json.loads(done.stdout)["totals"]
    except ValueError:  # it has not even linted
        return done.stdout + done.stderr or "Nothing at all was said."
    return done.stdout if done.returncode or any(totals.values()) else ""


def spectral(work: Path, name: str) -> str:
    """What it finds, down to hints."""
    ruleset = HERE / ".spectral.yaml"
    done = execute(TOOLS / "spectral", "lint", name, f"--ruleset={ruleset}", "--fail-severity=hint", cwd=work)
    return done.stdout + done.stderr if done.returncode else ""


def lint(work: Path, service: Service) -> None:
    """The description, and a copy with something to warn of: whoever says nothing of that has not looked."""
    described = json.loads((work / "openapi.json").read_text())
    described["info"] = {name: text for name, text in described["info"].items() if name not in ("contact", "license")}
    (work / "spoiled.json").write_text(json.dumps(described))
    for linter in (redocly, spectral):
        if found := linter(work, "openapi.json"):
            sys.stdout.write(found)
            raise SystemExit(f"Failed: {linter.__name__} finds something to warn of.")
        if not linter(work, "spoiled.json"):
            raise SystemExit(f"Failed: {linter.__name__} says nothing of a description that it should warn of.")


def typescript(work: Path, service: Service) -> None:
    for name in (*(f"{walk}.ts" for walk in TYPESCRIPT), "expect.ts", "package.json", "tsconfig.json"):
        shutil.copy(HERE / name, work)
    run(TOOLS / "openapi-ts", "-i", "openapi.json", "-o", "generated", "--no-log-file", cwd=work)
    run(TOOLS / "openapi-typescript", "openapi.json", "-o", "schema.ts", cwd=work)
    (work / "node_modules").symlink_to(HERE / "node_modules")
    run(TOOLS / "tsc", "--project", "tsconfig.json", cwd=work)
    for walk in TYPESCRIPT:
        run("node", f"compiled/{walk}.js", cwd=work, SERVICE_URL=service.url, API_KEY=service.key)


def python(work: Path, service: Service) -> None:
    # As modules: a script of theirs names the interpreter that it was installed for.
    generate = ["-m", "openapi_python_client", "generate", "--meta=none", "--fail-on-warning"]
    options = ["--path", "openapi.json", "--output-path", "overplane_client", "--config", HERE / "python_client.yaml"]
    run(sys.executable, *generate, *options, cwd=work)
    for name in ("walk.py", "walk_files.py", "calling.py", "mypy.ini"):
        shutil.copy(HERE / name, work)
    checked = ["--config-file", "mypy.ini", "--cache-dir", HERE / ".mypy_cache", "-p", "overplane_client", "-m", "walk"]
    run(sys.executable, "-m", "mypy", *checked, cwd=work)
    run(sys.executable, "walk.py", cwd=work, SERVICE_URL=service.url, API_KEY=service.key)


def main() -> None:
    steps: dict[str, Callable[[Path, Service], None]] = {"python": python}
    if has_node():
        install()
        steps = {"lint": lint, "typescript": typescript, **steps}
    else:
        wanted = ".".join(map(str, OLDEST_NODE))
        print(f"clients: no npm with node {wanted} here, so the linters and the TypeScript clients are left out.")
    with tempfile.TemporaryDirectory(prefix="overplane-clients-") as name, running(Path(name)) as service:
        work = Path(name) / "work"
        work.mkdir()
        with urllib.request.urlopen(f"{service.url}/api/openapi.json", timeout=60) as answer:
            (work / "openapi.json").write_bytes(answer.read())
        for title, step in steps.items():
            started = time.monotonic()
            step(work, service)
            print(f"clients: {title} in order, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
