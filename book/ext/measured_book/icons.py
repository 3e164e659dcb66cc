"""The theme's icons without Font Awesome's script and fonts: one style sheet with those drawings that the pages use.

The theme writes `<i class="fa-solid fa-sun">` and leaves it to a script of 1.5 MB to put the drawing there. Here a rule
does it, whose mask is the same drawing in SVG.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pydata_sphinx_theme
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
SHEET = "icons.css"
SCRIPT = "scripts/fontawesome.js"
THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
FONTS = "vendor/fontawesome"
THEME_SHEET = "styles/pydata-sphinx-theme.css"
NO_NAMES = {"solid", "brands", "regular", "lg", "sm", "xs", "fw"}
FAMILIES = ".fa-solid, .fa-brands, .fa-regular, .fas, .fab, .far"

CLASSES = re.compile(r'class="([^"]*\b(?:fa-solid|fa-brands|fa-regular|fas|fab|far)\b[^"]*)"')
# `sun:[512,512,[9728],"f185","M361.5…"]`: name, width, height, other names, code, path (two paths: not for free icons)
DRAWING = re.compile(
    r'(?<=[,{])"?(?P<name>[a-z0-9-]+)"?:\[(?P<w>\d+),(?P<h>\d+),\[[^\]]*\],"[0-9a-f]+","(?P<path>[^"]+)"\]'
)
# What the theme's own sheet says of Font Awesome: its three fonts and 1,900 names.
THEIR_RULES = re.compile(r"@font-face\{[^}]*fontawesome[^}]*\}|(?:\.fa-[a-z0-9-]+:before,?)+\{[^}]*\}")

FRAME = f"""/* Icons of Font Awesome Free, https://fontawesome.com, CC BY 4.0; made by icons.py. */
:is({FAMILIES})::before {{
  content: ""; display: inline-block; width: 1em; height: 1em; vertical-align: -0.125em;
  background: currentColor; -webkit-mask: var(--icon) center / contain no-repeat;
  mask: var(--icon) center / contain no-repeat;
}}
@media (forced-colors: active) {{
  :is({FAMILIES})::before {{ background: ButtonText; forced-color-adjust: none; }}
}}
"""


def names_in(page: str) -> set[str]:
    """The icons that a page asks for, by the names of their classes without `fa-`."""
    words = {word for classes in CLASSES.findall(page) for word in classes.split()}
    return {word.removeprefix("fa-") for word in words if word.startswith("fa-")} - NO_NAMES


def read_drawings(script: str) -> dict[str, str]:
    """Name -> SVG, from Font Awesome's script; of an icon that is drawn both as outline and solid the solid one."""
    return {
        match["name"]: f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {match["w"]} {match["h"]}">'
        f'<path d="{match["path"]}"/></svg>'
        for match in DRAWING.finditer(script)
    }


def make_sheet(names: Iterable[str], drawings: dict[str, str]) -> str:
    """The sheet: how an icon is drawn, and each icon's drawing."""
    address = {name: f'url("data:image/svg+xml,{quote(drawings[name], safe=" =:/")}")' for name in sorted(names)}
    return FRAME + "".join(f".fa-{name} {{ --icon: {address[name]}; }}\n" for name in address)


def write_icons(app: Any, error: Exception | None) -> None:
    """Write the sheet and take Font Awesome's script, fonts and rules out of the book (on `build-finished`)."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    pages = (path.read_text(encoding="utf-8") for path in Path(app.outdir).rglob("*.html"))
    names = set().union(*map(names_in, pages))
    drawings = read_drawings((THEME / SCRIPT).read_text(encoding="utf-8"))
    for name in sorted(names - drawings.keys()):
        LOGGER.warning(f"Font Awesome has no icon named {name!r}, which a page asks for", type="measured_book")
    (static / SHEET).write_text(make_sheet(names & drawings.keys(), drawings), encoding="utf-8")
    sheet = static / THEME_SHEET
    sheet.write_text(THEIR_RULES.sub("", sheet.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.rmtree(static / FONTS, ignore_errors=True)
    for leftover in (static / SCRIPT, *(static / "scripts").glob("fontawesome.js.*"), *static.rglob("*.map")):
        leftover.unlink(missing_ok=True)
