"""A real browser for the tests, without a window: the one that `tools/environment.py --tests` found or brought."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tools.browser import NO_BROWSER, find_browser

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


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A Chromium, Chrome or Edge without a window.

    Raises:
        FileNotFoundError: there is none; the message says how to get one.
    """
    program = find_browser()
    if program is None:
        raise FileNotFoundError(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()
