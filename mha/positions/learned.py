"""A learned vector for each position, added to embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mha.positions.table import check_embeddings
from mha.precision import same_precision
from mha.validation import check_integer

__all__ = ["LearnedPositions"]


class LearnedPositions(nn.Module):
    """Adds a learned vector per position to embeddings, as BERT and GPT-2 do.

    Args:
        d_model: m.  max_len: positions there are vectors for.
    Raises:
        ValueError: a size is not positive.
    Source: Gehring et al. 2017; the normal initialisation of width 0.02: Devlin et al. 2019.
    """

    def __init__(self, d_model: int, max_len: int) -> None:
        super().__init__()
        self.d_model = check_integer("d_model", d_model, at_least=1)
        self.max_len = check_integer("max_len", max_len, at_least=1)
        self.weight = nn.Parameter(torch.empty(max_len, d_model))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """x (..., i, m) plus the vectors offset … offset + i - 1; offset = tokens already in the cache."""
        check_embeddings(x, self.d_model, offset, self.max_len)
        weight = self.weight
        if not same_precision(x, weight.dtype) or x.device != weight.device:
            raise ValueError(f"x must be {weight.dtype} on {weight.device}, got {x.dtype} on {x.device}")
        return x + weight[offset : offset + x.shape[-2]]
