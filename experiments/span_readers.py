"""Readers that look for the sentence that answers: how many answers are right, by length, and where the heads look.

Five seeds. A reader is two blocks of this package's attention over token vectors of the frozen encoder, each sentence
and the question encoded by itself. It trains on passages of 1, 2, 4 and 8 sentences, 15 % of them without an answer.
The same weights read in two ways: the whole passage at once ("all at once"), or each sentence by itself, where the
answer with the largest margin over [CLS] counts ("one by one"). Last, a sentence is retrieved from all 322 first.

Fixed before the table was made, for C23, on passages of eight sentences about subjects that were never trained on:

- Attention *finds* the span if, for more than half of the questions, the weight between question and answers is
  largest on the right row among the rows that hold an answer of the same kind. It is asked of the mean over all heads
  and of one head, in either direction; head and direction are chosen on other questions (the part "choose").
- Attention is *what finds it* if cutting what passes between the question and the right sentence, in every block and
  head, loses more than half of the right answers, and loses more than cutting another sentence off.
- The claim holds if both do for the mean over heads; it holds under a condition if they do for the chosen head alone.

Thresholds and heads are chosen on "choose", all else is measured on "judge". "right" is the share of questions whose
right row was read, "exact" and "f1" compare texts, as SQuAD does, whichever row they come from.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from experiments import passage_vectors
from experiments.runner import RESULTS, Row, main
from mha.interpret.span_attention import DIRECTIONS, answer_weights, found, without
from mha.models.pretrained import load_minilm
from mha.models.span_reader import SpanReader, SpanReaderConfig, best_span
from mha.recording import record_attention
from mha.tasks.passages import PARTS, QUESTIONS, SENTENCES, Fact, Passage, ask, facts, passage, say
from mha.tasks.spans import NO_ANSWER, Batch, TokenVectors, as_batch, exact_match, f1
from mha.train import fit

KEPT = RESULTS / "span_readers.safetensors"  # the reader of seed 0, in 16 bits
TRAINED_ON, LENGTHS, LOOKED_AT = (1, 2, 4, 8), (1, 2, 4, 8, 16), 8
STEPS, BATCH, LR, WARMUP, WEIGHT_DECAY, UNANSWERED = 1200, 16, 4e-3, 120, 0.01, 0.15
N_QUESTIONS, LONGEST = 150, 10  # of each length; tokens of an answer
RUNS: list[Row] = [{"seed": seed} for seed in range(5)]


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


def train(seed: int, steps: int = STEPS) -> SpanReader:
    """Cross-entropy of the first and of the last token, over all tokens; [CLS] stands for no answer."""
    torch.manual_seed(seed)
    model, rng = SpanReader(SpanReaderConfig()), random.Random(seed)

    def loss(step: int) -> Tensor:
        n = rng.choice(TRAINED_ON)
        drawn = [passage("train", n, rng, answered=rng.random() >= UNANSWERED) for _ in range(BATCH)]
        batch = as_batch(tokens(), drawn)
        scores = scores_of(model, batch)  # (b, i, 2)
        return F.cross_entropy(scores[..., 0], batch.spans[:, 0]) + F.cross_entropy(scores[..., 1], batch.spans[:, 1])

    fit(model, loss, steps=steps, lr=LR, warmup=WARMUP, weight_decay=WEIGHT_DECAY)
    return model


def kept() -> SpanReader:
    """The reader of seed 0, as `run` left it but for rounding to 16 bits."""
    model = SpanReader(SpanReaderConfig())
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(KEPT).items()})
    return model.eval()


def read(model: SpanReader, batch: Batch, attn_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Spans (b, 2) in the passage, and how much more each scores than [CLS] (b,)."""
    scores = scores_of(model, batch, attn_mask)
    spans, value = best_span(scores, batch.segment_ids.bool() & batch.key_mask, LONGEST)
    return spans, value - scores[:, NO_ANSWER].sum(-1)


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


