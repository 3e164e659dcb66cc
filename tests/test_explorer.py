"""The explorer: what it refuses, what it writes, and what a reader gets of the weights in a real browser."""

from __future__ import annotations

import gzip
import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser

from mha.view.explorer import explore
from mha.view.explorer.codec import encode, per_cent, per_mille, quantise, tone
from mha.view.explorer.labelled_maps import read_maps as read_weights
from mha.view.explorer.markup import SCRIPTS, WITH_CHANNELS, fragment_part, token_label
from tests.explorer_page import SOURCE, TARGET, TOKENS, causal_weights, grave_violations, random_weights, read_maps
from tests.explorer_page import open_page as open_page  # a fixture

HOSTILE = [
    "<script>window.hacked=1</script>",
    "</script>",
    "<img src=x onerror=hacked=1>",
    '"',
    "&amp;",
    "'",
    "\\",
    "<!--",
]
ODD = ["שלום", "😀", "", " ", "\n", "##ing", "w" * 300, "\u202eabc", "\ud800", "$x$", "`${1}`", "]]>", "\u2028"]


# --- the codec -------------------------------------------------------------------------------------------------------


def test_a_code_holds_both_roundings_of_every_weight():
    weights = np.concatenate([np.linspace(0, 1, 200_001), np.random.default_rng(0).random(50_000)])
    codes = quantise(weights)
    np.testing.assert_array_equal(per_mille(codes), np.rint(1000 * weights))
    np.testing.assert_array_equal(per_cent(codes), np.rint(100 * weights))
    assert codes.min() == 0
    assert codes.max() == 1100


def test_the_text_of_the_codes_is_short_and_harmless():
    codes = np.repeat(np.arange(1101), 1 + np.arange(1101) % 7)
    levels, text = encode(codes)
    assert len(levels) == 2 * 1101
    frequent = 78 * 7  # 78 codes of those that stand seven times have one character
    assert len(text) == 2 * len(codes) - frequent
    assert not set(levels + text) & set('"\\<&\n')


LETTERS = [chr(code) for code in range(33, 127) if chr(code) not in '"&<\\']


def read_back(levels: str, text: str) -> list[int]:
    """The codes, read as the page does: two letters a level; the 78 most frequent have one letter, others two."""
    at = {letter: number for number, letter in enumerate(LETTERS)}
    ranked = [90 * at[one] + at[two] for one, two in zip(levels[::2], levels[1::2], strict=True)]
    letters, codes = iter(text), []
    for letter in letters:
        place = at[letter] if at[letter] < 78 else 78 + 90 * (at[letter] - 78) + at[next(letters)]
        codes.append(ranked[place])
    return codes


def test_the_codes_can_be_read_back_and_the_most_frequent_come_first():
    assert len(LETTERS) == 90
    codes = np.random.default_rng(0).permutation(np.repeat(np.arange(1101), 1 + np.arange(1101) % 7))
    assert read_back(*encode(codes)) == codes.tolist()
    first, second, third = LETTERS[:3]
    assert encode(np.array([5, 9, 9, 2]))[1] == third + first + first + second  # equally frequent ones by size


def test_a_colour_step_begins_at_its_weight():
    edges = [5, 20, 50, 100, 200, 350, 500, 700, 900]
    assert tone(quantise([edge / 1000 for edge in edges])).tolist() == list(range(1, 10))
    assert tone(quantise([(edge - 1) / 1000 for edge in edges])).tolist() == list(range(9))


def test_colour_steps_grow_with_the_weight():
    steps = tone(quantise(np.linspace(0, 1, 1001)))
    assert steps[0] == 0
    assert steps[-1] == 9
    assert set(np.diff(steps).tolist()) == {0, 1}


# --- what is refused -------------------------------------------------------------------------------------------------


def broken(position: tuple[int, ...], value: float) -> np.ndarray:
    weights = random_weights(2, 3, 7, 7)
    weights[position] = value
    return weights


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (broken((1, 2, 3, 4), np.nan), "layer 1, head 2, row 3 must be numbers from 0 to 1, got nan in column 4"),
        (broken((1, 2, 3, 4), 1.5), "layer 1, head 2, row 3 must be numbers from 0 to 1, got 1.5"),
        (broken((0, 1, 6, 5), -0.25), "layer 0, head 1, row 6 must be numbers from 0 to 1, got -0.25"),
        (broken((0, 2, 5), 1 / 14), r"layer 0, head 2, row 5 must sum to 1 \(or to 0, fully masked\), got 0.5000"),
        (np.swapaxes(random_weights(2, 3, 7, 7), -1, -2), "must sum to 1"),
        (random_weights(2, 3, 5, 7), "7 query tokens and one column for each of 7 key tokens, got maps of 5 x 7"),
        (random_weights(3, 7, 7), r"layer 0 must have shape \(n_heads, i, j\), got \(7, 7\)"),
        (random_weights(2, 4, 3, 7, 7), "must hold one sequence, got a batch of 4"),
        (
            [random_weights(3, 7, 7), random_weights(2, 7, 7)],
            r"same shape in every layer, got \(2, 7, 7\) and \(3, 7, 7\)",
        ),
        ([], "at least one layer, got none"),
        (np.ones((2, 3, 0, 7)), r"must have shape \(n_heads, i, j\), got \(3, 0, 7\)"),
        ({"encoder": random_weights(2, 3, 7, 7), "decoded": 0}, "among encoder, decoder, cross, got decoded too"),
        ({"cross": random_weights(2, 3, 7, 7)}, "target_tokens must be given with cross maps"),
    ],
)
def test_wrong_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        explore(TOKENS, weights)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kind": "cross"}, ValueError, "kind must be one of 'self', got 'cross'"),
        ({"layer": 2}, ValueError, r"layer \(2\) must be between 0 and 1"),
        ({"head": -1}, ValueError, r"head \(-1\) must be between 0 and 2"),
        ({"layer": True}, TypeError, "layer must be an integer, got True"),
        ({"head": 1.0}, TypeError, "head must be an integer, got 1.0"),
        ({"compare": (0, 3)}, ValueError, r"compare\[1\] \(3\) must be between 0 and 2"),
        ({"compare": (0.5, 1)}, TypeError, r"compare\[0\] must be an integer, got 0.5"),
        ({"compare": 1}, TypeError, "compare must be two integers"),
        ({"compare": (0, 1, 2)}, TypeError, "compare must be two integers"),
        ({"layer": -1}, ValueError, r"layer \(-1\) must be between 0 and 1"),
        ({"focus": -1}, ValueError, r"focus \(-1\) must be between 0 and 6"),
        ({"focus": 7}, ValueError, r"focus \(7\) must be between 0 and 6"),
        ({"focus": 1.5}, TypeError, "focus must be an integer, got 1.5"),
        ({"title": 3}, TypeError, "title must be a string, got 3"),
        ({"special_tokens": "[CLS]"}, TypeError, "special_tokens must be several texts, got one string"),
        ({"special_tokens": [101]}, TypeError, "special_tokens must hold strings, got 101"),
        ({"target_tokens": ["a"] * 6}, ValueError, "each of 6 query tokens"),
        ({"target_tokens": "abcdefg"}, TypeError, "target_tokens must be several texts, got one string"),
    ],
)
def test_wrong_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        explore(TOKENS, random_weights(2, 3, 7, 7), **options)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (None, "weights must be an array, a tensor or a sequence of layers, got NoneType"),
        (0.5, "weights must be an array, a tensor or a sequence of layers, got float"),
        (np.eye(7, dtype=bool)[None, None], "weights: layer 0 must hold weights, got True and False"),
        (np.eye(7)[None, None] + 0j, "weights: layer 0 must hold real numbers, got complex numbers"),
        ([np.full((1, 7, 7), "0.5")], "weights: layer 0 must hold real numbers, got text"),
        ([None], "weights: layer 0 must hold real numbers, got NoneType"),
    ],
)
def test_what_is_no_weight_is_named(weights, message):
    with pytest.raises(TypeError, match=message):
        explore(TOKENS, weights)


