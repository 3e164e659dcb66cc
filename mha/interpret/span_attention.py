"""Where a reader of passages looks: the weight between question and answers, and what happens without it."""

from __future__ import annotations

import torch
from torch import Tensor

from mha.tasks.spans import Batch

__all__ = ["DIRECTIONS", "answer_weights", "asked_tokens", "found", "without"]

DIRECTIONS = ("question to answer", "answer to question")


def asked_tokens(batch: Batch) -> Tensor:
    """The question's own tokens, bool (b, i): not [CLS], not [SEP]."""
    places = torch.arange(batch.token_ids.shape[1])
    n_asked = ((batch.segment_ids == 0) & batch.key_mask).sum(1) - 1  # [CLS] question [SEP]: up to before [SEP]
    return (places >= 1) & (places < n_asked[:, None])


def answer_weights(weights: Tensor, batch: Batch, direction: str) -> Tensor:
    """The weight between the question and the answer of each sentence's row, for each head.

    Args:
        weights: (n_layers, b, h, i, i), as `record_attention` stacks them.  batch: of passages of n sentences each.
        direction: "question to answer": the mean over the question's tokens of what lies on the answer, a token of it;
            "answer to question": the mean over the answer's tokens of what lies on the question, a token of it.
    Returns:
        (n_layers, h, b, n).
    Raises:
        ValueError: direction is none of `DIRECTIONS`.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(map(repr, DIRECTIONS))}, got {direction!r}")
    answers = _inside(batch.answers, batch.token_ids.shape[1]).to(weights.dtype)  # (b, n, i)
    asked = asked_tokens(batch).to(weights.dtype)  # (b, i)
    answers = answers / answers.sum(-1, keepdim=True)
    asked = asked / asked.sum(-1, keepdim=True)
    if direction == DIRECTIONS[0]:
        return torch.einsum("lbhij,bi,bnj->lhbn", weights, asked, answers)
    return torch.einsum("lbhij,bni,bj->lhbn", weights, answers, asked)


def found(scores: Tensor, batch: Batch, alike: Tensor) -> Tensor:
    """Whether the right row scores most among the rows whose answer is of the kind that is asked for.

    Args:
        scores: (..., b, n).  alike: bool (b, n), the rows of that kind, the right one among them.
    Returns:
        bool (..., b). One of k rows is found by chance in one of k questions.
    """
    among = scores.masked_fill(~alike, -torch.inf)
    return among.argmax(-1) == batch.right


def without(batch: Batch, sentences: Tensor, direction: str) -> Tensor:
    """A mask that takes away what passes between the question and one sentence, in every block and head.

    Args:
        sentences: (b,), of each passage the sentence to cut off.
        direction: "question to answer" cuts what the question reads of the sentence; "answer to question" what the
            sentence reads of the question. [CLS] and [SEP] go with the question.
    Returns:
        bool (b, 1, i, i), True = may attend.
    """
    asks = (batch.segment_ids == 0) & batch.key_mask  # (b, i)
    told = batch.sentence_of == sentences[:, None]
    rows, columns = (asks, told) if direction == DIRECTIONS[0] else (told, asks)
    return ~(rows[:, :, None] & columns[:, None, :])[:, None]  # (b, i, 1) and (b, 1, i) -> (b, 1, i, i)


def _inside(spans: Tensor, length: int) -> Tensor:
    """Spans (b, n, 2) as bool (b, n, length)."""
    places = torch.arange(length)
    return (places >= spans[..., :1]) & (places <= spans[..., 1:])
