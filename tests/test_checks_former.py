"""The machinery of the checks, and the promises that every part's tables make."""

from __future__ import annotations

import importlib
import math
import pkgutil
import sys
import warnings

import numpy as np
import pytest
import torch

import course.checks
from course.checks.former import Exercise, Feedback, Mistake, Trial, examine

PARTS = [
    module
    for info in pkgutil.iter_modules(course.checks.__path__)
    if hasattr(module := importlib.import_module(f"course.checks.{info.name}"), "EXERCISES")
    and isinstance(next(iter(module.EXERCISES.values())), Exercise)
]
EXERCISES = [
    pytest.param(part, name, id=f"{part.__name__.rsplit('.', 1)[1]}.{name}")
    for part in PARTS
    for name in part.EXERCISES
]
MISTAKES = [
    pytest.param(part, name, mistake, id=f"{name}.{mistake.key}")
    for part in PARTS
    for name, exercise in part.EXERCISES.items()
    for mistake in exercise.mistakes
]
VARIANTS = [
    pytest.param(part, name, mistake, answer, id=f"{name}.{mistake.key}.{n}")
    for part in PARTS
    for name, exercise in part.EXERCISES.items()
    for mistake in exercise.mistakes
    for n, answer in enumerate(mistake.also)
]
RESERVED = {"correct", "unfinished", "not-a-function", "raises", "type", "count", "shape", "nan", "different"} | {
    "changes-its-argument"
}

DOUBLE = Exercise(
    returns=("twice",),
    right=lambda x: 2 * x,
    trials=(
        Trial("small numbers", {"x": np.arange(15.0).reshape(3, 5) + 1}),
        Trial("negative numbers", {"x": -1 - np.arange(14.0).reshape(2, 7)}, single_rtol=1e-2),
    ),
    mistakes=(
        Mistake("size", lambda x: 2 * abs(x), "the sign is lost."),
        Mistake("always", lambda x: -2 * abs(x), "the sign is always minus."),
    ),
)
PAIR = Exercise(
    returns=("sums", "doubles"),
    right=lambda x: (x.sum(-1), 2 * x),
    trials=(Trial("numbers", {"x": np.arange(15.0).reshape(3, 5)}),),
    mistakes=(Mistake("half", lambda x: (x.sum(-1) / 2, x / 2), "this is half."),),
    remark=lambda inputs, outputs: "Mind the remark.",
)


@pytest.mark.parametrize(("part", "name"), EXERCISES)
def test_the_oracle_is_right_and_the_check_of_that_name_uses_it(part, name):
    feedback = getattr(part, name)(part.EXERCISES[name].right)
    assert feedback.ok
    assert feedback.diagnosis == "correct"
    assert "single precision" not in feedback.message


@pytest.mark.parametrize(("part", "name", "mistake"), MISTAKES)
def test_each_mistake_gets_its_own_diagnosis(part, name, mistake):
    feedback = getattr(part, name)(mistake.answer)
    assert not feedback.ok
    assert feedback.diagnosis == mistake.key
    assert mistake.message in feedback.message


@pytest.mark.parametrize(("part", "name", "mistake", "answer"), VARIANTS)
def test_other_ways_to_a_mistake_are_wrong_and_have_a_diagnosis(part, name, mistake, answer):
    feedback = getattr(part, name)(answer)
    assert not feedback.ok
    assert feedback.diagnosis in {m.key for m in part.EXERCISES[name].mistakes}


@pytest.mark.parametrize(("part", "name"), EXERCISES)
def test_tables_are_well_formed(part, name):
    exercise = part.EXERCISES[name]
    keys = [mistake.key for mistake in exercise.mistakes]
    assert len(keys) >= 6
    assert len(set(keys)) == len(keys)
    assert not set(keys) & RESERVED
    assert getattr(part, name).__doc__


@pytest.mark.parametrize(("part", "name"), EXERCISES)
def test_a_trial_has_a_different_length_for_each_axis_and_is_exact_in_float32(part, name):
    for trial in part.EXERCISES[name].trials:
        arrays = [x for x in trial.inputs.values() if isinstance(x, np.ndarray)]
        lengths = {length for x in arrays for length in x.shape}
        assert all(len(set(x.shape)) == x.ndim for x in arrays)
        primes = {2, 3, 5, 7, 11, 13}
        assert lengths <= primes | {6, 10} | {1}  # twice a prime where channels come in pairs; 1 where an axis is kept
        for x in arrays:
            np.testing.assert_array_equal(x.astype(np.float32).astype(x.dtype), x)


