# ruff: noqa: T201
"""Run chapters as on another processor, and name each cell whose output or assertion does not bear it.

    python -m tools.shake
    python -m tools.shake foundations/attention --seeds 1 2 3

Each seed is one pattern of last places (tools/perturbation.py). What a cell shows is compared with what is stored, as
the tests compare it. A cell tagged `shake-exact`, with its reason, runs unshaken. Nothing is stored.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from tools.comparison import output_differences
from tools.execute import ANSI, TIMEOUT_S, asked
from tools.notebook_rules import SHAKE_EXACT, markers, raises, tags
from tools.notebooks import ROOT, read
from tools.strict_kernel import MAKE_STRICT

SEEDS = (1, 2, 3)
SLOWER = 5  # times a cell's limit: shaking takes two to three times as long

__all__ = ["shake", "shake_all"]


def findings(stored: NotebookNode, got: NotebookNode) -> Iterator[str]:
    """What a cell did not bear: an error nobody meant, or an output that is not the stored one."""
    errors = [output for output in got.outputs if output.output_type == "error"]
    if errors and not raises(stored):
        yield ANSI.sub("", f"{errors[0].ename}: {errors[0].evalue}\n{errors[0].traceback[-2:][0]}")
    elif raises(stored) and not errors:
        yield "was meant to raise an exception and raised none"
    elif "nbval-ignore-output" not in markers(stored):
        yield from output_differences(stored.outputs, got.outputs)


async def tell(client: NotebookClient, code: str) -> None:
    """Have the kernel run a line that no cell sees."""
    reply = await client.kc.execute(code, silent=True, store_history=False, reply=True, timeout=TIMEOUT_S)
    if reply["content"]["status"] != "ok":
        raise RuntimeError("\n".join(reply["content"]["traceback"]))


async def run(path: Path, seed: int) -> AsyncIterator[tuple[NotebookNode, NotebookNode]]:
    """Each code cell of a notebook as it is stored, and as it comes out shaken; all run, whatever fails before."""
    stored, shaken = read(path), read(path)
    client = NotebookClient(
        shaken,
        timeout=TIMEOUT_S * SLOWER,
        kernel_name="python3",
        allow_errors=True,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    async with client.async_setup_kernel():
        await tell(client, MAKE_STRICT)
        await tell(client, f"import sys; sys.path.insert(0, {str(ROOT)!r})")
        await tell(client, f"import tools.perturbation as _shaken; _shaken.begin({seed})")
        for index, cell in enumerate(shaken.cells):
            exact = SHAKE_EXACT in tags(cell)
            if exact:
                await tell(client, "_shaken.pause()")
            await client.async_execute_cell(cell, index)
            if exact:
                await tell(client, "_shaken.resume()")
            if cell.cell_type == "code":
                yield stored.cells[index], cell


async def shake(path: Path, seed: int, root: Path = ROOT) -> list[str]:
    """What a chapter does not bear under one seed, a text for each finding."""
    found, number = [], 0
    try:
        async for stored, got in run(path, seed):
            number += 1
            exact = SHAKE_EXACT in tags(stored)
            place = f"{path.relative_to(root)}, code cell {number}, seed {seed}"
            found += [f"{place}: {finding}" for finding in ([] if exact else findings(stored, got))]
    except (CellTimeoutError, DeadKernelError, RuntimeError, ValueError) as error:
        found.append(f"{path.relative_to(root)}, code cell {number + 1}, seed {seed}: {error}")
    return found


async def shake_all(paths: list[Path], seeds: list[int], jobs: int, root: Path = ROOT) -> list[str]:
    """Shake notebooks with each seed, `jobs` at a time, each in a kernel process of its own; print what is found."""
    free = asyncio.Semaphore(jobs)

    async def in_turn(path: Path, seed: int) -> list[str]:
        async with free:
            progress.set_postfix_str(path.stem)
            found = await shake(path, seed, root)
            progress.update()
            progress.write("".join(f"{finding}\n\n" for finding in found), end="")
            return found

    with tqdm(total=len(paths) * len(seeds), unit="run", desc="Shaking") as progress:
        results = await asyncio.gather(*(in_turn(path, seed) for path in paths for seed in seeds))
    return [finding for result in results for finding in result]


def main() -> None:
    parser = argparse.ArgumentParser(description="Run chapters with torch off by one unit in the last place.")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="one pattern each (default: 1 2 3)")
    paths, chosen = asked(parser)
    found = asyncio.run(shake_all(paths, list(chosen.seeds), chosen.jobs))
    print(f"{len(paths)} notebooks, {len(chosen.seeds)} seeds: {len(found) or 'no'} findings")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
