"""The chapters' drawings: what is drawn is what was given; type is legible on a phone, and no legend lies on data."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import combinations
from pkgutil import iter_modules
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.text import Text

from course import figures
from course.columns import Interval
from course.figures import (
    attention,
    bert,
    bias_mitigation,
    bias_probes,
    chemistry,
    complexity,
    distillation,
    encoder_block,
    ethical_audit,
    explanation,
    generalization,
    generation,
    gpt,
    gpu_timing,
    head_patterns,
    head_pruning,
    heatmaps,
    modern_block,
    multi_head,
    planted_bias,
    positions,
    quantization,
    queries_keys_values,
    question_answering,
    scaling_out,
    sentiment,
    summarization,
    t5,
    training,
    translation,
    xlnet,
)
from mha import reference
from mha.blocks import EncoderBlock
from mha.measure.roofline import Machine
from mha.models.xlnet import permutation_masks
from mha.view import plots
from mha.view.diagram import record_flow

COLUMN_PX = 342  # of the text on a phone 390 pixels wide, less what frames a picture
LEGIBLE_PX = 9
RNG = np.random.default_rng(0)
KEYS, VALUES, NAMES = RNG.normal(size=(3, 2)), RNG.random((3, 3)), ["sky", "leaf", "brick"]
SCORES = RNG.normal(size=(2, 3))
CURVES = RNG.random((5, 7)) + 1.6
COUNTED = {"trigram": RNG.random(7), "5-gram": RNG.random(7)}
METHODS = ("nothing", "heads by gradient", "heads by lot", "every other layer", "layers by lot", "distilled", "shared")
WAYS = {  # bits and repeated runs as in the chapter, since names stand beside the points
    "greedy": (1.8, 0.2),
    "beam of 4": (1.3, 0.31),
    "temperature 0.5": (2.4, 0.04),
    "temperature 1": (4.1, 0.005),
    "top-k 20": (3.1, 0.002),
    "top-p 0.9": (3.5, 0.001),
    "people": (4.8, 0.04),
}
KINDS, LENGTHS = ["explicit", "fused", "tiled", "sliding window", "linear"], [64, 256, 1024, 8192]
FLOW = record_flow(EncoderBlock(12, 3, 24), torch.zeros(1, 5, 12))
TOKENS = ["[CLS]", "the", "trophy", "did", "not", "fit", "in", "the", "suitcase", "because", "it", "was", "too", "big"]
TOKENS += [".", "[SEP]"]
WEIGHTS = reference.softmax(RNG.normal(size=(2, 5, 11)))
TESTS = [*(f"WEAT {n}" for n in range(1, 11)), "WEAT 4, one token", "WEAT 5, one token"]
CONTRASTS = ["he / she", "father / mother", "he / they", "child / children", "present / past", "anna / emma"]
CONTRASTS += ["cat / horse", "this / that", "occupations"]

REGULARISERS = ["dropout", "attention dropout", "head dropout", "weight decay", "label smoothing", "early stopping"]
REGULARISERS += ["gates"]
WORDS = ["New", "York", "is", "a", "city"]
RESTS = ("[CLS]", "[SEP]", "punctuation", "words")
FAULTS = ("future", "padding", "shortcut", "place", "merge", "dead")
LEAKS = ("one stream, with itself", "one stream, without itself", "two streams")
STACKS = [f"{side}.{inner}" for side in ("encoder", "decoder") for inner in ("blocks.0", "blocks.1", "norm")]
SHAPES = {name: (1, 20, 64) for name in ("source", "start + target", "logits", *STACKS)}

MARKS = {"encoder": (0.5, 0.3, 0.7, True), "GPT": (-0.2, -1.1, 0.6, False)}
DRAWN: dict[str, tuple[Any, ...]] = {
    "attention.colour_plane": (attention.colour_plane, KEYS, VALUES, NAMES, [0.3, 1.0, 10.0]),
    "attention.scale_and_gradients": (
        attention.scale_and_gradients,
        [2, 8, 32],
        RNG.random((5, 3, 6)),
        RNG.random((5, 3, 6)),
    ),
    "attention.ties_and_gradients": (
        attention.ties_and_gradients,
        {"with 1/√d": (RNG.random(64), RNG.random(64)), "without": (30 * RNG.random(64), RNG.random(64))},
        3,
    ),
    "attention.one_row": (
        attention.one_row,
        3 * RNG.normal(size=16),
        reference.softmax(3 * RNG.normal(size=16)),
        TOKENS,
        "it asks, head 6 of layer 0",
    ),
    "attention.nearest_images": (
        attention.nearest_images,
        RNG.random((16, 64)),
        WEIGHTS[0],
        {0: "3, read as 8", 4: "1, read as 7"},
        np.arange(11),
    ),
    "attention.accuracy_by_scale": (
        attention.accuracy_by_scale,
        [0.1, 1.0, 10.0],
        {"distance (with bias)": RNG.random((6, 3)), "dot product, keys of one length": RNG.random((6, 3))},
        0.98,
    ),
    "attention.contributions": (attention.contributions, WEIGHTS, WEIGHTS * 2, np.arange(11) % 10 == 0, "layer 2"),
    "attention.attention_in_one_picture": (
        attention.attention_in_one_picture,
        SCORES,
        reference.softmax(SCORES),
        VALUES,
        NAMES,
    ),
    "ethical_audit.ranked_first": (
        ethical_audit.ranked_first,
        np.array([1.0, 38.0, 96.0]),
        np.array([0.3, 0.55, 0.7]),
        {"plumber": 0, "hygienist": 2},
    ),
    "ethical_audit.audited": (
        ethical_audit.audited,
        {
            "d": {name: MARKS for name in ("WEAT 1", "WEAT 2", "WEAT 10")},
            "r": {name: MARKS for name in ("occupations, nearness", "occupations, ranking")},
            "difference of shares": {name: MARKS for name in ("invited", "found by name")},
        },
    ),
    "bias_mitigation.left_of": (
        bias_mitigation.left_of,
        *(
            {
                measure: {name: Interval(left, left - 40.0, left + 20.0) for name in ("projection", "INLP", "LEACE")}
                for measure in ("association", "ranking", "decision, linear", "decision, non-linear", "probe, linear")
            }
            for left in (-5.0, 100.0)
        ),
    ),
    "bias_mitigation.in_short": (
        bias_mitigation.in_short,
        {name: Interval(5.0, -5.0, 20.0) for name in ("careful counterfactuals", "reweighted", "evened out")},
        {name: Interval(60.0, 50.0, 70.0) for name in ("association", "decision, non-linear", "probe, linear")},
    ),
    "bias_mitigation.compressed": (
        bias_mitigation.compressed,
        {
            way: Interval(0.5, -1.0, 2.0)
            for way in ("heads by gradient", "every other layer", "shared", "8 bits", "4 bits", "distilled")
        },
        "change of the slope (points)",
    ),
    "bias_probes.effects_and_twins": (
        bias_probes.effects_and_twins,
        {name: Interval(0.5, -0.2, 1.1) for name in TESTS},
        {name: RNG.random(11) - 0.5 for name in TESTS},
    ),
    "bias_probes.effects_by_template": (bias_probes.effects_by_template, {name: RNG.random(6) for name in TESTS}),
    "bias_probes.occupations": (
        bias_probes.occupations,
        np.array([1.0, 38.0, 96.0]),
        np.array([0.1, -0.2, 0.3]),
        {"plumber": 0, "hygienist": 2},
    ),
    "bias_probes.carrying_heads": (bias_probes.carrying_heads, {name: RNG.random((6, 12)) for name in CONTRASTS}),
    "chemistry.places": (chemistry.places, {"trained": RNG.random((12, 8)), "a twin": RNG.random((12, 8))}),
    "chemistry.confidence": (chemistry.confidence, np.linspace(0, 1, 11), np.linspace(0.7, 1, 10), [300] * 10),
    "chemistry.passes": (chemistry.passes, RNG.random((7, 24)), RNG.random((11, 24)), 12),
    "chemistry.in_short": (
        chemistry.in_short,
        {name: Interval(80.0, 75.0, 85.0) for name in ("same symbol in order", "head 5, one to one")},
        {name: Interval(1.0, 0.8, 1.2) for name in ("nothing", "its edge to the true origin")},
    ),
    "bias_probes.probed_heads": (
        bias_probes.probed_heads,
        {"at the name": RNG.random(72), "at the stop": RNG.random(72)},
        RNG.random(72),
        68,
    ),
    "sentiment.pairs_by_rule": (
        sentiment.pairs_by_rule,
        {
            name: {rule: Interval(50.0, 40.0, 61.0) for rule in ("negation", "contrast", "intensifier", "scope")}
            for name in ("words and pairs of words", "fine-tuned on templates", "VADER")
        },
    ),
    "sentiment.words_own": (
        sentiment.words_own,
        {
            "without": (["[CLS]", "the", "soup", "was", "delicious", ".", "[SEP]"], RNG.normal(size=7)),
            "with": (["[CLS]", "the", "soup", "was", "not", "delicious", ".", "[SEP]"], RNG.normal(size=8)),
        },
    ),
    "sentiment.cue_heads": (
        sentiment.cue_heads,
        {"pretrained": RNG.normal(size=(6, 12)), "fine-tuned": RNG.normal(size=(6, 12))},
    ),
    "sentiment.in_short": (
        sentiment.in_short,
        {name: Interval(50.0, 40.0, 61.0) for name in ("counting words", "VADER", "fine-tuned")},
        {name: Interval(1.0, 0.5, 1.5) for name in ("no attention to the negator", "to another word")},
    ),
    "explanation.agreement_by_way": (
        explanation.agreement_by_way,
        {
            "leave out: mask": {"hide": Interval(0.5, 0.4, 0.6), "delete": Interval(0.4, 0.3, 0.5)},
            "integrated, from [MASK]": {way: Interval(0.4, 0.3, 0.5) for way in ("hide", "delete", "mask")},
        },
    ),
    "explanation.found_by_method": (
        explanation.found_by_method,
        {"attention, all layers": RNG.random(11), "integrated gradients": RNG.random(11)},
        "texts in which the letter comes first (%)",
    ),
    "explanation.rows_of_layers": (explanation.rows_of_layers, RNG.random((3, 11)), ["ask", "#", *"abcdefghi"]),
    "explanation.heads_and_shares": (
        explanation.heads_and_shares,
        RNG.random(72) / 5,
        RNG.random(72) / 5,
        {"5.8": 68, "0.3": 3},
    ),
    "explanation.in_short": (
        explanation.in_short,
        {"leaving out: hide": Interval(0.4, 0.3, 0.5), "leaving out: mask": Interval(0.3, 0.2, 0.4)},
        {"last layer's weights": 11, "leaving out: hide": 20},
        20,
    ),
    "complexity.operations": (
        complexity.operations,
        [64, 256, 1024, 4096],
        {"projections": [5, 10, 20, 40], "scores and average": [1, 4, 16, 64], "softmax": [0.1, 0.4, 1.6, 6.4]},
        512,
    ),
    "complexity.time_and_memory": (
        complexity.time_and_memory,
        LENGTHS,
        {kind: 1 + RNG.random((6, 4)) for kind in KINDS},
        {kind: 2**20 * (1 + RNG.random(4)) for kind in KINDS},
    ),
    "complexity.processes": (
        complexity.processes,
        {heap: {kind: 1 + RNG.random(6) for kind in KINDS} for heap in ("fresh", "kept")},
    ),
    "complexity.levels_and_tiles": (complexity.levels_and_tiles,),
    "complexity.three_maps": (complexity.three_maps, dict.fromkeys(("softmax", "window of 12", "linear"), np.eye(48))),
    "complexity.heads_and_width": (
        complexity.heads_and_width,
        [1, 2, 4, 8, 16, 32],
        {path: 1 + RNG.random((6, 6)) for path in ("explicit", "fused")},
        [64, 128, 256, 512, 1024],
        {path: 1 + RNG.random((6, 5)) for path in ("explicit", "fused")},
    ),
    "quantization.errors": (
        quantization.errors,
        [str(n // 4) for n in range(24)],
        {"one scale": RNG.random(24) / 3 + 0.01, "a scale a row": np.full(24, 0.008), "every 32": np.full(24, 0.0055)},
    ),
    "quantization.channels": (
        quantization.channels,
        {name: RNG.random(384) + 25 * (np.arange(384) == 99) for name in ("into the net, block 1", "into attention")},
    ),
    "quantization.quality_and_cost": (
        quantization.quality_and_cost,
        {
            way: [(90.0 - 9 * n, 1.0, (-6.0, -8.5, -4.5)), (25.0, 0.4, (-15.0, -20.0, -9.0))]
            for n, way in enumerate(METHODS)
        },
    ),
    "quantization.shared_blocks": (
        quantization.shared_blocks,
        {kind: (80e3 + 20e3 * n, 160e3, (4.1, 4.0, 4.2)) for n, kind in enumerate(("apart", "shared", "wide"))},
    ),
    "gpu_timing.roofline": (
        gpu_timing.roofline,
        Machine(flops_per_s=1e11, bytes_per_s=1e10),
        {"explicit": [(4.0, 3e10, "128"), (5.0, 2e10, "512")], "SDPA's choice": [(32.0, 8e10, "128")]},
    ),
    "gpu_timing.disturbed_rounds": (
        gpu_timing.disturbed_rounds,
        {
            name: 1 + RNG.random(8)
            for name in ("explicit", "explicit, compiled", "SDPA's choice", "FlexAttention, compiled")
        },
    ),
    "gpu_timing.published": (
        gpu_timing.published,
        {f"FlashAttention-{n}": [(1024, 300.0 + n), (4096, 320.0 + n)] for n in range(5)},
        {"flash": [(1024, 310.0)], "Triton, tuned": [(4096, 330.0)]},
        800.0,
    ),
    "bert.influence": (
        bert.influence,
        {"both ways": np.eye(5), "causal mask": np.tri(5)},
        ["she", "sat", "on", "the", "bank"],
    ),
    "bert.gap_curves": (
        bert.gap_curves,
        list(range(0, 700, 100)),
        {"each next token": CURVES, "15 % hidden": CURVES + 1, "40 % hidden": CURVES + 2},
        {"frequency": 4.9, "trigrams": 2.9},
    ),
    "bert.what_is_asked": (bert.what_is_asked, ["she", "sat", "on", "the", "bank", "of", "the", "river"], [4]),
    "bert.accuracy_by_labels": (
        bert.accuracy_by_labels,
        [8, 32, 55.8],
        {"frozen": RNG.random((5, 3)), "frozen, random weights": RNG.random((5, 3)), "best TF-IDF": RNG.random((5, 3))},
        0.125,
    ),
    "gpt.learning_curve": (gpt.learning_curve, list(range(0, 700, 100)), CURVES, {"bigram": 2.0, "trigram": 1.7}),
    "gpt.familiar_contexts": (
        gpt.familiar_contexts,
        ["0", "1–3", "4–15", "16–63", "64–", "a", "b"],
        [9] * 7,
        CURVES,
        COUNTED,
    ),
    "gpt.bits_by_reach": (gpt.bits_by_reach, [1, 2, 4, 8, 16, 32, 64], CURVES, COUNTED),
    "generalization.fits": (
        generalization.fits,
        [20, 100, 200],
        {
            name: (RNG.random((5, 3)), 2 * RNG.random((5, 3)))
            for name in ("4 channels", "32, knows 50", "32, knows 800")
        },
    ),
    "generalization.two_changes": (
        generalization.two_changes,
        {
            data: ({way: Interval(0.1, -0.2, 0.3) for way in REGULARISERS},) * 2
            for data in ("60 digits", "400 digits", "600 texts")
        },
        ["test loss (%)", "gap (nats)"],
    ),
    "generalization.chosen_and_judged": (
        generalization.chosen_and_judged,
        {way: (100 * RNG.random(8), 100 * RNG.random(8)) for way in ("usual", "by lot", "Optuna")},
    ),
    "generalization.heads_by_task": (
        generalization.heads_by_task,
        [2, 4, 8],
        {task: {n: Interval(-10.0, -20.0, 3.0) for n in (2, 4, 8)} for task in ("digits", "packages", "dates")},
    ),
    "generalization.in_short": (
        generalization.in_short,
        {
            "ways": {f"{way}, 60 digits": Interval(-10.0, -20.0, 3.0) for way in REGULARISERS},
            "tuning": {"10 trials by Optuna": Interval(-10.0, -20.0, 3.0)},
            "heads": {f"4 heads, {task}": Interval(-40.0, -50.0, -3.0) for task in ("digits", "packages", "dates")},
        },
    ),
    "generation.likely_and_repeated": (
        generation.likely_and_repeated,
        {way: bits + 0.3 * RNG.random(5) for way, (bits, _) in WAYS.items()},
        {way: share + 0.02 * RNG.random(5) for way, (_, share) in WAYS.items()},
    ),
    "generation.cache_cost": (
        generation.cache_cost,
        [16, 32, 64],
        {"without a cache": RNG.random(3), "with a cache": RNG.random(3)},
        {"without a cache": RNG.random(3), "with a cache": RNG.random(3)},
    ),
    "generation.bits_along_the_text": (
        generation.bits_along_the_text,
        {way: 3 + RNG.random((25, 48)) for way in ("greedy", "drawn", "people")},
    ),
    "gpt.in_short": (
        gpt.in_short,
        {name: RNG.random(5) for name in ("bigram", "trigram", "5-gram", "GPT", "GPT and 5-gram")},
        {name: RNG.random(5) for name in ("one layer", "two layers", "two layers, without the head")},
    ),
    "gpt.induction": (
        gpt.induction,
        {"layer 0, head 3": np.eye(16), "layer 1, head 2": np.eye(16)},
        list("ABCDEFGH") * 2,
        {"one layer": RNG.random((5, 15)), "two layers": RNG.random((5, 15)) + 1},
    ),
    "scaling_out.ring_in_steps": (
        scaling_out.ring_in_steps,
        {"in order": np.tril(np.ones((4, 4))) - 0.5 * np.eye(4), "both ends": np.full((4, 4), 0.625)},
    ),
    "scaling_out.memory_by_sharding": (
        scaling_out.memory_by_sharding,
        {
            name: {"weights": 13e9, "gradients": n * 13e9, "optimizer": 8e10 * n, "activations": 1e10}
            for n, name in ((1, "64 copies"), (0.1, "optimizer divided"), (0.01, "and recomputed"))
        },
        80,
    ),
    "scaling_out.three_ways": (
        scaling_out.three_ways,
        [
            ("the batch", "gradients,\nonce a step"),
            ("the heads", "a sum,\n4 times a block"),
            ("the sequence", "keys and values,\nin every block"),
        ],
    ),
    "summarization.rouge_by_rule": (
        summarization.rouge_by_rule,
        {
            name: Interval(20.0, 18.0, 22.0)
            for name in ("oracle", "first", "attention", "no places", "alone, no places", "constant string", "by lot")
        },
        ("attention", "no places", "alone, no places"),
    ),
    "summarization.by_place": (
        summarization.by_place,
        {name: RNG.random(8) for name in ("best sentence", "attention", "no places", "an even spread")},
    ),
    "summarization.where_it_copies": (
        summarization.where_it_copies,
        reference.softmax(3 * RNG.normal(size=(7, 5))),
        ["bafe", "the", "bridge", "leaked", "says", "doka", "(end)"],
        RNG.random(7),
        2,
    ),
    "summarization.in_short": (
        summarization.in_short,
        {
            "real texts: attention": Interval(43.0, 40.0, 47.0),
            "real texts: the rule 'first'": Interval(46.0, 42.0, 50.0),
            "planted: copying": Interval(99.0, 98.0, 100.0),
            "planted: the rule 'first'": Interval(20.0, 20.0, 20.0),
        },
    ),
    "t5.reader_and_writer": (t5.reader_and_writer, SHAPES),
    "t5.masks": (t5.masks, {"decoder alone": np.tri(9), "prefix LM": np.tri(9)}, 5),
    "t5.bucket_grids": (t5.bucket_grids, lambda lag, both_ways, n, farthest: min(abs(lag), n)),
    "t5.one_number_raised": (t5.one_number_raised, RNG.random((2, 20, 20)), RNG.random((2, 20, 20))),
    "t5.learning": (
        t5.learning,
        range(40, 401, 60),
        {k: dict.fromkeys(("one for all", "pre-trained", "one for each"), 50 * CURVES / 3) for k in "abcd"},
    ),
    "t5.prefix_tables": (t5.prefix_tables, WORDS, {"date": 100 * np.eye(5), "amount": 100 * np.eye(5)}),
    "t5.copying": (
        t5.copying,
        reference.softmax(RNG.normal(size=(16, 20))),
        list("5 marca 2024 ///"),
        list("date pl: 2024-03-05/"),
    ),
    "translation.known_links": (
        translation.known_links,
        {"the row that predicts": np.eye(6, 7), "the row that reads": np.eye(6, 7, -1)},
        np.eye(6, 7, dtype=bool),
        ["5", "Mart", "2024", "Salı", "ve", "Kanada"],
        ["Tuesday", ",", "March", "5", ",", "2024", "Canada"],
    ),
    "translation.where_it_breaks": (
        translation.where_it_breaks,
        ["phrases", "combinations", "numbers", "alone", "longer"],
        {name: 100 * RNG.random((5, 5)) for name in ("French", "German", "Turkish")},
    ),
    "translation.error_rates": (
        translation.error_rates,
        [*(f"{n}.{h}" for n in (0, 1) for h in range(4)), "block 0", "block 1", "all"],
        {name: 100 * RNG.random((5, 11)) for name in ("French", "German", "Turkish")},
        {name: {"IBM-1": 2.0, "diagonal": 40.0} for name in ("French", "German", "Turkish")},
    ),
    "xlnet.order_masks": (
        xlnet.order_masks,
        WORDS,
        {"left to right": np.arange(5), "another": np.array([2, 4, 0, 1, 3])},
        permutation_masks,
    ),
    "xlnet.leaks": (xlnet.leaks, {name: RNG.random((5, 150)) for name in LEAKS}, 2.77),
    "xlnet.relative_shift": (xlnet.relative_shift, WORDS, np.tile(np.arange(-4, 5), (5, 1)), np.tri(5, dtype=int)),
    "xlnet.two_gaps": (xlnet.two_gaps, {f"model, {n}": 1.4 + RNG.random(5) for n in range(6)}, 4),
    "modern_block.differences": (
        modern_block.differences,
        {
            "quality": {name: 0.05 * RNG.normal(size=5) for name in ("post-norm", "normed queries and keys")},
            "cache": {name: 0.05 * RNG.normal(size=5) for name in ("grouped queries", "latent", "window and sink")},
            "together": {name: 0.05 * RNG.normal(size=5) for name in ("all together", "all, window and sink")},
        },
        0.01,
        ["latent"],
    ),
    "modern_block.cache_growth": (
        modern_block.cache_growth,
        [2**n for n in range(8, 18)],
        {
            name: per_token * np.minimum(2 ** np.arange(8, 18), most)
            for name, per_token, most in (
                ("all heads", 2**19, 2**20),
                ("grouped", 2**17, 2**20),
                ("grouped, window", 2**17, 4096),
                ("latent", 36864, 2**20),
            )
        },
    ),
    "encoder_block.orders": (encoder_block.orders, {"post-norm": FLOW, "pre-norm": FLOW}),
    "encoder_block.at_the_start": (
        encoder_block.at_the_start,
        {name: RNG.random((5, 12)) + 0.1 for name in ("pre-norm", "post-norm", "no norm", "no residual", "neither")},
        {name: RNG.random((5, 12)) for name in ("pre-norm", "post-norm", "no norm", "no residual", "neither")},
    ),
    "encoder_block.by_depth": (
        encoder_block.by_depth,
        [2, 4, 8, 12],
        {
            "left out": {name: RNG.random((5, 4)) for name in ("pre-norm", "no norm", "no residual", "neither")},
            "moved": {name: RNG.random((5, 4)) for name in ("pre-norm", "post-norm", "no norm, small branches")},
        },
        {"a guess": 0.125, "the commonest payload": 0.32},
    ),
    "encoder_block.by_distance": (
        encoder_block.by_distance,
        [8, 32, 128, 256],
        {title: {"attention": RNG.random((5, 4)), "GRU": RNG.random((5, 4))} for title in ("one item", "eight items")},
        {"one item": {"a guess": 0.125}, "eight items": {"the commonest payload": 0.32}},
    ),
    "encoder_block.in_short": (
        encoder_block.in_short,
        {"pre-norm": 12, "post-norm": 4, "no norm, small branches": 12, "no norm": 4, "no residual": 2, "neither": 2},
        {"attention": (95, 100), "GRU, long gates": (100, 30), "convolution": (100, 17)},
    ),
    "training.some_digits": (training.some_digits, RNG.random((9, 8, 8)), range(9)),
    "training.surprise": (training.surprise, [1 / 2, 1 / 4, 1 / 8, 1 / 32]),
    "training.four_curves": (
        training.four_curves,
        range(25, 251, 25),
        {name: (RNG.random(10), 3 * RNG.random(11)) for name in ("A: too small", "B: overfits", "C", "D: suits")},
    ),
    "queries_keys_values.lookup_of_one_token": (
        queries_keys_values.lookup_of_one_token,
        RNG.normal(size=7),
        RNG.normal(size=(16, 7)),
        reference.softmax(3 * RNG.normal(size=16)),
        10 * RNG.normal(size=(16, 7)),
        TOKENS,
        10,
    ),
    "queries_keys_values.score_maps": (
        queries_keys_values.score_maps,
        {"three maps": 9 * RNG.normal(size=(26, 26)), "Q = K": RNG.normal(size=(26, 26))},
    ),
    "queries_keys_values.circuits": (
        queries_keys_values.circuits,
        RNG.normal(size=(26, 8)),
        RNG.normal(size=(16, 16)),
    ),
    "queries_keys_values.accuracy_by_width": (
        queries_keys_values.accuracy_by_width,
        [2, 4, 8, 16],
        {
            task: (
                {name: RNG.random((6, 4)) for name in ("three maps", "K = V", "Q = V", "Q = K", "Q = K = V")},
                0.3,
                0.1,
            )
            for task in ("follow", "vote")
        },
    ),
    "queries_keys_values.standard_masks": (
        queries_keys_values.standard_masks,
        {title: np.tri(5, 5, dtype=bool) for title in ("causal", "2 new, 3 cached", "3 real, 2 padding", "both")},
    ),
    "queries_keys_values.senses_by_layer": (
        queries_keys_values.senses_by_layer,
        ["table", "in", *"123456"],
        {"gap: two senses": RNG.random((8, 8)), "gap: not seen": RNG.random((8, 8)), "gap: one": RNG.random((8, 8))},
        {"cosine: same sense": RNG.random((8, 8)), "other sense": RNG.random((8, 8))},
    ),
    "heatmaps.colour_scales": (
        heatmaps.colour_scales,
        {"sharpest": np.eye(7), "flattest": np.full((7, 7), 1 / 7)},
        ["[CLS]", "she", "found", "the", "coin", ".", "[SEP]"],
    ),
    "heatmaps.resting_places": (
        heatmaps.resting_places,
        {name: RNG.random((9, 6)) for name in RESTS},
        {name: 0.1 + 4 * RNG.random((9, 6)) for name in RESTS},
    ),
    "heatmaps.unseen_keys": (
        heatmaps.unseen_keys,
        [f"{n} %" for n in (19, 31, 40, 48, 56, 70)],
        {
            name: RNG.random((9, 6))
            for name in (
                "least weight",
                "least weight x length",
                "least weight of another head",
                "least weight x length, to nobody",
            )
        },
        0.2,
    ),
    "heatmaps.idle_heads": (
        heatmaps.idle_heads,
        {name: RNG.random(30) for name in ("most weight at rest", "shortest output", "chance, same layers")},
    ),
    "heatmaps.faults_found": (
        heatmaps.faults_found,
        dict(zip(FAULTS, range(6), strict=True)),
        dict.fromkeys(FAULTS, 10),
        10,
    ),
    "heatmaps.in_short": (
        heatmaps.in_short,
        {name: dict.fromkeys(RESTS, 25.0) for name in ("of the weight", "of what moves")},
    ),
    "distillation.found_first": (
        distillation.found_first,
        {
            f"{start}, {goal}, 64": RNG.random(5) / 2
            for start in ("every other", "random")
            for goal in ("alone", "vectors")
        },
        {"teacher": 0.52, "words counted": 0.5, "untrained": 0.44},
    ),
    "distillation.time_and_quality": (
        distillation.time_and_quality,
        {"teacher": (5.3, 0.55), "every other, taught": (2.6, 0.52), "random, taught": (2.6, 0.1)},
    ),
    "head_patterns.scores_by_head": (
        head_patterns.scores_by_head,
        {name: RNG.random((6, 12)) for name in ("previous", "next", "own", "first", "same token", "induction")},
    ),
    "head_patterns.said_and_done": (
        head_patterns.said_and_done,
        {name: RNG.random(7) for name in ("previous", "next", "own", "first", "special")},
        {name: 2 * RNG.random(7) - 1 for name in ("previous", "next", "own", "first", "special")},
    ),
    "head_patterns.emergence": (
        head_patterns.emergence,
        [0, 50, 100],
        {"induction, best head": RNG.random((5, 3)), "token before, best head": RNG.random((5, 3))},
        {"second copy": 5 * RNG.random((5, 3)), "without the head before": 5 * RNG.random((5, 3))},
    ),
    "head_patterns.first_steps": (
        head_patterns.first_steps,
        {"two layers": [700, 600, 550], "two layers, shift 2": [None, 650, 600], "one layer, shift 1": [200, 200, 200]},
        700,
    ),
    "head_patterns.bits_over_steps": (
        head_patterns.bits_over_steps,
        {
            kind: [[{"step": 50 * n, "bits": 5 * RNG.random()} for n in range(3)] for _ in range(2)]
            for kind in ("unchanged", "shift 2", "shift 1")
        },
    ),
    "question_answering.by_length": (
        question_answering.by_length,
        [1, 2, 4, 8, 16],
        {name: RNG.random((5, 5)) for name in ("one by one", "all at once, the text", "all at once, the row")},
    ),
    "question_answering.by_steps": (
        question_answering.by_steps,
        [600, 1200, 1800, 2400, 3000, 3600],
        {name: RNG.random((5, 6)) for name in ("about subjects trained on", "about other subjects")},
    ),
    "question_answering.lost_by_cuts": (
        question_answering.lost_by_cuts,
        {
            label.format(whose): RNG.random(5)
            for label in ("question reads {} row", "{} row reads question")
            for whose in ("right", "other")
        },
    ),
    "question_answering.who_finds": (
        question_answering.who_finds,
        {name: RNG.random(5) for name in ("mean of all heads", "head chosen elsewhere", "the answer itself")},
        0.24,
    ),
    "head_pruning.every_set": (
        head_pruning.every_set,
        {name: RNG.random((8, 9)) for name in ("best set", "by ablation", "by slope", "mean of all sets")},
    ),
    "head_pruning.importance_maps": (
        head_pruning.importance_maps,
        {"by ablation: rise of the loss": RNG.normal(size=(6, 12)), "by slope": RNG.random((6, 12))},
    ),
    "head_pruning.against_controls": (
        head_pruning.against_controls,
        [0, 12, 24, 36, 48, 72],
        {
            title: {name: RNG.random((5, 6)) for name in ("in this order", "matched by layer", "by lot")}
            for title in ("order by ablation", "order by slope")
        },
    ),
    "head_pruning.quality_for_time": (
        head_pruning.quality_for_time,
        {name: (RNG.random(6), RNG.random(6)) for name in ("heads, by ablation", "whole layers")},
    ),
    "head_pruning.reaction_heads": (
        head_pruning.reaction_heads,
        range(9),
        {name: 0.1 + RNG.random(9) for name in ("best set", "median of all sets")},
        {name: RNG.random(8) for name in ("best set", "median of all sets")},
    ),
    "head_pruning.drawn_gates": (head_pruning.drawn_gates, {x: RNG.random(99) for x in (-2.0, 0.0, 2.0)}),
    "multi_head.reshaped": (
        multi_head.reshaped,
        np.arange(6) + 10 * np.arange(5)[:, None],
        np.arange(30).reshape(3, 5, 2),
        np.arange(30).reshape(3, 5, 2),
    ),
    "multi_head.token_through_heads": (
        multi_head.token_through_heads,
        reference.softmax(RNG.normal(size=(12, 15))),
        RNG.random(12),
        ["[CLS]", "the", "trophy", "did", "not", "fit", "in", "it", "because", "it", "was", "too", "big", ".", "[SEP]"],
        "it",
    ),
    "multi_head.lookups": (
        multi_head.lookups,
        [1, 2, 4, 8, 16, 32],
        {"two lookups, linear map": RNG.random((6, 6)), "one lookup, linear map": RNG.random((6, 6))},
        {"two lookups, one head, feed-forward": 1.0, "the same, more channels": 0.4},
        0.125,
    ),
    "multi_head.looked_up": (
        multi_head.looked_up,
        {"head 0": reference.softmax(RNG.normal(size=(8, 8))), "head 1": reference.softmax(RNG.normal(size=(8, 8)))},
        [3, 15, 1, 2, 4, 11, 14, 5],
        np.array([[3, 15], [1, 2], [4, 11], [14, 5], [3, 1], [2, 4], [11, 14], [5, 3]]),
    ),
    "multi_head.cost": (
        multi_head.cost,
        [1, 2, 4, 8, 16],
        {path: 1 + RNG.random((7, 5)) for path in ("explicit weights", "fused kernel")},
        {"explicit weights": [1.0, 2.0, 4.0, 8.0, 16.0], "fused kernel": [1.0] * 5},
    ),
    "multi_head.heads_compared": (
        multi_head.heads_compared,
        {name: RNG.random((5, 2)) for name in ("trained", "random values", "scrambled maps", "no attention")},
        {"where they look": "distance", "what they give": "alignment"},
    ),
    "positions.read_positions": (
        positions.read_positions,
        {k: RNG.random((5, 31)) * 31 for k in ("causal", "both ways")},
    ),
    "positions.sinusoidal_table": (positions.sinusoidal_table, RNG.normal(size=(128, 64)), [32, 64, 90], 30),
    "planted_bias.amplification_curves": (
        planted_bias.amplification_curves,
        np.array([50, 60, 70, 80, 90]),
        {
            title: {name: 50 + 50 * RNG.random((5, 5)) for name in ("attention", "a sum of words", "a table of counts")}
            for title in ("probabilities", "most likely answers")
        },
    ),
    "positions.biases": (positions.biases, -np.arange(65) * 2.0 ** -np.arange(1, 5)[:, None], np.arange(129) // 8),
    "positions.scaled_rates": (
        positions.scaled_rates,
        {name: 1 - RNG.random(8) / 2 for name in ("plain", "position interpolation", "NTK-aware", "YaRN")},
        64 / 10.0 ** np.arange(8),
    ),
    "positions.bits_by_length": (
        positions.bits_by_length,
        [48, 64, 128, 256],
        {name: 2 + RNG.random((5, 4)) for name in (*positions.ADDED, *positions.INSIDE, *positions.VARIED)},
        64,
    ),
    "positions.accuracy_by_length": (
        positions.accuracy_by_length,
        {
            task: {name: RNG.random((5, 3)) for name in (*positions.ADDED, *positions.INSIDE)}
            for task in ("distance", "content")
        },
        [16, 32, 64],
        0.1,
    ),
}


@pytest.fixture(autouse=True)
def book_style() -> Iterator[None]:
    with mpl.rc_context():
        mpl.use("Agg")
        plots.use_book_style()
        yield
        plt.close("all")


def drawn(name: str) -> Any:
    function, *arguments = DRAWN[name]
    assert function(*arguments) is None
    figure = plt.gcf()
    figure.draw_without_rendering()
    return figure


def test_every_drawing_is_tried():
    modules = [import_module(f"course.figures.{found.name}") for found in iter_modules(figures.__path__)]
    made = {f"{module.__name__.rsplit('.', 1)[1]}.{name}" for module in modules for name in module.__all__}
    assert made == set(DRAWN)


def words(figure: Any) -> list[Text]:
    """Every text that is seen: no tick's label beyond the ends of its axis."""
    found = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for ax in figure.axes:
        found += [*ax.texts, *(ax.title, ax._left_title), ax.xaxis.label, ax.yaxis.label]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=False)  # shared axes have none
            found += [label for at, label in ticks if low <= at <= high]
    return [text for text in found if text.get_text().strip() and text.get_visible()]


