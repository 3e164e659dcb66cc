"""The sentences of real texts as a pretrained encoder's vectors, and how much of the summary each of them holds.

The texts are those of `mha.tasks.summaries`; the encoder is all-MiniLM-L6-v2, each sentence by itself. The vectors of
sentences and of summaries are kept in 16 bits, as they take minutes. The rows hold the ROUGE-1, ROUGE-2 and ROUGE-L
(F, with stemming) of each sentence against its text's summary, by the package rouge-score, the same for a string of the
eight commonest words of other modules' summaries, and a digest of all the text, so that a chapter sees that its texts
are those that were read here.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer
from safetensors.torch import load_file, save_file
from torch import Tensor

from experiments.runner import RESULTS, Row, main
from mha.models.pretrained import load_minilm
from mha.tasks.retrieval import embed
from mha.tasks.summaries import N_FOLDS, fold_of, summaries

METRICS = ("rouge1", "rouge2", "rougeL")
KEPT = RESULTS / "summary_vectors.safetensors"
RUNS: list[Row] = [{"encoder": "all-MiniLM-L6-v2", "seed": 0}]  # nothing in it is drawn


def rouge(summary: str, text: str) -> list[float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L of a text for a summary, F from 0 to 1."""
    found = SCORER.score(summary, text)
    return [found[metric].fmeasure for metric in METRICS]


def constants() -> list[str]:
    """For each fold the eight commonest words of the other folds' summaries, the commonest first."""
    counts = [Counter() for _ in range(N_FOLDS)]
    for one in summaries():
        words = DefaultTokenizer(use_stemmer=False).tokenize(one.summary)
        for fold in set(range(N_FOLDS)) - {fold_of(one.module)}:
            counts[fold].update(words)
    return [" ".join(word for word, _ in count.most_common(8)) for count in counts]


def digest() -> str:
    """Of every summary and sentence, in order."""
    texts = [[one.module, one.summary, *one.sentences] for one in summaries()]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:32]


def vectors() -> tuple[Tensor, Tensor]:
    """Of all sentences (n, 384), text after text, and of all summaries (texts, 384); of length 1 but for rounding."""
    kept = load_file(KEPT)
    return kept["sentences"].float(), kept["summaries"].float()


def run(encoder: str, seed: int) -> Row:
    """Embed and score every sentence."""
    texts = summaries()
    model, tokenizer = load_minilm()
    sentences = embed(model, tokenizer, [sentence for one in texts for sentence in one.sentences])
    heads = embed(model, tokenizer, [one.summary for one in texts])
    save_file({"sentences": sentences.half(), "summaries": heads.half()}, KEPT)
    strings = constants()
    constant = [[round(x, 4) for x in rouge(one.summary, strings[fold_of(one.module)])] for one in texts]
    scores = [[[round(x, 4) for x in rouge(one.summary, text)] for text in one.sentences] for one in texts]
    return {"digest": digest(), "rouge": scores, "constant": constant}


SCORER = RougeScorer(METRICS, use_stemmer=True)


if __name__ == "__main__":
    main("summary_vectors")
