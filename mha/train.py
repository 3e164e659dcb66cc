"""One small training loop: AdamW, warm-up, cosine decay, clipping."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from tqdm import tqdm

__all__ = ["fit", "warmup_cosine"]


def warmup_cosine(step: int, *, steps: int, warmup: int) -> float:
    """Factor on the learning rate: rises in a line over `warmup` steps, then falls to 0 along half a cosine.

    Raises:
        ValueError: step is not in 0 … steps - 1, or warmup not in 0 … steps.
    """
    if not 0 <= step < steps or not 0 <= warmup <= steps:
        raise ValueError(f"step ({step}) must be in 0 … steps - 1 and warmup ({warmup}) in 0 … steps ({steps})")
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def fit(
    model: nn.Module,
    loss: Callable[[int], Tensor],
    *,
    steps: int,
    lr: float = 3e-3,
    warmup: int = 0,
    weight_decay: float = 0.0,
    clip: float = 1.0,
    progress: bool = False,
) -> list[float]:
    """Train in place.

    Args:
        model: its parameters are trained; it is put into training mode and left in evaluation mode.
        loss: called with the step, returns the scalar loss of a fresh batch.
        steps: number of updates.  lr: largest learning rate.  warmup: steps until it is reached.
        weight_decay: AdamW's.  clip: largest norm of the gradient.
        progress: show a bar.
    Returns:
        The loss at each step.
    Raises:
        ValueError: steps is not positive.
        FloatingPointError: the loss is not finite; says at which step.
    Source: AdamW: Loshchilov and Hutter 2019; the schedule: Loshchilov and Hutter 2017.
    """
    if steps < 1:
        raise ValueError(f"steps must be positive, got {steps}")
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: warmup_cosine(min(step, steps - 1), steps=steps, warmup=warmup)
    )
    losses = []
    model.train()
    for step in tqdm(range(steps), disable=not progress, leave=False):
        value = loss(step)
        if not math.isfinite(value.item()):
            raise FloatingPointError(f"the loss is {value.item()} at step {step}; try a smaller lr than {lr}")
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        schedule.step()
        losses.append(value.item())
    model.eval()
    return losses