@pytest.mark.parametrize("tokens", [set(TOKENS), dict.fromkeys(TOKENS), None])
def test_tokens_need_an_order(tokens):
    with pytest.raises(TypeError, match="tokens must be a sequence of strings, got"):
        explore(tokens, random_weights(1, 1, 6, 6))


def test_wrong_tokens_are_named():
    with pytest.raises(TypeError, match="got one string"):
        explore("the cat", random_weights(1, 1, 7, 7))
    with pytest.raises(TypeError, match="tokens must hold strings, got 101"):
        explore(["a", 101], random_weights(1, 1, 2, 2))
    with pytest.raises(ValueError, match="tokens must hold at least one text, got none"):
        explore([], random_weights(1, 1, 2, 2))
    with pytest.raises(ValueError, match="1 to 128 tokens, got 129"):
        explore(["a"] * 129, random_weights(1, 1, 129, 129))
    with pytest.raises(ValueError, match="at most 1000000 numbers, got 1081344"):
        explore(["a"] * 128, random_weights(6, 11, 128, 128))


def test_what_lies_at_a_limit_is_taken_and_what_lies_beyond_it_is_not():
    assert read_weights(["a"] * 128, np.full((1, 1, 128, 128), 1 / 128), None)[0].weights.shape == (1, 1, 128, 128)
    assert read_weights(["a"] * 100, np.full((1, 100, 100, 100), 1 / 100), None)[0].weights.size == 1_000_000
    assert read_weights(["a"] * 2, np.full((1, 1, 2, 2), 0.5 + 0.0004), None)
    with pytest.raises(ValueError, match="must sum to 1"):
        read_weights(["a"] * 2, np.full((1, 1, 2, 2), 0.5 + 0.001), None)


# --- what is written -------------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes_in_every_form():
    weights = random_weights(2, 3, 7, 7)
    forms = [
        weights,
        weights.copy(),
        torch.from_numpy(weights).requires_grad_(),
        [layer[None] for layer in weights],
        {"layers.0": weights[0], "layers.1": weights[1]},
        [list(torch.from_numpy(layer).requires_grad_()) for layer in weights],
        weights[:, None],
    ]
    pages = {explore(TOKENS, form)._repr_html_() for form in forms}
    assert len(pages) == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_fully_masked_rows_are_taken(dtype):
    weights = random_weights(6, 12, 7, 7)
    weights[0, 1, 2] = 0
    recorded = torch.from_numpy(weights).to(dtype).requires_grad_()
    assert explore(TOKENS, recorded).maps[0].weights.tolist() == recorded.tolist()
    with pytest.raises(ValueError, match="must sum to 1"):
        explore(TOKENS, (0.99 * torch.from_numpy(weights)).to(dtype))


def test_the_plain_form_says_what_there_is():
    bundle = explore(TOKENS, random_weights(2, 3, 7, 7))._repr_mimebundle_()
    assert bundle["text/plain"] == "<Explorer: 2 layers x 3 heads, 7 tokens>"
    assert set(bundle) == {"text/plain", "text/html"}
    cross = explore(SOURCE, random_weights(2, 3, 4, 6), target_tokens=TARGET)
    assert repr(cross) == "<Explorer: cross 2 layers x 3 heads, 4 x 6 tokens>"


def crowded_weights() -> np.ndarray:
    """Thirteen large weights a row, all different, which is as costly as rows that sum to 1 can be made."""
    weights = np.zeros((6, 12, 24, 24))
    weights[..., :13] = np.random.default_rng(2).uniform(0.9, 1.1, size=(6, 12, 24, 13))
    weights[..., 13:] = np.random.default_rng(3).uniform(0.0, 0.1, size=(6, 12, 24, 11))
    return np.random.default_rng(4).permuted(weights / weights.sum(axis=-1, keepdims=True), axis=-1)


