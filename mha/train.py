"""One small training loop: AdamW, warm-up, cosine decay, clipping, evaluation, and checkpoints to resume from."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from mha.checkpoint import copy_tensors

__all__ = ["History", "fit", "warmup_cosine"]


@dataclass
class History:
    """What a training run left behind.

    `losses` holds the loss of each step; `evaluations` maps a number of steps taken to what `evaluate` returned then.
    """

    losses: list[float] = field(default_factory=list)
    evaluations: dict[int, float] = field(default_factory=dict)


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
    evaluate: Callable[[], float] | None = None,
    every: int = 100,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> History:
    """Train in place.

    Args:
        model: its parameters are trained; it is put into training mode and left in evaluation mode.
        loss: called with the step, returns the scalar loss of a fresh batch. For a resumed run to equal one that was
            never stopped, the batch must follow from the step.
        steps: number of updates.  lr: largest learning rate.  warmup: steps until it is reached.
        weight_decay: AdamW's.  clip: largest norm of the gradient.
        evaluate: called with the model in evaluation mode and gradients off, every `every` steps and after the last.
        checkpoint: a safetensors file, written every `every` steps and after the last: weights, optimizer, history,
            torch's random state. If it is there when `fit` is called, training goes on from it.
        progress: show a bar.
    Returns:
        The losses and evaluations, those before the checkpoint included.
    Raises:
        ValueError: steps or every is not positive, or the checkpoint belongs to another model or other settings.
        FloatingPointError: the loss is not finite; says at which step.
    Source: AdamW: Loshchilov and Hutter 2019; the schedule: Loshchilov and Hutter 2017.
    """
    for name, number in (("steps", steps), ("every", every)):
        if number < 1:
            raise ValueError(f"{name} must be positive, got {number}")
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay, betas=(0.9, 0.98))
    settings = {"steps": steps, "lr": lr, "warmup": warmup, "weight_decay": weight_decay, "clip": clip}
    history = History()
    if checkpoint is not None and Path(checkpoint).exists():
        history = _resume(Path(checkpoint), model, optimizer, settings)
    model.train()
    done = len(history.losses)
    for step in tqdm(range(done, steps), initial=done, total=steps, disable=not progress, leave=False):
        for group in optimizer.param_groups:
            group["lr"] = lr * warmup_cosine(step, steps=steps, warmup=warmup)
        value = loss(step)
        if not math.isfinite(value.item()):
            raise FloatingPointError(f"the loss is {value.item()} at step {step}; try a smaller lr than {lr}")
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        history.losses.append(value.item())
        if (step + 1) % every == 0 or step + 1 == steps:
            if evaluate is not None:
                history.evaluations[step + 1] = _evaluated(model, evaluate)
            if checkpoint is not None:
                _save(Path(checkpoint), model, optimizer, settings, history)
    model.eval()
    return history


def _evaluated(model: nn.Module, evaluate: Callable[[], float]) -> float:
    model.eval()
    with torch.no_grad():
        value = float(evaluate())
    model.train()
    return value


def _state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Every tensor that the next step depends on, by name; shared ones once."""
    tensors = {f"model.{name}": p.data for name, p in (*model.named_parameters(), *model.named_buffers())}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{name}.{key}"] = value
    return tensors


def _save(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, settings: dict[str, float], history: History
) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in _state(model, optimizer).items()}
    tensors["random_state"] = torch.get_rng_state()
    evaluations = {str(step): value for step, value in history.evaluations.items()}
    notes = {"settings": settings, "losses": history.losses, "evaluations": evaluations}
    unfinished = path.with_name(path.name + ".unfinished")  # so that a stop while writing loses nothing
    save_file(tensors, unfinished, metadata={name: json.dumps(note) for name, note in notes.items()})
    os.replace(unfinished, path)


def _resume(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, settings: dict[str, float]) -> History:
    with safe_open(path, framework="pt") as file:
        notes = {name: json.loads(note) for name, note in (file.metadata() or {}).items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    if notes.get("settings") != settings:
        raise ValueError(f"{path} was made with the settings {notes.get('settings')}, expected {settings}")
    random_state = tensors.pop("random_state")
    _allocate(optimizer)
    try:
        copy_tensors(_state(model, optimizer), tensors)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    torch.set_rng_state(random_state)
    return History(notes["losses"], {int(step): value for step, value in notes["evaluations"].items()})


def _allocate(optimizer: torch.optim.Optimizer) -> None:
    """Make AdamW's state without moving a weight, so that there is somewhere to copy it to."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
