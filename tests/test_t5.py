"""T5: equal to transformers' T5ForConditionalGeneration, values and gradients; caches; what it refuses."""

from dataclasses import astuple

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from transformers import T5Config as TheirConfig
from transformers import T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5LayerNorm

from mha.blocks import DecoderBlock
from mha.checkpoint import load_weights
from mha.generate import beam_search, generate
from mha.heads import MultiHeadAttention
from mha.models.bound_decoder import BoundDecoder
from mha.models.t5 import T5, T5Config, shift_right
from mha.positions import RelativeBias
from mha.recording import record_attention
from tests.parity import assert_same_gradients, dropped, randomised, with_weights_of

V, M, L, H, D, FF, BUCKETS, FARTHEST = 29, 22, 2, 3, 7, 31, 10, 11
B, J, I = 2, 17, 13  # noqa: E741 (sequences, source tokens, target tokens)


def my_t5(**sizes):
    defaults = {"vocab_size": V, "d_model": M, "n_layers": L, "n_heads": H, "head_dim": D, "d_ff": FF}
    return T5(T5Config(**defaults | {"n_buckets": BUCKETS, "max_distance": FARTHEST} | sizes))


def their_t5():
    config = TheirConfig(
        vocab_size=V, d_model=M, num_layers=L, num_heads=H, d_kv=D, d_ff=FF, dropout_rate=0.0, decoder_start_token_id=0,
        relative_attention_num_buckets=BUCKETS, relative_attention_max_distance=FARTHEST,
    )  # fmt: skip
    return T5ForConditionalGeneration(config)


