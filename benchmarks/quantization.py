"""Time and size of rounded and of shared weights, on one core: this package's, torchao's, and what torch had before.

    python -m benchmarks.quantization [--runs 5] [--rounds 2]

Three cases. *encode*: the pretrained encoder on 1 and on 32 sequences of 64 tokens. *decode*: a GPT of 12 layers and
768 channels with a vocabulary of 1024, so that its matrices are nearly all that is read, writes 8 tokens behind one,
greedily and with a cache: 8 passes of one row. Its floors are the products of one row with each matrix and nothing
else, in float32 (`benchmarks.floors`) and in integers. *passes*: RXNMapper's ALBERT, whose one block runs twelve times,
beside twelve blocks that are equal to it but lie apart, and beside one pass.

Each run is a process of its own, which times all contenders of a case in turns, in an order shuffled every round, of
which the first warms up, and counts as the least of the others, since a disturbance only lengthens them. Stored are the
seconds by the clock, and those that the processor worked, which a busy machine lengthens less. Nothing is compiled:
torchao is made for `torch.compile`, which needs a C++ compiler, and a reader's machine may have none.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import random
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_model
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks import floors
from benchmarks.stored import save_results
from mha.compress.integer_layers import QuantizedLinear
from mha.compress.quantization import Scheme, matrix_bytes, quantized, save_quantized
from mha.compress.rounding import int_product
from mha.generate import generate
from mha.models.bert import Encoder
from mha.models.gpt import GPT, GPTConfig
from mha.models.pretrained import load_minilm
from mha.models.pretrained_reactions import load_rxnmapper

Calls = dict[str, Callable[[], object]]
LENGTH, PROMPT, NEW_TOKENS = 64, 1, 8
TABLES = ["embeddings.positions", "embeddings.segments"]
WEIGHTS, ALL, FOUR = Scheme(), Scheme(activations="int8"), Scheme(bits=4, per=32)


def by_torchao(model: nn.Module, activations: str) -> nn.Module:
    """torchao's eight bits, weights alone or activations too; it changes the copy it is given in place."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, quantize_

    config = Int8DynamicActivationInt8WeightConfig if activations == "int8" else Int8WeightOnlyConfig
    quantize_(model := copy.deepcopy(model), config(set_inductor_config=False))
    return model


