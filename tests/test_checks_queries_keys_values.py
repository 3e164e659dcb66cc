"""The checks on lookups, masks and projections against answers as learners write them, right and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F
from transformers import BertConfig, BertModel

from course.checks import queries_keys_values as check
from tests.told import told_test

# ---- right answers, written differently


def lookup_loops(q, k, v):
    hard, soft = [], []
    for query in q:
        scores = [sum(a * b for a, b in zip(query, key, strict=True)) for key in k]
        exponentials = [math.exp(s - max(scores)) for s in scores]
        hard.append(v[scores.index(max(scores))])
        soft.append(sum(e / sum(exponentials) * value for e, value in zip(exponentials, v, strict=True)))
    return hard, soft


def lookup_one_hot(q, k, v):
    scores = q @ k.T
    one_hot = np.eye(len(k))[scores.argmax(-1)]  # the first of equals
    return one_hot @ v, scipy.special.softmax(scores, axis=-1) @ v


def causal_triu(scores):
    n_queries, n_keys = scores.shape
    scores[np.triu(np.ones(scores.shape, bool), n_keys - n_queries + 1)] = -np.inf
    return scipy.special.softmax(scores, axis=-1)


def causal_copied(scores):
    return causal_triu(scores.copy())


def causal_loops(scores):
    n_queries, n_keys = scores.shape
    weights = np.zeros_like(scores)
    for i in range(n_queries):
        seen = n_keys - n_queries + i + 1
        weights[i, :seen] = scipy.special.softmax(scores[i, :seen])
    return weights


def causal_large_negative(scores):
    last = scores.shape[1] - scores.shape[0]
    ahead = np.arange(scores.shape[1]) > last + np.arange(scores.shape[0])[:, None]
    return scipy.special.softmax(np.where(ahead, -1e30, scores), axis=-1)


def causal_torch(scores):
    scores = torch.tensor(scores, dtype=torch.float32)
    n_queries, n_keys = scores.shape
    allowed = torch.ones(n_queries, n_keys, dtype=torch.bool).tril(n_keys - n_queries)
    return scores.masked_fill(~allowed, -torch.inf).softmax(-1)


def padded_loops(scores, lengths):
    weights = np.zeros_like(scores)
    for b, length in enumerate(lengths):
        if length:
            weights[b, :, :length] = scipy.special.softmax(scores[b, :, :length], axis=-1)
    return weights


def padded_torch(scores, lengths):
    scores, lengths = torch.as_tensor(scores), torch.as_tensor(lengths)
    real = torch.arange(scores.shape[-1])[None, None] < lengths[:, None, None]
    return scores.masked_fill(~real, -torch.inf).softmax(-1).nan_to_num(0.0)


def padded_times_mask(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None, None]
    return scipy.special.softmax(np.where(real, scores, -1e30), axis=-1) * real


def self_attention_einsum(x, w_q, w_k, w_v):
    scores = np.einsum("im,md,jn,nd->ij", x, w_q, x, w_k) / math.sqrt(w_q.shape[1])
    weights = scipy.special.softmax(scores, axis=-1)
    return np.einsum("ij,jm,me->ie", weights, x, w_v), weights


def self_attention_stacked(x, w_q, w_k, w_v):
    d = w_q.shape[1]
    q, k, v = np.split(x @ np.concatenate([w_q, w_k, w_v], axis=1), [d, 2 * d], axis=1)
    weights = scipy.special.softmax(q @ k.T / d**0.5, axis=-1)
    return weights @ v, weights


def self_attention_by_value_map_last(x, w_q, w_k, w_v):
    weights = scipy.special.softmax(x @ (w_q @ w_k.T) @ x.T / w_k.shape[1] ** 0.5, axis=-1)
    return weights @ x @ w_v, weights


def cross_attention_torch(x, context, w_q, w_k, w_v):
    x, context, w_q, w_k, w_v = (torch.tensor(a, dtype=torch.float32) for a in (x, context, w_q, w_k, w_v))
    q, k, v = F.linear(x, w_q.T), F.linear(context, w_k.T), F.linear(context, w_v.T)
    return F.scaled_dot_product_attention(q, k, v), (q @ k.T / math.sqrt(q.shape[-1])).softmax(-1)


def cross_attention_loops(x, context, w_q, w_k, w_v):
    rows = [
        scipy.special.softmax([(query @ w_q) @ (token @ w_k) / w_q.shape[1] ** 0.5 for token in context]) for query in x
    ]
    return np.array(rows) @ context @ w_v, rows


RIGHT = [
    (check.lookup, lookup_loops),
    (check.lookup, lookup_one_hot),
    (check.causal_weights, causal_copied),
    (check.causal_weights, causal_loops),
    (check.causal_weights, causal_large_negative),
    (check.causal_weights, causal_torch),
    (check.padded_weights, padded_loops),
    (check.padded_weights, padded_torch),
    (check.padded_weights, padded_times_mask),
    (check.self_attention, self_attention_einsum),
    (check.self_attention, self_attention_stacked),
    (check.self_attention, self_attention_by_value_map_last),
    (check.cross_attention, cross_attention_torch),
    (check.cross_attention, cross_attention_loops),
]


@pytest.mark.parametrize(("judge", "answer"), RIGHT)
def test_right_answers_pass_however_they_are_written(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback
    assert feedback.diagnosis == "correct"


# ---- wrong answers, as learners write them


def lookup_by_index(q, k, v):
    best = np.argmax(q @ k.T, axis=1)
    return best, scipy.special.softmax(q @ k.T, axis=1) @ v


def lookup_soft_over_all(q, k, v):
    return v[np.argmax(q @ k.T, axis=1)], scipy.special.softmax(q @ k.T) @ v


def causal_plain_tril(scores):
    allowed = np.tril(np.ones_like(scores)).astype(bool)
    return scipy.special.softmax(np.where(allowed, scores, -np.inf), axis=-1)


def causal_tril_of_scores(scores):
    return scipy.special.softmax(np.tril(scores, scores.shape[1] - scores.shape[0]), axis=-1)


def causal_tril_of_weights(scores):
    return np.tril(scipy.special.softmax(scores, axis=-1), scores.shape[1] - scores.shape[0])


def causal_float_mask_times_infinity(scores):
    allowed = np.tri(*scores.shape, scores.shape[1] - scores.shape[0])
    return scipy.special.softmax(scores + (1 - allowed) * -np.inf, axis=-1)


def causal_strict_torch(scores):
    scores = torch.as_tensor(scores)
    n_queries, n_keys = scores.shape
    hidden = torch.ones(n_queries, n_keys).triu(n_keys - n_queries).bool()
    return scores.masked_fill(hidden, -torch.inf).softmax(-1)


def causal_lower_hidden(scores):
    scores = torch.as_tensor(scores)
    n_queries, n_keys = scores.shape
    hidden = torch.ones(n_queries, n_keys).tril(n_keys - n_queries).bool()
    return scores.masked_fill(hidden, -1e30).softmax(-1).masked_fill(hidden.all(-1, keepdim=True), 0.0)


def padded_without_a_guard(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None, None]
    return scipy.special.softmax(np.where(real, scores, -np.inf), axis=-1)


def padded_with_a_billion(scores, lengths):
    real = torch.arange(scores.shape[-1]) < torch.as_tensor(lengths)[:, None]
    return torch.as_tensor(scores).masked_fill(~real[:, None], -1e9).softmax(-1)


def padded_up_to_and_with(scores, lengths):
    real = np.arange(scores.shape[-1]) <= lengths[:, None, None]
    return scipy.special.softmax(np.where(real, scores, -np.inf), axis=-1)


def padded_polarity_of_the_built_in(scores, lengths):
    padding = np.arange(scores.shape[-1]) >= lengths[:, None, None]
    return padded_times_mask(scores, lengths) * 0 + scipy.special.softmax(np.where(padding, scores, -1e30), axis=-1)


def self_scaled_by_d_model(x, w_q, w_k, w_v):
    weights = scipy.special.softmax((x @ w_q) @ (x @ w_k).T / math.sqrt(x.shape[-1]), axis=-1)
    return weights @ (x @ w_v), weights


def self_values_forgotten(x, w_q, w_k, w_v):
    weights = scipy.special.softmax((x @ w_q) @ (x @ w_k).T / math.sqrt(w_k.shape[-1]), axis=-1)
    return weights @ x, weights


def self_keys_ask(x, w_q, w_k, w_v):
    weights = scipy.special.softmax((x @ w_k) @ (x @ w_q).T / math.sqrt(w_k.shape[-1]), axis=-1)
    return weights @ (x @ w_v), weights


def self_maps_transposed(x, w_q, w_k, w_v):
    q, k, v = x @ w_q.T, x @ w_k.T, x @ w_v.T
    return F.scaled_dot_product_attention(*map(torch.from_numpy, (q, k, v))), None


def cross_queries_from_the_context(x, context, w_q, w_k, w_v):
    return cross_attention_loops(context, x, w_q, w_k, w_v)


def cross_values_from_x(x, context, w_q, w_k, w_v):
    weights = scipy.special.softmax((x @ w_q) @ (context @ w_k).T / math.sqrt(w_k.shape[-1]), axis=-1)
    return weights @ (x @ w_v), weights


def cross_context_forgotten(x, context, w_q, w_k, w_v):
    return self_attention_stacked(x, w_q, w_k, w_v)


WRONG = [
    (check.lookup, lookup_by_index, "index", "v[positions]"),
    (check.lookup, lookup_soft_over_all, "whole-array", "sum to 1, each row should:"),
    (check.causal_weights, causal_triu, "changes-its-argument", "scores in place"),
    (check.causal_weights, causal_plain_tril, "aligned-first", "is level with the first key:"),
    (check.causal_weights, causal_tril_of_scores, "zero-score", "exp(0) = 1"),
    (check.causal_weights, causal_tril_of_weights, "masked-after-softmax", "sum to less than 1"),
    (check.causal_weights, causal_float_mask_times_infinity, "infinities", "and inf - inf are NaN:"),
    (check.causal_weights, causal_strict_torch, "own-position-excluded", "the diagonal belongs"),
    (check.causal_weights, causal_lower_hidden, "mask-inverted", "wrong way round"),
    (check.padded_weights, padded_without_a_guard, "nan-row", "0/0"),
    (check.padded_weights, padded_with_a_billion, "uniform-row", "not -inf"),
    (check.padded_weights, padded_up_to_and_with, "one-too-many", "position < length"),
    (
        check.padded_weights,
        padded_polarity_of_the_built_in,
        "mask-inverted+uniform-row",
        "wrong. First, only padding gets weight:",
    ),
    (check.self_attention, self_scaled_by_d_model, "root-of-d-model", "w_q.shape[1]"),
    (check.self_attention, self_values_forgotten, "values-not-mapped", "average the input itself"),
    (check.self_attention, self_keys_ask, "maps-swapped", "swapped"),
    (check.self_attention, self_maps_transposed, "maps-transposed", "transposed, as nn.Linear stores them: here"),
    (check.cross_attention, cross_queries_from_the_context, "sides-swapped", "x asks, the context answers"),
    (check.cross_attention, cross_values_from_x, "values-from-x", "from x, only the keys from"),
    (check.cross_attention, cross_context_forgotten, "context-ignored", "come from the context"),
]


test_wrong_answers_are_told_what_is_wrong = told_test(WRONG)


def test_the_chapter_tells_the_truth_of_hugging_face_transformers():
    """With eager attention, BERT's fully masked row attends to its padding alike, as the chapter says."""
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertModel(BertConfig(vocab_size=30, attn_implementation="eager", **sizes)).eval()
    with torch.no_grad():
        out = model(torch.arange(5)[None], attention_mask=torch.zeros(1, 5), output_attentions=True)
    torch.testing.assert_close(out.attentions[0], torch.full((1, 2, 5, 5), 0.2))
