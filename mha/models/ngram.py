"""An n-gram language model with modified Kneser-Ney smoothing: the baseline that a neural model has to beat."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.validation import check_integer

__all__ = ["KneserNey", "kneser_ney_discounts"]

Integers = NDArray[np.int64]
FALLBACK = (0.5, 1.0, 1.5)


def kneser_ney_discounts(counts: ArrayLike) -> tuple[float, float, float]:
    """What is taken off a count of 1, of 2, and of 3 or more: n - (n + 1) Y c(n+1) / c(n).

    c(n) is how many of the counts are n, and Y = c(1) / (c(1) + 2 c(2)). Where one of c(1) … c(4) is 0, or a discount
    leaves [0, n], all three are 0.5, 1 and 1.5, as in KenLM.

    Args:
        counts: integers of 1 or more, any shape.
    Raises:
        TypeError: they are not integers.  ValueError: one is below 1.
    Source: Chen and Goodman 1999, eq. 26; the fallback: Heafield et al. 2013.
    """
    numbers = _integers("counts", counts)
    if numbers.size and numbers.min() < 1:
        raise ValueError(f"counts must be 1 or more, got {numbers.min()}")
    c = [int((numbers == n).sum()) for n in range(1, 5)]
    if min(c) == 0:
        return FALLBACK
    y = c[0] / (c[0] + 2 * c[1])
    one, two, more = (n - (n + 1) * y * c[n] / c[n - 1] for n in (1, 2, 3))
    return (one, two, more) if 0 <= one <= 1 and 0 <= two <= 2 and 0 <= more <= 3 else FALLBACK


class _Order(NamedTuple):
    """The n-grams of one length, and their contexts, as sorted numbers in base v."""

    grams: Integers  # (g,)
    discounted: NDArray[np.float64]  # (g,) count less discount
    contexts: Integers  # (c,)
    totals: NDArray[np.float64]  # (c,) sum of the counts
    freed: NDArray[np.float64]  # (c,) sum of the discounts: what the shorter context shares out


class KneserNey:
    """p(w | context), interpolated over all lengths of context up to order - 1 tokens.

    At the full order an n-gram counts as often as it occurs; at a lower one, by how many different tokens stand before
    it. From each count its discount is taken, and what that frees in a context is shared out in proportion to the next
    lower order. Below single tokens is the uniform distribution, so that no token of the vocabulary has probability 0.

    Args:
        tokens: (n,) integers, the text as one row.  order: length of the longest n-gram.  vocab_size: v.
    Raises:
        TypeError: tokens, order or vocab_size are not integers.
        ValueError: order is not positive, the text is shorter than it, a token is outside the vocabulary, or n-grams of
            this order cannot be numbered in 63 bits.
    Source: Chen and Goodman 1999, section 4.1 ("modified Kneser-Ney"), with discounts of each order by its own counts.
    """

    def __init__(self, tokens: ArrayLike, order: int, vocab_size: int) -> None:
        order = check_integer("order", order, at_least=1)
        vocab_size = check_integer("vocab_size", vocab_size, at_least=1)
        row = _integers("tokens", tokens)
        if row.ndim != 1 or len(row) < order:
            raise ValueError(f"tokens must be one row of order ({order}) tokens or more, got shape {row.shape}")
        _check_vocabulary("tokens", row, vocab_size)
        if vocab_size**order >= 2**63:
            raise ValueError(f"vocab_size ({vocab_size}) to the power of order ({order}) must be below 2^63")
        self.order, self.vocab_size = order, vocab_size
        windows = np.lib.stride_tricks.sliding_window_view
        codes = [self._code(windows(row, n)) for n in range(1, order + 1)]
        kinds = [np.unique(longer) % vocab_size**n for n, longer in enumerate(codes[1:], start=1)]
        self._orders = [self._count(grams) for grams in (*kinds, codes[-1])]

    def probability(self, contexts: ArrayLike, tokens: ArrayLike) -> NDArray[np.float64]:
        """p(token | context) for each pair.

        Args:
            contexts: (n, c) integers, oldest first; more than order - 1 columns are ignored, fewer shorten the context.
            tokens: (n,) integers.
        Returns:
            (n,).
        Raises:
            TypeError: they are not integers.  ValueError: shapes that do not fit, or tokens outside the vocabulary.
        """
        past, next_ = _integers("contexts", contexts), _integers("tokens", tokens)
        if next_.ndim != 1 or past.ndim != 2 or len(past) != len(next_):
            shapes = f"{past.shape} and {next_.shape}"
            raise ValueError(f"contexts and tokens must have shapes (n, c) and (n,), got {shapes}")
        _check_vocabulary("contexts", past, self.vocab_size)
        _check_vocabulary("tokens", next_, self.vocab_size)
        p = np.full(len(next_), 1.0 / self.vocab_size)
        for n, order in enumerate(self._orders[: past.shape[1] + 1]):
            context = self._code(past[:, past.shape[1] - n :])
            gram, has_gram = _find(order.grams, context * self.vocab_size + next_)
            at, is_known = _find(order.contexts, context)
            mixed = (order.discounted[gram] * has_gram + order.freed[at] * p) / order.totals[at]
            p = np.where(is_known, mixed, p)
        return p

    def distribution(self, context: ArrayLike) -> NDArray[np.float64]:
        """p of every token (v,) behind one context (c,). Raises TypeError and ValueError as `probability` does."""
        row = _integers("context", context)
        if row.ndim != 1:
            raise ValueError(f"context must have shape (c,), got {row.shape}")
        _check_vocabulary("context", row, self.vocab_size)
        return self.probability(np.tile(row, (self.vocab_size, 1)), np.arange(self.vocab_size))

    def log2_probability(self, pieces: ArrayLike) -> NDArray[np.float64]:
        """Log to base 2 of each token's probability but the first's, (n, i) -> (n, i - 1), from its own piece alone.

        Raises:
            TypeError: pieces are not integers.
            ValueError: they have another shape, fewer than 2 columns, or tokens outside the vocabulary.
        """
        rows = _integers("pieces", pieces)
        if rows.ndim != 2 or rows.shape[1] < 2:
            raise ValueError(f"pieces must have shape (n, i) with i ≥ 2, got {rows.shape}")
        _check_vocabulary("pieces", rows, self.vocab_size)
        columns = [
            self.probability(rows[:, max(0, end - self.order + 1) : end], rows[:, end])
            for end in range(1, rows.shape[1])
        ]
        return np.log2(np.stack(columns, axis=1))

    def _code(self, grams: Integers) -> Integers:
        """(..., n) tokens -> (...) one number for each n-gram."""
        code = np.zeros(grams.shape[:-1], dtype=np.int64)
        for n in range(grams.shape[-1]):
            code = code * self.vocab_size + grams[..., n]
        return code

    def _count(self, codes: Integers) -> _Order:
        grams, counts = np.unique(codes, return_counts=True)
        discounts = np.array(kneser_ney_discounts(counts))[np.minimum(counts, 3) - 1]
        contexts, at = np.unique(grams // self.vocab_size, return_inverse=True)
        totals, freed = (np.bincount(at, weights).astype(np.float64) for weights in (counts, discounts))
        return _Order(grams, counts - discounts, contexts, totals, freed)


def _find(ordered: Integers, wanted: Integers) -> tuple[Integers, NDArray[Any]]:
    """Where each wanted number stands among the ordered ones, and whether it does."""
    at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return at, ordered[at] == wanted


def _integers(name: str, values: ArrayLike) -> Integers:
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got {array.dtype}")
    return array.astype(np.int64)


def _check_vocabulary(name: str, tokens: Integers, vocab_size: int) -> None:
    if tokens.size and (tokens.min() < 0 or tokens.max() >= vocab_size):
        raise ValueError(f"{name} must be in 0 … {vocab_size - 1}, got {tokens.min()} to {tokens.max()}")