def by_length(model: SpanReader) -> Row:
    """Both ways of reading on passages of every length, and on questions in new words."""
    sets = {str(n): questions("judge", n) for n in LENGTHS}
    for relation in ("weekday", "clock"):
        sets[relation] = tuple(one for one in questions("judge", LOOKED_AT) if one.asked.relation == relation)
    sets["new wording"] = questions("judge", LOOKED_AT, new_wording=True)
    return {
        name: {way: scored(some, reading(model, some)) for way, reading in WAYS.items()} for name, some in sets.items()
    }


def refusals(model: SpanReader) -> Row:
    """With the threshold on the margin that is best on other questions, half of them without an answer."""
    found: Row = {}
    for way, reading in WAYS.items():
        margins = {
            (part, answered): reading(model, questions(part, LOOKED_AT, answered))[2]
            for part in ("choose", "judge")
            for answered in (True, False)
        }
        has, lacks = margins["choose", True], margins["choose", False]
        candidates = torch.cat([has, lacks]).sort().values
        right = [(has >= t).sum() + (lacks < t).sum() for t in candidates]
        threshold = candidates[int(torch.stack(right).argmax())]
        wrongly, refused = margins["judge", False] >= threshold, margins["judge", True] < threshold
        shares = {"answered": wrongly, "refused": refused, "answered at 0": margins["judge", False] >= 0}
        found[way] = {name: round(float(share.double().mean()), 4) for name, share in shares.items()}
    return found


def looked(model: SpanReader, part: str) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor, Tensor]:
    """Where heads look on questions of a part.

    Returns:
        Direction -> whether each head gives the right row most weight, bool (layer, head, b); the same for the mean
        over all heads, bool (b,); the weight from the question on the right answer in units of an even map's (layer,
        head); and how often chance finds the right row (b,).
    """
    some = questions(part, LOOKED_AT)
    batch = as_batch(tokens(), some)
    alike = torch.tensor([[row.kind == one.asked.kind for row in one.rows] for one in some])
    with record_attention(model) as maps:
        model(batch.vectors, batch.segment_ids, key_mask=batch.key_mask)
    weights = {name: answer_weights(maps.stack(), batch, name) for name in DIRECTIONS}  # (layer, head, b, n)
    of_heads = {name: found(each, batch, alike) for name, each in weights.items()}
    of_mean = {name: found(each.mean((0, 1)), batch, alike) for name, each in weights.items()}
    outward = weights[DIRECTIONS[0]]
    on_right = outward.gather(3, batch.right.expand(*outward.shape[:3])[..., None])[..., 0]  # (layer, head, b)
    return of_heads, of_mean, (on_right * batch.key_mask.sum(1)).mean(-1), 1 / alike.sum(1)


def attention(model: SpanReader) -> Row:
    """What `looked` sees on other questions, for the head that was chosen and for that of most luck."""
    chosen_on, judged_on = looked(model, "choose"), looked(model, "judge")
    place = {name: divmod(int(hits.double().mean(-1).argmax()), hits.shape[1]) for name, hits in chosen_on[0].items()}
    rates = {name: hits.double().mean(-1) for name, hits in judged_on[0].items()}
    return {
        "mean": {name: round(float(hits.double().mean()), 4) for name, hits in judged_on[1].items()},
        "chosen": {name: round(float(rate[place[name]]), 4) for name, rate in rates.items()},
        "best on the same": {name: round(float(rate.max()), 4) for name, rate in rates.items()},
        "on other questions": {name: round(float(h.double().mean(-1).max()), 4) for name, h in chosen_on[0].items()},
        "head": place,
        "chance": round(float(judged_on[3].mean()), 4),
        "times": [[round(value, 3) for value in layer] for layer in judged_on[2].tolist()],
    }


