"""The machinery of the checks, and the promises that every chapter's tables make."""

from __future__ import annotations

import cProfile
import importlib
import math
import pkgutil
import pstats
import sys
import warnings

import numpy as np
import pytest
import torch

import course.checks
from course.checks import edits as editing
from course.checks import wrongs
from course.checks.diagnosis import Exercise, Feedback, Mistake, Trial, listed

CHAPTERS = [
    module
    for info in pkgutil.iter_modules(course.checks.__path__)
    if hasattr(module := importlib.import_module(f"course.checks.{info.name}"), "EXERCISES")
    and isinstance(next(iter(module.EXERCISES.values())), Exercise)
]
EXERCISES = [
    pytest.param(exercise, id=f"{module.__name__.rsplit('.', 1)[1]}.{name}")
    for module in CHAPTERS
    for name, exercise in module.EXERCISES.items()
]
RESERVED = {"correct", "unfinished", "not-a-function", "raises", "type", "count", "shape", "nan", "different"} | {
    "changes-its-argument",
    "differs-when-called-again",
    "returned-none",
    "not-integers",
}
MOST_WORDS = 35
MANY = 3_500  # answers to try; those with fewer took 1.2 s at most
MOST_CALLS = 4_500_000  # two seconds where 3.9 million took 1.7; seconds themselves differ by half between processors


def double_(x):
    """Each number twice."""
    factor = 2.0
    return factor * x


def pair_(x):
    """Sums and doubles."""
    sums = x.sum(-1)
    doubles = 2 * x
    return sums, doubles


DOUBLE = Exercise(
    double_,
    "x (i, d) -> twice (i, d)",
    trials=(
        Trial("small numbers", {"x": np.arange(15.0).reshape(3, 5) + 1}),
        Trial("negative numbers", {"x": -1 - np.arange(14.0).reshape(2, 7) ** 2}, single_rtol=1e-2),
    ),
    mistakes=(
        Mistake("size", "factor * x -> abs(factor * x)", "the sign is lost."),
        Mistake("always", lambda x: -2 * abs(x), "the sign is always minus."),
        Mistake("not-transposed", "factor * x -> factor * x @ x", "do not multiply x by itself."),
        Mistake("plus-one", "factor * x -> factor * x + 1", "1 is added."),
    ),
)
PAIR = Exercise(
    pair_,
    "x (i, d) -> sums (i), doubles (i, d)",
    trials=(Trial("numbers", {"x": np.arange(15.0).reshape(3, 5) ** 2}),),
    mistakes=(
        Mistake("half", ("x.sum(-1) -> x.sum(-1) / 2", "2 * x -> x / 2"), "this is half."),
        Mistake("mean", "x.sum(-1) -> x.mean(-1)", "sums is a mean."),
        Mistake("swapped", "return sums, doubles -> return doubles, sums", "the two have changed places."),
        Mistake("plus", "2 * x -> 2 + x", "2 is added."),
    ),
    remark=lambda inputs, outputs: "Mind the remark.",
)


# ---- what every table promises


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_right_answer_is_right(exercise):
    feedback = exercise(exercise.right)
    assert feedback.ok
    assert feedback.diagnosis == "correct"
    assert "single precision" not in feedback.message


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_mistake_is_wrong_and_gets_its_own_diagnosis(exercise):
    own = {mistake.key for mistake in exercise.mistakes}
    told = {wrong.diagnosis for wrong in exercise.table}
    assert own <= told
    for wrong in exercise.table:
        feedback = exercise(wrong.fn)
        assert not feedback.ok, wrong.diagnosis
        assert feedback.diagnosis == wrong.diagnosis
        assert feedback.message == wrong.message


