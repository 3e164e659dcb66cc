"""From pins to ranges: `==1.2.3` becomes `>=1.2.3,<2`, and `==0.2.3` becomes `>=0.2.3,<0.3`.

The weekly run installs the newest versions within these ranges, so that what will break is seen before a pin is
renewed. Where the next major version is too far, the pin's comment begins with a nearer bound: `x==1.2.0  # <1.3: why`.
"""

from __future__ import annotations

import re

PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[0-9][\w.]*)\s*(?P<where>;.*)?")
CAP = re.compile(r"\s*(<[0-9.]*[0-9])")

__all__ = ["as_ranges"]


def upper_bound(version: str) -> str:
    major, *rest = version.split(".")
    return f"<0.{int(rest[0]) + 1}" if major == "0" and rest else f"<{int(major) + 1}"


def as_range(line: str) -> str:
    """A pin as a range, for the same machines; any other line as it is."""
    asked, _, comment = line.partition("#")
    pin = PIN.match(asked)
    if pin is None:
        return line
    cap = CAP.match(comment)
    upper = cap[1] if cap else upper_bound(pin["version"])
    return f"{pin['name']}>={pin['version']},{upper}" + (f" {pin['where'].strip()}" if pin["where"] else "")


def as_ranges(requirements: str) -> str:
    """The text of a requirements file with every pin turned into a range; other lines stay.

    Args:
        requirements: the text of the file.
    Returns:
        The same lines, comments of pins dropped; lines that include another file are dropped too.
    """
    return "\n".join(as_range(line) for line in requirements.splitlines() if not line.startswith("-r")) + "\n"
