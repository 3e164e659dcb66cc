"""Whether a cell's outputs are the stored ones, on whatever processor they were made.

Words, signs, units, markup and the count of numbers are compared to the letter, and so are whole numbers: "4 of 5" is
not "5 of 5". A numeral with a decimal point, an exponent or a percent sign may be off by one unit of its last digit,
because another processor adds in another order and a number near an edge of rounding falls to the other side.
"""

from __future__ import annotations

import copy
import difflib
import html
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nbval.plugin import coalesce_streams

__all__ = ["html_difference", "json_difference", "output_differences", "text_difference"]

NUMERAL = re.compile(
    r"(?<![\w.])(?P<sign>(?<![\w)\]])[-+−])?"
    r"(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)"
    r"(?P<exponent>[eE][-+−‑]?\d{1,4}(?!\w))?"  # the last of the signs does not break at the end of a line
    r"(?!\.?\d)(?:\.(?=[\s,\]]))?"  # NumPy writes 1. for 1.00
    r"(?=(?P<percent>\s?%)?)"
)
MINUS = {"-", "−"}
STRETCHES = re.compile(r"( +|-{3,}|─{3,}|={3,})")  # what a table pads its columns and draws its rules with
MARKUP = re.compile(r"(<(script|style)\b.*?</\2\s*>|<!--.*?-->|<[^>]*>)", re.DOTALL | re.IGNORECASE)
ROOM = re.compile(r"\b[\d.]+ch\b")  # of a column of numbers in HTML: as many digits as the widest has
# The pixels of a picture belong to fonts and processors, and hashes tie it to its code; a widget's number is random.
PASSED_BY = {"image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json"}
NOT_COMPARED = {"output_type", "name", "metadata", "execution_count", "traceback", "data", "text"}
LONGEST_SHOWN = 2000


@dataclass(frozen=True)
class Numeral:
    """A number as it is written: its value, the place of its last digit, and whether that digit may be off by one."""

    text: str
    sign: str
    value: Decimal
    scientific: bool
    rounded: bool

    @property
    def unit(self) -> Decimal:
        return Decimal(1).scaleb(self.place)

    @property
    def place(self) -> int:
        return int(self.value.as_tuple().exponent)

    @property
    def has_one_digit(self) -> bool:
        return len(self.value.as_tuple().digits) == 1

    @property
    def magnitude(self) -> int:
        return self.value.adjusted()


def numerals(text: str) -> Iterator[tuple[int, int, Numeral]]:
    """Every number in a text that is no part of a word or of a version such as 2.13.0: (start, end, numeral)."""
    for found in NUMERAL.finditer(text):
        sign, exponent = found["sign"] or "", found["exponent"] or ""
        plain = f"{sign}{found['digits'].replace(',', '')}{exponent}".replace("−", "-").replace("‑", "-")
        rounded = bool("." in found["digits"] or exponent or found["percent"])
        yield found.start(), found.end(), Numeral(found[0], sign, Decimal(plain), bool(exponent), rounded)


def same_number(a: Numeral, b: Numeral) -> bool:
    """Whether two numerals are the same but for one unit of the last digit shown, of the coarser of the two."""
    if a.sign != b.sign and (a.sign in MINUS) == (b.sign in MINUS):
        return False  # written in another way: +1 and 1, -1 and −1
    if not (a.rounded or b.rounded):
        return a.value == b.value and a.text.removeprefix(a.sign) == b.text.removeprefix(b.sign)
    if a.scientific and b.scientific and a.magnitude != b.magnitude and a.has_one_digit and b.has_one_digit:
        return False
    return abs(a.value - b.value) <= allowed_gap(*sorted((a, b), key=lambda numeral: numeral.place))


def allowed_gap(finer: Numeral, coarser: Numeral) -> Decimal:
    """One unit of the coarser; of the finer where one is whole, or its order is left open (0.1 is 0.099, not 0.03)."""
    open_magnitude = coarser.has_one_digit and coarser.magnitude != finer.magnitude
    return coarser.unit if finer.rounded and coarser.rounded and not open_magnitude else finer.unit


def parts(text: str) -> tuple[list[str], list[Numeral]]:
    """The words between the numerals (one more than these), and the numerals."""
    words, found, at = [], [], 0
    for start, end, numeral in numerals(text):
        words.append(text[at:start])
        found.append(numeral)
        at = end
    return [*words, text[at:]], found


def same_words(stored: str, got: str, slack: int) -> bool:
    """Whether words are the same, where alignment may have moved by `slack` because a number took more room."""
    pairs = [STRETCHES.split(f" {words} ") for words in (stored, got)]  # framed, so that " 9.99" may become "10.00"
    if len(pairs[0]) != len(pairs[1]):
        return False
    return all(
        a == b or (STRETCHES.fullmatch(a) is not None and a[:1] == b[:1] and abs(len(a) - len(b)) <= slack)
        for a, b in zip(*pairs, strict=True)
    )


def widest_change(stored: list[Numeral], got: list[Numeral]) -> int:
    """By how much the room before or behind a decimal point has changed, at most, and so a column around it."""
    texts = zip((x.text.partition(".") for x in stored), (x.text.partition(".") for x in got), strict=False)
    return max((abs(len(old[side]) - len(new[side])) for old, new in texts for side in (0, 2)), default=0)


