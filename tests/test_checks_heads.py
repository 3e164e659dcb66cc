"""The checks of the multi-head chapter against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F

from course.checks import heads as check
from mha import heads

# ---- right answers, written differently


def split_moveaxis(x, n_heads):
    return np.moveaxis(x.reshape(*x.shape[:2], n_heads, -1), 2, 1)


def split_slices(x, n_heads):
    d = x.shape[-1] // n_heads
    return np.stack([x[:, :, n * d : (n + 1) * d] for n in range(n_heads)], axis=1)


def split_loops(x, n_heads):
    b, i, width = x.shape
    d = width // n_heads
    return [[[x[n, t, h * d : (h + 1) * d].tolist() for t in range(i)] for h in range(n_heads)] for n in range(b)]


def split_torch(x, n_heads):
    x = torch.as_tensor(x)
    return x.view(*x.shape[:2], n_heads, -1).transpose(1, 2)


def merge_concatenate(x):
    return np.concatenate([x[:, n] for n in range(x.shape[1])], axis=-1)


def merge_einsum(x):
    swapped = np.einsum("bhid->bihd", x)
    return swapped.reshape(*swapped.shape[:2], -1)


def merge_torch(x):
    x = torch.as_tensor(x).transpose(1, 2).contiguous()
    return x.view(*x.shape[:2], -1)


def layer_loops(x, w_q, w_k, w_v, w_o, n_heads):
    d, out = w_q.shape[1] // n_heads, 0.0
    for n in range(n_heads):
        own = slice(n * d, (n + 1) * d)
        q, k, v = x @ w_q[:, own], x @ w_k[:, own], x @ w_v[:, own]
        weights = scipy.special.softmax(q @ k.transpose(0, 2, 1) / d**0.5, axis=-1)
        out = out + weights @ v @ w_o[own]
    return out


def layer_einsum(x, w_q, w_k, w_v, w_o, n_heads, allowed=True):
    q, k, v = (np.einsum("bim,mhd->bhid", x, w.reshape(len(w), n_heads, -1)) for w in (w_q, w_k, w_v))
    scores = np.where(allowed, np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(q.shape[-1]), -np.inf)
    out = np.einsum("bhij,bhjd->bihd", scipy.special.softmax(scores, axis=-1), v)
    return out.reshape(*x.shape[:2], -1) @ w_o


def layer_torch(x, w_q, w_k, w_v, w_o, n_heads, is_causal=False):
    x, w_q, w_k, w_v, w_o = map(torch.from_numpy, (x, w_q, w_k, w_v, w_o))
    q, k, v = (heads.split_heads(x @ w, n_heads) for w in (w_q, w_k, w_v))
    return heads.merge_heads(F.scaled_dot_product_attention(q, k, v, is_causal=is_causal)) @ w_o


def causal_einsum(x, w_q, w_k, w_v, w_o, n_heads):
    return layer_einsum(x, w_q, w_k, w_v, w_o, n_heads, allowed=np.tri(x.shape[1], dtype=bool))


def causal_torch(x, w_q, w_k, w_v, w_o, n_heads):
    return layer_torch(x, w_q, w_k, w_v, w_o, n_heads, is_causal=True)


def causal_prefixes(*inputs):
    """The last output of every prefix: nothing that comes later can have entered."""
    x, *rest = inputs
    return np.stack([layer_loops(x[:, : t + 1], *rest)[:, t] for t in range(x.shape[1])], axis=1)


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.split_heads, split_moveaxis),
        (check.split_heads, split_slices),
        (check.split_heads, split_loops),
        (check.split_heads, split_torch),
        (check.split_heads, lambda x, n_heads: heads.split_heads(torch.tensor(x), n_heads)),
        (check.merge_heads, merge_concatenate),
        (check.merge_heads, merge_einsum),
        (check.merge_heads, merge_torch),
        (check.merge_heads, lambda x: heads.merge_heads(torch.tensor(x)).float()),
        (check.multi_head_attention, layer_loops),
        (check.multi_head_attention, layer_einsum),
        (check.multi_head_attention, layer_torch),
        (check.causal_multi_head, causal_einsum),
        (check.causal_multi_head, causal_torch),
        (check.causal_multi_head, causal_prefixes),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers


def layer(split, merge, x, w_q, w_k, w_v, w_o, n_heads, *, axis=-1, width=None):
    """As learners write it in torch, with the parts that go wrong as arguments."""
    x, w_q, w_k, w_v, w_o = map(torch.from_numpy, (x, w_q, w_k, w_v, w_o))
    q, k, v = (split(x @ w, n_heads) for w in (w_q, w_k, w_v))
    scores = q @ k.mT / (q.shape[-1] if width is None else width) ** 0.5
    return merge(scores.softmax(dim=axis) @ v) @ w_o


def view_split(x, n_heads):
    return x.reshape(x.shape[0], n_heads, x.shape[1], -1)


def view_merge(x):
    return x.reshape(x.shape[0], x.shape[2], -1)


def on_the_wrong_axis(*inputs):
    return layer(heads.split_heads, heads.merge_heads, *inputs, axis=-2)


def by_d_model(x, *rest):
    return layer(heads.split_heads, heads.merge_heads, x, *rest, width=x.shape[-1])


def without_output_map(x, w_q, w_k, w_v, w_o, n_heads):
    return layer(heads.split_heads, heads.merge_heads, x, w_q, w_k, w_v, np.eye(len(w_o)), n_heads)


def attends_per_token(x, w_q, w_k, w_v, w_o, n_heads):
    """Heads never swapped with tokens: each token's heads attend to one another."""
    q, k, v = ((x @ w).reshape(*x.shape[:2], n_heads, -1) for w in (w_q, w_k, w_v))
    weights = scipy.special.softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]), axis=-1)
    return (weights @ v).reshape(*x.shape[:2], -1) @ w_o


