"""Where a year is copied from: a model's heads and its memory are asked at the right places."""

import torch
from torch.testing import assert_close

from experiments import copied_year
from experiments.runner import load
from experiments.text_to_text import alphabet


def test_the_digits_are_where_they_are_looked_for():
    letters = alphabet()
    sources, targets, ends = copied_year.pairs_of_the_test(letters)
    for k in range(4):
        written = targets[torch.arange(len(targets)), ends - 4 + k]
        assert torch.equal(written, sources[:, 9 + k])
    assert len(sources) > 50


def test_the_kept_model_looks_and_answers_as_its_row_says(monkeypatch):
    model, letters = copied_year.kept()
    (row,) = [row for row in load("copied_year") if row["seed"] == 0]
    stored = torch.tensor(row["weights"])
    assert_close(copied_year.weights_on_the_digits(model, letters), stored, atol=0.01, rtol=0)
    assert_close(copied_year.shares_exchanged(model, letters), row["exchanged"], atol=0.02, rtol=0)
    own = copied_year.pairs_of_the_test(letters)[0]
    monkeypatch.setattr(model, "encode", lambda sources: torch.zeros(*own.shape, 64))  # no date in it
    assert max(copied_year.shares_exchanged(model, letters)[1:]) < 0.3  # the first can be guessed
