"""What a student of three layers saves, by the clock: milliseconds for a text, wall and processor, and bytes in a file.

Teacher and students answer the same texts in one process, in turns, in an order shuffled every round; a run gives the
medians over its rounds. "3 layers" is as deep as the students of `distilled_students`; "3 layers, half as wide" has a
quarter of the weights in each layer. Alone, a text has as many tokens as the middle one of those that are judged; in a
batch 32 of them go through together. Bytes are those of a safetensors file in float32, whole table of tokens included.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from safetensors.torch import save
from torch import Tensor

from experiments.runner import Row, main
from mha.compress.students import drawn_student, kept_layers, spread_layers
from mha.measure.timing import time_calls
from mha.models.bert import Encoder
from mha.models.pretrained import load_minilm

LENGTH, ROUNDS, BATCHES = 25, 9, (1, 32)
RUNS: list[Row] = [{"seed": seed} for seed in range(6)]


def encoders() -> dict[str, Encoder]:
    """By name; weights do not matter to the clock."""
    teacher, _ = load_minilm()
    return {
        "teacher": teacher,
        "3 layers": kept_layers(teacher, spread_layers(6, 3)),
        "3 layers, half as wide": drawn_student(teacher, n_layers=3, narrower=2),
    }


@torch.inference_mode()
def answer(encoder: Encoder, token_ids: Tensor) -> Tensor:
    """The encoder's output, without a padded token."""
    out: Tensor = encoder(token_ids)
    return out


def processor_time(call: Callable[[], object], repeats: int) -> float:
    """Mean seconds of processor time of one call: what other processes do meanwhile is no part of it."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def run(seed: int) -> Row:
    """Median milliseconds of a batch by encoder, and its bytes."""
    torch.manual_seed(seed)
    made = encoders()
    result: Row = {"bytes": {name: len(save(encoder.state_dict())) for name, encoder in made.items()}}
    for batch in BATCHES:
        ids = torch.randint(1000, 30000, (batch, LENGTH))
        calls = {name: partial(answer, encoder, ids) for name, encoder in made.items()}
        wall = time_calls(calls, rounds=ROUNDS)
        spent = {name: [processor_time(call, 1 + 8 // batch) for _ in range(ROUNDS)] for name, call in calls.items()}
        for kind, times in (("wall", wall), ("processor", spent)):
            result[f"{kind} {batch}"] = {name: round(1000 * statistics.median(x), 3) for name, x in times.items()}
    return result


if __name__ == "__main__":
    main("student_costs")
