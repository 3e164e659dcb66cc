"""Lags: query position minus key position, said again in loops."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mha.lags import every_lag, lag_of_pairs, spread_over_pairs


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 7))
def test_a_lag_is_the_querys_position_less_the_keys_and_the_last_two_are_level(n_queries, cached):
    n_keys = n_queries + cached
    lags = lag_of_pairs(n_queries, n_keys)
    assert lags.dtype == torch.int64
    assert lags.tolist() == [[cached + i - j for j in range(n_keys)] for i in range(n_queries)]
    assert every_lag(n_queries, n_keys).tolist() == list(range(n_keys - 1, -n_queries, -1))
    by_lag = torch.stack([every_lag(n_queries, n_keys), 3 * every_lag(n_queries, n_keys)])
    assert torch.equal(spread_over_pairs(by_lag, n_keys), torch.stack([lags, 3 * lags]))


def test_without_a_cache_keys_are_as_many_as_queries():
    assert torch.equal(lag_of_pairs(5), lag_of_pairs(5, 5))
    assert torch.equal(every_lag(5), every_lag(5, 5))
    assert lag_of_pairs(5, device="meta").device.type == every_lag(5, device="meta").device.type == "meta"


@pytest.mark.parametrize("function", [lag_of_pairs, every_lag])
@pytest.mark.parametrize(("n_queries", "n_keys"), [(0, 3), (5, 4), (-1, None)])
def test_more_queries_than_keys_or_none_is_refused(function, n_queries, n_keys):
    with pytest.raises(ValueError, match=rf"n_queries \({n_queries}\)"):
        function(n_queries, n_keys)


@pytest.mark.parametrize("n_keys", [0, 8])
def test_more_keys_than_there_are_lags_are_refused(n_keys):
    with pytest.raises(ValueError, match=rf"n_keys \({n_keys}\) must be between 1 and 7"):
        spread_over_pairs(torch.zeros(2, 7), n_keys)
