"""The experiment on where heads look: what counts as looking at two tokens at once, and whose weights are read."""

import pytest
import torch

from experiments.runner import load
from experiments.where_heads_look import on_asked


def test_a_head_that_looks_at_one_token_at_a_time_gives_the_other_nothing():
    names = torch.tensor([[7, 3, 5]])
    asked = torch.tensor([[[3, 5], [3, 5]]])
    in_turns = torch.tensor([[0.1, 0.9, 0.0], [0.2, 0.0, 0.8]])  # the first, then the second
    at_both = torch.tensor([[0.0, 0.4, 0.6], [0.2, 0.5, 0.3]])
    lesser, greater = on_asked(torch.stack([in_turns, at_both])[None], asked, names)
    torch.testing.assert_close(lesser, torch.tensor([0.0, 0.35]))
    torch.testing.assert_close(greater, torch.tensor([0.85, 0.55]))


def test_its_models_are_those_of_the_table_of_head_counts():
    """Trained again on another machine: rounding moves a few queries."""
    counted = {
        (row["n_heads"], row["readout"], row["seed"]): row["answered"]
        for row in load("head_counts")
        if row["n_lookups"] == 2 and row["d_model"] == 32
    }
    for row in load("where_heads_look"):
        assert row["answered"] == pytest.approx(counted[row["n_heads"], row["readout"], row["seed"]], abs=0.02)