@pytest.mark.parametrize(
    "weights",
    [
        *(random_weights(6, 12, 24, 24, spread=spread) for spread in (0.1, 0.5, 1, 1.5, 2, 4)),
        causal_weights(6, 12, 24, 24),
        np.broadcast_to(np.eye(24), (6, 12, 24, 24)),
        np.broadcast_to(np.kron(np.eye(2), np.full((12, 12), 1 / 12)), (6, 12, 24, 24)),
        crowded_weights(),
    ],
    ids=["even", "flat", "mild", "varied", "usual", "sharp", "causal", "diagonal", "blocks", "crowded"],
)
def test_six_layers_of_twelve_heads_stay_below_60_kb_as_they_are_sent(weights):
    """And below 65 kB in the notebook, beside the style and the script."""
    page = explore(["[CLS]", *["tokens"] * 22, "[SEP]"], weights)._repr_html_()
    assert len(gzip.compress(page.encode())) <= 60_000
    assert len(json.dumps(data(page))) <= 65_000


def test_the_data_leave_the_page_only_as_written():
    """No token can end the script or open an element: the page has the elements it has with harmless tokens."""
    hostile = explore(HOSTILE, random_weights(1, 2, 8, 8), title="</style><script>")._repr_html_()
    harmless = explore(list("abcdefgh"), random_weights(1, 2, 8, 8), title="t")._repr_html_()
    tags = [re.findall(r"<(/?[a-z!]+)", page) for page in (hostile, harmless)]
    assert tags[0] == tags[1]
    payload = re.search(r"data=(\{.*\});\n", hostile)
    assert payload is not None
    assert json.loads(payload[1])["kinds"][0]["q"] == HOSTILE


def test_every_odd_token_can_be_stored():
    page = explore(ODD, random_weights(1, 2, 13, 13))._repr_html_()
    assert page.encode("utf-8").decode() == page
    assert "(empty)" in page
    assert "<bdi>␣</bdi>" in page
    assert "<bdi>⏎</bdi>" in page


def static(page: str) -> str:
    return page[page.index("mx-static") : page.index("<script>")]


def data(page: str) -> dict:
    found = re.search(r"data=(\{.*\});\n", page)
    assert found is not None
    return json.loads(found[1])


def test_the_first_state_is_the_head_that_was_asked_for():
    weights = random_weights(2, 3, 7, 7)
    page = static(explore(TOKENS, weights, layer=1, head=2, compare=(0, 1))._repr_html_())
    assert "Layer 1, head 2 of 2 layers with 3 heads each" in page
    cells = [(int(step), int(number)) for step, number in re.findall(r"<td class=t(\d)>(\d+)", page)]
    codes = quantise(weights[1, 2]).ravel()
    assert cells == list(zip(tone(codes).tolist(), per_cent(codes).tolist(), strict=True))
    assert re.findall(r"<th scope=row><bdi>(.*?)</bdi>", page) == TOKENS
    assert re.findall(r"<th scope=col><bdi>(.*?)</bdi>", page) == TOKENS


def test_the_first_state_names_the_strongest_links_between_words_and_what_the_rest_takes():
    weights = np.full((1, 1, 7, 7), 0.02)
    weights[..., 0] = 0.88
    for query, key, weight in ((2, 5, 0.5), (4, 3, 0.4), (1, 4, 0.3), (3, 3, 0.6), (6, 1, 0.7), (5, 6, 0.8)):
        weights[0, 0, query, key] = weight
        weights[0, 0, query, 0] = 0.9 - weight
    page = html.unescape(re.sub(r"</?bdi>", "", static(explore(TOKENS, weights)._repr_html_())))
    strongest = "‘cat’ → ‘mat’ 50.0\u00a0%, ‘the’ #2 → ‘saw’ 40.0\u00a0%, ‘the’ #1 → ‘the’ #2 30.0\u00a0%."
    assert f"Strongest links between words: {strongest}" in page
    assert f"[CLS] and [SEP] take {100 * weights[..., [0, 6]].sum() / 7:.1f}\u00a0% of all weight." in page


def test_the_data_of_every_kind_can_be_read_back():
    """Each weight, the sum over the special keys behind each row, and their share of all and of the words' weight."""
    kinds = {"encoder": random_weights(2, 3, 6, 6), "cross": random_weights(1, 2, 4, 6, seed=1)}
    page = explore(SOURCE, kinds, target_tokens=TARGET, focus=3)._repr_html_()
    assert "Layer 0, head 0 of 2 layers with 3 heads each" in static(page)
    written = data(page)
    assert (written["picks"], written["focus"]) == ([[0, 0]], 3)
    assert [(kind["self"], kind["k"]) for kind in written["kinds"]] == [(True, None), (False, SOURCE)]
    assert [kind["special"] for kind in written["kinds"]] == [{"q": [0, 5], "k": [0, 5]}, {"q": [0], "k": [0, 5]}]
    for kind, weights in zip(written["kinds"], kinds.values(), strict=True):
        hidden = weights[..., [0, 5]].sum(-1, keepdims=True)
        words = weights[:, :, [n for n in range(weights.shape[2]) if n not in kind["special"]["q"]]]
        shares = [rows[..., [0, 5]].sum((2, 3)) / rows.sum((2, 3)) for rows in (weights, words)]
        wanted = np.concatenate([np.concatenate([weights, hidden], -1).ravel(), np.stack(shares, -1).ravel()])
        assert kind["shape"] == list(weights.shape)
        assert read_back(kind["levels"], kind["codes"]) == quantise(wanted).tolist()


def test_the_page_holds_the_scripts_without_their_comments():
    page = explore(TOKENS, random_weights(1, 1, 7, 7))._repr_html_()
    script = page[page.index("<script>") : page.index("</script>")]
    assert "function decode(kind,length){" in script
    assert "see codec.py" not in script
    assert not re.search(r"^\s*(//|/\*|$)", script, re.MULTILINE)
    assert '"How much each row’s token looks at each column’s token, in percent."' in script  # blanks stay in texts


def test_style_and_script_stay_below_15_kb_and_with_the_channels_below_17():
    for files, most in ((SCRIPTS, 15_000), (WITH_CHANNELS, 17_000)):
        written = "".join(fragment_part(name) for name in ("explorer.css", *files))
        assert len(gzip.compress(written.encode())) <= most


def test_special_tokens_are_those_that_are_named_unless_all_are():
    weights = random_weights(1, 1, 3, 3)
    assert data(explore(["a", "</s>", "b"], weights)._repr_html_())["kinds"][0]["special"]["q"] == [1]
    only_b = explore(["a", "</s>", "b"], weights, special_tokens=["b"])
    assert data(only_b._repr_html_())["kinds"][0]["special"] == {"q": [2], "k": [2]}
    assert data(explore(["<s>", "</s>", "[PAD]"], weights)._repr_html_())["kinds"][0]["special"] == {"q": [], "k": []}


