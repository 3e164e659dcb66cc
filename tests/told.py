"""What the tests of every module of checks ask of the wrong answers that they list."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

Wrong = tuple[Callable[..., Any], Callable[..., Any], str, str]


def wrong_answer_tests(check: ModuleType, wrong: list[Wrong]) -> tuple[Callable[..., None], Callable[..., None]]:
    """Two tests: each answer gets its diagnosis and words, and each check is met by six that differ.

    Args:
        check: a module of `course.checks` with `EXERCISES`.
        wrong: (the check, an answer, the diagnosis that it must get, a phrase of the message).
    """

    @pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), wrong)
    def told(judge: Callable[..., Any], answer: Callable[..., Any], diagnosis: str, phrase: str) -> None:
        feedback = judge(answer)
        assert not feedback.ok
        assert feedback.diagnosis == diagnosis, feedback
        assert phrase in feedback.message, feedback

    @pytest.mark.parametrize("name", list(check.EXERCISES))
    def enough(name: str) -> None:
        diagnoses = {diagnosis for judge, _, diagnosis, _ in wrong if judge is getattr(check, name)}
        assert len(diagnoses) >= 6, diagnoses

    return told, enough
