"""Checks for the chapter on BERT: pieces of words, hidden tokens, the loss on them, the mean over real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.diagnosis import Exercise, Mistake, Trial, listed
from course.checks.inputs import LARGE_RTOL, numbers
from course.checks.losses import CROSS_ENTROPY
from course.checks.numeric import Numbers

__all__ = ["EXERCISES", "mask_tokens", "masked_loss", "mean_pooling", "pieces_by_hand", "predicted_counts"]

Array = NDArray[Any]

# ---- pieces of words

# un ##bank ##ed; and in bank x 4, banks x 2, ban x 3 stand b, ##a and ##n nine times, ##k six times, ##s twice
pieces_by_hand = Numbers(
    "pieces_by_hand",
    right={"pieces": 3, "letters": 4, "met": 2, "score": 2 / (6 * 2)},
    mistakes={
        "pieces": {
            2: "un is a piece, and no piece is all of the rest.",
            4: "a piece is cut further than it must be: take the longest that fits, each time.",
            8: "those are its letters: take the longest piece that fits, each time.",
        },
        "letters": {
            3: "##ban fits, and ##bank is longer: the longest piece is taken, whatever then remains.",
            6: "the sign ## is no letter.",
        },
        "met": {
            9: "that is the pair met most often, as byte-pair encoding takes it: divide by the counts of its parts.",
            6: "that is ##n ##k: ##n is met nine times, so its score is 6 / (9 · 6).",
            1: "count a word as often as the text holds it, not once.",
        },
        "score": {
            1 / 9: "that is what the three other pairs score.",
            2 / (6 + 2): "the counts of the two parts are multiplied, not added.",
            1 / 2: "count a word as often as the text holds it, not once.",
            2 / 6: "divide by the counts of both parts: ##s is met twice.",
            2: "that is how often the pair is met: divide by the counts of its parts.",
        },
    },
)

# ---- which tokens are hidden


def _mask_tokens(
    token_ids: Array, special: Array, chance: Array, kind: Array, random_ids: Array, mask_id: int
) -> tuple[Array, Array]:
    """A token that is not special is predicted if its chance is below 0.15; its kind says what is put there."""
    predicted = (chance < 0.15) & ~special
    masked = predicted & (kind < 0.8)
    randomly = predicted & (kind >= 0.8) & (kind < 0.9)
    inputs = np.where(masked, mask_id, token_ids)
    inputs = np.where(randomly, random_ids, inputs)
    return inputs, predicted


def _drawn(label: str, seed: int, batch: int, length: int) -> Trial:
    """Ids that float16 cannot hold; a first and a last token that are special; three tokens in ten chosen."""
    draw = np.random.default_rng(seed)
    shape = batch, length
    special = np.zeros(shape, dtype=bool)
    special[:, [0, -1]] = True
    chance = draw.integers(0, 64, shape) / 128 + 1 / 256
    kind = draw.integers(0, 32, shape) / 32 + 1 / 64
    chance[:, 0] = 1 / 256  # a special token that would be chosen
    chance[0, 1:3], kind[0, 1:3] = 0.15, 0.5  # on the limits themselves, where < and <= part
    chance[1, 1:5], kind[1, 1:5] = 1 / 256, [0.8, 0.8, 0.9, 0.9]
    return Trial(
        label,
        {
            "token_ids": 20001 + 2 * draw.integers(0, 2000, shape),
            "special": special,
            "chance": chance,
            "kind": kind,
            "random_ids": 25001 + 2 * draw.integers(0, 2000, shape),
            "mask_id": 103,
        },
        single_rtol=1e-6,
    )


def _groups(inputs: Mapping[str, Any]) -> dict[str, Array]:
    special, kind = inputs["special"], inputs["kind"]
    chosen = (inputs["chance"] < 0.15) & ~special
    return {
        "special tokens": special,
        "tokens that are not chosen": ~chosen & ~special,
        "chosen tokens of a kind below 0.8": chosen & (kind < 0.8),
        "chosen tokens of a kind from 0.8 to 0.9": chosen & (kind >= 0.8) & (kind < 0.9),
        "chosen tokens of a kind of 0.9 or more": chosen & (kind >= 0.9),
    }


_RANDOM = "(kind >= 0.8) & (kind < 0.9)"
_TOLD = "return inputs, predicted"
mask_tokens = Exercise(
    _mask_tokens,
    "token_ids (b, i), special (b, i), chance (b, i), kind (b, i), random_ids (b, i), mask_id "
    "-> inputs (b, i), predicted (b, i)",
    trials=(_drawn("eleven texts of thirteen tokens", 5, 11, 13), _drawn("other random numbers", 6, 13, 7)),
    mistakes=(
        Mistake(
            "always-masked",
            ("& (kind < 0.8) ->", f"predicted & {_RANDOM} -> predicted & False"),
            "every chosen token became the mask: one in ten becomes a random token, and one in ten stays.",
            also=("inputs = np.where(randomly, random_ids, inputs) -> inputs = np.where(predicted, mask_id, inputs)",),
        ),
        Mistake(
            "none-kept",
            "& (kind < 0.9) ->",
            "every chosen token that is not masked became a random one: where kind is 0.9 or more it stays.",
        ),
        Mistake(
            "none-random",
            f"predicted & {_RANDOM} -> predicted & False",
            "no token became a random one: where kind is from 0.8 to 0.9 the random id goes in.",
        ),
        Mistake(
            "none-masked",
            "predicted & (kind < 0.8) -> predicted & False",
            "no token became the mask: where kind is below 0.8 it does.",
        ),
        Mistake(
            "random-over-mask",
            f"{_RANDOM} -> (kind < 0.9)",
            "the random id is written over the masks too: it goes only where kind is from 0.8 to 0.9.",
        ),
        Mistake(
            "mask-over-random",
            ("& (kind < 0.8) -> & (kind < 0.9)", f"predicted & {_RANDOM} -> predicted & False"),
            "the mask goes in up to a kind of 0.9: from 0.8 to 0.9 the random id does.",
        ),
        Mistake(
            "shares-exchanged",
            (
                "np.where(masked, mask_id, token_ids) -> np.where(masked, random_ids, token_ids)",
                "np.where(randomly, random_ids, inputs) -> np.where(randomly, mask_id, inputs)",
            ),
            "mask and random id are exchanged: the mask goes to the 80 %, the random id to 10 %.",
        ),
        Mistake(
            "kept-and-random-exchanged",
            f"{_RANDOM} -> (0.9 <= kind)",
            "the random id and the old one are exchanged: random from 0.8 to 0.9, the old one above.",
        ),
        Mistake(
            "from-the-other-end",
            ("(kind < 0.8) -> (kind >= 0.2)", f"{_RANDOM} -> (0.1 <= kind) & (kind < 0.2)"),
            "the shares are cut from the other end of kind: below 0.8 the mask, then the random id, then the old one.",
            also=(("(kind < 0.8) -> (kind > 0.8)", f"{_RANDOM} -> (kind > 0.9)"),),
        ),
        Mistake(
            "shares-as-widths",
            f"{_RANDOM} -> (0.1 <= kind) & (kind < 0.2)",
            "the random tenth is taken from kind 0.1 to 0.2, which is masked already: it goes from 0.8 to 0.9.",
            also=(f"{_RANDOM} -> (kind < 0.1)",),
        ),
        Mistake(
            "special-chosen",
            "& ~special ->",
            "special tokens such as [CLS] are chosen too: they are never hidden.",
        ),
        Mistake(
            "only-special",
            "& ~special -> & special",
            "only special tokens are chosen: special is True for those that are not.",
        ),
        Mistake(
            "special-inputs-alone",
            "masked = predicted -> masked = (chance < 0.15)",
            "special tokens are hidden in inputs, though not predicted: they stay as they are.",
            also=(
                (
                    "masked = predicted -> masked = (chance < 0.15)",
                    "randomly = predicted -> randomly = (chance < 0.15)",
                ),
            ),
        ),
        Mistake(
            "chance-reversed",
            "chance < 0.15 -> chance >= 0.15",
            "the tokens whose chance is 0.15 or more are chosen, 85 % of all: a token is chosen if it is below.",
            also=("chance < 0.15 -> chance > 0.15",),
        ),
        Mistake(
            "other-rate",
            "chance < 0.15 -> chance < 0.8",
            "a token is chosen if its chance is below 0.15: you compare with another number.",
            also=("chance < 0.15 -> chance < 0.1", "chance < 0.15 -> chance < 0.2", "chance < 0.15 -> chance < 0.85"),
        ),
        Mistake(
            "predicted-where-masked",
            f"{_TOLD} -> return inputs, inputs == mask_id",
            "predicted holds the masked or changed tokens alone: chosen ones that became random or stayed are "
            "predicted too.",
            also=(f"{_TOLD} -> return inputs, inputs != token_ids", f"{_TOLD} -> return inputs, masked | randomly"),
        ),
        Mistake(
            "predicted-reversed",
            f"{_TOLD} -> return inputs, inputs == token_ids",
            "predicted is True where a token is as it was: it is True where one was chosen.",
            also=(f"{_TOLD} -> return inputs, ~predicted",),
        ),
        Mistake(
            "predicted-ids",
            f"{_TOLD} -> return inputs, np.where(predicted, token_ids, 0)",
            "predicted holds ids: it is True where a token was chosen, False elsewhere.",
            also=(
                f"{_TOLD} -> return inputs, token_ids[predicted]",
                f"{_TOLD} -> return inputs, np.where(predicted, token_ids, -100)",
            ),
        ),
        Mistake(
            "predicted-places",
            f"{_TOLD} -> return inputs, np.argwhere(predicted)",
            "predicted lists the places of the chosen tokens: return the mask itself, (b, i), True where one was "
            "chosen.",
            also=(
                f"{_TOLD} -> return inputs, np.array(np.nonzero(predicted))",
                f"{_TOLD} -> return inputs, np.flatnonzero(predicted)",
            ),
        ),
        Mistake(
            "all-tokens",
            ("masked = predicted & -> masked =", "randomly = predicted & -> randomly ="),
            "the shares of 80, 10 and 10 % are taken of all tokens: they are shares of the chosen ones, the rest "
            "stays as it is.",
        ),
        Mistake(
            "random-everywhere",
            "randomly = predicted & -> randomly =",
            "random tokens are put where nothing was chosen: only chosen tokens change.",
        ),
        Mistake(
            "masks-everywhere",
            "masked = predicted & -> masked =",
            "masks are put where nothing was chosen: only chosen tokens change.",
        ),
        Mistake(
            "one-number",
            ("(kind < 0.8) -> (chance < 0.8 * 0.15)", f"{_RANDOM} -> (0.8 * 0.15 <= chance) & (chance < 0.9 * 0.15)"),
            "chance decides both who is chosen and what is put there: the second is what kind is for.",
            also=(("(kind < 0.8) -> (chance < 0.8)", f"{_RANDOM} -> (0.8 <= chance) & (chance < 0.9)"),),
        ),
        Mistake(
            "first-random-tokens",
            "inputs = np.where(randomly, random_ids, inputs) -> inputs[randomly] = random_ids.flat[: randomly.sum()]",
            "the first random tokens are taken in order: each place has its own, random_ids at the same place.",
            also=("np.where(randomly, random_ids, inputs) -> np.where(randomly, random_ids[0, 0], inputs)",),
        ),
        Mistake(
            "and-between-arrays",
            "(chance < 0.15) & ~special -> (chance < 0.15) and not special",
            "`and` and `not` look at one value: between arrays write & and ~, with brackets around comparisons.",
        ),
        Mistake(
            "brackets-missing",
            "(chance < 0.15) & ~special -> chance < 0.15 & ~special",
            "& binds tighter than <: write brackets around the comparison, (chance < 0.15) & ~special.",
        ),
        Mistake(
            "order-swapped",
            f"{_TOLD} -> return predicted, inputs",
            "you return (predicted, inputs): return (inputs, predicted).",
        ),
        Mistake(
            "inputs-alone", f"{_TOLD} -> return inputs", "you return the inputs alone: return (inputs, predicted)."
        ),
        Mistake(
            "unchanged",
            f"{_TOLD} -> return token_ids, predicted",
            "the tokens are returned as they were: return the changed ones.",
        ),
        Mistake(
            "other-cuts",
            ("(kind < 0.8) -> ((0.1 <= kind) & (kind < 0.9))", f"{_RANDOM} -> (kind < 0.1)"),
            "kind is cut at other places: below 0.8 the mask goes in, from 0.8 to 0.9 the random id, from 0.9 on the "
            "token stays.",
            also=(
                ("(kind < 0.8) -> ((0.1 <= kind) & (kind < 0.9))", f"{_RANDOM} -> (0.9 <= kind)"),
                ("(kind < 0.8) -> (0.2 <= kind)", f"{_RANDOM} -> (kind < 0.1)"),
                ("(kind < 0.8) -> (kind < 0.9)", f"{_RANDOM} -> (0.9 <= kind)"),
                ("(kind < 0.8) -> (kind < 0.1)", f"{_RANDOM} -> ((0.1 <= kind) & (kind < 0.2))"),
                ("(kind < 0.8) -> (kind < 0.5)", f"{_RANDOM} -> (0.5 <= kind)"),
                "(kind < 0.8) -> (kind < 0.7)",
                "(kind < 0.8) -> (kind < 0.5)",
                f"{_RANDOM} -> ((kind >= 0.8) & (kind < 0.85))",
            ),
        ),
        Mistake(
            "random-ids-whole",
            "inputs = np.where(randomly, random_ids, inputs) -> inputs[randomly] = random_ids",
            "inputs[places] is one row of the chosen places, and random_ids is (b, i): take it there too, "
            "random_ids[places], or use np.where.",
            also=("inputs = np.where(randomly, random_ids, inputs) -> inputs[randomly] = random_ids.ravel()",),
        ),
        Mistake(
            "zeros-elsewhere",
            "np.where(masked, mask_id, token_ids) -> np.where(masked, mask_id, 0)",
            "inputs is 0 where a token should stay as it is: put the old token there, the last argument of np.where, "
            "or np.select's default.",
            also=("np.where(masked, mask_id, token_ids) -> np.where(masked, mask_id, token_ids * predicted)",),
        ),
        Mistake(
            "own-mask-id",
            "np.where(masked, mask_id, token_ids) -> np.where(masked, 0, token_ids)",
            "where the mask belongs stands a number of your own: put mask_id there.",
            also=tuple(
                f"np.where(masked, mask_id, token_ids) -> np.where(masked, {n}, token_ids)" for n in (-1, 1, -100)
            ),
        ),
        Mistake(
            "special-predicted-alone",
            f"{_TOLD} -> return inputs, chance < 0.15",
            "predicted is True at special tokens too, though inputs leaves them as they are: they are never predicted.",
        ),
        Mistake(
            "or-for-and",
            "(chance < 0.15) & ~special -> (chance < 0.15) | ~special",
            "| stands where & should: a token is chosen if its chance is below 0.15 and it is not special.",
        ),
        Mistake(
            "or-between-kinds",
            f"{_RANDOM} -> ((kind >= 0.8) | (kind < 0.9))",
            "two conditions on kind are joined by |: a random id goes in where it is at least 0.8 and below 0.9, &.",
            also=("predicted & (kind >= 0.8) & (kind < 0.9) -> predicted & (kind >= 0.8) | (kind < 0.9)",),
        ),
        Mistake(
            "as-one-array",
            f"{_TOLD} -> return np.array([inputs, predicted])",
            "both come as one array: return inputs, predicted.",
        ),
        Mistake(
            "limits",
            (
                "chance < 0.15 -> chance <= 0.15",
                "(kind < 0.8) -> (kind <= 0.8)",
                f"{_RANDOM} -> (0.8 < kind) & (kind <= 0.9)",
            ),
            "a number that is just a limit falls on the wrong side: chosen is below 0.15, masked below 0.8, random "
            "from 0.8 on, kept from 0.9 on.",
            also=(
                "chance < 0.15 -> chance <= 0.15",
                ("(kind < 0.8) -> (kind <= 0.8)", f"{_RANDOM} -> (0.8 < kind) & (kind <= 0.9)"),
                ("(kind < 0.8) -> (kind <= 0.8)", f"{_RANDOM} -> (0.8 < kind) & (kind < 0.9)"),
                f"{_RANDOM} -> (0.8 <= kind) & (kind <= 0.9)",
                f"{_RANDOM} -> (0.8 < kind) & (kind < 0.9)",
                f"{_RANDOM} -> (0.8 < kind) & (kind <= 0.9)",
                ("chance < 0.15 -> chance <= 0.15", f"{_RANDOM} -> (0.8 <= kind) & (kind <= 0.9)"),
            ),
        ),
    ),
    parts=_groups,
)

# ---- the loss on them


def _masked_loss(logits: Array, token_ids: Array, predicted: Array) -> Array:
    """The mean cross-entropy of the predicted tokens."""
    asked = logits
    targets = token_ids
    shifted = asked - asked.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
    losses = -picked
    chosen = losses[predicted]
    loss = chosen.mean()
    return np.asarray(loss)


def _texts(label: str, seed: int, shape: tuple[int, int, int], size: float = 1.0, rtol: float = 1e-5) -> Trial:
    draw, (batch, length, vocab_size) = np.random.default_rng(seed), shape
    predicted = draw.random((batch, length)) < 0.4
    predicted[0, :2], predicted[1, :3], predicted[:, -1] = True, [True, False, False], False
    inputs = {
        "logits": size * numbers(seed, *shape),
        "token_ids": draw.integers(0, vocab_size, (batch, length)),
        "predicted": predicted,
    }
    return Trial(label, inputs, rtol)


_CHOSEN = "losses[predicted]"
masked_loss = Exercise(
    _masked_loss,
    "logits (b, i, v), token_ids (b, i), predicted (b, i) -> loss",
    trials=(
        _texts("two texts of seven tokens", 41, (2, 7, 11)),
        _texts("logits near 1000", 42, (3, 5, 13), 512.0, LARGE_RTOL),
    ),
    shared=CROSS_ENTROPY,
    mistakes=(
        Mistake(
            "all-positions",
            f"{_CHOSEN} -> losses",
            "this is the mean over all positions: a token that the model sees teaches it to copy, so only the "
            "predicted ones count.",
        ),
        Mistake(
            "divided-by-all",
            f"{_CHOSEN} -> losses * predicted",
            "the sum over the predicted tokens is divided by the number of all tokens: divide by how many are "
            "predicted.",
        ),
        Mistake(
            "divided-by-texts",
            "chosen.mean() -> chosen.sum() / len(losses)",
            "the sum is divided by the number of texts: divide by the number of predicted tokens.",
        ),
        Mistake(
            "divided-by-another-length",
            "chosen.mean() -> chosen.sum() / losses.shape[1]",
            "the sum is divided by the length of the texts or of the vocabulary: divide by the number of predicted "
            "tokens.",
            also=("chosen.mean() -> chosen.sum() / logits.shape[-1]",),
        ),
        Mistake(
            "not-predicted",
            f"{_CHOSEN} -> losses[~predicted]",
            "this is the loss of the tokens that are not predicted: True in predicted means that one is.",
        ),
        Mistake("sum", "chosen.mean() -> chosen.sum()", "this is the sum over the predicted tokens: take the mean."),
        Mistake(
            "mean-of-means",
            "loss = chosen.mean() -> loss = ((losses * predicted).sum(axis=1) / predicted.sum(axis=1)).mean()",
            "each text is averaged by itself, then the texts: every predicted token counts alike, whichever text it "
            "stands in.",
        ),
        Mistake(
            "one-a-text",
            "loss = chosen.mean() -> loss = (losses * predicted).sum(axis=1) / predicted.sum(axis=1)",
            "this is one mean for each text: the loss is one number, the mean over all predicted tokens.",
            also=("loss = chosen.mean() -> loss = (losses * predicted).sum(axis=1)",),
        ),
        Mistake(
            "next-token",
            (
                "asked = logits -> asked = logits[:, :-1]",
                "targets = token_ids -> targets = token_ids[:, 1:]",
                f"{_CHOSEN} -> losses[predicted[:, 1:]]",
            ),
            "each position is judged by the token after it, as in a causal model: here it is judged by its own, which "
            "the mask hides.",
            also=(
                (
                    "asked = logits -> asked = logits[:, :-1]",
                    "targets = token_ids -> targets = token_ids[:, 1:]",
                    f"{_CHOSEN} -> losses[predicted[:, :-1]]",
                ),
                "targets = token_ids -> targets = np.roll(token_ids, -1, axis=1)",
            ),
        ),
        Mistake(
            "log-of-mean",
            "loss = chosen.mean() -> loss = -np.log(np.exp(-chosen).mean())",
            "this is the logarithm of a mean: take the logarithm of each probability, then the mean.",
        ),
        Mistake(
            "one-a-token",
            "loss = chosen.mean() -> loss = chosen",
            "these are the losses of the predicted tokens, one each: take their mean.",
        ),
        Mistake(
            "zeros-elsewhere",
            "loss = chosen.mean() -> loss = np.where(predicted, losses, 0.0)",
            "this is a table of losses with zeros where nothing is predicted: take the mean over the predicted tokens.",
            also=("loss = chosen.mean() -> loss = losses",),
        ),
        Mistake(
            "root",
            "loss = chosen.mean() -> loss = np.exp(chosen.mean())",
            "this is the perplexity, e to the power of the loss: return the loss.",
        ),
        Mistake(
            "median",
            "chosen.mean() -> np.median(chosen)",
            "this is the median over the predicted tokens: take the mean.",
        ),
        Mistake(
            "every-pair",
            "picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0] -> "
            "picked = log_p[predicted][:, targets[predicted]]; predicted = ...",
            "every predicted position meets every target: pick one for each, log_p[np.arange(n), targets].",
        ),
        Mistake(
            "id-0-left-out",
            f"{_CHOSEN} -> losses[predicted & (token_ids > 0)]",
            "predicted tokens whose id is 0 are left out, as by ignore_index=0: 0 is a token like the others, so "
            "choose by predicted alone.",
        ),
        Mistake(
            "logits-zeroed",
            ("asked = logits -> asked = logits * predicted[..., None]", f"{_CHOSEN} -> losses"),
            "the logits are set to zero where nothing is predicted, and each such position adds ln v: leave its "
            "loss out, losses[predicted].",
        ),
        Mistake(
            "accuracy",
            "loss = chosen.mean() -> loss = (log_p.argmax(-1) == targets)[predicted].mean()",
            "this is the share of predicted tokens that are the likeliest: the loss is minus the mean of their "
            "log-probabilities.",
        ),
        Mistake(
            "largest-loss",
            "chosen.mean() -> chosen.max()",
            "this is one token's loss, the largest or the smallest: take the mean over the predicted tokens.",
            also=("chosen.mean() -> chosen.min()",),
        ),
        Mistake(
            "first-text-alone",
            f"{_CHOSEN} -> losses[0][predicted[0]]",
            "only one text is averaged: the mean runs over the predicted tokens of all texts.",
            also=(f"{_CHOSEN} -> losses[-1][predicted[-1]]",),
        ),
        Mistake(
            "one-a-position",
            "loss = chosen.mean() -> loss = (losses * predicted).sum(axis=0) / predicted.sum(axis=0)",
            "this is one mean for each position, over the texts: the loss is one number, the mean over all predicted "
            "tokens.",
            also=("loss = chosen.mean() -> loss = (losses * predicted).sum(axis=0)",),
        ),
        Mistake(
            "targets-not-chosen",
            "picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0] -> "
            "picked = log_p[predicted][np.arange(predicted.sum()), targets]",
            "the predicted rows meet the ids of all positions: choose the ids by predicted too, token_ids[predicted].",
            also=(
                "picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0] -> "
                "picked = log_p[predicted, targets]",
                "picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0] -> "
                "picked = log_p[predicted][np.arange(predicted.sum()), targets.ravel()]",
            ),
        ),
        Mistake(
            "over-predicted-positions",
            "loss = chosen.mean() -> x = logits[predicted]; x = x - x.max(axis=0); "
            "loss = -(x - np.log(np.exp(x).sum(axis=0)))[np.arange(len(x)), targets[predicted]].mean()",
            "the softmax runs over the predicted positions: it runs over the vocabulary, the last axis.",
        ),
        Mistake(
            "one-predicted-a-text",
            f"{_CHOSEN} -> losses[np.arange(len(losses)), predicted.argmax(axis=1)]",
            "only the first predicted token of each text counts: the mean runs over all of them.",
        ),
    ),
)

# ---- one vector for a text


def _mean_pooling(vectors: Array, key_mask: Array) -> Array:
    """The mean of each text's real tokens."""
    real = vectors * key_mask[..., None]
    sums = real.sum(axis=1)
    counts = key_mask.sum(axis=1)
    pooled = sums / counts[:, None]
    return pooled


