"""Smaller encoders for a large one to teach: some of its own layers, or weights drawn anew."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from mha.models.bert import Encoder, MaskedLM
from mha.validation import check_integer, check_module

__all__ = ["drawn_student", "kept_layers", "spread_layers"]


def spread_layers(n_teacher: int, n_student: int) -> tuple[int, ...]:
    """Which of the teacher's layers each of the student's stands for, evenly spread, the last one always: (1, 3, 5).

    Raises:
        ValueError: n_student is not between 1 and n_teacher.
    Source: Jiao et al. 2020 (TinyBERT), the uniform mapping; Sanh et al. 2019 (DistilBERT) copy one layer of two.
    """
    check_integer("n_teacher", n_teacher, at_least=1)
    check_integer("n_student", n_student, at_least=1, at_most=n_teacher)
    return tuple((number * n_teacher) // n_student - 1 for number in range(1, n_student + 1))


def kept_layers(teacher: Encoder, layers: Sequence[int]) -> Encoder:
    """A student made of copies: the teacher's embeddings and some of its layers.

    Args:
        layers: numbers of the teacher's layers in the order in which the student has them; `range(3)` truncates.
    Returns:
        In evaluation mode; it shares no memory with the teacher.
    Raises:
        TypeError: teacher is no module, or a number no integer.
        ValueError: no layer, or one that the teacher does not have.
    """
    check_module("teacher", teacher)
    n_layers = len(teacher.blocks)
    numbers = [check_integer(f"layers[{n}]", layer, at_least=0, at_most=n_layers - 1) for n, layer in enumerate(layers)]
    student = Encoder(replace(teacher.config, n_layers=len(numbers)))
    student.embeddings = copy.deepcopy(teacher.embeddings)
    student.blocks = nn.ModuleList(copy.deepcopy(teacher.blocks[number]) for number in numbers)
    return student.eval()


def drawn_student(teacher: Encoder, *, n_layers: int, narrower: int = 1) -> Encoder:
    """A student that starts from nothing: the teacher's sizes but for depth and width, weights drawn as BERT's are.

    Args:
        n_layers: depth.  narrower: what the teacher's d_model and d_ff are divided by; the number of heads stays, so
            that attention maps can still be compared.
    Returns:
        In evaluation mode; torch's global generator draws it.
    Raises:
        ValueError: narrower does not divide the width of a head.
    """
    check_module("teacher", teacher)
    config = teacher.config
    check_integer("n_layers", n_layers, at_least=1)
    check_integer("narrower", narrower, at_least=1)
    head_dim = config.d_model // config.n_heads
    if head_dim % narrower or config.d_ff % narrower:
        raise ValueError(f"narrower ({narrower}) must divide head_dim ({head_dim}) and d_ff ({config.d_ff})")
    sizes = {"n_layers": n_layers, "d_model": config.d_model // narrower, "d_ff": config.d_ff // narrower}
    return MaskedLM(replace(config, **sizes)).encoder.eval()
