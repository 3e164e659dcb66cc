"""Stored results belong to the present code and settings, and an interrupted run loses nothing."""

import json
import types

import pytest

from experiments import runner


@pytest.mark.parametrize("name", runner.experiment_names())
def test_stored_results_belong_to_the_present_code(name):
    rows = runner.load(name)
    assert rows
    assert all("seed" in row for row in rows)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A made-up experiment that counts its runs in a file."""
    monkeypatch.setattr(runner, "RESULTS", tmp_path / "results")
    code = tmp_path / "table.py"
    code.write_text("x = 1")
    runs = [{"seed": seed, "size": size} for seed in range(3) for size in (2, 5)]
    module = types.SimpleNamespace(__file__=str(code), CODE=[], RUNS=runs)
    monkeypatch.setattr(runner.importlib, "import_module", lambda name: module)
    return module, code


def store(rows, code_hash):
    runner.RESULTS.mkdir()
    stored = {"code_hash": code_hash, "rows": [{"settings": row, "result": {"value": 1.0}} for row in rows]}
    (runner.RESULTS / "table.json").write_text(json.dumps(stored))


def test_load_refuses_what_is_not_the_present_table(table):
    module, code = table
    with pytest.raises(FileNotFoundError, match=r"table.json is not there. Run: python -m experiments.table"):
        runner.load("table")
    store(module.RUNS, runner.code_hash(module))
    assert runner.load("table")[1] == {"seed": 0, "size": 5, "value": 1.0}
    module.RUNS = [*module.RUNS, {"seed": 3, "size": 2}]
    with pytest.raises(ValueError, match="other code or settings"):
        runner.load("table")
    module.RUNS = module.RUNS[:-1]
    code.write_text("x = 2")
    with pytest.raises(ValueError, match="other code or settings"):
        runner.load("table")


def test_words_do_not_date_a_result_and_code_does(table):
    module, code = table
    code.write_text('"""What it does."""\n\nx = 1  # one\ny = "# no comment"\n')
    stored = runner.code_hash(module)
    code.write_text('"""What it really does,\nsaid better."""\nx = 1  # the first\n\n# y\ny = "# no comment"\n')
    assert runner.code_hash(module) == stored
    code.write_text('"""What it does."""\n\nx = 1  # one\ny = "# another string"\n')
    assert runner.code_hash(module) != stored


def test_a_table_with_missing_runs_is_refused(table):
    module, _ = table
    store(module.RUNS[:4], runner.code_hash(module))
    with pytest.raises(ValueError, match=r"lacks 2 of 6 runs. Run: python -m experiments.table"):
        runner.load("table")


def test_an_interrupted_run_is_taken_up_and_other_code_starts_anew(table):
    module, code = table
    rows = [{"settings": s, "result": {"value": 7.0}, "code_hash": runner.code_hash(module)} for s in module.RUNS]
    runner._unfinished("table").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [row["result"]["value"] for row in runner.run_all("table", module, jobs=1)] == [7.0] * 6
    code.write_text("x = 2")
    assert runner._resume("table", runner.code_hash(module)) == {}


class Inline:
    """Stands for a process pool, without processes."""

    def __init__(self, *args, **options):
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return False


@pytest.fixture
def changed_table(table, monkeypatch):
    """Stored results whose code has changed since."""
    module, code = table
    module.run = lambda seed, size: {"value": 1.0}
    store(module.RUNS, runner.code_hash(module))
    code.write_text("x = 2")
    monkeypatch.setattr(runner, "ProcessPoolExecutor", Inline)
    return module


def test_results_that_come_out_the_same_are_carried_over(changed_table):
    with pytest.raises(ValueError, match="other code or settings"):
        runner.load("table")
    runner.carry_over("table", 3)
    assert len(runner.load("table")) == 6
    (note,) = json.loads((runner.RESULTS / "table.json").read_text())["carried_over"]
    assert len(note["rows"]) == 3
    assert all(row in changed_table.RUNS for row in note["rows"])


def test_a_result_that_comes_out_differently_is_not_carried_over(changed_table):
    changed_table.run = lambda seed, size: {"value": 1.0 + 1e-12}
    with pytest.raises(ValueError, match=r"table.json: the row \{'seed'.* came out differently: \{'value': 1.0000"):
        runner.carry_over("table", 3)
    with pytest.raises(ValueError, match="other code or settings"):
        runner.load("table")
    changed_table.RUNS = changed_table.RUNS[:-1]
    with pytest.raises(ValueError, match="other settings than the present ones"):
        runner.carry_over("table", 3)
