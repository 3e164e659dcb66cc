"""What an explorer shows beside the weights: sentences, differences, value lengths, channels, links, pictures."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mha.heads import MultiHeadAttention, split_heads
from mha.models.gpt import GPT, GPTConfig
from mha.models.t5 import T5, T5Config
from mha.positions import Rotary
from mha.recording import record_attention
from mha.view.explorer import Reading, explore, explore_readings, observe_attention
from mha.view.explorer.codec import ALPHABET, encode_vectors
from mha.view.explorer.labelled_maps import read_maps as read_weights
from tests.explorer_page import SOURCE, TARGET, TOKENS, grave_violations, random_weights, read_maps
from tests.explorer_page import open_page as open_page  # a fixture


def small_gpt() -> GPT:
    torch.manual_seed(0)
    model = GPT(GPTConfig(23, 20, 2, 5, 40, max_len=16)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 5
    return model


GPT_MODEL = small_gpt()


def look(*ids: int) -> Reading:
    with observe_attention(GPT_MODEL) as seen, torch.no_grad():
        GPT_MODEL(torch.tensor([ids]))
    return Reading([f"t{number}" for number in ids], seen)


# --- what is observed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("biased", [False, True])
def test_what_is_observed_makes_the_weights_and_the_output(biased):
    torch.manual_seed(0)
    layer = MultiHeadAttention(18, 6, n_kv_heads=3, head_dim=4, scale=0.7, rotary=Rotary(4), bias=False).double()
    x = torch.randn(2, 5, 18, dtype=torch.float64)
    bias = torch.randn(6, 5, 5, dtype=torch.float64) if biased else None
    with observe_attention(layer) as seen:
        out = layer(x, attn_bias=bias)
    assert_close(out, layer(x, attn_bias=bias))  # and the layer goes as ever afterwards
    (one,) = seen.values()
    scores = one.queries @ one.keys.transpose(-1, -2)
    assert one.biased == biased
    assert_close(one.weights, (scores if bias is None else scores + bias).softmax(-1))
    v = split_heads(layer.qkv(x)[..., -12:], 3)  # (b, g, j, d)
    for head in range(6):
        alone = v[:, head // 2] @ layer.out.weight[:, 4 * head : 4 * head + 4].T
        assert_close(one.lengths[:, head], alone.norm(dim=-1))
    assert not any(part.requires_grad for part in (one.weights, one.queries, one.keys, one.lengths))


def test_what_cannot_be_observed_is_refused():
    with (
        pytest.raises(ValueError, match="Linear has no MultiHeadAttention layer"),
        observe_attention(nn.Linear(2, 2)),
    ):
        pass
    with pytest.raises(TypeError, match="model must be"), observe_attention(None):
        pass
    reading = look(1, 2, 3)
    mixed = dict(zip("ab", (reading.weights["blocks.0.attn"], torch.eye(3).expand(5, 3, 3)), strict=True))
    with pytest.raises(TypeError, match="must be observed in all layers or in none, got 1 of 2"):
        explore(reading.tokens, mixed)


def test_vectors_are_kept_to_an_eighty_eighth_of_their_largest_number():
    vectors = np.random.default_rng(0).normal(size=(3, 5, 7)) * 10.0 ** np.arange(-1, 2)[:, None, None]
    vectors[1, 2] = 0
    unit, text = encode_vectors(vectors)
    at = ALPHABET.index
    for number, vector in enumerate(vectors.reshape(-1, 7)):
        first, second, *letters = text[9 * number : 9 * number + 9]
        scale = (len(ALPHABET) * at(first) + at(second)) * unit
        read = (np.array([at(letter) for letter in letters]) - 44) / 44 * scale
        assert np.abs(vector).max() <= scale <= np.abs(vector).max() + unit
        assert np.abs(read - vector).max() <= scale / 88 + 1e-12


def test_a_recorded_encoder_decoder_is_sorted_by_the_layers_names():
    torch.manual_seed(0)
    model = T5(T5Config(vocab_size=29, d_model=12, n_layers=2, n_heads=3, head_dim=4, d_ff=20)).eval()
    source, target = torch.randint(1, 29, (1, 6)), torch.randint(1, 29, (1, 4))
    for watch in (record_attention, observe_attention):
        with watch(model) as maps, torch.no_grad():
            model(source, target)
        found = {one.kind: one for one in read_weights(SOURCE, maps, TARGET)}
        shapes = {kind: one.weights.shape for kind, one in found.items()}
        assert shapes == {"encoder": (2, 3, 6, 6), "decoder": (2, 3, 4, 4), "cross": (2, 3, 4, 6)}
        assert [found[kind].is_causal for kind in ("encoder", "decoder", "cross")] == [False, True, False]
        cross = maps["decoder.blocks.1.cross_attn"]
        wanted = cross[0] if watch is record_attention else cross.weights[0]
        np.testing.assert_allclose(found["cross"].weights[1], wanted.numpy(), atol=1e-7)
    assert found["decoder"].vectors.biased
    assert not found["cross"].vectors.biased


def test_readings_of_different_models_are_refused():
    readings = [Reading(["a", "b"], random_weights(1, heads, 2, 2)) for heads in (2, 3)]
    with pytest.raises(
        ValueError, match="it is self, 1 layers x 2 heads in reading 0 and self, 1 layers x 3 heads in re"
    ):
        explore_readings(readings)
    with pytest.raises(TypeError, match="readings must be a sequence of one Reading or more, got Reading"):
        explore_readings(readings[0])
    with pytest.raises(TypeError, match="readings must hold Reading objects, got list at 1"):
        explore_readings([readings[0], ["a"]])
    with pytest.raises(ValueError, match="readings must hold at most 1000000 weights"):
        explore_readings([Reading(["a"] * 128, np.full((1, 40, 128, 128), 1 / 128))] * 2)
    assert repr(explore_readings([readings[0]] * 3)) == "<Explorer: 1 layers x 2 heads, 2 tokens and 2 more sentences>"


# --- in the browser --------------------------------------------------------------------------------------------------


def test_a_further_sentence_comes_when_it_is_chosen(open_page):
    both = [random_weights(2, 3, n, n, seed=n) for n in (7, 4)]
    readings = [Reading(TOKENS, both[0]), Reading(list("wxyz"), both[1], name="the last letters")]
    page = open_page(explore_readings(readings, layer=1, head=2, focus=6, compare=(0, 1)))
    page.get_by_label("Sentence").select_option("the last letters")
    shown = read_maps(page.locator(".mha-explorer"))
    assert shown[0]["rows"] == list("wxyz")
    assert [one["cells"] for one in shown] == [
        np.rint(100 * both[1][pick]).astype(int).tolist() for pick in ((1, 2), (0, 1))
    ]
    assert "looks at" not in page.locator(".mx-status").text_content()  # there is no seventh token to look at
    page.get_by_label("Sentence").select_option(" ".join(TOKENS))
    assert read_maps(page.locator(".mha-explorer"))[0]["rows"] == TOKENS


HAND_OVER = """([name, tokens, maps]) => {
  const root = document.querySelector(".mha-explorer"), n = tokens.length, heads = maps.length;
  const code = share => Math.round(1000 * share) + Math.round(100 * share);
  const weights = maps.flatMap(map => map.flatMap(row => [...row.map(code), 0]));
  const codes = Uint16Array.from([...weights, ...Array(2 * heads).fill(0)]);
  const maker = {label: "", self: true, k: null, special: {q: [], k: []}, causal: false, lengths: null};
  root.readSentence(name, [{...maker, q: tokens, shape: [1, heads, n, n], codes}]);
}"""


def test_a_page_hands_over_what_it_has_computed_and_hears_what_is_chosen(open_page):
    readings = [Reading(TOKENS, random_weights(1, 2, 7, 7, seed=n), name=name) for n, name in enumerate(("one", "two"))]
    page = open_page(explore_readings(readings, handed_over=True))
    maps = [[[0.25, 0.75], [0.5, 0.5]], [[1, 0], [0.2, 0.8]]]
    page.evaluate(HAND_OVER, ["three", ["<b>", "y"], maps])
    page.click("[aria-label='Layer 0, head 1']")
    (shown,) = read_maps(page.locator(".mha-explorer"))
    assert (shown["rows"], shown["cells"]) == (["<b>", "y"], [[100, 0], [20, 80]])
    page.locator(".mha-explorer").evaluate(
        "root => root.addEventListener('sentence', e => { window.heard = e.detail; })"
    )
    page.get_by_label("Sentence").select_option("two")
    assert page.evaluate("window.heard") == "two"
    page.evaluate(HAND_OVER, ["two", ["x", "y"], maps])
    assert page.get_by_label("Sentence").locator("option").all_inner_texts() == ["one", "two", "three"]
    assert read_maps(page.locator(".mha-explorer"))[0]["rows"] == ["x", "y"]


def test_the_difference_of_two_heads_is_one_map_in_points(open_page):
    weights = random_weights(2, 3, 7, 7)
    page = open_page(explore(TOKENS, weights, layer=1, head=2, compare=(0, 1)))
    page.get_by_label("Difference A − B").check()
    assert page.locator(".mx-map").count() == 1
    mille = np.rint(1000 * weights[1, 2]) - np.rint(1000 * weights[0, 1])
    cells = page.locator(".mx-map tbody td")
    written = np.array([float(text.replace("−", "-")) for text in cells.all_text_contents()]).reshape(7, 7)
    assert np.abs(written - mille / 10).max() <= 0.5
    kinds = [name[0] for name in cells.evaluate_all("all => all.map(cell => cell.className)")]
    assert [kind == "o" for kind in kinds] == (mille <= -5).ravel().tolist()
    cells.nth(2 * 7 + 3).hover()
    assert f"‘cat’ → ‘saw’ {'+' if mille[2, 3] > 0 else '−'}{abs(mille[2, 3]) / 10:.1f} points" in page.locator(
        ".mx-tip"
    ).text_content().replace("\u2069", "")
    page.get_by_label("Difference A − B").uncheck()
    assert page.locator(".mx-map").count() == 2


def test_weight_times_value_length_is_the_share_of_what_is_added(open_page):
    reading = look(3, 1, 4, 1, 5, 9)
    layer = reading.weights["blocks.1.attn"]
    parts = (layer.weights * layer.lengths[..., None, :])[0, 2].numpy()
    share = parts / parts.sum(-1, keepdims=True)
    page = open_page(explore(reading.tokens, reading.weights, layer=1, head=2))
    page.get_by_label("Show").select_option("weight × value length")
    cells = np.array(read_maps(page.locator(".mha-explorer"))[0]["cells"])
    assert np.abs(cells - 100 * share).max() <= 1  # of weights that are rounded to a thousandth
    assert np.abs(cells - 100 * layer.weights[0, 2].numpy()).max() > 3
    page.get_by_label("Show").select_option("weight")
    page.locator(".mx-map tbody tr").nth(5).locator("td").nth(2).hover()
    text = page.locator(".mx-tip").text_content()
    length = float(re.search(r"times value length ([\d.]+):", text)[1])
    assert length == pytest.approx(layer.lengths[0, 2, 2].item(), rel=0.005)


def test_the_numbers_stand_beside_what_is_pointed_at(open_page):
    weights = random_weights(1, 1, 7, 7)
    for width in (1300, 390):
        page = open_page(explore(TOKENS, weights), width=width)
        assert not page.locator(".mx-tip").is_visible()
        for row, column in ((0, 0), (2, 3), (6, 6)):
            cell = page.locator(".mx-map tbody tr").nth(row).locator("td").nth(column)
            cell.hover()
            tip, spot = page.locator(".mx-tip").bounding_box(), cell.bounding_box()
            gap = max(tip["y"] - spot["y"] - spot["height"], spot["y"] - tip["y"] - tip["height"])
            assert 0 <= gap <= 12
            assert tip["x"] >= 0
            assert tip["x"] + tip["width"] <= width
            assert (
                f" {np.rint(1000 * weights[0, 0, row, column]) / 10:.1f}\u00a0%. "
                in page.locator(".mx-tip").text_content()
            )
        page.keyboard.press("Escape")
        assert not page.locator(".mx-tip").is_visible()


def test_a_link_opens_the_state_it_was_taken_in(open_page):
    readings = [look(3, 1, 4, 1, 5, 9), look(2, 7, 1, 8, 2, 8)]
    page = open_page(explore(TOKENS, random_weights(2, 3, 7, 7)), explore_readings(readings))
    root = page.locator(".mha-explorer").nth(1)
    root.get_by_label("Sentence").select_option("t2 t7 t1 t8 t2 t8")
    root.get_by_label("Layer", exact=True).select_option("1")
    root.get_by_label("Compare two heads").check()
    root.get_by_label("B: Head").select_option("4")
    root.get_by_label("Difference A − B").check()
    root.get_by_label("Show").select_option("weight × value length")
    root.locator(".mx-map tbody tr").nth(4).locator("td").nth(1).click()
    root.get_by_text("Why this weight").click()
    root.get_by_text("Link to this view").click()
    state = "root => [...root.querySelectorAll('.mx-map, .mx-why > p, .mx-pair')].map(part => part.textContent)"
    before, address = root.evaluate(state), page.url
    assert address.endswith(
        "#explorer-2_sentence-1_layer-1_head-0_layerB-1_headB-4_difference-1_added-1_query-4_key-1_why-1"
    )
    page.evaluate("document.querySelector(location.hash)")  # as themes do: it must be a selector
    page.goto("about:blank")
    page.goto(address)
    assert page.locator(".mha-explorer").nth(1).evaluate(state) == before
    assert page.evaluate("scrollY") > 0
    untouched = page.locator(".mha-explorer").nth(0)
    assert untouched.get_by_label("Layer", exact=True).input_value() == "0"
    page.evaluate(
        "location.hash = '#explorer-1_layer-99_head-2_query--1_key-x_hide-1'"
    )  # beyond the maps, and nonsense
    page.wait_for_function("document.querySelector('.mx-controls select').value === '1'")
    assert untouched.get_by_label("Head", exact=True).input_value() == "2"
    assert untouched.get_by_label("Hide special tokens").is_checked()


def test_the_view_is_saved_as_a_drawing(open_page, tmp_path):
    weights = random_weights(1, 2, 7, 7)
    page = open_page(explore(TOKENS, weights, compare=(0, 1), title="A <cat>"), dark=True)
    with page.expect_download() as got:
        page.get_by_role("button", name="Save as picture").click()
    assert got.value.suggested_filename == "attention-layer0-head0-layer0-head1.svg"
    got.value.save_as(tmp_path / "map.svg")
    drawing = (tmp_path / "map.svg").read_text(encoding="utf-8")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawing)
    assert texts[0].startswith("A &lt;cat&gt;")
    numbers = [int(text) for text in texts if text.isdigit()]
    assert numbers == [n for head in weights[0] for n in np.rint(100 * head[head >= 0.0045]).astype(int).tolist()]
    assert "rgb(20, 24, 31)" in drawing  # in the colours of the page
    reader = page.context.browser.new_page()
    reader.goto((tmp_path / "map.svg").as_uri())
    assert reader.locator("rect").count() == 1 + 2 * 49  # all of it, so it is well-formed
    reader.close()


def test_the_channels_say_where_a_score_comes_from(open_page):
    reading = look(3, 1, 4, 1, 5, 9)
    layer = reading.weights["blocks.1.attn"]
    products = (layer.queries[0, 2, 4] * layer.keys[0, 2]).numpy()  # (j, d)
    page = open_page(explore(reading.tokens, reading.weights, layer=1, head=2))
    page.get_by_text("Why this weight").click()
    page.locator(".mx-map tbody tr").nth(4).locator("td").nth(1).click()
    keys = page.locator(".mx-products ol").nth(0).locator("li").all_text_contents()
    assert keys == ["t3", "t1", "t4", "t1", "t5"]  # and not what comes later
    scores = page.locator(".mx-products ol").nth(1).locator("li").all_text_contents()
    read = np.array([float(text.replace("−", "-")) for text in scores])
    spread = np.abs(products).sum(-1)[:5]
    assert np.abs(read - products.sum(-1)[:5]).max() < 0.05 + 0.03 * spread.max()
    pixels = page.locator(".mx-why canvas").evaluate(
        "c => [c.width, c.height, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    assert pixels[:2] == [4, 5]
    colours = np.array(pixels[2:]).reshape(5, 4, 4)
    strong = np.abs(products[:5]) > 0.15 * np.abs(products[:5]).max()
    assert ((colours[..., 2] > colours[..., 0]) == (products[:5] > 0))[strong].all()  # blue adds, orange takes away
    most = int(np.argmax(products[1] * np.sign(products[1].sum())))
    assert f"Most comes from channel {most} (" in page.locator(".mx-why > p").text_content()
    page.locator(".mx-products ol").nth(0).locator("li").nth(3).click()  # a key is chosen here too
    assert "‘t5’ → ‘t1’ #2 " in page.locator(".mx-status").text_content()
    assert "<canvas role" not in explore(reading.tokens, reading.weights, channels=False)._repr_html_()


def test_a_causal_model_and_one_with_a_source_have_every_view(open_page):
    torch.manual_seed(0)
    model = T5(T5Config(vocab_size=29, d_model=12, n_layers=1, n_heads=3, head_dim=4, d_ff=20)).eval()
    with observe_attention(model) as seen, torch.no_grad():
        model(torch.randint(1, 29, (1, 6)), torch.randint(1, 29, (1, 4)))
    page = open_page(explore(SOURCE, seen, target_tokens=TARGET))
    page.get_by_text("Why this weight").click()
    for number, biased in enumerate((True, True, False)):
        page.get_by_label("Attention", exact=True).select_option(str(number))
        page.locator(".mx-map tbody tr").nth(1).locator("td").nth(2).click()
        assert ("a bias for its distance" in page.locator(".mx-why > p").text_content()) == biased
        masked = "‘den’ → ‘ganzen’ masked: a later token." in page.locator(".mx-status").text_content()
        assert masked == (number == 1)
        page.get_by_label("Show").select_option("weight × value length")
        assert len(read_maps(page.locator(".mha-explorer"))[0]["cells"]) == (6, 4, 4)[number]
        page.get_by_label("Show").select_option("weight")


CHOOSE = """async head => {
  const list = document.querySelectorAll(".mx-controls select")[1];
  list.value = head;
  list.dispatchEvent(new Event("change"));
  await new Promise(requestAnimationFrame);
  await new Promise(setTimeout);
}"""


def test_sixty_four_tokens_take_at_most_100_ms_a_choice(open_page):
    """Of the processor's time for the page, so that a busy machine does not count: the best of three rounds of four."""
    page = open_page(explore([f"token{n}" for n in range(64)], random_weights(6, 12, 64, 64, spread=2.5)))
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used() -> float:
        return next(
            one["value"] for one in session.send("Performance.getMetrics")["metrics"] if one["name"] == "TaskDuration"
        )

    rounds = []
    for start in range(3):
        before = used()
        for head in range(4):
            page.evaluate(CHOOSE, str(4 * start + head))
        rounds.append((used() - before) / 4)
    assert min(rounds) <= 0.1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_every_view_is_accessible_and_within_the_page(open_page, width, dark):
    one = explore_readings([look(3, 1, 4, 1, 5, 9), look(2, 7, 1, 8)], compare=(1, 2))
    steps = np.zeros((1, 2, 10, 10))
    for row, weight in enumerate([0.004, 0.015, 0.03, 0.08, 0.15, 0.3, 0.45, 0.6, 0.8, 0.95]):
        steps[0, 0, row, 0] = steps[0, 1, row, 9] = weight  # a difference of each tone of either colour
        steps[0, :, row, 5] = 1 - weight
    other = explore([f"t{n}" for n in range(10)], steps, compare=(0, 1))
    where = "#explorer-1_layer-1_head-0_layerB-0_headB-2_query-4_key-2_why-1"
    page = open_page(one, other, width=width, dark=dark, fragment=where)
    page.get_by_label("Difference A − B").last.check()
    page.locator(".mx-map tbody td").first.hover()
    assert page.locator(".mx-tip").first.is_visible()
    assert page.locator(".mx-why canvas").is_visible()
    assert grave_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
