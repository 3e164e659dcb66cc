"""Checks for the chapter on T5: spans taken out, the RMS norm, what the decoder reads, biased weights, parameters."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import LARGE_RTOL, numbers
from course.checks.numeric import Numbers
from course.checks.shared import ATTENTION, largest, total

__all__ = ["EXERCISES", "biased_weights", "parameters", "rms_norm", "shift_right", "split_at_spans"]

Array = NDArray[Any]

# ---- the RMS norm


def _rms_norm(x: Array, weight: Array, eps: float) -> Array:
    """Each token over the root of its mean square, times the weight."""
    squares = x**2
    mean = squares.mean(axis=-1, keepdims=True)
    size = np.sqrt(mean + eps)
    return x / size * weight


_SQUARES = "squares = x**2"
_MEAN = "squares.mean(axis=-1, keepdims=True)"
_CENTRED = "x - x.mean(axis=-1, keepdims=True)"
rms_norm = Exercise(
    _rms_norm,
    "x (b, i, m), weight (m), eps -> out (b, i, m)",
    trials=(
        Trial("a mean that is not 0", {"x": numbers(11, 2, 5, 7) + 1, "weight": numbers(12, 7), "eps": 2.0**-20}),
        Trial(
            "numbers as small as eps",
            {"x": numbers(13, 3, 2, 11) / 1024, "weight": numbers(14, 11), "eps": 2.0**-20},
        ),
    ),
    mistakes=(
        Mistake(
            "layer-norm",
            f"{_SQUARES} -> x = {_CENTRED}; squares = x**2",
            "the mean is subtracted, as a layer norm does: an RMS norm leaves it in.",
        ),
        Mistake(
            "standard-deviation",
            f"{_SQUARES} -> squares = ({_CENTRED}) ** 2",
            "x is divided by its standard deviation, which is measured from the mean: take the root of the mean of x².",
            also=((f"{_SQUARES} -> squares = ({_CENTRED}) ** 2", "mean + eps -> mean"),),
        ),
        Mistake(
            "weight-first",
            (f"{_SQUARES} -> x = x * weight; squares = x**2", "* weight ->"),
            "the weight multiplies x before the norm, which then divides by it again: normalise first.",
        ),
        Mistake("no-weight", "* weight ->", "the weight is missing: each channel is multiplied by its own."),
        Mistake("weight-added", "* weight -> + weight", "the weight is added: each channel is multiplied by it."),
        Mistake("weight-divides", "* weight -> / weight", "the channels are divided by the weight: multiply by it."),
        Mistake(
            "one-plus-weight",
            "* weight -> * (1 + weight)",
            "the channels are multiplied by 1 + weight, as some later models do: here it is the weight.",
        ),
        Mistake(
            "weight-in-a-column",
            "* weight -> * weight[:, None]",
            "the weight stands in a column and meets the tokens: (m,) fits (b, i, m) as it is.",
        ),
        Mistake("no-root", "np.sqrt -> ", "x is divided by the mean square: take its root."),
        Mistake(
            "sum-of-squares",
            "squares.mean -> squares.sum",
            "x is divided by its length, the root of the sum of squares: take their mean.",
            also=(("squares.mean -> squares.sum", "mean + eps -> mean"),),
        ),
        Mistake(
            "unbiased",
            f"{_MEAN} -> squares.sum(axis=-1, keepdims=True) / (x.shape[-1] - 1)",
            "the sum of squares is divided by m - 1: divide by m, the number of channels.",
        ),
        Mistake(
            "over-tokens",
            "axis=-1 -> axis=1",
            "the mean runs over the tokens: each token is normalised by itself, over its channels.",
        ),
        Mistake(
            "over-batch",
            "axis=-1 -> axis=0",
            "the mean runs over the batch: each token is normalised by itself, over its channels.",
        ),
        Mistake(
            "over-everything",
            "axis=-1 -> axis=None",
            "one mean is taken over the whole array: each token is normalised by itself, over its channels.",
            also=("axis=-1 -> axis=(1, 2)",),
        ),
        Mistake(
            "keepdims-missing",
            f"{_MEAN} -> squares.mean(axis=-1)",
            "a mean over the last axis drops it, and (b, i) does not fit (b, i, m): keepdims=True keeps it.",
        ),
        Mistake(
            "mean-size",
            (f"{_SQUARES} -> squares = np.abs(x)", "np.sqrt ->"),
            "x is divided by the mean of |x|: take the root of the mean of x².",
            also=(f"{_SQUARES} -> squares = np.abs(x)",),
        ),
        Mistake(
            "square-of-mean",
            f"{_MEAN} -> x.mean(axis=-1, keepdims=True) ** 2",
            "the mean is squared: square first, then take the mean.",
        ),
        Mistake(
            "mean-not-squared",
            "x**2 -> x",
            "nothing is squared: the root is taken of the mean of x².",
        ),
        Mistake(
            "largest",
            "np.sqrt(mean + eps) -> np.abs(x).max(axis=-1, keepdims=True)",
            "x is divided by its largest entry: take the root of the mean of x².",
        ),
        Mistake("multiplied", "x / size -> x * size", "x is multiplied by the root: divide by it."),
        Mistake(
            "eps-outside",
            "np.sqrt(mean + eps) -> (np.sqrt(mean) + eps)",
            "eps is added to the root: it is added to the mean square, below the root.",
        ),
        Mistake(
            "no-eps",
            "mean + eps -> mean",
            "eps is missing, or has become too small to count, as eps² has: add it to the mean square as it is.",
        ),
        Mistake(
            "own-eps",
            "eps -> 1e-6",
            "eps is a number of your own: use the one that you are given.",
            also=tuple(f"eps -> {eps}" for eps in ("1e-5", "1e-8", "1e-12", "eps**2")),
        ),
        Mistake(
            "eps-as-a-floor",
            "mean + eps -> np.maximum(mean, eps)",
            "eps is taken as the least that is allowed: add it to the mean square, below the root.",
        ),
        Mistake(
            "root-of-eps-alone",
            "np.sqrt(mean + eps) -> np.sqrt(mean) + np.sqrt(eps)",
            "two roots are added: take the root of the sum, mean square + eps.",
        ),
        Mistake(
            "matrix-product",
            "x / size * weight -> x / size @ weight",
            "@ adds the channels up: each channel is multiplied by its own weight, *.",
        ),
        Mistake(
            "root-alone",
            "x / size * weight -> size",
            "this is the root of the mean square, or its inverse: divide x by the root, and multiply by the weight.",
            also=("x / size * weight -> 1 / size", "x / size * weight -> np.broadcast_to(size, x.shape)"),
        ),
        Mistake(
            "eps-to-x",
            (f"{_SQUARES} -> x = x + eps; squares = x**2", "mean + eps -> mean"),
            "eps is added to x: it is added to the mean square, below the root.",
        ),
    ),
)

# ---- what the decoder reads


def _ids(seed: int, batch: int, length: int) -> Array:
    """Odd ids, so large that float16 cannot hold them."""
    return 20001 + 2 * np.random.default_rng(seed).integers(0, 5000, (batch, length))


def _shift_right(targets: Array, start_id: int) -> Array:
    """The start token, then all targets but the last."""
    start = np.full((len(targets), 1), start_id)
    kept = targets[:, :-1]
    inputs = np.concatenate([start, kept], axis=1)
    return inputs


_JOINED = "inputs = np.concatenate([start, kept], axis=1)"
_SWAPPED = "[start, kept] -> [kept, start]"
shift_right = Exercise(
    _shift_right,
    "targets (b, i), start_id -> inputs (b, i)",
    trials=(
        Trial("2 targets of 5 tokens", {"targets": _ids(21, 2, 5), "start_id": 30001}, single_rtol=1e-6),
        Trial("more targets than tokens", {"targets": _ids(22, 7, 3), "start_id": 7}, single_rtol=1e-6),
    ),
    mistakes=(
        Mistake(
            "not-shifted",
            "return inputs -> return targets",
            "these are the targets themselves: at each place the decoder reads the very token it should write, and "
            "learns to copy it.",
        ),
        Mistake(
            "left",
            ("targets[:, :-1] -> targets[:, 1:]", _SWAPPED),
            "the targets move to the left: at each place the decoder reads the token after the one it should write.",
        ),
        Mistake(
            "around",
            "np.full((len(targets), 1), start_id) -> targets[:, -1:]",
            "the last target comes round to the front: the first token is start_id, and the last target is dropped.",
        ),
        Mistake(
            "first-replaced",
            "targets[:, :-1] -> targets[:, 1:]",
            "the first target is replaced and the others stay where they were: all of them move by one.",
        ),
        Mistake(
            "one-too-long",
            "targets[:, :-1] -> targets",
            "the last target is still there, so there is one token too many: drop it, nothing comes after it.",
        ),
        Mistake(
            "start-appended",
            ("targets[:, :-1] -> targets", _SWAPPED),
            "the start token stands at the end, and nothing is dropped: it comes first, and the last target goes.",
        ),
        Mistake("start-last", _SWAPPED, "the start token stands at the end: it comes first."),
        Mistake(
            "no-start",
            "[start, kept] -> [kept]",
            "the start token is missing: without it there is nothing to write the first target from.",
            also=("[start, kept] -> [targets[:, 1:]]",),
        ),
        Mistake(
            "start-is-0",
            "1), start_id -> 1), 0",
            "the first token is a number of your own: it is start_id.",
            also=("1), start_id -> 1), 1",),
        ),
        Mistake(
            "along-the-batch",
            f"{_JOINED} -> inputs = np.concatenate([np.full((1, targets.shape[1]), start_id), targets[:-1]])",
            "the sequences are moved, along axis 0: the tokens of each move, along axis 1.",
            also=(f"{_JOINED} -> inputs = np.roll(targets, 1, axis=0); inputs[:, 0] = start_id",),
        ),
        Mistake(
            "as-one-row",
            f"{_JOINED} -> inputs = np.roll(targets, 1); inputs[0, 0] = start_id",
            "the batch is moved as one long row, so a sequence begins with the last token of the one before it: "
            "move each along axis 1.",
            also=(f"{_JOINED} -> inputs = np.roll(targets, 1)",),
        ),
        Mistake(
            "first-sequence-only",
            f"{_JOINED} -> inputs = np.roll(targets, 1, axis=1); inputs[0, 0] = start_id",
            "only the first sequence begins with start_id: all of them do, inputs[:, 0].",
            also=(f"{_JOINED} -> inputs = np.roll(targets, 1, axis=1); inputs[0] = start_id",),
        ),
        Mistake(
            "by-two",
            "[start, kept] -> [start, start, kept[:, :-1]]",
            "the targets move by two: they move by one.",
            also=(
                "[start, kept] -> [start, targets[:, -1:], kept[:, :-1]]",
                f"{_JOINED} -> inputs = np.roll(targets, 2, axis=1)",
                "[start, kept] -> [start, 0 * start, kept[:, :-1]]",
            ),
        ),
        Mistake(
            "start-in-first-alone",
            f"{_JOINED} -> {_JOINED}; inputs[1:, 0] = targets[1:, 0]",
            "only the first sequence begins with start_id: every one does, inputs[:, 0].",
            also=(f"{_JOINED} -> {_JOINED}; inputs[1:, 0] = 0",),
        ),
        Mistake(
            "start-everywhere",
            "return inputs -> return np.full_like(targets, start_id)",
            "every token is start_id, as when each place is copied from the one before after that was overwritten: "
            "copy from targets.",
        ),
        Mistake(
            "axis-missing",
            "(len(targets), 1) -> len(targets)",
            "the start tokens are (b,), and concatenate wants the axes of the targets: make them a column, (b, 1).",
            also=(
                "np.full((len(targets), 1), start_id) -> [start_id]",
                "np.full((len(targets), 1), start_id) -> start_id",
            ),
        ),
        Mistake(
            "joined-below",
            "axis=1 -> axis=0",
            "the start tokens are joined along axis 0, the batch: join them along axis 1, the tokens.",
        ),
        Mistake(
            "two-dropped",
            "targets[:, :-1] -> targets[:, :-2]",
            "one token too many is dropped: the last target alone goes, and the result is as long as the targets.",
            also=("targets[:, :-1] -> targets[:, 1:-1]",),
        ),
        Mistake(
            "last-text-dropped",
            "targets[:, :-1] -> targets[:-1]",
            "[:-1] drops the last text of the batch: the last token of each goes, targets[:, :-1].",
        ),
        Mistake(
            "first-twice",
            "np.full((len(targets), 1), start_id) -> targets[:, :1]",
            "the first target comes twice: start_id comes first, then the targets.",
        ),
        Mistake(
            "by-two-as-one-row",
            f"{_JOINED} -> inputs = np.roll(targets, 2); inputs[:, 0] = start_id",
            "the batch is moved by two places, as one long row: each sequence moves by one, along axis 1.",
            also=(
                f"{_JOINED} -> inputs = np.roll(targets, 2)",
                f"{_JOINED} -> inputs = np.roll(targets, 2); inputs[0, 0] = start_id",
            ),
        ),
        Mistake(
            "left-as-one-row",
            f"{_JOINED} -> inputs = np.roll(targets, -1); inputs[:, 0] = start_id",
            "the targets are rolled to the left: they move to the right by one, each sequence along axis 1.",
            also=(
                f"{_JOINED} -> inputs = np.roll(targets, -1, axis=1); inputs[:, 0] = start_id",
                f"{_JOINED} -> inputs = np.roll(targets, -1, axis=1)",
                f"{_JOINED} -> inputs = np.roll(targets, -1)",
            ),
        ),
        Mistake(
            "flattened",
            f"{_JOINED} -> inputs = np.append(start, kept)",
            "this is one long row: np.append and np.insert flatten unless they get an axis. Join along axis 1.",
            also=(
                f"{_JOINED} -> inputs = np.append(start_id, targets)",
                f"{_JOINED} -> inputs = np.append(start_id, targets)[:-1]",
                f"{_JOINED} -> inputs = np.append(start_id, kept)",
            ),
        ),
        Mistake(
            "reversed",
            "return inputs -> return inputs[:, ::-1]",
            "the tokens come in reverse order: start_id first, then the targets as they stand.",
            also=("return inputs -> return targets[:, ::-1]",),
        ),
        Mistake(
            "one-start-for-all",
            "(len(targets), 1) -> (1, 1)",
            "the start tokens do not have a row for each text: make them a column, (b, 1).",
            also=("(len(targets), 1) -> (1, len(targets))",),
        ),
        Mistake(
            "start-second",
            f"{_JOINED} -> inputs = np.insert(targets, 1, start_id, axis=1)[:, :-1]",
            "the start token stands second: it comes first, before all targets.",
        ),
        Mistake(
            "first-everywhere",
            f"{_JOINED} -> inputs = np.repeat(targets[:, :1], targets.shape[1], axis=1); inputs[:, 0] = start_id",
            "the first target stands in every later place, as when each is copied from a place that was overwritten "
            "before: copy from targets.",
        ),
        Mistake(
            "added-for-joined",
            f"{_JOINED} -> inputs = kept + start_id",
            "start_id is added to every number, as [start_id] + row does where row is an array: join them with "
            "np.concatenate.",
            also=(f"{_JOINED} -> inputs = targets + start_id",),
        ),
    ),
)

# ---- spans taken out


def in_source(tokens: Array, taken: Array, starts: Array, marks: Array) -> Array:
    """The text with a mark where a span starts, and the rest of each span gone."""
    marked = tokens.copy()
    marked[starts] = marks
    return marked[starts | ~taken]


def in_target(tokens: Array, taken: Array, starts: Array, marks: Array) -> Array:
    """The spans, each after its mark."""
    places = np.flatnonzero(starts)
    return np.insert(tokens, places, marks)[np.insert(taken, places, True)]


def in_target_late(tokens: Array, taken: Array, starts: Array, marks: Array) -> Array:
    """The spans, each before its mark."""
    n = np.cumsum(starts)
    return np.concatenate([np.append(tokens[taken & (n == span)], mark) for span, mark in enumerate(marks, 1)])


def open_ended(tokens: Array, taken: Array, starts: Array, sentinels: Array) -> Array:
    """The target without a span that reaches the end of the text."""
    last = np.cumsum(~taken)[-1] == np.cumsum(~taken)
    kept = taken & ~(last & taken[-1])
    n = int((starts & kept).sum())
    return np.append(in_target(tokens, kept, starts & kept, sentinels[:n]), sentinels[n])


def _walk(
    tokens: Array,
    taken: Array,
    sentinels: Array,
    first: int = 0,
    begins: bool = False,
    both: bool = False,
    only_first: bool = False,
) -> tuple[Array, Array]:
    """The spans token by token from `first` on.

    Args:
        begins: the first token looked at has none before it.
        both: a sentinel on both sides of a span in the target.
        only_first: later spans have no sentinel.
    """
    source: list[int] = []
    target: list[int] = []
    n = 0
    for i in range(first, len(tokens)):
        before = i > 0 and taken[i - 1] and not (begins and i == first)
        if taken[i] and not before:
            if n == 0 or not only_first:
                source.append(sentinels[n])
                target.append(sentinels[n])
            n += 1
        (target if taken[i] else source).append(tokens[i])
        if both and taken[i] and i + 1 < len(tokens) and not taken[i + 1]:
            target.append(sentinels[n])
    return np.array(source), np.array([*target, sentinels[1 if only_first else n]])


def _split_at_spans(tokens: Array, taken: Array, sentinels: Array) -> tuple[Array, Array]:
    """A sentinel for each span in the source, the spans after their sentinels in the target, one more to close."""
    starts = taken & ~np.concatenate([[False], taken[:-1]])
    n = int(starts.sum())
    marks = sentinels[:n]
    closing = sentinels[n]
    source = in_source(tokens, taken, starts, marks)
    target = np.append(in_target(tokens, taken, starts, marks), closing)
    return source, target


def _text(seed: int, length: int, taken: list[int]) -> dict[str, Any]:
    """Ids of t5-small's vocabulary, whose sentinels are its last, counted down."""
    tokens = 20001 + 2 * np.random.default_rng(seed).integers(0, 5000, length)  # odd: float16 cannot hold them
    return {"tokens": tokens, "taken": np.isin(np.arange(length), taken), "sentinels": 32099 - np.arange(7)}


