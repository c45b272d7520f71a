"""A real Chromium before the real application. A test fails on any error in the page's console, CSP's among them.

The browser is the machine's (`chromium-headless-shell` or `chromium` on the path) or playwright's own. Without one these tests
fail and say what to install; they are never skipped.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Response, ViewportSize, sync_playwright
from pytest_django.live_server_helper import LiveServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.half("postgresql"))


# The shell is the same browser without windows, which take half of the time of a test. So it comes first.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What no test needs: Playwright's own list, which this argument replaces, and what each window prepares for its address
# bar, which is a page of its own.
UNWANTED = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch",
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup",
)  # fmt: skip
# As root there is no sandbox to be had; a test must not call home. All pages are ours, so one process is enough to draw
# them: else each test pays for two or three of which it uses one.
ARGUMENTS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-gpu",
    "--renderer-process-limit=1", "--disable-site-isolation-trials",
    f"--disable-features={','.join(UNWANTED)}",
]  # fmt: skip
NONE_FOUND = (
    "No Chromium for the browser tests. Install one: `apt-get install chromium-headless-shell`, or "
    "`.venv/bin/python -m playwright install --with-deps chromium`."
)
WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PATIENCE_MS = 8_000


def executable(playwright: Playwright) -> str:
    own = playwright.chromium.executable_path
    if Path(own).exists():
        return own
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    if installed is None:
        pytest.fail(NONE_FOUND, pytrace=False)
    return installed


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One for all tests of a worker."""
    with pytest.MonkeyPatch.context() as patch:
        # Playwright leaves its event loop marked as running in this thread; Django would refuse the database for it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "yes")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable(playwright), args=ARGUMENTS)
            yield browser
            browser.close()


class Visitors:
    """People with a browser each: own cookies, own tabs. What their consoles complain about is collected."""

    def __init__(self, chromium: Browser, base_url: str) -> None:
        self.chromium, self.base_url = chromium, base_url
        self.complaints: list[str] = []
        self.contexts: list[Any] = []

    def __call__(self, client: Client | None = None, **options: Any) -> Page:
        """A new tab; with a test client that is logged in, the tab is too."""
        context = self.chromium.new_context(**{"base_url": self.base_url, "viewport": WIDE} | options)
        context.set_default_timeout(PATIENCE_MS)
        self.contexts.append(context)
        if client is not None:
            value = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": self.base_url}])
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error in the page: {error}"))
        page.on("response", self._look)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") or "Content Security Policy" in message.text:
            self.complaints.append(f"{message.type}: {message.text} at {message.location}")

    def _look(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} from {response.url}")

    def leave(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture
def visit(live_server: LiveServer, chromium: Browser) -> Iterator[Visitors]:
    visitors = Visitors(chromium, live_server.url)
    yield visitors
    visitors.leave()
    assert not visitors.complaints, "\n".join(visitors.complaints)
