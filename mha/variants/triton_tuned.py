"""The kernel of `triton_attention` as one would hand it to a GPU: powers of two, an inner loop without masks, tuned.

Three things differ, and none of them changes the result beyond rounding: the scores are scaled by log₂ e once and meet
2ˣ in place of eˣ, which is one instruction on a GPU; blocks of keys that every query of a block may see whole are run
through without a mask; and the sizes of the blocks are tried out on the GPU at the first call of each kind.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mha.variants.triton_attention import SMALLEST_BLOCK, check_triton

__all__ = ["triton_tuned"]


def triton_tuned(q: Tensor, k: Tensor, v: Tensor, *, is_causal: bool = False, scale: float | None = None) -> Tensor:
    """softmax(q kᵀ · scale) v, as `triton_attention` computes it, and faster.

    On a CPU it runs through Triton's interpreter with the first of the block sizes, untuned.

    Args, Returns, Raises:
        As for `triton_attention`.
    Source: Dao 2023 for the order of the loops and for fewer operations that are no matrix products.
    """
    check_triton(q, k, v, is_causal=is_causal, scale=scale)
    from mha.variants import triton_tuned_forward as kernels

    n_queries, head_dim = q.shape[-2:]
    n_heads = math.prod(q.shape[:-2])
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    out = torch.empty_like(q)
    kernels.run(
        (q, k, v, out, n_queries, k.shape[-2], (head_dim**-0.5 if scale is None else scale) / math.log(2)),
        n_heads,
        HEAD_DIM=head_dim,
        PADDED_DIM=max(SMALLEST_BLOCK, 2 ** math.ceil(math.log2(head_dim))),
        IS_CAUSAL=is_causal,
        PRECISION="ieee" if q.dtype == torch.float32 else "tf32",  # read for float32 only
        UPCAST=q.device.type == "cpu" and q.dtype == torch.bfloat16,
    )
    return out
