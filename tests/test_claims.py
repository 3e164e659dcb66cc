"""The claims' table, the measurements, and the verdicts that follow from them."""

from __future__ import annotations

import inspect
import itertools
import json
import math
import re

import numpy as np
import pytest
import scipy.stats
import torch

from course.claims import MIME_TYPE, Claim, claims, read_claims
from course.verdicts import Criterion, Measurement, combine, decide, round_measurement
from tools.notebooks import ROOT, code_cells, notebook_paths, read

PARTS = {"foundations", "models", "language", "inside", "cost", "ethics", "beyond", "applications"}
DEFINITIONS = {"C02", "C11", "C12", "C14", "C16", "C17", "C25", "C28", "C30"}
PASS, FAIL, OPEN = "pass", "fail", "undecided"
NOISE = np.array([-1.0, 1.0, -0.5, 0.5, 0.0])  # mean 0


def record(claim):
    return claim._repr_mimebundle_()[MIME_TYPE]


# ---- the table


def test_the_table_has_all_claims_once_and_in_order():
    assert list(claims()) == [f"C{n:02}" for n in range(1, 58)]
    assert all(row.id == key for key, row in claims().items())


def test_kinds_and_texts():
    assert {row.id for row in claims().values() if row.kind == "definition"} == DEFINITIONS
    assert {row.kind for row in claims().values()} == {"definition", "measured"}
    texts = [row.text for row in claims().values()]
    assert len(set(texts)) == 57
    assert all(re.fullmatch(r"[A-Z].{20,}\.", text) for text in texts)


def test_each_chapter_is_a_path_in_one_of_the_parts():
    chapters = [chapter for row in claims().values() for chapter in row.chapters]
    assert all(row.chapters for row in claims().values())
    assert all(re.fullmatch(r"[a-z]+/[a-z][a-z0-9_]+", chapter) for chapter in chapters)
    assert {chapter.split("/")[0] for chapter in chapters} == PARTS


def test_the_first_chapter_has_its_four_claims():
    ids = [row.id for row in claims().values() if "foundations/attention" in row.chapters]
    assert ids == ["C02", "C03", "C25", "C26"]


ROW = '[[claim]]\nid = "C01"\ntext = "A."\nkind = "{}"\nchapters = {}\nsection = "1 One"\n'


@pytest.mark.parametrize(
    ("toml", "error", "message"),
    [
        (ROW.format("measurd", '["a/b"]'), ValueError, "kind of C01 must be one of 'measured', 'definition', got"),
        (ROW.format("measured", '"a/b"'), TypeError, "chapters of C01 must be several texts, got one string"),
        (ROW.format("measured", "[]"), ValueError, "chapters of C01 must hold at least one text"),
        (2 * ROW.format("measured", '["a/b"]'), ValueError, "id must be new, got 'C01' a second time"),
    ],
)
def test_a_table_with_a_fault_is_refused(toml, error, message):
    with pytest.raises(error, match=message):
        read_claims(toml)


def test_an_unknown_claim_is_refused_with_near_ones():
    with pytest.raises(ValueError, match=r"must be one of C01 to C57, got 'c26'; near it: C26"):
        Claim("c26")
    with pytest.raises(ValueError, match="got 'verdict'; near it: none"):
        Claim("verdict")


# ---- the interval


def test_what_is_measured_is_a_mean_with_students_interval():
    values = [0.0, 0.0, 0.0, 0.0, 1.0]
    claim = Claim("C26")
    claim.measure("x", values, above=-1)
    half = scipy.stats.t.ppf(0.975, 4) * scipy.stats.sem(values)
    assert claim.measurements[0].value == 0.2
    assert claim.measurements[0].interval == pytest.approx((0.2 - half, 0.2 + half), abs=0.01)


def test_equal_values_give_an_interval_without_width():
    claim = Claim("C26")
    claim.measure("x", [0.506] * 5, above=0.5)
    assert (claim.measurements[0].value, claim.measurements[0].interval) == (0.506, (0.506, 0.506))
    assert claim.verdict == "holds"


# ---- the criterion


