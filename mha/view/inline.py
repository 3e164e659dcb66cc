"""Scripts, styles and data that stand inside an output, so that a page needs nothing beside itself."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["inline_data", "inline_source"]


def inline_data(data: Any) -> str:
    """JSON that may stand in a script: no text in it can end the script or begin an element.

    Raises:
        ValueError: a number is NaN or infinite.  TypeError: something is no JSON.
    """
    written = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return written.replace("<", "\\u003c").replace("&", "\\u0026")


@cache
def inline_source(package: str, name: str) -> str:
    """A script or style of a package without its comments and indentation. Comments stand on lines of their own there.

    Args:
        package: its dotted name.  name: of the file in its folder.
    """
    source = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    source = re.sub(r"^\s*/\*.*?\*/\s*?$", "", source, flags=re.MULTILINE | re.DOTALL)
    lines = (line.strip() for line in source.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//"))
