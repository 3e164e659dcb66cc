"""Code for a kernel: a shell command or a script that fails is an error of the cell, not a line of its output.

IPython's `!command`, `%pip`, `x = !command`, `%run` and `%%capture` go on after a failure, and say nothing of it that a
tool could see.
"""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["MAKE_STRICT"]


def make_strict() -> None:
    """Runs in the kernel, from its source alone."""
    import subprocess

    from IPython import get_ipython
    from IPython.utils.process import system as execute
    from IPython.utils.text import SList

    shell: Any = get_ipython()
    run_file, run, run_async = shell.safe_execfile, shell.run_cell, shell.run_cell_async

    def system(command):
        command = shell.var_expand(command, depth=1)
        shell.user_ns["_exit_code"] = code = execute(command)
        if code:
            raise subprocess.CalledProcessError(code, command)

    def getoutput(command, split=True, depth=0):
        command = shell.var_expand(command, depth=depth + 1)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        shown = subprocess.run(command, shell=True, text=True, check=True, **pipes).stdout
        return SList(shown.splitlines()) if split else shown

    def safe_execfile(*arguments, **options):
        try:
            run_file(*arguments, **options | {"raise_exceptions": True})
        except SystemExit as left:
            if left.code:
                raise

    running = []

    async def run_cell_async(*arguments, **options):
        running.append(arguments)
        try:
            return await run_async(*arguments, **options)
        finally:
            running.pop()

    def run_cell(*arguments, **options):
        result = run(*arguments, **options)
        if running:  # a cell within a cell, as %%capture runs one
            result.raise_error()
        return result

    shell.system, shell.getoutput = system, getoutput
    shell.safe_execfile, shell.run_cell, shell.run_cell_async = safe_execfile, run_cell, run_cell_async


# One line, which leaves no name behind. A kernel runs it before the notebook's cells.
MAKE_STRICT = f"exec({inspect.getsource(make_strict) + 'make_strict()'!r}, {{'Any': object}})"
