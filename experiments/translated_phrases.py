"""A small T5 that translates lists of dates, amounts and places: where it breaks, and whether its attention aligns.

Fixed before the full run, after pilots with seed 100, which is none of the five:

- The task: phrases of one or two items from English into French, German or Turkish (`mha.tasks.phrases`), `STEPS`
  batches of `BATCH` from 5000 phrases. Words, numbers and signs are tokens. Numbers that come fewer than `COMMON` times
  in training are one unknown word, which is also what a model may write; every other token of a test is known.
- The model: a T5 of two blocks a side, 64 channels, four heads of 16; one for each language and seed.
- Translation: exact match, chrF and BLEU (sacrebleu's defaults), greedy, on each set of `mha.tasks.phrase_sets`,
  against copying the source, a translation memory, and IBM-1 word by word. Beam search with `N_BEAMS` beams on `N_BEAM`
  phrases. On unseen numbers once more with each unknown word that the model writes replaced by the source word with
  the most attention of all heads (Luong et al. 2015).
- Alignment, while the model is given the right translation: each target word is linked to the source word with the
  most weight of a head, of a block's mean or of the mean of all heads; by the row that predicts the word, and by the
  row that reads it. The alignment error rate (AER) is against the links that the phrases come with. The head is chosen
  on the validation set and scored on the set "phrases". Beside it: the untrained model of each seed, its head chosen in
  the same way; the diagonal; a source word by chance; IBM-1, trained on the same phrases; and the word of the source
  without which the decoder finds the target word least likely (its place of the memory masked).
- The claim "attention aligns the words of the source with those of the target" is judged so: in each language, AER
  over five seeds below 20 %, so four links of five right, and below half of the diagonal's. Once for what the sentence
  says without a condition, the mean of all heads; once for the head chosen on validation phrases. By the row that
  predicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import sacrebleu
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from experiments.runner import RESULTS, Row, main
from mha.generate import beam_search, generate
from mha.interpret.alignment import (
    Counts,
    count_links,
    diagonal_scores,
    error_rate,
    even_counts,
    rows_of,
    strongest_links,
)
from mha.models.ibm1 import IBM1, train_ibm1
from mha.models.t5 import T5, T5Config, shift_right
from mha.models.translation_memory import TranslationMemory
from mha.recording import record_attention
from mha.tasks.phrase_sets import SETS, phrase_sets
from mha.tasks.phrases import LANGUAGES, Phrase, joined, phrase
from mha.tasks.vocabulary import WordVocabulary
from mha.train import fit

SIZES = {"d_model": 64, "n_layers": 2, "n_heads": 4, "head_dim": 16, "d_ff": 256, "max_distance": 32}
BATCH, POOL, STEPS, WARMUP, LR = 64, 8, 1000, 100, 4e-3
COMMON = 5  # how often a number must come to be a word of its own
LONGEST_ANSWER, N_BEAMS, N_BEAM, N_MASKED = 56, 4, 30, 100
BASELINES = ("copy", "memory", "word by word")
ALIGNED = ("phrases", "numbers", "alone", "longer")
Array = NDArray[np.float64]

RUNS: list[Row] = [
    *({"language": language, "system": "model", "seed": seed} for language in LANGUAGES for seed in range(5)),
    *({"language": language, "system": name, "seed": 0} for language in LANGUAGES for name in BASELINES),
]


@cache
def phrases(name: str, language: str) -> tuple[Phrase, ...]:
    """Of "training" or of one of `SETS`."""
    return tuple(phrase(items, language) for items in phrase_sets()[name])


@cache
def vocabulary(language: str) -> WordVocabulary:
    """The words of the training phrases, rare numbers left out."""
    known = phrases("training", language)
    times = Counter(token for p in known for token in p.source if token.strip().isdigit())
    rare = {token for token, n in times.items() if n < COMMON}
    return WordVocabulary((tokens for p in known for tokens in (p.source, p.target)), leave_out=rare)


@cache
def counted_words(language: str) -> IBM1:
    """IBM-1 of the training phrases."""
    return train_ibm1([(p.source, p.target) for p in phrases("training", language)])


def kept(language: str) -> T5:
    """The model of seed 0, as `run` left it but for rounding to 16 bits."""
    model = T5(T5Config(vocab_size=len(vocabulary(language)), **SIZES))
    weights = load_file(RESULTS / f"translated_phrases_{language}.safetensors")
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return model.eval()


# ---- training


def batches(language: str, seed: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    """step -> sources (b, j) and targets (b, i), -100 behind; drawn by seed and step alone.

    `POOL` batches are drawn together and sorted by length, so that few tokens are padding.
    """
    words, known = vocabulary(language), phrases("training", language)
    sources = words.batch(p.source for p in known)
    targets = words.batch((p.target for p in known), padding=-100)
    lengths = (sources != words.pad_id).sum(dim=1)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(10_000 * seed + step // POOL)
        drawn = torch.randint(len(known), (POOL * BATCH,), generator=generator)
        order = torch.randperm(POOL, generator=generator)  # else the last step would see the longest alone
        chosen = drawn[lengths[drawn].argsort(stable=True)].view(POOL, BATCH)[order[step % POOL]]
        source, target = sources[chosen], targets[chosen]
        return source[:, : int((source != words.pad_id).sum(1).max())], target[:, : int((target >= 0).sum(1).max())]

    return batch


def loss_of(model: T5, source: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of each target token, given the source and the target tokens before it."""
    logits = model(source, shift_right(target), key_mask=source != WordVocabulary.pad_id)
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


