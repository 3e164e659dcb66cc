"""What small models say of a planted association: shares of he by occupation, in probabilities and in decisions.

Written before the table was run:

- The text is `mha.bias.planted`'s: 40 occupations whose share of the more frequent pronoun is 50 to 90 %, each in 10 to
  300 sentences, so that a combination is seen from once to 270 times; which occupation gets which is drawn by the seed,
  half of them towards he. Beside them 12 words that define a gender and 20 names of 1 to 100 sentences.
- Models: "attention" is a GPT of one layer; "bag" sums a vector for each word so far and adds one for the last word: no
  attention; "counts" is the table of the text itself and is not trained. "attention" is trained "short" and "long" too.
  In pilots with seed 100, weights as narrow as GPT-2's left a GPT of this size on a plateau: it had not begun to tell
  defining words apart after 1000 steps on balanced text, which would have been the training's fault and passed for the
  treatment's. With a width that fits its size it did so in the pilots after 1000 steps: these are the usual ones, and
  the treatments have as many. (In the table one seed of five then did not, on two texts: `planted_bias_patience`.)
- Asked: each person in the same 36 prompts, 12 a role. The *share* of he is its probability among the two forms of the
  role, mean of the prompts; the *decision* is the likelier of the two, and its share that of the prompts that get he.
- "neutral" has the same text with every occupation at 50 %; directions are those the others get. Its lean is to be 0.
- Amplification is the share of the majority's pronoun in what a model says minus that in its text, mean of the 32
  occupations that have a majority.

Criteria for "attention models can amplify the bias in their data". The usual training decides. Two sentences: in
probabilities, and in decisions, does amplification lie above 0, with the whole interval over seeds? A reader of "can
amplify" expects that it happens under some condition in use, so one that passes makes the claim hold under it. Whether
it is attention that does it is told by the same figure of the table of counts and of the bag: what they reach is the
decision's, not attention's, and stands in the finding.

Criteria for "representative data reduce it". Representative is here: each occupation as often with he as with she. For
each treatment, the mean lean towards the planted side, divided by that of the untreated model of the same seed: below
0.5 with the whole interval, in probabilities and in decisions. And words that define a gender keep their pronoun: the
mean probability is above 0.95. Beside it stand names by how often they are seen, losses on new text as it was and as if
balanced, and how one-sided the decisions on each occupation remain: treated data can take the direction away and leave
a rule that still gives each occupation one answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.bias.balancing import augmented, balancing_weights, careful, careless, evened, name_partners
from mha.bias.planted import FORMS, Person, Sentence, amplification, counted_shares, lean, people, prompts, sentences
from mha.models.gpt import GPT, GPTConfig
from mha.tasks.vocabulary import WordVocabulary
from mha.train import fit

STEPS = {"short": 300, "usual": 1000, "long": 2500, "patient": 4000}
BATCH, LR, WARMUP = 64, 1e-2, 50
SIZES = {"d_model": 32, "n_layers": 1, "n_heads": 2, "d_ff": 64, "max_len": 14}
N_PROMPTS, N_NEW = 12, 4000
IGNORED = -100
SEEDS = range(5)
TREATMENTS = ("careless", "careful", "reweighted", "evened", "neutral")
KINDS = [
    ("counts", "usual", "as it is"),
    ("bag", "usual", "as it is"),
    *(("attention", training, "as it is") for training in ("short", "usual", "long")),
    *(("attention", "usual", data) for data in TREATMENTS),
]
RUNS: list[Row] = [
    {"model": model, "training": training, "data": data, "seed": seed}
    for seed in SEEDS
    for model, training, data in KINDS
]


class Bag(nn.Module):
    """The next word from the sum of a vector for each word so far, and one for the last word: no attention."""

    def __init__(self, vocab_size: int, d_model: int) -> None:
        super().__init__()
        self.so_far, self.last = nn.Embedding(vocab_size, d_model), nn.Embedding(vocab_size, d_model)
        self.read = nn.Linear(d_model, vocab_size)

    def forward(self, ids: Tensor) -> Tensor:
        """(b, i) -> logits (b, i, v)."""
        return self.read(self.so_far(ids).cumsum(1) + self.last(ids))


@dataclass(frozen=True)
class Text:
    """The people of a seed, the sentences a model is trained on, and their weights (n,)."""

    persons: tuple[Person, ...]
    train: list[Sentence]
    weights: np.ndarray


def people_of(seed: int) -> tuple[Person, ...]:
    """The people of a seed, the same for every model and treatment."""
    return people(np.random.default_rng([seed, 0]))


def balanced(persons: Sequence[Person]) -> tuple[Person, ...]:
    """The same people, but every occupation with he as often as with she."""
    return tuple(replace(p, share=0.5) if p.kind == "occupation" else p for p in persons)


def text_of(data: str, seed: int) -> Text:
    """The text of a seed, treated."""
    persons = people_of(seed)
    train = sentences(balanced(persons) if data == "neutral" else persons, np.random.default_rng([seed, 1]))
    weights, jobs = None, {p.word for p in persons if p.kind == "occupation"}
    if data == "careless":
        train = augmented(train, careless)
    elif data == "careful":
        train = augmented(train, partial(careful, partners=name_partners(train)))
    elif data == "evened":
        train = evened(train, jobs, np.random.default_rng([seed, 2]))
    elif data == "reweighted":
        weights = balancing_weights(train, jobs)
    return Text(persons, train, np.ones(len(train)) if weights is None else weights)


@cache
def vocabulary(seed: int) -> WordVocabulary:
    """All words of a seed's text, and those of every pronoun."""
    text = text_of("as it is", seed).train
    return WordVocabulary([*(s.words for s in text), *FORMS.values()])


