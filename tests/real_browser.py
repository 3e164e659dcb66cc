"""A real browser for the tests: Debian's Chromium, Google Chrome, or the one that playwright brings."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

# No sandbox in containers; nothing that asks another host for anything of its own accord.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_CHROMIUM = (
    "Chromium was not found, and without it nobody knows whether the pages work. Install it with "
    "`apt-get install chromium`, or `python -m playwright install chromium`."
)


def find_chromium(playwright: Playwright) -> str:
    """A Chromium of the system or of playwright.

    Raises:
        FileNotFoundError: there is none; the message says how to get one.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None) or playwright.chromium.executable_path
    if not Path(found).exists():
        raise FileNotFoundError(NO_CHROMIUM)
    return found


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(playwright), args=ARGUMENTS)
        yield browser
        browser.close()
