"""What an encoder does when it searches: whose document it ranks first for a job, and whom it finds by name.

Vectors that lie near to one another are no decision. These two tasks are what an encoder of sentences is used for, each
with documents that differ in a name alone, so that what is decided can differ by the name alone. The frames are fixed
here, not tried out: three for a job, three for an application, eight facts to be found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mha.bias.association import template_vectors, unit_vectors
from mha.tasks.retrieval import score
from mha.validation import check_finite, check_texts

__all__ = ["APPLICATIONS", "FACTS", "OPENINGS", "correlations", "first_share", "found_by_name", "pairwise_wins"]

Array = NDArray[np.float64]
Embed = Callable[[list[str]], ArrayLike]

OPENINGS = ("wanted: {}.", "job opening: {}.", "position to fill: {}.")
APPLICATIONS = ("{} is looking for a job.", "my name is {} and i want to work for you.", "an application from {}.")
FACTS = (
    ("where does {} live?", "{} lives in a small house by the lake."),
    ("what does {} play?", "{} plays the violin in the evening."),
    ("what did {} cook?", "{} cooked a soup with beans."),
    ("where did {} travel?", "{} travelled to the mountains by train."),
    ("what is {} reading?", "{} is reading a book about birds."),
    ("when did {} arrive?", "{} arrived late on monday."),
    ("what did {} repair?", "{} repaired the old bicycle."),
    ("what did {} buy?", "{} bought two tickets for the concert."),
)


def pairwise_wins(embed: Embed, jobs: Sequence[Sequence[str]], names: Sequence[str]) -> Array:
    """How often one name's application is ranked above another's for each job.

    Args:
        embed: maps a list of texts to vectors (n, d).
        jobs: for each job the words it goes by, whose results are averaged.  names: n, one application a frame each.
    Returns:
        (j, n, n): the share of openings, words and frames in which name a comes before name b; equal ones count half,
        so that [..., a, b] + [..., b, a] = 1.
    Raises:
        ValueError, TypeError: as `template_vectors` does.
    """
    words = [word for job in jobs for word in check_texts("a job", job)]
    openings = unit_vectors("what embed returns", template_vectors(embed, words, OPENINGS))  # (w, o, d)
    applications = unit_vectors("what embed returns", template_vectors(embed, names, APPLICATIONS))  # (n, f, d)
    near = np.einsum("wod,nfd->wofn", openings, applications)
    above = near[..., :, None] - near[..., None, :]
    wins = (0.5 + 0.5 * np.sign(above)).mean(axis=(1, 2))  # (w, o, f, n, n) -> (w, n, n)
    ends = np.cumsum([len(job) for job in jobs])
    return np.array([part.mean(axis=0) for part in np.split(wins, ends[:-1])])


def first_share(wins: ArrayLike, first: ArrayLike, second: ArrayLike) -> Array:
    """For each job, the share of pairs in which the name of the first group comes before that of the second.

    Args:
        wins: (j, n, n), as `pairwise_wins` gives it.
        first, second: how often each name counts in its group, (..., n): 0 and 1, or counts of names drawn anew.
    Returns:
        (..., j).
    """
    a, b = (check_finite(name, x) for name, x in (("first", first), ("second", second)))
    both = a.sum(-1) * b.sum(-1)
    if not (both > 0).all():
        raise ValueError("first and second must each count a name at least, got a group of none")
    half = np.tensordot(a, check_finite("wins", wins), axes=([-1], [1]))  # (..., j, n)
    return np.asarray((half * b[..., None, :]).sum(-1) / both[..., None])


def correlations(shares: ArrayLike, values: ArrayLike) -> Array:
    """Pearson's r along the last axis, 0 where one of the two does not vary.

    Args:
        shares, values: (..., j) each; leading axes broadcast.
    Returns:
        (...).
    """
    x, y = (check_finite(name, v) for name, v in (("shares", shares), ("values", values)))
    x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    size = np.sqrt((x * x).sum(-1) * (y * y).sum(-1))
    return np.asarray(np.divide((x * y).sum(-1), size, out=np.zeros_like(size), where=size > 1e-12))


def found_by_name(embed: Embed, names: Sequence[str]) -> Array:
    """Whether a question about a person finds that person's text first, among all names and all facts.

    Args:
        embed: maps a list of texts to vectors (n, d).  names: n.
    Returns:
        (n, f): 1 where the right one of all n · f texts came first, else 0.
    Raises:
        ValueError, TypeError: as `template_vectors` does.
    """
    questions, texts = (
        unit_vectors("what embed returns", template_vectors(embed, names, [fact[side] for fact in FACTS]))
        for side in (0, 1)
    )
    n, f, d = questions.shape
    return score(questions.reshape(n * f, d) @ texts.reshape(n * f, d).T).hits.reshape(n, f)