def test_no_character_of_the_data_is_one_that_a_page_reads():
    page = explore(HOSTILE, random_weights(1, 2, 8, 8), title='"><b>')._repr_html_()
    written = re.search(r"data=(\{.*\});\n", page)
    assert written is not None
    assert not set(written[1]) & set("<&")
    assert page.count("&quot;&gt;&lt;b&gt;") == 2  # the title, and the group's name


@pytest.mark.parametrize(
    ("token", "label"),
    [("", "(empty)"), (" a  ", "␣a␣␣"), ("  ", "␣␣"), ("a b", "a b"), ("\x01\x7f\r\t", "␁␡␍⇥"), ("\ud800", "\ufffd")],
)
def test_what_cannot_be_seen_of_a_token_gets_a_sign(token, label):
    assert token_label(token) == label


def test_numpys_integers_name_a_head_and_a_weight_may_miss_its_range_by_rounding():
    weights = random_weights(2, 3, 7, 7)
    weights[0, 1, 2] = [1.0005, -0.0005, 0, 0, 0, 0, 0]
    one = explore(TOKENS, weights, layer=np.int64(0), head=np.int64(1), focus=np.int64(0))
    assert data(one._repr_html_())["picks"] == [[0, 1]]
    assert one.maps[0].weights.min() == 0.0
    assert one.maps[0].weights.max() == 1.0


# --- in the browser --------------------------------------------------------------------------------------------------


def test_every_head_shows_its_own_weights(open_page):
    """All 72 heads, by the selects: whole percents in the map, decimals in the lines, both of the true weight."""
    weights = random_weights(6, 12, 7, 7).astype(np.float32)
    root = open_page(explore(TOKENS, weights, focus=3)).locator(".mha-explorer")
    for layer in range(6):
        root.get_by_label("Layer", exact=True).select_option(str(layer))
        for head in range(12):
            root.get_by_label("Head", exact=True).select_option(str(head))
            true = weights[layer, head].astype(np.float64)
            shown = read_maps(root)[0]
            assert shown["cells"] == np.rint(100 * true).astype(int).tolist()
            assert shown["right"] == [f"{number / 10:.1f}" for number in np.rint(1000 * true[3])]
            assert shown["left"] == [f"{number / 10:.1f}" for number in np.rint(1000 * true[:, 3])]


def test_small_maps_are_drawn_from_the_weights_and_pick_a_head(open_page):
    weights = random_weights(2, 3, 7, 7)
    weights[1, 2] = np.eye(7)
    page = open_page(explore(TOKENS, weights))
    small = page.get_by_role("radio", name="Layer 1, head 2")
    pixels = small.locator("canvas").evaluate("c => [...c.getContext('2d').getImageData(0, 0, 7, 7).data]")
    reds = np.array(pixels).reshape(7, 7, 4)[..., 0]
    assert len(set(reds[np.eye(7, dtype=bool)])) == len(set(reds[~np.eye(7, dtype=bool)])) == 1
    assert reds[0, 0] < reds[0, 1]
    small.click()
    assert read_maps(page.locator(".mha-explorer"))[0]["cells"] == (100 * np.eye(7, dtype=int)).tolist()
    page.keyboard.press("ArrowRight")  # from the last head to the first
    assert page.get_by_role("radio", checked=True).get_attribute("aria-label") == "Layer 1, head 0"
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Layer 0, head 0"
    assert page.get_by_label("Layer", exact=True).input_value() == "0"


def test_the_map_is_walked_with_the_keyboard(open_page):
    weights = random_weights(1, 1, 7, 7)
    page = open_page(explore(TOKENS, weights))
    status = page.locator(".mx-status")
    focused = "document.activeElement.textContent"
    assert page.locator(".mx-map [tabindex='0']").count() == 1
    page.get_by_role("group", name="Map of layer 0, head 0").focus()
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "[CLS]"
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    given = f"{np.rint(1000 * weights[0, 0, 2, 1]) / 10:.1f}"
    assert f"‘cat’ → ‘the’ #1 {given}\u00a0%" in status.text_content()
    strongest = np.argmax(weights[0, 0, 2])
    assert re.search(rf"‘cat’ looks at ‘{re.escape(TOKENS[strongest])}’", status.text_content())
    headers = [("Home", "row cat"), ("Control+Home", "row [CLS]"), ("ArrowUp", "col [CLS]"), ("ArrowLeft", "row [CLS]")]
    headers += [("ArrowUp", "col [CLS]"), ("ArrowUp", "col [CLS]"), ("End", "col [SEP]"), ("ArrowRight", "col [SEP]")]
    for key, header in headers:
        page.keyboard.press(key)
        assert page.evaluate(f"document.activeElement.scope + ' ' + {focused}") == header, key
    page.keyboard.press("Control+End")
    assert int(page.evaluate(focused)) == np.rint(100 * weights[0, 0, 6, 6])
    page.keyboard.press("Escape")
    assert "Strongest links" in status.text_content()
    assert page.locator(".mx-map [tabindex='0']").count() == 1


