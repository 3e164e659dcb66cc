"""Attention in one pass over the keys, as a Triton kernel: scores and weights never reach memory. Forward only."""

from __future__ import annotations

import importlib.util
import math
import os

import torch
from torch import Tensor

from mha.attention import check_attention

__all__ = ["SMALLEST_BLOCK", "check_triton", "triton_attention", "triton_is_installed"]

DTYPES = (torch.float16, torch.bfloat16, torch.float32)
LARGEST_HEAD_DIM = 128
SMALLEST_BLOCK = 16  # tl.dot takes no shorter axis


def triton_is_installed() -> bool:
    """Whether the package `triton` can be imported."""
    return importlib.util.find_spec("triton") is not None


def triton_attention(q: Tensor, k: Tensor, v: Tensor, *, is_causal: bool = False, scale: float | None = None) -> Tensor:
    """softmax(q kᵀ · scale) v on a CUDA device, or on a CPU through Triton's interpreter.

    Sums are float32, whatever the inputs are; float32 products are exact float32 ones (no TF32).

    Args:
        q: (..., i, d).  k, v: (..., j, d), float16, bfloat16 or float32, d at most 128.
        is_causal: each query attends up to its own position, the last query being level with the last key.
        scale: what q kᵀ is multiplied by; 1 / √d if None.
    Returns:
        (..., i, d).
    Raises:
        ModuleNotFoundError: Triton is not installed.
        ValueError: shapes, dtypes or devices disagree or are none of these; causal with more queries than keys; a
            gradient is asked for; CPU tensors without TRITON_INTERPRET=1 in the environment, set before Triton is first
            imported.
    Source: Dao et al. 2022, algorithm 1, with the outer loop over queries (Dao 2023); Milakov and Gimelshein 2018.
    """
    check_triton(q, k, v, is_causal=is_causal, scale=scale)
    from mha.variants.triton_forward import forward

    n_queries, head_dim = q.shape[-2:]
    n_heads, n_keys = math.prod(q.shape[:-2]), k.shape[-2]
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    out = torch.empty_like(q)
    block_i, block_j = (64, 32) if q.dtype == torch.float32 else (64, 64)  # fits 100 kB of shared memory at d = 128
    forward[(n_heads, -(-n_queries // block_i))](
        q,
        k,
        v,
        out,
        n_queries,
        n_keys,
        head_dim**-0.5 if scale is None else scale,
        HEAD_DIM=head_dim,
        PADDED_DIM=max(SMALLEST_BLOCK, 2 ** math.ceil(math.log2(head_dim))),
        BLOCK_I=block_i,
        BLOCK_J=block_j,
        IS_CAUSAL=is_causal,
        PRECISION="ieee" if q.dtype == torch.float32 else "tf32",  # read for float32 only
        UPCAST=q.device.type == "cpu" and q.dtype == torch.bfloat16,
        num_warps=4,
        num_stages=2,
    )
    return out


def check_triton(q: Tensor, k: Tensor, v: Tensor, *, is_causal: bool, scale: float | None) -> None:
    """Raise what `triton_attention` raises, before anything is computed."""
    check_attention(q, k, v, is_causal=is_causal, scale=scale)
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x.dtype != q.dtype:  # autocast does not reach a kernel
            raise ValueError(f"{name} must be {q.dtype} as q is, got {x.dtype}")
        if torch.is_grad_enabled() and x.requires_grad:
            raise ValueError(f"{name} must need no gradient, the kernel has none: call it under torch.no_grad()")
    if q.dtype not in DTYPES:
        raise ValueError(f"q must be float16, bfloat16 or float32, got {q.dtype}")
    if q.shape[-1] > LARGEST_HEAD_DIM:
        raise ValueError(f"the last axis of q must be at most {LARGEST_HEAD_DIM}, got {q.shape[-1]}")
    if k.shape != v.shape or q.shape[:-2] != k.shape[:-2] or q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"k and v must have one shape, and q's but for the length, "
            f"got {tuple(q.shape)}, {tuple(k.shape)} and {tuple(v.shape)}"
        )
    if not triton_is_installed():
        raise ModuleNotFoundError("triton_attention needs the package triton, which is not installed here")
    if q.device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise ValueError(f"q must be on cuda, or TRITON_INTERPRET=1 be set before Triton is imported; got {q.device}")
