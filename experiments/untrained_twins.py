"""Association tests on encoders that have read nothing: what architecture and tokenizer alone give.

A twin is the pretrained encoder's architecture with fresh weights (normal, standard deviation 0.02, as they were before
training). Each is asked everything that the pretrained one is asked: WEAT's ten tests, the names that are one token
each, and whether the association of occupations with women's words goes along with the share of women in them.

Fixed before the table was made: 39 twins, so that an effect that none of them reaches has p = 1 / 40, and six templates
a word, whose vectors are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from experiments.runner import Row, main
from mha.bias.association import associations, effect_size, template_vectors
from mha.bias.word_lists import AssociationTest, association_tests, occupations
from mha.models.bert import Encoder, EncoderConfig, MaskedLM
from mha.models.pretrained import encode, load_minilm

TEMPLATES = ("{}", "this is {}.", "that is {}.", "here is {}.", "they said {}.", "the word is {}.")
BATCH = 128
N_TWINS = 39

RUNS: list[Row] = [{"seed": seed} for seed in range(N_TWINS)]

Array = NDArray[np.float64]


def twin(seed: int) -> Encoder:
    """The pretrained encoder's architecture with weights that nothing was read into."""
    torch.manual_seed(seed)
    return MaskedLM(EncoderConfig()).encoder.eval()


@torch.no_grad()
def text_vectors(encoder: Encoder, tokenizer: Tokenizer, texts: Sequence[str]) -> Array:
    """The mean of the last layer over a text's tokens, (n, m)."""
    parts = []
    for start in range(0, len(texts), BATCH):
        ids, mask = encode(tokenizer, list(texts[start : start + BATCH]))
        states = encoder(ids, key_mask=mask) * mask[..., None]  # (b, i, m)
        parts.append(states.sum(1) / mask.sum(1, keepdim=True))
    return torch.cat(parts).double().numpy()


def word_vectors(encoder: Encoder, tokenizer: Tokenizer, words: Sequence[str]) -> dict[str, Array]:
    """Each word's vector (m,), averaged over the templates."""

    def embed(texts: list[str]) -> Array:
        return text_vectors(encoder, tokenizer, texts)

    return dict(zip(words, template_vectors(embed, words, TEMPLATES).mean(axis=1), strict=True))


def one_token_tests(tokenizer: Tokenizer) -> list[AssociationTest]:
    """WEAT 4 and 5 on those names of WEAT 3 to 5 that are one token each, so that no group breaks into pieces."""
    tests = association_tests()
    x, y = (
        tuple(
            name
            for name in dict.fromkeys(name for id in ("WEAT 3", "WEAT 4") for name in getattr(tests[id], side))
            if len(tokenizer.encode(name, add_special_tokens=False).ids) == 1
        )
        for side in "xy"
    )
    return [
        replace(tests[id], id=f"{id}, one token", label="names of one token: pleasant", x=x, y=y)
        for id in ("WEAT 4", "WEAT 5")
    ]


def tests_asked(tokenizer: Tokenizer) -> list[AssociationTest]:
    """The ten published tests, and the two on names of one token."""
    return [*association_tests().values(), *one_token_tests(tokenizer)]


def words_asked(tests: Sequence[AssociationTest]) -> list[str]:
    """Every word of the tests and every occupation, once."""
    of_tests = (word for test in tests for part in (test.x, test.y, test.a, test.b) for word in part)
    return list(dict.fromkeys([*of_tests, *(word for job in occupations() for word in job.words)]))


def split(test: AssociationTest, vectors: Mapping[str, Array]) -> tuple[Array, Array, Array, Array]:
    """The vectors of the test's four lists, (n, m) each."""
    x, y, a, b = (np.array([vectors[word] for word in part]) for part in (test.x, test.y, test.a, test.b))
    return x, y, a, b


def job_associations(vectors: Mapping[str, Array]) -> Array:
    """How much nearer to women's words than to men's, one number a published figure, (56,)."""
    gender = association_tests()["WEAT 7"]
    women, men = (np.array([vectors[word] for word in part]) for part in (gender.b, gender.a))
    return np.array([
        associations(np.array([vectors[word] for word in job.words]), women, men).mean() for job in occupations()
    ])  # fmt: skip


def run(seed: int) -> Row:
    """One twin's effects: d of each test; slope and correlation of the occupations."""
    _, tokenizer = load_minilm()
    tests = tests_asked(tokenizer)
    vectors = word_vectors(twin(seed), tokenizer, words_asked(tests))
    effects = {}
    for test in tests:
        x, y, a, b = split(test, vectors)
        effects[test.id] = float(effect_size(associations(x, a, b), associations(y, a, b)))
    share, s = np.array([job.women for job in occupations()]), job_associations(vectors)
    slope = np.polyfit(share, s, 1)[0]
    return {"d": effects, "slope": float(slope), "r": float(np.corrcoef(share, s)[0, 1])}


if __name__ == "__main__":
    main("untrained_twins")
