"""The diagram of a model, drawn from what it does: run it once, record who hands what to whom, draw that."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Flow", "Node", "draw_flow", "record_flow"]

PASSES_ON = (nn.Dropout, nn.Identity)  # no step of their own: what comes out is what went in
SUMS = ("__add__", "__iadd__", "__radd__", "add", "add_")
COLOURS = {"input": "#eeeeee", "output": "#eeeeee", "sum": "#ffffff", "operation": "#ffffff", "module": "#cbe6f8"}
NORM_COLOUR = "#f7d08a"


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

    Args:
        model: whose submodules are the steps. A submodule is one step, whatever happens inside it; dropout is none.
        inputs, options: what the model is called with.
        opened: types of submodule to look into instead, such as the blocks of a stack.
    Returns:
        The flow. Sums and other operations between the submodules are steps too; a parameter is none.
    Raises:
        TypeError: the model does not return one tensor.
        ValueError: what it returns was not made of its inputs.
    """
    recorder = _Recorder(opened)
    for name, value in inspect.signature(model.forward).bind(*inputs, **options).arguments.items():
        if isinstance(value, Tensor):
            recorder.step(name, "input", name, [], value)
    hooks = [hook for name, module in model.named_modules() if name for hook in recorder.watch(name, module)]
    try:
        with torch.no_grad(), recorder:
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


@dataclass(eq=False)
class _Recorder(TorchFunctionMode):
    """Sees every function of torch that runs, and the calls of the modules it watches."""

    opened: tuple[type[nn.Module], ...]
    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)
    makers: dict[int, tuple[str, Tensor]] = field(default_factory=dict)  # the tensor too, or its id would be used again
    inside: int = 0  # how many modules that are steps are running

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not self.inside and isinstance(out, Tensor) and not self.made_by([out]):
            sources = self.made_by([*args, *(kwargs or {}).values()])
            name = getattr(func, "__name__", str(func))
            if sources:
                kind = "sum" if name in SUMS and len(sources) == 2 else "operation"
                self.step(kind if kind == "sum" else name, kind, "+" if kind == "sum" else name, sources, out)
        return out

    def watch(self, name: str, module: nn.Module) -> list[Any]:
        """Hooks that make each call of the module one step."""
        if isinstance(module, self.opened):
            return []

        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.inside += 1

        def leave(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
            self.inside -= 1
            sources = self.made_by([*args, *kwargs.values()])
            made = list(_tensors([out]))
            if self.inside or not made or not sources:
                return
            if isinstance(module, PASSES_ON):
                self.makers[id(out)] = sources[0], out
            else:
                self.step(name, "module", type(module).__name__, sources, *made)

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


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple | dict):
            yield from _tensors(value)


def draw_flow(flow: Flow, ax: Axes, *, title: str = "", wording: Callable[[Node], str] | None = None) -> Axes:
    """Draw a flow from top to bottom: steps in a column, edges that go around a step beside it, residuals on the right.

    Args:
        flow: from `record_flow`.  ax: where to draw.  title: above it.
        wording: what to write into a node; its name and label if None.
    Returns:
        The axes.
    """
    heights = {node.name: -float(n) for n, node in enumerate(flow.nodes)}
    residuals = flow.residuals()
    lane = -1.0
    for start, end in flow.edges:
        if heights[start] - heights[end] == 1.0:
            ends = (0.0, heights[end] + 0.2), (0.0, heights[start] - 0.2)
            ax.annotate("", *ends, arrowprops={"arrowstyle": "-|>", "color": "#555555"})
        elif (start, end) in residuals:
            _go_around(ax, heights[start], heights[end], 1.35, 0.1, "#D55E00")
        else:
            lane -= 0.2
            _go_around(ax, heights[start], heights[end], lane, -0.75, "#555555")
    for node in flow.nodes:
        text = (wording or _wording)(node)
        colour = NORM_COLOUR if node.label.endswith("Norm") else COLOURS[node.kind]
        shape = "circle,pad=0.25" if node.kind == "sum" else "round,pad=0.4"
        box = {"boxstyle": shape, "facecolor": colour, "edgecolor": "#385da1"}
        ax.text(0.0, heights[node.name], text, ha="center", va="center", bbox=box, fontsize=11)
    ax.set(xlim=(-1.5, 1.5), ylim=(min(heights.values()) - 0.5, 0.5), title=title)
    ax.axis("off")
    return ax


def _go_around(ax: Axes, start: float, end: float, lane: float, tip: float, colour: str) -> None:
    """A line out to a lane beside the column, down, and back in to the tip; out below the middle, in above it."""
    leaves, enters = start - 0.1, end + 0.1
    ax.plot([0.0, lane, lane], [leaves, leaves, enters], color=colour, linewidth=2, linestyle="-", zorder=0)
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "shrinkA": 0}
    ax.annotate("", (tip, enters), (lane, enters), arrowprops=arrow)


def _wording(node: Node) -> str:
    return node.label if node.kind != "module" else f"{node.name}: {node.label}"
