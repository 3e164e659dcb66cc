"""What the explorer is handed, checked and brought to one form: attention maps with the tokens of their two axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mha.view.values import rounding, to_labels, to_weights

__all__ = ["KINDS", "LabelledMaps", "read_maps"]

KINDS = ("encoder", "decoder", "cross")
MOST_TOKENS = 128
MOST_WEIGHTS = 1_000_000
TOLERANCE = 1e-3  # of a row's sum: the precision of what is shown; bfloat16 is coarser and gets its own


@dataclass(frozen=True)
class LabelledMaps:
    """The maps of one kind of attention.

    Fields:
        kind: "self", "encoder", "decoder" or "cross".
        queries: i tokens, the rows.  keys: j tokens, the columns.
        weights: (n_layers, n_heads, i, j) float64 in [0, 1].
    """

    kind: str
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    weights: NDArray[np.float64]


def read_maps(tokens: Sequence[str], weights: Any, target_tokens: Sequence[str] | None) -> tuple[LabelledMaps, ...]:
    """One `LabelledMaps` for each kind found in weights; see `explore` for what is taken and what is refused."""
    source = _read_tokens("tokens", tokens)
    target = None if target_tokens is None else _read_tokens("target_tokens", target_tokens)
    if isinstance(weights, Mapping) and set(weights) & set(KINDS):
        unknown = [str(kind) for kind in weights if kind not in KINDS]
        if unknown:
            raise ValueError(f"weights by kind must have keys among {', '.join(KINDS)}, got {', '.join(unknown)} too")
        kinds = {kind: weights[kind] for kind in KINDS if kind in weights}
        if target is None and set(kinds) != {"encoder"}:
            others = " and ".join(kind for kind in kinds if kind != "encoder")
            raise ValueError(f"target_tokens must be given with {others} maps, got None")
    else:
        kinds = {"self" if target is None else "cross": weights}
    maps = tuple(_maps_of_kind(kind, source, target or source, given) for kind, given in kinds.items())
    total = sum(one.weights.size for one in maps)
    if total > MOST_WEIGHTS:
        raise ValueError(f"weights must hold at most {MOST_WEIGHTS} numbers, got {total}: pass some of the layers")
    return maps


def _read_tokens(name: str, tokens: Sequence[str]) -> tuple[str, ...]:
    read = tuple(to_labels(name, tokens))
    if len(read) > MOST_TOKENS:
        raise ValueError(f"{name} must hold 1 to {MOST_TOKENS} tokens, got {len(read)}")
    return read


def _maps_of_kind(kind: str, source: tuple[str, ...], target: tuple[str, ...], given: Any) -> LabelledMaps:
    queries = target if kind in ("decoder", "cross") else source
    keys = target if kind == "decoder" else source
    where = "weights" if kind == "self" else f"{kind} weights"
    layers = _layers(where, given)
    weights = _stack_layers(where, layers)
    if weights.shape[2:] != (len(queries), len(keys)):
        rows, columns = weights.shape[2:]
        raise ValueError(
            f"{where} must have one row for each of {len(queries)} query tokens and one column for each of {len(keys)} "
            f"key tokens, got maps of {rows} x {columns}"
        )
    _check_rows(where, weights, max(TOLERANCE, rounding(layers)))
    return LabelledMaps(kind, queries, keys, np.clip(weights, 0.0, 1.0))


def _layers(where: str, given: Any) -> list[Any]:
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise TypeError(f"{where} must be an array, a tensor or a sequence of layers, got {type(given).__name__}")
    return list(given.values() if isinstance(given, Mapping) else given)


def _stack_layers(where: str, given: list[Any]) -> NDArray[np.float64]:
    """Layers of (h, i, j), or (1, h, i, j), to (n_layers, h, i, j)."""
    layers = [to_weights(f"{where}: layer {number}", layer) for number, layer in enumerate(given)]
    if not layers:
        raise ValueError(f"{where} must hold at least one layer, got none")
    for number, layer in enumerate(layers):
        if layer.ndim not in (3, 4) or 0 in layer.shape:
            raise ValueError(f"{where}: layer {number} must have shape (n_heads, i, j), got {layer.shape}")
        if layer.ndim == 4 and layer.shape[0] != 1:
            raise ValueError(
                f"{where}: layer {number} must hold one sequence, got a batch of {layer.shape[0]}: pick one of them"
            )
    layers = [layer.reshape(layer.shape[-3:]) for layer in layers]
    shapes = sorted({layer.shape for layer in layers})
    if len(shapes) > 1:
        raise ValueError(f"{where} must have the same shape in every layer, got {shapes[0]} and {shapes[1]}")
    return np.stack(layers)


def _check_rows(where: str, weights: NDArray[np.float64], tolerance: float) -> None:
    """Weights are finite, in [0, 1], and each row sums to 1, or to 0 where everything is masked."""
    inside = np.isfinite(weights) & (weights >= -tolerance) & (weights <= 1 + tolerance)
    if not inside.all():
        layer, head, row, column = np.argwhere(~inside)[0]
        raise ValueError(
            f"{where}: layer {layer}, head {head}, row {row} must be numbers from 0 to 1, "
            f"got {weights[layer, head, row, column]} in column {column}"
        )
    sums = weights.sum(axis=-1)
    wrong = (np.abs(sums - 1) > tolerance) & (np.abs(sums) > tolerance)
    if wrong.any():
        layer, head, row = np.argwhere(wrong)[0]
        raise ValueError(
            f"{where}: layer {layer}, head {head}, row {row} must sum to 1 (or to 0, fully masked), "
            f"got {sums[layer, head, row]:.4f}: scores instead of weights, another axis, or dropout switched on?"
        )
