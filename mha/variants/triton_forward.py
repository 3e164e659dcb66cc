# ruff: noqa: N803 (what is fixed at compilation is in capitals, as everywhere in Triton)
"""The Triton program behind `mha.variants.triton_attention`: one block of queries meets the keys block by block."""

from __future__ import annotations

import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]

__all__ = ["forward"]


@triton.jit  # type: ignore[untyped-decorator, misc, unused-ignore]
def forward(  # type: ignore[no-untyped-def]
    q_ptr, k_ptr, v_ptr, out_ptr, n_queries, n_keys, scale,
    HEAD_DIM: tl.constexpr, PADDED_DIM: tl.constexpr, BLOCK_I: tl.constexpr, BLOCK_J: tl.constexpr,
    IS_CAUSAL: tl.constexpr, PRECISION: tl.constexpr, UPCAST: tl.constexpr,
):  # fmt: skip
    """out = softmax(q kᵀ · scale) v for BLOCK_I queries of one head; q (h, i, d), k, v (h, j, d), all contiguous."""
    head = tl.program_id(0).to(tl.int64)  # offsets may pass 2³¹
    rows = tl.program_id(1) * BLOCK_I + tl.arange(0, BLOCK_I)
    channels = tl.arange(0, PADDED_DIM)
    inside = (rows[:, None] < n_queries) & (channels[None, :] < HEAD_DIM)
    own = head * n_queries * HEAD_DIM + rows[:, None] * HEAD_DIM + channels[None, :]
    q = tl.load(q_ptr + own, mask=inside, other=0.0)
    if UPCAST:  # the interpreter cannot multiply bfloat16
        q = q.to(tl.float32)

    largest = tl.full([BLOCK_I], float("-inf"), tl.float32)  # of each query's scores so far
    total = tl.zeros([BLOCK_I], tl.float32)  # of the exponentials, relative to that
    out = tl.zeros([BLOCK_I, PADDED_DIM], tl.float32)  # not yet divided by the total
    ahead = n_keys - n_queries  # the last query is level with the last key
    end = n_keys
    if IS_CAUSAL:
        end = tl.minimum(n_keys, (tl.program_id(1) + 1) * BLOCK_I + ahead)  # none sees further
    for start in range(0, end, BLOCK_J):
        columns = start + tl.arange(0, BLOCK_J)
        there = (columns[:, None] < n_keys) & (channels[None, :] < HEAD_DIM)
        at = head * n_keys * HEAD_DIM + columns[:, None] * HEAD_DIM + channels[None, :]
        k = tl.load(k_ptr + at, mask=there, other=0.0)
        v = tl.load(v_ptr + at, mask=there, other=0.0)
        if UPCAST:
            k, v = k.to(tl.float32), v.to(tl.float32)
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION) * scale  # (i, d) (d, j) -> (i, j), float32
        seen = (columns[None, :] < n_keys) & (rows[:, None] < n_queries)
        if IS_CAUSAL:
            seen = seen & (columns[None, :] <= rows[:, None] + ahead)
        scores = tl.where(seen, scores, float("-inf"))

        new_largest = tl.maximum(largest, tl.max(scores, 1))
        finite = tl.where(new_largest == float("-inf"), 0.0, new_largest)  # -inf minus -inf would be NaN
        shrink = tl.exp(largest - finite)  # what was summed so far was relative to a smaller number
        exponentials = tl.exp(scores - finite[:, None])
        total = total * shrink + tl.sum(exponentials, 1)
        out = out * shrink[:, None]
        out += tl.dot(exponentials.to(v.dtype), v, input_precision=PRECISION)  # (i, j) (j, d) -> (i, d)
        largest = new_largest
    out = out / tl.where(total == 0.0, 1.0, total)[:, None]  # rows beyond the last query are not stored
    tl.store(out_ptr + own, out.to(out_ptr.dtype.element_ty), mask=inside)