@pytest.mark.parametrize("exercise", EXERCISES)
def test_two_mistakes_at_once_are_told_or_what_gives_the_same(exercise):
    pairs = list(exercise.pairs())
    for pair in pairs[:: 1 + len(pairs) // 6]:
        feedback = exercise(pair.fn)
        found = feedback.diagnosis.split("+")
        named = {mistake.key for mistake in (*exercise.mistakes, *exercise.shared)}
        raises = any(pair.on(n, trial).error for n, trial in enumerate(exercise.trials))
        told = (
            feedback.ok or raises or feedback.diagnosis.startswith("shape")
        )  # a new shape needs both, and is not tried
        assert told or set(found) <= named or len(pair.mistakes) < 2, (pair.diagnosis, feedback)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_tables_are_well_formed(exercise):
    mistakes = (*exercise.mistakes, *exercise.shared)
    keys = [mistake.key for mistake in exercise.mistakes]
    assert len({wrong.diagnosis for wrong in exercise.table}) >= 6
    assert len(set(keys)) == len(keys)
    assert not {mistake.key for mistake in mistakes} & RESERVED
    assert exercise.right.__doc__
    for mistake in mistakes:
        assert len(mistake.message.split()) <= MOST_WORDS, mistake.key
        assert mistake.message.endswith("."), mistake.key
        assert "behind" not in mistake.message, mistake.key


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_trial_has_a_different_length_for_each_axis_and_is_exact_in_float32(exercise):
    # A number that stands in the right answer itself may be tried too: float32 rounds it and its limit alike.
    limits = [constant for constant in exercise.right.__code__.co_consts if isinstance(constant, float)]
    for trial in exercise.trials:
        arrays = [x for x in trial.inputs.values() if isinstance(x, np.ndarray)]
        lengths = {length for x in arrays for length in x.shape}
        assert all(len(set(x.shape)) == x.ndim for x in arrays)
        primes = {2, 3, 5, 7, 11, 13}
        pairs, kept, draws = {6, 10}, {1}, {97}  # twice a prime where channels come in pairs; draws must be many
        stacks = {3 * length for length in pairs}  # q, k and v in one matrix
        assert lengths <= primes | pairs | stacks | kept | draws
        for x in arrays:
            exact = x if x.dtype.kind != "f" else x[~np.isin(x, limits)]
            np.testing.assert_array_equal(exact.astype(np.float32).astype(x.dtype), exact)


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("where", ["everywhere", "largest"])
def test_a_thousandth_off_is_wrong(exercise, where):
    def off(*inputs):
        answer = exercise.right(*inputs)
        answer = answer if isinstance(answer, tuple) else (answer,)
        last = np.array(answer[-1], dtype=float)
        at = np.unravel_index(np.argmax(np.abs(last)), last.shape) if where == "largest" else ...
        last[at] *= 1.001
        return (*answer[:-1], last) if len(answer) > 1 else last

    feedback = exercise(off)
    assert not feedback.ok
    assert feedback.diagnosis not in {wrong.diagnosis for wrong in exercise.table}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_single_precision_is_right_and_half_is_not(exercise):
    def rounded_to(dtype):
        def answer(*inputs):
            outputs = exercise.right(*inputs)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            outputs = tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in map(np.asarray, outputs))
            return outputs if len(outputs) > 1 else outputs[0]

        return answer

    assert exercise(rounded_to(np.float32)).ok
    if any(x.dtype.kind == "f" for x in exercise.wanted[0]):
        half = exercise(rounded_to(np.float16))
        assert not half.ok
        assert "float16 keeps three digits" in half.message


def to_try(exercise):
    """How many answers with two mistakes there may be, over all trials: what the work grows with."""
    return (len(exercise.mistakes) + len(exercise.shared)) ** 2 * len(exercise.trials)


@pytest.mark.parametrize("exercise", [param for param in EXERCISES if to_try(*param.values) > MANY])
def test_a_check_does_two_seconds_of_work_at_most_even_when_nothing_fits(exercise):
    def off(*inputs):
        answer = exercise.right(*inputs)
        noise = [
            x + np.random.default_rng(0).random(np.shape(x)) for x in (answer if type(answer) is tuple else [answer])
        ]
        return tuple(noise) if isinstance(answer, tuple) else noise[0]

    editing._compiled.cache_clear()
    fresh = Exercise(exercise.right, exercise.signature, exercise.trials, exercise.mistakes, exercise.shared)
    profile = cProfile.Profile()
    assert not profile.runcall(fresh, off).ok
    assert pstats.Stats(profile).total_calls < MOST_CALLS


# ---- edits


def test_an_edit_that_finds_nothing_is_refused_in_an_own_table_and_left_out_of_a_shared_one():
    missing = Mistake("missing", "factr -> 3", "no.")
    with pytest.raises(ValueError, match="finds nothing to replace"):
        Exercise(double_, "x (i, d) -> y (i, d)", DOUBLE.trials, (missing,)).table  # noqa: B018
    assert not Exercise(double_, "x (i, d) -> y (i, d)", DOUBLE.trials, (), (missing,)).table


def test_a_shared_mistake_that_comes_out_right_or_as_another_is_left_out():
    right = Mistake("right", "2.0 -> 4.0 / 2.0", "no.")
    three, same = Mistake("three", "2.0 -> 3.0", "three."), Mistake("same", "factor * x -> 3.0 * x", "three.")
    table = Exercise(double_, "x (i, d) -> y (i, d)", DOUBLE.trials, (), (right, three, same)).table
    assert [wrong.diagnosis for wrong in table] == ["three"]


def test_an_own_mistake_takes_the_place_of_a_shared_one():
    shared, own = Mistake("three", "2.0 -> 3.0", "shared."), Mistake("three", "2.0 -> 3.0", "own.")
    exercise = Exercise(double_, "x (i, d) -> y (i, d)", DOUBLE.trials, (own,), (shared,))
    assert exercise(lambda x: 3 * x).message == "own."


def test_edits_replace_whole_words_at_every_place():
    exercise = Exercise(double_, "x (i, d) -> y (i, d)", DOUBLE.trials, (Mistake("seven", "factor -> seven", "no."),))
    assert not exercise(lambda x: 2 * x + 1).ok
    assert exercise(lambda x: 2 * x).ok


