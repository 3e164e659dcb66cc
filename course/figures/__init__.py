"""The chapters' drawings, one module a chapter and one function a picture.

Each takes arrays that the chapter's own cells made, not models, draws a new figure, shows it and returns nothing. The
width is `WIDTH` inches, so that type of the style sheet's size is 9 pixels on a phone.
"""

from __future__ import annotations

__all__ = ["WIDTH"]

WIDTH = 6.2
