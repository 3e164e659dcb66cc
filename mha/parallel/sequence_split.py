"""The sequence divided over ranks: each holds some tokens' queries, and the keys and values go round a ring.

At every step a rank attends to the keys and values it holds, merges what it finds by the online softmax, and hands them
to the next rank. After as many steps as there are ranks each query has met every key, and no rank has ever held more
than its share and one part on its way.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mha.attention import check_attention
from mha.heads import MultiHeadAttention
from mha.models.gpt import GPT

__all__ = ["SequenceShare", "ring_attention", "split_sequence"]

Group = dist.ProcessGroup


def ring_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    group: Group | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    **options: Any,
) -> Tensor:
    """`attention` over the tokens of all ranks, of which each hands in its own: rank 0 the first, and so on.

    Every rank of the group must call it, with the same sizes; the same holds for its backward pass.

    Args:
        q: (b, h, i, d) of this rank's tokens.  k, v: (b, g, i, d), where g divides h.
        group: the ranks of the ring in the order of the sequence; all if None.
        is_causal: each token attends up to its own place in the whole sequence.
        scale: what q kᵀ is multiplied by; 1 / √d if None.
        options: what a layer hands on besides, all of it empty.
    Returns:
        (b, h, i, d): for this rank's queries, over the keys of all ranks. It can be differentiated once.
    Raises:
        ValueError: q, k and v disagree, in the number of tokens too; or a mask, a bias or dropout is asked for.
        TypeError: as `attention` raises it.
    Source: Liu et al. 2023, Ring Attention; merging: Milakov and Gimelshein 2018; backward pass: Dao et al. 2022.
    """
    asked = [name for name, value in options.items() if isinstance(value, Tensor) or value]
    if asked:
        raise ValueError(f"ring_attention takes no {' and no '.join(asked)}")
    check_attention(q, k, v, None, None, is_causal=is_causal, dropout_p=0.0, scale=scale)
    if q.dim() != 4 or q.shape[2:] != v.shape[2:]:
        raise ValueError(f"q and v must be (b, h, i, d) of as many tokens, got {tuple(q.shape)} and {tuple(v.shape)}")
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    out: Tensor = _Ring.apply(q, k, v, group, is_causal, factor)  # type: ignore[no-untyped-call]
    return out


class _Ring(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, group: Group | None, causal: bool, scale: float) -> Tensor:
        grouped = _grouped(q.float() if q.dtype in (torch.float16, torch.bfloat16) else q, k.shape[1])
        largest = grouped.new_full((*grouped.shape[:-1], 1), -torch.inf)
        total, weighted = torch.zeros_like(largest), torch.zeros_like(grouped)
        for source, (keys, values) in _round(group, k, v):
            scores = _scores(grouped, keys, source, group, causal, scale)
            if scores is not None:
                largest, total, weighted = _merged(largest, total, weighted, scores, values)
        out = (weighted / total).reshape(q.shape).to(q.dtype)
        ctx.save_for_backward(q, k, v, out, largest + total.log())
        ctx.group, ctx.causal, ctx.scale = group, causal, scale
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Round the ring again; the gradients of keys and values travel with them, one step further, home."""
        q, k, v, out, log_total = ctx.saved_tensors
        wide = log_total.dtype
        queries, upstream = (_grouped(x.to(wide), k.shape[1]) for x in (q, gradients[0]))
        mean = (upstream * _grouped(out.to(wide), k.shape[1])).sum(-1, keepdim=True)  # of the weights' gradients
        of_q = torch.zeros_like(queries)
        of_k, of_v = (x.new_zeros(x.shape, dtype=wide) for x in (k, v))
        for source, (keys, values) in _round(ctx.group, k, v):
            scores = _scores(queries, keys, source, ctx.group, ctx.causal, ctx.scale)
            if scores is not None:
                weights = (scores - log_total).exp()
                of_scores = weights * (upstream @ _across(values, wide) - mean) * ctx.scale
                of_q += of_scores @ keys[:, :, None].to(wide)
                of_k += (of_scores.transpose(-1, -2) @ queries).sum(2)  # (b, g, h/g, j, d) -> (b, g, j, d)
                of_v += (weights.transpose(-1, -2) @ upstream).sum(2)
            of_k, of_v = _exchanged(ctx.group, of_k, of_v)
        found = (of_q.reshape(q.shape), of_k, of_v)
        return *(x.to(one.dtype) for x, one in zip(found, (q, k, v), strict=True)), None, None, None


def _grouped(x: Tensor, n_groups: int) -> Tensor:
    """(b, h, i, d) -> (b, g, h/g, i, d): the query heads that share a head of keys."""
    return x.unflatten(1, (n_groups, -1))


