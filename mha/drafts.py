"""What drafts the next tokens of a text, cheaply and sometimes wrongly, for `mha.speculative` to have them checked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from mha.generate import Choose, Decoder, Sampling, greedy
from mha.validation import check_callable, check_integer, checked_before

__all__ = ["Draft", "Proposal", "Propose", "SmallModel", "TextLookup", "check_rule", "n_leading"]


class Proposal(NamedTuple):
    """The next tokens of a text, as a draft has them."""

    tokens: Tensor
    """(k,) integers; k may be 0."""
    shares: Tensor | None = None
    """(k, v): the probabilities that each was drawn from; None where nothing was drawn."""


Propose = Callable[[Tensor, int], Proposal]  # the text so far (i,), and how many tokens at most


class Draft(Protocol):
    """What proposes tokens."""

    def begin(self, max_len: int) -> Propose:
        """What proposes the tokens of one text, of max_len tokens at most."""
        ...


class TextLookup:
    """Drafts what came the last time: finds the last few tokens in the text before, and copies what stood behind them.

    Where the copy reaches the end of the text it goes on with what it has copied, as a loop does.

    Args:
        longest: how many tokens to look for; if they stand nowhere before, one fewer, and so on.
        shortest: with how few to give up.
    Raises:
        TypeError: one is no integer.  ValueError: shortest is below 1 or above longest.
    Source: Saxena 2023 (prompt lookup decoding).
    """

    def __init__(self, longest: int = 3, shortest: int = 1) -> None:
        self.longest = check_integer("longest", longest, at_least=1)
        self.shortest = check_integer("shortest", shortest, at_least=1, at_most=self.longest)

    def begin(self, max_len: int) -> Propose:
        """The same for every text."""
        return self._propose

    def _propose(self, text: Tensor, n: int) -> Proposal:
        for size in range(min(self.longest, len(text) - 1), self.shortest - 1, -1):
            windows = text.unfold(0, size, 1)[:-1]  # (i,) -> (i - size, size): each run of tokens but the last
            places = (windows == text[-size:]).all(-1).nonzero()
            if len(places):
                copied = text[int(places[-1]) + size :]
                return Proposal(copied.repeat(-(-n // len(copied)))[:n])
        return Proposal(text[:0])


class SmallModel:
    """Drafts what a smaller model of the same vocabulary writes.

    Args:
        model: in evaluation mode; its caches have `truncate(length)`.
        choose: `greedy`, or a `Sampling` like that of the text.
    Raises:
        TypeError: model cannot be called, or choose is neither of the two.
    """

    def __init__(self, model: Decoder, choose: Choose = greedy) -> None:
        check_callable("model", model)
        check_rule(choose)
        self.model, self.choose = model, choose

    def begin(self, max_len: int) -> Propose:
        """Each text has its own cache."""
        return _Writer(self.model, self.choose, max_len)


class _Writer:
    """Writes on from where the text agrees with what was read last time, which the cache still holds."""

    def __init__(self, model: Decoder, choose: Choose, max_len: int) -> None:
        self._model, self._choose = model, choose
        self._room = min(max_len, getattr(model, "max_len", None) or max_len)
        self._caches, self._read = model.new_caches(1, self._room), torch.empty(0, dtype=torch.int64)

    def __call__(self, text: Tensor, n: int) -> Proposal:
        start, shares = len(text), []
        self._forget(text)
        for _ in range(min(n, self._room - start + 1)):
            with checked_before() if len(self._read) else nullcontext():
                logits = self._model(text[None, len(self._read) :], caches=self._caches)[:, -1]  # (1, v)
            self._read = text
            if isinstance(self._choose, Sampling):
                shares.append(self._choose.shares(logits))
                token = torch.multinomial(shares[-1], 1, generator=self._choose.generator)[0]
            else:
                token = self._choose(logits)
            text = torch.cat([text, token])  # (i + 1,)
        return Proposal(text[start:], torch.cat(shares) if shares else None)

    def _forget(self, text: Tensor) -> None:
        """Keep of what was read where the text begins, and leave its last token to be read."""
        n = min(len(self._read), len(text) - 1)
        self._read = text[: n_leading(self._read[:n].to(text) == text[:n])]
        self._caches.truncate(len(self._read))


def check_rule(choose: Choose) -> None:
    """Refuse what is neither `greedy` nor a `Sampling`: TypeError."""
    if choose is not greedy and not isinstance(choose, Sampling):
        raise TypeError(f"choose must be greedy or a Sampling, got {choose!r}")


def n_leading(stands: Tensor) -> int:
    """How many are True in a row (k,) before the first that is False."""
    return int(stands.long().cumprod(0).sum())
