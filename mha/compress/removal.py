"""Take heads and layers out of a model: its matrices become smaller, so it is stored in less and computes less.

A head is d rows each of the query, key and value matrices and d columns of the output matrix. What goes is copied
nowhere: the model that comes back has none of it, and gives what the whole one gives with those heads' outputs at zero.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mha.checkpoint import CheckpointViews, PublishedNames, load_weights
from mha.heads import MultiHeadAttention
from mha.interpret.gating import Place
from mha.interpret.patching import attention_layers
from mha.models.bert import Encoder
from mha.validation import check_integer

__all__ = ["HeadlessAttention", "load_smaller", "remove_heads", "remove_layers", "save_smaller"]

Model = TypeVar("Model", bound=nn.Module)
NOTE = "removed_heads"


class HeadlessAttention(MultiHeadAttention):
    """What is left of an attention without heads: the output's bias, the same at every position.

    `remove_heads` puts it where the last head of a layer went. It counts as an attention of the model, of no heads.

    Args:
        d_model, head_dim, bias: as for `MultiHeadAttention`.
    """

    def __init__(self, d_model: int, head_dim: int, *, bias: bool = True) -> None:
        nn.Module.__init__(self)
        self.d_model = check_integer("d_model", d_model, at_least=1)
        self.head_dim = check_integer("head_dim", head_dim, at_least=1)
        self.n_heads = self.n_kv_heads = 0
        self.dropout, self.scale, self.rotary, self.gate, self.patterns = 0.0, None, None, None, None
        self.qkv, self.out = _linear(torch.empty(0, d_model), bias), _linear(torch.empty(d_model, 0), bias)
        self.reset_parameters()

    def forward(self, x: Tensor, context: Tensor | None = None, **options: Any) -> Tensor:
        """(b, i, m) -> (b, i, m). What is said of keys is not needed; a cache is refused, with ValueError."""
        self.check_inputs(x, context)
        if options.get("cache") is not None:
            raise ValueError("cache must be None: an attention without heads has no keys to keep")
        return x.new_zeros(x.shape) if self.out.bias is None else self.out.bias.to(x.dtype).expand_as(x)

    def reset_parameters(self) -> None:
        """Zeros."""
        if self.out.bias is not None:
            nn.init.zeros_(self.out.bias)


def remove_heads(model: Model, heads: Iterable[Place]) -> Model:
    """A copy of the model without these heads.

    Args:
        model: in which `MultiHeadAttention` are plain; it stays as it is.
        heads: (layer, head), layers in the order in which the model defines them. In a model of one shared layer that
            is layer 0, and the head goes from all its runs. With grouped queries as many heads must stay in each group
            that stays at all; keys and values go with the last head of their group.
    Returns:
        The same class, with smaller matrices; a layer without heads is a `HeadlessAttention`.
    Raises:
        TypeError: a place is no pair of integers.
        ValueError: there is no such layer or head, one is named twice, a layer is a subclass, has a gate or linear maps
            that are not plain, or groups would differ. A model that adds a bias a head (ALiBi, T5) refuses its next
            input, since its biases are still of all heads.
    """
    by_layer = _by_layer(model, heads)
    for number in by_layer:
        _check_plain(attention_layers(model)[number], number)  # before it is copied: a masked weight cannot be
    smaller = copy.deepcopy(model)
    layers = attention_layers(smaller)
    emptied = {id(layers[n]): made for n, gone in by_layer.items() if (made := _shrink(layers[n], gone, n)) is not None}
    for name, module in list(smaller.named_modules(remove_duplicate=False)):
        if name and id(module) in emptied:
            smaller.set_submodule(name, emptied[id(module)])
    return cast(Model, emptied.get(id(smaller), smaller))  # the model may be an attention itself


def remove_layers(encoder: Encoder, layers: Iterable[int]) -> Encoder:
    """A copy of the encoder without these layers, attention and feed-forward net alike.

    Raises:
        TypeError: a layer is no integer.
        ValueError: there is no such layer, or none would stay.
    """
    n = len(encoder.blocks)
    gone = {check_integer("layer", layer, at_least=0, at_most=n - 1) for layer in layers}
    if len(gone) == n:
        raise ValueError(f"layers must leave one, got all {n}")
    smaller = copy.deepcopy(encoder)
    smaller.blocks = nn.ModuleList(block for number, block in enumerate(smaller.blocks) if number not in gone)
    smaller.config = replace(encoder.config, n_layers=n - len(gone))
    return smaller


class _Named(Protocol):
    @property
    def published(self) -> PublishedNames: ...

    def checkpoint_views(self) -> CheckpointViews: ...


def save_smaller(model: _Named, path: str | Path, removed: Iterable[Place]) -> None:
    """Write the model's weights, named as its `checkpoint_views` do, and which heads they lack.

    Args:
        model: what `remove_heads` gave.  path: a safetensors file.  removed: the heads that were removed.
    """
    tensors = {name: view.contiguous() for name, view in model.checkpoint_views().items()}
    save_file(tensors, path, metadata={NOTE: json.dumps(sorted(removed))})


def load_smaller(make: Callable[[], Any], path: str | Path) -> Any:
    """The model that `save_smaller` wrote.

    Args:
        make: makes a model with all heads, whose weights do not matter.  path: the file.
    Returns:
        A model of the same class with the file's heads and weights.
    Raises:
        ValueError: the file does not say which heads it lacks, or does not fit the model; as `load_weights` does.
    """
    with safe_open(path, framework="pt") as file:
        note = (file.metadata() or {}).get(NOTE)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    if note is None:
        raise ValueError(f"{path} does not say which heads were removed: it was not written by save_smaller")
    model = remove_heads(make(), [(layer, head) for layer, head in json.loads(note)])
    load_weights(model, tensors)
    return model


def _by_layer(model: nn.Module, heads: Iterable[Place]) -> Mapping[int, set[int]]:
    layers = attention_layers(model)
    by_layer: dict[int, set[int]] = {}
    for place in heads:
        if not isinstance(place, tuple | list) or len(place) != 2:
            raise TypeError(f"a place must be a pair (layer, head), got {place!r}")
        number = check_integer("layer", place[0], at_least=0, at_most=len(layers) - 1)
        head = check_integer("head", place[1], at_least=0, at_most=layers[number].n_heads - 1)
        if head in by_layer.setdefault(number, set()):
            raise ValueError(f"heads must differ, got {(number, head)} twice")
        by_layer[number].add(head)
    return by_layer


def _shrink(layer: MultiHeadAttention, gone: set[int], number: int) -> HeadlessAttention | None:
    """Take heads out of the layer in place; where none would be left, what is to stand in its place."""
    d, kept = layer.head_dim, [head for head in range(layer.n_heads) if head not in gone]
    if not kept:
        return _emptied(layer)
    shared = layer.n_heads // layer.n_kv_heads  # so many heads of queries look at one head of keys
    groups = sorted({head // shared for head in kept})
    left = {group: sum(head // shared == group for head in kept) for group in groups}
    if len(set(left.values())) > 1:
        raise ValueError(f"as many heads must stay in each group of layer {number} that stays, got {left}")
    first_key, first_value = layer.n_heads, layer.n_heads + layer.n_kv_heads
    rows = [*kept, *(first_key + group for group in groups), *(first_value + group for group in groups)]
    layer.qkv = _rows_of(layer.qkv, _channels(rows, d))
    layer.out = _columns_of(layer.out, _channels(kept, d))
    layer.n_heads, layer.n_kv_heads = len(kept), len(groups)
    return None


def _emptied(layer: MultiHeadAttention) -> HeadlessAttention:
    empty = HeadlessAttention(layer.d_model, layer.head_dim, bias=layer.out.bias is not None)
    nothing = torch.empty(0, dtype=torch.int64)
    empty.qkv, empty.out = _rows_of(layer.qkv, nothing), _columns_of(layer.out, nothing)
    return empty.train(layer.training)


def _check_plain(layer: MultiHeadAttention, number: int) -> None:
    if type(layer) is not MultiHeadAttention or layer.gate is not None:
        what = "a gate" if layer.gate is not None else f"of type {type(layer).__name__}"
        raise ValueError(f"layer {number} must be a plain MultiHeadAttention without a gate, got one with {what}")
    for name in ("qkv", "out"):
        linear = getattr(layer, name)
        if type(linear) is not nn.Linear or linear._forward_hooks or linear._forward_pre_hooks:
            raise ValueError(f"{name} of layer {number} must be a plain nn.Linear, got {type(linear).__name__}")


def _channels(heads: Iterable[int], d: int) -> Tensor:
    """The d channels of each head, (n·d,)."""
    return (torch.tensor([*heads], dtype=torch.int64)[:, None] * d + torch.arange(d)).flatten()


def _rows_of(linear: nn.Linear, rows: Tensor) -> nn.Linear:
    """A linear map to these of its outputs."""
    return _filled(linear, linear.weight[rows.to(linear.weight.device)], rows)


def _columns_of(linear: nn.Linear, columns: Tensor) -> nn.Linear:
    """A linear map from these of its inputs; the bias stays as it is."""
    return _filled(linear, linear.weight[:, columns.to(linear.weight.device)], None)


def _filled(like: nn.Linear, weight: Tensor, rows: Tensor | None) -> nn.Linear:
    made = _linear(weight.detach().contiguous(), like.bias is not None)
    made.weight.requires_grad_(like.weight.requires_grad)
    if like.bias is not None:
        bias = like.bias.detach()
        kept = bias.clone() if rows is None else bias[rows.to(bias.device)]
        made.bias = nn.Parameter(kept, requires_grad=like.bias.requires_grad)
    return made.train(like.training)


def _linear(weight: Tensor, bias: bool) -> nn.Linear:
    """Made of a weight, which may be empty; its bias is zeros."""
    made = nn.Linear(1, 1, bias=False, device="meta")  # draws nothing, and does not warn of an empty matrix
    made.out_features, made.in_features = weight.shape
    made.weight = nn.Parameter(weight)
    if bias:
        made.bias = nn.Parameter(weight.new_zeros(len(weight)))
    return made
