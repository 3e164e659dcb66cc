"""The checks of the chapter on the block of today against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course.checks import modern_block as check
from mha.positions import Rotary

# ---- right answers, written differently


def rotary_complex(x, offset):
    half = x.shape[1] // 2
    angles = np.outer(np.arange(offset, offset + len(x)), 1e4 ** (-np.arange(half) / half))
    turned = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angles)
    return np.hstack([turned.real, turned.imag])


def rotary_rotate_half(x, offset):
    """As Hugging Face writes it."""
    x = torch.from_numpy(x)
    d = x.shape[1]
    rates = 1.0 / (10000 ** (torch.arange(0, d, 2, dtype=torch.float64) / d))
    angles = (offset + torch.arange(len(x)))[:, None] * torch.cat([rates, rates])
    swapped = torch.cat([-x[:, d // 2 :], x[:, : d // 2]], dim=1)
    return x * angles.cos() + swapped * angles.sin()


def rotary_of_the_book(x, offset):
    return Rotary(x.shape[1], pairing="halves")(torch.from_numpy(x), offset=offset)


def grouped_torch(q, k, v):
    q, k, v = (torch.from_numpy(x)[None] for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)[0]


def grouped_loop(q, k, v):
    out = np.zeros_like(q)
    for head in range(len(q)):
        group = head * len(k) // len(q)
        scores = q[head] @ k[group].T / q.shape[2] ** 0.5
        shares = np.exp(scores - scores.max(1, keepdims=True))
        out[head] = shares / shares.sum(1, keepdims=True) @ v[group]
    return out


def latent_expanded(q, latents, w_k, w_v):
    """With keys and values made."""
    keys, values = latents @ w_k, latents @ w_v  # (h, j, d)
    scores = np.einsum("hd,hjd->hj", q, keys) / np.sqrt(q.shape[1])
    shares = np.exp(scores)
    return np.einsum("hj,hjd->hd", shares / shares.sum(1, keepdims=True), values)


def latent_torch(q, latents, w_k, w_v):
    q, latents, w_k, w_v = map(torch.from_numpy, (q, latents, w_k, w_v))
    return F.scaled_dot_product_attention(q[:, None], latents @ w_k, latents @ w_v)[:, 0]


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.rotary_from, rotary_complex),
        (check.rotary_from, rotary_rotate_half),
        (check.rotary_from, rotary_of_the_book),
        (check.grouped_attention, grouped_torch),
        (check.grouped_attention, grouped_loop),
        (check.latent_attention, latent_expanded),
        (check.latent_attention, latent_torch),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers, as they are written


def latent_scaled(q, latents, w_k, w_v):
    """By the width of what meets in the product."""
    asked = np.einsum("hcd,hd->hc", w_k, q)
    scores = asked @ latents.T / np.sqrt(asked.shape[-1])
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("hc,hcd->hd", shares / shares.sum(-1, keepdims=True) @ latents, w_v)


def latent_by_hand(q, latents, w_k, w_v, axis=-1):
    """With a softmax over `axis`, and none of the largest taken off."""
    shares = np.exp(np.einsum("hcd,hd,jc->hj", w_k, q, latents) / np.sqrt(q.shape[1]))
    return np.einsum("hj,jc,hcd->hd", shares / shares.sum(axis, keepdims=True), latents, w_v)


def grouped_causal(q, k, v):
    """Masked as a decoder's is, which nobody has asked for."""
    q, k, v = (torch.from_numpy(x)[None] for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)[0]


def normed(latents):
    return latents / np.sqrt((latents**2).mean(-1, keepdims=True))


def grouped_tiled(q, k, v):
    times = len(q) // len(k)
    return grouped_torch(q, np.concatenate([k] * times), np.concatenate([v] * times))


@pytest.mark.parametrize(
    ("judge", "answer", "diagnosis"),
    [
        (check.rotary_from, lambda x, offset: rotary_complex(x, 0), "offset-ignored"),
        (check.rotary_from, lambda x, offset: rotary_complex(x, offset + 1), "from-one"),
        (check.rotary_from, lambda x, offset: Rotary(x.shape[1])(torch.from_numpy(x), offset=offset), "neighbours"),
        (check.rotary_from, lambda x, offset: rotary_complex(x[::-1], offset)[::-1], None),
        (check.rotary_from, lambda x, offset: rotary_complex(x, -offset), "subtracted"),
        (check.grouped_attention, grouped_tiled, "tiled"),
        (check.grouped_attention, lambda q, k, v: grouped_torch(q, k[::-1].copy(), v[::-1].copy()), "reversed-groups"),
        (check.grouped_attention, grouped_causal, "masked"),
        (check.grouped_attention, lambda q, k, v: grouped_torch(q / len(q) ** 0.5, k, v), "scale-of-all-heads"),
        (check.latent_attention, latent_scaled, "scale-of-latents"),
        (check.latent_attention, lambda *given: latent_by_hand(*given, axis=None), "softmax-over-all"),
        (check.latent_attention, lambda *given: latent_by_hand(*given, axis=0), "softmax-over-heads"),
        (check.latent_attention, lambda q, c, *maps: latent_by_hand(q, normed(c), *maps), "normed-again"),
        (check.latent_attention, lambda q, c, w_k, w_v: latent_expanded(q, c, w_v, w_k), "maps-exchanged"),
        (check.latent_attention, lambda q, c, w_k, w_v: latent_expanded(q, c, w_k, w_k), "values-from-the-keys-map"),
    ],
)
def test_wrong_answers_are_told(judge, answer, diagnosis):
    feedback = judge(answer)
    assert not feedback.ok
    assert diagnosis is None or feedback.diagnosis == diagnosis, feedback


def test_the_bytes_are_those_of_the_shapes():
    a_token = 2 * 32 * 128 * 2  # one head of every layer, keys and values, 16 bits
    assert check.cache_bytes(32 * a_token, 8 * a_token, 60 * 576 * 2, 4096 * 8 * a_token).ok
    assert "heads share one latent" in check.cache_bytes(..., ..., 60 * 128 * 576 * 2, ...).message
    assert "the token being read" in check.cache_bytes(..., ..., ..., 4095 * 8 * a_token).message
