"""A chapter's stored pictures: every pixel of what was drawn, in fewer bytes."""

from __future__ import annotations

import base64
import io

from PIL import Image, ImageChops

__all__ = ["repacked"]

MOST_COLOURS = 256  # of a palette


def repacked(png: str) -> str:
    """A base64 PNG with the same pixels: no alpha where all is opaque, a palette where 256 colours are enough.

    What names the version that drew it, and differs between two machines, goes too.
    """
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    if picture.mode == "RGBA" and picture.getextrema()[3] == (255, 255):
        picture = picture.convert("RGB")
    if picture.mode == "RGB" and picture.getcolors(MOST_COLOURS):
        palette = picture.quantize(MOST_COLOURS)
        if ImageChops.difference(palette.convert("RGB"), picture).getbbox() is None:
            picture = palette
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
