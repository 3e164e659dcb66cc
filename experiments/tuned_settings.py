"""Seven settings tuned at once: Optuna's sampler, settings drawn by lot, and the usual ones left as they are.

Fixed before the table was made:

- The task: digits as rows of pixels (`experiments.small_tasks`), 100 to train on, 100 to choose by, 1000 to judge by,
  which the seed draws. The accuracy on the 100 is what is tuned for.
- The settings: learning rate, weight decay, dropout, dropout on weights of attention, of whole heads, label smoothing,
  number of heads.
- The ways: `TRIALS` trainings with settings from Optuna's tree-structured Parzen estimator, whose first `FIRST` are
  drawn by lot; as many with settings drawn by lot; one training with the usual settings, chosen without any trial.
- Of each way one training counts, the best on the validation part. The test part is looked at once for it. What the
  other trainings score there is stored too, to show what choosing does; no choice looks at it.
"""

from __future__ import annotations

import optuna
import torch
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from experiments.regularisers import scored
from experiments.runner import Row, main
from experiments.small_tasks.data import digit_parts
from experiments.small_tasks.reader import Reader, train
from mha.compress.head_dropout import HeadDropout

KNOWN, CHOSEN_BY, STEPS = 100, 100, 160
TRIALS, FIRST, SEEDS = 10, 4, range(8)
USUAL = {
    "lr": 3e-3,
    "weight_decay": 0.01,  # torch's own
    "dropout": 0.1,  # of Vaswani et al. 2017
    "attn_dropout": 0.1,
    "head_dropout": 0.0,
    "label_smoothing": 0.0,
    "n_heads": 4,
}
WAYS = ["usual", "by lot", "Optuna"]
RUNS: list[Row] = [{"way": way, "seed": seed} for way in WAYS for seed in SEEDS]


def sampler(way: str, seed: int) -> BaseSampler:
    """What proposes the settings."""
    return RandomSampler(seed) if way == "by lot" else TPESampler(seed=seed, n_startup_trials=FIRST)


def proposed(trial: optuna.Trial) -> Row:
    """One choice for each setting."""
    return {
        "lr": trial.suggest_float("lr", 5e-4, 2e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-2, 10, log=True),
        "dropout": trial.suggest_float("dropout", 0, 0.5),
        "attn_dropout": trial.suggest_float("attn_dropout", 0, 0.5),
        "head_dropout": trial.suggest_float("head_dropout", 0, 0.5),
        "label_smoothing": trial.suggest_float("label_smoothing", 0, 0.2),
        "n_heads": trial.suggest_categorical("n_heads", [1, 2, 4, 8]),
    }


def trained(settings: Row, seed: int) -> Row:
    """One training: loss and share of right answers on each part."""
    parts = digit_parts(seed, KNOWN, CHOSEN_BY)
    torch.manual_seed(seed)
    reader = Reader(
        "digits",
        n_heads=settings["n_heads"],
        dropout=settings["dropout"],
        attn_dropout=settings["attn_dropout"],
        gate=lambda n_heads: HeadDropout(settings["head_dropout"]),
    )
    options = {name: settings[name] for name in ("lr", "weight_decay", "label_smoothing")}
    return scored(train(reader, parts, seed, steps=STEPS, **options).last, parts)


def run(way: str, seed: int) -> Row:
    """All trials in order, and the number of the one that won."""
    if way == "usual":
        return {"trials": [{"settings": USUAL, **trained(USUAL, seed)}], "won": 0}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study, trials = optuna.create_study(direction="maximize", sampler=sampler(way, seed)), []

    def accuracy(trial: optuna.Trial) -> float:
        settings = proposed(trial)
        trials.append({"settings": settings, **trained(settings, seed)})
        return float(trials[-1]["validation"]["right"])

    study.optimize(accuracy, n_trials=TRIALS)
    return {"trials": trials, "won": study.best_trial.number}


if __name__ == "__main__":
    main("tuned_settings")
