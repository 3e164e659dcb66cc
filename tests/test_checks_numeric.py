"""The checks of plain numbers: the machinery, and what every chapter's numbers promise."""

from __future__ import annotations

import importlib
import math
import pkgutil
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

import course.checks
from course.checks.numeric import Numbers

NUMBERS = [
    pytest.param(value, id=f"{info.name}.{value.name}")
    for info in pkgutil.iter_modules(course.checks.__path__)
    for value in vars(importlib.import_module(f"course.checks.{info.name}")).values()
    if isinstance(value, Numbers)
]
MOST_WORDS = 35

SIZES = Numbers(
    "sizes",
    right={"scores": 49, "share": 1 / 3},
    mistakes={"scores": {7: "that is one row."}, 0.5: "that is a half."},
)
ONE = Numbers("one", right={"bytes": 2_000_000}, mistakes={1000: "that is one row."})


def test_the_right_numbers_are_right():
    feedback = SIZES(49, 0.333)
    assert feedback.ok
    assert feedback.message == "scores = 49, share = 0.3333."
    assert ONE(2e6).message == "bytes = 2,000,000."


@pytest.mark.parametrize(
    "share",
    [1 / 3, np.float32(1 / 3), np.array([1 / 3]), torch.tensor(1 / 3), Fraction(1, 3), Decimal("0.3333")],
)
def test_a_number_may_come_in_whatever_holds_one(share):
    assert SIZES(np.int64(49), share).ok


def test_dots_are_unfinished_and_what_is_there_is_judged():
    assert repr(SIZES(..., ...)) == "Nothing to check yet: put your numbers in place of the dots, then run this again."
    part = SIZES(49, ...)
    assert (part.ok, part.diagnosis) == (False, "unfinished")
    assert part.message == "scores is right; share still to come."
    assert SIZES(7, ...).message == "scores: that is one row."


def test_a_whole_number_is_met_exactly_and_another_within_rtol():
    assert not SIZES(49.1, 1 / 3).ok
    assert SIZES(49, 0.336).ok
    assert not SIZES(49, 0.34).ok


def test_what_else_is_right_or_wrong_is_said():
    assert SIZES(7, 1 / 3).message == "scores: that is one row. share is right."
    assert SIZES(7, 0.5).message == "scores: that is one row. share is wrong too."


@pytest.mark.parametrize(
    ("numbers", "diagnosis", "phrase"),
    [
        ((7, 1 / 3), "mistake", "one row"),
        ((49, 0.5), "mistake", "share: that is a half."),
        ((1 / 3, 49), "exchanged", "scores: that is share"),
        ((-49, 1 / 3), "sign", "wrong way round"),
        ((49, 3), "inverse", "one divided by"),
        ((49, 33.3), "factor", "percent"),
        ((490, 1 / 3), "factor", "10 times too large"),
        ((49, 0.000333), "factor", "1000 times too small"),
        ((48.7, 1 / 3), "whole", "round it"),
        ((48, 1 / 3), "rounding", "close"),
        ((1000, 1 / 3), "different", "too large"),
        ((49, math.nan), "different", "share"),
        ((49, math.inf), "different", "too large"),
        (("49", 1 / 3), "type", "should be one number, got str"),
        ((np.ones(2), 1 / 3), "type", "got ndarray"),
        ((49, 1j), "type", "got complex"),
        ((49,), "count", "put in 2 numbers, scores, share; got 1."),
    ],
)
def test_wrong_numbers_are_told_why(numbers, diagnosis, phrase):
    feedback = SIZES(*numbers)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message


def test_mistakes_must_belong_to_a_number():
    with pytest.raises(ValueError, match=r"mistakes of \['scoers'\]"):
        Numbers("sizes", {"scores": 1}, {"scoers": {2: "no."}})


# ---- what every chapter's numbers promise


@pytest.mark.parametrize("check", NUMBERS)
def test_right_is_right_and_each_mistake_is_told(check):
    assert check(*check.right.values()).ok
    for name in check.right:
        for wrong, message in check.messages(name).items():
            if not isinstance(check.mistakes.get(name), dict) and check.meets(name, wrong, check.right[name]):
                continue  # a value for all numbers, right for this one
            feedback = check(*(wrong if other == name else x for other, x in check.right.items()))
            assert not feedback.ok, (name, wrong)
            assert message in feedback.message, (name, wrong)
            assert len(message.split()) <= MOST_WORDS, message
            assert message.endswith("."), message
            assert "behind" not in message


@pytest.mark.parametrize("check", NUMBERS)
def test_a_tenth_off_is_wrong(check):
    for name, right in check.right.items():
        assert not check(*(1.1 * right + 1e-9 if other == name else x for other, x in check.right.items())).ok