# ---- recognising


def test_two_mistakes_are_named_the_first_to_mend_first():
    both = PAIR(lambda x: (x.mean(-1), 2 + x))
    assert both.diagnosis == "mean+plus"
    assert both.message == "two things are wrong. First, sums is a mean. Then, 2 is added."


def test_what_stands_in_text_that_another_mistake_takes_away_is_left_out():
    mistakes = (
        Mistake("axis", "axis=-1 -> axis=0", "axis."),
        Mistake("unshifted", "- x.max(axis=-1, keepdims=True) ->", "unshifted."),
    )

    def shifted_(x):
        """Each row less its largest, over its sum."""
        y = x - x.max(axis=-1, keepdims=True)
        return y / x.sum(axis=-1, keepdims=True)

    exercise = Exercise(shifted_, "x (i, d) -> y (i, d)", DOUBLE.trials, mistakes)
    assert exercise(lambda x: x / x.sum(0)).diagnosis == "unshifted+axis"


def test_edits_that_overlap_are_not_tried_together():
    assert {pair.diagnosis for pair in PAIR.pairs()} == {"half+swapped", "mean+swapped", "mean+plus", "plus+swapped"}


def test_a_diagnosis_must_fit_every_trial():
    assert DOUBLE(lambda x: 2 * abs(x)).diagnosis == "size"
    assert DOUBLE(lambda x: -2 * abs(x)).diagnosis == "always"
    assert DOUBLE(lambda x: 2 * abs(x) + (x == -1)).diagnosis not in {"size", "always"}


def test_a_mistake_that_raises_is_recognised_by_what_it_raises():
    feedback = DOUBLE(lambda x: 2 * x @ x)
    assert feedback.diagnosis == "not-transposed"
    assert feedback.message == "do not multiply x by itself."


def test_of_mistakes_that_raise_the_same_the_likeliest_line_is_told():
    mistakes = (
        Mistake("sum", "factor * x -> (x + x[:, :1].T) * factor", "sum."),
        Mistake("product", "factor * x -> x * x[:, 0]", "product."),
    )
    exercise = Exercise(double_, "x (i, d) -> y (i, d)", DOUBLE.trials, mistakes)
    assert exercise(lambda x: x + x[:, :1].T).diagnosis == "sum"
    assert exercise(lambda x: x * x[:, 0]).diagnosis == "product"


def test_where_the_lines_do_not_tell_two_raising_mistakes_apart_the_error_is_translated():
    edits = {"one": "x @ x", "again": "1 * x @ x", "other": "x @ (x * 2)"}
    mistakes = tuple(Mistake(key, f"factor * x -> {edit}", f"{key}.") for key, edit in edits.items())
    exercise = Exercise(double_, "x (i, d) -> y (i, d)", DOUBLE.trials, mistakes)
    assert exercise(lambda x: x @ (x * 2)).diagnosis == "other"
    assert exercise(lambda x: np.matmul(abs(x), abs(x))).diagnosis == "transpose-missing"
    assert exercise(lambda x: x @ x).diagnosis == "transpose-missing"


def test_a_matter_of_style_is_tried_with_each_mistake_and_not_mentioned():
    shared = (Mistake("style", "return -> x = abs(x); return", "never said."), Mistake("three", "2.0 -> 3.0", "three."))
    positive = (Trial("numbers", {"x": np.arange(15.0).reshape(3, 5)}), Trial("more", {"x": np.ones((2, 7))}))
    exercise = Exercise(double_, "x (i, d) -> y (i, d)", positive, (Mistake("sign", "* x -> * -x", "sign."),), shared)
    assert [wrong.diagnosis for wrong in exercise.table] == ["sign", "three"]
    assert {pair.diagnosis for pair in exercise.pairs()} == {"sign", "three", "three+sign"}


def test_a_mistake_is_told_too_where_more_is_wrong_on_a_later_trial():
    broken = DOUBLE(lambda x: 2 * x + 1 if x[0, 0] > 0 else x + np.nan)
    assert broken.diagnosis == "plus-one"
    assert (
        broken.message == "1 is added. It also fails on negative numbers, for this or another reason: mend this first."
    )
    assert DOUBLE(lambda x: 2 * x + 1 if x[0, 0] > 0 else 2 * x + 5).diagnosis == "shift"
    assert DOUBLE(lambda x: 2 * x + 1 if x[0, 0] > 0 else 2 * x).diagnosis == "shift"


def test_of_two_wrong_arrays_the_last_is_looked_up_first():
    feedback = PAIR(lambda x: (x.sum(-1) / 3, x / 2))
    assert feedback.diagnosis == "half"
    assert feedback.message == "in doubles, this is half."


def test_a_mistake_that_says_an_array_is_right_is_not_the_diagnosis_where_it_is_wrong():
    assert PAIR(lambda x: (x.sum(-1) + 1, x / 2)).diagnosis == "half"
    assert PAIR(lambda x: (x.sum(-1), x / 2)).diagnosis == "half"


