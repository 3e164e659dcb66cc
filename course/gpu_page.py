"""What a chapter shows of a GPU: tables of the stored measurements, or once the plain words that there are none.

Each function takes the results that `measured_cards` found. Without any a table is None, which shows nothing, and
`missing` says once for the whole page what is not there; nothing is ever made up.
"""

from __future__ import annotations

import html
import json
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu.published import PUBLISHED
from benchmarks.stored import RESULTS
from course.columns import Cell
from course.tables import Column, Table
from mha.measure.timing import summary
from mha.variants import triton_attention

__all__ = ["Note", "backends_table", "clocks_table", "decoding_table", "kernels_table", "measured_cards"]
__all__ += ["kernel_loop", "missing", "own_rates", "published_lines", "published_table", "regimes_table"]

os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # or the profiler writes to stderr whenever it starts and stops
Results = dict[str, Any]


@dataclass(frozen=True)
class Note:
    """A sentence in place of a table."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.text)}</p>"


NONE = Note(
    "No GPU has been measured for this page. On one, python -m benchmarks.gpu stores its numbers, "
    "and the tables of GPUs appear here."
)


def measured_cards(folder: Path = RESULTS) -> list[Results]:
    """The stored measurements of GPUs, by file name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("gpu-*.json"))]


def missing(cards: Sequence[Results]) -> Note | None:
    """The note that no card has been measured, where that is so."""
    return None if cards else NONE


def kernel_loop() -> str:
    """What our first Triton kernel does with a tile of scores: its lines from the products to the new largest score."""
    source = Path(triton_attention.__file__).with_name("triton_forward.py").read_text(encoding="utf-8")
    lines = [line.split("  #")[0] for line in source.splitlines()]
    first = next(n for n, line in enumerate(lines) if "scores = tl.dot" in line)
    last = next(n for n, line in enumerate(lines) if "largest = new_largest" in line)
    return textwrap.dedent("\n".join(lines[first : last + 1]))


def device(results: Results) -> str:
    """The card's name and the day, as captions say them."""
    return f"{results['gpu']['device']}, {results['setting']['date']}"


def right_runs(results: Results, phase: str) -> list[tuple[Results, str, Results, float]]:
    """(cell, backend, run, median seconds) of what was measured and right in a phase."""
    return [
        (cell, name, run, summary(run["seconds"]).median)
        for cell in results["cells"]
        if cell["phase"] == phase
        for name, run in cell["backends"].items()
        if "seconds" in run
    ]


def regimes_table(cards: Sequence[Results]) -> Table | None:
    """The same work by five clocks: the first three time the host where the work is small."""
    rows: list[list[Cell]] = [
        [how, regime["shape"], 1e6 * summary(seconds).median]
        for regime in (cards[0]["regimes"] if cards else [])
        for how, seconds in regime.get("seconds", {}).items()
    ]
    columns = [Column("clock"), Column("shape"), Column("one call", unit="µs", digits=1, main=True)]
    return Table(rows, columns, caption=f"One call by five clocks: {device(cards[0])}") if rows else None


def backends_table(cards: Sequence[Results], n_keys: int = 4096) -> Table | None:
    """The rate of every backend on the published shapes of one length, or why there is none; and its largest error."""
    cells = [c for c in cards[0]["cells"] if c["phase"] == "lengths" and c["n_keys"] == n_keys] if cards else []
    rows: list[list[Cell]] = []
    for name in dict.fromkeys(name for cell in cells for name in cell["backends"]):
        runs = [(cell, cell["backends"].get(name, {"status": "not run"})) for cell in cells]
        errors = [run["errors"]["output"] for _, run in runs if "errors" in run]
        how = ", ".join(sorted({run["timed_by"] for _, run in runs if "timed_by" in run})) or "–"
        rows.append([name, *(_rate(cell, run) for cell, run in runs), max(errors, default=None), how])
    columns = [Column("backend")]
    for cell in cells:
        head = f"d {cell['head_dim']}{', causal' * cell['is_causal']}"
        columns.append(Column(head, unit="TFLOP/s", digits=0, main=cell is cells[0]))
    columns += [Column("error", digits=0, form="scientific"), Column("timed by")]
    return Table(rows, columns, caption=f"Forward, {n_keys} tokens, 16 bits: {device(cards[0])}") if rows else None


