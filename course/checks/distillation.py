"""Checks for the chapter on distillation: soft targets, hidden states at real tokens, what a student saves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import log_softmax, numbers
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "hidden_loss", "saved", "soft_target_loss"]

Array = NDArray[Any]

# ---- soft targets


def _soft_target_loss(student: Array, teacher: Array, temperature: float) -> Array:
    """How far the student's distributions are from the teacher's at a temperature, mean of the rows."""
    t = log_softmax(teacher / temperature)
    s = log_softmax(student / temperature)
    p = np.exp(t)
    terms = p * (t - s)
    loss = temperature**2 * terms.sum(axis=-1).mean()
    return loss


def _logits(label: str, seed: int, batch: int, n: int, temperature: float) -> Trial:
    inputs = {"student": 2 * numbers(seed, batch, n), "teacher": 2 * numbers(seed + 1, batch, n)}
    return Trial(label, {**inputs, "temperature": temperature})


_T, _S = "teacher / temperature", "student / temperature"
_TERMS, _LOSS = "p * (t - s)", "temperature**2 * terms.sum(axis=-1).mean()"
soft_target_loss = Exercise(
    _soft_target_loss,
    "student (b, n), teacher (b, n), temperature () -> loss ()",
    trials=(
        _logits("three rows of seven logits at 2", 401, 3, 7, 2.0),
        _logits("five rows of eleven at 3", 403, 5, 11, 3.0),
    ),
    mistakes=(
        Mistake(
            "square-forgotten",
            "temperature**2 * terms -> terms",
            "the factor is missing: at temperature T the gradient is smaller by about T squared, so multiply by T².",
        ),
        Mistake(
            "not-squared",
            "temperature**2 -> temperature",
            "this is multiplied by T: the gradient is smaller by about its square, so multiply by T².",
        ),
        Mistake(
            "no-temperature",
            (f"{_T} -> teacher", f"{_S} -> student", "temperature**2 * terms -> terms"),
            "the temperature does nothing: divide both sets of logits by it before the softmax.",
            also=((f"{_T} -> teacher", f"{_S} -> student"),),
        ),
        Mistake(
            "teacher-alone",
            f"{_S} -> student",
            "only the teacher's logits are divided by the temperature: divide the student's too, or equal logits "
            "would differ.",
            also=((f"{_S} -> student", "temperature**2 * terms -> terms"),),
        ),
        Mistake(
            "student-alone",
            f"{_T} -> teacher",
            "only the student's logits are divided by the temperature: divide the teacher's too, or equal logits "
            "would differ.",
            also=((f"{_T} -> teacher", "temperature**2 * terms -> terms"),),
        ),
        Mistake(
            "multiplied",
            (f"{_T} -> teacher * temperature", f"{_S} -> student * temperature"),
            "the logits are multiplied by the temperature: divide by it, so that a high one makes distributions even.",
        ),
        Mistake(
            "turned-round",
            f"{_TERMS} -> np.exp(s) * (s - t)",
            "this is KL(student ‖ teacher): weigh by the teacher's probabilities, and take its logarithm first.",
        ),
        Mistake(
            "sign",
            f"{_TERMS} -> p * (s - t)",
            "the sign is turned: the teacher's logarithm minus the student's, so that the loss is never below 0.",
        ),
        Mistake(
            "cross-entropy",
            f"{_TERMS} -> -p * s",
            "this is the cross-entropy, which is not 0 where student and teacher agree: subtract the teacher's "
            "entropy, log p minus log q.",
        ),
        Mistake(
            "hard-targets",
            f"{_TERMS} -> -np.eye(t.shape[1])[t.argmax(axis=-1)] * s",
            "this asks for the teacher's first choice alone: its whole distribution is the target.",
        ),
        Mistake(
            "sum-over-rows",
            f"{_LOSS} -> temperature**2 * terms.sum()",
            "this is the sum over the rows: take their mean.",
        ),
        Mistake(
            "mean-of-everything",
            f"{_LOSS} -> temperature**2 * terms.mean()",
            "this is averaged over candidates too: sum over those, and take the mean over the rows alone.",
        ),
        Mistake(
            "one-a-row",
            f"{_LOSS} -> temperature**2 * terms.sum(axis=-1)",
            "this is a loss for each row: return their mean.",
        ),
        Mistake(
            "over-rows",
            (f"{_T} -> teacher / temperature, axis=0", f"{_S} -> student / temperature, axis=0"),
            "the softmax runs over the rows of the batch: it runs over the candidates, axis=-1.",
            also=(
                (
                    f"{_T} -> teacher / temperature, axis=0",
                    f"{_S} -> student / temperature, axis=0",
                    f"{_LOSS} -> temperature**2 * terms.sum(axis=0).mean()",
                ),
            ),
        ),
        Mistake(
            "logits-for-logarithms",
            f"{_TERMS} -> p * (teacher - student) / temperature",
            "logits stand where logarithms of probabilities belong: take off each row's logsumexp first.",
        ),
        Mistake(
            "probabilities-for-logarithms",
            f"{_TERMS} -> p * (t - np.exp(s))",
            "the student's probabilities stand where their logarithms belong; F.kl_div too takes logarithms first.",
        ),
        Mistake(
            "squared-difference",
            f"{_TERMS} -> (p - np.exp(s)) ** 2",
            "this is the squared difference of probabilities: take p (log p - log q).",
            also=(f"{_TERMS} -> (teacher - student) ** 2",),
        ),
    ),
)

# ---- hidden states at real tokens


def _hidden_loss(student: Array, teacher: Array, key_mask: Array) -> Array:
    """Mean squared difference of the hidden states of real tokens."""
    squared = (student - teacher) ** 2
    of_tokens = squared.mean(axis=-1)
    real = of_tokens[key_mask]
    loss = real.mean()
    return loss


def _states(label: str, seed: int, shape: tuple[int, int, int], lengths: tuple[int, ...]) -> Trial:
    key_mask = np.arange(shape[1]) < np.array(lengths)[:, None]
    return Trial(label, {"student": numbers(seed, *shape), "teacher": numbers(seed + 1, *shape), "key_mask": key_mask})


_REAL, _MEAN = "real = of_tokens[key_mask]", "loss = real.mean()"
hidden_loss = Exercise(
    _hidden_loss,
    "student (b, i, m), teacher (b, i, m), key_mask (b, i) -> loss ()",
    trials=(
        _states("two texts of up to seven tokens", 405, (2, 7, 3), (7, 2)),
        _states("three texts of up to eleven", 407, (3, 11, 5), (4, 11, 1)),
    ),
    mistakes=(
        Mistake(
            "padding-counted",
            f"{_REAL} -> real = of_tokens",
            "padding is counted: what an encoder makes of it means nothing, so average over real tokens alone.",
            also=(
                (f"{_REAL} -> real = of_tokens", "(student - teacher) -> (student * key_mask[:, :, None] - teacher)"),
            ),
        ),
        Mistake(
            "divided-by-all",
            f"{_REAL} -> real = of_tokens * key_mask",
            "padding is set to 0 and still counted: divide by the number of real tokens.",
        ),
        Mistake(
            "padding-alone",
            f"{_REAL} -> real = of_tokens[~key_mask]",
            "this is the padding alone: True in key_mask is a real token.",
        ),
        Mistake(
            "mean-of-texts",
            f"{_REAL} -> real = (of_tokens * key_mask).sum(axis=1) / key_mask.sum(axis=1)",
            "each text counts alike, however long: average over all real tokens of the batch at once.",
        ),
        Mistake(
            "sum-of-channels",
            "squared.mean(axis=-1) -> squared.sum(axis=-1)",
            "the channels are added up: average over them too.",
        ),
        Mistake("sum", f"{_MEAN} -> loss = real.sum()", "this is the sum over tokens: take their mean."),
        Mistake(
            "each-token",
            f"{_MEAN} -> loss = real",
            "this is a loss for each token: return their mean.",
        ),
        Mistake(
            "each-text",
            (
                f"{_REAL} -> real = (of_tokens * key_mask).sum(axis=1) / key_mask.sum(axis=1)",
                f"{_MEAN} -> loss = real",
            ),
            "this is a loss for each text: return one for the batch.",
        ),
        Mistake(
            "absolute",
            "(student - teacher) ** 2 -> np.abs(student - teacher)",
            "this is the absolute difference: square it.",
        ),
        Mistake(
            "not-squared",
            "(student - teacher) ** 2 -> (student - teacher)",
            "the differences are not squared: those above and below would cancel.",
        ),
        Mistake(
            "root",
            f"{_MEAN} -> loss = np.sqrt(real.mean())",
            "a root is taken at the end: the mean of the squares is asked for.",
            also=(f"{_MEAN} -> loss = np.sqrt(real).mean()",),
        ),
        Mistake(
            "half",
            f"{_MEAN} -> loss = real.mean() / 2",
            "this is half of it: no factor stands before the square.",
        ),
        Mistake(
            "mean-first",
            "squared.mean(axis=-1) -> (student - teacher).mean(axis=-1) ** 2",
            "the differences are averaged before they are squared, and cancel: square first.",
            also=(
                (
                    "(student - teacher) ** 2 -> (student - teacher)",
                    f"{_MEAN} -> loss = real.mean() ** 2",
                ),
            ),
        ),
        Mistake(
            "student-alone",
            "(student - teacher) ** 2 -> student**2",
            "the teacher is left out: square the difference of student and teacher.",
        ),
    ),
)

# ---- what a student saves

saved = Numbers(
    "saved",
    right={"weights": 0.764, "products": 0.5, "products_narrow": 0.125},
    mistakes={
        "weights": {
            0.5: "that is half of everything: the student keeps the whole table, 11.92 million of 22.57.",
            0.236: "that is three of the layers, as many as go: three layers and the table stay.",
            0.691: "that is relative to the student: divide by the teacher's number.",
            0.472: "that is what the six layers make of the teacher: add the table to three of them.",
            0.528: "that is the table alone: three layers stay too.",
        },
        "products": {
            0.764: "that is the share of weights: a row of the table is looked up, not multiplied.",
            0.25: "that would be half as wide: the layers are as wide as before, and half as many.",
            2.0: "that is how much faster: the share that stays is asked for.",
        },
        "products_narrow": {
            0.25: "halving the width halves each matrix both ways: a quarter in each layer, and half of the layers.",
            0.5: "halving the width halves each matrix both ways: a quarter in each layer, and half of the layers.",
            0.875: "that is what goes: the share that stays is asked for.",
            0.0625: "that is a quarter twice: half of the layers, and a quarter in each.",
            8.0: "that is how much faster: the share that stays is asked for.",
        },
    },
)

EXERCISES = listed(soft_target_loss, hidden_loss)
