"""A learned vector for each position, added to embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mha.masks import check_key_mask
from mha.positions.table import check_embeddings
from mha.precision import same_precision
from mha.validation import check_integer, readable

__all__ = ["LearnedPositions", "real_positions"]


def real_positions(key_mask: Tensor, shape: tuple[int, int]) -> Tensor | None:
    """Where each token stands if padding is not counted.

    Args:
        key_mask: bool (b, j), True = a real token.  shape: what it should be, (b, j).
    Returns:
        (b, j) int64, the number of real tokens before each; at padding it means nothing. None where each real token
        stands at its own place, as it does with padding behind: then nothing has to be looked up.
    Raises:
        TypeError: key_mask is not bool.  ValueError: it has another shape.
    """
    check_key_mask(key_mask, *shape)
    positions = (key_mask.long().cumsum(-1) - 1).clamp(min=0)  # (b, j)
    moved = readable(key_mask & (positions != torch.arange(shape[1], device=key_mask.device)))
    return positions if moved is None or bool(moved.any()) else None


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

    def forward(self, x: Tensor, offset: int = 0, *, key_mask: Tensor | None = None) -> Tensor:
        """Embeddings with their positions.

        Args:
            x: (..., i, m).  offset: tokens already in the cache, which is the position of the first.
            key_mask: bool (b, offset + i), True = a real token; padding is not counted, wherever it stands.
        Returns:
            x plus the vectors offset … offset + i - 1, or those that `real_positions` names.
        Raises:
            TypeError, ValueError: x or key_mask does not fit, or there are more tokens than vectors.
        """
        check_embeddings(x, self.d_model, offset, self.max_len)
        weight = self.weight
        if not same_precision(x, weight.dtype) or x.device != weight.device:
            raise ValueError(f"x must be {weight.dtype} on {weight.device}, got {x.dtype} on {x.device}")
        positions = None if key_mask is None else real_positions(key_mask, (x.shape[0], offset + x.shape[-2]))
        if positions is None:
            return x + weight[offset : offset + x.shape[-2]]
        return x + F.embedding(positions[:, offset:], weight)  # (b, i) -> (b, i, m)