def _rate(cell: Results, run: Results) -> Cell:
    return cell["flops"] / summary(run["seconds"]).median / 1e12 if "seconds" in run else str(run["status"])


def decoding_table(cards: Sequence[Results]) -> Table | None:
    """One query against a cache, as the bandwidth that was reached: that is its limit."""
    rows: list[list[Cell]] = []
    for cell, name, _, seconds in right_runs(cards[0], "decoding") if cards else []:
        rate = cell["n_bytes"] / seconds
        share = rate / cards[0]["ceilings"][cell["dtype"]]["bytes_per_s"]
        rows.append([name, cell["shape"], rate / 1e9, 100 * share])
    columns = [Column("backend"), Column("shape"), Column("read", unit="GB/s", digits=0)]
    columns += [Column("of a copy's rate", unit="%", digits=0, main=True)]
    return Table(rows, columns, caption=f"Decoding: {device(cards[0])}") if rows else None


def kernels_table(cards: Sequence[Results]) -> Table | None:
    """Which kernels ran when PyTorch chose, and when the formula was written out."""
    rows: list[list[Cell]] = [
        [name, kernel["kernel"][:60], 1e6 * kernel["seconds"]]
        for cell in (cards[0]["cells"][:1] if cards else [])
        for name, run in cell["backends"].items()
        for kernel in run.get("kernels", [])
    ]
    columns = [Column("backend"), Column("kernel"), Column("time", unit="µs", digits=1, main=True)]
    return Table(rows, columns, caption=f"Kernels of one call, by the profiler: {device(cards[0])}") if rows else None


def clocks_table(cards: Sequence[Results]) -> Table | None:
    """What the card's clocks and power were while the ceilings were measured."""
    rows: list[list[Cell]] = []
    for dtype, found in cards[0]["ceilings"].items() if cards else []:
        seen = found["while_timed"]
        if "reason" in seen:
            rows.append([dtype, None, None, seen["reason"]])
        else:
            rows.append([dtype, seen["sm_mhz"][0], seen["power_w"][2], ", ".join(seen["held_back_by"]) or "nothing"])
    columns = [Column("format"), Column("lowest clock", unit="MHz", digits=0, main=True)]
    columns += [Column("most power", unit="W", digits=0), Column("held back by")]
    return Table(rows, columns, caption=f"The card while products ran: {device(cards[0])}") if rows else None


def published_table(cards: Sequence[Results], lengths: Sequence[int] = (4096, 16384, 32768)) -> Table | None:
    """Published rates beside ours, with both cards, at the lengths that the page speaks of."""
    rows: list[list[Cell]] = []
    for card in cards:
        for row in (row for row in card.get("published", []) if row["n_keys"] in lengths):
            theirs, ours = (row[key] and row[key] / 1e12 for key in ("their_flops_per_s", "our_flops_per_s"))
            names = f"{row['theirs']} / {row['ours']}"
            rows.append([row["shape"], names, row["their_card"], theirs, row["our_card"], ours])
    columns = [Column("shape"), Column("theirs / ours"), Column("their card")]
    columns += [Column("theirs", unit="TFLOP/s", digits=0), Column("our card")]
    columns += [Column("ours", unit="TFLOP/s", digits=0, main=True)]
    return Table(rows, columns, caption="Published figures and ours, forward, not causal and causal") if rows else None


def published_lines(head_dim: int = 64) -> dict[str, list[tuple[int, float]]]:
    """What was measured by others -> (tokens, TFLOP/s), without a causal mask."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for figure in PUBLISHED:
        shape, rate = figure.shape, figure.flops_per_s
        if shape.dtype == "float16" and shape.head_dim == head_dim and not shape.is_causal and rate is not None:
            lines.setdefault(figure.theirs, []).append((shape.n_keys, rate / 1e12))
    return lines


def own_rates(cards: Sequence[Results], head_dim: int = 64) -> tuple[dict[str, list[tuple[int, float]]], float | None]:
    """The same of the first card, by our names, and the rate of its matrix products; nothing without a card."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for cell, name, _, seconds in right_runs(cards[0], "lengths") if cards else []:
        if cell["head_dim"] == head_dim and not cell["is_causal"]:
            lines.setdefault(name, []).append((cell["n_keys"], cell["flops"] / seconds / 1e12))
    peak = cards[0]["ceilings"]["float16"]["flops_per_s"] / 1e12 if cards else None
    return {name: sorted(line) for name, line in lines.items()}, peak
