"""The calculator: what it refuses, and that a reader's hand gets the numbers of `mha.parallel.budget`."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from course.touch import cluster
from course.touch.cluster import SENDS, gigabytes
from course.touch.roofline import in_units
from mha.parallel import budget
from mha.parallel.budget import SEVEN_BILLION, Plan
from tests.explorer_page import grave_violations
from tests.test_touch import open_page as open_page  # a fixture
from tests.test_touch import page_of, part, slide, words_of

PLAN = Plan(batch=64, length=4096, data=8, heads=2, sequence=4, sharding="gradients")
ROWS = "[...document.querySelectorAll('tbody tr')].map((r) => [...r.children].map((c) => c.textContent))"


def expected(plan: Plan) -> list[list[str]]:
    held, sent = budget.memory(SEVEN_BILLION, plan), budget.traffic(SEVEN_BILLION, plan)
    operations = budget.operations(SEVEN_BILLION, plan)
    rows = [[name, gigabytes(n_bytes)] for name, n_bytes in held.items()]
    rows.append(["all of it", gigabytes(sum(held.values()))])
    for name, words in SENDS.items():
        ratio = in_units(operations / sent[name], "").rstrip("\u00a0") if sent[name] else "–"
        rows.append([words, gigabytes(sent[name]), ratio])
    return rows


def test_a_figure_is_small_the_same_each_time_and_read_without_scripts():
    page = page_of(cluster(plan=PLAN))
    assert page == page_of(cluster(plan=PLAN))
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)
    words = words_of(cluster(plan=PLAN)).replace("\u00a0", " ")
    for row in expected(PLAN):
        assert " ".join(row).replace("\u00a0", " ") in words
    assert "Each of 64 ranks holds" in words


def test_what_cannot_be_divided_is_refused():
    with pytest.raises(ValueError, match=r"batch \(2\) must be divisible by the ranks of data \(4\)"):
        cluster(plan=Plan(batch=2, data=4))
    with pytest.raises(ValueError, match=r"device_gb \(0\) must be above 0"):
        cluster(device_gb=0)


def test_sliders_move_it_and_the_numbers_are_the_packages(open_page):
    page = open_page(cluster(plan=PLAN))
    assert page.evaluate(ROWS) == expected(PLAN)
    plan = PLAN
    moves = [
        ("batch over", 6, "64 ranks", {"data": 64}),
        ("heads over", 3, "8 ranks", {"heads": 8}),
        ("sequence over", 0, "1 rank", {"sequence": 1}),
        ("sequences", 9, "512", {"batch": 512}),
        ("tokens", 5, "32768", {"length": 32768}),
        ("divided too", 3, "and weights", {"sharding": "weights"}),
        ("sequence over", 2, "4 ranks", {"sequence": 4}),
        ("divided too", 0, "nothing", {"sharding": "copies"}),
    ]
    for name, place, shown, change in moves:
        assert slide(page, name, place) == shown
        plan = replace(plan, **change)
        assert page.evaluate(ROWS) == expected(plan)
    page.get_by_label("recomputation").check()
    page.get_by_label("32-bit numbers").check()
    plan = replace(plan, recomputes=True, precision="float32")
    assert page.evaluate(ROWS) == expected(plan)
    total = sum(budget.memory(SEVEN_BILLION, plan).values())
    assert part(page, "status") == f"Each of 2048 ranks holds {gigabytes(total)} GB, which fits into 80 GB."
    slide(page, "device", 1)
    assert part(page, "status").endswith("which does not fit into 24 GB.")
    slide(page, "sequences", 4)
    assert "16 sequences cannot be divided among 64 ranks" in part(page, "status")
    assert {cell for _, *cells in page.evaluate(ROWS) for cell in cells} == {"–"}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1300, 704, 390])
def test_it_is_accessible_and_within_the_page(open_page, width, dark):
    page = open_page(cluster(plan=PLAN), dark=dark, viewport={"width": width, "height": 900})
    assert grave_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = "[...document.querySelectorAll('th')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.textContent)"
    assert page.evaluate(cut) == []
