"""Recall: items with a key and a payload, fillers, then keys alone: what was the payload? The truth is known."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mha.validation import check_integer, check_torch_generator

__all__ = ["IGNORED", "Recall"]

IGNORED = -100  # the target where nothing is asked, as `torch.nn.functional.cross_entropy` takes it


@dataclass(frozen=True)
class Recall:
    """Sequences of items, fillers and queries, and the payload that each query asks for.

    A token has two fields, whose embeddings a model adds: an item has a payload and a key, a filler a payload and no
    key, a query a key and no payload. The keys of a sequence's items all differ, and its queries ask for different
    items. Whoever guesses is right once in `n_symbols`.

    Args:
        n_items: items at the start.  n_queries: queries at the end.
        n_symbols: kinds of payload.  n_keys: kinds of key.
    Raises:
        TypeError: a number is no integer.
        ValueError: one is not positive, or there are more items than keys or more queries than items.
    Source: the task of Arora et al. 2024, "multi-query associative recall", with key and payload in one token.
    """

    n_items: int
    n_queries: int = 1
    n_symbols: int = 8
    n_keys: int = 16

    def __post_init__(self) -> None:
        for field in fields(self):
            check_integer(field.name, getattr(self, field.name), at_least=1)
        if not self.n_queries <= self.n_items <= self.n_keys:
            raise ValueError(
                f"n_queries ({self.n_queries}) must be at most n_items ({self.n_items}), "
                f"and n_items at most n_keys ({self.n_keys})"
            )

    @property
    def vocab_size(self) -> int:
        """Payloads 0 … n_symbols - 1, then "no payload", then the keys, then "no key"."""
        return self.n_symbols + 1 + self.n_keys + 1

    def length(self, distance: int) -> int:
        """Tokens of a sequence with `distance` fillers."""
        return self.n_items + distance + self.n_queries

    def sample(self, batch: int, distance: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Fresh sequences.

        Args:
            batch: b.  distance: fillers between the last item and the first query.  generator: where chance comes from.
        Returns:
            tokens (b, t, 2), the fields payload and key, below `vocab_size`; targets (b, t), the payload at a query
            and `IGNORED` elsewhere; t = n_items + distance + n_queries.
        Raises:
            TypeError: batch or distance is no integer.  ValueError: batch is not positive or distance is negative.
        """
        check_integer("batch", batch, at_least=1)
        check_integer("distance", distance, at_least=0)
        check_torch_generator("generator", generator)
        no_payload, first_key, no_key = self.n_symbols, self.n_symbols + 1, self.vocab_size - 1
        payloads = torch.randint(self.n_symbols, (batch, self.n_items + distance), generator=generator)
        keys = first_key + self._distinct(batch, self.n_keys, self.n_items, generator)
        asked = self._distinct(batch, self.n_items, self.n_queries, generator)  # (b, n_queries)
        blank = torch.full((batch, self.n_queries), no_payload)
        without_key = torch.full((batch, distance), no_key)
        tokens = torch.stack(
            [torch.cat([payloads, blank], 1), torch.cat([keys, without_key, keys.gather(1, asked)], 1)], dim=-1
        )  # (b, t) twice -> (b, t, 2)
        targets = torch.full(tokens.shape[:2], IGNORED)
        targets[:, -self.n_queries :] = payloads.gather(1, asked)
        return tokens, targets

    @staticmethod
    def _distinct(batch: int, n: int, chosen: int, generator: torch.Generator) -> Tensor:
        """(b, chosen) different numbers below n in each row."""
        return torch.rand(batch, n, generator=generator).argsort(dim=1)[:, :chosen]