def test_a_screen_reader_hears_at_most_sixteen_words_at_a_key(open_page):
    weights = random_weights(2, 2, 7, 7)
    page = open_page(explore(TOKENS, weights))
    aloud = page.get_by_role("status")
    page.locator(".mx-map thead th").first.focus()
    heard = {}
    for key in ("ArrowDown", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
        heard[key] = aloud.text_content()
    given = f"{np.rint(1000 * weights[0, 0, 0, 0]) / 10:.1f}"
    assert heard["ArrowDown"].strip() == f"‘[CLS]’ → ‘[CLS]’ {given}\u00a0%."
    assert "is looked at by" in heard["ArrowUp"]
    page.get_by_role("radio", name="Layer 1, head 1").click()
    page.keyboard.press("Escape")
    heard["head"] = aloud.text_content()
    assert heard["head"].startswith("Layer 1, head 1. ‘")
    assert max(len(words.split()) for words in heard.values()) <= 16, heard


def test_the_pointer_shows_where_a_token_looks_and_who_looks_at_it(open_page):
    weights = random_weights(1, 1, 7, 7)
    page = open_page(explore(TOKENS, weights))
    status = page.locator(".mx-status")
    page.locator(".mx-left li").nth(5).hover()
    assert "‘mat’ looks at" in status.text_content()
    assert "‘mat’ is looked at by" in status.text_content()
    assert page.locator("path.mx-leaves").count() == np.count_nonzero(np.rint(1000 * weights[0, 0, 5]))
    assert page.locator("path.mx-arrives").count() == np.count_nonzero(np.rint(1000 * weights[0, 0, :, 5]))
    page.locator(".mx-map tbody th").nth(2).click()
    page.get_by_role("heading").hover()
    assert "‘cat’ looks at" in status.text_content()  # a click holds
    page.locator(".mx-map tbody th").nth(2).click()
    page.get_by_role("heading").hover()
    assert "Strongest links" in status.text_content()  # a second one lets go


def test_hidden_tokens_take_their_weight_along_and_say_so(open_page):
    weights = random_weights(2, 2, 7, 7)
    page = open_page(explore(TOKENS, weights, layer=1))
    page.get_by_label("Hide special tokens").check()
    shown = read_maps(page.locator(".mha-explorer"))[0]
    assert shown["rows"] == TOKENS[1:6]
    assert shown["columns"] == [*TOKENS[1:6], "hidden"]
    kept = weights[1, 0, 1:6]
    np.testing.assert_array_equal(np.array(shown["cells"])[:, :5], np.rint(100 * kept[:, 1:6]))  # not rescaled
    hidden = kept[:, 0] + kept[:, 6]
    np.testing.assert_array_equal(np.array(shown["cells"])[:, 5], np.rint(100 * hidden))
    page.locator(".mx-map tbody th").nth(1).click()
    assert f"hidden weight: {np.rint(1000 * hidden[1]) / 10:.1f}\u00a0%" in page.locator(".mx-status").text_content()
    page.get_by_label("Hide special tokens").uncheck()
    assert read_maps(page.locator(".mha-explorer"))[0]["rows"] == TOKENS


def taken(rows: np.ndarray, keys: tuple[int, ...]) -> str:
    return f"{np.rint(1000 * rows[:, keys].sum() / rows.sum()) / 10:.1f}\u00a0%"


def test_the_strongest_links_say_what_the_special_tokens_take(open_page):
    """Of every head, to the last digit, with the special tokens' own rows and without them."""
    weights = random_weights(2, 4, 7, 7, spread=3.0)
    weights[1, 2] = np.eye(7)[[0, 0, 6, 0, 0, 0, 6]]  # no words but the special tokens get any weight
    weights[1, 3, 2:4] = 0  # two queries that may attend to nothing
    root = open_page(explore(TOKENS, weights)).locator(".mha-explorer")
    status = root.locator(".mx-status")
    for hide in (False, True):
        root.get_by_label("Hide special tokens").set_checked(hide)
        for layer, head in np.ndindex(2, 4):
            root.get_by_label("Layer", exact=True).select_option(str(layer))
            root.get_by_label("Head", exact=True).select_option(str(head))
            rows = weights[layer, head, 1:6] if hide else weights[layer, head]
            text = status.text_content()
            whose = "the words’" if hide else "all"
            assert text.endswith(f" [CLS] and [SEP] take {taken(rows, (0, 6))} of {whose} weight."), (layer, head)
            assert ("Strongest links between words: ‘" in text) == ((layer, head) != (1, 2))


def test_no_link_of_weight_zero_is_called_strong():
    first = np.eye(7)[[0, 0, 6, 0, 0, 0, 6]]
    page = explore(TOKENS, first[None, None])._repr_html_()
    static = page[page.index("mx-static") : page.index("<script>")]
    assert "Strongest links" not in static
    assert "<bdi>[CLS]</bdi> and <bdi>[SEP]</bdi> take 100.0\u00a0% of all weight." in static


def test_only_special_tokens_that_can_be_looked_at_are_named(open_page):
    three = ["[CLS]", "a", "[SEP]", "b", "[SEP]", "[PAD]"]
    plain = ["a", "b", "c", "d", "e", "f"]
    weights = random_weights(1, 1, 6, 6)
    ends = {
        "three": (
            explore(three, weights),
            f"[CLS], [SEP] and [PAD] take {taken(weights[0, 0], (0, 2, 4, 5))} of all weight.",
        ),
        "one": (explore([*plain[:5], "[SEP]"], weights), f"[SEP] takes {taken(weights[0, 0], (5,))} of all weight."),
        "none": (explore(plain, weights), "%."),
        "query": (explore(plain, weights, target_tokens=["<s>", *plain[1:]]), "%."),
    }
    for javascript in (True, False):
        page = open_page(*(one for one, _ in ends.values()), javascript=javascript)
        texts = page.locator(".mx-status" if javascript else ".mx-static > p:first-child").all_text_contents()
        for (name, (_, end)), text in zip(ends.items(), texts, strict=True):
            assert text.endswith(end), name
            assert ("between different tokens: " if name == "none" else "between words: ") in text, name
            assert (" take" in text) == (name in ("one", "three")), name


def test_escape_lets_go_under_the_pointer_and_of_what_is_pinned(open_page):
    page = open_page(explore(TOKENS, random_weights(1, 1, 7, 7)), explore(TOKENS, random_weights(1, 1, 7, 7, seed=1)))
    first, second = (page.locator(".mha-explorer").nth(n) for n in (0, 1))
    status = first.locator(".mx-status")
    marked = first.locator(".mx-out, .mx-in, .mx-pair, .mx-chosen, .mx-leaves, .mx-arrives")
    cell = first.locator(".mx-map tbody td").nth(9)
    cell.hover()
    assert "‘the’ #1 → ‘cat’ " in status.text_content()
    page.keyboard.press("Escape")
    assert "Strongest links" in status.text_content()
    assert marked.count() == 0
    first.locator(".mx-map tbody td").nth(10).hover()  # the next cell counts again
    assert "‘the’ #1 → ‘saw’ " in status.text_content()
    first.locator(".mx-left li").nth(2).click()  # pinned where no keyboard goes
    page.get_by_role("heading").hover()
    assert "‘cat’ looks at" in status.text_content()
    page.keyboard.press("Escape")
    assert "Strongest links" in status.text_content()
    first.locator(".mx-map tbody th").nth(2).click()
    second.get_by_label("Head", exact=True).focus()
    page.get_by_role("heading").hover()
    page.keyboard.press("Escape")  # meant for the other one
    assert "‘cat’ looks at" in status.text_content()
    cell.hover()
    page.keyboard.press("Escape")  # under the pointer, though the keyboard is elsewhere
    assert "Strongest links" in status.text_content()


def test_two_heads_stand_side_by_side(open_page):
    weights = random_weights(2, 3, 7, 7)
    page = open_page(explore(TOKENS, weights, compare=(1, 2), focus=2))
    expected = [np.rint(100 * weights[pick]).astype(int).tolist() for pick in ((0, 0), (1, 2))]
    assert [shown["cells"] for shown in read_maps(page.locator(".mha-explorer"))] == expected
    left, right = (page.locator(".mx-panel").nth(n).bounding_box() for n in (0, 1))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    assert page.locator(".mx-status").locator("p").count() == 2
    page.get_by_role("radio", name="Layer 0, head 1").click()  # the small maps choose B
    page.get_by_label("Small maps choose").select_option("A")
    page.get_by_role("radio", name="Layer 1, head 0").click()
    expected = [np.rint(100 * weights[pick]).astype(int).tolist() for pick in ((1, 0), (0, 1))]
    assert [shown["cells"] for shown in read_maps(page.locator(".mha-explorer"))] == expected
    page.get_by_label("Compare two heads").uncheck()
    assert len(read_maps(page.locator(".mha-explorer"))) == 1


def test_comparing_starts_with_the_next_head(open_page):
    weights = random_weights(2, 3, 7, 7)
    page = open_page(explore(TOKENS, weights, head=2))
    page.get_by_label("Compare two heads").check()
    expected = [np.rint(100 * weights[pick]).astype(int).tolist() for pick in ((0, 2), (1, 0))]
    assert [shown["cells"] for shown in read_maps(page.locator(".mha-explorer"))] == expected
    page.get_by_label("A: Head").select_option("1")
    page.get_by_label("B: Layer").select_option("0")
    expected = [np.rint(100 * weights[pick]).astype(int).tolist() for pick in ((0, 1), (0, 0))]
    assert [shown["cells"] for shown in read_maps(page.locator(".mha-explorer"))] == expected


def test_encoder_decoder_and_cross_attention_in_one_view(open_page):
    kinds = {
        "encoder": random_weights(2, 3, 6, 6),
        "decoder": causal_weights(2, 3, 4, 4),
        "cross": random_weights(1, 2, 4, 6),
    }
    page = open_page(explore(SOURCE, kinds, target_tokens=TARGET, layer=1, head=2))
    axes = {"encoder": (SOURCE, SOURCE), "decoder": (TARGET, TARGET), "cross": (TARGET, SOURCE)}
    picks = {"encoder": (1, 2), "decoder": (1, 2), "cross": (0, 1)}  # cross has fewer layers and heads
    for number, (kind, (rows, columns)) in enumerate(axes.items()):
        page.get_by_label("Attention", exact=True).select_option(str(number))
        shown = read_maps(page.locator(".mha-explorer"))[0]
        assert (shown["rows"], shown["columns"]) == (rows, columns)
        assert shown["cells"] == np.rint(100 * kinds[kind][picks[kind]]).astype(int).tolist()
    opened = open_page(explore(SOURCE, kinds, target_tokens=TARGET, kind="cross", head=1, focus=3), javascript=False)
    assert opened.locator(".mx-map tbody td").count() == 4 * 6
    opened = open_page(explore(SOURCE, kinds, target_tokens=TARGET, kind="cross", head=1, focus=3))
    assert read_maps(opened.locator(".mha-explorer"))[0]["cells"] == np.rint(100 * kinds["cross"][0, 1]).tolist()
    page.locator(".mx-map tbody th").nth(1).click()
    assert "is looked at by" not in page.locator(".mx-status").text_content()  # a target token is no key here
    page.locator(".mx-map thead th").nth(2).click()
    assert "‘rained’ is looked at by" in page.locator(".mx-status").text_content()


def test_a_token_is_shown_and_never_run(open_page):
    page = open_page(explore(HOSTILE, random_weights(1, 2, 8, 8), title="<b>&amp;"))
    assert read_maps(page.locator(".mha-explorer"))[0]["rows"] == HOSTILE
    assert page.locator(".mx-title").text_content() == "<b>&amp;"
    for position in range(len(HOSTILE)):
        page.locator(".mx-map tbody th").nth(position).click()
        assert f"‘{HOSTILE[position]}’ looks at" in page.locator(".mx-status").text_content()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


def test_a_long_token_is_cut_and_kept_in_full(open_page):
    page = open_page(explore(ODD, random_weights(1, 2, 13, 13)), width=390)
    header = page.locator(".mx-map tbody th").nth(6)
    assert header.get_attribute("title") == "w" * 300
    assert header.bounding_box()["width"] < 120
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


RIGHT_EDGE = """box => {
  const {right, y} = box.getBoundingClientRect();
  return {x: right - 20, y, width: 20, height: box.querySelector('thead').offsetHeight + 100};
}"""
NO_SHADOW = ".mx-scroll::after { visibility: hidden !important; }"
# Playwright's own way to add a style waits for an event that never comes where scripts are off.
ADD_STYLE = "text => document.head.appendChild(Object.assign(document.createElement('style'), {textContent: text}))"


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "none"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_map_wider_than_the_page_has_a_shadow_until_its_end(open_page, dark, javascript):
    tokens = ["[CLS]", *(f"token{n}" for n in range(14)), "[SEP]"]
    weights = random_weights(1, 1, 16, 16)
    page = open_page(explore(tokens, weights), width=390, dark=dark, javascript=javascript)
    box = page.locator(".mx-scroll")
    size = box.evaluate("box => [box.clientWidth, box.querySelector('table').offsetWidth]")
    assert size[0] + 60 < size[1]  # columns are out of sight

    def with_and_without_shadow() -> list[bytes]:
        clip = box.evaluate(RIGHT_EDGE)
        seen = page.screenshot(clip=clip, full_page=True)
        style = page.evaluate_handle(ADD_STYLE, NO_SHADOW)
        bare = page.screenshot(clip=clip, full_page=True)
        style.evaluate("style => style.remove()")
        return [seen, bare]

    seen, bare = with_and_without_shadow()
    assert seen != bare
    if javascript:  # axe is a script
        assert grave_violations(page) == []
    box.evaluate("box => { box.scrollLeft = 60; }")
    seen, bare = with_and_without_shadow()
    assert seen != bare
    box.evaluate("box => { box.scrollLeft = 9999; }")
    seen, bare = with_and_without_shadow()
    assert seen == bare
    edges = "box => [box.getBoundingClientRect(), box.querySelector('tbody tr').lastChild.getBoundingClientRect()]"
    outer, last = box.evaluate(edges)
    assert last["right"] <= outer["right"]
    at_label = "box => {const {x, y} = box.getBoundingClientRect(); return document.elementFromPoint(x + 60, y + %s)%s}"
    assert box.evaluate(at_label % (150, ".closest('th').scope")) == "row"  # labels stay, and nothing slides over them
    assert box.evaluate(at_label % (30, ".matches('thead td')"))
    words = page.locator("caption span").bounding_box()
    assert outer["left"] <= words["x"]
    assert words["x"] + words["width"] <= outer["right"]
    page.set_viewport_size({"width": 1300, "height": 900})
    if javascript:
        page.wait_for_function("!document.querySelector('.mx-over')")
    seen, bare = with_and_without_shadow()
    assert seen == bare


def test_many_heads_have_the_shadow_too(open_page):
    page = open_page(explore(TOKENS, random_weights(1, 16, 7, 7)), width=390)
    assert page.locator(".mx-heads.mx-over").count() == 1
    assert page.locator(".mx-scroll.mx-over").count() == 0  # seven columns fit


def test_the_cell_that_the_keyboard_reaches_is_not_in_the_shadow(open_page):
    page = open_page(explore([f"t{n}" for n in range(16)], random_weights(1, 1, 16, 16)), width=384)
    page.locator(".mx-map [tabindex='0']").focus()
    for _ in range(16):
        page.keyboard.press("ArrowRight")
        right = page.evaluate("document.activeElement.getBoundingClientRect().right")
        box = page.locator(".mx-scroll").bounding_box()
        assert right <= box["x"] + box["width"] - 15


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "none"])
def test_the_letters_are_those_of_the_page(open_page, javascript):
    page = open_page(explore(TOKENS, random_weights(1, 1, 7, 7)), javascript=javascript)
    page.evaluate(
        ADD_STYLE, "body { font: italic 900 30px/3 Georgia, serif; } main { font-family: Courier, monospace; }"
    )
    parts = ".mha-explorer, .mha-explorer :is(p, th, td, bdi, caption, select, label, li, span)"
    fonts = page.locator(parts).evaluate_all("all => [...new Set(all.map(one => getComputedStyle(one).fontFamily))]")
    assert fonts == ["Courier, monospace"]
    drawn = "root => (({fontSize, fontWeight, fontStyle}) => [fontSize, fontWeight, fontStyle])(getComputedStyle(root))"
    assert page.locator(".mha-explorer").evaluate(drawn) == ["14px", "400", "normal"]


