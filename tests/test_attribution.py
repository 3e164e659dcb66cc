"""Attributions: by hand, by their laws, and on a model whose right answer is known."""

import pytest
import torch
from torch.testing import assert_close

from mha.heads import MultiHeadAttention
from mha.interpret.attribution import (
    attention_gradient,
    carried_norms,
    gradient_times_input,
    integrated_gradients,
    output_from,
    received,
    record_values,
    value_norms,
)
from mha.interpret.patching import head_contributions, patch_heads, record_heads
from mha.models.bert import Encoder, EncoderConfig
from mha.recording import record_attention
from tests.planted_head import N_HEADS, N_SEEDS, N_TOKENS, PAYLOAD, PlantedHead, marked_text


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    config = EncoderConfig(vocab_size=53, d_model=24, n_layers=2, n_heads=3, d_ff=31, max_len=17)
    return Encoder(config).double().eval()


def test_what_keys_receive_by_hand():
    weights = torch.tensor([[0.2, 0.8, 0.0], [0.5, 0.1, 0.4], [1.0, 0.0, 0.0]])[None, None]
    assert_close(received(weights)[0, 0], torch.tensor([1.7, 0.9, 0.4]) / 3)
    counts = torch.tensor([[True, True, False]])
    assert_close(received(weights, counts)[0, 0], torch.tensor([0.35, 0.45, 0.2]))
    assert_close(received(weights.expand(5, 1, 2, 3, 3), counts)[4, 0, 1], torch.tensor([0.35, 0.45, 0.2]))


@torch.no_grad()
def test_what_is_carried_sums_to_the_layer(encoder):
    """Written out: each head's weighted and projected values, of which the layer's output is the sum."""
    ids = torch.randint(53, (2, 7), generator=torch.Generator().manual_seed(1))
    layer, given = encoder.blocks[1].attn, {}
    handle = layer.register_forward_hook(lambda _, __, out: given.update(out=out))
    with record_values(encoder) as kept:
        encoder(ids)
    handle.remove()
    weights, values = kept[1]
    by_pair = torch.stack([
        head_contributions(layer, weights[..., j, None] * values[:, :, j : j + 1]) for j in range(7)
    ], dim=3)  # (b, h, i, j, m)  # fmt: skip
    assert_close(by_pair.sum((1, 3)) + layer.out.bias, given["out"])
    assert_close(carried_norms(layer, weights, values), by_pair.sum(1).norm(dim=-1))
    assert_close(weights * value_norms(layer, values)[:, :, None], by_pair.norm(dim=-1))


def test_shared_values_are_repeated_and_weights_are_the_recorded():
    layer, x = MultiHeadAttention(12, 6, n_kv_heads=2), torch.randn(3, 5, 12)
    with record_attention(layer) as maps:
        layer(x)
    with record_values(layer) as kept:
        layer(x)
    assert_close(kept[0][0], maps["attention"])
    assert kept[0][1].shape == (3, 6, 5, 2)
    assert_close(kept[0][1][:, 0], kept[0][1][:, 2])


