"""What a page costs a reader on a slow phone: how long nothing is seen, and how much has to come."""

from __future__ import annotations

import base64
import gzip
import random

import pytest

from tests.built_book import page_names
from tests.slow_phone import serve, visit

FIRST_PAINT_S = 2.5
MOST_BYTES = 1_000_000  # before pictures


@pytest.fixture(scope="module")
def address(built):
    with serve(built) as address:
        yield address


def heaviest(folder):
    """The page that costs most: its own text, and MathJax where it has a formula; the other files are alike for all."""
    mathjax = len(gzip.compress((folder / "mathjax" / "tex-chtml-full.js").read_bytes()))

    def weight(name):
        page = (folder / name).read_bytes()
        return len(gzip.compress(page)) + (mathjax if b"tex-chtml-full.js" in page else 0)

    return max(page_names(folder), key=weight)


def test_the_front_page_is_seen_soon(browser, address):
    costs = [visit(browser, f"{address}index.html", slow=True) for _ in range(2)]  # the better: others may compute too
    assert min(cost.paint_s for cost in costs) <= FIRST_PAINT_S
    assert costs[0].bytes <= MOST_BYTES


def test_the_heaviest_page_is_no_burden(browser, built, address):
    name = heaviest(built)
    assert "mathjax" in (built / name).read_text(encoding="utf-8"), f"{name} has no formula: another is heavier"
    assert visit(browser, address + name, slow=False).bytes <= MOST_BYTES


def test_what_is_heavy_or_slow_is_noticed(browser, tmp_path):
    noise = base64.b64encode(random.Random(0).randbytes(MOST_BYTES)).decode()  # nothing for gzip to shorten
    (tmp_path / "heavy.js").write_text(f"const noise = '{noise}'")
    (tmp_path / "index.html").write_text("<script src='heavy.js'></script><h1>Late</h1>")
    with serve(tmp_path) as address:
        cost = visit(browser, f"{address}index.html", slow=True)
    assert cost.paint_s > FIRST_PAINT_S
    assert cost.bytes > MOST_BYTES