@pytest.mark.parametrize(("part", "name"), EXERCISES)
@pytest.mark.parametrize("where", ["everywhere", "largest"])
def test_a_thousandth_off_is_wrong(part, name, where):
    exercise = part.EXERCISES[name]

    def off(*inputs):
        answer = exercise.right(*inputs)
        answer = answer if isinstance(answer, tuple) else (answer,)
        last = answer[-1].copy()
        at = np.unravel_index(np.argmax(np.abs(last)), last.shape) if where == "largest" else ...
        last[at] *= 1.001
        return (*answer[:-1], last) if len(answer) > 1 else last

    feedback = getattr(part, name)(off)
    assert not feedback.ok
    assert feedback.diagnosis == "different"


@pytest.mark.parametrize(("part", "name"), EXERCISES)
def test_single_precision_is_right_and_half_is_not(part, name):
    exercise = part.EXERCISES[name]

    def rounded_to(dtype):
        def answer(*inputs):
            outputs = exercise.right(*inputs)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            outputs = tuple(x.astype(dtype) for x in outputs)
            return outputs if len(outputs) > 1 else outputs[0]

        return answer

    assert getattr(part, name)(rounded_to(np.float32)).ok
    half = getattr(part, name)(rounded_to(np.float16))
    assert not half.ok
    assert "float16 keeps three digits" in half.message


def test_single_precision_in_a_double_array_is_said():
    third = Exercise(("third",), lambda x: x / 3, DOUBLE.trials, ())
    feedback = examine(lambda x: (x / 3).astype(np.float32).astype(np.float64), third)
    assert feedback.ok
    assert feedback.message.endswith("agrees to single precision only: some step of it computes in float32.")
    assert "single precision" not in examine(lambda x: (x / 3).astype(np.float32), third).message


def test_a_small_number_added_is_not_put_down_to_float32_alone():
    feedback = examine(lambda x: (x * np.float64(2)) * (1 + 1e-7), DOUBLE)
    assert feedback.ok
    assert "single precision only" in feedback.message
    assert feedback.message.endswith("or adds a small number such as 1e-6 that the formula does not have.")


@pytest.mark.parametrize(
    "stub",
    [None, ..., lambda x: None, lambda x: ..., pytest.param(lambda x: (None, ...), id="tuple")],
)
def test_an_unfinished_stub_gets_a_friendly_line(stub):
    feedback = examine(stub, DOUBLE)
    assert (feedback.ok, feedback.diagnosis) == (False, "unfinished")
    assert repr(feedback) == "Nothing to check yet: fill in the function, then run this again."
    assert "Nothing to check yet" in feedback._repr_html_()


def test_a_stub_that_raises_is_unfinished_too():
    def stub(x):
        raise NotImplementedError("your turn")

    assert examine(stub, DOUBLE).diagnosis == "unfinished"


def test_the_result_in_place_of_the_function():
    feedback = examine(np.ones(3), DOUBLE)
    assert feedback.diagnosis == "not-a-function"
    assert "without calling it; got ndarray" in feedback.message


def test_an_exception_is_told_with_the_line_and_the_call():
    def broken(x):
        total = x.sum(-1)
        return x / total

    feedback = examine(broken, DOUBLE)
    assert feedback.diagnosis == "raises"
    assert "your function raised ValueError: operands could not be broadcast" in feedback.message
    assert "in `return x / total` when called with x (3, 5)" in feedback.message
    assert "keepdims=True" in feedback.message


def norm_over_rows(x):
    return x * np.linalg.norm(x.T, axis=0)


def norm_with_an_axis_too_many(x):
    return x * np.linalg.norm(x.T, axis=-1)[:, None]


def no_reduction(x):
    return x - x.T


def sum_that_keeps_its_axis(x):
    return x - np.sum(x[:, 0], axis=-1, keepdims=True) - x[:, 0]


