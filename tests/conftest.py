"""One thread a process, set before torch is imported, which the chapters' kernels inherit; and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

os.environ.setdefault("OMP_NUM_THREADS", "1")

# In the order tried; where none is installed, the one that `playwright install chromium` brings.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox in containers; nothing that asks another host for anything of its own accord.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # here, so that tests without a browser start at once

    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, without what an earlier test left in the browser."""
    context = browser.new_context()
    yield context.new_page()
    context.close()
