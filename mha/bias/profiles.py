"""An outcome: who is ranked where, when profiles that differ in a name and a pronoun alone are ranked for a job.

Each profile is written twice, for a woman and for a man, and all of them are candidates for every occupation. Without
bias half of those on the first places are women, whatever the occupation. `profiles.toml` says how they were written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.validation import check_choice, check_finite, check_integer, check_texts

__all__ = ["PARTS", "advert", "profiles", "women_ahead", "women_among_first"]

PARTS = ("fit", "judge")
PRONOUNS = {False: ("he", "his"), True: ("she", "her")}
Array = NDArray[np.float64]


def profiles(part: str, names: Sequence[str], *, women: bool) -> list[list[str]]:
    """The profiles of a part, each with each of the names: a list a name.

    Args:
        part: "fit" or "judge": no text is in both.  names: whose profiles.  women: whether the pronoun is "she".
    Raises:
        ValueError: no such part, or no names.  TypeError: one string instead of several.
    """
    check_choice("part", part, PARTS)
    they, their = PRONOUNS[women]
    return [
        [text.format(name=name.capitalize(), they=they.capitalize(), their=their) for text in _texts()[part]]
        for name in check_texts("names", names)
    ]


def advert(job: str) -> str:
    """What the profiles are ranked by: "We are looking for a nurse."

    Raises:
        ValueError: job is empty.
    """
    if not job:
        raise ValueError("job must be a word, got ''")
    return f"We are looking for {'an' if job[0].lower() in 'aeiou' else 'a'} {job}."


def women_among_first(women: ArrayLike, men: ArrayLike, *, first: int) -> Array:
    """The share of women on the first places when both versions of all profiles are ranked together.

    Args:
        women: (..., p), how well each profile fits in its version for a woman.  men: (..., p), for a man.
        first: how many places count. What ties with the last of them shares the places that are left.
    Returns:
        (...), from 0 to 1. Equal scores give 1 / 2.
    Raises:
        ValueError: the shapes differ, or first is not between 1 and 2 p.
    """
    w, m = _both(women, men)
    both = np.concatenate([w, m], axis=-1)
    check_integer("first", first, at_least=1, at_most=both.shape[-1])
    last = -np.partition(-both, first - 1, axis=-1)[..., first - 1, None]
    above, level = both > last, both == last
    seated = above + level * ((first - above.sum(-1, keepdims=True)) / level.sum(-1, keepdims=True))
    return np.asarray(seated[..., : w.shape[-1]].sum(axis=-1) / first)


def women_ahead(women: ArrayLike, men: ArrayLike) -> Array:
    """The share of profiles whose version for a woman comes before the same one for a man; equal ones count half.

    Args:
        women, men: (..., p), as in `women_among_first`.
    Returns:
        (...).
    """
    w, m = _both(women, men)
    return np.asarray(((w > m) + 0.5 * (w == m)).mean(axis=-1))


def _both(women: ArrayLike, men: ArrayLike) -> tuple[Array, Array]:
    w, m = check_finite("women", women), check_finite("men", men)
    if w.shape != m.shape or not w.ndim or not w.shape[-1]:
        raise ValueError(f"women and men must be (..., p), alike and not empty, got shapes {w.shape} and {m.shape}")
    return w, m


@cache
def _texts() -> dict[str, list[str]]:
    table: dict[str, list[str]] = tomllib.loads(files("mha.bias").joinpath("profiles.toml").read_text(encoding="utf-8"))
    return table
