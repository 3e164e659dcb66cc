"""Tokenizers trained here, text packed into pieces, and real prose to train them on."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from mha.tasks.prose import RUN, english_prose, paragraphs
from mha.text import SPECIAL, pack, train_bpe, train_wordpiece

TEXTS = ["The cat sat on the mat.", "The dog sat on the log.", "A cat and a dog are on a log."] * 3
BPE = train_bpe(TEXTS, 280)
VERBS = ["read", "play", "walk", "jump", "sing", "talk", "work", "sleep", "think", "build"]
PROSE = [f"{verb}ing un{verb} {verb}er" for verb in VERBS]


@settings(deadline=None)
@given(st.text())
def test_bytes_bring_back_any_text(text):
    assert BPE.decode(BPE.encode(text).ids, skip_special_tokens=False) == text


@pytest.mark.parametrize(("train", "size"), [("train_bpe", 290), ("train_wordpiece", 80)])
def test_each_process_learns_the_same_tokens(train, size):
    code = f"from mha.text import *; from tests.test_text import PROSE; print({train}(PROSE, {size}).to_str())"
    first, second = (subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(2))
    assert first.stdout == second.stdout
    assert Tokenizer.from_str(first.stdout.decode()).get_vocab_size() == size


def test_frequent_words_become_one_token():
    assert BPE.get_vocab_size() == 280
    assert len(BPE.encode("The cat sat").ids) < 6  # merged, not bytes


@pytest.mark.parametrize(("train", "size"), [(train_bpe, 280), (train_wordpiece, 60)])
def test_special_tokens_come_first(train, size):
    tokenizer = train(TEXTS, size)
    assert [tokenizer.token_to_id(name) for name in SPECIAL] == [0, 1, 2, 3, 4]
    assert tokenizer.encode("the [MASK] sat").ids.count(4) == 1


def test_wordpiece_marks_what_continues_a_word():
    tokenizer = train_wordpiece(TEXTS, 100)
    tokens = tokenizer.encode("THE moga").tokens
    assert tokens[0] == "the"
    assert "".join(tokens[1:]).replace("##", "") == "moga"
    assert all(token.startswith("##") for token in tokens[2:])


def test_pieces_hold_the_texts_in_order():
    pieces = pack(BPE, TEXTS, 7)
    row = [token for text in TEXTS for token in (*BPE.encode(text).ids, 3)]
    assert pieces.shape == (len(row) // 7, 7)
    assert pieces.flatten().tolist() == row[: len(row) // 7 * 7]
    assert pieces.dtype == torch.int64


def test_trouble_is_named():
    with pytest.raises(ValueError, match="vocab_size must be at least 261, the bytes and special tokens, got 260"):
        train_bpe(TEXTS, 260)
    with pytest.raises(ValueError, match="vocab_size must be at least 6, got 5"):
        train_wordpiece(TEXTS, 5)
    with pytest.raises(ValueError, match=r"must fill one piece of length \(900\), got \d+ tokens"):
        pack(BPE, TEXTS, 900)
    with pytest.raises(ValueError, match="length must be positive, got 0"):
        pack(BPE, TEXTS, 0)


DOCSTRING = """Return the mean of the values along the given axis.

    This is indented, and therefore code or a list, not prose.

See :func:`numpy.mean` and :class:`~numpy.ndarray` for what `axis` means, as in [1]_ and ``out``.

- An item of a list that has eight words or more.

It ends
on the second line of these eight words.

Parameters
----------
a : array
    The values, of which there are at least eight in all.

Too short to count.

The formula x = 2 y has eight words or more.
"""


def test_only_sentences_are_prose():
    assert list(paragraphs(DOCSTRING)) == [
        "Return the mean of the values along the given axis.",
        "See numpy.mean and numpy.ndarray for what axis means, as in and out.",
        "It ends on the second line of these eight words.",
    ]


def test_what_is_held_out_shares_no_run_of_eight_words_with_training():
    training, held_out = english_prose()
    assert len(training) > 5000
    assert len(held_out) > 300
    assert len(set(training) | set(held_out)) == len(training) + len(held_out)
    runs = [set(), set()]
    for found, texts in zip(runs, (training, held_out), strict=True):
        for text in texts:
            words = text.lower().split()
            found |= {" ".join(words[n : n + RUN]) for n in range(len(words) - RUN + 1)}
    assert runs[0].isdisjoint(runs[1])
    assert all(text.isascii() and text[-1] in ".!?" for text in training + held_out)
