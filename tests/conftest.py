"""One thread a process, set before torch is imported, which the chapters' kernels inherit; and a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with the module: its event loop must not run while the next one starts kernels."""
    from tests.real_browser import open_browser  # here, so that tests without a browser start at once

    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, without what an earlier test left in the browser."""
    context = browser.new_context()
    yield context.new_page()
    context.close()
