"""A real browser, and the built book to open in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


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


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the built book."""
    from tests.built_book import build_book

    return build_book()