def test_integrated_gradients_are_complete_and_gradients_the_first_order(encoder):
    ids = torch.randint(53, (2, 7), generator=torch.Generator().manual_seed(1))
    direction = torch.randn(24, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    output = output_from(encoder.embeddings.tokens, lambda: encoder(ids).mean(1) @ direction)
    x = encoder.embeddings.tokens(ids).detach()
    baseline = encoder.embeddings.tokens.weight[3].detach()
    with torch.no_grad():
        change = output(x) - output(baseline.expand_as(x))
    assert_close(integrated_gradients(output, x, baseline, n_steps=48).sum(1), change, atol=1e-5, rtol=0)
    shrunk = 1e-5
    with torch.no_grad():
        lost = (output(x) - output(x * (1 - shrunk))) / shrunk
    assert_close(gradient_times_input(output, x).sum(1), lost, atol=1e-3, rtol=1e-3)


def test_a_function_known_in_closed_form():
    """f(x) = Σ x² over everything: from 0 each token's part is its own square, and the gradient times it twice that."""
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    squares = (x * x).sum(-1)
    assert_close(integrated_gradients(lambda v: (v * v).sum((1, 2)), x, torch.zeros(3), n_steps=2), squares)
    assert_close(gradient_times_input(lambda v: (v * v).sum((1, 2)), x), 2 * squares)


def test_the_gradient_of_weights_is_the_value_read_out():
    """The planted output is weight times payload, so the product is that, and 0 in every other head."""
    for seed in range(3):
        model, (ids, _) = PlantedHead(seed, n_tokens=N_TOKENS), marked_text(seed)
        with record_attention(model) as maps:
            out = model(ids)
        (found,) = attention_gradient(out, maps["attn"])
        wanted = torch.zeros_like(found)
        wanted[0, model.head, 0] = (maps["attn"][0, model.head, 0] * model.payloads(ids)[0]).detach()
        assert_close(found, wanted)


def test_the_planted_token_is_found_in_twenty_of_twenty():
    for seed in range(N_SEEDS):
        model, (ids, place) = PlantedHead(seed, n_tokens=N_TOKENS), marked_text(seed)
        output = output_from(model.embeddings, lambda model=model, ids=ids: model(ids))
        x = model.embeddings(ids)
        with record_values(model) as kept:
            model(ids)
        weights, values = kept[0]
        carried = weights * value_norms(model.attn, values)[:, :, None]
        assert weights[0, model.head, 0].argmax() == place
        assert carried[0, model.head, 0].argmax() == place
        # away from the text with payloads of zero, so that nothing else moves
        silent = x.clone()
        silent[..., PAYLOAD] = 0
        for found in (gradient_times_input(output, x), integrated_gradients(output, x, silent)):
            assert found[0, 1:].abs().argmax() + 1 == place


@torch.no_grad()
def test_patching_finds_the_planted_head_in_twenty_of_twenty_and_no_other():
    for seed in range(N_SEEDS):
        model, (ids, places) = PlantedHead(seed, n_tokens=N_TOKENS), marked_text(seed, n=2)
        ids[1] = ids[0]
        changed = ids[1].clone()
        changed[places[0]] = 2
        model.embeddings.weight[2, 1] = 1  # another token with the mark, and another payload
        with record_heads(model) as donor:
            end = model(changed[None])
        start, moved = model(ids[:1]), []
        for head in range(N_HEADS):
            with patch_heads(model, donor, [(0, head)]):
                moved.append(float((model(ids[:1]) - start) / (end - start)))
        assert_close(torch.tensor(moved), torch.eye(N_HEADS)[model.head], atol=1e-9, rtol=0)


def test_bad_input_is_named(encoder):
    layer = encoder.blocks[0].attn
    cases = (
        (lambda: received(torch.ones(3, 3)), ValueError, r"got \(3, 3\)"),
        (lambda: received(torch.ones(2, 1, 3, 3), torch.ones(2, 4, dtype=torch.bool)), ValueError, r"\(2, 3\), got"),
        (lambda: received(torch.ones(2, 1, 3, 3), torch.ones(2, 3)), TypeError, "must be bool"),
        (lambda: received(torch.ones(1, 1, 3, 3), torch.zeros(1, 3, dtype=torch.bool)), ValueError, "at least one"),
        (lambda: value_norms(layer, torch.ones(2, 3, 5, 7)), ValueError, r"\(b, 3, j, 8\), got \(2, 3, 5, 7\)"),
        (lambda: value_norms(encoder, torch.ones(2, 3, 5, 8)), TypeError, "MultiHeadAttention, got Encoder"),
        (
            lambda: carried_norms(layer, torch.ones(2, 3, 4, 6), torch.ones(2, 3, 5, 8)),
            ValueError,
            r"\(2, 3, i, 5\), got \(2, 3, 4, 6\)",
        ),
        (lambda: attention_gradient(torch.ones(2), torch.ones(2, 1, 3, 3)), ValueError, "autograd graph"),
        (lambda: attention_gradient(torch.ones(2, 2), torch.ones(2, 1, 3, 3)), ValueError, r"\(2,\), one number"),
        (lambda: gradient_times_input(lambda x: x.sum(), torch.ones(2, 3, 5)), ValueError, r"got \(\)"),
        (lambda: gradient_times_input(torch.sum, torch.ones(2, 3)), ValueError, r"\(b, i, m\), none empty, got \(2, 3"),
        (lambda: integrated_gradients(torch.sum, torch.ones(2, 3, 5), torch.ones(4)), ValueError, "broadcast to x"),
        (
            lambda: integrated_gradients(torch.sum, torch.ones(2, 3, 5), torch.ones(5), n_steps=0),
            ValueError,
            r"n_steps \(0\)",
        ),
        (lambda: output_from(encoder, None), TypeError, "run must be a function"),
    )
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()
