"""A linear map that uses every core for a single row, which is all that the next token of a sequence asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Linear", "linear", "wide_by_column"]

SMALL = 2**17  # entries of a matrix that one core has read before another has been called


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`, x Wᵀ + bias; for a single row on a CPU, and without gradients, each core its share of the outputs.

    A row times a matrix takes as long as reading the matrix. BLAS leaves that to one core, which reads no faster than
    one core can; a batched product is shared out.

    Args:
        x: (..., in).  weight: (out, in).  bias: (out,).
    Returns:
        (..., out).
    """
    if x.numel() != x.shape[-1] or weight.numel() < SMALL or torch.is_grad_enabled() or not weight.is_cpu:
        return F.linear(x, weight, bias)
    n_out, n_in = weight.shape
    cores = torch.get_num_threads()
    while n_out % cores:
        cores -= 1
    shares = weight.t().view(n_in, cores, -1).transpose(0, 1)  # (out, in) -> (cores, in, out / cores)
    rows = x.reshape(1, 1, n_in).expand(cores, 1, n_in)
    out = torch.bmm(rows, shares) if bias is None else torch.baddbmm(bias.view(cores, 1, -1), rows, shares)
    return out.view(*x.shape[:-1], n_out)


class Linear(nn.Linear):
    """`nn.Linear` through `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return linear(x, self.weight, self.bias)


@contextmanager
def wide_by_column(model: nn.Module) -> Iterator[None]:
    """Within this context the matrices with more rows than columns lie in memory column by column.

    No value changes. A row times such a matrix is then read along its longer side, about twice as fast. The copy takes
    as long as some thirty tokens gain by it, and as much memory as the matrices.
    """
    weights = [p for p in model.parameters() if p.dim() == 2 and p.shape[0] > p.shape[1] and p.is_cpu]
    before = [p.data for p in weights]
    try:
        with torch.inference_mode(False):  # or the copies could not be the data of parameters
            for p in weights:
                p.data = p.data.t().contiguous().t()
        yield
    finally:
        for p, data in zip(weights, before, strict=True):
            p.data = data