def _padded(label: str, seed: int, shape: tuple[int, int, int], lengths: list[int]) -> Trial:
    key_mask = np.arange(shape[1]) < np.array(lengths)[:, None]  # (i,) < (b, 1) -> (b, i)
    return Trial(label, {"vectors": numbers(seed, *shape), "key_mask": key_mask})


_MEAN = "sums / counts[:, None]"
mean_pooling = Exercise(
    _mean_pooling,
    "vectors (b, i, m), key_mask (b, i) -> pooled (b, m)",
    trials=(
        _padded("three texts of different lengths", 61, (3, 7, 5), [7, 4, 2]),
        _padded("texts that all have padding", 62, (2, 5, 11), [3, 1]),
    ),
    mistakes=(
        Mistake(
            "padding-included",
            ("vectors * key_mask[..., None] -> vectors", f"{_MEAN} -> sums / vectors.shape[1]"),
            "padding is in the mean: what stands there is computed and means nothing. Leave it out.",
        ),
        Mistake(
            "padding-in-the-sum",
            "vectors * key_mask[..., None] -> vectors",
            "padding is in the sum, though the count is that of the real tokens: set it to zero first.",
        ),
        Mistake(
            "divided-by-length",
            f"{_MEAN} -> sums / vectors.shape[1]",
            "padding is left out of the sum, and the sum is divided by the padded length: divide by the number of real "
            "tokens.",
        ),
        Mistake(
            "divided-by-batch",
            f"{_MEAN} -> sums / key_mask.sum()",
            "the sum is divided by the number of real tokens in the whole batch: each text has its own.",
        ),
        Mistake(
            "divided-by-texts",
            f"{_MEAN} -> sums / len(vectors)",
            "the sum is divided by the number of texts: divide by the number of real tokens of each.",
        ),
        Mistake(
            "divided-by-channels",
            f"{_MEAN} -> sums / vectors.shape[-1]",
            "the sum is divided by the number of channels: divide by the number of real tokens.",
        ),
        Mistake(
            "one-off",
            f"{_MEAN} -> sums / (counts[:, None] + 1)",
            "one is added to the count: divide by the number of real tokens.",
            also=(f"{_MEAN} -> sums / (counts[:, None] - 1)",),
        ),
        Mistake("sum", f"{_MEAN} -> sums", "this is the sum of the real tokens: divide by how many there are."),
        Mistake(
            "padding-only",
            "key_mask -> (~key_mask)",
            "this is the mean of the padding: True in key_mask is a real token.",
            also=(("key_mask -> (~key_mask)", "counts[:, None] -> np.maximum(counts, 1)[:, None]"),),
        ),
        Mistake(
            "first-token",
            f"{_MEAN} -> vectors[:, 0]",
            "this is the vector of the first token, [CLS]: take the mean of all real tokens.",
        ),
        Mistake(
            "last-token",
            f"{_MEAN} -> vectors[np.arange(len(vectors)), counts - 1]",
            "this is the vector of the last token: take the mean of all real ones.",
            also=(f"{_MEAN} -> vectors[:, -1]",),
        ),
        Mistake(
            "maximum",
            f"{_MEAN} -> np.where(key_mask[..., None], vectors, -np.inf).max(axis=1)",
            "this is the largest number of each channel: take the mean.",
            also=(f"{_MEAN} -> real.max(axis=1)", f"{_MEAN} -> vectors.max(axis=1)"),
        ),
        Mistake(
            "unit-length",
            f"{_MEAN} -> (y := {_MEAN}) / np.linalg.norm(y, axis=1, keepdims=True)",
            "the mean is scaled to length 1 too: that is a step of its own.",
        ),
        Mistake(
            "whole-batch",
            f"{_MEAN} -> np.broadcast_to(sums.sum(axis=0) / counts.sum(), sums.shape)",
            "every text gets the mean over all texts: average each by itself.",
            also=(
                f"{_MEAN} -> sums.sum(axis=0) / counts.sum()",
                f"{_MEAN} -> vectors.mean(axis=(0, 1))",
                f"{_MEAN} -> np.broadcast_to(vectors.mean(axis=(0, 1)), sums.shape)",
                f"{_MEAN} -> np.broadcast_to(vectors[key_mask].mean(), sums.shape)",
            ),
        ),
        Mistake(
            "one-number",
            f"{_MEAN} -> real.sum() / counts.sum()",
            "this is one number: sum over the tokens of each text alone, axis=1.",
            also=(f"{_MEAN} -> vectors.mean()", f"{_MEAN} -> vectors[key_mask].mean()", f"{_MEAN} -> real.mean()"),
        ),
        Mistake(
            "over-texts",
            "real.sum(axis=1) -> real.sum(axis=0)",
            "the sum runs over the texts: it runs over the tokens, axis 1.",
            also=(f"{_MEAN} -> vectors.mean(axis=0)",),
        ),
        Mistake(
            "over-channels",
            f"{_MEAN} -> vectors.mean(axis=2)",
            "the mean or sum runs over the channels: it runs over the tokens, axis 1.",
            also=(
                f"{_MEAN} -> real.mean(axis=2)",
                f"{_MEAN} -> real.sum(axis=2)",
                f"{_MEAN} -> real.sum(axis=2) / key_mask",
                f"{_MEAN} -> np.where(key_mask, vectors.mean(axis=2), np.nan)",
                f"{_MEAN} -> real.sum(axis=2) / counts[:, None]",
                "real.sum(axis=1) -> real.sum(axis=2)",
            ),
        ),
        Mistake(
            "axis-missing",
            "key_mask[..., None] -> key_mask",
            "the mask (b, i) lacks the axis of the channels and does not fit (b, i, m): key_mask[..., None].",
        ),
        Mistake(
            "counts-not-in-a-column",
            "counts[:, None] -> counts",
            "the counts (b,) do not fit (b, m): keep their axis, key_mask.sum(axis=1, keepdims=True).",
            also=("counts[:, None] -> counts[None]",),
        ),
        Mistake(
            "counts-over-texts",
            "key_mask.sum(axis=1) -> key_mask.sum(axis=0)",
            "the count runs over the texts: count the tokens of each, key_mask.sum(axis=1).",
        ),
        Mistake(
            "axis-kept",
            "return pooled -> return pooled[:, None]",
            "an axis of length 1 is left: return (b, m), one vector a text.",
            also=("real.sum(axis=1) -> real.sum(axis=1, keepdims=True)",),
        ),
        Mistake(
            "median",
            f"{_MEAN} -> np.nanmedian(np.where(key_mask[..., None], vectors, np.nan), axis=1)",
            "this is the median of the real tokens: take the mean.",
            also=(
                f"{_MEAN} -> np.median(vectors, axis=1)",
                f"{_MEAN} -> np.median(np.where(key_mask[..., None], vectors, np.nan), axis=1)",
            ),
        ),
        Mistake(
            "token-vectors",
            f"{_MEAN} -> real / counts[:, None, None]",
            "the tokens are not added up: sum over axis 1, then divide.",
            also=(f"{_MEAN} -> real", f"{_MEAN} -> vectors[key_mask]"),
        ),
        Mistake(
            "first-left-out",
            "key_mask -> (key_mask & (np.arange(key_mask.shape[1]) > 0))",
            "the first token is left out: [CLS] is a real token too, where key_mask is True.",
            also=(
                (
                    "key_mask -> (key_mask & (np.arange(key_mask.shape[1]) > 0))",
                    f"{_MEAN} -> sums / np.maximum(counts[:, None], 1)",
                ),
            ),
        ),
        Mistake(
            "last-left-out",
            "key_mask -> (key_mask & (np.arange(key_mask.shape[1]) < key_mask.sum(axis=1)[:, None] - 1))",
            "the last real token of each text is left out: all that key_mask marks count.",
            also=("key_mask -> (key_mask & (np.arange(key_mask.shape[1]) < key_mask.shape[1] - 1))",),
        ),
        Mistake(
            "first-not-summed",
            "real.sum(axis=1) -> real[:, 1:].sum(axis=1)",
            "the first token is missing from the sum, though it is counted: sum all real ones.",
        ),
        Mistake(
            "last-not-summed",
            "real.sum(axis=1) -> (real.sum(axis=1) - vectors[np.arange(len(vectors)), key_mask.sum(axis=1) - 1])",
            "the last real token is missing from the sum, though it is counted: sum all real ones.",
            also=("real.sum(axis=1) -> real[:, :-1].sum(axis=1)",),
        ),
        Mistake(
            "one-count-for-all",
            "counts[:, None] -> counts.max()",
            "all texts are divided by one count: each has its own number of real tokens.",
            also=(
                "counts[:, None] -> counts.mean()",
                "counts[:, None] -> counts[0]",
                "counts[:, None] -> counts.min()",
            ),
        ),
        Mistake(
            "nan-for-padding",
            "vectors * key_mask[..., None] -> np.where(key_mask[..., None], vectors, np.nan)",
            "padding is NaN, and a sum or mean over it is NaN too: fill with 0, or leave it out with np.nanmean.",
        ),
        Mistake(
            "infinite-padding",
            "vectors * key_mask[..., None] -> np.where(key_mask[..., None], vectors, -np.inf)",
            "padding is filled with -inf, as before a softmax, and the sum is -inf: fill with 0.",
            also=("vectors * key_mask[..., None] -> np.where(key_mask[..., None], vectors, -1e9)",),
        ),
        Mistake(
            "axis-misplaced",
            "key_mask[..., None] -> key_mask[:, None]",
            "the mask's new axis stands before the tokens, (b, 1, i): it belongs after them, key_mask[..., None], "
            "(b, i, 1).",
            also=("key_mask[..., None] -> key_mask[None]",),
        ),
        Mistake(
            "divided-by-padding",
            f"{_MEAN} -> sums / np.maximum((~key_mask).sum(axis=1), 1)[:, None]",
            "the sum is divided by the number of padding tokens: divide by that of the real ones.",
            also=(f"{_MEAN} -> sums / (~key_mask).sum(axis=1)[:, None]",),
        ),
        Mistake(
            "divided-by-root",
            f"{_MEAN} -> sums / np.sqrt(counts[:, None])",
            "the sum is divided by the root of the number of real tokens: by the number itself.",
        ),
        Mistake(
            "tokens-of-unit-length",
            "vectors * key_mask[..., None] -> "
            "vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) * key_mask[..., None]",
            "each token is scaled to length 1 first: the mean takes the vectors as they are.",
        ),
        Mistake(
            "ends-averaged",
            f"{_MEAN} -> (vectors[:, 0] + vectors[np.arange(len(vectors)), counts - 1]) / 2",
            "only the first and the last token are averaged: take all real ones.",
        ),
        Mistake(
            "first-mask-for-all",
            "key_mask -> key_mask[:1]",
            "the first text's mask serves all texts: each has its own real tokens, and its own number of them.",
        ),
    ),
)

