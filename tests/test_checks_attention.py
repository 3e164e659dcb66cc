"""The checks of the attention chapter against answers as learners write them, right and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

from mha.checks import attention as check

# ---- right answers, written differently


def softmax_shifted(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_loops(s):
    weights = np.zeros_like(s)
    for index in np.ndindex(s.shape[:-1]):
        top = max(s[index])
        exponentials = [math.exp(x - top) for x in s[index]]
        weights[index] = [e / sum(exponentials) for e in exponentials]
    return weights


def softmax_log_sum_exp(s):
    return np.exp(s - np.logaddexp.reduce(s, axis=-1, keepdims=True))


def softmax_torch(s):
    return torch.as_tensor(s).softmax(-1)


def softmax_float32(s):
    return softmax_shifted(s.astype(np.float32))


def softmax_hidden_float32(s):
    return softmax_float32(s).astype(np.float64)


def attention_matmul(q, k, v):
    weights = softmax_shifted(q @ k.T / np.sqrt(k.shape[-1]))
    return weights @ v, weights


def attention_einsum(q, k, v):
    weights = scipy.special.softmax(np.einsum("id,jd->ij", q, k) * q.shape[-1] ** -0.5, axis=-1)
    return np.einsum("ij,je->ie", weights, v), weights


def attention_loops(q, k, v):
    out, weights = [], []
    for query in q:
        scores = [sum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(len(query)) for key in k]
        exponentials = [math.exp(s - max(scores)) for s in scores]
        row = [e / sum(exponentials) for e in exponentials]
        weights.append(row)
        out.append([sum(w * value[c] for w, value in zip(row, v, strict=True)) for c in range(v.shape[1])])
    return out, weights


def attention_torch_float32(q, k, v):
    q, k, v = (torch.tensor(x, dtype=torch.float32) for x in (q, k, v))
    weights = (q @ k.T / math.sqrt(q.shape[-1])).softmax(-1)
    return weights @ v, weights


def attention_torch_with_gradient(q, k, v):
    q, k, v = (torch.tensor(x, requires_grad=True) for x in (q, k, v))
    weights = (q @ k.T / math.sqrt(q.shape[-1])).softmax(-1)
    return torch.nn.functional.scaled_dot_product_attention(q, k, v), weights


def masked_where(q, k, v, attn_mask):
    scores = np.where(attn_mask, q @ k.T / np.sqrt(q.shape[-1]), -np.inf)
    top = np.where(attn_mask.any(-1, keepdims=True), scores.max(-1, keepdims=True), 0.0)
    e = np.exp(scores - top)
    weights = np.divide(e, e.sum(-1, keepdims=True), out=np.zeros_like(e), where=attn_mask.any(-1, keepdims=True))
    return weights @ v, weights


def masked_loops(q, k, v, attn_mask):
    weights = np.zeros(attn_mask.shape)
    for i, query in enumerate(q):
        allowed = np.flatnonzero(attn_mask[i])
        if len(allowed):
            weights[i, allowed] = scipy.special.softmax(k[allowed] @ query / np.sqrt(len(query)))
    return weights @ v, weights


def masked_large_negative(q, k, v, attn_mask):
    weights = scipy.special.softmax(np.where(attn_mask, q @ k.T / np.sqrt(q.shape[1]), -1e30), axis=-1) * attn_mask
    return weights @ v, weights


def masked_torch(q, k, v, attn_mask):
    q, k, v, attn_mask = map(torch.from_numpy, (q, k, v, attn_mask))
    weights = (q @ k.T / q.shape[1] ** 0.5).masked_fill(~attn_mask, -torch.inf).softmax(-1).nan_to_num(0.0)
    return weights @ v, weights


def masked_float32(q, k, v, attn_mask):
    return masked_where(*(x.astype(np.float32) for x in (q, k, v)), attn_mask)


def contribution_loops(weights, v):
    return [[math.hypot(*(w * value)) for w, value in zip(row, v, strict=True)] for row in weights]


def kernel_loops(x, points, bandwidth):
    return np.stack([softmax_loops(-((query - points) ** 2).sum(-1) / (2 * bandwidth**2)) for query in x])


def kernel_log_density(x, points, bandwidth):
    log_kernel = scipy.stats.norm.logpdf(x[:, None], points[None], bandwidth).sum(-1)
    return scipy.special.softmax(log_kernel, axis=1)


def kernel_expanded(x, points, bandwidth):
    squared = (x**2).sum(-1)[:, None] - 2 * x @ points.T + (points**2).sum(-1)
    return softmax_shifted(-squared / (2 * bandwidth**2))


def kernel_as_attention(x, points, bandwidth):
    return softmax_shifted((x @ points.T - (points**2).sum(-1) / 2) / bandwidth**2)


def kernel_torch(x, points, bandwidth):
    distances = torch.cdist(torch.tensor(x), torch.tensor(points), compute_mode="donot_use_mm_for_euclid_dist")
    return (-(distances**2) / (2 * bandwidth**2)).softmax(-1)


def kernel_float32(x, points, bandwidth):
    return kernel_expanded(x.astype(np.float32), points.astype(np.float32), bandwidth)


RIGHT = [
    (check.softmax, softmax_shifted),
    (check.softmax, softmax_loops),
    (check.softmax, softmax_log_sum_exp),
    (check.softmax, softmax_torch),
    (check.softmax, softmax_float32),
    (check.softmax, softmax_hidden_float32),
    (check.softmax, lambda s: scipy.special.softmax(s, axis=-1)),
    (check.softmax, lambda s: softmax_shifted(s).tolist()),
    (check.attention, attention_matmul),
    (check.attention, attention_einsum),
    (check.attention, attention_loops),
    (check.attention, attention_torch_float32),
    (check.attention, attention_torch_with_gradient),
    (check.masked_attention, masked_where),
    (check.masked_attention, masked_loops),
    (check.masked_attention, masked_large_negative),
    (check.masked_attention, masked_torch),
    (check.masked_attention, masked_float32),
    (check.contribution, lambda weights, v: weights * np.linalg.norm(v, axis=-1)),
    (check.contribution, lambda weights, v: np.sqrt(np.einsum("ij,je->ij", weights**2, v**2))),
    (check.contribution, contribution_loops),
    (check.contribution, lambda weights, v: torch.tensor(weights).float() * torch.tensor(v).float().norm(dim=1)),
    (check.kernel_weights, kernel_loops),
    (check.kernel_weights, kernel_log_density),
    (check.kernel_weights, kernel_expanded),
    (check.kernel_weights, kernel_as_attention),
    (check.kernel_weights, kernel_torch),
    (check.kernel_weights, kernel_float32),
]


@pytest.mark.parametrize(("judge", "answer"), RIGHT)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback
    assert ("single precision" in feedback.message) == (answer is softmax_hidden_float32)


# ---- wrong answers


def naive(s):
    return np.exp(s) / np.exp(s).sum(-1, keepdims=True)


def attend(q, k, v, weigh=softmax_shifted, scale=None):
    weights = weigh(q @ k.T / (np.sqrt(q.shape[1]) if scale is None else scale))
    return weights @ v, weights


def masked(q, k, v, fill):
    scores = fill(q @ k.T / np.sqrt(q.shape[1]))
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    return weights @ v, weights


def kernel(x, p, h, power=2.0, scale=None):
    distance = np.linalg.norm(x[:, None] - p, axis=-1)
    return scipy.special.softmax(-(distance**power) / (2 * h * h if scale is None else scale), axis=1)


def masked_then_renormalised(q, k, v, m):
    weights = attend(q, k, v)[1] * m
    weights = (
        np.nan_to_num(weights / weights.sum(-1, keepdims=True))
        if m.any(-1).min() == 0
        else (weights / weights.sum(-1, keepdims=True))
    )
    return weights @ v, weights


def swapped_axes(s):
    e = np.exp(s - s.max(0))
    return e / e.sum(0)


WRONG = [
    (check.softmax, swapped_axes, "axis-0", "each column sums to 1, each row should"),
    (check.softmax, lambda s: scipy.special.softmax(s), "whole-array", "all weights together sum to 1"),
    (check.softmax, lambda s: np.exp(s), "not-normalised", "divide each row by its sum"),
    (check.softmax, naive, "overflows", "large ones give NaN"),
    (check.softmax, lambda s: naive(s - np.max(s)), "global-shift", "the largest of all scores"),
    (check.softmax, lambda s: s / s.sum(-1, keepdims=True), "no-exponential", "without exp"),
    (check.softmax, scipy.special.log_softmax, "different", "The rows of weights sum to"),
    (check.softmax, lambda s: scipy.special.log_softmax(s, -1), "log", "log-softmax"),
    (check.softmax, lambda s: torch.tensor(s).softmax(1), "axis-1", "axis=-1"),
    (check.softmax, scipy.special.expit, "sigmoid", "squashed on its own"),
    (check.softmax, lambda s: np.exp(s) / np.exp(s).sum(-1), "raises", "keepdims=True keeps it"),
    (check.softmax, lambda s: s.softmax(-1), "raises", "torch.as_tensor"),
    (check.softmax, lambda s: np.exp2(s) / np.exp2(s).sum(-1, keepdims=True), "different", "sums to 1, as it should"),
    (check.attention, lambda q, k, v: attend(q, k, v, scale=1), "unscaled", "without the scale"),
    (check.attention, lambda q, k, v: attend(q, k, v, scale=q.shape[1]), "divides-by-d", "its square root"),
    (check.attention, lambda q, k, v: attend(q, k, v, scale=5**-0.5), "multiplies-by-root-d", "divide by it"),
    (check.attention, lambda q, k, v: attend(q, k, v, scale=len(k) ** 0.5), "root-of-keys", "number of keys"),
    (check.attention, lambda q, k, v: attend(q, k, v, swapped_axes), "axis-0", "each column sums to 1"),
    (check.attention, lambda q, k, v: attend(q, k, v, lambda s: s), "no-softmax", "the softmax is missing"),
    (check.attention, lambda q, k, v: attend(q, k, v, naive), "overflows", "exp overflows above 709"),
    (check.attention, lambda q, k, v: attend(q, k, v)[::-1], "order-swapped", "return (out, weights)"),
    (check.attention, lambda q, k, v: attend(q, k, k), "keys-for-values", "they average the keys"),
    (check.attention, lambda q, k, v: attend(q, k.reshape(5, 7).T, v), "reshaped-keys", "its numbers are shuffled"),
    (check.attention, lambda q, k, v: attend(q, k, v)[0], "count", "weights (3, 7); got one array, (3, 2)"),
    (check.attention, lambda q, k, v: attend(q, k, v, scale=5**0.5), "different", "Seen on other sizes"),
    (
        check.attention,
        lambda q, k, v: (attend(q, k, v)[0], attend(q, k, v, scale=1)[1]),
        "unscaled",
        "in weights, equals",
    ),
    (check.attention, lambda q, k, v: (2 * attend(q, k, v)[0], attend(q, k, v)[1]), "different", "weights is right"),
    (check.attention, lambda q, k, v: attend(k, q, v), "raises", "when called with q (3, 5), k (7, 5), v (7, 2)"),
    (check.masked_attention, lambda q, k, v, m: attend(q, k, v), "mask-ignored", "without the mask"),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: np.where(m, -np.inf, s)),
        "mask-inverted",
        "True means may attend",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: attend(q, k, v, lambda s: softmax_shifted(s) * m),
        "masked-after-softmax",
        "sum to less than 1",
    ),
    (check.masked_attention, lambda q, k, v, m: masked(q, k, v, lambda s: s * m), "zero-score", "exp(0) = 1"),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: np.where(m, s, -np.inf)),
        "nan-row",
        "which is 0/0",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: np.where(m, s, -1e9)),
        "uniform-row",
        "weighs all keys alike",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: s + -1e9 * ~m),
        "unmasked-row",
        "as if nothing were masked",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: s + (1 - m) * -np.inf),
        "zero-times-infinity",
        "0 * -inf is NaN",
    ),
    (check.masked_attention, masked_then_renormalised, "renormalised", "Put -inf into the scores before"),
    (check.masked_attention, lambda q, k, v, m: masked_where(q, k, v, m.T), "raises", "attn_mask (3, 7)"),
    (check.contribution, lambda w, v: w, "weights-alone", "the weights alone"),
    (check.contribution, lambda w, v: w[:, :, None] * v, "no-length", "take the length of each"),
    (check.contribution, lambda w, v: np.linalg.norm(w @ v, axis=1), "length-of-output", "already summed"),
    (check.contribution, lambda w, v: np.linalg.norm(w[:, :, None] * v, axis=1), "over-keys", "runs over the keys"),
    (check.contribution, lambda w, v: np.square(w[..., None] * v).sum(2), "squared", "take the root"),
    (check.contribution, lambda w, v: w * np.abs(v).sum(1), "sum-of-sizes", "the L1 norm"),
    (check.contribution, lambda w, v: (w * np.linalg.norm(v, axis=1)).T, "shape", "its axes are swapped"),
    (check.kernel_weights, lambda x, p, h: kernel(x, p, h, power=1), "distance-not-squared", "not squared"),
    (check.kernel_weights, lambda x, p, h: kernel(x, p, h, scale=h * h), "no-two", "the 2 is missing"),
    (
        check.kernel_weights,
        lambda x, p, h: kernel(x, p, h, scale=2 * h),
        "bandwidth-not-squared",
        "the bandwidth is not",
    ),
    (check.kernel_weights, lambda x, p, h: kernel(x, p, h, scale=-2 * h * h), "sign", "the farthest point"),
    (check.kernel_weights, lambda x, p, h: kernel(p, x, h).T, "over-queries", "normalise over the points"),
    (check.kernel_weights, lambda x, p, h: kernel(p, x, h), "shape", "its axes are swapped"),
    (
        check.kernel_weights,
        lambda x, p, h: naive(-(np.linalg.norm(x[:, None] - p, axis=2) ** 2) / 2 / h**2),
        "underflows",
        "0/0 is left",
    ),
    (
        check.kernel_weights,
        lambda x, p, h: np.exp(-((x[:, None] - p) ** 2).sum(-1) / 2 / h**2),
        "not-normalised",
        "divide each row by its sum",
    ),
    (check.kernel_weights, lambda x, p, h: x - p, "raises", "called with x (3, 5), points (7, 5), bandwidth = 1.5"),
]


@pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), WRONG)
def test_wrong_answers_are_told_what_is_wrong(judge, answer, diagnosis, phrase):
    feedback = judge(answer)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message


@pytest.mark.parametrize("name", list(check.EXERCISES))
def test_each_check_meets_six_wrong_answers_with_a_diagnosis_each(name):
    diagnoses = [diagnosis for judge, _, diagnosis, _ in WRONG if judge is getattr(check, name)]
    assert len(set(diagnoses)) >= 6


def test_softmax_in_place_is_told():
    def in_place(scores):
        scores -= scores.max(-1, keepdims=True)
        return softmax_shifted(scores)

    feedback = check.softmax(in_place)
    assert feedback.diagnosis == "changes-its-argument"
    assert "changes scores in place" in feedback.message
    assert check.softmax(softmax_shifted).ok
