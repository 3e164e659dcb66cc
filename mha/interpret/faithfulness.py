"""Does an attribution say what the output depends on? Take tokens away and look; three ways of taking away.

- hide: no query sees the token, and the readout does not count it. All others stay where they are.
- delete: the text is written without it; those behind it move up by a place.
- mask: another token, [MASK] say, stands in its place, seen and counted like any.

None of them is the truth: each compares the text with another one, which the model may never have met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from mha.attention import fused_attention
from mha.detours import detour
from mha.interpret.patching import attention_layers
from mha.masks import combine_masks
from mha.validation import check_callable, check_choice, check_ids, check_number, check_tensor

__all__ = ["WAYS", "Explained", "comprehensiveness", "hidden_keys", "leave_one_out", "rank_agreement", "sufficiency"]

WAYS = ("hide", "delete", "mask")
SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the tokens, as in DeYoung et al. 2020
BATCH = 64  # texts at a time
Score = Callable[[Tensor, Tensor, Tensor], Tensor]


@contextmanager
def hidden_keys(model: nn.Module, hidden: Tensor) -> Iterator[None]:
    """Inside the `with`, no query of any attention layer sees the hidden keys; a `key_mask` would move positions too.

    Args:
        model: holds `MultiHeadAttention` layers, all over the same keys.  hidden: bool (b, j), True = not seen.
    Raises:
        TypeError: model is no module, or hidden not bool.
        ValueError: model has no such layer, hidden is not (b, j), or, when the model runs, a layer has other keys.
    """
    _check_places("hidden", hidden)
    seen = ~hidden[:, None, None, :]  # (b, j) -> (b, 1, 1, j)
    with detour({layer: partial(_without, seen) for layer in attention_layers(model)}):
        yield


def _without(seen: Tensor, q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    if (k.shape[0], k.shape[-2]) != (seen.shape[0], seen.shape[-1]):
        raise ValueError(
            f"hidden must have shape (b, j) = {(k.shape[0], k.shape[-2])}, got {(seen.shape[0], seen.shape[-1])}"
        )
    mask = combine_masks(options.pop("attn_mask", None), seen)
    return fused_attention(q, k, v, attn_mask=mask, **options)


@dataclass(frozen=True)
class Explained:
    """One text and the number that is to be explained.

    Fields:
        model: what attends.  score: (token_ids (n, i), key_mask (n, i), counted (n, i)) -> (n,): it runs the model with
            key_mask, and reads out at places that are counted.
        token_ids: (1, i) or (i,), no padding.  removable: bool (i,): tokens that may go; special ones stay.
        mask_id: the token that stands for a masked one; needed by "mask" alone.
    Raises:
        TypeError, ValueError: fields of another kind or shape, or nothing removable.
    """

    model: nn.Module
    score: Score
    token_ids: Tensor
    removable: Tensor
    mask_id: int | None = None

    def __post_init__(self) -> None:
        check_callable("score", self.score)
        check_tensor("token_ids", self.token_ids)
        ids = self.token_ids.reshape(1, -1)
        check_ids("token_ids", ids)
        object.__setattr__(self, "token_ids", ids[0])
        _check_places("removable", self.removable[None] if isinstance(self.removable, Tensor) else self.removable)
        if self.removable.shape != self.token_ids.shape or not self.removable.any():
            raise ValueError(
                f"removable must have shape {tuple(self.token_ids.shape)} and a True, got {self.removable.tolist()}"
            )

    @torch.no_grad()
    def without(self, gone: Tensor, way: str) -> Tensor:
        """The score without some tokens.

        Args:
            gone: bool (n, i), True = taken away; one row a text.  way: one of `WAYS`.
        Returns:
            (n,).
        Raises:
            TypeError, ValueError: another kind, shape or way; a token that must stay; a text of which nothing is left;
                "mask" without mask_id.
        """
        _check_places("gone", gone)
        check_choice("way", way, WAYS)
        if gone.shape[1] != len(self.token_ids) or (gone & ~self.removable).any() or gone.all(1).any():
            raise ValueError(
                f"gone must be (n, {len(self.token_ids)}), of removable tokens, and leave one of each text"
            )
        if way == "mask" and self.mask_id is None:
            raise ValueError("mask_id must be given for the way 'mask', got None")
        run = {"hide": self._hide, "delete": self._delete, "mask": self._mask}[way]
        return torch.cat([run(part) for part in gone.split(BATCH)])

    def _hide(self, gone: Tensor) -> Tensor:
        with hidden_keys(self.model, gone):
            return self.score(self.token_ids.expand_as(gone), torch.ones_like(gone), ~gone)

    def _delete(self, gone: Tensor) -> Tensor:
        order = gone.to(torch.int8).argsort(dim=1, stable=True)  # those that stay first, as they stood
        left = ~gone.gather(1, order)
        ids = self.token_ids.expand_as(gone).gather(1, order).masked_fill(~left, 0)
        longest = int(left.sum(1).max())
        return self.score(ids[:, :longest], left[:, :longest], left[:, :longest])

    def _mask(self, gone: Tensor) -> Tensor:
        everything = torch.ones_like(gone)
        ids = self.token_ids.expand_as(gone).masked_fill(gone, self.mask_id or 0)
        return self.score(ids, everything, everything)

    def whole(self) -> Tensor:
        """The score of the text as it is, (1,)."""
        return self.without(torch.zeros(1, len(self.token_ids), dtype=torch.bool), "hide")


def leave_one_out(text: Explained, way: str) -> Tensor:
    """What the score loses without each token.

    Args:
        text: what is explained.  way: one of `WAYS`.
    Returns:
        (i,); NaN at tokens that must stay. Positive: the token raises the score.
    Raises:
        ValueError: another way, or "mask" without mask_id.
    Source: Li et al. 2016.
    """
    places = text.removable.nonzero()[:, 0]
    gone = torch.nn.functional.one_hot(places, len(text.token_ids)).bool()
    lost = text.whole() - text.without(gone, way)
    return torch.full((len(text.token_ids),), torch.nan, dtype=lost.dtype).scatter(0, places, lost)


def comprehensiveness(text: Explained, attribution: Tensor, way: str, *, shares: Sequence[float] = SHARES) -> float:
    """What the score loses without the tokens that the attribution puts first, averaged over how many these are.

    Args:
        text: what is explained.  attribution: (i,); only what removable tokens got is looked at.
        way: one of `WAYS`.  shares: of the removable tokens, each above 0 and below 1; at least one token goes.
    Returns:
        The mean loss. The larger, the more the first tokens are needed.
    Raises:
        TypeError, ValueError: attribution is not (i,) or has NaN at a removable token; shares outside (0, 1) or none.
    Source: DeYoung et al. 2020, section 4.2, there on a classifier's probability and by deleting.
    """
    return float((text.whole() - text.without(_first(text, attribution, shares), way)).mean())


def sufficiency(text: Explained, attribution: Tensor, way: str, *, shares: Sequence[float] = SHARES) -> float:
    """What the score loses when only the tokens are left that the attribution puts first; else as `comprehensiveness`.

    Returns:
        The mean loss. The smaller, the more the first tokens suffice.
    """
    others = text.removable & ~_first(text, attribution, shares)
    return float((text.whole() - text.without(others, way)).mean())


def rank_agreement(one: Tensor, other: Tensor, among: Tensor | None = None) -> float:
    """Spearman's rank correlation of two attributions of one text.

    Args:
        one, other: (i,).  among: bool (i,), the tokens that are compared; all if None.
    Returns:
        -1 … 1; NaN where fewer than three are compared, or one attribution gives all the same.
    Raises:
        TypeError, ValueError: no tensors, or other shapes.
    """
    check_tensor("one", one)
    check_tensor("other", other)
    if one.dim() != 1 or one.shape != other.shape:
        raise ValueError(f"one and other must be (i,), got {tuple(one.shape)} and {tuple(other.shape)}")
    if among is not None:
        _check_places("among", among[None])
        one, other = one[among], other[among]
    ranks = torch.stack([torch.from_numpy(rankdata(x.detach().double().numpy())) for x in (one, other)])
    if len(one) < 3 or (ranks.std(dim=1) == 0).any():
        return float("nan")
    return float(torch.corrcoef(ranks)[0, 1])


def _first(text: Explained, attribution: Tensor, shares: Sequence[float]) -> Tensor:
    """A row for each share, (n, i): True at the tokens that come first."""
    check_tensor("attribution", attribution)
    if attribution.shape != text.token_ids.shape or attribution[text.removable].isnan().any():
        raise ValueError(f"attribution must be ({len(text.token_ids)},) without NaN, got {tuple(attribution.shape)}")
    if not shares:
        raise ValueError("shares must hold at least one number, got none")
    n = int(text.removable.sum())
    order = attribution.detach().masked_fill(~text.removable, -torch.inf).argsort(descending=True, stable=True)
    first = torch.zeros(len(shares), len(attribution), dtype=torch.bool)
    for row, share in enumerate(shares):
        first[row, order[: max(1, round(check_number("a share", share, above=0, below=1) * n))]] = True
    return first


def _check_places(name: str, places: Tensor) -> None:
    check_tensor(name, places)
    if places.dtype != torch.bool:
        raise TypeError(f"{name} must be bool, got {places.dtype}")
    if places.dim() != 2 or 0 in places.shape:
        raise ValueError(f"{name} must have shape (b, i), none empty, got {tuple(places.shape)}")
