"""The checks of the T5 chapter against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F

from course.checks import t5 as check
from mha.models import t5
from mha.tasks import span_corruption
from tests.told import told_test

# ---- right answers, written differently


def spans_loop(tokens, taken, sentinels):
    source, target, n = [], [], 0
    for place, token in enumerate(tokens):
        if not taken[place]:
            source.append(token)
            continue
        if place == 0 or not taken[place - 1]:
            source.append(sentinels[n])
            target.append(sentinels[n])
            n += 1
        target.append(token)
    return np.array(source), np.array([*target, sentinels[n]])


def spans_split(tokens, taken, sentinels):
    edges = np.flatnonzero(np.diff(taken)) + 1
    source, target, n = [], [], 0
    for piece, out in zip(np.split(tokens, edges), np.split(taken, edges), strict=True):
        if out[0]:
            source, target, n = [*source, sentinels[n]], [*target, sentinels[n], *piece], n + 1
        else:
            source = [*source, *piece]
    return source, [*target, sentinels[n]]


def spans_package(tokens, taken, sentinels):
    source, target = span_corruption.split_at_spans(tokens.tolist(), taken.tolist(), sentinels.tolist())
    return torch.tensor(source), torch.tensor(target)


def norm_einsum(x, weight, eps):
    squares = np.einsum("bim,bim->bi", x, x) / x.shape[-1]
    return x * weight / np.sqrt(squares + eps)[..., None]


def norm_torch(x, weight, eps):
    return F.rms_norm(torch.from_numpy(x), (len(weight),), torch.from_numpy(weight), eps)


def norm_loops(x, weight, eps):
    return [[token / (sum(token**2) / len(token) + eps) ** 0.5 * weight for token in rows] for rows in x]


def shift_in_place(targets, start_id):
    inputs = np.empty_like(targets)
    inputs[:, 0], inputs[:, 1:] = start_id, targets[:, :-1]
    return inputs


def shift_pad(targets, start_id):
    return F.pad(torch.from_numpy(targets), (1, -1), value=start_id)


def shift_roll(targets, start_id):
    inputs = np.roll(targets, 1, axis=1)
    inputs[:, 0] = start_id
    return inputs


def weights_einsum(q, k, table, buckets):
    scores = np.einsum("hid,hjd->hij", q, k) + np.einsum("ijh->hij", table[buckets])
    return scipy.special.softmax(scores, axis=-1)


def weights_heads(q, k, table, buckets):
    return np.stack([scipy.special.softmax(q[n] @ k[n].T + table[buckets, n], axis=1) for n in range(len(q))])


def weights_torch(q, k, table, buckets):
    q, k, table, buckets = map(torch.from_numpy, (q, k, table, buckets))
    return (q @ k.mT + F.embedding(buckets, table).permute(2, 0, 1)).softmax(-1)


def weights_by_the_kernel(q, k, table, buckets):
    """The weights as what the fused kernel makes of a value that is one at one key."""
    q, k, bias = torch.from_numpy(q), torch.from_numpy(k), torch.from_numpy(table.T[:, buckets])
    v = torch.eye(k.shape[1], dtype=q.dtype).expand(len(q), -1, -1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.split_at_spans, spans_loop),
        (check.split_at_spans, spans_split),
        (check.split_at_spans, spans_package),
        (check.rms_norm, norm_einsum),
        (check.rms_norm, norm_torch),
        (check.rms_norm, norm_loops),
        (check.shift_right, shift_in_place),
        (check.shift_right, shift_pad),
        (check.shift_right, shift_roll),
        (check.shift_right, lambda targets, start_id: t5.shift_right(torch.from_numpy(targets), start_id)),
        (check.biased_weights, weights_einsum),
        (check.biased_weights, weights_heads),
        (check.biased_weights, weights_torch),
        (check.biased_weights, weights_by_the_kernel),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers


def spans_replaced_one_by_one(tokens, taken, sentinels):
    """As BERT masks: a mark for each token."""
    source, target, n = [], [], 0
    marks = [*sentinels, *range(int(sentinels[-1]) - 1, 0, -1)]
    for token, out in zip(tokens, taken, strict=True):
        if out:
            source.append(marks[n])
            target += [marks[n], token]
            n += 1
        else:
            source.append(token)
    return source, [*target, marks[n]]


def spans_counted_by_hand(tokens, taken, sentinels):
    """The counter that never moves."""
    source, target = [], []
    for n, (token, out) in enumerate(zip(tokens, taken, strict=True)):
        if out and (n == 0 or not taken[n - 1]):
            source.append(sentinels[0])
            target.append(sentinels[0])
        (target if out else source).append(token)
    return source, [*target, sentinels[0]]


def spans_written_late(tokens, taken, sentinels):
    """A span is written when the next token that stays comes by, and the last one never."""
    source, target, span, n = [], [], [], 0
    for token, out in zip(tokens, taken, strict=True):
        if out:
            span.append(token)
            continue
        if span:
            source.append(sentinels[n])
            target += [sentinels[n], *span]
            span, n = [], n + 1
        source.append(token)
    return source, [*target, sentinels[n]]


def layer_norm_without_bias(x, weight, eps):
    return F.layer_norm(torch.from_numpy(x), (len(weight),), torch.from_numpy(weight), None, eps)


def l2_normalised(x, weight, eps):
    return F.normalize(torch.from_numpy(x), dim=-1) * torch.from_numpy(weight)


def norm_without_axis(x, weight, eps):
    return x / np.sqrt(np.mean(x**2) + eps) * weight


def rolled(targets, start_id):
    return torch.from_numpy(targets).roll(1, dims=1)


def rolled_flat(targets, start_id):
    inputs = torch.from_numpy(targets).roll(1)
    inputs[0, 0] = start_id
    return inputs


def prepended(targets, start_id):
    return np.concatenate([np.full((len(targets), 1), start_id), targets], axis=1)


def next_tokens(targets, start_id):
    return F.pad(torch.from_numpy(targets[:, 1:]), (0, 1), value=start_id)


def by_the_kernel_with_its_scale(q, k, table, buckets):
    q, k, bias = torch.from_numpy(q), torch.from_numpy(k), torch.from_numpy(table.T[:, buckets])
    v = torch.eye(k.shape[1], dtype=q.dtype).expand(len(q), -1, -1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


def viewed_instead_of_permuted(q, k, table, buckets):
    bias = torch.from_numpy(table[buckets]).view(len(q), *buckets.shape)
    return (torch.from_numpy(q) @ torch.from_numpy(k).mT + bias).softmax(-1)


def heads_last(q, k, table, buckets):
    return scipy.special.softmax(table[buckets] + q @ k.swapaxes(1, 2), axis=-1)


def bias_on_the_weights(q, k, table, buckets):
    return scipy.special.softmax(q @ k.swapaxes(1, 2), axis=-1) + table.T[:, buckets]


def softmax_on_heads(q, k, table, buckets):
    return (torch.from_numpy(q) @ torch.from_numpy(k).mT + torch.from_numpy(table.T[:, buckets])).softmax(1)


test_wrong_answers_are_told_what_is_wrong = told_test(
    [
        (check.split_at_spans, spans_replaced_one_by_one, "one-a-token", "however long"),
        (check.split_at_spans, spans_counted_by_hand, "same-sentinel", "next one"),
        (check.split_at_spans, lambda tokens, taken, s: spans_loop(tokens, ~taken, s), "polarity", "True in taken"),
        (check.split_at_spans, lambda *i: (spans_loop(*i)[0], spans_loop(*i)[1][:-1]), "no-last-sentinel", "one more"),
        (check.split_at_spans, lambda tokens, taken, s: (tokens[~taken], tokens[taken]), "no-sentinels", "nothing"),
        (check.split_at_spans, spans_written_late, "last-span-unseen", "after the loop too"),
        (check.rms_norm, layer_norm_without_bias, "layer-norm", "mean is subtracted"),
        (check.rms_norm, l2_normalised, "sum-of-squares", "mean"),
        (check.rms_norm, norm_without_axis, "over-everything", "each token"),
        (check.rms_norm, lambda x, w, eps: norm_torch(x, w, 0.0), "no-eps", "eps is missing"),
        (check.shift_right, lambda targets, start_id: targets, "not-shifted", "copy"),
        (check.shift_right, rolled, "around", "comes round"),
        (check.shift_right, rolled_flat, "as-one-row", "move each along axis 1"),
        (check.shift_right, prepended, "one-too-long", "one token too many"),
        (check.shift_right, next_tokens, "left", "after the one"),
        (check.biased_weights, by_the_kernel_with_its_scale, "scaled", "√d"),
        (check.biased_weights, viewed_instead_of_permuted, "reshaped", "move the last axis"),
        (check.biased_weights, bias_on_the_weights, "after-the-softmax", "before the softmax"),
        (check.biased_weights, softmax_on_heads, "over-queries", "over the keys"),
        (check.biased_weights, heads_last, "heads-last", "move its last axis"),
    ]
)


def test_parameters_are_those_of_the_model():
    with torch.device("meta"):
        model = t5.T5(t5.T5Config())
    tables = [stack.bias.weight.numel() for stack in (model.encoder, model.decoder)]
    feedback = check.parameters(sum(p.numel() for p in model.parameters()), sum(tables), 6 * sum(tables))
    assert feedback.ok, feedback
