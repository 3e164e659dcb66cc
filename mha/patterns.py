"""Which keys a query meets, and how: modules that stand between a layer and its attention, one inside the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mha.masks import causal_mask, combine_masks, sliding_window_mask
from mha.validation import check_integer

__all__ = ["Pattern", "Sink", "SlidingWindow"]


class Pattern(nn.Module):
    """Called as pattern(attend, q, k, v, **options): calls attend with what it has made of them.

    attend is `fused_attention`, the way that `recording` asks for, or the next pattern; the options are theirs.
    """

    window: int | None = None  # positions a query sees at most, its own included; None where there is no limit

    def forward(self, attend: Callable[..., Tensor], q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        """q (..., h, i, d), k (..., g, j, d), v (..., g, j, e) -> (..., h, i, e)."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does")


class SlidingWindow(Pattern):
    """Each query sees its own position and the window - 1 before it; the last query is level with the last key.

    Args:
        window: at least 1.
    Raises:
        TypeError: window is no integer.
        ValueError: window is not positive, or, when called, there are more queries than keys.
    Source: Beltagy et al. 2020; in a decoder with a cache of as many tokens: Jiang et al. 2023 (Mistral).
    """

    window: int

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = check_integer("window", window, at_least=1)

    def forward(
        self,
        attend: Callable[..., Tensor],
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
        **options: Any,
    ) -> Tensor:
        """As for `Pattern`; is_causal or not, no query sees what comes after it."""
        n_queries, n_keys = q.shape[-2], k.shape[-2]
        if not torch.compiler.is_compiling() and n_keys <= self.window:  # a trace holds for every length
            return attend(q, k, v, attn_mask=attn_mask, is_causal=True, **options)
        near = sliding_window_mask(n_queries, self.window, n_keys, device=q.device)
        return attend(q, k, v, attn_mask=combine_masks(attn_mask, near), is_causal=False, **options)

    def extra_repr(self) -> str:
        return f"window={self.window}"


class Sink(Pattern):
    """One more key for each head, seen by every query, with a learned score and the value zero.

    A head that has nothing to fetch can leave its weight there. The score is the same for every query; what it takes
    is exp(logit) in the denominator of the softmax. It is the first key of recorded weights.

    Args:
        n_heads: h.
    Raises:
        TypeError: n_heads is no integer.
        ValueError: n_heads is not positive.
    Source: gpt-oss (OpenAI 2025); with every score 0: Miller 2023; what heads do that have none: Xiao et al. 2024.
    """

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.empty(check_integer("n_heads", n_heads, at_least=1)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Zeros: at first a sink counts as much as a key whose score is 0."""
        nn.init.zeros_(self.logit)

    def forward(
        self,
        attend: Callable[..., Tensor],
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        attn_mask: Tensor | None = None,
        attn_bias: Tensor | None = None,
        is_causal: bool = False,
        **options: Any,
    ) -> Tensor:
        """As for `Pattern`. A query that may attend to nothing else gives its whole weight to the sink."""
        n_queries, n_keys = q.shape[-2], k.shape[-2]
        if is_causal:
            attn_mask = combine_masks(attn_mask, causal_mask(n_queries, n_keys, device=q.device))
        if attn_mask is not None:
            attn_mask = F.pad(attn_mask.expand(*attn_mask.shape[:-1], n_keys), (1, 0), value=True)
        sink = F.pad(self.logit.to(q.dtype)[:, None, None], (0, n_keys))  # (h,) -> (h, 1, 1 + j), the rest 0
        if attn_bias is not None:
            sink = sink + F.pad(attn_bias.expand(*attn_bias.shape[:-1], n_keys), (1, 0))
        k, v = (F.pad(x, (0, 0, 1, 0)) for x in (k, v))  # (..., g, j, d) -> (..., g, 1 + j, d): a key of zeros
        return attend(q, k, v, attn_mask=attn_mask, attn_bias=sink, **options)
