"""Eleven methods and three ways of leaving out, on real texts: how far do they agree about what an encoder looks at?

The encoder is all-MiniLM-L6-v2, the texts are the beginnings of SciPy's docstrings. Two numbers are explained: how far
a linear probe on the text's vector puts the part of SciPy that it names above the others ("area"), and the cosine with
the vector of another text from the same part ("likeness"). The probe is fitted on other modules than those explained.

For each text: Spearman's correlation, over the tokens, between every two attributions. Once by size, |·|, since weights
cannot say in which direction a token counts, and once with signs, for those that have them. Over the words' tokens, and
("all") with [CLS] and [SEP] among them, which are then left out as well.

And how far the number falls without the tokens that a method puts first (comprehensiveness), or with these alone
(sufficiency), by each of the three ways; for a probe's number, and some of the methods.

Fixed before the table was made: the texts, the methods, the shares, and that sizes are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from torch import Tensor

from experiments.runner import Row, main
from mha.interpret.attribution import (
    attention_gradient,
    carried_norms,
    gradient_times_input,
    integrated_gradients,
    output_from,
    received,
    record_values,
    value_norms,
)
from mha.interpret.faithfulness import WAYS, Explained, comprehensiveness, leave_one_out, rank_agreement, sufficiency
from mha.interpret.patching import attention_layers
from mha.interpret.rollout import rollout
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm
from mha.tasks.scipy_areas import Item, scipy_areas, split_by_module

N_TEXTS, N_PARTS = 40, 8  # explained of each kind; rows that they are shared among
MASK_ID = 103
SHARES = (0.2, 0.5)
LEFT_OUT = tuple(f"leave out: {way}" for way in WAYS)
METHODS = (
    "attention",
    "attention, last layer",
    "attention x norm",
    "norm alone",
    "rollout",
    "attention gradient",
    "gradient x input",
    "integrated, from zero",
    "integrated, from [MASK]",
    "vocabulary rank",
    "attention, shuffled",
)
JUDGED = (
    *LEFT_OUT,
    "attention",
    "attention x norm",
    "integrated, from [MASK]",
    "vocabulary rank",
    "attention, shuffled",
)
N_STEPS = 8
SIGNED = (*LEFT_OUT, *METHODS[5:9])
RUNS: list[Row] = [
    {"explained": explained, "part": part, "seed": 0} for explained in ("area", "likeness") for part in range(N_PARTS)
]

Array = NDArray[np.float64]


def mean_vectors(encoder: Encoder, ids: Tensor, key_mask: Tensor, counted: Tensor) -> Tensor:
    """The mean of the last layer over the counted tokens, (n, m)."""
    states = encoder(ids, key_mask=key_mask) * counted[..., None]
    return states.sum(1) / counted.sum(1, keepdim=True)


@torch.no_grad()
def vectors(encoder: Encoder, tokenizer: Tokenizer, texts: list[str]) -> Tensor:
    """(n, m)."""
    parts = (encode(tokenizer, texts[start : start + 64]) for start in range(0, len(texts), 64))
    return torch.cat([mean_vectors(encoder, ids, mask, mask) for ids, mask in parts])


@cache
def split() -> tuple[list[Item], list[Item]]:
    """Texts to fit the probe on, and texts to explain, from other modules."""
    return split_by_module(scipy_areas(), 0)


def fit_probe(encoder: Encoder, tokenizer: Tokenizer) -> tuple[Tensor, Tensor, list[str]]:
    """A linear probe of a text's area.

    Returns:
        Weights (areas, m), biases (areas,) and the areas' names.
    """
    fit_on, _ = split()
    x = vectors(encoder, tokenizer, [item.text for item in fit_on]).double().numpy()
    probe = LogisticRegression(max_iter=2000).fit(x, [item.area for item in fit_on])
    weights, biases = (torch.from_numpy(np.asarray(part)).float() for part in (probe.coef_, probe.intercept_))
    return weights, biases, list(probe.classes_)


def above_the_others(probe: tuple[Tensor, Tensor, list[str]], vector: Tensor) -> Callable[[Tensor], Tensor]:
    """How far the probe puts the area that it names for a vector (m,) above the mean of all, (n, m) -> (n,)."""
    weights, biases, _ = probe
    named = int((weights @ vector + biases).argmax())
    above, bias = weights[named] - weights.mean(0), biases[named] - biases.mean()
    return lambda x: x @ above + bias


def likeness(target: Tensor) -> Callable[[Tensor], Tensor]:
    """The cosine with a vector (m,), (n, m) -> (n,)."""
    return lambda x: torch.cosine_similarity(x, target[None])


def explain(encoder: Encoder, tokenizer: Tokenizer, text: str, readout: Callable[[Tensor], Tensor]) -> Explained:
    """The text as what tokens are taken from; [CLS] and [SEP] stay."""
    ids = torch.tensor(tokenizer.encode(text).ids)
    removable = torch.ones_like(ids, dtype=torch.bool)
    removable[[0, -1]] = False

    def score(token_ids: Tensor, key_mask: Tensor, counted: Tensor) -> Tensor:
        return readout(mean_vectors(encoder, token_ids, key_mask, counted))

    return Explained(encoder, score, ids, removable, MASK_ID)


def attributions(text: Explained, generator: torch.Generator) -> dict[str, Tensor]:
    """What each method gives to each token, (i,); the three ways of leaving out first."""
    encoder, ids, everything = text.model, text.token_ids[None], torch.ones_like(text.token_ids[None], dtype=torch.bool)
    with record_values(encoder) as kept:
        out = text.score(ids, everything, everything)
    layers = attention_layers(encoder)
    weights = torch.stack([kept[n][0] for n in range(len(layers))])  # (layer, 1, h, i, j)
    by_gradient = attention_gradient(out, [kept[n][0] for n in range(len(layers))])
    with torch.no_grad():
        mean = received(weights)[:, 0].mean(1)  # (layer, j)
        carried = torch.stack([carried_norms(layer, *kept[n])[0].mean(0) for n, layer in enumerate(layers)])
        norms = torch.stack([value_norms(layer, kept[n][1])[0].mean(0) for n, layer in enumerate(layers)])
    tokens = encoder.embeddings.tokens
    baseline = tokens.weight[MASK_ID].detach()
    x, output = tokens(ids).detach(), output_from(tokens, lambda: text.score(ids, everything, everything))
    return {
        **{name: leave_one_out(text, way) for name, way in zip(LEFT_OUT, WAYS, strict=True)},
        "attention": mean.mean(0),
        "attention, last layer": mean[-1],
        "attention x norm": carried.mean(0),
        "norm alone": norms.mean(0),
        "rollout": rollout(weights)[0].mean(0),
        "attention gradient": sum(g[0].sum((0, 1)) for g in by_gradient),
        "gradient x input": gradient_times_input(output, x)[0],
        "integrated, from zero": integrated_gradients(output, x, torch.zeros_like(x), n_steps=N_STEPS)[0],
        "integrated, from [MASK]": integrated_gradients(output, x, baseline, n_steps=N_STEPS)[0],
        "vocabulary rank": ids[0].float(),
        "attention, shuffled": _shuffled(mean.mean(0).detach(), text.removable, generator),
    }


def _shuffled(given: Tensor, among: Tensor, generator: torch.Generator) -> Tensor:
    """The same numbers, dealt out anew among the tokens of words."""
    dealt = given.clone()
    dealt[among] = given[among][torch.randperm(int(among.sum()), generator=generator)]
    return dealt


def agreements(found: dict[str, Tensor], among: Tensor, names: tuple[str, ...]) -> list[float]:
    """Between every two, in the order of the upper triangle."""
    pairs = [(a, b) for n, a in enumerate(names) for b in names[n + 1 :]]
    return [round(rank_agreement(found[a], found[b], among), 2) for a, b in pairs]


def losses(text: Explained, found: dict[str, Tensor]) -> list[list[float]]:
    """For each that is judged: comprehensiveness by each way, then sufficiency by each way, with signs."""
    kinds = [(measure, way) for measure in (comprehensiveness, sufficiency) for way in WAYS]
    return [[round(measure(text, found[name], way, shares=SHARES), 4) for measure, way in kinds] for name in JUDGED]


def run(explained: str, part: int, seed: int) -> Row:
    """One part of the texts: for each of them the score, the agreements and the losses."""
    encoder, tokenizer = load_minilm()
    generator = torch.Generator().manual_seed(100 * seed + part)
    _, items = split()
    of_items = vectors(encoder, tokenizer, [item.text for item in items])
    probe = fit_probe(encoder, tokenizer) if explained == "area" else None
    rows: list[Row] = []
    for number in range(part, N_TEXTS, N_PARTS):
        alike = [n for n, item in enumerate(items) if item.area == items[number].area and n != number]
        other = of_items[alike[number % len(alike)]]
        readout = likeness(other) if probe is None else above_the_others(probe, of_items[number])
        text = explain(encoder, tokenizer, items[number].text, readout)
        found = attributions(text, generator)
        sizes = {name: given.abs() for name, given in found.items()}
        everything = torch.ones_like(text.removable)
        special = replace(text, removable=everything)
        with_special = {name: leave_one_out(special, way).abs() for name, way in zip(LEFT_OUT, WAYS, strict=True)}
        rows.append({
            "whole": round(float(text.whole()), 4),
            "tokens": len(text.token_ids),
            "by size": agreements(sizes, text.removable, (*LEFT_OUT, *METHODS)),
            "signed": agreements(found, text.removable, SIGNED),
            "all": agreements(sizes | with_special, everything, (*LEFT_OUT, *METHODS)),
            "losses": losses(text, found) if explained == "area" else [],
        })  # fmt: skip
    return {"texts": rows}


if __name__ == "__main__":
    main("explained_texts")
