"""Every sample of the reference pages is run for real, against a real server: the shell's here, and Python's.

JavaScript's are run in a browser, in tests/browser/test_docs.py. Without curl these tests fail and say so.
"""

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from crm.models import Customer
from overplane.api.reference.calls import KEY
from overplane.jobs.worker import Worker
from tests.conftest import Api, settle
from tests.reference_page import (
    MENDING,
    SYNC,
    Sample,
    assert_only_what_came_after,
    calls_in,
    prepared,
    samples_in,
    sections,
)

pytestmark = [pytest.mark.slow, pytest.mark.half("postgresql")]

# How the machine's curl behaves for the samples, which are run as they stand: an error's status is an error.
CURLRC = 'fail\nsilent\nshow-error\nmax-time = 30\nnoproxy = *\nwrite-out = "%{stderr}%{http_code} "\n'
# Between the export and the feed somebody else makes a change, and waits until the feed may show it.
MEANWHILE = """
meanwhile() {{
  command curl {base}/api/crm/customer -H "Authorization: Bearer {key}" -X POST \\
    -H "Content-Type: application/json" -d '{{"customer_name":"Meanwhile"}}' > meanwhile.json
  for attempt in $(seq 200); do
    if command curl "{base}/api/crm/event?limit=1" -H "Authorization: Bearer {key}" | grep -q Meanwhile; then break; fi
    sleep 0.2
  done
}}
curl() {{
  case "$*" in *"/event?"*) meanwhile;; esac
  command curl "$@"
}}
"""


def run_shell(text: str, directory: Path) -> tuple[str, list[str]]:
    """What it writes, and the statuses that it was answered with."""
    if shutil.which("curl") is None:
        pytest.fail("No curl to run the samples of the reference pages with. Install it: `apt-get install curl`.")
    (directory / ".curlrc").write_text(CURLRC)
    home = {"HOME": str(directory), "CURL_HOME": str(directory), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-e"], input=text, cwd=directory, env=home, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr.split()


def run_python(text: str) -> str:
    with redirect_stdout(io.StringIO()) as written:
        exec(compile(text, "sample", "exec"), {})
    return written.getvalue()


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "*")


def test_every_sample_in_the_shell_is_answered_as_shown(
    live_api: Api, live_server: LiveServer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    samples = calls_in("curl")
    assert {anchor for anchor, section in sections().items() if section.call} < {sample.section for sample in samples}
    for sample, text in prepared(samples, live_api, live_server.url):
        with subtests.test(sample.name):
            written, statuses = run_shell(text, tmp_path)
            assert written.strip(), "it tells nothing"
            if sample.section in sections():
                assert sections()[sample.section].answer_title.startswith(f"{statuses[0]} ")


def test_every_sample_in_python_runs(live_api: Api, live_server: LiveServer, subtests: pytest.Subtests) -> None:
    for sample, text in prepared(calls_in("python"), live_api, live_server.url):
        with subtests.test(sample.name):
            assert run_python(text).strip(), "it tells nothing"


@contextmanager
def a_worker() -> Iterator[None]:
    worker = Worker()

    def work() -> None:
        try:
            worker.run()
        finally:
            connection.close()

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


@pytest.mark.parametrize("language", ["curl", "python"])
def test_the_example_of_imports_runs_as_written(
    live_api: Api, live_server: LiveServer, tmp_path: Path, language: str
) -> None:
    (sample,) = [one for one in samples_in(language) if one.title == MENDING]
    text = sample.text.replace(KEY, live_api.key).replace(settings.BASE_URL, live_server.url)
    with a_worker():
        written = run_shell(text, tmp_path)[0] if language == "curl" else run_python(text)
    assert "row,customer_id,outcome,code,message\n2,customer_" in written
    assert "parameter_invalid" in written
    assert list(Customer.objects.values_list("customer_name", "email_id")) == [("Bravo", "info@bravo.example")]


def sync(language: str) -> list[Sample]:
    return [sample for sample in calls_in(language) if sample.title == SYNC]


def test_the_shell_goes_on_from_the_cursor_of_the_export(
    live_api: Api, live_server: LiveServer, tmp_path: Path
) -> None:
    ((_, text),) = prepared(sync("curl"), live_api, live_server.url)
    between = MEANWHILE.format(base=live_server.url, key=live_api.key)
    page = json.loads(run_shell(between + text, tmp_path)[0])
    *lines, last = (tmp_path / "customers.ndjson").read_text().splitlines()
    assert [json.loads(line)["customer_name"] for line in lines] == ["Acme"]
    assert json.loads(last)["end"]
    assert_only_what_came_after(page["data"], json.loads((tmp_path / "meanwhile.json").read_text())["id"])


def test_python_goes_on_from_the_cursor_of_the_export(
    live_api: Api, live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((_, text),) = prepared(sync("python"), live_api, live_server.url)
    get, customer_ids = requests.get, []

    def get_after_a_change(address: str, **options: Any) -> requests.Response:
        if address.endswith("/event") and not customer_ids:
            customer_ids.append(live_api.create(customer_name="Meanwhile")["id"])
            settle()
        return get(address, **options)

    monkeypatch.setattr(requests, "get", get_after_a_change)
    event, last = run_python(text).splitlines()
    assert event.startswith("customer.created ")
    assert customer_ids[0] in event
    # And the next time from there: nothing comes twice.
    assert live_api.feed(f"?after={last.split()[-1]}").json()["data"] == []
    assert len((tmp_path / "customers.ndjson").read_text().splitlines()) == 2
