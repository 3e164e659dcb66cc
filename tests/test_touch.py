"""Figures to touch: what they refuse, what they write, and that a hand in a real browser gets NumPy's numbers."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from course.touch import attention_plane, next_token_bars, rotary_clock, tile_walk
from course.touch.fragment import TouchFigure, number
from mha.generate import probabilities
from mha.positions import Rotary
from mha.reference import softmax
from tests.explorer_page import grave_violations

KEYS = np.array([[1.6, 0.3], [0.2, 1.4], [-1.6, -0.1], [0.1, -0.9]])
COLOURS = np.array([[0.0, 0.45, 0.7], [0.0, 0.62, 0.45], [0.84, 0.37, 0.0], [0.94, 0.89, 0.26]])
NAMES = ["sky", "leaf", "brick", "sand"]
RNG = np.random.default_rng(0)
LOGITS = 3 * RNG.normal(size=(2, 211))
LOGITS[1, 40:45] = LOGITS[1].max()  # ties, at the top too
Q, K = RNG.normal(size=(2, 8))
SCORES, VALUES = (2 * RNG.normal(size=(5, 7))).round(1), RNG.normal(size=7).round(1)
CONTEXTS, TOKENS = ["The function returns", "Return the"], [f" t{n}" for n in range(211)]

FIGURES: dict[str, Callable[[], TouchFigure]] = {
    "plane": lambda: attention_plane(KEYS, COLOURS, NAMES),
    "plane of d": lambda: attention_plane(KEYS, COLOURS, NAMES, d=64),
    "bars": lambda: next_token_bars(CONTEXTS, LOGITS, TOKENS, top_k=50),
    "clock": lambda: rotary_clock(Q, K, positions=(9, 4), last=30),
    "walk": lambda: tile_walk(SCORES, VALUES, tile=(3, 2)),
}
HOSTILE = "</script><img src=x onerror=hacked=1>&amp;\"'"


def page_of(figure: TouchFigure) -> str:
    return figure._repr_html_()


def words_of(figure: TouchFigure) -> str:
    """What is read where no script runs."""
    page = re.sub(r"<(script|style)\b.*?</\1>", "", page_of(figure), flags=re.DOTALL)
    return re.sub(r"[ \n]+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


# --- what is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_small_and_nothing_in_it_has_an_id(name):
    page = page_of(FIGURES[name]())
    assert page == page_of(FIGURES[name]())
    without_data = re.sub(r"data=\{.*\};\n", "", page, count=1)
    assert len(without_data) < len(page)
    assert len(without_data.encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)


def test_the_first_state_says_the_numbers():
    scores = KEYS @ [1.0, 0.8]
    weights = softmax(scores)
    plane = words_of(FIGURES["plane"]())
    for name, score, weight in zip(NAMES, scores, weights, strict=True):
        assert f" {name} {number(score, 2)} {number(weight, 3)} " in plane
    assert " ".join(number(x, 2) for x in weights @ COLOURS) in plane
    best = probabilities(torch.from_numpy(LOGITS[0].round(4)), top_k=50).numpy()
    assert f" ␣t{best.argmax()} {number(100 * best.max(), 1)}\N{NO-BREAK SPACE}% " in words_of(FIGURES["bars"]())
    score = float((Rotary(8)(tensor(Q), offset=9) * Rotary(8)(tensor(K), offset=4)).sum())
    assert f"sum of the parts: {number(score, 3)} " in words_of(FIGURES["clock"]())
    assert " ".join(number(x, 1) for x in SCORES[0]) in words_of(FIGURES["walk"]())


def test_a_callers_words_add_no_element():
    hostile, harmless = ([word] * 4 for word in (HOSTILE, "x"))
    pages = [
        [
            page_of(attention_plane(KEYS, COLOURS, words)),
            page_of(next_token_bars(words, np.zeros((4, 4)), words)),
        ]
        for words in (hostile, harmless)
    ]
    tags = [[re.findall(r"<(/?[a-z!]+)", page) for page in some] for some in pages]
    assert tags[0] == tags[1]


def test_a_terminal_gets_a_line():
    figure = FIGURES["walk"]()
    assert figure._repr_mimebundle_() == {"text/plain": repr(figure), "text/html": page_of(figure)}
    assert repr(figure) == "<The tile that walks; a figure to touch, shown in a notebook>"


@pytest.mark.parametrize(
    ("value", "digits", "written"), [(-1.25, 2, "−1.25"), (-0.004, 2, "0.00"), (0.0, 1, "0.0"), (12.0, 0, "12")]
)
def test_a_number_has_a_true_minus_and_zero_has_none(value, digits, written):
    assert number(value, digits) == written


# --- what is refused -------------------------------------------------------------------------------------------------


def plane(**changed: object) -> TouchFigure:
    return attention_plane(**({"keys": KEYS, "values": COLOURS, "names": NAMES} | changed))


def bars(logits: np.ndarray = LOGITS, **settings: object) -> TouchFigure:
    return next_token_bars(CONTEXTS, logits, TOKENS, **settings)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: plane(keys=KEYS[:, :1]), ValueError, r"keys must have shape \(j, 2\).*\(4, 1\)"),
        (lambda: plane(values=COLOURS[:3]), ValueError, r"values must .* 4 keys, got \(3, 3\)"),
        (lambda: plane(values=2 * COLOURS), ValueError, "values must lie between 0 and 1, got 0 to 1.88"),
        (lambda: plane(names=NAMES[:3]), ValueError, "names must hold one text for each of 4 keys, got 3"),
        (lambda: plane(names="abcd"), TypeError, "names must be several texts, got one string"),
        (lambda: plane(query=[1]), ValueError, r"query must have shape \(2,\), got \(1,\)"),
        (lambda: plane(d=3), ValueError, r"d \(3\) must be a power of two from 2 to 1024"),
        (lambda: plane(scale=0), ValueError, r"scale \(0\) must be at least 0.1"),
        (lambda: plane(keys=0 * KEYS), ValueError, "keys must not all be zero"),
        (lambda: bars(LOGITS[:1]), ValueError, r"logits must have shape \(2, 211\), .* got \(1, 211\)"),
        (lambda: bars(top_p=0), ValueError, r"top_p \(0\) must be above 0"),
        (lambda: bars(top_k=0), ValueError, r"top_k \(0\) must be at least 1"),
        (lambda: bars(temperature=9), ValueError, r"temperature \(9\) must be at least 0.1 and at most 3"),
        (lambda: bars(np.inf * LOGITS), ValueError, "logits must be finite"),
        (lambda: bars(n_shown=0), ValueError, r"n_shown \(0\) must be at least 1"),
        (lambda: rotary_clock(Q[:7], K[:7]), ValueError, r"d even and from 2 to 16, got \(7,\) and \(7,\)"),
        (lambda: rotary_clock(Q, K, positions=(65, 0)), ValueError, r"positions\[0\] \(65\) must be between 0 and 64"),
        (lambda: rotary_clock(Q, K, positions=(1,)), ValueError, "positions must be two, of query and key, got 1"),
        (lambda: rotary_clock(Q, K, base=1), ValueError, r"base \(1\) must be above 1"),
        (lambda: tile_walk(SCORES[0], VALUES), ValueError, r"scores must be at most 12 by 8, got shape \(7,\)"),
        (lambda: tile_walk(SCORES, VALUES[1:]), ValueError, r"values must have shape \(7,\), .* got \(6,\)"),
        (lambda: tile_walk(SCORES, VALUES, tile=(0, 2)), ValueError, r"tile\[0\] \(0\) must be at least 1"),
        (lambda: tile_walk(SCORES, VALUES, tile=2), ValueError, "tile must be two numbers, queries and keys, got 2"),
    ],
)
def test_what_does_not_fit_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


# --- in the browser --------------------------------------------------------------------------------------------------


def document(*figures: TouchFigure, dark: bool = False) -> str:
    style = Path("book/static/book.css").read_text(encoding="utf-8")
    mode = ' data-theme="dark" style="background:#15191f;color:#d9dfe6"' if dark else ' data-theme="light"'
    bodies = "".join(f'<div class="cell_output"><div class="text_html">{page_of(one)}</div></div>' for one in figures)
    head = "<title>Figures</title><meta charset=utf-8><meta name=viewport content=width=device-width>"
    return f"<!doctype html><html lang=en{mode}>{head}<style>{style}</style><main><h1>F</h1>{bodies}</main></html>"


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path):
    """Opens figures in one page and fails on a script error, a console error or a request."""
    complaints: list[str] = []
    pages: list[Page] = []

    def open_figures(*figures: TouchFigure, dark: bool = False, **options: object) -> Page:
        path = tmp_path / "page.html"
        path.write_text(document(*figures, dark=dark), encoding="utf-8")
        page = browser.new_page(**({"viewport": {"width": 1300, "height": 900}} | options))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: complaints.append(request.url) if request.url != path.as_uri() else None)
        page.set_default_timeout(30_000)
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield open_figures
    for page in pages:
        page.close()
    assert complaints == []


def tensor(numbers: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(numbers.round(6))[None]


def data_of(figure: TouchFigure) -> dict:
    found = re.search(r"data=(\{.*\});\n", page_of(figure))
    assert found is not None
    return json.loads(found[1])


SLIDE = """([label, at]) => {
  const input = document.querySelector(`[aria-label="${label}"]`);
  input.value = at;
  input.dispatchEvent(new Event("input"));
  return input.getAttribute("aria-valuetext");
}"""
ROWS = "[...document.querySelectorAll('tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent))"


def slide(page: Page, label: str, at: int) -> str:
    return page.evaluate(SLIDE, [label, at])


def part(page: Page, name: str) -> str:
    return page.locator(f'[data-part="{name}"]').first.text_content()


def shown_query(page: Page) -> np.ndarray:
    found = re.match(r"query \((\S+), (\S+)\)", part(page, "query").replace("−", "-"))
    assert found is not None
    return np.array([float(found[1]), float(found[2])])


def assert_plane_shows(page: Page, factor: float) -> None:
    """Scores, weights, mixture and its colour on the page, of the query that the page says."""
    query = shown_query(page)
    scores = factor * KEYS @ query
    weights = softmax(scores)
    expected = [[name, number(s, 2), number(w, 3), ""] for name, s, w in zip(NAMES, scores, weights, strict=True)]
    assert page.evaluate(ROWS) == expected
    assert part(page, "mixed") == " ".join(number(x, 2) for x in weights @ COLOURS)
    assert part(page, "status").startswith(f"{NAMES[weights.argmax()]} leads with weight {number(weights.max(), 3)}.")
    bars = page.evaluate("[...document.querySelectorAll('.mt-track i')].map((bar) => parseFloat(bar.style.width))")
    np.testing.assert_allclose(bars, 100 * weights, atol=1e-3)


def test_the_query_is_dragged_tapped_and_walked(open_page):
    page = open_page(FIGURES["plane"]())
    assert_plane_shows(page, 1.0)
    reach = data_of(FIGURES["plane"]())["reach"]
    box, ring = (page.locator(f'[data-part="{name}"]').bounding_box() for name in ("plane", "ring"))

    def place(x: float, y: float) -> tuple[float, float]:
        return box["x"] + (1 + x / reach) * box["width"] / 2, box["y"] + (1 - y / reach) * box["height"] / 2

    page.mouse.move(ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)
    page.mouse.down()
    page.mouse.move(*place(-0.5, 0.2), steps=4)
    assert_plane_shows(page, 1.0)
    page.mouse.move(*place(-1.2, -0.7))
    page.mouse.up()
    np.testing.assert_allclose(shown_query(page), [-1.2, -0.7], atol=0.02)
    assert_plane_shows(page, 1.0)
    page.mouse.move(*place(0, 0))  # let go of: it stays
    np.testing.assert_allclose(shown_query(page), [-1.2, -0.7], atol=0.02)
    page.mouse.click(*place(0.3, 1.5))
    np.testing.assert_allclose(shown_query(page), [0.3, 1.5], atol=0.02)
    before = shown_query(page)
    handle = page.get_by_role("slider", name="query")
    handle.focus()
    for key in ("ArrowLeft", "ArrowDown", "ArrowDown", "Shift+ArrowRight"):
        page.keyboard.press(key)
    np.testing.assert_allclose(shown_query(page), before + np.array([0.4, -0.2]), atol=1e-9)
    assert_plane_shows(page, 1.0)
    for _ in range(12):
        page.keyboard.press("Shift+ArrowRight")
    assert shown_query(page)[0] == reach  # the plane's edge
    assert handle.get_attribute("aria-valuetext") == f"channel 0: {reach:.2f}, channel 1: {number(before[1] - 0.2, 2)}"


def test_scale_channels_and_division_change_the_scores(open_page):
    figure = FIGURES["plane of d"]()
    page = open_page(figure)
    assert_plane_shows(page, np.sqrt(32))
    widths, scales = data_of(figure)["widths"], data_of(figure)["scales"]
    slide(page, "channels d", widths.index(1024))
    assert_plane_shows(page, np.sqrt(512))
    page.get_by_label("divide the scores by √d").check()
    assert_plane_shows(page, np.sqrt(0.5))
    assert slide(page, "scale", scales.index(2.0)) == "2, temperature 0.5"
    assert_plane_shows(page, 2 * np.sqrt(0.5))
    field = "c => [...c.getContext('2d').getImageData(30, 20, 1, 1).data.slice(0, 3)]"
    reach = data_of(figure)["reach"]
    query = reach * np.array([2 * 30.5 / 150 - 1, 1 - 2 * 20.5 / 150])
    painted = softmax(2 * np.sqrt(0.5) * KEYS @ query) @ COLOURS
    np.testing.assert_allclose(page.locator("canvas").evaluate(field), 255 * painted, atol=0.51)


def test_a_finger_drags_the_query_and_does_not_scroll_the_page(open_page):
    options = {"has_touch": True, "is_mobile": True, "viewport": {"width": 390, "height": 500}}
    page = open_page(FIGURES["plane"](), FIGURES["plane"](), **options)
    handle = page.get_by_role("slider", name="query").first
    handle.scroll_into_view_if_needed()
    ring = page.locator('[data-part="ring"]').first.bounding_box()
    x, y = ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2
    before, scrolled = shown_query(page), page.evaluate("scrollY")
    devtools = page.context.new_cdp_session(page)
    for kind, shift in (("touchStart", 0), ("touchMove", 30), ("touchMove", 60), ("touchEnd", None)):
        points = [] if shift is None else [{"x": x, "y": y + shift}]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.evaluate("new Promise(requestAnimationFrame)")
    reach = data_of(FIGURES["plane"]())["reach"]
    np.testing.assert_allclose(shown_query(page), before - [0, 60 * 2 * reach / 300], atol=0.03)
    assert page.evaluate("scrollY") == scrolled
    assert_plane_shows_first_only(page)


def assert_plane_shows_first_only(page: Page) -> None:
    """The second of two equal figures has not moved along, and has controls of its own."""
    assert [root.locator("input").count() for root in page.locator(".mt").all()] == [1, 1]
    queries = page.locator('[data-part="query"]').all_text_contents()
    assert queries[0] != queries[1] == "query (1.00, 0.80), length 1.28"


def expected_bars(context: int, settings: dict) -> tuple[list[list[str]], np.ndarray, str]:
    """Rows as the page should write them, the widths of the bars over its axis, and the sentence."""
    logits = torch.from_numpy(LOGITS[context].round(4))
    after = probabilities(logits, **settings).numpy()
    before = probabilities(logits, temperature=settings["temperature"]).numpy()
    order = np.argsort(-LOGITS[context].round(4), kind="stable")
    after, before = after[order], before[order]
    axis = next(width for width in (0.1, 0.2, 0.5, 1.0) if width >= min(max(before[0], after[0]), 1.0))
    lines = [[f"␣t{order[n]}", before[n], after[n]] for n in range(14)]
    lines.append([f"others: {(after[14:] > 0).sum()} of 197", before[14:].sum(), after[14:].sum()])
    rows = [[name, f"{number(100 * now, 1)}\u00a0%" if now > 0 else "cut", ""] for name, _, now in lines]
    entropies = [-(p[p > 0] * np.log2(p[p > 0])).sum() for p in (after, before)]
    had = f"{number(100 * before[after > 0].sum(), 1)}\u00a0%"
    sentence = (
        f"Kept: {(after > 0).sum()} of 211 tokens, which had {had} before the cut. Entropy {number(entropies[0], 2)} "
        f"bits, as in a choice among {number(2 ** entropies[0], 1)} equally likely tokens; "
        f"before the cut {number(entropies[1], 2)} bits."
    )
    widths = np.array([line[1:] for line in lines]) / axis
    return rows, 100 * np.minimum(widths, 1), sentence


def test_the_bars_are_what_probabilities_gives_at_every_setting(open_page):
    figure = FIGURES["bars"]()
    page, data = open_page(figure), data_of(figure)
    for context in (1, 0):
        page.get_by_label("context").select_option(str(context))
        for temperature in (0.1, 0.7, 1.0, 3.0):
            slide(page, "temperature", data["temperatures"].index(temperature))
            for k in (1, 3, 50, None):
                assert slide(page, "top-k", data["ks"].index(k)) == ("off" if k is None else str(k))
                for p in (0.05, 0.5, 0.9, 0.99, None):
                    slide(page, "top-p", data["ps"].index(p))
                    settings = {"temperature": temperature, "top_k": k, "top_p": p}
                    rows, widths, sentence = expected_bars(context, settings)
                    assert page.evaluate(ROWS) == rows, (context, settings)
                    assert part(page, "status") == sentence, (context, settings)
                    bars = "[...document.querySelectorAll('.mt-track i')].map((bar) => parseFloat(bar.style.width))"
                    np.testing.assert_allclose(np.reshape(page.evaluate(bars), (-1, 2)), widths, atol=1e-3)


def test_a_slider_moves_by_keyboard(open_page):
    page = open_page(FIGURES["bars"]())
    temperature = page.get_by_role("slider", name="temperature")
    temperature.focus()
    page.keyboard.press("ArrowRight")
    assert temperature.get_attribute("aria-valuetext") == "1.1"
    rows, _, sentence = expected_bars(0, {"temperature": 1.1, "top_k": 50, "top_p": None})
    assert page.evaluate(ROWS) == rows
    assert part(page, "status") == sentence


def assert_clock_shows(page: Page, at: tuple[int, int]) -> None:
    turned = [Rotary(8)(tensor(x), offset=place)[0].numpy() for x, place in zip((Q, K), at, strict=True)]
    gains = (turned[0] * turned[1]).reshape(-1, 2).sum(axis=1)
    hands = [x.reshape(-1, 2) @ [1, 1j] for x in turned]
    between = np.degrees(np.angle(hands[0] / hands[1]))
    assert page.locator('[data-part="at"]').all_text_contents() == [str(place) for place in at]
    assert part(page, "lag") == number(at[0] - at[1], 0)
    assert page.locator('[data-part="gain"]').all_text_contents() == [number(gain, 3) for gain in gains]
    assert page.locator('[data-part="between"]').all_text_contents() == [f"{number(turn, 0)}°" for turn in between]
    assert part(page, "score") == number(gains.sum(), 3)
    lines = "[...document.querySelectorAll('[data-part=hand]')].map((l) => [l.x2.baseVal.value, -l.y2.baseVal.value])"
    drawn = np.array(page.evaluate(lines)) @ [1, 1j]
    np.testing.assert_allclose(np.angle(drawn / np.stack(hands, axis=1).ravel()), 0, atol=1e-5)
    heights = [float(y) for y in re.findall(r"[ML]\d+ ([\d.]+)", page.locator("path").last.get_attribute("d"))]
    dot = page.locator('[data-part="dot"]').evaluate("dot => parseFloat(dot.style.top) / 100")
    assert dot == pytest.approx(heights[at[0] - at[1] + 30], abs=1e-3)


def test_the_clock_turns_as_rotary_positions_do_and_keeps_the_difference(open_page):
    page = open_page(FIGURES["clock"]())
    assert_clock_shows(page, (9, 4))
    slide(page, "query at position", 2)
    assert_clock_shows(page, (2, 4))
    slide(page, "key at position", 30)
    assert_clock_shows(page, (2, 30))
    slide(page, "key at position", 0)
    slide(page, "query at position", 5)
    score, dot = part(page, "score"), page.locator('[data-part="dot"]').bounding_box()
    page.get_by_label("move both together").check()
    assert slide(page, "key at position", 20) == "20"
    assert_clock_shows(page, (25, 20))
    slide(page, "query at position", 1)  # the key would stand before the first place
    assert_clock_shows(page, (5, 0))
    page.get_by_role("slider", name="key at position").focus()
    page.keyboard.press("ArrowRight")
    assert_clock_shows(page, (6, 1))
    assert part(page, "score") == score
    after = page.locator('[data-part="dot"]').bounding_box()
    assert (after["x"], after["y"]) == pytest.approx((dot["x"], dot["y"]), abs=0.01)


def carried_after(n_tiles: int) -> list[list[str]]:
    """From all scores met so far at once, not tile by tile; tiles of 3 x 2 over 5 x 7 scores, four to a row."""
    lines = []
    for i in range(5):
        met = min(max(n_tiles - 4 * (i // 3), 0), 4)
        seen, values = SCORES[i, : 2 * met], VALUES[: 2 * met]
        if not met:
            lines.append(["−∞", "", "0", "0", ""])
            continue
        old = SCORES[i, : 2 * (met - 1)].max(initial=-np.inf)
        powers = np.exp(seen - seen.max())
        out = number(softmax(SCORES[i]) @ VALUES, 3) if met == 4 else ""
        factor = number(np.exp(old - seen.max()), 3)
        lines.append([number(seen.max(), 1), factor, number(powers.sum(), 3), number(powers @ values, 3), out])
    return lines


def assert_walk_shows(page: Page, step: int) -> None:
    rows = page.evaluate(ROWS)
    assert [row[1:6] for row in rows[5:]] == carried_after(min(step, 8))
    assert [row[6] for row in rows[5:]] == [number(x, 3) for x in softmax(SCORES) @ VALUES]
    matrix = softmax(SCORES) if step == 9 else SCORES
    assert [row[1:] for row in rows[:5]] == [[number(x, 2 if step == 9 else 1) for x in row] for row in matrix]
    framed = page.evaluate("[...document.querySelectorAll('[data-part=cell]')].map((c) => c.matches('.mt-tile'))")
    expected = np.zeros((5, 7), dtype=bool)
    if 1 <= step <= 8:
        top, left = 3 * ((step - 1) // 4), 2 * ((step - 1) % 4)
        expected[top : top + 3, left : left + 2] = True
    assert framed == expected.ravel().tolist()
    assert page.get_by_role("slider", name="step").get_attribute("aria-valuetext") == f"{step} of 9"


def test_the_tile_carries_what_the_softmax_needs_at_every_step(open_page):
    page = open_page(FIGURES["walk"]())
    assert page.get_by_role("button", name="Back").is_disabled()
    for step in range(9):
        assert_walk_shows(page, step)
        page.get_by_role("button", name="Step").click()
    assert_walk_shows(page, 9)
    assert page.get_by_role("button", name="Step").is_disabled()
    page.get_by_role("button", name="Back").click()
    assert_walk_shows(page, 8)
    page.get_by_role("slider", name="step").press("Home")
    assert_walk_shows(page, 0)


def test_the_walk_plays_by_itself_unless_motion_is_unwanted(open_page):
    page = open_page(FIGURES["walk"]())
    page.clock.install()
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(2 * 1600)
    assert_walk_shows(page, 2)
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(5 * 1600)
    assert_walk_shows(page, 2)
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(20 * 1600)
    assert_walk_shows(page, 9)
    assert page.get_by_role("button", name="Play").is_visible()
    page.emulate_media(reduced_motion="reduce")
    expect(page.get_by_role("button", name="Play")).to_be_hidden()
    expect(page.get_by_role("button", name="Back")).to_be_enabled()


SCROLLED = """[...document.querySelectorAll('.mt div')].filter((box) => box.scrollWidth > box.clientWidth).length"""
OUTSIDE = """() => [...document.querySelectorAll('.mt')].flatMap((root) => {
  const edge = root.getBoundingClientRect().right + 0.5;
  return [...root.querySelectorAll('*:not(th > bdi)')].filter((node) => node.getBoundingClientRect().right > edge);
}).map((node) => node.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1300, True)], ids=["phone, light", "desk, dark"])
def test_all_figures_fit_and_are_accessible(open_page, width, dark):
    widest = [tile_walk(np.tile([-12.5, -9.5], (12, 4)), np.full(8, -9.5))]
    widest.append(next_token_bars(["w" * 99], np.zeros((1, 1024)), ["w" * 40] * 1024))
    figures = [make() for make in FIGURES.values()]
    page = open_page(*figures, *widest, dark=dark, viewport={"width": width, "height": 900})
    page.get_by_role("button", name="Step").first.click()
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(SCROLLED) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".mt-unscripted:visible").count() == 0
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


