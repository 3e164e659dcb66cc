"""What the tests of every module of checks ask of the wrong answers that they list."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

Wrong = tuple[Callable[..., Any], Callable[..., Any], str | None, str]


def told_test(wrong: list[Wrong]) -> Callable[..., None]:
    """A test: each answer is wrong, and gets its diagnosis and words.

    Args:
        wrong: (the check, an answer, the diagnosis that it must get, a phrase of the message). The
            diagnosis is None for an answer that is wrong in no way that the check names.
    """

    @pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), wrong)
    def told(judge: Callable[..., Any], answer: Callable[..., Any], diagnosis: str | None, phrase: str) -> None:
        feedback = judge(answer)
        assert not feedback.ok
        if diagnosis is not None:
            assert feedback.diagnosis == diagnosis, feedback
            assert phrase in feedback.message, feedback

    return told


def wrong_answer_tests(check: ModuleType, wrong: list[Wrong]) -> tuple[Callable[..., None], Callable[..., None]]:
    """Two tests: `told_test`, and that each check of a module of `course.checks` is met by six that differ."""

    @pytest.mark.parametrize("name", list(check.EXERCISES))
    def enough(name: str) -> None:
        diagnoses = {diagnosis for judge, _, diagnosis, _ in wrong if judge is getattr(check, name)}
        assert len(diagnoses) >= 6, diagnoses

    return told_test(wrong), enough
