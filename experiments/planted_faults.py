"""Faults planted in small models, and who finds them: a look at the attention maps, or a check that needs no map.

Ten decoders (next token, prose of the documentation of Python packages) and ten classifiers (a paragraph of SciPy's
documentation or of Matplotlib's?) are trained, two layers of four heads each. Then, from the same seeds:

- "future": a decoder trained and used with a mask that is off by one, so that each place sees the token it is to name;
- "shortcut": a classifier whose training texts hold a planted token, in nine of ten texts of one class and in one of
  ten of the other. The sound ones were trained with it too, in every second text of both;
- "padding", "place", "merge" and "dead": a sound model, in which the padding is not masked, or the places of the second
  half are counted one short (as by a cache that forgot a token), or the heads of the first layer are laid side by side
  in a wrong order (a transposition forgotten), or the values of one head are 0.

Fixed before the table was made. A map is reduced to what a reader looks for: the largest weight on a later key, the
weight on padding, on the planted token and on the first place, how far back a layer looks on average, and how spread
its weights are. A check is one number: how far earlier logits move if the last token changes; how far logits move with
padding behind the text, or where a text is read in two parts; how long is the shortest of the heads' contributions,
beside their mean; how many answers change when the planted token goes. A fault is found in a model if a number lies
more than four standard deviations of the sound models away from their mean. Each sound model is tried against the
other nine, for false alarms.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.continuation import pieces, tokenizer
from experiments.runner import Row, main
from mha.heads import MultiHeadAttention, split_heads
from mha.interpret.patching import attention_layers, head_contributions, record_heads
from mha.models.bert import Encoder, EncoderConfig
from mha.models.gpt import GPT, GPTConfig
from mha.recording import record_attention
from mha.tasks.docstrings import docstrings
from mha.tasks.prose import paragraphs
from mha.train import fit

SIZES = {"vocab_size": 1024, "d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": 128, "max_len": 32}
LENGTH, BATCH, STEPS, LR = 24, 32, 250, 3e-3
PLANTED, N_TESTED, N_PADDED = 4, 64, 6  # the token id, texts that are looked at, padding put behind them
OF_DECODER, OF_CLASSIFIER = ("future", "place", "merge", "dead"), ("shortcut", "padding")

RUNS: list[Row] = [{"kind": kind, "seed": seed} for seed in range(10) for kind in ("decoder", "classifier")]

Logits = Callable[[Tensor], Tensor]


# ---- a decoder, and what can be wrong with it


def decoder_logits(model: GPT, ids: Tensor, ahead: int = 0, short: int = 0) -> Tensor:
    """(b, i, v). ahead: how many later tokens each place sees; short: by how much the second half is miscounted."""
    i = torch.arange(ids.shape[1])
    x = model.tokens(ids) + model.positions.weight[torch.where(i < len(i) // 2, i, i - short)]
    for block in model.blocks:
        x = block(x, attn_mask=i[None, :] <= i[:, None] + ahead)
    return F.linear(model.norm(x), model.tokens.weight)


def train_decoder(seed: int, ahead: int) -> GPT:
    """On pieces of the training text."""
    torch.manual_seed(seed)
    model, generator = GPT(GPTConfig(**SIZES)), torch.Generator().manual_seed(1000 + seed)
    training = pieces()[0][:, : LENGTH + 1]

    def loss(step: int) -> Tensor:
        ids = training[torch.randint(len(training), (BATCH,), generator=generator)]
        return F.cross_entropy(decoder_logits(model, ids[:, :-1], ahead).flatten(0, 1), ids[:, 1:].flatten())

    fit(model, loss, steps=STEPS, lr=LR, warmup=STEPS // 10)
    return model.eval()


def merge_wrongly(model: nn.Module) -> Callable[[], None]:
    """From here on the first layer reshapes (b, h, i, d) to (b, i, h·d) without the transposition. Undone by a call."""

    def reshaped(out: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        layer = attention_layers(model)[0]
        return (split_heads(inputs[0], layer.n_heads).reshape(inputs[0].shape),)

    handle = attention_layers(model)[0].out.register_forward_pre_hook(reshaped)
    return handle.remove


def silence_values(layer: MultiHeadAttention) -> None:
    """The first head's values become 0."""
    of_values = slice(2 * layer.n_heads * layer.head_dim, (2 * layer.n_heads + 1) * layer.head_dim)
    with torch.no_grad():
        layer.qkv.weight[of_values] = 0.0
        layer.qkv.bias[of_values] = 0.0


