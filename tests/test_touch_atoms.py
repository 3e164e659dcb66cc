"""The reaction to touch: what it refuses, what it says without scripts, and that a hand and the keys find each atom."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page

from course.touch import atom_links, drawing
from course.touch.fragment import TouchFigure
from mha.tasks.reactions import reactions
from tests.test_touch import assert_it_fits, page_of, part, slide, words_of
from tests.test_touch import open_page as open_page  # a fixture

ESTER = next(one for one in reactions() if one.kind == "ester")  # CC(C)(C)C(=O)O.CCO>>CCOC(=O)C(C)(C)C
RING = reactions()[170]


def weights(reaction, right=0.8):
    """At pass 3 nearly all on the first atom; at pass 9 most on the truth."""
    written = reaction.write()
    scores = np.full((2, len(written.truth), len(written.alike)), 0.01)
    scores[0, :, 0] = 0.9
    scores[1, np.arange(len(written.truth)), written.truth] = right
    return scores


def figure(**changed) -> TouchFigure:
    examples = {name: (r, r.write(), weights(r)) for name, r in {"an <ester>": ESTER, "a ring": RING}.items()}
    return atom_links(**({"examples": examples, "passes": (3, 9), "shown": 1} | changed))


def lines(page: Page) -> int:
    return page.locator(".mt-line").count()


def test_it_is_small_and_the_same_each_time():
    page = page_of(figure())
    assert page == page_of(figure())
    without = re.sub(r"data=\{.*\};\n|<svg.*?</svg>|<tbody.*?</tbody>", "", page, flags=re.DOTALL)
    assert len(without.encode()) <= 15_000
    assert not re.search(r"\sid=|https?:|@import|url\(", page)


def test_without_scripts_every_atom_is_told():
    said = words_of(figure())
    for n, (atom, source) in enumerate(zip("CCOCOCCCC", [8, 9, 10, 5, 6, 2, 1, 3, 4], strict=True), start=1):
        kind = "O" if source in (6, 7, 10) else "C"
        assert re.search(rf" {atom} {n} {kind} \d+ 0.80 right ", said), (n, said)
    assert "O 3 of the product" not in said  # the first atom is the one that is told in a sentence
    assert "C 1 of the product looks most at C 8 of the reactants, weight 0.80: which is where it came from." in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"examples": {}}, "examples must hold a reaction, got none"),
        ({"shown": 2}, "shown"),
        ({"passes": (3, 5, 9)}, r"weights of 'an <ester>' must have shape \(3, 9, 10\), got \(2, 9, 10\)"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        figure(**change)
    with pytest.raises(ValueError, match="smiles must be a molecule, got 'C='"):
        drawing("C=")


def test_a_molecule_is_drawn_with_its_text():
    page = page_of(drawing("OC(=O)c1ccccc1"))
    assert re.findall(r"<text [^>]*>(\d)</text>", page) == list("123456789")
    assert "OC(=O)c1ccccc1" in words_of(drawing("OC(=O)c1ccccc1"))
    assert not re.search(r"\sid=|https?:", page)


def test_hand_and_keys_go_to_each_atom(open_page):
    page = open_page(figure())
    page.locator('[data-part="atom"]').nth(2).hover()
    assert part(page, "status") == (
        "O 3 of the product looks most at O 10 of the reactants, weight 0.80: which is where it came from."
    )
    assert lines(page) == 1
    page.locator('[data-part="atom"]').nth(2).focus()
    page.keyboard.press("ArrowRight")
    assert part(page, "status").startswith("C 4 of the product looks most at C 5 of the reactants")
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert part(page, "status").startswith("C 9 of the product")
    assert page.locator(".mt-source").count() == 3  # any of three methyls
    assert slide(page, "pass", 0) == "3"
    said = part(page, "status")
    assert said.endswith("looks most at C 1 of the reactants, weight 0.90: which is where it came from.")
    page.locator('[data-part="atom"]').nth(8).focus()
    page.keyboard.press("ArrowRight")
    assert part(page, "status").endswith("weight 0.90: but it came from C 8.")
    page.get_by_role("combobox").select_option("1")
    assert page.locator('[data-part="atom"]').count() == len(RING.write().truth)
    assert page.locator('[data-part="atom"][tabindex="0"]').count() == 1


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1300, True)], ids=["phone, light", "desk, dark"])
def test_it_fits_is_accessible_and_scripts_change_no_word(open_page, width, dark):
    assert_it_fits(open_page, figure(), width=width, dark=dark)
