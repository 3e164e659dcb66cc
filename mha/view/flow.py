"""The flow of tensors through a model, recorded from what it does: run it once, note who hands what to whom."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Flow", "Node", "record_flow"]

# No step of their own: what comes out is what went in.
PASSES_ON = (
    nn.Identity,
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout),
)
DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")


@dataclass(frozen=True)
class Node:
    """A step: a `name` that no other has, a `label` that says what it is.

    `kind` is "input", "module", "sum", "operation" or "output".
    """

    name: str
    kind: str
    label: str


@dataclass(frozen=True)
class Flow:
    """The steps of one run in their order, and the edges (from, to) along which tensors went, by name."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]

    @property
    def order(self) -> list[str]:
        """The submodules that ran, by name, in the order in which they ran."""
        return [node.name for node in self.nodes if node.kind == "module"]

    def sources(self, name: str) -> list[str]:
        """What the step takes its inputs from."""
        return [start for start, end in self.edges if end == name]

    def residuals(self) -> list[tuple[str, str]]:
        """The edges into a sum that go around something: the sum's other input was made of where they start."""
        sums = [node.name for node in self.nodes if node.kind == "sum"]
        return [
            (start, end)
            for end in sums
            for start in self.sources(end)
            if any(start in self._ancestors(other) for other in self.sources(end) if other != start)
        ]

    def _ancestors(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            fresh = set(self.sources(waiting.pop())) - found
            found |= fresh
            waiting += fresh
        return found


def record_flow(model: nn.Module, *inputs: Any, opened: tuple[type[nn.Module], ...] = (), **options: Any) -> Flow:
    """Run a model once, without gradients, and record its outermost steps.

    What is written in place is a step like any other, and a compiled module runs uncompiled, as one step.

    Args:
        model: whose submodules are the steps. A submodule is one step, whatever happens inside it; dropout is none.
        inputs, options: what the model is called with. A model that writes into its inputs writes into these.
        opened: types of submodule to look into instead, such as the blocks of a stack.
    Returns:
        The flow. Sums and other operations between the submodules are steps too; a parameter is none.
    Raises:
        TypeError: model is no module, opened no types, or the model does not return one tensor.
        ValueError: what it returns was not made of its inputs, or these are inference tensors, whose changes in place
            nobody counts.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, got {type(model).__name__}")
    model, recorder = _uncompiled(model), _Recorder(_types(opened))
    for name, value in inspect.signature(model.forward).bind(*inputs, **options).arguments.items():
        recorder.give(name, list(_tensors([value])))
    hooks = [hook for name, module in model.named_modules() if name for hook in recorder.watch(name, module)]
    compiled = any(module is not _uncompiled(module) for module in model.modules())
    try:
        with torch.compiler.set_stance("force_eager") if compiled else nullcontext(), torch.no_grad(), recorder:
            out = model(*inputs, **options)
    finally:
        for hook in hooks:
            hook.remove()
    if not isinstance(out, Tensor):
        raise TypeError(f"model must return one tensor, got {type(out).__name__}")
    last = recorder.made_by([out])
    if not last:
        raise ValueError("the model's output must be made of its inputs, and no recorded step made it")
    recorder.step("out", "output", "out", last, out)
    return Flow(tuple(recorder.nodes), tuple(recorder.edges))


def _types(opened: object) -> tuple[type[nn.Module], ...]:
    types = (opened,) if isinstance(opened, type) else opened
    if not isinstance(types, tuple | list) or not all(isinstance(one, type) for one in types):
        raise TypeError(f"opened must be types of module, got {opened!r}")
    return tuple(types)


def _uncompiled(module: nn.Module) -> nn.Module:
    """The module that torch.compile was given; any other module itself."""
    return getattr(module, "_orig_mod", module)


@dataclass(eq=False)
class _Recorder(TorchFunctionMode):
    """Sees every function of torch that runs, and the calls of the modules it watches."""

    opened: tuple[type[nn.Module], ...]
    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)
    makers: dict[int, tuple[str, Tensor]] = field(default_factory=dict)  # the tensor too, or its id would be used again
    running: list[tuple[list[str], list[tuple[Tensor, int]]]] = field(
        default_factory=list
    )  # what each module was given

    def __post_init__(self) -> None:
        super().__init__()

    def give(self, name: str, tensors: list[Tensor]) -> None:
        """Add an input, unless it was given under another name already."""
        if any(x.is_inference() for x in tensors):
            raise ValueError(f"{name} must be no inference tensor: changes in place of those are not counted")
        fresh = [x for x in tensors if id(x) not in self.makers]
        if fresh:
            self.step(name, "input", name, [], *fresh)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = _versions([args, kwargs])
        sources = self.made_by([args, kwargs])
        out = func(*args, **kwargs)
        written = _written(given)
        name = getattr(func, "__name__", str(func)).strip("_")
        shape_alone = name.endswith("_like") or name.startswith("new_")  # nothing of what is in the tensor
        made = [x for x in _tensors([out]) if id(x) not in self.makers and not shape_alone]
        if sources and not self.running and (made or written):
            self._note(name, kwargs, sources, made, written)
        return out

    def _note(
        self, name: str, kwargs: dict[str, Any], sources: list[str], made: list[Tensor], written: list[Tensor]
    ) -> None:
        """Add the step of a function that made some tensors, and wrote into others."""
        if name in DROPOUTS:
            self.makers |= {id(x): (sources[0], x) for x in made}
        elif name == "add" and len(sources) == 2:  # torch names each way to write a sum so
            factor = kwargs.get("alpha", 1)
            self.step("sum", "sum", "+" if factor == 1 else f"+ {factor:g} ×", sources, *made, *self._seen_in(written))
        else:
            self.step(name, "operation", name, sources, *made, *self._seen_in(written))

    def _seen_in(self, written: list[Tensor]) -> list[Tensor]:
        """The tensors that were written into, and those recorded that share their memory."""
        known = [x for _, x in self.makers.values()]
        return written + [x for x in known if any(x is not one and _overlap(x, one) for one in written)]

    def watch(self, name: str, module: nn.Module) -> list[Any]:
        """Hooks that make each call of the module one step."""
        if isinstance(_uncompiled(module), self.opened):
            return []

        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.running.append((self.made_by([args, kwargs]), _versions([args, kwargs])))

        def leave(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
            sources, given = self.running.pop()
            made = list(_tensors([out]))
            if self.running or not made or not sources:
                return
            if isinstance(module, PASSES_ON):
                self.makers |= {id(x): (sources[0], x) for x in made}
            else:
                label = type(_uncompiled(module)).__name__
                self.step(name, "module", label, sources, *made, *self._seen_in(_written(given)))

        return [
            module.register_forward_pre_hook(enter, with_kwargs=True),
            module.register_forward_hook(leave, with_kwargs=True),
        ]

    def step(self, name: str, kind: str, label: str, sources: list[str], *made: Tensor) -> None:
        """Add a node and the edges to it; a name that is taken gets a number."""
        taken = sum(node.name.partition(" #")[0] == name for node in self.nodes)
        node = Node(f"{name} #{taken + 1}" if taken else name, kind, label)
        self.nodes.append(node)
        self.edges += [(source, node.name) for source in sources]
        self.makers |= {id(x): (node.name, x) for x in made}

    def made_by(self, values: Any) -> list[str]:
        """The steps that made the tensors among the values, each once."""
        return list(dict.fromkeys(self.makers[id(x)][0] for x in _tensors(values) if id(x) in self.makers))


def _versions(values: Any) -> list[tuple[Tensor, int]]:
    """The tensors among the values, each with the number of times that it has been written into."""
    return [(x, x._version) for x in _tensors(values) if not x.is_inference()]


def _written(before: list[tuple[Tensor, int]]) -> list[Tensor]:
    return list({id(x): x for x, version in before if x._version != version}.values())


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether writing into one writes into the other: some number is a number of both."""
    memory, shared = one.untyped_storage(), other.untyped_storage()
    if not memory.data_ptr() or memory.data_ptr() != shared.data_ptr():
        return False
    if one.dtype != other.dtype:
        return True
    touched = torch.zeros(memory.nbytes() // one.element_size(), dtype=torch.bool)
    touched.as_strided(one.shape, one.stride(), one.storage_offset()).fill_(True)
    return bool(touched.as_strided(other.shape, other.stride(), other.storage_offset()).any())


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple | dict):
            yield from _tensors(value)
