"""What the chapter says of GPUs: tables where one was measured, and that none was where there is no file."""

import json

import matplotlib
import matplotlib.pyplot as plt
import pytest

from benchmarks.gpu.plan import Shape
from benchmarks.gpu.published import PUBLISHED, beside
from course import gpu_page
from course.figures import gpu_timing as figures

TABLES = (
    *(gpu_page.regimes_table, gpu_page.backends_table, gpu_page.decoding_table),
    *(gpu_page.kernels_table, gpu_page.clocks_table, gpu_page.published_table),
)


def cell(phase, shape, seconds):
    run = {"status": "right", "errors": {"output": 3e-4}, "seconds": [seconds] * 3, "timed_by": "graph"}
    kernels = [{"kernel": "flash_fwd_kernel", "seconds": 2e-6}]
    backends = {
        "flash": run,
        "SDPA's choice": run | {"kernels": kernels},
        "explicit": {"status": "out of memory", "reason": "OutOfMemoryError"},
    }
    fields = {name: getattr(shape, name) for name in ("dtype", "head_dim", "is_causal", "n_keys", "flops", "n_bytes")}
    return {"phase": phase, "shape": shape.name, **fields, "backends": backends}


@pytest.fixture
def cards(tmp_path):
    """A file as the benchmark would store it, of a card that does not exist."""
    published = PUBLISHED[2].shape  # 4096 tokens
    decoding = Shape("bfloat16", 64, 32, 1, 8192, 128, 8)
    ceiling = {"flops_per_s": 1e15, "bytes_per_s": 3e12}
    watched = {"readings": 2, "sm_mhz": [1200, 1500, 1980], "power_w": [300, 500, 700], "held_back_by": ["power cap"]}
    results = {
        "setting": {"date": "2000-01-01"},
        "gpu": {"device": "Imaginary 1"},
        "regimes": [{"shape": "small", "seconds": {"graph": [4e-6] * 3, "synchronised": [3e-5] * 3}}],
        "ceilings": {
            "float16": ceiling | {"while_timed": watched},
            "bfloat16": ceiling | {"while_timed": {"reason": "no NVML"}},
        },
        "cells": [
            cell("lengths", published, published.flops / 320e12),
            cell("decoding", decoding, decoding.n_bytes / 2.4e12),
        ],
    }
    (tmp_path / "gpu-imaginary.json").write_text(json.dumps(results | {"published": beside(results)}))
    return gpu_page.measured_cards(tmp_path)


@pytest.mark.parametrize("table", TABLES)
def test_without_a_file_a_table_shows_nothing(table, tmp_path):
    assert table(gpu_page.measured_cards(tmp_path)) is None


def test_without_a_file_the_page_says_once_that_no_card_was_measured(tmp_path, cards):
    shown = gpu_page.missing([])
    assert "No GPU has been measured" in repr(shown)
    assert "python -m benchmarks.gpu" in shown._repr_html_()
    assert gpu_page.missing(cards) is None


@pytest.mark.parametrize("table", TABLES)
def test_with_a_file_each_table_names_the_card(table, cards):
    assert "Imaginary 1" in repr(table(cards))


def test_the_tables_hold_what_was_measured(cards):
    assert "320" in repr(gpu_page.backends_table(cards))
    assert "out of memory" in repr(gpu_page.backends_table(cards))
    assert "3e−4" in repr(gpu_page.backends_table(cards)).replace("−04", "−4")
    decoding = repr(gpu_page.decoding_table(cards))
    assert "2,400" in decoding
    assert " 80" in decoding  # % of 3 TB/s
    assert "flash_fwd_kernel" in repr(gpu_page.kernels_table(cards))
    clocks = repr(gpu_page.clocks_table(cards))
    assert "1,200" in clocks
    assert "power cap" in clocks
    assert "no NVML" in clocks
    published = repr(gpu_page.published_table(cards))
    assert "FlashAttention-3 / SDPA's choice" in published
    assert "476" in published
    assert "320" in published


def test_a_measured_card_is_drawn_over_what_was_published(cards, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    assert gpu_page.published_lines()["FlashAttention-2"][0] == (1024, pytest.approx(306))
    ours, peak = gpu_page.own_rates(cards)
    assert ours["flash"] == [(4096, pytest.approx(320))]
    assert peak == 1000
    figures.published(gpu_page.published_lines(), ours, peak)
    drawn = {line.get_label() for line in plt.gca().lines}
    assert {"FlashAttention-3", "here: flash", "here: matrix product"} <= drawn
    plt.close("all")
    assert gpu_page.own_rates([]) == ({}, None)


def test_the_kernel_that_is_shown_begins_with_the_scores_and_ends_with_the_largest():
    lines = gpu_page.kernel_loop().splitlines()
    assert lines[0].startswith("scores = tl.dot(q, tl.trans(k)")
    assert lines[-1] == "largest = new_largest"
    assert "    seen = seen & (columns" in gpu_page.kernel_loop()
    assert not any("#" in line for line in lines)