def test_two_explorers_do_not_disturb_one_another(open_page):
    first, second = (explore(TOKENS, random_weights(2, 3, 7, 7, seed=seed)) for seed in (0, 1))
    page = open_page(first, second, first)
    roots = [page.locator(".mha-explorer").nth(n) for n in range(3)]
    before = [read_maps(root)[0]["cells"] for root in roots]
    roots[0].get_by_label("Head", exact=True).select_option("2")
    after = [read_maps(root)[0]["cells"] for root in roots]
    assert after[0] != before[0]
    assert after[1:] == before[1:]
    assert page.locator(".mx-controls").count() == 3
    assert page.locator(".mha-explorer [id]").count() == 0


RUN_AGAIN = """html => {
  const cell = document.querySelector("main > div");
  cell.innerHTML = html;
  for (const written of cell.querySelectorAll("script")) {
    const script = document.createElement("script");
    script.textContent = written.textContent;
    written.replaceWith(script);
  }
  (window.roots ||= []).push(new WeakRef(cell.firstChild));
}"""
PIXEL = "document.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1).data.join()"
LIGHT_PIXEL, DARK_PIXEL = "243,249,252,255", "29,34,43,255"  # the faintest tone of each theme
FAINT = np.eye(7)[[1, 0, 2, 3, 4, 5, 6]]  # whose first weight is zero


