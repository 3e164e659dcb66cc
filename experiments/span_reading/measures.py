"""How often readers of passages are right: by length, where no sentence answers, and after a sentence is retrieved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from torch import Tensor

from experiments import passage_vectors
from experiments.runner import Row
from experiments.span_reading.reader import LOOKED_AT, WAYS, questions, scored
from mha.models.span_reader import SpanReader
from mha.tasks.passages import Fact, Passage, ask, facts, say

LENGTHS = (1, 2, 4, 8, 16)


def by_length(model: SpanReader) -> Row:
    """Both ways of reading on passages of every length, on two kinds of question, on new words, on subjects seen."""
    sets = {str(n): questions("judge", n) for n in LENGTHS}
    for relation in ("weekday", "clock"):
        sets[relation] = tuple(one for one in questions("judge", LOOKED_AT) if one.asked.relation == relation)
    sets["new wording"] = questions("judge", LOOKED_AT, new_wording=True)
    sets["subjects seen"] = questions("train", LOOKED_AT)
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


def bm25(questions: Sequence[str], sentences: Sequence[str], k: float = 1.5, c: float = 0.75) -> NDArray[np.float64]:
    """How well each sentence answers to each question's words, (question, sentence), rounded so that equal ones tie.

    Source: Robertson and Zaragoza 2009, with Lucene's logarithm, which is never negative.
    """
    words = CountVectorizer().fit(sentences)
    asked, told = (words.transform(texts).toarray() for texts in (questions, sentences))
    n, length = (told > 0).sum(axis=0), told.sum(axis=1, keepdims=True)
    rarity = np.log(1 + (len(told) - n + 0.5) / (n + 0.5))
    often = told * (k + 1) / (told + k * (1 - c + c * length / length.mean()))
    return (asked @ (rarity * often).T).round(6)


def ranked() -> dict[str, dict[str, Tensor]]:
    """As `passage_vectors.ranked`, with a third retriever, BM25."""
    texts, found = passage_vectors.texts(), {}
    for wording, by_retriever in passage_vectors.ranked().items():
        scores = torch.from_numpy(bm25(texts[wording], texts["sentences"]))
        found[wording] = by_retriever | {"BM25": scores.argsort(dim=1, descending=True, stable=True)}
    return found


def end_to_end(model: SpanReader) -> Row:
    """Of all sentences of the part, retrieve one and read it, or eight and read them either way."""
    found: Row = {}
    rows = facts("judge")
    for wording, by_retriever in ranked().items():
        for retriever, order in by_retriever.items():
            some = [_retrieved(rows, wording, n, order[n]) for n in range(0, len(rows), 2)]
            first = [
                Passage(p.question, p.asked, p.sentences[:1], p.rows[:1], 0 if p.right == 0 else None) for p in some
            ]
            found[f"{wording}, {retriever}, 1"] = scored(first, WAYS["all at once"](model, first))
            for way, reading in WAYS.items():
                found[f"{wording}, {retriever}, {LOOKED_AT} {way}"] = scored(some, reading(model, some))
    return found


def _retrieved(rows: Sequence[Fact], wording: str, n: int, order: Tensor) -> Passage:
    top = [int(k) for k in order[:LOOKED_AT]]
    question = ask(rows[n], passage_vectors.WORDINGS[wording])
    picked = tuple(rows[k] for k in top)
    right = top.index(n) if n in top else None
    return Passage(question, rows[n], tuple(say(row, 0) for row in picked), picked, right)
