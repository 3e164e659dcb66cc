"""The explorer's small maps in the order of a score, by pointer and by keyboard."""

import gzip

import numpy as np
import pytest

from mha.view.explorer import explore
from mha.view.explorer.markup import SORTING, WITH_CHANNELS, fragment_part
from tests.explorer_page import TOKENS, grave_violations, random_weights
from tests.explorer_page import open_page as open_page  # a fixture

SCORES = {"previous": [[0.125, 0.9, 0.301], [0.0, 0.555, 0.2]], "place": np.linspace(-1, 1, 6).reshape(2, 3)}
FALLING = [(0, 1), (1, 1), (0, 2), (1, 2), (0, 0), (1, 0)]


def names(page):
    return [one.get_attribute("aria-label") for one in page.get_by_role("radio").all()]


def test_small_maps_are_sorted_by_a_score_and_walked_in_that_order(open_page):
    weights = random_weights(2, 3, 7, 7)
    page = open_page(explore(TOKENS, weights, scores=SCORES))
    assert names(page) == [f"Layer {layer}, head {head}" for layer in range(2) for head in range(3)]
    page.get_by_label("Sort heads by").focus()
    page.get_by_label("Sort heads by").select_option("previous")
    cents = (90, 55.5, 30.1, 20, 12.5, 0)
    assert names(page) == [
        f"Layer {layer}, head {head}, previous {cent:g} %" for (layer, head), cent in zip(FALLING, cents, strict=True)
    ]
    assert page.locator(".mx-overview > span").all_inner_texts() == ["90", "20"]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Sort heads by"
    page.get_by_role("radio", name="Layer 0, head 1,").focus()
    for key, pick in (("ArrowRight", (1, 1)), ("ArrowDown", (0, 0)), ("ArrowRight", (1, 0)), ("ArrowRight", (0, 1))):
        page.keyboard.press(key)
        wanted = f"Layer {pick[0]}, head {pick[1]},"
        assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith(wanted)
        assert page.get_by_role("radio", checked=True).get_attribute("aria-label").startswith(wanted)
        assert page.get_by_label("Layer", exact=True).input_value() == str(pick[0])
    page.get_by_label("Sort heads by").select_option(index=0)
    assert names(page)[1] == "Layer 0, head 1"
    page.get_by_role("radio", name="Layer 0, head 2").click()
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("radio", checked=True).get_attribute("aria-label") == "Layer 1, head 2"


@pytest.mark.parametrize("width", [1300, 390])
def test_sorted_from_the_start_it_is_accessible(open_page, width):
    page = open_page(explore(TOKENS, random_weights(2, 3, 7, 7), scores=SCORES, sort="previous"), width=width)
    assert names(page)[0] == "Layer 0, head 1, previous 90 %"
    assert page.get_by_role("radiogroup").get_attribute("aria-label") == "All heads, sorted by previous"
    assert grave_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_sorting_weighs_nothing_where_it_is_not_asked_for_and_fits_beside_the_channels():
    page = explore(TOKENS, random_weights(2, 3, 7, 7))._repr_html_()
    assert "sortHeads(" in page  # where it is called
    assert "function sortHeads" not in page
    assert '"scores"' not in page
    written = "".join(fragment_part(name) for name in ("explorer.css", *WITH_CHANNELS, SORTING))
    assert len(gzip.compress(written.encode())) <= 17_000


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scores": {"x": np.zeros((3, 2))}}, ValueError, r"scores of 'x' must be \(2, 3\) numbers from -1 to 1"),
        ({"scores": {"x": np.full((2, 3), 1.1)}}, ValueError, "from -1 to 1"),
        ({"scores": {"x": np.full((2, 3), np.nan)}}, ValueError, "scores of 'x' must be finite"),
        ({"scores": {3: np.zeros((2, 3))}}, TypeError, "a name in scores must be"),
        ({"scores": SCORES, "sort": "next"}, ValueError, "sort must be one of 'previous', 'place', got 'next'"),
        ({"sort": "next"}, ValueError, "sort must be one of"),
    ],
)
def test_wrong_scores_are_named(options, error, message):
    with pytest.raises(error, match=message):
        explore(TOKENS, random_weights(2, 3, 7, 7), **options)


def test_scores_are_of_one_kind_of_attention():
    kinds = {"encoder": random_weights(2, 3, 7, 7), "cross": random_weights(2, 3, 4, 7)}
    with pytest.raises(ValueError, match="of a model with one kind of attention"):
        explore(TOKENS, kinds, target_tokens=list("abcd"), scores=SCORES)
