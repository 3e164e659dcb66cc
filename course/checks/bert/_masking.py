"""Which tokens are hidden, and what is put in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.checks.former import Exercise, Mistake, Trial

Array = NDArray[Any]
Answer = Callable[[Array, Array, Array, Array, Array, int], tuple[Array, Array]]
RATE, MASKED, REPLACED = 0.15, 0.8, 0.9


def _chosen(special: Array, chance: Array) -> Array:
    return (chance < RATE) & ~special


def _shares(ids: Array, kind: Array, random_ids: Array, mask_id: int) -> Array:
    return np.where(kind < MASKED, mask_id, np.where(kind < REPLACED, random_ids, ids))


def _with(chosen: Any = _chosen, shares: Any = _shares, reported: Any = None) -> Answer:
    """The exercise with one of its parts replaced: who is chosen, what is put there, what is reported as chosen."""

    def answer(
        token_ids: Array, special: Array, chance: Array, kind: Array, random_ids: Array, mask_id: int
    ) -> tuple[Array, Array]:
        predicted = chosen(special, chance)
        inputs = np.where(predicted, shares(token_ids, kind, random_ids, mask_id), token_ids).astype(np.float64)
        told = predicted if reported is None else reported(inputs, token_ids, mask_id)
        return inputs, told.astype(np.float64)

    return answer


def _of_all_tokens(
    token_ids: Array, special: Array, chance: Array, kind: Array, random_ids: Array, mask_id: int
) -> tuple[Array, Array]:
    inputs = _shares(token_ids, kind, random_ids, mask_id)
    return inputs.astype(np.float64), _chosen(special, chance).astype(np.float64)


def _one_number(
    token_ids: Array, special: Array, chance: Array, kind: Array, random_ids: Array, mask_id: int
) -> tuple[Array, Array]:
    return _with()(token_ids, special, chance, chance / RATE, random_ids, mask_id)


def _trial(label: str, seed: int, batch: int, length: int) -> Trial:
    """Ids that float16 cannot hold; a first and a last token that are special; three tokens in ten chosen."""
    draw = np.random.default_rng(seed)
    shape = batch, length
    special = np.zeros(shape, dtype=bool)
    special[:, [0, -1]] = True
    chance = draw.integers(0, 64, shape) / 128 + 1 / 256
    chance[:, 0] = 1 / 256  # a special token that would be chosen
    return Trial(
        label,
        {
            "token_ids": 20001 + 2 * draw.integers(0, 2000, shape),
            "special": special,
            "chance": chance,
            "kind": draw.integers(0, 32, shape) / 32 + 1 / 64,
            "random_ids": 25001 + 2 * draw.integers(0, 2000, shape),
            "mask_id": 103,
        },
        single_rtol=1e-6,
    )


MASK_TOKENS = Exercise(
    returns=("inputs", "predicted"),
    right=_with(),
    trials=(_trial("eleven texts of thirteen tokens", 5, 11, 13), _trial("other random numbers", 6, 13, 11)),
    mistakes=(
        Mistake(
            "always-masked",
            _with(shares=lambda ids, kind, random_ids, mask_id: np.full_like(ids, mask_id)),
            "every chosen token became the mask: one in ten becomes a random token, and one in ten stays.",
        ),
        Mistake(
            "none-kept",
            _with(shares=lambda ids, kind, random_ids, mask_id: np.where(kind < MASKED, mask_id, random_ids)),
            "every chosen token that is not masked became a random one: where kind is 0.9 or more it stays.",
        ),
        Mistake(
            "none-random",
            _with(shares=lambda ids, kind, random_ids, mask_id: np.where(kind < MASKED, mask_id, ids)),
            "no token became a random one: where kind is from 0.8 to 0.9 the random id goes in.",
        ),
        Mistake(
            "shares-exchanged",
            _with(
                shares=lambda ids, kind, random_ids, mask_id: np.where(
                    kind < MASKED, random_ids, np.where(kind < REPLACED, mask_id, ids)
                )
            ),
            "mask and random id are exchanged: the mask goes to the 80 %, the random id to 10 %.",
        ),
        Mistake(
            "kept-and-random-exchanged",
            _with(
                shares=lambda ids, kind, random_ids, mask_id: np.where(
                    kind < MASKED, mask_id, np.where(kind < REPLACED, ids, random_ids)
                )
            ),
            "the random id and the old one are exchanged: random from 0.8 to 0.9, the old one above.",
        ),
        Mistake(
            "from-the-other-end",
            _with(
                shares=lambda ids, kind, random_ids, mask_id: np.where(
                    kind < 1 - REPLACED, ids, np.where(kind < 1 - MASKED, random_ids, mask_id)
                )
            ),
            "the shares are cut from the other end of kind: below 0.8 the mask, then the random id, then the old one.",
        ),
        Mistake(
            "special-chosen",
            _with(chosen=lambda special, chance: chance < RATE),
            "special tokens such as [CLS] are chosen too: they are never hidden.",
        ),
        Mistake(
            "only-special",
            _with(chosen=lambda special, chance: (chance < RATE) & special),
            "only special tokens are chosen: special says which are not.",
        ),
        Mistake(
            "chance-reversed",
            _with(chosen=lambda special, chance: (chance >= RATE) & ~special),
            "the tokens whose chance is 0.15 or more are chosen, 85 % of all: a token is chosen if it is below.",
        ),
        Mistake(
            "predicted-where-masked",
            _with(reported=lambda inputs, token_ids, mask_id: inputs == mask_id),
            "predicted holds the masked tokens alone: the chosen ones that became random or stayed are predicted too, "
            "or the model would learn to trust every token that is no mask.",
            also=(_with(reported=lambda inputs, token_ids, mask_id: inputs != token_ids),),
        ),
        Mistake(
            "predicted-reversed",
            _with(reported=lambda inputs, token_ids, mask_id: inputs == token_ids),
            "predicted is True where a token is as it was: it is True where one was chosen.",
        ),
        Mistake(
            "all-tokens",
            _of_all_tokens,
            "the shares of 80, 10 and 10 % are taken of all tokens: they are shares of the chosen ones, the rest "
            "stays as it is.",
        ),
        Mistake(
            "one-number",
            _one_number,
            "chance decides both who is chosen and what is put there: the second is what kind is for.",
        ),
    ),
)
