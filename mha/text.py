"""Text into token ids and back: tokenizers trained on a text of one's own, by the library `tokenizers`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from mha.validation import check_integer, check_texts

__all__ = ["SPECIAL", "pack", "train_bpe", "train_wordpiece"]

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # ids 0 to 4, as BERT names them
MOST_LETTERS = 1000  # that WordPiece knows by themselves


def train_bpe(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Byte-level byte-pair encoding, as GPT-2's: any text becomes tokens, and comes back as it was.

    A text that holds "[SEP]" is text like any other: the special tokens are put in by id. The tokenizer's
    `encode_special_tokens` says so, which a copy made by pickle or through a file has to be told again.

    Args:
        texts: to train on.  vocab_size: v, at least 261: the bytes and `SPECIAL`.
    Raises:
        TypeError: texts is one string, or vocab_size no integer.  ValueError: vocab_size is too small, or no text.
    Source: Sennrich et al. 2016; on bytes: Radford et al. 2019.
    """
    smallest = 256 + len(SPECIAL)
    texts, vocab_size = check_texts("texts", texts), check_integer("vocab_size", vocab_size)
    if vocab_size < smallest:
        raise ValueError(f"vocab_size ({vocab_size}) must be at least {smallest}, the bytes and special tokens")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


def train_wordpiece(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """WordPiece, as BERT's: lower case, and "##" before a piece that continues a word.

    Args:
        texts: to train on.  vocab_size: v, room for `SPECIAL` and the letters of the texts, alone and within a word.
    Raises:
        TypeError: texts is one string, or vocab_size no integer.  ValueError: vocab_size is too small, or no text.
    Source: Schuster and Nakajima 2012; Devlin et al. 2019.
    """
    texts, vocab_size = check_texts("texts", texts), check_integer("vocab_size", vocab_size)
    cutter = _word_cutter(models.WordPiece(unk_token="[UNK]"))
    # The trainer numbers pieces such as "##a" in the order of a hash table, which differs from process to process, and
    # settles ties between merges by these numbers. As special tokens they keep the numbers of this list.
    words = {word for text in texts for word in _words(cutter, text)}
    inside = sorted({f"##{letter}" for word in words for letter in word[1:]})
    smallest = len(SPECIAL) + len(inside) + min(len(set("".join(words))), MOST_LETTERS)
    if vocab_size < smallest:
        raise ValueError(
            f"vocab_size ({vocab_size}) must be at least {smallest}, the special tokens and the letters of the texts"
        )
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=[*SPECIAL, *inside], limit_alphabet=MOST_LETTERS, show_progress=False
    )
    cutter.train_from_iterator(texts, trainer)
    tokenizer = _word_cutter(models.WordPiece(cutter.get_vocab(), unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _word_cutter(model: models.WordPiece) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _words(tokenizer: Tokenizer, text: str) -> list[str]:
    cut = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
    return [word for word, _ in cut]


def pack(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> Tensor:
    """All texts in one row, [SEP] behind each, cut into pieces of equal length: nothing is padding.

    Args:
        tokenizer: with a token [SEP].  texts: one or more.
        length: i, tokens a piece. What is left at the end is dropped.
    Returns:
        (n, i) int64.
    Raises:
        TypeError: texts is one string, or length no integer.
        ValueError: length is not positive, the texts do not fill one piece, or there is no [SEP].
    """
    check_integer("length", length, at_least=1)
    end = tokenizer.token_to_id("[SEP]")
    if end is None:
        raise ValueError("tokenizer must have a token [SEP], got none")
    row = [token for encoding in tokenizer.encode_batch(check_texts("texts", texts)) for token in (*encoding.ids, end)]
    if len(row) < length:
        raise ValueError(f"texts must fill one piece of length ({length}), got {len(row)} tokens")
    return torch.tensor(row[: len(row) // length * length]).view(-1, length)
