"""A multi-head layer step by step: each line of code, the shapes it makes, and one token followed through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number, text
from mha.validation import check_finite, check_integer, check_texts
from mha.view.inline import inline_source
from mha.view.values import to_numbers

__all__ = ["NAMES", "layer_steps"]

NAMES = ("x", "q", "k", "v", "scores", "weights", "heads", "concat", "out")
MOST_TOKENS, MOST_CHANNELS = 8, 16
Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Step:
    """One line: what it makes, from what it is read, and what that means for the token {token}.

    `reads` names an earlier array and which of its rows the token needs: its own, or all of them.
    """

    code: str
    makes: tuple[str, ...]
    means: str
    reads: tuple[tuple[str, str], ...] = ()


STEPS = (
    _Step("x", ("x",), "One row a token. {token} is a row of channels like any other."),
    _Step(
        "q, k, v = x @ w_q, x @ w_k, x @ w_v",
        ("x W_Q", "x W_K", "x W_V"),
        "Three maps of each row by itself: nothing has passed between tokens.",
        (("x", "own"),),
    ),
    _Step(
        "q, k, v = split_heads(q, h), split_heads(k, h), split_heads(v, h)",
        ("q", "k", "v"),
        "The same numbers under another shape: each head has its own channels of every token.",
        (("x W_Q", "own"), ("x W_K", "own"), ("x W_V", "own")),
    ),
    _Step(
        "scores = q @ k.transpose(-1, -2) / d**0.5",
        ("scores",),
        "The query of {token} meets the key of every token, in each head: one row of scores a head.",
        (("q", "own"), ("k", "all")),
    ),
    _Step(
        "weights = scores.softmax(-1)",
        ("weights",),
        "Each row becomes shares that sum to 1, in each head by itself.",
        (("scores", "own"),),
    ),
    _Step(
        "heads = weights @ v",
        ("heads",),
        "{token} gets a mixture of all values, another in each head.",
        (("weights", "own"), ("v", "all")),
    ),
    _Step(
        "concat = merge_heads(heads)",
        ("concat",),
        "The heads’ rows of {token}, side by side again: no number changes.",
        (("heads", "own"),),
    ),
    _Step(
        "out = concat @ w_o",
        ("out",),
        "The last map mixes what the heads brought. The shape is that of x, so layers can be stacked.",
        (("concat", "own"),),
    ),
)


BIASED = {
    STEPS[1].code: "q, k, v = x @ w_q + b_q, x @ w_k + b_k, x @ w_v + b_v",
    STEPS[-1].code: "out = concat @ w_o + b_o",
}


@dataclass(frozen=True)
class _Drawn:
    """Which part of larger arrays is drawn: places of tokens, numbers of heads, the first channels of each head."""

    tokens: list[int]
    heads: list[int]
    channels: int

    def cut(self, name: str, array: Array, head_dim: int) -> Array:
        """What is drawn of an array without its batch; x and out have no heads, and give their first channels."""
        if array.ndim == 3:
            keys = self.tokens if name in ("scores", "weights") else list(range(self.channels))
            return array[np.ix_(self.heads, self.tokens, keys)]
        columns = [head * head_dim + channel for head in self.heads for channel in range(self.channels)]
        if name in ("x", "out"):
            columns = list(range(len(columns)))
        return array[np.ix_(self.tokens, columns)]


def layer_steps(
    arrays: Mapping[str, Any],
    *,
    tokens: Sequence[str] | None = None,
    follow: int = 0,
    places: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    channels: int | None = None,
    biased: bool = False,
) -> TouchFigure:
    """The arrays of one forward pass as a picture to step through.

    Args:
        arrays: x, concat and out (b, i, m); q, k, v and heads (b, h, i, d); scores and weights (b, h, i, i); others
            are left aside. Self-attention without masks or biases on the scores, m = h·d. Of the batch, the first is
            drawn; numbers are kept to two decimals.
        tokens: i names of the rows.  follow: the row that is followed at first.
        places, heads, channels: what is drawn of a layer too large for the page: rows, heads, and how many channels of
            each head; all if None. Shapes are told in full.
        biased: whether the four maps add a bias, which their lines then say.
    Raises:
        ValueError: an array is missing, its shape does not fit the others', or it is not what its line of code says;
            more than 8 tokens or 16 channels are drawn, or some that are not there; follow is no row that is drawn.
        TypeError: arrays is no mapping to numbers, tokens are no strings, or a number is no integer.
    """
    if not isinstance(arrays, Mapping):
        raise TypeError(f"arrays must be a mapping of names to arrays, got {type(arrays).__name__}")
    missing = [name for name in NAMES if name not in arrays]
    if missing:
        raise ValueError(f"arrays must hold {', '.join(NAMES)}; missing: {', '.join(missing)}")
    full = {name: check_finite(name, to_numbers(name, arrays[name])) for name in NAMES}
    sizes = _sizes(full)
    drawn = _drawn(sizes, places, heads, channels)
    _check_lines(full)
    names = [f"token {n}" for n in range(sizes["i"])] if tokens is None else check_texts("tokens", tokens)
    if len(names) != sizes["i"]:
        raise ValueError(f"tokens must be one for each of {sizes['i']} rows, got {len(names)}")
    follow = check_integer("follow", follow, at_least=0, at_most=sizes["i"] - 1)
    if follow not in drawn.tokens:
        raise ValueError(f"follow ({follow}) must be among the places that are drawn, {drawn.tokens}")
    return _figure(full, sizes, drawn, names, drawn.tokens.index(follow), biased)


def _figure(
    full: dict[str, Array], sizes: dict[str, int], drawn: _Drawn, names: list[str], follow: int, biased: bool
) -> TouchFigure:
    shown = {name: array[0] for name, array in full.items()}
    for name in "qkv":
        shown[f"x W_{name.upper()}"] = shown[name].swapaxes(0, 1).reshape(sizes["i"], -1)  # (h, i, d) -> (i, h·d)
    shown = {name: drawn.cut(name, array, sizes["d"]).round(2) + 0.0 for name, array in shown.items()}
    steps = [replace(step, code=BIASED[step.code]) if biased and step.code in BIASED else step for step in STEPS]
    data = {
        "tokens": [names[place] for place in drawn.tokens],
        "follow": follow,
        "heads": drawn.heads,
        "steps": [{"makes": s.makes, "reads": s.reads, "means": s.means} for s in steps],
        "arrays": {name: array.tolist() for name, array in shown.items()},
    }
    return build(
        "layer_steps",
        title="The layer, step by step",
        hint="Step through the lines, and follow another token. Framed: what the line reads to make the token’s rows.",
        first_state=_first_state(shown, sizes, drawn, names[drawn.tokens[follow]], follow, steps),
        data=data,
    )


def _drawn(
    sizes: dict[str, int], places: Sequence[int] | None, heads: Sequence[int] | None, channels: int | None
) -> _Drawn:
    """The part to draw, checked."""
    tokens = _numbers("places", places, sizes["i"])
    chosen = _numbers("heads", heads, sizes["h"])
    width = sizes["d"] if channels is None else check_integer("channels", channels, at_least=1, at_most=sizes["d"])
    if len(tokens) > MOST_TOKENS or len(chosen) * width > MOST_CHANNELS:
        raise ValueError(
            f"the picture takes up to {MOST_TOKENS} tokens and {MOST_CHANNELS} channels, "
            f"got {len(tokens)} tokens and {len(chosen)} heads of {width}: choose places, heads and channels"
        )
    return _Drawn(tokens, chosen, width)


def _numbers(name: str, given: Sequence[int] | None, size: int) -> list[int]:
    if given is None:
        return list(range(size))
    numbers = [check_integer(f"{name}[{n}]", x, at_least=0, at_most=size - 1) for n, x in enumerate(given)]
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"{name} must be one or more, each once, got {list(given)}")
    return numbers


def _sizes(full: dict[str, Array]) -> dict[str, int]:
    if full["x"].ndim != 3 or full["q"].ndim != 4:
        raise ValueError(f"x must have shape (b, i, m) and q (b, h, i, d), got {full['x'].shape} and {full['q'].shape}")
    (b, i, m), (h, d) = full["x"].shape, full["q"].shape[1::2]
    if not (i and h * d == m):
        raise ValueError(f"x must have a token and m = h·d channels, got {i} tokens, {h} heads of {d} and m = {m}")
    shapes = {"stream": (b, i, m), "head": (b, h, i, d), "square": (b, h, i, i)}
    kinds = dict.fromkeys(NAMES, "head") | dict.fromkeys(("x", "concat", "out"), "stream")
    kinds |= dict.fromkeys(("scores", "weights"), "square")
    for name in NAMES:
        if full[name].shape != shapes[kinds[name]]:
            raise ValueError(f"{name} must have shape {shapes[kinds[name]]}, got {full[name].shape}")
    return {"b": b, "i": i, "h": h, "d": d, "m": m}


def _check_lines(full: dict[str, Array]) -> None:
    """The lines that need no weights make what was handed over."""
    exponentials = np.exp(full["scores"] - full["scores"].max(axis=-1, keepdims=True))
    made = {
        "scores": full["q"] @ full["k"].swapaxes(-1, -2) / np.sqrt(full["q"].shape[-1]),
        "weights": exponentials / exponentials.sum(axis=-1, keepdims=True),
        "heads": full["weights"] @ full["v"],
        "concat": full["heads"].swapaxes(1, 2).reshape(full["concat"].shape),  # (b, h, i, d) -> (b, i, h·d)
    }
    lines = {step.makes[0]: step.code for step in STEPS}
    for name, expected in made.items():
        off = float(np.abs(full[name] - expected).max())
        if off > 1e-4 * max(1.0, float(np.abs(expected).max())):
            raise ValueError(f"{name} must be what `{lines[name]}` makes, got numbers that differ by up to {off:.2g}")


def _shape(name: str, sizes: dict[str, int]) -> str:
    axes = {"x": "b i m", "concat": "b i m", "out": "b i m", "scores": "b h i i", "weights": "b h i i"}
    letters = "b i m" if name.startswith("x W") else axes.get(name, "b h i d")
    return f"({', '.join(str(sizes[letter]) for letter in letters.split())})"


def _first_state(
    shown: dict[str, Array], sizes: dict[str, int], drawn: _Drawn, token: str, follow: int, steps: list[_Step]
) -> str:
    """The listing, with the followed token's numbers, which the script exchanges for the picture."""
    rows = "".join(
        f"<tr><td><code>{step.code}</code></td><td>{_typeset(step.makes[0])} {_shape(step.makes[0], sizes)}</td>"
        f"<td data-part=row>{_row(step.makes[0], shown, follow)}</td></tr>"
        for step in steps
    )
    head = f"<th scope=col>line</th><th scope=col>makes</th><th scope=col data-part=row>row of {text(token)}</th>"
    table = (
        "<table class=mt-lines><caption>What each line makes, with its shape; a batch of "
        f"{sizes['b']}, {sizes['i']} tokens, {sizes['h']} heads of {sizes['d']} channels."
        f"{_left_out(sizes, drawn)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody data-part=lines>{rows}</tbody></table>"
    )
    style = f"<style>{inline_source('course.touch', 'layer_steps.css')}</style>"
    said = element("p", "", data_part="status", role="status", class_="mt-status")
    listing = f'<div class=mt-listing tabindex=0 role=group aria-label="The lines">{table}</div>'
    return f"{style}{listing}{said}<div data-part=picture></div>"


def _typeset(name: str) -> str:
    """Of an array: x W_Q with its index below, as in the chapter's formulas."""
    head, below, index = name.partition("_")
    return f"{head}<sub>{index}</sub>" if below else name


def _left_out(sizes: dict[str, int], drawn: _Drawn) -> str:
    """What the picture shows of a larger layer, in words; nothing where it shows all."""
    if (len(drawn.tokens), len(drawn.heads), drawn.channels) == (sizes["i"], sizes["h"], sizes["d"]):
        return ""
    numbers = ", ".join(map(str, drawn.heads))
    return f" Drawn are {len(drawn.tokens)} tokens, heads {numbers}, and the first {drawn.channels} channels of each."


def _row(name: str, shown: dict[str, Array], follow: int) -> str:
    array = shown[name]
    rows = array[follow][None] if array.ndim == 2 else array[:, follow]
    return "<br>".join(" ".join(number(x, 2 if name == "weights" else 1) for x in row) for row in rows)
