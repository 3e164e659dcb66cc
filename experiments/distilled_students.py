"""Does a student learn more from its teacher than alone? Three layers of six, on real retrieval.

The task is `mha.tasks.retrieval`: a line that heads a docstring is to find the text below it. All students are trained
on the same pairs, in the same batches of 16, for the same number of steps: 32 steps see 512 of 1359 pairs. What
differs is

- what they learn from. "alone": each line is to find its text in the batch (contrastive), no teacher. "similarities":
  the teacher's distribution over the batch's texts. "vectors": the teacher's vectors. "layers": its hidden states and
  attention maps, layer by layer (of every other layer). "all": vectors and layers.
- what they start from. "copied": every other layer of the teacher, and its embeddings. "drawn": weights drawn anew.

A start has one learning rate, the best of two or three in trial runs with another seed, scored on the part "choose",
for "alone" and "vectors" alike (from copied layers "vectors" was a point better at three times the rate). Batch and
temperature were not tuned. Texts to learn from are cut after 16 tokens, those that judge are whole.
What is judged is the part "judge". Each seed draws the weights and the order of the batches; the order is the same for
every objective. Stored are the ranks at which the right texts came.

Token tables are cut down to the tokens that occur: the others would never move.

Fixed before the table was made: distillation serves where the student that learns from the teacher's vectors finds
more than the same student alone, same start and steps, over seeds; and keeps the quality where it finds at most five
points less, at the first place, than the teacher.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from experiments.runner import Row, main
from mha.compress.distillation import (
    attention_loss,
    contrastive_loss,
    hidden_loss,
    read_signals,
    soft_target_loss,
    teacher_signals,
    vector_loss,
)
from mha.compress.students import drawn_student, kept_layers, spread_layers
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm
from mha.tasks.retrieval import PARTS, mean_vectors, retrieval_pairs
from mha.train import fit

N_LAYERS, BATCH, MOST_TOKENS, SCALE, TEMPERATURE = 3, 16, 16, 20.0, 2.0
STEPS = 32  # `distillation_patience` takes more
LR = {"copied": 1e-4, "drawn": 3e-4}
OBJECTIVES = ("alone", "similarities", "vectors", "layers", "all")

RUNS: list[Row] = [
    {"start": start, "objective": objective, "steps": STEPS, "seed": seed}
    for seed in range(5)
    for start, objectives in (("copied", OBJECTIVES), ("drawn", ("alone", "vectors")))
    for objective in objectives
]


@dataclass(frozen=True)
class Corpus:
    """The texts of all parts as one batch: tokens (n, i), numbered among those that occur, and which are real.

    first: where each part begins; of a part of k pairs, k queries stand first, then their k documents. Those to learn
    from are cut.
    """

    token_ids: Tensor
    key_mask: Tensor
    used: Tensor
    first: dict[str, int]

    def rows(self, part: str) -> tuple[Tensor, Tensor]:
        """Where its queries and its documents stand, (k,) each."""
        n_pairs = len(retrieval_pairs(part))
        queries = torch.arange(n_pairs) + self.first[part]
        return queries, queries + n_pairs

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """token_ids and key_mask (b, i) of some texts, as long as the longest of them."""
        key_mask = self.key_mask[rows]
        length = int(key_mask.sum(1).max())
        return self.token_ids[rows, :length], key_mask[:, :length]


@cache
def corpus() -> Corpus:
    _, tokenizer = load_minilm()
    texts, first = [], {}
    for part in PARTS:
        first[part] = len(texts)
        pairs = retrieval_pairs(part)
        texts += [pair.query for pair in pairs] + [pair.document for pair in pairs]
    token_ids, key_mask = encode(tokenizer, texts)
    n_learnt = 2 * len(retrieval_pairs("train"))
    key_mask[:n_learnt, MOST_TOKENS:] = False
    used, token_ids = token_ids.unique(return_inverse=True)
    return Corpus(token_ids, key_mask, used, first)


@cache
def teacher() -> Encoder:
    """The pretrained encoder with the rows of its table that occur."""
    encoder, _ = load_minilm()
    weights = encoder.state_dict()
    weights["embeddings.tokens.weight"] = weights["embeddings.tokens.weight"][corpus().used]
    small = Encoder(replace(encoder.config, vocab_size=len(corpus().used)))
    small.load_state_dict(weights)
    return small.eval()


@torch.no_grad()
def vectors(encoder: Encoder, rows: Tensor) -> Tensor:
    """Of length 1 (n, m), texts of like length together."""
    found = torch.empty(len(rows), encoder.config.d_model)
    for places in corpus().key_mask[rows].sum(1).argsort().split(32):
        token_ids, key_mask = corpus().batch(rows[places])
        found[places] = mean_vectors(encoder(token_ids, key_mask=key_mask), key_mask)
    return found


@cache
def known_vectors() -> tuple[Tensor, Tensor]:
    """The teacher's vectors of all texts (n, m), as far as they are known (n,)."""
    n_texts = len(corpus().token_ids)
    return torch.zeros(n_texts, teacher().config.d_model), torch.zeros(n_texts, dtype=torch.bool)


