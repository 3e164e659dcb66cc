"""What do the 72 heads of a pretrained encoder look at, and what of it is about words? Beside shuffled and random ones.

The patterns of `mha.interpret.head_scores` on 24 paragraphs of held-out prose (`mha.tasks.prose`) of 20 to 32 tokens,
and whether a head follows words or places ("content", "place"), from the same paragraphs with their words shuffled.

- "real": the pretrained encoder on the paragraphs; "even": what a head scores that looks everywhere alike;
  "no positions": the encoder with the mean of its position vectors in place of each.
- "shuffled", five seeds: on the paragraphs with their words in another order (the pieces of a word stay together), and
  how many heads can be told by what they give: a head's outputs on the words of a text are compared with those of all
  72 heads on the same words, shuffled (CKA, mean over texts); it is told if its own are nearest.
- "difference": for each head and pattern whether real and shuffled differ, paired by paragraph (mean of the five
  shuffles), corrected by the maximum of |t| over all heads and patterns when the signs of whole paragraphs are drawn.
- "untrained" and "scrambled", 39 seeds each: the same architecture drawn afresh as BERT was (normal, 0.02), and the
  pretrained encoder with the entries of every matrix in its blocks in random places.

Fixed before the table was made: the texts, 39 models of each kind, and that a head stands out in a score if its p is at
most 0.05, corrected by the maximum over 72 heads x 10 scores, against the untrained and against the scrambled models.
"""

from __future__ import annotations

import random
from copy import deepcopy
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from experiments.compared_heads import alignment
from experiments.runner import Row, load, main
from experiments.untrained_twins import twin
from mha.interpret.head_scores import content_scores, even_weights, pattern_keys, score_heads, score_texts
from mha.interpret.patching import record_heads
from mha.models.bert import Encoder
from mha.models.pretrained import load_minilm
from mha.recording import record_attention
from mha.statistics.maximum import corrected_by_maximum, sign_flip_maxima
from mha.tasks.prose import english_prose

N_TEXTS, SHORTEST, LONGEST = 24, 20, 32
N_SHUFFLES, N_TWINS = 5, 39
SPECIAL = (101, 102)  # [CLS], [SEP]
PATTERNS = ("previous", "next", "own", "local", "first", "special", "same token", "duplicate", "induction")
SCORES = (*PATTERNS, "content", "place")
DISTINCT = tuple(name for name in SCORES if name != "duplicate")  # "same token" has those of "duplicate" too

RUNS: list[Row] = [{"kind": kind, "seed": 0} for kind in ("real", "even", "no positions", "difference")]
RUNS += [{"kind": "shuffled", "seed": seed} for seed in range(N_SHUFFLES)]
RUNS += [{"kind": kind, "seed": seed} for kind in ("untrained", "scrambled") for seed in range(N_TWINS)]


class Texts(NamedTuple):
    """Texts as one batch: token ids (b, i), which are real (b, i), and where each token stood in the text (b, i)."""

    ids: Tensor
    real: Tensor
    order: Tensor


