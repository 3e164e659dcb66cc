"""The page's short tasks: a question, what each answer lets one try, and which one the models make true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from course.live.encoder import angle, cosine, head_outputs, sentence_vector
from course.live.reactions import filled

__all__ = ["Choice", "Task", "tasks"]

BRIDGE = "The old bridge closed because it could no longer carry the heavy trucks."
DOG, MAN, CAT = "The dog bit the man.", "The man bit the dog.", "The dog bit the cat."
FILM = "The film was good."
MASKED = "Oc1ccc({})cc1.CCI>>CCOc1ccc([MASK])cc1"  # an ether; the product's halogen is what stands masked
ALIKE = 2.0  # degrees: turned by the same angle, as far as the page shows it


@dataclass(frozen=True)
class Choice:
    """One answer: its words, whether it came out true, and what a trial sets the page's controls to, if any."""

    text: str
    true: bool
    setting: dict[str, Any] | None = None


@dataclass(frozen=True)
class Task:
    """A question, its choices (one of them true), and what was measured, in a sentence.

    model: the one that is tried, "sentence" or "reaction".  shows: which of its results the task is about.
    """

    key: str
    model: str
    shows: str
    question: str
    choices: tuple[Choice, ...]
    measured: str

    def __post_init__(self) -> None:
        if sum(choice.true for choice in self.choices) != 1:
            raise ValueError(f"of a task's choices one must be true, got {self.choices}")


@cache
def tasks() -> dict[str, Task]:
    """The tasks by their key, each settled by the model itself."""
    makers: tuple[Callable[[], Task], ...] = (_heads, _uniform, _negation, _order, _positions, _swap, _halogen, _map)
    return {task.key: task for task in (make() for make in makers)}


def _heads() -> Task:
    whole = sentence_vector(BRIDGE)
    heads = {(3, 1): ", which links “it” to the bridge", (5, 7): "", (0, 10): ""}
    turned = {head: angle(whole, sentence_vector(BRIDGE, without=[head])) for head in heads}
    most = max(turned, key=turned.__getitem__)
    choices = tuple(
        Choice(
            f"{_name(head)}{more}",
            head == most,
            {"text": BRIDGE, "without": [head], "pick": head},
        )
        for head, more in heads.items()
    )
    said = "; ".join(f"{_name(head).lower()}: {degrees:.0f}°" for head, degrees in turned.items())
    question = f"Take “{BRIDGE}” and switch off one head. Which of these three turns the sentence’s vector most?"
    measured = f"The vector turns by these angles: {said}."
    if most != (3, 1):
        measured += " A map that catches the eye need not be the one that counts for the vector."
    return Task("heads", "sentence", "turned", question, choices, measured)


def _uniform() -> Task:
    whole = sentence_vector(DOG)
    off = {"text": DOG, "without": [[0, head] for head in range(12)]}
    even = {"text": DOG, "uniform": [0]}
    silent = angle(whole, sentence_vector(DOG, without=off["without"]))  # type: ignore[arg-type]
    blurred = angle(whole, sentence_vector(DOG, uniform=[0]))
    choices = (
        Choice("Uniform attention turns it more", blurred > silent + ALIKE, even),
        Choice("Switching the heads off turns it more", silent > blurred + ALIKE, off),
        Choice(f"Both the same, within {ALIKE:.0f}°", abs(blurred - silent) <= ALIKE),
    )
    question = (
        f"Take “{DOG}” In layer 0, either let every token attend to all tokens alike, or switch all twelve heads off. "
        "Which turns the sentence’s vector more?"
    )
    measured = f"Uniform attention turns it by {blurred:.0f}°, no attention at all by {silent:.0f}°."
    if blurred > silent + ALIKE:
        measured += " What a head brings from everywhere at once can do more harm than a head that brings nothing."
    return Task("uniform", "sentence", "turned", question, choices, measured)


def _negation() -> Task:
    others = ("The film was not good.", "The food was good.")
    near = [cosine(sentence_vector(FILM), sentence_vector(other)) for other in others]
    choices = (
        *(Choice(f"“{o}”", n == max(near), {"text": FILM, "other": o}) for o, n in zip(others, near, strict=True)),
        Choice("Neither: they differ by less than 0.05", abs(near[0] - near[1]) < 0.05),
    )
    question = f"Which sentence has the vector closer to that of “{FILM}”?"
    measured = f"With “{others[0]}” the cosine is {near[0]:.2f}, with “{others[1]}” it is {near[1]:.2f}."
    if near[0] > near[1]:
        measured += " Here the vector says what a sentence is about more than what it claims."
    return Task("negation", "sentence", "cosine", question, choices, measured)


