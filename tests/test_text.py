"""Tokenizers trained here, text packed into pieces, and real prose to train them on."""

import hashlib
import re
import subprocess
import sys
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from mha.tasks.prose import english_prose, paragraphs
from mha.text import SPECIAL, pack, train_bpe, train_wordpiece

TEXTS = ["The cat sat on the mat.", "The dog sat on the log.", "A cat and a dog are on a log."] * 3
BPE = train_bpe(TEXTS, 280)
VERBS = ["read", "play", "walk", "jump", "sing", "talk", "work", "sleep", "think", "build"]
PROSE = [f"{verb}ing un{verb} {verb}er" for verb in VERBS]


@settings(deadline=None)
@given(st.text())
def test_bytes_bring_back_any_text(text):
    assert BPE.decode(BPE.encode(text).ids) == text


def test_bytes_bring_back_a_text_that_holds_a_special_token():
    for text in ("write [SEP] between them", "a [MASK] hides it", "[CLS]", "[PAD][UNK]"):
        ids = BPE.encode(text).ids
        assert BPE.decode(ids) == text
        assert min(ids) >= len(SPECIAL)
    assert BPE.decode([*BPE.encode("The cat").ids, 3]) == "The cat"  # put in by id it is no text


@pytest.mark.parametrize(("train", "size"), [("train_bpe", 290), ("train_wordpiece", 80)])
def test_each_process_learns_the_same_tokens(train, size):
    code = f"from mha.text import *; from tests.test_text import PROSE; print({train}(PROSE, {size}).to_str())"
    first, second = (subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(2))
    assert first.stdout == second.stdout
    assert Tokenizer.from_str(first.stdout.decode()).get_vocab_size() == size


def test_training_says_nothing(capfd):
    train_bpe(TEXTS, 270)
    train_wordpiece(TEXTS, 60)
    assert capfd.readouterr() == ("", "")


def test_frequent_words_become_one_token():
    assert BPE.get_vocab_size() == 280
    assert len(BPE.encode("The cat sat").ids) < 6  # merged, not bytes


@pytest.mark.parametrize(("train", "size"), [(train_bpe, 280), (train_wordpiece, 60)])
def test_special_tokens_come_first(train, size):
    tokenizer = train(TEXTS, size)
    assert [tokenizer.token_to_id(name) for name in SPECIAL] == [0, 1, 2, 3, 4]
    assert tokenizer.encode("the [MASK] sat").ids.count(4) == (train is train_wordpiece)


def test_wordpiece_marks_what_continues_a_word():
    tokenizer = train_wordpiece(TEXTS, 100)
    tokens = tokenizer.encode("THE moga").tokens
    assert tokens[0] == "the"
    assert "".join(tokens[1:]).replace("##", "") == "moga"
    assert all(token.startswith("##") for token in tokens[2:])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.integers(0, 30))
def test_wordpiece_keeps_to_its_size_or_refuses_it(texts, more):
    with pytest.raises(ValueError, match="must be at least") as refused:
        train_wordpiece(texts, 0)
    smallest = int(re.search(r"at least (\d+)", str(refused.value))[1])
    assert smallest <= train_wordpiece(texts, smallest + more).get_vocab_size() <= smallest + more


def test_wordpiece_knows_no_capitals_and_gives_what_it_never_saw_one_id():
    tokenizer = train_wordpiece(TEXTS, 100)
    assert tokenizer.encode("The CAT, 7").tokens == ["the", "cat", "[UNK]", "[UNK]"]
    assert tokenizer.decode(tokenizer.encode("A cat and a dog.").ids) == "a cat and a dog."


def test_bytes_alone_are_a_vocabulary():
    assert train_bpe([""], 261).get_vocab_size() == 261


def test_texts_of_one_piece_fill_it():
    row = BPE.encode(TEXTS[0]).ids
    assert pack(BPE, TEXTS[:1], len(row) + 1).tolist() == [[*row, 3]]


def test_pieces_hold_the_texts_in_order():
    pieces = pack(BPE, TEXTS, 7)
    row = [token for text in TEXTS for token in (*BPE.encode(text).ids, 3)]
    assert pieces.shape == (len(row) // 7, 7)
    assert pieces.flatten().tolist() == row[: len(row) // 7 * 7]
    assert pieces.dtype == torch.int64


def test_trouble_is_named():
    with pytest.raises(ValueError, match=r"vocab_size \(260\) must be at least 261, the bytes and special tokens"):
        train_bpe(TEXTS, 260)
    with pytest.raises(ValueError, match=r"vocab_size \(5\) must be at least \d+, the special tokens and the letters"):
        train_wordpiece(TEXTS, 5)
    for call in (train_bpe, train_wordpiece, partial(pack, BPE)):
        with pytest.raises(TypeError, match="texts must be several texts, got one string"):
            call("one text", 300)
        with pytest.raises(TypeError, match=r"must be an integer, got 300.0 \(float\)"):
            call(TEXTS, 300.0)
        with pytest.raises(ValueError, match="texts must hold at least one text, got none"):
            call([], 300)
    with pytest.raises(ValueError, match=r"tokenizer must have a token \[SEP\], got none"):
        pack(Tokenizer(models.BPE()), TEXTS, 7)
    with pytest.raises(ValueError, match=r"must fill one piece of length \(900\), got \d+ tokens"):
        pack(BPE, TEXTS, 900)
    with pytest.raises(ValueError, match=r"length \(0\) must be at least 1"):
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

This sentence has eight words, no word more.

This one has only seven words here.

No sentence, as it ends without a stop: there are eight words

.. note:: A directive that is followed by eight words or more.

Two dots and a dash -- make no sentence of these eight words.

The last paragraph but one has a line of blanks behind it.
{blank}
The dot of :attr:`.shape` and the title of :doc:`this page <page>` are no words.

The formula x = 2 y has eight words or more.
"""


def test_only_sentences_are_prose():
    assert list(paragraphs(DOCSTRING.replace("{blank}", "    "))) == [
        "Return the mean of the values along the given axis.",
        "See numpy.mean and numpy.ndarray for what axis means, as in and out.",
        "It ends on the second line of these eight words.",
        "This sentence has eight words, no word more.",
        "The last paragraph but one has a line of blanks behind it.",
        "The dot of shape and the title of this page are no words.",
    ]


def test_what_is_held_out_shares_no_run_of_eight_words_with_training():
    training, held_out = english_prose()
    assert len(training) > 5000
    assert len(held_out) > 300
    assert 0.05 < len(held_out) / len(training) < 0.15  # of one module in ten
    assert len(set(training) | set(held_out)) == len(training) + len(held_out)
    runs = [set(), set()]
    for found, texts in zip(runs, (training, held_out), strict=True):
        for text in texts:
            words = text.lower().split()
            found |= {" ".join(words[n : n + 8]) for n in range(len(words) - 7)}
    assert runs[0].isdisjoint(runs[1])
    assert all(text.isascii() and text[-1] in ".!?" for text in training + held_out)


def test_the_text_is_the_same_on_every_python_and_the_one_the_stored_models_were_trained_on():
    digest = hashlib.sha256("\n".join(map("\n".join, english_prose())).encode()).hexdigest()
    assert digest[:16] == "6acf84702aa8c3a2", (
        "the documentation of the pinned packages is another one than experiments/continuation.py and gap_filling.py "
        "were trained on: run both again, then their chapters"
    )
