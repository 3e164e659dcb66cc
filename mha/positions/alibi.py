"""A bias on the scores that falls with the distance, at a fixed slope for each head."""

from __future__ import annotations

import torch
from torch import Tensor

from mha.lags import every_lag, spread_over_pairs
from mha.validation import check_integer

__all__ = ["alibi_bias", "alibi_slopes"]


def alibi_slopes(n_heads: int, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Tensor:
    """ALiBi's slopes: the geometric sequence 2^(-8/h), 2^(-16/h) … 2^(-8) for h heads, a power of two.

    Args:
        n_heads: h. Where it is no power of two, the slopes of the next smaller power come first, then every other
            slope of the next larger one.
        dtype, device: of the result; torch's defaults if None.
    Returns:
        (h,), positive.
    Raises:
        ValueError: n_heads is not positive.
    Source: Press et al. 2022, section 3; the other head counts from its code.
    """
    check_integer("n_heads", n_heads, at_least=1)
    power = 1 << (n_heads.bit_length() - 1)  # the largest power of two not above n_heads
    slopes = [2.0 ** (-8 * head / power) for head in range(1, power + 1)]
    between = [2.0 ** (-4 * head / power) for head in range(1, 2 * power + 1, 2)]
    return torch.tensor((slopes + between)[:n_heads], dtype=dtype or torch.get_default_dtype(), device=device)


def alibi_bias(
    n_heads: int,
    n_queries: int,
    n_keys: int | None = None,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """ALiBi: minus slope times distance, for `attn_bias`; combine it with is_causal as the paper does.

    Args:
        n_heads: h.  n_queries: i.  n_keys: j ≥ i, i if None; the last query is level with the last key.
        dtype, device: of the result; torch's defaults if None.
    Returns:
        (h, i, j), 0 where a query meets its own key. Later keys, which the paper forbids, count by distance too.
    Raises:
        ValueError: n_heads is not positive, i < 1 or i > j.
    Source: Press et al. 2022, section 3.
    """
    n_keys = n_queries if n_keys is None else n_keys
    distances = every_lag(n_queries, n_keys, device=device).abs()
    slopes = alibi_slopes(n_heads, dtype=torch.float64, device="cpu").to(
        distances.device, dtype or torch.get_default_dtype()
    )
    return spread_over_pairs(-slopes[:, None] * distances, n_keys)
