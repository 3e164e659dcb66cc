"""Decoding beside transformers' generate, beside brute force, and what does not depend on the cache."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close
from transformers import GPT2Config, GPT2LMHeadModel, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

import mha.row_linear
from mha.generate import Sampling, beam_search, generate, greedy, probabilities
from mha.models.gpt import GPT, GPTConfig
from tests.parity import randomised, with_weights_of

V, MAX, B = 29, 41, 3


@pytest.fixture(scope="module")
def pair():
    config = GPT2Config(
        vocab_size=V, n_embd=22, n_layer=3, n_head=2, n_inner=31, n_positions=MAX,
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    theirs = randomised(GPT2LMHeadModel(config))
    with torch.no_grad():  # or it would repeat one token for ever
        theirs.transformer.ln_f.bias.zero_()
        theirs.transformer.wpe.weight.mul_(5)
    return with_weights_of(theirs, GPT(GPTConfig(V, 22, 3, 2, 31, MAX))), theirs


def prompt(batch=B, length=5):
    return torch.randint(V, (batch, length), generator=torch.Generator().manual_seed(4))


def theirs_generate(theirs, tokens, n, **options):
    options = {"do_sample": False, "pad_token_id": 0, "attention_mask": torch.ones_like(tokens), **options}
    return theirs.generate(tokens, max_new_tokens=n, **options)


@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_equals_transformers(pair, use_cache):
    mine, theirs = pair
    want = theirs_generate(theirs, prompt(), 31)
    assert torch.equal(generate(mine, prompt(), 31, use_cache=use_cache), want)
    assert len(want[:, 5:].unique()) > 5  # or it would prove little


def test_one_sequence_on_all_cores_equals_transformers(pair, monkeypatch):
    monkeypatch.setattr(mha.row_linear, "SMALL", 1)
    mine, theirs = pair
    weight = mine.tokens.weight
    assert torch.equal(generate(mine, prompt(1), 35), theirs_generate(theirs, prompt(1), 35))
    assert mine.tokens.weight is weight
    assert weight.is_contiguous()


def test_behind_eos_comes_only_eos_and_it_stops_early(pair):
    mine, theirs = pair
    eos_id = int(generate(mine, prompt(), 31)[0, 9])
    want = theirs_generate(theirs, prompt(), 31, eos_token_id=eos_id, pad_token_id=eos_id)
    assert torch.equal(generate(mine, prompt(), 31, eos_id=eos_id), want)
    assert generate(mine, prompt(1), 31, eos_id=eos_id).shape == (1, 10)


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.5}, {"top_k": 7}, {"top_p": 0.8}, {"top_k": 11, "top_p": 0.6}]
)
def test_the_cache_does_not_change_what_is_sampled(pair, options):
    mine, _ = pair
    one, other = (
        generate(mine, prompt(), 31, choose=Sampling(torch.Generator().manual_seed(5), **options), use_cache=use_cache)
        for use_cache in (True, False)
    )
    assert torch.equal(one, other)
    assert not torch.equal(one, generate(mine, prompt(), 31))


eighths = st.lists(st.integers(-40, 40), min_size=5, max_size=5, unique=True)


@settings(deadline=None)
@given(eighths, st.floats(0.2, 3), st.integers(1, 7), st.floats(0.01, 1))
def test_probabilities_equal_transformers_warpers(values, temperature, top_k, top_p):
    row = torch.tensor([values], dtype=torch.float64) / 8
    warped = TemperatureLogitsWarper(temperature)(None, row)
    warped = TopKLogitsWarper(top_k)(None, warped)
    shares = warped.softmax(-1).sort().values.cumsum(-1)
    if (shares - (1 - top_p)).abs().min() > 1e-6:  # at an edge the rounding of two summations decides
        warped = TopPLogitsWarper(top_p)(None, warped)
        got = probabilities(row, temperature=temperature, top_k=top_k, top_p=top_p)
        assert_close(got, warped.softmax(-1), atol=1e-12, rtol=0)


def test_sampling_follows_the_probabilities():
    row = torch.tensor([[2.0, 1.0, 0.0, -1.0, -2.0]]).expand(20000, -1)
    drawn = Sampling(torch.Generator().manual_seed(0), temperature=0.7, top_k=4)(row)
    want = probabilities(row[0], temperature=0.7, top_k=4)
    got = drawn.bincount(minlength=5) / len(drawn)
    assert got[4] == 0
    assert_close(got, want, atol=4 * 0.5 / len(drawn) ** 0.5, rtol=0)  # four standard deviations


def score(model, tokens, start):
    log_p = model(tokens).log_softmax(-1)[:, start - 1 : -1]
    return log_p.gather(-1, tokens[:, start:, None])[..., 0]  # (k, n)


@torch.no_grad()
def test_a_beam_as_wide_as_all_there_is_finds_the_best(pair):
    mine, _ = pair
    start = prompt(1)
    everything = torch.tensor(list(itertools.product(range(V), repeat=2)))
    totals = score(mine, torch.cat([start.expand(len(everything), -1), everything], 1), 5).sum(1)
    got, scores = beam_search(mine, start, 2, n_beams=V, length_penalty=0.0)
    want = totals.topk(V)
    assert torch.equal(got[:, 5:], everything[want.indices])
    assert_close(scores, want.values, atol=1e-10, rtol=0)


@torch.no_grad()
def test_beams_equal_transformers(pair):
    mine, theirs = pair
    want = theirs_generate(
        theirs, prompt(1), 13, num_beams=4, num_return_sequences=4, output_scores=True, return_dict_in_generate=True
    )
    got, scores = beam_search(mine, prompt(1), 13, n_beams=4)
    assert torch.equal(got, want.sequences)
    assert_close(scores.float(), want.sequences_scores, atol=1e-5, rtol=0)
    assert_close(scores, score(mine, got, 5).sum(1) / 13, atol=1e-10, rtol=0)
    assert torch.equal(beam_search(mine, prompt(1), 13, n_beams=1)[0], generate(mine, prompt(1), 13))


@torch.no_grad()
def test_an_ended_beam_keeps_its_score_and_its_length(pair):
    mine, _ = pair
    eos_id = int(beam_search(mine, prompt(1), 13, n_beams=4)[0][0, 8])
    tokens, scores = beam_search(mine, prompt(1), 13, n_beams=4, eos_id=eos_id, length_penalty=0.5)
    ended = (tokens[:, 5:] == eos_id).any(1)
    assert ended.any()
    for row, found in zip(tokens, scores, strict=True):
        new = row[5:].tolist()
        length = new.index(eos_id) + 1 if eos_id in new else len(new)
        assert set(new[length:]) <= {eos_id}
        assert_close(found, score(mine, row[None, : 5 + length], 5).sum() / length**0.5, atol=1e-10, rtol=0)


def test_trouble_is_named(pair):
    mine, _ = pair
    generator = torch.Generator()
    for options, message in [
        ({"temperature": 0.0}, "temperature must be positive, got 0.0"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 1.5}, r"top_p must be in \(0, 1\], got 1.5"),
    ]:
        with pytest.raises(ValueError, match=message):
            Sampling(generator, **options)
        with pytest.raises(ValueError, match=message):
            probabilities(torch.zeros(3), **options)
    with pytest.raises(ValueError, match="max_new_tokens must be positive, got 0"):
        generate(mine, prompt(), 0)
    with pytest.raises(ValueError, match=r"must be one sequence \(1, i\), got \(3, 5\)"):
        beam_search(mine, prompt(), 3, n_beams=2)
    with pytest.raises(ValueError, match=r"max_new_tokens \(3\) and n_beams \(0\) must be positive"):
        beam_search(mine, prompt(1), 3, n_beams=0)
    with pytest.raises(ValueError, match=r"at most max_len \(41\)"):
        generate(mine, prompt(), 38)
    assert greedy(torch.tensor([[0.0, 2.0, 1.0]])).tolist() == [1]
