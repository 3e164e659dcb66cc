"""The checks of the chapter on distillation against answers as learners write them, right and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course.checks import distillation as check
from tests.told import wrong_answer_tests


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def soft_torch(student, teacher, temperature):
    s, t = (torch.from_numpy(x) / temperature for x in (student, teacher))
    divergence = F.kl_div(s.log_softmax(-1), t.log_softmax(-1), reduction="batchmean", log_target=True)
    return float(divergence) * temperature**2


def soft_loops(student, teacher, temperature):
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        p, q = softmax(t / temperature), softmax(s / temperature)
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return total / len(student) * temperature * temperature


def hidden_loops(student, teacher, key_mask):
    squares = [
        (student[b, i] - teacher[b, i]) ** 2
        for b in range(len(student))
        for i in range(student.shape[1])
        if key_mask[b, i]
    ]
    return np.mean(squares)


def hidden_torch(student, teacher, key_mask):
    return F.mse_loss(*(torch.from_numpy(x)[torch.from_numpy(key_mask)] for x in (student, teacher)))


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.soft_target_loss, soft_torch),
        (check.soft_target_loss, soft_loops),
        (check.hidden_loss, hidden_loops),
        (check.hidden_loss, hidden_torch),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


def divergences(s, t, temperature, other=None):
    p, q = softmax(t / (other or temperature)), softmax(s / temperature)
    return p * np.log(p / q)


def squares(s, t, key_mask):
    return ((s - t) ** 2).mean(-1)


WRONG = [
    (check.soft_target_loss, lambda s, t, c: divergences(s, t, c).sum(-1).mean(), "square-forgotten", "T²"),
    (check.soft_target_loss, lambda s, t, c: c * divergences(s, t, c).sum(-1).mean(), "not-squared", "by T:"),
    (check.soft_target_loss, lambda s, t, c: divergences(s, t, 1).sum(-1).mean(), "no-temperature", "does nothing"),
    (check.soft_target_loss, lambda s, t, c: c**2 * divergences(t, s, c).sum(-1).mean(), "turned-round", "teacher's"),
    (check.soft_target_loss, lambda s, t, c: -(c**2) * divergences(s, t, c).sum(-1).mean(), "sign", "never below 0"),
    (check.soft_target_loss, lambda s, t, c: c**2 * divergences(s, t, c).mean(), "mean-of-everything", "rows alone"),
    (check.soft_target_loss, lambda s, t, c: c**2 * divergences(s, t, c).sum(), "sum-over-rows", "their mean"),
    (check.soft_target_loss, lambda s, t, c: c**2 * divergences(s, t, c).sum(-1), "one-a-row", "their mean"),
    (
        check.soft_target_loss,
        lambda s, t, c: c**2 * -(softmax(t / c) * np.log(softmax(s / c))).sum(-1).mean(),
        "cross-entropy",
        "entropy",
    ),
    (
        check.soft_target_loss,
        lambda s, t, c: c**2 * divergences(s, t, 1, c).sum(-1).mean(),
        "teacher-alone",
        "student's too",
    ),
    (
        check.soft_target_loss,
        lambda s, t, c: c**2 * divergences(s, t, c, 1).sum(-1).mean(),
        "student-alone",
        "teacher's too",
    ),
    (
        check.soft_target_loss,
        lambda s, t, c: c**2 * divergences(s, t, 1 / c).sum(-1).mean(),
        "multiplied",
        "divide by it",
    ),
    (
        check.soft_target_loss,
        lambda s, t, c: c**2 * (p := softmax(t / c, 0), p * np.log(p / softmax(s / c, 0)))[1].sum(-1).mean(),
        "over-rows",
        "axis=-1",
    ),
    (
        check.soft_target_loss,
        lambda s, t, c: c**2 * (softmax(t / c, 0) * np.log(softmax(t / c, 0) / softmax(s / c, 0))).sum(0).mean(),
        "over-rows",
        "axis=-1",
    ),
    (
        check.soft_target_loss,
        lambda s, t, c: c**2 * (softmax(t / c) * (t - s) / c).sum(-1).mean(),
        "logits-for-logarithms",
        "logsumexp",
    ),
    (
        check.soft_target_loss,
        lambda s, t, c: (
            c**2 * F.kl_div(torch.as_tensor(softmax(s / c)), torch.as_tensor(softmax(t / c)), reduction="batchmean")
        ),
        "probabilities-for-logarithms",
        "F.kl_div",
    ),
    (check.hidden_loss, lambda s, t, m: F.mse_loss(s[m], t[m]), "called-a-number", "torch.as_tensor"),
    (check.hidden_loss, lambda s, t, m: ((s * m[:, :, None] - t) ** 2).mean(), "padding-counted", "real tokens alone"),
    (check.hidden_loss, lambda s, t, m: (s - t)[m].mean() ** 2, "mean-first", "square first"),
    (check.hidden_loss, lambda s, t, m: squares(s, t, m).mean(), "padding-counted", "real tokens alone"),
    (check.hidden_loss, lambda s, t, m: (squares(s, t, m) * m).mean(), "divided-by-all", "still counted"),
    (check.hidden_loss, lambda s, t, m: squares(s, t, m)[~m].mean(), "padding-alone", "real token"),
    (
        check.hidden_loss,
        lambda s, t, m: np.mean([squares(s, t, m)[b][m[b]].mean() for b in range(len(s))]),
        "mean-of-texts",
        "however long",
    ),
    (check.hidden_loss, lambda s, t, m: ((s - t) ** 2).sum(-1)[m].mean(), "sum-of-channels", "average over them"),
    (check.hidden_loss, lambda s, t, m: squares(s, t, m)[m].sum(), "sum", "their mean"),
    (check.hidden_loss, lambda s, t, m: squares(s, t, m)[m], "each-token", "return their mean"),
    (check.hidden_loss, lambda s, t, m: np.abs(s - t)[m].mean(), "absolute", "square it"),
    (check.hidden_loss, lambda s, t, m: (s - t)[m].mean(), "not-squared", "would cancel"),
    (check.hidden_loss, lambda s, t, m: np.sqrt(squares(s, t, m)[m].mean()), "root", "mean of the squares"),
    (check.hidden_loss, lambda s, t, m: squares(s, t, m)[m].mean() / 2, "half", "no factor"),
    (check.hidden_loss, lambda s, t, m: (s**2)[m].mean(), "student-alone", "teacher is left out"),
]


test_wrong_answers_are_told, test_each_check_meets_six_that_differ = wrong_answer_tests(check, WRONG)


def test_what_a_student_saves_is_counted_from_the_models():
    from mha.compress.students import drawn_student
    from mha.models.bert import Encoder, EncoderConfig

    teacher = Encoder(EncoderConfig())
    half, narrow = drawn_student(teacher, n_layers=3), drawn_student(teacher, n_layers=3, narrower=2)
    sizes = [sum(p.numel() for p in encoder.parameters()) for encoder in (half, teacher)]
    assert check.saved.right["weights"] == pytest.approx(sizes[0] / sizes[1], abs=5e-4)

    def products(encoder):
        return sum(p.numel() for p in encoder.blocks.parameters() if p.dim() == 2)

    for name, student in (("products", half), ("products_narrow", narrow)):
        assert check.saved.right[name] == products(student) / products(teacher)