_IN_SOURCE = "in_source(tokens, taken, starts, marks)"
_IN_TARGET = "in_target(tokens, taken, starts, marks)"
_ALL_ONE = "marks = sentinels[:n] -> marks = np.repeat(sentinels[:1], n)"
_CLOSING = "closing = sentinels[n]"
split_at_spans = Exercise(
    _split_at_spans,
    "tokens (i), taken (i), sentinels (s) -> source, target",
    trials=(
        Trial("two spans inside a text", _text(1, 11, [2, 3, 8]), single_rtol=1e-6),
        Trial("spans at both ends", _text(2, 13, [0, 1, 5, 6, 7, 12]), single_rtol=1e-6),
    ),
    mistakes=(
        Mistake(
            "one-a-token",
            "starts = taken & ~np.concatenate([[False], taken[:-1]]) -> starts = taken",
            "every token that is taken gets a sentinel of its own: a span gets one, however long it is.",
        ),
        Mistake(
            "same-sentinel",
            _ALL_ONE,
            "all spans get the same sentinel, so nobody can tell which span stood where: take the next one each time.",
            also=(
                (_ALL_ONE, f"{_CLOSING} -> closing = sentinels[0]"),
                (_ALL_ONE, f"{_CLOSING} -> closing = sentinels[1]"),
            ),
        ),
        Mistake(
            "polarity",
            "starts = taken -> taken = ~taken; starts = taken",
            "what should stay is taken out: True in taken means that the token goes to the target.",
        ),
        Mistake(
            "no-last-sentinel",
            f"{_CLOSING} -> closing = sentinels[:0]",
            "the target ends without a sentinel: one more, the next, closes the last span.",
        ),
        Mistake(
            "end-repeats-the-last",
            f"{_CLOSING} -> closing = sentinels[n - 1]",
            "the target is closed by the sentinel of the last span: take the next one.",
        ),
        Mistake(
            "end-is-the-very-last",
            f"{_CLOSING} -> closing = sentinels[-1]",
            "the target is closed by the last of all sentinels: take the next one after those that were used.",
            also=(f"{_CLOSING} -> closing = sentinels[0]",),
        ),
        Mistake(
            "no-sentinels",
            (f"{_IN_SOURCE} -> tokens[~taken]", f"np.append({_IN_TARGET}, closing) -> tokens[taken]"),
            "the text is cut in two, and nothing says where the spans belong: a sentinel stands for each.",
        ),
        Mistake(
            "bare-target",
            f"np.append({_IN_TARGET}, closing) -> tokens[taken]",
            "the target holds the tokens without sentinels: each span stands after its own.",
            also=(f"{_IN_TARGET} -> tokens[taken]",),
        ),
        Mistake(
            "bare-source",
            f"{_IN_SOURCE} -> tokens[~taken]",
            "the spans leave no trace in the source: each leaves its sentinel there.",
        ),
        Mistake(
            "whole-text",
            f"np.append({_IN_TARGET}, closing) -> tokens",
            "the target is the whole text: it holds what was taken out, and nothing else.",
            also=(f"{_IN_TARGET} -> tokens",),
        ),
        Mistake(
            "spans-stay",
            f"{_IN_SOURCE} -> np.insert(tokens, np.flatnonzero(starts), marks)",
            "the spans are still in the source, beside their sentinels: a sentinel takes a span's place.",
        ),
        Mistake(
            "text-keeps-its-length",
            f"{_IN_SOURCE} -> np.where(taken, sentinels[np.maximum(np.cumsum(starts) - 1, 0)], tokens)",
            "the source has a sentinel for each token that was taken: one stands for the whole span.",
        ),
        Mistake(
            "sentinel-after",
            "in_target -> in_target_late",
            "in the target each sentinel comes after its span: it comes before it.",
        ),
        Mistake(
            "numbered-on",
            (
                f"{_IN_TARGET} -> in_target(tokens, taken, starts, sentinels[n : 2 * n])",
                f"{_CLOSING} -> closing = sentinels[2 * n]",
            ),
            "the target goes on counting sentinels where the source stopped: a span has the same one in both.",
        ),
        Mistake(
            "second-sentinel-first",
            ("marks = sentinels[:n] -> marks = sentinels[1 : n + 1]", f"{_CLOSING} -> closing = sentinels[n + 1]"),
            "the first span gets the second sentinel: begin with sentinels[0], and count on after using it.",
            also=(("marks = sentinels[:n] -> marks = sentinels[1 : n + 1]", f"{_CLOSING} -> closing = sentinels[0]"),),
        ),
        Mistake(
            "sentinels-reversed",
            "marks = sentinels[:n] -> marks = sentinels[:n][::-1]",
            "the sentinels are used in reverse order: the first span gets sentinels[0].",
            also=("marks = sentinels[:n] -> marks = sentinels[::-1][:n]",),
        ),
        Mistake(
            "first-span-unseen",
            "np.concatenate([[False], taken[:-1]]) -> np.roll(taken, 1)",
            "where a text begins with a span, that span gets no sentinel: no token stands before the first "
            "(taken[-1] is the last), so it starts a span if it is taken.",
            also=("np.concatenate([[False], taken[:-1]]) -> np.concatenate([[True], taken[:-1]])",),
        ),
        Mistake(
            "last-span-unseen",
            (
                f"{_IN_SOURCE} -> in_source(tokens, taken, starts, marks)[: -int(taken[-1]) or None]",
                f"np.append({_IN_TARGET}, closing) -> open_ended(tokens, taken, starts, sentinels)",
            ),
            "a span at the end of the text is lost: it is written where a token follows that stays, so write it after "
            "the loop too.",
        ),
        Mistake("exchanged", "return source, target -> return target, source", "source and target are exchanged."),
        Mistake(
            "source-alone",
            "return source, target -> return source",
            "you return the source alone: return (source, target).",
        ),
        Mistake(
            "target-alone",
            "return source, target -> return target",
            "you return the target alone: return (source, target).",
        ),
        Mistake(
            "closed-in-source-too",
            f"{_IN_SOURCE} -> np.append({_IN_SOURCE}, closing)",
            "the closing sentinel stands at the end of the source too: it closes the target alone.",
        ),
        Mistake(
            "open-after-a-last-span",
            f"{_CLOSING} -> closing = sentinels[n : n + 1 - int(taken[-1])]",
            "where the text ends in a span, the target lacks the closing sentinel: it comes after the loop, in any "
            "case.",
        ),
        Mistake(
            "repeats-after-a-last-span",
            f"{_CLOSING} -> closing = sentinels[n - int(taken[-1])]",
            "where the text ends in a span, that span's own sentinel closes the target: the next one does.",
        ),
        Mistake(
            "second-first-and-open",
            ("marks = sentinels[:n] -> marks = sentinels[1 : n + 1]", f"{_CLOSING} -> closing = sentinels[:0]"),
            "the first span gets the second sentinel, and none closes the target: begin with sentinels[0], and append "
            "the next one at the end.",
        ),
        Mistake(
            "first-token-lost",
            partial(_walk, first=1),
            "the first token is lost: the loop begins at the second. Begin at 0, where no token stands before.",
            also=(
                partial(_walk, first=1, begins=True),
                lambda tokens, taken, sentinels: _walk(tokens[1:], taken[1:], sentinels),
            ),
        ),
        Mistake(
            "last-token-lost",
            "starts = -> tokens, taken = tokens[:-1], taken[:-1]; starts =",
            "the last token is lost: the loop ends one too early.",
        ),
        Mistake(
            "sentinels-on-both-sides",
            partial(_walk, both=True),
            "in the target each span has a sentinel on both sides: one stands before it, and only the last span has "
            "one after it.",
        ),
        Mistake(
            "first-span-alone",
            partial(_walk, only_first=True),
            "only the first span gets a sentinel: each leaves one, in the source and before its tokens in the target.",
        ),
        Mistake(
            "marks-alone",
            f"{_IN_SOURCE} -> marks",
            "the source holds the sentinels alone: the tokens that stay are there too.",
        ),
        Mistake(
            "all-spans-as-one",
            (
                f"{_IN_SOURCE} -> np.append(tokens[~taken], sentinels[0])",
                f"{_IN_TARGET} -> np.append(sentinels[0], tokens[taken])",
                f"{_CLOSING} -> closing = sentinels[1]",
            ),
            "all spans are treated as one, with one sentinel at the end of the source: each leaves its own where it "
            "stood.",
        ),
        Mistake(
            "first-of-each-span-lost",
            f"{_IN_TARGET} -> in_target(tokens, taken & ~starts, starts, marks)",
            "the first token of each span is lost (an elif would skip it): after the sentinel that token goes to the "
            "target too.",
        ),
        Mistake(
            "sentinel-by-place",
            "marks = sentinels[:n] -> marks = sentinels[np.flatnonzero(starts)]",
            "the sentinel is picked by the place of the span in the text: count the spans, sentinels[n].",
        ),
    ),
)

