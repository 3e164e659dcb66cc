"""The page on which one types, in a real browser: without scripts, from the disk, and computing; by keys, in words."""

from __future__ import annotations

import json
import re

import pytest

from tests.built_book import COLOUR_RULES, grave_findings, page_names
from tests.live_engine import serve

PAGE = "book/live.html"
WAIT_MS = 30_000  # others may compute too
SENTENCE = "[data-live=type] [role=status]"
REACTION = "[data-live=reaction] [role=status]"
ODD_REACTIONS = {
    "C1CC(C>>C1CC1": "ring 1 of the reactants is not closed; a bracket of the reactants is not closed.",
    "CC>>C)C1": "ring 1 of the product is not closed; a bracket of the product was never opened.",
    "CC >> CC": "a SMILES has no spaces.",
    "CC>>CC>>C": "a reaction has one arrow, and here are 2.",
    "CC>O>CC": "what is written on the arrow goes to the reactants",
    "CO>>BrC": "Atom 1 of the product, Br, comes from nowhere: no reactant has an atom of its element.",
    "C[Xx]>>C[Xx]": "C, atom 1 of reactant 1",
    "CCC>>CCC[MASK]": "The model fills in the mask",
}
MASKED = "Oc1ccc(Cl)cc1.CCI>>CCOc1ccc([MASK])cc1"


@pytest.fixture(scope="module")
def served(built):
    with serve(built) as server:
        yield server


@pytest.fixture
def live(browser, served):
    """The page as a host shows it; fails on a script error and on a request to another host."""
    served.failing.clear()
    served.asked.clear()
    context = browser.new_context(viewport={"width": 1300, "height": 900}, reduced_motion="reduce")
    page, complaints = context.new_page(), []
    page.set_default_timeout(WAIT_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request", lambda r: None if r.url.startswith((served.address, "data:", "blob:")) else complaints.append(r.url)
    )
    page.goto(served.address + PAGE)
    yield page
    context.close()
    assert complaints == []


def wait_for(page, selector, words):
    page.wait_for_function("([s, w]) => document.querySelector(s).textContent.includes(w)", arg=[selector, words])


def load(page, model="sentence"):
    button, status = {"sentence": ("load", SENTENCE), "reaction": ("load-reaction", REACTION)}[model]
    page.click(f"[data-live={button}] button")
    wait_for(page, status, "computed in")


def write(page, text, said, field="#live-sentence", status=SENTENCE):
    page.fill(field, text)
    wait_for(page, status, said)


def shown_tokens(page):
    return page.locator(".live-explorer tbody th").all_inner_texts()


def test_it_is_whole_without_scripts(browser, built):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((built / PAGE).as_uri())
    assert "it" in shown_tokens(page)
    assert page.locator(".live-reaction:visible svg").count() > 30
    assert page.locator("form.live-task details:visible").count() == page.locator("form.live-task").count() > 5
    assert page.locator("button.live-main:visible").count() == 0
    for name in ("load", "load-reaction"):
        assert "Typing needs scripts" in page.inner_text(f"[data-live={name}]")
    context.close()


def test_from_the_disk_it_says_how_to_serve_and_shows_what_is_ready(page, built):
    page.goto((built / PAGE).as_uri())
    for name in ("load", "load-reaction"):
        assert "make serve" in page.inner_text(f"[data-live={name}]")
    page.select_option(".live-explorer select", label="The dog bit the man.")
    assert page.input_value("#live-sentence") == "The dog bit the man."
    assert "dog" in shown_tokens(page)
    page.focus(".live-tokens button[tabindex='0']")
    page.keyboard.press("ArrowRight")
    assert (
        page.locator(f"{REACTION} >> nth=1").inner_text().startswith("Atom 2 of the product, C, comes from C, atom 2")
    )
    assert page.locator(".live-reaction:visible .live-lit").count() == 2


def test_no_other_page_loads_any_of_it(built):
    for name in page_names(built):
        text = (built / name).read_text(encoding="utf-8")
        assert bool(re.search(r'(src|href)="[^"]*\blive/[\w.-]+\.(js|css)', text)) == (name == PAGE), name


def test_weights_come_when_asked_for_and_weigh_what_was_told(live, served, built):
    live.wait_for_load_state("networkidle")
    assert [name for name in served.asked if re.search(r"\.(bin|wasm)$|manifest|worker", name)] == []
    told = {name: live.get_attribute(f"[data-live={name}]", "data-size") for name in ("load", "load-reaction")}
    more = live.inner_text("[data-live=load] .live-note")
    models = json.loads((built / "live" / "manifest.json").read_text())["models"]
    first = {name: sum(file["bytes"] for file in model["files"]) for name, model in models.items()}
    words = [shard["bytes"] for shard in models["sentence"]["words"]["shards"]]
    assert 0.9 * 12e6 < first["sentence"] + 12 * max(words) <= 12e6
    assert told["load"] == "12 MB"
    assert 0.9 * 24e6 < first["sentence"] + sum(words) <= 24e6
    assert "24 MB in all" in more
    assert 0.9 * 1.2e6 < first["reaction"] <= 1.2e6
    assert told["load-reaction"] == "1.2 MB"


