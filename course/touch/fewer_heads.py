"""Take heads out of an encoder, in an order, and see which are gone and what is left of its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course.touch.fragment import TouchFigure, build, element, number, text
from mha.validation import check_finite

__all__ = ["fewer_heads"]

DIGITS = 2


def fewer_heads(
    orders: Mapping[str, Sequence[Sequence[int]]],
    counts: Sequence[int],
    scores: Mapping[str, Any],
    *,
    shape: tuple[int, int],
    start: int = 0,
) -> TouchFigure:
    """A map of the heads, a slider of how many are gone, and each order's score.

    Args:
        orders: name -> every (layer, head), those that go first before the others.
        counts: numbers of heads removed for which there are scores, from 0 on.
        scores: name -> (len(counts),), from 0 to 1; the same names. Stored to two decimals.
        shape: (layers, heads).  start: the number of heads gone at first, one of counts.
    Raises:
        ValueError: names differ, an order does not name each head once, scores of another shape, or a start that is no
            count.
    """
    counts = [int(count) for count in counts]
    places = sorted((layer, head) for layer in range(shape[0]) for head in range(shape[1]))
    plain = {name: [(int(layer), int(head)) for layer, head in order] for name, order in orders.items()}
    if not plain or plain.keys() != scores.keys():
        raise ValueError(f"orders and scores must have the same names, got {list(orders)} and {list(scores)}")
    for name, order in plain.items():
        if sorted(order) != places:
            raise ValueError(f"orders[{name!r}] must name each of {len(places)} heads once")
    tables = {name: check_finite(f"scores[{name!r}]", values).round(DIGITS) for name, values in scores.items()}
    if any(table.shape != (len(counts),) for table in tables.values()):
        raise ValueError(f"scores must have one number for each of {len(counts)} counts")
    if start not in counts or counts[0] != 0 or counts[-1] > len(places):
        raise ValueError(f"counts must begin with 0, hold start ({start}) and end by {len(places)}, got {counts}")
    lists = {name: table.tolist() for name, table in tables.items()}
    name = next(iter(plain))
    flat = {name: [layer * shape[1] + head for layer, head in order] for name, order in plain.items()}
    return build(
        "fewer_heads",
        title="Take heads out",
        hint="A filled square is a head that is there, an empty one is gone. Dashed: the score with all heads.",
        first_state=_map(flat[name][:start], shape, name)
        + _bars(lists, counts.index(start))
        + _status(lists, name, start, counts),
        data={"orders": flat, "counts": counts, "scores": lists, "heads": shape[1], "start": start},
    )


def _map(gone: Sequence[int], shape: tuple[int, int], name: str) -> str:
    rows = []
    for layer in range(shape[0]):
        cells = (
            f"<td data-part=head aria-label={'gone' if layer * shape[1] + head in gone else 'there'}>"
            f"{'□' if layer * shape[1] + head in gone else '■'}</td>"
            for head in range(shape[1])
        )
        rows.append(f"<tr><th scope=row>layer {layer}</th>{''.join(cells)}</tr>")
    caption = f"<caption>heads, in the order <span data-part=order>{text(name)}</span></caption>"
    return f"<table class=mt-matrix data-part=map>{caption}<tbody>{''.join(rows)}</tbody></table>"


def _bars(scores: Mapping[str, Sequence[float]], at: int) -> str:
    rows = []
    for name, values in scores.items():
        widths = [f"{100 * max(x, 0.0):.1f}%" for x in (values[0], values[at])]
        bars = f'<i class=mt-before style="width:{widths[0]}"></i><i style="width:{widths[1]}"></i>'
        rows.append(
            f"<tr data-part=bar><th scope=row>{text(name)}</th><td>{number(values[at], DIGITS)}</td>"
            f"<td class=mt-track>{bars}</td></tr>"
        )
    head = "<thead><tr><th scope=col>order</th><th scope=col>score</th><td></td></tr></thead>"
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"


def _status(scores: Mapping[str, Sequence[float]], name: str, start: int, counts: Sequence[int]) -> str:
    left = scores[name][counts.index(start)]
    said = f"{start} heads gone, {text(name)}: {number(left, DIGITS)} of {number(scores[name][0], DIGITS)} is left."
    return element("p", said, class_="mt-status", role="status", data_part="status")
