"""The figures: what is drawn is what was given, and the colours can be told apart."""

from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from scipy.stats import binom

from mha.statistics.intervals import median_interval
from mha.view import plots

ROWS, COLUMNS = ["a", "b", "c"], ["d", "e", "f", "g", "h"]

# What linear RGB looks like without one kind of cone: Machado, Oliveira and Fernandes 2009, severity 1.
COLOUR_BLINDNESS = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@pytest.fixture(autouse=True)
def book_style():
    with mpl.rc_context():
        mpl.use("Agg")
        plots.use_book_style()
        yield
        plt.close("all")


@pytest.fixture
def weights():
    drawn = np.random.default_rng(0).random((3, 5))
    return drawn / drawn.sum(axis=1, keepdims=True)


def linear(colour):
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(linear_rgb):
    xyz = RGB_TO_XYZ @ np.clip(linear_rgb, 0, 1) / RGB_TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_map_draws_the_weights_it_is_given(weights):
    ax = plots.attention_map(weights, ROWS, COLUMNS)
    np.testing.assert_array_equal(ax.images[0].get_array(), weights)
    assert [text.get_text() for text in ax.texts] == [f"{w:.2f}".lstrip("0") for w in weights.ravel()]


def test_map_names_its_axes_its_tokens_and_the_unit(weights):
    ax = plots.attention_map(weights, ROWS, COLUMNS, title="layer 1, head 2")
    assert [label.get_text() for label in ax.get_yticklabels()] == ROWS
    assert [label.get_text() for label in ax.get_xticklabels()] == COLUMNS
    assert ax.get_xlabel().startswith("key")
    assert ax.get_ylabel().startswith("query")
    assert ax.get_title(loc="left") == "layer 1, head 2"
    assert ax.images[0].colorbar.ax.get_ylabel() == "weight (share of each row)"


def test_map_colours_run_from_zero_to_the_largest_weight_or_the_one_given(weights):
    assert plots.attention_map(weights, ROWS, COLUMNS).images[0].get_clim() == (0.0, weights.max())
    assert plots.attention_map(weights, ROWS, COLUMNS, largest=1.0).images[0].get_clim() == (0.0, 1.0)


def test_map_draws_into_the_axes_it_is_given(weights):
    _, (left, right) = plt.subplots(1, 2)
    assert plots.attention_map(weights, ROWS, COLUMNS, right) is right
    assert not left.images


def test_map_writes_no_numbers_into_many_cells():
    labels = [str(n) for n in range(11)]
    assert not plots.attention_map(np.full((11, 11), 1 / 11), labels, labels).texts


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"weights": np.ones((2, 3, 5))}, r"two axes \(i, j\).*\(2, 3, 5\)"),
        ({"weights": np.ones((0, 5)), "row_labels": []}, "none empty"),
        ({"row_labels": ["a"]}, r"row_labels must name 3 tokens.*got 1"),
        ({"col_labels": ROWS}, r"col_labels must name 5 tokens.*got 3"),
        ({"weights": np.full((3, 5), -1.0)}, "not the scores"),
        ({"weights": np.full((3, 5), np.nan)}, "finite"),
    ],
)
def test_map_refuses_what_does_not_fit(weights, changed, match):
    with pytest.raises(ValueError, match=match):
        plots.attention_map(**({"weights": weights, "row_labels": ROWS, "col_labels": COLUMNS} | changed))


def test_spread_draws_the_median_and_the_band():
    values = np.array([[1.0, 9.0, 4.0], [2.0, 3.0, 5.0], [8.0, 1.0, 6.0], [3.0, 2.0, 2.0], [7.0, 4.0, 3.0]])
    _, ax = plt.subplots()
    line = plots.spread(ax, [2, 4, 8], values, "scaled")
    np.testing.assert_array_equal(line.get_xdata(), [2, 4, 8])
    np.testing.assert_array_equal(line.get_ydata(), [3.0, 3.0, 4.0])
    corners = ax.collections[0].get_paths()[0].vertices
    for x, low, high in zip([2, 4, 8], values.min(axis=0), values.max(axis=0), strict=True):
        np.testing.assert_array_equal(np.unique(corners[corners[:, 0] == x, 1]), [low, high])
    assert ax.get_legend_handles_labels()[1] == ["scaled"]


@pytest.mark.parametrize("n_seeds", [6, 7, 17, 29, 101])
def test_median_interval_is_the_narrowest_that_holds_95_percent(n_seeds):
    _, low, high = median_interval(np.arange(n_seeds))
    assert low + high == n_seeds - 1  # as many left out at either end
    assert 1 - 2 * binom.cdf(low, n_seeds, 0.5) >= 0.95
    assert 1 - 2 * binom.cdf(low + 1, n_seeds, 0.5) < 0.95


@pytest.mark.parametrize(
    ("x", "values", "match"),
    [
        ([1, 2, 3], np.ones((5, 2)), r"\(5, 2\) and \(3,\)"),
        ([1, 2, 3], np.ones(3), r"\(n_seeds, n\)"),
        ([1, 2, 3], np.ones((1, 3)), "two seeds or more"),
    ],
)
def test_spread_refuses_what_does_not_fit(x, values, match):
    with pytest.raises(ValueError, match=match):
        plots.spread(plt.subplots()[1], x, values, "scaled")


@pytest.mark.parametrize("kind", COLOUR_BLINDNESS)
def test_line_colours_stay_apart_for_every_eye(kind):
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    seen = [lab(np.array(COLOUR_BLINDNESS[kind]) @ linear(colour)) for colour in colours]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 20


def test_line_colours_stand_out_from_white():
    for colour in mpl.rcParams["axes.prop_cycle"].by_key()["color"]:
        assert 1.05 / (RGB_TO_XYZ[1] @ linear(colour) + 0.05) >= 3.0


def test_map_colours_darken_in_equal_steps():
    lightness = np.array([lab(linear(plots.ATTENTION_COLOURS(t)))[0] for t in np.linspace(0, 1, 33)])
    steps = -np.diff(lightness)
    assert lightness[0] > 99
    assert steps.min() > 0.75 * steps.mean()
    assert steps.max() < 1.25 * steps.mean()


def test_style_is_legible_on_a_phone():
    sizes = [mpl.rcParams[f"{name}.labelsize"] for name in ("axes", "xtick", "ytick")]
    assert min([*sizes, mpl.rcParams["legend.fontsize"], mpl.rcParams["font.size"]]) >= 11
    assert mpl.rcParams["lines.linewidth"] >= 2
