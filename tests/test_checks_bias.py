"""The checks of the chapter on bias against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest

from course.checks import bias as check
from mha.bias.association import effect_size
from mha.statistics.correction import holm

# ---- right answers, written differently


def shuffle_by_shuffle(x, y, orders):
    pooled, reached = [*x, *y], 1
    for order in orders:
        group = [pooled[n] for n in order]
        reached += np.mean(group[: len(x)]) - np.mean(group[len(x) :]) >= np.mean(x) - np.mean(y)
    return reached / (len(orders) + 1)


def by_sums(x, y, orders):
    sums = np.concatenate([x, y])[orders][:, : len(x)].sum(axis=1)  # the total is fixed: the sum of x says it all
    return (np.count_nonzero(sums >= x.sum()) + 1) / (len(orders) + 1)


def with_the_observed_order(x, y, orders):
    n = len(x)
    shuffled = np.append(x, y)[np.vstack([np.arange(n + len(y)), orders])]
    d = [effect_size(row[:n], row[n:]) for row in shuffled]
    return np.mean(np.array(d) >= d[0] - 1e-12)


def draw_by_draw(x, y, draws_x, draws_y):
    x, y = x.mean(1), y.mean(1)
    d = [effect_size(x[one], y[other]) for one, other in zip(draws_x, draws_y, strict=True)]
    return tuple(np.percentile(d, (2.5, 97.5)))


def averaged_after_drawing(x, y, draws_x, draws_y):
    x, y = x[draws_x].mean(-1), y[draws_y].mean(-1)
    d = (x.mean(1) - y.mean(1)) / np.std(np.hstack([x, y]), axis=1, ddof=1)
    return [np.quantile(d, 0.025), np.quantile(d, 0.975)]


def one_after_another(p):
    corrected, so_far = [0.0] * len(p), 0.0
    for rank, at in enumerate(sorted(range(len(p)), key=lambda n: p[n])):
        so_far = max(so_far, min(1, (len(p) - rank) * p[at]))
        corrected[at] = so_far
    return corrected


def by_two_sorts(p):
    order = np.argsort(p)
    capped = np.clip(np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))), 0, 1)
    return capped[np.argsort(order)]


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.p_value, shuffle_by_shuffle),
        (check.p_value, by_sums),
        (check.p_value, with_the_observed_order),
        (check.interval, draw_by_draw),
        (check.interval, averaged_after_drawing),
        (check.holm, one_after_another),
        (check.holm, by_two_sorts),
        (check.holm, holm),
    ],
)
def test_right_answers_pass(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback.message


# ---- wrong answers


def differences(x, y, orders):
    shuffled = np.concatenate([x, y])[orders]
    return shuffled[:, : len(x)].mean(1) - shuffled[:, len(x) :].mean(1), x.mean() - y.mean()


def share_of_shuffles(x, y, orders):
    found, real = differences(x, y, orders)
    return (found >= real).mean()


def two_sided_share(x, y, orders):
    found, real = differences(x, y, orders)
    return (abs(found) >= abs(real)).mean()


def strictly(x, y, orders):
    found, real = differences(x, y, orders)
    return ((found > real).sum() + 1) / (len(orders) + 1)


def one_for_all_shuffles(x, y, orders):
    shuffled = np.concatenate([x, y])[orders]
    return np.mean(shuffled[:, : len(x)].mean() - shuffled[:, len(x) :].mean() >= x.mean() - y.mean())


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (share_of_shuffles, "can-be-zero"),
        (two_sided_share, "two-sided+can-be-zero"),
        (strictly, "strictly-larger"),
        (one_for_all_shuffles, "over-shuffles"),
        (None, "unfinished"),
    ],
)
def test_wrong_p_values_are_named(answer, key):
    assert check.p_value(answer).diagnosis == key


def d_of_draws(x, y, draws_x, draws_y, ddof=1):
    x, y = x.mean(1)[draws_x], y.mean(1)[draws_y]
    return (x.mean(1) - y.mean(1)) / np.concatenate([x, y], 1).std(1, ddof=ddof)


def by_sentences(x, y, draws_x, draws_y):
    x, y = (part[draws].reshape(len(draws), -1) for part, draws in ((x, draws_x), (y, draws_y)))
    d = (x.mean(1) - y.mean(1)) / np.concatenate([x, y], 1).std(1, ddof=1)
    return tuple(np.quantile(d, [0.025, 0.975]))


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (by_sentences, "sentences-as-units"),
        (lambda *a: tuple(np.quantile(d_of_draws(*a, ddof=0), [0.025, 0.975])), "divided-by-n"),
        (lambda *a: tuple(np.quantile(d_of_draws(*a), [0.05, 0.95])), "ninety-percent"),
        (lambda *a: np.quantile(d_of_draws(*a), [0.025, 0.975]), "as-one-array"),
        (lambda *a: tuple(np.quantile(d_of_draws(*a), [2.5, 97.5])), "percent-for-shares"),
        (lambda *a: tuple(np.quantile(d_of_draws(*a, ddof=0), [0.05, 0.95])), "divided-by-n+ninety-percent"),
    ],
)
def test_wrong_intervals_are_named(answer, key):
    assert check.interval(answer).diagnosis == key


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda p: np.minimum(1, p * len(p)), "bonferroni"),
        (lambda p: by_two_sorts(np.sort(p)), "sorted-order"),
        (lambda p: np.minimum(1, p * (len(p) - np.argsort(np.argsort(p)))), "no-running-maximum"),
        (lambda p: np.minimum(1, p * (len(p) - np.argsort(p))), "argsort-for-ranks"),
        (lambda p: holm(p) < 0.05, "decisions"),
    ],
)
def test_wrong_corrections_are_named(answer, key):
    assert check.holm(answer).diagnosis == key


def test_sorting_in_place_is_told():
    def in_place(p):
        corrected = holm(p)
        p.sort()
        return corrected

    assert check.holm(in_place).diagnosis == "changes-its-argument"


def test_five_corrected_values():
    assert check.corrected(*holm([0.004, 0.011, 0.02, 0.025, 0.2])).ok
    assert "it is raised" in check.corrected(0.02, 0.044, 0.06, 0.05, 0.2).message


def test_no_shuffle_stands_in_for_the_real_groups():
    def against_the_first(x, y, orders):
        shuffled = np.concatenate([x, y])[orders]
        differences = shuffled[:, : len(x)].mean(axis=1) - shuffled[:, len(x) :].mean(axis=1)
        return ((differences >= differences[0]).sum() + 1) / (len(orders) + 1)

    assert check.p_value(against_the_first).diagnosis == "first-shuffle-for-real"
