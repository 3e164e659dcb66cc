"""Summaries of reports with one planted fact, with copying and without: right to the word, and where the model looked.

- The task is `mha.tasks.incidents`: one sentence tells of what happened, the others of what did not, might have or
  once did. A summary is right if every word is. Tests: names of places as witnesses and the other way round,
  which training never has; names that it never holds; wordings of the incident that it never holds; ten sentences.
- The models (`mha.models.copying`) are two, equal but for the output: "copying" mixes the vocabulary with the words
  of the source, "vocabulary" has the vocabulary alone, read by the embedding, in which all names are, so it could write
  each that it has met. Both see the same fresh reports, as many, at the same learning rate; each is tested after a
  third and two thirds of its steps too.
- How much the number of reports matters: "copying" again, on `FEW` reports that come round and round. Tested on some of
  them as well: of 400 it writes all to the letter.
- Where "copying" looks: over the words of the right summary, and over those that it wrote itself, the mean weight of
  copying on the incident's sentence. Where both look: the same for the mean over all heads of cross-attention, and
  for the head that is highest on other reports, those of wordings never met.
- What the summary depends on: the sentence whose removal costs most, in log-probability of what was written with all.
- The question, fixed before the first table: on names in a new role, does copying give the incident's sentence the
  most weight more often than it stands first, which is how often a rule finds it that knows the place alone? Above 0,
  over five seeds. That attention decides, and is no ornament, counts as shown where the sentence with the most weight
  is the one whose removal costs most in more than 90 % of reports.

Before the first table, after pilots with seeds 100 and 101, the task was made smaller, names became one word each, and
the test by names took its present form. In that table "copying" had 650 steps and "vocabulary" 975, which was too few
for both. Trials of single seeds from 0 to 2 then gave the numbers of steps here; the 400 and the 1600
reports, the words it wrote itself, and 60 removals where there were 30 are new. The question is as it was.

The copying model of seed 0 that saw fresh reports is kept in 16 bits.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from experiments.runner import RESULTS, Row, main
from mha.generate import generate
from mha.models.copying import CopyOutput, Summariser, SummariserConfig, VocabularyOutput
from mha.models.t5 import shift_right
from mha.recording import record_attention
from mha.tasks.incidents import KINDS, LONGEST_SUMMARY, Report, Words, reports
from mha.train import fit

OUTPUTS = {"copying": CopyOutput, "vocabulary": VocabularyOutput}
BATCH, LR, WARMUP = 32, 4e-3, 100
FRESH, FEW = "fresh", (400, 1600)  # reports to train on
STEPS: dict[str | int, int] = {FRESH: 1950, 400: 650, 1600: 650}
EVERY = 650  # steps from test to test
SIZES = {"d_model": 48, "n_layers": 2, "n_heads": 4, "d_ff": 96}
N_TESTED, N_REMOVED = 200, 60
LOOKED_AT = ("names in a new role", "names never met", "twice as long")
WORDS = Words()
KEPT = RESULTS / "planted_facts.safetensors"
RUNS: list[Row] = [
    *({"output": output, "n_reports": FRESH, "seed": seed} for output in OUTPUTS for seed in range(5)),
    *({"output": "copying", "n_reports": n, "seed": seed} for n in FEW for seed in range(5)),
]


def new_model(output: str) -> Summariser:
    """One of `OUTPUTS`, untrained."""
    config = SummariserConfig(vocab_size=len(WORDS), **SIZES)
    return Summariser(config, OUTPUTS[output](config))


@cache
def known(n: int, seed: int) -> list[Report]:
    """The reports of a run that has few."""
    rng = random.Random(f"known {seed}")
    return [reports("as trained", 1, rng)[0] for _ in range(n)]


def batch(step: int, seed: int, n_reports: str | int = FRESH) -> tuple[Tensor, Tensor]:
    """Sources (b, j) and targets (b, i) of one step, the same for every model of a seed; all of one length."""
    rng = random.Random(f"{seed} {step}")
    if isinstance(n_reports, str):
        drawn = reports("as trained", BATCH, rng)
    else:
        n_sentences = rng.choice(KINDS["as trained"][0])
        drawn = rng.choices([r for r in known(n_reports, seed) if len(r.sentences) == n_sentences], k=BATCH)
    return WORDS.sources(drawn), WORDS.targets(drawn)


def loss_of(model: Summariser, source: Tensor, target: Tensor) -> Tensor:
    """Minus the log-probability of each word, mean of all words."""
    log_probs = model(source, shift_right(target, WORDS.start_id), key_mask=source != WORDS.pad_id)
    return F.nll_loss(log_probs.flatten(0, 1), target.flatten())


def train(output: str, n_reports: str | int, seed: int) -> tuple[Summariser, dict[int, Row]]:
    """A model of a run, and the share of whole summaries right by test after each `EVERY` steps."""
    torch.manual_seed(seed)
    model, curve = new_model(output), []

    def evaluate() -> float:
        curve.append({kind: shares_right(model, asked(kind))["whole"] for kind in KINDS})
        return 0.0

    def loss(step: int) -> Tensor:
        return loss_of(model, *batch(step, seed, n_reports))

    steps = STEPS[n_reports]
    history = fit(model, loss, steps=steps, lr=LR, warmup=WARMUP, evaluate=evaluate, every=EVERY)
    return model, dict(zip(history.evaluations, curve, strict=True))


def asked(kind: str, n: int = N_TESTED) -> list[Report]:
    """The reports of a test, the same for every model."""
    rng = random.Random(f"test {kind}")
    return [reports(kind, 1, rng)[0] for _ in range(n)]


@torch.no_grad()
def written(model: Summariser, texts: list[Report]) -> list[list[str]]:
    """What a model writes for reports, as words."""
    source = WORDS.sources(texts)
    start = torch.full_like(source[:, :1], WORDS.start_id)
    writer = model.writer_for(source, source != WORDS.pad_id)
    rows = generate(writer, start, LONGEST_SUMMARY, eos_id=WORDS.end_id)[:, 1:]
    return [WORDS.decode(row) for row in rows.tolist()]


def shares_right(model: Summariser, texts: list[Report]) -> Row:
    """Of the whole summaries; and of those whose thing and verb, place and witness are right."""
    rows = list(zip(texts, written(model, texts), strict=True))
    parts = {"whole": slice(None), "place": slice(0, 1), "what": slice(1, 4), "witness": slice(5, None)}
    counts = {
        name: sum(tuple(words[part]) == text.summary[part] for text, words in rows) for name, part in parts.items()
    }
    return {name: round(count / len(texts), 4) for name, count in counts.items()}


@torch.no_grad()
def sentence_weights(model: Summariser, texts: list[Report]) -> dict[str, Tensor]:
    """The weight that each map puts on each sentence, mean of the words of the right summary: (report, sentence).

    Maps: "copying", where the model copies, and each block and head of the cross-attention, as "0.3".
    """
    source, target = WORDS.sources(texts), WORDS.targets(texts)
    inputs, mask = shift_right(target, WORDS.start_id), source != WORDS.pad_id
    with record_attention(model) as recorded:
        model(source, inputs, key_mask=mask)
    maps = {
        f"{layer.split('.')[1]}.{head}": weights[:, head]
        for layer, weights in recorded.items()
        if layer.endswith("cross_attn")
        for head in range(weights.shape[1])
    }
    if isinstance(model.output, CopyOutput):
        maps["copying"] = model.copied(source, inputs, key_mask=mask).weights
    return {name: _by_sentence(weights, texts, target) for name, weights in maps.items()}


def _by_sentence(weights: Tensor, texts: list[Report], target: Tensor) -> Tensor:
    """(b, i, j) -> (b, sentence): mean over the summary's words, its end left out; summed over a sentence's words."""
    real = (target >= 0) & (target != WORDS.end_id)
    mean = (weights * real[..., None]).sum(1) / real.sum(1, keepdim=True).clamp(min=1)  # (b, j); of no word, 0
    numbers = WORDS.batch([text.sentence_of_words() for text in texts])  # padding counts as sentence 0: weight 0
    return torch.zeros(len(texts), int(numbers.max()) + 1).scatter_add(1, numbers, mean)


@torch.no_grad()
def removal_costs(model: Summariser, text: Report) -> list[float]:
    """For each sentence: by how much the log-probability of the summary that was written falls without it."""
    (words,) = written(model, [text])
    without = [text.sentences[:n] + text.sentences[n + 1 :] for n in range(len(text.sentences))]
    variants = [text, *(replace(text, sentences=sentences) for sentences in without)]
    source = WORDS.sources(variants)
    target = torch.tensor([[*WORDS.encode(words), WORDS.end_id]]).expand(len(variants), -1)
    log_probs = model(source, shift_right(target, WORDS.start_id), key_mask=source != WORDS.pad_id)
    sums = log_probs.gather(-1, target[..., None]).sum((1, 2))
    return (sums[0] - sums[1:]).tolist()


def planted_share(weights: Tensor, texts: list[Report]) -> float:
    """The mean weight on the sentence of the incident."""
    which = torch.tensor([text.which for text in texts])
    return float(weights.gather(1, which[:, None]).mean())


def looks(model: Summariser, kind: str) -> Row:
    """Mean weights on the incident's sentence, by map; and how often it is the one that a removal and a map name."""
    texts, chosen_on = asked(kind), asked("wordings never met")
    maps = sentence_weights(model, texts)
    heads = [name for name in maps if name != "copying"]
    elsewhere = sentence_weights(model, chosen_on)
    best = max(heads, key=lambda name: planted_share(elsewhere[name], chosen_on))
    few = texts[:N_REMOVED]
    costs = [torch.tensor(removal_costs(model, text)).argmax().item() for text in few]
    name = "copying" if "copying" in maps else best
    look = maps[name].argmax(1).tolist()
    own = [replace(text, summary=tuple(words)) for text, words in zip(texts, written(model, texts), strict=True)]
    own_look = sentence_weights(model, own)[name].argmax(1).tolist()
    planted = [text.which for text in texts]
    mean = torch.stack([maps[name] for name in heads]).mean(0)
    return {
        "copying": round(planted_share(maps["copying"], texts), 4) if "copying" in maps else None,
        "all heads": round(planted_share(mean, texts), 4),
        "best head": round(planted_share(maps[best], texts), 4),
        "which head": best,
        "removal names it": _equal(costs, planted[: len(few)]),
        "map names it": _equal(look, planted),
        "map names it, own words": _equal(own_look, planted),
        "map and removal agree": _equal(look[: len(few)], costs),
        "stands first": _equal([0] * len(texts), planted),
    }


def _equal(one: list[int], other: list[int]) -> float:
    return round(sum(a == b for a, b in zip(one, other, strict=True)) / len(one), 4)


def kept() -> Summariser:
    """The copying model of seed 0 that saw fresh reports, as `run` left it but for rounding to 16 bits."""
    model = new_model("copying")
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(KEPT).items()})
    return model.eval()


def run(output: str, n_reports: str | int, seed: int) -> Row:
    """Train one model, and test it; one that had few reports on these too."""
    model, curve = train(output, n_reports, seed)
    if (output, n_reports, seed) == ("copying", FRESH, 0):
        save_file({name: tensor.half() for name, tensor in model.state_dict().items()}, KEPT)
    right = {kind: shares_right(model, asked(kind)) for kind in KINDS}
    if isinstance(n_reports, int):
        right["trained on"] = shares_right(model, known(n_reports, seed)[:N_TESTED])
    return {"curve": curve, "right": right, "looks": {kind: looks(model, kind) for kind in LOOKED_AT}}


if __name__ == "__main__":
    main("planted_facts")
