"""Whole words as tokens: 0 is padding and the start of a target, 1 its end, 2 any word that is not known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import torch
from torch import Tensor

from mha.validation import check_integer

__all__ = ["WordVocabulary", "padded"]


class WordVocabulary:
    """The words of some token sequences, numbered in alphabetical order.

    Args:
        sequences: whose tokens there are.  leave_out: tokens that are to be unknown all the same.
    Raises:
        TypeError: a sequence is one string.  ValueError: there is no token.
    """

    pad_id, end_id, unknown_id = 0, 1, 2
    unknown = " ⟨?⟩"  # with a space before it, as most words have

    def __init__(self, sequences: Iterable[Sequence[str]], leave_out: Collection[str] = ()) -> None:
        known: set[str] = set()
        for sequence in sequences:
            _check_words(sequence)
            known.update(sequence)
        known.difference_update(leave_out)
        if not known:
            raise ValueError("sequences must hold a token or more, got none")
        self.words = tuple(sorted(known))
        self._ids = {word: n for n, word in enumerate(self.words, 3)}

    def __len__(self) -> int:
        return 3 + len(self.words)

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """Raises TypeError where tokens is one string."""
        _check_words(tokens)
        return [self._ids.get(token, self.unknown_id) for token in tokens]

    def decode(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Up to the end token; padding is left out. Raises as `check_integer` does."""
        ids = [check_integer("ids", n, at_least=0, at_most=len(self) - 1) for n in ids]
        ids = ids[: ids.index(self.end_id)] if self.end_id in ids else ids
        return tuple(self.unknown if n == self.unknown_id else self.words[n - 3] for n in ids if n != self.pad_id)

    def batch(self, sequences: Iterable[Sequence[str]], padding: int = 0) -> Tensor:
        """(b, i) int64, as `padded` makes it of the tokens' ids."""
        return padded([self.encode(tokens) for tokens in sequences], self.end_id, padding)


def padded(rows: Sequence[Sequence[int]], end_id: int, padding: int = 0) -> Tensor:
    """(b, i) int64: the rows, end_id behind each, then padding (-100 for targets, which a loss ignores)."""
    return torch.nn.utils.rnn.pad_sequence(
        [torch.tensor([*row, end_id]) for row in rows], batch_first=True, padding_value=padding
    )


def _check_words(tokens: Sequence[str]) -> None:
    if isinstance(tokens, str):
        raise TypeError(f"tokens must be a sequence of words, got one string: {tokens!r}")
