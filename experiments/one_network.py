"""One network fills gaps in real English, trained in three ways: five seeds each, the prose of docstrings.

What is compared is the question asked in training: "each next token" (a causal mask, as GPT), or 15 or 40 % of the
tokens hidden and no mask (as BERT). All else is the same: GPT's network of pre-norm blocks, the weights it starts from
(those of one seed are equal, number for number), the batches, the number of steps. In `gap_filling`, whose text and
gaps these are, the networks differ too.

Fixed before the table was made, by trial runs on a seed outside it:

- Linear maps are drawn with a width of 1/√(their inputs): the 0.02 of BERT's and GPT's code is meant for 768 channels.
- 2000 steps of 128 pieces: with 15 % hidden the network knew nothing but the words' frequencies for 400 to 800 of them.
- The largest learning rate of each question is the better of 2e-3 and 4e-3 for its gaps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.gap_filling import (
    MASK,
    SIZES,
    VOCAB_SIZE,
    WARMUP,
    WEIGHT_DECAY,
    batch,
    filled,
    gaps,
    left_scores,
    next_token_loss,
    whole_scores,
    whole_words,
)
from experiments.runner import Row, main
from mha.models.gpt import GPT, GPTConfig
from mha.tasks.masking import mask_tokens
from mha.text import SPECIAL
from mha.train import fit

CAUSAL = "each next token"
HIDDEN = {"15 % hidden": 0.15, "40 % hidden": 0.4}
KINDS = [CAUSAL, *HIDDEN]
LR = {CAUSAL: 2e-3, "15 % hidden": 2e-3, "40 % hidden": 4e-3}
STEPS, EVERY = 2000, 200
RUNS: list[Row] = [{"kind": kind, "seed": seed} for kind in KINDS for seed in range(5)]


def new_network() -> GPT:
    """GPT's network, untrained, its linear maps drawn for their own width."""
    model = GPT(GPTConfig(**SIZES))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
    return model


def read_both_sides(model: GPT, token_ids: Tensor) -> Tensor:
    """The vectors (b, i, m) that scores are read from, each of all tokens: GPT's way without its causal mask."""
    x: Tensor = model.positions(model.tokens(token_ids))
    for block in model.blocks:
        x = block(x)
    normed: Tensor = model.norm(x)
    return normed


def hidden_loss(model: GPT, token_ids: Tensor, generator: torch.Generator, rate: float) -> Tensor:
    """The mean, in nats, over the hidden tokens."""
    options = {"mask_id": MASK, "vocab_size": VOCAB_SIZE, "first_id": len(SPECIAL)}
    inputs, predicted = mask_tokens(token_ids, generator, rate=rate, **options)
    vectors = read_both_sides(model, inputs)[predicted]  # (n, m)
    return F.cross_entropy(F.linear(vectors, model.tokens.weight), token_ids[predicted])


@torch.no_grad()
def hidden_scores(model: GPT) -> Tensor:
    """log p (256, c) of each whole word in each gap, from what stands around [MASK]."""
    texts, at = gaps()
    rows = torch.arange(len(texts))
    vectors = read_both_sides(model, texts.index_put((rows, at), torch.tensor(MASK)))[rows, at]
    return F.linear(vectors, model.tokens.weight)[:, whole_words()].log_softmax(-1)


def run(kind: str, seed: int) -> Row:
    """Train the network with one question and let it fill the gaps."""
    torch.manual_seed(seed)
    model = new_network()
    draw, hide = (torch.Generator().manual_seed(start + seed) for start in (1000, 2000))
    scores: Callable[[GPT], Tensor] = left_scores if kind == CAUSAL else hidden_scores

    def loss(step: int) -> Tensor:
        if kind == CAUSAL:
            return next_token_loss(model, batch(draw))
        return hidden_loss(model, batch(draw), hide, HIDDEN[kind])

    options = {"steps": STEPS, "lr": LR[kind], "warmup": WARMUP, "weight_decay": WEIGHT_DECAY, "every": EVERY}
    history = fit(model, loss, evaluate=lambda: filled(scores(model))["nats"], **options)
    result: Row = {"evaluations": [[step, round(value, 4)] for step, value in history.evaluations.items()]}
    if kind == CAUSAL:
        return result | {"left": filled(left_scores(model)), "both sides": filled(whole_scores(model))}
    return result | {"both sides": filled(hidden_scores(model))}


if __name__ == "__main__":
    main("one_network")
