"""Which part of SciPy is this text from? A pretrained encoder, frozen and fine-tuned, against counts of words.

What is asked: `mha.tasks.scipy_areas`, eight classes, texts of at most 20 words, no module on both sides of a split.
Fixed before the table was made, after trial runs on splits 100 to 102, which are not in it:

- Frozen: the encoder's vectors, averaged over a text's real tokens and scaled to length 1, then a logistic regression.
  "frozen, word vectors" stops before the first block, so that no token has seen another; "frozen, random weights" has
  the same encoder with weights drawn anew for each split.
- TF-IDF: words and pairs of words, or runs of two to five characters, or both; then the same logistic regression.
- The strength of each regression is chosen by four-fold cross-validation on the training texts, from the same grid.
- Fine-tuned: a linear layer on the average, all weights trained, dropout 0.1. The learning rate is the best of those
  tried in the trial runs, 0.00005 to 0.0002 for pretrained and 0.0002 to 0.002 for random weights, which get twice the
  epochs; 20 epochs instead of 10 were tried for 8 texts and were no better.
- Sizes: at most 8, 32 or all (about 60) texts of each area. Five splits; each is one seed, and fixes what all methods
  see, so that they can be compared in pairs. Random weights are fine-tuned on all texts only.
- What is judged: the output serves where its accuracy is above that of the best of the three kinds of TF-IDF, split by
  split; and above that of random weights, frozen against frozen and fine-tuned against fine-tuned, on all texts.

The tokens' table is cut down to the tokens that occur: without weight decay the others would never move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion, make_union
from tokenizers import Tokenizer
from torch import Tensor, nn

from experiments.runner import Row, main
from mha.models.bert import Encoder, MaskedLM
from mha.models.pretrained import encode, load_minilm
from mha.tasks.scipy_areas import AREAS, Item, at_most, scipy_areas, split_by_module
from mha.train import fit

COUNTS = ["TF-IDF, words", "TF-IDF, characters", "TF-IDF, both"]
FROZEN = ["frozen", "frozen, word vectors", "frozen, random weights"]
TUNED = ["fine-tuned", "fine-tuned, random weights"]
METHODS = [*TUNED, *FROZEN, *COUNTS]  # the slow ones first
SIZES = [0, 32, 8]  # texts of each area; 0: all
STRENGTHS = np.logspace(-1, 4, 11)  # C of the logistic regressions
BATCH, DROPOUT = 16, 0.1
EPOCHS = {"fine-tuned": {8: 10, 32: 6, 0: 4}, "fine-tuned, random weights": {0: 8}}
LR = {"fine-tuned": 2e-4, "fine-tuned, random weights": 1e-3}

RUNS: list[Row] = [
    {"method": method, "size": size, "seed": seed}
    for method in METHODS
    for size in SIZES
    for seed in range(5)
    if method != "fine-tuned, random weights" or size == 0
]


def texts(size: int, seed: int) -> tuple[list[Item], list[Item]]:
    """Training and test items of one split."""
    train, test = split_by_module(scipy_areas(), seed)
    return (at_most(size, train) if size else train), test


def labels(items: Sequence[Item]) -> NDArray[np.int64]:
    return np.array([AREAS.index(item.area) for item in items])


def strings(items: Sequence[Item]) -> list[str]:
    return [item.text for item in items]


def accuracy(seen: object, unseen: object, train: Sequence[Item], test: Sequence[Item]) -> float:
    """Of a logistic regression on features (n, f) whose strength is chosen on the training texts alone."""
    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    model = LogisticRegressionCV(
        Cs=STRENGTHS, cv=folds, scoring="accuracy", l1_ratios=(0,), use_legacy_attributes=False, tol=1e-3, max_iter=1000
    )
    return float(model.fit(seen, labels(train)).score(unseen, labels(test)))


def tf_idf(kind: str) -> TfidfVectorizer | FeatureUnion:
    """What counts "words" and pairs of them, "characters" in runs of two to five, or "both"."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return {"words": words, "characters": characters, "both": make_union(words, characters)}[kind]


def average(vectors: Tensor, key_mask: Tensor) -> Tensor:
    """The mean over a text's real tokens, (b, i, m), (b, i) -> (b, m)."""
    weight = key_mask[..., None].to(vectors.dtype)
    return (vectors * weight).sum(dim=1) / weight.sum(dim=1)


