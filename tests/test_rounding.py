"""Rounding to small integers: against torch's own quantizers and NumPy, its laws, packing, exact products."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from mha.compress import rounding
from mha.compress.rounding import dequantize, int_product, largest_level, pack, quantize, unpack


def matrix(n=5, m=6, seed=0, dtype=torch.float32):
    return torch.randn(n, m, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_by_row_equals_torchs_quantizer(bits):
    w = matrix(7, 11)
    top = {2: 1, 3: 3, 4: 7, 8: 127}[bits]
    scales = w.abs().amax(1) / top
    expected = torch.fake_quantize_per_channel_affine(w, scales, torch.zeros(7, dtype=torch.int32), 0, -top, top)
    assert_close(dequantize(*quantize(w, bits=bits)), expected, atol=1e-7, rtol=0)


def test_by_tensor_equals_torchs_quantizer():
    w = matrix(7, 11)
    expected = torch.fake_quantize_per_tensor_affine(w, float(w.abs().max()) / 127, 0, -127, 127)
    values, scales = quantize(w, per="tensor")
    assert (values.dtype, scales.shape) == (torch.int8, (1, 1))
    assert_close(dequantize(values, scales), expected, atol=1e-6, rtol=0)


def test_by_group_each_group_is_a_matrix_of_its_own():
    w = matrix(5, 6).numpy()
    values, scales = quantize(torch.from_numpy(w), bits=4, per=3)
    assert (values.dtype, values.shape, scales.shape) == (torch.int8, (5, 6), (5, 2))
    for i in range(5):
        for g in range(2):
            group = w[i, 3 * g : 3 * g + 3]
            scale = np.abs(group).max() / 7
            assert_close(scales[i, g].item(), float(scale), atol=1e-7, rtol=0)
            assert values[i, 3 * g : 3 * g + 3].tolist() == np.rint(group / scale).tolist()


@given(st.integers(2, 8), st.sampled_from(["tensor", "row", 2, 3]), st.integers(0, 99), st.floats(1e-30, 1e30))
def test_the_error_is_at_most_half_a_step_and_the_largest_stays(bits, per, seed, size):
    w = size * matrix(5, 6, seed)
    values, scales = quantize(w, bits=bits, per=per)
    steps = dequantize(torch.ones_like(values), scales)
    assert bool(((dequantize(values, scales) - w).abs() <= steps * (0.5 + 1e-4)).all())
    assert int(values.abs().max()) == largest_level(bits)


@pytest.mark.parametrize("per", ["tensor", "row", 3])
def test_zeros_and_the_smallest_numbers_stay_finite(per):
    w = torch.zeros(5, 6)
    values, scales = quantize(w, per=per)
    assert bool((scales > 0).all())  # 0 / 0 would be NaN, and which integer that becomes nobody says
    assert torch.equal(dequantize(values, scales), w)
    w[1:] = 1e-42  # below the smallest normal number
    assert_close(dequantize(*quantize(w, per=per)), w, atol=1e-37, rtol=0)


def test_random_rounding_goes_to_a_neighbour_and_is_right_on_average():
    w = matrix(3, 4)
    generator = torch.Generator().manual_seed(1)
    _, scales = quantize(w, bits=4)
    drawn = torch.stack([quantize(w, bits=4, generator=generator).values for _ in range(2000)]).float()
    exact = w / scales
    assert bool(((drawn - exact).abs() < 1 + 1e-5).all())
    assert_close(drawn.mean(0), exact, atol=4 * 0.5 / 2000**0.5, rtol=0)  # four standard errors
    assert int(drawn.abs().max()) == 7


@given(st.integers(0, 99))
def test_two_numbers_share_a_byte_and_come_back(seed):
    values = torch.randint(-8, 8, (5, 14), generator=torch.Generator().manual_seed(seed), dtype=torch.int8)
    packed = pack(values)
    assert (packed.dtype, packed.shape) == (torch.uint8, (5, 7))
    assert torch.equal(unpack(packed), values)


def test_a_byte_holds_the_even_column_in_its_low_half():
    assert pack(torch.tensor([[1, -1], [-8, 7]], dtype=torch.int8)).tolist() == [[0xF1], [0x78]]


@pytest.mark.parametrize("native", [True, False])
def test_products_of_integers_are_exact(monkeypatch, native):
    if not native:
        monkeypatch.setattr(rounding, "_is_exact", lambda: False)
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(-127, 128, s, generator=generator, dtype=torch.int8) for s in ((3, 2500), (2500, 5)))
    a[0], b[:, 0] = 127, 127  # the largest sum, beyond what float32 counts in
    product = int_product(a, b)
    assert product.dtype == torch.int32
    assert torch.equal(product, (a.long() @ b.long()).int())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: quantize(matrix(), bits=1), ValueError, r"bits \(1\) must be between 2 and 8"),
        (lambda: quantize(matrix(), bits=8.0), TypeError, "bits must be an integer"),
        (lambda: quantize(matrix(), per=4), ValueError, r"per \(4\) must divide the number of columns, 6"),
        (lambda: quantize(matrix(), per="column"), ValueError, "per must be 'tensor', 'row' or a number"),
        (lambda: quantize(matrix()[0]), ValueError, r"w must have shape \(n, m\), none empty, got \(6,\)"),
        (lambda: quantize(matrix().int()), TypeError, "w must be floating, got torch.int32"),
        (lambda: quantize(matrix().fill_(torch.nan)), ValueError, "w must be finite, got 30 entries"),
        (lambda: quantize(matrix(), generator=0), TypeError, "generator must be a torch.Generator"),
        (lambda: dequantize(matrix(), torch.ones(5, 1)), TypeError, "values must be int8"),
        (lambda: dequantize(*quantize(matrix())[:1], torch.ones(4, 1)), ValueError, r"scales must be \(1, 1\), \(5, 1"),
        (lambda: dequantize(*quantize(matrix())[:1], torch.ones(1, 6)), ValueError, "scales must be"),
        (lambda: pack(torch.zeros(2, 3, dtype=torch.int8)), ValueError, "an even number of columns"),
        (lambda: pack(torch.full((2, 2), 8, dtype=torch.int8)), ValueError, "between -8 and 7, got 8 to 8"),
        (lambda: unpack(torch.zeros(2, 3, dtype=torch.int8)), TypeError, "packed must be uint8"),
        (lambda: int_product(matrix(), matrix().t()), TypeError, "a and b must be int8"),
    ],
)
def test_errors_name_what_was_given(call, error, message):
    with pytest.raises(error, match=message):
        call()
