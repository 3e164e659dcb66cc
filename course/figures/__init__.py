"""The chapters' drawings, one module a chapter and one function a picture.

Each takes arrays that the chapter's own cells made, not models. It draws a new figure, which the cell that calls it
then shows, and returns nothing. The width is `WIDTH` inches at most, so that type of the style sheet's size is 9 pixels
on a phone.
"""

from __future__ import annotations

__all__ = ["WIDTH"]

WIDTH = 6.2
