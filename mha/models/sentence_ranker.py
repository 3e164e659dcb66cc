"""Attention that chooses a sentence: a learned query looks at the sentences' vectors, and its weights choose."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mha.attention import attention
from mha.blocks import EncoderBlock
from mha.masks import check_key_mask
from mha.validation import check_integer, check_stream

__all__ = ["SentenceRanker"]


class SentenceRanker(nn.Module):
    """Sentence vectors in; out come the weights of one learned query over them: what the model takes for the summary.

    Args:
        d_in: width of a sentence's vector.  d_model: m, width of queries and keys.
        positions: called as positions(x), such as `SinusoidalPositions`; None for a model that cannot tell places.
        n_heads: of the block in which sentences see one another; 0 for no block: each is judged by itself.
    Raises:
        TypeError, ValueError: a size is no positive integer; as `EncoderBlock` does.
    """

    def __init__(self, d_in: int, d_model: int, *, positions: nn.Module | None = None, n_heads: int = 4) -> None:
        super().__init__()
        self.d_in = check_integer("d_in", d_in, at_least=1)
        check_integer("n_heads", n_heads, at_least=0)
        self.embed = nn.Linear(d_in, d_model)
        self.positions = positions
        self.block = EncoderBlock(d_model, n_heads, 2 * d_model, norm_first=True) if n_heads else None
        self.norm = nn.LayerNorm(d_model)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.query = nn.Parameter(torch.randn(d_model))

    def forward(self, vectors: Tensor, key_mask: Tensor) -> Tensor:
        """The weights.

        Args:
            vectors: (b, j, d_in), one a sentence.  key_mask: bool (b, j), True = a real sentence.
        Returns:
            (b, j); rows sum to 1 over the real sentences.
        Raises:
            TypeError, ValueError: another kind or shape.
        """
        check_stream("vectors", vectors, self.d_in, self.embed, batched=True)
        check_key_mask(key_mask, *vectors.shape[:2])
        x = self.embed(vectors)  # (b, j, d_in) -> (b, j, m)
        x = x if self.positions is None else self.positions(x)
        x = self.norm(x if self.block is None else self.block(x, key_mask=key_mask))
        query = self.query.expand(len(x), 1, -1)  # (m,) -> (b, 1, m)
        _, weights = attention(query, self.key(x), x, attn_mask=key_mask[:, None, :])
        return weights[:, 0]  # (b, 1, j) -> (b, j)
