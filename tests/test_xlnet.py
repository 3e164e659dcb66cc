"""XLNet: equal to transformers' in values and gradients; no token is predicted from itself or from what follows it."""

from dataclasses import astuple

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close
from transformers import XLNetConfig as TheirConfig
from transformers import XLNetLMHeadModel

from mha.checkpoint import load_weights
from mha.models.relative import RelativeAttention
from mha.models.xlnet import XLNet, XLNetConfig, permutation_masks
from mha.recording import record_attention
from tests.parity import assert_same_gradients, dropped, randomised, with_weights_of

V, M, LAYERS, H, FF = 29, 22, 3, 2, 31
B, I, P = 3, 13, 5  # noqa: E741
TOLERANCES = [(torch.float32, 1e-5), (torch.float64, 1e-10)]
KEY_MASK = torch.arange(I) < torch.tensor([[13], [11], [7]])
SEGMENTS = (torch.arange(I) >= torch.tensor([[4], [6], [3]])).long()


def lag_table(query_len, key_len, bsz=None, device=None):
    """Their encoding in float64, from the formula: their own is float32 whatever the model is, and then fails."""
    lags = torch.arange(key_len, -query_len, -1, dtype=torch.float64)
    angles = lags[:, None] / 10000 ** (torch.arange(0, M, 2, dtype=torch.float64) / M)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[:, None].expand(-1, bsz, -1)


def pair(dtype=torch.float64):
    config = TheirConfig(
        vocab_size=V, d_model=M, n_layer=LAYERS, n_head=H, d_inner=FF, dropout=0, ff_activation="gelu",
        use_mems_eval=False, use_mems_train=False,
    )  # fmt: skip
    torch.manual_seed(7)  # for their own first weights
    theirs = randomised(XLNetLMHeadModel(config), dtype=dtype)
    if dtype == torch.float64:
        theirs.transformer.relative_positional_encoding = lag_table
    return with_weights_of(theirs, XLNet(XLNetConfig(V, M, LAYERS, H, FF))), theirs


def numbers(*shape, below=V, seed=0):
    return torch.randint(below, shape, generator=torch.Generator().manual_seed(seed))


def orders(seed=0):
    """Padding first, then the real tokens shuffled: what stands behind the context is real."""
    order = torch.rand(B, I, generator=torch.Generator().manual_seed(seed)).argsort(-1)
    return order.gather(-1, KEY_MASK.gather(-1, order).int().argsort(dim=-1, stable=True))


def assert_same(mine, theirs, got, want, atol):
    assert got.abs().max() > 1
    assert_close(got, want, atol=atol, rtol=0)
    for logits in (got, want):
        F.cross_entropy(logits.reshape(-1, V), numbers(logits[..., 0].numel(), seed=1)).backward()
    for parameter in theirs.parameters():
        if parameter.grad is None:  # had no part in this
            parameter.grad = torch.zeros_like(parameter)
    assert_same_gradients(theirs, mine, atol)


