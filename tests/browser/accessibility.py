"""What axe reports of a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ("serious", "critical")
# axe looks at styles of its own making; it need not load anybody's again.
OPTIONS = {"resultTypes": ["violations"], "preload": False}


def findings(page: Page) -> list[str]:
    found = Axe().run(page, options=OPTIONS).response["violations"]
    grave = [one for one in found if one["impact"] in GRAVE]
    return [f"{page.url}: {one['id']}: {node['html'][:200]}" for one in grave for node in one["nodes"]]
