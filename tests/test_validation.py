"""The vocabulary of refusals: what passes, what does not, and what is said."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import mha.blocks
from mha.generate import generate
from mha.heads import MultiHeadAttention
from mha.models.gpt import GPT, GPTConfig
from mha.validation import (
    check_callable,
    check_choice,
    check_finite,
    check_ids,
    check_integer,
    check_number,
    check_sizes,
    check_stream,
    check_texts,
    checked_before,
    readable,
)


@pytest.mark.parametrize("value", [3, np.int64(3)])
def test_integers_pass_as_int(value):
    assert type(check_integer("n_heads", value, at_least=3, at_most=3)) is int


@pytest.mark.parametrize("value", [3.0, True, "3", None, np.float64(3)])
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(TypeError, match=r"n_heads must be an integer, got .*\("):
        check_integer("n_heads", value)


@pytest.mark.parametrize(
    ("bounds", "wanted"),
    [
        ({"at_least": 5}, "at least 5"),
        ({"at_most": 1}, "at most 1"),
        ({"at_least": 5, "at_most": 7}, "between 5 and 7"),
    ],
)
def test_integers_out_of_bounds_are_refused(bounds, wanted):
    with pytest.raises(ValueError, match=rf"window \(3\) must be {wanted}"):
        check_integer("window", 3, **bounds)


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.25), 0])
def test_numbers_within_their_bounds_pass(value):
    assert check_number("p", value, at_least=0, at_most=1) == float(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 0.0, -1, 1, 2])
def test_numbers_out_of_bounds_or_not_finite_are_refused(value):
    with pytest.raises(ValueError, match=r"top_p \(.*\) must be above 0 and below 1"):
        check_number("top_p", value, above=0, below=1)


@pytest.mark.parametrize("value", ["1", None, True, 1j])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match=r"temperature must be a number, got"):
        check_number("temperature", value)


def test_an_unbounded_number_must_be_finite():
    with pytest.raises(ValueError, match=r"scale \(inf\) must be finite"):
        check_number("scale", float("inf"))


def test_a_choice_is_one_of_them():
    check_choice("pairing", "halves", ("interleaved", "halves"))
    with pytest.raises(ValueError, match=r"pairing must be one of 'interleaved', 'halves', got 'half' \(str\)"):
        check_choice("pairing", "half", ("interleaved", "halves"))


def test_texts_are_several_strings():
    assert check_texts("texts", (t for t in ("a", "b"))) == ["a", "b"]
    with pytest.raises(TypeError, match=r"texts must be several texts, got one string: write \[text\]"):
        check_texts("texts", "ab")
    with pytest.raises(TypeError, match=r"texts must hold strings, got 3 \(int\) among them"):
        check_texts("texts", ["a", 3])
    with pytest.raises(ValueError, match="at least one text, got none"):
        check_texts("texts", [])


@pytest.mark.parametrize(
    ("ids", "error", "match"),
    [
        (torch.zeros(2, 3), TypeError, r"token_ids must be int64 or int32, got torch.float32"),
        ([[0, 1]], TypeError, r"token_ids must be a tensor of integers, got \[\[0, 1\]\] \(list\)"),
        (torch.zeros(3, dtype=torch.long), ValueError, r"token_ids must have shape \(b, i\), none empty, got \(3,\)"),
        (torch.zeros(2, 0, dtype=torch.long), ValueError, r"none empty, got \(2, 0\)"),
        (torch.tensor([[0, 7]]), ValueError, r"token_ids must lie between 0 and 6, got 0 to 7"),
        (torch.tensor([[-1, 2]]), ValueError, r"token_ids must lie between 0 and 6, got -1 to 2"),
    ],
)
def test_ids_outside_the_table_are_refused(ids, error, match):
    check_ids("token_ids", torch.tensor([[0, 6]]), 7)
    with pytest.raises(error, match=match):
        check_ids("token_ids", ids, 7)


def test_where_no_values_are_yet_the_rest_is_checked():
    check_ids("token_ids", torch.zeros(2, 3, dtype=torch.long, device="meta"), 7)
    with pytest.raises(ValueError, match=r"none empty, got \(2, 0\)"):
        check_ids("token_ids", torch.zeros(2, 0, dtype=torch.long, device="meta"), 7)
    with FakeTensorMode():
        assert readable(torch.zeros(3)) is None
    assert readable(torch.ones(3)).tolist() == [1, 1, 1]
    seen = []
    torch.vmap(lambda row: (seen.append(readable(row).tolist()), row)[1])(torch.arange(6).view(2, 3))
    assert seen == [[[0, 1, 2], [3, 4, 5]]]
    assert readable(torch.zeros(3, device="meta")) is None


def test_a_compiled_graph_holds_no_check_of_values():
    @torch.compile(fullgraph=True, backend="eager")
    def compiled(ids):
        check_ids("ids", ids, 7)
        return ids + 1

    assert compiled(torch.tensor([[8]])).tolist() == [[9]]


def test_what_cannot_be_called_is_refused():
    check_callable("choose", print)
    with pytest.raises(TypeError, match=r"choose must be a function, got 3 \(int\)"):
        check_callable("choose", 3)


@pytest.mark.parametrize("values", [[1, 2], torch.tensor([1, 2]), torch.tensor([1.0, 2.0], dtype=torch.bfloat16)])
def test_numbers_of_any_kind_pass_as_float64(values):
    numbers = check_finite("values", values)
    assert numbers.dtype == np.float64
    assert numbers.tolist() == [1.0, 2.0]


@dataclass
class Sizes:
    n_layers: int
    eps: float
    dropout: float = 0.0


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (Sizes(0, 1e-5), r"n_layers \(0\) must be at least 1"),
        (Sizes(1, 0.0), r"eps \(0.0\) must be above 0"),
        (Sizes(1, 1e-5, -0.1), r"dropout \(-0.1\) must be at least 0 and below 1"),
        (Sizes(1, 1e-5, 1.0), r"dropout \(1.0\) must be at least 0 and below 1"),
    ],
)
def test_sizes_that_no_model_can_have_are_refused(sizes, message):
    check_sizes(Sizes(1, 1e-5))
    with pytest.raises(ValueError, match=message):
        check_sizes(sizes)


def test_a_stream_may_have_any_leading_axes_unless_it_is_a_batch():
    layer = nn.Linear(7, 3)
    for shape in ((5, 7), (2, 5, 7), (2, 3, 5, 7)):
        check_stream("x", torch.zeros(shape), 7, layer)
    check_stream("x", torch.zeros(2, 5, 7), 7, layer, batched=True)
    for shape in ((5, 7), (2, 3, 5, 7), (2, 0, 7), (2, 5, 6)):
        with pytest.raises(ValueError, match=r"x must have shape \(b, i, 7\), none empty, got"):
            check_stream("x", torch.zeros(shape), 7, layer, batched=True)
    with pytest.raises(TypeError, match="x must be a tensor, got"):
        check_stream("x", [[0.0] * 7], 7, layer)
    for shape in ((7,), (5, 6)):
        with pytest.raises(ValueError, match=r"x must have shape \(..., i, 7\), got"):
            check_stream("x", torch.zeros(shape), 7, layer)
    with pytest.raises(ValueError, match=r"x must be torch.float32 as the layer is, got torch.float64"):
        check_stream("x", torch.zeros(5, 7, dtype=torch.float64), 7, layer)
    with pytest.raises(ValueError, match="x must be on cpu as the layer is, got meta"):
        check_stream("x", torch.zeros(5, 7, device="meta"), 7, layer)


def test_layers_leave_out_their_checks_only_where_and_while_they_are_told_to():
    layer, x = MultiHeadAttention(6, 2), torch.zeros(1, 3, 6, dtype=torch.float64)

    def refused():
        with pytest.raises(ValueError, match=r"x must be torch.float32 as the layer is, got torch.float64"):
            layer(x)

    with checked_before():
        with pytest.raises(RuntimeError, match="dtype"):
            layer(x)
        with ThreadPoolExecutor(1) as other:  # which has not been told
            other.submit(refused).result()
        compiled = torch.compile(layer, backend="eager", fullgraph=True)
        assert compiled(x.float()).shape == (1, 3, 6)
    refused()
    with pytest.raises(RuntimeError, match="stop"), checked_before():
        raise RuntimeError("stop")
    refused()


@pytest.mark.parametrize("use_cache", [True, False])
def test_of_the_steps_of_a_cache_the_layers_check_the_first(monkeypatch, use_cache):
    checked, check = [], mha.blocks.check_stream
    monkeypatch.setattr(
        mha.blocks, "check_stream", lambda name, x, *_, **__: checked.append(x.shape[1]) or check(name, x, *_, **__)
    )
    gpt = GPT(GPTConfig(7, 6, 2, 2, 11, 13)).eval()
    generate(gpt, torch.zeros(1, 5, dtype=torch.int64), 3, use_cache=use_cache)
    assert sorted(set(checked)) == ([5] if use_cache else [5, 6, 7])
    with pytest.raises(ValueError, match="must lie between 0 and 6, got 7 to 7"):
        generate(gpt, torch.zeros(1, 5, dtype=torch.int64), 3, choose=lambda logits: torch.tensor([7]))