def sum_one_line_before(x):
    total = np.sum(np.exp(x), axis=-1)
    scaled = x
    return scaled / total


NEUTRAL = "from the right: two axes fit if they are equal or one of them is 1."


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (sum_one_line_before, "A max or sum over an axis drops that axis; keepdims=True keeps it."),
        (norm_over_rows, "keepdims=True keeps it."),
        (norm_with_an_axis_too_many, "An axis was added that is not needed: (5,) would fit (3, 5), (5, 1) does not."),
        (no_reduction, f"Compare the shapes (3, 5) and (5, 3) {NEUTRAL}"),
        (lambda x: x + x.sum(-1)[:2], f"Compare the shapes (3, 5) and (2,) {NEUTRAL}"),
        (sum_that_keeps_its_axis, f"Compare the shapes (3, 5) and (3,) {NEUTRAL}"),
        (lambda x: x @ x, "is a transpose missing? Or are the two in the wrong order?"),
        (lambda x: np.dot(x, x), "is a transpose missing? Or are the two in the wrong order?"),
        (lambda x: math.exp(x), "The functions of math take one number: np.exp and np.sqrt take arrays."),
        (lambda x: max(x), "Python's own max, if, and, or look at one number"),
        (lambda x: x.exp(), "You are given NumPy arrays: write np.exp(…)."),
        (lambda x: x.softmax(-1), "torch.as_tensor turns them into tensors."),
        (lambda x: x.sum(dim=-1), "NumPy calls it axis."),
        (lambda x: x.sum(-1, keepdim=True), "NumPy calls it keepdims."),
        (lambda x: x.sum(2), "axis=-1 is the last axis, however many there are."),
    ],
)
def test_the_hint_fits_the_exception(answer, hint):
    feedback = examine(answer, DOUBLE)
    assert feedback.diagnosis == "raises"
    assert feedback.message.endswith(hint) or (hint.startswith("Python") and hint in feedback.message)
    assert ("keepdims=True" in feedback.message.split("called with")[1]) == ("keepdims=True" in hint)


def test_an_exception_without_a_hint_and_a_long_line():
    def long_line(x):
        raise ZeroDivisionError("this is said in a line that is longer than anybody wants to read in a message, so it is cut")  # fmt: skip # noqa: E501

    feedback = examine(long_line, DOUBLE)
    assert feedback.message.endswith("…` when called with x (3, 5).")
    line = feedback.message.split("`")[1]
    assert line.startswith('raise ZeroDivisionError("this is said')
    assert len(line) == 121


def test_an_exception_inside_a_library_points_at_the_learners_line():
    feedback = examine(lambda x: np.linalg.inv(x), DOUBLE)
    assert "LinAlgError" in feedback.message
    assert "examine(lambda x: np.linalg.inv(x), DOUBLE)`" in feedback.message


def test_a_wrong_number_of_arguments_is_told():
    feedback = examine(lambda x, y: x, DOUBLE)
    assert feedback.diagnosis == "raises"
    assert "missing 1 required positional argument: 'y'" in feedback.message


class Odd:
    """Raises whatever one asks of it."""

    def __array__(self, *args, **kwargs):
        raise KeyError("odd")

    def __getattr__(self, name):
        raise OSError("odd")

    __len__ = __iter__ = __repr__ = __str__ = __eq__ = __array__
    __hash__ = None


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Lying(np.ndarray):
    shape = property(lambda self: (3, 5))


class RaisingList(list):
    def __len__(self):
        raise KeyError("odd")

    __iter__ = __len__


def forever(x):
    return forever(x)


def once(x):
    yield 2 * x


async def later(x):
    return 2 * x


