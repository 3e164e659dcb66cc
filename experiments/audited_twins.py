"""What two audited models' architectures give before they have read anything: 39 untrained twins of each.

A twin is asked what `mha.bias.audit` asks the trained model of: the correlation of who is ranked first for a job with
the share of women in it, and, of the GPT, WEAT's ten tests and the nearness of occupations to women's words (of the
encoder these two are in `untrained_twins`). The trained GPT is the one that `continuation` keeps.

Fixed before anything was ranked: the names are the eight and eight of WEAT 6, the jobs those of the published figures,
the frames those of `mha.bias.audit.outcomes`. The audit finds a stereotype in who is ranked first if, with the
encoder, women's names come first the more often the more women work in a job, and the largest of four p is below 0.05:
shares shuffled among the jobs; the 16 names cut into halves by chance; 39 untrained twins; jobs and names drawn anew
(twice the share of draws with r ≤ 0). One question, and so no correction. The GPT's tokenizer is kept too, since
learning it takes longer than a chapter has. Budget: 4 core-minutes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from experiments import continuation, untrained_twins
from experiments.runner import Row, main
from mha.bias.association import associations, effect_size, template_vectors
from mha.bias.audit.outcomes import correlations, first_share, pairwise_wins
from mha.bias.word_lists import association_tests, occupations
from mha.models.gpt import GPT
from mha.models.pretrained import encode, load_minilm

N_TWINS = 39
MODELS = ("encoder", "gpt")
BATCH = 128

RUNS: list[Row] = [{"model": model, "seed": seed} for model in MODELS for seed in range(N_TWINS)]
RUNS += [{"model": "the gpt's tokenizer", "seed": 0}]

Array = NDArray[np.float64]
Embed = Callable[[list[str]], Array]


def gpt_embed(model: GPT, tokenizer: Tokenizer) -> Embed:
    """Texts to the mean of a GPT's last states over their tokens, as many as it can read, (n, d)."""

    @torch.no_grad()
    def embed(texts: list[str]) -> Array:
        parts = []
        for start in range(0, len(texts), BATCH):
            ids, mask = (part[:, : model.max_len] for part in encode(tokenizer, texts[start : start + BATCH]))
            states = model.last_hidden_state(ids) * mask[..., None]  # padding comes last: no token sees it
            parts.append(states.sum(1) / mask.sum(1, keepdim=True))
        return torch.cat(parts).double().numpy()

    return embed


def encoder_embed(seed: int) -> Embed:
    """Of an untrained encoder."""
    twin, (_, tokenizer) = untrained_twins.twin(seed), load_minilm()
    return lambda texts: untrained_twins.text_vectors(twin, tokenizer, texts)


def gpt_twin(seed: int) -> GPT:
    """A GPT as it was before training."""
    torch.manual_seed(seed)
    return GPT(continuation.CONFIG).eval()


def ranked(embed: Embed) -> float:
    """The correlation of women's names coming first with women's share, over jobs."""
    test, jobs = association_tests()["WEAT 6"], occupations()
    wins = pairwise_wins(embed, [job.words for job in jobs], (*test.x, *test.y))
    women = np.repeat([0.0, 1.0], [len(test.x), len(test.y)])
    return float(correlations([job.women for job in jobs], first_share(wins, women, 1 - women)))


def run(model: str, seed: int) -> Row:
    """One twin's answers, or the tokenizer."""
    if model not in MODELS:
        return {"tokenizer": continuation.tokenizer().to_str()}
    if model == "encoder":
        return {"ranked": ranked(encoder_embed(seed))}
    embed, tests = gpt_embed(gpt_twin(seed), continuation.tokenizer()), association_tests().values()
    words = untrained_twins.words_asked(list(tests))
    found = template_vectors(embed, words, untrained_twins.TEMPLATES).mean(axis=1)
    vectors = dict(zip(words, found, strict=True))
    effects = {}
    for test in tests:
        x, y, a, b = untrained_twins.split(test, vectors)
        effects[test.id] = float(effect_size(associations(x, a, b), associations(y, a, b)))
    near = untrained_twins.job_associations(vectors)
    share = [job.women for job in occupations()]
    return {"ranked": ranked(embed), "d": effects, "near": float(correlations(share, near))}


if __name__ == "__main__":
    main("audited_twins")
