"""The checks of the chapter on writing with a model against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F

from course.checks import generation as check
from mha.cache import KVCache
from mha.generate import probabilities
from tests.told import wrong_answer_tests

# ---- right answers, written differently


def nucleus_loops(p, threshold):
    out = np.zeros_like(p)
    for row, kept in zip(p, out, strict=True):
        total = 0.0
        for token in sorted(range(len(row)), key=lambda n: -row[n]):
            if total >= threshold:
                break
            kept[token] = row[token]
            total += row[token]
        kept /= total
    return out


def nucleus_cut(p, threshold):
    """By the smallest probability that is kept; no two in a row are alike."""
    ordered = -np.sort(-p, axis=-1)
    n_kept = (ordered.cumsum(-1) < threshold).sum(-1)  # the index of the last one kept
    smallest = np.take_along_axis(ordered, n_kept[:, None], axis=-1)
    kept = np.where(p >= smallest, p, 0)
    return kept / kept.sum(-1, keepdims=True)


def nucleus_torch(p, threshold):
    """One trial meets the threshold exactly; no sum that went through a logarithm does, so a hair less is asked."""
    return probabilities(torch.from_numpy(p).log(), top_p=threshold * (1 - 1e-9))


def cached_one_by_one(q, k, v, cached_k, cached_v):
    rows = []
    for n in range(len(q)):
        cached_k, cached_v = np.vstack([cached_k, k[n]]), np.vstack([cached_v, v[n]])
        weights = scipy.special.softmax(cached_k @ q[n] / np.sqrt(len(q[n])))
        rows.append(weights @ cached_v)
    return np.stack(rows)


def cached_torch(q, k, v, cached_k, cached_v):
    q, k, v, cached_k, cached_v = (torch.from_numpy(x)[None, None] for x in (q, k, v, cached_k, cached_v))
    cache = KVCache(1, 1, 11, q.shape[-1], dtype=q.dtype)
    cache.append(cached_k, cached_v)
    keys, values = cache.append(k, v)
    mask = torch.ones(q.shape[2], keys.shape[2], dtype=torch.bool).tril(cached_k.shape[2])
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)[0, 0]


def cached_as_part_of_the_whole(q, k, v, cached_k, cached_v):
    """Queries for the cached tokens too, whatever they are; their rows are dropped."""
    keys, values = np.vstack([cached_k, k]), np.vstack([cached_v, v])
    queries = np.vstack([np.zeros_like(cached_k), q])
    scores = np.where(np.tri(len(keys)) > 0, queries @ keys.T / q.shape[1] ** 0.5, -np.inf)
    return (scipy.special.softmax(scores, axis=-1) @ values)[len(cached_k) :]


def stand_loops(p, q):
    stands = [min(1.0, a / b) for a, b in zip(p, q, strict=True)]
    more = [max(a - b, 0.0) for a, b in zip(p, q, strict=True)]
    return stands, [x / sum(more) for x in more]


def stand_torch(p, q):
    p, q = torch.from_numpy(p), torch.from_numpy(q)
    more = (p - q).relu()
    return (p / q).clamp(max=1), more / more.sum()


def stand_of_common(p, q):
    """By what both have of each token."""
    both = np.minimum(p, q)
    return both / q, (p - both) / (1 - both.sum())


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.top_p, nucleus_loops),
        (check.top_p, nucleus_cut),
        (check.top_p, nucleus_torch),
        (check.cached_attention, cached_one_by_one),
        (check.cached_attention, cached_torch),
        (check.cached_attention, cached_as_part_of_the_whole),
        (check.stand_or_replace, stand_loops),
        (check.stand_or_replace, stand_torch),
        (check.stand_or_replace, stand_of_common),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers


def kept_while(p, keep, *, back=True):
    """As learners write it: sort, sum, compare, bring back; with the comparison as an argument."""
    order = np.argsort(p, axis=-1)[:, ::-1]
    ordered = np.take_along_axis(p, order, axis=-1)
    kept = np.where(keep(ordered, np.cumsum(ordered, axis=-1)), ordered, 0)
    kept = kept / kept.sum(axis=-1, keepdims=True)
    return np.take_along_axis(kept, np.argsort(order, axis=-1), axis=-1) if back else kept


def in_order_of_ids(p, threshold):
    kept = np.where(np.cumsum(p, axis=-1) - p < threshold, p, 0)
    return kept / kept.sum(axis=-1, keepdims=True)


def masked_in_sorted_order(p, threshold):
    ordered = -np.sort(-p, axis=-1)
    kept = np.where(np.cumsum(ordered, axis=-1) - ordered < threshold, p, 0)
    return kept / kept.sum(axis=-1, keepdims=True)


def step(q, k, v, cached_k, cached_v, mask=None, scale=None):
    """As learners write it, with the mask and the scale as arguments."""
    keys, values = np.concatenate([cached_k, k]), np.concatenate([cached_v, v])
    scores = q @ keys.T * (q.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = np.where(mask(len(q), len(keys)) > 0, scores, -np.inf)
    return scipy.special.softmax(scores, axis=-1) @ values


def aligned(new, total):
    return np.tri(new, total, total - new)


def swapped_order(q, k, v, cached_k, cached_v):
    keys, values = np.vstack([k, cached_k]), np.vstack([v, cached_v])
    scores = np.where(aligned(len(q), len(keys)) > 0, q @ keys.T / q.shape[1] ** 0.5, -np.inf)
    return scipy.special.softmax(scores, axis=-1) @ values


WRONG = [
    (check.top_p, in_order_of_ids, "not-sorted", "the likeliest first"),
    (check.top_p, masked_in_sorted_order, "unsorted-mask", "bring the mask back"),
    (check.top_p, lambda p, t: kept_while(p, lambda o, total: total <= t), "one-too-few", "belongs to the nucleus"),
    (check.top_p, lambda p, t: kept_while(p, lambda o, total: total < t), "one-too-few", "belongs to the nucleus"),
    (
        check.top_p,
        lambda p, t: kept_while(p, lambda o, total: total - o <= t),
        "one-too-many",
        "kept although those before it have",
    ),
    (
        check.top_p,
        lambda p, t: kept_while(p, lambda o, total: total - o < t, back=False),
        "left-sorted",
        "token's place",
    ),
    (check.top_p, lambda p, t: np.where(nucleus_cut(p, t) > 0, p, 0), "not-renormalised", "divide by their sum"),
    (
        check.top_p,
        lambda p, t: scipy.special.softmax(np.where(nucleus_cut(p, t) > 0, p, -np.inf), -1),
        "softmax-again",
        "no scores",
    ),
    (
        check.top_p,
        lambda p, t: np.where(p > t, p, 0),
        "single-tokens+not-renormalised",
        "wrong. First, tokens are kept by",
    ),
    (check.top_p, lambda p, t: nucleus_cut(p, t) > 0, "mask-returned", "tokens are kept: return their probabilities,"),
    (
        check.cached_attention,
        lambda *a: step(*a, mask=np.tri),
        "aligned-first",
        "the new tokens from 0: query",
    ),
    (check.cached_attention, step, "not-causal", "up to itself"),
    (
        check.cached_attention,
        lambda *a: step(*a, mask=lambda i, j: np.tri(i, j, j - i - 1)),
        "own-position-excluded",
        "its own key",
    ),
    (check.cached_attention, lambda q, k, v, *cached: step(q, k[:0], v[:0], *cached), "cache-alone", "append them"),
    (
        check.cached_attention,
        lambda q, k, v, *cached: step(q, k, v, k[:0], v[:0], np.tri),
        "new-alone",
        "appended to it",
    ),
    (check.cached_attention, swapped_order, "new-before-cached", "stand before the cached ones: they"),
    (check.cached_attention, lambda *a: step(*a, mask=aligned, scale=1.0), "unscaled", "√d"),
    (check.cached_attention, lambda *a: step(*a, mask=aligned)[-1:], "last-only", "each new token has one"),
    (
        check.cached_attention,
        lambda q, k, v, a, b: step(q, k, v, a, b, np.tri)[:, :2],
        "shape",
        "(3, 7), that is (i, d),",
    ),
    (check.stand_or_replace, lambda p, q: (np.minimum(q / p, 1), stand_loops(p, q)[1]), "ratio-turned", "turned round"),
    (check.stand_or_replace, lambda p, q: (p / q, stand_loops(p, q)[1]), "not-cut-at-one", "cut the ratio off at 1"),
    (check.stand_or_replace, lambda p, q: (p, stand_loops(p, q)[1]), "stands-by-p", "already, so p / q"),
    (check.stand_or_replace, lambda p, q: (stand_loops(p, q)[0], p), "from-p", "what p has more than q"),
    (
        check.stand_or_replace,
        lambda p, q: (stand_loops(p, q)[0], (p - q).clip(0)),
        "not-divided",
        "divide it by its sum",
    ),
    (
        check.stand_or_replace,
        lambda p, q: (stand_loops(p, q)[0], abs(p - q) / abs(p - q).sum()),
        "either-way",
        "not |p - q|",
    ),
    (check.stand_or_replace, lambda p, q: stand_loops(p, q)[::-1], "swapped", "changed places"),
    (
        check.stand_or_replace,
        lambda p, q: (stand_loops(p, q)[0], stand_loops(q, p)[1]),
        "what-q-has-more",
        "too often as it is",
    ),
]


test_wrong_answers_are_told, test_each_check_meets_six_that_differ = wrong_answer_tests(check, WRONG)
