"""Where a token stands: added to its embedding, turned into its queries and keys, or put on the scores as a bias."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

__all__ = [
    "LearnedPositions",
    "RelativeBias",
    "Rotary",
    "SinusoidalPositions",
    "alibi_bias",
    "alibi_slopes",
    "relative_buckets",
    "sinusoidal_positions",
]


def sinusoidal_positions(
    length: int,
    d_model: int,
    *,
    base: float = 10000.0,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Sinusoidal positions: sin(p / base^(2c/m)) in channel 2c and cos of the same angle in channel 2c + 1.

    Args:
        length: number of positions p = 0 … length - 1.  d_model: m, even.
        base: ratio of the longest wavelength to the shortest, roughly.
        dtype, device: of the result, torch's defaults if None; it is computed in float64 and rounded once.
    Returns:
        (length, d_model).
    Raises:
        ValueError: d_model is odd, a size is not positive, or base is not above 1.
    Source: Vaswani et al. 2017, section 3.5.
    """
    angles = _angles(length, d_model, base, "d_model")
    table = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)  # (p, m/2, 2) -> (p, m)
    return table.to(device or torch.get_default_device(), dtype or torch.get_default_dtype())


class SinusoidalPositions(nn.Module):
    """Adds `sinusoidal_positions` to embeddings; nothing in it is learned.

    Args:
        d_model: m, even.  max_len: positions it may reach.  base: as in `sinusoidal_positions`.
    Raises:
        ValueError: as `sinusoidal_positions` does.
    """

    def __init__(self, d_model: int, max_len: int, *, base: float = 10000.0) -> None:
        super().__init__()
        _angles(max_len, d_model, base, "d_model")  # complains now rather than at the first batch
        self.d_model, self.max_len = d_model, max_len
        self._table = _Table(partial(_sinusoids, d_model=d_model, base=base))

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """x (..., i, m) plus the positions offset … offset + i - 1; offset = tokens already in the cache."""
        _check_embeddings(x, self.d_model, offset, self.max_len)
        return x + self._table.rows(offset, offset + x.shape[-2], x.dtype, x.device)


class LearnedPositions(nn.Module):
    """Adds a learned vector per position to embeddings, as BERT and GPT-2 do.

    Args:
        d_model: m.  max_len: positions there are vectors for.
    Raises:
        ValueError: a size is not positive.
    Source: Gehring et al. 2017; the normal initialisation of width 0.02: Devlin et al. 2019.
    """

    def __init__(self, d_model: int, max_len: int) -> None:
        super().__init__()
        if d_model < 1 or max_len < 1:
            raise ValueError(f"d_model ({d_model}) and max_len ({max_len}) must be positive")
        self.d_model, self.max_len = d_model, max_len
        self.weight = nn.Parameter(nn.init.normal_(torch.empty(max_len, d_model), std=0.02))

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """x (..., i, m) plus the vectors offset … offset + i - 1; offset = tokens already in the cache."""
        _check_embeddings(x, self.d_model, offset, self.max_len)
        weight = self.weight
        if x.dtype != weight.dtype or x.device != weight.device:
            raise ValueError(f"x must be {weight.dtype} on {weight.device}, got {x.dtype} on {x.device}")
        return x + weight[offset : offset + x.shape[-2]]


class Rotary(nn.Module):
    """Turns each pair of channels by an angle proportional to the position: pair c at position p by p / base^(2c/d).

    A score between two rotated vectors then depends on how far they lie apart, not on where they stand.

    Args:
        head_dim: d, even.  base: as in `sinusoidal_positions`.
        pairing: which two channels make a pair. "interleaved": 2c and 2c + 1, as in the paper and in Meta's Llama, and
            the fastest here. "halves": c and c + d/2, as in GPT-NeoX and in Hugging Face's Llama. One is the other with
            the channels in another order, so weights trained with one need it.
    Raises:
        ValueError: head_dim is odd or not positive, base is not above 1, or pairing is neither.
    Source: Su et al. 2021, eq. 15 and 34.
    """

    def __init__(self, head_dim: int, base: float = 10000.0, *, pairing: str = "interleaved") -> None:
        super().__init__()
        _angles(1, head_dim, base, "head_dim")
        if pairing not in ("interleaved", "halves"):
            raise ValueError(f'pairing must be "interleaved" or "halves", got {pairing!r}')
        self.head_dim, self.base, self.pairing = head_dim, base, pairing
        make = _turns if pairing == "interleaved" else _cos_and_sin
        self._table = _Table(partial(make, head_dim=head_dim, base=base))

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """Rotate queries or keys, in float32 at least.

        Args:
            x: (..., i, d), float.  offset: position of the first, which is the number of tokens already in the cache.
        Returns:
            (..., i, d) of x's dtype.
        Raises:
            ValueError: the last axis is not head_dim, or offset is negative.
            TypeError: x is not float.
        """
        _check_embeddings(x, self.head_dim, offset, name="head_dim")
        wide = x if x.dtype == torch.float64 else x.float()
        stop = offset + x.shape[-2]
        if self.pairing == "halves":
            return _rotate_halves(wide, self._table.rows(offset, stop, wide.dtype, x.device)).to(x.dtype)
        dtype = torch.complex128 if x.dtype == torch.float64 else torch.complex64
        return _rotate_interleaved(wide, self._table.rows(offset, stop, dtype, x.device)).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.head_dim}, base={self.base}, pairing={self.pairing!r}"


