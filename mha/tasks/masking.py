"""BERT's pre-training task: hide some tokens, ask for them."""

from __future__ import annotations

import torch
from torch import Tensor

from mha.validation import check_ids, check_integer, check_number, check_torch_generator

__all__ = ["mask_tokens"]


def mask_tokens(
    token_ids: Tensor,
    generator: torch.Generator,
    *,
    mask_id: int,
    vocab_size: int,
    first_id: int = 0,
    rate: float = 0.15,
) -> tuple[Tensor, Tensor]:
    """Choose tokens to predict; of these put the mask in place of 80 %, a random token in place of 10 %, leave 10 %.

    Args:
        token_ids: (b, i) integers.  generator: what chance is drawn from.
        mask_id: id of the mask.  vocab_size: v; random tokens are drawn from first_id … v - 1.
        first_id: ids below it are special: never chosen, never put in.
        rate: probability with which a token is chosen.
    Returns:
        inputs (b, i), and which tokens to predict, bool (b, i). token_ids stays as it is.
    Raises:
        TypeError: ids are not integers, or rate is no number.
        ValueError: rate is not in (0, 1], or an id not in 0 … vocab_size - 1.
    Source: Devlin et al. 2019, section 3.1, task 1.
    """
    check_number("rate", rate, above=0, at_most=1)
    check_integer("vocab_size", vocab_size, at_least=1)
    check_integer("first_id", first_id, at_least=0, at_most=vocab_size - 1)
    check_integer("mask_id", mask_id, at_least=0, at_most=vocab_size - 1)
    check_ids("token_ids", token_ids, vocab_size)
    check_torch_generator("generator", generator)
    chosen, kind = torch.rand(2, *token_ids.shape, generator=generator)
    random_ids = torch.randint(first_id, vocab_size, token_ids.shape, generator=generator)
    predicted = (chosen < rate) & (token_ids >= first_id)
    inputs = token_ids.masked_fill(predicted & (kind < 0.8), mask_id)
    return torch.where(predicted & (kind >= 0.9), random_ids, inputs), predicted
