"""Take the README's picture of the explorer from the built front page: `python -m tools.readme_picture`."""

from __future__ import annotations

import argparse
import io
import sys

from PIL import Image
from playwright.sync_api import sync_playwright

from tools.browser import NO_BROWSER, find_browser
from tools.notebooks import ROOT

PAGE = ROOT / "_build" / "html" / "index.html"
PICTURE = ROOT / "book" / "explorer.png"
WINDOW = {"width": 1300, "height": 2000}  # all of it at once: the page's bar would stand over a part

__all__ = ["main"]


def main() -> int:
    if not PAGE.exists():
        sys.exit("The book is not built: `make book` builds it.")
    program = find_browser()
    if program is None:
        sys.exit(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=WINDOW, device_scale_factor=2)
        page.goto(PAGE.as_uri())
        explorer = page.locator(".mha-explorer").first
        explorer.get_by_label("Compare two heads").uncheck()
        taken = explorer.screenshot()
        browser.close()
    with Image.open(io.BytesIO(taken)) as image:
        image.convert("RGB").quantize(64).save(PICTURE, optimize=True)
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size // 1000} kB\n")
    return 0


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # no arguments, but --help
    sys.exit(main())
