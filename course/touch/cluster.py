"""A large model on many devices, with sliders: what each holds and sends, by the count of `mha.parallel.budget`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from course.touch.fragment import TouchFigure, build, element, number, steps_with
from course.touch.roofline import in_units
from mha.models.gpt import GPTConfig
from mha.parallel import budget
from mha.parallel.budget import Plan
from mha.validation import check_number
from mha.view.inline import inline_source

__all__ = ["cluster"]

GB = 1e9
HOLDS = ("weights", "gradients", "optimizer", "activations")
SENDS = {"batch": "to keep weights alike", "heads": "to join heads", "sequence": "round the ring"}
DIVIDED = {"copies": "nothing", "optimizer": "optimizer", "gradients": "and gradients", "weights": "and weights"}
STEPS: dict[str, list[Any]] = {
    "data": [2**e for e in range(11)],
    "heads": [2**e for e in range(6)],
    "sequence": [2**e for e in range(6)],
    "batch": [2**e for e in range(11)],
    "length": [2**e for e in range(10, 18)],
    "device": [16, 24, 40, 80, 141, 192],
}
DASH = "–"


def cluster(
    config: GPTConfig = budget.SEVEN_BILLION, *, plan: Plan | None = None, device_gb: float = 80
) -> TouchFigure:
    """What each rank holds and sends in a training step; sliders move the ranks, the batch and the length.

    Args:
        config: the model; the table of positions is counted as it is, however long the sequences.
        plan: at first; one rank and one sequence if None.  device_gb: what a device holds at first, in 10⁹ bytes.
    Raises:
        TypeError, ValueError: as `Plan` raises them, and where plan cannot divide the model; device_gb not positive.
    """
    plan = plan or Plan()
    plan.check(config)
    check_number("device_gb", device_gb, above=0)
    at = {**asdict(plan), "device": device_gb}
    data = {
        "at": at,
        "steps": {name: steps_with(steps, at[name]) for name, steps in STEPS.items()},
        "divided": DIVIDED,
        "model": {name: getattr(config, name) for name in ("n_layers", "n_heads", "d_model", "d_ff", "vocab_size")},
        "numbers": budget.parameters(config),
        "bytes": {name: asdict(sizes) for name, sizes in budget.BYTES.items()},
        "sum_bytes": budget.SUM_BYTES,
    }
    billions = number(budget.parameters(config)["all"] / 1e9, 1)
    return build(
        "cluster",
        title=f"Training a model of {billions} billion parameters",
        hint="Make it fit one device's memory with as little traffic as you can. Then let the sequences be long.",
        first_state=_first_state(config, plan, device_gb),
        data=data,
    )


def _first_state(config: GPTConfig, plan: Plan, device_gb: float) -> str:
    held, sent = budget.memory(config, plan), budget.traffic(config, plan)
    operations = budget.operations(config, plan)
    total = sum(held.values())
    rows = [(name, gigabytes(held[name]), "") for name in HOLDS] + [("all of it", gigabytes(total), "")]
    memory = _table("held by each rank", ["GB"], [row[:2] for row in rows])
    traffic = _table(
        "sent by each rank in a step",
        ["GB", "operations a byte"],
        [(words, gigabytes(sent[name]), _intensity(operations, sent[name])) for name, words in SENDS.items()],
    )
    style = f"<style>{inline_source('course.touch', 'cluster.css')}</style>"
    says = element("p", _sentence(plan, total, device_gb), data_part="status", role="status", class_="mt-status")
    return (
        style + _bar(list(held.values()), device_gb * GB) + says + element("div", memory + traffic, class_="mt-beside")
    )


def gigabytes(n_bytes: float) -> str:
    """In 10⁹ bytes, three digits or so."""
    gb = n_bytes / GB
    return number(gb, 0 if gb >= 100 else 1 if gb >= 10 else 2)


def _intensity(operations: float, n_bytes: float) -> str:
    return in_units(operations / n_bytes, "").rstrip("\N{NO-BREAK SPACE}") if n_bytes else DASH


def _sentence(plan: Plan, total: float, device_gb: float) -> str:
    fit = "fits into" if total <= device_gb * GB else "does not fit into"
    whose = "One rank holds" if plan.ranks == 1 else f"Each of {plan.ranks} ranks holds"
    return f"{whose} {gigabytes(total)} GB, which {fit} {device_gb:g} GB."


def _table(caption: str, heads: list[str], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    body = "".join(
        f"<tr><th scope=row>{name}</th>" + "".join(f"<td data-part=cell>{cell}</td>" for cell in cells) + "</tr>"
        for name, *cells in rows
    )
    table = f"<caption>{caption}</caption><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody>"
    return f"<table>{table}</table>"


def _bar(held: list[float], device: float) -> str:
    """What is held, end to end, against the device's memory, a line."""
    whole = max(sum(held), device)
    parts = "".join(
        f'<i data-part=held style="width:{100 * one / whole:.2f}%"><span>{name}</span></i>'
        for name, one in zip(HOLDS, held, strict=True)
    )
    line = f'<b data-part=limit style="left:{100 * device / whole:.2f}%"></b>'
    return f"<div class=mt-memory aria-hidden=true>{parts}{line}</div>"
