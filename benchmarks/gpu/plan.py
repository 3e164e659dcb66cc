"""Which shapes are measured, in which order: a run that is cut off has the most telling ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

__all__ = ["Cell", "Shape", "plan"]

TOKENS, WIDTH = 2**14, 2048  # batch x length and heads x head_dim in the published comparisons
KERNELS = ("explicit", "SDPA's choice", "flash", "cuDNN", "Triton", "Triton, tuned")
COMPILED = ("explicit, compiled", "FlexAttention, compiled")
ONE_QUERY = ("explicit", "SDPA's choice", "flash", "cuDNN")


@dataclass(frozen=True)
class Shape:
    """q (b, h, i, d), k and v (b, g, j, d), their number format, and what is done with them."""

    dtype: str
    batch: int
    n_heads: int
    n_queries: int
    n_keys: int
    head_dim: int
    n_kv_heads: int
    is_causal: bool = False
    backward: bool = False

    @property
    def name(self) -> str:
        """What a reader and a stored file call it, one name a shape."""
        heads = str(self.n_heads) if self.n_heads == self.n_kv_heads else f"{self.n_heads}/{self.n_kv_heads}"
        tokens = str(self.n_keys) if self.n_queries == self.n_keys else f"{self.n_queries} on {self.n_keys}"
        kinds = ", causal" * self.is_causal + ", backward" * self.backward
        return f"{self.dtype}, batch {self.batch}, heads {heads}, d {self.head_dim}, tokens {tokens}{kinds}"

    @property
    def flops(self) -> float:
        """As published kernels count: 4 b h i j d, half under a causal mask, 3.5 times that with the backward pass."""
        forward = 4 * self.batch * self.n_heads * self.n_queries * self.n_keys * self.head_dim
        return forward / (1 + self.is_causal) * (3.5 if self.backward else 1)

    @property
    def n_bytes(self) -> int:
        """Bytes of q, k, v and out, each once: the least that a forward pass moves."""
        queries = 2 * self.n_heads * self.n_queries
        keys = 2 * self.n_kv_heads * self.n_keys
        return self.batch * (queries + keys) * self.head_dim * (4 if self.dtype == "float32" else 2)


@dataclass(frozen=True)
class Cell:
    """A shape, the backends that are measured on it in turns, and the question it belongs to."""

    phase: str
    shape: Shape
    backends: tuple[str, ...]


def plan(quick: bool = False) -> list[Cell]:
    """All cells, in the order in which they are measured; three small ones that any machine bears if quick."""
    return list(_quick() if quick else _whole())


def _quick() -> Iterator[Cell]:
    few = ("explicit", "SDPA's choice", "flash")
    yield Cell("lengths", _alike("float32", 2, 3, 64, 16), few)
    yield Cell("decoding", Shape("float32", 2, 4, 1, 96, 16, 2), few)
    yield Cell("backward", _alike("float32", 1, 2, 48, 16, is_causal=True, backward=True), few)


def _whole() -> Iterator[Cell]:
    yield from _lengths((4096,), COMPILED)
    yield Cell("one long sequence", _alike("bfloat16", 1, 8, 32768, 64), KERNELS[1:])
    for n_kv_heads in (32, 8):
        yield Cell("decoding", Shape("bfloat16", 64, 32, 1, 8192, 128, n_kv_heads), ONE_QUERY)
    yield from _lengths((16384, 1024))
    for head_dim, is_causal in product((128, 64), (False, True)):
        shape = _alike("float16", 4, WIDTH // head_dim, 4096, head_dim, is_causal=is_causal, backward=True)
        yield Cell("backward", shape, ("explicit", "SDPA's choice", "flash", "cuDNN"))
    for length in (128, 512, 2048):
        yield Cell("small", _alike("bfloat16", 1, 8, length, 64), (*KERNELS, "explicit, compiled"))
    grouped = Shape("bfloat16", 4, 32, 4096, 4096, 128, 8, is_causal=True)
    yield Cell("grouped queries", grouped, ONE_QUERY)
    yield Cell("decoding", Shape("bfloat16", 1, 32, 1, 131072, 128, 8), ONE_QUERY)
    for dtype in ("bfloat16", "float32"):
        yield Cell("formats", _alike(dtype, 4, WIDTH // 64, 4096, 64), (*KERNELS[:-1], "memory-efficient"))
    yield from _lengths((8192, 2048))


def _lengths(lengths: tuple[int, ...], more: tuple[str, ...] = ()) -> Iterator[Cell]:
    """As published: 16k tokens in all, heads that together are 2048 wide, float16."""
    for length, is_causal, head_dim in product(lengths, (False, True), (128, 64)):
        shape = _alike("float16", TOKENS // length, WIDTH // head_dim, length, head_dim, is_causal=is_causal)
        yield Cell("lengths", shape, KERNELS + (more if head_dim == 128 else ()))  # compiling takes time


def _alike(
    dtype: str, batch: int, n_heads: int, length: int, head_dim: int, *, is_causal: bool = False, backward: bool = False
) -> Shape:
    """Self-attention: as many keys as queries, and a head of keys for each head of queries."""
    return Shape(dtype, batch, n_heads, length, length, head_dim, n_heads, is_causal, backward)
