"""Reactions as tokens: as RXNMapper's own tokenizer cuts them, and nothing lost of what it does not know."""

import ast
import re
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mha.models.pretrained_reactions import load_rxnmapper
from mha.models.smiles import is_atom, pieces, sides, smiles_tokenizer

PACKAGE = Path(str(metadata.distribution("rxnmapper").locate_file("rxnmapper")))
REACTIONS = [
    "CC(=O)Cl.NCc1ccccc1>>CC(=O)NCc1ccccc1",
    "C[C@@H](N)C(=O)O.[Na+]~[OH-]>>C[C@@H](N)C(=O)[O-]~[Na+]",
    r"F/C=C\Br.OB(O)c1ccc2[nH]ccc2c1>>F/C=C\c1ccc2[nH]ccc2c1",
    "[CH3:1]Br>[Na+].[I-]>[CH3:1]I",
    "C%10CCCCC%10#N*$?:[13CH4][Cl-]cnBrBCl%99",
]


@pytest.fixture(scope="module")
def tokenizer():
    return load_rxnmapper()[1]


@pytest.fixture(scope="module")
def theirs():
    """The pattern and the vocabulary of the package, read as text, with the loop that its tokenizer makes of them."""
    tree = ast.parse((PACKAGE / "smiles_utils.py").read_text(encoding="utf-8"))
    pattern = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "SMI_REGEX_PATTERN"
    )
    file = PACKAGE / "models/transformers/albert_heads_8_uspto_all_1310k/vocab.txt"
    ids = {line: n for n, line in enumerate(file.read_text(encoding="utf-8").splitlines())}
    return lambda text: [12, *(ids.get(token, ids["[UNK]"]) for token in re.findall(pattern, text)), 13]


@pytest.mark.parametrize("text", REACTIONS)
def test_reactions_are_cut_as_by_rxnmapper(tokenizer, theirs, text):
    assert tokenizer.encode(text).ids == theirs(text)


@given(st.lists(st.sampled_from("BrClNOSPFIbcnops[]()@H+-=#\\/:.~?>>*$%0123456789"), max_size=40).map("".join))
@example("[>[>")
def test_so_is_any_text_of_its_letters_and_what_it_drops_is_unknown(tokenizer, theirs, text):
    encoding = tokenizer.encode(text)
    dropped = [piece for piece in pieces(text, encoding) if piece and not theirs(piece)[1:-1]]
    kept = [n for n, piece in zip(encoding.ids, pieces(text, encoding), strict=True) if piece not in dropped]
    assert kept == theirs(text)
    assert "".join(pieces(text, encoding)) == text
    unknown = {n for n, piece in zip(encoding.ids, pieces(text, encoding), strict=True) if piece in dropped}
    assert unknown <= {11}


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("C X☃Y[Na+]\n", ["C", "[UNK]", "[Na+]", "[UNK]"]),  # a stretch that no rule knows, the line's end too
        ("[Xx]C", ["[UNK]", "C"]),  # an atom that the vocabulary lacks
        ("[MASK]C[PAD]", ["[MASK]", "C", "[PAD]"]),
        ("[C", ["[UNK]", "C"]),
    ],
)
def test_odd_text_is_unknown_and_keeps_its_place(tokenizer, text, tokens):
    encoding = tokenizer.encode(text)
    assert encoding.tokens == ["[CLS]", *tokens, "[SEP]"]
    assert "".join(pieces(text, encoding)) == text


def test_atoms_are_told_from_bonds_also_where_the_vocabulary_lacks_them(tokenizer):
    text = "C[Xx](=O)Cl.[Na+]~[OH-]>>c1%10[nH]o1"
    found = [piece for piece in pieces(text, tokenizer.encode(text)) if is_atom(piece)]
    assert found == ["C", "[Xx]", "O", "Cl", "[Na+]", "[OH-]", "c", "[nH]", "o"]
    assert [token for token in tokenizer.get_vocab() if token in ("[CLS]", "[MASK]", "[UNK]") and is_atom(token)] == []


def test_the_sides_of_the_arrow(tokenizer):
    tokens = tokenizer.encode("CO.N>>CN").tokens
    assert sides(tokens) == (range(1, 5), range(6, 8))
    assert sides(pieces("CO.N>>CN", tokenizer.encode("CO.N>>CN"))) == sides(tokens)
    assert sides([*tokens, "[PAD]", "[PAD]"]) == sides(tokens)
    assert sides(tokens[1:-1]) == (range(4), range(5, 7))
    assert sides([">>"]) == (range(0), range(1, 1))
    for wrong, n in ((["C", "N"], 0), (["C", ">>", "N", ">>"], 2)):
        with pytest.raises(ValueError, match=f"must have one arrow >>, got {n} in 'C"):
            sides(wrong)


def test_a_vocabulary_that_will_not_do_is_named():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert smiles_tokenizer([*special, "C"]).encode("CN").ids == [2, 5, 1, 3]
    with pytest.raises(ValueError, match=r"each token once, got 'C' twice"):
        smiles_tokenizer([*special, "C", "N", "C"])
    with pytest.raises(ValueError, match=r"got none of \[CLS\], \[MASK\]"):
        smiles_tokenizer(["[PAD]", "[UNK]", "[SEP]", "C"])
    for wrong in ("[PAD]", [*special, 3]):
        with pytest.raises(TypeError, match="vocabulary must be a sequence of strings"):
            smiles_tokenizer(wrong)
