"""What a layer of attention costs, counted from its sizes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AttentionCost", "attention_cost", "crossover"]


@dataclass(frozen=True)
class AttentionCost:
    """Floating-point operations of one layer's forward pass, and the size of its weights.

    A product of matrices (i, d) (d, j) counts 2·i·d·j: one multiplication and one addition for each term.
    """

    projections: int
    """q, k, v and the output."""
    scores: int
    """q kᵀ."""
    average: int
    """weights times values."""
    softmax: int
    """Four for each weight: shift, exponential, sum, division. The largest is not counted."""
    weights: int
    """How many weights there are; times the bytes of a number it is what they take if they are stored."""

    @property
    def products(self) -> int:
        """All but the softmax: what `torch.utils.flop_counter` counts."""
        return self.projections + self.scores + self.average


def attention_cost(length: int, d_model: int, n_heads: int, *, batch: int = 1) -> AttentionCost:
    """Cost of self-attention with heads of width d_model / n_heads.

    Args:
        length: i, tokens.  d_model: m.  n_heads: h.  batch: b.
    Raises:
        ValueError: a size is not positive, or n_heads does not divide d_model.
    """
    if min(length, d_model, n_heads, batch) < 1 or d_model % n_heads:
        raise ValueError(
            f"sizes must be positive and n_heads divide d_model, got length ({length}), d_model ({d_model}), "
            f"n_heads ({n_heads}), batch ({batch})"
        )
    pairs = batch * n_heads * length**2
    products = 2 * pairs * (d_model // n_heads)  # (i, d) (d, j) in each head: the heads cancel
    return AttentionCost(8 * batch * length * d_model**2, products, products, 4 * pairs, pairs)


def crossover(d_model: int) -> int:
    """The length at which scores and averages need as many operations as the four projections: 2·d_model.

    Raises:
        ValueError: d_model is not positive.
    """
    if d_model < 1:
        raise ValueError(f"d_model must be positive, got {d_model}")
    return 2 * d_model
