"""Shaking moves what another processor would move, by one unit in the last place; and names the cells that mind."""

from __future__ import annotations

import asyncio
import random
import re
import threading

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from nbformat.v4 import new_code_cell, new_notebook

from tools.execute import execute_all
from tools.perturbation import LastPlace
from tools.shake import findings, shake_all


def units(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """By how many floating-point numbers of their dtype two tensors of one sign differ."""
    integers = {2: torch.int16, 4: torch.int32, 8: torch.int64}[a.element_size()]
    return (a.view(integers) - b.view(integers)).abs()


def tensors(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(dtype) + 0.5


A, B, SQUARE = tensors(7, 11), tensors(11, 13), tensors(3, 5, 5)
OPERATIONS = {
    "matmul": lambda: A @ B,
    "batched matmul": lambda: SQUARE @ SQUARE,
    "einsum": lambda: torch.einsum("bij,bkj->bik", SQUARE, SQUARE),
    "linear": lambda: F.linear(A, B.T, tensors(13)),
    "matrix times vector": lambda: A @ B[:, 0],
    "baddbmm": lambda: torch.baddbmm(SQUARE, SQUARE, SQUARE),
    "attention kernel": lambda: F.scaled_dot_product_attention(*[SQUARE[None]] * 3),
    "softmax": lambda: A.softmax(-1),
    "log softmax": lambda: -A.log_softmax(-1),
    "logsumexp": lambda: A.logsumexp(-1),
    "exp": lambda: A.exp(),
    "exp in place": lambda: A.clone().exp_(),
    "exp into a tensor": lambda: torch.exp(A, out=torch.empty_like(A)),
    "log": lambda: (1 + A).log(),
    "backward of softmax": lambda: torch.ops.aten._softmax_backward_data(A, A, -1, A.dtype),
    "gelu": lambda: F.gelu(A),
    "sum": lambda: A.sum(0),
    "mean": lambda: A.mean(0),
    "standard deviation": lambda: A.std(0),
    "norm": lambda: A.norm(dim=0),
    "linalg norm": lambda: torch.linalg.norm(A, dim=0),
    "layer norm": lambda: F.layer_norm(A, (11,)),
    "half precision": lambda: tensors(7, 11, dtype=torch.bfloat16) @ tensors(11, 13, dtype=torch.bfloat16),
    "double precision": lambda: tensors(7, 11, dtype=torch.float64).softmax(-1),
    "not contiguous": lambda: A.T.softmax(0),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_off_by_one_unit_at_most(name):
    exact = OPERATIONS[name]()
    with LastPlace(seed=1):
        shaken = OPERATIONS[name]()
    moved = units(exact, shaken)
    assert moved.max() == 1
    assert (moved == 0).any()


def test_large_tensors_are_moved_all_over():
    large = tensors(1025, 2051)
    with LastPlace(seed=1):
        shaken = large.exp()
    moved = units(large.exp(), shaken)
    assert moved.max() == 1
    for part in (*moved.chunk(8), *moved.chunk(8, 1)):
        assert 0.6 < part.float().mean() < 0.73


def test_one_number_alone_is_moved_up_and_down():
    with LastPlace(seed=1):
        sums = [(tensors(5) * n).sum() for n in range(1, 40)]
    signs = {int((a - (tensors(5) * n).sum()).sign()) for n, a in enumerate(sums, 1)}
    assert signs == {-1, 0, 1}


EXACT = {
    "products elementwise": lambda: A * A + A,
    "whole numbers": lambda: torch.arange(60).view(3, 4, 5).sum((0, 1)),
    "masks": lambda: A > 1,
    "zeros": lambda: torch.zeros(7, 11) @ B,
    "infinities": lambda: torch.full((5,), torch.inf).exp(),
    "random numbers": lambda: torch.randn(5, generator=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("name", EXACT)
def test_what_every_processor_computes_alike_is_left_alone(name):
    with LastPlace(seed=1):
        shaken = EXACT[name]()
    assert torch.equal(EXACT[name](), shaken)


def test_a_tensor_without_numbers_and_one_on_meta_pass():
    with LastPlace(seed=1):
        assert (torch.ones(0, 3) @ torch.ones(3, 2)).shape == (0, 2)
        assert torch.ones(2, 3, device="meta").sum().device.type == "meta"


def gradient(module: torch.nn.Module) -> torch.Tensor:
    module.zero_grad()
    module(tensors(2, 5, 8)).square().mean().backward()
    return module.weight.grad.clone()


def test_gradients_are_shaken_too():
    module = torch.nn.Linear(8, 3)
    operations = []
    torch.nn.init.constant_(module.weight, 0.3)

    class Listening(LastPlace):
        def shake(self, x):
            operations.append(tuple(x.shape))
            super().shake(x)

    exact = gradient(module)
    with Listening(seed=1):
        shaken = gradient(module)
    assert (3, 8) in operations  # the product that makes the gradient of the weight
    assert not torch.equal(exact, shaken)
    torch.testing.assert_close(exact, shaken)


def test_the_pattern_is_that_of_the_seed_and_of_nothing_else():
    def run(seed: int) -> torch.Tensor:
        with LastPlace(seed):
            torch.rand(3)
            return A @ B

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))
    with LastPlace(seed=1):
        assert torch.equal(A @ B, A @ B)


def test_no_generator_is_touched():
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    with LastPlace(seed=1):
        OPERATIONS["matmul"](), OPERATIONS["softmax"]()
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])
    assert states[2] == random.getstate()


def test_other_threads_are_left_alone():
    results = []
    with LastPlace(seed=1):
        thread = threading.Thread(target=lambda: results.append(A @ B))
        thread.start()
        thread.join()
    assert torch.equal(results[0], A @ B)


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # torch's compiler calls it
def test_a_compiled_function_runs_shaken():
    compiled = torch.compile(lambda a, b: a @ b)
    with LastPlace(seed=1):
        shaken = A @ B
        assert torch.equal(compiled(A, B), shaken)
    assert not torch.equal(A @ B, shaken)


# Source and tags of each cell, and what is said of it when it is shaken.
TINY = [
    (
        "import torch\ntorch.manual_seed(0)\nx = torch.linspace(0.1, 3.3, 40)\nx = (x[:, None] * x).softmax(-1)",
        [],
        None,
    ),
    ("print(f'{x.sum().item():.3f} and {torch.rand(1).item():.8f}')", [], None),
    ("print(int(x[0].sum() * 1e9))", [], "stdout:   stored: "),
    ("assert abs(float(x.sum()) - 40) < 1e-4", [], None),
    (
        "from math import exp\nassert float(torch.tensor(1.0).exp()) == float(torch.tensor(exp(1.0)))",
        [],
        "AssertionError",
    ),
    ("assert float(torch.tensor(2.0).exp()) == float(torch.tensor(exp(2.0)))", ["shake-exact"], None),
    ("# NBVAL_IGNORE_OUTPUT\nprint(repr(x.sum().item()))", [], None),
    ("assert x.sum() != x.sum(), 'two'", ["raises-exception"], None),
    ("print(f'{float(x[0].mean()):.2f}')", [], None),
]


def test_the_cells_that_mind_are_named_and_no_others(tmp_path):
    (tmp_path / "CITATION.cff").write_text("title: a copy\n", encoding="utf-8")
    path = tmp_path / "chapters" / "tiny.ipynb"
    path.parent.mkdir()
    cells = [new_code_cell(source, metadata={"tags": tags}) for source, tags, _ in TINY]
    nbformat.write(new_notebook(cells=cells), path)
    assert asyncio.run(execute_all([path], jobs=1, root=tmp_path)) == []
    before = path.read_bytes()

    found = asyncio.run(shake_all([path], [4], jobs=1, root=tmp_path))
    assert path.read_bytes() == before
    said = [re.fullmatch(r"chapters/tiny.ipynb, code cell (\d+), seed 4: (.*)", text, re.DOTALL) for text in found]
    expected = {number: text for number, (_, _, text) in enumerate(TINY, 2) if text}  # the first is the Colab cell
    assert [int(match[1]) for match in said] == list(expected), "\n".join(found)
    for match in said:
        assert match[2].startswith(expected[int(match[1])])


def test_an_error_that_was_meant_and_did_not_come_is_a_finding():
    cell = new_code_cell("x", metadata={"tags": ["raises-exception"]})
    assert list(findings(cell, cell)) == ["was meant to raise an exception and raised none"]
