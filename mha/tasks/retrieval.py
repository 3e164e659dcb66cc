"""A retrieval task made of real documentation: given the line that heads a docstring, find the text below it.

Whoever wrote a docstring paired the two: nobody labelled anything. What would make it too easy, or unfair, is taken
out: lines and texts that stand in several places, texts that are nearly the same, texts that repeat their line.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.feature_extraction.text import CountVectorizer
from tokenizers import Tokenizer
from torch import Tensor

from mha.models.bert import Encoder
from mha.models.pretrained import encode
from mha.tasks.docstrings import docstrings
from mha.tasks.prose import BACKTICKS, CITATION, LEFT_OUT, ROLE, paragraphs
from mha.validation import check_choice, check_finite, check_integer, check_texts

__all__ = ["PARTS", "Pair", "Score", "embed", "mean_vectors", "retrieval_pairs", "score"]

# Of torch, what is quick to read and has much prose.
TORCH = ("nn", "optim", "distributions", "utils", "distributed", "autograd", "cuda")
PACKAGES = ("numpy", "scipy", "sklearn", *(f"torch.{part}" for part in TORCH))
PARTS = ("train", "choose", "judge")
SHARES = {"judge": 6, "choose": 8}  # of ten modules those from 6 on, and from 8 on; the first six are trained on
FEWEST_WORDS, MOST_WORDS = 3, 16  # of a line that heads
FEWEST_IN_TEXT, MOST_IN_TEXT = 8, 32
MOST_PAIRS, MOST_OF_A_MODULE = 256, 8  # of a part that is judged or chosen on
ALIKE = 0.5  # two texts that share this part of their words are one

GENERATED = re.compile(r"\.(__config__|version|_version)$")  # what a build writes


@dataclass(frozen=True)
class Pair:
    """The line that heads a docstring, the beginning of the prose below it, and the module that holds both."""

    query: str
    document: str
    module: str


class Score(NamedTuple):
    """For each query (n,): 1 if the right document came first, else 0; and 1 / the rank at which it came.

    Their means are recall at 1 and the mean reciprocal rank; `statistics.grouped` gives an interval over modules.
    """

    hits: NDArray[np.float64]
    reciprocal_ranks: NDArray[np.float64]


@cache
def retrieval_pairs(part: str) -> tuple[Pair, ...]:
    """The pairs of one part, in an order that is shuffled once and for all.

    A module stands in one part as a whole, chosen by a checksum of its name. No query and no document occurs twice
    in all parts together, and no document shares half of its words with another. "choose" and "judge" hold 256 pairs
    each, at most eight of a module: a query's candidates are the 256 documents of its part.

    Args:
        part: "train", "choose" (what to keep, how long to train) or "judge" (looked at once, at the end).
    Raises:
        ValueError: part is none of them.  ModuleNotFoundError: a package is not installed.
    """
    check_choice("part", part, PARTS)
    pairs = [pair for pair in _all_pairs() if _part(pair.module) == part]
    if part == "train":
        return tuple(pairs)
    seen: Counter[str] = Counter()
    kept = [pair for pair in pairs if not seen.update([pair.module]) and seen[pair.module] <= MOST_OF_A_MODULE]
    return tuple(kept[:MOST_PAIRS])


def score(similarity: ArrayLike) -> Score:
    """How well each query finds its document.

    Args:
        similarity: (n, n), of query i and document j; i's own is document i. A document as similar as the right one
            counts as ahead of it, so that giving all the same earns nothing.
    Raises:
        ValueError: similarity is not square, not finite, or smaller than (2, 2).
    """
    numbers = check_finite("similarity", similarity)
    if numbers.ndim != 2 or numbers.shape[0] != numbers.shape[1] or len(numbers) < 2:
        raise ValueError(f"similarity must be (n, n) with n ≥ 2, a row a query, got {numbers.shape}")
    ranks = (numbers >= numbers.diagonal()[:, None]).sum(axis=1)
    return Score((ranks == 1).astype(np.float64), 1.0 / ranks)


def mean_vectors(hidden: Tensor, key_mask: Tensor) -> Tensor:
    """A text's vector as the encoder was trained to give it: the mean over its real tokens, of length 1.

    Args:
        hidden: (b, i, m), the last layer's.  key_mask: bool (b, i), True = a real token.
    Returns:
        (b, m).
    Source: Reimers and Gurevych 2019, section 3.
    """
    weights = key_mask.to(hidden.dtype)[:, :, None]
    summed = (hidden * weights).sum(1)  # (b, i, m) -> (b, m); the length below makes a mean of the sum
    return torch.nn.functional.normalize(summed, dim=-1)


@torch.no_grad()
def embed(encoder: Encoder, tokenizer: Tokenizer, texts: Sequence[str], *, batch_size: int = 32) -> Tensor:
    """Vectors (n, m) of length 1, whose products are cosines; texts of like length go through together.

    Args:
        encoder: in the mode and on the device it is in.  texts: n, at least one.
    Raises:
        TypeError: texts is one string, or batch_size no integer.  ValueError: no text, or batch_size below 1.
    """
    texts = check_texts("texts", texts)
    check_integer("batch_size", batch_size, at_least=1)
    device = encoder.embeddings.tokens.weight.device
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    vectors = []
    for start in range(0, len(texts), batch_size):
        token_ids, key_mask = encode(tokenizer, [texts[n] for n in order[start : start + batch_size]])
        token_ids, key_mask = token_ids.to(device), key_mask.to(device)
        vectors.append(mean_vectors(encoder(token_ids, key_mask=key_mask), key_mask))
    return torch.cat(vectors)[torch.tensor(order).argsort()]


def _part(module: str) -> str:
    place = zlib.crc32(module.encode()) % 10
    return "train" if place < SHARES["judge"] else "judge" if place < SHARES["choose"] else "choose"


@cache
def _all_pairs() -> tuple[Pair, ...]:
    found = [pair for package in PACKAGES for pair in _pairs_of(package)]
    queries = Counter(_key(pair.query) for pair in found)
    documents = Counter(_key(pair.document) for pair in found)
    single = [pair for pair in found if queries[_key(pair.query)] == documents[_key(pair.document)] == 1]
    random.Random(0).shuffle(single)
    return tuple(_without_near_duplicates(single))


def _pairs_of(package: str) -> Iterator[Pair]:
    parent = package.rpartition(".")[0]
    for name, docstring in docstrings(package):
        module = f"{parent}.{name}".removeprefix(".")
        head, _, body = docstring.partition("\n\n")
        query, document = _plain(head), _beginning(" ".join(paragraphs(body)))
        fits = FEWEST_WORDS <= len(query.split()) <= MOST_WORDS and len(document.split()) >= FEWEST_IN_TEXT
        left_out = module.startswith(LEFT_OUT) or GENERATED.search(module)
        if fits and not left_out and query.endswith(".") and _key(query) not in _key(document):
            yield Pair(query, document, module)


def _plain(text: str) -> str:
    return CITATION.sub("", BACKTICKS.sub(r"\2", ROLE.sub(r"\1", " ".join(text.split()))))


def _beginning(text: str) -> str:
    """Whole sentences as long as they fit, or the first one cut."""
    words = text.split()[:MOST_IN_TEXT]
    ends = [n for n, word in enumerate(words, 1) if word.endswith((".", "!", "?"))]
    return " ".join(words[: ends[-1]] if ends and ends[-1] >= FEWEST_IN_TEXT else words)


def _key(text: str) -> str:
    """What two texts share that differ in capitals and punctuation alone."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _without_near_duplicates(pairs: Sequence[Pair]) -> list[Pair]:
    words = CountVectorizer(binary=True, token_pattern=r"\w+").fit_transform([pair.document for pair in pairs])
    shared = (words @ words.T).tocoo()  # how many words two texts have in common, where there is one
    sizes = np.asarray(words.sum(axis=1)).ravel()
    alike = shared.data >= ALIKE * (sizes[shared.row] + sizes[shared.col] - shared.data)  # Jaccard
    earlier: dict[int, set[int]] = {}
    for later, before in zip(shared.row[alike], shared.col[alike], strict=True):
        if before < later:
            earlier.setdefault(int(later), set()).add(int(before))
    kept: set[int] = set()
    for index in range(len(pairs)):
        if kept.isdisjoint(earlier.get(index, ())):
            kept.add(index)
    return [pairs[index] for index in sorted(kept)]
