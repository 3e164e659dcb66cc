"""The recall task: what is asked was shown, all stands where it is said to stand, and errors say what is wrong."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mha.tasks.recall import IGNORED, Recall


@st.composite
def tasks(draw):
    n_keys = draw(st.integers(1, 11))
    n_items = draw(st.integers(1, n_keys))
    n_queries = draw(st.integers(1, n_items))
    return Recall(n_items=n_items, n_queries=n_queries, n_symbols=draw(st.integers(1, 7)), n_keys=n_keys)


def sample(task, distance=5, seed=0):
    return task.sample(13, distance, torch.Generator().manual_seed(seed))


@given(tasks(), st.integers(0, 7), st.integers(0, 99))
def test_a_target_is_the_payload_of_the_item_with_the_asked_key(task, distance, seed):
    tokens, targets = sample(task, distance, seed)
    items, queries = tokens[:, : task.n_items], tokens[:, -task.n_queries :]
    same_key = queries[:, :, None, 1] == items[:, None, :, 1]  # (b, queries, items)
    assert (same_key.sum(-1) == 1).all()
    found = (same_key * items[:, None, :, 0]).sum(-1)
    assert torch.equal(found, targets[:, -task.n_queries :])


@given(tasks(), st.integers(0, 7))
def test_everything_stands_where_it_is_said_to_stand(task, distance):
    tokens, targets = sample(task, distance)
    assert tokens.shape == (13, task.n_items + distance + task.n_queries, 2)
    assert task.length(distance) == tokens.shape[1]
    payloads, keys = tokens.unbind(-1)
    asked = torch.arange(tokens.shape[1]) >= task.n_items + distance
    filler = (torch.arange(tokens.shape[1]) >= task.n_items) & ~asked
    assert ((targets == IGNORED) == ~asked).all()
    assert ((payloads == task.n_symbols) == asked).all()
    assert ((keys == task.vocab_size - 1) == filler).all()
    assert (payloads <= task.n_symbols).all()
    assert (keys > task.n_symbols).all()
    assert int(tokens.max()) < task.vocab_size


def test_keys_and_questions_do_not_repeat_within_a_sequence_and_differ_between_them():
    tokens, _ = sample(Recall(n_items=7, n_queries=5))
    items, queries = tokens[:, :7, 1], tokens[:, -5:, 1]
    assert all(len(row.unique()) == 7 for row in items)
    assert all(len(row.unique()) == 5 for row in queries)
    assert len(items.unique(dim=0)) > 1
    assert len(queries.unique(dim=0)) > 1


def test_every_symbol_key_and_place_is_as_likely_as_the_others():
    task = Recall(n_items=3, n_queries=1, n_symbols=5, n_keys=7)
    tokens, targets = task.sample(7000, 2, torch.Generator().manual_seed(0))
    asked = (tokens[:, :3, 1] == tokens[:, -1:, 1]).nonzero()[:, 1]
    for values, kinds in ((targets[:, -1], 5), (tokens[:, -1, 1] - 6, 7), (asked, 3)):
        counts = torch.bincount(values, minlength=kinds)
        assert len(counts) == kinds
        assert (counts - 7000 / kinds).abs().max() < 5 * (7000 / kinds) ** 0.5


def test_questions_come_in_any_order():
    tokens, _ = Recall(n_items=2, n_queries=2).sample(400, 0, torch.Generator().manual_seed(0))
    in_order = int((tokens[:, :2, 1] == tokens[:, 2:, 1]).all(1).sum())
    assert 150 < in_order < 250


def test_sizes_that_are_not_given():
    assert Recall(n_items=3) == Recall(n_items=3, n_queries=1, n_symbols=8, n_keys=16)
    assert Recall(n_items=3).vocab_size == 8 + 1 + 16 + 1


def test_a_loss_asks_for_the_targets_alone():
    _, targets = sample(Recall(n_items=3, n_queries=2))
    logits = torch.zeros(*targets.shape, 8)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    assert int((loss > 0).sum()) == 13 * 2


def test_chance_comes_from_the_generator_alone():
    task = Recall(n_items=3)
    assert torch.equal(sample(task)[0], sample(task)[0])
    assert not torch.equal(sample(task)[0], sample(task, seed=1)[0])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"n_items": 0}, r"n_items \(0\) must be at least 1"),
        ({"n_items": 2, "n_symbols": -1}, r"n_symbols \(-1\) must be at least 1"),
        ({"n_items": 2, "n_queries": 3}, r"n_queries \(3\) must be at most n_items \(2\)"),
        ({"n_items": 5, "n_keys": 3}, r"n_items at most n_keys \(3\)"),
    ],
)
def test_impossible_tasks_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        Recall(**numbers)


def test_impossible_samples_are_refused():
    with pytest.raises(TypeError, match=r"n_keys must be an integer, got 16.0"):
        Recall(n_items=2, n_keys=16.0)
    with pytest.raises(TypeError, match=r"distance must be an integer, got 3.0"):
        Recall(n_items=2).sample(1, 3.0, torch.Generator())
    with pytest.raises(ValueError, match=r"batch \(0\) must be at least 1"):
        Recall(n_items=2).sample(0, 3, torch.Generator())
    with pytest.raises(ValueError, match=r"distance \(-1\) must be at least 0"):
        Recall(n_items=2).sample(3, -1, torch.Generator())