@pytest.mark.parametrize(
    ("interval", "above", "below", "between"),
    [
        ((2.1, 2.9), PASS, FAIL, PASS),
        ((0.1, 1.9), FAIL, PASS, FAIL),
        ((1.9, 2.1), OPEN, OPEN, OPEN),
        ((2.0, 2.5), OPEN, FAIL, PASS),
        ((1.5, 2.0), FAIL, OPEN, OPEN),
        ((2.0, 2.0), FAIL, FAIL, PASS),
        ((3.0, 3.0), PASS, FAIL, PASS),
        ((2.5, 3.5), PASS, FAIL, OPEN),
        ((3.5, 4.0), PASS, FAIL, FAIL),
        ((1.0, 4.0), OPEN, OPEN, OPEN),
    ],
)
def test_outcomes(interval, above, below, between):
    assert Criterion("above 2", low=2.0).judge(*interval) == above
    assert Criterion("below 2", high=2.0).judge(*interval) == below
    assert Criterion("between 2 and 3", 2.0, 3.0, closed=True).judge(*interval) == between


@pytest.mark.parametrize(
    ("mean", "outcome", "verdict"), [(0.6, PASS, "holds"), (0.4, FAIL, "fails"), (0.51, OPEN, "undecided")]
)
def test_the_whole_interval_decides(mean, outcome, verdict):
    claim = Claim("C26")
    claim.measure("x", mean + 0.05 * NOISE, above=0.5)
    assert claim.measurements[0].outcome == outcome
    assert claim.verdict == verdict
    assert ("undecided: the interval spans the criterion" in repr(claim)) == (outcome == OPEN)


@pytest.mark.parametrize(
    ("bounds", "value", "outcome", "text"),
    [
        ({"above": 2}, 2.0, FAIL, "above 2"),
        ({"above": 2}, 2.00004, PASS, "above 2"),
        ({"below": 2.5}, 2.5, FAIL, "below 2.5"),
        ({"below": 2.5}, 2.49996, PASS, "below 2.5"),
        ({"between": (2, 3)}, 2.0, PASS, "between 2 and 3"),
        ({"between": (2, 3)}, 3.0, PASS, "between 2 and 3"),
        ({"between": (2, 3)}, 3.00004, FAIL, "between 2 and 3"),
    ],
)
def test_an_exact_number_at_and_beside_the_bound(bounds, value, outcome, text):
    claim = Claim("C26")
    claim.measure("x", value, exact=True, **bounds)
    measurement = claim.measurements[0]
    assert (measurement.value, measurement.outcome, measurement.criterion) == (value, outcome, text)


# ---- the verdict


def rule(general, conditional):
    """What the verdict on one label should be, by enumeration of the cases rather than by the code's own order."""
    n = {outcome: conditional.count(outcome) for outcome in (PASS, FAIL, OPEN)}
    if general == PASS:
        return "holds if" if n[FAIL] and n[PASS] else "undecided" if n[FAIL] else "holds"
    if general == FAIL:
        return "holds if" if n[PASS] else "fails"
    if general == OPEN:
        return "holds if" if n[PASS] and n[FAIL] else "undecided"
    if n[FAIL]:
        return "holds if" if n[PASS] else "fails"
    return "undecided"


TABLE = [
    (general, conditional)
    for general in (None, PASS, FAIL, OPEN)
    for count in range(4)
    for conditional in itertools.product((PASS, FAIL, OPEN), repeat=count)
    if general or count
]


@pytest.mark.parametrize(("general", "conditional"), TABLE)
def test_the_truth_table_of_one_label(general, conditional):
    rows = [("x", None, general)] if general else []
    rows += [("x", f"c{n}", outcome) for n, outcome in enumerate(conditional)]
    expected = rule(general, list(conditional))
    passing = " or ".join(f"c{n}" for n, outcome in enumerate(conditional) if outcome == PASS)
    for order in (rows, rows[::-1]):
        verdict, condition = decide("measured", order)
        assert verdict == expected
        assert (condition is not None) == (verdict == "holds if")
    assert decide("measured", rows)[1] == (passing if expected == "holds if" else None)