def _across(x: Tensor, dtype: torch.dtype) -> Tensor:
    """(b, g, j, d) -> (b, g, 1, d, j)."""
    return x[:, :, None].transpose(-1, -2).to(dtype)


def _scores(q: Tensor, k: Tensor, source: int, group: Group | None, causal: bool, scale: float) -> Tensor | None:
    """q kᵀ · scale (b, g, h/g, i, j), what lies ahead forbidden; None where all keys lie ahead of all queries.

    Which they do is a matter of the ranks: keys of a later rank lie ahead, those of an earlier one behind.
    """
    here = dist.get_rank(group)
    if causal and source > here:
        return None
    scores = q @ _across(k, q.dtype) * scale
    if causal and source == here:
        ahead = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(ahead, -torch.inf)
    return scores


def _merged(largest: Tensor, total: Tensor, weighted: Tensor, scores: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    """The online softmax, one tile further. A rank meets its own keys first, so that largest is finite afterwards."""
    new = torch.maximum(largest, scores.amax(-1, keepdim=True))
    factor, powers = (largest - new).exp(), (scores - new).exp()
    total = total * factor + powers.sum(-1, keepdim=True)
    return new, total, weighted * factor + powers @ v[:, :, None].to(powers.dtype)


def _round(group: Group | None, *held: Tensor) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
    """What each rank holds, one after the other, own first: whose it is, and the tensors. The next is on its way."""
    here, size = dist.get_rank(group), dist.get_world_size(group)
    parts = tuple(x.contiguous() for x in held)
    for step in range(size):
        coming, arrival = _sending(group, *parts) if step + 1 < size else ((), [])
        yield (here - step) % size, parts
        for work in arrival:
            work.wait()
        parts = coming


def _exchanged(group: Group | None, *held: Tensor) -> tuple[Tensor, ...]:
    """What the rank before this one held."""
    coming, arrival = _sending(group, *(x.contiguous() for x in held))
    for work in arrival:
        work.wait()
    return coming


def _sending(group: Group | None, *held: Tensor) -> tuple[tuple[Tensor, ...], list[dist.Work]]:
    """Send to the next rank, receive from the one before; the tensors are there once every work was waited for."""
    here, size = dist.get_rank(group), dist.get_world_size(group)
    if size == 1:
        return held, []
    coming = tuple(torch.empty_like(x) for x in held)
    operations = [dist.P2POp(dist.isend, x, group=group, group_peer=(here + 1) % size) for x in held]
    operations += [dist.P2POp(dist.irecv, x, group=group, group_peer=(here - 1) % size) for x in coming]
    return coming, dist.batch_isend_irecv(operations)


def split_sequence(model: nn.Module, group: Group | None = None) -> nn.Module:
    """Have every attention of the model go round the ring; it then takes this rank's tokens. Changed and returned.

    What acts on each token by itself needs no change. Every rank holds all weights, and its gradients are those of its
    own tokens: average them, as `data_split.copied` does.

    Raises:
        ValueError: a layer turns its queries by their position or has patterns: those would count from 0 on each rank.
    """
    for name, layer in model.named_modules():
        if isinstance(layer, MultiHeadAttention):
            if layer.rotary is not None or layer.patterns is not None:
                raise ValueError(
                    f"{name or 'the layer'} must have no rotary and no patterns: their places would be wrong"
                )
            layer.attend = partial(ring_attention, group=group)  # type: ignore[method-assign]
    return model


class SequenceShare(nn.Module):
    """A GPT on this rank's part of each sequence: called with its tokens and those that come next, it returns the loss.

    Args:
        model: its attention is split over the group, and so changed.  group: the ranks in the order of the sequence.
    Raises:
        ValueError: as `split_sequence` does.
    """

    def __init__(self, model: GPT, group: Group | None = None) -> None:
        super().__init__()
        split_sequence(model, group)
        self.model, self.group = model, group

    def forward(self, token_ids: Tensor, next_ids: Tensor) -> Tensor:
        """Ids (b, i) of this rank's tokens, and (b, i) of the token after each -> the mean loss over them, a scalar."""
        model = self.model
        start = dist.get_rank(self.group) * token_ids.shape[1]
        x = model.positions(model.tokens(token_ids), start)  # (b, i) -> (b, i, m), at their place in the whole
        for block in model.blocks:
            x = block(x, is_causal=True)
        logits = F.linear(model.norm(x), model.tokens.weight)  # (b, i, m) -> (b, i, v)
        return F.cross_entropy(logits.flatten(0, 1), next_ids.flatten())
