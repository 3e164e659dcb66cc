"""The mistakes that every exercise on a cross-entropy shares, as edits in the lines that their right answers share.

shifted = asked - asked.max(axis=-1, keepdims=True)
log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
losses = -picked
"""

from __future__ import annotations

from course.checks.edits import Mistake

__all__ = ["CROSS_ENTROPY"]

_LOG_P = "shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))"
_PICKED = "np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]"
CROSS_ENTROPY = (
    Mistake(
        "sign",
        "losses = -picked -> losses = picked",
        "the minus sign is missing: the loss is minus the log-probability.",
    ),
    Mistake(
        "probabilities",
        "losses = -picked -> losses = np.exp(picked)",
        "the logarithm is missing: these are the probabilities of the right tokens. Take minus their logarithm.",
        also=("losses = -picked -> losses = -np.exp(picked)", "losses = -picked -> losses = 1 - np.exp(picked)"),
    ),
    Mistake(
        "raw-logits",
        f"{_LOG_P} -> asked",
        "these are the logits: subtract the logarithm of the sum of all exponentials from each first, "
        "or take the log of a softmax.",
        also=(f"{_LOG_P} -> shifted",),
    ),
    Mistake(
        "over-positions",
        ("asked.max(axis=-1 -> asked.max(axis=1", "np.exp(shifted).sum(axis=-1 -> np.exp(shifted).sum(axis=1"),
        "the softmax runs over another axis: it runs over the vocabulary, the last.",
        also=(("asked.max(axis=-1 -> asked.max(axis=0", "np.exp(shifted).sum(axis=-1 -> np.exp(shifted).sum(axis=0"),),
    ),
    Mistake(
        "over-everything",
        "np.exp(shifted).sum(axis=-1, keepdims=True) -> np.exp(shifted).sum()",
        "the softmax runs over the whole array: it runs over the vocabulary, axis=-1 with keepdims=True.",
        also=(
            (
                "- asked.max(axis=-1, keepdims=True) ->",
                "np.exp(shifted).sum(axis=-1, keepdims=True) -> np.exp(shifted).sum()",
            ),
        ),
    ),
    Mistake(
        "keepdims-missing",
        "np.exp(shifted).sum(axis=-1, keepdims=True) -> np.exp(shifted).sum(axis=-1)",
        "a sum over the last axis drops it, and then it does not fit the logits: keepdims=True keeps it.",
    ),
    Mistake(
        "bits",
        f"{_LOG_P} -> ({_LOG_P}) / np.log(2)",
        "this is in bits: take the natural logarithm, np.log.",
        also=(f"{_LOG_P} -> ({_LOG_P}) / np.log(10)",),
    ),
    Mistake(
        "log-twice",
        f"{_LOG_P} -> np.log(-({_LOG_P}))",
        "the logarithm is taken twice: once is enough.",
    ),
    Mistake(
        "probabilities-in-softmax",
        f"{_LOG_P} -> (p := np.exp({_LOG_P})) - np.log(np.exp(p).sum(axis=-1, keepdims=True))",
        "the softmax is taken twice: its probabilities are put through it again. Take the logarithm of the first.",
    ),
    Mistake(
        "mean-of-exponentials",
        "np.exp(shifted).sum(axis=-1, keepdims=True) -> np.exp(shifted).mean(axis=-1, keepdims=True)",
        "the exponentials are averaged: add them up.",
    ),
    Mistake(
        "largest-token",
        f"{_PICKED} -> log_p.max(axis=-1)",
        "this is the loss of the likeliest token: take that of the target.",
    ),
    Mistake(
        "all-tokens",
        f"{_PICKED} -> log_p.mean(axis=-1)",
        "this averages over all tokens of the vocabulary: take the target's alone.",
        also=(f"{_PICKED} -> log_p.sum(axis=-1)", f"{_PICKED} -> log_p"),
    ),
    Mistake(
        "every-pair",
        f"{_PICKED} -> log_p[..., targets]",
        "every position meets every target: pick one for each position, with np.take_along_axis.",
    ),
    Mistake(
        "overflows",
        "- asked.max(axis=-1, keepdims=True) ->",
        "e to the power of a logit near 1000 is infinite: subtract the row's largest logit first, and take the "
        "logarithm of the sum.",
        also=(("- asked.max(axis=-1, keepdims=True) ->", "shifted - np.log( -> np.log(np.exp(shifted)) - np.log("),),
    ),
    Mistake(
        "log-of-zero",
        "shifted - np.log( -> np.log(np.exp(shifted)) - np.log(",
        "the logarithm is taken of probabilities that are 0 in double precision: subtract the logarithm of the sum "
        "from the logits instead.",
        also=tuple(
            f"{_LOG_P} -> np.log(np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True) + {small})"
            for small in (1e-6, 1e-8, 1e-9, 1e-10, 1e-12)
        ),
    ),
)