class RelativeBias(nn.Module):
    """A learned bias per head and bucket of distances, added to the scores.

    Args:
        n_heads: h.  n_buckets, max_distance, bidirectional: as in `relative_buckets`.
    Raises:
        ValueError: n_heads is not positive; as `relative_buckets` does.
    Source: Raffel et al. 2020, section 2.1.
    """

    def __init__(self, n_heads: int, n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True) -> None:
        super().__init__()
        if n_heads < 1:
            raise ValueError(f"n_heads ({n_heads}) must be positive")
        _check_buckets(n_buckets, max_distance, bidirectional)
        self.n_buckets, self.max_distance, self.bidirectional = n_buckets, max_distance, bidirectional
        self.weight = nn.Parameter(nn.init.normal_(torch.empty(n_buckets, n_heads), std=0.02))

    def forward(self, n_queries: int, n_keys: int | None = None) -> Tensor:
        """The bias (h, i, j) to hand on as attn_bias; the last query is level with the last key, i ≤ j."""
        n_keys = n_queries if n_keys is None else n_keys
        buckets = relative_buckets(
            _lags(n_queries, n_keys, self.weight.device),
            n_buckets=self.n_buckets,
            max_distance=self.max_distance,
            bidirectional=self.bidirectional,
        )
        return _spread(self.weight[buckets].T, n_keys)  # (i + j - 1, h) -> (h, i, j)


def relative_buckets(
    lags: Tensor, *, n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True
) -> Tensor:
    """T5's buckets: one per distance up to a half of them, then ever wider ones, the last for max_distance and beyond.

    Args:
        lags: integers, any shape: key position minus query position.
        n_buckets: how many there are, at least 2, or 4 and even if bidirectional.
        max_distance: from here on all share a bucket.
        bidirectional: half of the buckets are for keys after the query; otherwise those share bucket 0.
    Returns:
        int64 of the same shape, in 0 … n_buckets - 1.
    Raises:
        TypeError: lags are not integers.
        ValueError: n_buckets or max_distance is too small, or n_buckets odd where it must be even.
    Source: Raffel et al. 2020, section 2.1; the logarithms in float32 as in its code, since weights were trained so.
    """
    if lags.dtype.is_floating_point or lags.dtype == torch.bool:
        raise TypeError(f"lags must be integers, got {lags.dtype}")
    size, n_exact = _check_buckets(n_buckets, max_distance, bidirectional)
    distance = lags.abs() if bidirectional else (-lags).clamp(min=0)
    growth = torch.log(distance.clamp(min=n_exact).float() / n_exact) / math.log(max_distance / n_exact)
    wide = (n_exact + (growth * (size - n_exact)).long()).clamp(max=size - 1)
    buckets = torch.where(distance < n_exact, distance.long(), wide)
    return buckets + size * (lags > 0) if bidirectional else buckets


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
    if n_heads < 1:
        raise ValueError(f"n_heads ({n_heads}) must be positive")
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
    distances = _lags(n_queries, n_keys, device).abs()
    slopes = alibi_slopes(n_heads, dtype=torch.float64, device="cpu").to(
        distances.device, dtype or torch.get_default_dtype()
    )
    return _spread(-slopes[:, None] * distances, n_keys)


