"""A prediction is settled by exactly one true choice; the question is read from the chapter's text."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course.predict import MIME_TYPE, questions, settle, settled_letter


@pytest.mark.parametrize(
    ("choices", "letter"),
    [
        ({"a": True, "b": False}, "a"),
        ({"a": np.False_, "b": np.bool_(True), "c": False}, "b"),
        ({"a": torch.tensor(False), "b": False, "c": torch.tensor([True]), "d": False}, "c"),
        ({"d": np.array(True), "c": False, "b": False, "a": False}, "d"),
    ],
)
def test_the_true_choice_settles_it(choices, letter):
    bundle = settle(**choices)._repr_mimebundle_()
    assert bundle[MIME_TYPE] == {"letter": letter}
    assert bundle["text/plain"] == f"The answer is {letter}."
    assert f"<strong>{letter}</strong>" in bundle["text/html"]
    assert bundle["text/html"].splitlines()[0] == " "  # which JupyterLab shows in place of the folded output
    assert settled_letter({"outputs": [{"text": "1\n"}, {"data": bundle}]}) == letter


@pytest.mark.parametrize(
    ("choices", "error", "match"),
    [
        ({}, ValueError, "a and b, or a to c, or a to d, got none"),
        ({"a": True}, ValueError, "got a$"),
        ({"a": True, "c": False}, ValueError, "got a, c$"),
        ({"a": True, "sky": False}, ValueError, "got a, sky$"),
        (dict.fromkeys("abcde", False), ValueError, "got a, b, c, d, e$"),
        ({"a": False, "b": False}, ValueError, "exactly one choice must be true, got none of a, b"),
        ({"a": True, "b": True, "c": False}, ValueError, "got a and b of a, b, c"),
        ({"a": 1, "b": 0}, TypeError, r"a must be true or false, got 1 \(int\)"),
        ({"a": True, "b": None}, TypeError, r"b must be true or false, got None \(NoneType\)"),
        ({"a": torch.tensor(0.5), "b": False}, TypeError, r"a must be true or false, got tensor\(0.5"),
        ({"a": np.array([True, False]), "b": False}, TypeError, r"an array of shape \(2,\): take .all\(\)"),
    ],
)
def test_anything_else_is_refused(choices, error, match):
    with pytest.raises(error, match=match):
        settle(**choices)


MARKDOWN = """# Title

> **This chapter.** A card.

> **Predict.** Turn the query to $-q$.
> Which key leads?
>
> - **a**: sky
> - **b**: brick,
>   or nearly

Words with **Predict.** in them.

> **Predict.** How long?
Words."""


def test_questions_are_read_with_their_choices():
    first, second = questions(MARKDOWN)
    assert (first.letters, second.letters) == (["a", "b"], [])
    assert first.text.endswith("or nearly")
    assert second.text == "> **Predict.** How long?"


def test_an_answer_belongs_to_what_was_asked():
    first = questions(MARKDOWN)[0]
    assert first.key == questions(MARKDOWN.replace("sky\n", "sky \n"))[0].key
    assert first.key != questions(MARKDOWN.replace("sky", "sea"))[0].key
