"""Sentences that people translated, as the test of what a small model cannot do: messages of Django and Wagtail.

Fixed before the first table, after pilots with seed 100:

- The pairs: `mha.tasks.catalogues`, both packages together, English into French, and into German; `N_TESTED` drawn
  for the test, the same for every seed, the rest to train on.
- The model: a T5 of two blocks a side, 64 channels; byte pairs trained on the training pairs as tokens.
- The test in two halves, by how similar the nearest training source is (chrF of sources): messages with a near
  duplicate in training, and messages without one.
- The baselines: the source as it stands, and a translation memory, which answers with the translation of that nearest
  source. chrF and BLEU by sacrebleu's defaults, and exact match.

In that table, of French alone, the models had dropout, batches of 64 and 1000 steps; they wrote 15 % of what they were
trained on to the letter, and were behind the memory in both halves. A pilot with seed 100 then looked at the training
loss: without dropout, in batches of 32 and at twice the learning rate it falls faster, and a step takes less. So here
they have neither dropout nor that few looks at each message for what they cost, and are tested `N_LOOKS` times on the
way, on messages that they are trained on and on both halves of the test: it shows whether more steps would help.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import numpy as np
import sacrebleu
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from experiments.runner import Row, main
from mha.generate import generate
from mha.models.t5 import T5, T5Config, shift_right
from mha.models.translation_memory import TranslationMemory
from mha.tasks.catalogues import messages
from mha.tasks.cldr import Pair
from mha.tasks.vocabulary import padded
from mha.text import train_bpe
from mha.train import fit

LANGUAGES, PACKAGES = ("fr", "de"), ("django", "wagtail")
SIZES = {"d_model": 64, "n_layers": 2, "n_heads": 4, "head_dim": 16, "d_ff": 256, "max_distance": 32}
VOCAB_SIZE = 1000
BATCH, POOL, STEPS, WARMUP, LR = 32, 8, 1200, 100, 8e-3
N_LOOKS = 3  # tests on the way
N_TESTED, LONGEST_ANSWER = 300, 60
PAD, END = 0, 3  # [PAD] and [SEP] of `mha.text`
HALVES = ("near", "far")

RUNS: list[Row] = [
    *({"language": language, "system": "model", "seed": seed} for language in LANGUAGES for seed in range(5)),
    *({"language": language, "system": name, "seed": 0} for language in LANGUAGES for name in ("copy", "memory")),
]


@cache
def pairs(language: str) -> tuple[list[Pair], list[Pair]]:
    """(training, test): each source once."""
    found = {pair.source: pair for package in PACKAGES for pair in messages(package, language)}
    known = [found[source] for source in sorted(found)]
    random.Random("messages").shuffle(known)
    return known[N_TESTED:], known[:N_TESTED]


@cache
def memory(language: str) -> TranslationMemory:
    known, _ = pairs(language)
    return TranslationMemory([pair.source for pair in known], [pair.target for pair in known])


@cache
def halves(language: str) -> dict[str, list[Pair]]:
    """The test, "near" what training shows and "far" from it."""
    _, test = pairs(language)
    _, similar = memory(language).nearest([pair.source for pair in test])
    order = np.argsort(-similar, kind="stable")
    return {"near": [test[n] for n in order[: len(test) // 2]], "far": [test[n] for n in order[len(test) // 2 :]]}


def asked(language: str) -> dict[str, list[Pair]]:
    """Both halves, and as many messages of the training as both have together."""
    return {"trained on": pairs(language)[0][:N_TESTED], **halves(language)}


@cache
def tokenizer(language: str) -> Tokenizer:
    return train_bpe([text for pair in pairs(language)[0] for text in pair], VOCAB_SIZE)


def encoded(language: str, texts: list[str], padding: int = PAD) -> Tensor:
    return padded([e.ids for e in tokenizer(language).encode_batch(texts)], END, padding)


def batches(language: str, seed: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    """step -> sources (b, j) and targets (b, i), -100 behind; drawn by seed and step alone.

    `POOL` batches are drawn together and sorted by length, so that few tokens are padding.
    """
    known, _ = pairs(language)
    sources = encoded(language, [pair.source for pair in known])
    targets = encoded(language, [pair.target for pair in known], padding=-100)
    lengths = (sources != PAD).sum(dim=1)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(10_000 * seed + step // POOL)
        drawn = torch.randint(len(known), (POOL * BATCH,), generator=generator)
        order = torch.randperm(POOL, generator=generator)
        chosen = drawn[lengths[drawn].argsort(stable=True)].view(POOL, BATCH)[order[step % POOL]]
        source, target = sources[chosen], targets[chosen]
        return source[:, : int((source != PAD).sum(1).max())], target[:, : int((target >= 0).sum(1).max())]

    return batch


def train(language: str, seed: int, steps: int = STEPS) -> tuple[T5, list[Row]]:
    """The model, and at each of `N_LOOKS` looks the steps taken, the chrF of each set, the share right to the letter.

    The mean loss of the steps since the last look is there too.
    """
    torch.manual_seed(seed)
    model, batch, looks = T5(T5Config(vocab_size=VOCAB_SIZE, **SIZES)), batches(language, seed), []

    def loss(step: int) -> Tensor:
        source, target = batch(step)
        logits = model(source, shift_right(target), key_mask=source != PAD)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())

    def evaluate() -> float:
        found = {name: translated(model, language, known) for name, known in asked(language).items()}
        looks.append(
            {name: {"chrf": x["chrf"], "right": x["right"].count("1") / len(x["right"])} for name, x in found.items()}
        )
        return 0.0

    every = steps // N_LOOKS
    history = fit(model, loss, steps=steps, lr=LR, warmup=min(WARMUP, steps), evaluate=evaluate, every=every)
    for look, step in zip(looks, history.evaluations, strict=True):
        look |= {"steps": step, "loss": round(sum(history.losses[step - every : step]) / every, 3)}
    return model, looks


@torch.no_grad()
def answers(model: T5, language: str, sources: list[str]) -> list[str]:
    """What a model writes, always the likeliest token."""
    source = encoded(language, sources)
    mask = source != PAD
    start = torch.full((len(sources), 1), PAD)
    written = generate(model.decoder_for(model.encode(source, key_mask=mask), mask), start, LONGEST_ANSWER, eos_id=END)
    rows = [row[: row.index(END)] if END in row else row for row in written[:, 1:].tolist()]
    return tokenizer(language).decode_batch(rows)


def translated(model: T5, language: str, known: list[Pair]) -> Row:
    """The `scores` of a model."""
    return scores(answers(model, language, [pair.source for pair in known]), [pair.target for pair in known])


def scores(written: list[str], right: list[str]) -> Row:
    """Which texts are right to the letter, as 1 and 0; chrF of each; chrF and BLEU of them all."""
    each = [round(sacrebleu.sentence_chrf(a, [b]).score, 1) for a, b in zip(written, right, strict=True)]
    return {
        "right": "".join(str(int(a == b)) for a, b in zip(written, right, strict=True)),
        "chrf each": each,
        "chrf": round(sacrebleu.corpus_chrf(written, [right]).score, 2),
        "bleu": round(sacrebleu.corpus_bleu(written, [right]).score, 2),
    }


def run(language: str, system: str, seed: int) -> Row:
    """Translate both halves; a model is trained first, and asked for some of what it was trained on too."""
    parts = asked(language)
    if system == "model":
        model, looks = train(language, seed)
        samples = answers(model, language, [pair.source for pair in parts["far"][:8]])
        found = {name: translated(model, language, known) for name, known in parts.items()}
        return {"looks": looks, "samples": samples, **found}
    row: Row = {}
    for name in HALVES:
        sources = [pair.source for pair in parts[name]]
        written = sources if system == "copy" else memory(language).nearest(sources)[0]
        row[name] = scores(written, [pair.target for pair in parts[name]])
    return row


if __name__ == "__main__":
    main("translated_messages")
