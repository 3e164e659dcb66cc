"""Many ranks beside one: equal, with the memory and the traffic that theory says, and an end when one of them fails."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from benchmarks.parallel_heads import compared
from course.ranks import training
from mha.models.gpt import GPT, GPTConfig
from mha.parallel import budget
from mha.parallel.budget import Plan, memory, operations, parameters, traffic
from mha.parallel.data_split import NextTokenLoss
from mha.parallel.group import joined
from mha.parallel.head_split import projections_apart
from mha.parallel.launch import RankError, launch
from mha.parallel.saved import load_newest, save
from mha.parallel.traffic import bytes_sent
from mha.parallel.ways import BATCH, CONFIG, LENGTH

CLOSE = 1e-5
SIZES = (2, 4)
PLANS = {  # what each way of `mha.parallel.ways` is on paper, by the number of ranks
    "copies": lambda n: Plan(BATCH, LENGTH, data=n, precision="float32"),
    "sharded weights": lambda n: Plan(BATCH, LENGTH, data=n, sharding="weights", precision="float32"),
    "heads": lambda n: Plan(BATCH, LENGTH, heads=n, precision="float32"),
    "sequence": lambda n: Plan(BATCH, LENGTH, sequence=n, precision="float32"),
    "heads and weights": lambda n: Plan(BATCH, LENGTH, data=n // 2, heads=2, sharding="weights", precision="float32"),
}
WAYS = [(name, n) for n in SIZES for name in PLANS if (name, n) != ("heads and weights", 2)]
RINGS = [(f"ring, {name}", n) for n in SIZES for name in ("plain", "causal", "shared keys")]
HALF, WHOLE = 4, 8
over_tcp = pytest.mark.skipif(
    sys.platform != "linux" or torch.cuda.device_count() >= SIZES[0],
    reason="only Linux tells what a connection has sent, and NCCL has other ways than TCP",
)

Found = dict[str, Any]


def failure(module: str, arguments: list[str], path: Path) -> tuple[str, float]:
    """What `launch` says of two ranks, the second of which meets a fault, and how many seconds after it did."""
    with pytest.raises(RankError) as caught:
        launch(module, arguments, n_ranks=2, limit_s=240)
    said = str(caught.value)
    assert path.exists(), said  # else it was another fault, and earlier
    return said, time.time() - float(path.read_text())


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Any]]]:
    """All that needs ranks, begun at once: whoever waits for a time-out leaves the cores to the others."""
    if sys.platform == "win32":
        pytest.skip("torchrun does not start on Windows, where PyTorch has no libuv; see `launch`")
    folder = tmp_path_factory.mktemp("ranks")

    def two() -> tuple[str, float]:
        return failure("tests.parallel_ranks", [str(folder)], folder / "killed")

    def four() -> None:
        killed.result()  # they go on from what the two have written
        launch("tests.parallel_ranks", [str(folder)], n_ranks=4, limit_s=240)

    with ThreadPoolExecutor() as pool:
        killed = pool.submit(two)
        arguments = ["stopped", "3.0", str(folder / "stopped")]
        yield {
            "folder": pool.submit(lambda: folder),
            "killed": killed,
            "four": pool.submit(four),
            "stopped": pool.submit(failure, "course.ranks.faults", arguments, folder / "stopped"),
        }


@pytest.fixture
def found(launched: dict[str, Future[Any]]) -> dict[int, Found]:
    launched["four"].result()
    folder = launched["folder"].result()
    return {n: json.loads((folder / f"ranks_{n}.json").read_text()) for n in SIZES}


# --- equal to one device ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "n"), WAYS)
def test_each_way_gives_the_loss_and_the_gradients_of_one_device(found, way, n):
    assert found[n]["ways"][way]["loss"] < CLOSE
    assert found[n]["ways"][way]["gradients"] < CLOSE


@pytest.mark.parametrize(("ring", "n"), RINGS)
def test_a_ring_gives_the_attention_of_one_device(found, ring, n):
    assert found[n]["ways"][ring]["output"] < CLOSE
    assert found[n]["ways"][ring]["gradients"] < CLOSE


@pytest.mark.skipif(torch.cuda.device_count() < 4, reason="PyTorch's own ring needs NCCL, a GPU for each of four ranks")
@pytest.mark.parametrize("n", SIZES)
def test_pytorchs_own_ring_gives_it_too(found, n):
    assert found[n]["ways"]["ring, PyTorch's"]["output"] < CLOSE
    assert found[n]["ways"]["ring, PyTorch's"]["gradients"] < CLOSE


@pytest.mark.parametrize("n", SIZES)
def test_shared_keys_a_gated_net_and_no_biases_are_cut_too(found, n):
    assert found[n]["gated_and_shared"] < CLOSE


def test_what_cannot_be_divided_is_named(found):
    two, four = (found[n]["refusals"] for n in SIZES)
    assert two["rows"] == "n (7) must be divisible by the number of ranks (2)"
    assert two["heads"] == "n_heads (3) of the layer must be divisible by the ranks (2)"
    assert four["keys"] == "n_kv_heads (3) of the layer must be divisible by the ranks (4)"
    assert two["channels"] == "d_ff (7) of ffn must be divisible by the ranks (2)"
    assert two["dropout"] == "dropout (0.1) of attn must be 0 where heads are on many ranks"
    assert two["mask"] == "ring_attention takes no attn_mask"
    assert two["tokens"].startswith("q and v must be (b, h, i, d) of as many tokens, got (1, 2, 3, 4) and (1, 2, 2, 4)")
    assert two["rotary"] == "the layer must have no rotary and no patterns: their places would be wrong"


def test_projections_apart_are_the_same_function():
    torch.manual_seed(0)
    model = GPT(CONFIG)
    ids = torch.randint(CONFIG.vocab_size, (2, 7))
    wanted = model(ids)
    torch.testing.assert_close(projections_apart(model)(ids), wanted)
    assert {name for name, _ in model.blocks[0].attn.qkv.named_parameters()} == {
        f"{part}.{what}" for part in "qkv" for what in ("weight", "bias")
    }


# --- traffic and memory: theory, the count, and the wire -------------------------------------------------------------


def test_a_count_sees_each_collective_and_its_size(found):
    wanted = [["all-reduce", 28, 2], ["broadcast", 24, 2], ["all-gather", 40, 2]]
    assert found[2]["counted"] == wanted


@pytest.mark.parametrize(("way", "n"), WAYS)
def test_what_is_sent_is_what_paper_says(found, way, n):
    one = found[n]["ways"][way]
    assert sum(one["sent"].values()) == pytest.approx(sum(traffic(CONFIG, PLANS[way](n)).values()), rel=1e-12)


@over_tcp
@pytest.mark.parametrize(("way", "n"), [*WAYS, *RINGS])
def test_the_wire_carries_what_was_counted(found, way, n):
    one = found[n]["ways"][way]
    # gloo has no way of its own to reduce and scatter: it sums everywhere and throws the rest away
    counted = sum(one["sent"].values()) + one["sent"].get("reduce-scatter", 0.0)
    for wire in one["wire"]:
        assert counted <= wire < 1.1 * counted + 8000


@pytest.mark.parametrize(("way", "n"), WAYS)
def test_a_rank_holds_what_paper_says(found, way, n):
    plan, numbers = PLANS[way](n), parameters(CONFIG)
    block = numbers["cut"] / plan.heads + numbers["whole"]
    held = CONFIG.n_layers * block + numbers["outside"]
    divided = plan.replicas if plan.sharding == "weights" else 1
    assert found[n]["ways"][way]["held"] == [held / divided] * n
    gathered = block + numbers["outside"] if divided > 1 else 0
    assert memory(CONFIG, plan)["weights"] == pytest.approx(4 * (held / divided + gathered * (1 - 1 / divided)))


@pytest.mark.parametrize(
    ("kind", "sent"),
    [("all-reduce", 150.0), ("reduce-scatter", 75.0), ("all-gather", 75.0), ("broadcast", 75.0), ("send", 100.0)],
)
def test_bytes_of_a_collective_round_a_ring_of_four(kind, sent):
    assert bytes_sent(kind, 100, 4) == sent
    with pytest.raises(ValueError, match=r"kind must be one of 'all-reduce', .*, got 'gossip'"):
        bytes_sent("gossip", 100, 4)


@pytest.mark.parametrize("config", [CONFIG, budget.SEVEN_BILLION])
def test_parameters_are_counted_as_the_model_has_them(config):
    with torch.device("meta"):
        model = GPT(config)
    assert parameters(config)["all"] == sum(p.numel() for p in model.parameters())


def test_seven_billion_are_nearly_seven_billion():
    assert 6.6e9 < parameters(budget.SEVEN_BILLION)["all"] < 6.7e9


def test_memory_by_stage_is_that_of_zero():
    # Rajbhandari et al. 2020, figure 1: of 2 + 2 + 12 bytes a parameter on 64 ranks, 120 GB become 31.4, 16.6 and 1.9
    n = parameters(budget.SEVEN_BILLION)["all"]
    plan = Plan(batch=64, data=64)
    for sharding, gb in (("copies", 120), ("optimizer", 31.4), ("gradients", 16.6), ("weights", 1.9)):
        held = memory(budget.SEVEN_BILLION, replace(plan, sharding=sharding))
        numbers = parameters(budget.SEVEN_BILLION)
        whole = numbers["cut"] + numbers["whole"] + numbers["outside"]
        gathered = whole * 2 * 63 / 64 if sharding == "weights" else 0
        assert (sum(held.values()) - held["activations"] - gathered) * 7.5e9 / n == pytest.approx(gb * 1e9, rel=0.02)


def test_activations_are_what_autograd_keeps():
    """Of a GPT's blocks: the storages that it saves, parameters left out, each once."""
    config = GPTConfig(vocab_size=64, d_model=32, n_layers=3, n_heads=2, d_ff=96, max_len=64)
    model, tokens = GPT(config), torch.randint(64, (2, 48))
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def note(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in own and x.is_floating_point():
            kept[storage.data_ptr()] = storage.nbytes()
            held.append(x)
        return x

    held: list[Tensor] = []
    x = model.positions(model.tokens(tokens)).detach().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        for block in model.blocks:
            x = block(x, is_causal=True)
    counted = memory(config, Plan(batch=2, length=48, precision="float32"))["activations"]
    statistics = 3 * 2 * 48 * 4 * (2 + 4)  # of each token a sum a head, a mean and a deviation a norm
    assert sum(kept.values()) == pytest.approx(counted, abs=1.5 * statistics)


def test_more_ranks_hold_less_and_what_does_not_divide_is_refused():
    plan = Plan(batch=64, length=2048)
    for name in ("data", "heads", "sequence"):
        plans = [replace(plan, **{name: n}, sharding="weights") for n in (1, 2, 4, 8)]
        held = [sum(memory(budget.SEVEN_BILLION, one).values()) for one in plans]
        assert all(less < more for more, less in pairwise(held))
        work = [operations(budget.SEVEN_BILLION, one) for one in plans]
        assert all(less < more for more, less in pairwise(work))
    again = replace(plan, recomputes=True)
    assert memory(budget.SEVEN_BILLION, again)["activations"] < memory(budget.SEVEN_BILLION, plan)["activations"] / 8
    for name, size, what in (("data", 128, "batch"), ("heads", 64, "n_heads"), ("sequence", 4096, "length")):
        with pytest.raises(ValueError, match=rf"{what} \(\d+\) must be divisible by the ranks of {name} \({size}\)"):
            memory(budget.SEVEN_BILLION, replace(plan, **{name: size}))
    with pytest.raises(ValueError, match="sharding must be one of 'copies'"):
        Plan(sharding="all")
    with pytest.raises(ValueError, match=r"heads \(0\) must be at least 1"):
        Plan(heads=0)


def test_operations_are_six_for_each_parameter_and_token():
    """Kaplan et al. 2020: of a short sequence, whose attention hardly counts."""
    plan = Plan(length=64)
    matrices = parameters(budget.SEVEN_BILLION)["all"] - 2048 * 4096  # positions are looked up, not multiplied
    assert operations(budget.SEVEN_BILLION, plan) / (6 * 64 * matrices) == pytest.approx(1, abs=0.01)


def test_gpt_3_is_counted_as_others_have_counted_it():
    """Of 175 billion parameters: Brown et al. 2020, tables 2.1 and D.1; Korthikanti et al. 2022, equation 2 and A.1."""
    m, n_layers, length, vocab = 12288, 96, 2048, 50257
    config = GPTConfig(vocab_size=vocab, d_model=m, n_layers=n_layers, n_heads=96, d_ff=4 * m, max_len=length)
    plan = Plan(batch=1, length=length, heads=8)
    assert parameters(config)["all"] == pytest.approx(175e9, rel=0.003)
    a_token = operations(config, Plan(batch=1, length=length)) / length
    assert 300e9 * a_token == pytest.approx(3.14e23, rel=0.02)
    # theirs counts all pairs of attention, ours the half that a causal one meets
    theirs = 72 * n_layers * length * m * m * (1 + length / 2 / (6 * m) + vocab / (12 * m * n_layers))
    assert a_token * length == pytest.approx(theirs, rel=1e-9)
    masks = 2  # of dropout, in bytes of each token and channel, which ours leaves out
    assert memory(config, plan)["activations"] == n_layers * length * m * (10 + 24 / 8 - masks)
    assert traffic(config, plan)["heads"] == n_layers * 4 * (2 * 7 / 8) * 2 * length * m


# --- a rank that fails, and what is left -----------------------------------------------------------------------------


def test_a_rank_that_dies_ends_the_run_at_once_whatever_the_time_out(launched):
    said, seconds = launched["killed"].result()
    assert "rank 1 was ended by SIGKILL" in said or "Connection closed by peer" in said
    assert seconds < 30  # of the 120 that the group would wait


def test_a_rank_that_is_stopped_ends_the_run_at_the_time_out(launched):
    said, seconds = launched["stopped"].result()
    assert "rank 0 of 2" in said
    assert "Timed out waiting 3000ms" in said
    assert 3 < seconds < 3 + 25  # torchrun alone would wait for 30 s more


def test_a_rank_that_finds_nobody_gives_up_at_the_time_out(monkeypatch, capfd, tmp_path):
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "0")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    start = time.monotonic()
    with pytest.raises(dist.DistError), joined(timeout_s=1):
        pass
    assert 1 <= time.monotonic() - start < 10
    assert "Failed: rank 0 of 2" in capfd.readouterr().err
    assert not dist.is_initialized()


