"""The live page's engine computes what Python computes, says what is wrong, and does not let go of the page."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page
from rdkit import Chem

from book.ext.measured_book import live
from tests.live_engine import Reference, Server, Told, ask, serve

ROOT = Path(__file__).resolve().parent.parent
PAGE = '<!doctype html><meta charset="utf-8"><title>live</title><script src="live/engine.js"></script>'
LONG = "the old man who lived by the sea told us that he had once seen a whale as long as the street that we live on, "
SENTENCES = [
    "The bank by the river was steep.",
    "The bank raised its rates again.",
    "A dog bit the man.",
    "A man bit the dog.",
    "I did not like the film at all.",
    "",
    "   \t\n ",
    "word",
    "Unbelievably, antidisestablishmentarianism outlived its inventors!",
    "Señor Ångström naïvely ordered a crème brûlée at the café in Zürich.",
    "STRASSE, Straße, ΣΊΣΥΦΟΣ and İstanbul",
    "e\u0301 and é are one letter; ﬁ is a ligature",
    "Don't stop: it's 3.14 (or $2.50), isn't it? [yes/no] {a|b} ~50% @home #1 <tag> ^_^ `x`",
    "“Quoted” — and … ‘single’ « guillemets » ¿qué? ¡sí!",
    "我喜歡学习 machine learning 日本語 한국어 ไทย",
    "привет мир, שלום עולם, مرحبا بالعالم",
    "I 🙂 emoji 👩‍👩‍👧 and flags 🇫🇷!",
    "zero\u200bwidth, soft\u00adhyphen, no\u00a0break, line\u2028separator, bell\u0007, null\u0000, bad\ufffd",
    "A [MASK] in the text, and [SEP] too, but [mask] and [ MASK ] are words.",
    "x" * 100,
    "x" * 101,
    "qzxv wkjq zzzzxxxxqqq ##ing ##",
    "2 + 2 = 4; H2O; C6H12O6; v1.2.3-beta; 10,000,000; 1/2; ½; ²; №",
    "http://example.org/a?b=c&d=e and me@example.org",
    "snake_case camelCase kebab-case",
    "The trophy did not fit into the suitcase because it was too big.",
    "Time flies like an arrow; fruit flies like a banana.",
    "ᾳ ǅ ŉ Ⅻ ㎏ ｆｕｌｌｗｉｄｔｈ",
    (LONG * 3)[: len(LONG) * 2 + 32],
    LONG * 3,
]
REACTIONS = [
    "CC(=O)O.NCC>>CC(=O)NCC",
    "CCN.CC(=O)Cl>>CCNC(C)=O",
    "O=C(O)c1ccccc1.CO>>COC(=O)c1ccccc1",
    "OB(O)c1ccc(F)cc1.Brc1ccncc1>>Fc1ccc(-c2ccncc2)cc1",
    "CCOC(=O)c1ccc(N)cc1>>O=C(O)c1ccc(N)cc1",
    "CC(C)(C)OC(=O)N1CCNCC1>>C1CNCCN1",
    "O=[N+]([O-])c1ccc(Cl)cc1>>Nc1ccc(Cl)cc1",
    "O=Cc1ccc(OC)cc1>>OCc1ccc(OC)cc1",
    "CCBr.Oc1ccc(C#N)cc1>>CCOc1ccc(C#N)cc1",
    "CI.CN1CCC(O)CC1>>COC1CCN(C)CC1",
    "N[C@@H](C)C(=O)O.CO>>COC(=O)[C@H](C)N",
    "C=CC=C.C=CC(=O)OC>>COC(=O)C1CCC=CC1",
    "CS(=O)(=O)Cl.NCc1ccccc1>>CS(=O)(=O)NCc1ccccc1",
    "O=C=Nc1ccccc1.CCCN>>CCCNC(=O)Nc1ccccc1",
    "C#CCO.[N-]=[N+]=NCc1ccccc1>>OCc1cn(Cc2ccccc2)nn1",
    "CCOC(=O)CC(C)=O.NNc1ccccc1>>Cc1cc(O)n(-c2ccccc2)n1",
    "[Na+].[OH-].COC(=O)C1CC1>>O=C(O)C1CC1",
    "CC(=O)c1ccccc1.[BH4-].[Na+]>>CC(O)c1ccccc1",
    "Clc1ncnc2[nH]ccc12.NC1CCCC1>>c1nc(NC2CCCC2)c2cc[nH]c2n1",
    "FC(F)(F)c1cccc(Br)c1.C1COCCN1>>FC(F)(F)c1cccc(N2CCOCC2)c1",
    "CC1(C)OB(c2ccsc2)OC1(C)C.Ic1cccnc1>>c1cncc(-c2ccsc2)c1",
    "C[Si](C)(C)C#C.Brc1ccc(C=O)cc1>>C[Si](C)(C)C#Cc1ccc(C=O)cc1",
    "O=C1CCC(=O)N1Br.Cc1ccc(F)cc1>>FC1=CC=C(CBr)C=C1",
    r"C/C=C/C(=O)O.CCO>>CCOC(=O)/C=C/C",
    "CC(C)(C)OC(=O)N1CCC(C(=O)O)CC1.Nc1ccc(Cl)cc1F>>CC(C)(C)OC(=O)N1CCC(C(=O)Nc2ccc(Cl)cc2F)CC1",
    "CN(C)C=O.Oc1ccc2ccccc2c1.BrCCCl>>ClCCOc1ccc2ccccc2c1",
    "C%10CCCC%10=O.N[OH]>>ON=C%10CCCC%10",
    "[13CH3]O.O=C(O)[CH2]Cl>>[13CH3]OC(=O)CCl",
    "CC(=O)O.NCC>>CC(=O)[MASK]CC",
    "O=C(O)c1ccccc1O.CC(=O)OC(C)=O>>CC(=O)Oc1ccccc1C(=O)O",
]
ODD_REACTIONS = ["", "CCO", "hello, world!", "C>O>N", "CC>>CC>>CC", ">>", "[Xx]>>[Xx]", "C1CC>>", "🙂>>C", "[MASK]"]
ODD_MAPS = {"[Xx]>>[Xx]": [(3, 1)], "🙂>>C": [(3, -1)]}  # an atom that no vocabulary has; one that came from nowhere


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("book")
    live.write(ROOT / live.SOURCES, folder / live.FOLDER)
    (folder / "index.html").write_text(PAGE)
    (folder / "favicon.ico").touch()
    with serve(folder) as server:
        yield server


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference()


@pytest.fixture(scope="module")
def loaded(browser: Browser, served: Server) -> Iterator[Page]:
    """A page for all who change nothing."""
    page = browser.new_page()
    page.goto(served.address)
    yield page
    page.close()


@pytest.fixture
def fresh(page: Page, served: Server) -> Iterator[Page]:
    page.goto(served.address)
    yield page
    served.failing.clear()


def assert_equal(found: dict[str, Any], told: Told) -> None:
    """The same tokens; weights that are off by 0.01 at most but for a few, which 8 or 12 bits a weight leave."""
    assert found.get("tokens") == told.tokens, found.get("message")
    few, most = {6: (0.02, 0.04), 12: (1e-3, 0.03)}[found["layers"]]
    off = np.abs(found["attention"] - told.attention)
    assert (off > 0.01).mean() <= few
    assert off.max() <= most
    assert found["vector"] @ told.vector >= 0.999


@pytest.mark.parametrize("text", SENTENCES)
def test_a_sentence_is_read_as_in_python(loaded: Page, reference: Reference, text: str) -> None:
    found = ask(loaded, text)
    assert found["lanes"]
    assert_equal(found, reference.read(text))


def test_a_sentence_that_is_too_long_is_cut(loaded: Page, reference: Reference) -> None:
    assert [len(reference.words.encode(text)) > 64 for text in SENTENCES[-2:]] == [False, True]
    whole, cut = (ask(loaded, text) for text in SENTENCES[-2:])
    assert (whole["length"], whole["cut"], cut["length"]) == (64, 0, 64)
    assert cut["cut"] == len(reference.words.encode(SENTENCES[-1])) - 64


def true_map(reference: Reference, text: str) -> list[tuple[int, int]]:
    """Places of tokens: each product atom's partner, with RDKit's elements and order of atoms."""
    told = reference.read(text, "reaction")
    weights = told.attention[10, 5] + told.attention[10, 5].T
    arrow = told.tokens.index(">>")
    sides = ["".join(told.tokens[1:arrow]), "".join(told.tokens[arrow + 1 : -1]).replace("[MASK]", "*")]
    molecules = [Chem.MolFromSmiles(side, sanitize=False) for side in sides]
    elements = [[atom.GetSymbol() for atom in molecule.GetAtoms()] for molecule in molecules]
    letters = [n for n, token in enumerate(told.tokens) if token[0] == "[" or token[0].isalpha()]
    atoms = [n for n in letters if told.tokens[n] not in ("[CLS]", "[SEP]")]
    before, behind = atoms[: len(elements[0])], atoms[len(elements[0]) :]
    pairs = []
    for place, element in zip(behind, elements[1], strict=True):
        same = [n for n, other in zip(before, elements[0], strict=True) if other == element]
        if element != "*":
            pairs.append((place, max(same, key=lambda n: weights[place, n], default=-1)))
    return pairs


@pytest.mark.parametrize("text", REACTIONS)
def test_a_reaction_is_read_and_mapped_as_in_python(loaded: Page, reference: Reference, text: str) -> None:
    found = ask(loaded, text, "reaction")
    assert_equal(found, reference.read(text, "reaction"))
    assert [(pair["product"], pair["reactant"]) for pair in found["map"]] == true_map(reference, text)


@pytest.mark.parametrize("text", ODD_REACTIONS)
def test_what_is_hardly_a_reaction_is_read(loaded: Page, reference: Reference, text: str) -> None:
    found = ask(loaded, text, "reaction")
    assert_equal(found, reference.read(text, "reaction"))
    assert [(pair["product"], pair["reactant"]) for pair in found["map"]] == ODD_MAPS.get(text, [])


def test_a_gap_is_filled_as_in_python(loaded: Page, reference: Reference) -> None:
    text = "CC(=O)O.[MASK]CC>>CC(=O)[MASK]CC"
    ids = torch.tensor([reference.smiles.encode(text).ids])
    with torch.no_grad():
        chances = reference.reaction(ids)[0].softmax(-1)
    for filled in ask(loaded, text, "reaction")["filled"]:
        best = chances[filled["at"]].topk(5)
        assert filled["tokens"][0] == reference.smiles.id_to_token(int(best.indices[0]))
        np.testing.assert_allclose(filled["probabilities"], best.values.numpy(), atol=0.02)


def test_plain_javascript_gives_the_same(fresh: Page, reference: Reference) -> None:
    for text in (SENTENCES[9], SENTENCES[5]):
        found = ask(fresh, text, plain=True)
        assert not found["lanes"]
        assert_equal(found, reference.read(text))
    for text in REACTIONS[3:5]:
        assert_equal(ask(fresh, text, "reaction", plain=True), reference.read(text, "reaction"))


def altered(reference: Reference, text: str, **options: Any) -> np.ndarray:
    """The sentence's vector by hand, from the weights alone, with something changed: no module of the package runs."""
    weights = reference.sentence.state_dict()
    ids = torch.tensor(reference.words.encode(text).ids)
    x = weights["embeddings.tokens.weight"][ids] + weights["embeddings.segments.weight"][0]
    if options.get("positions", True):
        x = x + weights["embeddings.positions.weight"][: len(ids)]

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return torch.nn.functional.layer_norm(x, (384,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    x = norm(x, "embeddings.norm")
    for layer in range(6):
        name = f"blocks.{layer}"
        q, k, v = linear(x, f"{name}.attn.qkv").view(len(ids), 3, 12, 32).permute(1, 2, 0, 3)
        seen = (q @ k.mT / 32**0.5).softmax(-1)
        if layer in options.get("uniform", []):
            seen = torch.full_like(seen, 1 / len(ids))
        mixed = seen @ v  # (h, i, d)
        for off, head in options.get("without", []):
            mixed[head] *= off != layer
        x = norm(x + linear(mixed.transpose(0, 1).reshape(len(ids), 384), f"{name}.attn.out"), f"{name}.attn_norm")
        hidden = torch.nn.functional.gelu(linear(x, f"{name}.ffn.up"))
        x = norm(x + linear(hidden, f"{name}.ffn.down"), f"{name}.ffn_norm")
    return torch.nn.functional.normalize(x.mean(0), dim=0).numpy()


@pytest.mark.parametrize(
    "options",
    [{"without": [[0, 3], [4, 11], [5, 0]]}, {"uniform": [1, 4]}, {"positions": False}, {}],
    ids=["heads off", "uniform", "no positions", "nothing"],
)
def test_what_is_switched_off_is_off(loaded: Page, reference: Reference, options: dict[str, Any]) -> None:
    found = ask(loaded, SENTENCES[25], **options)
    assert found["vector"] @ altered(reference, SENTENCES[25], **options) >= 0.999
    for layer, head in options.get("without", []):
        assert found["norms"][layer, head] == 0
    for layer in options.get("uniform", []):
        np.testing.assert_allclose(found["attention"][layer], 1 / found["length"], rtol=1e-6)
    if options:  # or the test above says nothing
        assert found["vector"] @ altered(reference, SENTENCES[25]) < 0.999


def test_what_the_heads_add_is_what_the_layer_adds(loaded: Page, reference: Reference) -> None:
    ids = torch.tensor([reference.words.encode(SENTENCES[2]).ids])
    added: list[torch.Tensor] = []
    out = reference.sentence.blocks[2].attn.out
    handle = reference.sentence.blocks[2].attn.register_forward_hook(
        lambda *given: added.append(given[2][0] if isinstance(given[2], tuple) else given[2])
    )
    with torch.no_grad():
        reference.sentence(ids)
    handle.remove()
    mean = (added[0][0].mean(0) - out.bias).detach().numpy()
    found = ask(loaded, SENTENCES[2])
    np.testing.assert_allclose(found["output"][2].sum(0), mean, atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(found["output"], axis=-1), found["norms"], rtol=1e-4)


def test_one_word_moves_some_heads(loaded: Page) -> None:
    moved = loaded.evaluate("""async () => {
      const [one, other] = [await LiveEngine.ask({model: "sentence", text: "The bank was steep."}),
        await LiveEngine.ask({model: "sentence", text: "The bank was closed."})];
      return [Array.from(LiveEngine.moved(one, other)), Array.from(LiveEngine.moved(one, one)),
        LiveEngine.cosine(one.vector, other.vector)];
    }""")
    assert len(moved[0]) == 72
    assert min(moved[0]) > 0
    assert max(moved[1]) == 0
    assert 0 < moved[2] < 0.95


def test_a_sentence_loads_what_it_needs(fresh: Page, served: Server) -> None:
    weights = served.folder / "live"
    bytes_of = {path.name: path.stat().st_size for path in weights.iterdir()}
    assert sum(size for name, size in bytes_of.items() if not name.startswith("reaction")) <= 24e6
    assert sum(size for name, size in bytes_of.items() if name.startswith("reaction")) <= 1.2e6
    served.asked.clear()
    progress = ask(fresh, SENTENCES[-2])["progress"]
    assert sum(bytes_of.get(name, 0) for name in served.asked) <= 13e6
    assert progress[-1]["loaded"] == progress[-1]["total"]
    served.asked.clear()
    ask(fresh, SENTENCES[-2])
    assert served.asked == []
    ask(fresh, REACTIONS[0], "reaction")
    assert [name.partition("-")[0] for name in served.asked] == ["reaction"]


@pytest.mark.parametrize("name", ["sentence-block-3", "words-04", "kernel", "manifest"])
def test_a_file_that_did_not_come_is_fetched_again(fresh: Page, served: Server, name: str) -> None:
    served.failing.add(name)
    served.asked.clear()
    found = ask(fresh, "A dog bit the man.")
    assert found["kind"] == "network"
    assert found["message"].startswith(name)
    assert found["message"].endswith(".")
    served.failing.clear()
    again = ask(fresh, "A dog bit the man.")
    assert again.get("length") == 8, again.get("message")
    twice = {file for file, times in Counter(served.asked).items() if times > 1}
    assert twice
    assert all(file.startswith(name) for file in twice)


def test_a_damaged_file_is_noticed_and_fetched_again(fresh: Page, served: Server) -> None:
    path = next((served.folder / "live").glob("reaction-*.bin"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        assert "damaged" in ask(fresh, "C>>C", "reaction")["message"]
    finally:
        path.write_bytes(whole)
    assert len(ask(fresh, "C>>C", "reaction")["map"]) == 1


def test_a_newer_text_takes_the_place_of_an_older_one(loaded: Page) -> None:
    told = loaded.evaluate(
        """async text => {
      const kinds = [], keep = promise => promise.then(answer => kinds.push(answer.length), e => kinds.push(e.kind));
      const all = Array.from({length: 20}, (_, n) => keep(LiveEngine.ask({model: "sentence", text: text + n})));
      all.push(keep(LiveEngine.ask({model: "sentence", text: "beside it", slot: "other"})));
      await Promise.all(all);
      return kinds;
    }""",
        "Typing goes on ",
    )
    assert told == ["superseded"] * 19 + [6, 4]


def test_the_page_goes_on_while_it_is_computed(loaded: Page) -> None:
    told = loaded.evaluate(
        """async text => {
      let ticks = 0;
      const clock = setInterval(() => ticks++, 1);
      const {ms} = await LiveEngine.ask({model: "sentence", text, positions: false});
      clearInterval(clock);
      return {ticks, ms};
    }""",
        SENTENCES[-2],
    )
    assert told["ticks"] >= 5, told


@pytest.mark.parametrize(
    ("text", "model", "said"),
    [
        ("a" * 5001, "sentence", "5001 characters"),
        (None, "sentence", "no text"),
        (3, "reaction", "no text"),
        ("C" * 127, "reaction", "127 tokens"),
        ("C", "poem", "no model “poem”"),
        ("C", "constructor", "no model “constructor”"),
    ],
)
def test_odd_input_gets_a_sentence(loaded: Page, text: Any, model: str, said: str) -> None:
    found = ask(loaded, text, model)
    assert found["kind"] == "input"
    assert said in found["message"]
    assert found["message"].endswith(".")


def test_half_a_character_is_left_out(loaded: Page) -> None:
    found = loaded.evaluate("async () => (await LiveEngine.ask({model: 'sentence', text: 'a\\ud83d b'})).tokens")
    assert found == ["[CLS]", "a", "b", "[SEP]"]


def test_from_the_disk_the_engine_says_how_to_serve_the_book(page: Page, served: Server) -> None:
    page.goto((served.folder / "index.html").as_uri())
    found = ask(page, "A dog bit the man.")
    assert found["kind"] == "file"
    assert "python -m http.server" in found["message"]


def test_a_build_makes_again_only_what_has_changed(served: Server) -> None:
    folder = served.folder / "live"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.suffix == ".bin"}
    live.write(ROOT / live.SOURCES, folder)
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.suffix == ".bin"}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert live.is_whole(folder, manifest, manifest["made_of"])
    assert not live.is_whole(folder, manifest, "another kernel")
    shard = folder / manifest["models"]["sentence"]["words"]["shards"][7]["name"]
    kept = shard.read_bytes()
    shard.write_bytes(kept[:-1])
    assert not live.is_whole(folder, manifest, manifest["made_of"])
    shard.write_bytes(kept)
    os.utime(shard, ns=(before[shard.name], before[shard.name]))


def test_a_book_without_the_page_gets_no_weights(tmp_path: Path) -> None:
    builder, environment = SimpleNamespace(format="html"), SimpleNamespace(found_docs={"index"})
    app = SimpleNamespace(builder=builder, env=environment, confdir=str(ROOT), outdir=str(tmp_path))
    live.copy_live(app, None)
    assert list(tmp_path.iterdir()) == []
