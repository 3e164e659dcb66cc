"""Span corruption: the paper's example, and what holds for every text."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mha.tasks.span_corruption import corrupt_spans, noise_mask, split_at_spans

SENTINELS = range(1000, 1400)
lengths, seeds = st.integers(2, 600), st.integers(0, 2**31)
shares, mean_spans = st.floats(0.01, 0.99), st.floats(1.0, 11.0)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def restored(source, target):
    """Each sentinel of the source replaced by what stands behind it in the target."""
    spans, spot = {}, None
    for token in target:
        spot = token if token in SENTINELS else spot
        spans.setdefault(spot, []).extend([] if token in SENTINELS else [token])
    return [part for token in source for part in (spans[token] if token in SENTINELS else [token])]


def n_runs(mask):
    return int(mask[0]) + int((mask[1:] & ~mask[:-1]).sum())


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_the_papers_example(kind):
    words = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week", "."]
    numbers = {word: n for n, word in enumerate([*words, "<X>", "<Y>", "<Z>"])}
    names = {n: word for word, n in numbers.items()}
    taken = [word in ("for", "inviting", "last") for word in words]
    parts = split_at_spans([numbers[w] for w in words], kind(taken), [numbers[s] for s in ("<X>", "<Y>", "<Z>")])
    source, target = (" ".join(names[n] for n in part) for part in parts)
    assert source == "Thank you <X> me to your party <Y> week ."
    assert target == "<X> for inviting <Y> last <Z>"


@settings(deadline=None)
@given(lengths, seeds, shares, mean_spans)
def test_source_and_target_together_restore_the_text(length, seed, share, mean_span):
    text = list(range(7, 7 + length))
    source, target = corrupt_spans(text, SENTINELS, generator(seed), share=share, mean_span=mean_span)
    assert restored(source, target) == text
    n_spans = sum(token in SENTINELS for token in source)
    assert [token for token in source if token in SENTINELS] == list(SENTINELS[:n_spans])
    assert [token for token in target if token in SENTINELS] == list(SENTINELS[: n_spans + 1])
    assert target[0] == SENTINELS[0]
    assert target[-1] == SENTINELS[n_spans]
    assert len(source) + len(target) == length + 2 * n_spans + 1


@settings(deadline=None)
@given(lengths, seeds, shares, mean_spans)
def test_as_many_tokens_and_spans_as_asked_for_and_none_adjacent(length, seed, share, mean_span):
    mask = noise_mask(length, generator(seed), share=share, mean_span=mean_span)
    assert mask.dtype == torch.bool
    assert mask.shape == (length,)
    n_noise = int(mask.sum())
    assert n_noise == min(max(round(share * length), 1), length - 1)
    # One run too few would mean that two spans touch.
    assert n_runs(mask) == min(max(round(n_noise / mean_span), 1), length - n_noise + 1)


def test_a_long_text_loses_15_percent_in_spans_of_three():
    mask = noise_mask(2000, generator(0))
    assert int(mask.sum()) == 300
    assert n_runs(mask) == 100


@pytest.mark.parametrize(
    ("options", "n_noise", "n_spans"), [({}, 300, 100), ({"share": 0.25, "mean_span": 5.0}, 500, 100)]
)
def test_share_and_mean_span_reach_the_text(options, n_noise, n_spans):
    source, target = corrupt_spans(range(2000, 4000), SENTINELS, generator(0), **options)
    assert len(target) == n_noise + n_spans + 1
    assert len(source) == 2000 - n_noise + n_spans


def test_every_choice_is_as_likely_as_any_other():
    """6 tokens, 2 of them taken out, in 2 spans: 10 choices of two places that do not touch."""
    rng, counts = generator(0), {}
    for _ in range(4000):
        places = tuple(noise_mask(6, rng, share=1 / 3, mean_span=1.0).nonzero()[:, 0].tolist())
        counts[places] = counts.get(places, 0) + 1
    assert set(counts) == {(a, b) for a in range(6) for b in range(a + 2, 6)}
    assert all(abs(n - 400) < 5 * (400 * 0.9) ** 0.5 for n in counts.values())


def test_it_depends_on_the_generator_alone_and_leaves_the_text():
    text = list(range(50))
    torch.manual_seed(1)
    first = corrupt_spans(text, SENTINELS, generator(3))
    torch.manual_seed(2)
    assert corrupt_spans(text, SENTINELS, generator(3)) == first
    assert corrupt_spans(text, SENTINELS, generator(4)) != first
    assert text == list(range(50))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"length \(1\) must be at least 2"):
        noise_mask(1, generator(0))
    for options, message in [
        ({"share": 0.0}, r"share \(0.0\) must be above 0 and below 1"),
        ({"share": 1.0}, r"share \(1.0\) must be above 0 and below 1"),
        ({"mean_span": 0.5}, r"mean_span \(0.5\) must be at least 1"),
        ({"mean_span": float("nan")}, r"mean_span \(nan\) must be at least 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            noise_mask(10, generator(0), **options)
    for call, message in [
        (lambda: noise_mask(10.0, generator(0)), "length must be an integer, got 10.0"),
        (lambda: split_at_spans([1.5, 2, 3], [True, False, False], SENTINELS), "token_ids must be an integer, got 1.5"),
        (lambda: split_at_spans([1, 2, 3], [0.3, 0, 0], SENTINELS), "is_noise must hold booleans"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()
    with pytest.raises(ValueError, match="token_ids must be 2 or more, got 1"):
        corrupt_spans([1], SENTINELS, generator(0))
    with pytest.raises(ValueError, match=r"sentinels must all differ, got \[9, 9\]"):
        split_at_spans([1, 2, 3], [True, False, False], [9, 9])
    tensors = torch.tensor([1, 2, 3]), torch.tensor([True, False, False])
    with pytest.raises(ValueError, match=r"sentinels must not occur in token_ids, got \[2\] there"):
        split_at_spans(*tensors, torch.tensor([2, 9]))
    assert split_at_spans(*tensors, torch.tensor([8, 9])) == ([8, 2, 3], [8, 1, 9])
    with pytest.raises(ValueError, match="is_noise must have a boolean for each of 3 token_ids, got 2"):
        split_at_spans([1, 2, 3], [True, False], SENTINELS)
    with pytest.raises(ValueError, match="sentinels must be more than the spans, got 1"):
        split_at_spans([1, 2, 3], [True, False, False], [9])
    with pytest.raises(ValueError, match=r"sentinels must not occur in token_ids, got \[2\] there"):
        split_at_spans([1, 2, 3], [True, False, False], [2, 9])
