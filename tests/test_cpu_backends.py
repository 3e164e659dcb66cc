"""The CPU's table of backends: who is wrong is not timed, who is chosen is chosen before the clock starts."""

import pytest
import torch

from benchmarks import cpu_backends
from benchmarks.gpu.backends import Backend


def test_a_cell_judges_times_and_says_what_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(cpu_backends, "NAMES", ("explicit", "flash", "cuDNN", "Triton"))
    real = cpu_backends.backend

    def one_wrong(name, shape, inputs):
        return Backend(lambda: (torch.zeros_like(inputs.q),)) if name == "flash" else real(name, shape, inputs)

    monkeypatch.setattr(cpu_backends, "backend", one_wrong)
    runs = cpu_backends.cell("float32", 16, 2, lambda: None)["backends"]
    assert runs["explicit"]["status"] == "right"
    assert len(runs["explicit"]["warm_s"]) == len(runs["explicit"]["cold_s"]) == 2
    assert runs["flash"]["status"] == "wrong"
    assert "warm_s" not in runs["flash"]
    assert {runs[name]["needs"] for name in ("cuDNN", "Triton")} == {"a GPU"}


def test_each_contender_begins_a_round_in_its_turn_within_its_own_choice(monkeypatch):
    log = []

    class Chosen:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            log.append(f"choose {self.name}")

        def __exit__(self, *_):
            log.append("leave")

    monkeypatch.setattr(cpu_backends, "time_calls", lambda calls, **_: log.append("time") or {"": [1.0]})
    right = {name: Backend(int, lambda name=name: Chosen(name)) for name in "ab"}
    warm, cold = cpu_backends.in_turns(right, 2, lambda: None)
    assert warm == cold == {"a": [1.0, 1.0], "b": [1.0, 1.0]}
    one = [f"choose {name}|time|leave" for name in "abba"]
    assert "|".join(log) == "|".join(one + one)


@pytest.mark.parametrize("switches", [{}, {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}])
def test_a_process_gets_the_switches_and_no_others(monkeypatch, switches):
    monkeypatch.setenv("MKL_ENABLE_INSTRUCTIONS", "AVX2")
    program = "import json, os; print('noise'); print(json.dumps(os.environ.get('MKL_ENABLE_INSTRUCTIONS')))"
    assert cpu_backends.in_process(program, switches) == switches.get("MKL_ENABLE_INSTRUCTIONS")


def test_a_second_core_is_measured_under_both_ways_of_waiting(monkeypatch):
    seen = []

    def noted(program, switches, threads, rounds):
        seen.append((switches["OMP_WAIT_POLICY"], switches["OMP_NUM_THREADS"], threads, rounds))
        return {"seconds": 2.0, "core_seconds": 1.0}

    monkeypatch.setattr(cpu_backends, "in_process", noted)
    rows = cpu_backends.second_core(repetitions=2, rounds=3)
    assert seen[:4] == [(policy, str(n), n, 3) for policy in ("ACTIVE", "PASSIVE") for n in (1, 2)]
    assert [row["run"] for row in rows] == [0] * 4 + [1] * 4
    kinds = [(waiting, n) for waiting in ("spinning", "sleeping") for n in (1, 2)]
    assert [(row["waiting"], row["threads"]) for row in rows] == 2 * kinds