@pytest.mark.parametrize(
    ("answer", "diagnosis", "phrase"),
    [
        (lambda x: sys.exit(3), "raises", "your function raised SystemExit: 3"),
        (lambda x: exec("raise GeneratorExit"), "raises", "GeneratorExit"),
        (lambda x: exec("raise MuteError", {"MuteError": MuteError}), "raises", "your function raised MuteError"),
        (lambda x: exec("raise ValueError('long ' * 10**6)"), "raises", "long long"),
        (forever, "raises", "RecursionError"),
        (lambda x: Odd(), "type", "an object of type Odd"),
        (lambda x: (Odd(),), "type", "a tuple of 1, which raises OSError when it is read"),
        (lambda x: [[Odd()]], "type", "twice should be"),
        (lambda x: RaisingList([1]), "type", "an object of type RaisingList"),
        (once, "type", "an object of type generator"),
        (later, "type", "write def instead of async def"),
        (lambda x: np.zeros((2, 7)).view(Lying), "shape", "expected twice (3, 5), got (2, 7)"),
        (lambda x: np.broadcast_to(np.float64(2), (10**6, 10**6)), "shape", "got (1000000, 1000000)"),
        (lambda x: np.broadcast_to(np.int8(2), (10**6, 10**6)), "type", "which raises"),
        (lambda x: torch.empty(3, 5, device="meta"), "type", "an object of type Tensor"),
    ],
)
def test_no_answer_raises(answer, diagnosis, phrase):
    feedback = examine(answer, DOUBLE)
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message
    assert len(feedback.message) < 1000


