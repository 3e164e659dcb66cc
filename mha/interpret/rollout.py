"""Attention rollout: what a token's vector in the last layer would be made of, if layers only averaged."""

from __future__ import annotations

import torch
from torch import Tensor

from mha.validation import check_number, check_tensor

__all__ = ["rollout"]


def rollout(weights: Tensor, *, residual: float = 0.5) -> Tensor:
    """The product of all layers' weights, each averaged over its heads and mixed with the residual connection.

    It takes values, feed-forward nets and norms for the identity, and the stream for as large as what is added to it.

    Args:
        weights: (n_layers, ..., h, i, i) of self-attention, the first layer first.
        residual: the share of a vector that the residual connection brings; the paper's is one half.
    Returns:
        (..., i, i): row i says how much of the vector at i each token of the input makes up. Where the rows of weights
        sum to 1, so do these.
    Raises:
        TypeError: weights is no float tensor, or residual no number.
        ValueError: another shape, or residual outside [0, 1].
    Source: Abnar and Zuidema 2020, section 3, equation 1.
    """
    check_tensor("weights", weights)
    check_number("residual", residual, at_least=0, at_most=1)
    if not weights.is_floating_point():
        raise TypeError(f"weights must be floating-point, got {weights.dtype}")
    if weights.dim() < 4 or weights.shape[-1] != weights.shape[-2] or 0 in weights.shape:
        raise ValueError(f"weights must have shape (n_layers, ..., h, i, i), none empty, got {tuple(weights.shape)}")
    eye = torch.eye(weights.shape[-1], dtype=weights.dtype, device=weights.device)
    mixed = residual * eye + (1 - residual) * weights.mean(-3)  # (n_layers, ..., h, i, i) -> (n_layers, ..., i, i)
    rolled = mixed[0]
    for layer in mixed[1:]:
        rolled = layer @ rolled
    return rolled
