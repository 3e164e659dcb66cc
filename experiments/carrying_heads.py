"""Which of the pretrained encoder's heads carry a difference, one head at a time, for every contrast there is.

Two measures. For a contrast of two words, a head gives what it gave in the other sentence of the pair: the share of the
sentences' difference that follows is what it carries, on the "confirmation" frames, along a direction that is fixed on
others. For occupations there is no other sentence: a head gives the mean of what it gives over all occupations and
tokens, so that it tells none from another; what is kept is how near each occupation then is to women's words, along the
direction that the whole encoder gives.

Nothing here is drawn by chance: the seed is 0 everywhere.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from experiments.runner import Row, main
from experiments.untrained_twins import TEMPLATES, text_vectors, word_vectors
from mha.bias.association import associations
from mha.bias.word_lists import CONTRASTS, association_tests, minimal_pairs, occupations
from mha.interpret.patching import patch_heads, record_heads
from mha.models.bert import Encoder
from mha.models.pretrained import encode, load_minilm

HEADS = [(layer, head) for layer in range(6) for head in range(12)]
OCCUPATIONS = "occupations"

RUNS: list[Row] = [{"contrast": contrast, "seed": 0} for contrast in (*CONTRASTS, OCCUPATIONS)]

Array = NDArray[np.float64]


def sentence(encoder: Encoder, ids: Tensor, mask: Tensor) -> Tensor:
    """The mean of the last layer over the tokens, (b, m)."""
    states = encoder(ids, key_mask=mask) * mask[..., None]
    return states.sum(1) / mask.sum(1, keepdim=True)


@torch.no_grad()
def carried(encoder: Encoder, tokenizer: Tokenizer, contrast: str) -> Array:
    """The share of each pair's difference that follows a head, (72, n)."""
    one, other = (text_vectors(encoder, tokenizer, texts).mean(0) for texts in minimal_pairs(contrast, "reference"))
    direction = torch.from_numpy(one - other).float()
    first, second = (encode(tokenizer, texts) for texts in minimal_pairs(contrast, "confirmation"))
    with record_heads(encoder) as kept:
        end = sentence(encoder, *second)
    donor, start = dict(kept), sentence(encoder, *first)
    shares = []
    for head in HEADS:
        with patch_heads(encoder, donor, [head]):
            moved = start - sentence(encoder, *first)
        shares.append(moved @ direction / ((start - end) @ direction))
    return torch.stack(shares).double().numpy()


@torch.no_grad()
def without_each(encoder: Encoder, tokenizer: Tokenizer) -> tuple[Array, Array]:
    """Associations of the occupations with women's words: with all heads (56,), and without each (72, 56)."""
    gender = association_tests()["WEAT 7"]
    vectors = word_vectors(encoder, tokenizer, [*gender.a, *gender.b])
    men, women = (np.array([vectors[word] for word in part]) for part in (gender.a, gender.b))
    jobs = occupations()
    texts = [template.replace("{}", word) for job in jobs for word in job.words for template in TEMPLATES]
    ids, mask = encode(tokenizer, texts)
    with record_heads(encoder) as kept:
        whole = _by_figure(sentence(encoder, ids, mask), women, men)
    donor = {layer: _mean_over_tokens(outputs, mask) for layer, outputs in kept.items()}
    ablated = []
    for head in HEADS:
        with patch_heads(encoder, donor, [head]):
            ablated.append(_by_figure(sentence(encoder, ids, mask), women, men))
    return whole, np.array(ablated)


def _mean_over_tokens(outputs: Tensor, mask: Tensor) -> Tensor:
    """(b, h, i, d) -> the same shape, at each place the mean over all texts and their tokens."""
    kept = mask[:, None, :, None]
    mean = (outputs * kept).sum((0, 2), keepdim=True) / kept.sum((0, 2), keepdim=True)
    return mean.expand_as(outputs).contiguous()


def _by_figure(states: Tensor, women: Array, men: Array) -> Array:
    """Vectors of all words in all templates (w·t, m) -> one association a published figure (56,)."""
    of_words = states.double().numpy().reshape(-1, len(TEMPLATES), states.shape[-1]).mean(1)
    values = iter(associations(of_words, women, men))
    return np.array([np.mean([next(values) for _ in job.words]) for job in occupations()])


def run(contrast: str, seed: int) -> Row:
    """All 72 heads on one contrast."""
    encoder, tokenizer = load_minilm()
    if contrast == OCCUPATIONS:
        whole, ablated = without_each(encoder, tokenizer)
        return {"whole": whole.tolist(), "ablated": ablated.tolist()}
    return {"shares": carried(encoder, tokenizer, contrast).tolist()}


if __name__ == "__main__":
    main("carrying_heads")
