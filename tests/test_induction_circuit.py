"""What is taken out of a model of two layers is what is said, and nothing else."""

import pytest
import torch

from experiments import induction
from experiments.induction_circuit import blocks_twice, composition, guesses, opened, scores_by_path, without_head


@pytest.fixture(scope="module")
def model():
    return induction.kept()


@pytest.fixture(scope="module")
def tokens():
    return blocks_twice(3)[:13]


@torch.no_grad()
def test_one_head_of_the_first_layer_is_silent_and_no_other(model, tokens):
    x = model.positions(model.tokens(tokens))
    seen = []
    for one in (model, without_head(model, 2)):
        with one.blocks[0].attn.out.register_forward_pre_hook(lambda _, given: seen.append(given[0])):
            seen.append(one.blocks[0].attn(x))
    heads, before, _, after = seen
    weight = model.blocks[0].attn.out.weight[:, 32:48]
    torch.testing.assert_close(before - after, heads[..., 32:48] @ weight.T)


@torch.no_grad()
def test_paths_add_up_to_the_heads_whole_effect_where_values_play_no_part(model, tokens):
    """A score depends on queries and keys alone: a head without which nothing changes changes neither."""
    silent = without_head(model, 1)
    intact = opened(silent, tokens)["induction"][1]
    for side, scores in scores_by_path(silent, tokens, 2).items():
        assert scores[1] == intact[2], side


@torch.no_grad()
def test_the_direct_path_is_the_whole_one_where_no_feed_forward_net_reads_it(model, tokens):
    plain = without_head(model, 1)
    plain.blocks[0].ffn.down.weight.zero_()
    by_path = scores_by_path(plain, tokens, 2)
    assert by_path["keys, direct"] == pytest.approx(by_path["keys"], abs=2e-4)
    assert by_path["keys"] != pytest.approx(by_path["queries"], abs=1e-2)


@torch.no_grad()
def test_composition_is_that_of_what_a_head_writes_with_what_keys_read(model):
    found = composition(model)
    first, second = model.blocks
    v = first.attn.qkv.weight[128:][16:32] * first.attn_norm.weight  # head 1
    wrote = first.attn.out.weight[:, 16:32] @ v  # what it adds to a column x
    q, k = (second.attn.qkv.weight[n : n + 64][48:64] * second.attn_norm.weight for n in (0, 64))  # head 3
    for side, reads in (("keys", q.T @ k), ("queries", k.T @ q)):
        share = (reads @ wrote).norm() / (reads.norm() * wrote.norm())
        assert found[side][1][3] == pytest.approx(share.item(), abs=1e-4)


def test_what_is_guessed_adds_up_to_no_more_than_all(tokens):
    torch.manual_seed(0)
    sizes = induction.SIZES["one layer"]
    shares = guesses(induction.GPT(induction.GPTConfig(32, 64, max_len=32, **sizes)), tokens)["guesses"]
    assert shares["met once"][-1] == 0  # at the last place the right symbol is the only one met once
    for right, twice, once in zip(*shares.values(), strict=True):
        assert 0 < right < right + twice + once < 1
    assert shares["met once"][0] == pytest.approx(6 / 32, abs=0.02)  # six of 32 symbols, by an untrained model
