"""Layers whose matrix is stored as integers of 8 or 4 bits, and read as it is or by products of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mha.compress import rounding
from mha.compress.rounding import Per
from mha.validation import check_choice, check_ids, check_stream, was_checked

__all__ = ["IntegerMatrix", "QuantizedEmbedding", "QuantizedLinear", "Scheme"]

FEW_ROWS = 32


@dataclass(frozen=True)
class Scheme:
    """How matrices are stored, and what they are multiplied with.

    Args:
        bits: 8 or 4; two numbers of 4 bits share a byte.
        per: what shares a scale, as for `rounding.quantize`: "tensor", "row" or a number of columns.
        activations: "float" makes the matrix float again for each product; "int8" rounds each token as well, with a
            scale of its own, and multiplies integers.
    Raises:
        ValueError: bits is neither; per or activations is unknown; int8 activations with 4 bits or with groups, whose
            scales would change within a sum.
    """

    bits: int = 8
    per: Per = "row"
    activations: str = "float"

    def __post_init__(self) -> None:
        if self.bits not in (4, 8):
            raise ValueError(f"bits must be 4 or 8, got {self.bits!r}")
        rounding.check_per(self.per)
        check_choice("activations", self.activations, ("float", "int8"))
        if self.activations == "int8" and (self.bits != 8 or not isinstance(self.per, str)):
            raise ValueError(f"int8 activations need bits 8 and a scale by row or tensor, got {self}")


class IntegerMatrix(nn.Module):
    """A matrix (n, m) as integers and scales; made empty, to be filled by `fill` or from a file.

    Args:
        n, m: its shape.  scheme: how it is stored.
    Raises:
        ValueError: m does not fit the scheme.
    """

    def __init__(self, n: int, m: int, scheme: Scheme) -> None:
        super().__init__()
        self.scheme = scheme
        groups = m // rounding.group_size(m, scheme.per)
        if scheme.bits == 4 and m % 2:
            raise ValueError(f"a matrix of 4 bits needs an even number of columns, got {m}")
        shape, dtype = ((n, m), torch.int8) if scheme.bits == 8 else ((n, m // 2), torch.uint8)
        self.values: Tensor
        self.scales: Tensor
        self.register_buffer("values", torch.zeros(shape, dtype=dtype))
        self.register_buffer("scales", torch.ones((1 if scheme.per == "tensor" else n, groups)))

    def fill(self, weight: Tensor) -> None:
        """Round a float matrix (n, m) into this one, which goes where that one is."""
        values, scales = rounding.quantize(weight, bits=self.scheme.bits, per=self.scheme.per)
        self.to(weight.device)
        self.values.copy_(values if self.scheme.bits == 8 else rounding.pack(values))
        self.scales.copy_(scales)

    @property
    def weight(self) -> Tensor:
        """The matrix in float32 (n, m), made for whoever asks: it can be read; to write to it raises an error."""
        with torch.inference_mode():
            return self.dequantized()

    def dequantized(self, rows: Tensor | None = None) -> Tensor:
        """The matrix in float32 (n, m), or some of its rows (k, m)."""
        values, scales = self.values, self.scales
        if rows is not None:
            values, scales = values[rows], scales if len(scales) == 1 else scales[rows]
        return rounding.dequantize(values if self.scheme.bits == 8 else rounding.unpack(values), scales)

    def reset_parameters(self) -> None:
        """Raises TypeError: there is nothing to draw anew where integers stand."""
        raise TypeError(f"{type(self).__name__} holds rounded weights, which cannot be drawn anew")

    def extra_repr(self) -> str:
        n, stored = self.values.shape
        return f"{n}, {stored * 8 // self.scheme.bits}, {self.scheme}"


class QuantizedLinear(IntegerMatrix):
    """x Wᵀ + bias, W as integers.

    Args:
        in_features: m.  out_features: n.  scheme: how W is stored.  bias: whether one is added; it stays in float32.
    Raises:
        ValueError: m does not fit the scheme.
    """

    def __init__(self, in_features: int, out_features: int, scheme: Scheme, *, bias: bool = True) -> None:
        super().__init__(out_features, in_features, scheme)
        self.in_features, self.out_features = in_features, out_features
        self.bias = nn.Parameter(torch.zeros(out_features), requires_grad=False) if bias else None

    @classmethod
    def like(cls, layer: nn.Linear, scheme: Scheme) -> Self:
        """Of the layer's sizes, and empty."""
        return cls(layer.in_features, layer.out_features, scheme, bias=layer.bias is not None)

    @classmethod
    def of(cls, layer: nn.Linear, scheme: Scheme) -> Self:
        """The layer, rounded."""
        made = cls.like(layer, scheme)
        made.fill(layer.weight)
        if made.bias is not None:
            made.bias.data.copy_(layer.bias.detach())
        return made

    def forward(self, x: Tensor) -> Tensor:
        """(..., m) -> (..., n).

        Raises:
            ValueError: a width, dtype or device that does not fit.
            RuntimeError: a gradient is wanted through int8 activations, and rounding has none.
        """
        if not was_checked():
            self._check(x)
        if self.scheme.activations == "float":
            return F.linear(x, self.dequantized(), self.bias)
        if x.requires_grad and torch.is_grad_enabled():
            raise RuntimeError("int8 activations have no gradient: use torch.no_grad(), or activations='float'")
        rows, scales = rounding.quantize_rows(x.reshape(-1, self.in_features))
        product = _product(rows, self.values)  # (r, m) (m, n) -> (r, n)
        out = product.to(x.dtype, memory_format=torch.contiguous_format).mul_(self.scales.t())
        out = out.mul_(scales) if self.bias is None else torch.addcmul(self.bias, out, scales, out=out)
        return out.view(*x.shape[:-1], self.out_features)

    def _check(self, x: Tensor) -> None:
        check_stream("x", x, self.in_features, self)
        if x.dtype != self.scales.dtype:  # without a bias nothing else tells
            raise ValueError(f"x must be {self.scales.dtype} as the scales are, got {x.dtype}")


class QuantizedEmbedding(IntegerMatrix):
    """A vector for each id, its row stored as integers; only the rows that are asked for become float.

    Args:
        num_embeddings: n.  embedding_dim: m.  scheme: how rows are stored; activations mean nothing here.
    Raises:
        ValueError: m does not fit the scheme.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, scheme: Scheme) -> None:
        super().__init__(num_embeddings, embedding_dim, scheme)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim

    @classmethod
    def like(cls, layer: nn.Embedding, scheme: Scheme) -> Self:
        """Of the table's sizes, and empty."""
        return cls(layer.num_embeddings, layer.embedding_dim, scheme)

    @classmethod
    def of(cls, layer: nn.Embedding, scheme: Scheme) -> Self:
        """The table, rounded."""
        made = cls.like(layer, scheme)
        made.fill(layer.weight)
        return made

    def forward(self, ids: Tensor) -> Tensor:
        """Integers (b, i) -> float32 (b, i, m). Raises TypeError or ValueError as `check_ids` does."""
        check_ids("ids", ids, self.num_embeddings)
        return self.dequantized(ids.flatten()).view(*ids.shape, -1)


def _product(rows: Tensor, values: Tensor) -> Tensor:
    """rows (r, m) times values (n, m) transposed, (r, n); the larger matrix goes first, where few rows gain by it."""
    if len(rows) <= FEW_ROWS:
        return rounding.int_product(values, rows.t()).t()
    return rounding.int_product(rows, values.t())