def test_a_process_that_torchrun_did_not_start_is_told_so(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match="must be started by torchrun, which sets RANK, WORLD_SIZE"), joined(1):
        pass


def test_ranks_that_take_too_long_are_ended():
    with pytest.raises(RankError, match=r"course.ranks.faults on 1 ranks: ended after 0.2 s, the limit"):
        launch("course.ranks.faults", ["killed", "9"], n_ranks=1, limit_s=0.2)
    with pytest.raises(ValueError, match=r"n_ranks \(0\) must be at least 1"):
        launch("course.ranks.faults", n_ranks=0, limit_s=1)


def test_a_run_that_was_stopped_goes_on_to_the_bit(found):
    losses = found[2]["losses"]
    assert losses["first half"] | losses["second half"] == losses["whole"]
    assert list(losses["second half"]) == [str(step) for step in range(HALF, WHOLE)]


def test_more_ranks_go_on_as_the_two_would_have(found):
    wanted = {step: found[2]["losses"]["whole"][step] for step in found[4]["losses"]["second half"]}
    assert found[4]["losses"]["second half"] == pytest.approx(wanted, rel=CLOSE)
    assert len(wanted) == WHOLE - HALF


def test_one_process_without_a_group_goes_on_too(launched, found):
    model = training.new_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=training.LR)
    assert load_newest(launched["folder"].result() / "others", model, optimizer) == WHOLE
    trained = steps(training.new_model(), range(WHOLE))
    ahead = training.batch(WHOLE)
    # weights without a gradient, the keys' biases, are steered by its rounding, which AdamW makes as large as any
    assert float(model(ahead).detach()) == pytest.approx(float(trained(ahead).detach()), rel=CLOSE)