@pytest.mark.parametrize("name", DRAWN)
def test_type_is_legible_on_a_phone(name):
    figure = drawn(name)
    shrunk = COLUMN_PX / (72 * figure.get_figwidth())  # points to pixels, where the picture fills the column
    small = {text.get_text() for text in words(figure) if text.get_fontsize() * shrunk < LEGIBLE_PX}
    assert not small


@pytest.mark.parametrize("name", DRAWN)
def test_no_words_overlap_and_none_are_cut(name):
    figure = drawn(name)
    boxes = [(text.get_text(), text.get_window_extent()) for text in words(figure)]
    cut = [text for text, box in boxes if box.x0 < -1 or box.x1 > figure.bbox.x1 + 1]
    assert not cut
    slim = [(text, box.expanded(1, 0.6)) for text, box in boxes]  # a line's box is higher than its letters
    assert not [(one, other) for (one, a), (other, b) in combinations(slim, 2) if a.overlaps(b)]


@pytest.mark.parametrize("name", DRAWN)
def test_no_legend_lies_on_data(name):
    figure = drawn(name)
    assert all(ax.get_legend() is None for ax in figure.axes)  # a legend of the figure stands outside every panel
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert not any(box.overlaps(ax.get_window_extent()) for ax in figure.axes)


def test_planes_show_the_mixture_each_query_gets():
    figure = drawn("attention.colour_plane")
    for ax, scale in zip(figure.axes, (0.3, 1.0, 10.0), strict=True):
        painted = ax.images[0].get_array()
        corner = reference.softmax(scale * KEYS @ [-2.2, 2.2]) @ VALUES
        np.testing.assert_allclose(painted[-1, 0], corner, atol=1e-12)