# ---- unfinished, odd, raising


@pytest.mark.parametrize(
    "stub",
    [None, ..., lambda x: None, lambda x: ..., pytest.param(lambda x: (None, ...), id="tuple")],
)
def test_an_unfinished_stub_gets_a_friendly_line(stub):
    feedback = DOUBLE(stub)
    assert (feedback.ok, feedback.diagnosis) == (False, "unfinished")
    assert repr(feedback) == "Nothing to check yet: fill in the function, then run this again."
    assert "Nothing to check yet" in feedback._repr_html_()


def test_a_stub_that_raises_or_has_a_docstring_alone_is_unfinished_too():
    def stub(x):
        raise NotImplementedError("your turn")

    def documented(x):
        """To be written."""

    assert DOUBLE(stub).diagnosis == "unfinished"
    assert DOUBLE(documented).diagnosis == "unfinished"


def test_a_body_that_returns_nothing_is_no_stub():
    def forgets(x):
        y = 2 * x  # noqa: F841

    feedback = DOUBLE(forgets)
    assert feedback.diagnosis == "returned-none"
    assert "your function returned None: is `return` missing?" in feedback.message


def test_an_answer_that_changes_from_call_to_call_is_told():
    calls = []

    def counts(x):
        calls.append(x)
        return 2 * x + (len(calls) > 2)

    assert DOUBLE(counts).diagnosis == "differs-when-called-again"


def test_ids_must_stay_integers():
    def next_(x):
        """One more."""
        return x + 1

    ids = Exercise(next_, "x (i, d) -> ids (i, d)", (Trial("ids", {"x": np.arange(15).reshape(3, 5)}),), ())
    assert ids(lambda x: x + 1).ok
    assert ids(lambda x: (x + 1).tolist()).ok
    assert ids(lambda x: x + 1.0).diagnosis == "not-integers"


def test_the_result_in_place_of_the_function():
    feedback = DOUBLE(np.ones(3))
    assert feedback.diagnosis == "not-a-function"
    assert "without calling it; got ndarray" in feedback.message


def sum_without_its_axis(x):
    total = x.sum(-1)
    return x / total


def norm_with_an_axis_too_many(x):
    return x * np.linalg.norm(x.T, axis=-1)[:, None]


def stacked(x):
    y = np.stack([x, x])
    return y @ y.T


def transposed_as_in_torch(x):
    y = np.stack([x, x])
    return y.transpose(1, 2)


def unpacked(x):
    b, i, d = x.shape
    return b * i * d


def every_second(x):
    y = np.zeros((3, 6))
    y[:, ::2] = np.ones((3, 6))
    return y


