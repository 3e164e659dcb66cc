"""Text into token ids and back: tokenizers trained on a text of one's own, by the library `tokenizers`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

__all__ = ["SPECIAL", "pack", "train_bpe", "train_wordpiece"]

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # ids 0 to 4, as BERT names them


def train_bpe(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Byte-level byte-pair encoding, as GPT-2's: any text becomes tokens, and comes back as it was.

    Args:
        texts: to train on.  vocab_size: v, at least 261: the bytes and `SPECIAL`.
    Raises:
        ValueError: vocab_size is too small.
    Source: Sennrich et al. 2016; on bytes: Radford et al. 2019.
    """
    smallest = 256 + len(SPECIAL)
    if vocab_size < smallest:
        raise ValueError(f"vocab_size must be at least {smallest}, the bytes and special tokens, got {vocab_size}")
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
    return tokenizer


def train_wordpiece(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """WordPiece, as BERT's: lower case, and "##" before a piece that continues a word.

    Args:
        texts: to train on.  vocab_size: v, at least 6.
    Raises:
        ValueError: vocab_size is too small.
    Source: Schuster and Nakajima 2012; Devlin et al. 2019.
    """
    if vocab_size <= len(SPECIAL):
        raise ValueError(f"vocab_size must be at least {len(SPECIAL) + 1}, got {vocab_size}")
    texts, cutter = list(texts), _word_cutter(models.WordPiece(unk_token="[UNK]"))
    # The trainer numbers pieces such as "##a" in the order of a hash table, which differs from process to process, and
    # settles ties between merges by these numbers. As special tokens they keep the numbers of this list.
    inside = sorted({f"##{letter}" for text in texts for word in _words(cutter, text) for letter in word[1:]})
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=[*SPECIAL, *inside], show_progress=False)
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
        length: i, tokens a piece. What is left at the end is dropped.
    Returns:
        (n, i) int64.
    Raises:
        ValueError: length is not positive, or the texts do not fill one piece.
    """
    if length < 1:
        raise ValueError(f"length must be positive, got {length}")
    end = tokenizer.token_to_id("[SEP]")
    row = [token for encoding in tokenizer.encode_batch(list(texts)) for token in (*encoding.ids, end)]
    if len(row) < length:
        raise ValueError(f"texts must fill one piece of length ({length}), got {len(row)} tokens")
    return torch.tensor(row[: len(row) // length * length]).view(-1, length)
