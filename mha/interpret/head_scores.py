"""What kind of key a head looks at: the weight that it puts on the keys a pattern names.

A pattern names some keys for each query: the one before it, those with its own token. A head's score is its weight on
them, averaged over all queries that have any; 1 where it looks at nothing else. A score says where a head looks, not
what it is for: it belongs beside the score of an even map (`even_weights`) and those of untrained models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from mha.lags import lag_of_pairs
from mha.validation import check_ids, check_integer, check_tensor

__all__ = ["PATTERNS", "content_scores", "even_weights", "pattern_keys", "score_heads", "score_texts"]

PATTERNS: Mapping[str, str] = {
    "previous": "the token just before",
    "next": "the token just after",
    "own": "the query's own place",
    "local": "the places within reach on either side, its own left out",
    "first": "the first place, for every query but the one that stands there",
    "special": "the special tokens, one at the first place left out",
    "same token": "the query's token where it stands elsewhere",
    "duplicate": "the query's token where it stood earlier",
    "induction": "what came just after an earlier occurrence of the query's token",
}


def pattern_keys(
    token_ids: Tensor,
    *,
    special_ids: Iterable[int] = (),
    key_mask: Tensor | None = None,
    is_causal: bool = False,
    reach: int = 3,
) -> dict[str, Tensor]:
    """The keys that each of `PATTERNS` names for each query of some texts.

    Args:
        token_ids: (b, i) integers, of self-attention.
        special_ids: tokens that stand for no text. They are keys, and no queries.
        key_mask: bool (b, i), True = a real token; padding is neither query nor key.
        is_causal: whether a query sees no later key.
        reach: how many places away "local" goes.
    Returns:
        pattern -> bool (b, i, j), True = named. A query without such a key has none in its row.
    Raises:
        TypeError: token_ids are no integers, key_mask is not bool, or reach is no integer.
        ValueError: token_ids is not (b, i), key_mask has another shape, or reach is below 1.
    Source: previous token, duplicate and induction heads: Elhage et al. 2021, Olsson et al. 2022; next, separator and
        first tokens: Clark et al. 2019.
    """
    real = _real("token_ids", token_ids, key_mask)
    check_integer("reach", reach, at_least=1)
    special = torch.isin(token_ids, torch.tensor([*special_ids], dtype=token_ids.dtype, device=token_ids.device))
    lag = lag_of_pairs(token_ids.shape[1], device=token_ids.device)  # (i, j)
    later_places = torch.arange(token_ids.shape[1], device=token_ids.device) > 0
    same = token_ids[:, :, None] == token_ids[:, None, :]  # (b, i, j)
    earlier = same & (lag > 0)
    behind = torch.zeros_like(earlier)
    behind[:, :, 1:] = earlier[:, :, :-1]  # the key after one with the query's token
    named = {
        "previous": lag == 1,
        "next": lag == -1,
        "own": lag == 0,
        "local": (lag != 0) & (lag.abs() <= reach),
        "first": later_places[:, None] & ~later_places,
        "special": (special & later_places)[:, None, :],
        "same token": same & (lag != 0),
        "duplicate": earlier,
        "induction": behind & (lag > 0),
    }
    seen = (real & ~special)[:, :, None] & _seen(real, is_causal)
    return {name: named[name] & seen for name in PATTERNS}


def even_weights(token_ids: Tensor, *, key_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
    """The map of a head that looks at every key alike, (b, 1, i, j): what it scores is what chance gives.

    Args, Raises:
        As for `pattern_keys`.
    """
    seen = _seen(_real("token_ids", token_ids, key_mask), is_causal).float()
    return (seen / seen.sum(-1, keepdim=True).clamp(min=1.0))[:, None]


def score_texts(weights: Tensor, keys: Tensor) -> Tensor:
    """Each head's weight on the keys that one pattern names, text by text.

    Args:
        weights: (..., b, h, i, j), as of one layer or of a stack of layers.
        keys: bool (b, i, j), one of `pattern_keys`.
    Returns:
        (..., b, h), means over a text's queries that have such a key; NaN where none has.
    Raises:
        TypeError: weights or keys are no tensors, or keys not bool.
        ValueError: their shapes disagree.
    """
    sums, counts = _sums(weights, keys)
    return sums / counts[:, None]


def score_heads(weights: Tensor, keys: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each head's weight on the keys of each pattern, over all texts together.

    Args:
        weights: (..., b, h, i, j), as of one layer or of a stack of layers.
        keys: pattern -> bool (b, i, j), as `pattern_keys` gives them.
    Returns:
        pattern -> (..., h), means over all queries that have such a key; NaN where no text has any.
    Raises:
        As for `score_texts`.
    """
    scores = {}
    for name, named in keys.items():
        sums, counts = _sums(weights, named)
        scores[name] = sums.sum(-2) / counts.sum()
    return scores


