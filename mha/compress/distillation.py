"""Distillation: a small encoder, the student, is trained to give what a large one, the teacher, gives.

The losses compare what student and teacher make of the same texts, from the outside in: how near texts lie to one
another, their vectors, the hidden states, the attention maps. A teacher only gives targets: a tensor of its that still
carries a gradient is refused. `students` makes what is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mha.models.bert import Encoder
from mha.recording import record_attention
from mha.validation import check_module, check_number, check_tensor

__all__ = [
    "Signals",
    "attention_loss",
    "contrastive_loss",
    "hidden_loss",
    "read_signals",
    "soft_target_loss",
    "teacher_signals",
    "vector_loss",
]


class Signals(NamedTuple):
    """What an encoder makes of a batch, layer by layer.

    states: n_layers + 1 tensors (b, i, m), the embeddings first.  maps: n_layers tensors (b, h, i, j) of weights.
    """

    states: tuple[Tensor, ...]
    maps: tuple[Tensor, ...]


# ---- what is compared


def read_signals(encoder: Encoder, token_ids: Tensor, *, key_mask: Tensor | None = None) -> Signals:
    """An encoder's hidden states and attention maps, on the autograd graph; arguments as for `Encoder`."""
    with record_attention(encoder) as maps:
        states = encoder.hidden_states(token_ids, key_mask=key_mask)
    return Signals(tuple(states), tuple(maps[name] for name in maps))


@torch.no_grad()
def teacher_signals(teacher: Encoder, token_ids: Tensor, *, key_mask: Tensor | None = None) -> Signals:
    """The teacher's, as targets: without a gradient.

    Raises:
        ValueError: the teacher is in training mode, where dropout would make its targets differ from call to call.
    """
    check_module("teacher", teacher)
    if any(module.training for module in teacher.modules()):
        raise ValueError("teacher must be in evaluation mode, got one in training mode: call teacher.eval()")
    return read_signals(teacher, token_ids, key_mask=key_mask)


# ---- losses


def contrastive_loss(queries: Tensor, documents: Tensor, *, scale: float = 20.0) -> Tensor:
    """What a student learns from without a teacher: each query is to find its document among those of the batch.

    Args:
        queries, documents: (b, m) of length 1; query n belongs to document n.  scale: what cosines are multiplied by.
    Raises:
        ValueError: the shapes differ, or there is but one pair, which has nothing to be told from.
    Source: Henderson et al. 2017, multiple negatives.
    """
    _check_like("queries", queries, "documents", documents, axes=2)
    if len(queries) < 2:
        raise ValueError("queries must hold two or more, got 1: a batch of one has no wrong document")
    check_number("scale", scale, above=0)
    logits = scale * queries @ documents.T  # (b, m) (m, b) -> (b, b)
    return F.cross_entropy(logits, torch.arange(len(queries), device=queries.device))


def soft_target_loss(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """How far the student's distributions are from the teacher's: temperature² · KL(teacher ‖ student), mean of rows.

    Dividing logits by the temperature makes the gradient smaller by its square; the factor makes up for that.

    Args:
        student, teacher: logits (b, n): of classes, or of a query's candidates.
    Raises:
        ValueError: the shapes differ, the teacher carries a gradient, or temperature is not positive.
    Source: Hinton, Vinyals and Dean 2015, section 2.
    """
    _check_target("student", student, teacher, axes=2)
    check_number("temperature", temperature, above=0)
    targets, guesses = (F.log_softmax(logits / temperature, dim=-1) for logits in (teacher, student))
    return temperature**2 * F.kl_div(guesses, targets, reduction="batchmean", log_target=True)


def vector_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared distance of the texts' vectors, each of length 1: twice what the cosine lacks of 1.

    Args:
        student, teacher: (b, m), of any length; they are scaled to length 1.
    Raises:
        ValueError: the shapes differ (a narrower student needs a projection), or the teacher carries a gradient.
    Source: Reimers and Gurevych 2020, there without the scaling.
    """
    _check_target("student", student, teacher, axes=2)
    return (F.normalize(student, dim=-1) - F.normalize(teacher, dim=-1)).square().sum(-1).mean()


def hidden_loss(student: Sequence[Tensor], teacher: Sequence[Tensor], key_mask: Tensor) -> Tensor:
    """Mean squared difference of hidden states at real tokens, mean over layers.

    Args:
        student, teacher: as many tensors (b, i, m), one a layer: of a narrower student, projected to the teacher's
            width; of the teacher, those layers that the student's stand for.  key_mask: bool (b, i), True = real.
    Raises:
        ValueError: the numbers or shapes differ, the teacher carries a gradient, or key_mask does not fit.
    Source: Jiao et al. 2020 (TinyBERT); the projection is W_h there.
    """
    pairs = _layer_pairs(student, teacher, key_mask, axes=3)
    return torch.stack([(a - b)[key_mask].square().mean() for a, b in pairs]).mean()


def attention_loss(student: Sequence[Tensor], teacher: Sequence[Tensor], key_mask: Tensor) -> Tensor:
    """KL(teacher ‖ student) of the attention of each real query, mean over queries, heads and layers.

    Args:
        student, teacher: as many tensors (b, h, i, j) of weights.  key_mask: bool (b, j), True = a real token.
    Raises:
        ValueError: as for `hidden_loss`; student and teacher need as many heads.
    Source: Wang et al. 2020 (MiniLM), there for the last layer alone; layer by layer as in Jiao et al.
        2020, who compare scores before the softmax by their squared difference.
    """
    pairs = _layer_pairs(student, teacher, key_mask, axes=4)
    smallest = torch.finfo(pairs[0][0].dtype).tiny
    losses = []
    for guess, target in pairs:
        logs = target.clamp_min(smallest).log() - guess.clamp_min(smallest).log()
        divergence = (target * logs).sum(-1).mean(1)  # (b, h, i, j) -> (b, i); a masked key has a weight of 0
        losses.append(divergence[key_mask].mean())
    return torch.stack(losses).mean()


# ---- what the losses refuse


def _layer_pairs(
    student: Sequence[Tensor], teacher: Sequence[Tensor], key_mask: Tensor, *, axes: int
) -> list[tuple[Tensor, Tensor]]:
    if len(student) != len(teacher) or not student:
        raise ValueError(f"student and teacher must have as many layers, got {len(student)} and {len(teacher)}")
    for number, (guess, target) in enumerate(zip(student, teacher, strict=True)):
        _check_target(f"student[{number}]", guess, target, axes=axes)
    check_tensor("key_mask", key_mask)
    expected = student[0].shape[0], student[0].shape[-2]
    if key_mask.dtype != torch.bool or key_mask.shape != expected or not key_mask.any():
        raise ValueError(
            f"key_mask must be bool of shape {expected} with a real token in it, got {key_mask.dtype} of shape "
            f"{tuple(key_mask.shape)}"
        )
    return list(zip(student, teacher, strict=True))


def _check_target(name: str, student: Tensor, teacher: Tensor, *, axes: int) -> None:
    _check_like(name, student, name.replace("student", "teacher"), teacher, axes=axes)
    if teacher.requires_grad:
        raise ValueError(
            "teacher must carry no gradient, or it would learn from the student: compute it under torch.no_grad()"
        )


def _check_like(name: str, x: Tensor, other: str, y: Tensor, *, axes: int) -> None:
    check_tensor(name, x)
    check_tensor(other, y)
    if x.dim() != axes or x.shape != y.shape or 0 in x.shape:
        raise ValueError(
            f"{name} and {other} must have one shape of {axes} axes, none empty, got {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
