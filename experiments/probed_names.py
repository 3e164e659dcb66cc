"""How well a probe tells men's names from women's by the output of each head: on names it has met, and on new ones.

The 16 names of WEAT 6 begin the 20 sentences of each split. A probe is ridge regression on what one head gives at one
place, onto 1 for a man's name and -1 for a woman's. It is fitted on the "discovery" sentences and tested on the
"confirmation" ones, in two ways:

- *met*: the same names in both. Besides gender the probe learns 20 labels that were tossed by a coin, eight and eight,
  always the same for the same name: what it gets right there it has learned by heart (Hewitt and Liang 2019).
- *new*: a man's and a woman's name are left out of the fit, and tested; eight times, so that each name is once new.

Fixed before the table was made: the two places, the strength of the ridge, the 20 coins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tokenizers import Tokenizer

from experiments.carrying_heads import HEADS
from experiments.runner import Row, main
from mha.bias.word_lists import association_tests, minimal_pairs
from mha.interpret.patching import record_heads
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm

PLACES = ("at the name", "at the stop")
N_COINS, RIDGE = 20, 10
GENDER = association_tests()["WEAT 6"]
NAMES = [name.lower() for name in (*GENDER.x, *GENDER.y)]  # eight men's, eight women's
N_PAIRS = len(NAMES) // 2

RUNS: list[Row] = [{"place": place, "seed": 6} for place in PLACES]

Array = NDArray[np.float64]


def with_names(names: Sequence[str], split: str) -> list[str]:
    """Each name in each sentence of a split, name by name."""
    frames = minimal_pairs("he / she", split)[0]
    return [name + text.removeprefix("he") for name in names for text in frames]


@torch.no_grad()
def outputs(encoder: Encoder, tokenizer: Tokenizer, split: str, place: str) -> Array:
    """What each head gives at the name or at the full stop, (names * sentences, 72, d)."""
    ids, mask = encode(tokenizer, with_names(NAMES, split))
    at = torch.ones(len(ids), dtype=torch.int64) if place == PLACES[0] else mask.sum(1) - 2
    with record_heads(encoder) as kept:
        encoder(ids, key_mask=mask)
    rows = torch.arange(len(ids))
    return torch.cat([kept[layer][rows, :, at] for layer in sorted(kept)], dim=1).double().numpy()  # each (b, h, d)


def labels(seed: int) -> tuple[Array, NDArray[np.int64]]:
    """A column for gender and one for each coin, (names * sentences, 1 + coins); and which name each row has."""
    which = np.repeat(np.arange(len(NAMES)), len(minimal_pairs("he / she", "discovery")[0]))
    real, rng = np.repeat([1.0, -1.0], N_PAIRS), np.random.default_rng(seed)
    coins = [rng.permutation(real) for _ in range(N_COINS)]
    return np.array([real, *coins])[:, which].T, which


def right(fit_on: Array, told: Array, test_on: Array, truth: Array) -> Array:
    """How often a probe is right, (k,).  fit_on, test_on: (n, d).  told, truth: (n, k), of 1 and -1."""
    probe = make_pipeline(StandardScaler(), Ridge(RIDGE)).fit(fit_on, told)
    return np.asarray(((probe.predict(test_on).reshape(truth.shape) > 0) == (truth > 0)).mean(0))


def run(place: str, seed: int) -> Row:
    """All 72 heads at one place: met (72, 1 + coins), new (72,)."""
    fit_on, test_on = (outputs(*load_minilm(), split, place) for split in ("discovery", "confirmation"))
    truth, which = labels(seed)
    met, new = [], []
    for head in range(len(HEADS)):
        fit, test = fit_on[:, head], test_on[:, head]
        met.append(right(fit, truth, test, truth).tolist())
        left_out = (np.isin(which, (pair, pair + N_PAIRS)) for pair in range(N_PAIRS))
        shares = [right(fit[~out], truth[~out, :1], test[out], truth[out, :1]) for out in left_out]
        new.append(float(np.mean(shares)))
    return {"met": met, "new": new}


if __name__ == "__main__":
    main("probed_names")
