"""Does attention put its weight on the words that the author of a text put into its headline?

A docstring opens with one line that says what a thing does; a paragraph below says more. A word of the paragraph's
first sentence that stands in that line too is one that its author took for a keyword: nobody was asked about attention.
Each sentence goes through the encoder by itself, without its headline. Words of several pieces count with their mean.

For each sentence, how often a word of one kind gets more than one of another kind (1/2: as often as not):

- content: words that are no stop words against stop words;
- headline: content words that stand in the headline against content words that do not.

Asked of the weight that a word receives, mean of all layers, heads and queries; of weight times norm; of the place in
the vocabulary, where rare words stand behind. The same of encoders with random weights, ten of them. And which share of
the weight [CLS], [SEP] and punctuation receive, and whether a content word has the most of all tokens, or of all words.

Fixed before: all but the last, "of all words", which was added when it was seen that no content word ever has the most.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import torch
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from tokenizers import Tokenizer
from torch import Tensor

from experiments.runner import Row, main
from mha.interpret.attribution import carried_norms, received, record_values
from mha.interpret.patching import attention_layers
from mha.models.bert import Encoder, EncoderConfig, MaskedLM
from mha.models.pretrained import load_minilm
from mha.tasks.docstrings import docstrings
from mha.tasks.prose import paragraphs

N_SENTENCES, FEWEST, MOST_WORDS = 150, 2, 28
PACKAGES = ("scipy", "sklearn", "networkx", "numpy")
RUNS: list[Row] = [{"weights": "trained", "seed": 0}]
RUNS += [{"weights": "random", "seed": seed} for seed in range(10)]


def stem(word: str) -> str:
    """Close enough: matrices and matrix, computes and computing."""
    return re.sub(r"(ational|ations?|ings?|ices|ies|ed|es|ix|s|e|y)$", "", word.lower())


@cache
def sentences() -> tuple[tuple[str, frozenset[str]], ...]:
    """Sentences, each with the stems of its headline's content words that it repeats; one a module at most."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for package in PACKAGES:
        for module, docstring in docstrings(package):
            headline, _, body = docstring.partition("\n\n")
            text = next(iter(paragraphs(body)), "")
            sentence = re.split(r"(?<=[.!?])\s", text)[0]
            words = re.findall(r"[a-z]+", sentence.lower())
            content = {stem(word) for word in words if word not in ENGLISH_STOP_WORDS and len(word) > 2}
            named = {stem(w) for w in re.findall(r"[a-z]+", headline.lower()) if w not in ENGLISH_STOP_WORDS} & content
            has_stop = any(word in ENGLISH_STOP_WORDS for word in words)
            enough = has_stop and len(named) >= FEWEST and len(content - named) >= FEWEST and len(words) <= MOST_WORDS
            if enough and len(headline) < 100 and module not in found:
                found[module] = sentence, frozenset(named)
    step = max(1, len(found) // N_SENTENCES)
    return tuple(found.values())[::step][:N_SENTENCES]


def pieces_of_words(tokenizer: Tokenizer, sentence: str) -> list[tuple[str, list[int]]]:
    """Each word with the places of its tokens; [CLS] and [SEP] belong to none."""
    encoding = tokenizer.encode(sentence)
    words: dict[int, list[int]] = {}
    for place, number in enumerate(encoding.word_ids):
        if number is not None:
            words.setdefault(number, []).append(place)
    spans = ((encoding.offsets[at[0]][0], encoding.offsets[at[-1]][1], at) for at in words.values())
    return [(sentence[start:end].lower(), at) for start, end, at in spans]


def ahead(one: list[float], other: list[float]) -> float:
    """How often a number of one is above one of the other; ties count half."""
    a, b = np.array(one)[:, None], np.array(other)
    return round(float(((a > b) + (a == b) / 2).mean()), 3)


@torch.no_grad()
def given_to_tokens(encoder: Encoder, ids: Tensor) -> dict[str, Tensor]:
    """What each token (i,) receives, and its place in the vocabulary."""
    with record_values(encoder) as kept:
        encoder(ids)
    weights = torch.stack([received(kept[n][0])[0].mean(0) for n in sorted(kept)])
    carried = [carried_norms(layer, *kept[n])[0].mean(0) for n, layer in enumerate(attention_layers(encoder))]
    return {"attention": weights.mean(0), "attention x norm": torch.stack(carried).mean(0), "rank": ids[0].float()}


def run(weights: str, seed: int) -> Row:
    """One encoder: for each sentence, how far words of one kind are ahead of those of another."""
    encoder, tokenizer = load_minilm()
    if weights == "random":
        torch.manual_seed(seed)
        encoder = MaskedLM(EncoderConfig()).encoder.eval()
    rows: list[Row] = []
    for sentence, named in sentences():
        words = pieces_of_words(tokenizer, sentence)
        given = given_to_tokens(encoder, torch.tensor([tokenizer.encode(sentence).ids]))
        kinds: dict[str, list[list[int]]] = {"stop": [], "headline": [], "other": [], "mark": []}
        for word, at in words:
            stops = word in ENGLISH_STOP_WORDS or len(word) < 3
            kind = "mark" if not word.isalpha() else "stop" if stops else "headline" if stem(word) in named else "other"
            kinds[kind].append(at)
        row: Row = {}
        for name, values in given.items():
            of = {kind: [float(values[at].mean()) for at in places] for kind, places in kinds.items()}
            row[name] = [ahead(of["headline"] + of["other"], of["stop"]), ahead(of["headline"], of["other"])]
        attention = given["attention"]
        content = [place for kind in ("headline", "other") for at in kinds[kind] for place in at]
        row["special"] = round(float(attention[[0, -1]].sum()), 4)
        row["marks"] = round(float(attention[[place for at in kinds["mark"] for place in at]].sum()), 4)
        row["most on content"] = int(attention.argmax()) in content
        of_words = [place for kind in ("stop", "headline", "other") for at in kinds[kind] for place in at]
        row["most of words on content"] = of_words[int(attention[of_words].argmax())] in content
        rows.append(row)
    return {"sentences": rows}


if __name__ == "__main__":
    main("headline_words")
