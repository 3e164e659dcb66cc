"""The next token's probabilities as bars: what temperature, top-k and top-p make of a model's logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number, steps_with, text
from mha.generate import probabilities
from mha.validation import check_finite, check_integer, check_number, check_texts
from mha.view.explorer.markup import token_label

__all__ = ["next_token_bars"]

TEMPERATURES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 1.7, 2.0, 2.5, 3.0)
TOP_K = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500)
TOP_P = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
AXES = (0.1, 0.2, 0.5, 1.0)  # what a bar over the whole width means
DECIMALS = 4  # of a logit that is stored: a probability changes by less than a ten-thousandth of itself


def next_token_bars(
    contexts: Sequence[str],
    logits: Any,
    tokens: Sequence[str],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    n_shown: int = 14,
) -> TouchFigure:
    """What `mha.generate.probabilities` gives, at every setting of three sliders: the tokens kept, and those cut.

    Args:
        contexts: n texts, what stands before the next token.
        logits: (n, v), of that token; stored to four decimals, and what is shown is computed from these.
        tokens: v texts, by id.
        temperature, top_k, top_p: as in `probabilities`, where the sliders start.
        n_shown: the likeliest tokens, which have a bar each; the others share a line.
    Raises:
        ValueError: contexts, logits and tokens disagree; a setting outside its range, as in `probabilities`.
        TypeError: contexts or tokens are no texts, logits no numbers, as in `probabilities`.
    """
    befores, labels = check_texts("contexts", contexts), check_texts("tokens", tokens)
    table = check_finite("logits", logits).round(DECIMALS)
    if table.shape != (len(befores), len(labels)):
        wanted = f"({len(befores)}, {len(labels)})"
        raise ValueError(f"logits must have shape {wanted}, contexts by tokens, got {table.shape}")
    n_shown = min(check_integer("n_shown", n_shown, at_least=1), len(labels))
    check_number("temperature", temperature, at_least=TEMPERATURES[0], at_most=TEMPERATURES[-1])
    given = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    order = np.argsort(-table, axis=1, kind="stable")
    table = np.take_along_axis(table, order, axis=1)
    after = probabilities(torch.from_numpy(table), **given).numpy()  # type: ignore[arg-type]
    data = {
        "contexts": befores,
        "logits": table.tolist(),
        "labels": [[token_label(labels[n]) for n in row[:n_shown]] for row in order],
        "temperatures": steps_with(TEMPERATURES, float(temperature)),
        "ks": [*steps_with([k for k in TOP_K if k < len(labels)], top_k or 1), None],
        "ps": [*steps_with(TOP_P, top_p or 0.5), None],
        "axes": AXES,
        **given,
    }
    first = probabilities(torch.from_numpy(table[0]), temperature=temperature).numpy()
    return build(
        "next_token_bars",
        title="The next token",
        hint="Dashed: what a token had before the cut. Filled: what it has among those that are kept.",
        first_state=_first_state(befores[0], data["labels"][0], first, after[0]),
        data=data,
    )


def _first_state(before: str, labels: list[str], uncut: NDArray[np.float64], after: NDArray[np.float64]) -> str:
    n_shown = len(labels)
    axis = next(width for width in AXES if width >= max(uncut[0], after[0]) or width == 1.0)
    rows = "".join(_row(text(label), uncut[n], after[n], axis) for n, label in enumerate(labels))
    rest = slice(n_shown, None)
    n_others, n_kept = len(after) - n_shown, int((after[rest] > 0).sum())
    others = _row(f"others: {n_kept} of {n_others}", uncut[rest].sum(), after[rest].sum(), axis)
    head = (
        "<thead><tr><th scope=col>next token</th><th scope=col>probability</th>"
        f'<td style="text-align:left" data-part="axis">up to {axis:.0%}</td></tr></thead>'
    )
    context = f'<p data-part="context">After {text(before)}</p>'
    table = f"<table>{head}<tbody>{rows}{others if n_others else ''}</tbody></table>"
    return context + table + element("p", _status(uncut, after), class_="mt-status", role="status", data_part="status")


def _row(label: str, uncut: float, after: float, axis: float) -> str:
    widths = [f"{min(share / axis, 1):.1%}" for share in (uncut, after)]
    bars = f'<i class=mt-before style="width:{widths[0]}"></i><i style="width:{widths[1]}"></i>'
    written = f"{number(100 * after, 1)}\N{NO-BREAK SPACE}%" if after > 0 else "cut"
    return f"<tr><th scope=row>{label}</th><td>{written}</td><td class=mt-track>{bars}</td></tr>"


def _status(uncut: NDArray[np.float64], after: NDArray[np.float64]) -> str:
    kept = after > 0
    had = f"{number(100 * uncut[kept].sum(), 1)}\N{NO-BREAK SPACE}%"
    entropy, before = (float(-(p[p > 0] * np.log2(p[p > 0])).sum()) for p in (after, uncut))
    return (
        f"Kept: {kept.sum()} of {len(after)} tokens, which had {had} before the cut. "
        f"Entropy {number(entropy, 2)} bits, as in a choice among {number(2**entropy, 1)} equally likely tokens; "
        f"before the cut {number(before, 2)} bits."
    )
