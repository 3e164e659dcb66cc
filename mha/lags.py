"""How far each key lies behind each query: lag = query position - key position, everywhere in this package.

The last query is level with the last key, so that earlier keys may wait in a cache.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mha.validation import check_integer, check_tensor

__all__ = ["every_lag", "lag_of_pairs", "spread_over_pairs"]


def lag_of_pairs(n_queries: int, n_keys: int | None = None, *, device: torch.device | str | None = None) -> Tensor:
    """The lag of each pair: 0 where a query meets its own key, below 0 where the key lies ahead.

    Args:
        n_queries: i.  n_keys: j ≥ i; i if None.
    Returns:
        (i, j) int64.
    Raises:
        TypeError: i or j is no integer.
        ValueError: i < 1 or i > j.
    """
    n_keys = _checked(n_queries, n_keys)
    last = n_keys - n_queries
    queries = torch.arange(last, last + n_queries, device=device)
    return queries[:, None] - torch.arange(n_keys, device=device)


def every_lag(n_queries: int, n_keys: int | None = None, *, device: torch.device | str | None = None) -> Tensor:
    """Each lag that occurs once, falling: from j - 1, the first key seen by the last query, to 1 - i.

    Args, Raises:
        As for `lag_of_pairs`.
    Returns:
        (i + j - 1,) int64.
    """
    return torch.arange(_checked(n_queries, n_keys) - 1, -n_queries, -1, device=device)


def spread_over_pairs(by_lag: Tensor, n_keys: int) -> Tensor:
    """What is known of each lag of `every_lag`, put where the pairs with that lag are.

    Args:
        by_lag: (h, i + j - 1).  n_keys: j.
    Returns:
        (h, i, j). Each query's row is a window on by_lag, one step back per query.
    Raises:
        TypeError: n_keys is no integer.
        ValueError: by_lag knows fewer lags than there are keys.
    """
    check_tensor("by_lag", by_lag)
    check_integer("n_keys", n_keys, at_least=1, at_most=by_lag.shape[-1])
    return by_lag.unfold(-1, n_keys, 1).flip(-2)


def _checked(n_queries: int, n_keys: int | None) -> int:
    check_integer("n_queries", n_queries)
    n_keys = n_queries if n_keys is None else check_integer("n_keys", n_keys)
    if not 1 <= n_queries <= n_keys:
        raise ValueError(f"n_queries ({n_queries}) must be at least 1 and at most n_keys ({n_keys})")
    return n_keys