READ = """() => [...document.querySelectorAll('.mt')].map((root) => {
  const rest = root.cloneNode(true);
  const gone = '.mt-controls, .mt-hint, .mt-unscripted, [data-part=buttons], script, style';
  rest.querySelectorAll(gone).forEach((node) => node.remove());
  return rest.textContent;
})"""


def assert_it_fits(open_page, *figures, width, dark):
    """On a page of that width nothing sticks out, axe finds nothing grave, and scripts change no word."""
    page = open_page(*figures, dark=dark, viewport={"width": width, "height": 900})
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert grave_violations(page) == []
    assert page.evaluate(READ) == open_page(*figures, java_script_enabled=False).evaluate(READ)


def test_the_script_takes_over_without_changing_a_word(open_page):
    figures = [make() for make in FIGURES.values()]
    without, with_scripts = (open_page(*figures, java_script_enabled=on).evaluate(READ) for on in (False, True))
    assert len(without) == len(FIGURES)
    assert with_scripts == without


def test_without_scripts_the_first_state_stands_and_says_what_is_missing(open_page):
    page = open_page(
        *(make() for make in FIGURES.values()), java_script_enabled=False, viewport={"width": 390, "height": 900}
    )
    assert page.locator(".mt-unscripted").count() == len(FIGURES)
    assert page.locator(".mt-unscripted").first.is_visible()
    assert page.get_by_text("sky leads with weight 0.585").first.is_visible()
    assert page.locator(".mt-hint:visible").count() == 0
    assert page.evaluate(OUTSIDE) == []
