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
    found = findings(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return found + [f"dark: {one}" for one in findings(page, COLOURS)]


def findings_wide_and_narrow(page: Page) -> list[str]:
    """Colours go by the scheme and places by the width: each of them once."""
    found = []
    for scheme, size in SIZES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        found += [f"{size['width']} {scheme}: {one}" for one in findings(page)]
    return found


def findings(page: Page, only: dict[str, Any] | None = None) -> list[str]:
    found = Axe().run(page, options=OPTIONS | (only or {})).response["violations"]
    grave = [one for one in found if one["impact"] in GRAVE]
    return [f"{page.url}: {one['id']}: {node['html'][:200]}" for one in grave for node in one["nodes"]]
