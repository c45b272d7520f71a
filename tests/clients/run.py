"""Lints the description, generates clients from it, compiles them, and walks every documented call with each of them.

    python -m tests.clients.run

The service runs for it on 127.0.0.1 and a new SQLite file. What is generated goes into a directory that is deleted
afterwards. Without node, or with an old one, the linters and the TypeScript clients are left out.
"""

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
    texts = [str(part) for part in command]
    environment = ENVIRONMENT | variables
    done = subprocess.run(
        texts, cwd=cwd, env=environment, timeout=LONGEST, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        sys.stdout.write(done.stdout.decode(errors="replace"))
        raise SystemExit(f"Failed: {' '.join(texts)}")


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


def lint(work: Path, service: Service) -> None:
    run(TOOLS / "redocly", "lint", "openapi.json", "--extends=recommended", "--max-problems=50", cwd=work)
    ruleset = HERE / ".spectral.yaml"
    run(TOOLS / "spectral", "lint", "openapi.json", f"--ruleset={ruleset}", "--fail-severity=hint", cwd=work)


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
    generate = ["generate", "--path", "openapi.json", "--meta=none", "--output-path", "overplane_client"]
    run(
        BIN / "openapi-python-client", *generate, "--config", HERE / "python_client.yaml", "--fail-on-warning", cwd=work
    )
    for name in ("walk.py", "mypy.ini"):
        shutil.copy(HERE / name, work)
    run(BIN / "mypy", "--config-file", "mypy.ini", "-p", "overplane_client", "-m", "walk", cwd=work)
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
