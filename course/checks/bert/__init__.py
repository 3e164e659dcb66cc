"""Checks for the chapter on BERT: which tokens are hidden, the loss on them, the mean over real tokens."""

from __future__ import annotations

from course.checks.bert._loss import MASKED_LOSS
from course.checks.bert._masking import MASK_TOKENS
from course.checks.bert._pooling import MEAN_POOLING
from course.checks.former import Feedback, examine

__all__ = ["EXERCISES", "mask_tokens", "masked_loss", "mean_pooling"]

EXERCISES = {
    "mask_tokens": MASK_TOKENS,
    "masked_loss": MASKED_LOSS,
    "mean_pooling": MEAN_POOLING,
}


def mask_tokens(fn: object) -> Feedback:
    """Check fn(token_ids, special, chance, kind, random_ids (b, i), mask_id) -> inputs and predicted, (b, i) each.

    A token that is not special is predicted if its chance is below 0.15. Of these, one whose kind is below 0.8 becomes
    the mask, below 0.9 its random id, else it stays.
    """
    return examine(fn, EXERCISES["mask_tokens"])


def masked_loss(fn: object) -> Feedback:
    """Check fn(logits (b, i, v), token_ids (b, i), predicted (b, i)) -> mean cross-entropy of the predicted tokens."""
    return examine(fn, EXERCISES["masked_loss"])


def mean_pooling(fn: object) -> Feedback:
    """Check fn(vectors (b, i, m), key_mask (b, i)) -> (b, m), the mean of each text's real tokens."""
    return examine(fn, EXERCISES["mean_pooling"])