class _Table:
    """What depends on the position alone: made in float64, kept per dtype and device, grown on demand.

    Not a buffer: `module.bfloat16().float()` would leave a buffer rounded for good, and a checkpoint needs none of it.
    """

    def __init__(self, make: Callable[[int], Tensor]) -> None:
        self._make = make
        self._kept: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def __getstate__(self) -> dict[str, object]:
        return {"_make": self._make, "_kept": {}}  # a copy, or a saved module, makes its own

    def rows(self, start: int, stop: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """(..., stop - start, d), a view."""
        kept = self._kept.get((dtype, device))
        if kept is None or kept.shape[-2] < stop:
            with torch.inference_mode(False):  # or training could not use a table made during inference
                kept = self._make(1 << (stop - 1).bit_length()).to(device, dtype)
            self._kept[dtype, device] = kept
        return kept[..., start:stop, :]


def _angles(length: int, dim: int, base: float, name: str) -> Tensor:
    """(p, dim/2) in float64, on the CPU since not every accelerator has float64: p / base^(2c/dim)."""
    if length < 1 or dim < 2 or dim % 2:
        raise ValueError(f"length ({length}) must be positive and {name} ({dim}) positive and even")
    if base <= 1:
        raise ValueError(f"base ({base}) must be above 1")
    channel = torch.arange(0, dim, 2, dtype=torch.float64, device="cpu")
    return torch.arange(length, dtype=torch.float64, device="cpu")[:, None] / base ** (channel / dim)


def _sinusoids(length: int, d_model: int, base: float) -> Tensor:
    return sinusoidal_positions(length, d_model, base=base, dtype=torch.float64, device="cpu")


def _turns(length: int, head_dim: int, base: float) -> Tensor:
    """(p, d/2) complex: the numbers of length 1 that turn a pair by its angle."""
    angles = _angles(length, head_dim, base, "head_dim")
    return torch.polar(torch.ones_like(angles), angles)


def _cos_and_sin(length: int, head_dim: int, base: float) -> Tensor:
    """(2, p, d): cos for both halves, and sin, negative in the first half."""
    angles = _angles(length, head_dim, base, "head_dim")
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)])


def _rotate_interleaved(x: Tensor, turns: Tensor) -> Tensor:
    # A pair can be read as a complex number only where it lies aligned; a compiler cannot see whether it does.
    if torch.compiler.is_compiling() or x.stride(-1) != 1 or any(n % 2 for n in (x.storage_offset(), *x.stride()[:-1])):
        x = x.contiguous()
    pairs = torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))  # (..., i, d) -> (..., i, d/2)
    return torch.view_as_real(pairs * turns).flatten(-2)


def _rotate_halves(x: Tensor, table: Tensor) -> Tensor:
    cos, sin = table
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)  # roll swaps the halves


def _check_buckets(n_buckets: int, max_distance: int, bidirectional: bool) -> tuple[int, int]:
    """The number of buckets in one direction, and how many of them hold a single distance."""
    size = n_buckets // 2 if bidirectional else n_buckets
    if size < 2 or (bidirectional and n_buckets % 2):
        wanted = "even and at least 4" if bidirectional else "at least 2"
        raise ValueError(f"n_buckets ({n_buckets}) must be {wanted}")
    if max_distance <= size // 2:
        raise ValueError(
            f"max_distance ({max_distance}) must be above {size // 2}, the distances with their own bucket"
        )
    return size, size // 2


def _lags(n_queries: int, n_keys: int, device: torch.device | str | None) -> Tensor:
    """Every key position minus query position there is, ascending, where the last query is level with the last key."""
    if not 1 <= n_queries <= n_keys:
        raise ValueError(f"n_queries ({n_queries}) must be at least 1 and at most n_keys ({n_keys})")
    return torch.arange(1 - n_keys, n_queries, device=device)


def _spread(by_lag: Tensor, n_keys: int) -> Tensor:
    """(h, i + j - 1), a value per lag, -> (h, i, j): each query's row is a window on it, one step back per query."""
    return by_lag.unfold(-1, n_keys, 1).flip(-2)


def _check_embeddings(x: Tensor, width: int, offset: int, max_len: int | None = None, name: str = "d_model") -> None:
    if not x.dtype.is_floating_point:
        raise TypeError(f"x must be float, got {x.dtype}")
    if x.dim() < 2 or x.shape[-1] != width or 0 in x.shape:
        raise ValueError(f"x must have shape (..., i, {name} = {width}) with no axis empty, got {tuple(x.shape)}")
    if offset < 0 or (max_len is not None and offset + x.shape[-2] > max_len):
        room = "" if max_len is None else f", and offset + {x.shape[-2]} tokens at most max_len ({max_len})"
        raise ValueError(f"offset ({offset}) must be at least 0{room}")
