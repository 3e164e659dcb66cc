"""scikit-learn's handwritten digits as rows of pixels, read once for all tables that cut them in their own ways."""

from __future__ import annotations

from functools import cache

import torch
from sklearn.datasets import load_digits
from torch import Tensor

__all__ = ["digit_rows"]


@cache
def digit_rows() -> tuple[Tensor, Tensor]:
    """1797 images (n, 8, 8), float64 from 0 to 1, a row of pixels after the other, and which digit each is (n,)."""
    digits = load_digits()
    return torch.from_numpy(digits.images) / 16, torch.from_numpy(digits.target)
