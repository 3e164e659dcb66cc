"""Is a result right? Every query against float32 (float64 for float32 inputs); what is too far off is not timed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.backends import Inputs
from benchmarks.gpu.plan import Shape
from mha.attention import attention

__all__ = ["TOLERANCE", "errors", "reference", "verdict"]

TOLERANCE = {"float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}  # of the error's length over the result's
WORST, GRADIENT = 10, 2  # how much further one query alone, and a gradient, may be off
MOST_SCORES = 2**28  # of one part of the reference: a gigabyte in float32


def reference(shape: Shape, inputs: Inputs) -> tuple[Tensor, ...]:
    """The output (and the gradients), head by head in more bits; without TF32."""
    wide = torch.float64 if shape.dtype == "float32" else torch.float32
    group = shape.n_heads // shape.n_kv_heads
    k, v = (x.detach().repeat_interleave(group, dim=1).flatten(0, 1) for x in (inputs.k, inputs.v))
    q = inputs.q.detach().flatten(0, 1)  # (b, h, i, d) -> (b·h, i, d)
    grad = None if inputs.grad is None else inputs.grad.flatten(0, 1)
    at_once = max(1, MOST_SCORES // (shape.n_queries * shape.n_keys))
    parts = []
    for start in range(0, len(q), at_once):
        heads = slice(start, start + at_once)
        xs = [x[heads].to(wide).requires_grad_(shape.backward) for x in (q, k, v)]
        with torch.set_grad_enabled(shape.backward):
            out, _ = attention(*xs, is_causal=shape.is_causal)
        grads = torch.autograd.grad(out, xs, grad[heads].to(wide)) if grad is not None else ()
        parts.append([x.detach().float() for x in (out, *grads)])
    return tuple(torch.cat(x).unflatten(0, (shape.batch, -1)) for x in zip(*parts, strict=True))


def errors(got: Sequence[Tensor], want: Sequence[Tensor]) -> dict[str, float]:
    """Length of the error over the length of the result: of the output, of its worst query, of the worst gradient.

    Raises:
        ValueError: a result has another shape than the reference, or there are fewer.
    """
    if [x.shape for x in got] != [x.shape for x in want]:
        raise ValueError(f"shapes must be {[tuple(x.shape) for x in want]}, got {[tuple(x.shape) for x in got]}")
    off = [float((x.float() - y).norm() / y.norm()) for x, y in zip(got, want, strict=True)]
    rows = (got[0].float() - want[0]).norm(dim=-1) / want[0].norm(dim=-1)
    found = {"output": off[0], "worst_query": float(rows.max())}
    return found | ({"worst_gradient": max(off[1:])} if len(off) > 1 else {})


def verdict(dtype: str, found: dict[str, float]) -> dict[str, Any]:
    """ "right", or "wrong" with the reason; not a number is wrong."""
    allowed = {
        "output": TOLERANCE[dtype],
        "worst_query": WORST * TOLERANCE[dtype],
        "worst_gradient": GRADIENT * TOLERANCE[dtype],
    }
    beyond = [name for name, error in found.items() if not error <= allowed[name]]
    if not beyond:
        return {"status": "right", "errors": found}
    reason = ", ".join(f"{name.replace('_', ' ')} off by {found[name]:.1e} of {allowed[name]:.1e}" for name in beyond)
    return {"status": "wrong", "reason": reason, "errors": found}
