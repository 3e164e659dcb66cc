"""Checks for the chapter on generalization: whole heads dropped, a stop with patience, a winner's curse, numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import numbers
from course.checks.numeric import Numbers
from course.checks.shared import returned

__all__ = ["EXERCISES", "by_hand", "curse", "drop_heads", "stop"]

Array = NDArray[Any]

# ---- whole heads dropped


def _drop_heads(heads: Array, u: Array, p: float) -> Array:
    """Each head of each example at zero where its u lies below p, the others scaled."""
    kept = u >= p
    factors = kept / (1 - p)
    out = heads * factors[:, :, None, None]
    return out


def _heads(seed: int, b: int, h: int, i: int, d: int, p: float) -> dict[str, Any]:
    """No u equals p, and where p is not 0 some lie on either side of it."""
    u = (np.random.default_rng(seed).permutation(b * h).reshape(b, h) + 0.5) * (2.0 ** -math.ceil(math.log2(b * h)))
    assert p == 0 or 0 < (u < p).sum() < u.size
    return {"heads": numbers(seed + 1, b, h, i, d) + 3.0, "u": u, "p": p}


drop_heads = Exercise(
    _drop_heads,
    "heads (b, h, i, d), u (b, h), p -> out (b, h, i, d)",
    trials=(
        Trial("three examples of five heads, p = 1/4", _heads(401, 3, 5, 7, 2, 0.25)),
        Trial("five examples of three heads, p = 5/8", _heads(411, 5, 3, 2, 7, 0.625)),
        Trial("p = 0", _heads(421, 2, 3, 5, 7, 0.0)),
    ),
    mistakes=(
        Mistake(
            "kept-and-dropped-exchanged",
            "u >= p -> u < p",
            "dropped and kept are exchanged: u lies below p with probability p, and those heads go.",
        ),
        Mistake("not-scaled", "kept / (1 - p) -> kept * 1.0", "what is kept is not scaled: divide by 1 - p."),
        Mistake(
            "multiplied",
            "kept / (1 - p) -> kept * (1 - p)",
            "what is kept is multiplied by 1 - p: that is for evaluation in the older form. Here divide by it.",
        ),
        Mistake(
            "divided-by-p", "kept / (1 - p) -> kept / max(p, 1e-9)", "what is kept is divided by p: divide by 1 - p."
        ),
        Mistake(
            "all-scaled-none-dropped",
            "kept / (1 - p) -> (kept | True) / (1 - p)",
            "every head is scaled and none is dropped.",
        ),
        Mistake(
            "by-example",
            "u >= p -> (u[:, :1] >= p) & (u == u)",
            "all heads of an example share one draw: each head has its own u.",
        ),
        Mistake(
            "same-in-all-examples",
            "u >= p -> (u[:1] >= p) & (u == u)",
            "all examples share the draws of the first: each example has its own row of u.",
        ),
        Mistake(
            "one-draw-for-all",
            "u >= p -> (u[:1, :1] >= p) & (u == u)",
            "one draw decides for everything: each head of each example has its own u.",
        ),
        Mistake(
            "by-the-share-kept",
            "kept / (1 - p) -> kept / np.maximum(kept.mean(axis=1, keepdims=True), 1e-9)",
            "each example is scaled by the share of heads that it kept: that is DropHead's way. Here divide by 1 - p.",
        ),
        Mistake(
            "first-heads",
            "u >= p -> (np.arange(heads.shape[1]) >= int(p * heads.shape[1])) & (u == u)",
            "the first heads go, a share p of them, always the same: u decides, head by head.",
        ),
        Mistake(
            "at-position",
            "factors[:, :, None, None] -> factors[:, :, None, None] * (np.arange(heads.shape[2]) == 0)[:, None] "
            "+ heads * 0 + (np.arange(heads.shape[2]) > 0)[:, None]",
            "only the first position is touched: a head is dropped at all of them.",
        ),
        Mistake(
            "added",
            "heads * factors -> heads + factors",
            "the factors are added: a dropped head is multiplied by 0.",
        ),
        Mistake(
            "weighed-by-u",
            "kept / (1 - p) -> kept * u / (1 - p)",
            "u itself is a factor: it only decides who is kept.",
        ),
        Mistake(
            "rounded",
            "u >= p -> np.round(u + 1e-9) > 0",
            "u is rounded, which drops half whatever p is: compare it with p.",
        ),
        Mistake(
            "root",
            "(1 - p) -> np.sqrt(1 - p)",
            "what is kept is divided by the root of 1 - p: that keeps the mean square. Divide by 1 - p.",
        ),
        Mistake(
            "factors-alone",
            "return out -> return factors",
            "these are the factors: multiply the heads by them.",
        ),
    ),
)

# ---- stopping with patience


def _stop(losses: Array, patience: int) -> tuple[int, int]:
    """The place of the least loss so far, and the place at which `patience` losses in a row were no new least."""
    kept = 0
    stopped = 0
    for at in range(len(losses)):
        stopped = at
        if losses[at] < losses[kept]:
            kept = at
        if at - kept >= patience:
            break
    return kept, stopped


stop = Exercise(
    _stop,
    "losses (t), patience -> kept, stopped",
    trials=(
        Trial(
            "eleven losses, patience 2",
            {"losses": np.array([5.0, 4, 4.5, 3, 3.5, 2.5, 2.75, 2.625, 1, 2, 3]), "patience": 2},
        ),
        Trial("a loss that keeps falling", {"losses": np.array([7.0, 6, 5, 4.5, 4, 3.5, 3]), "patience": 3}),
        Trial("one that comes back to its least", {"losses": np.array([4.0, 2, 3, 2, 2.5, 1, 0.5]), "patience": 3}),
        Trial("a worse one that still falls", {"losses": np.array([1.0, 5, 4, 3, 2, 0.5, 0.25]), "patience": 3}),
        Trial("falls that reach no new least", {"losses": np.array([3.0, 1, 2, 1.5, 2.5, 2, 3]), "patience": 3}),
        Trial(
            "rises in a row that come late",
            {"losses": np.array([3.0, 2, 2.5, 3.5, 3.25, 4, 5, 6, 7, 8, 9]), "patience": 3},
        ),
    ),
    shared=returned("kept", "stopped"),
    mistakes=(
        Mistake(
            "least-of-all",
            "return kept, stopped -> return int(np.argmin(losses)), stopped",
            "kept is the least of all losses: after the stop none is known any more.",
        ),
        Mistake(
            "never-stops",
            "break -> pass",
            "it goes on to the end: stop once patience losses in a row were no new least.",
        ),
        Mistake(
            "first-rise",
            "at - kept >= patience -> losses[at] > losses[max(at - 1, 0)]",
            "it stops at the first loss that is higher than the one before: patience says how many to wait.",
        ),
        Mistake(
            "one-too-late",
            "at - kept >= patience -> at - kept > patience",
            "it stops one evaluation too late: at the patience-th without a new least.",
        ),
        Mistake(
            "one-too-early",
            "at - kept >= patience -> at - kept >= patience - 1 and at > kept",
            "it stops one evaluation too early: at the patience-th without a new least.",
        ),
        Mistake(
            "compared-with-the-last",
            "losses[at] < losses[kept] -> at > 0 and losses[at] < losses[at - 1]",
            "each loss is compared with the one before: compare with the least so far.",
        ),
        Mistake(
            "ties-count",
            "losses[at] < losses[kept] -> losses[at] <= losses[kept]",
            "a loss equal to the least counts as new: only a lower one does.",
        ),
        Mistake(
            "largest",
            "losses[at] < losses[kept] -> losses[at] > losses[kept]",
            "the largest loss is kept: the least is the best.",
        ),
        Mistake(
            "last-kept",
            "return kept, stopped -> return stopped - patience, stopped",
            "kept is patience before the stop, also where it never stopped: remember the place of the least.",
        ),
        Mistake(
            "counted-from-one",
            "return kept, stopped -> return kept + 1, stopped + 1",
            "both are counted from 1: places begin at 0.",
        ),
        Mistake(
            "length",
            "return kept, stopped -> return kept, stopped + 1",
            "stopped is how many losses were seen: the place of the last of them is one less.",
        ),
        Mistake(
            "least-of-all-and-patience",
            "return kept, stopped -> kept = int(np.argmin(losses)); return kept, min(kept + patience, len(losses) - 1)",
            "both are counted from the least of all losses: it may come after a stop, and is then never seen.",
        ),
        Mistake(
            "checked-too-soon",
            "losses[at] < losses[kept] -> losses[at] < losses[kept] and at - kept < patience",
            "the patience is checked before the new loss is: a new least in the last moment still counts.",
        ),
        Mistake(
            "compared-with-the-first",
            "losses[at] < losses[kept] -> losses[at] < losses[0]",
            "each loss is compared with the first: compare with the least so far.",
        ),
        Mistake(
            "count-goes-on",
            "at - kept >= patience -> at + 1 - len(set(np.minimum.accumulate(losses[: at + 1]))) >= patience",
            "the count of losses without a new least goes on: a new least sets it back to 0.",
        ),
        Mistake(
            "rises-in-a-row",
            "at - kept >= patience -> at >= patience and bool((np.diff(losses[at - patience : at + 1]) >= 0).all())",
            "it waits for a loss that rises so many times in a row: what counts is that none was a new least.",
        ),
        Mistake(
            "rises-counted",
            "at - kept >= patience -> (np.diff(losses[: at + 1]) > 0).sum() >= patience",
            "it counts all rises: those in a row without a new least count.",
        ),
    ),
)

# ---- the winner's curse


def _curse(validation: Array, test: Array) -> tuple[float, float]:
    """Mean of validation minus test: over the winners of each row by validation, and over all."""
    won = validation.argmax(axis=1)
    rows = np.arange(len(validation))
    best = validation[rows, won]
    honest = test[rows, won]
    of_winners = (best - honest).mean()
    of_all = (validation - test).mean()
    return of_winners, of_all


def _scores(seed: int, r: int, t: int) -> dict[str, Array]:
    return {"validation": numbers(seed, r, t) + 8.0, "test": numbers(seed + 1, r, t) + 7.0}


curse = Exercise(
    _curse,
    "validation (r, t), test (r, t) -> of_winners, of_all",
    trials=(Trial("five repeats of seven trials", _scores(431, 5, 7)), Trial("eleven of three", _scores(441, 11, 3))),
    shared=returned("of_winners", "of_all"),
    mistakes=(
        Mistake(
            "chosen-by-test",
            "validation.argmax(axis=1) -> test.argmax(axis=1)",
            "the winner is chosen by its test score: then the test part is one more part to choose by.",
        ),
        Mistake(
            "best-of-each",
            "test[rows, won] -> test.max(axis=1)",
            "the best test score is taken, whoever has it: take that of the winner by validation.",
        ),
        Mistake(
            "over-repeats",
            (
                "validation.argmax(axis=1) -> validation.argmax(axis=0)",
                "np.arange(len(validation)) -> np.arange(validation.shape[1])",
                "validation[rows, won] -> validation[won, rows]",
                "test[rows, won] -> test[won, rows]",
            ),
            "the winner is sought over the repeats, axis=0: in each repeat, over its trials.",
        ),
        Mistake(
            "one-winner",
            "validation.argmax(axis=1) -> validation.mean(axis=0).argmax()",
            "one trial is the winner of all repeats: each repeat has its own.",
        ),
        Mistake(
            "all-pairs",
            ("validation[rows, won] -> validation[:, won]", "test[rows, won] -> test[:, won]"),
            "[:, won] takes the winners of all repeats in each of them: pair them, [np.arange(len(won)), won].",
        ),
        Mistake(
            "largest-difference",
            "(best - honest) -> (validation - test).max(axis=1)",
            "the largest difference is taken: the winner has the best validation score, whatever its difference.",
        ),
        Mistake(
            "taken-off",
            "return of_winners, of_all -> return of_winners - of_all, of_all",
            "of_all is taken off of_winners: return each as it is.",
        ),
        Mistake(
            "one-repeat",
            "(best - honest).mean() -> best.max() - honest[best.argmax()]",
            "only the best repeat counts: take the mean over all.",
        ),
        Mistake(
            "lowest",
            "validation.argmax -> validation.argmin",
            "the lowest score wins: these are accuracies, the highest does.",
        ),
        Mistake("sign", "(best - honest) -> (honest - best)", "of_winners has the wrong sign: validation minus test."),
        Mistake(
            "sign-of-all",
            "(validation - test) -> (test - validation)",
            "of_all has the wrong sign: validation minus test.",
        ),
        Mistake(
            "others-only",
            "(validation - test).mean() -> ((validation - test).sum() - (best - honest).sum())"
            " / (validation.size - len(validation))",
            "of_all leaves the winners out: it is the mean over all trials.",
        ),
        Mistake(
            "against-the-mean-test",
            "test[rows, won] -> test.mean(axis=1)",
            "the winner's validation score is compared with the mean test score: with its own.",
        ),
        Mistake(
            "against-the-mean-validation",
            "(best - honest) -> (best - validation.mean(axis=1))",
            "test has no part in it: compare the winner's validation score with its test score.",
        ),
        Mistake("summed", "(best - honest).mean() -> (best - honest).sum()", "of_winners is a sum: take the mean."),
        Mistake(
            "all-summed", "(validation - test).mean() -> (validation - test).sum()", "of_all is a sum: take the mean."
        ),
        Mistake(
            "each-repeat",
            "(best - honest).mean() -> (best - honest)",
            "of_winners has a number for each repeat: take their mean.",
        ),
        Mistake(
            "last-trial", "validation.argmax(axis=1) -> -1", "the last trial is taken: the best by validation wins."
        ),
    ),
)

# ---- numbers

_LEAST = -(0.91 * math.log(0.91) + 0.09 * math.log(0.01))

by_hand = Numbers(
    "by_hand",
    right={"spread": 0.25 / 0.75, "left": 0.995**300, "least": _LEAST, "seen": 1 - 0.5**4},
    mistakes={
        "spread": {
            0.25 * 0.75: "that is the variance of the mask: what is kept is divided by 1 - p, which counts squared.",
            math.sqrt(1 / 3): "that is the standard deviation: its square is asked for.",
            3.0: "kept and dropped are exchanged: p / (1 - p), with p = 1/4.",
            0.25: "that is p: the factor is 0 with p and 1 / (1 - p) else; take its variance.",
            4 / 3: "that is the mean square: subtract the square of the mean, 1.",
        },
        "left": {
            1 - 0.995**300: "that is what is gone: what is left is asked for.",
            1 - 0.005 * 300: "each step takes its share of what is left, so the factors multiply.",
            math.exp(-300): "the learning rate multiplies the decay: each step's factor is 1 - 0.005.",
            0.995: "each step leaves 0.995 of it, and 300 of them multiply: this is one step, or none.",
        },
        "least": {
            0.0: "a probability of 1 costs ln of 0 at the other nine, which count with 0.01 each.",
            -math.log(0.9): "the right class has 0.9 and a tenth of 0.1: 0.91.",
            -0.9 * math.log(0.9) - 0.1 * math.log(0.1 / 9): "the 0.1 is spread over all ten, 0.01 to each.",
            -0.9 * math.log(0.9) - 0.1 * math.log(0.1): "the 0.1 is one class's here: it is spread over all ten.",
            -0.91 * math.log(0.91) - 0.01 * math.log(0.01): "the other nine classes count, 0.01 each: one is counted.",
            -0.09 * math.log(0.01): "the right class counts too, with 0.91.",
            -math.log(0.91): "the other nine classes count too, 0.01 each.",
            _LEAST / math.log(2): "that is in bits.",
            math.log(10): "that is the loss of a guess: the best probabilities are the smoothed targets themselves.",
        },
        "seen": {
            0.5**4: "that is the probability that no head is left.",
            0.5: "that is one head's: at least one of four is asked for.",
            1 - 0.5**3: "there are four heads.",
        },
    },
)

EXERCISES = listed(drop_heads, stop, curse)
