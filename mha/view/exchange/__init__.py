"""Attention maps from and for other tools, without any of them installed.

A `Reading` is what `explore_readings` takes: tokens, weights, and where there is a decoder its tokens. Each tool gets
it in the form that it documents, and what it hands over becomes one.
"""

from mha.view.exchange.bertviz import from_bertviz, to_bertviz
from mha.view.exchange.inseq import from_inseq, to_inseq
from mha.view.exchange.transformer_lens import from_transformer_lens, load_maps, save_maps, to_transformer_lens

__all__ = [
    "from_bertviz",
    "from_inseq",
    "from_transformer_lens",
    "load_maps",
    "save_maps",
    "to_bertviz",
    "to_inseq",
    "to_transformer_lens",
]
