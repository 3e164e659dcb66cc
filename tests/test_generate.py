"""Decoding beside transformers' generate, beside brute force, and what does not depend on the cache."""

import itertools
from functools import partial
from types import SimpleNamespace

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


def test_all_of_top_p_keeps_every_token_that_has_a_probability():
    torch.manual_seed(1)
    logits = 3 * torch.randn(50257)
    assert torch.equal(probabilities(logits, top_p=1.0), logits.softmax(-1))
    for seed in range(20):  # the shares of some add up to less than 1
        rows = torch.randn(5, 997, generator=torch.Generator().manual_seed(seed))
        assert ((probabilities(rows, top_p=1e-9) > 0).sum(-1) == 1).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [1e-3, 1e-6, 1e-40, 5e-324])
def test_near_temperature_0_the_likeliest_has_it_all(dtype, temperature):
    logits = torch.tensor([-torch.inf, 300.0, -60000.0, 301.0, 0.0], dtype=dtype).expand(2, 5)
    for options in ({}, {"top_k": 2}, {"top_p": 0.5}):
        got = probabilities(logits, temperature=temperature, **options)
        assert got.tolist() == [[0, 0, 0, 1, 0]] * 2 if dtype != torch.bfloat16 else got.isfinite().all()
    assert probabilities(torch.tensor([1e-3, 0.0], dtype=dtype), temperature=1e-6).tolist() == [1, 0]
    assert probabilities(torch.tensor([1e-5, 0.0], dtype=dtype), temperature=1e-40).tolist() == [1, 0]


def test_half_precision_is_summed_in_float32():
    logits = torch.full((50000,), 1.0, dtype=torch.bfloat16)  # in bfloat16 the shares stop adding up at 1/128
    kept = probabilities(logits, top_p=0.5) > 0
    assert 24990 <= int(kept.sum()) <= 25010


class Chain:
    """A decoder whose next token depends on the last two alone, by a table of logits (v, v, v)."""

    def __init__(self, table):
        self.table = table

    def __call__(self, token_ids, *, caches=None):
        if caches is not None:
            caches.seen = torch.cat([caches.seen, token_ids], dim=1)
        seen = token_ids if caches is None else caches.seen
        rows = torch.nn.functional.pad(seen, (1, 0))
        return self.table[rows[:, :-1], rows[:, 1:]][:, -token_ids.shape[1] :]

    def new_caches(self, batch, max_len):
        caches = SimpleNamespace(seen=torch.zeros(batch, 0, dtype=torch.int64))
        caches.reorder = lambda index: setattr(caches, "seen", caches.seen[index])
        return caches


def endings(log_p, eos_id, n):
    """Every continuation of 0, of n tokens or up to eos, with its probability's logarithm; by hand."""
    found = {(): 0.0}
    for _ in range(n):
        grown = {}
        for row, total in found.items():
            if row and row[-1] == eos_id:
                grown[row] = total
                continue
            before, last = (0, 0, *row)[-2:]
            grown |= {(*row, token): total + log_p[before][last][token] for token in range(len(log_p))}
        found = grown
    return found


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.7, 1.0, 2.0]))
def test_beams_that_end_at_different_times_are_found_and_ranked_by_hand(seed, length_penalty):
    """Wide enough, the search holds every continuation there is, ended ones too."""
    table = 2 * torch.randn(3, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = endings(table.log_softmax(-1).tolist(), 2, 3)
    want = sorted(((total / len(row) ** length_penalty, row) for row, total in found.items()), reverse=True)
    model, start = Chain(table), torch.zeros(1, 1, dtype=torch.int64)
    tokens, scores = beam_search(model, start, 3, n_beams=27, eos_id=2, length_penalty=length_penalty)
    assert len(want) == 15
    assert scores[15:].isneginf().all()
    for got, score, (total, row) in zip(tokens.tolist(), scores.tolist(), want, strict=False):
        assert got[1:] == [*row, *[2] * (3 - len(row))]
        assert abs(score - total) < 1e-12


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.booleans())
def test_rows_that_have_ended_hold_eos_and_the_rest_goes_on(seed, use_cache):
    table = 2 * torch.randn(5, 5, 5, generator=torch.Generator().manual_seed(seed))
    got = generate(Chain(table), torch.arange(5)[:, None], 9, eos_id=2, use_cache=use_cache)
    for row in got.tolist():
        for n in range(1, len(row)):
            before, last = (0, *row)[n - 1 : n + 1]
            ended = 2 in row[1:n]
            assert row[n] == (2 if ended else int(table[before, last].argmax()))
    if got.shape[1] < 10:  # it stopped as soon as all had ended
        assert (got[:, -1] == 2).all()
        assert not (got[:, 1:-1] == 2).any(1).all()


