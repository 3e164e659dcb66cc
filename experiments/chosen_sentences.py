"""Attention over a text's sentences, trained to choose the one that says most of the summary: which does it choose?

Written before the table was run:

- The texts, the encoder's vectors and each sentence's ROUGE are those of `summary_vectors`. A sentence's score is the
  mean of its three ROUGEs; the best sentence of a text has the highest, the first of equals. A text in which no
  sentence shares a word with the summary has none, and is left out where the best is asked for.
- The models (`mha.models.sentence_ranker`): a learned query attends to the sentences, and its weights are the choice.
  "attention" lets the sentences see one another first and knows their places; "no places" does not know them; "alone"
  judges each sentence by itself, with its place; "alone, no places" without. Training raises the weight on good
  sentences: cross-entropy to the softmax of the scores / `SHARPNESS`.
- Five folds by module: each text is judged by a model that met no text of its module. Of the other four folds one
  decides when to stop, at the step with the highest mean score of the sentences chosen there. The learning rate is the
  best of three for "attention" in a pilot on two folds with seed 100.
- Asked again with the sentences in another order, drawn once for each text: does a model choose the same sentence, or
  what now stands first?
- The question, fixed beforehand, though a preparatory measurement on other texts had seen the first sentence win:
  of the texts that have a best sentence, does "attention" give it the most weight more often than it stands first,
  which is how often a rule finds it that knows the place alone? Above 0, interval over modules and seeds.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor

from experiments.runner import Row, load, main
from experiments.summary_vectors import vectors
from mha.models.sentence_ranker import SentenceRanker
from mha.positions import SinusoidalPositions
from mha.tasks.summaries import MOST_SENTENCES, N_FOLDS, fold_of, summaries
from mha.train import fit

MODELS = {"attention": (4, True), "no places": (4, False), "alone": (0, True), "alone, no places": (0, False)}
D_MODEL, BATCH, STEPS, EVERY, LR, WEIGHT_DECAY, SHARPNESS = 64, 64, 80, 10, 3e-3, 0.1, 0.05
RUNS: list[Row] = [{"model": model, "seed": seed} for model in MODELS for seed in range(5)]


def padded() -> tuple[Tensor, Tensor, Tensor]:
    """Of all texts: vectors (n, j, 384) of mean square 1, real sentences (n, j), scores (n, j), -1 for padding."""
    counts = [len(one.sentences) for one in summaries()]
    pad = torch.nn.utils.rnn.pad_sequence
    found = pad(list((384**0.5 * vectors()[0]).split(counts)), batch_first=True)
    (row,) = load("summary_vectors")
    scores = pad([torch.tensor(text).mean(1) for text in row["rouge"]], batch_first=True, padding_value=-1.0)
    return found, scores >= 0, scores


def shuffled(real: Tensor) -> Tensor:
    """For each text an order of its sentences (n, j), drawn once; padding stays where it is."""
    order = torch.arange(real.shape[1]).repeat(len(real), 1)
    for n, count in enumerate(real.sum(1).tolist()):
        order[n, :count] = torch.tensor(random.Random(n).sample(range(count), count))
    return order


def new_ranker(model: str) -> SentenceRanker:
    """One of `MODELS`, untrained."""
    n_heads, placed = MODELS[model]
    positions = SinusoidalPositions(D_MODEL, MOST_SENTENCES) if placed else None
    return SentenceRanker(384, D_MODEL, positions=positions, n_heads=n_heads)


def loss_of(ranker: SentenceRanker, found: Tensor, real: Tensor, scores: Tensor) -> Tensor:
    """Cross-entropy of the weights to the softmax of the scores."""
    wanted = (scores / SHARPNESS).masked_fill(~real, -torch.inf).softmax(-1)
    logs = ranker(found, real).clamp(min=1e-9).log()
    return -(wanted * logs).sum(-1).mean()


def train(model: str, seed: int, fold: int, data: tuple[Tensor, Tensor, Tensor]) -> SentenceRanker:
    """Of a fold: trained on three others, stopped by the fourth, the one behind it."""
    torch.manual_seed(100 * seed + fold)
    folds = torch.tensor([fold_of(one.module) for one in summaries()])
    stops = folds == (fold + 1) % N_FOLDS
    known = ((folds != fold) & ~stops).nonzero()[:, 0]
    ranker, best, generator = new_ranker(model), (-1.0, {}), torch.Generator().manual_seed(seed)

    def evaluate() -> float:
        nonlocal best
        chosen = ranker(data[0][stops], data[1][stops]).argmax(-1, keepdim=True)
        score = float(data[2][stops].gather(1, chosen).mean())
        if score > best[0]:
            best = score, {name: tensor.clone() for name, tensor in ranker.state_dict().items()}
        return score

    fit(
        ranker,
        lambda step: loss_of(ranker, *drawn(data, known, generator)),
        steps=STEPS,
        lr=LR,
        warmup=EVERY,
        weight_decay=WEIGHT_DECAY,
        evaluate=evaluate,
        every=EVERY,
    )
    ranker.load_state_dict(best[1])
    return ranker


@torch.no_grad()
def run(model: str, seed: int) -> Row:
    """Train a model for each fold; what they choose in their own, in order and shuffled."""
    data = padded()
    found, real, scores = data
    folds, order = torch.tensor([fold_of(one.module) for one in summaries()]), shuffled(real)
    weights, again = torch.zeros_like(scores), torch.zeros_like(scores)
    for fold in range(N_FOLDS):
        with torch.enable_grad():
            ranker = train(model, seed, fold, data)
        own = folds == fold
        weights[own] = ranker(found[own], real[own])
        mixed = found[own].gather(1, order[own][..., None].expand_as(found[own]))
        again[own] = ranker(mixed, real[own])
    return {
        "chosen": weights.argmax(1).tolist(),
        "on_first": _rounded(weights[:, 0]),
        "on_best": _rounded(weights.gather(1, scores.argmax(1, keepdim=True))[:, 0]),
        "chosen_shuffled": order.gather(1, again.argmax(1, keepdim=True))[:, 0].tolist(),
        "place_shuffled": again.argmax(1).tolist(),
        "by_place": _rounded((weights.sum(0) / real.sum(0))[:8]),
    }


def drawn(data: tuple[Tensor, ...], known: Tensor, generator: torch.Generator) -> list[Tensor]:
    """`BATCH` of the texts, as long as the longest of them."""
    chosen = known[torch.randint(len(known), (BATCH,), generator=generator)]
    longest = int(data[1][chosen].sum(1).max())
    return [x[chosen, :longest] for x in data]


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 4) for value in values.tolist()]


if __name__ == "__main__":
    main("chosen_sentences")