def test_keys_are_enough_and_everything_is_told_in_words(live):
    live.focus("[data-live=load] button")
    live.keyboard.press("Enter")
    wait_for(live, SENTENCE, "computed in")
    assert live.evaluate("document.activeElement.textContent").startswith("Loaded.")
    live.focus("#live-sentence")
    live.keyboard.press("ControlOrMeta+a")
    live.keyboard.type("The crane broke its wing.")
    wait_for(live, SENTENCE, "8 tokens")
    assert shown_tokens(live) == ["[CLS]", "the", "crane", "broke", "its", "wing", ".", "[SEP]"]
    live.focus("[data-live=edits] [role=switch]")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Space"):
        live.keyboard.press(key)
    assert live.evaluate("document.activeElement.getAttribute('aria-label')") == "Layer 1, head 2"
    assert live.evaluate("document.activeElement.getAttribute('aria-checked')") == "false"
    turned = "[data-live=edits] > [role=status]"
    wait_for(live, turned, "turned by")
    one = live.inner_text(turned)
    for key in ("Home", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Enter"):  # to the layer's own button: all its heads
        live.keyboard.press(key)
    live.wait_for_function("([s, w]) => document.querySelector(s).textContent !== w", arg=[turned, one])
    assert live.locator("[role=switch][aria-checked=false]").count() == 12
    live.focus("#live-other")
    live.keyboard.type("The bird broke.")
    wait_for(live, "[data-live=pair] [role=status]", "With the whole model it is")
    live.focus("[data-live=pair] .live-head")
    live.keyboard.press("ArrowDown")
    assert re.fullmatch(
        r"Layer 1, head 0: moved \d\.\d\d", live.evaluate("document.activeElement.getAttribute('aria-label')")
    )
    live.keyboard.press("Enter")
    assert (
        live.locator(".live-explorer [role=radio][aria-checked=true]").get_attribute("aria-label") == "Layer 1, head 0"
    )
    told = live.locator("[data-live=pair] [role=status]").all_inner_texts()
    assert told[0].startswith("The cosine of the two vectors is ")
    assert told[1] == "Layer 1, head 0 is shown among the maps above."
    live.focus("[data-live=pair] [role=status] a")
    live.keyboard.press("Enter")
    assert live.evaluate("document.activeElement.closest('.live-explorer') !== null")


def numbers(text):
    return [float(number) for number in re.findall(r"\d+\.\d+|\d+(?=°)", text)]


TRUTH = {
    "heads": lambda found: "abc"[max(range(3), key=lambda n: numbers(found[n])[0])],
    "uniform": lambda found: "ab"[max(range(2), key=lambda n: numbers(found[n])[0])],
    "negation": lambda found: "ab"[max(range(2), key=lambda n: numbers(found[n])[0])],
    "order": lambda found: "abc"[sum(numbers(found[0])[0] >= bound for bound in (0.5, 0.9))],
    "positions": lambda found: "c" if numbers(found[0]) == [1.0] else "ab",
    "swap": lambda found: "abc"[max(range(3), key=lambda n: numbers(found[0])[(0, 2, 5)[n]])],
    "halogen": lambda found: {"Br": "a", "Cl": "b", "C": "c"}[found[0].split(": ")[1].split(" ")[0]],
    "map": lambda found: "c" if "Cl" not in found[0] else "ab",
}


def test_the_page_itself_finds_the_answer_of_each_task(live):
    load(live)
    load(live, "reaction")
    for key, truth in TRUTH.items():
        task = live.locator(f"#task-{key}")
        found = []
        for button in task.locator(".live-try").all():
            button.click()
            place = button.locator("+ .live-found")
            live.wait_for_function("node => /\\d|:/.test(node.textContent)", arg=place.element_handle())
            found.append(place.inner_text())
        answer = task.get_attribute("data-answer")
        assert truth(found) == answer, (key, found)
        task.locator(f"input[value={answer}]").check()
        task.locator("[type=submit]").click()
        assert task.locator("> [role=status]").inner_text().startswith(f"Right: the answer is {answer}. ")
    assert live.locator("form.live-task").count() == len(TRUTH)


def test_what_failed_can_be_tried_again(live, served):
    served.failing.add("sentence-block-3")
    live.click("[data-live=load] button")
    live.click("[data-live=load] button:text-is('Try again')", trial=True)
    assert "sentence-block-3" in live.inner_text("[data-live=load] [role=status]")
    served.failing.clear()
    served.asked.clear()
    live.click("[data-live=load] button:text-is('Try again')")
    wait_for(live, SENTENCE, "computed in")
    assert [name for name in served.asked if name.startswith("sentence-")] == [
        name for name in served.asked if name.startswith("sentence-block-3")
    ]
    served.failing.add("words-")
    write(live, "Zygote xenon quartz.", "The maps below are still those of what was read before.")
    served.failing.clear()
    live.click("[data-live=type] button")
    wait_for(live, SENTENCE, "computed in")
    assert shown_tokens(live)[-2:] == [".", "[SEP]"]
    assert live.locator("[data-live=type] button").is_hidden()
    served.failing.add("words-")
    live.fill("#live-other", "Yodelling walrus.")
    wait_for(live, "[data-live=pair]", "The sentences were not compared: why stands under your sentence.")
    attempt = live.locator("#task-negation .live-try").first
    attempt.click()
    live.wait_for_function("node => /^words-/.test(node.textContent)", arg=attempt.locator("+ *").element_handle())


def test_a_long_wait_is_told_and_a_changed_model_is_named(live):
    load(live)
    live.fill("#live-other", "A bird sang in a 猫.")
    wait_for(live, "[data-live=pair]", "Of the second sentence: 1 token the model’s vocabulary does not have")
    live.click("[data-live=edits] [aria-label='Layer 0: all heads']")
    wait_for(live, SENTENCE, "The model is changed")
    live.evaluate("""() => {
      const {ask} = LiveEngine;
      window.released = new Promise(release => (window.release = release));
      LiveEngine.ask = async (...asked) => (await released, ask(...asked));
    }""")
    live.fill("#live-sentence", "The dog slept.")
    for name in ("type", "edits", "pair"):
        wait_for(live, f"[data-live={name}]", "Reading …")
    live.evaluate("release()")
    wait_for(live, SENTENCE, "6 tokens, computed in")
    assert live.locator("[role=status]:text('Reading …')").count() == 0


def test_odd_input_gets_a_sentence(live):
    load(live)
    live.set_viewport_size({"width": 390, "height": 844})
    write(live, "word " * 70, "the last 8 pieces are left out")
    assert live.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    write(live, "😀 <img src=x onerror=alert(1)>", "1 token the model’s vocabulary does not have")
    assert "<" in shown_tokens(live)
    assert live.locator(".live-explorer img").count() == 0
    write(live, "", "Nothing is typed")
    chosen = ".live-explorer select >> nth=0"
    assert live.locator(chosen).evaluate("list => list.selectedOptions[0].textContent") == "(nothing typed)"
    live.select_option(chosen, label="The film was good.")
    live.select_option(chosen, label="(nothing typed)")
    assert live.input_value("#live-sentence") == ""
    assert live.locator(
        ".live-explorer .mx-link"
    ).is_hidden()  # what was typed is not there when the page is opened anew
    live.select_option(".live-explorer select", label="The dog bit the man.")
    assert live.locator(".live-explorer .mx-link").is_visible()
    live.fill("#live-smiles", "CCO>>CC=O")
    wait_for(live, "[data-live=reaction]", "The model is not loaded")
    assert live.locator(".live-tokens *").count() == 0
    load(live, "reaction")
    for text, said in (
        ("", "Nothing is typed"),
        ("C" * 200 + ">>C", "up to 126 are read"),
        ("CC(=O)O", "There is no atom of a product to map"),
    ):
        live.fill("#live-smiles", text)
        wait_for(live, "[data-live=reaction]", said)
    write(live, "CC[Xx]O>>CCO", "1 piece the model does not know", "#live-smiles", REACTION)
    for text, said in ODD_REACTIONS.items():
        live.fill("#live-smiles", text)
        wait_for(live, "[data-live=reaction]", said)


def test_each_head_is_measured_alone(live):
    load(live)
    write(live, "Rain.", "4 tokens")
    live.click("text=Measure each head alone")
    wait_for(live, "[data-live=edits]", "Switched off alone, these turn the vector most: layer")
    labels = [one.get_attribute("aria-label") for one in live.locator("[role=switch]").all()]
    angles = [numbers(label.partition("by")[2])[0] for label in labels]
    assert len(angles) == 72
    assert f"{labels[angles.index(max(angles))].partition(':')[0].lower()} (" in live.inner_text("[data-live=edits]")


def test_an_atom_is_masked_and_filled_and_its_drawing_stays(live):
    load(live, "reaction")
    live.select_option("#live-reactions", label="The same with chlorine in its place")
    wait_for(live, "[data-live=reaction]", "Cl")
    live.click(".live-tokens button:text-is('Cl')")
    live.click("text=Mask this atom")
    wait_for(live, "[data-live=reaction]", "The model fills in the mask: Cl (over 99 %)")
    assert live.input_value("#live-smiles") == MASKED
    assert live.locator(".live-reaction:visible").count() == 1
    live.click("text=Unmask all")
    live.wait_for_function("!document.querySelector('#live-smiles').value.includes('MASK')")


@pytest.mark.parametrize("width", [1300, 390])
def test_axe_finds_nothing_serious_once_it_computes(live, width):
    live.set_viewport_size({"width": width, "height": 844})
    load(live)
    load(live, "reaction")
    live.fill("#live-other", "Another sentence.")
    wait_for(live, "[data-live=pair]", "The cosine of the two vectors")
    assert live.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert grave_findings(live, {}) == []
    live.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert grave_findings(live, COLOUR_RULES) == []
