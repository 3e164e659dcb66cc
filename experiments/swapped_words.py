"""Real texts in pairs that differ in one word: does the head that looks at the word most carry the difference?

In a text one token is exchanged: the one without which the probe's number (see `explained_texts`) falls most, for that
of a text from another area. The number changes by what is to be explained. One head at a time then gives what it gave
in the other text; the share of the change that follows is what it carries. Beside it, for each head: the weight that
the word receives, and weight times norm of the projected value, both averaged over the queries.

Fixed before: which word is exchanged, and that pairs count whose number changes by 1 or more.
"""

from __future__ import annotations

import torch
from torch import Tensor

from experiments.explained_texts import (
    above_the_others,
    explain,
    fit_probe,
    split,
    vectors,
)
from experiments.runner import Row, main
from mha.interpret.attribution import received, record_values, value_norms
from mha.interpret.faithfulness import Explained, leave_one_out
from mha.interpret.patching import attention_layers, patch_heads, record_heads
from mha.models.pretrained import load_minilm

FIRST, N_PAIRS, N_PARTS = 60, 40, 4  # texts that `explained_texts` does not explain
HEADS = [(layer, head) for layer in range(6) for head in range(12)]
LEAST = 1.0
RUNS: list[Row] = [{"part": part, "seed": 0} for part in range(N_PARTS)]


def most_needed(text: Explained) -> int:
    """The place of the token without which the score falls most."""
    return int(leave_one_out(text, "delete").nan_to_num(-torch.inf).argmax())


@torch.no_grad()
def of_heads(text: Explained, changed: Tensor, place: int) -> tuple[list[float], list[float], list[float], float]:
    """What each head carries, the weight that it gives to the word, weight times norm; and the whole change."""
    ids, everything = text.token_ids[None], torch.ones_like(text.token_ids[None], dtype=torch.bool)
    with record_heads(text.model) as kept:
        end = text.score(changed[None], everything, everything)
    donor = dict(kept)
    with record_values(text.model) as seen:
        start = text.score(ids, everything, everything)
    carried = []
    for head in HEADS:
        with patch_heads(text.model, donor, [head]):
            carried.append(float((start - text.score(ids, everything, everything)) / (start - end)))
    weights, norms = [], []
    for n, layer in enumerate(attention_layers(text.model)):
        to_word = received(seen[n][0])[0, :, place]
        weights += to_word.tolist()
        norms += (to_word * value_norms(layer, seen[n][1])[0, :, place]).tolist()
    return carried, weights, norms, float(start - end)


def run(part: int, seed: int) -> Row:
    """One part of the pairs; those whose number hardly changes are left out."""
    encoder, tokenizer = load_minilm()
    _, items = split()
    of_items, probe, rows = (
        vectors(encoder, tokenizer, [item.text for item in items]),
        fit_probe(encoder, tokenizer),
        [],
    )
    for number in range(FIRST + part, FIRST + N_PAIRS, N_PARTS):
        text = explain(encoder, tokenizer, items[number].text, above_the_others(probe, of_items[number]))
        others = [n for n in range(FIRST + N_PAIRS, len(items)) if items[n].area != items[number].area]
        other = others[(7 * number + seed) % len(others)]
        giver = explain(encoder, tokenizer, items[other].text, above_the_others(probe, of_items[other]))
        place, changed = most_needed(text), text.token_ids.clone()
        changed[place] = giver.token_ids[most_needed(giver)]
        carried, weights, norms, change = of_heads(text, changed, place)
        if abs(change) >= LEAST:
            numbers = {"carried": carried, "weights": weights, "norms": norms}
            words = [tokenizer.id_to_token(int(ids[place])) for ids in (text.token_ids, changed)]
            rounded = {name: [round(x, 4) for x in given] for name, given in numbers.items()}
            rows.append({"words": words, "change": round(change, 3), **rounded})
    return {"pairs": rows}


if __name__ == "__main__":
    main("swapped_words")