def _order() -> Task:
    near = cosine(sentence_vector(DOG), sentence_vector(MAN))
    setting = {"text": DOG, "other": MAN}
    bounds = (("Below 0.5", -1, 0.5), ("Between 0.5 and 0.9", 0.5, 0.9), ("Above 0.9", 0.9, 1))
    choices = tuple(Choice(text, low <= near < high, setting) for text, low, high in bounds)
    question = f"“{DOG}” and “{MAN}” tell opposite stories with the same words. What is the cosine of their vectors?"
    return Task("order", "sentence", "cosine", question, choices, f"It is {near:.2f}: who bit whom hardly shows in it.")


def _positions() -> Task:
    told = cosine(sentence_vector(DOG), sentence_vector(MAN))
    blind = cosine(*(sentence_vector(text, positions=False) for text in (DOG, MAN)))
    setting = {"text": DOG, "other": MAN, "positions": False}
    is_one = abs(blind - 1) < 1e-4
    choices = (
        Choice("It falls", not is_one and blind < told - 0.005, setting),
        Choice("It stays as it is, within 0.005", not is_one and abs(blind - told) <= 0.005, setting),
        Choice("It becomes 1", is_one, setting),
    )
    question = "Now let the tokens not be told where they stand. What becomes of that cosine?"
    measured = (
        f"It goes from {told:.3f} to {blind:.3f}. Attention sees a set: without positions the same words in another "
        "order give the same vectors, in another order, and the same mean."
    )
    return Task("positions", "sentence", "cosine", question, choices, measured)


def _swap() -> Task:
    outputs = [head_outputs(text) for text in (DOG, CAT)]
    distances = (outputs[0] - outputs[1]).norm(dim=-1)  # (layers, heads)
    moved = distances.mean(dim=1).tolist()
    lengths = torch.stack(outputs).norm(dim=-1).mean(dim=0)
    shares = (distances / lengths).mean(dim=1).tolist()
    layers = (0, 2, 5)
    most = max(layers, key=moved.__getitem__)
    choices = tuple(Choice(f"In layer {n}", n == most, {"text": DOG, "other": CAT}) for n in layers)
    question = (
        "In “The dog bit the man.” the man becomes a cat. In which of these three layers do the heads’ outputs move "
        "most, on average?"
    )
    said = ", ".join(f"{moved[n]:.2f} in layer {n}" for n in layers)
    measured = f"On average over its twelve heads an output moves by {said}."
    if most == max(layers, key=shares.__getitem__):
        said = ", ".join(f"{100 * shares[n]:.0f} %" for n in layers)
        measured += f" That is not only because its outputs are longer: as a share of their length it is {said}."
    if most != 0:
        measured += " Layer 0 sees the new word first, not most."
    return Task("swap", "sentence", "averages", question, choices, measured)


def _halogen() -> Task:
    found = {ring: filled(MASKED.format(ring)) for ring in ("Br", "Cl")}
    first = next(iter(found["Cl"]))
    setting = {"text": MASKED.format("Cl")}
    words = {"Br": "Bromine, Br", "Cl": "Chlorine, Cl", "C": "Carbon, C"}
    choices = tuple(Choice(text, symbol == first, setting) for symbol, text in words.items())
    question = (
        "A ring that carries bromine becomes part of the product. Mask the product’s bromine: the model fills in Br, "
        f"with {_percent(found['Br']['Br'])}. Now swap the reactant for one with chlorine there. What does it fill in?"
    )
    measured = (
        f"It fills in {first}, with {_percent(found['Cl'][first])}. Here it does not say what is usual: it looks up "
        "what this reactant carries."
    )
    return Task("halogen", "reaction", "filled", question, choices, measured)


def _map() -> Task:
    kept = filled(MASKED.format("Cl"))["Cl"]
    off = filled(MASKED.format("Cl"), without_map=True)
    chance = off["Cl"]
    setting = {"text": MASKED.format("Cl"), "off": True}
    bounds = (
        ("Above 90 %", 0.9, 1.01),
        ("Between 10 and 90 %", 0.1, 0.9),
        ("Below 10 %", -1, 0.1),
    )
    choices = tuple(Choice(text, low <= chance < high, setting) for text, low, high in bounds)
    question = "Now switch the mapping head off in all twelve layers. How likely is chlorine at the mask?"
    measured = (
        f"With the head it is {_percent(kept)}, without it {_percent(chance)}, and {next(iter(off))} comes first. To "
        "silence a head everywhere also stops what else it does, so this alone does not prove that the map was what "
        "the model missed."
    )
    return Task("map", "reaction", "filled", question, choices, measured)


def _name(head: tuple[int, int]) -> str:
    return f"Layer {head[0]}, head {head[1]}"


def _percent(chance: float) -> str:
    """99.8 % is no certainty, a small chance has a digit more, and a smaller one is not none."""
    if chance < 0.001:
        return "less than 0.1 %"
    return "over 99 %" if chance > 0.995 else f"{100 * chance:.{0 if chance > 0.0995 else 1}f} %"
