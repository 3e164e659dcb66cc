"""Where a reader of passages looks: the weight between question, answers and the rest, and what happens without it."""

from __future__ import annotations

import torch
from torch import Tensor

from mha.tasks.spans import Batch
from mha.validation import check_choice

__all__ = ["DIRECTIONS", "answer_weights", "asked_tokens", "found", "without"]

DIRECTIONS = ("question to answer", "answer to question", "others to answer")  # who looks, and at what


def asked_tokens(batch: Batch) -> Tensor:
    """The question's own tokens, bool (b, i): not [CLS], not [SEP]."""
    places = torch.arange(batch.token_ids.shape[1])
    n_asked = ((batch.segment_ids == 0) & batch.key_mask).sum(1) - 1  # [CLS] question [SEP]: up to before [SEP]
    return (places >= 1) & (places < n_asked[:, None])


def answer_weights(weights: Tensor, batch: Batch, direction: str) -> Tensor:
    """How much weight passes in one direction, by the answer of each sentence's row, for each head.

    Args:
        weights: (n_layers, b, h, i, i), as `record_attention` stacks them.  batch: of passages of n sentences each.
        direction: "question to answer": the mean over the question's tokens of what lies on the answer, a token of it;
            "answer to question": the mean over the answer's tokens of what lies on the question, a token of it;
            "others to answer": as the first, over the tokens of all other sentences.
    Returns:
        (n_layers, h, b, n).
    Raises:
        ValueError: direction is none of `DIRECTIONS`.
    """
    check_choice("direction", direction, DIRECTIONS)
    answers = _inside(batch.answers, batch.token_ids.shape[1])  # (b, n, i)
    asked = asked_tokens(batch)[:, None].expand_as(answers)
    looking, seen = {
        DIRECTIONS[0]: (asked, answers),
        DIRECTIONS[1]: (answers, asked),
        DIRECTIONS[2]: (_elsewhere(batch, torch.arange(answers.shape[1])), answers),
    }[direction]
    shares = [each.to(weights.dtype) / each.sum(-1, keepdim=True) for each in (looking, seen)]
    return torch.einsum("lbhij,bni,bnj->lhbn", weights, *shares)


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
    """A mask that takes away what passes in one direction by one sentence, in every block and head.

    Args:
        sentences: (b,), of each passage the sentence to cut off.
        direction: "question to answer" cuts what the question reads of the sentence; "answer to question" what the
            sentence reads of the question; "others to answer" what all other sentences read of it. [CLS] and [SEP] go
            with the question.
    Returns:
        bool (b, 1, i, i), True = may attend.
    Raises:
        ValueError: direction is none of `DIRECTIONS`.
    """
    check_choice("direction", direction, DIRECTIONS)
    asks = (batch.segment_ids == 0) & batch.key_mask  # (b, i)
    told = batch.sentence_of == sentences[:, None]
    rows, columns = {
        DIRECTIONS[0]: (asks, told),
        DIRECTIONS[1]: (told, asks),
        DIRECTIONS[2]: (_elsewhere(batch, sentences[:, None])[:, 0], told),
    }[direction]
    return ~(rows[:, :, None] & columns[:, None, :])[:, None]  # (b, i, 1) and (b, 1, i) -> (b, 1, i, i)


def _elsewhere(batch: Batch, sentences: Tensor) -> Tensor:
    """The tokens of all sentences but those named, which broadcast to (b, n); bool (b, n, i)."""
    stands = batch.sentence_of[:, None]  # (b, 1, i)
    return (stands >= 0) & (stands != sentences[..., None])


def _inside(spans: Tensor, length: int) -> Tensor:
    """Spans (b, n, 2) as bool (b, n, length)."""
    places = torch.arange(length)
    return (places >= spans[..., :1]) & (places <= spans[..., 1:])