HOLDS = [("a", None, PASS)]
HOLDS_IF = [("b", None, FAIL), ("b", "short", PASS)]
FAILS = [("c", None, FAIL)]
UNDECIDED = [("d", None, OPEN)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (HOLDS, ("holds", None)),
        (HOLDS + HOLDS_IF, ("holds if", "short")),
        (HOLDS + HOLDS_IF + FAILS, ("fails", None)),
        (HOLDS + HOLDS_IF + UNDECIDED, ("undecided", None)),
        (FAILS + UNDECIDED, ("fails", None)),
        ([*HOLDS_IF, ("e", "long", PASS), ("e", "brief", FAIL)], ("holds if", "short and long")),
        ([*HOLDS_IF, ("e", "short", PASS), ("e", None, FAIL)], ("holds if", "short")),
        ([*HOLDS_IF, ("e", "short", PASS), ("e", None, OPEN)], ("holds if", "short")),  # without it "b" fails anyhow
        ([*HOLDS_IF, ("e", "long", PASS), ("e", None, OPEN)], ("undecided", None)),
        ([*HOLDS, ("e", "short", PASS), ("e", None, OPEN)], ("undecided", None)),  # it fails nowhere
    ],
)
def test_labels_are_judged_each_by_itself_and_add_up(rows, expected):
    assert decide("measured", rows) == expected
    assert decide("measured", rows[::-1])[0] == expected[0]


@pytest.mark.parametrize("outcomes", list(itertools.product((PASS, FAIL, OPEN), repeat=3)))
def test_the_truth_table_of_a_definition(outcomes):
    expected = "fails" if FAIL in outcomes else "undecided" if OPEN in outcomes else "defined"
    assert decide("definition", [(str(n), None, o) for n, o in enumerate(outcomes)]) == (expected, None)


def test_no_argument_takes_a_verdict():
    names = {p for f in (Claim, Claim.measure, Claim.same) for p in inspect.signature(f).parameters}
    assert not names & {"verdict", "outcome", "result", "passed", "condition"}
    with pytest.raises(AttributeError):
        Claim("C26").verdict = "holds"


@pytest.mark.parametrize("show", [repr, Claim._repr_html_, Claim._repr_mimebundle_, lambda claim: claim.verdict])
def test_a_claim_without_a_measurement_cannot_be_shown(show):
    with pytest.raises(ValueError, match="C26 needs at least one measurement, got none"):
        show(Claim("C26"))


@pytest.mark.parametrize(
    ("kind", "outcome", "message"),
    [
        ("mesured", PASS, "kind must be one of 'measured', 'definition', got 'mesured'"),
        ("measured", "passed", "outcome must be one of 'pass', 'fail', 'undecided', got 'passed'"),
        ("definition", None, "outcome must be one of .* got None"),
    ],
)
def test_an_unknown_kind_or_outcome_is_no_verdict(kind, outcome, message):
    with pytest.raises(ValueError, match=message):
        decide(kind, [("x", None, PASS), ("y", None, outcome)])


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (math.nan, 1.0), (1.0, math.nan)])
def test_nothing_is_judged_that_is_no_interval(low, high):
    with pytest.raises(ValueError, match=r"low \(.*\) must be at most high"):
        Criterion("", low, high)
    with pytest.raises(ValueError, match=r"low \(.*\) must be at most high"):
        Criterion("above 0", low=0.0).judge(low, high)
    with pytest.raises(ValueError, match="low, value and high must be finite and in order"):
        round_measurement(low, low, high, Criterion("above 0", low=0.0), 3)


@pytest.mark.parametrize("kind", ["measured", "definition"])
def test_no_measurement_no_verdict(kind):
    with pytest.raises(ValueError, match="a verdict needs at least one measurement, got none"):
        decide(kind, [])


def test_a_condition_needs_both_sides():
    claim = Claim("C26")
    claim.measure("gain", 1 + 0.1 * NOISE, above=0, when="short texts")
    with pytest.raises(ValueError, match="'gain' must be measured outside 'short texts' too, under the same label"):
        repr(claim)
    claim.measure("gain", -1 + 0.1 * NOISE, above=0)
    assert (claim.verdict, claim.condition) == ("holds if", "short texts")
    assert repr(claim).startswith("C26 holds if short texts: The scale")
    assert "gain, when short texts: 1.0 [0.9, 1.1], n = 5; above 0: pass" in repr(claim)


def test_both_sides_of_a_condition_meet_one_criterion():
    claim = Claim("C26")
    claim.measure("gain", -1 + 0.1 * NOISE, above=0)
    with pytest.raises(ValueError, match="the same on both sides of a condition, got 'above −2' beside"):
        claim.measure("gain", -1 + 0.1 * NOISE, above=-2, when="short texts")


def test_a_definition_has_no_condition():
    claim = Claim("C25")
    with pytest.raises(ValueError, match="when must be None for C25, which is a definition; got 'short'"):
        claim.measure("x", NOISE, below=9, when="short")
    claim.same("out", [1.0, 2.0], [1.0, 2.0], atol=1e-12)
    assert claim.verdict == "defined"
    claim.same("weights", [1.0, 2.0], [1.0, 2.1], atol=1e-12)
    assert claim.verdict == "fails"


