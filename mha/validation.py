"""What public functions ask of their arguments: one small vocabulary, so that one mistake gets one message.

Each check names the argument as the caller wrote it, what it got and what it expected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from mha.precision import layer_precision, same_precision

__all__ = [
    "check_callable",
    "check_choice",
    "check_config",
    "check_finite",
    "check_generator",
    "check_ids",
    "check_integer",
    "check_module",
    "check_number",
    "check_sizes",
    "check_stream",
    "check_tensor",
    "check_texts",
    "check_torch_generator",
    "checked_before",
    "readable",
    "was_checked",
]

_checked: ContextVar[bool] = ContextVar("checked", default=False)


@contextmanager
def checked_before() -> Iterator[None]:
    """Within this context, and in this thread, layers take it that this call fits as the one just before it did.

    For a loop over tokens, whose steps are alike but for the values, for how many tokens are new and for how many the
    caches hold. In a small model the checks of its layers are a twentieth of the time that a token takes.
    """
    token = _checked.set(True)
    try:
        yield
    finally:
        _checked.reset(token)


def was_checked() -> bool:
    """Whether a call like this has just been checked; never while compiling, where a check costs nothing later."""
    return not torch.compiler.is_compiling() and _checked.get()


def check_integer(name: str, value: object, *, at_least: int | None = None, at_most: int | None = None) -> int:
    """The value as an int.

    Raises:
        TypeError: it is no integer; 3.0 and True are none.
        ValueError: it lies outside the bounds.
    """
    if type(value) is int:
        number = value
    elif isinstance(value, torch.SymInt):
        number = cast(int, value)  # a size that torch.export leaves open stays open
    elif isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {_shown(value)}")
    else:
        number = int(value)
    if (at_least is not None and number < at_least) or (at_most is not None and number > at_most):
        raise ValueError(f"{name} ({number}) must be {_range(at_least, at_most)}")
    return number


def check_number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """The value as a float, which is finite.

    Raises:
        TypeError: it is no real number; True is none.
        ValueError: it is NaN or infinite, or lies outside the bounds.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {_shown(value)}")
    number = float(value)
    bounds = (("above", above), ("at least", at_least), ("below", below), ("at most", at_most))
    wanted = " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
    inside = (
        (above is None or number > above)
        and (at_least is None or number >= at_least)
        and (below is None or number < below)
        and (at_most is None or number <= at_most)
    )
    if not (inside and abs(number) < float("inf")):
        raise ValueError(f"{name} ({value}) must be {wanted or 'finite'}")
    return number


def check_tensor(name: str, value: object) -> None:
    """Refuse what is no tensor, a list or None say, before an attribute of one is asked of it.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {_shown(value)}")


def check_stream(name: str, x: Tensor, width: int, layer: nn.Module, *, batched: bool = False) -> None:
    """Refuse vectors that do not fit a layer, which would do so with a message of its own or not at all.

    Args:
        name: of the argument, for the message.  x: what should be (..., i, width), or (b, i, width) if batched.
        layer: what it goes into, which tells dtype and device.
    Raises:
        TypeError: x is no tensor.
        ValueError: a shape, dtype or device that does not fit; if batched, an empty axis.
    """
    check_tensor(name, x)
    if batched and (x.dim() != 3 or x.shape[-1] != width or 0 in x.shape):
        raise ValueError(f"{name} must have shape (b, i, {width}), none empty, got {tuple(x.shape)}")
    if x.dim() < 2 or x.shape[-1] != width:
        raise ValueError(f"{name} must have shape (..., i, {width}), got {tuple(x.shape)}")
    wanted = layer_precision(layer)
    if wanted is None:
        return
    dtype, device = wanted
    if not same_precision(x, dtype):
        raise ValueError(f"{name} must be {dtype} as the layer is, got {x.dtype}")
    if x.device != device:
        raise ValueError(f"{name} must be on {device} as the layer is, got {x.device}")


def check_module(name: str, value: object) -> None:
    """Refuse what is no module.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, nn.Module):
        raise TypeError(f"{name} must be a torch.nn.Module, got {_shown(value)}")


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Refuse a word that is none of the choices.

    Raises:
        ValueError: all choices are named.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {_shown(value)}")


def check_texts(name: str, texts: Iterable[str]) -> list[str]:
    """The texts as a list: one string is not a list of its letters.

    Raises:
        TypeError: a single string, or an entry that is none.
        ValueError: there are none.
    """
    if isinstance(texts, str):
        raise TypeError(f"{name} must be several texts, got one string: write [text] for a single one")
    listed = list(texts)
    if not listed:
        raise ValueError(f"{name} must hold at least one text, got none")
    for text in listed:
        if not isinstance(text, str):
            raise TypeError(f"{name} must hold strings, got {_shown(text)} among them")
    return listed


