"""The checks of the chapter on GPT against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F

from course.checks import gpt as check
from tests.told import wrong_answer_tests

# ---- right answers, written differently


def loss_torch(logits, tokens):
    logits, tokens = torch.from_numpy(logits), torch.from_numpy(tokens)
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")


def loss_flat(logits, tokens):
    b, i, v = logits.shape
    log_p = scipy.special.log_softmax(logits[:, :-1].reshape(-1, v), axis=1)
    return -log_p[np.arange(b * (i - 1)), tokens[:, 1:].ravel()].reshape(b, i - 1)


def loss_loops(logits, tokens):
    def loss(row, token):
        return scipy.special.logsumexp(row) - row[token]

    return [[loss(logits[b, i], tokens[b, i + 1]) for i in range(tokens.shape[1] - 1)] for b in range(len(tokens))]


def score_loops(weights):
    n = weights.shape[1]
    return [sum(head[place - n, place - n + 1] for place in range(n, 2 * n)) / n for head in weights]


def score_diagonal(weights):
    return torch.from_numpy(weights).diagonal(1, 1, 2).mean(-1)


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.next_token_loss, loss_torch),
        (check.next_token_loss, loss_flat),
        (check.next_token_loss, loss_loops),
        (check.next_token_loss, lambda logits, tokens: loss_torch(logits.astype(np.float32), tokens)),
        (check.induction_score, score_loops),
        (check.induction_score, score_diagonal),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers


def cross_entropy(logits, tokens, reduction="none"):
    logits, tokens = torch.from_numpy(logits.copy()), torch.from_numpy(tokens.copy())
    return F.cross_entropy(logits.transpose(1, 2), tokens, reduction=reduction)


def naive_loss(logits, tokens):
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return -np.log(np.take_along_axis(p[:, :-1], tokens[:, 1:, None], axis=-1)[..., 0])


WRONG = [
    (check.next_token_loss, cross_entropy, "not-shifted", "its own token, which it can see"),
    (check.next_token_loss, lambda x, t: cross_entropy(x[:, :-1], t[:, :-1]), "not-shifted", "token n + 1"),
    (check.next_token_loss, lambda x, t: cross_entropy(x[:, 1:], t[:, 1:]), "not-shifted", "token n + 1"),
    (
        check.next_token_loss,
        lambda x, t: cross_entropy(x[:, 1:], t[:, :-1]),
        "shifted-backwards",
        "drop the last logits",
    ),
    (check.next_token_loss, lambda x, t: cross_entropy(x, np.roll(t, -1, axis=1)), "wrapped-around", "np.roll"),
    (check.next_token_loss, lambda x, t: cross_entropy(x[:, :-1], t[:, 1:], "mean"), "mean", "return them all"),
    (check.next_token_loss, lambda x, t: loss_flat(x, t).mean(axis=1), "mean-over-positions", "one for each position"),
    (check.next_token_loss, lambda x, t: loss_flat(x, t)[:, -1:], "last-only", "has a target, and teaches"),
    (check.next_token_loss, lambda x, t: cross_entropy(x[:, :-1], t[:, 1:]).flatten(), "flattened", "one long row"),
    (check.next_token_loss, naive_loss, "overflows", "largest logit first"),
    (check.next_token_loss, lambda x, t: -loss_flat(x, t), "sign", "is missing: the loss is minus"),
    (check.next_token_loss, lambda x, t: loss_flat(x, t) / np.log(2), "bits", "natural logarithm"),
    (
        check.next_token_loss,
        lambda x, t: cross_entropy(x[:, :-2], t[:, 2:]),
        "two-ahead",
        "shifted twice: position n is judged",
    ),
    (check.next_token_loss, lambda x, t: F.cross_entropy(x[:, :-1], t[:, 1:]), "not-a-tensor", "logits (2, 5, 7)"),
    (check.induction_score, lambda w: w.diagonal(0, 1, 2).mean(-1), "previous-occurrence", "one place further on"),
    (
        check.induction_score,
        lambda w: w.diagonal(w.shape[1] - 1, 1, 2).mean(-1),
        "token-before",
        "row r is place n + r",
    ),
    (check.induction_score, lambda w: w.diagonal(w.shape[1], 1, 2).mean(-1), "itself", "n places back"),
    (
        check.induction_score,
        lambda w: w.diagonal(1 - w.shape[1], 1, 2).mean(-1),
        "rows-of-both-copies",
        "place n + r already",
    ),
    (check.induction_score, lambda w: w.diagonal(1, 1, 2).sum(-1), "sum", "take their mean"),
    (check.induction_score, lambda w: w.diagonal(1, 1, 2).mean(0), "over-heads", "one number a head"),
    (check.induction_score, lambda w: w.diagonal(1, 1, 2), "each-query", "average them"),
    (check.induction_score, lambda w: w[:, :-1].diagonal(1, 1, 2).mean(-1), "one-left-out", "the first and the last"),
    (check.induction_score, lambda w: w[:, :, 1 : w.shape[1] + 1].mean((1, 2)), "every-pair", "at once"),
    (check.induction_score, lambda w: w.diagonal(1, 1, 2).max(-1), "largest", "the mean over the queries"),
]


test_wrong_answers_are_told, test_each_check_meets_six_that_differ = wrong_answer_tests(check, WRONG)
