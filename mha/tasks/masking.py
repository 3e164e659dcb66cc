"""BERT's pre-training task: hide some tokens, ask for them."""

from __future__ import annotations

import torch
from torch import Tensor

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
        ValueError: rate is not in (0, 1], or first_id not in 0 … vocab_size - 1.
    Source: Devlin et al. 2019, section 3.1, task 1.
    """
    if not 0.0 < rate <= 1.0:
        raise ValueError(f"rate must be in (0, 1], got {rate}")
    if not 0 <= first_id < vocab_size:
        raise ValueError(f"first_id ({first_id}) must be in 0 … vocab_size - 1 ({vocab_size - 1})")
    chosen, kind = torch.rand(2, *token_ids.shape, generator=generator)
    random_ids = torch.randint(first_id, vocab_size, token_ids.shape, generator=generator)
    predicted = (chosen < rate) & (token_ids >= first_id)
    inputs = token_ids.masked_fill(predicted & (kind < 0.8), mask_id)
    return torch.where(predicted & (kind >= 0.9), random_ids, inputs), predicted
