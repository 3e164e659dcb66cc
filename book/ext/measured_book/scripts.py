"""Pages that are drawn before their scripts run: those deferred, MathJax only where there is a formula."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"
# The line after it, in the head of each page, fills what it defines; it is 0.4 kB.
AT_ONCE = "documentation_options.js"


def use_own_templates(app: Any, config: Any) -> None:
    """Let the files in templates/ stand in for those of the same name in the theme (on `config-inited`)."""
    config.templates_path = [*config.templates_path, str(TEMPLATES)]


def see_changed_files(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """The pages to make again since the book was built with other files than now (on `env-get-outdated`).

    Sphinx does not look: all pages where this extension is newer; one where a static file is, for then it copies those.
    """
    built = Path(app.outdir) / "_static" / "book.css"
    if not built.exists():
        return []
    if is_newer(Path(__file__).parent.rglob("*.*"), built):
        return sorted(env.found_docs)
    return [app.config.root_doc] if is_newer((Path(app.confdir) / "book" / "static").rglob("*.*"), built) else []


def is_newer(files: Iterable[Path], built: Path) -> bool:
    """Whether one of the files has changed since; what Python compiles beside them does not count."""
    since = built.stat().st_mtime
    return any(path.stat().st_mtime > since for path in files if path.suffix != ".pyc")


def lighten(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Defer the scripts of a page, and leave out MathJax where no formula stands (on `html-page-context`).

    Sphinx would load MathJax on the front page as well, since chapters below it have formulas.
    """
    formulas = app.env.get_domain("math").data["has_equations"].get(page, False)
    scripts = context.get("script_files", [])
    scripts[:] = [script for script in scripts if formulas or not is_mathjax(app, script)]
    for script in scripts:
        attributes = getattr(script, "attributes", {})
        if script.filename and not {"async", "defer"} & attributes.keys() and AT_ONCE not in str(script.filename):
            attributes["defer"] = "defer"


def is_mathjax(app: Any, script: Any) -> bool:
    """Whether a script is MathJax or its settings."""
    return app.config.mathjax_path in str(script.filename) or "window.MathJax" in script.attributes.get("body", "")