# ---- what is refused


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        (NOISE[:4], {"above": 0}, r"must be \(n,\) with n ≥ 5, one a seed, got shape \(4,\)"),
        (0.5, {"above": 0}, r"got shape \(\); a number without chance is exact=True"),
        (np.ones((5, 3)), {"above": 0}, r"got shape \(5, 3\)"),
        (NOISE, {"above": 0, "exact": True}, r"must be one number where exact, got shape \(5,\)"),
        ([1, 2, 3, 4, np.nan], {"above": 0}, r"must be finite, got \[nan\]"),
        (np.inf, {"above": 0, "exact": True}, r"must be finite, got \[inf\]"),
        (NOISE, {}, "exactly one of above, below, between must be given for 'x', got none"),
        (NOISE, {"above": 0, "below": 1}, "got above and below"),
        (NOISE, {"between": (2, 1)}, r"between of 'x' must be \(low, high\) in this order, got \(2, 1\)"),
        (NOISE, {"between": (np.nan, 1)}, r"between of 'x' \(nan\) must be finite"),
        (NOISE, {"between": (0, np.inf)}, r"between of 'x' \(inf\) must be finite"),
        (NOISE, {"above": -np.inf}, r"above of 'x' \(-inf\) must be finite"),
        (NOISE, {"below": np.nan}, r"below of 'x' \(nan\) must be finite"),
        (NOISE, {"above": 0, "digits": 0}, r"digits \(0\) must be between 1 and 15"),
        (NOISE, {"above": 0, "when": " "}, "label and when must say something, got 'x' and ' '"),
    ],
)
def test_bad_measurements_are_refused(values, arguments, message):
    claim = Claim("C26")
    with pytest.raises(ValueError, match=message):
        claim.measure("x", values, **arguments)
    assert claim.measurements == ()


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        (["1"] * 5, {"above": 0}, "values of 'x' must be real numbers"),
        (NOISE, {"above": "0"}, "above of 'x' must be a number, got '0'"),
        (NOISE, {"below": True}, "below of 'x' must be a number, got True"),
        (NOISE, {"between": 0.5}, r"between of 'x' must be \(low, high\), got 0.5"),
        (NOISE, {"between": (0, 1, 2)}, r"between of 'x' must be \(low, high\), got \(0, 1, 2\)"),
        (NOISE, {"above": 0, "digits": 2.5}, "digits must be an integer, got 2.5"),
        (NOISE, {"above": 0, "unit": None, "when": 3}, "when must be text, got 3"),
    ],
)
def test_measurements_of_another_kind_are_refused(values, arguments, message):
    claim = Claim("C26")
    with pytest.raises(TypeError, match=message):
        claim.measure("x", values, **arguments)
    assert claim.measurements == ()


def test_a_label_is_measured_once():
    claim = Claim("C26")
    claim.measure("x", NOISE, below=5)
    with pytest.raises(ValueError, match="label must be new, got 'x' a second time"):
        claim.measure("x", NOISE, below=5)


@pytest.mark.parametrize(
    ("a", "b", "atol", "message"),
    [
        ([1.0, 2.0], [1.0], 1.0, r"must have one shape and not be empty, got \(2,\) and \(1,\)"),
        ([], [], 1.0, "not be empty"),
        ([np.nan], [np.nan], 1.0, "must be finite"),
        ([1.0], [1.0], -1.0, r"atol of 'x' \(-1.0\) must be at least 0"),
        ([1.0], [9.0], np.inf, r"atol of 'x' \(inf\) must be at least 0"),
        ([1.0], [1.0], np.nan, r"atol of 'x' \(nan\) must be at least 0"),
    ],
)
def test_bad_comparisons_are_refused(a, b, atol, message):
    with pytest.raises(ValueError, match=message):
        Claim("C25").same("x", a, b, atol)


# ---- what is shown


def test_same_hides_noise_and_shows_a_real_difference():
    claim = Claim("C26")
    claim.same("noise", [1.0, 2.0], torch.tensor([1.0, 2.0 + 3e-7], requires_grad=True), atol=1e-6)
    claim.same("edge", [0.0], [0.5], atol=0.5)
    claim.same("far", [1.0, 2.0], [1.0, 2.03127], atol=1e-6)
    assert [(m.value, m.outcome, m.criterion) for m in claim.measurements] == [
        (0.0, PASS, "at most 1e-06"),
        (0.0, PASS, "at most 0.5"),
        (0.0313, FAIL, "at most 1e-06"),
    ]


