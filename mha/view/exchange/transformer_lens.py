"""Maps from and for TransformerLens: entries of its cache of activations, by their names; and files of such entries.

A pattern is (batch, head, query, key), or (head, query, key) once the batch was taken off. It is named
`blocks.0.attn.hook_pattern`; in an encoder-decoder model `encoder_blocks.0.attn.hook_pattern`,
`decoder_blocks.0.self_attn.hook_pattern` and `decoder_blocks.0.cross_attn.hook_pattern` (version 4). Read too are the
names that versions 1 and 2 gave: `encoder.0.attn.…`, `decoder.0.attn.…`, `decoder.0.cross_attn.…`.

A file holds the same names in the safetensors format, which runs no code when it is read, and the tokens beside them.

Source: Nanda and Bloom 2022, TransformerLens 4.3.0 (`ActivationCache`, `model_bridge`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mha.view.exchange.layers import layers_by_kind, reading_of
from mha.view.explorer.labelled_maps import Reading

__all__ = ["from_transformer_lens", "load_maps", "save_maps", "to_transformer_lens"]

NAMES = {
    "self": "blocks.{}.attn.hook_pattern",
    "encoder": "encoder_blocks.{}.attn.hook_pattern",
    "decoder": "decoder_blocks.{}.self_attn.hook_pattern",
    "cross": "decoder_blocks.{}.cross_attn.hook_pattern",
}
PATTERNS = {
    "self": r"blocks\.(\d+)\.attn\.hook_pattern",
    "encoder": r"encoder(?:_blocks)?\.(\d+)\.attn\.hook_pattern",
    "decoder": r"decoder(?:_blocks)?\.(\d+)\.(?:self_)?attn\.hook_pattern",
    "cross": r"decoder(?:_blocks)?\.(\d+)\.cross_attn\.hook_pattern",
}


def to_transformer_lens(reading: Reading) -> dict[str, Tensor]:
    """Name -> pattern (1, h, i, j) float32, as a cache of TransformerLens holds them.

    Raises:
        TypeError, ValueError: as `explore` of the reading's fields, but for the limits of a page.
    """
    return {
        NAMES[kind].format(number): layer[None].contiguous()
        for kind, layers in layers_by_kind(reading).items()
        for number, layer in enumerate(layers)
    }


def from_transformer_lens(cache: Any, tokens: Sequence[str], target_tokens: Sequence[str] | None = None) -> Reading:
    """A reading of the patterns in a cache; its other entries are left out.

    Args:
        cache: name -> tensor, a mapping or an `ActivationCache`.
        tokens: j strings, as `model.to_str_tokens` gives them; for an encoder-decoder model the encoder's.
        target_tokens: i strings, the decoder's.
    Raises:
        TypeError: cache has no items; as `explore`.
        ValueError: no pattern in it, a layer missing between others; as `explore`.
    """
    if not callable(getattr(cache, "items", None)):
        raise TypeError(f"cache must be a mapping or an ActivationCache, got {type(cache).__name__}")
    found: dict[str, dict[int, Any]] = {}
    for name, value in cache.items():
        for kind, pattern in PATTERNS.items():
            if match := re.fullmatch(pattern, str(name)):
                found.setdefault(kind, {})[int(match[1])] = value
    if not found:
        raise ValueError(
            f"cache must hold patterns such as {NAMES['self'].format(0)}, got {', '.join(map(str, cache)) or 'nothing'}"
        )
    return reading_of({kind: _in_order(kind, layers) for kind, layers in found.items()}, tokens, target_tokens)


def _in_order(kind: str, layers: Mapping[int, Any]) -> list[Any]:
    missing = sorted(set(range(max(layers) + 1)) - set(layers))
    if missing:
        raise ValueError(
            f"cache must hold every layer from 0 on, got no {NAMES[kind].format(missing[0])} "
            f"beside {NAMES[kind].format(max(layers))}"
        )
    return [layers[number] for number in sorted(layers)]


def save_maps(path: str | Path, reading: Reading) -> None:
    """Write a reading's maps and tokens to a safetensors file, with the names of TransformerLens.

    Raises:
        TypeError, ValueError: as `to_transformer_lens`.
    """
    target = None if reading.target_tokens is None else list(reading.target_tokens)
    words = {"tokens": list(reading.tokens), "target_tokens": target}
    save_file(to_transformer_lens(reading), path, metadata={name: json.dumps(text) for name, text in words.items()})


def load_maps(path: str | Path) -> Reading:
    """The reading that `save_maps` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, or holds no tokens; as `from_transformer_lens`.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata() or {}
            cache = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {error}") from None
    if "tokens" not in metadata:
        raise ValueError(f"{path} holds no tokens beside its tensors: was it written by save_maps?")
    return from_transformer_lens(
        cache, json.loads(metadata["tokens"]), json.loads(metadata.get("target_tokens", "null"))
    )
