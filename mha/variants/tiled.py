"""Exact attention in memory that grows with the length, not with its square: tile by tile, with an online softmax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from mha.attention import attention, check_attention, repeat_kv
from mha.precision import half_precision
from mha.validation import check_integer

__all__ = ["tiled_attention"]


def tiled_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    tile: int = 256,
) -> Tensor:
    """What `attention` gives, in tiles: tile × tile scores exist at a time, and none is kept for the backward pass.

    Kept are the output and one number a query, the logarithm of its sum of exponentials. From these the backward pass
    computes each tile's weights again. A backward pass that is to be differentiated itself (`create_graph=True`) goes
    through `attention`, with all scores at once.

    Args:
        q, k, v, attn_mask, is_causal, scale: as for `attention`. A mask is read in tiles, not expanded.
        tile: queries and keys at a time, at least 1.
    Returns:
        out (..., h, i, e).
    Raises:
        ValueError: tile is not positive; as `attention` does.
        TypeError: tile is no integer; as `attention` does.
    Source: Rabe and Staats 2021; Dao et al. 2022, algorithms 1 and 4.
    """
    check_attention(q, k, v, attn_mask, is_causal=is_causal, scale=scale)
    check_integer("tile", tile, at_least=1)
    narrow = half_precision(q)
    if narrow is not None:
        with torch.autocast(q.device.type, enabled=False):
            wide = tiled_attention(
                *(x.float() for x in (q, k, v)), attn_mask=attn_mask, is_causal=is_causal, scale=scale, tile=tile
            )
        return wide.to(narrow)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    out: Tensor = _Tiled.apply(  # type: ignore[no-untyped-call]
        q, repeat_kv(q, k), repeat_kv(q, v), attn_mask, is_causal, scale, tile
    )
    return out


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, is_causal: bool, scale: float, tile: int
    ) -> Tensor:
        out = q.new_empty((*q.shape[:-1], v.shape[-1]))
        log_sums = q.new_empty((*q.shape[:-1], 1))
        for rows in _tiles(q.shape[-2], tile):
            out[..., rows, :], log_sums[..., rows, :] = _rows(q, k, v, mask, is_causal, scale, rows, tile)
        ctx.save_for_backward(q, k, v, mask, out, log_sums)
        ctx.options = is_causal, scale, tile
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, mask, out, log_sums = ctx.saved_tensors
        is_causal, scale, tile = ctx.options
        if torch.is_grad_enabled():  # what follows works in place, on no graph
            out, _ = attention(q, k, v, attn_mask=mask, is_causal=is_causal, scale=scale)
            wanted = [x for x in (q, k, v) if x.requires_grad]
            grads = iter(torch.autograd.grad(out, wanted, grad, create_graph=True))
            return *(next(grads) if x.requires_grad else None for x in (q, k, v)), None, None, None, None
        grad_q, grad_k, grad_v = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for rows in _tiles(q.shape[-2], tile):
            g = grad[..., rows, :]
            mean = (g * out[..., rows, :]).sum(-1, keepdim=True)  # of the weights' gradient, under the weights
            for cols in _key_tiles(q, k, rows, is_causal, tile):
                scores = _scores(q, k, mask, is_causal, scale, rows, cols)
                weights = (scores - log_sums[..., rows, :]).exp_()
                grad_scores = (g @ v[..., cols, :].mT).sub_(mean).mul_(weights).mul_(scale)
                grad_v[..., cols, :] += weights.mT @ g
                grad_q[..., rows, :] += grad_scores @ k[..., cols, :]
                grad_k[..., cols, :] += grad_scores.mT @ q[..., rows, :]
        return grad_q, grad_k, grad_v, None, None, None, None


def _rows(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, is_causal: bool, scale: float, rows: slice, tile: int
) -> tuple[Tensor, Tensor]:
    """Output (..., r, e) of a tile of queries, and the logarithms of their sums (..., r, 1); 0 where all is masked."""
    shape = (*q.shape[:-2], rows.stop - rows.start)
    largest, total = q.new_full((*shape, 1), -torch.inf), q.new_zeros((*shape, 1))
    weighted = q.new_zeros((*shape, v.shape[-1]))
    for cols in _key_tiles(q, k, rows, is_causal, tile):
        scores = _scores(q, k, mask, is_causal, scale, rows, cols)
        new = torch.maximum(largest, scores.amax(-1, keepdim=True))
        shift = new.masked_fill(new.isneginf(), 0.0)  # nothing allowed yet: exp(-inf - 0) = 0, not nan
        correction = (largest - shift).exp_()
        exponentials = scores.sub_(shift).exp_()
        total = total * correction + exponentials.sum(-1, keepdim=True)
        weighted = weighted * correction + exponentials @ v[..., cols, :]
        largest = new
    empty = total == 0.0
    total = total.masked_fill(empty, 1.0)
    return weighted / total, largest.masked_fill(empty, 0.0) + total.log()


def _scores(
    q: Tensor, k: Tensor, mask: Tensor | None, is_causal: bool, scale: float, rows: slice, cols: slice
) -> Tensor:
    """(..., r, c), -inf where a query may not attend."""
    scores = (q[..., rows, :] @ k[..., cols, :].mT).mul_(scale)
    if mask is not None:
        part = mask[..., cols] if mask.shape[-1] > 1 else mask
        if mask.dim() > 1 and mask.shape[-2] > 1:
            part = part[..., rows, :]
        scores.masked_fill_(~part, -torch.inf)
    ahead = k.shape[-2] - q.shape[-2]  # the last query is level with the last key
    if is_causal and cols.stop - 1 > rows.start + ahead:
        queries = torch.arange(rows.start, rows.stop, device=q.device) + ahead
        keys = torch.arange(cols.start, cols.stop, device=q.device)
        scores.masked_fill_(keys > queries[:, None], -torch.inf)
    return scores


def _tiles(length: int, tile: int) -> Iterator[slice]:
    for start in range(0, length, tile):
        yield slice(start, min(start + tile, length))


def _key_tiles(q: Tensor, k: Tensor, rows: slice, is_causal: bool, tile: int) -> Iterator[slice]:
    """Those that some query of the tile may attend to."""
    n_keys, ahead = k.shape[-2], k.shape[-2] - q.shape[-2]
    yield from _tiles(min(n_keys, rows.stop + ahead) if is_causal else n_keys, tile)