# ---- what is predicted

_TOKENS = 32 * 512

predicted_counts = Numbers(
    "predicted_counts",
    right={
        "predicted": 0.15 * _TOKENS,
        "masked": 0.12 * _TOKENS,
        "random": 0.015 * _TOKENS,
        "true": 0.015 * _TOKENS,
        "causal": 32 * 511,
    },
    mistakes={
        "predicted": {
            _TOKENS: "that is all of them: only the chosen 15 % get a loss.",
            0.12 * _TOKENS: "that is those that are masked: the random and the true ones are predicted too.",
        },
        "masked": {
            0.15 * _TOKENS: "that is all chosen ones: 80 % of them become the mask.",
            0.8 * _TOKENS: "that is 80 % of all tokens: take 80 % of the chosen ones.",
        },
        "random": {0.1 * _TOKENS: "that is 10 % of all tokens: take 10 % of the chosen ones."},
        "true": {0.1 * _TOKENS: "that is 10 % of all tokens: take 10 % of the chosen ones."},
        "causal": {
            _TOKENS: "the first token of a sequence has none before it: 511 of 512 are predicted.",
            0.15 * _TOKENS: "a causal model predicts at every position, not at chosen ones.",
        },
    },
)

EXERCISES = listed(mask_tokens, masked_loss, mean_pooling)