def as_ids(text: Sequence[Sentence], words: WordVocabulary) -> tuple[Tensor, Tensor]:
    """Inputs (n, i), which begin with the end token, and targets (n, i), the words and the end; both padded."""
    ends, targets = torch.full((len(text), 1), words.end_id), words.batch([s.words for s in text], IGNORED)
    return torch.cat([ends, targets[:, :-1].clamp(min=words.pad_id)], 1), targets


def new_model(model: str, seed: int, vocab_size: int) -> nn.Module:
    """A model as the seed draws it; a GPT's matrices as wide for its size as GPT-2's 0.02 are for 768 channels."""
    torch.manual_seed(seed)
    if model == "bag":
        return Bag(vocab_size, SIZES["d_model"])
    net = GPT(GPTConfig(vocab_size=vocab_size, **SIZES))
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 2:
                parameter *= (768 / SIZES["d_model"]) ** 0.5
    return net


def losses(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Minus the log-probability of each next word, (n, i); 0 at padding."""
    return F.cross_entropy(model(inputs).transpose(1, 2), targets, reduction="none", ignore_index=IGNORED)


def train(model: str, training: str, text: Text, seed: int) -> nn.Module:
    """A model, trained on a text."""
    words = vocabulary(seed)
    net, (inputs, targets) = new_model(model, seed, len(words)), as_ids(text.train, words)
    weights = torch.tensor(text.weights, dtype=torch.float32)[:, None]

    def loss(step: int) -> Tensor:
        rows = np.random.default_rng([seed, 3, step]).integers(len(inputs), size=BATCH)
        each = losses(net, inputs[rows], targets[rows])
        return (weights[rows] * each).sum() / (targets[rows] != IGNORED).sum()

    fit(net, loss, steps=STEPS[training], lr=LR, warmup=WARMUP)
    return net


@torch.no_grad()
def at_places(net: nn.Module, text: Sequence[Sentence], words: WordVocabulary) -> Tensor:
    """Log-probabilities of all words where each sentence has its pronoun, (n, v); input i is the word before i."""
    inputs, _ = as_ids(text, words)
    return net(inputs)[torch.arange(len(text)), torch.tensor([s.place for s in text])].log_softmax(1)


def of_forms(log_probs: Tensor, text: Sequence[Sentence], words: WordVocabulary) -> Tensor:
    """Log-probability of he and of she among the two forms of each sentence's role, (n, 2)."""
    forms = torch.tensor([words.encode(FORMS[s.role]) for s in text])
    return log_probs.gather(1, forms).log_softmax(1)


def asked(net: nn.Module, persons: Sequence[Person], words: WordVocabulary) -> tuple[np.ndarray, float]:
    """Of each person in each prompt the probability of he, (person, prompt); and that of `his` where `him` or `her`
    must come, mean of all."""
    text = [s for n, p in enumerate(persons) for s in prompts(p, np.random.default_rng([4, n]), N_PROMPTS)]
    log_probs = at_places(net, text, words)
    he = of_forms(log_probs, text, words)[:, 0].exp().view(len(persons), -1)
    objects = torch.tensor([s.role == "object" for s in text])
    of_three = log_probs[objects][:, words.encode(["his", "him", "her"])].softmax(1)
    return he.numpy(), float(of_three[:, 0].mean())


@torch.no_grad()
def loss_on(net: nn.Module, text: Sequence[Sentence], persons: Sequence[Person], words: WordVocabulary) -> Row:
    """Mean losses in nats: of he or she with an occupation, among the two forms; and of all words but the pronouns."""
    jobs = {p.word for p in persons if p.kind == "occupation"}
    asked_of = [s for s in text if s.person in jobs]
    said = torch.tensor([[not s.is_he] for s in asked_of]).long()
    chosen = of_forms(at_places(net, asked_of, words), asked_of, words).gather(1, said)
    inputs, targets = as_ids(text, words)
    targets = targets.index_put((torch.arange(len(text)), torch.tensor([s.place for s in text])), torch.tensor(IGNORED))
    others = losses(net, inputs, targets).sum() / (targets != IGNORED).sum()
    return {"pronouns": round(-float(chosen.mean()), 4), "other words": round(float(others), 4)}


def measured(net: nn.Module, persons: Sequence[Person], seed: int) -> Row:
    """What a trained model says of each person, and its losses on new text."""
    words = vocabulary(seed)
    he, his = asked(net, persons, words)
    truth = np.array([[p.share] for p in persons])
    new = {
        name: sentences(who, np.random.default_rng([seed, 5]), by_chance=True)[:N_NEW]
        for name, who in (("as it was", persons), ("balanced", balanced(persons)))
    }
    return {
        "says": _rounded(he.mean(1)),
        "decides": _rounded((he > 0.5).mean(1)),
        "off": _rounded(np.abs(he - truth).mean(1)),
        "his for him": round(his, 4),
        "losses": {name: loss_on(net, text, persons, words) for name, text in new.items()},
    }


def run(model: str, training: str, data: str, seed: int) -> Row:
    """Train one model on one text, and ask it; or count."""
    text = text_of(data, seed)
    if model == "counts":
        shares = counted_shares(text.train, [p.word for p in text.persons])
        return {"says": _rounded(shares), "decides": _rounded(np.where(shares == 0.5, 0.5, shares > 0.5))}
    return measured(train(model, training, text, seed), text.persons, seed)


# ---- what the rows say. Person n has the same kind, share and number of sentences in each seed, and another word.

WHO = people_of(0)
KIND, SHARE, N = (np.array([getattr(p, field) for p in WHO]) for field in ("kind", "share", "n"))
JOBS = KIND == "occupation"
LEANING = JOBS & (SHARE != 0.5)  # occupations that have a majority
MAJORITY = np.maximum(SHARE, 1 - SHARE).round(2)


def said(
    rows: Sequence[Row], what: str, *, model: str = "attention", training: str = "usual", data: str = "as it is"
) -> np.ndarray:
    """The shares of he that are stored as `what`, "says" or "decides": (seed, person)."""
    wanted = {"model": model, "training": training, "data": data}
    return np.array([row[what] for row in rows if all(row[name] == value for name, value in wanted.items())])


def amplified(shares: np.ndarray) -> np.ndarray:
    """Amplification of each occupation that has a majority: (seed, person) -> (seed, 32)."""
    return amplification(shares[..., LEANING], SHARE[LEANING])


def leaning(shares: np.ndarray) -> np.ndarray:
    """Mean lean towards the planted side: (seed, person) -> (seed,). It is 0.25 in the text."""
    return lean(shares[..., LEANING], np.sign(SHARE[LEANING] - 0.5)).mean(-1)


def own_pronoun(shares: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mean share of the one pronoun that goes with chosen words, each of which has one: (seed, person) -> (seed,)."""
    return np.where(SHARE == 1, shares, 1 - shares)[..., chosen].mean(-1)


def one_sided(shares: np.ndarray) -> np.ndarray:
    """How far the share of each of the 40 occupations lies from even, whichever way: 0 even, 1 one answer always."""
    return np.abs(2 * shares[..., JOBS] - 1).mean(-1)


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(x), 4) for x in values]


if __name__ == "__main__":
    main("planted_bias")
