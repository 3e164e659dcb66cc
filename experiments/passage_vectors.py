"""Sentences and questions of the part that is judged, embedded by the real encoder; kept in 16 bits, with their hash.

The corpus is every row of the part as a sentence, in its first wording. Each row is asked for in a wording that shares
words with its sentence, and in one that shares none but the names. Nothing is trained; the seed is there for form.
"""

from __future__ import annotations

import hashlib

import torch
from safetensors.torch import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from experiments.runner import RESULTS, Row, load, main
from mha.models.pretrained import load_minilm
from mha.tasks.passages import TRAINED, ask, facts, say
from mha.tasks.retrieval import embed

KEPT = RESULTS / "passage_vectors.safetensors"
WORDINGS = {"same words": 0, "other words": TRAINED}
RUNS: list[Row] = [{"seed": 0}]


def texts() -> dict[str, list[str]]:
    """The corpus, and the questions in each wording: text n of each belongs to row n."""
    rows = facts("judge")
    asked = {name: [ask(row, wording) for row in rows] for name, wording in WORDINGS.items()}
    return {"sentences": [say(row, 0) for row in rows]} | asked


def kept() -> dict[str, Tensor]:
    """The vectors (n, 384), float32, by the names of `texts`.

    Raises:
        ValueError: the file is not the one that the table was stored with.
    """
    expected, got = load("passage_vectors")[0]["sha256"], hashlib.sha256(KEPT.read_bytes()).hexdigest()
    if got != expected:
        raise ValueError(f"{KEPT.name} has SHA-256 {got}, expected {expected}: python -m experiments.passage_vectors")
    return {name: vectors.float() for name, vectors in load_file(KEPT).items()}


def ranked() -> dict[str, dict[str, Tensor]]:
    """For each wording and retriever, the sentences by likeness to each question, (n, n), the best first.

    Retrievers: the encoder, by cosine; "shared words", by cosine of TF-IDF.
    """
    vectors, words = kept(), texts()
    counts = TfidfVectorizer().fit([*words["sentences"]])
    of_sentences = counts.transform(words["sentences"])
    found = {}
    for name in WORDINGS:
        by_words = torch.from_numpy((counts.transform(words[name]) @ of_sentences.T).toarray())
        alike = {"encoder": vectors[name] @ vectors["sentences"].T, "shared words": by_words}
        found[name] = {retriever: x.argsort(dim=1, descending=True, stable=True) for retriever, x in alike.items()}
    return found


def run(seed: int) -> Row:
    """Embed, keep, and say what is kept."""
    encoder, tokenizer = load_minilm()
    torch.manual_seed(seed)
    vectors = {name: embed(encoder, tokenizer, some).half() for name, some in texts().items()}
    save_file(vectors, KEPT)
    return {"sha256": hashlib.sha256(KEPT.read_bytes()).hexdigest(), "n": len(vectors["sentences"])}


if __name__ == "__main__":
    main("passage_vectors")
