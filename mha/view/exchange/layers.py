"""What all forms share: a reading's maps by kind, as float32 tensors, one a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mha.view.explorer.labelled_maps import Reading, label_maps

__all__ = ["check_mapping", "layers_by_kind", "reading_of"]


def layers_by_kind(reading: Reading) -> dict[str, Tensor]:
    """Kind -> (n_layers, h, i, j) float32; the kinds are "self", or of "encoder", "decoder" and "cross" those there.

    Raises:
        TypeError: it is no `Reading`.
        ValueError, TypeError: as `explore` of its fields, but for the limits of a page.
    """
    if not isinstance(reading, Reading):
        raise TypeError(f"reading must be a Reading, got {type(reading).__name__}: Reading(tokens, weights)")
    maps = label_maps(reading.tokens, reading.weights, reading.target_tokens)
    return {one.kind: torch.from_numpy(one.weights).float() for one in maps}


def reading_of(kinds: Mapping[str, Any], tokens: Any, target_tokens: Any = None) -> Reading:
    """A reading of layers by kind, checked: each an array or a list of layers (1, h, i, j) or (h, i, j).

    Raises:
        ValueError, TypeError: as `explore`, but for the limits of a page.
    """
    weights = kinds["self"] if set(kinds) == {"self"} else dict(kinds)
    reading = Reading(tokens, weights, target_tokens)
    found = layers_by_kind(reading)
    weights = found["self"] if set(found) == {"self"} else found
    target = None if target_tokens is None else list(target_tokens)
    return Reading(list(tokens), weights, target)


def check_mapping(name: str, value: object) -> None:
    """Refuse what has no names.

    Raises:
        TypeError: value is no mapping.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, got {type(value).__name__}")
