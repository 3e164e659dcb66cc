"""Patching heads: nothing changes where nothing should, all of it where all is patched, and hooks go."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.testing import assert_close
from torch.utils.checkpoint import checkpoint

from mha.interpret.patching import attention_layers, head_contributions, patch_heads, patch_output, record_heads
from mha.models.bert import EncoderConfig, MaskedLM
from mha.recording import record_attention

N_LAYERS, N_HEADS = 2, 3


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = EncoderConfig(vocab_size=53, d_model=24, n_layers=N_LAYERS, n_heads=N_HEADS, d_ff=31, max_len=17)
    return MaskedLM(config).encoder.double().eval()


@pytest.fixture
def runs(model):
    ids = torch.randint(5, 53, (2, 1, 7), generator=torch.Generator().manual_seed(1))
    with torch.no_grad(), record_heads(model) as kept:
        outs = []
        heads = []
        for row in ids:
            outs.append(model(row))
            heads.append(dict(kept))
    return ids, outs, heads


@torch.no_grad()
def test_patching_a_run_with_itself_or_with_no_head_changes_nothing(model, runs):
    ids, outs, heads = runs
    everything = [(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]
    for donor, chosen in ((heads[0], everything), (heads[1], [])):
        with patch_heads(model, donor, chosen):
            assert_close(model(ids[0]), outs[0], atol=1e-12, rtol=0)


@torch.no_grad()
def test_only_the_named_head_is_replaced(model, runs):
    ids, _, heads = runs
    layer, given = attention_layers(model)[1], {}
    layer.register_forward_hook(lambda _, __, out: given.update(out=out))
    with patch_heads(model, heads[1], [(1, 2)]):
        model(ids[0])
    wanted = heads[0][1].clone()
    wanted[:, 2] = heads[1][1][:, 2]
    assert_close(given["out"], head_contributions(layer, wanted).sum(dim=1) + layer.out.bias, atol=1e-12, rtol=0)


@torch.no_grad()
def test_a_patched_block_output_makes_the_rest_the_other_run(model, runs):
    ids, outs, _ = runs
    seen = {}
    handle = model.blocks[0].register_forward_hook(lambda _, __, out: seen.update(out=out))
    model(ids[1])
    handle.remove()
    with patch_output(model.blocks[0], seen["out"]):
        assert_close(model(ids[0]), outs[1], atol=1e-12, rtol=0)


@torch.no_grad()
def test_contributions_sum_to_the_layer_and_recording_sees_the_same(model, runs):
    ids, outs, heads = runs
    layer = attention_layers(model)[0]
    given = {}
    handle = layer.register_forward_hook(lambda _, __, out: given.update(out=out))
    with record_attention(model) as maps:
        assert_close(model(ids[0]), outs[0], atol=1e-10, rtol=0)
    handle.remove()
    assert len(maps.stack()) == N_LAYERS
    total = head_contributions(layer, heads[0][0]).sum(dim=1) + layer.out.bias
    assert_close(total, given["out"], atol=1e-10, rtol=0)


def n_hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@torch.no_grad()
def test_hooks_go_by_an_error_too(model, runs):
    ids, outs, heads = runs
    everything = [(0, 0), (1, 0), (1, 2)]
    for with_hooks in (
        lambda: record_heads(model),
        lambda: patch_heads(model, heads[1], everything),
        lambda: patch_output(model.blocks[0], torch.ones(1, 7, 24, dtype=torch.float64)),
    ):
        with with_hooks():
            assert n_hooks(model) > 0
        assert n_hooks(model) == 0
        with pytest.raises(ZeroDivisionError), with_hooks():
            raise ZeroDivisionError
        assert n_hooks(model) == 0
    with pytest.raises(ValueError, match="must have the shape of this run's"), patch_heads(model, heads[1], [(0, 0)]):
        model(ids[0][:, :5])
    other_shape = patch_output(model.blocks[0], torch.zeros(1, 7, 24, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"value must have shape \(1, 5, 24\) .*, got \(1, 7, 24\)"), other_shape:
        model(ids[0][:, :5])
    assert_close(model(ids[0]), outs[0], atol=1e-12, rtol=0)


@torch.no_grad()
def test_a_copy_is_not_patched_and_another_thread_runs_as_ever(model, runs):
    ids, outs, heads = runs
    value = torch.ones(1, 7, 24, dtype=torch.float64)
    with ThreadPoolExecutor(1) as pool:
        for with_hooks in (
            lambda: patch_heads(model, heads[1], [(0, 0), (1, 2)]),
            lambda: patch_output(model.blocks[0], value),
        ):
            with with_hooks():
                twin = copy.deepcopy(model)
                assert not torch.allclose(model(ids[0]), outs[0], atol=1e-3)
                for other in (twin, model):
                    assert_close(pool.submit(torch.no_grad()(other), ids[0]).result(), outs[0], atol=1e-12, rtol=0)
                assert_close(twin(ids[0]), outs[0], atol=1e-12, rtol=0)
            assert_close(twin(ids[0]), outs[0], atol=1e-12, rtol=0)
        with record_heads(model) as kept:
            copy.deepcopy(model)(ids[0])
            pool.submit(torch.no_grad()(model), ids[0]).result()
        assert not kept


def test_heads_are_recorded_once_under_checkpointing(model):
    layer, x = attention_layers(model)[0], torch.randn(2, 5, 24, dtype=torch.float64, requires_grad=True)
    with record_heads(layer) as kept:
        out = checkpoint(layer, x, use_reentrant=False)
        first = kept[0]
        out.sum().backward()
    assert kept[0] is first


@torch.no_grad()
def test_several_heads_of_a_layer_are_replaced_and_nothing_is_changed_in_place(model, runs):
    ids, _, heads = runs
    given, entered = {}, {}
    layer = attention_layers(model)[1]
    layer.out.register_forward_pre_hook(lambda _, inputs: entered.update(merged=inputs[0], was=inputs[0].clone()))
    layer.register_forward_hook(lambda _, __, out: given.update(out=out))
    with patch_heads(model, heads[1], [(1, 2), (1, 0)]):
        model(ids[0])
    wanted = heads[1][1].clone()
    wanted[:, 1] = heads[0][1][:, 1]
    assert_close(given["out"], head_contributions(layer, wanted).sum(dim=1) + layer.out.bias, atol=1e-12, rtol=0)
    assert torch.equal(entered["merged"], entered["was"])


def test_bad_input_is_named(model, runs):
    _, _, heads = runs
    for wrong, message in (((2, 0), r"got \(2, 0\)"), ((0, 3), r"got \(0, 3\)"), ((-1, 0), "lie"), ((0, -1), "lie")):
        with pytest.raises(ValueError, match=message), patch_heads(model, heads[0], [wrong]):
            pass
    lacking = patch_heads(model, {0: heads[0][0]}, [(1, 0)])
    with pytest.raises(ValueError, match=r"donor must hold layer 1, got layers \[0\]"), lacking:
        pass
    layer = attention_layers(model)[0]
    given = heads[0][0]
    cases = (
        (
            lambda: patch_heads(model, {0: given.reshape(1, 6, 7, 4)}, [(0, 0)]),
            ValueError,
            r"donor\[0\] must have shape",
        ),
        (lambda: patch_heads(model, {0: None}, [(0, 0)]), TypeError, r"donor\[0\] must be a tensor, got None"),
        (lambda: patch_heads(model, heads[0], [(0, True)]), TypeError, "head must be an integer, got True"),
        (lambda: patch_heads(model, heads[0], [(0.0, 1)]), TypeError, "layer must be an integer, got 0.0"),
        (lambda: patch_heads(model, heads[0], [3]), TypeError, r"heads must be pairs \(layer, head\), got 3"),
        (lambda: patch_heads(None, heads[0], []), TypeError, "model must be a torch.nn.Module, got None"),
        (lambda: patch_output("layer", torch.ones(1)), TypeError, "module must be a torch.nn.Module, got 'layer'"),
        (lambda: patch_output(layer, None), TypeError, "value must be a tensor, got None"),
    )
    for make, error, message in cases:
        with pytest.raises(error, match=message):
            make().__enter__()
    single = patch_heads(model, {0: given.float()}, [(0, 0)])
    with pytest.raises(ValueError, match=r"in torch.float64 on cpu, got .* in torch.float32"), single:
        model(runs[0][0])
    with pytest.raises(ValueError, match="Linear has no MultiHeadAttention layer"):
        attention_layers(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"outputs must have shape \(b, 3, i, 8\)"):
        head_contributions(attention_layers(model)[0], torch.ones(1, 2, 7, 8))
    with pytest.raises(ValueError, match=r"got \(1, 3, 7, 9\)"):
        head_contributions(attention_layers(model)[0], torch.ones(1, 3, 7, 9))
    replaced = attention_layers(model)[0]
    replaced.out = torch.nn.Identity()
    with pytest.raises(TypeError, match=r"layer.out.weight must be a tensor, got None"):
        head_contributions(replaced, torch.ones(1, 3, 7, 8))
