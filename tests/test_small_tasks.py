"""The small tasks: their parts share nothing, batches follow from the seed, and the reader reads what is asked."""

import pytest
import torch
from torch.testing import assert_close

from experiments.small_tasks.data import IGNORED, Part, date_alphabet, date_parts, digit_parts
from experiments.small_tasks.reader import Reader, loss_of, score, train


def rows(part):
    return {row.numpy().tobytes() for row in part.inputs}


def test_digits_parts_share_nothing_and_few_are_a_part_of_many():
    few, many = digit_parts(3, 50), digit_parts(3, 400)
    assert [len(part.targets) for part in many] == [400, 200, 1000]
    sets = [rows(part) for part in many]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 1600
    assert_close(few.train.inputs, many.train.inputs[:50])
    assert not torch.equal(digit_parts(4, 50).train.inputs, few.train.inputs)


def test_dates_ask_for_what_comes_behind_the_sign_and_test_other_days_and_years():
    letters, _ = date_alphabet()
    parts = date_parts(0, 100)
    questions = []
    for part in parts:
        lines = [letters.decode(row.tolist()) for row in part.inputs[:100]]
        questions.append({line.split("=")[0][1:] for line in lines})
        for line, targets in zip(lines, part.targets, strict=False):
            asked = targets[targets != IGNORED].tolist()
            assert letters.decode(asked) == line.split("=")[1]
            assert asked[-1] == letters.end_id
    known, tested = questions[0] | questions[1], questions[2]
    assert {q[:4] for q in known}.isdisjoint(q[:4] for q in tested)
    assert {q[5:] for q in known}.isdisjoint(q[5:] for q in tested)


def test_a_score_counts_what_is_asked_for():
    class Says(torch.nn.Module):
        def forward(self, inputs):
            return 9.0 * torch.nn.functional.one_hot(inputs, 5).double()

    part = Part(torch.tensor([[1, 2, 3], [1, 2, 0]]), torch.tensor([[IGNORED, 2, 3], [IGNORED, 4, IGNORED]]))
    found = score(Says(), part)
    assert (found["right"], found["whole"]) == (66.667, 50.0)
    assert found["loss"] == pytest.approx(loss_of(Says(), part).item(), abs=1e-5)


def test_a_training_follows_from_its_seed_and_the_best_is_of_the_lowest_validation_loss():
    parts = digit_parts(0, 50)
    runs = []
    for _ in range(2):
        torch.manual_seed(1)
        runs.append(train(Reader("digits", d_model=8, n_heads=2), parts, seed=1, steps=20, lr=0.3))
    assert runs[0].curve == runs[1].curve
    assert len(runs[0].curve) == 10
    assert score(runs[0].best, parts.validation)["loss"] == min(loss for *_, loss in runs[0].curve)
    assert score(runs[0].last, parts.validation)["loss"] == runs[0].curve[-1][2]


def test_padding_changes_nothing_that_is_read():
    torch.manual_seed(0)
    reader = Reader("packages", d_model=8, n_heads=2).eval()
    ids = torch.zeros(1, 20, dtype=torch.long)
    ids[0, :7] = torch.arange(2, 9)
    alone = reader(ids)
    with torch.no_grad():
        reader.places[7:] += 5.0  # where nothing stands
    assert_close(reader(ids), alone)
    ids[0, 6] = 99
    assert not torch.allclose(reader(ids), alone)
