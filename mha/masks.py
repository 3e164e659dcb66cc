"""Who may attend to whom. One polarity everywhere: True = may attend."""

from __future__ import annotations

import torch
from torch import Tensor

from mha.lags import lag_of_pairs
from mha.validation import check_integer, check_tensor, readable

__all__ = ["causal_mask", "check_key_mask", "combine_masks", "padding_mask", "sliding_window_mask"]


def causal_mask(n_queries: int, n_keys: int | None = None, *, device: torch.device | str | None = None) -> Tensor:
    """Each query may attend to its own position and to those before it.

    Args:
        n_queries: i.  n_keys: j ≥ i, when earlier keys wait in a cache; i if None. The last query is level with the
            last key.
    Returns:
        (i, j) bool, True = may attend.
    Raises:
        TypeError: i or j is no integer.
        ValueError: i < 1 or i > j.
    """
    return lag_of_pairs(n_queries, n_keys, device=device) >= 0


def sliding_window_mask(
    n_queries: int, window: int, n_keys: int | None = None, *, device: torch.device | str | None = None
) -> Tensor:
    """Causal, and not further back than `window` positions, the query's own included.

    Args:
        n_queries, n_keys: as in `causal_mask`.  window: at least 1.
    Returns:
        (i, j) bool, True = may attend.
    Raises:
        TypeError: window, i or j is no integer.
        ValueError: window < 1, i < 1 or i > j.
    """
    check_integer("window", window, at_least=1)
    lags = lag_of_pairs(n_queries, n_keys, device=device)
    return (lags >= 0) & (lags < window)


def padding_mask(lengths: Tensor, max_len: int | None = None) -> Tensor:
    """Which tokens of a padded batch are real.

    Args:
        lengths: (b,) integers, the number of real tokens of each sequence.  max_len: j; the largest length if None.
    Returns:
        (b, j) bool, True = a real token. Hand it to `MultiHeadAttention` as `key_mask`.
    Raises:
        TypeError: lengths is not an integer tensor, or max_len no integer.
        ValueError: lengths is not one axis, is empty, or leaves 0 … max_len; they have no values yet, as in a trace,
            and max_len is None.
    """
    check_tensor("lengths", lengths)
    if lengths.dtype.is_floating_point or lengths.dtype == torch.bool:
        raise TypeError(f"lengths must be integers, got {lengths.dtype}")
    if lengths.dim() != 1 or lengths.numel() == 0:
        raise ValueError(f"lengths must have shape (b,) with b ≥ 1, got {tuple(lengths.shape)}")
    if max_len is not None:
        check_integer("max_len", max_len, at_least=0)
    values = readable(lengths)
    if values is None:
        if max_len is None:
            raise ValueError("max_len must be given where lengths have no values yet, as in a trace or on meta")
    else:
        max_len = int(values.max()) if max_len is None else max_len
        if int(values.min()) < 0 or int(values.max()) > max_len:
            raise ValueError(f"lengths must lie between 0 and max_len ({max_len}), got {values.tolist()}")
    return torch.arange(max_len, device=lengths.device) < lengths[:, None]


def check_key_mask(key_mask: Tensor, batch: int, n_keys: int, name: str = "key_mask") -> None:
    """Refuse what is no bool (b, j): TypeError, ValueError. name is what the caller calls it."""
    check_tensor(name, key_mask)
    if key_mask.dtype != torch.bool:
        raise TypeError(f"{name} must be bool (True = a real token), got {key_mask.dtype}")
    if key_mask.shape != (batch, n_keys):
        raise ValueError(f"{name} must have shape {(batch, n_keys)}, got {tuple(key_mask.shape)}")


def combine_masks(*masks: Tensor | None) -> Tensor | None:
    """Allowed where every mask allows; None allows everything.

    Args:
        masks: bool, of shapes that broadcast, or None.
    Returns:
        Their conjunction, or None if all are None.
    Raises:
        TypeError: a mask is not bool.
    """
    combined: Tensor | None = None
    for mask in masks:
        if mask is None:
            continue
        check_tensor("a mask", mask)
        if mask.dtype != torch.bool:
            raise TypeError(f"a mask must be bool (True = may attend), got {mask.dtype}")
        combined = mask if combined is None else combined & mask
    return combined