@pytest.mark.parametrize(("dtype", "atol"), TOLERANCES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("segmented", [False, True])
def test_content_stream_equals_transformers(dtype, atol, masked, padded, segmented):
    mine, theirs = pair(dtype)
    key_mask, segments = KEY_MASK if padded else None, SEGMENTS if segmented else None
    mask = permutation_masks(orders())[0] if masked else None
    got = mine(numbers(B, I), attn_mask=mask, key_mask=key_mask, segment_ids=segments)
    want = theirs(
        numbers(B, I),
        perm_mask=None if mask is None else (~mask).to(dtype),
        attention_mask=None if key_mask is None else key_mask.to(dtype),
        token_type_ids=segments,
    ).logits
    assert_same(mine, theirs, got, want, atol)


@pytest.mark.parametrize(("dtype", "atol"), TOLERANCES)
@pytest.mark.parametrize("n_context", [0, I - P])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("segmented", [False, True])
def test_two_streams_equal_transformers(dtype, atol, n_context, padded, segmented):
    mine, theirs = pair(dtype)
    order, predicted = orders(), orders()[:, -P:]
    key_mask, segments = KEY_MASK if padded else None, SEGMENTS if segmented else None
    got = mine.permuted(
        numbers(B, I), order, n_context=n_context, predicted=predicted, key_mask=key_mask, segment_ids=segments
    )
    unseen = ~permutation_masks(order, n_context)[0] | torch.eye(I, dtype=torch.bool)  # they let h see itself anyway
    want = theirs(
        numbers(B, I),
        perm_mask=unseen.to(dtype),
        target_mapping=F.one_hot(predicted, I).to(dtype),
        attention_mask=None if key_mask is None else key_mask.to(dtype),
        token_type_ids=segments,
    ).logits
    assert_same(mine, theirs, got, want, atol)


def leaves(model):
    """The token vectors as a leaf, in the place of what the embedding gives: a token's gradient is taken at them."""
    vectors = model.tokens(numbers(B, I)).detach().requires_grad_()
    model.tokens.register_forward_hook(lambda module, inputs, out: vectors)
    return vectors


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(I)), st.integers(0, I - 1), st.data())
def test_a_token_is_predicted_from_all_before_it_and_nothing_else(order, n_context, data):
    turn = data.draw(st.integers(n_context, I - 1))
    model, _ = pair()
    vectors = leaves(model)
    order = torch.tensor(order).expand(B, I)
    logits = model.permuted(numbers(B, I), order, n_context=n_context, predicted=order[:, turn : turn + 1])
    logits.square().sum().backward()
    by_turn = vectors.grad[:, order[0]].abs().amax(-1)
    assert torch.equal(by_turn[:, turn:], torch.zeros(B, I - turn, dtype=torch.float64))  # itself, and all later ones
    assert (by_turn[:, :turn] > 0).all()


def test_the_content_stream_has_seen_its_own_token():
    model, _ = pair()
    vectors = leaves(model)
    content, query = permutation_masks(orders())
    got = [model(numbers(B, I), attn_mask=mask) for mask in (content, query)]
    assert torch.equal(*got)  # whatever the mask says
    got[0][:, 3].square().sum().backward()
    assert (vectors.grad[:, 3].abs() > 0).all()


@torch.no_grad()
def test_of_the_context_only_the_set_counts():
    model, _ = pair()
    order, other, predicted = orders(), orders(), orders()[:, -P:]
    other[:, : I - P] = other[:, : I - P].flip(-1)
    got = [model.permuted(numbers(B, I), o, n_context=I - P) for o in (order, other)]
    assert_close(*got, atol=1e-12, rtol=0)
    strict = [model.permuted(numbers(B, I), o, predicted=predicted) for o in (order, other)]
    assert (strict[0] - strict[1]).abs().max() > 1e-3  # what an earlier token gathered depends on its own turn
    del model.blocks[1:]
    shallow = [model.permuted(numbers(B, I), o, predicted=predicted) for o in (order, other)]
    assert_close(*shallow, atol=1e-12, rtol=0)


@torch.no_grad()
def test_the_first_in_an_order_knows_nothing():
    model, _ = pair()
    order = orders()
    got = [model.permuted(numbers(B, I, seed=seed), order, predicted=order[:, :1]) for seed in (0, 1)]
    assert torch.equal(*got)
    assert_close(got[0], got[0][:1].expand_as(got[0]), atol=1e-12, rtol=0)  # nor where it stands


@torch.no_grad()
def test_the_first_in_an_order_sees_itself_in_transformers():
    """A deviation on purpose: theirs adds -1e30 to what is hidden, so a query that may see nothing sees everything."""
    _, theirs = pair()
    order = orders()
    target = F.one_hot(order[:, :1], I).double()
    unseen = (~permutation_masks(order)[1]).double()
    other = numbers(B, I).scatter(1, order[:, :1], (numbers(B, I).gather(1, order[:, :1]) + 1) % V)
    got = [theirs(ids, perm_mask=unseen, target_mapping=target).logits for ids in (numbers(B, I), other)]
    assert (got[0] - got[1]).abs().amax((1, 2)).min() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("in_front", [False, True])
def test_padding_changes_nothing(in_front):
    model, _ = pair()
    order, pad = orders(), numbers(B, 4, seed=5)
    want = model.permuted(numbers(B, I), order, n_context=I - P)
    longer = torch.cat([pad, numbers(B, I)] if in_front else [numbers(B, I), pad], dim=1)
    real = torch.arange(I) + 4 * in_front
    key_mask = torch.zeros(B, I + 4, dtype=torch.bool).index_fill(1, real, True)
    padding = torch.arange(4).expand(B, 4) + (0 if in_front else I)
    order = torch.cat([padding, real[order]], dim=1)
    got = model.permuted(longer, order, n_context=I + 4 - P, key_mask=key_mask)
    assert_close(got, want, atol=1e-12, rtol=0)