def test_keyboard_interrupt_is_not_swallowed():
    def slow(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine(slow, DOUBLE)


@pytest.mark.parametrize(
    ("answer", "diagnosis", "phrase"),
    [
        (lambda x: "2x", "type", "twice should be an array of real numbers; got an object of type str"),
        (lambda x: {"twice": x}, "type", "type dict"),
        (lambda x: [[1.0], [1.0, 2.0]], "type", "a list of 2"),
        (lambda x: 2j * x, "type", "complex128"),
        (lambda x: (2 * x, x), "count", "return twice (3, 5); got a tuple of 2"),
        (lambda x: (2 * x).T, "shape", "expected twice (3, 5), got (5, 3): its axes are swapped"),
        (lambda x: 2 * x[0], "shape", "an axis is missing"),
        (lambda x: x.sum(), "shape", "expected twice (3, 5), got (): that is a single number"),
        (lambda x: 2 * x[None], "shape", "an axis too many"),
        (lambda x: 2 * x[:, :4], "shape", "an axis has the wrong length"),
        (lambda x: np.where(x == 8, np.nan, 2 * x), "nan", "in 1 of 15 places, first at [1, 2]"),
        (lambda x: 2 * x + (x == 9), "different", "at [1, 3]: got 19, expected 18. Seen on small numbers"),
        (lambda x: 2 * x + (x == -9), "different", "at [1, 1]: got -17, expected -18. Seen on negative numbers"),
        (lambda x: 2 * x + 0.001 * (x == 15), "different", "at [2, 4]: got 30.001, expected 30. Seen on"),
        (lambda x: x > 0, "different", "at [2, 4]: got 1, expected 30"),
    ],
)
def test_an_answer_nobody_foresaw_is_described(answer, diagnosis, phrase):
    feedback = examine(answer, DOUBLE)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message


@pytest.mark.parametrize(
    ("answer", "diagnosis", "phrase"),
    [
        (lambda x: 2 * x, "count", "return sums (3,) and doubles (3, 5); got one array, (3, 5) of float64"),
        (lambda x: [x.sum(-1), 2 * x], "correct", "equal to the float64 reference"),
        (lambda x: (x.sum(-1), x / 2), "half", "in doubles, this is half."),
        (lambda x: (x.sum(-1) / 2, 2 * x), "half", "in sums, this is half."),
        (lambda x: (x.sum(-1), 3 * x), "different", "; sums is right. Mind the remark."),
        (
            lambda x: (3 * x.sum(-1), 2 * x[0]),
            "shape",
            "expected doubles (3, 5), got (5,): an axis is missing; sums, where",
        ),
    ],
)
def test_two_arrays(answer, diagnosis, phrase):
    feedback = examine(answer, PAIR)
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message


def test_of_two_wrong_arrays_the_last_is_looked_up_first():
    third = Mistake("third", lambda x: (x.sum(-1) / 3, x / 3), "this is a third.")
    for mistakes in ((*PAIR.mistakes, third), (third, *PAIR.mistakes)):
        feedback = examine(lambda x: (x.sum(-1) / 3, x / 2), Exercise(PAIR.returns, PAIR.right, PAIR.trials, mistakes))
        assert feedback.diagnosis == "half"
        assert feedback.message.startswith("in doubles, this is half.")


def test_a_mistake_that_says_an_array_is_right_is_not_the_diagnosis_where_it_is_wrong():
    raw = Mistake("raw", lambda x: (x.sum(-1), x), "sums is right, doubles is x.")
    swapped = Mistake("swapped", lambda x: (2 * x, x.sum(-1)), "the two have changed places.")
    pair = Exercise(PAIR.returns, PAIR.right, PAIR.trials, (raw, swapped))
    assert examine(lambda x: (x.sum(-1), x), pair).diagnosis == "raw"
    assert examine(lambda x: (x.sum(-1) + 1, x), pair).diagnosis == "different"
    assert examine(lambda x: (2 * x, x.sum(-1)), pair).diagnosis == "swapped"
    assert examine(lambda x: (x.sum(-1), x.sum(-1)), pair).diagnosis == "shape"
    halved = examine(lambda x: (x.sum(-1) / 2, x[0]), PAIR)
    assert halved.diagnosis == "shape"


def test_another_way_to_a_mistake_gets_its_message():
    mistake = Mistake("scaled", lambda x: 3 * x, "not by that number.", also=(lambda x: 5 * x,))
    several = Exercise(DOUBLE.returns, DOUBLE.right, DOUBLE.trials, (mistake,))
    assert examine(lambda x: 5 * x, several).diagnosis == "scaled"
    assert examine(lambda x: 7 * x, several).diagnosis == "different"


def test_a_mistake_that_an_earlier_trial_rules_out_is_not_the_diagnosis():
    # "always" gives the wrong sign on the first trial, so that its being right on the second says nothing
    assert examine(lambda x: 2 * abs(x), DOUBLE).diagnosis == "size"
    shadowed = Exercise(DOUBLE.returns, DOUBLE.right, DOUBLE.trials, DOUBLE.mistakes[::-1])
    assert examine(lambda x: -2 * abs(x), shadowed).diagnosis == "always"
    ruled_out = Exercise(
        DOUBLE.returns, DOUBLE.right, DOUBLE.trials, (Mistake("any", lambda x: abs(x) * 2 + (x > 0), "no"),)
    )
    assert examine(lambda x: 2 * abs(x), ruled_out).diagnosis == "different"


def test_changing_an_argument_is_told_once_the_answer_is_right():
    def in_place(x):
        x *= 2
        return x

    feedback = examine(in_place, DOUBLE)
    assert feedback.diagnosis == "changes-its-argument"
    assert "changes x in place" in feedback.message
    assert "x -= … and x[…] = … write into the old one" in feedback.message
    np.testing.assert_array_equal(DOUBLE.trials[0].inputs["x"].ravel()[:3], [1.0, 2.0, 3.0])


def test_warnings_of_the_learners_function_do_not_reach_the_page(recwarn):
    def noisy(x):
        warnings.warn("numpy is not the only one that warns", UserWarning, stacklevel=2)
        return 2 * x + 0 * np.log(np.abs(x))

    assert examine(noisy, DOUBLE).ok
    assert examine(lambda x: np.log(-(x**2)), DOUBLE).diagnosis == "nan"
    assert not recwarn.list


def test_what_is_shown_is_stable_and_escaped():
    def unsafe(x):
        raise ValueError("<script>alert(1)</script>")

    feedback = examine(unsafe, DOUBLE)
    assert repr(feedback).startswith("Not yet right: your function raised ValueError: <script>")
    assert "&lt;script&gt;" in feedback._repr_html_()
    assert "<script>" not in feedback._repr_html_()
    infinity = Feedback(False, "x", "fill with -np.inf, that is -inf, not with -information")
    assert infinity._repr_html_().count('<span style="white-space:nowrap">-') == 2
    assert '<span style="white-space:nowrap">-np.inf</span>, that is <span' in infinity._repr_html_()
    assert repr(infinity) == "Not yet right: fill with -np.inf, that is -inf, not with -information"
    assert repr(examine(unsafe, DOUBLE)) == repr(feedback)
    assert repr(examine(DOUBLE.right, DOUBLE)) == (
        "Correct: equal to the float64 reference on small numbers and negative numbers."
    )