def test_panels_that_are_compared_share_their_scale():
    lower = drawn("attention.scale_and_gradients").axes[2:]
    assert lower[0].get_ylim() == lower[1].get_ylim()
    left, right = drawn("gpt.induction").axes[:2]
    assert left.images[0].get_clim() == right.images[0].get_clim() == (0, 1)
    above, below = drawn("bert.influence").axes[:2]
    assert above.images[0].get_clim() == below.images[0].get_clim() == (0, 0.6)


def test_every_seed_is_drawn_behind_the_median():
    lines = drawn("bert.gap_curves").axes[0].lines
    assert len(lines) == 3 * (1 + 5) + 2  # three kinds of five seeds, two baselines
    np.testing.assert_allclose(lines[0].get_ydata(), np.median(CURVES, axis=0))
    for line, seed in zip(lines[1:6], CURVES, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), seed)
        assert line.get_zorder() < lines[0].get_zorder()
        assert line.get_color() == lines[0].get_color()


def test_what_is_asked_may_look_at_both_sides_or_at_the_left():
    both, left = drawn("bert.what_is_asked").axes
    assert {tuple(line.get_xdata()) for line in both.lines} == {(other, 4) for other in range(8)}
    assert {tuple(line.get_xdata()) for line in left.lines} == {(j, i) for i in range(7) for j in range(i + 1)}