def by_quantize_dynamic(model: nn.Module) -> nn.Module:
    """What torch had before torchao, and warns that it will remove."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: nn.Module = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    return made


def encoders() -> dict[str, nn.Module]:
    """The encoder in float32 and with rounded linear maps, its token table in float32."""
    encoder = load_minilm()[0]
    ours = {"int8 weights": WEIGHTS, "int8": ALL, "int4 weights": FOUR}
    return {
        "float32": encoder,
        **{f"{name}, mha": quantized(encoder, scheme, keep=["embeddings"]) for name, scheme in ours.items()},
        "int8 weights, torchao": by_torchao(encoder, "float"),
        "int8, torchao": by_torchao(encoder, "int8"),
        "int8, quantize_dynamic": by_quantize_dynamic(encoder),
    }


def encoding(batch: int) -> Calls:
    """All encoders on the same tokens."""
    tokens = torch.randint(1000, 30000, (batch, LENGTH), generator=torch.Generator().manual_seed(0))
    models = encoders()
    calls: Calls = {name: lambda model=model: model(tokens) for name, model in models.items()}
    return calls | {"floor": floors.forward_pass(cast(Encoder, models["float32"]), [LENGTH] * batch)}


def decoding() -> Calls:
    """A GPT as it is and with rounded linear maps, beside the products that it cannot do without."""
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(1024, 768, 12, 12, 3072, PROMPT + NEW_TOKENS)).eval()
    prompt = torch.randint(1024, (1, PROMPT), generator=torch.Generator().manual_seed(0))
    small = quantized(gpt, ALL, keep=["tokens", "positions"])
    models = {
        "float32": gpt,
        "int8 weights, mha": quantized(gpt, WEIGHTS, keep=["tokens", "positions"]),
        "int8, mha": small,
        "int8, quantize_dynamic": by_quantize_dynamic(gpt),
    }
    calls: Calls = {name: lambda m=model: generate(cast(GPT, m), prompt, NEW_TOKENS) for name, model in models.items()}
    floor = {"floor, float32": floors.decoding(gpt, NEW_TOKENS), "floor, int8": integer_products(small, NEW_TOKENS)}
    return {**calls, **floor}


def integer_products(model: nn.Module, n_tokens: int) -> Callable[[], None]:
    """A row of int8 times each integer matrix, n_tokens times over."""
    matrices = [module.values for module in model.modules() if isinstance(module, QuantizedLinear)]
    rows = {n: torch.ones((n, 1), dtype=torch.int8) for n in {values.shape[1] for values in matrices}}

    def products() -> None:
        for _ in range(n_tokens):
            for values in matrices:
                int_product(values, rows[values.shape[1]])

    return products


def passes(batch: int) -> Calls:
    """A block that is run again and again, and as many blocks."""
    albert = load_rxnmapper()[0].encoder
    tokens = torch.randint(20, 500, (batch, LENGTH), generator=torch.Generator().manual_seed(0))
    blocks = [copy.deepcopy(albert.block) for _ in range(albert.config.n_layers)]

    def apart() -> Tensor:
        state: Tensor = albert.widen(albert.embeddings(tokens))
        for block in blocks:
            state = block(state)
        return state

    return {
        "one block, twelve passes": lambda: albert(tokens),
        "twelve blocks": apart,
        "one block, one pass": lambda: albert(tokens, n_passes=1),
    }


CASES: dict[str, Callable[[], Calls]] = {
    "encode 1": lambda: encoding(1),
    "encode 32": lambda: encoding(32),
    "decode": decoding,
    "passes 1": lambda: passes(1),
    "passes 32": lambda: passes(32),
}


def times(rounds: int) -> list[dict[str, Any]]:
    """The least seconds of every contender in every case, by the clock and of work."""
    torch.set_num_threads(1)
    rows = []
    for case, make in CASES.items():
        calls = make()
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
        shuffle = random.Random(0)
        for turn in range(rounds):  # the first warms up
            for name in shuffle.sample(list(calls), len(calls)):
                seconds = timed(calls[name])
                if turn:
                    found[name].append(seconds)
        for name, seconds_of in found.items():
            clock, work = (min(column) for column in zip(*seconds_of, strict=True))
            rows.append({"case": case, "contender": name, "seconds": clock, "work_s": work})
    return rows


@torch.inference_mode()
def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of one call, by the clock and of the processor's work; a short one is repeated."""
    repeats, spent = 0, (0.0, 0.0)
    while spent[0] < 0.05:
        start = time.perf_counter(), time.process_time()
        call()
        spent = spent[0] + time.perf_counter() - start[0], spent[1] + time.process_time() - start[1]
        repeats += 1
    return spent[0] / repeats, spent[1] / repeats


def sizes() -> list[dict[str, Any]]:
    """Bytes on disk, and in memory by what they hold."""
    encoder = load_minilm()[0]
    schemes = {"int8 rows": WEIGHTS, "int8 tensor": Scheme(per="tensor")}
    schemes |= {f"int4 groups of {size}": Scheme(bits=4, per=size) for size in (128, 64, 32, 16)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_model(encoder, str(path))
        rows.append({"what": "float32", "file": path.stat().st_size, **matrix_bytes(encoder)})
        for name, scheme in schemes.items():
            for part, keep in (("linear maps", ["embeddings"]), ("all", TABLES)):
                small = quantized(encoder, scheme, keep=keep)
                save_quantized(small, path)
                rows.append({"what": f"{part}, {name}", "file": path.stat().st_size, **matrix_bytes(small)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    rows = []
    for run in tqdm(range(options.runs)):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            rows += [{"run": run, **row} for row in process.submit(times, options.rounds).result()]
    versions = {"torchao": metadata.version("torchao"), "rounds": options.rounds}
    print(save_results("quantization", {**versions, "times": rows, "sizes": sizes()}))


if __name__ == "__main__":
    main()
