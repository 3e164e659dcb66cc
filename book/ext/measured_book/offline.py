"""Pages that need no network: MathJax beside them, and no script that asks another host."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

CARRIER = "sphinx-mathjax-offline"  # the installed package whose data folder carries MathJax 3
BUNDLE = "tex-chtml-full.js"  # with every TeX extension and assistive MathML: nothing is fetched later but fonts
FONTS = "output/chtml/fonts/woff-v2"
LIVE_CODE = "sphinx_thebe"  # fetches its engine from another host, and throws a script error on every page without it


def find_mathjax() -> Path:
    """The folder of the installed package that holds MathJax.

    Raises:
        FileNotFoundError: the package is missing or carries no such bundle.
    """
    spec = importlib.util.find_spec(CARRIER)
    folder = Path(spec.origin).parent / "static" / "mathjax" if spec and spec.origin else Path("-")
    if not (folder / BUNDLE).is_file():
        raise FileNotFoundError(f"MathJax ({BUNDLE}) was not found: pip install {CARRIER}==0.0.2")
    return folder


def copy_mathjax(app: Any, error: Exception | None) -> None:
    """Put the bundle and its fonts into mathjax/ beside the pages (on `build-finished`).

    Not into _static/: the book loads every script that lies there on every page.
    """
    if error is not None or app.builder.format != "html":
        return
    source, target = find_mathjax(), Path(app.outdir) / "mathjax"
    target.mkdir(exist_ok=True)
    shutil.copyfile(source / BUNDLE, target / BUNDLE)
    shutil.copytree(source / FONTS, target / FONTS, dirs_exist_ok=True)


def drop_live_code(app: Any, config: Any) -> None:
    """Take sphinx-thebe out of the build (on `config-inited`); Jupyter Book loads it without asking."""
    for listeners in app.events.listeners.values():
        for listener in list(listeners):
            if listener.handler.__module__.startswith(LIVE_CODE):
                app.disconnect(listener.id)
    sheets = app.registry.css_files
    sheets[:] = [sheet for sheet in sheets if sheet[0] != "sphinx-thebe.css"]
