"""Continue a sequence: greedy, by sampling, by beam search; with or without a cache."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mha.row_linear import wide_by_column
from mha.validation import (
    check_callable,
    check_ids,
    check_integer,
    check_number,
    check_tensor,
    check_torch_generator,
    checked_before,
)

__all__ = [
    "Decoder",
    "Sampling",
    "beam_search",
    "check_eos",
    "check_request",
    "generate",
    "greedy",
    "probabilities",
]

SHARP = 1e-6  # a temperature below which dividing by it could overflow
WORTH_A_COPY = 32  # tokens, from which on `wide_by_column` saves more than it costs
Choose = Callable[[Tensor], Tensor]  # logits (b, v) of the next token -> its id (b,)


class Decoder(Protocol):
    """What can be continued: `GPT`, or T5's decoder with its memory.

    Where it has a `max_len`, that is the most tokens it can read; none or None means that there is no limit.
    """

    def __call__(self, token_ids: Tensor, *, caches: Any = None) -> Tensor:
        """(b, i) -> logits (b, i, v); with caches, token_ids are only those that come after what these hold."""
        ...

    def new_caches(self, batch: int, max_len: int) -> Any:
        """Empty caches with room for max_len tokens; `reorder(index)` lets sequence n go on from sequence index[n]."""
        ...


def greedy(logits: Tensor) -> Tensor:
    """The likeliest token: (b, v) -> (b,)."""
    return logits.argmax(-1)


def probabilities(
    logits: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """The softmax of logits / temperature over the tokens that are left, first by top_k, then by top_p.

    Args:
        logits: (..., v).  temperature: below 1 sharper, above 1 flatter.
        top_k: keep the k likeliest tokens, and those equal to the last of them.
        top_p: keep the likeliest tokens until together they have at least this probability; at least one. At 1 that is
            every token that has any.
    Returns:
        (..., v), float32 at least, rows sum to 1.
    Raises:
        TypeError: logits are not floats, temperature or top_p no number, top_k no integer.
        ValueError: temperature is not positive, top_k not at least 1, or top_p not in (0, 1].
    Source: top-k: Fan et al. 2018; top-p: Holtzman et al. 2020.
    """
    _check_sampling(temperature, top_k, top_p)
    logits = _wide(logits)
    if temperature < SHARP:
        logits = logits - logits.amax(-1, keepdim=True)
    logits = logits / max(temperature, torch.finfo(logits.dtype).tiny)
    if top_k is not None:
        lowest = logits.topk(min(top_k, logits.shape[-1]), dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < lowest, -torch.inf)
    if top_p is not None:
        ordered, order = logits.softmax(-1).sort(dim=-1, descending=True, stable=True)
        rest = ordered.flip(-1).cumsum(-1).flip(-1)  # what each and the less likely have, summed from the smallest
        unlikely = rest <= 1.0 - top_p
        unlikely[..., 0] = False
        left_out = torch.zeros_like(unlikely).scatter(-1, order, unlikely)
        logits = logits.masked_fill(left_out, -torch.inf)
    return logits.softmax(-1)


@dataclass(frozen=True)
class Sampling:
    """Draw the next token from `probabilities`.

    Args:
        generator: what chance is drawn from.  temperature, top_k, top_p: as in `probabilities`.
    Raises:
        TypeError, ValueError: as `probabilities` does, when made; TypeError where generator is none.
    """

    generator: torch.Generator
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        check_torch_generator("generator", self.generator)
        _check_sampling(self.temperature, self.top_k, self.top_p)

    def __call__(self, logits: Tensor) -> Tensor:
        """(b, v) -> (b,)."""
        return torch.multinomial(self.shares(logits), 1, generator=self.generator)[:, 0]

    def shares(self, logits: Tensor) -> Tensor:
        """What is drawn from: (..., v) -> (..., v), rows sum to 1."""
        return probabilities(logits, temperature=self.temperature, top_k=self.top_k, top_p=self.top_p)


def generate(
    model: Decoder,
    prompt: Tensor,
    max_new_tokens: int,
    *,
    choose: Choose = greedy,
    eos_id: int | None = None,
    use_cache: bool = True,
) -> Tensor:
    """Append tokens to each sequence, one after another.

    Args:
        model: in evaluation mode.  prompt: (b, i) integers, i ≥ 1, without padding.
        max_new_tokens: n, at least 1.
        choose: maps the logits (b, v) of the next token to its id (b,): `greedy`, a `Sampling`, or your own.
        eos_id: behind it a sequence is filled up with it; when all have it, the rest is not computed.
        use_cache: compute only the newest token in each step; without it, all tokens again.
    Returns:
        (b, i + n), or shorter if all sequences ended earlier. The cache changes the time, not the tokens.
    Raises:
        TypeError: max_new_tokens or eos_id is no integer, or prompt or what `choose` gives holds none.
        ValueError: max_new_tokens is not positive, or more than the model has room for; prompt has another shape; an id
            is outside the vocabulary; as the model does.
    """
    check_request(model, prompt, max_new_tokens, eos_id)
    check_callable("choose", choose)
    batch, start = prompt.shape
    tokens = prompt.new_full((batch, start + max_new_tokens), 0 if eos_id is None else eos_id)
    tokens[:, :start] = prompt
    one_row = use_cache and batch == 1 and max_new_tokens >= WORTH_A_COPY
    with torch.inference_mode(), wide_by_column(model) if one_row and isinstance(model, nn.Module) else nullcontext():
        end = _continue(model, tokens, start, choose, eos_id, use_cache)
    return tokens[:, :end]


def _continue(model: Decoder, tokens: Tensor, start: int, choose: Choose, eos_id: int | None, use_cache: bool) -> int:
    """Write the tokens (b, i + n) from `start` on, up to where every sequence has ended; returns that place."""
    batch, stop = tokens.shape
    caches = model.new_caches(batch, stop - 1) if use_cache else None
    ended = torch.zeros(batch, dtype=torch.bool, device=tokens.device)
    done = 0  # tokens in the caches
    for end in range(start, stop):
        with checked_before() if done else nullcontext():
            logits = model(tokens[:, done:end], caches=caches)[:, -1]  # (b, v)
        check_eos(eos_id, logits)
        chosen = choose(logits)
        if not (choose is greedy or isinstance(choose, Sampling)):  # which can give nothing else
            _check_chosen(chosen, logits)
        done = end if use_cache else 0
        if eos_id is not None:
            chosen = chosen.masked_fill(ended, eos_id)
            ended |= chosen == eos_id
        tokens[:, end] = chosen
        if eos_id is not None and ended.all():
            return end + 1
    return stop


def beam_search(
    model: Decoder,
    prompt: Tensor,
    max_new_tokens: int,
    *,
    n_beams: int,
    eos_id: int | None = None,
    length_penalty: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """The likeliest continuations that a search which keeps n_beams of them at each step can find.

    Args:
        model: in evaluation mode.  prompt: (1, i) integers.  max_new_tokens: n, at least 1.
        n_beams: k. A beam that has ended stays among them, unless k likelier ones push it out.
        eos_id: ends a continuation; behind it a row is filled up with it.
        length_penalty: the k continuations left at the end are ranked by log-probability / length ** length_penalty,
            the length counting new tokens up to eos; 0 ranks by probability alone and favours short ones.
    Returns:
        tokens (k, i + n) or shorter, best first, and their scores (k,). Where fewer than k continuations exist, the
        scores of the rest are -inf.
    Raises:
        TypeError, ValueError: as `generate` does; n_beams is no positive integer, length_penalty no finite number, or
            prompt is not one sequence.
    """
    check_request(model, prompt, max_new_tokens, eos_id)
    check_integer("n_beams", n_beams, at_least=1)
    check_number("length_penalty", length_penalty)
    if len(prompt) != 1:
        raise ValueError(f"prompt must be one sequence (1, i), got {tuple(prompt.shape)}")
    with torch.inference_mode():
        tokens, scores, lengths = _search(model, prompt, max_new_tokens, n_beams, eos_id)
        ranked = (scores / lengths.to(scores.dtype) ** length_penalty).sort(descending=True, stable=True)
        tokens = tokens[ranked.indices]
    return tokens.clone(), ranked.values.clone()  # outside, so that they can be trained on


def _search(
    model: Decoder, prompt: Tensor, max_new_tokens: int, n_beams: int, eos_id: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The beams left at the end, unordered: tokens (k, i + n), their log-probabilities (k,), their lengths (k,)."""
    tokens = prompt.expand(n_beams, -1)
    caches = model.new_caches(n_beams, prompt.shape[1] + max_new_tokens - 1)
    scores = torch.full((n_beams,), -torch.inf, device=prompt.device)
    scores[0] = 0.0  # all beams are equal so far: only one may branch
    lengths = torch.zeros(n_beams, dtype=torch.int64, device=prompt.device)
    ended = torch.zeros(n_beams, dtype=torch.bool, device=prompt.device)
    step = tokens
    for _ in range(max_new_tokens):
        log_p = _wide(model(step, caches=caches)[:, -1]).log_softmax(-1)  # (k, v)
        check_eos(eos_id, log_p)
        if eos_id is not None:
            log_p[ended] = -torch.inf  # an ended beam goes on with eos alone, at no cost
            log_p[ended, eos_id] = 0.0
        scores, best = (scores[:, None] + log_p).flatten().topk(n_beams)
        beams, chosen = best // log_p.shape[-1], best % log_p.shape[-1]
        caches.reorder(beams)
        lengths = lengths[beams] + ~ended[beams]
        ended = ended[beams] | (chosen == eos_id if eos_id is not None else False)
        step = chosen[:, None]
        tokens = torch.cat([tokens[beams], step], dim=1)
        if ended.all():
            break
    return tokens, scores, lengths