def content_scores(weights: Tensor, shuffled: Tensor, order: Tensor, *, key_mask: Tensor | None = None) -> Tensor:
    """Whether a head follows the words or the places when the words change places.

    A row of weights of the text is laid over two rows of the shuffled text: that of the same token, key by key where
    each token went, and that of the same place. The score is what of the weight lies on the first, less what lies on
    the second: 1 for a head that reads the words alone, -1 for one that reads the places alone, 0 for one that looks
    everywhere alike.

    Args:
        weights: (..., b, h, i, i) on the texts.  shuffled: the same on the shuffled texts.
        order: (b, i) integers, which place of the text the token at each place of the shuffled text comes from.
        key_mask: bool (b, i), True = a real token; what is padding stays where it is.
    Returns:
        (..., h), means over all tokens that have moved; NaN where none has.
    Raises:
        TypeError: an argument is no tensor, order holds no integers, or key_mask is not bool.
        ValueError: shapes disagree, or a row of order is no permutation.
    """
    for name, given in (("weights", weights), ("shuffled", shuffled)):
        check_tensor(name, given)
    real = _real("order", order, key_mask)
    if weights.shape != shuffled.shape or weights.dim() < 4 or weights.shape[-1] != weights.shape[-2]:
        raise ValueError(
            f"weights and shuffled must both be (..., b, h, i, i), got {tuple(weights.shape)}, {tuple(shuffled.shape)}"
        )
    if (weights.shape[-4], weights.shape[-1]) != tuple(order.shape):
        raise ValueError(f"order must be {(weights.shape[-4], weights.shape[-1])}, got {tuple(order.shape)}")
    places = torch.arange(order.shape[1], device=order.device)
    if (order.sort(-1).values != places).any():
        raise ValueError("each row of order must hold every place once")
    at = order.argsort(-1)  # where each token of the text went, (b, i)
    rows = at[:, None, :, None].expand(shuffled.shape[-4:])
    columns = at[:, None, None, :].expand(shuffled.shape[-4:])
    by_word = shuffled.gather(-2, rows.expand(shuffled.shape)).gather(-1, columns.expand(shuffled.shape))
    moved = (at != places) & real
    follows = (torch.minimum(weights, by_word) - torch.minimum(weights, shuffled)).sum(-1)  # (..., b, h, i)
    return (follows * moved[:, None]).sum((-3, -1)) / moved.sum()


def _real(name: str, ids: Tensor, key_mask: Tensor | None) -> Tensor:
    """Which tokens are none of the padding, (b, i)."""
    check_ids(name, ids)
    if key_mask is None:
        return torch.ones_like(ids, dtype=torch.bool)
    check_tensor("key_mask", key_mask)
    if key_mask.dtype != torch.bool:
        raise TypeError(f"key_mask must be bool, got {key_mask.dtype}")
    if key_mask.shape != ids.shape:
        raise ValueError(f"key_mask must have shape {tuple(ids.shape)}, got {tuple(key_mask.shape)}")
    return key_mask


def _seen(real: Tensor, is_causal: bool) -> Tensor:
    """Which keys a query may look at, (b, i, j)."""
    seen = real[:, None, :].expand(-1, real.shape[1], -1)
    return seen & (lag_of_pairs(real.shape[1], device=real.device) >= 0) if is_causal else seen


def _sums(weights: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """The weight on the named keys, summed over queries (..., b, h), and how many queries have any (b,)."""
    check_tensor("weights", weights)
    check_tensor("keys", keys)
    if keys.dtype != torch.bool:
        raise TypeError(f"keys must be bool, got {keys.dtype}")
    wanted = (*weights.shape[-4:-3], *weights.shape[-2:])
    if weights.dim() < 4 or keys.shape != wanted:
        raise ValueError(
            f"weights (..., b, h, i, j) and keys (b, i, j) must agree, got {tuple(weights.shape)}, {tuple(keys.shape)}"
        )
    sums = torch.einsum("...bhij,bij->...bh", weights, keys.to(weights.dtype))
    return sums, keys.any(-1).sum(-1).to(weights.dtype)