@pytest.fixture(params=[(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=["float32", "float64"])
def pair(request, monkeypatch):
    """Theirs, mine with the same random weights, and how near they must come."""
    dtype, atol = request.param
    if dtype == torch.float64:  # their norm takes the mean square in float32 whatever comes in
        monkeypatch.setattr(T5LayerNorm, "forward", norm_in_its_own_dtype)
    theirs = randomised(their_t5(), dtype=dtype)
    return theirs, with_weights_of(theirs, my_t5()), atol


def norm_in_its_own_dtype(self, x):
    return F.rms_norm(x, x.shape[-1:], self.weight, self.variance_epsilon)


def padded_source():
    generator = torch.Generator().manual_seed(1)
    token_ids = torch.randint(1, V, (B, J), generator=generator)
    return token_ids, torch.arange(J) < torch.tensor([[J], [5]]), torch.randint(1, V, (B, I), generator=generator)


def test_equals_transformers_on_a_padded_batch(pair):
    theirs, mine, atol = pair
    token_ids, key_mask, decoder_ids = padded_source()
    want = theirs(
        input_ids=token_ids,
        attention_mask=key_mask.long(),
        decoder_input_ids=decoder_ids,
    )
    memory = mine.encode(token_ids, key_mask=key_mask)
    assert_close(memory[key_mask], want.encoder_last_hidden_state[key_mask], atol=10 * atol, rtol=0)
    assert_close(mine(token_ids, decoder_ids, key_mask=key_mask), want.logits, atol=atol, rtol=0)
    assert_close(mine.decoder_for(memory, key_mask)(decoder_ids), want.logits, atol=atol, rtol=0)


def test_gradients_equal_transformers(pair):
    theirs, mine, atol = pair
    token_ids, key_mask, decoder_ids = padded_source()
    theirs(
        input_ids=token_ids, attention_mask=key_mask.long(), decoder_input_ids=decoder_ids
    ).logits.sin().mean().backward()
    mine(token_ids, decoder_ids, key_mask=key_mask).sin().mean().backward()
    assert_same_gradients(theirs, mine, atol)


def test_the_weights_are_transformers_and_one_table_serves_all_layers(pair):
    theirs, mine, atol = pair
    token_ids, key_mask, decoder_ids = padded_source()
    theirs.set_attn_implementation("eager")
    want = theirs(
        input_ids=token_ids, attention_mask=key_mask.long(), decoder_input_ids=decoder_ids, output_attentions=True
    )
    with record_attention(mine) as maps:
        mine(token_ids, decoder_ids, key_mask=key_mask)
    for layer in range(L):
        for name, other in (
            (f"encoder.blocks.{layer}.attn", want.encoder_attentions[layer]),
            (f"decoder.blocks.{layer}.self_attn", want.decoder_attentions[layer]),
            (f"decoder.blocks.{layer}.cross_attn", want.cross_attentions[layer]),
        ):
            rows = key_mask[:, None, :].expand(-1, H, -1) if name.startswith("encoder") else slice(None)
            assert_close(maps[name][rows], other[rows], atol=atol, rtol=0)
    assert sum(isinstance(module, RelativeBias) for module in mine.modules()) == 2


@torch.no_grad()
def test_generating_with_a_cache_equals_transformers(pair):
    theirs, mine, _ = pair
    token_ids, key_mask, _ = padded_source()
    want = theirs.generate(
        input_ids=token_ids, attention_mask=key_mask.long(), max_new_tokens=I, do_sample=False, eos_token_id=None
    )
    writer = mine.decoder_for(mine.encode(token_ids, key_mask=key_mask), key_mask)
    caches, written = writer.new_caches(B, I), torch.zeros(B, 1, dtype=torch.int64)
    for _ in range(I):
        written = torch.cat([written, writer(written[:, -1:], caches).argmax(-1)], dim=1)
    assert torch.equal(written, want)


@torch.no_grad()
def test_it_generates_with_and_without_a_cache_and_by_beams(mine):
    token_ids, key_mask, _ = padded_source()
    memory, start = mine.encode(token_ids, key_mask=key_mask), torch.zeros(B, 1, dtype=torch.int64)
    writer = mine.decoder_for(memory, key_mask)
    assert torch.equal(generate(writer, start, I), generate(writer, start, I, use_cache=False))
    alone = mine.decoder_for(memory[1:], key_mask[1:])
    assert torch.equal(beam_search(alone, start[:1], I, n_beams=1)[0], generate(writer, start, I)[1:])
    tokens, scores = beam_search(alone, start[:1], I, n_beams=3, length_penalty=0.0)
    log_p = alone(tokens[:, :-1]).log_softmax(-1).gather(-1, tokens[:, 1:, None]).sum((1, 2))
    assert_close(scores, log_p, atol=1e-10, rtol=0)


@pytest.fixture
def mine():
    torch.manual_seed(0)
    return my_t5().double()


@torch.no_grad()
def test_step_by_step_equals_all_at_once(mine):
    token_ids, key_mask, decoder_ids = padded_source()
    full = mine(token_ids, decoder_ids, key_mask=key_mask)
    writer = mine.decoder_for(mine.encode(token_ids, key_mask=key_mask), key_mask)
    for pieces in ([1] * I, [5, 1, I - 6]):
        caches = writer.new_caches(B, I)
        parts = [writer(piece, caches) for piece in decoder_ids.split(pieces, dim=1)]
        assert_close(torch.cat(parts, dim=1), full, atol=1e-12, rtol=0)
        assert caches.length == I


@torch.no_grad()
def test_a_truncated_cache_goes_on_from_there(mine):
    token_ids, key_mask, decoder_ids = padded_source()
    writer = mine.decoder_for(mine.encode(token_ids, key_mask=key_mask), key_mask)
    caches = writer.new_caches(B, I)
    writer(decoder_ids.flip(1), caches)
    caches.truncate(0)
    writer(decoder_ids[:, :5], caches)
    caches.truncate(3)
    assert caches.length == 3
    assert_close(writer(decoder_ids[:, 3:], caches), writer(decoder_ids)[:, 3:], atol=1e-12, rtol=0)
    assert caches.cache_bytes == L * 2 * B * H * D * (I + J) * 8


@torch.no_grad()
def test_several_sequences_share_a_memory_and_change_places_with_it(mine):
    token_ids, key_mask, decoder_ids = padded_source()
    memory = mine.encode(token_ids, key_mask=key_mask)
    writer = mine.decoder_for(memory, key_mask)
    three_each = decoder_ids.repeat_interleave(3, 0)
    assert_close(writer(three_each), writer(decoder_ids).repeat_interleave(3, 0), atol=1e-12, rtol=0)
    caches = writer.new_caches(3 * B, I)
    writer(three_each[:, :5], caches)
    caches.reorder(torch.tensor([5, 0, 3, 3, 1, 2]))  # across memories too
    got = writer(three_each[:, 5:6], caches)
    rows = torch.tensor([5, 0, 3, 3, 1, 2]) // 3
    fresh = writer.new_caches(3 * B, I)
    fresh.reorder(torch.tensor([5, 0, 3, 3, 1, 2]))  # before the memory has been read
    first = mine.decoder_for(memory[rows], key_mask[rows])(three_each[:, :1])
    assert_close(writer(three_each[:, :1], fresh), first, atol=1e-12, rtol=0)
    mixed = torch.cat([decoder_ids[rows, :5], three_each[:, 5:6]], dim=1)
    want = mine.decoder_for(memory[rows], key_mask[rows])(mixed)[:, -1:]
    assert_close(got, want, atol=1e-12, rtol=0)


def test_each_attention_gets_a_cache_of_its_own_heads_and_length():
    grouped = MultiHeadAttention(M, 2, n_kv_heads=1)
    decoder = BoundDecoder(None, [DecoderBlock(M, 2, FF, attention=grouped)], torch.zeros(B, J, M))
    caches = decoder.new_caches(2 * B, I)
    assert (caches.own[0].keys.shape[1], caches.own[0].max_len) == (1, I)
    assert (caches.of_memory[0].keys.shape[1], caches.of_memory[0].max_len) == (2, J)


@pytest.mark.parametrize("batch", [0, -2])
def test_a_batch_of_none_is_refused(mine, batch):
    with pytest.raises(ValueError, match=rf"batch \({batch}\) must be at least 1"):
        mine.decoder_for(torch.zeros(B, J, M, dtype=torch.float64)).new_caches(batch, I)


def test_padding_changes_nothing_and_the_future_nothing_either(mine):
    token_ids, key_mask, decoder_ids = padded_source()
    logits = mine(token_ids, decoder_ids, key_mask=key_mask)
    alone = mine(token_ids[1:, :5], decoder_ids[1:])
    assert_close(logits[1:], alone, atol=1e-12, rtol=0)
    other = decoder_ids.clone()
    other[:, 7:] = 3
    assert_close(mine(token_ids, other, key_mask=key_mask)[:, :7], logits[:, :7], atol=1e-12, rtol=0)


def test_a_source_of_padding_alone_gives_numbers(mine):
    token_ids, key_mask, decoder_ids = padded_source()
    key_mask[1] = False
    logits = mine(token_ids, decoder_ids, key_mask=key_mask)
    assert torch.isfinite(logits).all()
    without = mine(token_ids.flip(1), decoder_ids, key_mask=key_mask)  # nothing of the source can be seen
    assert_close(logits[1], without[1], atol=1e-12, rtol=0)


def test_in_training_both_ends_of_both_stacks_weights_activations_and_updates_are_dropped():
    token_ids, _, decoder_ids = padded_source()
    model = my_t5(dropout=0.25)
    with dropped() as shapes:
        model.train()(token_ids, decoder_ids)
    reads, writes = (B, J, M), (B, I, M)
    encoder = [reads, *L * [(B, H, J, J), reads, (B, J, FF), reads], reads]
    decoder = [writes, *L * [(B, H, I, I), writes, (B, H, I, J), writes, (B, I, FF), writes], writes]
    assert shapes == encoder + decoder
    with dropped() as shapes:
        model.eval()(token_ids, decoder_ids)
    assert shapes == []


def test_sizes_that_are_not_given_are_those_of_t5_small():
    theirs = TheirConfig()
    assert astuple(T5Config()) == (
        theirs.vocab_size, theirs.d_model, theirs.num_layers, theirs.num_heads, theirs.d_kv, theirs.d_ff,
        theirs.relative_attention_num_buckets, theirs.relative_attention_max_distance, 0.0, theirs.layer_norm_epsilon,
    )  # fmt: skip


def test_fresh_weights_have_t5s_widths():
    torch.manual_seed(0)
    model = my_t5(vocab_size=400, d_model=64, n_heads=4, head_dim=32, d_ff=512)
    block = model.decoder.blocks[1]
    for layer in (block.self_attn, block.cross_attn, model.encoder.blocks[0].attn):
        q, k, v = layer.qkv.weight.chunk(3)
        for weight, width in ((q, (64 * 32) ** -0.5), (k, 64**-0.5), (v, 64**-0.5), (layer.out.weight, 128**-0.5)):
            assert_close(weight.std().item(), width, rtol=0.05, atol=0)
    assert_close(model.embed.weight.std().item(), 1.0, rtol=0.05, atol=0)
    wide = my_t5(d_model=64, n_heads=64, head_dim=1, n_buckets=32, max_distance=128)
    assert_close(wide.encoder.bias.weight.std().item(), 64**-0.5, rtol=0.05, atol=0)
    assert_close(block.ffn.up.weight.std().item(), 64**-0.5, rtol=0.05, atol=0)
    assert_close(block.ffn.down.weight.std().item(), 512**-0.5, rtol=0.05, atol=0)


def test_scores_are_not_scaled_and_start_as_if_they_were():
    torch.manual_seed(0)
    model = my_t5(d_model=64, n_heads=4, head_dim=16)
    x = torch.randn(1, 400, 64)
    layer = model.encoder.blocks[0].attn
    assert layer.scale == 1.0
    q, k, _ = layer.qkv(x).unflatten(-1, (3, 4, 16)).unbind(2)
    scores = torch.einsum("bihd,bjhd->bhij", q, k)
    assert 0.8 < scores.std() < 1.25


def test_a_checkpoint_that_does_not_fit_is_named_and_nothing_is_copied(mine):
    tensors = dict(their_t5().state_dict())
    before = {name: tensor.clone() for name, tensor in mine.state_dict().items()}
    tensors["decoder.block.7.layer.0.layer_norm.weight"] = tensors.pop("decoder.block.1.layer.0.layer_norm.weight")
    tensors["encoder.final_layer_norm.weight"] = torch.zeros(23)
    with pytest.raises(ValueError, match="does not fit") as caught:
        load_weights(mine, tensors)
    for part in ("missing: ['decoder.block.1.la", "surplus: ['decoder.block.7.la", "expected (22,), got (23,)"):
        assert part in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in mine.state_dict().items())


def test_targets_move_one_to_the_right():
    targets = torch.tensor([[5, 7, 1, -100], [3, 1, -100, -100]])
    assert shift_right(targets).tolist() == [[0, 5, 7, 1], [0, 3, 1, 0]]
    theirs = their_t5().prepare_decoder_input_ids_from_labels(targets)
    assert torch.equal(shift_right(targets), theirs)
    assert shift_right(targets, start_id=2)[:, 0].tolist() == [2, 2]


def test_bad_input_is_named(mine):
    token_ids, key_mask, decoder_ids = padded_source()
    with pytest.raises(ValueError, match=rf"token_ids must lie between 0 and {V - 1}, got"):
        mine(token_ids + V, decoder_ids)
    with pytest.raises(TypeError, match=r"token_ids must be int64 or int32, got torch.float64"):
        mine.encode(token_ids.double())
    with pytest.raises(ValueError, match=r"key_mask must have shape \(2, 17\), got \(2, 16\)"):
        mine.encode(token_ids, key_mask=key_mask[:, 1:])
    writer = mine.decoder_for(mine.encode(token_ids, key_mask=key_mask), key_mask)
    for call in (lambda: writer(decoder_ids[:1].repeat(3, 1)), lambda: writer.new_caches(1, I)):
        with pytest.raises(ValueError, match=r"batch \([13]\) must be a multiple of the memory's \(2\)"):
            call()
    memory = mine.encode(token_ids)
    for message, call in {
        rf"decoder_ids must lie between 0 and {V - 1}, got": lambda: mine(token_ids, decoder_ids + V),
        r"decoder_ids must have 2 rows as token_ids, got 4": lambda: mine(token_ids, decoder_ids.repeat(2, 1)),
        r"memory must have shape \(b, j, 22\), none empty, got \(2, 17, 21\)": lambda: mine.decoder_for(
            memory[..., 1:]
        ),
        r"memory_key_mask must have shape \(2, 17\), got \(1, 17\)": lambda: mine.decoder_for(memory, key_mask[:1]),
        r"targets must have shape \(b, i\), none empty, got \(2,\)": lambda: shift_right(decoder_ids[:, 0]),
        r"start_id \(-1\) must be at least 0": lambda: shift_right(decoder_ids, -1),
    }.items():
        with pytest.raises(ValueError, match=message):
            call()
    for message, call in {
        r"memory must be a tensor \(b, j, 22\), got NoneType": lambda: mine.decoder_for(None),
        r"token_ids must be a tensor of integers, got \[\[0\]\]": lambda: writer([[0]]),
        "caches must come from new_caches, got tuple": lambda: writer(decoder_ids, ()),
        r"batch must be an integer, got 2.0": lambda: writer.new_caches(2.0, I),
        "memory_key_mask must be bool": lambda: mine.decoder_for(memory, key_mask.long()),
        "targets must be int64 or int32, got torch.float64": lambda: shift_right(decoder_ids.double()),
        r"start_id must be an integer, got 0.0 \(float\)": lambda: shift_right(decoder_ids, 0.0),
    }.items():
        with pytest.raises(TypeError, match=message):
            call()
    for options in ({"d_ff": 0}, {"n_buckets": -2}, {"dropout": 1.0}, {"norm_eps": 0.0}):
        name = next(iter(options))
        with pytest.raises(ValueError, match=name):
            T5Config(**options)
