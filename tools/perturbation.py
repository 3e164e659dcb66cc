"""Torch as another processor might compute it: products, sums and exponentials off by up to one unit in the last place.

    with LastPlace(seed=1):
        ...

It acts on what the thread that entered it computes, on gradients too; not on NumPy, other threads or other processes.
Functions of `torch.compile` run uncompiled in it, and with `fullgraph=True` they refuse to.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["LastPlace", "begin", "pause", "resume"]

PRODUCTS = "mm bmm addmm baddbmm addbmm addmv addr mv dot vdot convolution _addmm_activation mkldnn_linear _mkl_linear"
SOFTMAXES = "_softmax _log_softmax _safe_softmax logsumexp logcumsumexp"
EXPONENTIALS = "exp exp2 expm1 log log2 log10 log1p tanh sigmoid log_sigmoid_forward erf gelu silu elu softplus sin cos"
SUMS = "sum nansum mean cumsum var std var_mean std_mean trace embedding_dense nll_loss nll_loss2d nll_loss_forward"
NORMS = "norm linalg_vector_norm _foreach_norm dist _cdist native_layer_norm native_group_norm _fused_rms_norm"
SHAKEN = set(" ".join((PRODUCTS, SOFTMAXES, EXPONENTIALS, SUMS, NORMS)).split())
PERIOD = 65537  # a prime, so that the pattern falls on no axis twice alike
LARGEST = 2**20  # numbers moved at once; larger tensors in halves


@cache
def is_shaken(name: str) -> bool:
    """Whether an operation such as `mm`, `exp_` or `_softmax_backward_data` differs between processors."""
    stem = name.removesuffix("_").removesuffix("_data").removesuffix("_backward").removesuffix("_forward")
    return bool({name, stem} & SHAKEN) or name.startswith("_scaled_dot_product")


class LastPlace(TorchDispatchMode):
    """Add -1, 0 or 1 to the last place of what torch computes, in a pattern that the seed fixes.

    The same operation on the same numbers gives the same result, as on any one processor. Zeros, infinities and NaN
    stay what they are. No generator is read or moved.

    Args:
        seed: which pattern.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        steps = np.random.default_rng(seed).integers(-1, 2, PERIOD)
        self.steps = torch.from_numpy(np.resize(steps, PERIOD + LARGEST))
        self.tables: dict[tuple[torch.dtype, torch.device], tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if is_shaken(func.overloadpacket.__name__):
            for tensor in out if isinstance(out, tuple | list) else (out,):
                if isinstance(tensor, torch.Tensor):
                    self.shake(tensor)
        return out

    def shake(self, x: torch.Tensor) -> None:
        """Move x in place, which its operation has just made or filled."""
        if isinstance(x, FakeTensor) or x.device.type == "meta" or not x.is_floating_point() or not x.numel():
            return
        if x.numel() > LARGEST:
            for half in x.chunk(2, dim=max(range(x.ndim), key=x.size)):
                self.shake(half)
            return
        first = float(x[(0,) * x.ndim])  # numbers alone, too, are moved now up, now down
        offset = hash(first) % PERIOD if math.isfinite(first) else 0
        down, up = (table[offset : offset + x.numel()].view(x.shape) for table in self.factors(x.dtype, x.device))
        x.mul_(down).div_(up)

    def factors(self, dtype: torch.dtype, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """What to multiply and what to divide by: 1, or the number before 1.

        That number times m is the one before m, and m divided by it the one after, whatever m is.
        """
        if (dtype, device) not in self.tables:
            before = torch.tensor(1 - torch.finfo(dtype).eps / 2, dtype=torch.float64)
            down, up = (torch.where(self.steps == step, before, 1.0).to(device, dtype) for step in (-1, 1))
            self.tables[dtype, device] = down, up
        return self.tables[dtype, device]


entered: list[LastPlace] = []


def begin(seed: int) -> None:
    """Shake from here on, in this thread: what a kernel is told before the first cell."""
    entered.append(LastPlace(seed))
    resume()


def pause() -> None:
    entered[-1].__exit__(None, None, None)


def resume() -> None:
    entered[-1].__enter__()
