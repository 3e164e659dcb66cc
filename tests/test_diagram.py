"""What is recorded of a model is what it does, and what is drawn is what was recorded."""

import io
from itertools import pairwise

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from mha.blocks import DecoderBlock, EncoderBlock
from mha.models.bert import Embeddings, Encoder, EncoderConfig
from mha.view.diagram import Flow, draw_flow, record_flow

X = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))


class Chain(nn.Module):
    """No residual connection; a norm used twice; an operation between the modules."""

    def __init__(self):
        super().__init__()
        self.norm, self.map, self.drop = nn.LayerNorm(12), nn.Linear(12, 12), nn.Dropout(0.5)

    def forward(self, x):
        return self.norm(self.drop(self.map(self.norm(x))).relu())


def recorded(norm_first):
    return record_flow(EncoderBlock(12, 3, 24, norm_first=norm_first), X)


def test_post_norm_normalises_behind_each_sum():
    flow = recorded(norm_first=False)
    assert flow.order == ["attn", "attn_norm", "ffn", "ffn_norm"]
    assert flow.residuals() == [("x", "sum"), ("attn_norm", "sum #2")]
    assert flow.sources("attn_norm") == ["sum"]
    assert flow.sources("out") == ["ffn_norm"]


def test_pre_norm_normalises_before_each_sublayer_and_leaves_the_stream_alone():
    flow = recorded(norm_first=True)
    assert flow.order == ["attn_norm", "attn", "ffn_norm", "ffn"]
    assert flow.residuals() == [("x", "sum"), ("sum", "sum #2")]
    assert flow.sources("attn_norm") == ["x"]
    assert flow.sources("out") == ["sum #2"]


@pytest.mark.parametrize("norm_first", [False, True])
def test_torchs_own_layer_branches_and_joins_alike(norm_first):
    theirs = nn.TransformerEncoderLayer(12, 3, 24, dropout=0.0, batch_first=True, norm_first=norm_first)
    flow = record_flow(theirs, X)  # in training mode: in evaluation it is one fused operation
    names = {"src": "x", "self_attn": "attn", "norm1": "attn_norm", "norm2": "ffn_norm", "linear2": "ffn"}
    kept = [names[name] for name in flow.order if name in names]
    assert kept == recorded(norm_first).order
    assert [(names.get(a, a), b) for a, b in flow.residuals()] == recorded(norm_first).residuals()


def test_a_decoder_block_has_two_inputs_and_three_residuals():
    flow = record_flow(DecoderBlock(12, 3, 24), X, torch.randn(2, 7, 12))
    assert flow.order == ["self_attn", "self_norm", "cross_attn", "cross_norm", "ffn", "ffn_norm"]
    assert flow.sources("cross_attn") == ["self_norm", "memory"]
    assert [start for start, _ in flow.residuals()] == ["x", "self_norm", "cross_norm"]


def test_a_stack_is_looked_into_only_where_opened():
    encoder = Encoder(EncoderConfig(vocab_size=11, d_model=12, n_layers=2, n_heads=3, d_ff=24, max_len=7))
    token_ids = torch.randint(11, (2, 5))
    assert record_flow(encoder, token_ids).order == ["embeddings", "blocks.0", "blocks.1"]
    flow = record_flow(encoder, token_ids, opened=(EncoderBlock, Embeddings))
    inside = ["attn", "attn_norm", "ffn", "ffn_norm"]
    blocks = [f"blocks.{n}.{name}" for n in range(2) for name in inside]
    assert flow.order == ["embeddings.tokens", "embeddings.norm", *blocks]
    assert len(flow.residuals()) == 4


def test_dropout_is_no_step_a_second_call_is_and_operations_are():
    model = Chain().train()
    flow = record_flow(model, X)
    assert [node.name for node in flow.nodes] == ["x", "norm", "map", "relu", "norm #2", "out"]
    assert flow.edges == tuple(pairwise(node.name for node in flow.nodes))
    assert flow.residuals() == []


class Named(nn.Module):
    """Tensors handed on by keyword, in a tuple and in a dict; a module that passes on; one called inside another."""

    def __init__(self):
        super().__init__()
        self.first, self.keep, self.join, self.twice = nn.Linear(12, 12), nn.Identity(), Join(), Twice()

    def forward(self, x):
        y = self.keep(self.first(input=x)).contiguous()  # nothing is done to it
        return torch.mul(input=self.join((x, {"y": y})), other=self.twice(x))


class Join(nn.Module):
    def forward(self, parts):
        return parts[0] * parts[1]["y"]


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Linear(12, 12)

    def forward(self, x):
        return self.map(self.map(x)).relu()


def test_tensors_are_followed_wherever_they_stand_in_a_call():
    flow = record_flow(Named(), x=X)
    assert [node.name for node in flow.nodes] == ["x", "first", "join", "twice", "mul", "out"]
    assert flow.sources("join") == ["x", "first"]
    assert flow.sources("mul") == ["join", "twice"]


