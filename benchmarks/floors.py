"""What no way of computing a model can leave out: its matrix products and its attention kernels, and nothing besides.

A floor does each product of the forward pass once; of a training step also the two that each product has in the
backward pass, for its input and for its weights; and in each layer torch's fused attention, in a training step forward
and backward. Everything between is left out: embeddings, norms, activations, residual sums, biases, the softmax of the
loss, clipping and the optimizer; in decoding also the attention, which has one query. What goes in lies ready, what
comes out is written where the last result was, and nothing has a checked argument. So a ratio of 1 cannot be reached,
and how far a model is above it says how much there is to win by better code on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from mha.blocks import EncoderBlock
from mha.models.bert import Encoder
from mha.models.gpt import CHUNK, GPT
from mha.row_linear import SMALL

__all__ = ["decoding", "forward_pass", "matrices", "training_step"]

Call = Callable[[], None]


def matrices(model: GPT | Encoder) -> list[list[Tensor]]:
    """The matrices that a token meets, block by block; those of a GPT end in a block of its own with the embedding."""
    blocks = [cast(EncoderBlock, block) for block in model.blocks]
    found = [
        [layer.weight.detach() for layer in (block.attn.qkv, block.attn.out, block.ffn.up, block.ffn.down)]
        for block in blocks
    ]
    return [*found, [model.tokens.weight.detach()]] if isinstance(model, GPT) else found


def forward_pass(model: GPT | Encoder, lengths: Sequence[int], *, is_causal: bool = False) -> Call:
    """Of sequences of these lengths, none padded: the rows of all go through each matrix together."""
    products = [_forward(weight, sum(lengths)) for block in matrices(model) for weight in block]
    kernels = [_kernel(model, length, count, is_causal) for length, count in _counted(lengths)] * len(model.blocks)
    return _inference([*products, *kernels])


def training_step(model: GPT, lengths: Sequence[int]) -> Call:
    """Of sequences with so many tokens that have a next one; logits in chunks, as `GPT.next_token_loss` has them."""
    *blocks, (embedding,) = matrices(model)
    products = [part for block in blocks for weight in block for part in _all_three(weight, sum(lengths), sum(lengths))]
    logits = _all_three(embedding, sum(lengths), CHUNK)
    kernels = [_kernel_twice(model, length, count) for length, count in _counted(lengths)] * len(blocks)
    calls = [*products, *logits, *kernels]

    def step() -> None:
        for call in calls:
            call()

    return step


def decoding(model: GPT, n_tokens: int) -> Call:
    """One row times each matrix, n_tokens times over: the large ones shared out between the cores, by `torch.bmm`, from
    copies that are read along their longer side."""
    products = [_row(weight) for block in matrices(model) for weight in block]
    return _inference(products * n_tokens)


def _inference(calls: Sequence[Call]) -> Call:
    def run() -> None:
        with torch.inference_mode():
            for call in calls:
                call()

    return run


def _counted(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Each length, and how many sequences have it."""
    return [(length, len(list(same))) for length, same in groupby(sorted(lengths))]


def _forward(weight: Tensor, n_rows: int) -> Call:
    x, out = torch.randn(n_rows, weight.shape[1]), torch.empty(n_rows, weight.shape[0])

    def product() -> None:
        torch.mm(x, weight.t(), out=out)  # (n, in) (in, out) -> (n, out)

    return product


def _all_three(weight: Tensor, n_rows: int, chunk: int) -> list[Call]:
    """Forward, and backward for the input and for the weights, in chunks of rows."""
    n_out, n_in = weight.shape
    x, upstream = torch.randn(n_rows, n_in), torch.randn(min(chunk, n_rows), n_out)
    out, of_x, of_weight = torch.empty_like(upstream), torch.empty_like(x), torch.zeros_like(weight)

    def products(start: int) -> None:
        rows = slice(start, min(start + chunk, n_rows))
        n = rows.stop - rows.start
        torch.mm(x[rows], weight.t(), out=out[:n])  # (n, in) (in, out) -> (n, out)
        torch.mm(upstream[:n], weight, out=of_x[rows])  # (n, out) (out, in) -> (n, in)
        torch.addmm(of_weight, upstream[:n].t(), x[rows], beta=int(start > 0), out=of_weight)  # -> (out, in)

    return [lambda start=start: products(start) for start in range(0, n_rows, chunk)]


def _heads(model: GPT | Encoder, length: int, count: int) -> list[Tensor]:
    """q, k and v as a projection leaves them: (b, h, i, d), a token's heads side by side."""
    c = model.config
    side_by_side = torch.randn(count, length, 3, c.n_heads, c.d_model // c.n_heads)
    return list(side_by_side.permute(2, 0, 3, 1, 4))  # (b, i, 3, h, d) -> (3, b, h, i, d)


def _kernel(model: GPT | Encoder, length: int, count: int, is_causal: bool) -> Call:
    q, k, v = _heads(model, length, count)

    def kernel() -> None:
        F.scaled_dot_product_attention(q, k, v, is_causal=is_causal)

    return kernel


def _kernel_twice(model: GPT, length: int, count: int) -> Call:
    q, k, v = (x.requires_grad_() for x in _heads(model, length, count))
    upstream = torch.randn(count, length, model.config.n_heads, q.shape[-1]).transpose(1, 2)

    def kernels() -> None:
        torch.autograd.grad(F.scaled_dot_product_attention(q, k, v, is_causal=True), (q, k, v), upstream)

    return kernels


def _row(weight: Tensor) -> Call:
    n_out, n_in = weight.shape
    along = weight.t().contiguous().t() if n_out > n_in else weight
    cores = torch.get_num_threads() if weight.numel() >= SMALL else 1
    while n_out % cores:
        cores -= 1
    rows = torch.randn(1, 1, n_in).expand(cores, 1, n_in)
    shares = along.t().view(n_in, cores, -1).transpose(0, 1)  # (out, in) -> (cores, in, out / cores)
    out = torch.empty(cores, 1, n_out // cores)

    def product() -> None:
        torch.bmm(rows, shares, out=out)

    return product
