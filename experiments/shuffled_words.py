"""Does the frozen encoder need the order of words? `fine_tuning`'s row "frozen", with the words of each text shuffled.

Texts to train on and to test on are shuffled alike, each into one order that its split fixes; splits, sizes, encoder
and regression are those of `fine_tuning`, so that both can be compared split by split. What is left without an order
is which words stand together, and what the encoder makes of that.

Seen before the table was made: splits 0 to 2 with 8 texts of each area, 1 to 3 points below those in order.
"""

from __future__ import annotations

import random
from dataclasses import replace

from experiments.fine_tuning import SIZES, accuracy, features, texts
from experiments.runner import Row, main
from mha.models.pretrained import load_minilm
from mha.tasks.scipy_areas import Item

METHOD = "frozen, words shuffled"
RUNS: list[Row] = [{"method": METHOD, "size": size, "seed": seed} for size in SIZES for seed in range(5)]


def shuffled(item: Item, seed: int) -> Item:
    """The same words in an order that the text and the seed fix."""
    words = item.text.split()
    random.Random(f"{seed} {item.text}").shuffle(words)
    return replace(item, text=" ".join(words))


def run(method: str, size: int, seed: int) -> Row:
    """Accuracy on one split."""
    train, test = ([shuffled(item, seed) for item in items] for items in texts(size, seed))
    seen, unseen = (features(*load_minilm(), items) for items in (train, test))
    return {"n_train": len(train), "n_test": len(test), "accuracy": accuracy(seen, unseen, train, test)}


if __name__ == "__main__":
    main("shuffled_words")
