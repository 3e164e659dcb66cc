"""The mistakes that exercises share which pick one key for each row of a map, as edits in the lines that they share.

asked = np.arange(n)
picked = weights[:, asked, found]
scores = picked.mean(axis=-1)
"""

from __future__ import annotations

from course.checks.edits import Mistake

__all__ = ["PICKED", "PICKED_WEIGHTS", "SCORES"]

PICKED, SCORES = "weights[:, asked, found]", "scores = picked.mean(axis=-1)"
_ALL_PAIRS = f"{PICKED} -> weights[:, asked][:, :, found]"
PICKED_WEIGHTS = (
    Mistake("sum", f"{SCORES} -> scores = picked.sum(axis=-1)", "this is the sum over the queries: take their mean."),
    Mistake(
        "divided-by-keys",
        f"{SCORES} -> scores = picked.sum(axis=-1) / weights.shape[-1]",
        "the sum is divided by the number of keys: there are fewer queries, one a row.",
    ),
    Mistake(
        "largest",
        f"{SCORES} -> scores = picked.max(axis=-1)",
        "this is the best query of each head: take the mean over the queries.",
    ),
    Mistake(
        "over-heads",
        f"{SCORES} -> scores = picked.mean(axis=0)",
        "this is averaged over the heads: average over the queries, one number a head.",
    ),
    Mistake(
        "one-number",
        f"{SCORES} -> scores = picked.mean()",
        "this is one number for all heads: average over the queries alone, axis=-1.",
    ),
    Mistake(
        "each-query",
        f"{SCORES} -> scores = picked",
        "these are the weights of each query: average them, one number a head.",
    ),
    Mistake(
        "one-query",
        f"{SCORES} -> scores = picked[:, -1]",
        "this is the last row alone, or the first: average over all rows.",
        also=(f"{SCORES} -> scores = picked[:, 0]",),
    ),
    Mistake(
        "one-left-out",
        "asked = np.arange(n) -> asked = np.arange(n - 1)",
        "a query is left out: every row counts, the first and the last too.",
        also=("asked = np.arange(n) -> asked = np.arange(1, n)",),
    ),
    Mistake(
        "every-pair",
        (_ALL_PAIRS, f"{SCORES} -> scores = picked.mean(axis=(1, 2))"),
        "each query is paired with each key: give both rows of places at once, weights[:, rows, keys].",
        also=((_ALL_PAIRS, f"{SCORES} -> scores = picked.sum(axis=(1, 2))"),),
    ),
    Mistake(
        "first-two-axes",
        f"{PICKED} -> np.diagonal(weights)",
        "np.diagonal goes along the first two axes, heads and rows: give it axis1=1, axis2=2.",
    ),
    Mistake(
        "all-keys",
        f"{PICKED} -> weights.mean(axis=-1)",
        "this is the mean over all keys, the same for every head since rows sum to 1: take one key a row.",
    ),
    Mistake(
        "anywhere",
        f"{PICKED} -> weights.max(axis=-1)",
        "this is each row's largest weight, wherever it lies: take that on the key which is asked for.",
    ),
    Mistake(
        "how-often",
        f"{SCORES} -> scores = (weights.argmax(axis=-1) == found).mean(axis=-1)",
        "this is how often the largest weight lies there: take the mean of the weights themselves.",
    ),
)
