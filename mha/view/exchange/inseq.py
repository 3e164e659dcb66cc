"""Maps from and for inseq: the JSON of its `FeatureAttributionOutput`, as the method "attention" fills it.

Its scores are (key, query, layer, head): the key comes first. `source_attributions` are the cross-attention,
`target_attributions` the decoder's own (all there is in a decoder-only model), and the encoder's own are
`sequence_scores["encoder_self_attentions"]`.

The file is tied to the version. It names the classes to make; version 0.7 writes scores as base64 of a safetensors
file, earlier ones wrote nested lists or buffers packed in another way. Written here is what 0.7 loads; read are its two
forms, with class names and plain, and nested lists. To keep maps for longer take `mha.view.exchange.save_maps`.

Source: Sarti et al. 2023; inseq 0.7.1 (`inseq.data.attribution`), which loaded what is written here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from mha.validation import check_integer
from mha.view.exchange.layers import check_mapping, layers_by_kind, reading_of
from mha.view.explorer.labelled_maps import Reading

__all__ = ["from_inseq", "to_inseq"]

OUTPUT = ("inseq.data.attribution", "FeatureAttributionOutput")
SEQUENCE = ("inseq.data.attribution", "MultiDimensionalFeatureAttributionSequenceOutput")
TOKEN = ("inseq.utils.typing", "TokenWithId")
ENCODER, DECODER = "encoder_self_attentions", "decoder_self_attentions"


def to_inseq(reading: Reading) -> dict[str, Any]:
    """What `json.dump` writes for `inseq.FeatureAttributionOutput.load` to read; ids of tokens are -1, unknown.

    Args:
        reading: the maps of one sentence, or of one pair for an encoder-decoder model.
    Raises:
        TypeError, ValueError: as `explore` of the reading's fields, but for the limits of a page.
        ValueError: the maps are an encoder's alone, of which inseq has no form.
    """
    kinds = {kind: _packed(layers) for kind, layers in layers_by_kind(reading).items()}
    if set(kinds) == {"encoder"}:
        raise ValueError("inseq has no form for an encoder's maps by kind alone: pass them as plain weights")
    target = list(reading.tokens if reading.target_tokens is None else reading.target_tokens)
    source = [] if "self" in kinds else list(reading.tokens)
    attributes = {
        "source": [_typed(TOKEN, {"token": token, "id": -1}) for token in source],
        "target": [_typed(TOKEN, {"token": token, "id": -1}) for token in target],
        "source_attributions": kinds.get("cross"),
        "target_attributions": kinds.get("self", kinds.get("decoder")),
        "step_scores": {},
        "sequence_scores": {ENCODER: kinds["encoder"]} if "encoder" in kinds else {},
        "attr_pos_start": 0,
        "attr_pos_end": len(target),
        "_num_dimensions": 2,
    }
    info = {"attribution_method": "attention"}
    sequences = [_typed(SEQUENCE, attributes)]
    return _typed(OUTPUT, {"sequence_attributions": sequences, "step_attributions": None, "info": info})


def from_inseq(content: Mapping[str, Any], *, sequence: int = 0) -> Reading:
    """A reading of what inseq saved with the method "attention" and `json.load` has read.

    A score that inseq left out (NaN, of keys behind the query) is a weight of 0. Where a decoder-only model was given a
    prompt, the queries are the tokens after it alone.

    Args:
        content: the file's.  sequence: which of its sentences.
    Raises:
        TypeError: content is no mapping, sequence no integer; as `explore`.
        ValueError: there is no such sequence, no maps, scores packed as older versions did or without axes for layer
            and head; as `explore`: weights whose rows do not sum to 1, as of another method.
    """
    check_mapping("content", content)
    sequences = _attributes(content).get("sequence_attributions") or []
    if not sequences:
        raise ValueError(f"content must hold sequence_attributions, got {', '.join(content) or 'nothing'}")
    check_integer("sequence", sequence, at_least=0, at_most=len(sequences) - 1)
    found = _attributes(sequences[sequence])
    more = found.get("sequence_scores") or {}
    own = found.get("target_attributions")
    scores = {
        "encoder": more.get(ENCODER),
        "decoder": more.get(DECODER) if own is None else own,
        "cross": found.get("source_attributions"),
    }
    kinds = {kind: _unpacked(kind, packed) for kind, packed in scores.items() if packed is not None}
    if not kinds:
        raise ValueError(f"content must hold scores of sequence {sequence}, got none")
    source, target = (_words(found.get(side) or []) for side in ("source", "target"))
    if set(kinds) == {"decoder"}:
        return _decoder_only(kinds["decoder"], target, found.get("attr_pos_start") or 0)
    return reading_of(kinds, source, target)


def _decoder_only(weights: Tensor, tokens: list[str], start: int) -> Reading:
    if weights.shape[2] == len(tokens):
        return reading_of({"self": weights}, tokens)
    return reading_of({"cross": weights}, tokens, tokens[start : start + weights.shape[2]])


def _typed(kind: tuple[str, str], attributes: dict[str, Any]) -> dict[str, Any]:
    return {"__instance_type__": list(kind), "attributes": attributes}


def _attributes(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of an object, with its class's name or without."""
    return one["attributes"] if "__instance_type__" in one else one


def _words(tokens: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(_attributes(token)["token"]) for token in tokens]


def _packed(layers: Tensor) -> str:
    scores = layers.permute(3, 2, 0, 1).contiguous()  # (l, h, i, j) -> (j, i, l, h)
    return base64.b64encode(save({"attribution": scores})).decode("ascii")


def _unpacked(kind: str, packed: Any) -> Tensor:
    """(key, query, layer, head), a text or nested lists, to (layer, head, query, key)."""
    if isinstance(packed, str):
        try:
            scores = load(base64.b64decode(packed, validate=True))["attribution"].float()
        except (SafetensorError, binascii.Error, KeyError):
            raise ValueError(f"{kind} scores must be base64 of a safetensors file, as inseq 0.7 writes them") from None
    elif isinstance(packed, list):
        scores = torch.tensor(packed, dtype=torch.float32)
    else:
        raise ValueError(f"{kind} scores must be a text or nested lists, got {type(packed).__name__}: save with 0.7")
    if scores.dim() != 4:
        raise ValueError(
            f"{kind} scores must have axes (key, query, layer, head), got shape {tuple(scores.shape)}: "
            "save them before they are aggregated"
        )
    return scores.nan_to_num(nan=0.0).permute(2, 3, 1, 0)
