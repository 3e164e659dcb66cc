"""Maps from and for BertViz: the arguments of its `head_view` and `model_view`.

For self-attention `attention`, a list of one tensor (1, h, i, j) a layer, and `tokens`; for an encoder-decoder model
`encoder_attention`, `decoder_attention` and `cross_attention` with `encoder_tokens` and `decoder_tokens`. Tokens stay
as they are; BertViz itself turns the marks of word beginnings into spaces when it draws.

Source: Vig 2019; bertviz 1.4.1, which these arguments were tried on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mha.view.exchange.layers import check_mapping, layers_by_kind, reading_of
from mha.view.explorer.labelled_maps import KINDS, Reading

__all__ = ["from_bertviz", "to_bertviz"]


def to_bertviz(reading: Reading) -> dict[str, Any]:
    """What to call BertViz with: `head_view(**to_bertviz(reading))`.

    Args:
        reading: the maps of one sentence, or of one pair for an encoder-decoder model.
    Returns:
        Its arguments; each layer a float32 tensor (1, h, i, j).
    Raises:
        TypeError, ValueError: as `explore` of the reading's fields, but for the limits of a page.
    """
    kinds = {kind: [layer[None] for layer in layers] for kind, layers in layers_by_kind(reading).items()}
    if "self" in kinds:
        return {"attention": kinds["self"], "tokens": list(reading.tokens)}
    arguments: dict[str, Any] = {f"{kind}_attention": layers for kind, layers in kinds.items()}
    if set(kinds) & {"encoder", "cross"}:
        arguments["encoder_tokens"] = list(reading.tokens)
    if set(kinds) & {"decoder", "cross"}:
        arguments["decoder_tokens"] = list(reading.target_tokens or reading.tokens)
    return arguments


def from_bertviz(arguments: Mapping[str, Any]) -> Reading:
    """A reading of what someone calls BertViz with, as a mapping; arguments that are about the drawing are left out.

    Raises:
        TypeError: arguments is no mapping; as `explore`.
        ValueError: no maps among them, maps of both forms, maps without their tokens; as `explore`.
    """
    check_mapping("arguments", arguments)
    given = {name: value for name, value in arguments.items() if value is not None}
    kinds = {kind: given[f"{kind}_attention"] for kind in KINDS if f"{kind}_attention" in given}
    if ("attention" in given) == bool(kinds):
        raise ValueError(
            "arguments must hold attention, or some of encoder_attention, decoder_attention and cross_attention, "
            f"got {', '.join(given) or 'none'}"
        )
    if not kinds:
        return reading_of({"self": given["attention"]}, _tokens(given, "tokens"))
    target = _tokens(given, "decoder_tokens") if set(kinds) & {"decoder", "cross"} else None
    source = _tokens(given, "encoder_tokens") if set(kinds) & {"encoder", "cross"} else target
    return reading_of(kinds, source, target)


def _tokens(given: Mapping[str, Any], name: str) -> Any:
    if name not in given:
        raise ValueError(f"arguments must hold {name} with these maps, got {', '.join(given)}")
    return given[name]
