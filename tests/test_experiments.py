"""Stored results belong to the present code and settings, and a run that breaks off loses nothing."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

import experiments
from experiments.runner import carry, experiment_names, load, main, provenance, stored
from experiments.runner.stored import Journal
from mha.measure.setting import setting

SQUARES = """
import os, signal, time
from pathlib import Path
from experiments.runner import RESULTS, main

RUNS = [{"seed": seed} for seed in range(6)]


def run(seed):
    with open("ran", "a") as file:
        print(seed, file=file)
    if seed == 3:
        break_off()
    (RESULTS / "kept").write_text(str(seed))
    return {"square": seed**2.0}


def break_off():
    pass


if __name__ == "__main__":
    main("squares")
"""
FAILS_ONCE = 'if Path("fails").exists():\n        raise OverflowError("three is too much")'
SLEEPS = '__import__("os").write(1, b"asleep\\n")\n    time.sleep(60)'  # in one piece: two workers share the pipe


@pytest.mark.parametrize("name", experiment_names())
def test_stored_results_belong_to_the_present_code(name):
    rows = load(name)
    assert rows
    assert all("seed" in row for row in rows)


def test_a_list_of_numbers_is_one_line_and_all_else_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "RESULTS", tmp_path)
    content = {"code_hash": "x", "rows": [{"text": "[1,  2]\n[3]", "losses": [[1.5, None], [-2e-9, True]], "none": []}]}
    text = stored.write("one", content).read_text()
    assert json.loads(text) == content
    assert "    [1.5, null],\n" in text
    assert text.count("\n") == 13


class Repository:
    """A folder with the runner and one made-up experiment."""

    def __init__(self, root):
        self.root, self.code = root, root / "experiments" / "squares.py"
        here = provenance.ROOT / "experiments"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(here / "runner", root / "experiments" / "runner", ignore=ignored)
        shutil.copy(here / "__init__.py", root / "experiments")
        (root / "experiments" / "results").mkdir()
        self.write(SQUARES)

    def write(self, source):
        self.code.write_text(source, encoding="utf-8")
        sys.modules.pop("experiments.squares", None)

    def change(self, old, new):
        source = self.code.read_text(encoding="utf-8")
        assert old in source
        self.write(source.replace(old, new))

    def store(self, value=lambda seed: seed**2.0, n_rows=6):
        rows = [{"settings": {"seed": seed}, "result": {"square": value(seed)}} for seed in range(n_rows)]
        stored.write("squares", {"code_hash": self.hash(), "rows": rows})

    def hash(self):
        return provenance.code_hash("squares", [{"seed": seed} for seed in range(6)])

    def command(self, *arguments):
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments):
        """The exit status and what was written to stderr."""
        process = self.command("-m", "experiments.squares", *arguments)
        words = process.communicate(timeout=100)[1]
        return process.returncode, words

    def ran(self):
        return [int(line) for line in (self.root / "ran").read_text().split()]

    def journal(self):
        return self.root / "experiments" / "results" / "squares.unfinished.jsonl"


@pytest.fixture
def squares(tmp_path, monkeypatch):
    """The made-up repository, in whose place the functions of this process work too."""
    repository = Repository(tmp_path)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(stored, "RESULTS", tmp_path / "experiments" / "results")
    monkeypatch.setattr(experiments, "__path__", [*experiments.__path__, str(tmp_path / "experiments")])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # which is told from the source by its second
    yield repository
    sys.modules.pop("experiments.squares", None)


SQUARED = [{"seed": seed, "square": seed**2.0} for seed in range(6)]
OTHER = "other code or settings than the present ones. Run: python -m experiments.squares"


def test_load_refuses_what_is_not_the_present_table(squares):
    with pytest.raises(FileNotFoundError, match=r"squares.json is not there. Run: python -m experiments.squares"):
        load("squares")
    squares.store()
    assert load("squares") == SQUARED
    squares.change("range(6)", "range(5)")
    with pytest.raises(ValueError, match=OTHER):
        load("squares")
    squares.write(SQUARES.replace("seed**2.0", "seed**3.0"))
    with pytest.raises(ValueError, match=OTHER):
        load("squares")
    squares.write(SQUARES)
    squares.store(n_rows=4)
    with pytest.raises(ValueError, match=r"lacks 2 of 6 runs. Run: python -m experiments.squares"):
        load("squares")


@pytest.mark.parametrize(
    "damaged", ['{"code_hash": "x", "rows": [{"sett', '{"rows": []}', "[]", '{"code_hash": "", "rows": [1]}']
)
def test_a_damaged_results_file_is_named_with_its_remedy(squares, damaged):
    path = stored.RESULTS / "squares.json"
    path.write_text(damaged)
    with pytest.raises(ValueError, match=r"squares.json is damaged .* git checkout .* python -m experiments.squares"):
        load("squares")


def test_results_are_replaced_whole_or_not_at_all(squares, monkeypatch):
    squares.store()

    def full_disk(path, text, encoding):
        path.write_bytes(text.encode()[:20])
        raise OSError("no space left on device")

    monkeypatch.setattr(stored.Path, "write_text", full_disk)
    with pytest.raises(OSError, match="no space"):
        squares.store(value=lambda seed: 0)
    assert load("squares") == SQUARED


def test_a_half_written_last_line_is_passed_over_and_a_damaged_one_named(squares, capsys):
    journal = Journal("squares", "this code")
    for seed in range(4):
        journal.add({"seed": seed}, {"result": {"square": 7.0}, "setting": {}})
    Journal("squares", "other code").add({"seed": 4}, {"result": {"square": 8.0}, "setting": {}})
    lines = journal.path.read_text().splitlines(keepends=True)
    journal.path.write_text("".join([lines[0], lines[1][:30] + "\n", *lines[2:], lines[1][:30]]))
    again = Journal("squares", "this code")
    assert [row["settings"]["seed"] for row in again.rows.values()] == [0, 2, 3]
    named = capsys.readouterr().err
    assert "squares.unfinished.jsonl, line 2 is damaged; its row is run again" in named
    assert named.count("damaged") == 1
    again.add({"seed": 1}, {"result": {"square": 7.0}, "setting": {}})
    assert len(Journal("squares", "this code").rows) == 4
    assert [*Journal("squares", "other code").rows] == ['{"seed": 4}']
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [["--jobs", "0"], ["--jobs=-1"], ["--jobs", "two"]])
def test_jobs_below_one_are_refused(squares, arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main("squares", arguments)
    assert "argument --jobs: must be a whole number from 1 on, got" in capsys.readouterr().err


def test_a_row_that_fails_keeps_the_others_and_is_run_alone_the_next_time(squares):
    squares.change("pass", FAILS_ONCE)
    (squares.root / "fails").touch()
    status, words = squares.run("--jobs", "2")
    assert status == 1
    assert "squares: 1 of 6 runs failed:\n  {'seed': 3}: OverflowError: three is too much" in words
    assert sorted(squares.ran()) == [0, 1, 2, 3, 4, 5]
    assert not (stored.RESULTS / "squares.json").exists()
    (squares.root / "fails").unlink()
    squares.journal().write_text(squares.journal().read_text().replace('"threads": 1', '"threads": 2'))
    assert squares.run("--jobs", "1")[0] == 0
    assert squares.ran()[6:] == [3]
    assert load("squares") == SQUARED
    assert stored.read("squares")["setting"] == setting() | {"threads": "1; 2"}
    assert not squares.journal().exists()


def test_workers_end_when_their_parent_is_killed(squares):
    squares.change("if seed == 3", "if True")
    squares.change("pass", SLEEPS)
    process = squares.command("-m", "experiments.squares", "--jobs", "2")
    assert [process.stdout.readline() for _ in range(2)] == ["asleep\n"] * 2
    process.kill()
    process.communicate(timeout=10)  # as long as a worker lives it holds its end of the pipe


def test_rows_run_here_or_on_a_cluster(squares, capsys):
    with pytest.raises(SystemExit, match="2"):
        main("squares", ["--jobs", str(os.cpu_count()), "--scheduler", "tcp://127.0.0.1:8786"])
    assert "not allowed with argument --jobs" in capsys.readouterr().err


def dask(squares, *arguments):
    return squares.command("-m", "distributed.cli." + arguments[0], *arguments[1:], "--scheduler-file", "cluster.json")


def test_a_cluster_that_loses_a_worker_half_way_loses_no_row(squares):
    """One of two workers is killed by its row, the first time that row runs; the other takes over what it had."""
    squares.change(
        "pass",
        'if not Path("died").exists():\n        Path("died").touch()\n        os.kill(os.getpid(), signal.SIGKILL)',
    )
    started = [dask(squares, "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")]
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
    started += [dask(squares, "dask_worker", *options) for _ in range(2)]
    try:
        while not (squares.root / "cluster.json").exists():
            assert started[0].poll() is None
            time.sleep(0.05)
        address = json.loads((squares.root / "cluster.json").read_text())["address"]
        status, words = squares.run("--scheduler", address)
        assert status == 0, words
        assert sorted(worker.poll() is None for worker in started[1:]) == [False, True]
    finally:
        for process in started:
            process.kill()
            process.communicate()
    assert load("squares") == SQUARED
    assert [row["settings"]["seed"] for row in stored.read("squares")["rows"]] == [*range(6)]
    assert squares.ran().count(3) == 2


def test_results_that_come_out_the_same_are_carried_over(squares):
    squares.store()
    squares.change("seed**2.0", 'float(seed * seed), "run_s": time.time()')
    with pytest.raises(ValueError, match=OTHER):
        load("squares")
    note = carry.carry_over("squares", 3)
    assert len(note["rows"]) == len(note["seconds"]) == 3
    assert stored.read("squares")["carried_over"] == [note]
    assert load("squares") == SQUARED
    assert not (stored.RESULTS / "kept").exists()  # what a run keeps, it kept elsewhere


def test_a_result_that_comes_out_differently_is_not_carried_over(squares):
    squares.store()
    squares.change("seed**2.0", "seed**2.0 + 1e-12")
    before = stored.read("squares")
    with pytest.raises(
        ValueError, match=r"squares.json: 1 of 1 rows came out differently:\n  \{'seed': 5\} gives \{'square': 25.0"
    ):
        carry.carry_over("squares", 1, only={"seed": 5})
    assert stored.read("squares") == before


def test_where_a_processor_rounds_otherwise_old_code_is_run_beside_new(squares):
    squares.store(value=lambda seed: seed**2.0 + 1e-9)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(squares.root)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "experiments"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "Square"], check=True)
    squares.change("seed**2.0", "float(seed * seed)")
    with carry.revision_tree("HEAD") as since:
        note = carry.carry_over("squares", 1, since=since, only={"seed": 5})
    assert note["rows"] == [{"seed": 5}]
    assert note["compared with"] == since[0]
    assert load("squares")[5]["square"] == 25 + 1e-9
    squares.change("float(seed * seed)", "seed**2.0 + 1e-9")  # as stored, but not what the old code gives here
    with carry.revision_tree("HEAD") as since, pytest.raises(ValueError, match="1 of 1 rows came out differently"):
        carry.carry_over("squares", 1, since=since)
    with pytest.raises(ValueError, match=r"git rev-parse .* failed: no such revision"), carry.revision_tree("nowhere"):
        pass


def test_what_cannot_be_carried_over_is_refused_with_a_sentence(squares):
    squares.store()
    with pytest.raises(ValueError, match=r"rows \(7\) must be at most 6, which squares.json has"):
        carry.carry_over("squares", 7)
    with pytest.raises(ValueError, match=r"rows \(2\) must be at most 1, which squares.json has with \{'seed': 4\}"):
        carry.carry_over("squares", 2, only={"seed": 4})
    squares.change("range(6)", "range(5)")
    with pytest.raises(ValueError, match="other settings than the present ones"):
        carry.carry_over("squares", 3)
