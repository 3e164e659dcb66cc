"""A text with spans taken out, and the spans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial

Array = NDArray[Any]
Answer = Callable[[Array, Array, Array], tuple[Array, Array]]


def _ids(*parts: Any) -> Array:
    return np.concatenate([np.atleast_1d(np.asarray(part, dtype=np.float64)) for part in parts])


def _starts(taken: Array) -> Array:
    """Where a span begins."""
    return taken & ~np.concatenate([[False], taken[:-1]])


def _source(tokens: Array, taken: Array, sentinels: Array, at: Array | None = None) -> Array:
    """The text with the next sentinel at each place of `at`, the starts of the spans, and the rest of them gone."""
    at = _starts(taken) if at is None else at
    marked = np.where(at, sentinels[np.minimum(np.cumsum(at) - 1, len(sentinels) - 1)], tokens)
    return _ids(marked[~taken | at])


def _spans(tokens: Array, taken: Array) -> list[Array]:
    n = np.cumsum(_starts(taken))
    return [tokens[taken & (n == span)] for span in range(1, int(n[-1]) + 1)]


def _target(tokens: Array, taken: Array, sentinels: Array) -> Array:
    spans = _spans(tokens, taken)
    return _ids(*(part for pair in zip(sentinels, spans, strict=False) for part in pair), sentinels[len(spans)])


def _right(tokens: Array, taken: Array, sentinels: Array) -> tuple[Array, Array]:
    return _source(tokens, taken, sentinels), _target(tokens, taken, sentinels)


def _one_a_token(tokens: Array, taken: Array, sentinels: Array) -> tuple[Array, Array]:
    many = np.concatenate([sentinels, sentinels[-1] - 1 - np.arange(len(tokens))])
    pairs = (part for pair in zip(many, tokens[taken], strict=False) for part in pair)
    return _source(tokens, taken, many, taken), _ids(*pairs, many[taken.sum()])


def _with(source: Any = _source, target: Any = _target) -> Answer:
    return lambda tokens, taken, sentinels: (source(tokens, taken, sentinels), target(tokens, taken, sentinels))


def _behind(tokens: Array, taken: Array, sentinels: Array) -> Array:
    spans = _spans(tokens, taken)
    return _ids(*(part for pair in zip(spans, sentinels, strict=False) for part in pair), sentinels[len(spans)])


def _numbered_on(tokens: Array, taken: Array, sentinels: Array) -> Array:
    return _target(tokens, taken, np.concatenate([sentinels[len(_spans(tokens, taken)) :], sentinels]))


def _text(seed: int, length: int, taken: list[int]) -> dict[str, Any]:
    """Ids of t5-small's vocabulary, whose sentinels are its last, counted down."""
    tokens = 20001 + 2 * np.random.default_rng(seed).integers(0, 5000, length)  # odd: float16 cannot hold them
    return {"tokens": tokens, "taken": np.isin(np.arange(length), taken), "sentinels": 32099 - np.arange(5)}


SPLIT_AT_SPANS = Exercise(
    returns=("source", "target"),
    right=_right,
    trials=(
        Trial("two spans inside a text", _text(1, 11, [2, 3, 8]), single_rtol=1e-6),
        Trial("spans at both ends", _text(2, 13, [0, 1, 5, 6, 7, 12]), single_rtol=1e-6),
    ),
    mistakes=(
        Mistake(
            "one-a-token",
            _one_a_token,
            "every token that is taken gets a sentinel of its own: a span gets one, however long it is.",
        ),
        Mistake(
            "same-sentinel",
            lambda tokens, taken, sentinels: _right(tokens, taken, np.repeat(sentinels[:1], len(sentinels))),
            "all spans get the same sentinel, so nobody can tell which span stood where: take the next one each time.",
        ),
        Mistake(
            "polarity",
            lambda tokens, taken, sentinels: _right(tokens, ~taken, sentinels),
            "what should stay is taken out: True in taken means that the token goes to the target.",
        ),
        Mistake(
            "no-last-sentinel",
            _with(target=lambda *inputs: _target(*inputs)[:-1]),
            "the target ends without a sentinel: one more, the next, closes the last span.",
        ),
        Mistake(
            "end-repeats-the-last",
            _with(target=lambda *inputs: np.where(_is_last(inputs), _target(*inputs)[-1] + 1, _target(*inputs))),
            "the target is closed by the sentinel of the last span: take the next one.",
        ),
        Mistake(
            "no-sentinels",
            lambda tokens, taken, sentinels: (_ids(tokens[~taken]), _ids(tokens[taken])),
            "the text is cut in two, and nothing says where the spans belong: a sentinel stands for each.",
        ),
        Mistake(
            "bare-target",
            _with(target=lambda tokens, taken, sentinels: _ids(tokens[taken])),
            "the target holds the tokens without sentinels: each span stands behind its own.",
        ),
        Mistake(
            "bare-source",
            _with(source=lambda tokens, taken, sentinels: _ids(tokens[~taken])),
            "the spans leave no trace in the source: each leaves its sentinel there.",
        ),
        Mistake(
            "whole-text",
            _with(target=lambda tokens, taken, sentinels: _ids(tokens)),
            "the target is the whole text: it holds what was taken out, and nothing else.",
        ),
        Mistake(
            "sentinel-behind",
            _with(target=_behind),
            "in the target a sentinel stands behind its span: it comes before it.",
        ),
        Mistake(
            "numbered-on",
            _with(target=_numbered_on),
            "the target goes on counting sentinels where the source stopped: a span has the same one in both.",
        ),
        Mistake(
            "exchanged",
            lambda *inputs: _right(*inputs)[::-1],
            "source and target are exchanged.",
        ),
    ),
)


def _is_last(inputs: tuple[Array, ...]) -> Array:
    length = len(_target(*inputs))
    return np.arange(length) == length - 1