# ---- weights with a bias for each lag


def _biased_weights(q: Array, k: Array, table: Array, buckets: Array) -> Array:
    """softmax(q kᵀ + bias) over the keys, without a scale."""
    scores = q @ k.swapaxes(-1, -2)
    scores = scores + np.moveaxis(table[buckets], -1, 0)
    exponentials = np.exp(scores - largest(scores, axis=-1))
    weights = exponentials / total(exponentials, axis=-1)
    return weights


def _inputs(seed: int, h: int, i: int, j: int, d: int, n: int) -> dict[str, Any]:
    buckets = np.random.default_rng(seed).integers(0, n, (i, j))
    q, k = numbers(seed + 1, h, i, d) / 2, numbers(seed + 2, h, j, d)
    return {"q": q, "k": k, "table": numbers(seed + 3, n, h), "buckets": buckets}


def _far(inputs: dict[str, Any]) -> dict[str, Any]:
    """The same with the scores of the queries near -896, 0 and 896, which exp cannot hold."""
    q, k = inputs["q"].copy(), inputs["k"].copy()
    q[..., -1], k[..., -1] = np.resize([-448.0, 0.0, 448.0], q.shape[1]), 2.0
    return {**inputs, "q": q, "k": k}


_BIAS = "np.moveaxis(table[buckets], -1, 0)"
biased_weights = Exercise(
    _biased_weights,
    "q (h, i, d), k (h, j, d), table (n, h), buckets (i, j) -> weights (h, i, j)",
    trials=(
        Trial("three heads, 5 queries, 7 keys", _inputs(31, 3, 5, 7, 2, 11)),
        Trial("two heads, 3 queries, 11 keys", _inputs(41, 2, 3, 11, 5, 7)),
        Trial("large scores", _far(_inputs(51, 2, 7, 3, 5, 13)), LARGE_RTOL),
    ),
    shared=ATTENTION,
    mistakes=(
        Mistake(
            "scaled",
            "k.swapaxes(-1, -2) -> k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])",
            "q kᵀ is divided by √d: T5 does not do that, its trained queries already hold the scale.",
            also=("k.swapaxes(-1, -2) -> k.swapaxes(-1, -2) / q.shape[-1]",),
        ),
        Mistake(
            "both-scaled",
            "exponentials = -> scores = scores / np.sqrt(q.shape[-1]); exponentials =",
            "the sum of scores and bias is divided by √d: T5 has no scale.",
        ),
        Mistake("no-bias", f"+ {_BIAS} ->", "the bias is missing: it is added to the scores."),
        Mistake("multiplied", "scores + -> scores *", "scores and bias are multiplied: add them."),
        Mistake("subtracted", "scores + -> scores -", "the bias is subtracted: add it."),
        Mistake(
            "after-the-softmax",
            (f"+ {_BIAS} ->", f"return weights -> return weights + {_BIAS}"),
            "the bias meets the weights, after the softmax, and rows no longer sum to 1: it is added to the scores, "
            "before the softmax.",
            also=(
                (f"+ {_BIAS} ->", f"return weights -> return weights * {_BIAS}"),
                (f"+ {_BIAS} ->", f"return weights -> return weights * np.exp({_BIAS})"),
            ),
        ),
        Mistake(
            "one-head-for-all",
            f"{_BIAS} -> table[buckets, 0]",
            "all heads get the bias of head 0: each has a column of the table.",
        ),
        Mistake(
            "mean-of-heads",
            f"{_BIAS} -> table[buckets].mean(-1)",
            "all heads get one bias made from those of all: each has a column of the table.",
            also=(f"{_BIAS} -> table[buckets].sum(-1)",),
        ),
        Mistake(
            "reshaped",
            f"{_BIAS} -> table[buckets].reshape(-1, *buckets.shape)",
            "table[buckets] is (i, j, h), and a reshape to (h, i, j) mixes heads with keys: move the last axis to the "
            "front.",
        ),
        Mistake(
            "heads-last",
            f"{_BIAS} -> table[buckets]",
            "table[buckets] is (i, j, h), the scores are (h, i, j): move its last axis to the front, "
            "np.moveaxis(…, -1, 0).",
            also=(f"scores + {_BIAS} -> table[buckets] + scores",),
        ),
        Mistake(
            "all-axes-reversed",
            f"{_BIAS} -> table[buckets].T",
            "the bias has its axes in the order (h, j, i), keys before queries, as .T leaves them: it is (h, i, j), "
            "np.moveaxis(table[buckets], -1, 0).",
            also=(f"{_BIAS} -> table[buckets.T].T.swapaxes(1, 2)", f"{_BIAS} -> table[buckets].swapaxes(0, 2)"),
        ),
        Mistake(
            "table-transposed",
            f"{_BIAS} -> table.T[buckets]",
            "the table has a row for each bucket: index it as it is, table[buckets], (i, j, h).",
            also=(f"{_BIAS} -> table[:, buckets]",),
        ),
        Mistake(
            "bucket-numbers",
            f"{_BIAS} -> buckets",
            "the number of the bucket is added: look its bias up in the table.",
        ),
        Mistake(
            "heads-reversed",
            f"{_BIAS} -> np.moveaxis(table[buckets], -1, 0)[::-1]",
            "the heads have one another's biases: head n has column n of the table.",
        ),
        Mistake(
            "axes-in-another-order",
            f"{_BIAS} -> np.moveaxis(table[buckets], 0, -1)",
            "the bias has its axes in another order than (h, i, j): from (i, j, h) the last comes to the front and the "
            "others stay, np.moveaxis(…, -1, 0).",
            also=tuple(f"{_BIAS} -> table[buckets].transpose({axes})" for axes in ("0, 2, 1", "1, 0, 2")),
        ),
        Mistake(
            "over-queries-and-keys",
            "axis=-1 -> axis=(-2, -1)",
            "the softmax runs over queries and keys together, so that a head's weights sum to 1: each row should, "
            "axis=-1.",
        ),
        Mistake(
            "keys-not-transposed",
            "k.swapaxes(-1, -2) -> k",
            "the keys need their last two axes exchanged, k.swapaxes(-1, -2), (h, d, j): k as it stands does not "
            "fit, and k.T reverses all three.",
            also=("k.swapaxes(-1, -2) -> k.T",),
        ),
        Mistake(
            "bias-scaled",
            f"{_BIAS} -> {_BIAS} / np.sqrt(q.shape[-1])",
            "the bias is divided by √d: nothing is, T5 has no scale.",
        ),
        Mistake(
            "causal",
            "exponentials = -> scores = np.where(np.tri(*scores.shape[1:]), scores, -np.inf); exponentials =",
            "later keys get no weight: there is no mask here, each query looks at all keys.",
        ),
        Mistake(
            "query-for-head",
            f"scores + {_BIAS} -> scores[0] + table[buckets][0]",
            "table[buckets][h] holds the biases of query h: the heads are its last axis, table[buckets][..., h].",
        ),
        Mistake(
            "heads-mixed",
            "k.swapaxes(-1, -2) -> k.sum(axis=0, keepdims=True).swapaxes(-1, -2)",
            "the keys of all heads are added up: each head compares its queries with its own keys.",
            also=("k.swapaxes(-1, -2) -> k[:1].swapaxes(-1, -2)",),
        ),
        Mistake(
            "mean-over-heads",
            "return weights -> return weights.mean(axis=0)",
            "the weights are averaged or added up over the heads: each head has its own, (h, i, j).",
            also=("return weights -> return weights.sum(axis=0)", "return weights -> return weights[0]"),
        ),
    ),
)