def taught_vectors(rows: Tensor) -> Tensor:
    """The teacher's (b, m), computed once for each text that is asked for."""
    found, known = known_vectors()
    new = rows[~known[rows]].unique()
    if len(new):
        found[new], known[new] = vectors(teacher(), new), True
    return found[rows]


def started(start: str, seed: int) -> Encoder:
    """A student before its first step."""
    torch.manual_seed(seed)
    if start == "copied":
        return kept_layers(teacher(), spread_layers(len(teacher().blocks), N_LAYERS))
    return drawn_student(teacher(), n_layers=N_LAYERS)


def from_layers(student: Encoder, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of hidden states and attention maps of some texts, and the student's vectors of them."""
    token_ids, key_mask = corpus().batch(rows)
    states, maps = read_signals(student, token_ids, key_mask=key_mask)
    wanted = teacher_signals(teacher(), token_ids, key_mask=key_mask)
    layers = spread_layers(len(wanted.maps), len(maps))
    loss = hidden_loss(states[1:], [wanted.states[n + 1] for n in layers], key_mask)
    loss = loss + attention_loss(maps, [wanted.maps[n] for n in layers], key_mask)
    return loss, mean_vectors(states[-1], key_mask)


def objective_loss(objective: str, student: Encoder, queries: Tensor, documents: Tensor) -> Tensor:
    """Of one batch of pairs, given by where their texts stand."""
    if objective in ("layers", "all"):
        (loss_q, q), (loss_d, d) = (from_layers(student, rows) for rows in (queries, documents))
        inside = (loss_q + loss_d) / 2
        return inside if objective == "layers" else inside + vector_loss(torch.cat([q, d]), wanted(queries, documents))
    batches = [corpus().batch(rows) for rows in (queries, documents)]
    q, d = (mean_vectors(student(ids, key_mask=key_mask), key_mask) for ids, key_mask in batches)
    if objective == "alone":
        return contrastive_loss(q, d, scale=SCALE)
    if objective == "vectors":
        return vector_loss(torch.cat([q, d]), wanted(queries, documents))
    taught_q, taught_d = wanted(queries, documents).chunk(2)
    return soft_target_loss(SCALE * q @ d.T, SCALE * taught_q @ taught_d.T, temperature=TEMPERATURE)


def wanted(queries: Tensor, documents: Tensor) -> Tensor:
    """The teacher's vectors of a batch of pairs, (2b, m)."""
    return taught_vectors(torch.cat([queries, documents]))


def batches(steps: int, seed: int) -> list[Tensor]:
    """Which pairs each step sees: every pair once an epoch, texts of about one length together, in random order."""
    generator = torch.Generator().manual_seed(seed)
    lengths = corpus().key_mask[corpus().rows("train")[1]].sum(1)
    chosen: list[Tensor] = []
    while len(chosen) < steps:
        order = (lengths + 6 * torch.rand(len(lengths), generator=generator)).argsort()
        parts = [part for part in order.split(BATCH) if len(part) == BATCH]
        chosen += [parts[n] for n in torch.randperm(len(parts), generator=generator).tolist()]
    return chosen[:steps]


def train(start: str, objective: str, steps: int, seed: int, lr: float | None = None) -> tuple[Encoder, list[float]]:
    """A student after its last step, and the losses of all; lr as in `LR` if None."""
    student, chosen = started(start, seed), batches(steps, seed)
    queries, documents = corpus().rows("train")
    if objective != "alone":
        wanted(*(part[torch.cat(chosen)] for part in (queries, documents)))  # all at once is quicker

    def loss(step: int) -> Tensor:
        return objective_loss(objective, student, queries[chosen[step]], documents[chosen[step]])

    history = fit(student, loss, steps=steps, lr=lr or LR[start], warmup=steps // 10)
    return student, history.losses


def ranks(encoder: Encoder, part: str) -> list[int]:
    """At which place each query of a part finds its own document, 1 the first."""
    q, d = (vectors(encoder, rows) for rows in corpus().rows(part))
    similarity = q @ d.T
    return [int(n) for n in (similarity >= similarity.diagonal()[:, None]).sum(1)]


def run(start: str, objective: str, steps: int, seed: int) -> Row:
    """Train one student, and ask it on the part that judges; its vectors' mean cosine with the teacher's."""
    student, losses = train(start, objective, steps, seed)
    rows = torch.cat(corpus().rows("judge"))
    cosine = (vectors(student, rows) * taught_vectors(rows)).sum(1).mean()
    tenth = max(1, steps // 10)
    ends = [round(sum(part) / len(part), 4) for part in (losses[:tenth], losses[-tenth:])]
    return {"ranks": ranks(student, "judge"), "cosine": round(float(cosine), 4), "losses": ends}


if __name__ == "__main__":
    main("distilled_students")
