"""The checks of the chapter on pruning heads against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course.checks import head_pruning as check
from tests.told import wrong_answer_tests


def smaller_by_axes(value, out, kept, n_heads):
    rows, columns = value.reshape(n_heads, -1, value.shape[1]), out.reshape(len(out), n_heads, -1)
    return rows[kept].reshape(-1, value.shape[1]), columns[:, kept].reshape(len(out), -1)


def smaller_by_loops(value, out, kept, n_heads):
    d = out.shape[1] // n_heads
    rows = [head * d + n for head in kept for n in range(d)]
    return torch.tensor(value)[rows], np.hstack([out[:, head * d : head * d + d] for head in kept])


def slope_by_einsum(outputs, gradients):
    return np.abs(np.einsum("nhid,nhid->nh", outputs, gradients)).mean(0)


def slope_by_loops(outputs, gradients):
    pairs = list(zip(outputs, gradients, strict=True))
    return [sum(abs((o[h] * g[h]).sum()) for o, g in pairs) / len(pairs) for h in range(outputs.shape[1])]


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.smaller_layer, smaller_by_axes),
        (check.smaller_layer, smaller_by_loops),
        (check.slope_importance, slope_by_einsum),
        (check.slope_importance, slope_by_loops),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


def gone(kept, n_heads):
    return [head for head in range(n_heads) if head not in kept]


def masked(value, out, kept, n_heads):
    some, few = value.reshape(n_heads, -1, value.shape[1]).copy(), out.reshape(len(out), n_heads, -1).copy()
    some[gone(kept, n_heads)] = 0
    few[:, gone(kept, n_heads)] = 0
    return some.reshape(value.shape), few.reshape(out.shape)


def every_hth(value, out, kept, n_heads):
    rows = [head + n_heads * n for head in kept for n in range(out.shape[1] // n_heads)]
    return value[rows], out[:, rows]


def in_turn(value, out, kept, n_heads):
    channels = [head + n_heads * c for c in range(out.shape[1] // n_heads) for head in kept]
    return value[channels], out[:, channels]


def by_norm(outputs, gradients):
    sizes = abs((outputs * gradients).sum((2, 3))).mean(0)
    return sizes / np.linalg.norm(sizes)


def with_out(change):
    return lambda v, o, k, h: (smaller_by_axes(v, o, k, h)[0], change(o, len(k) * (o.shape[1] // h)))


WRONG = [
    (check.smaller_layer, with_out(lambda out, n: out), "whole-out", "columns of all heads"),
    (check.smaller_layer, with_out(lambda out, n: out[:, :n]), "first-columns", "belong to other heads"),
    (
        check.smaller_layer,
        lambda v, o, k, h: (v, smaller_by_axes(v, o, k, h)[1]),
        "whole-value",
        "rows of all heads",
    ),
    (
        check.smaller_layer,
        lambda v, o, k, h: (v[: len(k) * (len(v) // h)], smaller_by_axes(v, o, k, h)[1]),
        "first-rows",
        "belong to other heads",
    ),
    (
        check.smaller_layer,
        lambda v, o, k, h: smaller_by_axes(v, o, gone(k, h), h),
        "gone-instead",
        "those that stay",
    ),
    (check.smaller_layer, lambda v, o, k, h: smaller_by_axes(v, o, range(len(k)), h), "first-heads", "kept names"),
    (check.smaller_layer, masked, "masked", "saves nothing"),
    (check.smaller_layer, every_hth, "every-hth", "channels in a row"),
    (check.smaller_layer, in_turn, "every-hth-in-turn", "in turn"),
    (check.smaller_layer, lambda v, o, k, h: (v[k], o[:, k]), "one-channel", "one row a head"),
    (check.slope_importance, lambda o, g: (o * g).sum((2, 3)).mean(0), "signed", "signs cancel"),
    (check.slope_importance, lambda o, g: abs((o * g).sum((2, 3)).mean(0)), "size-of-mean", "size of the mean"),
    (check.slope_importance, lambda o, g: abs(o * g).sum((2, 3)).mean(0), "sizes-too-early", "every channel"),
    (check.slope_importance, lambda o, g: abs((o * g).sum(3)).sum(2).mean(0), "sizes-of-tokens", "every token"),
    (check.slope_importance, lambda o, g: abs(g.sum((2, 3))).mean(0), "gradients-alone", "times the output"),
    (check.slope_importance, lambda o, g: abs(o.sum((2, 3))).mean(0), "outputs-alone", "how large the outputs are"),
    (check.slope_importance, lambda o, g: abs((o * g).mean((2, 3))).mean(0), "mean-of-channels", "divides by tokens"),
    (check.slope_importance, lambda o, g: abs((o * g).sum((2, 3))).sum(0), "sum", "take their mean"),
    (check.slope_importance, lambda o, g: abs((o * g).sum((2, 3))), "each-text", "one number a head"),
    (check.slope_importance, lambda o, g: abs((o * g).sum((2, 3))).mean(1), "over-heads", "over the texts"),
    (check.slope_importance, lambda o, g: ((o * g).sum((2, 3)) ** 2).mean(0), "squares", "these are squares"),
    (check.slope_importance, lambda o, g: abs((o * g)[:, :, -1].sum(2)).mean(0), "last-token", "last token alone"),
    (check.slope_importance, by_norm, "normalised", "does not divide"),
]


test_wrong_answers_are_told, test_each_check_meets_six_that_differ = wrong_answer_tests(check, WRONG)


def test_the_numbers_are_those_of_the_encoder():
    from mha.compress.removal import remove_heads
    from mha.models.bert import Encoder, EncoderConfig

    with torch.device("meta"):
        whole = Encoder(EncoderConfig())
    n_whole, n_smaller = (sum(p.numel() for p in m.parameters()) for m in (whole, _without_half(whole, remove_heads)))
    assert check.saved.right["numbers_of_a_head"] == (n_whole - n_smaller) / 36
    assert check.saved.right["share_of_file"] == pytest.approx((n_whole - n_smaller) / n_whole)


def _without_half(encoder, remove):
    return remove(encoder, [(layer, head) for layer in range(6) for head in range(6)])