def same_text(stored: str, got: str, slack: int) -> bool:
    (words, numbers), (got_words, got_numbers) = parts(stored), parts(got)
    return (
        len(numbers) == len(got_numbers)
        and all(map(same_number, numbers, got_numbers))
        and all(same_words(a, b, slack) for a, b in zip(words, got_words, strict=True))
    )


def text_difference(stored: str, got: str) -> str | None:
    """What differs between two texts, line by line; None if they are the same up to the last digits of numbers."""
    slack = widest_change(parts(stored)[1], parts(got)[1])
    lines, got_lines = stored.split("\n"), got.split("\n")
    if len(lines) != len(got_lines):
        return diff(lines, got_lines)
    pairs = [pair for pair in zip(lines, got_lines, strict=True) if not same_text(*pair, slack)]
    return "\n".join(shown(*pair) for pair in pairs) or None


def html_difference(stored: str, got: str) -> str | None:
    """The same for HTML: its text as text, its tags, scripts and styles to the letter, but for the room of a number."""
    pieces, got_pieces = MARKUP.split(stored), MARKUP.split(got)
    # a piece of text, a piece of markup, its name if it has one
    markup, got_markup = ([ROOM.sub("ch", tag) for tag in both[1::3]] for both in (pieces, got_pieces))
    if markup != got_markup:
        return "other markup\n" + diff(markup, got_markup)
    texts = zip(map(html.unescape, pieces[0::3]), map(html.unescape, got_pieces[0::3]), strict=True)
    return "\n".join(filter(None, (text_difference(*pair) for pair in texts))) or None


def json_difference(stored: Any, got: Any, path: str = "") -> str | None:
    """The same for JSON: texts as text, fractions as the numerals they are shown as, anything else to the letter."""
    if isinstance(stored, Mapping) and isinstance(got, Mapping) and stored.keys() == got.keys():
        found = (json_difference(stored[key], got[key], f"{path}.{key}") for key in stored)
        return "\n".join(filter(None, found)) or None
    if isinstance(stored, list) and isinstance(got, list) and len(stored) == len(got):
        found = (json_difference(*pair, f"{path}[{i}]") for i, pair in enumerate(zip(stored, got, strict=True)))
        return "\n".join(filter(None, found)) or None
    if isinstance(stored, str) and isinstance(got, str):
        differs = text_difference(stored, got)
    elif isinstance(stored, float) and isinstance(got, float):
        differs = text_difference(f"{stored:.12g}", f"{got:.12g}")
    else:
        differs = None if type(stored) is type(got) and stored == got else "differs"
    return differs and f"{path.lstrip('.')}\n{shown(as_json(stored), as_json(got))}"


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def letter_difference(stored: Any, got: Any) -> str | None:
    return None if stored == got else shown(str(stored), str(got))


def difference(kind: str, stored: Any, got: Any) -> str | None:
    """What differs between two pieces of output of one kind: a MIME type, the name of a stream, a field of an error."""
    if kind.endswith("json"):
        return json_difference(stored, got)
    if kind == "text/html":
        return html_difference(stored, got)
    as_text = "/" not in kind or kind.startswith("text/")
    return text_difference(stored, got) if as_text and isinstance(stored, str) else letter_difference(stored, got)


def by_kind(outputs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The pieces of a cell's outputs by kind, in order; how different kinds follow one another depends on timing."""
    found = defaultdict(list)
    for output in coalesce_streams(copy.deepcopy(list(outputs))):  # which changes what it is given
        pieces = {key: value for key, value in output.items() if key not in NOT_COMPARED}
        pieces |= {output["name"]: output["text"]} if output["output_type"] == "stream" else output.get("data", {})
        for kind in pieces.keys() - PASSED_BY:
            found[kind].append(pieces[kind])
    return found


def output_differences(stored: Sequence[Mapping[str, Any]], got: Sequence[Mapping[str, Any]]) -> list[str]:
    """What differs between the stored outputs of a cell and those it just made; empty if they are the same.

    Args:
        stored, got: outputs in the notebook format. Pictures and tracebacks are passed by.
    """
    pieces, got_pieces = by_kind(stored), by_kind(got)
    found = []
    for kind in sorted(pieces.keys() | got_pieces.keys()):
        old, new = pieces.get(kind, []), got_pieces.get(kind, [])
        if len(old) != len(new):
            found.append(f"{kind}: {len(old)} stored, got {len(new)}\n{shown(*map(joined, (old, new)))}")
            continue
        differs = filter(None, (difference(kind, *pair) for pair in zip(old, new, strict=True)))
        found += [f"{kind}: {text}" for text in differs]
    return found


def diff(stored: list[str], got: list[str]) -> str:
    return "\n".join(difflib.unified_diff(stored, got, "stored", "got", lineterm="", n=0))[:LONGEST_SHOWN]


def joined(pieces: list[Any]) -> str:
    return "\n".join(map(str, pieces)) or "nothing"


def shown(stored: str, got: str) -> str:
    return f"  stored: {stored[:LONGEST_SHOWN]}\n  got:    {got[:LONGEST_SHOWN]}"
