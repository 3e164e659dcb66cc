"""BERT's masks: what is chosen, what is put in its place, what is left alone."""

import pytest
import torch

from mha.tasks.masking import mask_tokens

V, MASK, FIRST = 101, 4, 5


def masked(rate=0.15, seed=0):
    token_ids = torch.randint(V, (97, 211), generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(seed)
    return token_ids, *mask_tokens(token_ids, generator, mask_id=MASK, vocab_size=V, first_id=FIRST, rate=rate)


def within(share, expected, n):
    """Five standard deviations of a share of n draws."""
    return abs(share - expected) < 5 * (expected * (1 - expected) / n) ** 0.5


def test_what_is_not_chosen_stays_and_special_tokens_are_never_chosen():
    token_ids, inputs, predicted = masked()
    assert torch.equal(inputs[~predicted], token_ids[~predicted])
    assert int(token_ids[predicted].min()) >= FIRST
    assert torch.equal(token_ids, masked()[0])


@pytest.mark.parametrize("rate", [0.15, 0.4])
def test_shares_are_those_of_the_paper(rate):
    token_ids, inputs, predicted = masked(rate)
    ordinary = int((token_ids >= FIRST).sum())
    n = int(predicted.sum())
    assert within(n / ordinary, rate, ordinary)
    became_mask, same = (inputs == MASK)[predicted], (inputs == token_ids)[predicted]
    assert within(became_mask.double().mean().item(), 0.8, n)
    assert within(same.double().mean().item(), 0.1 + 0.1 / (V - FIRST), n)  # a random token may be the old one
    random_ids = inputs[predicted][~became_mask & ~same]
    assert int(random_ids.min()) >= FIRST
    assert len(random_ids.unique()) > 0.9 * (V - FIRST)


def test_without_options_every_id_is_ordinary_and_15_percent_are_chosen():
    token_ids = torch.zeros(97, 211, dtype=torch.int64)
    _, predicted = mask_tokens(token_ids, torch.Generator().manual_seed(0), mask_id=1, vocab_size=2)
    assert within(predicted.double().mean().item(), 0.15, token_ids.numel())


def test_at_a_rate_of_one_all_ordinary_tokens_are_chosen_and_any_of_them_may_be_put_in():
    token_ids = torch.arange(4, 8).repeat(500, 1)  # 4 is the mask, 5 the first ordinary one
    generator = torch.Generator().manual_seed(0)
    inputs, predicted = mask_tokens(token_ids, generator, mask_id=4, vocab_size=8, first_id=5, rate=1.0)
    assert torch.equal(predicted, token_ids >= 5)
    assert set(inputs[:, 1].tolist()) == {4, 5, 6, 7}


def test_chance_comes_from_the_generator_alone():
    assert torch.equal(masked(seed=3)[1], masked(seed=3)[1])
    assert not torch.equal(masked(seed=3)[1], masked(seed=4)[1])


def test_trouble_is_named():
    with pytest.raises(ValueError, match=r"rate \(0.0\) must be above 0 and at most 1"):
        masked(rate=0.0)
    ids, usual = torch.zeros(2, 3, dtype=torch.int64), {"mask_id": 0, "vocab_size": 7}
    for token_ids, options, error, message in [
        (ids, {"first_id": 7}, ValueError, r"first_id \(7\) must be between 0 and 6"),
        (ids, {"first_id": -1}, ValueError, r"first_id \(-1\) must be between 0 and 6"),
        (ids, {"rate": 1.5}, ValueError, r"rate \(1.5\) must be above 0 and at most 1"),
        (ids, {"vocab_size": 0}, ValueError, r"vocab_size \(0\) must be at least 1"),
        (ids, {"mask_id": 7}, ValueError, r"mask_id \(7\) must be between 0 and 6"),
        (ids, {"vocab_size": 7.0}, TypeError, r"vocab_size must be an integer, got 7.0"),
        (ids + 7, {}, ValueError, "token_ids must lie between 0 and 6, got 7 to 7"),
        (ids.float(), {}, TypeError, "token_ids must be int64 or int32, got torch.float32"),
    ]:
        with pytest.raises(error, match=message):
            mask_tokens(token_ids, torch.Generator(), **usual | options)
    with pytest.raises(TypeError, match=r"generator must be a torch.Generator, got None"):
        mask_tokens(ids, None, **usual)
