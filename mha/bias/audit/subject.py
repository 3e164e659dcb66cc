"""What is audited: a model, how it makes vectors, and what whoever answers for it says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from mha.validation import check_callable, check_finite, check_module, check_texts

__all__ = ["ModelCard", "Subject", "weights_sha256"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ModelCard:
    """The part of a model card that no measurement gives.

    Fields:
        name.  details: architecture, makers, date.  source: where it is published.  data: what it was trained on.
        intended_use, not_intended: what it is for and what not.  caveats: what a reader should mind besides.
        sha256: of the weights meant, as `weights_sha256` computes it; "" where none was published.
    Raises:
        TypeError: a field is no text.  ValueError: one says nothing, but for sha256.
    Source: Mitchell et al. 2019.
    """

    name: str
    details: str
    source: str
    data: str
    intended_use: str
    not_intended: str
    caveats: tuple[str, ...]
    sha256: str = ""

    def __post_init__(self) -> None:
        check_texts("caveats of the card", self.caveats)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "caveats":
                continue
            if not isinstance(value, str):
                raise TypeError(f"{field.name} of the card must be text, got {value!r}")
            if field.name != "sha256" and not value.strip():
                raise ValueError(f"{field.name} of the card must say something, got {value!r}: an audit states it")


@dataclass(frozen=True)
class Subject:
    """A model with its card, and how it is used.

    Args:
        model: what the weights are hashed of.  embed: maps a list of texts to vectors (n, d).
        card: what is said of it.
    Raises:
        TypeError: model is no module, embed no function, card no card.
        ValueError: the weights are not those that the card means.
    """

    model: nn.Module
    embed: Callable[[list[str]], ArrayLike]
    card: ModelCard

    def __post_init__(self) -> None:
        check_module("model", self.model)
        check_callable("embed", self.embed)
        if not isinstance(self.card, ModelCard):
            raise TypeError(f"card must be a ModelCard, got {type(self.card).__name__}")
        got = weights_sha256(self.model)
        if self.card.sha256 and got != self.card.sha256:
            meant = f"the card of {self.card.name!r} means weights with SHA-256 {self.card.sha256}"
            raise ValueError(f"unknown model: {meant}, got {got}")

    def vectors(self, texts: list[str]) -> Array:
        """What embed gives, if it can be audited.

        Raises:
            ValueError: another shape than (n, d), a number that is not finite (with the text that gave it), or the same
                vector for all texts.
        """
        found = np.asarray(_plain(self.embed(list(texts))), dtype=np.float64)
        if found.ndim != 2 or len(found) != len(texts) or not found.shape[1]:
            raise ValueError(
                f"{self.card.name} must give ({len(texts)}, d), one vector a text, got shape {found.shape}"
            )
        broken = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if broken.size:
            raise ValueError(
                f"{self.card.name} must give finite numbers, got NaN or infinity for {broken.size} of {len(texts)} "
                f"texts, the first {texts[broken[0]]!r}"
            )
        if len(set(texts)) > 1 and (found == found[0]).all():
            raise ValueError(f"{self.card.name} must tell texts apart, got one vector for all {len(texts)}")
        return check_finite("vectors", found)


def weights_sha256(model: nn.Module) -> str:
    """SHA-256 over every tensor of the state by name, with dtype and shape: of what computes, whatever file it was in.

    Raises:
        TypeError: model is no module.  ValueError: it has no tensors.
    """
    check_module("model", model)
    state = model.state_dict()
    if not state:
        raise ValueError("model must have weights to be told by, got a module without any")
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _plain(vectors: ArrayLike) -> ArrayLike:
    return vectors.detach().cpu().double().numpy() if isinstance(vectors, torch.Tensor) else vectors
