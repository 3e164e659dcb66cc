"""The benchmarks compare like with like, pair the times of one round, and store what they depend on."""

import json

import pytest
import torch
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from benchmarks import floors, models, pruned, stored
from benchmarks.layers import compared, layers
from mha.compress.removal import remove_heads
from mha.measure.cost import attention_cost
from mha.measure.setting import setting
from mha.models.pretrained import load_minilm

LENGTH, D_MODEL, N_HEADS = 7, 33, 3


@torch.no_grad()
@pytest.mark.parametrize("causal", [False, True])
def test_the_contenders_compute_the_same(causal):
    made = layers(LENGTH, D_MODEL, N_HEADS, causal)
    ours, _ = made["mha"]
    torch.manual_seed(0)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    torch_layer, bert, x_attention, floor = (made[name][0] for name in list(made)[1:])
    torch_layer.in_proj_weight.copy_(ours.qkv.weight)
    torch_layer.in_proj_bias.copy_(ours.qkv.bias)
    torch_layer.out_proj.load_state_dict(ours.out.state_dict())
    floor[0].load_state_dict(ours.qkv.state_dict())
    floor[1].load_state_dict(ours.out.state_dict())
    split = zip(ours.qkv.weight.chunk(3), ours.qkv.bias.chunk(3), strict=True)
    for linear, (weight, bias) in zip((bert.self.query, bert.self.key, bert.self.value), split, strict=True):
        linear.weight.copy_(weight)
        linear.bias.copy_(bias)
    bert.output.dense.load_state_dict(ours.out.state_dict())
    x = torch.randn(2, LENGTH, D_MODEL)
    want = made["mha"][1](x)
    for name in ("torch", "transformers", "floor"):
        assert_close(made[name][1](x), want, atol=1e-5, rtol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
    for module in (ours.qkv, ours.out):  # x-transformers has no biases
        torch.nn.init.zeros_(module.bias)
    for linear, weight in zip(
        (x_attention.to_q, x_attention.to_k, x_attention.to_v), ours.qkv.weight.chunk(3), strict=True
    ):
        linear.weight.copy_(weight)
    x_attention.to_out.weight.copy_(ours.out.weight)
    assert_close(made["x-transformers"][1](x), made["mha"][1](x), atol=1e-5, rtol=1e-5)


def test_the_best_peer_is_the_fastest_and_ratios_pair_the_rounds():
    times = {
        "mha": [1.0, 20.0, 3.0, 40.0, 2.0],
        "torch": [1.0, 10.0, 1.0, 10.0, 1.0],
        "floor": [2.0, 2.0, 2.0, 2.0, 2.0],
    }
    times |= {"transformers": [9.0] * 5, "x-transformers": [8.0] * 5}
    found = compared(times)
    assert found["best_peer"] == "torch"
    assert found["ratio_to_best_peer"] == [2.0, 2.0, 3.0]  # of 1, 2, 3, 4, 2
    assert found["ratio_to_floor"] == [1.5, 1.0, 10.0]
    assert found["milliseconds"]["mha"] == {"median": 3000.0, "quartiles": [2000.0, 20000.0]}


def test_results_come_back_with_the_setting_they_were_made_in(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "RESULTS", tmp_path)
    stored.save_results("made_up", {"rounds": 3})
    assert stored.load_results("made_up") == {"setting": setting(), "rounds": 3}


@pytest.mark.parametrize("path", sorted(stored.RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_what_is_stored_says_where_it_came_from(path):
    assert json.loads(path.read_text())["setting"].keys() == setting().keys()


def test_both_sides_train_the_same_model():
    size = models.Size(n_layers=2, n_heads=2, d_model=22, length=11, batch=3)
    ours, theirs = (model.double().eval() for model in models.gpt_pair(size))
    tokens = torch.randint(models.VOCAB_SIZE, (3, 11), generator=torch.Generator().manual_seed(0))
    assert_close(ours(tokens), theirs(tokens).logits, atol=1e-10, rtol=0)
    our_loss, their_loss = (loss().double() for _, loss in models.losses(size, (ours, theirs)).values())
    assert_close(our_loss, their_loss, atol=1e-5, rtol=0)


def test_both_sides_write_the_same_tokens():
    calls = models.decoding(models.Size(n_layers=2, n_heads=2, d_model=22, length=11, batch=1))
    ours, theirs = calls["mha"](), calls["transformers"]()
    assert ours.shape == (1, models.PROMPT + models.NEW_TOKENS)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("ragged", [False, True])
def test_both_sides_encode_the_same(ragged):
    outs = [call() for name, call in models.encoding(ragged).items() if name != "floor"]
    real = outs[0].abs().sum(-1) > 0  # encode_by_length leaves zeros at padding
    assert (not ragged) == bool(real.all())
    for out in outs[1:]:
        assert_close(out[real], outs[0][real], atol=2e-5, rtol=0)


SIZE = models.Size(n_layers=2, n_heads=2, d_model=22, length=11, batch=3)
KERNELS = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: lambda *shapes, **_: sdpa_flop_count(*shapes[:3]),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda *shapes, **_: sdpa_backward_flop_count(*shapes[:4])
    ),
}


def operations(call):
    """Of the matrix products and attention kernels that a call does."""
    with FlopCounterMode(display=False, custom_mapping=KERNELS) as counter:
        call()
    return counter.get_total_flops()


def counted(length, batch, size=SIZE, d_ff=None):
    """Of a forward pass by `mha.measure.cost`: those of all matrices but the last, and those of the kernels."""
    layer = attention_cost(length, size.d_model, size.n_heads, batch=batch)
    feed_forward = 2 * 2 * batch * length * size.d_model * (d_ff or 4 * size.d_model)
    return size.n_layers * (layer.projections + feed_forward), size.n_layers * (layer.scores + layer.average)


@pytest.mark.parametrize("chunk", [7, 512])
def test_the_floor_of_a_training_step_multiplies_what_the_step_must(monkeypatch, chunk):
    monkeypatch.setattr(floors, "CHUNK", chunk)  # rows of logits at a time, of 30
    steps = models.training_steps(SIZE)
    products, kernels = counted(SIZE.length - 1, SIZE.batch)
    logits = 2 * SIZE.batch * (SIZE.length - 1) * SIZE.d_model * models.VOCAB_SIZE
    # behind each product two more; behind the two products of a kernel five, since it computes the scores again
    blocks = 3 * products + (1 + 5 / 2) * kernels
    assert operations(steps["floor"]) == blocks + 3 * logits
    assert operations(steps["mha"]) == blocks  # into torch's loss the counter does not see


def test_the_floor_of_decoding_multiplies_each_token_once_with_each_matrix():
    gpt, _ = models.gpt_pair(SIZE)
    products, _ = counted(1, 1)
    want = 7 * (products + 2 * SIZE.d_model * models.VOCAB_SIZE)
    assert operations(floors.decoding(gpt, 7)) == want
    assert want == 7 * 2 * sum(p.numel() for p in gpt.parameters() if p.dim() == 2 and p is not gpt.positions.weight)


@pytest.mark.parametrize("ragged", [False, True])
def test_the_floor_of_the_encoder_multiplies_real_tokens_alone(ragged):
    calls = models.encoding(ragged)
    size = models.Size(n_layers=6, n_heads=12, d_model=384, length=64, batch=32)
    lengths = [round(8 + 120 * n / 31) for n in range(32)] if ragged else [64] * 32
    want = sum(sum(counted(length, 1, size)) for length in lengths)
    assert operations(calls["floor"]) == want
    assert (operations(calls["mha"]) == want) == (not ragged)


def test_the_table_shows_both_ratios_of_each_case():
    times = {"mha": [2.0, 6.0, 4.0], "transformers": [4.0, 6.0, 16.0], "floor": [1.0, 3.0, 1.0]}
    found = models.compared(times)
    assert found["ratio_to_transformers"] == [0.5, 0.375, 0.75]  # of 1/2, 1, 1/4
    assert found["ratio_to_floor"] == [2.0, 2.0, 3.0]  # of 2, 2, 4
    row = models.table([{"case": "made up", **found}]).splitlines()[1]
    assert " ".join(row.split()) == "made up 4000.00 6000.00 1000.00 0.50 [0.38, 0.75] 2.00 [2.00, 3.00]"


def test_a_column_comes_run_by_run():
    rows = [{"run": run, "kind": kind, "seconds": 10 * run + n} for run in (1, 0) for n, kind in enumerate("aab")]
    assert stored.by_run(rows, kind="a").tolist() == [[0, 1], [10, 11]]
    assert stored.by_run(rows, "run", kind="b").tolist() == [[0], [1]]
    with pytest.raises(ValueError, match="got none of 6"):
        stored.by_run(rows, kind="c")


@torch.no_grad()
def test_masked_heads_and_removed_ones_are_the_same_heads():
    encoder = load_minilm()[0]
    ids = torch.randint(1000, 30000, (2, LENGTH), generator=torch.Generator().manual_seed(0))
    smaller = remove_heads(encoder, pruned.heads(pruned.MASKED))
    assert {block.attn.n_heads for block in smaller.blocks} == {pruned.N_HEADS - pruned.MASKED}
    assert_close(pruned.masked(encoder, ids), smaller(ids), atol=1e-5, rtol=0)
