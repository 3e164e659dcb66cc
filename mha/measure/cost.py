"""What attention costs, counted from its sizes: operations, and bytes between the chip and its memory.

Operations count 1 for each addition, multiplication, exponential, division or comparison, so that a product of matrices
(i, d) (d, j) counts 2·i·d·j. Bytes are those that must cross if nothing stays in a cache from one part to the next,
and nothing is read twice within a part; so they are a floor.
"""

from __future__ import annotations

from dataclasses import dataclass

from mha.validation import check_integer

__all__ = ["AttentionCost", "Cost", "attention_cost", "crossover", "explicit_cost", "fused_cost"]

SOFTMAX_FLOPS = 5  # for each score: maximum, shift, exponential, sum, division


@dataclass(frozen=True)
class Cost:
    """Operations, and bytes moved."""

    flops: int
    bytes: int

    def __post_init__(self) -> None:
        check_integer("flops", self.flops, at_least=0)
        check_integer("bytes", self.bytes, at_least=0)

    @property
    def intensity(self) -> float:
        """Operations a byte.

        Raises:
            ValueError: no byte is moved.
        """
        check_integer("bytes", self.bytes, at_least=1)
        return self.flops / self.bytes

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.bytes + other.bytes)


@dataclass(frozen=True)
class AttentionCost:
    """Operations of one layer's forward pass by kind of work, and the number of its weights.

    Scores, softmax and average are those of `explicit_cost`. The scale is left out, since a layer may as well scale its
    queries.
    """

    projections: int
    """q, k, v and the output."""
    scores: int
    """q kᵀ."""
    average: int
    """weights times values."""
    softmax: int
    """Five for each weight: maximum, shift, exponential, sum, division."""
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
        ValueError: a size below 1, or n_heads does not divide d_model.
        TypeError: a size is no integer.
    """
    length, d_model, n_heads, batch = _sizes(length=length, d_model=d_model, n_heads=n_heads, batch=batch)
    if d_model % n_heads:
        raise ValueError(f"d_model ({d_model}) must be divisible by n_heads ({n_heads})")
    parts = explicit_cost(batch * n_heads, length, length, d_model // n_heads)
    return AttentionCost(
        projections=4 * 2 * batch * length * d_model**2,
        scores=parts["scores"].flops,
        average=parts["average"].flops,
        softmax=parts["softmax"].flops,
        weights=batch * n_heads * length**2,
    )


def crossover(d_model: int) -> int:
    """The length at which scores and averages need as many operations as the four projections: 2·d_model.

    Raises:
        ValueError: d_model is below 1.
        TypeError: d_model is no integer.
    """
    return 2 * check_integer("d_model", d_model, at_least=1)


def explicit_cost(n_heads: int, n_queries: int, n_keys: int, head_dim: int, *, item_bytes: int = 4) -> dict[str, Cost]:
    """The cost of each part when scores and weights are written out, without a mask.

    Args:
        n_heads: heads times sequences.  n_queries, n_keys, head_dim: sizes of one head.
        item_bytes: of one number: 4 in float32, 2 in float16 and bfloat16.
    Returns:
        "scores" (q kᵀ), "scale", "softmax", "average" (weights v).
    Raises:
        ValueError: a size below 1.
        TypeError: a size is no integer.
    """
    n_heads, n_queries, n_keys, head_dim, item_bytes = _sizes(
        n_heads=n_heads, n_queries=n_queries, n_keys=n_keys, head_dim=head_dim, item_bytes=item_bytes
    )
    square = n_heads * n_queries * n_keys
    product = Cost(
        2 * square * head_dim, item_bytes * (n_heads * (n_queries + n_keys) * head_dim + square)
    )  # both products read or write the square, and as many numbers besides
    return {
        "scores": product,
        "scale": Cost(square, 2 * item_bytes * square),
        "softmax": Cost(SOFTMAX_FLOPS * square, 2 * item_bytes * square),
        "average": product,
    }


def fused_cost(n_heads: int, n_queries: int, n_keys: int, head_dim: int, *, item_bytes: int = 4) -> Cost:
    """The cost when scores and weights never leave the chip: the same operations; q, k, v read, out written, once.

    Args, Raises:
        As for `explicit_cost`.
    """
    parts = explicit_cost(n_heads, n_queries, n_keys, head_dim, item_bytes=item_bytes)
    rows = check_integer("n_queries", n_queries) + check_integer("n_keys", n_keys)  # of q and out, of k and v
    return Cost(sum(part.flops for part in parts.values()), 2 * rows * int(head_dim) * int(n_heads) * int(item_bytes))


def _sizes(**sizes: int) -> list[int]:
    """As plain ints, which do not overflow as NumPy's do."""
    return [check_integer(name, size, at_least=1) for name, size in sizes.items()]
