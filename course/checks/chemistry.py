"""Checks for the chapter on chemistry: maps judged with symmetry, both ways of a head, weights that are shared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "origins", "share_right", "sizes"]

Array = NDArray[Any]

# ---- a map judged


def _share_right(found: Array, truth: Array, alike: Array) -> Array:
    """The share of atoms whose found origin is alike their true one."""
    of_found = alike[found]
    of_truth = alike[truth]
    right = of_found == of_truth
    return right.mean()


share_right = Exercise(
    _share_right,
    "found (n), truth (n), alike (m) -> share",
    trials=(
        Trial(
            "three methyls that are alike",
            {
                "found": np.array([2, 0, 3, 4, 3, 1, 2]),
                "truth": np.array([0, 2, 3, 4, 5, 2, 1]),
                "alike": np.array([0, 1, 0, 3, 4, 0, 6, 7, 8, 9, 10]),
            },
        ),
        Trial(
            "a ring, and atoms that are used twice",
            {
                "found": np.array([9, 1, 1, 4, 5, 6, 8, 12, 10, 2, 3]),
                "truth": np.array([9, 5, 1, 2, 5, 7, 6, 12, 11, 2, 4]),
                "alike": np.array([0, 1, 2, 3, 2, 1, 6, 6, 8, 9, 10, 11, 12]),
            },
        ),
    ),
    mistakes=(
        Mistake(
            "atoms-compared",
            ("alike[found] -> found", "alike[truth] -> truth"),
            "atoms are compared one by one, so a methyl that symmetry makes the same counts as wrong: compare their "
            "numbers in alike.",
        ),
        Mistake(
            "found-alone",
            "alike[truth] -> truth",
            "alike is asked for what was found alone: ask it for the truth too.",
        ),
        Mistake(
            "truth-alone",
            "alike[found] -> found",
            "alike is asked for the truth alone: ask it for what was found too.",
        ),
        Mistake("counted", "right.mean -> right.sum", "the right ones are counted: divide by the number of atoms."),
        Mistake("wrong-ones", "of_found == of_truth -> of_found != of_truth", "this is the share that is wrong."),
        Mistake(
            "over-reactants",
            "right.mean() -> right.sum() / len(alike)",
            "the count is divided by the number of atoms before the arrow: divide by those of the product.",
        ),
        Mistake("percent", "right.mean() -> 100 * right.mean()", "this is percent: a share is asked for."),
        Mistake("each-atom", "right.mean() -> right", "this says it for each atom: take the mean over them."),
        Mistake(
            "all-or-nothing",
            "right.mean() -> right.all()",
            "this says whether all atoms are right: take the share of them.",
        ),
        Mistake(
            "as-sets",
            "of_found == of_truth -> np.isin(of_found, of_truth)",
            "an atom counts as right if its origin is anybody's: compare atom by atom, with ==.",
            also=(
                "of_found == of_truth -> np.isin(of_truth, of_found)",
                "right.mean() -> len(set(of_found.tolist()) & set(of_truth.tolist())) / len(truth)",
                "right.mean() -> len({*of_found.tolist()} & {*of_truth.tolist()}) "
                "/ len({*of_found.tolist(), *of_truth.tolist()})",
                "of_found == of_truth -> np.sort(of_found) == np.sort(of_truth)",
            ),
        ),
        Mistake(
            "over-kinds",
            "right.mean() -> right.sum() / len(np.unique(of_truth))",
            "the count is divided by the number of different origins: divide by the number of the product's atoms.",
        ),
        Mistake(
            "rounded",
            "right.mean() -> np.round(right.mean(), 1)",
            "the share is rounded: leave it as it is.",
            also=("right.mean() -> np.round(right.mean(), 2)",),
        ),
        Mistake(
            "none-or-all",
            "right.mean() -> np.median(right)",
            "this is 0 or 1, as a median or a rounded share: take the mean, and leave it as it is.",
            also=("right.mean() -> np.round(right.mean())",),
        ),
        Mistake(
            "named-once",
            "of_found == of_truth -> (of_found == of_truth) & (np.bincount(found)[found] == 1)",
            "an atom before the arrow that is named twice counts as wrong: judge each atom of the product by itself.",
        ),
    ),
)

# ---- an origin for each atom


def _origins(forth: Array, back: Array, product: Array, reactants: Array) -> Array:
    """The atom before the arrow with the largest sum of both ways, among those of the same element."""
    scores = forth + back.T
    possible = product[:, None] == reactants
    allowed = np.where(possible, scores, -1.0)
    return allowed.argmax(axis=1)


def _assigned(allowed: Array) -> Array:
    """The largest sum in which no column is used twice."""
    return np.asarray(linear_sum_assignment(allowed, maximize=True)[1])


def _greedy(allowed: Array) -> Array:
    """The largest of all, then the largest in the rows and columns that are left, and so on."""
    left, found = allowed.copy(), np.zeros(len(allowed), dtype=np.int64)
    for _ in found:
        n, m = np.unravel_index(left.argmax(), left.shape)
        found[n] = m
        left[n], left[:, m] = -np.inf, -np.inf
    return found


def _reaction(seed: int, product: list[int], reactants: list[int]) -> dict[str, Array]:
    """Weights, none below 0, in which each simpler rule finds something else."""
    n, m = len(product), len(reactants)
    forth, back = np.abs(numbers(seed, n, m)), np.abs(numbers(seed + 1, m, n))
    return {"forth": forth, "back": back, "product": np.array(product), "reactants": np.array(reactants)}


_SUM = "forth + back.T"
_ELEMENTS = "product[:, None] == reactants"
origins = Exercise(
    _origins,
    "forth (n, m), back (m, n), product (n), reactants (m) -> found (n)",
    trials=(
        Trial("5 atoms from 7", _reaction(239, [6, 6, 8, 7, 6], [6, 8, 6, 7, 8, 6, 6])),
        Trial("7 atoms from 11", _reaction(241, [8, 6, 7, 6, 6, 6, 8], [6, 6, 7, 8, 6, 8, 6, 7, 6, 6, 17])),
    ),
    mistakes=(
        Mistake(
            "forth-alone",
            f"{_SUM} -> forth",
            "only the product's atoms are asked: add what those before the arrow give to them.",
        ),
        Mistake(
            "back-alone",
            f"{_SUM} -> back.T",
            "only the atoms before the arrow are asked: add what the product's give to them.",
        ),
        Mistake(
            "not-transposed",
            f"{_SUM} -> forth + back",
            "the way back has a row for each atom before the arrow, (m, n): transpose it before adding.",
        ),
        Mistake("difference", f"{_SUM} -> forth - back.T", "the way back is subtracted: add it."),
        Mistake("both-multiplied", f"{_SUM} -> forth * back.T", "both ways are multiplied: add them."),
        Mistake("larger", f"{_SUM} -> np.maximum(forth, back.T)", "this takes the larger of both ways: add them."),
        Mistake(
            "any-element",
            "np.where(possible, scores, -1.0) -> scores",
            "elements are not compared, so an oxygen can become a carbon: leave other elements out before argmax.",
        ),
        Mistake(
            "other-elements-only",
            f"{_ELEMENTS} -> product[:, None] != reactants",
            "the atoms of its own element are left out: leave out the others.",
            also=("np.where(possible, scores, -1.0) -> np.where(possible, -1.0, scores)",),
        ),
        Mistake(
            "pairs",
            f"{_ELEMENTS} -> product == reactants",
            "two lists are compared place by place: make the product a column, product[:, None].",
        ),
        Mistake(
            "wrong-axis",
            "axis=1 -> axis=0",
            "this finds a product's atom for each atom before the arrow: take the largest along axis 1.",
            also=("return allowed.argmax(axis=1) -> return allowed.T.argmax(axis=1)",),
        ),
        Mistake(
            "no-axis",
            "argmax(axis=1) -> argmax()",
            "argmax without an axis finds one place in the whole table: give it axis=1.",
        ),
        Mistake(
            "smallest",
            "allowed.argmax -> allowed.argmin",
            "this takes the smallest: take the largest.",
            also=("allowed.argmax(axis=1) -> np.where(possible, scores, 9.0).argmin(axis=1)",),
        ),
        Mistake(
            "weight-returned",
            "allowed.argmax -> allowed.max",
            "these are the largest sums: return where they stand, with argmax.",
        ),
        Mistake(
            "element-asked-afterwards",
            "return allowed.argmax(axis=1) -> "
            "return np.where(reactants[scores.argmax(axis=1)] == product, scores.argmax(axis=1), -1)",
            "the largest of all is found first, and given up if its element is another: leave other elements out "
            "before argmax, so that the next best one of its own is found.",
            also=(
                "return allowed.argmax(axis=1) -> "
                "return np.where(reactants[scores.argmax(axis=1)] == product, scores.argmax(axis=1), 0)",
            ),
        ),
        Mistake(
            "more-certain-way",
            "return allowed.argmax(axis=1) -> return np.where(forth.max(axis=1) > back.max(axis=0), "
            "np.where(possible, forth, -1).argmax(axis=1), np.where(possible, back.T, -1).argmax(axis=1))",
            "each way is asked by itself, and one of two answers kept: add the weights first, and ask once.",
        ),
        Mistake(
            "element-returned",
            "return allowed.argmax(axis=1) -> return reactants[allowed.argmax(axis=1)]",
            "these are the elements that were found: return the numbers of the atoms.",
        ),
        Mistake(
            "counted-from-one",
            "return allowed.argmax(axis=1) -> return allowed.argmax(axis=1) + 1",
            "the atoms are counted from 1: count from 0, as argmax does.",
        ),
        Mistake(
            "among-its-own",
            "return allowed.argmax(axis=1) -> "
            "return np.array([list(row[ok]).index(row[ok].max()) for row, ok in zip(scores, possible)])",
            "these number the atoms of the element alone: number all atoms before the arrow.",
        ),
        Mistake(
            "each-once",
            "allowed.argmax(axis=1) -> _assigned(allowed)",
            "each atom before the arrow is given away once: several of the product may get the same one, so take the "
            "largest of each row.",
            also=("allowed.argmax(axis=1) -> _greedy(allowed)",),
        ),
        Mistake(
            "divided-by-sums",
            f"{_SUM} -> forth / forth.sum(axis=1, keepdims=True) + back.T / back.T.sum(axis=1, keepdims=True)",
            "the weights are divided by their sums first: add them as they are.",
            also=(
                f"{_SUM} -> forth / forth.sum(axis=1, keepdims=True) + (back / back.sum(axis=1, keepdims=True)).T",
                f"{_SUM} -> forth + back.T / back.T.sum(axis=1, keepdims=True)",
            ),
        ),
        Mistake(
            "one-taken-off",
            "np.where(possible, scores, -1.0) -> scores - ~possible * 1.0",
            "other elements lose 1, which is too little where two weights add up to more: put -1 in the place of "
            "their sum.",
        ),
    ),
)

# ---- weights that are shared

_M, _F = 256, 512
_ATTENTION, _FEED_FORWARD, _NORMS = 4 * (_M * _M + _M), (_M * _F + _F) + (_F * _M + _M), 4 * _M
_BLOCK = _ATTENTION + _FEED_FORWARD + _NORMS
sizes = Numbers(
    "sizes",
    right={"one_block": _BLOCK, "twelve_blocks": 12 * _BLOCK},
    mistakes={
        "one_block": {
            _BLOCK - _NORMS: "1,024 are missing: the norms have as many, a scale and a shift each for every channel, "
            "and so have the biases of attention's four maps.",
            _BLOCK - _F - _M: "the biases of the feed-forward net are missing: 512 and 256.",
            _BLOCK - _F: "512 are missing: each norm has a scale and a shift, two vectors; and the first map of the "
            "feed-forward net has 512 biases.",
            _BLOCK - _M: "256 are missing: the bias of one map of attention, or the one that leads back from 512.",
            _BLOCK - _F * _M - _M: "the feed-forward net has two maps: up to 512 and back.",
            _BLOCK + _M: "256 are too many: the map back from 512 has 256 biases.",
            735_567: "that is the whole model, with its embeddings and its head: the block alone is asked for.",
            _ATTENTION: "that is attention alone: the feed-forward net and the norms belong to the block.",
            _ATTENTION + _NORMS: "the feed-forward net is missing: up to 512 channels and back.",
            _BLOCK - 5 * _M - _F: "the biases are missing: four of 256 in attention, 512 and 256 in the feed-forward "
            "net.",
            4 * _M * _M + 2 * _M * _F: "biases and norms are missing.",
            _BLOCK - _M * _M - _M: "attention has four maps: queries, keys, values and the one that follows the heads.",
            8 * _ATTENTION + _FEED_FORWARD + _NORMS: "the heads share the four maps: do not count them eight times.",
        },
        "twelve_blocks": {
            _BLOCK: "that is one block: without sharing each of twelve passes has its own.",
            11 * _BLOCK: "that is what sharing saves: all twelve are asked for.",
        },
    },
)

EXERCISES = listed(share_right, origins)