@pytest.mark.parametrize("add", ["__add__", "__radd__", "__iadd__", "add", "add_"])
def test_a_sum_of_two_tensors_is_one_however_it_is_written(add):
    class Sum(nn.Module):
        def forward(self, x, y):
            return getattr(x * 2, add)(y)

    class Shift(nn.Module):
        def forward(self, x):
            return getattr(x * 2, add)(1)

    assert [node.label for node in record_flow(Sum(), X, X.clone()).nodes if node.kind == "sum"] == ["+"]
    assert not [node for node in record_flow(Shift(), X).nodes if node.kind == "sum"]


def test_a_third_call_gets_a_third_name():
    class Thrice(nn.Module):
        def __init__(self):
            super().__init__()
            self.map = nn.Linear(12, 12)

        def forward(self, x):
            return self.map(self.map(self.map(x)))

    assert record_flow(Thrice(), X).edges == (("x", "map"), ("map", "map #2"), ("map #2", "map #3"), ("map #3", "out"))


def test_an_option_that_is_no_tensor_is_no_input_and_no_gradient_is_kept():
    flow = record_flow(EncoderBlock(12, 3, 24), X, is_causal=True)
    assert [node.name for node in flow.nodes if node.kind == "input"] == ["x"]
    seen = []
    block = EncoderBlock(12, 3, 24)
    block.ffn.register_forward_hook(lambda _, __, out: seen.append(out.requires_grad))
    record_flow(block, X)
    assert seen == [False]


def test_recording_leaves_nothing_behind_and_changes_nothing():
    block = EncoderBlock(12, 3, 24)
    before = block(X)
    record_flow(block, X)
    assert torch.equal(block(X), before)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in block.modules())
    with pytest.raises(ValueError, match="x must have shape"):
        record_flow(block, X[..., :7])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in block.modules())


def test_a_model_that_cannot_be_followed_is_refused():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(2)

    with pytest.raises(TypeError, match="must return one tensor, got tuple"):
        record_flow(Pair(), X)
    with pytest.raises(ValueError, match="made of its inputs"):
        record_flow(Constant(), X)


class InPlace(nn.Module):
    """A residual block, its sum written into what `write` says."""

    def __init__(self, write):
        super().__init__()
        self.inner, self.norm, self.write = nn.Linear(12, 12), nn.LayerNorm(12), write

    def forward(self, x):
        return self.norm(self.write(x, self.inner))


def onto_update(x, inner):
    y = inner(x)
    y += x
    return y


def onto_stream(x, inner):
    x = x.clone()
    x += inner(x)
    return x


def onto_given(x, inner):
    out = torch.empty_like(x)
    torch.add(x, inner(x), out=out)
    return out


def onto_recorded(x, inner):
    y = inner(x)
    torch.add(x, y, out=y)
    return y


def through_a_view(x, inner):
    y = inner(x)
    y.view(-1).add_(x.reshape(-1))
    return y


@pytest.mark.parametrize(
    ("write", "start", "steps"),
    [
        (lambda x, inner: x + inner(x), "x", ["inner", "sum"]),
        (lambda x, inner: inner(x).add_(x), "x", ["inner", "sum"]),
        (lambda x, inner: torch.add(x, inner(x), alpha=0.5), "x", ["inner", "sum"]),
        (lambda x, inner: x.add_(inner(x)), "x", ["inner", "sum"]),
        (onto_update, "x", ["inner", "sum"]),
        (onto_stream, "clone", ["clone", "inner", "sum"]),
        (onto_given, "x", ["inner", "sum"]),
        (onto_recorded, "x", ["inner", "sum"]),
        (through_a_view, "reshape", ["inner", "view", "reshape", "sum"]),
    ],
)
def test_a_sum_is_seen_wherever_it_is_written(write, start, steps):
    flow = record_flow(InPlace(write), X.clone())
    assert [node.name for node in flow.nodes] == ["x", *steps, "norm", "out"]
    assert flow.sources("norm") == ["sum"]
    assert set(flow.sources("sum")) == {start, "view" if "view" in steps else "inner"}


def test_a_scaled_sum_says_so():
    flow = record_flow(InPlace(lambda x, inner: x.add(inner(x), alpha=0.5)), X)
    assert [node.label for node in flow.nodes if node.kind == "sum"] == ["+ 0.5 ×"]
    assert flow.residuals() == [("x", "sum")]


def test_other_changes_in_place_are_steps_too():
    def overwrite(x, inner):
        y = inner(x)
        y[:, 0] = x[:, 0]
        y.mul_(2)
        return nn.functional.relu(y, inplace=True)

    flow = record_flow(InPlace(overwrite), X)
    assert [node.name for node in flow.nodes] == ["x", "inner", "getitem", "setitem", "mul", "relu", "norm", "out"]
    assert set(flow.sources("setitem")) == {"inner", "getitem"}
    assert flow.sources("mul") == ["setitem"]


def test_a_module_that_writes_into_what_it_is_given_has_made_it():
    class Adds(nn.Module):
        def forward(self, x):
            x += 1
            return x.sum()

    model = InPlace(lambda x, inner: (model.adds(x), x)[1])
    model.adds = Adds()
    assert record_flow(model, X.clone()).sources("norm") == ["adds"]


