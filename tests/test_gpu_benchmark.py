"""The benchmark for GPUs, on a CPU: its plan, what it disqualifies, what it survives, how it takes up where it was."""

import gc
import json
import subprocess
import sys
import time

import pytest
import torch
from torch.testing import assert_close

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import backends, clock, judge, worker
from benchmarks.gpu.backends import Backend, Inputs, backend, make_inputs
from benchmarks.gpu.plan import Cell, Shape, plan
from benchmarks.gpu.published import PUBLISHED, beside
from benchmarks.gpu.store import Store
from benchmarks.gpu.watch import Watch

CPU = torch.device("cpu")
SHAPE = Shape("float32", 2, 3, 37, 53, 11, 3)
CELL = Cell("lengths", SHAPE, ("explicit", "SDPA's choice"))


@pytest.fixture(scope="module", autouse=True)
def frozen():
    """What earlier tests imported is not looked through at each of the collections that `measure` asks for.

    It stays so: to unfreeze it would unfreeze what conftest.py froze too.
    """
    gc.collect()
    gc.freeze()


def measured(tmp_path, cell=CELL):
    return worker.measure(cell, CPU, Store(tmp_path / "gpu.json", {}), "not read", rounds=2)["backends"]


def replaced(monkeypatch, name, run):
    """One backend that computes as `run` says."""
    real = backends.backend
    monkeypatch.setattr(worker, "backend", lambda n, *rest: Backend(run) if n == name else real(n, *rest))


# ---- the plan


def test_each_shape_is_planned_once_and_each_question_is_there():
    cells = plan()
    assert len({cell.shape.name for cell in cells}) == len(cells)
    assert {cell.phase for cell in cells} == {
        *("lengths", "one long sequence", "decoding", "backward", "small", "grouped queries", "formats")
    }
    assert {cell.shape.head_dim for cell in cells} == {64, 128}
    assert any(cell.shape.is_causal and cell.shape.backward for cell in cells)


def test_a_run_cut_off_after_a_few_cells_has_published_shapes_and_decoding():
    first = plan()[:7]
    assert {"lengths", "one long sequence", "decoding"} <= {cell.phase for cell in first}
    assert sum(figure.shape in [cell.shape for cell in first] for figure in PUBLISHED) >= 8


