"""What goes when the head that carries *he* and *she* is silenced: differences of occupations, along any direction.

The head is silenced as in `experiments.carrying_heads`: at each token of each occupation's texts it gives the mean of
what it gives over all of them. A direction is the mean of one list of words minus that of another. What goes along it
is one minus the slope of the occupations' places without the head on those with it: 0 if they lie as before, 1 if they
no longer differ.

Fixed before the table was made: two published pairs of lists besides women's and men's words, and 1000 pairs of lists
of eight words, drawn from a quarter of the tokenizer's common words.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from experiments.carrying_heads import sentence
from experiments.runner import Row, main
from experiments.untrained_twins import TEMPLATES, text_vectors, word_vectors
from mha.bias.association import unit_vectors
from mha.bias.word_lists import association_tests, occupations
from mha.interpret.patching import patch_heads, record_heads
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm

HEAD = 5, 8  # layer, head
LISTS = {"women, men": ("WEAT 7", "ba"), "pleasant, unpleasant": ("WEAT 1", "ab"), "career, family": ("WEAT 6", "ab")}
DRAWN = "drawn by chance"
N_DRAWN, WORDS_A_LIST = 1000, 8

RUNS: list[Row] = [{"direction": direction, "seed": 7} for direction in (*LISTS, DRAWN)]

Array = NDArray[np.float64]


def common_words(tokenizer: Tokenizer) -> list[str]:
    """Every fourth of the common words that are one token: a pool to draw lists from."""
    kept = (
        word
        for word, id in tokenizer.get_vocab().items()
        if 2000 <= id < 12000 and word.isascii() and word.isalpha() and len(word) > 3
    )
    return sorted(kept)[::4]


@torch.no_grad()
def occupation_vectors(encoder: Encoder, tokenizer: Tokenizer, silenced: tuple[int, int] | None) -> Array:
    """A vector for each published figure (56, m): the mean of its words' unit vectors, with a head silenced or not."""
    jobs = occupations()
    texts = [template.replace("{}", word) for job in jobs for word in job.words for template in TEMPLATES]
    ids, mask = encode(tokenizer, texts)
    with record_heads(encoder) as kept:
        states = sentence(encoder, ids, mask)
    if silenced is not None:
        layer, there = silenced[0], mask[:, None, :, None]  # (b, h, i, d)
        mean = (kept[layer] * there).sum((0, 2), keepdim=True) / there.sum((0, 2), keepdim=True)
        with patch_heads(encoder, {layer: mean.expand_as(kept[layer]).contiguous()}, [silenced]):
            states = sentence(encoder, ids, mask)
    by_word = states.double().numpy().reshape(-1, len(TEMPLATES), states.shape[-1]).mean(1)
    of_word = iter(unit_vectors("occupations", by_word))
    return np.array([np.mean([next(of_word) for _ in job.words], axis=0) for job in jobs])


def gone(before: Array, after: Array) -> Array:
    """Which share of the differences goes, from (n,) or (n, k) places to others: one, or k of them."""
    before, after = before - before.mean(0), after - after.mean(0)
    return np.asarray(1 - (before * after).sum(0) / (before * before).sum(0))


def published(encoder: Encoder, tokenizer: Tokenizer, test: str, sides: str) -> Array:
    """The direction between two lists of a test, (m, 1)."""
    lists = [getattr(association_tests()[test], side) for side in sides]
    vectors = word_vectors(encoder, tokenizer, [word for part in lists for word in part])
    one, other = (unit_vectors(test, np.array([vectors[word] for word in part])).mean(0) for part in lists)
    return (one - other)[:, None]


def drawn(encoder: Encoder, tokenizer: Tokenizer, seed: int) -> Array:
    """Directions between lists drawn by chance, (m, n)."""
    pool = unit_vectors("pool", text_vectors(encoder, tokenizer, common_words(tokenizer)))
    rng = np.random.default_rng(seed)
    lists = pool[[rng.permutation(len(pool))[: 2 * WORDS_A_LIST] for _ in range(N_DRAWN)]]  # (n, w, m)
    return np.asarray((lists[:, :WORDS_A_LIST].mean(1) - lists[:, WORDS_A_LIST:].mean(1)).T)


def run(direction: str, seed: int) -> Row:
    """What goes along one pair of lists, or along each of those that are drawn."""
    encoder, tokenizer = load_minilm()
    of = drawn(encoder, tokenizer, seed) if direction == DRAWN else published(encoder, tokenizer, *LISTS[direction])
    before, after = (occupation_vectors(encoder, tokenizer, head) @ of for head in (None, HEAD))
    return {"gone": gone(before, after).tolist()}


if __name__ == "__main__":
    main("silenced_head")
