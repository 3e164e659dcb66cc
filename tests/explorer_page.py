"""Explorers in a page of a real browser, and what they are made of in the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

TOKENS = ["[CLS]", "the", "cat", "saw", "the", "mat", "[SEP]"]
SOURCE = ["<s>", "it", "rained", "all", "day", "</s>"]
TARGET = ["<s>", "den", "ganzen", "Tag"]
# Rules that axe leaves off by itself, and serious all the same.
OFF_BY_DEFAULT = ("label-content-name-mismatch", "target-size", "css-orientation-lock")
NEWEST = {"rules": {name: {"enabled": True} for name in OFF_BY_DEFAULT}}


def random_weights(*shape: int, seed: int = 0, spread: float = 2.0) -> np.ndarray:
    scores = spread * np.random.default_rng(seed).normal(size=shape)
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def causal_weights(*shape: int) -> np.ndarray:
    weights = random_weights(*shape, seed=1) * np.tri(shape[-1])
    return weights / weights.sum(axis=-1, keepdims=True)


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens explorers in one page and fails on a script error, a console error or a request."""
    complaints: list[str] = []
    pages: list[Page] = []

    def open_explorers(*explorers, width=1300, dark=False, javascript=True, fragment="") -> Page:
        bodies = "".join(f"<div>{one._repr_html_()}</div>" for one in explorers)
        path = tmp_path / "page.html"

        def own(address: str) -> bool:
            return address.partition("#")[0] == path.as_uri() or address.startswith("blob:")

        title = "<title>Explorers</title><meta charset=utf-8><meta name=viewport content=width=device-width>"
        mode = ' data-theme="dark" style="background:#14181f;color:#fff"' if dark else ""
        text = f"<!doctype html><html lang=en{mode}>{title}<main><h1>Explorers</h1>{bodies}</main></html>"
        path.write_text(text, encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, java_script_enabled=javascript)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if own(request.url) else complaints.append(request.url))
        page.goto(path.as_uri() + fragment)
        page.set_default_timeout(5000)
        pages.append(page)
        return page

    yield open_explorers
    for page in pages:
        page.close()
    assert complaints == []


READ_MAP = """root => [...root.querySelectorAll('.mx-map')].map(map => ({
  columns: [...map.querySelectorAll('thead th')].map(cell => cell.textContent),
  rows: [...map.querySelectorAll('tbody th')].map(cell => cell.textContent),
  cells: [...map.querySelectorAll('tbody tr')].map(row => [...row.querySelectorAll('td')].map(td => +td.textContent)),
  left: [...root.querySelectorAll('.mx-left span')].map(span => span.textContent),
  right: [...root.querySelectorAll('.mx-right span')].map(span => span.textContent),
}))"""


def grave_violations(page: Page) -> list[str]:
    found = Axe().run(page, options=NEWEST).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


def read_maps(root: Locator) -> list[dict]:
    return root.evaluate(READ_MAP)
