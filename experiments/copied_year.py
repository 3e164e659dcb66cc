"""How a small T5 copies the year of a Polish date: where its heads look, and what each digit depends on; five seeds.

The models are those of `text_to_text` that learn Polish dates alone, for twice the steps. For each
digit of the year, on pairs of the test, and from the query that writes it:

- weights: how much of each head's weight lies on that digit, for each block (block, digit, head);
- exchanged: in which share of the pairs the model writes the digit of another date, where the memory at this one place
  of the source is taken from that date.

The model of seed 0 is kept in 16 bits: trained anew on another processor, it looks elsewhere.
"""

from __future__ import annotations

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from experiments.runner import RESULTS, Row, main
from experiments.text_to_text import LONGER, SIZES, STEPS, alphabet, scored, train
from mha.models.t5 import T5, T5Config, shift_right
from mha.recording import record_attention
from mha.tasks import cldr
from mha.tasks.cldr import Alphabet

TASK = ("date", "pl")
YEAR, N_DIGITS = 9, 4  # "date pl: 2024-03-05": the year's first column
KEPT = RESULTS / "copied_year.safetensors"
RUNS: list[Row] = [{"seed": seed} for seed in range(5)]


def pairs_of_the_test(letters: Alphabet) -> tuple[Tensor, Tensor, Tensor]:
    """Sources (b, i) and targets (b, j), padded, and where each target ends (b,): the year's digits stand before."""
    pairs = scored(TASK)
    sources = letters.batch([letters.encode(cldr.prefix(*TASK) + pair.source) for pair in pairs])
    targets = letters.batch([letters.encode(pair.target) for pair in pairs])
    return sources, targets, (targets == letters.end_id).int().argmax(1)


@torch.no_grad()
def weights_on_the_digits(model: T5, letters: Alphabet) -> Tensor:
    """(block, digit, head), mean of the pairs."""
    sources, targets, ends = pairs_of_the_test(letters)
    each = torch.arange(len(sources))
    with record_attention(model) as maps:
        model(sources, shift_right(targets))
    blocks = [maps[f"decoder.blocks.{n}.cross_attn"] for n in range(SIZES["n_layers"])]  # (b, h, i, j) each
    by_digit = [[m[each, :, ends - N_DIGITS + k, YEAR + k].mean(0) for k in range(N_DIGITS)] for m in blocks]
    return torch.stack([torch.stack(digits) for digits in by_digit])


@torch.no_grad()
def shares_exchanged(model: T5, letters: Alphabet) -> list[float]:
    """One for each digit, of the pairs whose other date has another digit there."""
    sources, targets, ends = pairs_of_the_test(letters)
    each, memory, shares = torch.arange(len(sources)), model.encode(sources), []
    for k in range(N_DIGITS):
        mixed = memory.clone()
        mixed[:, YEAR + k] = memory.roll(1, dims=0)[:, YEAR + k]
        others = sources.roll(1, dims=0)[:, YEAR + k]
        written = model.decoder_for(mixed)(shift_right(targets))[each, ends - N_DIGITS + k].argmax(-1)
        shares.append(float((written == others)[others != sources[:, YEAR + k]].double().mean()))
    return shares


def kept() -> tuple[T5, Alphabet]:
    """The model of seed 0, as `run` left it but for rounding to 16 bits, and its letters."""
    letters = alphabet()
    model = T5(T5Config(vocab_size=len(letters), **SIZES))
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(KEPT).items()})
    return model.eval(), letters


def run(seed: int) -> Row:
    """Train one model, and ask both."""
    model, letters, curve = train(LONGER, 2 * STEPS, seed)
    model.eval()
    if seed == 0:
        save_file({name: tensor.half() for name, tensor in model.state_dict().items()}, KEPT)
    weights = weights_on_the_digits(model, letters)
    return {
        "right": round(curve[-1][LONGER], 4),
        "weights": [[[round(x, 4) for x in digit] for digit in block] for block in weights.tolist()],
        "exchanged": [round(share, 4) for share in shares_exchanged(model, letters)],
    }


if __name__ == "__main__":
    main("copied_year")