def test_an_explorer_whose_cell_is_run_again_is_let_go(open_page):
    explorer = explore(TOKENS, FAINT[None, None])
    page = open_page(explorer)
    for _ in range(3):
        page.evaluate(RUN_AGAIN, explorer._repr_html_())
        page.evaluate("new Promise(requestAnimationFrame)")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"{PIXEL} === '{DARK_PIXEL}'")  # the one that is there follows; the others say nothing
    page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
    assert page.evaluate("roots.map(root => Boolean(root.deref()))") == [False, False, True]


def test_an_explorer_that_is_taken_out_and_put_back_goes_on(open_page):
    """JupyterLab takes cells that are scrolled away out of the page, and hides folded ones."""
    page = open_page(explore(TOKENS, FAINT[None, None], focus=3))
    status, words = page.locator(".mx-status"), page.locator(".mx-status").text_content()
    for away, back in (("root.remove()", "home.append(root)"), ("home.hidden = true", "home.hidden = false")):
        page.evaluate("window.root = document.querySelector('.mha-explorer'); window.home = root.parentNode")
        page.evaluate(f"{away}; new Promise(done => setTimeout(done, 50))")
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        page.evaluate(f"{back}; new Promise(done => setTimeout(done, 50))")
        page.wait_for_function(f"{PIXEL} === '{DARK_PIXEL}'")
        assert status.text_content() == words
        page.evaluate("document.documentElement.dataset.theme = 'light'")
        page.wait_for_function(f"{PIXEL} === '{LIGHT_PIXEL}'")
    page.keyboard.press("Escape")
    assert "looks at" not in status.text_content()


