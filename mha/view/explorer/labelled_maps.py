"""What the explorer is handed, checked and brought to one form: attention maps with the tokens of their two axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mha.view.explorer.observed import ObservedLayer
from mha.view.values import check_text, rounding, to_labels, to_numbers, to_weights

__all__ = ["KINDS", "LabelledMaps", "Reading", "VectorsByHead", "label_maps", "read_maps", "read_readings"]

KINDS = ("encoder", "decoder", "cross")
MOST_TOKENS = 128
MOST_WEIGHTS = 1_000_000
TOLERANCE = 1e-3  # of a row's sum: the precision of what is shown; bfloat16 is coarser and gets its own


@dataclass(frozen=True)
class Reading:
    """One sentence that a model has read; the fields are arguments of `explore`.

    Fields:
        tokens, weights, target_tokens: as for `explore`.
        name: what the reader chooses it by; its tokens if None.
    """

    tokens: Sequence[str]
    weights: Any
    target_tokens: Sequence[str] | None = None
    name: str | None = None


@dataclass(frozen=True)
class VectorsByHead:
    """What `observe_attention` adds to the weights of one kind of attention.

    Fields:
        queries: (n_layers, n_heads, i, d), scaled.  keys: (n_layers, n_heads, j, d).
        lengths: (n_layers, n_heads, j), of the values behind the output projection.
        biased: whether some layer adds a bias to the scores.
    """

    queries: NDArray[np.float64]
    keys: NDArray[np.float64]
    lengths: NDArray[np.float64]
    biased: bool


@dataclass(frozen=True)
class LabelledMaps:
    """The maps of one kind of attention.

    Fields:
        kind: "self", "encoder", "decoder" or "cross".
        queries: i tokens, the rows.  keys: j tokens, the columns.
        weights: (n_layers, n_heads, i, j) float64 in [0, 1].
        vectors: what the weights were made of and what they hand on, if it was observed.
    """

    kind: str
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    weights: NDArray[np.float64]
    vectors: VectorsByHead | None = None

    @property
    def is_causal(self) -> bool:
        """Whether there is more than one token and none looks at a later one, in any head."""
        n_queries, n_keys = self.weights.shape[2:]
        later = np.triu(np.ones((n_queries, n_keys), dtype=bool), 1)
        return self.kind != "cross" and n_keys > 1 and not self.weights[..., later].any()


def read_readings(readings: Sequence[Reading]) -> list[tuple[str, tuple[LabelledMaps, ...]]]:
    """The readings' names and maps; see `explore_readings` for what is refused."""
    if isinstance(readings, Reading) or not isinstance(readings, Sequence) or not readings:
        raise TypeError(f"readings must be a sequence of one Reading or more, got {readings!r:.80}")
    found: list[tuple[str, tuple[LabelledMaps, ...]]] = []
    for number, one in enumerate(readings):
        if not isinstance(one, Reading):
            raise TypeError(f"readings must hold Reading objects, got {type(one).__name__} at {number}")
        maps = read_maps(one.tokens, one.weights, one.target_tokens)
        name = " ".join(one.tokens) if one.name is None else check_text(f"the name of reading {number}", one.name)
        if found and _outline(maps) != _outline(found[0][1]):
            raise ValueError(
                f"readings must be of one model, recorded alike: it is {_outline(found[0][1])} in reading 0 "
                f"and {_outline(maps)} in reading {number}"
            )
        found.append((name, maps))
    total = sum(one.weights.size for _, maps in found for one in maps)
    if total > MOST_WEIGHTS:
        raise ValueError(f"readings must hold at most {MOST_WEIGHTS} weights, got {total}: pass fewer sentences")
    return found


def _outline(maps: tuple[LabelledMaps, ...]) -> str:
    return "; ".join(
        f"{one.kind}, {one.weights.shape[0]} layers x {one.weights.shape[1]} heads{', observed' if one.vectors else ''}"
        for one in maps
    )


def read_maps(tokens: Sequence[str], weights: Any, target_tokens: Sequence[str] | None) -> tuple[LabelledMaps, ...]:
    """`label_maps`, as long as a page can hold what was given; see `explore` for what is taken and what is refused."""
    for name, given in (("tokens", tokens), ("target_tokens", target_tokens)):
        if given is not None and len(to_labels(name, given)) > MOST_TOKENS:
            raise ValueError(f"{name} must hold 1 to {MOST_TOKENS} tokens, got {len(given)}")
    maps = label_maps(tokens, weights, target_tokens)
    total = sum(one.weights.size for one in maps)
    if total > MOST_WEIGHTS:
        raise ValueError(f"weights must hold at most {MOST_WEIGHTS} numbers, got {total}: pass some of the layers")
    return maps


def label_maps(tokens: Sequence[str], weights: Any, target_tokens: Sequence[str] | None) -> tuple[LabelledMaps, ...]:
    """One `LabelledMaps` for each kind found in weights, checked as `explore` says, of whatever size."""
    source = tuple(to_labels("tokens", tokens))
    target = None if target_tokens is None else tuple(to_labels("target_tokens", target_tokens))
    weights = _by_kind(weights)
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
    return tuple(_maps_of_kind(kind, source, target or source, given) for kind, given in kinds.items())


def _by_kind(weights: Any) -> Any:
    """Layers by name, as a model with a decoder is recorded, sorted by kind; anything else as it is.

    Cross-attention is what has "cross" in its own name, and a decoder's is what lies in a module named so.
    """
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) and "." in name for name in weights):
        return weights
    kinds: dict[str, dict[str, Any]] = {}
    for name, layer in weights.items():
        *parents, last = name.split(".")
        kind = "cross" if "cross" in last else "decoder" if "decoder" in parents else "encoder"
        kinds.setdefault(kind, {})[name] = layer
    return kinds if len(kinds) > 1 else weights


def _maps_of_kind(kind: str, source: tuple[str, ...], target: tuple[str, ...], given: Any) -> LabelledMaps:
    queries = target if kind in ("decoder", "cross") else source
    keys = target if kind == "decoder" else source
    where = "weights" if kind == "self" else f"{kind} weights"
    layers = _layers(where, given)
    observed = [layer for layer in layers if isinstance(layer, ObservedLayer)]
    if observed and len(observed) < len(layers):
        raise TypeError(f"{where} must be observed in all layers or in none, got {len(observed)} of {len(layers)}")
    layers = [layer.weights for layer in observed] or layers
    weights = _stack_layers(where, layers)
    if weights.shape[2:] != (len(queries), len(keys)):
        rows, columns = weights.shape[2:]
        raise ValueError(
            f"{where} must have one row for each of {len(queries)} query tokens and one column for each of {len(keys)} "
            f"key tokens, got maps of {rows} x {columns}"
        )
    _check_rows(where, weights, max(TOLERANCE, rounding(layers)))
    return LabelledMaps(kind, queries, keys, np.clip(weights, 0.0, 1.0), _vectors(where, observed))


def _vectors(where: str, observed: list[ObservedLayer]) -> VectorsByHead | None:
    if not observed:
        return None
    parts = {name: [getattr(layer, name)[0] for layer in observed] for name in ("queries", "keys", "lengths")}
    stacked = {name: to_numbers(f"{name} of {where}", part) for name, part in parts.items()}  # (l, h, …)
    for name, numbers in stacked.items():
        if not np.isfinite(numbers).all():
            raise ValueError(f"{name} of {where} must be finite, got inf or NaN among them")
    return VectorsByHead(**stacked, biased=any(layer.biased for layer in observed))


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
