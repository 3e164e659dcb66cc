"""Gates that choose heads while a model trains: each is drawn open or shut, and being open costs.

A hard-concrete gate is a random number in [0, 1] that is exactly 0 or exactly 1 with a probability each, and whose
slope in its parameter can be taken all the same. The cost of the gates is how many of them are expected to be other
than 0.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mha.compress.removal import remove_heads
from mha.interpret.gating import Place
from mha.interpret.patching import attention_layers
from mha.validation import check_integer, check_number

__all__ = ["HardConcreteGate", "add_gates", "expected_open", "gates_of", "parameter_groups", "without_closed"]

Model = TypeVar("Model", bound=nn.Module)
LOWEST, HIGHEST = -0.1, 1.1  # γ and ζ: the interval that is stretched over [0, 1] and clipped to it
TEMPERATURE = 2 / 3  # β


class HardConcreteGate(nn.Module):
    """One gate for each head, to hand to `MultiHeadAttention` as its gate.

    In training every sequence of a batch draws its own gates, z = min(1, max(0, s (ζ - γ) + γ)) with
    s = σ((log u - log (1 - u) + log α) / β) and u even in (0, 1), from torch's own generator, as dropout does. In
    evaluation z = min(1, max(0, σ(log α) (ζ - γ) + γ)).

    Args:
        n_heads: h.
        start: log α of every gate; 2 is open with a probability of 97 %.
    Raises:
        TypeError, ValueError: n_heads is no positive integer, or start no finite number.
    Source: Louizos et al. 2018, section 2.2, with their β = 2/3, γ = -0.1, ζ = 1.1; for heads: Voita et al. 2019.
        Both draw once for a batch.
    """

    def __init__(self, n_heads: int, *, start: float = 2.0) -> None:
        super().__init__()
        self.start = check_number("start", start)
        self.log_alpha = nn.Parameter(torch.empty(check_integer("n_heads", n_heads, at_least=1)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Every gate at `start`."""
        nn.init.constant_(self.log_alpha, self.start)

    def forward(self, heads: Tensor) -> Tensor:
        """(b, h, i, d) -> the same, each head times its gate. Raises ValueError where h is another."""
        if heads.dim() != 4 or heads.shape[1] != len(self.log_alpha):
            raise ValueError(f"heads must be (b, {len(self.log_alpha)}, i, d), got {tuple(heads.shape)}")
        z = self.draw(heads.shape[0]) if self.training else self.value()  # (b, h) or (h,)
        return heads * z[..., None, None].to(heads.dtype)

    def draw(self, n: int) -> Tensor:
        """n draws of all gates, (n, h)."""
        u = torch.rand(n, len(self.log_alpha), dtype=self.log_alpha.dtype, device=self.log_alpha.device)
        noise = torch.logit(u, eps=1e-6)  # u may come out as 0
        return _stretched((noise + self.log_alpha) / TEMPERATURE)

    def value(self) -> Tensor:
        """The gates that are used in evaluation, (h,)."""
        return _stretched(self.log_alpha)

    def open_probability(self) -> Tensor:
        """P(z ≠ 0) of each gate, (h,): σ(log α - β log(-γ / ζ)), whose slope in log α the penalty takes."""
        return torch.sigmoid(self.log_alpha - TEMPERATURE * math.log(-LOWEST / HIGHEST))

    def extra_repr(self) -> str:
        return f"n_heads={len(self.log_alpha)}, start={self.start}"


def _stretched(logit: Tensor) -> Tensor:
    return (torch.sigmoid(logit) * (HIGHEST - LOWEST) + LOWEST).clamp(0.0, 1.0)


def add_gates(model: Model, *, start: float = 2.0) -> Model:
    """A copy of the model with a `HardConcreteGate` in every attention, of its dtype and on its device.

    Raises:
        ValueError: an attention has a gate already; there is none; start is not finite.
    """
    gated = copy.deepcopy(model)
    for number, layer in enumerate(attention_layers(gated)):
        if layer.gate is not None:
            raise ValueError(f"attention {number} must have no gate yet, got {type(layer.gate).__name__}")
        layer.gate = HardConcreteGate(layer.n_heads, start=start).to(layer.out.weight).train(layer.training)
    return gated


def gates_of(model: nn.Module) -> list[HardConcreteGate]:
    """The gates of every attention, in order.

    Raises:
        ValueError: an attention has none.
    """
    gates = [layer.gate for layer in attention_layers(model)]
    found = [gate for gate in gates if isinstance(gate, HardConcreteGate)]
    if len(found) != len(gates):
        raise ValueError(f"every attention must have a HardConcreteGate, got {len(found)} in {len(gates)}: add_gates")
    return found


def expected_open(model: nn.Module) -> Tensor:
    """How many heads are open, in expectation: the sum of P(z ≠ 0), a scalar to be weighed and added to a loss."""
    return torch.stack([gate.open_probability().sum() for gate in gates_of(model)]).sum()


def parameter_groups(model: nn.Module, *, lr: float, gate_lr: float, **options: Any) -> list[dict[str, Any]]:
    """The weights, and the gates with a rate of their own, as torch's optimizers take them.

    log α has to go from 2 to below -2.4 for a gate to be 0 in evaluation: with Adam at least 4.4 / gate_lr steps.

    Args:
        model: with gates.  lr, gate_lr: learning rates.  options: of the weights alone, such as weight_decay.
    Raises:
        ValueError: the model has no gates, or a rate is not positive.
    """
    check_number("lr", lr, above=0)
    check_number("gate_lr", gate_lr, above=0)
    of_gates = {id(p) for gate in gates_of(model) for p in gate.parameters()}
    return [
        {"params": [p for p in model.parameters() if id(p) not in of_gates], "lr": lr, **options},
        {"params": [p for p in model.parameters() if id(p) in of_gates], "lr": gate_lr, "weight_decay": 0.0},
    ]


def without_closed(model: Model) -> tuple[Model, list[Place]]:
    """The model as it is evaluated, without gates: heads at 0 are removed, the factors of the others are folded in.

    Returns:
        A smaller copy that gives what the gated model gives in evaluation, and the heads that went.
    Raises:
        As `gates_of` and `remove_heads` do.
    """
    plain = copy.deepcopy(model)
    closed: list[Place] = []
    for number, (layer, gate) in enumerate(zip(attention_layers(plain), gates_of(plain), strict=True)):
        factors = gate.value().detach()
        with torch.no_grad():
            layer.out.weight.mul_(factors.repeat_interleave(layer.head_dim))  # columns of a head
        closed += [(number, head) for head in _zeros(factors)]
        layer.gate = None
    return remove_heads(plain, closed), closed


def _zeros(factors: Tensor) -> Iterator[int]:
    return (head for head, factor in enumerate(factors.tolist()) if factor == 0.0)
