"""Sentences that people translated, as the test of what a small model cannot do: messages of Django and Wagtail.

Fixed before the full run, after pilots with seed 100:

- The pairs: `mha.tasks.catalogues`, both packages together, English into French; `N_TESTED` drawn
  for the test, the same for every seed, the rest to train on.
- The model: a T5 of two blocks a side, 64 channels, dropout; byte pairs trained on the training pairs as tokens.
- The test in two halves, by how similar the nearest training source is (chrF of sources): messages with a near
  duplicate in training, and messages without one.
- The baselines: the source as it stands, and a translation memory, which answers with the translation of that nearest
  source. chrF and BLEU by sacrebleu's defaults, and exact match.
"""

from __future__ import annotations

import random
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

LANGUAGE, PACKAGES = "fr", ("django", "wagtail")
SIZES = {"d_model": 64, "n_layers": 2, "n_heads": 4, "head_dim": 16, "d_ff": 256, "max_distance": 32}
VOCAB_SIZE, DROPOUT = 1000, 0.1
BATCH, POOL, STEPS, WARMUP, LR = 64, 8, 1000, 100, 4e-3
N_TESTED, LONGEST_ANSWER = 300, 60
PAD, END = 0, 3  # [PAD] and [SEP] of `mha.text`
HALVES = ("near", "far")

RUNS: list[Row] = [
    *({"system": "model", "seed": seed} for seed in range(5)),
    *({"system": name, "seed": 0} for name in ("copy", "memory")),
]


@cache
def pairs() -> tuple[list[Pair], list[Pair]]:
    """(training, test): each source once."""
    found = {pair.source: pair for package in PACKAGES for pair in messages(package, LANGUAGE)}
    known = [found[source] for source in sorted(found)]
    random.Random("messages").shuffle(known)
    return known[N_TESTED:], known[:N_TESTED]


@cache
def memory() -> TranslationMemory:
    known, _ = pairs()
    return TranslationMemory([pair.source for pair in known], [pair.target for pair in known])


def halves() -> dict[str, list[Pair]]:
    """The test, "near" what training shows and "far" from it."""
    _, test = pairs()
    _, similar = memory().nearest([pair.source for pair in test])
    order = np.argsort(-similar, kind="stable")
    return {"near": [test[n] for n in order[: len(test) // 2]], "far": [test[n] for n in order[len(test) // 2 :]]}


@cache
def tokenizer() -> Tokenizer:
    return train_bpe([text for pair in pairs()[0] for text in pair], VOCAB_SIZE)


def encoded(texts: list[str], padding: int = PAD) -> Tensor:
    return padded([e.ids for e in tokenizer().encode_batch(texts)], END, padding)


def train(seed: int, steps: int = STEPS) -> tuple[T5, list[float]]:
    """The model and the loss of each step."""
    torch.manual_seed(seed)
    model = T5(T5Config(vocab_size=VOCAB_SIZE, dropout=DROPOUT, **SIZES))
    known, _ = pairs()
    sources = encoded([pair.source for pair in known])
    targets = encoded([pair.target for pair in known], padding=-100)

    lengths = (sources != PAD).sum(dim=1)

    def loss(step: int) -> Tensor:  # `POOL` batches are drawn together and sorted by length: little padding
        generator = torch.Generator().manual_seed(10_000 * seed + step // POOL)
        drawn = torch.randint(len(known), (POOL * BATCH,), generator=generator)
        order = torch.randperm(POOL, generator=generator)
        chosen = drawn[lengths[drawn].argsort(stable=True)].view(POOL, BATCH)[order[step % POOL]]
        source, target = sources[chosen], targets[chosen]
        source, target = source[:, : int((source != PAD).sum(1).max())], target[:, : int((target >= 0).sum(1).max())]
        logits = model(source, shift_right(target), key_mask=source != PAD)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())

    history = fit(model, loss, steps=steps, lr=LR, warmup=min(WARMUP, steps))
    return model, history.losses


@torch.no_grad()
def answers(model: T5, sources: list[str]) -> list[str]:
    """What a model writes, always the likeliest token."""
    source = encoded(sources)
    mask = source != PAD
    start = torch.full((len(sources), 1), PAD)
    written = generate(model.decoder_for(model.encode(source, key_mask=mask), mask), start, LONGEST_ANSWER, eos_id=END)
    rows = [row[: row.index(END)] if END in row else row for row in written[:, 1:].tolist()]
    return tokenizer().decode_batch(rows)


def scores(written: list[str], right: list[str]) -> Row:
    """Which texts are right to the letter, as 1 and 0; chrF of each; chrF and BLEU of them all."""
    each = [round(sacrebleu.sentence_chrf(a, [b]).score, 1) for a, b in zip(written, right, strict=True)]
    return {
        "right": "".join(str(int(a == b)) for a, b in zip(written, right, strict=True)),
        "chrf each": each,
        "chrf": round(sacrebleu.corpus_chrf(written, [right]).score, 2),
        "bleu": round(sacrebleu.corpus_bleu(written, [right]).score, 2),
    }


def run(system: str, seed: int) -> Row:
    """Translate both halves; a model is trained first, and asked for some of what it was trained on too."""
    parts = halves()
    row: Row = {}
    if system == "model":
        model, losses = train(seed)
        known = pairs()[0][:N_TESTED]
        written = answers(model, [pair.source for pair in known])
        row["trained on"] = scores(written, [pair.target for pair in known]) | {"loss": round(losses[-1], 3)}
        row["samples"] = answers(model, [pair.source for pair in parts["far"][:8]])
    for name in HALVES:
        sources = [pair.source for pair in parts[name]]
        if system == "model":
            written = answers(model, sources)
        else:
            written = sources if system == "copy" else memory().nearest(sources)[0]
        row[name] = scores(written, [pair.target for pair in parts[name]])
    return row


if __name__ == "__main__":
    main("translated_messages")
