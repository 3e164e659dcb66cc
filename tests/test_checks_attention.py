"""The checks of the attention chapter against answers as learners write them, right and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

from course.checks import attention as check
from tests.told import wrong_answer_tests

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


def over(exponentials, small):
    return exponentials / (exponentials.sum(-1, keepdims=True) + small)


def softmax_exponentials(s):
    return np.exp(s - s.max(-1, keepdims=True))


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


def squares(x, p):
    return ((x[:, None] - p) ** 2).sum(-1)


def masked_then_renormalised(q, k, v, m):
    weights = attend(q, k, v)[1] * m
    weights = (
        np.nan_to_num(weights / weights.sum(-1, keepdims=True))
        if m.any(-1).min() == 0
        else (weights / weights.sum(-1, keepdims=True))
    )
    return weights @ v, weights


def zeros_without_keys(e, m):
    return np.where(m.any(-1, keepdims=True), e / e.sum(-1, keepdims=True), 0.0)


def zeros_for_nan(e, m):
    return np.nan_to_num(e / e.sum(-1, keepdims=True))


def swapped_axes(s):
    e = np.exp(s - s.max(0))
    return e / e.sum(0)


WRONG = [
    (check.softmax, swapped_axes, "over-queries", "each column sums to 1, each row should"),
    (
        check.softmax,
        lambda s: scipy.special.softmax(s),
        "whole-array",
        "sum to 1, each row should:",
    ),
    (check.softmax, lambda s: np.exp(s), "not-normalised", "divide each row by its sum"),
    (check.softmax, naive, "overflows", "large scores give NaN"),
    (check.softmax, lambda s: naive(s - np.max(s)), "global-shift", "the largest of all scores"),
    (check.softmax, lambda s: s / s.sum(-1, keepdims=True), "no-exponential", "negative: these are the scores over"),
    (check.softmax, scipy.special.log_softmax, "whole-array+function-of-it", "the logarithm of what"),
    (check.softmax, lambda s: scipy.special.log_softmax(s, -1), "log", "log-softmax"),
    (check.softmax, lambda s: torch.tensor(s).softmax(1), "over-axis-1", "axis=-1"),
    (check.softmax, scipy.special.expit, "sigmoid", "squashed on its own"),
    (check.softmax, lambda s: np.exp(s) / np.exp(s).sum(-1), "keepdims-missing", "the last axis drops it, and"),
    (check.softmax, lambda s: s.softmax(-1), "not-a-tensor", "torch.as_tensor"),
    (check.softmax, lambda s: np.exp2(s) / np.exp2(s).sum(-1, keepdims=True), "base", "not e: use np.exp"),
    (check.softmax, lambda s: 2.718**s / (2.718**s).sum(-1, keepdims=True), "base+overflows", "not e: use np.exp"),
    (
        check.softmax,
        lambda s: np.abs(s) / np.abs(s).sum(-1, keepdims=True),
        "mutant-detour+no-exponential",
        "`scores` taken without its sign before it is used",
    ),
    (check.softmax, lambda s: naive(s - s.mean(-1, keepdims=True)), "mean-shift", "you subtract the mean of a row"),
    (check.softmax, lambda s: naive(s - s.min(-1, keepdims=True)), "smallest-shift", "you subtract the smallest score"),
    (check.softmax, lambda s: naive(s - np.abs(s).max(-1, keepdims=True)), "size-shift", "largest absolute value"),
    (check.softmax, lambda s: naive(s / s.max(-1, keepdims=True)), "divided-by-largest", "divided by the largest"),
    (check.softmax, lambda s: naive(s / s.max()), "divided-by-largest", "subtract it"),
    (check.softmax, lambda s: naive(np.clip(s, -700, 700)), "clipped", "beyond the limit get equal weights"),
    (check.softmax, lambda s: naive(np.clip(s, -30, 30)), "clipped", "the scores are cut off"),
    (check.softmax, lambda s: naive(np.minimum(s, 100)), "clipped-above", "every exp vanishes"),
    (check.softmax, lambda s: np.nan_to_num(naive(s)), "overflows", "large scores give NaN"),
    (check.softmax, lambda s: over(np.exp(s), 1e-9), "overflows", "large scores give NaN"),
    (check.softmax, lambda s: over(np.exp(s - s.max()), 1e-9), "global-shift", "a row far below another gives 0/0"),
    (
        check.softmax,
        lambda s: np.exp(s) / np.exp(s).max(-1, keepdims=True),
        "overflows+over-largest",
        "wrong. First, large scores give NaN",
    ),
    (
        check.softmax,
        lambda s: np.exp(s) / np.exp(s).mean(-1, keepdims=True),
        "overflows+over-mean",
        "divided by their mean",
    ),
    (
        check.softmax,
        lambda s: np.exp(s) / s.sum(-1, keepdims=True),
        "over-sum-of-scores",
        "by the sum of the scores",
    ),
    (check.softmax, lambda s: np.sqrt(naive(2 * s)), "overflows+unit-length", "squares of the weights sum to 1"),
    (check.softmax, lambda s: naive(np.abs(s)), "sizes+overflows", "without abs"),
    (
        check.softmax,
        lambda s: np.exp(s) / np.exp(s - s.max(-1, keepdims=True)).sum(-1, keepdims=True),
        "half-shifted",
        "on one side of the fraction line only",
    ),
    (check.softmax, lambda s: over(softmax_exponentials(s), 1e-3), "small-number-added", "is added to the sum, and"),
    (check.softmax, lambda s: over(softmax_exponentials(s), 1e-3), "small-number-added", "is added to the sum, and"),
    (
        check.softmax,
        lambda s: 0.5 * softmax_shifted(s),
        "factor",
        "times what it should be. Seen",
    ),
    (check.softmax, lambda s: naive(s - s.sum(-1, keepdims=True)), "nan", "first at [0, 0]. Seen on large scores"),
    (check.softmax, lambda s: np.exp(s) / np.exp(s).sum(2, keepdims=True), "axis-unknown", "axis=-1 is the last axis"),
    (check.attention, lambda q, k, v: attend(q, k, v, scale=1), "unscaled", "the scale is missing"),
    (check.attention, lambda q, k, v: attend(q, k, v, scale=q.shape[1]), "divides-by-d", "its square root"),
    (
        check.attention,
        lambda q, k, v: attend(q, k, v, scale=q.shape[1] ** -0.5),
        "multiplies-by-root-d",
        "divide by it",
    ),
    (check.attention, lambda q, k, v: attend(q, k, v, scale=len(k) ** 0.5), "root-of-keys", "number of keys"),
    (check.attention, lambda q, k, v: attend(q, k, v, swapped_axes), "over-queries", "each column sums to 1"),
    (check.attention, lambda q, k, v: attend(q, k, v, lambda s: s), "no-softmax", "the softmax is missing"),
    (check.attention, lambda q, k, v: attend(q, k, v, naive), "overflows", "exp overflows above 709"),
    (check.attention, lambda q, k, v: attend(q, k, v)[::-1], "order-swapped", "return (out, weights)"),
    (check.attention, lambda q, k, v: attend(q, k, k), "keys-for-values", "average the keys"),
    (
        check.attention,
        lambda q, k, v: attend(q, k.reshape(k.shape[::-1]).T, v),
        "reshaped-keys",
        "its numbers are shuffled",
    ),
    (check.attention, lambda q, k, v: attend(q, k, v)[0], "out-alone", "alone: return (out, weights)."),
    (
        check.attention,
        lambda q, k, v: attend(q, k, v, scale=5**0.5),
        "fixed-width",
        "divided by one number whatever the",
    ),
    (
        check.attention,
        lambda q, k, v: attend(q, k, v, scale=2),
        "fixed-width",
        "divided by one number whatever the",
    ),
    (
        check.attention,
        lambda q, k, v: attend(q, k, v, lambda s: naive(s - s.mean(-1, keepdims=True))),
        "mean-shift",
        "mean",
    ),
    (
        check.attention,
        lambda q, k, v: attend(q, k, v, lambda s: naive(s - s.min(-1, keepdims=True))),
        "smallest-shift",
        "smallest",
    ),
    (
        check.attention,
        lambda q, k, v: attend(q, k, v, lambda s: naive(s - abs(s).max(-1, keepdims=True))),
        "size-shift",
        "without abs",
    ),
    (
        check.attention,
        lambda q, k, v: attend(q, k, v, lambda s: np.nan_to_num(naive(s))),
        "overflows",
        "large scores give NaN",
    ),
    (
        check.attention,
        lambda q, k, v: attend(q, k, v, lambda s: over(np.exp(s - s.max()), 1e-9)),
        "global-shift",
        "0/0",
    ),
    (check.attention, lambda q, k, v: attend(q, k, v, lambda s: naive(s * np.log(2))), "base+overflows", "use np.exp"),
    (
        check.attention,
        lambda q, k, v: attend(q, k, v, softmax_exponentials),
        "shifted-not-normalised",
        "of each row is 1, so",
    ),
    (check.attention, lambda q, k, v: attend(q, k, v)[:1] * 2, "out-twice", "you return out twice"),
    (check.attention, lambda q, k, v: attend(q, k, v)[1:] * 2, "weights-twice", "you return weights twice"),
    (check.attention, lambda q, k, v: (v[:3], attend(q, k, v)[1].T), "different", "off at [1, 1]: got -2.312,"),
    (check.attention, lambda q, k, v: v @ attend(q, k, v)[1], "values-times-weights", "has the two in the wrong"),
    (
        check.attention,
        lambda q, k, v: (attend(q, k, v)[0], attend(q, k, v, scale=1)[1]),
        "unscaled",
        "in weights, the scale",
    ),
    (check.attention, lambda q, k, v: (2 * attend(q, k, v)[0], attend(q, k, v)[1]), "factor", "weights is right"),
    (
        check.attention,
        lambda q, k, v: attend(k, q, v),
        "weights-transposed-for-values",
        "multiplied by the transposed weights: out",
    ),
    (check.masked_attention, lambda q, k, v, m: attend(q, k, v), "mask-ignored", "the mask is not used"),
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
        "may attend to nothing gives NaN,",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: np.where(m, s, -1e9)),
        "uniform-row",
        "may attend to nothing gets equal",
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
        "infinities",
        "0 * -inf and inf - inf",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: attend(q, k, v, lambda s: naive((x := np.where(m, s, -np.inf)) - x.mean(-1, keepdims=True))),
        "infinities",
        "never its mean or smallest",
    ),
    (check.masked_attention, masked_then_renormalised, "renormalised", "with a large score pushes the"),
    *(
        (
            check.masked_attention,
            lambda q, k, v, m, weigh=weigh, end=end: attend(q, k, v, lambda s: end(weigh(s, m), m)),
            diagnosis,
            phrase,
        )
        for weigh, end, diagnosis, phrase in (
            (
                lambda s, m: softmax_shifted(s) * m,
                lambda e, m: over(e, 1e-12),
                "renormalised",
                "pushes the allowed ones",
            ),
            (lambda s, m: softmax_shifted(s) * m, zeros_without_keys, "renormalised", "with a large score pushes the"),
            (lambda s, m: softmax_shifted(s) * m, zeros_for_nan, "renormalised", "with a large score"),
            (lambda s, m: np.exp(s) * m, zeros_without_keys, "overflows-before-the-mask", "a large score overflows"),
            (lambda s, m: np.where(m, np.exp(s), 0), zeros_without_keys, "overflows", "large scores give NaN"),
            (
                lambda s, m: np.exp(s) * m,
                zeros_for_nan,
                "overflows-before-the-mask",
                "then subtract each row's largest",
            ),
            (
                lambda s, m: np.exp(s) * m,
                lambda e, m: over(e, 1e-12),
                "overflows-before-the-mask",
                "put -inf into the scores",
            ),
            (lambda s, m: np.where(m, np.exp(s), 0), zeros_for_nan, "overflows", "exp overflows above 709"),
            (lambda s, m: np.exp(np.where(m, s, -np.inf) - s[m].max()), zeros_without_keys, "global-shift", "0/0"),
            (lambda s, m: np.exp(np.where(m, s, -np.inf) - s[m].max()), zeros_for_nan, "global-shift", "0/0"),
        )
    ),
    *(
        (
            check.masked_attention,
            lambda q, k, v, m, fill=fill, end=end: attend(q, k, v, lambda s: end(softmax_shifted(fill(s, m)), m)),
            "fill-not-low-enough",
            "a forbidden key still takes weight. Use -inf",
        )
        for fill, end in (
            (lambda s, m: np.where(m, s, -3), lambda w, m: w),
            (lambda s, m: np.where(m, s, -10), lambda w, m: w),
            (lambda s, m: s - 10 * ~m, lambda w, m: w),
            (lambda s, m: np.where(m, s, -10), lambda w, m: w * m),
            (lambda s, m: np.where(m, s, -30), lambda w, m: w * m.any(-1, keepdims=True)),
            (lambda s, m: np.where(m, s, -100), lambda w, m: w * m.any(-1, keepdims=True)),
            (lambda s, m: np.where(m, s, -100), lambda w, m: w * m),
            (lambda s, m: s - 100 * ~m, lambda w, m: w * m.any(-1, keepdims=True)),
        )
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: np.where(m.any(-1, keepdims=True), np.where(m, s, -np.inf), 0)),
        "uniform-row",
        "gets equal weights over all keys",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: s * np.where(m, 1, -np.inf)),
        "scores-times-infinity",
        "is +inf",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: attend(q, k, v, lambda s: np.where(m, softmax_shifted(s), -np.inf)),
        "weights-filled",
        "fill the scores before it",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: np.where(m[0], s, -np.inf)),
        "one-row-for-all",
        "use row i of attn_mask",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: masked(q, k, v, lambda s: s + m),
        "mask-added",
        "added to the scores as 0",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: (1.001 * masked_where(q, k, v, m)[0], masked_where(q, k, v, m)[1]),
        "factor",
        "times what it should be; weights",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: (masked_where(q, k, v, m)[0] + (not m.any(-1).all()), masked_where(q, k, v, m)[1]),
        "shift",
        "off throughout: a constant is added;",
    ),
    (
        check.masked_attention,
        lambda q, k, v, m: masked_where(q, k, v, m.T),
        "mask-transposed",
        "transposed: it is (i, j) already,",
    ),
    (check.contribution, lambda w, v: w, "weights-alone", "the weights alone"),
    (check.contribution, lambda w, v: w[:, :, None] * v, "no-length", "take the length of each"),
    (check.contribution, lambda w, v: np.linalg.norm(w @ v, axis=1), "length-of-output", "already summed"),
    (check.contribution, lambda w, v: np.linalg.norm(w[:, :, None] * v, axis=1), "over-keys", "runs over the keys"),
    (check.contribution, lambda w, v: np.square(w[..., None] * v).sum(2), "squared", "take the root"),
    (check.contribution, lambda w, v: w * np.abs(v).sum(1), "sum-of-sizes", "the L1 norm"),
    (
        check.contribution,
        lambda w, v: (w * np.linalg.norm(v, axis=1)).T,
        "transposed",
        "transposed: a row for each query,",
    ),
    (
        check.contribution,
        lambda w, v: w * np.linalg.norm(v),
        "whole-matrix",
        "length of the whole matrix v: add axis=-1",
    ),
    (check.contribution, lambda w, v: (w[:, :, None] * v).mean(-1), "mean-entry", "averaged with their signs"),
    (check.contribution, lambda w, v: w * np.abs(v).mean(-1), "mean-size", "the sizes of the entries are averaged"),
    (check.contribution, lambda w, v: w @ np.linalg.norm(v, axis=-1), "summed", "@ sums over the keys"),
    (check.contribution, lambda w, v: w * v.max(-1), "largest-entry", "this is the largest entry"),
    (
        check.contribution,
        lambda w, v: w * np.linalg.norm(v, axis=-1) / np.linalg.norm(w @ v, axis=-1)[:, None],
        "over-length-of-output",
        "by the length of the output",
    ),
    (
        check.contribution,
        lambda w, v: np.sqrt((w[..., None] * v**2).mean(-1)),
        "weights-not-squared+root-mean-square",
        "wrong. First, the weights stand under",
    ),
    (
        check.contribution,
        lambda w, v: np.sqrt(((w[..., None] * v) ** 2).mean(-1)),
        "root-mean-square",
        "root of the mean of the squares",
    ),
    (check.contribution, lambda w, v: np.linalg.norm(w @ v), "shape", "got (): that is a single number"),
    (check.contribution, lambda w, v: w * np.linalg.norm(v, axis=0), "wrong-axis-of-v", "over axis 0 of v and"),
    (
        check.contribution,
        lambda w, v: w * np.linalg.norm(v, axis=-1)[:, None],
        "axis-added",
        "in a column and meet the",
    ),
    *(
        (check.kernel_weights, lambda x, p, h, e=e: softmax_shifted(e(x, p, h)), diagnosis, phrase)
        for e, diagnosis, phrase in (
            (lambda x, p, h: x @ p.T, "dot-product", "the scores are dot products"),
            (lambda x, p, h: x @ p.T / x.shape[1] ** 0.5, "dot-product", "the scores are dot products"),
            (lambda x, p, h: x @ p.T / h**2, "dot-product", "Expand the square"),
            (lambda x, p, h: (x @ p.T - (p**2).sum(-1)) / h**2, "dot-product-bias", "in the wrong proportion"),
            (lambda x, p, h: (x @ p.T - (p**2).sum(-1)) / (2 * h**2), "dot-product-bias", "x·p - |p|² / 2"),
            (lambda x, p, h: (x @ p.T + (p**2).sum(-1) / 2) / h**2, "dot-product-sign", "a sign is wrong"),
            (lambda x, p, h: -squares(x, p) / (2 * h**2 * x.shape[1] ** 0.5), "root-d", "a stray √d"),
            (lambda x, p, h: -squares(x, p) / x.shape[1] / (2 * h**2), "mean-over-d", "not averaged"),
            (lambda x, p, h: (x @ p.T - (p**2).sum(-1) / 2) / (2 * h**2), "two-squared", "half its size"),
            (lambda x, p, h: -h * squares(x, p), "times-bandwidth", "the bandwidth multiplies, it should divide"),
            (lambda x, p, h: -squares(x, p), "bandwidth-ignored", "the bandwidth has no effect"),
            (lambda x, p, h: -np.sqrt(squares(x, p)) / h, "distance-not-squared", "the distance is not squared"),
            (lambda x, p, h: -((x[:, None] - p) ** 2).sum(1) / (2 * h**2), "over-points", "summed over the points"),
        )
    ),
    *(
        (check.kernel_weights, lambda x, p, h, weigh=weigh: weigh(-squares(x, p) / (2 * h**2)), diagnosis, phrase)
        for weigh, diagnosis, phrase in (
            (naive, "overflows", "Subtract each row's largest exponent before exp"),
            (lambda e: over(np.exp(e), 1e-9), "overflows", "Subtract each row's largest exponent before exp"),
            (lambda e: naive(e - e.max()), "global-shift", "the largest of all exponents"),
            (lambda e: np.nan_to_num(naive(e - e.max())), "global-shift", "the largest of all exponents"),
            (lambda e: naive(e - e.min(-1, keepdims=True)), "wrong-shift", "the mean or the smallest"),
            (lambda e: naive(e - e.mean(-1, keepdims=True)), "wrong-shift", "the mean or the smallest"),
            (
                lambda e: np.exp(e) / np.exp(e).sum(),
                "sum-over-everything",
                "divided by the sum of all:",
            ),
            (lambda e: np.exp(e) / e.shape[1], "not-normalised", "divide each row by its sum"),
            (softmax_exponentials, "shifted-not-normalised", "the largest weight of each row is 1"),
        )
    ),
    (check.kernel_weights, lambda x, p, h: x - p.T, "shapes-differ", "Compare the shapes (3, 5) and (5, 7)"),
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
    (
        check.kernel_weights,
        lambda x, p, h: kernel(p, x, h),
        "over-queries+transposed",
        "wrong. First, each column sums to",
    ),
    (
        check.kernel_weights,
        lambda x, p, h: naive(-(np.linalg.norm(x[:, None] - p, axis=2) ** 2) / 2 / h**2),
        "overflows",
        "queries far from every point",
    ),
    (
        check.kernel_weights,
        lambda x, p, h: np.exp(-((x[:, None] - p) ** 2).sum(-1) / 2 / h**2),
        "not-normalised",
        "divide each row by its sum",
    ),
    (check.kernel_weights, lambda x, p, h: x - p, "axis-missing", "- points (j, d) does not"),
]


test_wrong_answers_are_told, test_each_check_meets_six_that_differ = wrong_answer_tests(check, WRONG)


def test_softmax_with_a_small_number_in_the_sum_is_not_put_down_to_float32_alone():
    feedback = check.softmax(lambda s: over(softmax_exponentials(s), 1e-6))
    assert feedback.ok
    assert "or adds a small number such as 1e-6" in feedback.message
    assert "or adds" not in check.softmax(softmax_hidden_float32).message


@pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), WRONG)
def test_no_message_says_the_empty_or_the_obvious(judge, answer, diagnosis, phrase):
    message = judge(answer).message
    for nonsense in ("between nan", "between 1 and 1", "sums to nan", "sums to 1, and should", "  ", ".."):
        assert nonsense not in message


def test_softmax_in_place_is_told():
    def in_place(scores):
        scores -= scores.max(-1, keepdims=True)
        return softmax_shifted(scores)

    feedback = check.softmax(in_place)
    assert feedback.diagnosis == "changes-its-argument"
    assert "changes scores in place" in feedback.message
    assert check.softmax(softmax_shifted).ok
