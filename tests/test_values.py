"""What figures are given: numbers of any kind, how far they were rounded, and texts."""

import numpy as np
import pytest
import torch

from mha.view.values import rounding


@pytest.mark.parametrize(
    ("values", "share"),
    [
        (torch.ones(2, dtype=torch.bfloat16), 2**-8),
        (torch.ones(2, dtype=torch.float16), 2**-11),
        (torch.ones(2), 2**-24),
        (np.ones(2, dtype=np.float16), 2**-11),
        (np.ones(2), 2**-53),
        (torch.ones(2, dtype=torch.int64), 0.0),
        (np.ones(2, dtype=np.int64), 0.0),
        ([np.ones(2), [torch.ones(2, dtype=torch.float16)], (torch.ones(2),)], 2**-11),
        ([], 0.0),
        (1.0, 0.0),
    ],
)
def test_rounding_is_half_of_the_last_place_of_the_coarsest(values, share):
    assert rounding(values) == share
