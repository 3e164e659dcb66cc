# ruff: noqa: N803 (what is fixed at compilation is in capitals, as everywhere in Triton)
"""The Triton program behind `mha.variants.triton_tuned`: 2ˣ, an unmasked inner loop, block sizes that are tried out."""

from __future__ import annotations

from typing import Any

import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]

__all__ = ["run"]

SIZES = [(64, 64, 4, 2), (128, 64, 4, 3), (128, 64, 8, 3), (128, 128, 8, 2), (128, 32, 4, 3)]
CONFIGS = [
    triton.Config({"BLOCK_I": i, "BLOCK_J": j}, num_warps=warps, num_stages=stages) for i, j, warps, stages in SIZES
]


@triton.jit  # type: ignore[untyped-decorator, misc, unused-ignore]
def load(ptr, rows, channels, end, HEAD_DIM: tl.constexpr, MASKED: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows of a contiguous (n, d) matrix; zeros beyond its end, if MASKED says that a row may lie there."""
    at = ptr + rows[:, None] * HEAD_DIM + channels[None, :]
    if MASKED or channels.shape[0] != HEAD_DIM:
        loaded = tl.load(at, mask=(rows[:, None] < end) & (channels[None, :] < HEAD_DIM), other=0.0)
    else:
        loaded = tl.load(at)
    return loaded


@triton.jit  # type: ignore[untyped-decorator, misc, unused-ignore]
def meet(  # type: ignore[no-untyped-def]
    q, k_ptr, v_ptr, rows, channels, largest, total, out, start, end, n_keys, ahead, scale_log2,
    HEAD_DIM: tl.constexpr, BLOCK_J: tl.constexpr, MASKED: tl.constexpr, IS_CAUSAL: tl.constexpr,
    PRECISION: tl.constexpr, UPCAST: tl.constexpr,
):  # fmt: skip
    """One block of queries meets the keys from start to end; scores are in powers of two."""
    for first in range(start, end, BLOCK_J):
        columns = first + tl.arange(0, BLOCK_J)
        k = load(k_ptr, columns, channels, n_keys, HEAD_DIM, MASKED)
        v = load(v_ptr, columns, channels, n_keys, HEAD_DIM, MASKED)
        if UPCAST:  # the interpreter cannot multiply bfloat16
            k, v = k.to(tl.float32), v.to(tl.float32)
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION) * scale_log2  # (i, d) (d, j) -> (i, j), float32
        if MASKED:
            seen = columns[None, :] < n_keys
            if IS_CAUSAL:
                seen = seen & (columns[None, :] <= rows[:, None] + ahead)
            scores = tl.where(seen, scores, float("-inf"))
        new_largest = tl.maximum(largest, tl.max(scores, 1))  # finite: each query sees the first key of all
        shrink = tl.exp2(largest - new_largest)
        powers = tl.exp2(scores - new_largest[:, None])
        total = total * shrink + tl.sum(powers, 1)
        out = out * shrink[:, None]
        out = tl.dot(powers.to(v.dtype), v, out, input_precision=PRECISION)  # (i, j) (j, d) -> (i, d)
        largest = new_largest
    return largest, total, out


@triton.jit  # type: ignore[untyped-decorator, misc, unused-ignore]
def forward(  # type: ignore[no-untyped-def]
    q_ptr, k_ptr, v_ptr, out_ptr, n_queries, n_keys, scale_log2,
    HEAD_DIM: tl.constexpr, PADDED_DIM: tl.constexpr, BLOCK_I: tl.constexpr, BLOCK_J: tl.constexpr,
    IS_CAUSAL: tl.constexpr, PRECISION: tl.constexpr, UPCAST: tl.constexpr,
):  # fmt: skip
    """out = softmax(q kᵀ · scale) v for BLOCK_I queries of one head; q (h, i, d), k, v (h, j, d), all contiguous."""
    block = tl.num_programs(0) - 1 - tl.program_id(0)  # under a causal mask the longest begin first
    head = tl.program_id(1).to(tl.int64)  # offsets may pass 2³¹
    q_ptr += head * n_queries * HEAD_DIM
    k_ptr += head * n_keys * HEAD_DIM
    v_ptr += head * n_keys * HEAD_DIM
    rows = block * BLOCK_I + tl.arange(0, BLOCK_I)
    channels = tl.arange(0, PADDED_DIM)
    q = load(q_ptr, rows, channels, n_queries, HEAD_DIM, True)
    if UPCAST:
        q = q.to(tl.float32)

    largest = tl.full([BLOCK_I], float("-inf"), tl.float32)  # of each query's scores so far
    total = tl.zeros([BLOCK_I], tl.float32)  # of the powers, relative to that
    out = tl.zeros([BLOCK_I, PADDED_DIM], tl.float32)  # not yet divided by the total
    ahead = n_keys - n_queries  # the last query is level with the last key
    end, whole = n_keys, n_keys  # keys that some query of the block sees; keys that all of them see
    if IS_CAUSAL:
        end = tl.minimum(n_keys, (block + 1) * BLOCK_I + ahead)
        whole = tl.minimum(n_keys, block * BLOCK_I + ahead + 1)
    whole = whole // BLOCK_J * BLOCK_J
    largest, total, out = meet(
        q, k_ptr, v_ptr, rows, channels, largest, total, out, 0, whole, n_keys, ahead, scale_log2,
        HEAD_DIM, BLOCK_J, False, IS_CAUSAL, PRECISION, UPCAST,
    )  # fmt: skip
    largest, total, out = meet(
        q, k_ptr, v_ptr, rows, channels, largest, total, out, whole, end, n_keys, ahead, scale_log2,
        HEAD_DIM, BLOCK_J, True, IS_CAUSAL, PRECISION, UPCAST,
    )  # fmt: skip
    at = out_ptr + head * n_queries * HEAD_DIM + rows[:, None] * HEAD_DIM + channels[None, :]
    inside = (rows[:, None] < n_queries) & (channels[None, :] < HEAD_DIM)
    tl.store(at, (out / total[:, None]).to(out_ptr.dtype.element_ty), mask=inside)


KINDS = ["HEAD_DIM", "IS_CAUSAL", "PRECISION"]  # a new kind is tuned anew; the inputs' dtypes are keys as well
tuned = triton.autotune(CONFIGS, key=KINDS)(forward)


def run(arguments: tuple[Any, ...], n_heads: int, **fixed: Any) -> None:
    """Launch on the arguments' device: tuned on a GPU, with the first of the sizes in the interpreter."""
    q = arguments[0]
    n_queries = q.shape[-2]
    if q.device.type == "cuda":
        tuned[lambda sizes: (triton.cdiv(n_queries, sizes["BLOCK_I"]), n_heads)](*arguments, **fixed)
        return
    block_i, block_j, _, _ = SIZES[0]
    forward[(triton.cdiv(n_queries, block_i), n_heads)](*arguments, BLOCK_I=block_i, BLOCK_J=block_j, **fixed)
