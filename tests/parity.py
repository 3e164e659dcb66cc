"""Give a model of the package the weights of a tiny random transformers model, and compare their gradients."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from mha.checkpoint import load_weights


def randomised(theirs: nn.Module, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
    """A transformers model at rest, every parameter random: fresh biases are 0 and norms 1, which hides mistakes.

    Nothing is left of the weights it was made with, which come from torch's global generator.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in theirs.parameters():
            centre = parameter.mean().round()  # 1 for the weights of a norm
            parameter.copy_(centre + 0.3 * torch.randn(parameter.shape, generator=generator))
    return theirs.to(dtype).eval()


def with_weights_of(theirs: nn.Module, mine: nn.Module) -> nn.Module:
    """`mine`, in the dtype of `theirs` and with its weights."""
    mine = mine.to(next(theirs.parameters()).dtype).eval()
    load_weights(mine, theirs.state_dict())
    return mine


def assert_same_gradients(
    theirs: nn.Module, mine: nn.Module, atol: float, without: frozenset[str] = frozenset()
) -> None:
    """Every parameter's gradient, by its name in the checkpoint; overwrites the weights of `mine` with them.

    `without` names parameters of `theirs` that have no part in what was differentiated.
    """
    with torch.no_grad():
        for parameter in mine.parameters():
            parameter.copy_(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
    mapped = mine.checkpoint_views()
    wanted = {name: p.grad for name, p in theirs.named_parameters() if name not in without}
    assert mapped.keys() == wanted.keys()
    for name, gradient in wanted.items():
        assert gradient is not None, name
        assert_close(mapped[name], gradient, atol=atol, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


@contextmanager
def dropped() -> Iterator[list[tuple[int, ...]]]:
    """Inside the `with`: the shapes of what torch drops from, in order; for fused attention those of its weights."""
    shapes: list[tuple[int, ...]] = []
    dropout, attend = F.dropout, F.scaled_dot_product_attention

    def noted_dropout(x: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:
        shapes.extend([tuple(x.shape)] if training and p else [])
        return dropout(x, p, training, inplace)

    def noted_attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **options: Any) -> torch.Tensor:
        shapes.extend([(*q.shape[:-1], k.shape[-2])] if options.get("dropout_p") else [])
        return attend(q, k, v, **options)

    with patch.object(F, "dropout", noted_dropout), patch.object(F, "scaled_dot_product_attention", noted_attend):
        yield shapes
