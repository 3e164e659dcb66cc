"""Dropout of whole heads: a gate that silences some of a layer's heads while it is trained."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mha.validation import check_number, check_tensor

__all__ = ["HeadDropout"]


class HeadDropout(nn.Module):
    """In training each head of each example is set to zero with probability p, and the others are divided by 1 - p.

    So no head can count on another one being there. The mean over all draws is what the layer gives without it, and
    in evaluation it does nothing. A `MultiHeadAttention` takes it as its gate: `MultiHeadAttention(64, 8,
    gate=HeadDropout(0.2))`. It may drop all heads of an example; what the residual connection carries goes on then.

    Args:
        p: probability of dropping a head, in training.
    Raises:
        TypeError: p is no number.  ValueError: p leaves [0, 1).
    Source: after Zhou et al. 2020 (DropHead), scaled as Srivastava et al. 2014 scale dropout while training.
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = check_number("p", p, at_least=0, below=1)

    def forward(self, heads: Tensor) -> Tensor:
        """(b, h, i, d) -> (b, h, i, d). Raises ValueError where there are other than four axes."""
        check_tensor("heads", heads)
        if heads.dim() != 4:
            raise ValueError(f"heads must have shape (b, h, i, d), got {tuple(heads.shape)}")
        if not self.training or self.p == 0:
            return heads
        kept = F.dropout(heads.new_ones(*heads.shape[:2], 1, 1), self.p)  # (b, h, 1, 1): 0 or 1 / (1 - p)
        return heads * kept

    def extra_repr(self) -> str:
        return f"p={self.p}"