def test_large_shapes_fill_a_card_of_132_multiprocessors():
    for cell in plan():
        if cell.phase not in ("small", "one long sequence"):
            blocks = -(-cell.shape.n_queries // 128)
            assert cell.shape.batch * cell.shape.n_heads * blocks >= (132 if cell.shape.n_queries > 1 else 32), cell


def test_operations_and_bytes_are_counted_as_published():
    shape = Shape("float16", 2, 3, 5, 7, 11, 3)
    assert shape.flops == 4 * 2 * 3 * 5 * 7 * 11
    assert Shape("float16", 2, 3, 5, 7, 11, 3, is_causal=True, backward=True).flops == 3.5 * 2 * 2 * 3 * 5 * 7 * 11
    grouped = Shape("float16", 2, 6, 5, 7, 11, 3)
    assert grouped.n_bytes == 2 * 2 * 11 * (2 * 6 * 5 + 2 * 3 * 7)
    assert grouped.name == "float16, batch 2, heads 6/3, d 11, tokens 5 on 7"


# ---- right or wrong


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", ["explicit", "SDPA's choice", "flash"])
def test_honest_backends_are_within_the_tolerance(name, backward, dtype):
    shape = Shape(dtype, 1, 3, 83, 83, 16, 3, is_causal=True, backward=backward)
    inputs = make_inputs(shape, CPU)
    want = judge.reference(shape, inputs)
    assert len(want) == (4 if backward else 1)
    found = judge.errors(backend(name, shape, inputs).run(), want)
    assert found.keys() == {"output", "worst_query"} | ({"worst_gradient"} if backward else set())
    assert judge.verdict(dtype, found)["status"] == "right"


def test_the_reference_in_parts_is_pytorchs_own_in_float64(monkeypatch):
    monkeypatch.setattr(judge, "MOST_SCORES", 37 * 53 * 4)  # four heads at once, of six
    shape = Shape("float32", 2, 6, 37, 53, 11, 3)
    inputs = make_inputs(shape, CPU)
    wide = (x.double() for x in (inputs.q, inputs.k, inputs.v))
    want = torch.nn.functional.scaled_dot_product_attention(*wide, enable_gqa=True)
    assert_close(judge.reference(shape, inputs)[0], want.float(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("query", [0, 36])
def test_one_wrong_query_of_many_disqualifies(monkeypatch, tmp_path, query):
    def spoilt():
        out = torch.nn.functional.scaled_dot_product_attention(*inputs())
        out[1, 2, query] *= 1.5
        return (out,)

    def inputs():
        made = make_inputs(SHAPE, CPU)
        return made.q, made.k, made.v

    replaced(monkeypatch, "SDPA's choice", spoilt)
    run = measured(tmp_path)["SDPA's choice"]
    assert run["status"] == "wrong"
    assert "worst query off by" in run["reason"]
    assert "seconds" not in run


@pytest.mark.parametrize(
    "wrong", [lambda x: x * float("nan"), lambda x: x + 1e-3, torch.zeros_like], ids=["nan", "off", "zeros"]
)
def test_a_wrong_output_disqualifies_and_the_others_are_timed(monkeypatch, tmp_path, wrong):
    right = judge.reference(SHAPE, make_inputs(SHAPE, CPU))[0]
    replaced(monkeypatch, "SDPA's choice", lambda: (wrong(right),))
    runs = measured(tmp_path)
    assert runs["SDPA's choice"]["status"] == "wrong"
    assert runs["explicit"]["status"] == "right"
    assert len(runs["explicit"]["seconds"]) == 2


# ---- what a run survives


def out_of_memory(*_: object, **__: object):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 512.00 GiB")


def test_out_of_memory_in_one_backend_leaves_the_others(monkeypatch, tmp_path):
    replaced(monkeypatch, "explicit", out_of_memory)
    runs = measured(tmp_path)
    assert runs["explicit"] == {
        "status": "out of memory",
        "reason": "OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 GiB",
    }
    assert runs["SDPA's choice"]["status"] == "right"


@pytest.mark.parametrize("where", ["make_inputs", "reference", "prepare", "seconds_of"])
def test_out_of_memory_anywhere_is_a_finding(monkeypatch, tmp_path, where):
    monkeypatch.setattr(worker, where, out_of_memory)
    runs = measured(tmp_path)
    assert {run["status"] for run in runs.values()} == {"out of memory"}
    assert not any("seconds" in run for run in runs.values())


def test_a_backend_that_was_not_made_for_a_shape_says_so(tmp_path):
    grouped = Cell("grouped queries", Shape("float32", 1, 4, 5, 7, 16, 2), ("Triton", "SDPA's choice"))
    runs = measured(tmp_path, grouped)
    assert runs["Triton"]["status"] == "cannot run"
    assert "as many heads of keys as of queries" in runs["Triton"]["reason"]
    assert runs["SDPA's choice"]["status"] == "right"


def test_what_took_the_process_down_is_not_tried_again(tmp_path):
    store = Store(tmp_path / "gpu.json", {})
    store.began(SHAPE.name, "explicit")
    assert store.blame("the worker ended with status -11")
    assert not store.blame("twice")
    again = Store(tmp_path / "gpu.json", {})
    runs = worker.measure(CELL, CPU, again, "not read", rounds=2)["backends"]
    assert runs["explicit"] == {"status": "took the process down", "reason": "the worker ended with status -11"}
    assert runs["SDPA's choice"]["status"] == "right"


def test_a_poisoned_card_ends_the_worker_and_names_the_backend(monkeypatch, tmp_path):
    def illegal(_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    replaced(monkeypatch, "explicit", lambda: 1 / 0)
    monkeypatch.setattr(worker, "synchronize", illegal)
    with pytest.raises(SystemExit) as ended:
        measured(tmp_path)
    assert ended.value.code == worker.POISONED
    assert "illegal memory access" in Store(tmp_path / "gpu.json", {}).failed(SHAPE.name)["explicit"]


def test_an_old_file_stays_whole_while_a_new_one_is_written(monkeypatch, tmp_path):
    store = Store(tmp_path / "gpu.json", {"device": "x"})
    store.add_cell({"shape": "one"})
    monkeypatch.setattr(json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.add_cell({"shape": "two"})
    monkeypatch.undo()
    assert Store(tmp_path / "gpu.json", {"device": "x"}).done() == {"one"}


def test_results_of_another_card_are_not_taken_up(tmp_path):
    Store(tmp_path / "gpu.json", {"device": "x"}).save()
    with pytest.raises(ValueError, match="pass --anew"):
        Store(tmp_path / "gpu.json", {"device": "y"})
    assert Store(tmp_path / "gpu.json", {"device": "y"}, anew=True).done() == set()


def test_a_run_whose_time_is_up_goes_on_the_next_time(tmp_path):
    said = []
    store = Store(tmp_path / "gpu.json", {})
    worker.work(store, CPU, "not read", quick=True, deadline=0, say=said.append)
    assert "The time is up" in said[0]
    assert not store.results["complete"]
    assert store.results["cells"] == []
    first = plan(quick=True)[0]
    store.add_cell({"shape": first.shape.name, "backends": {}})
    worker.work(store, CPU, "not read", quick=True, deadline=time.time() + 600, say=said.append)
    assert store.results["complete"]
    names = [cell["shape"] for cell in store.results["cells"]]
    assert names == [cell.shape.name for cell in plan(quick=True)]
    assert store.results["cells"][0]["backends"] == {}  # as it was


def test_a_worker_that_hangs_is_stopped(monkeypatch, tmp_path):
    monkeypatch.setattr(command, "STALL_S", 0.2)
    monkeypatch.setattr(command, "POLL_S", 0.05)
    hanging = [sys.executable, "-c", "import time; time.sleep(60)"]
    start = time.time()
    assert command.run_watched(hanging, tmp_path / "gpu.json", start + 60) < 0
    assert time.time() - start < 20


def test_the_command_measures_and_stores_everything(tmp_path):
    arguments = ["-m", "benchmarks.gpu", "--device", "cpu", "--quick", "--folder", str(tmp_path)]
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, timeout=240)
    results = json.loads((tmp_path / "gpu-cpu.json").read_text())
    assert results["complete"]
    assert {cell["shape"] for cell in results["cells"]} == {cell.shape.name for cell in plan(quick=True)}
    runs = [run for cell in results["cells"] for run in cell["backends"].values()]
    assert all(run["status"] == "right" and len(run["seconds"]) == 3 for run in runs)
    assert results["cells"][0]["backends"]["explicit"]["kernels"][0]["seconds"] > 0


# ---- clocks and published figures


def test_what_cannot_be_captured_is_launched_many_times_and_says_why(monkeypatch):
    monkeypatch.setattr(clock, "time_calls", lambda calls, **_: {"": [3e-4]})
    monkeypatch.setattr(clock, "_graph", lambda *_: 1 / 0)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: None)
    ran, entered = [], []

    class Chosen:
        def __enter__(self):
            entered.append(len(ran))

        def __exit__(self, *_):
            pass

    ready = clock.prepare(Backend(lambda: ran.append(1), Chosen), torch.device("cuda"))
    assert (ready.how, ready.calls) == ("launches", 200)  # 20 ms of calls of 0.1 ms
    assert "ZeroDivisionError" in ready.reason
    ready.launch()
    assert (len(ran), entered) == (200, [0])  # the backend is chosen once, before the first call


def test_a_call_of_a_graph_takes_its_share_of_the_graph(monkeypatch):
    monkeypatch.setattr(clock, "time_calls", lambda calls, **_: {name: [6.0, 12.0] for name in calls})
    ready = {"a": clock.Prepared(int, 3, "graph"), "b": clock.Prepared(int, 1, "graph")}
    assert clock.seconds_of(ready, CPU, 2) == {"a": [2.0, 4.0], "b": [6.0, 12.0]}


def test_clocks_are_read_while_the_work_goes_on():
    readings = iter([(1980, 2619, 600.0, 50, 0x4), (1200, 2619, 700.0, 61, 0x24)])
    with Watch(lambda: next(readings), every_s=0.001) as watch:
        time.sleep(0.2)
    found = watch.found
    assert found["readings"] == 2
    assert found["sm_mhz"] == [1200, 1590, 1980]
    assert found["held_back_by"] == ["power cap", "heat, by software"]
    with Watch("no NVML") as watch:
        pass
    assert watch.found == {"reason": "no NVML"}


def test_published_figures_stand_beside_ours_with_both_cards():
    figure = next(f for f in PUBLISHED if f.theirs == "FlashAttention-2" and f.shape.head_dim == 128)
    seconds = figure.shape.flops / 175e12
    cell = {"shape": figure.shape.name, "backends": {"flash": {"status": "right", "seconds": [seconds] * 3}}}
    (row,) = beside({"cells": [cell], "gpu": {"device": "NVIDIA H200"}})
    assert (row["theirs"], row["their_flops_per_s"], row["their_card"]) == ("FlashAttention-2", 350e12, "H100 SXM5")
    assert row["our_card"] == "NVIDIA H200"
    assert row["ratio"] == pytest.approx(0.5)


def test_a_backend_out_of_memory_is_beside_a_published_one_out_of_memory():
    figure = next(f for f in PUBLISHED if f.flops_per_s is None)
    cell = {"shape": figure.shape.name, "backends": {"explicit": {"status": "out of memory"}}}
    (row,) = beside({"cells": [cell], "gpu": {"device": "NVIDIA H200"}})
    assert (row["status"], row["our_flops_per_s"], row["ratio"]) == ("out of memory", None, None)


def test_the_issues_time_is_the_rate_of_its_shape():
    h100 = next(f for f in PUBLISHED if f.card == "H100")
    assert h100.shape == Shape("bfloat16", 1, 8, 32768, 32768, 64, 8)
    assert h100.flops_per_s == pytest.approx(4 * 8 * 32768**2 * 64 / 4.28e-3)


def test_inputs_of_a_kind_are_the_same_again():
    one, other = (make_inputs(SHAPE, CPU) for _ in range(2))
    assert isinstance(one, Inputs)
    assert torch.equal(one.q, other.q)
    assert one.q.shape == (2, 3, 37, 11)
    assert one.k.shape == (2, 3, 53, 11)