def test_an_exact_number_has_no_interval():
    claim = Claim("C26")
    claim.measure("x", 2.0 / 3.0, exact=True, between=(0.6, 0.7), unit="ms")
    assert (claim.measurements[0].value, claim.measurements[0].interval, claim.measurements[0].n) == (0.667, None, 1)
    assert "  x: 0.667 ms; between 0.6 and 0.7: pass" in repr(claim)


@pytest.mark.parametrize(
    ("value", "low", "high", "digits", "expected"),
    [
        (0.87142, 0.85321, 0.88963, 3, (0.871, (0.85, 0.89))),
        (0.87142, 0.85321, 0.88963, 2, (0.87, (0.85, 0.89))),
        (1234.5, 1190.0, 1279.0, 3, (1230.0, (1190.0, 1280.0))),
        (0.50612, 0.50610, 0.50614, 3, (0.506, (0.506, 0.506))),
        (1.0012, 0.9962, 1.0062, 3, (1.001, (0.996, 1.006))),
        (3e-17, -0.012, 0.012, 3, (0.0, (-0.012, 0.012))),
        (-3e-17, -0.012, 0.012, 3, (0.0, (-0.012, 0.012))),
        (0.0, 0.0, 0.0, 3, (0.0, (0.0, 0.0))),
        (0.125, 0.125, 0.125, 2, (0.13, (0.13, 0.13))),
        (-0.8, -1.0, -0.6, 3, (-0.8, (-1.0, -0.6))),
    ],
)
def test_rounding(value, low, high, digits, expected):
    criterion = Criterion("above -9", low=-9.0)
    rounded = round_measurement(value, low, high, criterion, digits)
    assert rounded == expected
    assert "-0.0" not in map(str, (rounded[0], *rounded[1]))


def test_what_is_shown_bears_the_outcome_out():
    rng = np.random.default_rng(1)
    for _ in range(2000):
        value, half = rng.normal(0.5, 0.1), abs(rng.normal(0, 0.01))
        low, high = value - half, value + half
        criterion = Criterion("above", low=round(low + rng.normal(0, 0.002), 3))
        middle, ends = round_measurement(value, low, high, criterion, 3)
        assert criterion.judge(*ends) == criterion.judge(low, high)
        assert ends[0] <= middle <= ends[1]
        assert abs(middle - value) < 0.0006
        assert max(abs(ends[0] - low), abs(ends[1] - high)) < 0.006


def test_what_is_shown_survives_noise():
    rng = np.random.default_rng(2)
    changed = 0
    for seed in range(1000):
        values = np.random.default_rng(seed).normal(0.7, 0.05, 5)
        first, second = Claim("C26"), Claim("C26")
        first.measure("x", values, above=0.2)
        second.measure("x", values * (1 + 1e-6 * rng.uniform(-1, 1, 5)), above=0.2)
        changed += record(first) != record(second)
    assert changed <= 4  # 3 numbers of which one in 500 or fewer


@pytest.mark.parametrize("round_number", [0.125, 0.5, 2.5, 1.0, 100.0, 0.0375, 1e-3])
def test_round_numbers_survive_noise_in_every_direction(round_number):
    shown = {
        round_measurement(x, x, x, Criterion("above -9", low=-9.0), digits)[0]
        for digits in (2,)
        for x in round_number * (1 + 1e-6 * np.linspace(-1, 1, 9))
    }
    assert len(shown) == 1