def steps(model: NextTokenLoss, which: range) -> NextTokenLoss:
    """The same training by hand, in one process."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=training.LR)
    for step in which:
        optimizer.zero_grad()
        model(training.batch(step)).backward()
        optimizer.step()
    return model


def test_a_checkpoint_that_was_not_finished_is_passed_by(tmp_path):
    model = training.new_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=training.LR)
    assert load_newest(tmp_path, model, optimizer) == 0
    save(tmp_path, model, optimizer, 3)
    (tmp_path / "step_00000007").mkdir()
    (tmp_path / "step_00000007" / "__0_0.distcp").write_bytes(b"half of it")
    assert load_newest(tmp_path, model, optimizer) == 3
    save(tmp_path, model, optimizer, 5)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step_00000005", "step_00000007"]
    with pytest.raises(ValueError, match=r"step \(-1\) must be at least 0"):
        save(tmp_path, model, optimizer, -1)


# --- the benchmark ---------------------------------------------------------------------------------------------------


def test_a_ratio_pairs_the_times_of_one_round():
    slow = [2.0, 20.0, 6.0]
    times = {"one process": [1.0, 20.0, 2.0], "two processes": slow}
    cell = {"times": {name: {"wall_s": wall, "processor_s": wall} for name, wall in times.items()}}
    found = compared(cell)
    assert found["two processes"]["wall_ratio"] == [2.0, 1.5, 2.5]  # of 2, 1, 3
    assert found["two processes"]["processor_ms"] == 6000.0
    assert found["one process"]["wall_ratio"] == [1.0, 1.0, 1.0]
