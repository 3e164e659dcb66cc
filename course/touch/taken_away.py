"""Words to take away, one or several, and what three ways of doing so make of a model's number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course.touch.fragment import TouchFigure, build, element, number, text
from mha.validation import check_finite, check_texts

__all__ = ["taken_away"]

MOST_WORDS = 9  # 2^9 numbers a way
DIGITS = 2


def taken_away(words: Sequence[str], scores: Mapping[str, Any], *, gone: Sequence[int] = ()) -> TouchFigure:
    """A model's number for every set of words that may be missing, by each way of taking them away.

    Args:
        words: n of them, in order.
        scores: way -> (2^n,): entry k is the number without the words whose bits are set in k, word 0 the lowest bit.
            Entry 0, the whole text, is the same for all. Stored to two decimals.
        gone: places of the words that are missing at first.
    Raises:
        ValueError: more than nine words, no way, numbers of another shape, or a place that is none.
    """
    labels = check_texts("words", words)
    if len(labels) > MOST_WORDS:
        raise ValueError(f"words must be at most {MOST_WORDS}, got {len(labels)}")
    tables = {way: check_finite(f"scores[{way!r}]", table).round(DIGITS) for way, table in scores.items()}
    if not tables or any(table.shape != (2 ** len(labels),) for table in tables.values()):
        shapes = {way: table.shape for way, table in tables.items()}
        raise ValueError(f"scores must have shape ({2 ** len(labels)},) for each way, got {shapes or 'no way'}")
    if not set(gone) <= set(range(len(labels))):
        raise ValueError(f"gone must be places from 0 to {len(labels) - 1}, got {list(gone)}")
    state, lists = sum(1 << place for place in set(gone)), {way: table.tolist() for way, table in tables.items()}
    return build(
        "taken_away",
        title="Take words away",
        hint="A word that is crossed out is missing. Dashed: the number of the whole text.",
        first_state=_first_state(labels, lists, state),
        data={"words": labels, "scores": lists, "state": state},
    )


def _first_state(words: list[str], scores: dict[str, list[float]], state: int) -> str:
    most = max(0.0, *(max(table) for table in scores.values()))
    shown = " ".join(f"<s>{text(w)}</s>" if state >> n & 1 else text(w) for n, w in enumerate(words))
    rows = "".join(_row(way, table[0], table[state], most) for way, table in scores.items())
    head = "<thead><tr><th scope=col>taken away by</th><th scope=col>number</th><td></td></tr></thead>"
    status = element("p", _status(scores, state), class_="mt-status", role="status", data_part="status")
    return f'<p data-part="text">{shown}</p><table>{head}<tbody>{rows}</tbody></table>{status}'


def _row(way: str, whole: float, left: float, most: float) -> str:
    widths = [f"{100 * max(x, 0) / most if most else 0:.1f}%" for x in (whole, left)]
    bars = f'<i class=mt-before style="width:{widths[0]}"></i><i style="width:{widths[1]}"></i>'
    return f"<tr><th scope=row>{text(way)}</th><td>{number(left, DIGITS)}</td><td class=mt-track>{bars}</td></tr>"


def _status(scores: dict[str, list[float]], state: int) -> str:
    if not state:
        return "Nothing is missing: all ways agree."
    left = {way: table[state] for way, table in scores.items()}
    least, most = min(left, key=lambda way: left[way]), max(left, key=lambda way: left[way])
    return (
        f"{state.bit_count()} of {len(next(iter(scores.values()))).bit_length() - 1} words missing: "
        f"from {number(left[least], DIGITS)} ({text(least)}) to {number(left[most], DIGITS)} ({text(most)})."
    )
