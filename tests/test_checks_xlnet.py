"""The checks of the chapter on XLNet against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import torch

from course.checks import xlnet as check
from mha.models import xlnet

# ---- right answers, written differently


def masks_in_a_loop(order):
    n = len(order)
    content, query = np.zeros((n, n), dtype=bool), np.zeros((n, n), dtype=bool)
    for turn, position in enumerate(order):
        query[position, order[:turn]] = True
        content[position, order[: turn + 1]] = True
    return content, query


def masks_from_causal(order):
    """Causal by turn, then rows and columns carried to where the positions are."""
    places = np.ix_(order, order)
    content, query = np.zeros((2, len(order), len(order)), dtype=int)
    content[places], query[places] = np.tri(len(order)), np.tri(len(order), k=-1)
    return content, query


def masks_with_lists(order):
    turn = {int(position): t for t, position in enumerate(order)}
    n = range(len(order))
    query = [[turn[j] < turn[i] for j in n] for i in n]
    return [[query[i][j] or i == j for j in n] for i in n], query


def softmax_rows(scores, allowed):
    """Only over the keys that are allowed, row by row."""
    out = np.zeros_like(scores)
    for row, mask in enumerate(np.asarray(allowed, dtype=bool)):
        if mask.any():
            out[row, mask] = scipy.special.softmax(scores[row, mask])
    return out


def by(masks):
    """The exercise's function, from a function that makes the masks."""

    def answer(q_h, q_g, k, v, order):
        content, query = masks(order)
        scores = [q @ k.T / np.sqrt(q.shape[1]) for q in (q_h, q_g)]
        return softmax_rows(scores[0], content) @ v, softmax_rows(scores[1], query) @ v

    return answer


def one_softmax_for_both(q_h, q_g, k, v, order):
    """As this package does: the queries of both streams stacked over one set of keys."""
    masks = torch.cat(xlnet.permutation_masks(torch.from_numpy(order)))
    q, k, v = (torch.from_numpy(x) for x in (np.concatenate([q_h, q_g]), k, v))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=masks).nan_to_num().chunk(2)


def shift_by_slices(by_lag):
    n = len(by_lag)
    return np.stack([by_lag[i, i : i + n][::-1] for i in range(n)])


def shift_by_reshape(by_lag):
    """As the published code does: turn the columns around, drop what comes first, and read rows one shorter."""
    n = len(by_lag)
    flat = by_lag[:, ::-1].reshape(-1)[n - 1 : -1]
    return flat.reshape(n, 2 * n - 2)[:, :n]


def scores_in_a_loop(q, k, r, u, v):
    n, d = q.shape
    pairs = [[(q[i] + u) @ k[j] + (q[i] + v) @ r[i - j + n - 1] for j in range(n)] for i in range(n)]
    return np.array(pairs) / d**0.5


def scores_in_four_terms(q, k, r, u, v, take=shift_by_slices):
    by_lag = np.einsum("id,ld->il", q, r) + r @ v
    return (np.einsum("id,jd->ij", q, k) + k @ u + take(by_lag)) / np.sqrt(q.shape[1])


def partial_in_a_loop(order, n_context):
    content, query = masks_in_a_loop(order)
    given = order[:n_context]
    content[np.ix_(given, given)], query[given] = True, False
    return content, query


def partial_by_sets(order, n_context):
    n = len(order)
    content, query = np.zeros((2, n, n), dtype=int)
    for t, position in enumerate(order):
        before = set(order[: max(t, n_context)])
        for key in range(n):
            content[position, key] = key in before or key == position
            query[position, key] = t >= n_context and key in before
    return content, query


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.two_streams, by(masks_in_a_loop)),
        (check.two_streams, by(masks_from_causal)),
        (check.two_streams, by(masks_with_lists)),
        (check.two_streams, one_softmax_for_both),
        (check.relative_scores, scores_in_a_loop),
        (check.relative_scores, scores_in_four_terms),
        (check.relative_scores, lambda *a: scores_in_four_terms(*a, take=shift_by_reshape)),
        (check.relative_scores, lambda *a: scores_in_four_terms(*(x.astype(np.float32) for x in a))),
        (check.partial_masks, lambda order, n: xlnet.permutation_masks(torch.from_numpy(order), n_context=n)),
        (check.partial_masks, partial_in_a_loop),
        (check.partial_masks, partial_by_sets),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers


def ranks_from_order(order):
    return order[None, :] <= order[:, None], order[None, :] < order[:, None]


def query_with_itself(order):
    content, _ = masks_in_a_loop(order)
    return content, content


def as_transformers(order):
    """perm_mask, in which 1 hides."""
    content, query = masks_in_a_loop(order)
    return 1 - content, 1 - query


def sorted_by_turn(order):
    return np.tri(len(order), dtype=bool), np.tri(len(order), k=-1, dtype=bool)


def later_ones(order):
    turn = np.argsort(order)
    return turn[None, :] >= turn[:, None], turn[None, :] > turn[:, None]


def with_weights(change):
    def answer(q_h, q_g, k, v, order):
        masks = masks_in_a_loop(order)
        return [change(q @ k.T / np.sqrt(q.shape[1]), mask) @ v for q, mask in zip((q_h, q_g), masks, strict=True)]

    return answer


@with_weights
def large_negative(scores, mask):
    """-1e30 for what is hidden, as the published code has it."""
    return scipy.special.softmax(scores - 1e30 * ~mask, axis=-1)


@with_weights
def minus_infinity(scores, mask):
    return scipy.special.softmax(np.where(mask, scores, -np.inf), axis=-1)


@with_weights
def no_maximum(scores, mask):
    powers = np.exp(scores) * mask
    return powers / powers.sum(axis=-1, keepdims=True)


@with_weights
def masked_after(scores, mask):
    return scipy.special.softmax(scores, axis=-1) * mask


@with_weights
def one_maximum_for_all(scores, mask):
    powers = np.exp(np.where(mask, scores, -np.inf) - scores[mask].max())
    total = powers.sum(axis=-1, keepdims=True)
    return powers / np.where(total > 0, total, 1.0)


@with_weights
def maximum_with_hidden_ones(scores, mask):
    powers = np.where(mask, np.exp(scores - scores.max(axis=-1, keepdims=True)), 0.0)
    total = powers.sum(axis=-1, keepdims=True)
    return powers / np.where(total > 0, total, 1.0)


def one_query(q_h, q_g, *rest):
    return by(masks_in_a_loop)(q_h, q_h, *rest)


def shift_forgetting_to_turn(by_lag):
    n = len(by_lag)
    return by_lag.reshape(-1)[n - 1 : -1].reshape(n, 2 * n - 2)[:, :n]


def transformer_xl_trick(by_lag):
    """Made for a causal model: a column of zeros in front, reshaped, the first row dropped."""
    n, width = by_lag.shape
    padded = np.concatenate([np.zeros((n, 1)), by_lag], axis=1).reshape(width + 1, n)
    return padded[1:].reshape(n, width)[:, :n]


def context_by_position(order, n_context):
    content, query = partial_in_a_loop(order, 0)
    content[:n_context, :n_context], query[:n_context] = True, False
    return content, query


def context_in_query_too(order, n_context):
    given = order[:n_context]
    content, query = partial_in_a_loop(order, n_context)
    query[np.ix_(given, given)] = True
    return content, query


def as_bert(order, n_context):
    content, query = np.zeros((2, len(order), len(order)), dtype=bool)
    content[:, order[:n_context]], query[:, order[:n_context]] = True, True
    content |= np.eye(len(order), dtype=bool)
    query[order[:n_context]] = False
    return content, query


def scores_by_lag(q, k, r, u, v):
    return ((q + u) @ k.T + (q + v) @ r.T) / np.sqrt(q.shape[1])


def scores_without_place(q, k, r, u, v):
    return ((q + u) @ k.T + ((q + v) @ r.T)[:, : len(q)]) / np.sqrt(q.shape[1])