def test_score_maps_share_one_scale_and_say_their_own():
    figure = drawn("queries_keys_values.score_maps")
    for ax, array in zip(figure.axes, DRAWN["queries_keys_values.score_maps"][1].values(), strict=False):
        assert ax.images[0].get_clim() == (-1, 1)
        np.testing.assert_allclose(ax.images[0].get_array() * np.abs(array).max(), array)
        assert ax.get_title(loc="left").endswith(f"largest: {np.abs(array).max():.1f}")


def test_a_lookup_shows_its_own_output_on_the_scale_of_the_values():
    figure = drawn("queries_keys_values.lookup_of_one_token")
    weights, values = DRAWN["queries_keys_values.lookup_of_one_token"][3:5]
    output, below = figure.axes[2].images[0], figure.axes[5].images[0]
    np.testing.assert_allclose(output.get_array()[0], weights @ values)
    assert output.get_clim() == below.get_clim()
    np.testing.assert_array_equal(below.get_array(), values)
    assert [bar.get_width() for bar in figure.axes[4].patches] == pytest.approx(weights)


def test_a_query_is_shown_beside_the_keys_it_attends_to_most():
    figure = drawn("attention.nearest_images")
    images, weights = DRAWN["attention.nearest_images"][1:3]
    first = figure.axes[:6]
    order = np.argsort(-weights[0])[:5]
    np.testing.assert_array_equal(first[0].images[0].get_array(), images[0].reshape(8, 8))
    for ax, key in zip(first[1:], order, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), images[5 + key].reshape(8, 8))
        assert ax.get_title(loc="center") == f"{key}: {weights[0, key]:.2f}"
