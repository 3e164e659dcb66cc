"""The retrieval task: nothing gives a document away, nothing stands in two parts, and ranks are counted right."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from importlib import metadata

import numpy as np
import pytest
import torch

from mha.models.bert import Encoder, EncoderConfig
from mha.models.pretrained import encode, load_minilm
from mha.statistics.grouped import grouped_interval
from mha.tasks import retrieval
from mha.tasks.retrieval import PARTS, Pair, embed, mean_vectors, retrieval_pairs, score

SIZES, DIGEST = {"train": 1359, "choose": 256, "judge": 256}, "2b61aef54bcc4506"
DOCSTRING = """Compute the `norm` of a
vector [1]_.

f(x) -> y

The norm is the root of the sum of all squares, see :func:`numpy.linalg.norm`. It is never negative.

Parameters
----------
x : float
"""


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return [pair for part in PARTS for pair in retrieval_pairs(part)]


def test_the_data_are_those_the_results_were_made_with(pairs):
    lines = "\n".join(f"{pair.module}\t{pair.query}\t{pair.document}" for pair in pairs)
    digest = hashlib.sha256(lines.encode()).hexdigest()[:16]
    assert ({part: len(retrieval_pairs(part)) for part in PARTS}, digest) == (SIZES, DIGEST), (
        "the pairs are made of docstrings of numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1 and torch 2.13.0, installed "
        f"are {[metadata.version(name) for name in ('numpy', 'scipy', 'scikit-learn', 'torch')]}: where a pin or the "
        "task has changed, put the new numbers here and run the experiments that use the task"
    )


def test_parts_share_no_module_no_query_and_no_document(pairs):
    modules = [{pair.module for pair in retrieval_pairs(part)} for part in PARTS]
    assert sum(map(len, modules)) == len(set().union(*modules))
    for texts in ([pair.query for pair in pairs], [pair.document for pair in pairs]):
        assert len({tuple(words(text)) for text in texts}) == len(pairs)
    assert max(Counter(pair.module for pair in retrieval_pairs("judge")).values()) <= 8
    with pytest.raises(ValueError, match="part must be one of 'train', 'choose', 'judge', got 'test'"):
        retrieval_pairs("test")


def test_no_document_repeats_its_query_or_another_document(pairs):
    assert not [pair for pair in pairs if " ".join(words(pair.query)) in " ".join(words(pair.document))]
    known = [set(words(pair.document)) for pair in retrieval_pairs("judge") + retrieval_pairs("choose")]
    assert not [1 for n, a in enumerate(known) for b in known[:n] if len(a & b) >= 0.5 * len(a | b)]
    assert all(3 <= len(pair.query.split()) <= 16 and 8 <= len(pair.document.split()) <= 32 for pair in pairs)


def test_a_docstring_becomes_a_line_and_whole_sentences(monkeypatch):
    def reads(text, name="numpy.x"):
        monkeypatch.setattr(retrieval, "docstrings", lambda package: [(name, text)])
        return list(retrieval._pairs_of("numpy"))

    prose = "The norm is the root of the sum of all squares, see numpy.linalg.norm."
    assert reads(DOCSTRING) == [Pair("Compute the norm of a vector.", f"{prose} It is never negative.", "numpy.x")]
    assert reads(DOCSTRING.replace("negative", "negative" + " or so" * 12))[0].document == prose
    assert reads(DOCSTRING, "numpy.distutils.x") == reads(DOCSTRING, "numpy.version") == []
    assert reads(DOCSTRING.replace("The norm is", "Compute: the norm of a vector is")) == []
    assert reads("Only a line.") == reads("Too short.\n\nThis is no pair.") == []
    monkeypatch.setattr(retrieval, "docstrings", lambda package: [("nn.x", DOCSTRING)])
    assert next(iter(retrieval._pairs_of("torch.nn"))).module == "torch.nn.x"


def test_what_stands_twice_counts_as_neither(monkeypatch):
    texts = [
        f"{word * 3} is one of many words, {word} and {word * 2} {word * 4} {word * 5} {word * 6}" for word in "abcdef"
    ]
    found = [Pair(f"Line {n}.", text, "m") for n, text in enumerate(texts)]
    found += [Pair("line 0", texts[4] + " more of the like", "o"), Pair("Line 9.", texts[1].upper(), "o")]
    monkeypatch.setattr(retrieval, "PACKAGES", ("one",))
    monkeypatch.setattr(retrieval, "_pairs_of", lambda package: found)
    assert {pair.query for pair in retrieval._all_pairs.__wrapped__()} == {f"Line {n}." for n in (2, 3, 4, 5)}


def test_ranks_are_counted_by_hand():
    similarity = [[0.9, 0.1, 0.3], [0.5, 0.4, 0.6], [0.2, 0.7, 0.7]]
    hits, reciprocal = score(similarity)
    np.testing.assert_array_equal(hits, [1, 0, 0])
    np.testing.assert_allclose(reciprocal, [1, 1 / 3, 1 / 2])  # a tie is no hit
    assert score(np.zeros((5, 5))).hits.sum() == 0
    for shape in ((2, 3), (1, 1), (4,)):
        with pytest.raises(ValueError, match=r"similarity must be \(n, n\) with n ≥ 2"):
            score(np.ones(shape))


def test_vectors_are_means_over_real_tokens_whatever_the_batch():
    torch.manual_seed(0)
    _, tokenizer = load_minilm()
    encoder = Encoder(EncoderConfig(d_model=12, n_layers=2, n_heads=3, d_ff=20)).eval()
    texts = ["A line.", "One that is very much longer than the line above.", "Two words"]
    expected = []
    for text in texts:
        ids, _ = encode(tokenizer, [text])
        mean = encoder(ids)[0].mean(0)
        expected.append(mean / mean.norm())
    for batch_size in (1, 2, 5):
        torch.testing.assert_close(embed(encoder, tokenizer, texts, batch_size=batch_size), torch.stack(expected))
    hidden = torch.randn(2, 3, 5)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    mean = hidden[0, :2].mean(0)
    torch.testing.assert_close(mean_vectors(hidden, mask)[0], mean / mean.norm())
    with pytest.raises(TypeError, match="texts must"):
        embed(encoder, tokenizer, "A line.")
    with pytest.raises(ValueError, match=r"batch_size \(0\)"):
        embed(encoder, tokenizer, texts, batch_size=0)


def test_an_interval_over_groups_is_wider_where_groups_hang_together():
    generator = np.random.default_rng(0)
    effects = generator.normal(size=40)
    values, groups = np.repeat(effects, 5), np.repeat(np.arange(40), 5).tolist()
    low, high = grouped_interval(values, groups, rng=generator)
    half = 1.96 * effects.std() / np.sqrt(40)
    assert abs((high - low) / 2 - half) < 0.12 * half
    assert low < effects.mean() < high
    each = grouped_interval(values, range(200), rng=generator)
    assert (each[1] - each[0]) < 0.6 * (high - low)
    with pytest.raises(ValueError, match="two groups or more, got 1"):
        grouped_interval([1.0, 2.0], ["a", "a"], rng=generator)
    with pytest.raises(ValueError, match="a group each"):
        grouped_interval([1.0, 2.0], ["a"], rng=generator)
