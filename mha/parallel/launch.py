"""Start ranks on this machine: `torchrun` on a module, an end whatever happens, and a message that says what did."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from threading import Thread

from mha.parallel.group import FAILED
from mha.validation import check_integer, check_number

__all__ = ["RankError", "launch"]

LOOK_S = 0.1  # how often torchrun looks after its ranks, and this module after torchrun
LEAVE_S = 2  # how long the others may take to end by themselves: a stopped one never does
END_S = 30  # how long torchrun may take to end them by force: a moment, but for a machine that is very busy
LOOPBACK = {"linux": "lo", "darwin": "lo0"}
ROOT_CAUSE = re.compile(r"Root Cause.*?rank\s*:\s*(\d+).*?exitcode\s*:\s*(-?\d+)", re.DOTALL)  # torchrun's summary


class RankError(RuntimeError):
    """Ranks that did not end well: which, and how."""


def launch(module: str, arguments: Sequence[str] = (), *, n_ranks: int, limit_s: float) -> str:
    """Run `python -m module arguments` as ranks of one group on this machine, and wait for them.

    They meet at a free port that `torchrun` chooses. If one fails the others are ended, and nothing is left behind when
    this returns. Across machines `torchrun` itself starts the same module, once on each.

    Args:
        module: what each rank runs; it enters `group.joined`.  arguments: handed to it.
        n_ranks: how many processes.  limit_s: seconds after which they are all ended.
    Returns:
        What the ranks wrote, standard output and errors in one.
    Raises:
        RankError: a rank ended with an error or by a signal, or limit_s is over. On Windows always, as of PyTorch 2.13:
            torchrun asks for libuv whatever USE_LIBUV says, and PyTorch is built without it there (its issue 178600).
        TypeError, ValueError: n_ranks is no integer from 1 on, or limit_s no positive number.
    """
    check_integer("n_ranks", n_ranks, at_least=1)
    check_number("limit_s", limit_s, above=0)
    process = _start(module, arguments, n_ranks)
    lines: list[str] = []
    reader = Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        in_time = _watch(process, lines, limit_s)
    finally:
        _end(process)
    reader.join(END_S)  # a rank that outlived torchrun would keep the pipe open
    if process.stdout is not None and not reader.is_alive():
        process.stdout.close()
    if process.returncode or not in_time:
        raise RankError(f"{module} on {n_ranks} ranks: {_cause(lines, limit_s if not in_time else None)}")
    return "".join(lines)


def _start(module: str, arguments: Sequence[str], n_ranks: int) -> subprocess.Popen[str]:
    options = ["--standalone", f"--nproc-per-node={n_ranks}", f"--monitor-interval={LOOK_S}"]
    options += [f"--shutdown-timeout={LEAVE_S}", "--module", module, *arguments]
    environment = {"OMP_NUM_THREADS": "1", **os.environ}  # ranks share the cores
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # they find what this process finds
    if sys.platform in LOOPBACK:  # else gloo looks up this machine's name, which may have no address
        environment.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK[sys.platform])
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def _watch(process: subprocess.Popen[str], lines: list[str], limit_s: float) -> bool:
    """Wait until all ranks have ended, or some had time to after another's failure; whether it was within the limit.

    After a failure torchrun asks the others to end and waits 30 s for them, whatever `--shutdown-timeout` says (it
    counts only where torchrun itself is ended). A rank that was stopped would take all of that.
    """
    end = time.monotonic() + limit_s
    has_failed = False
    while process.poll() is None and time.monotonic() < end:
        if not has_failed and any(line.startswith(FAILED) for line in lines):
            has_failed, end = True, min(end, time.monotonic() + LEAVE_S)
        time.sleep(LOOK_S)
    return process.poll() is not None or has_failed


def _end(process: subprocess.Popen[str]) -> None:
    """Have torchrun end what is left of the ranks, by force after `LEAVE_S`, and itself."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cause(lines: list[str], limit_s: float | None) -> str:
    """One sentence on what torchrun saw first, and what the ranks themselves said."""
    found = ROOT_CAUSE.search("".join(lines))
    said = [line.strip() for line in lines if line.startswith(FAILED)]
    if limit_s is not None:
        said.insert(0, f"ended after {limit_s:g} s, the limit.")
    elif found is not None and int(found[2]) < 0:
        said.insert(0, f"rank {found[1]} was ended by {signal.Signals(-int(found[2])).name}.")
    return " ".join(said) or "".join(["it wrote last:\n", *_before_summary(lines)[-20:]])


def _before_summary(lines: list[str]) -> list[str]:
    """What the ranks wrote, without torchrun's own account of it."""
    own = (n for n, line in enumerate(lines) if "torch/distributed/elastic" in line)
    return lines[: next(own, len(lines))]