def untrained(language: str, seed: int) -> T5:
    torch.manual_seed(seed)
    return T5(T5Config(vocab_size=len(vocabulary(language)), **SIZES)).eval()


def train(language: str, seed: int, steps: int = STEPS) -> T5:
    model, batch = untrained(language, seed), batches(language, seed)
    fit(model, lambda step: loss_of(model, *batch(step)), steps=steps, lr=LR, warmup=min(WARMUP, steps))
    return model


# ---- translation


@torch.no_grad()
def answers(model: T5, words: WordVocabulary, sources: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """The tokens that a model writes, always the likeliest."""
    source = words.batch(sources)
    mask = source != words.pad_id
    start = torch.full((len(source), 1), words.pad_id)
    writer = model.decoder_for(model.encode(source, key_mask=mask), mask)
    written = generate(writer, start, LONGEST_ANSWER, eos_id=words.end_id)
    return [words.decode(row) for row in written[:, 1:].tolist()]


def with_names(model: T5, words: WordVocabulary, source: Sequence[str], written: Sequence[str]) -> tuple[str, ...]:
    """What a model wrote, each unknown word replaced by the source word that all heads together look at most."""
    if words.unknown not in written:
        return tuple(written)
    pair = Phrase(tuple(source), tuple(written), (), ())
    (weights,) = maps(model, words, [pair])
    looked = rows_of(weights, len(written), len(source)).mean(axis=(0, 1)).argmax(axis=-1)
    return tuple(source[j] if word == words.unknown else word for word, j in zip(written, looked, strict=True))


@torch.no_grad()
def beam_answer(model: T5, words: WordVocabulary, source: Sequence[str], n_beams: int = N_BEAMS) -> str:
    """What the best of some beams says."""
    writer = model.decoder_for(model.encode(words.batch([source])))
    start = torch.full((1, 1), words.pad_id)
    tokens, _ = beam_search(writer, start, LONGEST_ANSWER, n_beams=n_beams, eos_id=words.end_id)
    return joined(words.decode(tokens[0, 1:].tolist()))


def scores(written: Sequence[str], right: Sequence[str]) -> Row:
    """Which texts are right to the letter, as 1 and 0, and chrF and BLEU of them all."""
    return {
        "right": "".join(str(int(a == b)) for a, b in zip(written, right, strict=True)),
        "chrf": round(sacrebleu.corpus_chrf(list(written), [list(right)]).score, 2),
        "bleu": round(sacrebleu.corpus_bleu(list(written), [list(right)]).score, 2),
    }


def targets(name: str, language: str) -> list[str]:
    return [joined(p.target) for p in phrases(name, language)]


# ---- alignment


@torch.no_grad()
def maps(model: T5, words: WordVocabulary, known: Sequence[Phrase]) -> list[Array]:
    """Cross-attention (layer, head, i, j) of each phrase, given its right translation; whole rows, as they come."""
    source, target = words.batch(p.source for p in known), words.batch(p.target for p in known)
    with record_attention(model) as seen:
        model(source, shift_right(target), key_mask=source != words.pad_id)
    layers = [seen[f"decoder.blocks.{n}.cross_attn"] for n in range(SIZES["n_layers"])]
    return list(torch.stack(layers, dim=1).double().numpy())


@torch.no_grad()
def drops(model: T5, words: WordVocabulary, p: Phrase) -> Array:
    """How far the log-probability of each target word falls when one word's place of the memory is masked: (i, j)."""
    source, target = words.batch([p.source]), words.batch([p.target])
    n = len(p.source)
    memory = model.encode(source).expand(n + 1, -1, -1)
    mask = torch.ones(n + 1, n + 1, dtype=torch.bool)
    mask[:n, :n].fill_diagonal_(False)  # the last row masks nothing
    logits = model.decoder_for(memory, mask)(shift_right(target).expand(n + 1, -1))
    chosen = logits.log_softmax(-1).gather(-1, target.expand(n + 1, -1)[..., None])[..., 0]  # (j + 1, i)
    return (chosen[n] - chosen[:n]).T[: len(p.target)].double().numpy()


def every_reading(rows: Array) -> dict[str, Array]:
    """Scores (i, j) of each head "0.3" (block 0, head 3), of each block's mean, and of the mean of all."""
    named = {f"{n}.{h}": rows[n, h] for n in range(len(rows)) for h in range(rows.shape[1])}
    named |= {f"block {n}": rows[n].mean(axis=0) for n in range(len(rows))}
    return named | {"all": rows.mean(axis=(0, 1))}


def counted(known: Sequence[Phrase], readings: Iterable[dict[str, Array]]) -> dict[str, Array]:
    """For each reading the `Counts` of each phrase, (n, 4)."""
    found: dict[str, list[Counts]] = {}
    for p, named in zip(known, readings, strict=True):
        sure, possible = p.links()
        for name, values in named.items():
            found.setdefault(name, []).append(count_links(strongest_links(values), sure, possible))
    return {name: np.array(counts) for name, counts in found.items()}


def attention_counts(
    model: T5, words: WordVocabulary, known: Sequence[Phrase], row: str = "predicts"
) -> dict[str, Array]:
    """`counted` of a model's heads and means."""
    readings = (
        every_reading(rows_of(weights, len(p.target), len(p.source), row))
        for p, weights in zip(known, maps(model, words, known), strict=True)
    )
    return counted(known, readings)


def baseline_counts(known: Sequence[Phrase], ibm1: IBM1) -> dict[str, Array]:
    """`Counts` of the diagonal, of a word by chance, and of IBM-1."""
    readings = (
        {
            "diagonal": diagonal_scores(len(p.target), len(p.source)),
            "IBM-1": ibm1.scores(p.source, p.target),
        }
        for p in known
    )
    return counted(known, readings) | {"by chance": np.array([even_counts(*p.links()) for p in known])}


def rates(counts: dict[str, Array]) -> dict[str, float]:
    """AER of each reading, all phrases together."""
    return {name: round(float(error_rate(values.sum(axis=0))), 4) for name, values in counts.items()}


def best_head(counts: dict[str, Array]) -> str:
    """The single head with the lowest AER."""
    heads = {name: rate for name, rate in rates(counts).items() if "." in name}
    return min(heads, key=lambda name: heads[name])


def _alignment(model: T5, language: str) -> Row:
    words = vocabulary(language)
    chosen = best_head(attention_counts(model, words, phrases("validation", language)))
    counts = {name: attention_counts(model, words, phrases(name, language)) for name in ALIGNED}
    some = phrases("phrases", language)
    return {
        "chosen": chosen,
        "predicts": rates(counts["phrases"]),
        "reads": rates(attention_counts(model, words, some, "reads")),
        "elsewhere": {name: {key: rates(counts[name])[key] for key in (chosen, "all")} for name in ALIGNED},
        "by phrase": {
            name: counts["phrases"][key].astype(int).tolist() for name, key in (("chosen", chosen), ("all", "all"))
        },
    }


# ---- the rows


def _model_row(language: str, seed: int) -> Row:
    words, raw = vocabulary(language), untrained(language, seed)
    before = best_head(attention_counts(raw, words, phrases("validation", language)))
    untrained_rates = rates(attention_counts(raw, words, phrases("phrases", language)))
    model = train(language, seed)
    if seed == 0:
        weights = {name: tensor.half() for name, tensor in model.state_dict().items()}
        save_file(weights, RESULTS / f"translated_phrases_{language}.safetensors")
    row: Row = {"translation": {}, "beam": {}, "alignment": _alignment(model, language)}
    for name in SETS:
        written = answers(model, words, (p.source for p in phrases(name, language)))
        row["translation"][name] = scores([joined(tokens) for tokens in written], targets(name, language))
        if name == "numbers":
            named = [
                with_names(model, words, p.source, w) for p, w in zip(phrases(name, language), written, strict=True)
            ]
            row["named"] = scores([joined(tokens) for tokens in named], targets(name, language))
    for name in ("phrases", "longer"):
        searched = [beam_answer(model, words, p.source) for p in phrases(name, language)[:N_BEAM]]
        row["beam"][name] = scores(searched, targets(name, language)[:N_BEAM])
    some = phrases("phrases", language)[:N_MASKED]
    row["alignment"]["masked"] = rates(counted(some, ({"masked": drops(model, words, p)} for p in some)))["masked"]
    row["alignment"]["untrained"] = {"chosen": untrained_rates[before], "all": untrained_rates["all"]}
    return row


def _baseline_row(language: str, system: str) -> Row:
    known, ibm1 = phrases("training", language), counted_words(language)
    memory = TranslationMemory([joined(p.source) for p in known], [joined(p.target) for p in known])
    answer: dict[str, Any] = {
        "copy": lambda some: [joined(p.source) for p in some],
        "memory": lambda some: memory.nearest([joined(p.source) for p in some])[0],
        "word by word": lambda some: [joined(ibm1.word_by_word(p.source)) for p in some],
    }[system]
    row: Row = {
        "translation": {name: scores(answer(phrases(name, language)), targets(name, language)) for name in SETS}
    }
    if system == "word by word":
        row["alignment"] = {name: rates(baseline_counts(phrases(name, language), ibm1)) for name in ALIGNED}
    return row


def run(language: str, system: str, seed: int) -> Row:
    """Translate every set; for a model, train it and read its alignment, for IBM-1 its own and the plain baselines'."""
    return _model_row(language, seed) if system == "model" else _baseline_row(language, system)


if __name__ == "__main__":
    main("translated_phrases")