def _wide(logits: Tensor) -> Tensor:
    """In float32 at least: sums of half precision run there."""
    check_tensor("logits", logits)
    if not logits.dtype.is_floating_point:
        raise TypeError(f"logits must be floats, got {logits.dtype}")
    return logits if logits.dtype == torch.float64 else logits.float()


def _check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    check_number("temperature", temperature, above=0)
    if top_k is not None:
        check_integer("top_k", top_k, at_least=1)
    if top_p is not None:
        check_number("top_p", top_p, above=0, at_most=1)


def check_request(model: Decoder, prompt: Tensor, max_new_tokens: int, eos_id: int | None) -> None:
    """Refuse what `generate` would refuse of these arguments, with the errors that it raises."""
    check_callable("model", model)
    check_integer("max_new_tokens", max_new_tokens, at_least=1)
    if eos_id is not None:
        check_integer("eos_id", eos_id, at_least=0)
    check_ids("prompt", prompt)
    room, length = getattr(model, "max_len", None), prompt.shape[1] + max_new_tokens - 1  # the last one is not read
    if room is not None and length > room:
        raise ValueError(
            f"max_new_tokens ({max_new_tokens}) must be at most {max(0, room + 1 - prompt.shape[1])} behind a prompt "
            f"of {prompt.shape[1]} tokens, since the model reads at most max_len ({room})"
        )


def check_eos(eos_id: int | None, logits: Tensor) -> None:
    """Refuse an eos_id for which there is no logit: ValueError."""
    if eos_id is not None and eos_id >= logits.shape[-1]:
        raise ValueError(f"eos_id ({eos_id}) must be below the number of tokens ({logits.shape[-1]})")


def _check_chosen(chosen: Tensor, logits: Tensor) -> None:
    check_tensor("what choose gives", chosen)
    if chosen.shape != logits.shape[:1]:
        raise ValueError(f"choose must give one id a sequence ({len(logits)},), got {tuple(chosen.shape)}")
    check_ids("what choose gives", chosen[:, None], logits.shape[-1])
