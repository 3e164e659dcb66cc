"""RXNMapper's weights: as in transformers, loaded without the package's own code, and clear about what is missing."""

import shutil
import sys
from importlib import metadata

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from transformers import AlbertConfig as TheirConfig
from transformers import AlbertForMaskedLM

from mha.models import pretrained_reactions
from mha.models.pretrained import encode
from mha.models.pretrained_reactions import load_rxnmapper
from mha.models.smiles import is_atom, pieces, sides
from mha.recording import record_attention
from tests.parity import assert_same_gradients

FOLDER = metadata.distribution("rxnmapper").locate_file(pretrained_reactions.FOLDER)
REACTIONS = [
    "CC(=O)Cl.NCc1ccccc1>>CC(=O)NCc1ccccc1",
    "OB(O)c1ccccc1.Brc1ccncc1>>c1ccc(-c2ccncc2)cc1",
    "CC(C)(C)OC(=O)NCCO>>NCCO",
    "O=C(O)c1ccccc1.CO.[H+]~[Cl-]>>COC(=O)c1ccccc1",
]


@pytest.fixture
def rxnmapper():
    return load_rxnmapper()


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-4), (torch.float64, 1e-9)])
def test_equals_transformers_on_a_padded_batch(rxnmapper, dtype, atol):
    model, tokenizer = rxnmapper
    config = TheirConfig.from_pretrained(FOLDER)
    tensors = torch.load(FOLDER / "pytorch_model.bin", map_location="cpu", weights_only=True)
    theirs = AlbertForMaskedLM._from_config(config, attn_implementation="eager")
    assert theirs.load_state_dict(tensors, strict=False).missing_keys == []
    model, theirs = model.to(dtype), theirs.to(dtype).eval()
    token_ids, key_mask = encode(tokenizer, REACTIONS)
    masked = token_ids.masked_fill(key_mask & (token_ids % 7 == 2), tokenizer.token_to_id("[MASK]"))
    with record_attention(model) as maps:
        got = model(masked, key_mask=key_mask)
    want = theirs(masked, attention_mask=key_mask.long(), output_attentions=True)
    assert_close(got[key_mask], want.logits[key_mask], atol=atol, rtol=0)
    rows = key_mask[:, None, :].expand(-1, 8, -1)
    for weights, other in zip(maps.calls("encoder.block.attn"), want.attentions, strict=True):
        assert_close(weights[rows], other[rows], atol=atol, rtol=0)
    for logits in (got, want.logits):
        F.cross_entropy(logits[key_mask], token_ids[key_mask]).backward()
    theirs.albert.embeddings.word_embeddings.weight.grad[0] = 0  # theirs gives [PAD] none
    model.encoder.embeddings.tokens.weight.grad[0] = 0
    assert_same_gradients(theirs, model, 10 * atol)


def test_one_head_points_from_the_product_to_where_its_atoms_came_from(rxnmapper):
    model, tokenizer = rxnmapper
    text = REACTIONS[0]
    encoding = tokenizer.encode(text)
    with torch.no_grad(), record_attention(model) as maps:
        model(torch.tensor([encoding.ids]))
    written = pieces(text, encoding)
    reactants, products = ([place for place in side if is_atom(written[place])] for side in sides(written))
    head = maps.calls("encoder.block.attn")[10][0, 5]  # counted from 0
    sources = head[products][:, reactants].argmax(-1)
    assert [reactants[source] for source in sources[:5]] == [1, 2, 5, 9, 10]  # C C O N C; the ring may be turned


def test_the_package_is_never_imported_and_no_code_of_its_files_run(monkeypatch):
    load, asked = torch.load, []
    monkeypatch.setattr(torch, "load", lambda file, **options: asked.append(options) or load(file, **options))
    load_rxnmapper()
    assert [options["weights_only"] for options in asked] == [True]
    assert not {name for name in sys.modules if name.partition(".")[0] == "rxnmapper"}


def test_a_folder_serves_as_well_and_damage_is_noticed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no pytorch_model.bin. Run: pip install --no-deps"):
        load_rxnmapper(tmp_path)
    for name in pretrained_reactions.SHA256:
        shutil.copy(FOLDER / name, tmp_path / name)
    model, _ = load_rxnmapper(str(tmp_path))
    assert not model.training
    with (tmp_path / "vocab.txt").open("a") as file:
        file.write("[Xx]\n")
    with pytest.raises(ValueError, match=r"vocab.txt has SHA-256 \w{64}, expected 399868a653e8.*: it is damaged"):
        load_rxnmapper(tmp_path)


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(pretrained_reactions.metadata, "distribution", missing)
    with pytest.raises(FileNotFoundError, match=r"rxnmapper is not installed. Run: pip install --no-deps --require-h"):
        load_rxnmapper()