def test_the_record_survives_json_and_says_what_the_page_says():
    claim = Claim("C26")
    claim.measure("gain <b>", np.float32(1) + 0.1 * NOISE, above=0, unit="ms")
    claim.measure("gain <b>", -1 + 0.1 * NOISE, above=0, when="d < 64", unit="ms")
    claim.measure("ratio", np.float64(2), exact=True, between=(1, 3))
    bundle = claim._repr_mimebundle_(include=None, exclude=None)
    assert json.loads(json.dumps(bundle, allow_nan=False)) == bundle
    assert list(bundle) == ["text/plain", "text/html", MIME_TYPE]
    assert bundle["text/plain"] == repr(claim)
    assert bundle[MIME_TYPE] == {
        "id": "C26",
        "claim": claims()["C26"].text,
        "verdict": "undecided",
        "condition": None,
        "finding": None,
        "fixed": None,
        "measurements": [
            {
                "label": "gain <b>",
                "value": 1.0,
                "interval": [0.9, 1.1],
                "criterion": "above 0",
                "outcome": "pass",
                "n": 5,
                "when": None,
                "unit": "ms",
            },
            {
                "label": "gain <b>",
                "value": -1.0,
                "interval": [-1.1, -0.9],
                "criterion": "above 0",
                "outcome": "fail",
                "n": 5,
                "when": "d < 64",
                "unit": "ms",
            },
            {
                "label": "ratio",
                "value": 2.0,
                "interval": None,
                "criterion": "between 1 and 3",
                "outcome": "pass",
                "n": 1,
                "when": None,
                "unit": "",
            },
        ],
    }


def test_the_table_is_escaped_labelled_and_leaves_colours_to_the_page():
    claim = Claim("C26")
    claim.measure("gain <script>", -1 + 0.1 * NOISE, above=0, unit="<script>")
    claim.measure("gain <script>", 1 + 0.1 * NOISE, above=0, when="d < 64")
    page = claim._repr_html_()
    assert "<script" not in page
    assert "<strong>C26 holds if d &lt; 64</strong>" in page
    assert page.count('scope="row"') == 2
    assert re.findall(r'scope="col"[^>]*>([^<]*)<', page) == ["measured", "value", "criterion", "outcome"]
    assert set(re.findall(r"(?<![-\w])color:([^;\"]+)", page)) == {"inherit"}
    assert "background" not in page


def stored_records():
    outputs = [output for path in notebook_paths() for cell in code_cells(read(path)) for output in cell.outputs]
    return [output["data"][MIME_TYPE] for output in outputs if MIME_TYPE in output.get("data", {})]


def test_every_stored_verdict_says_what_was_found_and_when_its_criteria_were_fixed():
    assert [record["id"] for record in stored_records() if not (record.get("finding") and record.get("fixed"))] == []


def test_the_readme_and_the_changelog_count_claims_and_verdicts_as_they_are():
    judged = {record["id"] for record in stored_records()}
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CHANGELOG.md")]
    readme, changelog = (" ".join(text.split()) for text in texts)
    n_claims, n_judged = len(claims()), len(judged)
    assert f"it lists {n_claims} claims about attention. {n_judged} of them have" in readme
    assert f"The other {n_claims - n_judged} belong to chapters that are to come" in readme
    assert f"{n_judged} of {n_claims} claims have a verdict" in changelog


def test_a_claim_about_larger_models_is_not_tested_at_this_scale():
    claim = Claim("C15", scale="half a million parameters")
    claim.measure("bits", NOISE + 1, below=0)
    assert (claim.verdict, claim.condition) == ("not tested at this scale", "half a million parameters")
    assert "C15 not tested at this scale, half a million parameters: " in repr(claim)
    assert record(claim)["verdict"] == "not tested at this scale"
    plain = Claim("C15")
    plain.measure("bits", NOISE + 10, below=0)
    assert plain.verdict == "fails"


@pytest.mark.parametrize(("id", "scale"), [("C02", "small models"), ("C15", " ")])
def test_a_scale_must_say_something_of_what_is_measured(id, scale):
    with pytest.raises(ValueError, match="scale must say"):
        Claim(id, scale=scale)


def test_a_verdict_says_what_was_found_and_when_its_criteria_were_fixed():
    claim = Claim("C26", fixed="before")
    claim.measure("gain", 1 + 0.1 * NOISE, above=0)
    assert "fixed" not in repr(Claim("C26")._remarks())
    claim.find("With 99% at hand, a gain.")
    assert claim.finding == "With 99 % at hand, a gain."
    claim.find("The gain is\n1.0 at each of 5 seeds.")
    assert repr(claim).splitlines()[1:3] == [
        "The gain is 1.0 at each of 5 seeds.",
        "Criteria fixed before the numbers were seen.",
    ]
    assert "<br>The gain is 1.0 at each of 5 seeds.<br>Criteria fixed before" in claim._repr_html_()
    assert (record(claim)["finding"], record(claim)["fixed"]) == ("The gain is 1.0 at each of 5 seeds.", "before")
    with pytest.raises(ValueError, match="fixed must be one of"):
        Claim("C26", fixed="later")
    for words, error in [("no period", ValueError), ("many " * 45 + "words.", ValueError), (7, TypeError)]:
        with pytest.raises(error, match="finding"):
            claim.find(words)


