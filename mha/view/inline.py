"""Scripts, styles and data that stand inside an output, so that a page needs nothing beside itself."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["inline_data", "inline_source"]

TEXTS = r"([\"'`])(?:\\.|(?!\2).)*\2"  # of a script or style: what stands in them stays as it is


def inline_data(data: Any) -> str:
    """JSON that may stand in a script: no text in it can end the script or begin an element.

    Raises:
        ValueError: a number is NaN or infinite.  TypeError: something is no JSON.
    """
    written = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return written.replace("<", "\\u003c").replace("&", "\\u0026")


@cache
def inline_source(package: str, name: str) -> str:
    """A script or style of a package without its comments and needless blanks.

    Comments stand on lines of their own there, statements end in semicolons, and no template stands in another.

    Args:
        package: its dotted name.  name: of the file in its folder.
    """
    source = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    source = re.sub(r"^\s*(/\*.*?\*/|//[^\n]*)\s*?$", "", source, flags=re.MULTILINE | re.DOTALL)
    blanks = r"\s*([{};,])\s*|(:)\s+" if name.endswith(".css") else r"\s*([{}()\[\];,?:=<>|&*])\s*"
    squeezed = re.sub(rf"({TEXTS})|{blanks}", lambda found: found[found.lastindex or 0], source, flags=re.DOTALL)
    return squeezed.strip() + "\n"
