"""Every way to compute softmax(q kᵀ / √d) v, by name, and what it says when it cannot."""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from benchmarks.gpu.plan import Shape
from mha.attention import attention
from mha.variants.triton_attention import triton_attention
from mha.variants.triton_tuned import triton_tuned

__all__ = ["NAMES", "Backend", "Inputs", "backend", "failure", "freed", "make_inputs", "one_line", "versions"]

SDPA = {
    "math": SDPBackend.MATH,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
}
NAMES = (
    *("explicit", "explicit, compiled", "SDPA's choice", *SDPA),
    *("FlexAttention, compiled", "Triton", "Triton, tuned"),
)
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Inputs:
    """q, k and v, and the gradient that comes back to the output if the shape asks for a backward pass."""

    q: Tensor
    k: Tensor
    v: Tensor
    grad: Tensor | None


@dataclass(frozen=True)
class Backend:
    """`run` computes the output (and the gradients of q, k, v); `chosen` is entered once around all that is timed."""

    run: Callable[[], tuple[Tensor, ...]]
    chosen: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext


def make_inputs(shape: Shape, device: torch.device) -> Inputs:
    """Standard normal numbers, the same on every run of one kind of device."""
    generator = torch.Generator(device).manual_seed(0)
    dtype = getattr(torch, shape.dtype)

    def normal(n_heads: int, length: int) -> Tensor:
        size = (shape.batch, n_heads, length, shape.head_dim)
        return torch.randn(size, generator=generator, device=device, dtype=torch.float32).to(dtype)

    q, k, v = (
        normal(shape.n_heads, shape.n_queries),
        *(normal(shape.n_kv_heads, shape.n_keys) for _ in range(2)),
    )
    if not shape.backward:
        return Inputs(q, k, v, None)
    grad = normal(shape.n_heads, shape.n_queries)
    return Inputs(*(x.requires_grad_() for x in (q, k, v)), grad)


def backend(name: str, shape: Shape, inputs: Inputs) -> Backend:
    """The backend of this name, ready to be run on the inputs.

    Raises:
        ValueError: there is no such name, or the backend was not made for such a shape.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    if name.startswith("Triton") and (shape.n_heads != shape.n_kv_heads or shape.backward):
        raise ValueError(f"{name} was made for the forward pass of as many heads of keys as of queries")
    attend = _attend(name, shape)
    chosen = (lambda: sdpa_kernel(SDPA[name])) if name in SDPA else contextlib.nullcontext
    q, k, v = inputs.q, inputs.k, inputs.v

    def forward() -> tuple[Tensor, ...]:
        return (attend(q, k, v),)

    def both() -> tuple[Tensor, ...]:
        out = attend(q, k, v)
        return out.detach(), *torch.autograd.grad(out, (q, k, v), inputs.grad)

    return Backend(both if shape.backward else forward, chosen)


def _attend(name: str, shape: Shape) -> Attend:
    grouped = shape.n_heads != shape.n_kv_heads
    causal = {"is_causal": shape.is_causal}
    if name.startswith("explicit"):

        def explicit(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return attention(q, k, v, **causal)[0]

        return torch.compile(explicit, dynamic=False) if name.endswith("compiled") else explicit
    if name.startswith("Flex"):
        return _flex(shape, grouped)
    if name.startswith("Triton"):
        kernel = triton_tuned if name.endswith("tuned") else triton_attention
        return lambda q, k, v: kernel(q, k, v, **causal)
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=grouped, **causal)


def _flex(shape: Shape, grouped: bool) -> Attend:
    made = torch.compile(flex_attention, dynamic=False)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    past = None
    if shape.is_causal:
        past = create_block_mask(lambda b, h, i, j: i >= j, None, None, shape.n_queries, shape.n_keys, device=device)
    return lambda q, k, v: made(q, k, v, block_mask=past, enable_gqa=grouped)


def failure(error: Exception) -> dict[str, str]:
    """What is stored of a backend that could not run: whatever it raised is the finding."""
    is_memory = isinstance(error, torch.OutOfMemoryError)
    return {"status": "out of memory" if is_memory else "cannot run", "reason": one_line(error)}


def one_line(error: object) -> str:
    """Its kind and its first 300 characters, without this machine's paths."""
    kind = f"{type(error).__name__}: " if isinstance(error, BaseException) else ""
    text = re.sub(r"(?<![\w.])/\S+/", "", " ".join(str(error).split()))
    return kind + (text if len(text) <= 300 else text[:300].rsplit(" ", 1)[0] + " …")


@contextlib.contextmanager
def freed(device: torch.device) -> Iterator[None]:
    """Afterwards what only the block held is given back to the card."""
    try:
        yield
    finally:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def versions() -> dict[str, Any]:
    """Of what computes."""
    try:
        import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ModuleNotFoundError:
        found = None
    else:
        found = triton.__version__
    return {"torch": torch.__version__, "triton": found, "cuda": torch.version.cuda}