def test_a_saved_page_works_when_it_is_opened_again(open_page):
    weights = random_weights(2, 3, 7, 7)
    page = open_page(explore(TOKENS, weights, title="A cat"), explore(TOKENS, weights, title="A cat"))
    page.get_by_label("Head", exact=True).first.select_option("2")
    Path(page.url.removeprefix("file://")).write_text(page.content(), encoding="utf-8")
    page.reload()
    assert page.locator(".mx-title, .mx-controls, .mx-panels, .mx-static").count() == 2 * 3  # each part once, none dead
    root = page.locator(".mha-explorer").first
    assert read_maps(root)[0]["cells"] == np.rint(100 * weights[0, 0]).astype(int).tolist()
    root.get_by_label("Head", exact=True).select_option("1")
    assert read_maps(root)[0]["cells"] == np.rint(100 * weights[0, 1]).astype(int).tolist()


def test_paper_is_light(open_page):
    page = open_page(explore(TOKENS, FAINT[None, None]), dark=True)
    page.wait_for_function(f"{PIXEL} === '{DARK_PIXEL}'")
    page.emulate_media(media="print")
    page.wait_for_function(f"{PIXEL} === '{LIGHT_PIXEL}'")
    style = "(({backgroundColor, printColorAdjust}) => [backgroundColor, printColorAdjust])"
    root = page.locator(".mha-explorer")
    assert root.evaluate(f"root => {style}(getComputedStyle(root))") == ["rgb(255, 255, 255)", "exact"]


def test_a_root_that_its_script_cannot_see_stays_readable(open_page):
    page = open_page(explore(TOKENS, random_weights(1, 1, 7, 7)), javascript=True)
    page.evaluate("root => root.attachShadow({mode: 'open'})", page.locator("main > div").element_handle())
    inside = RUN_AGAIN.replace(
        'document.querySelector("main > div")', 'document.querySelector("main > div").shadowRoot'
    )
    page.evaluate(inside, explore(TOKENS, FAINT[None, None])._repr_html_())
    assert page.locator(".mx-static .mx-map").count() == 1


def test_without_scripts_the_first_head_can_be_read(open_page):
    weights = random_weights(2, 3, 7, 7)
    page = open_page(explore(TOKENS, weights, layer=1, head=2, title="A cat"), javascript=False, width=390)
    rows = [row.split() for row in page.locator(".mx-map tbody tr").all_inner_texts()]
    assert [row[0] for row in rows] == TOKENS
    written = page.locator(".mx-map tbody td").all_text_contents()
    assert written == [str(int(number)) for number in np.rint(100 * weights[1, 2]).ravel()]
    words = weights[1, 2, 1:6, 1:6] * ~np.eye(5, dtype=bool)
    i, j = np.unravel_index(np.argmax(words), words.shape)
    text = html.unescape(page.locator(".mha-explorer p").nth(1).inner_text())
    assert "Layer 1, head 2 of 2 layers with 3 heads each" in text
    assert re.search(
        rf"between words: ‘{TOKENS[1 + i]}’.* → ‘{TOKENS[1 + j]}’.* {np.rint(1000 * words[i, j]) / 10:.1f}\s%", text
    )
    assert text.endswith(f" [CLS] and [SEP] take {taken(weights[1, 2], (0, 6))} of all weight.")
    assert page.locator("select, input, button").count() == 0
    assert page.locator(".mx-scroll").get_attribute("tabindex") == "0"


def test_dark_follows_the_system_unless_the_page_decides(browser: Browser):
    body = explore(TOKENS, random_weights(1, 1, 7, 7))._repr_html_()
    ground = "getComputedStyle(document.querySelector('.mha-explorer')).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(20, 24, 31)"
    cases = [("", "", dark), (" data-theme=light", "", light), ("", " data-jp-theme-light=true", light)]
    page = browser.new_page(color_scheme="dark")
    for on_html, on_body, expected in cases:
        page.set_content(f"<!doctype html><html{on_html}><body{on_body}>{body}")
        assert page.evaluate(ground) == expected
    page.emulate_media(color_scheme="light")
    for on_html, on_body, expected in [("", "", light), ("", " data-jp-theme-light=false", dark)]:
        page.set_content(f"<!doctype html><html{on_html}><body{on_body}>{body}")
        assert page.evaluate(ground) == expected
    page.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_accessible_and_within_the_page(open_page, width, dark):
    tokens, weights = ["[CLS]", "a", "sentence", "of", "some", "length", "[SEP]"], random_weights(6, 12, 7, 7)
    weights[0, 0] = np.diag([0.004, 0.03, 0.12, 0.3, 0.45, 0.6, 0.8])  # a cell of each tone of the ramp
    weights[0, 0, :, 6] += 1 - weights[0, 0].sum(axis=-1)
    long, many = ["[CLS]", *(f"token{n}" for n in range(22)), "[SEP]"], random_weights(6, 12, 24, 24)
    wide = open_page(explore(long, many), explore(long, many, compare=(5, 11)), width=width, dark=dark)
    assert wide.evaluate("document.documentElement.scrollWidth") <= width
    page = open_page(explore(tokens, weights, focus=3, compare=(5, 11), title="A sentence"), width=width, dark=dark)
    assert grave_violations(page) == []
    ground = page.locator(".mha-explorer").first.evaluate("root => getComputedStyle(root).backgroundColor")
    assert ground == ("rgb(20, 24, 31)" if dark else "rgb(255, 255, 255)")
    pixel = "document.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1).data.join()"
    assert page.evaluate(pixel) == ("29,34,43,255" if dark else "243,249,252,255")
    page.evaluate(f"document.documentElement.dataset.theme = '{'light' if dark else 'dark'}'")
    page.wait_for_function(f"{pixel} === '{'243,249,252,255' if dark else '29,34,43,255'}'")