@torch.no_grad()
def test_only_whether_segments_are_the_same_counts():
    model, _ = pair()
    want = model(numbers(B, I), segment_ids=SEGMENTS)
    assert_close(model(numbers(B, I), segment_ids=7 - 3 * SEGMENTS), want, atol=1e-12, rtol=0)
    assert (model(numbers(B, I)) - want).abs().max() > 1e-3


@torch.no_grad()
def test_recorded_maps():
    model, _ = pair()
    order = orders()
    content, query = permutation_masks(order)
    with record_attention(model) as maps:
        recorded = model.permuted(numbers(B, I), order, predicted=order[:, -P:])
    assert_close(recorded, model.permuted(numbers(B, I), order, predicted=order[:, -P:]), atol=1e-12, rtol=0)
    early, late = maps["blocks.0.attn"], maps["blocks.2.attn"]
    assert (early.shape, late.shape) == ((B, H, I + P, I), (B, H, P, I))  # the query stream runs where it is asked for
    asked = query.gather(1, order[:, -P:, None].expand(-1, -1, I))[:, None].expand(B, H, P, I)
    assert torch.equal(early[:, :, :I] > 0, content[:, None].expand(B, H, I, I))
    assert torch.equal(late > 0, asked)
    with record_attention(model) as maps:
        model(numbers(B, I), key_mask=KEY_MASK)
    assert maps.stack().shape == (LAYERS, B, H, I, I)


def test_masks_of_an_order():
    content, query = permutation_masks(torch.tensor([2, 0, 3, 1]))
    assert query.int().tolist() == [[0, 0, 1, 0], [1, 0, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0]]
    assert torch.equal(content, query | torch.eye(4, dtype=torch.bool))
    content, query = permutation_masks(torch.tensor([2, 0, 3, 1]), n_context=2)
    assert query.int().tolist() == [[0, 0, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0]]
    assert content.int().tolist() == [[1, 0, 1, 0], [1, 1, 1, 1], [1, 0, 1, 0], [1, 0, 1, 1]]


def test_sizes_that_are_not_given_are_those_of_the_base_model():
    assert astuple(XLNetConfig()) == (32000, 768, 12, 12, 3072, 0.0, 1e-12)
    assert RelativeAttention(12, 3).dropout == 0.0


def test_fresh_weights_have_the_published_width():
    torch.manual_seed(0)
    model = XLNet(XLNetConfig(vocab_size=101, d_model=128, n_layers=3, n_heads=4, d_ff=512))
    block = model.blocks[1]
    for weight in (model.tokens.weight, block.attn.qkv.weight, block.attn.lag_keys.weight, block.attn.out.weight,
                   block.ffn.up.weight):  # fmt: skip
        assert_close(weight.std().item(), 0.02, rtol=0.05, atol=0)
    assert not model.bias.any()
    assert not block.ffn.down.bias.any()


def test_in_training_lags_tokens_weights_activations_and_updates_are_dropped_and_at_rest_nothing():
    model = XLNet(XLNetConfig(vocab_size=29, d_model=22, n_layers=3, n_heads=2, d_ff=31, dropout=0.25))
    ids = torch.zeros(4, 5, dtype=torch.int64)
    with dropped() as shapes:
        model.train()(ids)
    block = [(4, 2, 5, 5), (4, 5, 22), (4, 5, 31), (4, 5, 22)]
    assert shapes == [(9, 22), (4, 5, 22), *3 * block, (4, 5, 22)]
    with dropped() as shapes:
        model.permuted(ids, torch.arange(5).expand(4, 5), n_context=3)
    both = [(4, 2, 7, 5), (4, 7, 22), (4, 7, 31), (4, 7, 22)]  # the content of five, the queries of two
    last = [(4, 2, 2, 5), (4, 2, 22), (4, 2, 31), (4, 2, 22)]
    assert shapes == [(9, 22), (4, 7, 22), *2 * both, *last, (4, 2, 22)]
    with dropped() as shapes:
        model.eval()(ids)
    assert shapes == []


