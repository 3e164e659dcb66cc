"""How much a model's result depends on each head: by switching it off, or by the slope of the loss at its gate.

Both say what happens when one head goes and all others stay. They are estimates from the texts they are measured on:
choose heads on some texts, and judge the choice on others. `random_order` and `matched_order` are what a choice has to
beat; the second takes as many heads from each layer, so that it differs in the heads alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mha.interpret.gating import Place, gate_heads
from mha.interpret.patching import attention_layers
from mha.models.bert import Encoder
from mha.validation import check_callable, check_generator, check_integer

__all__ = [
    "gradient_importance",
    "head_places",
    "matched_order",
    "outputs_without_each",
    "per_layer_norm",
    "pruning_order",
    "random_order",
]


def head_places(model: nn.Module, n_runs: int = 1) -> list[Place]:
    """Every (attention, head) of a call of the model, in the order in which they run.

    Args:
        model: holds `MultiHeadAttention` layers.
        n_runs: how often a model of one shared layer runs it, as `Albert` does.
    Raises:
        TypeError: model is no module.  ValueError: it has no attention, or n_runs is below 1.
    """
    layers = attention_layers(model) * check_integer("n_runs", n_runs, at_least=1)
    return [(number, head) for number, layer in enumerate(layers) for head in range(layer.n_heads)]


def outputs_without_each(
    encoder: Encoder, token_ids: Tensor, *, key_mask: Tensor | None = None
) -> Iterator[tuple[Place, Tensor]]:
    """The encoder's vectors without one head after another; what lies below that head's layer is computed once.

    Args:
        encoder: its first layer's heads cost a whole run each, its last layer's one layer each.
        token_ids: (b, i) integers.  key_mask: bool (b, i), True = a real token.
    Yields:
        (layer, head) and the last layer's vectors (b, i, m), the head's output being zero; layer by layer.
    Raises:
        As `Encoder` does.
    """
    states = encoder.hidden_states(token_ids, key_mask=key_mask)
    for layer, block in enumerate(encoder.blocks):
        for _, head in head_places(block):
            with gate_heads(block, {(0, head): 0.0}):
                x = block(states[layer], key_mask=key_mask)
            for later in encoder.blocks[layer + 1 :]:
                x = later(x, key_mask=key_mask)
            yield (layer, head), x


def gradient_importance(
    model: nn.Module, loss: Callable[[int], Tensor], n: int, *, n_runs: int = 1
) -> dict[Place, float]:
    """The mean size of the slope of the loss at each head's gate, which is 1: one backward pass for all heads.

    The gate multiplies the head's output. A slope says what a small step of the gate does, not what the way to 0 does.

    Args:
        model: calls of it are made by loss.
        loss: loss(example), a scalar from one call of model. Of several texts it is one example: sizes are averaged
            over examples, signs within one cancel.
        n: examples are numbered 0 … n - 1.
        n_runs: as for `head_places`.
    Returns:
        By (attention, head), in the order of `head_places`.
    Raises:
        TypeError: loss cannot be called.
        ValueError: n is below 1, a loss is no scalar or does not depend on a gate.
    Source: Michel et al. 2019, section 4.1; their division by the norm of a layer is `per_layer_norm`.
    """
    check_callable("loss", loss)
    check_integer("n", n, at_least=1)
    like = next(model.parameters())
    total = dict.fromkeys(head_places(model, n_runs), 0.0)
    for example in range(n):
        gates = {place: torch.ones((), dtype=like.dtype, device=like.device, requires_grad=True) for place in total}
        with torch.enable_grad(), gate_heads(model, gates):
            value = loss(example)
        if value.numel() != 1:
            raise ValueError(f"loss must return a scalar, got shape {tuple(value.shape)}")
        slopes = torch.autograd.grad(value, list(gates.values()), allow_unused=True)
        for place, slope in zip(total, slopes, strict=True):
            if slope is None:
                raise ValueError(f"loss({example}) does not depend on the gate of head {place}")
            total[place] += abs(float(slope)) / n
    return total


def per_layer_norm(importance: Mapping[Place, float]) -> dict[Place, float]:
    """Each layer's importances divided by the root of the sum of their squares, so that layers compare.

    Raises:
        ValueError: a layer's importances are all zero.
    Source: Michel et al. 2019, section 4.1, after Molchanov et al. 2017.
    """
    squares: dict[int, float] = {}
    for (layer, _), value in importance.items():
        squares[layer] = squares.get(layer, 0.0) + value * value
    if zero := [layer for layer, square in squares.items() if not square]:
        raise ValueError(f"importance must not be zero in all heads of a layer, got that in {zero}")
    return {place: value / math.sqrt(squares[place[0]]) for place, value in importance.items()}


def pruning_order(importance: Mapping[Place, float]) -> list[Place]:
    """Heads, the least important first; of two alike the one in the earlier layer, then the lower number."""
    return sorted(importance, key=lambda place: (importance[place], place))


def random_order(places: Sequence[Place], rng: np.random.Generator) -> list[Place]:
    """The heads in an order drawn by lot.

    Raises:
        TypeError: rng is no generator of NumPy's.
    """
    return [places[number] for number in check_generator("rng", rng).permutation(len(places))]


def matched_order(order: Sequence[Place], rng: np.random.Generator) -> list[Place]:
    """Heads drawn by lot, from the same layers in the same turn as in `order`.

    So the first k of either hold as many heads of each layer, whatever k: what a comparison of the two says is about
    the choice of heads within layers.

    Raises:
        TypeError: rng is no generator of NumPy's.
    """
    check_generator("rng", rng)
    drawn = {layer: iter(rng.permutation([head for at, head in order if at == layer])) for layer, _ in order}
    return [(layer, int(next(drawn[layer]))) for layer, _ in order]
