"""The checks of the chapter on the encoder block against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course.checks import blocks as check

# ---- right answers, written differently


def norm_torch(x, gain, shift, eps):
    x, gain, shift = map(torch.from_numpy, (x, gain, shift))
    return F.layer_norm(x, gain.shape, gain, shift, eps)


def norm_moments(x, gain, shift, eps):
    mean = np.einsum("bim->bi", x)[..., None] / x.shape[2]
    variance = np.einsum("bim,bim->bi", x, x)[..., None] / x.shape[2] - mean**2
    return (x - mean) * (variance + eps) ** -0.5 * gain + shift


def norm_loops(x, gain, shift, eps):
    def token(row):
        return gain * (row - np.mean(row)) / np.sqrt(np.var(row) + eps) + shift

    return [[token(row).tolist() for row in sequence] for sequence in x]


def net_torch(x, w_up, b_up, w_down, b_down):
    x, w_up, b_up, w_down, b_down = map(torch.from_numpy, (x, w_up, b_up, w_down, b_down))
    return F.linear(F.relu(F.linear(x, w_up.T, b_up)), w_down.T, b_down)


def net_neurons(x, w_up, b_up, w_down, b_down):
    """A sum over hidden entries, each with what it reads and what it writes."""
    out = np.broadcast_to(b_down, x.shape)
    for reads, threshold, writes in zip(w_up.T, b_up, w_down, strict=True):
        out = out + np.clip(x @ reads + threshold, 0, None)[..., None] * writes
    return out


def block_stream(x, attn, attn_norm, ffn, ffn_norm):
    stream = x.copy()
    for sublayer, norm in ((attn, attn_norm), (ffn, ffn_norm)):
        stream += sublayer(norm(stream))
    return stream


def block_named(x, attn, attn_norm, ffn, ffn_norm):
    attended = attn(attn_norm(x)) + x
    return attended + ffn(ffn_norm(attended))


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.layer_norm, norm_torch),
        (check.layer_norm, norm_moments),
        (check.layer_norm, norm_loops),
        (check.layer_norm, lambda x, *rest: norm_torch(x, *rest).float()),
        (check.feed_forward, net_torch),
        (check.feed_forward, net_neurons),
        (check.pre_norm_block, block_stream),
        (check.pre_norm_block, block_named),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers, as they are written


def normalised(x, gain, shift, eps, *, dim=-1, unbiased=False):
    x, gain, shift = map(torch.from_numpy, (x, gain, shift))
    return gain * (x - x.mean(dim, keepdim=True)) / (x.var(dim, keepdim=True, unbiased=unbiased) + eps).sqrt() + shift


def by_std(x, gain, shift, eps):
    return gain * (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + eps) + shift


def batch_norm(x, gain, shift, eps):
    rows = torch.from_numpy(x).flatten(0, 1)
    out = F.batch_norm(rows, None, None, torch.from_numpy(gain), torch.from_numpy(shift), training=True, eps=eps)
    return out.reshape(x.shape)


def overwritten(x, attn, attn_norm, ffn, ffn_norm):
    """x is written over by its norm, and then added."""
    x = attn_norm(x)
    x = attn(x) + x
    x = ffn_norm(x)
    return ffn(x) + x


def shortcut_kept(x, attn, attn_norm, ffn, ffn_norm):
    shortcut = x
    x = shortcut + attn(attn_norm(x))
    return shortcut + ffn(ffn_norm(x))


def add_and_norm(x, attn, attn_norm, ffn, ffn_norm):
    for sublayer, norm in ((attn, attn_norm), (ffn, ffn_norm)):
        x = norm(x + sublayer(x))
    return x


def adds_in_place(x, attn, attn_norm, ffn, ffn_norm):
    x += attn(attn_norm(x))
    x += ffn(ffn_norm(x))
    return x


WRONG = [
    (check.layer_norm, lambda *a: normalised(*a, dim=1), "over-tokens", "the last axis"),
    (check.layer_norm, lambda *a: normalised(*a, dim=0), "over-batch", "the other sentences"),
    (check.layer_norm, batch_norm, "as-batch-norm", "this is batch norm"),
    (check.layer_norm, lambda *a: normalised(*a, dim=(1, 2)), "over-sequence", "whole sequence"),
    (check.layer_norm, lambda *a: normalised(*a, unbiased=True), "unbiased", "divide by m."),
    (check.layer_norm, by_std, "eps-outside-the-root", "under it"),
    (check.layer_norm, lambda x, gain, shift, eps: norm_torch(x, gain, shift, 0.0), "no-eps", "not added"),
    (check.layer_norm, lambda x, gain, shift, eps: norm_moments(x, gain, 0 * shift, eps), "no-shift", "not added"),
    (
        check.layer_norm,
        lambda x, gain, shift, eps: (x - x.mean(-1)) / np.sqrt(x.var(-1) + eps) * gain + shift,
        "raises",
        "keepdims",
    ),
    (check.feed_forward, lambda x, a, b, c, d: (x @ a + b) @ c + d, "linear", "one linear map"),
    (check.feed_forward, lambda x, a, b, c, d: np.maximum(x @ a, 0) @ c, "no-biases", "b_up and b_down"),
    (check.feed_forward, lambda x, a, b, c, d: np.maximum((x @ a + b) @ c + d, 0), "relu-last", "between the two"),
    (check.feed_forward, lambda x, *maps: x + net_neurons(x, *maps), "residual", "the block around"),
    (check.feed_forward, lambda x, a, b, c, d: x @ a + b, "shape", "expected out"),
    (check.pre_norm_block, add_and_norm, "post-norm", "this is post-norm"),
    (check.pre_norm_block, overwritten, "residual-of-the-normed", "past the norms"),
    (check.pre_norm_block, shortcut_kept, "block-input-again", "the first sum"),
    (check.pre_norm_block, lambda x, a, an, f, fn: f(fn(a(an(x)))), "no-residual", "nothing is added"),
    (check.pre_norm_block, lambda x, a, an, f, fn: x + a(an(x)) + f(fn(x)), "parallel", "after the attention"),
    (check.pre_norm_block, adds_in_place, "changes-its-argument", "in place"),
]


@pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), WRONG)
def test_wrong_answers_are_told_why(judge, answer, diagnosis, phrase):
    feedback = judge(answer)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis, feedback
    assert phrase in feedback.message


def test_a_message_shows_no_address_of_a_function():
    assert "attn = a function" in check.pre_norm_block(add_and_norm).message
