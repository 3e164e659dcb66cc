"""Gates and cuts: in the attention that was named and in no other, as by hand, and refused where they cannot act."""

import copy
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
from torch.testing import assert_close
from torch.utils.checkpoint import checkpoint

from mha.interpret.gating import cut_edges, edges_between, gate_heads
from mha.interpret.patching import patch_heads, record_heads
from mha.models.albert import AlbertConfig, AlbertMaskedLM
from mha.models.bert import EncoderConfig, MaskedLM
from mha.models.gpt import GPT, GPTConfig
from mha.models.t5 import T5, T5Config
from mha.models.xlnet import XLNet, XLNetConfig
from mha.recording import record_attention

V, M, H, FF, LENGTH = 29, 21, 3, 31, 7
SIZES = {"vocab_size": V, "d_model": M, "n_heads": H, "d_ff": FF}
PASSES = 5  # the configuration says 2
IDS = torch.randint(V, (2, LENGTH), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def shared():
    torch.manual_seed(0)
    model = AlbertMaskedLM(AlbertConfig(**SIZES, d_embedding=5, n_layers=2, max_len=13)).encoder
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.double().eval()


@pytest.fixture
def ordinary():
    torch.manual_seed(0)
    return MaskedLM(EncoderConfig(**SIZES, n_layers=3, max_len=13)).encoder.double().eval()


def by_hand(model, change):
    """The model's run, pass by pass; change(number) gives the pass its block and the keyword arguments of it."""
    x = model.widen(model.embeddings(IDS))
    for number in range(PASSES):
        block, options = change(number)
        x = block(x, **options)
    return x


def weakened(block, head, factor):
    """The block with one head's columns of the output projection scaled, which are d = M / H each."""
    twin = copy.deepcopy(block)
    twin.attn.out.weight.data[:, head * (M // H) : (head + 1) * (M // H)] *= factor
    return twin


@torch.no_grad()
@pytest.mark.parametrize("passes", [[0], [3], [1, 4], range(PASSES)])
@pytest.mark.parametrize("factor", [0.0, 0.5, -2])
def test_a_head_is_gated_in_the_passes_named_alone(shared, passes, factor):
    want = by_hand(shared, lambda n: (weakened(shared.block, 1, factor) if n in passes else shared.block, {}))
    with gate_heads(shared, {(n, 1): factor for n in passes}):
        got = shared(IDS, n_passes=PASSES)
        again = shared(IDS, n_passes=PASSES)  # each call is a run of its own
    assert_close(got, want, atol=1e-12, rtol=0)
    assert torch.equal(got, again)
    assert (want - shared(IDS, n_passes=PASSES)).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("passes", [[0], [2, 3], range(PASSES)])
def test_edges_are_cut_in_the_heads_and_passes_named_alone(shared, passes):
    bias = torch.zeros(H, LENGTH, LENGTH, dtype=torch.float64)
    bias[2, 4:, 1:3] = -torch.inf
    want = by_hand(shared, lambda n: (shared.block, {"attn_bias": bias} if n in passes else {}))
    edges = edges_between(range(4, LENGTH), [1, 2], LENGTH)
    cut = partial(cut_edges, shared, [(n, 2) for n in passes], edges)
    with cut(), record_attention(shared) as maps:
        assert_close(shared(IDS, n_passes=PASSES), want, atol=1e-12, rtol=0)
    with record_attention(shared) as entered_first, cut():
        shared(IDS, n_passes=PASSES)
    assert_close(entered_first.calls("block.attn"), maps.calls("block.attn"), atol=0, rtol=0)
    for number, weights in enumerate(maps.calls("block.attn")):
        along = weights[:, 2, 4:, 1:3]
        assert (along == 0).all() if number in passes else (along > 0).all()
        assert (weights[:, :2] > 0).all()
        assert_close(weights.sum(-1), torch.ones(2, H, LENGTH, dtype=torch.float64))


def test_a_query_cut_off_in_every_head_and_pass_knows_nothing_of_the_others(shared):
    """Planted truth: what goes round by other tokens would show, and so would one head or one pass that was left."""
    alone = edges_between([2], set(range(LENGTH)) - {2}, LENGTH)
    everywhere = [(number, head) for number in range(PASSES) for head in range(H)]
    for left_out in (None, (0, 1), (4, 2)):
        table = shared.embeddings.tokens.weight
        with cut_edges(shared, [place for place in everywhere if place != left_out], alone):
            out = shared(torch.arange(LENGTH)[None], n_passes=PASSES)
        (gradient,) = torch.autograd.grad(out[0, 2].cos().sum(), table)
        reached = gradient[:LENGTH].abs().sum(-1) > 0
        assert reached.tolist() == [True] * LENGTH if left_out else reached.nonzero().tolist() == [[2]]


@torch.no_grad()
def test_in_an_ordinary_model_the_number_is_the_layers(ordinary):
    with record_heads(ordinary) as kept:
        ordinary(IDS)
    silent = {layer: torch.zeros_like(outputs) for layer, outputs in kept.items()}
    places = [(0, 2), (2, 0), (2, 1)]
    with patch_heads(ordinary, silent, places):
        want = ordinary(IDS)
    with gate_heads(ordinary, dict.fromkeys(places, 0)):
        assert_close(ordinary(IDS), want, atol=1e-12, rtol=0)


@torch.no_grad()
def test_in_a_decoder_attentions_are_numbered_as_they_run():
    torch.manual_seed(0)
    model = T5(T5Config(**SIZES, head_dim=7, n_layers=2)).double().eval()
    twin = copy.deepcopy(model)
    twin.decoder.blocks[0].cross_attn.out.weight.data[:, :7] = 0  # two of the encoder, then self and cross
    with gate_heads(model, {(3, 0): 0.0}):
        assert_close(model(IDS, IDS), twin(IDS, IDS), atol=1e-12, rtol=0)


@torch.no_grad()
def test_each_text_of_a_batch_has_edges_of_its_own_and_masks_hold_beside(shared):
    key_mask = torch.arange(LENGTH) < torch.tensor([[LENGTH], [5]])
    edges = torch.stack([edges_between([0], [1, 2], LENGTH), edges_between([3], range(LENGTH), LENGTH)])
    with record_attention(shared) as maps, cut_edges(shared, [(0, 0)], edges), cut_edges(shared, [(0, 0)], edges.mT):
        shared(IDS, key_mask=key_mask)
    weights = maps.calls("block.attn")[0]
    unseen = edges | edges.mT | ~key_mask[:, None, :]
    assert ((weights[:, 0] == 0) == unseen).all()
    assert not weights[1, 0, 3].any()  # all its edges are cut: zeros, and no NaN
    assert ((weights[:, 1:] == 0) == ~key_mask[:, None, None, :]).all()


@torch.no_grad()
def test_with_caches_edges_reach_back_to_the_keys_of_earlier_calls():
    torch.manual_seed(0)
    model = GPT(GPTConfig(**SIZES, n_layers=2, max_len=13)).double().eval()
    edges = edges_between([3, 5, 6], [1, 4], LENGTH)
    with cut_edges(model, [(1, 2)], edges):
        want = model(IDS)
    caches = model.new_caches(2, LENGTH)
    for first, last in ((0, 4), (4, LENGTH)):
        with cut_edges(model, [(1, 2)], edges[first:last, :last]):
            got = model(IDS[:, first:last], caches=caches)
        assert_close(got, want[:, first:last], atol=1e-12, rtol=0)


def test_a_gate_has_a_gradient(shared):
    def loss(gate, other):
        with gate_heads(shared, {(1, 0): gate, (3, 2): other}):
            return shared(IDS[:1], n_passes=PASSES).cos().sum()

    gates = (torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in (1.0, 0.3))
    assert torch.autograd.gradcheck(loss, tuple(gates))


def n_hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@torch.no_grad()
def test_hooks_go_and_copies_and_other_threads_run_as_ever(shared):
    want, edges = shared(IDS), edges_between([0], [1], LENGTH)
    for gated in (lambda: gate_heads(shared, {(0, 1): 0}), lambda: cut_edges(shared, [(0, 1)], edges)):
        with ThreadPoolExecutor(1) as pool, gated():
            assert not torch.allclose(shared(IDS), want, atol=1e-6)
            assert torch.equal(copy.deepcopy(shared)(IDS), want)
            assert torch.equal(pool.submit(torch.no_grad()(shared), IDS).result(), want)
        assert n_hooks(shared) == 0
        with pytest.raises(ZeroDivisionError), gated():
            raise ZeroDivisionError
        assert n_hooks(shared) == 0
        with gated():
            with pytest.raises(ValueError, match="at most max_len"):
                shared(torch.zeros(1, 14, dtype=torch.int64))  # a run that fails leaves no count behind
            with pytest.raises(RuntimeError, match="outside a call"):
                shared.hidden_states(IDS)
            assert not torch.equal(shared(IDS), want)
    assert torch.equal(shared(IDS), want)


def test_what_cannot_be_numbered_is_refused(shared):
    gated = partial(gate_heads, shared, {(0, 0): 0})
    with pytest.raises(ValueError, match=r"attention \(2\) must be below 2, the run's number"):
        with_gate(shared, {(2, 0): 0, (0, 0): 0}, shared)
    with pytest.raises(ValueError, match=r"Albert must be called inside the with"), gated():
        pass
    with pytest.raises(RuntimeError, match=r"outside a call of the Albert"), gated():
        shared.hidden_states(IDS)
    with pytest.raises(RuntimeError, match=r"ran in the backward pass"), gated():
        checkpoint(shared, IDS, use_reentrant=False).sum().backward()


def with_gate(model, factors, run):
    with gate_heads(model, factors):
        return run(IDS)


def test_a_run_that_goes_past_its_hooks_is_refused(shared, monkeypatch):
    monkeypatch.setattr(shared, "forward", lambda ids: ids)  # as a model compiled before may
    with pytest.raises(ValueError, match=r"below 0, the run's number: a model that was compiled before goes past"):
        with_gate(shared, {(0, 1): 0}, shared)


def test_bad_input_is_named(shared):
    edges, other = edges_between([0], [1], LENGTH), XLNet(XLNetConfig(**SIZES | {"d_model": 24}, n_layers=1))
    cases = (
        (lambda: gate_heads(shared, [(0, 0)]), TypeError, "factors must be a mapping"),
        (lambda: gate_heads(shared, {(0, 3): 0}), ValueError, r"head \(3\) must be between 0 and 2"),
        (lambda: gate_heads(shared, {(-1, 0): 0}), ValueError, r"attention \(-1\) must be at least 0"),
        (lambda: gate_heads(shared, {(0, 0.0): 0}), TypeError, "head must be an integer, got 0.0"),
        (lambda: gate_heads(shared, {5: 0}), TypeError, r"a place must be a pair \(attention, head\), got 5"),
        (lambda: gate_heads(shared, {(0, 0): float("nan")}), ValueError, r"a factor \(nan\) must be finite"),
        (lambda: gate_heads(shared, {(0, 0): torch.ones(2)}), TypeError, r"tensor without axes, got .*\(2,\)"),
        (lambda: gate_heads(torch.nn.Linear(2, 2), {(0, 0): 0}), ValueError, "Linear has no MultiHeadAttention"),
        (lambda: cut_edges(shared, [(0, 0)], edges.float()), TypeError, r"edges must be bool \(True = cut\)"),
        (lambda: cut_edges(shared, [(0, 0)], edges[0]), ValueError, r"\(i, j\) or \(b, i, j\), got \(7,\)"),
        (lambda: cut_edges(other, [(0, 0)], edges), TypeError, "RelativeAttention takes no attn_mask"),
        (lambda: edges_between([7], [1], LENGTH), ValueError, r"queries \(7\) must be between 0 and 6"),
        (lambda: edges_between([0], [True], LENGTH), TypeError, "keys must be an integer, got True"),
    )
    for make, error, message in cases:
        with pytest.raises(error, match=message), make():
            pass
    for wrong, shape in ((edges[:5], r"\(7, 7\).*got \(5, 7\)"), (edges.expand(3, -1, -1), r"\(2, 7, 7\)")):
        with pytest.raises(ValueError, match=f"edges must have shape {shape}"), cut_edges(shared, [(0, 0)], wrong):
            shared(IDS)
