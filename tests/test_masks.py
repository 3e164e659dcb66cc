"""Masks: what each allows, said again in loops, and the laws between them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mha.masks import causal_mask, combine_masks, padding_mask, sliding_window_mask


@st.composite
def lengths(draw):
    n_keys = draw(st.integers(1, 13))
    return draw(st.integers(1, n_keys)), n_keys


@settings(deadline=None)
@given(lengths())
def test_causal_allows_up_to_the_own_position(sizes):
    n_queries, n_keys = sizes
    mask = causal_mask(n_queries, n_keys)
    assert mask.dtype == torch.bool
    cached = n_keys - n_queries
    assert mask.tolist() == [[j <= cached + i for j in range(n_keys)] for i in range(n_queries)]


@settings(deadline=None)
@given(lengths())
def test_causal_with_a_cache_is_the_end_of_the_square_mask(sizes):
    n_queries, n_keys = sizes
    assert torch.equal(causal_mask(n_queries, n_keys), causal_mask(n_keys)[-n_queries:])
    assert torch.equal(causal_mask(n_keys), torch.ones(n_keys, n_keys, dtype=torch.bool).tril())


@settings(deadline=None)
@given(lengths(), st.integers(1, 14))
def test_window_allows_that_many_back(sizes, window):
    n_queries, n_keys = sizes
    mask = sliding_window_mask(n_queries, window, n_keys)
    cached = n_keys - n_queries
    expected = [[cached + i - window < j <= cached + i for j in range(n_keys)] for i in range(n_queries)]
    assert mask.dtype == torch.bool
    assert mask.tolist() == expected


@settings(deadline=None)
@given(lengths())
def test_a_window_of_everything_is_causal_and_of_one_the_diagonal(sizes):
    n_queries, n_keys = sizes
    assert torch.equal(sliding_window_mask(n_queries, n_keys, n_keys), causal_mask(n_queries, n_keys))
    assert torch.equal(sliding_window_mask(n_keys, 1), torch.eye(n_keys, dtype=torch.bool))


@settings(deadline=None)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=5), st.integers(0, 4))
def test_padding_marks_the_real_tokens(real, more):
    max_len = max(real) + more
    mask = padding_mask(torch.tensor(real), max_len)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[True] * n + [False] * (max_len - n) for n in real]
    assert torch.equal(padding_mask(torch.tensor(real)), mask[:, : max(real)])


def test_masks_live_where_they_are_asked_to():
    assert causal_mask(3, device="meta").device.type == "meta"
    assert sliding_window_mask(3, 2, device="meta").device.type == "meta"


@settings(deadline=None)
@given(st.lists(st.none() | st.integers(0, 2**6 - 1), max_size=4))
def test_combined_allows_where_all_allow(codes):
    masks = [None if c is None else torch.tensor([[c >> (3 * i + j) & 1 for j in range(3)] for i in range(2)]).bool()
             for c in codes]  # fmt: skip
    given_masks = [m for m in masks if m is not None]
    combined = combine_masks(*masks)
    if not given_masks:
        assert combined is None
    else:
        assert torch.equal(combined, torch.stack(given_masks).all(0))


def test_a_mask_of_integers_is_refused():
    with pytest.raises(TypeError, match=r"must be bool \(True = may attend\), got torch.int64"):
        combine_masks(None, causal_mask(3), torch.zeros(3, 3, dtype=torch.int64))


def test_combined_broadcasts_and_changes_no_argument():
    padding = padding_mask(torch.tensor([5, 2]))[:, None, None, :]
    causal = causal_mask(3, 5)
    before = padding.clone(), causal.clone()
    combined = combine_masks(padding, None, causal)
    assert combined.shape == (2, 1, 3, 5)
    assert combined[1, 0].tolist() == [[True, True, False, False, False]] * 3
    assert torch.equal(padding, before[0])
    assert torch.equal(causal, before[1])


@pytest.mark.parametrize(("n_queries", "n_keys"), [(0, 3), (5, 3), (0, None), (-1, 2)])
def test_more_queries_than_keys_or_none_is_refused(n_queries, n_keys):
    for mask in (causal_mask, lambda i, j: sliding_window_mask(i, 2, j)):
        with pytest.raises(ValueError, match=rf"n_queries \({n_queries}\) must be at least 1 and at most n_keys"):
            mask(n_queries, n_keys)


def test_an_empty_window_is_refused():
    with pytest.raises(ValueError, match=r"window \(0\) must be at least 1"):
        sliding_window_mask(3, 0)


@pytest.mark.parametrize(
    ("real", "max_len", "error", "message"),
    [
        (torch.tensor([1.0, 2.0]), None, TypeError, "lengths must be integers, got torch.float32"),
        (torch.tensor([True, False]), None, TypeError, "lengths must be integers, got torch.bool"),
        (torch.tensor([[1, 2]]), None, ValueError, r"shape \(b,\) with b ≥ 1, got \(1, 2\)"),
        (torch.tensor([], dtype=torch.int64), None, ValueError, r"shape \(b,\) with b ≥ 1, got \(0,\)"),
        (torch.tensor([2, -1]), None, ValueError, r"between 0 and max_len \(2\), got \[2, -1\]"),
        (torch.tensor([2, 7]), 5, ValueError, r"between 0 and max_len \(5\), got \[2, 7\]"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(real, max_len, error, message):
    with pytest.raises(error, match=message):
        padding_mask(real, max_len)


def test_a_float_mask_is_refused():
    with pytest.raises(TypeError, match=r"must be bool \(True = may attend\), got torch.float32"):
        combine_masks(None, causal_mask(3), torch.zeros(3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sliding_window_mask(5, 2.5), r"window must be an integer, got 2.5 \(float\)"),
        (lambda: sliding_window_mask(5, True), r"window must be an integer, got True \(bool\)"),
        (lambda: causal_mask(5.0), r"n_queries must be an integer, got 5.0"),
        (lambda: causal_mask(5, 7.0), r"n_keys must be an integer, got 7.0"),
        (lambda: padding_mask([3, 2]), r"lengths must be a tensor, got \[3, 2\] \(list\)"),
        (lambda: padding_mask(torch.tensor([3, 2]), 4.0), r"max_len must be an integer, got 4.0"),
        (lambda: combine_masks(causal_mask(3), [[True]]), r"a mask must be a tensor, got \[\[True\]\]"),
    ],
)
def test_what_is_no_integer_and_no_tensor_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_padding_without_values_to_read_wants_its_length_said():
    lengths = torch.tensor([3, 5])
    compiled = torch.compile(padding_mask, backend="eager", fullgraph=True)
    assert torch.equal(compiled(lengths, 7), padding_mask(lengths, 7))
    assert padding_mask(lengths.to("meta"), 7).shape == (2, 7)
    with pytest.raises(ValueError, match="max_len must be given where lengths have no values yet"):
        padding_mask(lengths.to("meta"))