def mask_after(x, w_q, w_k, w_v, w_o, n_heads):
    q, k, v = (split_moveaxis(x @ w, n_heads) for w in (w_q, w_k, w_v))
    weights = scipy.special.softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]), axis=-1)
    return merge_einsum(weights * np.tri(x.shape[1]) @ v) @ w_o


WRONG = [
    (check.split_heads, view_split, "view-instead-of-transpose", "swap the axes i and h"),
    (check.split_heads, lambda x, n: x.reshape(*x.shape[:2], n, -1), "not-transposed", "swap these two axes"),
    (check.split_heads, lambda x, n: split_torch(x, n).transpose(-1, -2), "wrong-axes", "(b, h, d, i)"),
    (check.split_heads, lambda x, n: x.reshape(*x.shape[:2], -1, n).transpose(0, 3, 1, 2), "interleaved", "every h-th"),
    (
        check.split_heads,
        lambda x, n: x.reshape(*x.shape[:2], -1, n).transpose(0, 2, 1, 3),
        "sizes-swapped",
        "exchanged",
    ),
    (check.split_heads, lambda x, n: np.array(np.split(x, n, axis=-1)), "heads-first", "before the batch"),
    (check.split_heads, lambda x, n: split_moveaxis(x, n)[0], "no-batch", "first sequence alone"),
    (check.split_heads, lambda x, n: split_moveaxis(x, n) + 1, "shift", "missing or changed"),
    (check.split_heads, lambda x, n: split_moveaxis(x, n)[:, ::-1], "heads-reversed", "in reverse order: head 0 has"),
    (check.merge_heads, view_merge, "not-transposed", "Swap the axes h and i"),
    (check.merge_heads, lambda x: x.mean(axis=1), "mean", "side by side"),
    (check.merge_heads, lambda x: x.sum(axis=1), "sum", "side by side"),
    (check.merge_heads, lambda x: merge_concatenate(x[:, ::-1]), "heads-reversed", "head 0 comes first"),
    (check.merge_heads, lambda x: x.transpose(0, 2, 3, 1).reshape(len(x), x.shape[2], -1), "interleaved", "channel 0"),
    (check.merge_heads, lambda x: np.concatenate(list(x.swapaxes(0, 1)), axis=1), "along-tokens", "along the channels"),
    (check.merge_heads, lambda x: x.swapaxes(1, 2), "no-reshape", "the last two"),
    (check.multi_head_attention, on_the_wrong_axis, "over-queries", "over the keys"),
    (check.multi_head_attention, by_d_model, "scale-d-model", "√d_model"),
    (check.multi_head_attention, without_output_map, "no-output-map", "w_o is missing"),
    (
        check.multi_head_attention,
        lambda *a: layer(view_split, heads.merge_heads, *a),
        "view-instead-of-transpose",
        "cut",
    ),
    (
        check.multi_head_attention,
        lambda *a: layer(view_split, view_merge, *a),
        "view-both-ways",
        "and merged by a reshape alone,",
    ),
    (
        check.multi_head_attention,
        lambda *a: layer(heads.split_heads, view_merge, *a),
        "merged-without-transpose",
        "mixes tokens",
    ),
    (check.multi_head_attention, lambda *a: layer_loops(*a[:-1], 1), "one-head", "n_heads is not used"),
    (check.multi_head_attention, lambda *a: layer_loops(*a) / a[-1], "averaged", "n_heads times too small"),
    (check.multi_head_attention, causal_einsum, "causal", "answer with a causal mask: here"),
    (check.multi_head_attention, attends_per_token, "heads-never-swapped", "attend to one another"),
    (check.causal_multi_head, layer_loops, "not-causal", "no mask: later positions still"),
    (check.causal_multi_head, mask_after, "masked-after-softmax", "sum to less than 1: you"),
    (
        check.causal_multi_head,
        lambda *a: layer_einsum(*a, allowed=~np.tri(a[0].shape[1], dtype=bool)),
        "mask-inverted",
        "after gets weight: the mask is",
    ),
    (
        check.causal_multi_head,
        lambda *a: layer_einsum(*a, allowed=np.tri(a[0].shape[1], dtype=bool).T),
        "mask-reversed",
        "np.tril",
    ),
]


@pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), WRONG)
def test_wrong_answers_are_told_why(judge, answer, diagnosis, phrase):
    feedback = judge(answer)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message
