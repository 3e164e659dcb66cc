"""The checks of the chapter on training against answers as learners write them, right and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import log_softmax, softmax

from course.checks import training as check
from mha.train import warmup_cosine

# ---- right answers, written differently


def entropy_torch(logits, targets):
    losses = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(targets), reduction="none")
    return losses, losses.mean() / math.log(2)


def entropy_log2(logits, targets):
    losses = [-row[target] for row, target in zip(log_softmax(logits, axis=1), targets, strict=True)]
    return losses, np.mean(losses) * np.log2(np.e)


def gradient_torch(x, w, b, targets):
    w, b = (torch.from_numpy(array).requires_grad_() for array in (w, b))
    loss = F.cross_entropy(torch.from_numpy(x) @ w + b, torch.from_numpy(targets))
    return torch.autograd.grad(loss, (w, b))


def gradient_by_examples(x, w, b, targets):
    at_w, at_b = np.zeros(w.shape), np.zeros(b.shape)
    for row, target in zip(x, targets, strict=True):
        p = softmax(row @ w + b)
        p[target] -= 1
        at_w += np.outer(row, p) / len(x)
        at_b += p / len(x)
    return at_w, at_b


def clip_torch(at_w, at_b, most):
    """`clip_grad_norm_` itself adds 1e-6 to the norm, so its two halves are used."""
    both = [torch.from_numpy(at_w), torch.from_numpy(at_b)]
    norm = torch.nn.utils.get_total_norm(both)
    return [array * min(1.0, most / float(norm)) for array in both]


def schedule_of_the_package(steps, warmup):
    return [warmup_cosine(step, steps=steps, warmup=warmup) for step in range(steps)]


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.cross_entropy, entropy_torch),
        (check.cross_entropy, entropy_log2),
        (check.gradient, gradient_torch),
        (check.gradient, gradient_by_examples),
        (check.clip, clip_torch),
        (check.schedule, schedule_of_the_package),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers, as they are written


def entropy_unstable(logits, targets):
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    losses = -np.log(p[np.arange(len(targets)), targets])
    return losses, losses.mean() / np.log(2)


def entropy_columns(logits, targets):
    losses = -log_softmax(logits, axis=1)[:, targets]
    return losses, losses.mean() / np.log(2)


def moved(x, w, b, targets):
    at_w, at_b = gradient_by_examples(x, w, b, targets)
    return w - at_w, b - at_b


def clip_entries(at_w, at_b, most):
    return np.clip(at_w, -most, most), np.clip(at_b, -most, most)


def clip_each(at_w, at_b, most):
    return [a * min(1, most / np.linalg.norm(a)) for a in (at_w, at_b)]


def rates(steps, warmup, first=1, rest=None):
    left = rest or steps - warmup
    up = [(s + first) / warmup for s in range(warmup)]
    return up + [0.5 * (1 + math.cos(math.pi * s / left)) for s in range(steps - warmup)]


WRONG = [
    (check.cross_entropy, entropy_unstable, "overflows", "largest logit"),
    (check.cross_entropy, entropy_columns, "every-pair", "one for each"),
    (check.cross_entropy, lambda s, t: (entropy_torch(s, t)[0], entropy_torch(s, t)[0].mean()), "bits-in-nats", "ln 2"),
    (check.cross_entropy, lambda s, t: entropy_torch(s, t)[::-1], "exchanged", "changed places"),
    (check.cross_entropy, lambda s, t: entropy_torch(s, t)[0], "losses-alone", "bits too"),
    (check.gradient, lambda x, *a: [len(x) * g for g in gradient_torch(x, *a)], "summed", "the loss is a mean"),
    (check.gradient, lambda *a: [-g for g in gradient_torch(*a)], "sign", "wrong way round"),
    (check.gradient, lambda *a: (gradient_torch(*a)[0].T, gradient_torch(*a)[1]), "transposed", "x.T @ error"),
    (check.gradient, moved, "weight-moved", "step is taken already"),
    (check.gradient, lambda *a: gradient_torch(*a)[::-1], "exchanged", "changed places"),
    (check.clip, clip_entries, "by-entries", "one factor"),
    (check.clip, clip_each, "each-by-itself", "one factor"),
    (check.clip, lambda w, b, most: [a * most / math.hypot(*w.ravel(), *b) for a in (w, b)], "always", "at most 1"),
    (check.schedule, lambda n, w: rates(n, w, first=0), "first-step-zero", "does nothing"),
    (check.schedule, lambda n, w: rates(n, w, rest=n - w - 1), "ends-at-zero", "does nothing"),
    (check.schedule, lambda n, w: rates(n, w, rest=n), "cosine-too-slow", "has not come down"),
    (check.schedule, lambda n, w: np.minimum(1, (np.arange(n) + 1) / w), "no-descent", "half a cosine"),
]


@pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), WRONG)
def test_wrong_answers_are_told_why(judge, answer, diagnosis, phrase):
    feedback = judge(answer)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis, feedback
    assert phrase in feedback.message


def test_the_numbers_by_hand_are_those_of_torch():
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    theta.grad = torch.tensor([250.0], dtype=torch.float64)
    torch.optim.AdamW([theta], lr=0.01, weight_decay=0.0).step()
    assert check.by_hand(-np.log2(1 / 8), -np.log([1 / 2, 1 / 8]).mean(), 2 / 10, -theta.item()).ok
    assert "mean probability" in check.by_hand(3, -np.log(5 / 16), 0.2, 0.01).message