def features(encoder: Encoder, tokenizer: Tokenizer, items: Sequence[Item], layer: int = -1) -> NDArray[np.float32]:
    """One vector of length 1 for each text (n, m), from the output of one layer (0: the embeddings)."""
    token_ids, key_mask = encode(tokenizer, strings(items))
    vectors = torch.empty(len(items), encoder.config.d_model)
    with torch.no_grad():
        for rows in key_mask.sum(dim=1).argsort().split(32):  # texts of one length together
            mask = key_mask[rows, : int(key_mask[rows].sum(dim=1).max())]
            states = encoder.hidden_states(token_ids[rows, : mask.shape[1]], key_mask=mask)
            vectors[rows] = F.normalize(average(states[layer], mask), dim=-1)
    return vectors.numpy()


def random_encoder(like: Encoder, seed: int) -> Encoder:
    """The same sizes, weights drawn as BERT's are before training."""
    torch.manual_seed(seed)
    return MaskedLM(like.config).encoder.eval()


class Classifier(nn.Module):
    """The encoder, with dropout and the tokens that occur alone, and a linear layer on the average of its vectors."""

    def __init__(self, encoder: Encoder, used: Tensor) -> None:
        super().__init__()
        self.encoder = Encoder(replace(encoder.config, vocab_size=len(used), dropout=DROPOUT))
        weights = encoder.state_dict()
        weights["embeddings.tokens.weight"] = weights["embeddings.tokens.weight"][used]
        self.encoder.load_state_dict(weights)
        self.read = nn.Linear(encoder.config.d_model, len(AREAS))

    def forward(self, token_ids: Tensor, key_mask: Tensor) -> Tensor:
        logits: Tensor = self.read(average(self.encoder(token_ids, key_mask=key_mask), key_mask))
        return logits


def batches(key_mask: Tensor, epochs: int, generator: torch.Generator) -> list[Tensor]:
    """Rows of each training step: every text once an epoch, texts of about one length together, in random order."""
    rows: list[Tensor] = []
    for _ in range(epochs):
        order = (key_mask.sum(dim=1) + 6 * torch.rand(len(key_mask), generator=generator)).argsort()
        parts = order.split(BATCH)
        rows += [parts[int(n)] for n in torch.randperm(len(parts), generator=generator)]
    return rows


def fine_tuned(
    encoder: Encoder, tokenizer: Tokenizer, split: tuple[list[Item], list[Item]], *, lr: float, epochs: int, seed: int
) -> float:
    """Accuracy on the test items after training all weights on the training items."""
    torch.manual_seed(seed)
    train, test = split
    token_ids, key_mask = encode(tokenizer, strings([*train, *test]))
    used, token_ids = token_ids.unique(return_inverse=True)
    model, targets = Classifier(encoder, used), torch.from_numpy(labels([*train, *test]))
    steps = batches(key_mask[: len(train)], epochs, torch.Generator().manual_seed(seed))

    def logits(rows: Tensor) -> Tensor:
        longest = int(key_mask[rows].sum(dim=1).max())
        answer: Tensor = model(token_ids[rows, :longest], key_mask[rows, :longest])
        return answer

    def loss(step: int) -> Tensor:
        return F.cross_entropy(logits(steps[step]), targets[steps[step]])

    fit(model, loss, steps=len(steps), lr=lr, warmup=len(steps) // 10)
    with torch.no_grad():
        tested = torch.arange(len(train), len(targets)).split(32)
        right = torch.cat([logits(rows).argmax(-1) == targets[rows] for rows in tested])
    return float(right.float().mean())


def run(method: str, size: int, seed: int) -> Row:
    """Accuracy of one method on one split."""
    train, test = texts(size, seed)
    result: Row = {"n_train": len(train), "n_test": len(test)}
    if method in COUNTS:
        counts = tf_idf(method.split()[-1]).fit(strings(train))
        seen, unseen = (counts.transform(strings(items)) for items in (train, test))
        return result | {"accuracy": accuracy(seen, unseen, train, test)}
    encoder, tokenizer = load_minilm()
    if method.endswith("random weights"):
        encoder = random_encoder(encoder, seed)
    if method in TUNED:
        options = {"lr": LR[method], "epochs": EPOCHS[method][size], "seed": seed}
        return result | {"accuracy": fine_tuned(encoder, tokenizer, (train, test), **options)}
    layer = 0 if method.endswith("word vectors") else -1
    seen, unseen = (features(encoder, tokenizer, items, layer) for items in (train, test))
    return result | {"accuracy": accuracy(seen, unseen, train, test)}


if __name__ == "__main__":
    main("fine_tuning")
