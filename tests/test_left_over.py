"""What is left of a bias: shares of the row that was not treated, on its own draws."""

import numpy as np
import pytest

from course.left_over import LeftOver

RNG = np.random.default_rng(0)
SHARES = np.linspace(0, 100, 23)


def row(left=1.0):
    rng = np.random.default_rng(1)
    near = 0.01 * left * SHARES[:, None] * np.repeat([0.0, 1.0], [3, 5]) + 0.01 * left * rng.normal(size=(23, 8))
    return {
        "cosines": near,
        "ahead": left * (SHARES[:, None] + rng.normal(size=(23, 4))),
        "decision": {"linear": left * (40 + rng.normal(size=(7, 4)))},
        "probe": {"linear": [*(0.5 + left * np.array([0.5, 0.4, 0.3] * 9)), None]},
    }


def test_what_was_not_treated_is_left_whole_and_a_quarter_is_a_quarter():
    over = LeftOver(row(), SHARES)
    assert set(over.left(row())) == {"association", "ranking", "decision, linear", "probe, linear"}
    for share in (1.0, 0.25):
        for left in over.left(row(share)).values():
            np.testing.assert_allclose(left, 100 * share)


def test_the_values_are_slopes_and_means_by_hand():
    found = LeftOver(row(), SHARES).found(row())
    near = row()["cosines"][:, 4:].mean(1) - row()["cosines"][:, :4].mean(1)
    assert found["association"][0] == pytest.approx(10 * np.polyfit(SHARES, near, 1)[0])
    assert found["decision, linear"][0] == pytest.approx(np.mean(row()["decision"]["linear"]))
    assert found["probe, linear"][0] == pytest.approx(9 * (0.5 + 0.4 + 0.3) / 28)


def test_beside_another_row_it_is_a_share_of_that_one():
    over = LeftOver(row(), SHARES)
    np.testing.assert_allclose(over.left(row(0.2), beside=row(0.8))["ranking"], 25)
    assert set(over.left({key: row()[key] for key in ("cosines", "ahead")})) == {"association", "ranking"}


def test_measures_stand_by_treatment():
    found = LeftOver(row(), SHARES).by_measure({"none": row(), "half": row(0.5)})
    assert list(found) == ["association", "ranking", "decision, linear", "probe, linear"]
    np.testing.assert_allclose([found["probe, linear"][name].value for name in ("none", "half")], [100, 50])


def test_a_change_is_that_of_the_mean_of_a_way_s_rows_on_the_same_draws():
    rows = [{"way": way, **row(left)} for way, left in (("nothing", 1), ("less", 0.5), ("as much", 1), ("less", 0.7))]
    over = LeftOver(row(), SHARES)
    found = over.changes(rows)
    assert list(found) == ["less", "as much"]
    np.testing.assert_array_equal(found["as much"], 0)
    assert found["less"].value == pytest.approx(-0.4 * over.found(row())["ranking"][0])
    assert found["less"].low < found["less"].value < found["less"].high < 0
