"""The checks of the chemistry chapter against answers as learners write them, right and wrong."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from course.checks import chemistry as check
from mha.models.albert import Albert, AlbertConfig
from tests.told import told_test

# ---- right answers, written differently


def share_loop(found, truth, alike):
    return sum(alike[a] == alike[b] for a, b in zip(found, truth, strict=True)) / len(found)


def share_torch(found, truth, alike):
    found, truth, alike = map(torch.from_numpy, (found, truth, alike))
    return (alike[found] == alike[truth]).double().mean()


def origins_loops(forth, back, product, reactants):
    found = []
    for n, element in enumerate(product):
        candidates = [m for m, other in enumerate(reactants) if other == element]
        found.append(max(candidates, key=lambda m: forth[n, m] + back[m, n]))
    return found


def origins_multiplied(forth, back, product, reactants):
    return np.argmax((forth + back.T) * (product[:, None] == reactants[None]), -1)


def origins_infinite(forth, back, product, reactants):
    scores = torch.from_numpy(forth) + torch.from_numpy(back).T
    scores[torch.tensor(product)[:, None] != torch.tensor(reactants)] = -torch.inf
    return scores.argmax(-1)


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.share_right, share_loop),
        (check.share_right, share_torch),
        (check.share_right, lambda f, t, a: np.float32(np.equal(a[f], a[t]).mean())),
        (check.origins, origins_loops),
        (check.origins, origins_multiplied),
        (check.origins, origins_infinite),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


def best_or_nothing(forth, back, product, reactants):
    best = np.argmax(forth + back.T, axis=1)
    return [m if reactants[m] == element else -1 for m, element in zip(best, product, strict=True)]


def named_once(found, truth, alike):
    named = found.tolist()
    return np.mean([alike[a] == alike[b] and named.count(a) == 1 for a, b in zip(found, truth, strict=True)])


def each_once(forth, back, product, reactants):
    scores = np.where(product[:, None] == reactants, forth + back.T, -9)
    return linear_sum_assignment(-scores)[1]


def shares_added(forth, back, product, reactants):
    forth, back = forth / forth.sum(1)[:, None], back.T / back.T.sum(1)[:, None]
    return np.where(product[:, None] == reactants, forth + back, -1).argmax(1)


WRONG = [
    (check.share_right, lambda f, t, a: np.mean(f == t), "atoms-compared", "symmetry makes the same"),
    (check.share_right, lambda f, t, a: np.mean(a[f] == t), "found-alone", "ask it for the truth too"),
    (check.share_right, lambda f, t, a: np.sum(a[f] == a[t]), "counted", "divide by"),
    (check.share_right, lambda f, t, a: len(set(a[f]) & set(a[t])) / len(f), "as-sets", "atom by atom"),
    (check.share_right, lambda f, t, a: np.mean(sorted(a[f]) == np.sort(a[t])), "as-sets", "atom by atom"),
    (check.share_right, lambda f, t, a: np.sum(a[f] == a[t]) / len(set(a[t])), "over-kinds", "different origins"),
    (check.share_right, lambda f, t, a: round(np.mean(a[f] == a[t]), 2), "rounded", "as it is"),
    (check.share_right, lambda f, t, a: round(np.mean(a[f] == a[t])), "none-or-all", "take the mean"),
    (check.share_right, lambda f, t, a: np.median(a[f] == a[t]), "none-or-all", "take the mean"),
    (check.share_right, named_once, "named-once", "by itself"),
    (check.share_right, lambda f, t, a: a[f] == a[t], "each-atom", "take the mean"),
    (check.share_right, lambda f, t, a: None, None, ""),
    (check.origins, lambda f, b, p, r: origins_loops(f, 0 * b, p, r), "forth-alone", "before the arrow give to them"),
    (check.origins, lambda f, b, p, r: origins_loops(0 * f, b, p, r), "back-alone", "add what the product's give"),
    (check.origins, lambda f, b, p, r: (f + b).argmax(1), "not-transposed", "transpose it"),
    (check.origins, lambda f, b, p, r: (f + b.T).argmax(1), "any-element", "an oxygen can become a carbon"),
    (check.origins, lambda f, b, p, r: (f + b.T).argmax(0), None, ""),
    (check.origins, lambda f, b, p, r: np.where(p[:, None] == r, f + b.T, 0).max(1), "weight-returned", "with argmax"),
    (check.origins, best_or_nothing, "element-asked-afterwards", "next best one"),
    (check.origins, lambda f, b, p, r: np.where(p[:, None] == r, f + b.T, 9).argmin(1), "smallest", "take the largest"),
    (check.origins, lambda f, b, p, r: np.where(p == r, f + b.T, 0).argmax(1), "pairs", "make the product a column"),
    (check.origins, each_once, "each-once", "may get the same one"),
    (check.origins, lambda f, b, p, r: (f + b.T - (p[:, None] != r)).argmax(1), "one-taken-off", "too little"),
    (check.origins, shares_added, "divided-by-sums", "as they are"),
    (check.origins, lambda f, b, p, r: r[origins_multiplied(f, b, p, r)], "element-returned", "numbers of the atoms"),
]


test_wrong_answers_are_told_what_is_wrong = told_test(WRONG)


def test_the_sizes_are_those_of_the_model():
    block = sum(p.numel() for p in Albert(AlbertConfig()).block.parameters())
    assert check.sizes(block, 12 * block).ok
    assert "the norms have as many" in str(check.sizes(block - 1024, 12 * block))
    assert "the biases of the feed-forward net" in str(check.sizes(block - 768, 12 * block))
    assert "256 are too many" in str(check.sizes(block + 256, 12 * block))
    assert "two maps: up to 512 and back" in str(check.sizes(block - 512 * 256 - 256, 12 * block))
    assert "the whole model" in str(check.sizes(735_567, 12 * block))
    assert "that is one block" in str(check.sizes(block, block))
