"""Soft targets at a temperature: what the figure refuses, and that a hand on the slider gets the package's loss."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import Page

from course.touch import soft_targets
from course.touch.fragment import TouchFigure, number
from course.touch.soft_targets import TEMPERATURES
from mha.compress.distillation import soft_target_loss
from tests.explorer_page import grave_violations
from tests.test_touch import HOSTILE, page_of, slide, words_of
from tests.test_touch import open_page as open_page  # a fixture

TEACHER = np.array([9.1, 7.25, -3.0, 4.0, 0.5])
STUDENT = np.array([6.0, 8.5, -1.0, 0.25, 2.0])
NAMES = ["the root of a sum", "the mean", "a file", "a norm", "an axis"]
CELLS = "[...document.querySelectorAll('tbody tr')].map((row) => [...row.cells].slice(0, 3).map((c) => c.textContent))"


def figure(**changed: object) -> TouchFigure:
    given = {"question": "Compute the norm.", "candidates": NAMES, "teacher": TEACHER, "student": STUDENT}
    return soft_targets(**(given | changed))


def expected(temperature: float) -> list[list[str]]:
    teacher, student = (torch.from_numpy(x)[None] for x in (TEACHER, STUDENT))
    student.requires_grad_()
    loss = soft_target_loss(student, teacher, temperature=temperature)
    (gradient,) = torch.autograd.grad(loss, student)
    shares = [(x.detach() / temperature).softmax(-1)[0].tolist() for x in (teacher, student)]
    rows = [
        [name, *(f"{number(100 * x, 1)}\N{NO-BREAK SPACE}%" for x in both)]
        for name, both in zip(NAMES, zip(*shares, strict=True), strict=True)
    ]
    for name, value in (("loss, KL(teacher ‖ student)", loss.item()), ("length of its gradient", gradient.norm())):
        rows.append([name, number(float(value) / temperature**2, 4), number(float(value), 3)])
    return rows


def test_a_figure_is_small_and_says_the_numbers_without_scripts():
    page = page_of(figure())
    assert page == page_of(figure())
    assert len(re.sub(r"data=\{.*\};\n", "", page, count=1).encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)
    for row in expected(2.0):
        assert " ".join(row) in words_of(figure(temperature=2.0))
    tags = [
        re.findall(r"<(/?[a-z!]+)", page_of(figure(candidates=[word] * 5, question=word))) for word in (HOSTILE, "x")
    ]
    assert tags[0] == tags[1]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"student": STUDENT[:4]}, ValueError, r"student must be a logit for each of 2 candidates or more, got \(4,\)"),
        ({"teacher": TEACHER * np.nan}, ValueError, "teacher must be finite"),
        ({"candidates": "abcde"}, TypeError, "candidates must be several texts, got one string"),
        ({"temperature": 0.1}, ValueError, r"temperature \(0.1\) must be at least 0.25 and at most 32"),
    ],
)
def test_what_does_not_fit_is_named(change, error, message):
    with pytest.raises(error, match=message):
        figure(**change)


def test_the_slider_gives_the_loss_and_its_gradient_at_any_temperature(open_page):
    page: Page = open_page(figure())
    assert page.evaluate(CELLS) == expected(1.0)
    for at in (0, 5, len(TEMPERATURES) - 1):
        assert slide(page, "temperature T", at) == f"{TEMPERATURES[at]:g}"
        assert page.evaluate(CELLS) == expected(TEMPERATURES[at])
    assert grave_violations(page) == []
