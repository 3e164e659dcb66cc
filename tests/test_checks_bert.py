"""The checks of the chapter on BERT against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F

from course.checks import bert as check
from tests.told import wrong_answer_tests

# ---- right answers, written differently


def masked_in_steps(token_ids, special, chance, kind, random_ids, mask_id):
    predicted = np.logical_and(chance < 0.15, np.logical_not(special))
    inputs = token_ids.copy()
    inputs[predicted & (kind < 0.8)] = mask_id
    to_random = predicted & (kind >= 0.8) & (kind < 0.9)
    inputs[to_random] = random_ids[to_random]
    return inputs, predicted


def masked_by_loops(token_ids, special, chance, kind, random_ids, mask_id):
    inputs, predicted = token_ids.tolist(), np.zeros(token_ids.shape, dtype=int).tolist()
    for b, i in np.ndindex(*token_ids.shape):
        if special[b, i] or chance[b, i] >= 0.15:
            continue
        predicted[b][i] = 1
        if kind[b, i] < 0.8:
            inputs[b][i] = mask_id
        elif kind[b, i] < 0.9:
            inputs[b][i] = int(random_ids[b, i])
    return inputs, predicted


def masked_by_torch(*arrays):
    token_ids, special, chance, kind, random_ids = map(torch.from_numpy, arrays[:-1])
    predicted = (chance < 0.15) & ~special
    inputs = token_ids.masked_fill(predicted & (kind < 0.8), arrays[-1])
    return torch.where(predicted & (kind >= 0.8) & (kind < 0.9), random_ids, inputs), predicted


def loss_by_torch(logits, token_ids, predicted):
    logits, token_ids, predicted = map(torch.from_numpy, (logits, token_ids, predicted))
    return F.cross_entropy(logits[predicted], token_ids[predicted])


def loss_with_ignored(logits, token_ids, predicted):
    targets = torch.from_numpy(np.where(predicted, token_ids, -100))
    return F.cross_entropy(torch.from_numpy(logits).flatten(0, 1), targets.flatten(), ignore_index=-100)


def loss_by_loops(logits, token_ids, predicted):
    losses = [
        scipy.special.logsumexp(logits[b, i]) - logits[b, i, token_ids[b, i]]
        for b, i in np.ndindex(*predicted.shape)
        if predicted[b, i]
    ]
    return sum(losses) / len(losses)


def loss_one_hot(logits, token_ids, predicted):
    log_p = scipy.special.log_softmax(logits, axis=-1)
    one_hot = np.eye(logits.shape[-1])[token_ids]
    return -(log_p * one_hot * predicted[..., None]).sum() / predicted.sum()


def pooled_by_loops(vectors, key_mask):
    return [x[real].mean(0).tolist() for x, real in zip(vectors, key_mask, strict=True)]


def pooled_by_einsum(vectors, key_mask):
    return np.einsum("bim,bi->bm", vectors, key_mask / key_mask.sum(1, keepdims=True))


def pooled_by_nan(vectors, key_mask):
    return np.nanmean(np.where(key_mask[..., None], vectors, np.nan), axis=1)


def pooled_by_torch(vectors, key_mask):
    vectors, weight = torch.from_numpy(vectors), torch.from_numpy(key_mask)[..., None].double()
    return (vectors * weight).sum(1) / weight.sum(1).clamp(min=1e-9)


RIGHT = [
    (check.mask_tokens, masked_in_steps),
    (check.mask_tokens, masked_by_loops),
    (check.mask_tokens, masked_by_torch),
    (check.masked_loss, loss_by_torch),
    (check.masked_loss, loss_with_ignored),
    (check.masked_loss, loss_by_loops),
    (check.masked_loss, loss_one_hot),
    (check.mean_pooling, pooled_by_loops),
    (check.mean_pooling, pooled_by_einsum),
    (check.mean_pooling, pooled_by_nan),
    (check.mean_pooling, pooled_by_torch),
]


@pytest.mark.parametrize(("judge", "answer"), RIGHT)
def test_right_answers_are_right_however_written(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers that learners give


def masked(token_ids, special, chance, kind, random_ids, mask_id, *, low=0.8, high=0.9, rate=0.15, report=None):
    predicted = (chance < rate) & ~special
    inputs = np.where(predicted & (kind < low), mask_id, token_ids)
    inputs = np.where(predicted & (kind >= low) & (kind < high), random_ids, inputs)
    return inputs, predicted if report is None else report(inputs, token_ids, mask_id)


def with_special(token_ids, special, *rest):
    return masked(token_ids, np.zeros_like(special), *rest)


def in_place(token_ids, special, chance, kind, random_ids, mask_id):
    predicted = (chance < 0.15) & ~special
    token_ids[predicted & (kind < 0.8)] = mask_id
    return np.where(predicted & (kind >= 0.8) & (kind < 0.9), random_ids, token_ids), predicted


def loss(logits, token_ids, predicted, reduce=lambda losses, predicted: losses[predicted].mean(), softmax=None):
    log_p = scipy.special.log_softmax(logits, axis=-1) if softmax is None else np.log(softmax(logits))
    return reduce(-np.take_along_axis(log_p, token_ids[..., None], 2)[..., 0], predicted)


def unsafe_softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


WRONG = [
    (check.mask_tokens, lambda *a: masked(*a, low=1.0), "always-masked", "one in ten stays"),
    (check.mask_tokens, lambda *a: masked(*a, high=1.0), "none-kept", "0.9 or more"),
    (check.mask_tokens, lambda *a: masked(*a, high=0.8), "none-random", "from 0.8 to 0.9"),
    (check.mask_tokens, with_special, "special-chosen", "[CLS]"),
    (
        check.mask_tokens,
        lambda *a: masked(*a, report=lambda x, ids, m: x == m),
        "predicted-where-masked",
        "predicted too",
    ),
    (
        check.mask_tokens,
        lambda *a: masked(*a, report=lambda x, ids, m: x != ids),
        "predicted-where-masked",
        "predicted too",
    ),
    (check.mask_tokens, lambda *a: masked(*a[:2], 1 - a[2], *a[3:], rate=0.85), "chance-reversed", "85 %"),
    (check.mask_tokens, lambda *a: masked(*a[:3], a[2] / 0.15, *a[4:]), "one-number", "what kind is for"),
    (check.mask_tokens, lambda *a: masked(*a, rate=2.0), "other-rate", "chosen if its chance is below"),
    (check.mask_tokens, lambda *a: masked(*a)[0], "inputs-alone", "inputs alone: return (inputs, predicted)."),
    (check.mask_tokens, in_place, "changes-its-argument", "token_ids"),
    (check.masked_loss, lambda *a: loss(*a, lambda x, p: x.mean()), "all-positions", "copy"),
    (check.masked_loss, lambda *a: loss(*a, lambda x, p: (x * p).mean()), "divided-by-all", "how many are"),
    (check.masked_loss, lambda *a: loss(*a, lambda x, p: x[~p].mean()), "not-predicted", "True in predicted"),
    (check.masked_loss, lambda *a: loss(*a, lambda x, p: x[p].sum()), "sum", "take the mean"),
    (
        check.masked_loss,
        lambda *a: loss(*a, lambda x, p: np.mean([r[k].mean() for r, k in zip(x, p, strict=True)])),
        "mean-of-means",
        "counts alike",
    ),
    (check.masked_loss, lambda *a: loss(*a, lambda x, p: -x[p].mean()), "sign", "minus"),
    (check.masked_loss, lambda *a: loss(*a, lambda x, p: x[p]), "one-a-token", "take their mean"),
    (check.masked_loss, lambda *a: loss(*a, softmax=unsafe_softmax), "overflows", "power of a logit near 1000"),
    (
        check.masked_loss,
        lambda *a: loss(*a, softmax=lambda x: scipy.special.softmax(x, axis=1)),
        "over-positions+log-of-zero",
        "over the vocabulary",
    ),
    (
        check.masked_loss,
        lambda x, ids, p: loss(x[:, :-1], ids[:, 1:], p[:, 1:]),
        "next-token",
        "as in a causal model",
    ),
    (check.masked_loss, lambda *a: loss(*a) / np.log(2), "bits", "bits: take the natural logarithm, np.log."),
    (check.mean_pooling, lambda x, mask: x.mean(1), "padding-included", "means nothing"),
    (check.mean_pooling, lambda x, mask: (x * mask[..., None]).mean(1), "divided-by-length", "padded length"),
    (check.mean_pooling, lambda x, mask: (x * mask[..., None]).sum(1) / mask.sum(), "divided-by-batch", "its own"),
    (check.mean_pooling, lambda x, mask: (x * mask[..., None]).sum(1), "sum", "how many"),
    (check.mean_pooling, lambda x, mask: x[:, 0], "first-token", "[CLS]"),
    (check.mean_pooling, lambda x, mask: x[:, -1], "last-token", "vector of the last token: take"),
    (check.mean_pooling, lambda x, mask: x[mask].mean(0), "whole-batch", "the mean over all texts: average"),
    (check.mean_pooling, lambda x, mask: x.mean(-1), "over-channels", "axis 1"),
    (check.mean_pooling, lambda x, mask: x * mask, "axis-missing", "i) lacks the axis of the"),
    (
        check.mean_pooling,
        lambda x, mask: F.normalize(torch.from_numpy(pooled_by_einsum(x, mask))),
        "unit-length",
        "a step of its own",
    ),
]


test_wrong_answers_are_told, test_each_check_meets_six_that_differ = wrong_answer_tests(check, WRONG)


@pytest.mark.parametrize("limits", [(np.less_equal, np.less), (np.less, np.less_equal)])
def test_a_number_on_its_limit_is_on_the_upper_side(limits):
    chosen_below, kind_below = limits

    def answer(token_ids, special, chance, kind, random_ids, mask_id):
        predicted = chosen_below(chance, 0.15) & ~special
        masked, changed = predicted & kind_below(kind, 0.8), predicted & kind_below(kind, 0.9)
        return np.select([masked, changed], [mask_id, random_ids], token_ids), predicted

    feedback = check.mask_tokens(answer)
    assert feedback.diagnosis == "limits", feedback
    assert "below 0.15" in feedback.message


def test_a_number_on_its_limit_is_there_in_single_precision_too():
    def answer(token_ids, special, chance, kind, random_ids, mask_id):
        chance, kind = (torch.tensor(x, dtype=torch.float32) for x in (chance, kind))
        predicted = (chance < 0.15) & ~torch.tensor(special)
        inputs = torch.where(predicted & (kind < 0.8), mask_id, torch.tensor(token_ids))
        inputs = torch.where(predicted & (kind >= 0.8) & (kind < 0.9), torch.tensor(random_ids), inputs)
        return inputs, predicted

    assert check.mask_tokens(answer).ok