@pytest.mark.parametrize(
    ("answer", "diagnosis", "phrase"),
    [
        (
            sum_without_its_axis,
            "keepdims-missing",
            "`return x / total`: (3,), that is (i,) meets (3, 5), that is (i, d)",
        ),
        (norm_with_an_axis_too_many, "axis-added", "(5,) would fit (3, 5), (5, 1) does not."),
        (lambda x: x - x.T, "transposed-operand", "(5, 3), that is (d, i): one of them has to be transposed"),
        (lambda x: x + x[0, :2], "shapes-differ", "two axes fit if equal or if one of them is 1."),
        (lambda x: x.__iadd__(x[0, :2]), "shapes-differ", "(3, 5), that is (i, d) meets (2,)."),
        (lambda x: np.dot(x, x), "transpose-missing", "x @ x.T would fit."),
        (stacked, "reversed-axes", "y.swapaxes(-1, -2) exchanges the last two."),
        (transposed_as_in_torch, "transpose-order", "y.swapaxes(1, 2) exchanges two."),
        (lambda x: np.where(x[:2] > 0, x, 0), "where-shapes", "np.where got condition, value if True, value if False"),
        (
            lambda x: x * np.ones((5, 7)),
            "elementwise",
            "* multiplies entry by entry, and (3, 5), that is (i, d) meets (5, 7)",
        ),
        (lambda x: np.stack([x, x[:2]]), "stacked", "np.concatenate joins along one"),
        (lambda x: x.reshape(4, 4), "reshape", "has 15 numbers and cannot become (4, 4)"),
        (unpacked, "unpacking", "`x` has 2 axes, (3, 5), that is (i, d), and you unpack 3."),
        (lambda x: x[7], "index-too-large", "index 7 of an axis of length 3, whose last is 2."),
        (lambda x: y, "unknown-name", "the name `y` is not defined"),  # noqa: F821
        (lambda x: math.exp(x), "one-number", "np.exp and np.sqrt take arrays."),
        (lambda x: max(x), "one-number", "Python's own max, if, and, or look at one number"),
        (lambda x: x.exp(), "not-a-method", "write np.exp(…)."),
        (lambda x: x.pop(0), "not-a-list", "a NumPy array has no .pop"),
        (lambda x: x.softmax(-1), "not-a-tensor", "torch.as_tensor turns them into tensors."),
        (lambda x: x.sum(dim=-1), "dim", "NumPy calls it axis"),
        (lambda x: x.sum(-1, keepdim=True), "keepdim", "NumPy calls it keepdims"),
        (lambda x: x.sum(2), "axis-unknown", "axis=-1 is the last one"),
        (lambda x: torch.tensor(x) @ torch.tensor(x), "transpose-missing", "would fit."),
        (lambda x: torch.tensor(x).float() @ torch.tensor(x).T, "dtypes-differ", "float32 meets float64"),
        (lambda x: torch.tensor(x) + torch.tensor(x)[:, 0], "keepdims-missing", ""),
        (lambda x: (x > 0) - (x > 1), "minus-mask", "~mask"),
        (lambda x: x.reshape(5, 1), "reshape", "An axis or a factor of 3 (i) is left out."),
        (
            lambda x: np.where(x[:2].T > 0, x[:2], 0),
            "where-shapes",
            "would fit as (2, 5): its axes stand in another order",
        ),
        (lambda x: np.where(np.ones((7, 7)) > 0, x, 0), "where-shapes", "Axis -1 of the condition has length 7"),
        (
            lambda x: np.where(np.ones((7, 7)) > 0, x @ x.T, 0),
            "where-shapes",
            "a square of side 7, the scores one of 3",
        ),
        (lambda x: x[:, :, None] * x.T[:, None, :], "new-axis-elsewhere", "write x.T[None, :, :]."),
        (every_second, "twice-as-many", "is written into a place of shape (3, 3)"),
        (
            lambda x: np.einsum("id,jd->ij", x, x.T),
            "einsum-letter",
            "the letter d of np.einsum stands for an axis of 5",
        ),
        (lambda x: np.stack(np.array_split(x, 2, axis=0)), "stacked", "axis 0 of (3, 5), that is (i, d) is cut"),
        (
            lambda x: torch.nn.functional.linear(torch.tensor(x), torch.ones(5, 3).double()),
            "linear-transposes",
            "multiplies by w transposed",
        ),
        (lambda x, y: x, "raises", "missing 1 required positional argument: 'y'"),
    ],
)
def test_an_error_is_translated(answer, diagnosis, phrase):
    feedback = Exercise(DOUBLE.right, DOUBLE.signature, DOUBLE.trials, ())(answer)
    assert (feedback.diagnosis == diagnosis) or not phrase
    assert phrase in feedback.message
    assert len(feedback.message.split("`: ")[-1].split()) <= MOST_WORDS + 5


def test_an_error_without_a_translation_and_a_long_line():
    def long_line(x):
        raise ZeroDivisionError("this is said in a line that is longer than anybody wants to read in a message, so it is cut")  # fmt: skip # noqa: E501

    feedback = DOUBLE(long_line)
    assert feedback.message.endswith("…` when called with x (3, 5).")
    line = feedback.message.split("`")[1]
    assert line.startswith('raise ZeroDivisionError("this is said')
    assert len(line) == 121


def test_an_error_inside_a_library_points_at_the_learners_line():
    feedback = DOUBLE(lambda x: np.linalg.inv(x))
    assert "LinAlgError" in feedback.message
    assert "DOUBLE(lambda x: np.linalg.inv(x))`" in feedback.message


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
        (lambda x: sys.exit(), "raises", "your function raised SystemExit"),
        (lambda x: exec("raise GeneratorExit"), "raises", "GeneratorExit"),
        (lambda x: exec("raise MuteError", {"MuteError": MuteError}), "raises", "your function raised MuteError"),
        (lambda x: exec("raise ValueError('long ' * 10**6)"), "raises", "long long"),
        (forever, "endless", "RecursionError"),
        (lambda x: Odd(), "type", "an object of type Odd"),
        (lambda x: (Odd(),), "type", "a tuple of 1, which raises OSError when it is read"),
        (lambda x: [[Odd()]], "type", "twice should be"),
        (lambda x: RaisingList([1]), "type", "an object of type RaisingList"),
        (once, "type", "an object of type generator"),
        (later, "type", "write def instead of async def"),
        (lambda x: np.zeros((2, 7)).view(Lying), "shape", "should be (3, 5), that is (i, d), got (2, 7)"),
        (lambda x: np.broadcast_to(np.float64(2), (10**6, 10**6)), "shape", "got (1000000, 1000000)"),
        (lambda x: torch.empty(3, 5, device="meta"), "type", "an object of type Tensor"),
        (lambda x: [[None, 1.0]], "type", "twice should be an array of real numbers"),
    ],
)
def test_no_answer_raises(answer, diagnosis, phrase):
    feedback = DOUBLE(answer)
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message
    assert len(feedback.message) < 1000