@cache
def words() -> list[list[list[int]]]:
    """The paragraphs, each a list of words, each a list of token ids; evenly spaced among all of fitting length."""
    tokenizer = load_minilm()[1]
    fitting = []
    for text in english_prose()[1]:
        parts = [tokenizer.encode(word, add_special_tokens=False).ids for word in text.split()]
        if SHORTEST <= 2 + sum(map(len, parts)) <= LONGEST:
            fitting.append(parts)
    return [fitting[n * len(fitting) // N_TEXTS] for n in range(N_TEXTS)]


def texts(shuffle: int | None = None) -> Texts:
    """All paragraphs in order, or with their words shuffled by a seed."""
    rows, orders = [], []
    for number, parts in enumerate(words()):
        ends = np.cumsum([0, *map(len, parts)])
        places = [list(range(1 + ends[n], 1 + ends[n + 1])) for n in range(len(parts))]
        if shuffle is not None:
            random.Random(f"{shuffle} {number}").shuffle(places)
        order = [0, *(place for part in places for place in part), 1 + int(ends[-1])]
        flat = [SPECIAL[0], *(token for part in parts for token in part), SPECIAL[1]]
        rows.append([flat[place] for place in order] + [0] * (LONGEST - len(order)))
        orders.append(order + list(range(len(order), LONGEST)))
    ids = torch.tensor(rows)
    return Texts(ids, ids != 0, torch.tensor(orders))


@torch.no_grad()
def read(encoder: Encoder, given: Texts) -> tuple[Tensor, Tensor]:
    """The maps (n_layers, b, h, i, j) and what the heads give (n_layers, b, h, i, d)."""
    with record_attention(encoder) as maps, record_heads(encoder) as gave:
        encoder(given.ids, key_mask=given.real)
    return maps.stack(), torch.stack([gave[n] for n in range(len(gave))])


def by_pattern(maps: Tensor, given: Texts) -> Tensor:
    """(9, n_layers, h), in the order of `PATTERNS`."""
    found = score_heads(maps, pattern_keys(given.ids, special_ids=SPECIAL, key_mask=given.real))
    return torch.stack([found[name] for name in PATTERNS])


def by_text(maps: Tensor, given: Texts) -> Tensor:
    """(b, 9, n_layers, h); 0 where a text has no query with such a key."""
    keys = pattern_keys(given.ids, special_ids=SPECIAL, key_mask=given.real)
    return torch.stack([score_texts(maps, keys[name]) for name in PATTERNS]).movedim(2, 0).nan_to_num()


def all_scores(encoder: Encoder) -> Tensor:
    """(11, n_layers, h), in the order of `SCORES`: content and place from the first shuffle."""
    real, shuffled = texts(), texts(0)
    maps, other = (read(encoder, given)[0] for given in (real, shuffled))
    follows = content_scores(maps, other, shuffled.order, key_mask=real.real)
    return torch.cat([by_pattern(maps, real), torch.stack([follows, -follows])])


def told(encoder: Encoder, shuffle: int) -> float:
    """The share of heads whose outputs on shuffled words are nearest to their own on the words in order."""
    (real, shuffled), pairs = (texts(), texts(shuffle)), []
    gave = [read(encoder, given)[1].transpose(1, 2).flatten(0, 1) for given in (real, shuffled)]  # (heads, b, i, d)
    for n, length in enumerate(real.real.sum(-1).tolist()):
        back = shuffled.order[n].argsort()
        both = torch.cat([gave[0][:, n], gave[1][:, n, back]])[:, 1 : length - 1].double()
        pairs.append(alignment(both)[: len(both) // 2, len(both) // 2 :])
    nearest = torch.stack(pairs).mean(0).argmax(-1)
    return round(float((nearest == torch.arange(len(nearest))).double().mean()), 4)


def scrambled(seed: int) -> Encoder:
    """The pretrained encoder with the entries of each matrix of its blocks in random places."""
    encoder, generator = deepcopy(load_minilm()[0]), torch.Generator().manual_seed(seed)
    for block in encoder.blocks:
        for matrix in (p.data for p in block.parameters() if p.dim() == 2):
            parts = matrix.chunk(3) if len(matrix) == 3 * matrix.shape[1] else (matrix,)  # queries, keys, values apart
            for part in parts:
                part.copy_(part.flatten()[torch.randperm(part.numel(), generator=generator)].view_as(part))
    return encoder


def without_positions() -> Encoder:
    """The pretrained encoder, to which every place is alike."""
    encoder = deepcopy(load_minilm()[0])
    table = encoder.embeddings.positions.weight.data
    table.copy_(table[:LONGEST].mean(0).expand_as(table))
    return encoder


def differences() -> Row:
    """p, corrected, that real and shuffled text give the same score, and the mean difference, (9, n_layers, h) each."""
    encoder = load_minilm()[0]
    real = by_text(read(encoder, texts())[0], texts())
    others = [by_text(read(encoder, texts(n))[0], texts(n)) for n in range(N_SHUFFLES)]
    apart = (real - torch.stack(others).mean(0)).double().numpy()  # (b, 9, n_layers, h)
    t, maxima = sign_flip_maxima(apart.reshape(len(apart), -1), rng=np.random.default_rng(0))
    return {"p": _rounded(corrected_by_maximum(t, maxima).reshape(apart.shape[1:])), "apart": _rounded(apart.mean(0))}


def summary(found: Tensor) -> Row:
    """Of the scores of one random model (11, n_layers, h): means, standard deviations, and the highest of each."""
    flat = found.flatten(1)
    parts = {"mean": flat.mean(1), "sd": flat.std(1), "most": flat.amax(1)}
    return {name: [float(f"{x:.6g}") for x in part.tolist()] for name, part in parts.items()}


def _rounded(values: Tensor | np.ndarray) -> list[list[list[float]]]:
    return [[[round(float(x), 4) for x in heads] for heads in layers] for layers in values]


def run(kind: str, seed: int) -> Row:
    """One model on the paragraphs."""
    if kind in ("untrained", "scrambled"):
        model = twin(seed) if kind == "untrained" else scrambled(seed)
        return summary(all_scores(model)) | {"told": told(model, 0)}
    encoder = load_minilm()[0]
    if kind == "real":
        return {"scores": _rounded(all_scores(encoder))}
    if kind == "even":
        even = even_weights(texts().ids, key_mask=texts().real)[None]
        return {"scores": [round(float(x), 4) for x in by_pattern(even, texts()).flatten()]}
    if kind == "no positions":
        return {"scores": _rounded(all_scores(without_positions()))}
    if kind == "difference":
        return differences()
    return {"scores": _rounded(by_pattern(read(encoder, texts(seed))[0], texts(seed))), "told": told(encoder, seed)}


def against(kind: str, rows: list[Row] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """How far the pretrained heads' scores lie above those of random models, from the stored rows.

    Returns:
        In standard deviations of the random models' heads, and p corrected over heads and scores; (11, n_layers, h).
    """
    rows = load("pattern_scores") if rows is None else rows
    found = np.array(next(row["scores"] for row in rows if row["kind"] == "real"))
    mean, sd, most = (np.array([row[part] for row in rows if row["kind"] == kind]) for part in ("mean", "sd", "most"))
    middle, spread = mean.mean(0), np.sqrt(np.mean(sd**2, axis=0) + mean.var(0))
    used = [SCORES.index(name) for name in DISTINCT]
    maxima = ((most - middle) / spread)[:, used].max(1)
    above = (found - middle[:, None, None]) / spread[:, None, None]
    return above, corrected_by_maximum(above, maxima)


if __name__ == "__main__":
    main("pattern_scores")
