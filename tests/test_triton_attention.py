"""The Triton kernels against explicit attention in float64, through Triton's interpreter in a process of its own."""

import json
import os
import subprocess
import sys

import pytest
import torch

from mha.variants import triton_attention as module
from mha.variants.triton_attention import triton_attention, triton_is_installed

needs_triton = pytest.mark.skipif(not triton_is_installed(), reason="the package triton is not installed here")

PARITY = """
import json, sys, torch
from torch.testing import assert_close
from mha.attention import attention
from mha.variants.triton_attention import triton_attention
from mha.variants.triton_tuned import triton_tuned

def compare(dtype, n_queries, n_keys, head_dim, is_causal):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (3 * torch.randn(2, 3, n, head_dim, generator=generator) for n in (n_queries, n_keys, n_keys))
    q, k, v = (x.to(dtype) for x in (q, k, v))
    q = q.transpose(1, 2).contiguous().transpose(1, 2)  # the layout that splitting heads leaves
    for scale in (None, 0.25):
        want, _ = attention(*(x.double() for x in (q, k, v)), is_causal=is_causal, scale=scale)
        largest = (q.double() @ k.double().mT).abs().max().item() * (scale or head_dim**-0.5)
        rounding = torch.finfo(torch.float32).eps * largest + 2 * torch.finfo(dtype).eps  # scores; weights, out
        allowed = rounding * v.double().abs().max().item()
        for kernel in (triton_attention, triton_tuned):
            got = kernel(q, k, v, is_causal=is_causal, scale=scale)
            assert got.dtype == dtype
            assert_close(got.double(), want, atol=allowed, rtol=0.0, msg=lambda text: f"{kernel.__name__}: {text}")

said = []
for dtype, *sizes, is_causal in json.loads(sys.argv[1]):
    try:
        compare(getattr(torch, dtype), *sizes, is_causal)
        said.append("equal")
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
print(json.dumps(said))
"""
COMPILED = """
import sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from mha.variants import triton_tuned_forward as kernels

pointers = dict.fromkeys(("q_ptr", "k_ptr", "v_ptr", "out_ptr"), "*fp16")
sizes = {"n_queries": "i32", "n_keys": "i32", "scale_log2": "fp32"}
block_i, block_j, warps, stages = kernels.SIZES[-1]
fixed = {
    "HEAD_DIM": 64, "PADDED_DIM": 64, "BLOCK_I": block_i, "BLOCK_J": block_j, "IS_CAUSAL": sys.argv[1] == "causal",
    "PRECISION": "tf32", "UPCAST": False,
}
signature = pointers | sizes | dict.fromkeys(fixed, "constexpr")
source = ASTSource(fn=kernels.forward, signature=signature, constexprs=fixed)
kernel = triton.compile(
    source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps, "num_stages": stages}
)
print("wgmma.mma_async" in kernel.asm["ptx"], "ex2.approx" in kernel.asm["ptx"])
"""


SHAPES = [
    ("float32", 131, 131, 32),  # dtype, queries, keys, d of a head
    ("float32", 67, 149, 5),  # more keys than queries, neither a multiple of a block, d below a block
    ("float32", 97, 101, 19),
    ("float32", 1, 71, 64),
    ("float16", 71, 71, 64),
    ("bfloat16", 71, 73, 16),
]
CASES = [(*shape, is_causal) for shape in SHAPES for is_causal in (False, True)]


@pytest.fixture(scope="module")
def interpreted():
    """What is said of each case; all in one process, which takes seconds to start."""
    return dict(zip(CASES, json.loads(ran(PARITY, {"TRITON_INTERPRET": "1"}, json.dumps(CASES))), strict=True))


def ran(program: str, switches: dict[str, str], *arguments: object) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    run = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment | switches,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@needs_triton
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_kernels_equal_explicit_attention(interpreted, case):
    assert interpreted[case] == "equal"


@needs_triton
@pytest.mark.parametrize("mask", ["plain", "causal"])
def test_the_tuned_kernel_compiles_to_a_hoppers_matrix_units_without_one(mask, tmp_path):
    assert ran(COMPILED, {"TRITON_CACHE_DIR": str(tmp_path)}, mask) == "True True\n"


def test_causal_wants_no_more_queries_than_keys():
    with pytest.raises(ValueError, match=r"q must have no more positions than k, got 7 and 3"):
        triton_attention(torch.ones(7, 5), torch.ones(3, 5), torch.ones(3, 5), is_causal=True)


def test_without_triton_the_error_names_it(monkeypatch):
    monkeypatch.setattr(module, "triton_is_installed", lambda: False)
    x = torch.ones(2, 3, 5)
    with pytest.raises(ModuleNotFoundError, match="needs the package triton"):
        triton_attention(x, x, x)


def test_cpu_tensors_need_the_interpreter(monkeypatch):
    monkeypatch.setattr(module, "triton_is_installed", lambda: True)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    x = torch.ones(2, 3, 5)
    with pytest.raises(ValueError, match="TRITON_INTERPRET=1"):
        triton_attention(x, x, x)


@pytest.mark.parametrize(
    ("q", "k", "v", "message"),
    [
        (torch.ones(5), torch.ones(5), torch.ones(5), "two axes or more"),
        (torch.ones(3, 0), torch.ones(3, 5), torch.ones(3, 5), "none empty"),
        (torch.ones(3, 5), torch.ones(7, 5).half(), torch.ones(7, 5), "k must be torch.float32"),
        (torch.ones(3, 5).double(), torch.ones(7, 5).double(), torch.ones(7, 5).double(), "got torch.float64"),
        (torch.ones(3, 131), torch.ones(7, 131), torch.ones(7, 131), "at most 128, got 131"),
        (torch.ones(3, 5), torch.ones(7, 5), torch.ones(11, 5), "k and v must agree in every axis"),
        (torch.ones(3, 5), torch.ones(7, 5), torch.ones(7, 4), "k and v must have one shape"),
        (torch.ones(2, 3, 5), torch.ones(7, 5), torch.ones(7, 5), "q and k must agree in their leading axes"),
        (torch.ones(3, 5, requires_grad=True), torch.ones(7, 5), torch.ones(7, 5), "torch.no_grad"),
    ],
)
def test_errors_say_what_was_expected(q, k, v, message):
    with pytest.raises(ValueError, match=message):
        triton_attention(q, k, v)
