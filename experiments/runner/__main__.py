"""The command `python -m experiments.runner`: see `experiments.runner.carry`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys

from tqdm import tqdm

from experiments.runner import carry
from experiments.runner.stored import experiment_names, is_current
from experiments.runner.table import positive


def main() -> None:
    options = _options()
    refused = []
    with carry.revision_tree(options.since) if options.since else contextlib.nullcontext() as since:
        for name in carry.in_reading_order(options.names):
            try:
                tqdm.write(f"{name}: {_carried(name, options, since)}")
            except (ValueError, FileNotFoundError) as error:
                refused.append(f"{name} is not accepted: {error}")
                tqdm.write(refused[-1])
    if refused:
        sys.exit(f"{len(refused)} of {len(options.names)} tables are not accepted; run again those whose rows differ.")


def _carried(name: str, options: argparse.Namespace, since: carry.Revision | None) -> str:
    if is_current(name):
        return "belongs to the present code"
    note = carry.carry_over(name, options.rows, since=since, only=dict(options.only))
    lines = [f"  {seconds:8.1f} s  {row}" for row, seconds in zip(note["rows"], note["seconds"], strict=True)]
    return "\n".join([f"accepted, {len(lines)} rows came out the same", *lines])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m experiments.runner", description=carry.__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a table")
    parser.add_argument("--all", action="store_true", help="every table")
    parser.add_argument("--rows", type=positive, default=5, help="how many of each table, chosen by chance")
    parser.add_argument(
        "--only",
        type=_setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="choose among rows with this setting, as in depth=2",
    )
    parser.add_argument(
        "--since", metavar="REVISION", help="a git revision to compare with on this machine, instead of what is stored"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(experiment_names())
    if unknown or bool(options.names) == options.all:
        parser.error(f"name one or more of {', '.join(experiment_names())}, or give --all")
    options.names = options.names or experiment_names()
    return options


def _setting(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a word


if __name__ == "__main__":
    main()