def cuts(model: SpanReader) -> Row:
    """Of the right answers, the share lost where the question and one sentence may not see one another."""
    some = questions("judge", LOOKED_AT)
    batch = as_batch(tokens(), some)
    read_at = batch.sentence_of.gather(1, read(model, batch)[0])[:, 0]
    known = read_at == batch.right
    other = (batch.right + 1) % LOOKED_AT
    lost: Row = {"known": int(known.sum())}
    for name in (*DIRECTIONS, "both"):
        for whose, sentences in (("right", batch.right), ("other", other)):
            masks = [without(batch, sentences, one) for one in (DIRECTIONS if name == "both" else (name,))]
            mask = masks[0] & masks[-1]
            now = batch.sentence_of.gather(1, read(model, batch, mask)[0])[:, 0]
            lost[f"{name}, {whose}"] = round(float((now != batch.right)[known].double().mean()), 4)
    return lost


def pointing(model: SpanReader) -> Row:
    """How often each way of asking names the sentence that was read, right or wrong; all eight are candidates.

    Ways: the mean over all heads, in either direction; and of which sentence the cut, in both directions, takes most
    from the score of the span that was read.
    """
    batch = as_batch(tokens(), questions("judge", LOOKED_AT))
    with record_attention(model) as maps:
        spans = read(model, batch)[0]
    read_at = batch.sentence_of.gather(1, spans)[:, 0]
    named = {name: answer_weights(maps.stack(), batch, name).mean((0, 1)).argmax(-1) for name in DIRECTIONS}
    left = []
    for sentence in range(LOOKED_AT):
        cut = torch.full_like(read_at, sentence)
        mask = without(batch, cut, DIRECTIONS[0]) & without(batch, cut, DIRECTIONS[1])
        scores = scores_of(model, batch, mask).log_softmax(1)  # (b, i, 2)
        left.append(scores.gather(1, spans[:, :, None].expand(-1, -1, 2)).diagonal(dim1=1, dim2=2).sum(-1))
    named["cut"] = torch.stack(left, dim=1).argmin(-1)
    right = read_at == batch.right
    return {
        name: {"right": _share((at == read_at)[right]), "wrong": _share((at == read_at)[~right])}
        for name, at in named.items()
    }


def _share(hits: Tensor) -> float | None:
    return round(float(hits.double().mean()), 4) if len(hits) else None


def end_to_end(model: SpanReader) -> Row:
    """Of all sentences of the part, retrieve one and read it, or eight and read them either way."""
    found: Row = {}
    rows = facts("judge")
    for wording, by_retriever in passage_vectors.ranked().items():
        for retriever, order in by_retriever.items():
            some = [_retrieved(rows, wording, n, order[n]) for n in range(0, len(rows), 2)]
            first = [
                Passage(p.question, p.asked, p.sentences[:1], p.rows[:1], 0 if p.right == 0 else None) for p in some
            ]
            found[f"{wording}, {retriever}, 1"] = scored(first, all_at_once(model, first))
            for way, reading in WAYS.items():
                found[f"{wording}, {retriever}, {LOOKED_AT} {way}"] = scored(some, reading(model, some))
    return found


def _retrieved(rows: Sequence[Fact], wording: str, n: int, order: Tensor) -> Passage:
    top = [int(k) for k in order[:LOOKED_AT]]
    question = ask(rows[n], passage_vectors.WORDINGS[wording])
    picked = tuple(rows[k] for k in top)
    right = top.index(n) if n in top else None
    return Passage(question, rows[n], tuple(say(row, 0) for row in picked), picked, right)


MEASURES: dict[str, Callable[[SpanReader], Row]] = {
    "lengths": by_length,
    "refusals": refusals,
    "attention": attention,
    "cuts": cuts,
    "pointing": pointing,
    "end to end": end_to_end,
}


def run(seed: int) -> Row:
    """Train one reader, keep that of seed 0, and ask it all."""
    model = train(seed)
    if seed == 0:
        save_file({name: tensor.half() for name, tensor in model.state_dict().items()}, KEPT)
    with torch.no_grad():
        found: Row = {name: measure(model) for name, measure in MEASURES.items()}
        torch.manual_seed(1000 + seed)
        return found | {"untrained": attention(SpanReader(SpanReaderConfig()).eval())}


if __name__ == "__main__":
    main("span_readers")
