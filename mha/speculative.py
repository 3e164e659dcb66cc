"""Several tokens from one pass: something cheap drafts the next few, and the model reads them all at once.

A pass over five tokens reads the weights once, as a pass over one does. Where the drafts are right it gives more tokens
for little more time; where they are wrong it still gives one. Either way it is the model's own text: greedy token for
token, or drawn from the model's own probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from mha.drafts import Draft, Proposal, check_rule, n_leading
from mha.generate import Choose, Decoder, Sampling, check_eos, check_request, greedy
from mha.validation import check_callable, check_integer, check_tensor, checked_before

__all__ = ["Speculation", "speculate", "verify"]


@dataclass(frozen=True)
class Speculation:
    """A text, and what it took."""

    tokens: Tensor
    """(1, i + n), the prompt's first; fewer where it ended earlier."""
    n_passes: int
    """Of the model; without drafts there would be one for each new token."""
    n_drafted: int
    """Tokens that were proposed."""
    n_accepted: int
    """Those of them that the model let stand."""


def speculate(
    model: Decoder,
    prompt: Tensor,
    max_new_tokens: int,
    *,
    draft: Draft,
    n_drafted: int = 4,
    choose: Choose = greedy,
    eos_id: int | None = None,
) -> Speculation:
    """What `generate` writes, in fewer passes of the model where the draft is often right.

    A pass over several tokens rounds otherwise than one over each, so logits that are equal but for rounding may change
    places, as they may on another processor.

    Args:
        model: in evaluation mode; its caches have `truncate(length)`.  prompt: (1, i) integers, i ≥ 1.
        max_new_tokens: n, at least 1.  draft: proposes tokens: a `TextLookup`, a `SmallModel`, or your own.
        n_drafted: how many tokens it is asked for before each pass, at least 1.
        choose: `greedy`, or a `Sampling`, whose probabilities the text follows whatever is proposed.
        eos_id: the text ends with it.
    Raises:
        TypeError, ValueError: as `generate` does; prompt is not one sequence, choose neither of the two, or what the
            draft proposes does not fit.
    Source: Leviathan et al. 2023; Chen et al. 2023.
    """
    check_request(model, prompt, max_new_tokens, eos_id)
    check_integer("n_drafted", n_drafted, at_least=1)
    check_callable("draft.begin", getattr(draft, "begin", None))
    check_rule(choose)
    if len(prompt) != 1:
        raise ValueError(f"prompt must be one sequence (1, i), got {tuple(prompt.shape)}")
    stop, counts = prompt.shape[1] + max_new_tokens, []
    with torch.inference_mode():
        for text, *counted in _passes(model, prompt[0], stop, draft, n_drafted, choose, eos_id):
            counts.append(counted)
            if len(text) == stop or (eos_id is not None and text[-1] == eos_id):
                break
    proposed, kept = (sum(column) for column in zip(*counts, strict=True))
    return Speculation(text[None].clone(), len(counts), proposed, kept)  # a clone outside can be trained on


def _passes(
    model: Decoder, text: Tensor, stop: int, draft: Draft, n_drafted: int, choose: Choose, eos_id: int | None
) -> Iterator[tuple[Tensor, int, int]]:
    """Behind each pass: the text (i,), not beyond an eos; how many tokens were proposed, and how many of them stand."""
    propose, caches, done = draft.begin(stop - 1), model.new_caches(1, stop - 1), 0
    while True:
        n = min(n_drafted, stop - len(text) - 1)  # since one more comes behind them
        proposal = _fitting(propose(text, n), n, text)
        k = len(proposal.tokens)
        unread = torch.cat([text[done:], proposal.tokens])
        with checked_before() if done else nullcontext():
            logits = model(unread[None], caches=caches)[0, -k - 1 :]  # (k + 1, v)
        check_eos(eos_id, logits)
        kept, token = verify(logits, proposal, choose)
        added = torch.cat([proposal.tokens[:kept], token[None]])
        text = torch.cat([text, added if eos_id is None else added[: n_leading(added != eos_id) + 1]])
        done = len(text) - 1  # the last token has not been read
        caches.truncate(done)
        yield text, k, kept


def verify(logits: Tensor, proposal: Proposal, choose: Choose) -> tuple[int, Tensor]:
    """How many of the proposed tokens stand, and the token that comes behind them.

    Greedy: those that the model would have chosen, up to the first that it would not; in its place comes the model's
    own. Drawn: a token x that the draft drew with probability q(x), where the model has p(x), stands with probability
    p(x) / q(x), surely if that is above 1; in the place of the first that does not comes one drawn from what p has more
    than q, max(0, p - q) divided by its sum. Both ways together give each token its p(x). A token that was not drawn
    counts as one with q(x) = 1.

    Args:
        logits: (k + 1, v), the model's for each proposed token and for the one behind.  proposal: of k tokens.
        choose: `greedy` or a `Sampling`.
    Returns:
        How many, 0 … k, and a token ().
    Raises:
        ValueError: the proposal's shares are not (k, v).
    Source: Leviathan et al. 2023, algorithm 1, with the proof in its appendix; Chen et al. 2023.
    """
    tokens, q = proposal
    if not isinstance(choose, Sampling):
        own = choose(logits)  # (k + 1,)
        kept = n_leading(own[:-1] == tokens)
        return kept, own[kept]
    p = choose.shares(logits)  # (k + 1, v)
    if q is not None and q.shape != p[:-1].shape:
        raise ValueError(f"shares must be {tuple(p[:-1].shape)}, a row for each token, got {tuple(q.shape)}")
    places = torch.arange(len(tokens), device=p.device)
    chance = torch.rand(len(tokens), dtype=p.dtype, device=p.device, generator=choose.generator)  # in [0, 1)
    kept = n_leading(chance * (1.0 if q is None else q[places, tokens]) < p[places, tokens])
    left = p[kept]
    if kept < len(tokens):
        left = left.index_fill(0, tokens[kept], 0.0) if q is None else (left - q[kept]).clamp(min=0)
        left = left if left.any() else p[kept]  # where p and q are one but for rounding
    return kept, torch.multinomial(left, 1, generator=choose.generator)[0]


def _fitting(proposal: Proposal, n: int, text: Tensor) -> Proposal:
    """The proposal, on the text's device and of its dtype; whether its ids have vectors the model asks."""
    if not isinstance(proposal, Proposal):
        raise TypeError(f"draft must give a Proposal, got {type(proposal).__name__}")
    check_tensor("proposal.tokens", proposal.tokens)
    if proposal.tokens.dim() != 1 or len(proposal.tokens) > n:
        raise ValueError(f"draft must propose (k,) tokens, k at most {n}, got {tuple(proposal.tokens.shape)}")
    return Proposal(proposal.tokens.to(text), proposal.shares)