def test_keyboard_interrupt_is_not_swallowed():
    def slow(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DOUBLE(slow)


# ---- mutants: changes nobody listed


def shares_(x):
    """Each row over its sum, less the row's mean share."""
    total = x.sum(axis=1, keepdims=True)
    shares = x / total
    spread = shares - shares.mean(axis=1, keepdims=True)
    return spread[1:] * np.sqrt(len(x) - 1)


SHARES = Exercise(
    shares_,
    "x (i, d) -> spread (i, d)",
    trials=(
        Trial("numbers", {"x": np.arange(15.0).reshape(3, 5) ** 0.5 + 1}),
        Trial("other numbers", {"x": np.arange(14.0).reshape(2, 7) ** 1.5 + 2}),
    ),
    mistakes=(Mistake("no-root", "np.sqrt(len(x) - 1) -> (len(x) - 1)", "the root is missing."),),
)


def spread_of(
    x, sums=lambda x: x.sum(1)[:, None], means=lambda y: y.mean(1)[:, None], rows=slice(1, None), n=-1, shares=np.array
):
    given = shares(x / sums(x))
    return (given - means(given))[rows] * (len(x) + n) ** 0.5


@pytest.mark.parametrize(
    ("answer", "diagnosis", "phrase"),
    [
        (lambda x: spread_of(x, sums=lambda x: x.sum(0)), "axis", "sum over axis 0 (i) instead of axis 1 (d)"),
        (lambda x: spread_of(x, sums=np.sum), "axis", "sum over everything instead of axis 1 (d)"),
        (lambda x: spread_of(x, means=lambda y: np.median(y, 1)[:, None]), "function", "- np.median(shares, axis=1"),
        (lambda x: spread_of(x, rows=slice(0, -1)), "slice", "`spread[:-1]"),
        (lambda x: spread_of(x, n=0), "left-out", "np.sqrt(len(x))` where `spread[1:] * np.sqrt(len(x) - 1)`"),
        (lambda x: spread_of(np.abs(x) ** 2), "detour", "`x` squared before it is used"),
        (lambda x: spread_of(x, shares=np.exp), "detour", "(`np.exp(shares)`)"),
        (lambda x: spread_of(x, sums=lambda x: np.cumsum(x, 1)), "function", "`np.cumsum(x, axis=1)` where"),
        (lambda x: spread_of(x) + (x / x.sum(1)[:, None])[1:] * (len(x) - 1) ** 0.5, "added", "added"),
        (lambda x: spread_of(x[::-1]), "detour", "`x` reversed along i before it is used"),
        (lambda x: spread_of(x, sums=lambda x: x.sum(0)) * (len(x) - 1) ** 0.5, "axis+no-root", "Then, the root is"),
    ],
)
def test_a_change_nobody_listed_is_named(answer, diagnosis, phrase):
    feedback = SHARES(answer)
    assert feedback.diagnosis == f"mutant-{diagnosis}", feedback
    assert phrase in feedback.message


def test_an_entry_left_out_is_told_alone_and_beside_a_mistake():
    alone = SHARES(lambda x: spread_of(np.where(np.arange(x.shape[1]) == 0, 0, x)))
    assert alone.diagnosis == "entry-left-out"
    assert "the first entry along d is left out" in alone.message
    both = SHARES(lambda x: spread_of(np.where(np.arange(x.shape[1]) == 0, 0, x)) * (len(x) - 1) ** 0.5)
    assert both.diagnosis == "entry-left-out+no-root", both


def test_what_a_mistake_leaves_is_told_by_its_relation_and_never_by_undoing_the_mistake():
    both = DOUBLE(lambda x: (2 * x + 1)[::-1])
    assert both.message == "two things are wrong. First, 1 is added. Then, twice is in reverse order along i."
    assert DOUBLE(lambda x: 5 * x).diagnosis == "factor"  # and not "the sign is always minus", 2.5 times
    assert DOUBLE(lambda x: (2 * x)[::-1]).diagnosis == "reversed"


def test_floats_for_ids_are_told_beside_a_mistake():
    def next_(x):
        """The next id."""
        y = x + 1
        return y

    ids = Exercise(
        next_,
        "x (i) -> y (i)",
        (Trial("ids", {"x": np.arange(7)}),),
        (Mistake("two", "x + 1 -> x + 2", "it is the one after."),),
    )
    assert ids(lambda x: x + 2).message == "it is the one after."
    assert ids(lambda x: x + 2.0).message.endswith("Besides, y holds ids, which must stay integers: give dtype=int.")


def test_a_mutant_speaks_only_where_enough_numbers_bear_it_out():
    def count_(x):
        """How many rows."""
        return len(x) + 0.0

    one = Exercise(count_, "x (i, d) -> n", DOUBLE.trials[:1], ())
    assert one(lambda x: len(x) - 1.0).diagnosis == "different"
    assert Exercise(count_, "x (i, d) -> n", DOUBLE.trials, ())(lambda x: len(x) - 1.0).diagnosis.startswith("mutant")


@pytest.mark.parametrize("exercise", EXERCISES)
def test_mutants_are_told_in_few_words_and_none_is_taken_for_right(exercise):
    mutants = exercise.mutants
    assert len(mutants) > 100
    assert max(len(mutant.message.split()) for mutant in mutants) <= MOST_WORDS
    for mutant in mutants[:: 1 + len(mutants) // 6]:
        right = all(exercise.is_right(n, mutant.on(n, trial)) for n, trial in enumerate(exercise.trials))
        assert right or not exercise(mutant.fn).ok


# ---- properties


@pytest.fixture
def without_mutants(monkeypatch):
    monkeypatch.setattr(wrongs.Wrongs, "mutants", property(lambda self: ()))


def plus_at_first(x):
    y = 2 * x
    y[0] += np.arange(x.shape[1]) + 1.0
    return y


@pytest.mark.parametrize(
    ("answer", "diagnosis", "phrase"),
    [
        (lambda x: "2x", "type", "twice should be an array of real numbers; got an object of type str"),
        (lambda x: {"twice": x}, "type", "type dict"),
        (lambda x: [[1.0], [1.0, 2.0]], "type", "a list of 2"),
        (lambda x: 2j * x, "type", "complex128"),
        (lambda x: (2 * x, x), "too-many-results", "twice is among what you return: return that alone."),
        (lambda x: (3 * x, x), "count", "return twice (3, 5), that is (i, d); got 2 arrays, (3, 5), (3, 5)"),
        (lambda x: (2 * x).T, "axes-permuted", "with its axes in the order (d, i)"),
        (lambda x: 2 * x[0], "shape-part", "right for the first entry of the axis i alone"),
        (lambda x: 2 * x.sum(), "shape-reduced", "added up over everything"),
        (lambda x: 2 * x.mean(1), "shape-reduced", "averaged over the axis d"),
        (lambda x: 2 * x.ravel(), "shape-only", "the right numbers in the wrong shape, (15,)"),
        (lambda x: 2 * x[:, :4], "shape", "an axis has the wrong length"),
        (lambda x: np.where(x == 8, np.nan, 2 * x), "nan", "in 1 of 15 places, first at [1, 2]"),
        (lambda x: 2 * x + (x == 9), "one-slice-1", "is right but for the index 1 along i"),
        (lambda x: 5 * x, "factor", "is 2.5 times what it should be"),
        (lambda x: -2 * x, "sign", "has the wrong sign throughout"),
        (lambda x: 2 * x + 3, "shift", "is +3 off throughout"),
        (lambda x: (2 * x)[::-1], "reversed", "is in reverse order along i"),
        (lambda x: np.roll(2 * x, 1, -1), "rolled", "one place too far along d"),
        (lambda x: (2 * x).reshape(x.shape[::-1]).T, "misplaced", "has the right numbers in the wrong places"),
        (lambda x: (2 * x) ** 2, "function-of-it", "is the square of what it should be"),
        (lambda x: np.zeros_like(x), "zeros", "is all zeros"),
        (lambda x: x.copy(), "handed-back", "twice is x itself, as it was handed over"),
        (lambda x: np.round(2.0004 * x, 3) * 1.0, "factor", ""),
        (lambda x: np.where(np.arange(len(x))[:, None] < 1, 2 * x, 0), "last-zero", "is 0 from index 1 along i on"),
        (plus_at_first, "one-slice-0", "is right but for the index 0 along i"),
        (lambda x: 2 * x + np.triu(x, 1), "above-the-diagonal", "is wrong above the diagonal alone"),
        (lambda x: 2 * x * (1 + np.arange(len(x)))[:, None], "factor-a-row", "a factor that is the same along d"),
        (lambda x: (2 * x + 0.25).astype(int), "different", ""),
    ],
)
@pytest.mark.usefixtures("without_mutants")
def test_what_no_mistake_explains_is_described(answer, diagnosis, phrase):
    feedback = Exercise(DOUBLE.right, DOUBLE.signature, DOUBLE.trials, ())(answer)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis or not phrase
    assert phrase in feedback.message


def test_a_part_with_a_name_is_told_and_what_stands_there():
    parts = Exercise(
        double_,
        "x (i, d) -> twice (i, d)",
        DOUBLE.trials,
        (),
        parts=lambda inputs: {"large": abs(inputs["x"]) > 8, "small": abs(inputs["x"]) <= 8},
    )
    feedback = parts(lambda x: np.where(abs(x) > 8, x, 2 * x))
    assert feedback.diagnosis == "right-but-for-a-part"
    assert feedback.message.startswith("twice is right but for large, where it is x. Seen on small numbers")
    assert "large, where it is 7. " in parts(lambda x: np.where(abs(x) > 8, 7, 2 * x)).message
    assert parts(lambda x: 2 * x + np.arange(x.size).reshape(x.shape) ** 3 + 1).diagnosis == "different"


def weights_(x):
    """Shares of each row, none for small numbers."""
    e = np.where(x > 2, x, 0.0)
    return e / e.sum(-1, keepdims=True)


WEIGHTS = Exercise(
    weights_, "x (i, j) -> weights (i, j)", (Trial("numbers", {"x": 1 + np.arange(15.0).reshape(3, 5) ** 0.5}),), ()
)


@pytest.mark.parametrize(
    ("answer", "diagnosis", "phrase"),
    [
        (lambda x: x / x.sum(0), "columns-sum-to-1", "sums to 1 over i, and should over j, the last axis"),
        (lambda x: x / x.sum(), "all-sum-to-1", "sums to 1 as a whole"),
        (
            lambda x: x / x.sum(-1, keepdims=True) * (x > 2),
            "rows-do-not-sum-to-1",
            "missing from the sum, or dropped after it?",
        ),
        (
            lambda x: x / x.sum(-1, keepdims=True),
            "not-zero",
            "is not 0 in 2 of 2 places where it must be, first at [0, 0]",
        ),
    ],
)
@pytest.mark.usefixtures("without_mutants")
def test_rows_that_should_sum_to_1_are_looked_at(answer, diagnosis, phrase):
    feedback = WEIGHTS(answer)
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message


@pytest.mark.parametrize(
    ("answer", "diagnosis", "phrase"),
    [
        (lambda x: 2 * x, "count", "return sums (3,), that is (i,), doubles (3, 5), that is (i, d); got one array"),
        (lambda x: [x.sum(-1), 2 * x], "correct", "equal to the float64 reference"),
        (lambda x: (x.sum(-1), 3 * x), "factor", "; sums is right. Mind the remark."),
        (lambda x: (x.sum(-1) ** 0.5 + 3, 2 * x[0]), "shape-part", "alone: return all; sums is furthest off"),
    ],
)
@pytest.mark.usefixtures("without_mutants")
def test_two_arrays(answer, diagnosis, phrase):
    feedback = PAIR(answer)
    assert feedback.diagnosis == diagnosis
    assert phrase in feedback.message


# ---- what else is said


def test_single_precision_in_a_double_array_is_said():
    def third_(x):
        """A third."""
        return x / 3

    third = Exercise(third_, "x (i, d) -> third (i, d)", DOUBLE.trials, ())
    feedback = third(lambda x: (x / 3).astype(np.float32).astype(np.float64))
    assert feedback.ok
    assert feedback.message.endswith("agrees to single precision only: some step of it computes in float32.")
    assert "single precision" not in third(lambda x: (x / 3).astype(np.float32)).message


def test_a_small_number_added_is_not_put_down_to_float32_alone():
    feedback = DOUBLE(lambda x: (x * np.float64(2)) * (1 + 1e-7))
    assert feedback.ok
    assert "single precision only" in feedback.message
    assert feedback.message.endswith("or adds a small number such as 1e-6 that the formula does not have.")


def test_changing_an_argument_is_told_once_the_answer_is_right():
    def in_place(x):
        x *= 2
        return x

    feedback = DOUBLE(in_place)
    assert feedback.diagnosis == "changes-its-argument"
    assert "changes x in place" in feedback.message
    assert "x -= … and x[…] = … write into it. Begin with x = x.copy()." in feedback.message
    np.testing.assert_array_equal(DOUBLE.trials[0].inputs["x"].ravel()[:3], [1.0, 2.0, 3.0])


def test_warnings_of_the_learners_function_do_not_reach_the_page(recwarn):
    def noisy(x):
        warnings.warn("numpy is not the only one that warns", UserWarning, stacklevel=2)
        return 2 * x + 0 * np.log(np.abs(x))

    assert DOUBLE(noisy).ok
    assert DOUBLE(lambda x: np.log(-(x**2))).diagnosis == "nan"
    assert not recwarn.list


def test_what_is_shown_is_stable_and_escaped():
    def unsafe(x):
        raise ValueError("<script>alert(1)</script>")

    feedback = DOUBLE(unsafe)
    assert repr(feedback).startswith("Not yet right: your function raised ValueError: <script>")
    assert "&lt;script&gt;" in feedback._repr_html_()
    assert "<script>" not in feedback._repr_html_()
    infinity = Feedback(False, "x", "fill with -np.inf, that is -inf, not with -information")
    assert infinity._repr_html_().count('<span style="white-space:nowrap">-') == 2
    assert '<span style="white-space:nowrap">-np.inf</span>, that is <span' in infinity._repr_html_()
    assert repr(infinity) == "Not yet right: fill with -np.inf, that is -inf, not with -information"
    assert repr(DOUBLE(unsafe)) == repr(feedback)
    assert repr(DOUBLE(DOUBLE.right)) == (
        "Correct: equal to the float64 reference on small numbers and negative numbers."
    )


def test_an_exercise_says_what_it_checks():
    assert DOUBLE.__doc__ == "Check fn: x (i, d) -> twice (i, d). Each number twice."
    assert list(listed(DOUBLE)) == ["double_"]
