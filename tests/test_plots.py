"""The figures: what is drawn is what was given, and the colours can be told apart."""

from __future__ import annotations

import io
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.cbook import is_math_text
from matplotlib.colors import to_rgb

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


def test_map_writes_each_number_into_its_cell_so_that_it_can_be_read():
    ax = plots.attention_map([[1.0, 0.0, 0.0], [0.5, 0.2, 0.3]], ["a", "b"], ["c", "d", "e"], largest=1.0)
    written = {text.get_position(): (text.get_text(), text.get_color()) for text in ax.texts}
    assert written[0, 0] == ("1.00", "white")
    assert written[1, 1] == (".20", "#222222")
    assert written[2, 1] == (".30", "#222222")
    ax = plots.attention_map([[0.1, 0.02]], ["a"], ["b", "c"], largest=0.1)
    assert [text.get_color() for text in ax.texts] == ["white", "#222222"]  # by the colour, not by the weight
    labels = [str(n) for n in range(8)]
    assert len(plots.attention_map(np.full((8, 8), 1 / 8), labels, labels).texts) == 64


def test_map_writes_no_numbers_into_many_cells():
    labels = [str(n) for n in range(11)]
    assert not plots.attention_map(np.full((11, 11), 1 / 11), labels, labels).texts


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_map_takes_what_a_model_has_recorded(weights, dtype):
    recorded = torch.tensor(weights, dtype=dtype, requires_grad=True)
    for given in (recorded, list(recorded), [list(row) for row in recorded]):
        drawn = plots.attention_map(given, ROWS, COLUMNS).images[0].get_array()
        np.testing.assert_array_equal(drawn, recorded.detach().double().numpy())


@pytest.mark.parametrize("token", ["$$", r"$\frac$", "from $5 to $6", r"\$", "_cat", "", "<b>&amp;", "a\nb"])
def test_text_is_drawn_as_it_is(token):
    ax = plots.attention_map(np.full((2, 2), 0.5), [token, "b"], ["a", token], title=token, colour_bar=token)
    line = plots.spread(plt.subplots()[1], [1, 2], np.ones((2, 2)), f"line {token}")
    legend = line.axes.legend().get_texts()[0]
    for text in (ax.title if ax.get_title() else ax._left_title, ax.get_yticklabels()[0], ax.get_xticklabels()[1]):
        assert text.get_text() == token
        assert not (text.get_parse_math() and is_math_text(text.get_text()))
    for text in (legend, ax.images[0].colorbar.ax.yaxis.label):
        shown, is_math = text._preprocess_math(text.get_text())
        assert (shown.removeprefix("line "), bool(is_math)) == (token, False)
    for figure in (ax.figure, line.figure):
        figure.savefig(io.BytesIO())


def test_a_weight_beyond_the_darkest_colour_is_marked(weights):
    assert plots.attention_map(weights, ROWS, COLUMNS, largest=0.1).images[0].colorbar.extend == "max"
    assert plots.attention_map(weights, ROWS, COLUMNS, largest=1).images[0].colorbar.extend == "neither"


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"weights": np.ones((2, 3, 5))}, ValueError, r"two axes \(i, j\).*\(2, 3, 5\)"),
        ({"weights": np.ones((3, 0))}, ValueError, "none empty"),
        ({"row_labels": ["a"]}, ValueError, r"row_labels must name 3 tokens.*got 1"),
        ({"row_labels": COLUMNS}, ValueError, r"row_labels must name 3 tokens.*got 5"),
        ({"col_labels": ROWS}, ValueError, r"col_labels must name 5 tokens.*got 3"),
        ({"weights": np.full((3, 5), -1.0)}, ValueError, "not the scores"),
        ({"weights": np.full((3, 5), np.nan)}, ValueError, "finite"),
        ({"weights": np.full((3, 5), np.inf)}, ValueError, "finite"),
        ({"weights": [[1.0], [0.5, 0.5]]}, ValueError, "weights must be nested evenly"),
        ({"weights": np.ones((3, 5), dtype=bool)}, TypeError, "weights must hold weights, got True and False"),
        ({"weights": np.ones((3, 5)) + 1j}, TypeError, "weights must hold real numbers, got complex numbers"),
        ({"weights": np.full((3, 5), "1")}, TypeError, "weights must hold real numbers, got text"),
        ({"weights": None}, TypeError, "weights must hold real numbers, got NoneType"),
        ({"row_labels": "abc"}, TypeError, "row_labels must be several texts, got one string"),
        ({"col_labels": set("defgh")}, TypeError, "col_labels must be a sequence of strings, got set"),
        ({"row_labels": [1, 2, 3]}, TypeError, "row_labels must hold strings, got 1"),
        ({"largest": 0}, ValueError, r"largest \(0\) must be above 0"),
        ({"largest": float("nan")}, ValueError, r"largest \(nan\)"),
        ({"largest": "1"}, TypeError, "largest must be a number"),
        ({"title": None}, TypeError, "title must be a string, got None"),
        ({"ax": [1]}, TypeError, "ax must be one matplotlib Axes, got list"),
    ],
)
def test_map_refuses_what_does_not_fit(weights, changed, error, match):
    with pytest.raises(error, match=match):
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
    assert line.get_marker() == "o"
    styled = plots.spread(ax, [2, 4, 8], values, "unscaled", color="red", marker="s")
    assert (styled.get_color(), styled.get_marker()) == ("red", "s")
    assert to_rgb(ax.collections[1].get_facecolor()[0]) == to_rgb("red")
    assert to_rgb(ax.collections[0].get_facecolor()[0]) == to_rgb(line.get_color())


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"values": np.ones((5, 2))}, ValueError, r"\(5, 2\) and \(3,\)"),
        ({"values": np.ones(3)}, ValueError, r"\(n_seeds, n\)"),
        ({"values": np.ones((1, 3))}, ValueError, "two seeds or more"),
        ({"values": np.full((2, 3), "1")}, TypeError, "values must hold real numbers, got text"),
        ({"label": "_scaled"}, ValueError, "label must not begin with an underscore.*'_scaled'"),
        ({"label": 7}, TypeError, "label must be a string, got 7"),
        ({"ax": None}, TypeError, "ax must be one matplotlib Axes, got NoneType"),
    ],
)
def test_spread_refuses_what_does_not_fit(changed, error, match):
    right = {"ax": plt.subplots()[1], "x": [1, 2, 3], "values": np.ones((2, 3)), "label": "scaled"}
    with pytest.raises(error, match=match):
        plots.spread(**(right | changed))


def test_spread_takes_tensors():
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.bfloat16, requires_grad=True)
    line = plots.spread(plt.subplots()[1], [1, 2], values, "scaled")
    np.testing.assert_array_equal(line.get_ydata(), [2.0, 3.0])


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
