"""What axe reports of a page."""

from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

from tests.browser.conftest import PHONE, WIDE

GRAVE = ("serious", "critical")
SIZES: list[tuple[Literal["light", "dark"], ViewportSize]] = [("light", WIDE), ("dark", PHONE)]
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# axe looks at styles of its own making; it need not load anybody's again.
OPTIONS = {"resultTypes": ["violations"], "preload": False}


def findings_in_light_and_dark(page: Page) -> list[str]:
    """The page as it stands; but for its colours it is the same in the dark."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    in_light = findings(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return in_light + [f"dark: {one}" for one in findings(page, COLOURS)]


def findings_wide_and_narrow(page: Page) -> list[str]:
    """Colours go by the scheme and places by the width: each of them once."""
    all_findings = []
    for scheme, size in SIZES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        all_findings += [f"{size['width']} {scheme}: {one}" for one in findings(page)]
    return all_findings


def findings(page: Page, only: dict[str, Any] | None = None) -> list[str]:
    violations = Axe().run(page, options=OPTIONS | (only or {})).response["violations"]
    grave = [one for one in violations if one["impact"] in GRAVE]
    return [f"{page.url}: {one['id']}: {node['html'][:200]}" for one in grave for node in one["nodes"]]
