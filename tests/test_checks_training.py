"""The checks of the chapter on training against answers as learners write them, right and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import log_softmax, softmax

from course.checks import training as check

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


def adamw_torch(theta, g, m, v, n, lr, decay):
    """The optimiser itself, its state put in."""
    weight, mean, square = (torch.tensor(array) for array in (theta, m, v))
    weight.requires_grad_().grad = torch.from_numpy(g)
    optimizer = torch.optim.AdamW([weight], lr=lr, betas=(0.9, 0.98), weight_decay=decay)
    optimizer.state[weight] = {
        "step": torch.tensor(float(n - 1)),
        "exp_avg": mean.clone(),
        "exp_avg_sq": square.clone(),
    }
    optimizer.step()
    state = optimizer.state[weight]
    return weight.detach(), state["exp_avg"], state["exp_avg_sq"]


def adamw(theta, g, m, v, n, lr, decay, betas=(0.9, 0.98), powers=None, eps=1e-8):
    """Incremental averages, the decay as a factor."""
    one, two = powers or (betas[0] ** n, betas[1] ** n)
    m, v = m + (1 - betas[0]) * (g - m), v + (1 - betas[1]) * (g * g - v)
    return theta * (1 - lr * decay) - lr * (m / (1 - one)) / ((v / (1 - two)) ** 0.5 + eps), m, v


def adamw_by_entries(theta, g, m, v, n, lr, decay):
    columns = [adamw(*entry, n, lr, decay) for entry in zip(theta, g, m, v, strict=True)]
    return [np.array(column) for column in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.cross_entropy, entropy_torch),
        (check.cross_entropy, entropy_log2),
        (check.gradient, gradient_torch),
        (check.gradient, gradient_by_examples),
        (check.clip, clip_torch),
        (check.adamw_step, adamw_torch),
        (check.adamw_step, adamw),
        (check.adamw_step, lambda *a: adamw(*map(np.float32, a))),
        (check.adamw_step, adamw_by_entries),
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


def corrected(theta, g, m, v, n, lr, decay):
    """m and v overwritten by what they are divided into."""
    m, v = (0.9 * m + 0.1 * g) / (1 - 0.9**n), (0.98 * v + 0.02 * g**2) / (1 - 0.98**n)
    return theta - lr * decay * theta - lr * m / (np.sqrt(v) + 1e-8), m, v


def in_place(theta, g, m, v, n, lr, decay):
    m *= 0.9
    m += 0.1 * g
    return adamw(theta, g, (m - 0.1 * g) / 0.9, v, n, lr, decay)[0], m, 0.98 * v + 0.02 * g**2


def decayed_last(theta, *rest):
    lr, decay = rest[-2:]
    theta, m, v = adamw(theta, *rest[:-1], 0.0)
    return theta - lr * decay * theta, m, v


ADAMW_WRONG = [
    (lambda *a: adamw(*a, powers=(0, 0)), "not-corrected", "began at 0"),
    (corrected, "corrected-kept", "before the correction"),
    (lambda t, g, m, v, n, *r: adamw(t, g, m, v, n + 1, *r), "counted-from-0", "from 1 already"),
    (lambda t, g, m, v, n, *r: adamw(t, g, m, v, n - 1, *r), "one-step-late", "the step before"),
    (lambda *a: adamw(*a, betas=(0.98, 0.9)), "betas-exchanged", "changed places"),
    (lambda *a: adamw(*a, betas=(0.9, 0.999)), "another-beta", "here it is 0.98"),
    (lambda *a: adamw(*a, eps=0), "no-eps", "1e-8"),
    (lambda t, g, m, v, n, lr, d: adamw(t, g + d * t, m, v, n, lr, 0), "decay-in-the-gradient", "as in Adam"),
    (lambda t, g, m, v, n, lr, d: adamw(t, g, m, v, n, lr, d / lr), "decay-without-rate", "learning rate"),
    (decayed_last, "decay-last", "shrinks it too"),
    (lambda *a: adamw(*a)[0], "new_theta-alone", "return (new_theta, new_m, new_v)"),
    (lambda *a: adamw(*a)[1:] + adamw(*a)[:1], "order-swapped-2", "return (new_theta, new_m, new_v)"),
    (in_place, "changes-its-argument", "m = m.copy()"),
]


WRONG = [
    (check.cross_entropy, entropy_unstable, "overflows", "largest logit"),
    (check.cross_entropy, entropy_columns, "every-pair", "one for each"),
    (check.cross_entropy, lambda s, t: (entropy_torch(s, t)[0], entropy_torch(s, t)[0].mean()), "bits-in-nats", "ln 2"),
    (check.cross_entropy, lambda s, t: entropy_torch(s, t)[::-1], "order-swapped", "return (losses, bits)"),
    (check.cross_entropy, lambda s, t: entropy_torch(s, t)[0], "losses-alone", "return (losses, bits)"),
    (check.gradient, lambda x, *a: [len(x) * g for g in gradient_torch(x, *a)], "summed", "the loss is a mean"),
    (check.gradient, lambda *a: [-g for g in gradient_torch(*a)], "sign", "wrong way round"),
    (check.gradient, lambda *a: (gradient_torch(*a)[0].T, gradient_torch(*a)[1]), "transposed", "x.T @ error"),
    (check.gradient, moved, "weight-moved", "step is taken already"),
    (check.gradient, lambda *a: gradient_torch(*a)[::-1], "order-swapped", "return (at_w, at_b)"),
    (check.clip, clip_entries, "by-entries", "one factor"),
    (check.clip, clip_each, "each-by-itself", "one factor"),
    (check.clip, lambda w, b, most: [a * most / math.hypot(*w.ravel(), *b) for a in (w, b)], "always", "at most 1"),
    *((check.adamw_step, *wrong) for wrong in ADAMW_WRONG),
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
