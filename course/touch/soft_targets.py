"""What temperature does to a teacher's targets: both distributions as bars, the loss, and the gradient it gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.touch.fragment import TouchFigure, build, element, number, steps_with, text
from mha.validation import check_finite, check_number, check_texts

__all__ = ["soft_targets"]

TEMPERATURES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
DECIMALS = 4  # of a logit that is stored
Array = NDArray[np.float64]


def soft_targets(
    question: str, candidates: Sequence[str], teacher: Any, student: Any, *, temperature: float = 1.0
) -> TouchFigure:
    """A query's candidates, the teacher's and the student's probabilities at the temperature of a slider.

    Below them KL(teacher ‖ student) and the length of its gradient with respect to the student's logits, each without
    and with the factor temperature².

    Args:
        question: the query.  candidates: n texts, two at least.
        teacher, student: logits (n,), stored to four decimals; what is shown is computed from these.
        temperature: where the slider starts, from 0.25 to 32.
    Raises:
        ValueError: logits that are not one a candidate, or not finite; fewer than two candidates; a temperature
            outside the slider.  TypeError: candidates are no texts.
    """
    (asked,), labels = check_texts("question", [question]), check_texts("candidates", candidates)
    check_number("temperature", temperature, at_least=TEMPERATURES[0], at_most=TEMPERATURES[-1])
    logits = {"teacher": teacher, "student": student}
    tables = {name: check_finite(name, values).round(DECIMALS) for name, values in logits.items()}
    for name, values in tables.items():
        if values.shape != (len(labels),) or len(labels) < 2:
            raise ValueError(f"{name} must be a logit for each of 2 candidates or more, got {values.shape}")
    data = {name: values.tolist() for name, values in tables.items()}
    data |= {"temperatures": steps_with(TEMPERATURES, float(temperature)), "temperature": float(temperature)}
    return build(
        "soft_targets",
        title="A teacher's targets at a temperature",
        hint="Filled: the teacher. Dashed: the student. Move the temperature, and watch the last two columns.",
        first_state=_first_state(asked, labels, tables["teacher"], tables["student"], temperature),
        data=data,
    )


def _first_state(asked: str, labels: list[str], teacher: Array, student: Array, temperature: float) -> str:
    log_p, log_q = (_log_softmax(values / temperature) for values in (teacher, student))
    p, q = np.exp(log_p), np.exp(log_q)
    rows = "".join(_row(text(label), p[n], q[n]) for n, label in enumerate(labels))
    head = "".join(f"<th scope=col>{word}</th>" for word in ("candidate", "teacher", "student"))
    bars = f"<table><thead><tr>{head}<td></td></tr></thead><tbody>{rows}</tbody></table>"
    divergence, gradient = float((p * (log_p - log_q)).sum()), float(np.linalg.norm(q - p)) / temperature
    lines = "".join(
        f"<tr><th scope=row>{name}</th><td>{number(value, 4)}</td><td>{number(temperature**2 * value, 3)}</td></tr>"
        for name, value in (("loss, KL(teacher ‖ student)", divergence), ("length of its gradient", gradient))
    )
    titles = "".join(f"<th scope=col>{word}</th>" for word in ("as it is", "times T²"))
    below = f'<table data-part="below"><thead><tr><td></td>{titles}</tr></thead><tbody>{lines}</tbody></table>'
    return element("p", f"Asked: {text(asked)}") + bars + below


def _row(label: str, p: float, q: float) -> str:
    written = "".join(f"<td>{number(100 * share, 1)}\N{NO-BREAK SPACE}%</td>" for share in (p, q))
    bars = f'<i class=mt-before style="width:{q:.1%}"></i><i style="width:{p:.1%}"></i>'
    return f"<tr><th scope=row>{label}</th>{written}<td class=mt-track>{bars}</td></tr>"


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))
