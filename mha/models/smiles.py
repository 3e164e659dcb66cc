"""Molecules and reactions written as text (SMILES), cut into atoms, bonds, brackets and arrows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Encoding, Regex, Tokenizer, models, pre_tokenizers, processors

__all__ = ["is_atom", "pieces", "sides", "smiles_tokenizer"]

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
AROUND = ("", "[CLS]", "[SEP]", "[PAD]")  # what was not in the text
ARROW = ">>"  # between reactants and products
# An atom is what stands in square brackets, or one of the letters that SMILES lets stand without. The rest are bonds,
# branches, dots, ring numbers (%12 for two digits), the arrow, and ~ between the parts of one compound.
ATOM = r"\[[^\]]+\]|Br|Cl|[BCNOSPFIbcnops]"
TOKEN = rf"{ATOM}|>>|>|%[0-9]{{2}}|[0-9()./\\=#+:~@?*$-]"


def smiles_tokenizer(vocabulary: Sequence[str]) -> Tokenizer:
    """A tokenizer that cuts SMILES, one molecule or a reaction, and puts [CLS] and [SEP] around it.

    Its `encode` gives ids, tokens, and offsets: where in the text each token stands. What the grammar does not know, a
    stretch of it at a time, and what the vocabulary lacks becomes [UNK]; nothing is dropped. A [MASK] that is written
    into the text is the masked token.

    Args:
        vocabulary: the tokens; a token's place is its id. The special tokens are among them.
    Returns:
        A `tokenizers.Tokenizer` without padding or truncation.
    Raises:
        TypeError: vocabulary is one string, or holds something else.
        ValueError: a token stands there twice, or a special one is missing.
    Source: the grammar: Schwaller et al. 2019; with ~ and the special tokens of BERT: Schwaller et al. 2021, whose code
        drops what it does not know.
    """
    if isinstance(vocabulary, str) or not all(isinstance(token, str) for token in vocabulary):
        raise TypeError(f"vocabulary must be a sequence of strings, got {type(vocabulary).__name__}")
    ids = {token: number for number, token in enumerate(vocabulary)}
    if len(ids) < len(vocabulary):
        again = next(token for number, token in enumerate(vocabulary) if ids[token] != number)
        raise ValueError(f"vocabulary must hold each token once, got {again!r} twice")
    if lacking := [token for token in SPECIAL if token not in ids]:
        raise ValueError(f"vocabulary must hold {', '.join(SPECIAL)}, got none of {', '.join(lacking)}")
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(TOKEN), behavior="isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")]
    )
    return tokenizer


def pieces(text: str, encoding: Encoding) -> list[str]:
    """What stands in the text for each token, also where the token is [UNK]; nothing for [CLS] and [SEP].

    Args:
        text: what was encoded.  encoding: what the tokenizer made of it.
    """
    return [text[start:end] for start, end in encoding.offsets]


def is_atom(piece: str) -> bool:
    """Whether a piece of text, or a token, stands for an atom. In the order of the text they are the atoms themselves.

    A chemistry library that leaves out explicit hydrogens, [H], numbers those that stay.
    """
    return piece not in SPECIAL and re.fullmatch(ATOM, piece) is not None


def sides(pieces: Sequence[str]) -> tuple[range, range]:
    """Where in the sequence the reactants stand, and where the products.

    Args:
        pieces: of one reaction, or its tokens, with or without special tokens around it.
    Returns:
        Two ranges of positions, without the arrow between them and the special tokens around.
    Raises:
        ValueError: there is not exactly one arrow.
    """
    arrows = [place for place, piece in enumerate(pieces) if piece == ARROW]
    if len(arrows) != 1:
        raise ValueError(f"a reaction must have one arrow {ARROW}, got {len(arrows)} in {''.join(pieces)!r}")
    written = [place for place, piece in enumerate(pieces) if piece not in AROUND]
    return range(written[0], arrows[0]), range(arrows[0] + 1, written[-1] + 1)