def test_predictions_stand_in_the_order_of_their_turns():
    torch.manual_seed(0)
    model = XLNet(XLNetConfig(vocab_size=29, d_model=22, n_layers=1, n_heads=2, d_ff=31)).double()
    ids, order = torch.arange(5)[None], torch.tensor([[2, 4, 1, 3, 0]])
    turns = model.permuted(ids, order, n_context=2)
    assert torch.equal(turns, model.permuted(ids, order, n_context=2, predicted=torch.tensor([[1, 3, 0]])))


def test_trouble_is_named():
    model, theirs = pair()
    tensors = theirs.state_dict()
    tensors["transformer.layer.7.rel_attn.q"] = tensors.pop("transformer.layer.1.rel_attn.q")
    tensors["transformer.mask_emb"] = torch.zeros(M)
    before = model.query.clone()
    with pytest.raises(ValueError, match="does not fit") as caught:
        load_weights(model, tensors)
    for part in ("missing: ['transformer.layer.1.rel_attn.q']", "surplus: ['transformer.layer.7.rel_attn.q']",
                 "expected (1, 1, 22), got (22,)"):  # fmt: skip
        assert part in str(caught.value)
    assert torch.equal(model.query, before)
    ids, order = numbers(B, I), orders()
    content, query = permutation_masks(order)
    for message, call in {
        r"a permutation of 0 … 3, got \[0, 1, 1, 3\]": lambda: permutation_masks(torch.tensor([0, 1, 1, 3])),
        r"n_context \(5\) must be between 0 and 4": lambda: permutation_masks(torch.arange(4), 5),
        r"content_mask must have shape \(3, 13, 13\), got \(3, 11, 11\)": lambda: model.two_streams(
            ids, content[:, :11, :11], query, order
        ),
        r"predicted must have 3 rows as token_ids, got 1": lambda: model.permuted(ids, order, predicted=order[:1]),
        r"order must have shape \(3, 13\), got \(3, 11\)": lambda: model.permuted(ids, torch.arange(11).expand(B, 11)),
        r"predicted must name positions behind the context \(3\)": lambda: model.permuted(
            ids, order, n_context=3, predicted=order[:, 2:5]
        ),
        r"predicted must have shape .*, none empty, got \(3, 0\)": lambda: model.permuted(ids, order, n_context=I),
        r"predicted must lie between 0 and 12": lambda: model.permuted(ids, order, predicted=order[:, :2] + 11),
        r"predicted must have 3 rows as token_ids, got 2": lambda: model.two_streams(ids, content, query, order[:2]),
        r"query_mask must be False on its diagonal": lambda: model.two_streams(ids, content, content, order),
        r"token_ids must lie between 0 and 28": lambda: model(ids + V),
        r"key_mask must have shape \(3, 13\), got \(1, 13\)": lambda: model(ids, key_mask=KEY_MASK[:1]),
        r"segment_ids must have shape \(3, 13\), got \(1, 13\)": lambda: model(ids, segment_ids=SEGMENTS[:1]),
        r"d_model \(21\) must be even": lambda: XLNetConfig(d_model=21, n_heads=3),
        r"n_layers \(0\) must be at least 1": lambda: XLNetConfig(n_layers=0),
    }.items():
        with pytest.raises(ValueError, match=message):
            call()
    for message, call in {
        "query_mask must be a tensor, got None": lambda: model.two_streams(ids, content, None, order),
        "attn_mask must be a tensor, got": lambda: model(ids, attn_mask=[[True]]),
        r"order must be a tensor, got \[1, 0\]": lambda: permutation_masks([1, 0]),
        r"predicted must be a tensor of integers, got \[1\]": lambda: model.permuted(ids, order, predicted=[1]),
        "order must be int64 or int32, got torch.float32": lambda: permutation_masks(torch.zeros(3)),
        "attn_mask must be bool": lambda: model(ids, attn_mask=content.int()),
        "predicted must be int64 or int32": lambda: model.two_streams(ids, content, query, order.double()),
        "segment_ids must be int64 or int32": lambda: model(ids, segment_ids=SEGMENTS.double()),
        r"n_context must be an integer, got 2.0 \(float\)": lambda: model.permuted(ids, order, n_context=2.0),
    }.items():
        with pytest.raises(TypeError, match=message):
            call()