WRONG = [
    (check.two_streams, by(ranks_from_order), "order-as-turns", "np.argsort(order)"),
    (check.two_streams, by(query_with_itself), "both-with-itself", "from its own token"),
    (check.two_streams, by(lambda o: masks_in_a_loop(o)[1:] * 2), "both-without-itself", "does not see itself"),
    (check.two_streams, by(lambda o: masks_in_a_loop(o)[::-1]), "masks-exchanged", "sees itself in content"),
    (check.two_streams, by(as_transformers), "mask-inverted", "forbidden keys"),
    (check.two_streams, by(sorted_by_turn), "left-to-right", "causal whatever the order"),
    (check.two_streams, by(later_ones), "turned-around", "what comes after it"),
    (check.two_streams, by(lambda o: [m[o] for m in masks_in_a_loop(o)]), "rows-by-turn", "row i is"),
    (check.two_streams, by(lambda o: [m[:, o] for m in masks_in_a_loop(o)]), "columns-by-turn", "column j"),
    (check.two_streams, large_negative, "uniform-row", "give it zeros"),
    (check.two_streams, minus_infinity, "nan-row", "first of the order is NaN"),
    (check.two_streams, no_maximum, "overflows-before-the-mask+nan-row", "subtract each row's largest"),
    (check.two_streams, one_maximum_for_all, "global-shift", "each row's own"),
    (check.two_streams, maximum_with_hidden_ones, "renormalised", "mask the scores"),
    (check.two_streams, masked_after, "masked-after-softmax", "Put -inf into the scores"),
    (check.two_streams, lambda *a: by(masks_in_a_loop)(*a)[0], "count", "content"),
    (check.two_streams, one_query, "one-query", "made from the token itself"),
    (
        check.relative_scores,
        lambda *a: scores_in_four_terms(*a, take=shift_forgetting_to_turn),
        "sign",
        "exchanged",
    ),
    (check.relative_scores, lambda *a: scores_in_four_terms(*a, take=transformer_xl_trick), "sign", "query minus key"),
    (check.relative_scores, scores_by_lag, "not-shifted", "a column for each"),
    (check.relative_scores, scores_without_place, "first-columns", "each row must move"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, r[::-1], u, v), "sign", "exchanged"),
    (check.relative_scores, lambda q, *a: scores_in_a_loop(q, *a) * q.shape[1] ** 0.5, "unscaled", "√d"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, r, v, u), "u-v-exchanged", "u goes with"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, r, u, u), "u-for-both", "has v"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, r, 0 * u, 0 * v), "no-biases", "missing"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, 0 * r, u, v), "content-alone", "position"),
    (
        check.relative_scores,
        lambda q, k, r, u, v: (q @ (k + u).T + shift_by_slices(q @ (r + v).T)) / np.sqrt(q.shape[1]),
        "biases-to-the-keys",
        "the softmax cancels it",
    ),
    (check.partial_masks, lambda order, n: masks_in_a_loop(order), "context-ignored", "see one another"),
    (check.partial_masks, context_by_position, "context-by-position", "first n_context of the order"),
    (check.partial_masks, context_in_query_too, "query-context-in-turn", "are not predicted"),
    (
        check.partial_masks,
        lambda order, n: [mask[order[n:]] for mask in partial_in_a_loop(order, n)],
        "predicted-rows-alone",
        "a row for each position",
    ),
    (check.partial_masks, as_bert, "predicted-apart", "as in BERT"),
    (check.partial_masks, lambda order, n: partial_in_a_loop(np.argsort(order), n), "order-as-turns", "argsort"),
    (check.partial_masks, lambda order, n: partial_in_a_loop(order, n + 1), "one-given-too-many", "below n_context"),
]


@pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), WRONG)
def test_wrong_answers_are_told_why(judge, answer, diagnosis, phrase):
    feedback = judge(answer)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message


def test_what_is_seen_is_what_the_masks_say():
    order = torch.randperm(20)
    bert = xlnet.permutation_masks(order, n_context=17)[1][order[17:]][:, order[:17]]
    partial = xlnet.permutation_masks(order, n_context=17)[1]
    feedback = check.seen(xlnet.permutation_masks(order)[1].sum(), bert.sum(), partial.sum())
    assert feedback.ok, feedback


def test_where_two_masks_differ_is_said_in_words():
    def curious(order, n_context):
        content, query = check.partial_masks.right(order, n_context)
        given = np.isin(np.arange(len(order)), order[:n_context])
        return content & ~(given & ~given[:, None]), query

    message = check.partial_masks(curious).message
    assert "content is right but for predicted tokens that look at given ones" in message
