"""The distance task with a rate chosen for each encoding: by the least loss, and the same task otherwise."""

import pytest

from experiments import length_generalization, tuned_distance


def test_the_pilot_with_the_least_loss_is_chosen_among_those_of_its_encoding(monkeypatch):
    pilots = [("none", 6e-3, 0.5), ("none", 2.4e-2, 0.2), ("ALiBi", 1.2e-2, 0.1)]
    rows = [dict(zip(("encoding", "lr", "loss"), pilot, strict=True)) for pilot in pilots]
    monkeypatch.setattr(tuned_distance, "load", lambda name: {"distance_rates": rows}[name])
    assert tuned_distance.rate("none") == 2.4e-2


@pytest.mark.parametrize("encoding", ["learned", "ALiBi"])
def test_at_the_first_tables_settings_it_is_the_first_table(encoding, monkeypatch):
    calls = []
    for module in (length_generalization, tuned_distance):
        monkeypatch.setattr(module, "fit", lambda model, loss, **options: calls.append((loss(0).item(), options)))
    first = length_generalization.run("distance", encoding, 3)
    again = tuned_distance.trained(encoding, 3, length_generalization.LR, patience=1)
    assert calls[0] == calls[1]
    assert again["accuracy"] == pytest.approx(first["accuracy"], abs=1e-4)
