"""A reader of passages: its questions, its training, and two ways to read with the same weights.

Two blocks of this package's attention over token vectors of the frozen encoder, each sentence and the question encoded
by itself. It trains on passages of 1, 2, 4 and 8 sentences, 15 % of them without an answer. It reads the whole passage
at once ("all at once"), or each sentence by itself, where the answer with the largest margin over [CLS] counts ("one by
one"). "right" is the share of questions whose right row was read, "exact" and "f1" compare texts, as SQuAD does,
whichever row they come from.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.runner import Row
from mha.models.pretrained import load_minilm
from mha.models.span_reader import SpanReader, SpanReaderConfig, best_span
from mha.tasks.passages import PARTS, QUESTIONS, SENTENCES, Passage, ask, facts, passage, say
from mha.tasks.spans import NO_ANSWER, Batch, TokenVectors, as_batch, exact_match, f1
from mha.train import fit

TRAINED_ON, LOOKED_AT = (1, 2, 4, 8), 8  # sentences of a passage
STEPS, EVERY, BATCH, LR, WARMUP, WEIGHT_DECAY, UNANSWERED = 3600, 600, 16, 4e-3, 120, 0.01, 0.15
N_QUESTIONS, LONGEST = 150, 10  # of each length; tokens of an answer


@cache
def tokens() -> TokenVectors:
    """The token vectors of every sentence and question there is."""
    said = [say(row, w) for part in PARTS for row in facts(part) for w in range(len(SENTENCES[row.relation]))]
    asked = [ask(row, w) for part in PARTS for row in facts(part) for w in range(len(QUESTIONS[row.relation]))]
    return TokenVectors(*load_minilm(), [*said, *asked])


@cache
def questions(part: str, n_sentences: int, answered: bool = True, new_wording: bool = False) -> tuple[Passage, ...]:
    """The same for every seed."""
    rng = random.Random(f"{part} {n_sentences}")
    options = {"answered": answered, "new_wording": new_wording}
    return tuple(passage(part, n_sentences, rng, **options) for _ in range(N_QUESTIONS))


def scores_of(model: SpanReader, batch: Batch, attn_mask: Tensor | None = None) -> Tensor:
    """(b, i, 2); what is padding is far below all else."""
    scores = model(batch.vectors, batch.segment_ids, key_mask=batch.key_mask, attn_mask=attn_mask)
    return scores.masked_fill(~batch.key_mask[..., None], -1e4)


def train(seed: int, steps: int = STEPS, every: int = EVERY) -> tuple[SpanReader, list[Row]]:
    """Cross-entropy of the first and of the last token, over all tokens; [CLS] stands for no answer.

    Returns:
        The reader; and on the way, every so many steps, its share of right rows among `LOOKED_AT` sentences, about
        subjects that it trains on ("train") and others ("judge"). The rate falls to 0 at the last step.
    """
    torch.manual_seed(seed)
    model, rng = SpanReader(SpanReaderConfig()), random.Random(seed)
    seen: list[Row] = []

    def loss(step: int) -> Tensor:
        n = rng.choice(TRAINED_ON)
        drawn = [passage("train", n, rng, answered=rng.random() >= UNANSWERED) for _ in range(BATCH)]
        batch = as_batch(tokens(), drawn)
        scores = scores_of(model, batch)  # (b, i, 2)
        return F.cross_entropy(scores[..., 0], batch.spans[:, 0]) + F.cross_entropy(scores[..., 1], batch.spans[:, 1])

    def look() -> float:
        asked = {part: questions(part, LOOKED_AT) for part in ("train", "judge")}
        right = {part: scored(some, all_at_once(model, some))["right"] for part, some in asked.items()}
        seen.append({"steps": min((len(seen) + 1) * every, steps)} | right)
        return float(right["judge"])

    rates = {"lr": LR, "warmup": min(WARMUP, steps), "weight_decay": WEIGHT_DECAY}
    fit(model, loss, steps=steps, **rates, evaluate=look, every=every)
    return model, seen


def read(model: SpanReader, batch: Batch, attn_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Spans (b, 2) in the passage, and how much more each scores than [CLS] (b,)."""
    scores = scores_of(model, batch, attn_mask)
    spans, value = best_span(scores, batch.segment_ids.bool() & batch.key_mask, LONGEST)
    return spans, value - scores[:, NO_ANSWER].sum(-1)


def row_read(model: SpanReader, batch: Batch, attn_mask: Tensor | None = None) -> Tensor:
    """The sentence that each answer is read from (b,)."""
    return batch.sentence_of.gather(1, read(model, batch, attn_mask)[0])[:, 0]


def texts_of(batch: Batch, spans: Tensor) -> list[str]:
    """The tokens of each span as text."""
    pairs = zip(batch.token_ids.tolist(), spans.tolist(), strict=True)
    return [tokens().tokenizer.decode(ids[first : last + 1]) for ids, (first, last) in pairs]


Answers = tuple[Tensor, list[str], Tensor]  # of each question: the sentence read, the answer, its margin over [CLS]


def all_at_once(model: SpanReader, some: Sequence[Passage]) -> Answers:
    """The best span of the whole passage."""
    batch = as_batch(tokens(), some)
    spans, margins = read(model, batch)
    return batch.sentence_of.gather(1, spans)[:, 0], texts_of(batch, spans), margins


def one_by_one(model: SpanReader, some: Sequence[Passage]) -> Answers:
    """Each sentence as a passage of its own; of passages of equally many sentences."""
    single = [
        Passage(one.question, one.asked, (sentence,), (row,), None)
        for one in some
        for sentence, row in zip(one.sentences, one.rows, strict=True)
    ]
    batch = as_batch(tokens(), single)
    spans, margins = read(model, batch)
    margin, sentence = margins.view(len(some), -1).max(dim=1)
    texts, n = texts_of(batch, spans), len(some[0].sentences)
    return sentence, [texts[k * n + int(at)] for k, at in enumerate(sentence)], margin


WAYS = {"all at once": all_at_once, "one by one": one_by_one}


def scored(some: Sequence[Passage], answers: Answers) -> Row:
    """Shares of questions whose right row was read, whose answer is equal, and the mean F1."""
    sentences, texts, _ = answers
    pairs = [(text, one.asked.answer) for text, one in zip(texts, some, strict=True)]
    right = [one.right == at for one, at in zip(some, sentences.tolist(), strict=True)]
    exact, overlap = [exact_match(*pair) for pair in pairs], [f1(*pair) for pair in pairs]
    means = {"right": right, "exact": exact, "f1": overlap}
    return {name: round(sum(values) / len(some), 4) for name, values in means.items()}