def test_parts_of_one_memory_are_told_apart():
    def halves(x, inner):
        first, second = inner(x).chunk(2, dim=-1)
        first += 1
        return torch.cat([second, x[..., :6]], dim=-1)

    flow = record_flow(InPlace(halves), X)
    assert set(flow.sources("cat")) == {"chunk", "getitem"}


def test_dropout_as_a_function_is_no_step():
    flow = record_flow(InPlace(lambda x, inner: x + nn.functional.dropout(inner(x), 0.5)), X)
    assert [node.name for node in flow.nodes] == ["x", "inner", "sum", "norm", "out"]


def test_a_compiled_module_is_one_step_and_a_compiled_model_itself():
    plain = InPlace(lambda x, inner: x + inner(x))
    expected = record_flow(plain, X)
    assert record_flow(torch.compile(plain, backend="eager"), X) == expected
    plain.inner = torch.compile(plain.inner, backend="eager")
    assert record_flow(plain, X) == expected


def test_autocast_changes_no_flow():
    plain = InPlace(onto_update)
    expected = record_flow(plain, X)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert record_flow(plain, X) == expected


def test_inputs_are_found_in_lists_and_under_one_name():
    class Many(nn.Module):
        def forward(self, *parts, scale=None):
            return parts[0] + parts[1] * scale

    flow = record_flow(Many(), X, X + 1, scale=torch.tensor(2.0))
    assert [node.name for node in flow.nodes] == ["parts", "scale", "mul", "sum", "out"]
    attention = nn.MultiheadAttention(12, 3, batch_first=True)
    with pytest.raises(TypeError, match="must return one tensor, got tuple"):
        record_flow(attention, X, X, X)


def test_what_cannot_be_recorded_is_named():
    with pytest.raises(TypeError, match=r"model must be an nn\.Module, got function"):
        record_flow(onto_update, X)
    with pytest.raises(TypeError, match="opened must be types of module, got 'blocks'"):
        record_flow(Chain(), X, opened="blocks")
    with torch.inference_mode(), pytest.raises(ValueError, match="x must be no inference tensor"):
        record_flow(Chain(), X + 0)
    with pytest.raises(TypeError, match="ax must be one matplotlib Axes, got NoneType"):
        draw_flow(record_flow(Chain(), X), None)


def test_names_are_drawn_as_they_are():
    model = nn.Sequential()
    model.add_module("$x$", nn.Linear(12, 12))
    ax = draw_flow(record_flow(model, X), plt.figure().subplots(), title="$$")
    ax.figure.savefig(io.BytesIO())
    assert not any(text.get_parse_math() for text in (*ax.texts, ax.title) if "$" in text.get_text())
    plt.close(ax.figure)


def drawn(flow: Flow):
    ax = draw_flow(flow, plt.figure().subplots(), title="a block")
    texts = sorted((text for text in ax.texts if text.get_text()), key=lambda text: -text.get_position()[1])
    sides = [float(line.get_xdata()[1]) for line in ax.lines]
    plt.close(ax.figure)
    return [text.get_text() for text in texts], sides


def test_the_drawing_has_every_step_in_order_and_every_residual_on_the_right():
    texts, sides = drawn(recorded(norm_first=False))
    attn, ffn = "attn: MultiHeadAttention", "ffn: FeedForward"
    assert texts == ["x", attn, "+", "attn_norm: LayerNorm", ffn, "+", "ffn_norm: LayerNorm", "out"]
    assert [side > 0 for side in sides] == [True, True]
    texts, sides = drawn(record_flow(DecoderBlock(12, 3, 24), X, torch.randn(2, 7, 12)))
    assert [side > 0 for side in sides].count(False) == 2  # x past memory to the attention, memory to its own


def test_what_is_drawn_says_what_it_is():
    flow = recorded(norm_first=False)
    ax = draw_flow(flow, plt.figure().subplots(), title="a block", wording=lambda node: node.name.upper())
    boxes = {text.get_text(): text for text in ax.texts if text.get_text()}
    plt.close(ax.figure)
    assert ax.get_title() == "a block"
    assert list(boxes) == [node.name.upper() for node in flow.nodes]
    colours = {name: boxes[name].get_bbox_patch().get_facecolor() for name in boxes}
    assert colours["ATTN_NORM"] == colours["FFN_NORM"] != colours["ATTN"] == colours["FFN"]
    shapes = {name: type(boxes[name].get_bbox_patch().get_boxstyle()).__name__ for name in boxes}
    assert [name for name in shapes if shapes[name] == "Circle"] == ["SUM", "SUM #2"]


def test_lines_on_the_left_keep_apart():
    _, sides = drawn(record_flow(DecoderBlock(12, 3, 24), X, torch.randn(2, 7, 12)))
    left = [side for side in sides if side < 0]
    assert len(set(left)) == len(left) == 2


def test_pre_norm_and_post_norm_are_drawn_differently():
    assert drawn(recorded(norm_first=True)) != drawn(recorded(norm_first=False))
