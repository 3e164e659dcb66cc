"""What a check says of an answer, a diagnosis and a text, and the shapes that it speaks of."""

from __future__ import annotations

import re
from typing import Any

from numpy.typing import NDArray

__all__ = ["Array", "Shape", "Told", "shape_in"]

Array = NDArray[Any]
Shape = tuple[int, ...]
Told = tuple[str, str]  # diagnosis; how a wrong array stands to the right one, or what to write after an error


def shape_in(text: str) -> Shape:
    """The shape that a message writes out."""
    return tuple(int(n) for n in re.findall(r"\d+", text))