# ---- parameters

_M, _N_TOKENS = 512, 32128
_ATTENTION, _FEED_FORWARD = 4 * _M * 8 * 64, 2 * _M * 2048
_NORMS = (6 * 2 + 6 * 3 + 2) * _M
_EMBEDDING, _TABLES = _N_TOKENS * _M, 2 * 32 * 8
_ALL = _EMBEDDING + 18 * _ATTENTION + 12 * _FEED_FORWARD + _NORMS + _TABLES
parameters = Numbers(
    "parameters",
    right={"all_parameters": _ALL, "in_two_tables": _TABLES, "in_twelve_tables": 6 * _TABLES},
    mistakes={
        "all_parameters": {
            _ALL - 6 * _ATTENTION: "the decoder's cross-attention is missing: its blocks have two attentions each.",
            _ALL - 6 * (_ATTENTION + _M): "the decoder's cross-attention is missing: its blocks have two attentions "
            "each, and three norms.",
            _ALL + _EMBEDDING: "the embedding is counted twice: encoder, decoder and output share one.",
            _ALL + 2 * _EMBEDDING: "the embedding is counted three times: encoder, decoder and output share one.",
            _ALL - _EMBEDDING: "the embedding is missing: 32128 tokens of 512 channels.",
            _ALL - _NORMS: "the norms are missing: one vector of m before each sublayer, and one at the end of each "
            "side.",
            _ALL - 2 * _M: "the norm at the end of each side is missing.",
            _ALL - 6 * _M: "the decoder's blocks have three norms each: there is one before the cross-attention too.",
            _ALL + _NORMS: "a norm has one vector here, the weight: an RMS norm has no shift.",
            _ALL - _TABLES: "the tables of biases are missing: 32 buckets and 8 heads on each side.",
            _ALL - _TABLES - _NORMS: "norms and tables of biases are missing.",
            _ALL + 5 * _TABLES: "there is one table of biases a side, not one a block.",
        },
        "in_two_tables": {
            256: "that is one table: each side has one of its own.",
            64: "that is one head's: there are 8 heads, each with a column.",
            32: "that is one head's on one side: there are 8 heads, each with a column.",
        },
        "in_twelve_tables": {
            18 * 256: "cross-attention has no bias: 6 blocks on each of two sides make 12 tables.",
            6 * 256: "that is one side: 6 blocks on each of two sides make 12 tables.",
        },
    },
)

EXERCISES = listed(split_at_spans, rms_norm, shift_right, biased_weights)
