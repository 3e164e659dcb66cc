"""How many tokens does one pass of a GPT give when something cheap drafts them, and is it faster?

Fixed before the table was made, behind trial rows of one seed (with 20 texts, and a small model trained twice as long).
A first table, timed by the clock, was made again by the processor's time, since other programs had stopped its rows:

- Models: the GPT of `experiments/continuation.py` (two layers, half a million parameters) on held-out prose, and the
  one of `experiments/induction.py` on random blocks that repeat, which it was trained to copy.
- Texts: "greedy" and "drawn" (temperature 1, from all tokens) go on from 8 held-out beginnings of 16 tokens, other
  ones for each seed, with 48 tokens; "copied" goes on from 8 blocks of 8 symbols given twice, with 16 symbols,
  greedily. The models are the same for all seeds: what varies is the text, and for "drawn" the chance.
- Drafts: "lookup" copies from the text itself (`TextLookup`); "counts" takes the token that came most often behind the
  last two in the training text; "small model" is a GPT of one layer and 22 % of the parameters, trained here on the
  same text with the same loop; it is greedy for greedy text and draws for drawn text.
- Greedy text must be that of `generate`, token for token: stored is how many of the 8 are the "same".
- Times, of the processor and on one thread: each text once by `generate` and once by `speculate`, behind a turn that is
  not timed. Drafting counts.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from experiments import continuation, induction
from experiments.runner import Row, main
from mha.drafts import Draft, Proposal, Propose, SmallModel, TextLookup
from mha.generate import Choose, Sampling, generate, greedy
from mha.models.gpt import GPT, GPTConfig
from mha.speculative import speculate
from mha.train import fit

N_TEXTS, WRITTEN, COPIED = 8, 48, 16
DRAFTED = (2, 4, 8)
DRAFTS = {
    "greedy": ["lookup", "counts", "small model"],
    "drawn": ["lookup", "counts", "small model"],
    "copied": ["lookup"],
}
SMALL = GPTConfig(continuation.VOCAB_SIZE, d_model=64, n_layers=1, n_heads=4, d_ff=256, max_len=continuation.LENGTH)
STEPS, WARMUP, LR = 700, 70, 5e-3

RUNS: list[Row] = [
    {"text": text, "draft": draft, "n_drafted": n_drafted, "seed": seed}
    for text, drafts in DRAFTS.items()
    for draft in drafts
    for n_drafted in DRAFTED
    for seed in range(5)
]


@cache
def small() -> GPT:
    """The small model, trained."""
    torch.manual_seed(0)
    model, generator = GPT(SMALL), torch.Generator().manual_seed(1)
    fit(
        model,
        lambda step: continuation.next_token_loss(model, continuation.batch(generator)),
        steps=STEPS,
        lr=LR,
        warmup=WARMUP,
        weight_decay=continuation.WEIGHT_DECAY,
    )
    return model


class Counted:
    """Drafts the token that came most often behind the last two in the training text, or behind the last one."""

    def begin(self, max_len: int) -> Propose:
        """The same for every text."""
        return self._propose

    def _propose(self, text: Tensor, n: int) -> Proposal:
        row, after = text.tolist(), followers()
        for _ in range(n):
            row.append(after.get(tuple(row[-2:]), after.get((row[-1],), row[-1])))
        return Proposal(text.new_tensor(row[len(text) :]))


@cache
def followers() -> dict[tuple[int, ...], int]:
    """What came most often behind each token and behind each two of them."""
    row = continuation.pieces()[0].flatten().tolist()
    most: dict[tuple[int, ...], int] = {}
    for grams in (pairwise(row), zip(row, row[1:], row[2:], strict=False)):
        for (*context, token), _ in reversed(Counter(grams).most_common()):
            most[tuple(context)] = token  # the last to be written came most often
    return most


def rules(text: str, seed: int) -> tuple[Choose, Choose]:
    """How the model chooses, and how a small model does that drafts for it."""
    if text != "drawn":
        return greedy, greedy
    drawing, drafting = (Sampling(torch.Generator().manual_seed(1000 * n + seed)) for n in (1, 2))
    return drawing, drafting


def draft_of(name: str, choose: Choose) -> Draft:
    """A draft by its name; choose is for the small model."""
    if name == "small model":
        return SmallModel(small(), choose)
    return TextLookup() if name == "lookup" else Counted()


def prompts(text: str, seed: int) -> tuple[GPT, Tensor, int]:
    """The model, the beginnings (n, 16), and how many tokens follow each."""
    if text != "copied":
        return continuation.kept(), continuation.prompts(seed)[:N_TEXTS], WRITTEN
    generator = torch.Generator().manual_seed(seed)
    blocks = induction.twice(N_TEXTS, induction.TESTED, induction.N_SYMBOLS, generator)
    return induction.kept(), blocks, COPIED


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call gives, and the seconds that it kept the processor."""
    begun = time.process_time()
    result = call()
    return result, time.process_time() - begun


def run(text: str, draft: str, n_drafted: int, seed: int) -> Row:
    """All texts of one kind, each with drafts and without."""
    (choose, drafting), (model, beginnings, n) = rules(text, seed), prompts(text, seed)
    options: Row = {"draft": draft_of(draft, drafting), "n_drafted": n_drafted}
    texts = [measured(model, begun, n, choose, options) for begun in beginnings[:, None]]
    return {"tokens": n * len(texts)} | {name: round(sum(found[name] for found in texts), 4) for name in texts[0]}


def measured(model: GPT, begun: Tensor, n: int, choose: Choose, options: Row) -> Row:
    """What one text (1, 16) takes."""
    speculate(model, begun, n, **options)  # warm up
    plain, generate_s = timed(lambda: generate(model, begun, n, choose=choose))
    found, speculate_s = timed(lambda: speculate(model, begun, n, choose=choose, **options))
    return {
        "passes": found.n_passes,
        "drafted": found.n_drafted,
        "accepted": found.n_accepted,
        "same": int(torch.equal(found.tokens, plain)),
        "generate_s": generate_s,
        "speculate_s": speculate_s,
    }


if __name__ == "__main__":
    main("speculation")
