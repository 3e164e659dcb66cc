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


def shift_in_a_loop(by_lag):
    n = len(by_lag)
    return np.array([[by_lag[i, n - 1 + i - j] for j in range(n)] for i in range(n)])


def shift_by_slices(by_lag):
    n = len(by_lag)
    return np.stack([by_lag[i, i : i + n][::-1] for i in range(n)])


def shift_by_reshape(by_lag):
    """As the published code does: turn the columns around, drop what comes first, and read rows one shorter."""
    n = len(by_lag)
    flat = by_lag[:, ::-1].reshape(-1)[n - 1 : -1]
    return flat.reshape(n, 2 * n - 2)[:, :n]


def shift_torch(by_lag):
    n = torch.arange(len(by_lag))
    return torch.from_numpy(by_lag).gather(1, n[:, None] - n + len(by_lag) - 1)


def scores_in_a_loop(q, k, r, u, v):
    n, d = q.shape
    pairs = [[(q[i] + u) @ k[j] + (q[i] + v) @ r[i - j + n - 1] for j in range(n)] for i in range(n)]
    return np.array(pairs) / d**0.5


def scores_in_four_terms(q, k, r, u, v, take=shift_by_slices):
    by_lag = np.einsum("id,ld->il", q, r) + r @ v
    return (np.einsum("id,jd->ij", q, k) + k @ u + take(by_lag)) / np.sqrt(q.shape[1])


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.two_streams, by(masks_in_a_loop)),
        (check.two_streams, by(masks_from_causal)),
        (check.two_streams, by(masks_with_lists)),
        (check.two_streams, one_softmax_for_both),
        (check.relative_shift, shift_in_a_loop),
        (check.relative_shift, shift_by_slices),
        (check.relative_shift, shift_by_reshape),
        (check.relative_shift, shift_torch),
        (check.relative_scores, scores_in_a_loop),
        (check.relative_scores, scores_in_four_terms),
        (check.relative_scores, lambda *a: scores_in_four_terms(*(x.astype(np.float32) for x in a))),
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
    powers = np.exp(scores) * mask
    return powers / powers.sum(axis=-1, keepdims=True)


@with_weights
def masked_after(scores, mask):
    return scipy.special.softmax(scores, axis=-1) * mask


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


def scores_without_place(q, k, r, u, v):
    return ((q + u) @ k.T + ((q + v) @ r.T)[:, : len(q)]) / np.sqrt(q.shape[1])


WRONG = [
    (check.two_streams, by(ranks_from_order), "order-as-turns", "np.argsort(order)"),
    (check.two_streams, by(query_with_itself), "both-with-itself", "from its own token"),
    (check.two_streams, by(lambda o: masks_in_a_loop(o)[1:] * 2), "both-without-itself", "does not see itself"),
    (check.two_streams, by(lambda o: masks_in_a_loop(o)[::-1]), "exchanged", "content first"),
    (check.two_streams, by(as_transformers), "hidden", "are exchanged"),
    (check.two_streams, by(sorted_by_turn), "by-turn", "causal whatever the order"),
    (check.two_streams, by(later_ones), "turned-around", "what comes after it"),
    (check.two_streams, by(lambda o: [m[o] for m in masks_in_a_loop(o)]), "rows-by-turn", "row i is"),
    (check.two_streams, by(lambda o: [m[:, o] for m in masks_in_a_loop(o)]), "columns-by-turn", "column j"),
    (check.two_streams, large_negative, "first-spread-evenly", "give it zeros"),
    (check.two_streams, minus_infinity, "nan", "query holds NaN"),
    (check.two_streams, masked_after, "masked-after-softmax", "mask the scores"),
    (check.two_streams, lambda *a: by(masks_in_a_loop)(*a)[0], "count", "return content (5, 2) and query"),
    (check.two_streams, one_query, "one-query", "made from the token itself"),
    (check.relative_shift, lambda x: shift_by_slices(x[:, ::-1]), "sign", "query minus key"),
    (check.relative_shift, shift_forgetting_to_turn, "sign", "exchanged"),
    (check.relative_shift, lambda x: x[:, : len(x)], "not-shifted", "first columns"),
    (check.relative_shift, lambda x: x[:, len(x) - 1 :], "middle-columns", "last columns"),
    (check.relative_shift, lambda x: x[:, len(x) - 1 :: -1], "reversed-not-shifted", "query 0"),
    (check.relative_shift, lambda x: np.stack([x[i, i : i + len(x)] for i in range(len(x))]), "not-reversed", "falls"),
    (check.relative_shift, lambda x: shift_in_a_loop(x).T, "transposed", "rows are queries"),
    (check.relative_shift, lambda x: np.tril(shift_in_a_loop(x)), "causal", "look both ways"),
    (check.relative_shift, transformer_xl_trick, "sign", "query minus key"),
    (check.relative_shift, lambda x: x, "shape", "expected scores (7, 7), got (7, 13)"),
    (check.relative_scores, scores_without_place, "not-shifted", "its place"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, r[::-1], u, v), "sign", "exchanged"),
    (check.relative_scores, lambda q, *a: scores_in_a_loop(q, *a) * q.shape[1] ** 0.5, "no-scale", "1 / √d"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, r, v, u), "u-v-exchanged", "u goes with"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, r, u, u), "u-for-both", "has v"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, r, 0 * u, 0 * v), "no-biases", "missing"),
    (check.relative_scores, lambda q, k, r, u, v: scores_in_a_loop(q, k, 0 * r, u, v), "content-alone", "position"),
    (
        check.relative_scores,
        lambda q, k, r, u, v: (q @ (k + u).T + shift_by_slices(q @ (r + v).T)) / np.sqrt(q.shape[1]),
        "u-to-the-key",
        "the softmax cancels it",
    ),
]


@pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), WRONG)
def test_wrong_answers_are_told_why(judge, answer, diagnosis, phrase):
    feedback = judge(answer)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message
