"""Multi-head self-attention as a whole, without a mask and with the causal one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial
from course.checks.heads._reshape import merge, merge_by_view, split, split_by_view, split_interleaved
from course.checks.inputs import numbers
from mha import reference

Array = NDArray[Any]
Answer = Callable[[Array, Array, Array, Array, Array, int], Array]


def _attend(q: Array, k: Array, v: Array, **options: Any) -> Array:
    return reference.attention(q, k, v, **options)[0]


def _causal(q: Array, k: Array, v: Array, **options: Any) -> Array:
    allowed = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
    return reference.attention(q, k, v, attn_mask=allowed, **options)[0]


def _over_queries(q: Array, k: Array, v: Array) -> Array:
    return np.asarray(reference.softmax(_scores(q, k), axis=-2) @ v)


def _scores(q: Array, k: Array) -> Array:
    return np.asarray(q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1]))


def _layer(attend: Any = _attend, split: Any = split, merge: Any = merge, project: Any = None) -> Answer:
    """The layer with one of its parts replaced."""

    def answer(x: Array, w_q: Array, w_k: Array, w_v: Array, w_o: Array, n_heads: int) -> Array:
        q, k, v = (split(x @ w, n_heads) for w in (w_q, w_k, w_v))
        heads = attend(q, k, v)
        return np.asarray((merge(heads) @ w_o) if project is None else project(heads, w_o))

    return answer


def _rows(w_o: Array, n_heads: int, head: int) -> Array:
    return np.split(w_o, n_heads)[head]


def _first_rows_for_all(heads: Array, w_o: Array) -> Array:
    return np.asarray(sum(heads[:, n] @ _rows(w_o, heads.shape[1], 0) for n in range(heads.shape[1])))


def _reversed_rows(heads: Array, w_o: Array) -> Array:
    return np.asarray(merge(heads[:, ::-1]) @ w_o)


def _averaged(heads: Array, w_o: Array) -> Array:
    return np.asarray(merge(heads) @ w_o / heads.shape[1])


def _averaged_before(heads: Array, w_o: Array) -> Array:
    return np.asarray(merge(np.broadcast_to(heads.mean(1, keepdims=True), heads.shape)) @ w_o)


def _scaled_by(size: Callable[[Array, Array, int], float], attend: Any = _attend) -> Answer:
    """The layer whose scores are divided by the root of a size made of x, w_q and n_heads."""

    def answer(x: Array, w_q: Array, w_k: Array, w_v: Array, w_o: Array, n_heads: int) -> Array:
        scale = size(x, w_q, n_heads) ** -0.5
        return _layer(lambda q, k, v: attend(q, k, v, scale=scale))(x, w_q, w_k, w_v, w_o, n_heads)

    return answer


def _heads_attend_to_heads(x: Array, w_q: Array, w_k: Array, w_v: Array, w_o: Array, n_heads: int) -> Array:
    """Heads and tokens never swapped, (b, i, h, d): the scores are (b, i, h, h)."""
    q, k, v = ((x @ w).reshape(*x.shape[:2], n_heads, -1) for w in (w_q, w_k, w_v))
    return np.asarray(_attend(q, k, v).reshape(*x.shape[:2], -1) @ w_o)


def _scores_shared(q: Array, k: Array, v: Array) -> Array:
    """The weights of all heads from the mean of their scores."""
    return np.asarray(reference.softmax(_scores(q, k).mean(1, keepdims=True)) @ v)


def _over_heads(q: Array, k: Array, v: Array) -> Array:
    return np.asarray(reference.softmax(_scores(q, k), axis=1) @ v)


def _masked_scores(allowed: Callable[[Array], Array], fill: float = -np.inf) -> Any:
    """Attention whose scores are replaced where `allowed`, made of an (i, j) array of True, is False."""

    def attend(q: Array, k: Array, v: Array) -> Array:
        scores = _scores(q, k)
        mask = allowed(np.ones(scores.shape[-2:], dtype=bool))
        return np.asarray(reference.softmax(np.where(mask, scores, fill)) @ v)

    return attend


def _masked_late(q: Array, k: Array, v: Array) -> Array:
    weights = reference.softmax(_scores(q, k))
    return np.asarray(np.tril(weights) @ v)


def _inputs(seed: int, batch: int, length: int, d_model: int, width: int, n_heads: int) -> dict[str, Any]:
    """x (b, i, m), three maps (m, h·d), one (h·d, m), h."""
    maps = {name: numbers(seed + n, d_model, width) / 4 for n, name in enumerate(("w_q", "w_k", "w_v"), 1)}
    return {"x": numbers(seed, batch, length, d_model), **maps, "w_o": numbers(seed + 4, width, d_model) / 4} | {
        "n_heads": n_heads
    }


_TRIALS = (
    Trial("three heads of two channels", _inputs(81, 2, 5, 7, 6, 3)),
    Trial("two heads of five channels", _inputs(91, 3, 7, 5, 10, 2)),
)


def _shared_mistakes(attend: Any) -> tuple[Mistake, ...]:
    """What goes wrong with and without a mask."""
    return (
        Mistake(
            "no-scale",
            _scaled_by(lambda x, w_q, n_heads: 1.0, attend),
            "the scores are not divided by √head_dim.",
        ),
        Mistake(
            "scale-of-all-heads",
            _scaled_by(lambda x, w_q, n_heads: w_q.shape[1], attend),
            "the scores are divided by the root of the width of all heads together, √(h·d): each score is a dot "
            "product of d channels, so divide by √head_dim. Take the scale after the split.",
        ),
        Mistake(
            "scale-d-model",
            _scaled_by(lambda x, w_q, n_heads: x.shape[-1], attend),
            "the scores are divided by √d_model: each is a dot product of one head's channels, so divide by √head_dim.",
        ),
        Mistake(
            "scale-n-heads",
            _scaled_by(lambda x, w_q, n_heads: n_heads, attend),
            "the scores are divided by √n_heads: divide by √head_dim.",
        ),
        Mistake(
            "scale-not-rooted",
            _scaled_by(lambda x, w_q, n_heads: (w_q.shape[1] / n_heads) ** 2, attend),
            "the scores are divided by head_dim: divide by its root.",
        ),
        Mistake(
            "one-head",
            lambda x, w_q, w_k, w_v, w_o, n_heads: _layer(attend)(x, w_q, w_k, w_v, w_o, 1),
            "this is one head on the whole width: n_heads is not used.",
        ),
        Mistake(
            "view-instead-of-transpose",
            _layer(attend, split=split_by_view),
            "the heads are cut by a reshape straight to (b, h, i, d), so each gets some tokens whole instead of its "
            "own channels of every token: reshape to (b, i, h, d), then swap i and h.",
        ),
        Mistake(
            "view-both-ways",
            _layer(attend, split=split_by_view, merge=merge_by_view),
            "heads are cut and merged by a reshape alone. The two undo each other, so the shapes fit, but each head "
            "attends among the wrong numbers: reshape to (b, i, h, d), swap i and h, and swap back before merging.",
        ),
        Mistake(
            "merged-without-transpose",
            _layer(attend, merge=merge_by_view),
            "the heads are merged by a reshape alone, which mixes tokens: swap the axes back to (b, i, h, d) first.",
        ),
        Mistake(
            "interleaved",
            _layer(attend, split=split_interleaved),
            "head 0 takes every h-th channel: it takes the first d channels of q, k and v.",
        ),
        Mistake(
            "no-output-map",
            _layer(attend, project=lambda heads, w_o: merge(heads)),
            "the heads are laid side by side, and w_o is missing: multiply by it.",
        ),
        Mistake(
            "first-rows-for-all",
            _layer(attend, project=_first_rows_for_all),
            "every head is multiplied by the first d rows of w_o: head n has the rows n·d to (n + 1)·d of its own.",
        ),
        Mistake(
            "heads-reversed",
            _layer(attend, project=_reversed_rows),
            "the heads are joined in reverse order, so each meets the rows of w_o of another.",
        ),
        Mistake(
            "averaged",
            _layer(attend, project=_averaged),
            "the heads are averaged, and the output is n_heads times too small: they are added up by w_o.",
        ),
        Mistake(
            "averaged-before",
            _layer(attend, project=_averaged_before),
            "the heads' outputs are averaged before w_o: lay them side by side instead.",
        ),
        Mistake(
            "first-head-only",
            _layer(attend, project=lambda heads, w_o: heads[:, 0] @ _rows(w_o, heads.shape[1], 0)),
            "this is what head 0 adds, alone: add up what all heads do.",
        ),
        Mistake(
            "last-head-only",
            _layer(attend, project=lambda heads, w_o: heads[:, -1] @ _rows(w_o, heads.shape[1], -1)),
            "this is what the last head adds, alone: add to the sum in the loop, instead of writing over it.",
        ),
        Mistake(
            "queries-for-keys",
            lambda x, w_q, w_k, w_v, w_o, n_heads: _layer(attend)(x, w_q, w_q, w_v, w_o, n_heads),
            "the keys are made with w_q: they have a map of their own, w_k.",
        ),
        Mistake(
            "queries-and-keys-swapped",
            lambda x, w_q, w_k, w_v, w_o, n_heads: _layer(attend)(x, w_k, w_q, w_v, w_o, n_heads),
            "queries and keys are exchanged: q = x @ w_q asks, k = x @ w_k is asked.",
        ),
        Mistake(
            "keys-for-values",
            lambda x, w_q, w_k, w_v, w_o, n_heads: _layer(attend)(x, w_q, w_k, w_k, w_o, n_heads),
            "the values are made with w_k: they have a map of their own, w_v.",
        ),
    )


MULTI_HEAD_ATTENTION = Exercise(
    returns=("out",),
    right=lambda x, w_q, w_k, w_v, w_o, n_heads: reference.multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads=n_heads)[
        0
    ],
    trials=_TRIALS,
    mistakes=(
        *_shared_mistakes(_attend),
        Mistake(
            "over-queries",
            _layer(_over_queries),
            "the softmax runs over the queries: it runs over the keys, the last axis of the scores.",
        ),
        Mistake(
            "heads-never-swapped",
            _heads_attend_to_heads,
            "the heads of one token attend to one another, and no token sees another: swap the axes from (b, i, h, d) "
            "to (b, h, i, d) before the scores, which should be (b, h, i, j).",
        ),
        Mistake(
            "over-heads",
            _layer(_over_heads),
            "the softmax runs over the heads, axis 1 of (b, h, i, j): it runs over the keys, the last axis.",
        ),
        Mistake(
            "no-softmax",
            _layer(lambda q, k, v: _scores(q, k) @ v),
            "the scores themselves weigh the values: a softmax over the keys is missing.",
        ),
        Mistake(
            "scores-averaged",
            _layer(_scores_shared),
            "all heads use the same weights, from the mean of their scores: each head has weights of its own.",
        ),
    ),
)

CAUSAL_MULTI_HEAD = Exercise(
    returns=("out",),
    right=_layer(_causal),
    trials=_TRIALS,
    mistakes=(
        Mistake(
            "no-mask",
            _layer(_attend),
            "the later positions are not masked: a query attends up to its own position only.",
        ),
        Mistake(
            "mask-reversed",
            _layer(_masked_scores(np.triu)),
            "each query attends to itself and to what comes later: it should see what comes before. np.tril, not "
            "np.triu.",
        ),
        Mistake(
            "own-position-excluded",
            _layer(_masked_scores(lambda ones: np.tril(ones, -1))),
            "a query does not see its own position, and the first sees nothing: the diagonal belongs to the mask.",
        ),
        Mistake(
            "one-too-far",
            _layer(_masked_scores(lambda ones: np.tril(ones, 1))),
            "a query sees one position too far: the mask is shifted by one.",
        ),
        Mistake(
            "polarity",
            _layer(_masked_scores(lambda ones: ~np.tril(ones))),
            "the mask is used the wrong way round: what it allows is set to -inf.",
        ),
        Mistake(
            "zero-for-minus-infinity",
            _layer(_masked_scores(np.tril, 0.0)),
            "the scores of later positions are set to 0, and e⁰ = 1 is a weight: set them to -inf.",
        ),
        Mistake(
            "masked-after-softmax",
            _layer(_masked_late),
            "the weights are masked after the softmax, so the rest of a row does not sum to 1: mask the scores.",
        ),
        *_shared_mistakes(_causal),
    ),
)
