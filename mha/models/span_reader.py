"""A reader of passages: for each token of a question and a passage, how well the answer could begin and end there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mha.blocks import EncoderBlock
from mha.heads import MultiHeadAttention
from mha.positions import Rotary
from mha.validation import check_config, check_integer, check_stream

__all__ = ["SpanReader", "SpanReaderConfig", "best_span"]


@dataclass(frozen=True)
class SpanReaderConfig:
    """Sizes of a `SpanReader`.

    Raises:
        TypeError: a size is no integer.  ValueError: one is not positive, or n_heads does not divide d_model.
    """

    d_token: int = 384
    d_model: int = 64
    n_layers: int = 2
    n_heads: int = 4
    d_ff: int = 128

    def __post_init__(self) -> None:
        check_config(self)


class SpanReader(nn.Module):
    """Pre-norm encoder blocks with rotary positions over the token vectors of question and passage; two scores a token.

    Args:
        config: the sizes.
    Source: the two scores, Devlin et al. 2019, section 4.2; rotary positions, Su et al. 2021.
    """

    def __init__(self, config: SpanReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Linear(config.d_token, config.d_model)
        self.segments = nn.Embedding(2, config.d_model)  # 0: question, 1: passage
        self.blocks = nn.ModuleList(self._block(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)
        self.ends = nn.Linear(config.d_model, 2)  # begins here, ends here

    @staticmethod
    def _block(config: SpanReaderConfig) -> EncoderBlock:
        rotary = Rotary(config.d_model // config.n_heads)
        attention = MultiHeadAttention(config.d_model, config.n_heads, rotary=rotary)
        return EncoderBlock(config.d_model, config.n_heads, config.d_ff, norm_first=True, attention=attention)

    def forward(
        self, vectors: Tensor, segment_ids: Tensor, *, key_mask: Tensor, attn_mask: Tensor | None = None
    ) -> Tensor:
        """Scores of each token as the answer's first and as its last.

        Args:
            vectors: (b, i, e), of each token.  segment_ids: (b, i) integers, 1 in the passage, else 0.
            key_mask: bool (b, i), True = a real token.
            attn_mask: bool, broadcasts to (b, h, i, i), in every block; True = may attend.
        Returns:
            (b, i, 2).
        """
        check_stream("vectors", vectors, self.config.d_token, self.tokens, batched=True)
        x = self.tokens(vectors) + self.segments(segment_ids)  # (b, i, e) -> (b, i, m)
        for block in self.blocks:
            x = block(x, key_mask=key_mask, attn_mask=attn_mask)
        return self.ends(self.norm(x))  # (b, i, m) -> (b, i, 2)


def best_span(scores: Tensor, allowed: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """The span whose first and last token score most together, among those that may hold an answer.

    Args:
        scores: (b, i, 2).  allowed: bool (b, i), True in the passage.  longest: tokens of a span, at most.
    Returns:
        spans (b, 2), first and last token; and their scores (b,).
    Raises:
        ValueError: longest is below 1.
    """
    check_integer("longest", longest, at_least=1)
    begins, ends = scores.masked_fill(~allowed[..., None], -torch.inf).unbind(-1)  # (b, i) each
    both = begins[:, :, None] + ends[:, None, :]  # (b, i, 1) + (b, 1, i) -> (b, i, i)
    places = torch.arange(scores.shape[1], device=scores.device)
    length = places[None] - places[:, None] + 1  # of the span from row to column
    both = both.masked_fill((length < 1) | (length > longest), -torch.inf)
    value, flat = both.flatten(1).max(dim=1)
    return torch.stack([flat // scores.shape[1], flat % scores.shape[1]], dim=1), value