def check_finite(name: str, values: object) -> NDArray[np.float64]:
    """The values as a float64 array of finite numbers: a mean, a rank or a p-value of NaN says nothing.

    Raises:
        TypeError: they are no real numbers, or lists of unequal length.
        ValueError: one is NaN or infinite.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().double() if values.is_floating_point() else values.detach().cpu()
    try:
        numbers = np.asarray(values)
    except ValueError:
        raise TypeError(f"{name} must be an array of numbers, got {_shown(values)}") from None
    if numbers.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got {_shown(values)}")
    numbers = numbers.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be finite, got {numbers[~np.isfinite(numbers)][:5].tolist()} among them")
    return numbers


def check_generator(name: str, rng: object) -> np.random.Generator:
    """NumPy's generator, and no seed in its place: an int would draw the same numbers in every call.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"{name} must be a numpy.random.Generator, as default_rng(0) makes, got {_shown(rng)}")
    return rng


def check_torch_generator(name: str, generator: object) -> None:
    """Refuse what is none of torch's, None say, which would draw from the generator that all share.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"{name} must be a torch.Generator, got {_shown(generator)}")


def check_callable(name: str, value: object) -> None:
    """Refuse what cannot be called.

    Raises:
        TypeError: it is not callable.
    """
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {_shown(value)}")


def check_config(config: Any) -> None:
    """`check_sizes`, and that the heads share d_model.

    Args:
        config: a dataclass of numbers, among them d_model, n_heads and dropout.
    Raises:
        TypeError: a size is no integer, or dropout or an epsilon no number.
        ValueError: a size is not positive, n_heads does not divide d_model, or dropout leaves [0, 1).
    """
    check_sizes(config)
    if config.d_model % config.n_heads:
        raise ValueError(f"d_model ({config.d_model}) must be divisible by n_heads ({config.n_heads})")


def check_sizes(config: Any) -> None:
    """Refuse sizes that no model can have.

    Args:
        config: a dataclass of sizes, which are the fields of type int, and of numbers above 0; dropout may be 0.
    Raises:
        TypeError: a size is no integer, or another field no number.
        ValueError: one is not positive, or dropout leaves [0, 1).
    """
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name == "dropout":
            check_number(field.name, value, at_least=0, below=1)
        elif field.type in (int, "int"):  # a word where annotations are not evaluated
            check_integer(field.name, value, at_least=1)
        else:
            check_number(field.name, value, above=0)


def check_ids(name: str, ids: Tensor, size: int | None = None) -> None:
    """Refuse what an embedding of `size` rows would refuse late, or with an index error.

    Where there are no values to read (see `readable`) what can be seen without them is checked.

    Args:
        name: of the argument, for the message.  ids: what should be (b, i) integers in 0 … size - 1, or of any size.
    Raises:
        TypeError: the ids are no tensor of integers.
        ValueError: another number of axes, an empty one, or an id outside the table.
    """
    if not isinstance(ids, Tensor):
        raise TypeError(f"{name} must be a tensor of integers, got {_shown(ids)}")
    if ids.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name} must be int64 or int32, got {ids.dtype}")
    if ids.dim() != 2 or 0 in ids.shape:
        raise ValueError(f"{name} must have shape (b, i), none empty, got {tuple(ids.shape)}")
    values = readable(ids)
    if size is None or values is None:
        return
    lowest, highest = (int(bound) for bound in values.aminmax())
    if lowest < 0 or highest >= size:
        raise ValueError(f"{name} must lie between 0 and {size - 1}, got {lowest} to {highest}")


def readable(tensor: Tensor) -> Tensor | None:
    """The tensor whose values a check may look at; None where there are none yet.

    There are none on the meta device, and while what is done is written down to be run later: by `torch.compile`,
    `torch.export` or a CUDA graph. Under `torch.vmap` it is the whole batch.
    """
    if torch.compiler.is_compiling() or tensor.is_meta:
        return None
    if tensor.is_cuda and torch.cuda.is_current_stream_capturing():
        return None
    values = torch.func.debug_unwrap(tensor)
    return None if isinstance(values, FakeTensor) else values


def _range(at_least: int | None, at_most: int | None) -> str:
    if at_most is None:
        return f"at least {at_least}"
    return f"at most {at_most}" if at_least is None else f"between {at_least} and {at_most}"


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
