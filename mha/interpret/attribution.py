"""What each token is given as its share in an output: by weights, by what the weights carry, by gradients.

The methods that take weights give something for each layer, head, query and key, so that what to sum over stays in
sight. Those that take gradients ask for the output as a function of vectors: `output_from` makes one of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mha.attention import attention, repeat_kv
from mha.detours import detour, in_backward
from mha.heads import MultiHeadAttention
from mha.interpret.patching import attention_layers, patch_output
from mha.validation import check_callable, check_integer, check_tensor

__all__ = [
    "attention_gradient",
    "carried_norms",
    "gradient_times_input",
    "integrated_gradients",
    "output_from",
    "received",
    "record_values",
    "value_norms",
]

Output = Callable[[Tensor], Tensor]  # vectors (b, i, m) -> (b,)
Recorded = dict[int, tuple[Tensor, Tensor]]


def received(weights: Tensor, queries: Tensor | None = None) -> Tensor:
    """What each key receives, averaged over the queries that count.

    Args:
        weights: (..., b, h, i, j).  queries: bool (b, i), True = counts; all do if None.
    Returns:
        (..., b, h, j).
    Raises:
        TypeError: weights is no tensor, or queries not bool.
        ValueError: shapes that do not fit, or a sequence of which no query counts.
    """
    check_tensor("weights", weights)
    if weights.dim() < 4:
        raise ValueError(f"weights must have shape (..., b, h, i, j), got {tuple(weights.shape)}")
    if queries is None:
        return weights.mean(-2)
    check_tensor("queries", queries)
    if queries.dtype != torch.bool:
        raise TypeError(f"queries must be bool (True = counts), got {queries.dtype}")
    wanted = (weights.shape[-4], weights.shape[-2])
    if tuple(queries.shape) != wanted:
        raise ValueError(f"queries must have shape (b, i) = {wanted}, got {tuple(queries.shape)}")
    if not queries.any(-1).all():
        raise ValueError("queries must count at least one place of each sequence")
    share = queries.to(weights) / queries.sum(-1, keepdim=True)  # (b, i)
    return torch.einsum("...bhij,bi->...bhj", weights, share)


@contextmanager
def record_values(model: nn.Module) -> Iterator[Recorded]:
    """Inside the `with`, each attention layer's weights are kept, and the values that they weigh.

    It takes the place of `record_attention` for the while, in the thread that entered it.

    Yields:
        For each layer's number, in the order of `patching.attention_layers`, the last call's weights (b, h, i, j) and
        values (b, h, j, d), repeated where heads share them; both on the autograd graph.
    Raises:
        TypeError: model is no module.  ValueError: it has no `MultiHeadAttention`.
    """
    kept: Recorded = {}
    layers = attention_layers(model)
    with detour({layer: partial(_recorded, kept, number) for number, layer in enumerate(layers)}):
        yield kept


def _recorded(kept: Recorded, number: int, q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
    out, weights = attention(q, k, v, **options)
    if not in_backward():
        kept[number] = weights, repeat_kv(q, v)
    return out


def value_norms(layer: MultiHeadAttention, values: Tensor) -> Tensor:
    """How long each head's value is once it is projected to the stream: ‖v_j W_O^h‖.

    Args:
        layer: the one that made them.  values: (b, h, j, d).
    Returns:
        (b, h, j). Times a head's weights it is how much a query takes from a key in this head.
    Raises:
        TypeError: values is no tensor, or the layer's projection has no weight: it was replaced.
        ValueError: values has other heads than the layer.
    Source: Kobayashi et al. 2020, section 3; the value's bias is part of it there too.
    """
    rows = _output_rows(layer, values)  # (m, h, d)
    return torch.einsum("bhjd,mhd->bhjm", values, rows).norm(dim=-1)


def carried_norms(layer: MultiHeadAttention, weights: Tensor, values: Tensor) -> Tensor:
    """How long the vector is that query i takes from key j, all heads together: ‖Σ_h α_ij^h v_j^h W_O^h‖.

    Heads can cancel, so it is at most the sum over heads of weight times `value_norms`.

    Args:
        layer: the one that made them.  weights: (b, h, i, j).  values: (b, h, j, d).
    Returns:
        (b, i, j).
    Raises:
        As `value_norms`; ValueError too where weights do not fit the values.
    Source: Kobayashi et al. 2020, section 3.
    """
    check_tensor("weights", weights)
    rows = _output_rows(layer, values)
    b, h, j, _ = values.shape
    if weights.dim() != 4 or (weights.shape[0], weights.shape[1], weights.shape[3]) != (b, h, j):
        raise ValueError(f"weights must have shape ({b}, {h}, i, {j}), got {tuple(weights.shape)}")
    projected = torch.einsum("bhjd,mhd->bjhm", values, rows)  # what each head writes of a key
    gram = projected @ projected.transpose(-1, -2)  # (b, j, h, h)
    squares = torch.einsum("bhij,bjhg,bgij->bij", weights, gram, weights)
    return squares.clamp_min(0).sqrt()


def _output_rows(layer: MultiHeadAttention, values: Tensor) -> Tensor:
    """The output projection by heads, (m, h, d)."""
    if not isinstance(layer, MultiHeadAttention):
        raise TypeError(f"layer must be a MultiHeadAttention, got {type(layer).__name__}")
    check_tensor("values", values)
    check_tensor("layer.out.weight", getattr(layer.out, "weight", None))
    if values.dim() != 4 or (values.shape[1], values.shape[3]) != (layer.n_heads, layer.head_dim):
        raise ValueError(f"values must have shape (b, {layer.n_heads}, j, {layer.head_dim}), got {tuple(values.shape)}")
    return layer.out.weight.unflatten(1, (layer.n_heads, layer.head_dim))


def attention_gradient(output: Tensor, weights: Tensor | list[Tensor]) -> list[Tensor]:
    """Each weight times the output's gradient with respect to it: what the output would lose, to first order, with it.

    Args:
        output: (b,), made of the weights by a run under `record_attention` or `record_values`.
        weights: of each layer (b, h, i, j), on the autograd graph.
    Returns:
        One tensor a layer, of its weights' shape; no part of the graph.
    Raises:
        TypeError: output is no tensor.
        ValueError: output is not (b,), or nothing hangs on a graph: it ran under `torch.no_grad`.
    Source: the product is that of Chefer et al. 2021, who then drop what is negative.
    """
    weights = [weights] if isinstance(weights, Tensor) else list(weights)
    _check_output(output, weights[0].shape[0])
    if not output.requires_grad or not all(w.requires_grad for w in weights):
        raise ValueError("output and weights must hang on the autograd graph: run the model without torch.no_grad")
    gradients = torch.autograd.grad(output.sum(), weights)
    return [(w * g).detach() for w, g in zip(weights, gradients, strict=True)]


def output_from(module: nn.Module, run: Callable[[], Tensor]) -> Output:
    """A model's output as a function of what one of its modules gives, its embeddings say.

    Args:
        module: whose output (b, i, m) is replaced.  run: calls the model on what is to be explained, -> (b,).
    Returns:
        vectors (b, i, m) -> (b,).
    """
    check_callable("run", run)

    def output(vectors: Tensor) -> Tensor:
        with patch_output(module, vectors):
            return run()

    return output


def gradient_times_input(output: Output, x: Tensor) -> Tensor:
    """Each token's vector times the gradient there: what the output would lose, to first order, were it zero.

    Args:
        output: (b, i, m) -> (b,), where no sequence depends on another.  x: (b, i, m).
    Returns:
        (b, i).
    Raises:
        TypeError: output cannot be called, or x is no tensor.
        ValueError: x is not (b, i, m), or what comes out is not (b,).
    Source: Shrikumar et al. 2016; where the output has levelled off it sees nothing: Sundararajan et al. 2017.
    """
    return (_gradient(output, x) * x).sum(-1).detach()


def integrated_gradients(output: Output, x: Tensor, baseline: Tensor, *, n_steps: int = 16) -> Tensor:
    """The gradient, averaged on the straight way from baseline to x, times the difference.

    Args:
        output: (b, i, m) -> (b,), where no sequence depends on another.  x: (b, i, m).
        baseline: broadcasts to x: what stands for "nothing here".
        n_steps: nodes of the Gauss-Legendre quadrature.
    Returns:
        (b, i). Its sum over i is output(x) - output(baseline) (completeness), but for the quadrature's error.
    Raises:
        TypeError, ValueError: as `gradient_times_input`; baseline does not broadcast; n_steps below 1.
    Source: Sundararajan et al. 2017, equation 1; they sum over equal steps.
    """
    check_tensor("baseline", baseline)
    check_integer("n_steps", n_steps, at_least=1)
    _check_vectors(x)
    try:
        start = baseline.to(x).expand_as(x)
    except RuntimeError:
        raise ValueError(f"baseline must broadcast to x {tuple(x.shape)}, got shape {tuple(baseline.shape)}") from None
    nodes, shares = np.polynomial.legendre.leggauss(n_steps)
    total = torch.zeros_like(x)
    for node, share in zip(nodes.tolist(), shares.tolist(), strict=True):  # on [-1, 1]
        total += share / 2 * _gradient(output, start + (node + 1) / 2 * (x - start))
    return (total * (x - start)).sum(-1).detach()


def _gradient(output: Output, x: Tensor) -> Tensor:
    check_callable("output", output)
    _check_vectors(x)
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        out = output(at)
        _check_output(out, x.shape[0])
        (gradient,) = torch.autograd.grad(out.sum(), at)
    return gradient


def _check_vectors(x: Tensor) -> None:
    check_tensor("x", x)
    if x.dim() != 3 or 0 in x.shape or not x.is_floating_point():
        raise ValueError(f"x must be float (b, i, m), none empty, got {tuple(x.shape)} in {x.dtype}")


def _check_output(output: Tensor, batch: int) -> None:
    check_tensor("output", output)
    if tuple(output.shape) != (batch,):
        raise ValueError(f"output must have shape ({batch},), one number a sequence, got {tuple(output.shape)}")
