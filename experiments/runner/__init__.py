"""Run an experiment's table over the cores or a cluster, resume where it was stopped, store the raw results.

An experiment module defines

    RUNS: list[dict]            the settings of each run, JSON types, a "seed" among them
    def run(**settings) -> dict what one run measures, JSON types

and ends in `if __name__ == "__main__": main("its name")`. A chapter reads the rows with `load("its name")`,
in which each row is the settings of a run and what it measured.

    python -m experiments.length_generalization [--jobs 2 | --scheduler tcp://…]

makes the table. Its results carry a hash of the code they came from (`experiments.runner.provenance`), and `load`
refuses what other code made. Where code changed in a way that should change no result,

    python -m experiments.runner length_generalization --rows 5 --since v1

accepts what is stored (`experiments.runner.carry`).
"""

from experiments.runner.stored import RESULTS, Row, experiment_names, load
from experiments.runner.table import main

__all__ = ["RESULTS", "Row", "experiment_names", "load", "main"]