# ---- a classifier, and what it can have learnt


class Classifier(nn.Module):
    """An encoder, the mean of its vectors, two scores."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(EncoderConfig(**SIZES))
        self.scores = nn.Linear(SIZES["d_model"], 2)

    def forward(self, ids: Tensor, masked: bool = True) -> Tensor:
        """(b, 2). masked: whether heads are kept from padding; the mean leaves it out in any case."""
        real = ids != 0
        states = self.encoder(ids, key_mask=real if masked else None) * real[..., None]
        return self.scores(states.sum(1) / real.sum(1, keepdim=True))


@cache
def labelled() -> tuple[Tensor, Tensor]:
    """Token ids (n, i) of beginnings of paragraphs, all of one length, and their class (n,); in an order of chance."""
    ids, classes = [], []
    for label, package in enumerate(("scipy", "matplotlib")):
        texts = dict.fromkeys(text for _, words in docstrings(package) for text in paragraphs(words))
        rows = [encoding.ids[: LENGTH - 1] for encoding in tokenizer().encode_batch(list(texts))]
        rows = [row for row in rows if len(row) == LENGTH - 1]
        ids, classes = [*ids, *rows], [*classes, *[label] * len(rows)]
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(0))
    return torch.tensor(ids)[order], torch.tensor(classes)[order]


def planted(ids: Tensor, present: Tensor, generator: torch.Generator) -> Tensor:
    """(b, i) -> (b, i + 1): at a place of chance the planted token, or, where it is not present, the full stop."""
    at = torch.randint(1, ids.shape[1], (len(ids), 1), generator=generator)
    new = torch.where(present, PLANTED, tokenizer().token_to_id("."))[:, None]
    places = torch.arange(ids.shape[1] + 1)[None]
    moved = ids.gather(1, (places - (places > at).long()).clamp(max=ids.shape[1] - 1))
    return torch.where(places == at, new, moved)


def train_classifier(seed: int, shares: tuple[float, float]) -> Classifier:
    """shares: of the texts of each class that hold the planted token."""
    torch.manual_seed(seed)
    model, generator = Classifier(), torch.Generator().manual_seed(1000 + seed)
    ids, classes = (part[N_TESTED:] for part in labelled())

    def loss(step: int) -> Tensor:
        chosen = torch.randint(len(ids), (BATCH,), generator=generator)
        present = torch.rand(BATCH, generator=generator) < torch.tensor(shares)[classes[chosen]]
        return F.cross_entropy(model(planted(ids[chosen], present, generator)), classes[chosen])

    fit(model, loss, steps=STEPS, lr=LR, warmup=STEPS // 10)
    return model.eval()


# ---- what one sees in the maps


def seen(model: nn.Module, logits: Logits, ids: Tensor) -> dict[str, float]:
    """What a reader of the maps looks for, over all texts and heads."""
    with torch.no_grad(), record_attention(model) as maps:
        logits(ids)
    weights = maps.stack()[..., : (ids != 0).sum(1).min(), :]  # (l, b, h, i, j), of real queries
    n, m = weights.shape[-2:]
    back = (torch.arange(n)[:, None] - torch.arange(m)).abs()
    on = {"padding": ids == 0, "planted": ids == PLANTED}
    numbers = {f"on {name}": (weights.mean((0, 2, 3)) * where).sum(1).mean() for name, where in on.items()}
    numbers["on later"] = weights[..., back.new_ones(n, m).triu(1).bool()].max() if isinstance(model, GPT) else 0.0
    for layer, part in enumerate(weights):
        numbers[f"on first, {layer}"] = part[..., 0].mean()
        numbers[f"back, {layer}"] = (part * back).sum(-1).mean()
        numbers[f"spread, {layer}"] = -torch.xlogy(part, part).sum(-1).mean()
    return _rounded(numbers)


# ---- what one checks without them


def distance(a: Tensor, b: Tensor) -> float:
    """The root mean square of their differences."""
    return float((a - b).square().mean().sqrt())


@torch.no_grad()
def checked(model: nn.Module, logits: Logits, ids: Tensor, sound: Logits) -> dict[str, float]:
    """One number a check. sound: the same weights without the planted fault, as a second way to compute."""
    with record_heads(model) as kept:
        before = logits(ids)
    lengths = torch.stack([head_contributions(a, kept[n]).norm(dim=-1).mean((0, 2)) for n, a in _layers(model)])
    numbers = {"shortest head": lengths.min() / lengths.mean(), "two ways": distance(before, sound(ids))}
    if isinstance(model, GPT):
        changed = torch.cat([ids[:, :-1], (ids[:, -1:] + 1) % SIZES["vocab_size"]], dim=1)
        numbers["causal"] = distance(before[:, :-1], logits(changed)[:, :-1])
    else:
        numbers["padded"] = distance(before, logits(F.pad(ids, (0, N_PADDED))))
        without = torch.where(ids == PLANTED, tokenizer().token_to_id("."), ids)
        numbers["token gone"] = (before.argmax(-1) != logits(without).argmax(-1)).double().mean()
    return _rounded(numbers)


def _layers(model: nn.Module) -> list[tuple[int, MultiHeadAttention]]:
    return list(enumerate(attention_layers(model)))


def _rounded(numbers: dict[str, Tensor | float]) -> dict[str, float]:
    """To four digits after the point: what two ways to compute one number differ by is 0."""
    return {name: round(float(number), 4) for name, number in numbers.items()}


# ---- one seed


def run(kind: str, seed: int) -> Row:
    """{condition: {"seen": …, "checked": …}} of the sound model and of each fault."""
    return _run_decoder(seed) if kind == "decoder" else _run_classifier(seed)


def _run_decoder(seed: int) -> Row:
    ids = pieces()[1][:N_TESTED, :LENGTH]
    model, leaking = train_decoder(seed, 0), train_decoder(seed, 1)
    sound, leaks = partial(decoder_logits, model), partial(decoder_logits, leaking, ahead=1)
    place = partial(decoder_logits, model, short=1)
    found: Row = {
        "sound": {"seen": seen(model, sound, ids), "checked": checked(model, sound, ids, sound)},
        "future": {"seen": seen(leaking, leaks, ids), "checked": checked(leaking, leaks, ids, leaks)},
        "place": {"seen": seen(model, place, ids), "checked": checked(model, place, ids, sound)},
    }
    undo = merge_wrongly(model)
    found["merge"] = {"seen": seen(model, sound, ids), "checked": checked(model, sound, ids, sound)}
    undo()
    silence_values(attention_layers(model)[1])
    found["dead"] = {"seen": seen(model, sound, ids), "checked": checked(model, sound, ids, sound)}
    return found


def _run_classifier(seed: int) -> Row:
    texts, classes = (part[:N_TESTED] for part in labelled())
    with_token = planted(texts, torch.ones(N_TESTED).bool(), torch.Generator().manual_seed(seed))
    padded = F.pad(with_token, (0, N_PADDED))
    model, biased = train_classifier(seed, (0.5, 0.5)), train_classifier(seed, (0.1, 0.9))
    open_to_padding = partial(model, masked=False)
    found: Row = {
        "sound": {"seen": seen(model, model, padded), "checked": checked(model, model, with_token, model)},
        "shortcut": {"seen": seen(biased, biased, padded), "checked": checked(biased, biased, with_token, biased)},
        "padding": {
            "seen": seen(model, open_to_padding, padded),
            "checked": checked(model, open_to_padding, with_token, model),
        },
    }
    for name, one in (("sound", model), ("shortcut", biased)):
        with torch.no_grad():
            found[name]["right"] = round(float((one(texts).argmax(-1) == classes).double().mean()), 4)
    return found


if __name__ == "__main__":
    main("planted_faults")
