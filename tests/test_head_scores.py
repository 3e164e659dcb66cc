"""Scores of heads: by hand on a small map, on heads planted by hand, and in no more null models than the level says."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from experiments import planted_heads
from experiments.planted_heads import random_heads, run, scores
from experiments.runner import load
from mha.interpret.head_scores import (
    PATTERNS,
    content_scores,
    even_weights,
    pattern_keys,
    score_heads,
    score_texts,
)
from mha.recording import record_attention

CLS, SEP, PAD = 101, 102, 0
TEXT = torch.tensor([[CLS, 7, 8, 7, 9, 8, SEP, PAD]])
REAL = TEXT != PAD
BY_HAND = {  # query -> its keys, for the five words at places 1 to 5
    "previous": {1: [0], 2: [1], 3: [2], 4: [3], 5: [4]},
    "next": {1: [2], 2: [3], 3: [4], 4: [5], 5: [6]},
    "own": {n: [n] for n in range(1, 6)},
    "local": {1: [0, 2, 3], 2: [0, 1, 3, 4], 3: [1, 2, 4, 5], 4: [2, 3, 5, 6], 5: [3, 4, 6]},
    "first": {n: [0] for n in range(1, 6)},
    "special": {n: [6] for n in range(1, 6)},
    "same token": {1: [3], 2: [5], 3: [1], 5: [2]},
    "duplicate": {3: [1], 5: [2]},
    "induction": {3: [2], 5: [3]},
}


def rows_of(keys):
    return {query: row.nonzero().flatten().tolist() for query, row in enumerate(keys[0]) if row.any()}


def test_each_pattern_names_the_keys_that_one_would_point_at():
    keys = pattern_keys(TEXT, special_ids=[CLS, SEP], key_mask=REAL, reach=2)
    assert tuple(keys) == tuple(PATTERNS) == tuple(BY_HAND)
    assert {name: rows_of(named) for name, named in keys.items()} == BY_HAND


def test_a_causal_query_has_no_later_keys():
    keys = pattern_keys(TEXT, special_ids=[CLS, SEP], key_mask=REAL, is_causal=True, reach=2)
    earlier = {
        name: {query: kept for query, row in rows.items() if (kept := [key for key in row if key <= query])}
        for name, rows in BY_HAND.items()
    }
    assert {name: rows_of(named) for name, named in keys.items()} == earlier
    assert earlier["next"] == earlier["special"] == {}


def test_a_block_without_special_tokens_is_scored_as_in_the_literature():
    """The induction score of a block of n tokens, twice: the weight n - 1 places back in the second copy."""
    block = torch.randperm(13, generator=torch.Generator().manual_seed(0))[:5].repeat(2)[None]
    weights = torch.rand(2, 1, 3, 10, 10).softmax(-1)
    found = score_heads(weights, pattern_keys(block, is_causal=True))["induction"]
    assert_close(found, torch.stack([weights[:, 0, :, q, q - 4] for q in range(5, 10)]).mean(0))


@pytest.fixture
def two_texts():
    ids = torch.tensor([[CLS, 7, 8, 7, 9, SEP], [CLS, 7, 8, 9, SEP, PAD]])
    weights = torch.rand(3, 2, 5, 6, 6, generator=torch.Generator().manual_seed(1)).softmax(-1)
    return weights, pattern_keys(ids, special_ids=[CLS, SEP], key_mask=ids != PAD)


def test_a_score_is_a_mean_over_queries_of_all_texts_and_of_one(two_texts):
    weights, keys = two_texts
    found = score_heads(weights, keys)
    in_first = (weights[:, 0, :, 1, 3] + weights[:, 0, :, 3, 1]) / 2
    assert_close(found["same token"], in_first)  # the second text has no token twice
    by_text = score_texts(weights, keys["same token"])
    assert_close(by_text[:, 0], in_first)
    assert by_text[:, 1].isnan().all()
    assert by_text.shape == (3, 2, 5)
    over_seven = [weights[:, 0, :, q, q - 1] for q in range(1, 5)] + [weights[:, 1, :, q, q - 1] for q in range(1, 4)]
    assert_close(found["previous"], torch.stack(over_seven).mean(0))


def test_a_pattern_that_no_text_has_scores_nan():
    ids = torch.tensor([[3, 4, 5]])
    assert score_heads(torch.rand(1, 2, 3, 3), pattern_keys(ids))["duplicate"].isnan().all()


def test_chance_is_the_share_of_keys_that_a_pattern_names():
    keys = pattern_keys(TEXT, special_ids=[CLS, SEP], key_mask=REAL, reach=2)
    found = score_heads(even_weights(TEXT, key_mask=REAL), keys)
    for name, rows in BY_HAND.items():
        assert found[name].item() == pytest.approx(np.mean([len(row) for row in rows.values()]) / 7), name
    causal = even_weights(TEXT, is_causal=True)[0, 0]
    assert_close(causal[2], torch.tensor([1, 1, 1, 0, 0, 0, 0, 0]) / 3)


def test_content_is_told_from_place():
    """Heads that read the word alone, the place alone, and neither."""
    generator = torch.Generator().manual_seed(2)
    order = torch.rand(7, 11, generator=generator).argsort(-1)
    by_word = torch.rand(7, 11, 11, generator=generator).argsort(-1)[..., :1] == torch.arange(
        11
    )  # a key for each token
    words = by_word.float()
    moved = words.gather(1, order[..., None].expand_as(words)).gather(2, order[:, None].expand_as(words))
    places = torch.eye(11).roll(1, 1).expand(7, -1, -1)
    even = torch.full((7, 11, 11), 1 / 11)
    first, second = torch.stack([words, places, even], 1), torch.stack([moved, places, even], 1)
    found = content_scores(first, second, order)
    assert found[0] > 0.8  # but where the key of another token stands there by chance
    assert found[1] < -0.8
    assert found[2] == 0
    flipped = content_scores(second, first, order.argsort(-1))
    assert_close(flipped, found)  # which of the two texts is called shuffled is of no account


def test_what_has_not_moved_tells_nothing():
    weights = torch.rand(1, 2, 5, 5).softmax(-1)
    assert content_scores(weights, weights, torch.arange(5)[None]).isnan().all()
    order = torch.tensor([[1, 0, 2, 3, 4]])
    apart = weights.clone()
    apart[..., 2:, :] = 0
    swapped = apart[..., order[0], :][..., order[0]]
    assert_close(content_scores(apart, swapped, order), content_scores(weights, swapped, order))


def test_planted_heads_are_found_and_random_ones_are_not():
    """In the stored table, which the present code made, and in a row of it now."""
    rows = {kind: [row for row in load("planted_heads") if row["kind"] == kind] for kind in ("planted", "null")}
    found = [all(row["found"].values()) for row in rows["planted"]]
    assert len(found) == 20
    assert np.mean(found) >= 0.95
    rejected = [row["p_min"] <= 0.05 for row in rows["null"]]
    assert len(rejected) == 200
    assert np.mean(rejected) <= 0.08
    again = run("planted", 3)
    assert again == {name: rows["planted"][3][name] for name in again}


@torch.no_grad()
def test_a_planted_head_does_what_it_is_called():
    """By its map, not by the scores that the table judges it with."""
    model, where = planted_heads.planted(torch.Generator().manual_seed(5))
    text = torch.tensor([[3, 1, 4, 10, 5, 9, 2, 6, 3, 1]])
    with record_attention(model) as maps:
        model(text)
    looks = maps.stack()[:, 0].argmax(-1)  # (n_layers, h, i)
    assert looks[where["previous"]][1:].tolist() == list(range(9))
    assert looks[where["next"]][:-1].tolist() == list(range(1, 10))
    assert looks[where["first"]].tolist() == [0] * 10
    assert looks[where["same token"]][[0, 1, 8, 9]].tolist() == [8, 9, 0, 1]
    assert looks[where["induction"]][8:].tolist() == [1, 2]


def test_random_models_differ_and_a_seed_gives_one_again():
    one, again, other = (scores(random_heads(g), g) for g in map(torch.Generator().manual_seed, (1, 1, 2)))
    assert_close(one, again, rtol=0, atol=0)
    assert (one - other).abs().max() > 0.1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pattern_keys(TEXT[0]), ValueError, r"token_ids must have shape \(b, i\), none empty, got \(8,\)"),
        (lambda: pattern_keys(TEXT.float()), TypeError, "token_ids must be int64 or int32"),
        (
            lambda: pattern_keys(TEXT, key_mask=REAL[:, 1:]),
            ValueError,
            r"key_mask must have shape \(1, 8\), got \(1, 7",
        ),
        (lambda: pattern_keys(TEXT, key_mask=TEXT), TypeError, "key_mask must be bool, got torch.int64"),
        (lambda: pattern_keys(TEXT, reach=0), ValueError, r"reach \(0\) must be at least 1"),
        (lambda: score_texts(torch.rand(1, 2, 8, 8), TEXT), TypeError, "keys must be bool, got torch.int64"),
        (lambda: score_texts([0.5], REAL), TypeError, r"weights must be a tensor, got \[0.5\]"),
        (
            lambda: score_texts(torch.rand(1, 2, 8, 7), REAL[..., None].expand(-1, -1, 8)),
            ValueError,
            r"keys \(b, i, j\) must agree, got \(1, 2, 8, 7\), \(1, 8, 8\)",
        ),
        (lambda: score_texts(torch.rand(2, 8, 8), torch.ones(2, 8, 8).bool()), ValueError, "must agree"),
        (
            lambda: content_scores(torch.rand(1, 2, 3, 3), torch.rand(1, 2, 4, 4), TEXT),
            ValueError,
            r"got \(1, 2, 3, 3\), \(1, 2, 4, 4\)",
        ),
        (
            lambda: content_scores(torch.rand(1, 2, 3, 3), torch.rand(1, 2, 3, 3), TEXT),
            ValueError,
            r"order must be \(1, 3\), got \(1, 8\)",
        ),
        (
            lambda: content_scores(torch.rand(1, 2, 3, 3), torch.rand(1, 2, 3, 3), torch.tensor([[0, 0, 1]])),
            ValueError,
            "each row of order must hold every place once",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
