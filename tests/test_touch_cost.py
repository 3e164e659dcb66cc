"""The layer in steps and the roofline: what they refuse, and that a reader's hand gets the numbers of the package."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import Page

from course.touch import layer_steps, roofline
from course.touch.fragment import TouchFigure
from course.touch.roofline import in_units
from mha.heads import MultiHeadAttention, merge_heads, split_heads
from mha.measure.cost import Cost, explicit_cost, fused_cost
from mha.measure.roofline import Machine
from tests.explorer_page import grave_violations
from tests.test_touch import open_page as open_page  # a fixture
from tests.test_touch import page_of, part, slide, words_of

TOKENS = ["the", "cat", "<sat>", "down", "."]


def forward(n_heads: int = 3, d_model: int = 12) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    layer = MultiHeadAttention(d_model, n_heads, bias=False).double()
    arrays = {"x": torch.randn(2, 5, d_model, dtype=torch.float64)}
    for name, projected in zip("qkv", layer.qkv(arrays["x"]).chunk(3, dim=-1), strict=True):
        arrays[name] = split_heads(projected, n_heads)
    arrays["scores"] = arrays["q"] @ arrays["k"].transpose(-1, -2) / (d_model / n_heads) ** 0.5
    arrays["weights"] = arrays["scores"].softmax(dim=-1)
    arrays["heads"] = arrays["weights"] @ arrays["v"]
    arrays["concat"] = merge_heads(arrays["heads"])
    arrays["out"] = layer.out(arrays["concat"])
    return arrays


ARRAYS = forward()
MACHINE = Machine(2.04e11, 3.6e10)


def steps() -> TouchFigure:
    return layer_steps(ARRAYS, tokens=TOKENS, follow=2)


@pytest.mark.parametrize("make", [steps, lambda: roofline(MACHINE)], ids=["steps", "roofline"])
def test_a_figure_is_small_and_the_same_each_time(make):
    page = page_of(make())
    assert page == page_of(make())
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)


# --- the layer in steps ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"out": None}, TypeError, "out must hold real numbers"),
        ({"q": ARRAYS["q"][:, :2]}, ValueError, r"m = h·d channels, got 5 tokens, 2 heads of 4 and m = 12"),
        ({"v": ARRAYS["v"].swapaxes(1, 2)}, ValueError, r"v must have shape \(2, 3, 5, 4\), got \(2, 5, 3, 4\)"),
        ({"x": ARRAYS["x"][0]}, ValueError, r"x must have shape \(b, i, m\)"),
        (
            {"scores": 2 * ARRAYS["scores"]},
            ValueError,
            r"scores must be what `scores = q @ k.transp.*` makes, got numbers",
        ),
        ({"weights": ARRAYS["scores"].softmax(dim=-2)}, ValueError, r"weights must be what `weights = scores.softmax"),
        ({"concat": ARRAYS["heads"].reshape(2, 5, 12)}, ValueError, "concat must be what `concat = merge_heads"),
    ],
)
def test_arrays_that_are_not_the_lines_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        layer_steps(ARRAYS | change)


def test_what_else_the_steps_refuse():
    with pytest.raises(ValueError, match="missing: concat, out"):
        layer_steps({name: ARRAYS[name] for name in ARRAYS if name not in ("concat", "out")})
    with pytest.raises(ValueError, match="tokens must be one for each of 5 rows, got 4"):
        layer_steps(ARRAYS, tokens=TOKENS[:4])
    with pytest.raises(ValueError, match=r"follow \(5\) must be between 0 and 4"):
        layer_steps(ARRAYS, follow=5)


def test_of_a_large_layer_a_part_is_drawn_under_its_own_numbers_and_full_shapes():
    large = forward(n_heads=7, d_model=35)
    with pytest.raises(ValueError, match="got 5 tokens and 7 heads of 5: choose places, heads and channels"):
        layer_steps(large)
    with pytest.raises(ValueError, match=r"follow \(0\) must be among the places that are drawn, \[4, 1\]"):
        layer_steps(large, places=[4, 1], heads=[6, 2], channels=3)
    words = words_of(layer_steps(large, tokens=TOKENS, follow=1, places=[4, 1], heads=[6, 2], channels=3, biased=True))
    assert "out = concat @ w_o + b_o out (2, 5, 35)" in words
    assert "Drawn are 2 tokens, heads 6, 2, and the first 3 channels of each." in words
    head, keys = large["heads"][0, [6, 2], 1, :3], large["weights"][0, [6, 2], 1][:, [4, 1]]
    concat = large["concat"][0, 1, [30, 31, 32, 10, 11, 12]]
    for digits, rows in ((1, head), (2, keys), (1, concat)):
        numbers = " ".join(f"{x:.{digits}f}" for x in rows.flatten().detach().numpy().round(2) + 0.0)
        assert numbers.replace("-0.0 ", "0.0 ").replace("-", "−") in words


def test_without_scripts_the_lines_their_shapes_and_the_tokens_rows_are_read():
    words = words_of(steps())
    assert "scores = q @ k.transpose(-1, -2) / d**0.5 scores (2, 3, 5, 5)" in words
    assert "q (2, 3, 5, 4)" in words
    for digits, name in ((2, "weights"), (1, "heads")):
        rows = ARRAYS[name][0, :, 2].detach().numpy().round(2)
        assert " ".join(f"{x:.{digits}f}" for x in rows.ravel()).replace("-0.0 ", "0.0 ").replace("-", "−") in words


ARRAYS_SHOWN = """[...document.querySelectorAll(".mt-array")].map((array) => ({
  name: array.querySelector("p").textContent,
  framed: [...array.querySelectorAll("table")].map((t) => [...t.rows].map((r) => r.className === "mt-read")),
  numbers: [...array.querySelectorAll("tr")].map((r) => [...r.querySelectorAll("td")].map((td) => td.textContent)),
}))"""


def test_each_line_shows_what_it_reads_and_makes_of_the_token(open_page):
    page = open_page(steps())
    slide(page, "step", 3)
    shown = page.evaluate(ARRAYS_SHOWN)
    assert [one["name"] for one in shown] == ["reads q", "reads k", "makes scores"]
    own = [[False, False, True, False, False]] * 3
    assert [one["framed"] for one in shown] == [own, [[True] * 5] * 3, own]
    page.get_by_label("follow").select_option("down")
    for step, name, digits in ((3, "scores", 1), (4, "weights", 2), (5, "heads", 1), (7, "out", 1)):
        slide(page, "step", step)
        made = page.evaluate(ARRAYS_SHOWN)[-1]
        assert made["name"] == f"makes {name}"
        written = [row for row in made["numbers"] if row[0]]
        array = ARRAYS[name][0].detach().numpy()
        wanted = array[3][None] if array.ndim == 2 else array[:, 3]
        read = np.array([[float(text.replace("−", "-")) for text in row] for row in written])
        assert np.abs(read - wanted).max() <= 0.5 * 10.0**-digits + 0.005 + 1e-9
        assert page.locator("tr[aria-current=step]").count() == 1
    assert "‘down’" in (slide(page, "step", 5) and part(page, "status"))
    step = page.get_by_role("slider", name="step")
    step.press("End")
    assert step.get_attribute("aria-valuetext") == "8 of 8"


# --- the roofline ----------------------------------------------------------------------------------------------------


def test_wrong_machines_and_sizes_are_named():
    with pytest.raises(TypeError, match="machine must be a Machine, got tuple"):
        roofline((1e12, 1e11))
    with pytest.raises(ValueError, match="machine must reach 1e9 to 3e15 operations"):
        roofline(Machine(1e16, 1e12))
    with pytest.raises(ValueError, match=r"tokens \(0\) must be at least 1"):
        roofline(MACHINE, tokens=0)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0123, "12.3\u00a0ms"),
        (4.567e-6, "4.57\u00a0µs"),
        (2.04e11, "204\u00a0Gs"),
        (1, "1.00\u00a0s"),
        (3e-10, "0.30\u00a0ns"),
    ],
)
def test_units_have_three_digits(value, written):
    assert in_units(value, "s") == written


def rows_of(page: Page) -> dict[str, list[str]]:
    rows = page.evaluate(
        "[...document.querySelectorAll('tbody tr')].map((r) => [...r.children].map((c) => c.textContent))"
    )
    return {name: cells for name, *cells in rows}


def expected(machine: Machine, heads: int, queries: int, keys: int, head_dim: int) -> dict[str, list[str]]:
    parts = explicit_cost(heads, queries, keys, head_dim)
    fused = fused_cost(heads, queries, keys, head_dim)
    names = {"scores": "q kᵀ", "average": "weights · v"}
    rows = {}
    for name, cost in (parts | {"fused": fused}).items():
        limit = "arithmetic" if cost.intensity >= machine.ridge else "memory"
        rows[names.get(name, name)] = [f"{cost.intensity:.1f}", limit, in_units(machine.seconds(cost), "s")]
    limits = {limit for name, (_, limit, _) in rows.items() if name != "fused"}
    whole = sum(parts.values(), Cost(0, 0))
    seconds = sum(machine.seconds(part) for part in parts.values())
    limit = "arithmetic" if limits == {"arithmetic"} else "both"
    return rows | {"written out": [f"{whole.intensity:.1f}", limit, in_units(seconds, "s")]}


def test_sliders_move_machine_and_sizes_and_the_numbers_are_the_packages(open_page):
    page = open_page(roofline(MACHINE, tokens=512))
    first = expected(MACHINE, 8, 512, 512, 64)
    assert rows_of(page) == first
    assert all(
        " ".join([name, *cells]).replace("\u00a0", " ")
        in words_of(roofline(MACHINE, tokens=512)).replace("\u00a0", " ")
        for name, cells in first.items()
    )
    assert slide(page, "peak", 16) == "1.00\u00a0PFLOP/s"
    assert slide(page, "bandwidth", 8) == "2.00\u00a0TB/s"
    assert slide(page, "tokens", 7) == "4096"
    assert slide(page, "head_dim", 3) == "128"
    assert slide(page, "batch", 2) == "4"
    fast = Machine(1e15, 2e12)
    assert rows_of(page) == expected(fast, 32, 4096, 4096, 128)
    dots = "[...document.querySelectorAll('[data-part=dot]')].map(({style}) => [style.left, style.top].map(parseFloat))"
    before = page.evaluate(dots)
    page.get_by_label("decoding").check()
    assert rows_of(page) == expected(fast, 32, 1, 4096, 128)
    assert "of one new token and 4096 keys" in part(page, "status")
    after = page.evaluate(dots)
    share = (np.log10(fused_cost(32, 1, 4096, 128).intensity) + 1) / 5.5
    assert after[2][0] == pytest.approx(100 * share, abs=0.01)
    height = (15.5 - np.log10(fast.attainable(fused_cost(32, 1, 4096, 128).intensity))) / 7
    assert after[2][1] == pytest.approx(100 * height, abs=0.01)
    assert before[2][0] > after[2][0]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_both_are_accessible_and_within_the_page(open_page, width, dark):
    page = open_page(steps(), roofline(MACHINE), dark=dark, viewport={"width": width, "height": 900})
    slide(page, "step", 4)
    assert grave_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