def test_what_is_generated_can_be_trained_on(pair):
    mine, _ = pair
    best, scores = beam_search(mine, prompt(1), 5, n_beams=2)
    for tokens in (generate(mine, prompt(), 5), best):
        (gradient,) = torch.autograd.grad(mine.next_token_loss(tokens), mine.tokens.weight)
        assert gradient.any()
    assert not scores.is_inference()


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


def test_the_last_token_has_no_need_of_room(pair):
    mine, _ = pair
    assert generate(mine, prompt(1), MAX - 5 + 1).shape == (1, MAX + 1)
    assert beam_search(mine, prompt(1), MAX - 5 + 1, n_beams=2)[0].shape == (2, MAX + 1)


def test_trouble_is_named(pair):
    mine, _ = pair
    generator = torch.Generator()
    for options, message in [
        ({"temperature": 0.0}, r"temperature \(0.0\) must be above 0"),
        ({"temperature": float("nan")}, r"temperature \(nan\) must be above 0"),
        ({"top_k": 0}, r"top_k \(0\) must be at least 1"),
        ({"top_p": 1.5}, r"top_p \(1.5\) must be above 0 and at most 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            Sampling(generator, **options)
        with pytest.raises(ValueError, match=message):
            probabilities(torch.zeros(3), **options)
    for call in (generate, partial(beam_search, n_beams=2)):
        for arguments, message in [
            ((prompt(1), 0), r"max_new_tokens \(0\) must be at least 1"),
            ((prompt(1)[0], 3), r"prompt must have shape \(b, i\), none empty, got \(5,\)"),
            ((prompt(1) + V, 3), "must lie between 0 and 28"),
            ((prompt(1), 38), r"max_new_tokens \(38\) must be at most 37 behind a prompt of 5 tokens"),
        ]:
            with pytest.raises(ValueError, match=message):
                call(mine, *arguments)
        for arguments, message in [
            ((prompt(1), 3.0), r"max_new_tokens must be an integer, got 3.0 \(float\)"),
            ((prompt(1).double(), 3), "prompt must be int64 or int32, got torch.float64"),
            (([[1, 2]], 3), "prompt must be a tensor of integers, got"),
        ]:
            with pytest.raises(TypeError, match=message):
                call(mine, *arguments)
        with pytest.raises(ValueError, match=rf"eos_id \({V}\) must be below the number of tokens \({V}\)"):
            call(mine, prompt(1), 3, eos_id=V)
        with pytest.raises(TypeError, match=r"eos_id must be an integer, got 1.0"):
            call(mine, prompt(1), 3, eos_id=1.0)
    with pytest.raises(ValueError, match=rf"what choose gives must lie between 0 and {V - 1}, got {V} to {V}"):
        generate(mine, prompt(), 1, choose=lambda logits: torch.full((len(logits),), V))
    with pytest.raises(ValueError, match=r"choose must give one id a sequence \(3,\), got \(3, 1\)"):
        generate(mine, prompt(), 1, choose=lambda logits: logits.argmax(-1, keepdim=True))
    with pytest.raises(TypeError, match=r"generator must be a torch.Generator, got 0 \(int\)"):
        Sampling(0)
    for call, message in [
        (lambda: generate(mine, prompt(), 3, choose="greedy"), "choose must be a function, got 'greedy'"),
        (lambda: generate(mine, prompt(), 3, choose=print), "what choose gives must be a tensor, got None"),
        (lambda: generate(None, prompt(), 3), "model must be a function, got None"),
        (lambda: probabilities([1.0, 2.0]), "logits must be a tensor, got"),
        (lambda: probabilities(torch.tensor([1, 2])), "logits must be floats, got torch.int64"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()
    for options, message in [({"top_k": 2.0}, "top_k must be an integer"), ({"top_p": "1"}, "top_p must be a number")]:
        with pytest.raises(TypeError, match=message):
            Sampling(generator, **options)
    with pytest.raises(ValueError, match=r"must be one sequence \(1, i\), got \(3, 5\)"):
        beam_search(mine, prompt(), 3, n_beams=2)
    with pytest.raises(ValueError, match=r"n_beams \(0\) must be at least 1"):
        beam_search(mine, prompt(1), 3, n_beams=0)
    with pytest.raises(TypeError, match=r"n_beams must be an integer, got 2.0"):
        beam_search(mine, prompt(1), 3, n_beams=2.0)
    with pytest.raises(ValueError, match=r"length_penalty \(inf\) must be finite"):
        beam_search(mine, prompt(1), 3, n_beams=2, length_penalty=float("inf"))
    assert greedy(torch.tensor([[0.0, 2.0, 1.0]])).tolist() == [1]
