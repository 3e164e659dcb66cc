"""Checks for planted bias: counterfactual sentences that keep defining words, and shares at a temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "counterfactuals", "decided"]

Array = NDArray[Any]

# ---- counterfactual sentences


def _counterfactuals(ids: Array, partner: Array, defining: Array) -> Array:
    """Every word's partner, but a sentence with a defining word as it is."""
    swapped = partner[ids]
    kept = np.asarray(defining[ids].any(axis=1))
    return np.where(kept[:, None], ids, swapped)


def _text(label: str, seed: int, n: int, length: int, n_words: int, *, defines: bool = True) -> Trial:
    """Words in pairs but for the last, which is its own partner; the first pair defines.

    Every other sentence has a defining word if there are any, at the start and at the end by turns.
    """
    rng = np.random.default_rng(seed)
    partner = np.arange(n_words)
    partner[: n_words - 1] ^= 1  # 0 with 1, 2 with 3 ...
    ids = rng.integers(2, n_words, size=(n, length))
    for row in range(0, n if defines else 0, 2):
        ids[row, -(row // 2 % 2)] = row // 2 % 2
    ids[1::2, 0] = 2  # a word with a partner
    return Trial(label, {"ids": ids, "partner": partner, "defining": np.arange(n_words) < 2})


_KEPT = "defining[ids].any(axis=1)"
_ALL = "np.where(kept[:, None], ids, swapped)"
counterfactuals = Exercise(
    _counterfactuals,
    "ids (n, t), partner (v), defining (v) -> swapped (n, t)",
    trials=(
        _text("five sentences of seven words", 901, 5, 7, 11),
        _text("seven sentences of three words", 902, 7, 3, 5),
        _text("thirteen sentences of two words, none of them defining", 903, 13, 2, 7, defines=False),
    ),
    mistakes=(
        Mistake(
            "all-swapped",
            f"{_ALL} -> swapped",
            "sentences with a defining word are swapped too: the king becomes a queen there. One such word is "
            "enough to leave a sentence as it is, .any(axis=1).",
            also=(f"{_KEPT} -> defining[ids].all(axis=1)",),
        ),
        Mistake(
            "word-by-word",
            f"{_ALL} -> np.where(defining[ids], ids, swapped)",
            "the defining word stays but the pronoun in its sentence is swapped, the king ... she: keep the whole "
            "sentence, .any(axis=1).",
        ),
        Mistake(
            "none-swapped",
            f"{_ALL} -> ids",
            "nothing is swapped: every word of the other sentences becomes its partner, partner[ids].",
            also=("partner[ids] -> partner[partner[ids]]",),
        ),
        Mistake(
            "turned-round",
            f"{_ALL} -> np.where(kept[:, None], swapped, ids)",
            "this swaps the sentences with a defining word and keeps the others: the other way round.",
        ),
        Mistake(
            "one-way",
            "partner[ids] -> np.maximum(partner[ids], ids)",
            "words are swapped one way only: he becomes she and she becomes he, all at once.",
            also=("partner[ids] -> np.minimum(partner[ids], ids)",),
        ),
        Mistake(
            "any-in-the-text",
            f"{_KEPT} -> np.full(len(ids), defining[ids].any())",
            "one defining word keeps the whole text: ask sentence by sentence, .any(axis=1).",
        ),
        Mistake(
            "place-by-place",
            (f"{_KEPT} -> defining[ids].any(axis=0)", "kept[:, None] -> kept[None, :]"),
            "a place is kept where any sentence has a defining word there: ask along the words of a sentence, "
            ".any(axis=1).",
        ),
        Mistake(
            "first-word-only",
            f"{_KEPT} -> defining[ids[:, 0]]",
            "only the first word is looked at: a defining word may stand anywhere in the sentence.",
        ),
        Mistake(
            "last-word-only",
            f"{_KEPT} -> defining[ids[:, -1]]",
            "only the last word is looked at: a defining word may stand anywhere in the sentence.",
        ),
        Mistake(
            "places-for-words",
            "partner[ids] -> np.broadcast_to(partner[: ids.shape[1]], ids.shape)",
            "partner is indexed by place: it holds one entry a word of the vocabulary, so partner[ids].",
        ),
    ),
)

# ---- shares of answers

_HALF, _DOUBLE = 0.7**2 / (0.7**2 + 0.3**2), 0.7**0.5 / (0.7**0.5 + 0.3**0.5)
_SCALED = "those two do not sum to 1 yet: divide by the sum over both answers."
decided = Numbers(
    "decided",
    right={"at_half": _HALF, "at_double": _DOUBLE, "amplification": 0.25},
    mistakes={
        "at_half": {
            0.7: "that is at temperature 1: the logits are doubled at 1/2, so the shares are squared.",
            0.49: _SCALED,
            0.35: "a share is not divided by the temperature: its logarithm is, so at 1/2 the share is squared.",
            1.0: "that is the most likely answer, temperature 0: at 1/2 both answers remain.",
            _DOUBLE: "that is at temperature 2: at 1/2 the logits grow.",
            1 - _HALF: "that is the share of she: he is asked for.",
        },
        "at_double": {
            0.7: "that is at temperature 1: the logits are halved at 2, so take square roots.",
            0.7**0.5: _SCALED,
            0.5: "shares become even only at an infinite temperature.",
            1 - _DOUBLE: "that is the share of she: he is asked for.",
        },
        "amplification": {
            0.75: "that is the data's mean share: subtract it from what the decisions say.",
            1.0: "that is the share among the decisions: subtract the data's mean share.",
            0.3: "that is for 70 % alone: take the mean of all four.",
            0.4: "that is for 60 % alone: take the mean of all four.",
            0.2: "that is with 50 % among the data, or for 80 % alone: take the mean of 60, 70, 80 and 90 %.",
        },
    },
)

EXERCISES = listed(counterfactuals)
