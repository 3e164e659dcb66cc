"""Attention that chooses a sentence: who sees places, who sees other sentences, and that padding is never chosen."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mha.models.sentence_ranker import SentenceRanker
from mha.positions import SinusoidalPositions

KINDS = {"attention": (2, True), "no places": (2, False), "alone": (0, True), "alone, no places": (0, False)}


def ranker(kind: str) -> SentenceRanker:
    torch.manual_seed(11)
    n_heads, placed = KINDS[kind]
    return SentenceRanker(5, 8, positions=SinusoidalPositions(8, 7) if placed else None, n_heads=n_heads).double()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    vectors = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(2)).double()
    return vectors, torch.arange(7) < torch.tensor([7, 4, 1])[:, None]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_sum_to_one_and_padding_gets_and_changes_nothing(kind):
    model, (vectors, real) = ranker(kind), batch()
    weights = model(vectors, real)
    assert (weights[~real] == 0).all()
    assert_close(weights.sum(1), torch.ones(3).double())
    assert_close(model(vectors.masked_fill(~real[..., None], 9.0), real), weights)


@pytest.mark.parametrize("kind", KINDS)
def test_places_count_only_where_they_are_known(kind):
    model, (vectors, real) = ranker(kind), batch()
    turned = model(vectors[:1].flip(1), real[:1]).flip(1)
    same = torch.allclose(turned, model(vectors[:1], real[:1]))
    assert same == (not KINDS[kind][1])


@pytest.mark.parametrize("kind", KINDS)
def test_sentences_see_one_another_only_through_the_block(kind):
    model, (vectors, real) = ranker(kind), batch()
    changed = vectors.clone()
    changed[0, 6] += 1.0
    odds = [model(x, real)[0, 0] / model(x, real)[0, 1] for x in (vectors, changed)]
    assert torch.allclose(*odds) == (KINDS[kind][0] == 0)