@pytest.mark.parametrize("options", [{"above": -0.5}, {"below": 3}, {"between": (-1.5, 1e-7)}, {"between": (1, 1)}])
def test_a_criterion_is_read_back_from_its_words(options):
    claim = Claim("C26")
    claim.measure("gain", 1 + 0.1 * NOISE, **options)
    ((_, criterion),) = claim._measurements.values()
    assert Criterion.parse(criterion.text) == criterion
    with pytest.raises(ValueError, match="worded"):
        Criterion.parse("rather above 3")


def test_at_most_is_read_back_too_and_equal_bounds_are_exact():
    claim = Claim("C26")
    claim.same("distance", [1.0], [1.0], atol=1e-12)
    claim.measure("count", 1 + 0 * NOISE, between=(1, 1))
    first, second = claim._measurements.values()
    assert Criterion.parse(first[1].text) == first[1]
    assert second[1].text == "exactly 1"


def test_numbers_stand_with_as_many_decimals_and_a_true_minus():
    def numbers(value, low, high):
        return Measurement("gain", value, (low, high), "above 0", "pass", 5).numbers()

    assert numbers(0.121, 0.1, 0.14) == "0.121 [0.10, 0.14], n = 5"
    assert numbers(-1.0, -1.1, -0.9) == "−1.0 [−1.1, −0.9], n = 5"
    assert numbers(1e-13, 0.0, 2e-13) == "1e-13 [0, 2e-13], n = 5"
    assert numbers(1.0, 1.0, 1.0) == "1 each time, n = 5"


@pytest.mark.parametrize(
    ("parts", "waiting", "whole"),
    [
        ([("holds", None)], 0, ("holds", None)),
        ([("holds", None)], 1, ("holds in part", None)),
        ([("holds if", "short"), ("holds", None)], 0, ("holds if", "short")),
        ([("holds if", "short"), ("holds if", "few")], 2, ("holds in part", "short and few")),
        ([("holds", None), ("fails", None)], 3, ("fails", None)),
        ([("holds", None), ("undecided", None)], 0, ("undecided", None)),
        ([("holds", None), ("not tested at this scale", "one layer")], 0, ("not tested at this scale", "one layer")),
        ([("defined", None)], 0, ("defined", None)),
    ],
)
def test_a_claim_of_several_chapters_gets_one_verdict(parts, waiting, whole):
    assert combine(parts, waiting) == whole
    with pytest.raises(ValueError, match="got none"):
        combine([])


def test_an_interval_ends_where_what_is_possible_ends():
    shares = np.array([100.0, 100.0, 100.0, 100.0, 95.0])
    claim = Claim("C26")
    claim.measure("share", shares, above=90, unit="%", within=(0, 100))
    assert claim.measurements[0].interval == (96, 100)
    with pytest.raises(ValueError, match="values of 'gain' must lie within 0 and 1, got −1 to 1"):
        claim.measure("gain", NOISE, above=0, within=(0, 1))


def test_a_figure_may_bring_its_own_interval():
    claim = Claim("C43")
    claim.measure("slope", 0.56, interval=(0.32, 0.69), n=56, above=0)
    assert claim.measurements[0].line() == "slope: 0.56 [0.32, 0.69], n = 56; above 0: pass"
    claim.measure("another slope", 0.1, interval=(-0.2, 0.4), n=56, above=0)
    assert claim.verdict == "undecided"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interval": (0.6, 0.7), "n": 56}, r"interval of 'x' must hold its value 0.5, got \(0.6, 0.7\)"),
        ({"interval": (0.4, 0.7), "n": 4}, r"n of 'x' \(4\) must be at least 5"),
        ({"interval": (0.4, 0.7), "n": 56, "exact": True}, "interval of 'x' must be left out where the value is exact"),
    ],
)
def test_an_interval_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Claim("C43").measure("x", 0.5, above=0, **arguments)


def test_the_readme_shows_the_front_pages_findings():
    """Word for word, so that a number that changed is noticed."""
    shown = next(cell for cell in code_cells(read(ROOT / "index.ipynb")) if cell.id == "findings").outputs[0]
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert " ".join(shown.data["text/markdown"].split()) in readme
