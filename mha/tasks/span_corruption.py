"""Span corruption, how T5 learns from plain text: take spans out, leave sentinels, write the spans."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mha.validation import check_integer, check_number, check_torch_generator

__all__ = ["corrupt_spans", "noise_mask", "split_at_spans"]


def corrupt_spans(
    token_ids: Sequence[int],
    sentinels: Sequence[int],
    generator: torch.Generator,
    *,
    share: float = 0.15,
    mean_span: float = 3.0,
) -> tuple[list[int], list[int]]:
    """A text with spans taken out, and the spans.

    Args:
        token_ids: i tokens of the text, two or more.  sentinels: tokens that occur in no text, one more than spans.
        generator: chooses the spans.  share, mean_span: as in `noise_mask`.
    Returns:
        source and target, as `split_at_spans` makes them.
    Raises:
        TypeError, ValueError: as `noise_mask` and `split_at_spans` do.
    Source: Raffel et al. 2020, sections 3.1.4 and 3.3.4, with the share and the length that they settle on.
    """
    if len(token_ids) < 2:
        raise ValueError(f"token_ids must be 2 or more, got {len(token_ids)}")
    return split_at_spans(token_ids, noise_mask(len(token_ids), generator, share=share, mean_span=mean_span), sentinels)


def noise_mask(length: int, generator: torch.Generator, *, share: float = 0.15, mean_span: float = 3.0) -> Tensor:
    """Which tokens to take out: the number of them and of spans is fixed, the lengths and places are random.

    The nearest integer to share · length tokens, at least 1 and at most length - 1, in the nearest integer to that over
    mean_span spans, at least 1. Every choice of lengths, and of gaps of a token or more between spans, is as likely as
    any other.

    Args:
        length: i, at least 2.  generator: of the random numbers.
        share: of the tokens, between 0 and 1.  mean_span: mean length of a span, at least 1.
    Returns:
        (i,) bool, True = taken out.
    Raises:
        TypeError: length is no integer, or share or mean_span no number.
        ValueError: one leaves its range.
    Source: Raffel et al. 2020, section 3.3.4. In their code a text begins with a kept token and ends with a span, since
        it is a piece of a longer one; here a span may stand at either end or at neither.
    """
    check_integer("length", length, at_least=2)
    check_number("share", share, above=0, below=1)
    check_number("mean_span", mean_span, at_least=1)
    check_torch_generator("generator", generator)
    n_noise = min(max(round(share * length), 1), length - 1)
    n_spans = min(max(round(n_noise / mean_span), 1), length - n_noise + 1)
    spans = _composition(n_noise, n_spans, generator)
    gaps = _composition(length - n_noise + 2, n_spans + 1, generator)
    gaps[0], gaps[-1] = gaps[0] - 1, gaps[-1] - 1  # only those between two spans need a token
    runs = [length for pair in zip(gaps, [*spans, 0], strict=True) for length in pair]  # kept, taken, kept, taken …
    return torch.tensor([n % 2 for n in range(len(runs))], dtype=torch.bool).repeat_interleave(torch.tensor(runs))


def split_at_spans(
    token_ids: Sequence[int], is_noise: Sequence[bool] | NDArray[np.bool_] | Tensor, sentinels: Sequence[int]
) -> tuple[list[int], list[int]]:
    """The text with a sentinel for each span, and the spans, each behind its sentinel, closed by one sentinel more.

    Args:
        token_ids: i tokens.  is_noise: i booleans, True = taken out.  sentinels: in the order of the spans.
    Returns:
        source and target.
    Raises:
        TypeError: a token or sentinel is no integer, or is_noise holds something else than booleans.
        ValueError: the lengths differ, there are no more sentinels than spans, a sentinel is there twice or occurs in
            the text.
    Source: Raffel et al. 2020, figure 2.
    """
    token_ids, sentinels = _integers("token_ids", token_ids), _integers("sentinels", sentinels)
    is_noise = is_noise.tolist() if isinstance(is_noise, Tensor | np.ndarray) else is_noise
    if not all(isinstance(noise, bool) for noise in is_noise):
        raise TypeError("is_noise must hold booleans, True = taken out")
    if len(set(sentinels)) != len(sentinels):
        raise ValueError(f"sentinels must all differ, got {sentinels}")
    if len(token_ids) != len(is_noise):
        raise ValueError(f"is_noise must have a boolean for each of {len(token_ids)} token_ids, got {len(is_noise)}")
    if set(sentinels) & set(token_ids):
        raise ValueError(f"sentinels must not occur in token_ids, got {sorted(set(sentinels) & set(token_ids))} there")
    source: list[int] = []
    target: list[int] = []
    n_spans, before = 0, False
    for token, noise in zip(token_ids, is_noise, strict=True):
        if noise and not before:
            if n_spans + 1 >= len(sentinels):
                raise ValueError(f"sentinels must be more than the spans, got {len(sentinels)}")
            source.append(sentinels[n_spans])
            target.append(sentinels[n_spans])
            n_spans += 1
        (target if noise else source).append(token)
        before = noise
    return source, [*target, sentinels[n_spans]]


def _composition(total: int, parts: int, generator: torch.Generator) -> list[int]:
    """`total` as a sum of `parts` integers of 1 or more, each such sum as likely as any other."""
    cuts = torch.randperm(total - 1, generator=generator)[: parts - 1].sort().values + 1
    edges = [0, *cuts.tolist(), total]
    return [stop - start for start, stop in pairwise(edges)]


def _integers(name: str, values: Sequence[int] | Tensor) -> list[int]:
    return [check_integer(name, n) for n in (values.tolist() if isinstance(values, Tensor) else values)]
