"""What the page on which one types is made of: the changed encoder, the atom maps, the drawings, the tasks."""

from __future__ import annotations

import re

import pytest
import torch
from torch.testing import assert_close

from course.live.encoder import angle, cosine, head_outputs, load, sentence_vector
from course.live.reactions import figure, map_atoms, table, tokens
from course.live.tasks import Choice, Task, tasks
from mha.interpret.patching import attention_layers
from mha.models.bert import Encoder

TEXT = "The dog bit the man."
AMIDE = "CC(=O)O.NCC>>CC(=O)NCC"


@pytest.fixture
def first_layer():
    """The encoder's first attention layer, whose weights are put back after the test."""
    layer = attention_layers(load()[0])[0]
    kept = {name: weight.clone() for name, weight in layer.state_dict().items()}
    yield layer
    layer.load_state_dict(kept)


def test_a_head_that_is_off_is_one_that_is_not_read(first_layer):
    off = sentence_vector(TEXT, without=[(0, 5)])
    first_layer.out.weight.data[:, 5 * 32 : 6 * 32] = 0
    assert_close(off, sentence_vector(TEXT))


def test_uniform_attention_is_that_of_queries_that_ask_for_nothing(first_layer):
    even = sentence_vector(TEXT, uniform=[0])
    first_layer.qkv.weight.data[:384] = 0
    first_layer.qkv.bias.data[:384] = 0
    assert_close(even, sentence_vector(TEXT))


def test_without_positions_order_is_nothing_and_the_model_stays_as_it_was():
    before = sentence_vector(TEXT)
    one, other = (sentence_vector(text, positions=False) for text in (TEXT, "The man bit the dog."))
    assert cosine(one, other) == pytest.approx(1, abs=1e-5)
    assert angle(one, other) < 0.2
    assert torch.equal(before, sentence_vector(TEXT))


def test_what_heads_add_is_what_their_layer_adds():
    encoder, tokenizer = load()
    assert isinstance(encoder, Encoder)
    layer, seen = attention_layers(encoder)[0], []
    hook = layer.register_forward_hook(lambda module, given, out: seen.append(out))
    outputs = head_outputs(TEXT)
    hook.remove()
    assert outputs.shape == (6, 12, 384)
    assert_close(outputs[0].sum(dim=0) + layer.out.bias, seen[0][0].mean(dim=0))
    assert len(tokenizer.encode(TEXT).ids) == 8


def test_atoms_come_from_where_a_chemist_says():
    places = {atom.product: atom.reactant for atom in map_atoms(AMIDE)}
    read = tokens(AMIDE)
    assert [read[place] for place in places] == ["C", "C", "O", "N", "C", "C"]
    assert all(read[product] == read[reactant] for product, reactant in places.items())
    acid, amine = list(places)[:3], list(places)[3:]
    assert all(places[product] < read.index(".") for product in acid)
    assert all(read.index(".") < places[product] < read.index(">>") for product in amine)


def test_each_atom_is_drawn_where_its_token_says():
    drawn = [int(token) for token in re.findall(r'data-token="(\d+)"', figure("Amide", AMIDE))]
    assert drawn == [n for n, token in enumerate(tokens(AMIDE)) if token in "CNO"]
    assert table(AMIDE).count("<tr>") == 7


def test_each_task_has_one_answer_and_no_edge():
    found = tasks()
    assert len(found) == 8
    with pytest.raises(ValueError, match="one must be true"):
        Task("x", "sentence", "turned", "?", (Choice("a", True, {}), Choice("b", True, {})), "")
