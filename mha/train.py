"""One small training loop: AdamW, warm-up, cosine decay, clipping, evaluation, and checkpoints to resume from."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from mha.checkpoint import copy_tensors
from mha.validation import check_callable, check_integer, check_module, check_number

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
        TypeError: one is no integer.
        ValueError: steps is not positive, step not in 0 … steps - 1, or warmup not in 0 … steps.
    """
    check_integer("steps", steps, at_least=1)
    check_integer("step", step, at_least=0, at_most=steps - 1)
    check_integer("warmup", warmup, at_least=0, at_most=steps)
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
        model: its parameters are trained; it is put into training mode and left in evaluation mode, come what may.
        loss: called with the step, returns the scalar loss of a fresh batch. For a resumed run to equal one that was
            never stopped, the batch must follow from the step.
        steps: number of updates.  lr: largest learning rate.  warmup: steps until it is reached.
        weight_decay: AdamW's.  clip: largest norm of the gradient; infinity clips nothing.
        evaluate: called with the model in evaluation mode and gradients off, every `every` steps and after the last.
        checkpoint: a safetensors file, written every `every` steps and after the last: weights, optimizer, history,
            torch's random state. If it is there when `fit` is called, training goes on from it.
        progress: show a bar.
    Returns:
        The losses and evaluations, those before the checkpoint included.
    Raises:
        TypeError: steps, warmup or every is no integer, or loss returns no tensor.
        ValueError: a number is out of its range; loss is not scalar, or depends on no weight of the model; the
            checkpoint belongs to another model or other settings.
        FileNotFoundError: there is no folder for the checkpoint.
        FloatingPointError: the loss or its gradient is not finite; says at which step, and of which parameter. The
            weights are as that step found them.
    Source: AdamW: Loshchilov and Hutter 2019; the schedule: Loshchilov and Hutter 2017.
    """
    check_module("model", model)
    check_callable("loss", loss)
    if evaluate is not None:
        check_callable("evaluate", evaluate)
    check_integer("steps", steps, at_least=1)
    check_integer("every", every, at_least=1)
    check_integer("warmup", warmup, at_least=0, at_most=steps)
    check_number("lr", lr, above=0)
    check_number("weight_decay", weight_decay, at_least=0)
    if clip != math.inf:
        check_number("clip", clip, above=0)
    if checkpoint is not None and Path(checkpoint).is_dir():
        raise ValueError(f"checkpoint ({checkpoint}) must be a file, not a folder")
    if checkpoint is not None and not Path(checkpoint).absolute().parent.is_dir():
        raise FileNotFoundError(f"checkpoint ({checkpoint}) must lie in a folder that is there")
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("model must have a parameter that requires a gradient, got none")
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay, betas=(0.9, 0.98))
    settings = {"steps": steps, "lr": lr, "warmup": warmup, "weight_decay": weight_decay, "clip": clip}
    history = History()
    if checkpoint is not None and Path(checkpoint).exists():
        history = _resume(Path(checkpoint), model, optimizer, settings)
    model.train()
    done = len(history.losses)
    try:
        for step in tqdm(range(done, steps), initial=done, total=steps, disable=not progress, leave=False):
            for group in optimizer.param_groups:
                group["lr"] = lr * warmup_cosine(step, steps=steps, warmup=warmup)
            history.losses.append(_differentiated(model, loss(step), step, lr))
            _clip(model, clip, step)
            optimizer.step()
            if (step + 1) % every == 0 or step + 1 == steps:
                if evaluate is not None:
                    history.evaluations[step + 1] = _evaluated(model, evaluate)
                if checkpoint is not None:
                    _save(Path(checkpoint), model, optimizer, settings, history)
    finally:
        model.eval()
    return history


def _differentiated(model: nn.Module, value: Tensor, step: int, lr: float) -> float:
    """The loss as a number, its gradient where `backward` leaves it."""
    if not isinstance(value, Tensor):
        raise TypeError(f"loss must return a tensor, got {type(value).__name__}")
    if value.numel() != 1:
        raise ValueError(f"loss must return a scalar, got shape {tuple(value.shape)}")
    number = float(value.item())
    if not math.isfinite(number):
        raise FloatingPointError(f"the loss is {number} at step {step}; try a smaller lr than {lr}")
    model.zero_grad(set_to_none=True)
    if value.requires_grad:
        value.backward()
    if all(p.grad is None for p in model.parameters()):
        raise ValueError(f"loss must depend on the model's weights, but none got a gradient at step {step}")
    return number


def _clip(model: nn.Module, clip: float, step: int) -> None:
    """What `clip_grad_norm_` does, but that a gradient which is not finite stops the training."""
    norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    if not math.isfinite(norm.item()):
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        names = [name for name, gradient in gradients.items() if not gradient.isfinite().all()]
        whose = f"the gradient of {', '.join(names)}" if names else "the norm of the whole gradient"
        raise FloatingPointError(f"{whose} is not finite at step {step}, though the loss is; no weight was changed")
    nn.utils.clip_grads_with_norm_(model.parameters(), clip, norm)


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
    try:
        with safe_open(path, framework="pt") as file:
            notes = {name: json.loads(note) for name, note in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no checkpoint of a training run: {error}") from None
    if notes.get("settings") != settings:
        raise ValueError(f"{path} was made with the settings {notes.get('settings')}, expected {settings}")
    random_state = tensors.pop("random_state")
    _allocate(model, optimizer, tensors)
    try:
        copy_tensors(_state(model, optimizer), tensors)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    torch.set_rng_state(random_state)
    return History(notes["losses"], {int(step): value for step, value in notes["evaluations"].items()})


def _allocate(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Make AdamW's state without moving a weight, so that there is somewhere to copy it to.

    A parameter that never had a gradient has none.
    """
    for name, parameter in model.named_parameters():
        if f"optimizer.{name}.step" in tensors:
            optimizer.state[parameter] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
