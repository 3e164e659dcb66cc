"""Vectors that an eraser is fitted and judged on, of the real encoder and with one head silenced; kept in 16 bits.

All have length 1. A word's is the mean over six templates, a text's the mean over its tokens. The head that carries
*he* and *she* is silenced as in `experiments.silenced_head`: at every token it gives the mean of what it gives over all
tokens of the same kind of texts. Kept with the hash of the file; the retrieval pairs' modules stand in the table, so
that nobody has to read the documentation again. Nothing is drawn: the seed is there for form. Budget: 2 core-minutes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from experiments.carrying_heads import sentence
from experiments.runner import RESULTS, Row, load, main
from experiments.silenced_head import HEAD
from experiments.untrained_twins import TEMPLATES, text_vectors
from mha.bias.association import unit_vectors
from mha.bias.gendered_words import GenderedWord, gendered_words
from mha.bias.profiles import advert, profiles
from mha.bias.word_lists import association_tests, occupations
from mha.interpret.patching import patch_heads, record_heads
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm
from mha.tasks.retrieval import retrieval_pairs

KEPT = RESULTS / "gendered_vectors.safetensors"
TESTS = ("WEAT 6", "WEAT 7", "WEAT 8")  # those about gender
N_TOLD = 4  # profiles a name of the pool is put into
RUNS: list[Row] = [{"seed": 0}]

Array = NDArray[np.float64]


def jobs() -> list[str]:
    """The words of the occupations, 60."""
    return [word for job in occupations() for word in job.words]


def tested() -> list[str]:
    """The words of the occupations and of the tests about gender, once each: no eraser is fitted on them."""
    tests = (association_tests()[id] for id in TESTS)
    of_tests = [word for test in tests for part in (test.x, test.y, test.a, test.b) for word in part]
    return list(dict.fromkeys([*jobs(), *of_tests]))


def people() -> dict[str, tuple[str, ...]]:
    """The names that the judging profiles bear, eight of men and eight of women: those of WEAT 6."""
    test = association_tests()["WEAT 6"]
    return {"men": test.x, "women": test.y}


def names() -> list[GenderedWord]:
    """The names of the pool, which come first in it."""
    return [word for word in gendered_words() if word.kind == "name"]


def told() -> list[str]:
    """Each name of the pool in four of the profiles to fit on, name by name."""
    found = []
    for number, name in enumerate(names()):
        texts = profiles("fit", [name.text], women=name.woman)[0]
        found += [texts[(number + 3 * n) % len(texts)] for n in range(N_TOLD)]
    return found


def in_templates(words: Sequence[str]) -> list[str]:
    """Each word in each template, word by word."""
    return [template.replace("{}", word) for word in words for template in TEMPLATES]


def judged() -> dict[str, list[str]]:
    """The texts that judge."""
    versions = {
        who: [text for texts in profiles("judge", of, women=who == "women") for text in texts]
        for who, of in people().items()
    }
    return {"tested": in_templates(tested()), "adverts": [advert(word) for word in jobs()], **versions}


@torch.no_grad()
def silenced(encoder: Encoder, tokenizer: Tokenizer, texts: Sequence[str]) -> Array:
    """Vectors (n, m) of texts, while `HEAD` tells none of their tokens from another."""
    ids, mask = encode(tokenizer, list(texts))
    with record_heads(encoder) as kept:
        encoder(ids, key_mask=mask)
    layer, there = HEAD[0], mask[:, None, :, None]  # (b, h, i, d)
    mean = (kept[layer] * there).sum((0, 2), keepdim=True) / there.sum((0, 2), keepdim=True)
    with patch_heads(encoder, {layer: mean.expand_as(kept[layer]).contiguous()}, [HEAD]):
        return sentence(encoder, ids, mask).double().numpy()


def by_text(name: str, vectors: Array) -> Array:
    """Of length 1 (n, m), the templates of a word averaged."""
    if name in ("pool", "tested"):
        vectors = vectors.reshape(-1, len(TEMPLATES), vectors.shape[-1]).mean(1)
    return unit_vectors(name, vectors)


def kept() -> dict[str, Array]:
    """The vectors: "pool" (gendered words), "told" (names, 4, m), "tested", "adverts", "men" and "women" (8, 24, m),
    "queries" and "documents"; and the four that judge with the head silenced, "silenced tested" and so on.

    Raises:
        ValueError: the file is not the one that the table was stored with.
    """
    expected, got = load("gendered_vectors")[0]["sha256"], hashlib.sha256(KEPT.read_bytes()).hexdigest()
    if got != expected:
        raise ValueError(f"{KEPT.name} has SHA-256 {got}, expected {expected}: python -m experiments.gendered_vectors")
    found = {name: vectors.double().numpy() for name, vectors in load_file(KEPT).items()}
    for name in found:
        if name.endswith("men"):
            found[name] = found[name].reshape(8, -1, found[name].shape[-1])
    found["told"] = found["told"].reshape(-1, N_TOLD, found["told"].shape[-1])
    return found


def run(seed: int) -> Row:
    """Embed, keep, and say what is kept."""
    encoder, tokenizer = load_minilm()
    pairs = retrieval_pairs("judge")
    texts = judged() | {"pool": in_templates([word.text for word in gendered_words()]), "told": told()}
    texts |= {"queries": [pair.query for pair in pairs], "documents": [pair.document for pair in pairs]}
    found = {name: by_text(name, text_vectors(encoder, tokenizer, some)) for name, some in texts.items()}
    for name, some in judged().items():
        found[f"silenced {name}"] = by_text(name, silenced(encoder, tokenizer, some))
    half: dict[str, Tensor] = {name: torch.from_numpy(vectors).half() for name, vectors in found.items()}
    save_file(half, KEPT)
    sha256 = hashlib.sha256(KEPT.read_bytes()).hexdigest()
    return {"sha256": sha256, "modules": [pair.module for pair in pairs], "n": {k: len(v) for k, v in half.items()}}


if __name__ == "__main__":
    main("gendered_vectors")
