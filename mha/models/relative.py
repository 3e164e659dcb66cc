"""Attention by content, by how far apart query and key lie, and by segment, as Transformer-XL and XLNet score it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mha.heads import MultiHeadAttention, merge_heads, split_heads
from mha.positions import sinusoidal_positions

__all__ = ["Pairs", "RelativeAttention", "lag_vectors"]


@dataclass(frozen=True)
class Pairs:
    """What is known of each pair of a query and a key, the same for every layer.

    Args:
        attn_mask: bool (b, 1, q, j), True = may attend.
        lag_vectors: (2j - 1, m), the encoding of each lag, query position minus key position, from 1 - j to j - 1.
        lags: int64 (b, 1, q, j), each pair's row of lag_vectors.
        elsewhere: int64 (b, 1, q, j), 1 where query and key are in different segments; None where there are none.
    """

    attn_mask: Tensor
    lag_vectors: Tensor
    lags: Tensor
    elsewhere: Tensor | None

    def last(self, n_queries: int) -> Pairs:
        """The same for the last queries only."""
        return replace(
            self,
            attn_mask=self.attn_mask[:, :, -n_queries:],
            lags=self.lags[:, :, -n_queries:],
            elsewhere=None if self.elsewhere is None else self.elsewhere[:, :, -n_queries:],
        )


class RelativeAttention(MultiHeadAttention):
    """Attention with the scores ((q + u)·k + (q + v)·r + (q + s)·e) / √d: by content, by lag and by segment.

    k is the key's content, r its lag behind the query, e whether both are in one segment; u, v and s are learned
    vectors, one a head, the same for every query. The first term is q kᵀ / √d; the others go in as `attn_bias`.

    Args:
        d_model, n_heads, dropout: as for `MultiHeadAttention`; there are no biases.
    Raises:
        ValueError: as `MultiHeadAttention` does.
    Source: Dai et al. 2019, section 3.3; segments: Yang et al. 2019, section 2.5.
    """

    def __init__(self, d_model: int, n_heads: int, *, dropout: float = 0.0) -> None:
        super().__init__(d_model, n_heads, bias=False, dropout=dropout)
        self.lag_keys = nn.Linear(d_model, n_heads * self.head_dim, bias=False)  # makes r
        self.content_bias, self.lag_bias, self.segment_bias = (  # u, v, s
            nn.Parameter(torch.empty(n_heads, self.head_dim)) for _ in range(3)
        )
        self.segment_keys = nn.Parameter(torch.empty(2, n_heads, self.head_dim))  # e
        self._draw_vectors()

    def reset_parameters(self) -> None:
        """As `MultiHeadAttention` does; r's matrix as `nn.Linear` does, the vectors with a width of 0.02."""
        super().reset_parameters()
        if hasattr(self, "lag_keys"):  # not yet, while the layer is being made
            self.lag_keys.reset_parameters()
            self._draw_vectors()

    def _draw_vectors(self) -> None:
        for vector in (self.content_bias, self.lag_bias, self.segment_bias, self.segment_keys):
            nn.init.normal_(vector, std=0.02)

    def forward(self, x: Tensor, context: Tensor, pairs: Pairs) -> Tensor:  # type: ignore[override]
        """Let each query of x gather from context.

        Args:
            x: (b, q, m).  context: (b, j, m).  pairs: of these queries and keys.
        Returns:
            out (b, q, m). A query that may attend to nothing gets zeros.
        Raises:
            ValueError: a shape, dtype or device that does not fit.
        """
        self.check_inputs(x, context)
        q, k, v = self.project(x, context, None)  # (b, h, q, d), (b, h, j, d)
        r = split_heads(self.lag_keys(pairs.lag_vectors), self.n_heads)  # (2j - 1, m) -> (h, 2j - 1, d)
        bias = _look_up((q + self.lag_bias[:, None]) @ r.mT, pairs.lags)  # (b, h, q, 2j - 1) -> (b, h, q, j)
        if pairs.elsewhere is not None:
            e = self.segment_keys.permute(1, 2, 0)  # (2, h, d) -> (h, d, 2)
            bias = bias + _look_up((q + self.segment_bias[:, None]) @ e, pairs.elsewhere)
        heads = self.attend(
            (q + self.content_bias[:, None]).to(k.dtype),  # under autocast a sum is wider than the projections
            k,
            v,
            attn_mask=pairs.attn_mask,
            attn_bias=(bias * self.head_dim**-0.5).to(k.dtype),
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.out(merge_heads(heads))  # (b, h, q, d) -> (b, q, m)


def lag_vectors(length: int, d_model: int) -> Tensor:
    """(2 length - 1, m), float64, for the lags 1 - length … length - 1: all the sines, then all the cosines."""
    table = sinusoidal_positions(length, d_model, dtype=torch.float64, device="cpu")
    sin, cos = table[:, 0::2], table[:, 1::2]
    return torch.cat([torch.cat([-sin[1:].flip(0), sin]), torch.cat([cos[1:].flip(0), cos])], dim=-1)


def _look_up(by_row: Tensor, rows: Tensor) -> Tensor:
    """What each query scores for each row (b, h, q, r) -> for the row of each of its keys (b, h, q, j)."""
    return by_row.gather(-1, rows.expand(*by_row.shape[:-1], -1))
