"""The claims page and the front page's cards, in the built book, and what they are made of."""

from __future__ import annotations

import json
import re

import pytest

from book.ext.measured_book import accounts, stored
from book.ext.measured_book.interval_picture import HEIGHT, MARGIN, WIDTH, strip
from book.ext.measured_book.stored import Verdict
from course.claims import ClaimText, claims
from course.verdicts import Measurement
from tools.notebooks import ROOT, notebook_paths

ROW = ClaimText("C06", "Heads are free.", "measured", ("foundations/multi_head", "cost/complexity"), "2 Two")
STORED = {
    "id": "C06",
    "verdict": "holds",
    "condition": None,
    "finding": "Found.",
    "fixed": "before",
    "measurements": [],
}


def test_a_claim_waits_for_the_chapters_that_are_missing():
    (account,) = accounts.find_accounts([ROW], [Verdict("cost/complexity", 3, STORED)])
    assert account.verdict == ("holds in part", None)
    assert account.waiting == ("foundations/multi_head",)
    (account,) = accounts.find_accounts([ROW], [])
    assert not account.judged


def test_the_record_says_where_when_and_from_which_commit():
    (account,) = accounts.find_accounts([ROW], [Verdict("cost/complexity", 3, STORED)])
    run = accounts.Run("Some processor", "2026-01-02", "abc1234")
    (entry,) = json.loads(accounts.as_json([account], {"cost/complexity": run}))["claims"]
    (part,) = entry["parts"]
    assert (entry["verdict"], entry["section"], entry["waiting"]) == (
        "holds in part",
        "2 Two",
        ["foundations/multi_head"],
    )
    assert (part["finding"], part["fixed"], part["cell"]) == ("Found.", "before", "verdict-c06")
    assert (part["machine"], part["date"], part["commit"]) == ("Some processor", "2026-01-02", "abc1234")


def test_a_run_is_found_beside_a_notebook_and_its_commit_only_in_git(tmp_path):
    notebook = {"metadata": {"mha": {"ran": {"processor": "P", "date": "2026-01-02"}}}}
    path = ROOT / "chapters/foundations/attention.ipynb"
    assert re.fullmatch(r"[0-9a-f]{7,}|", accounts.find_run(notebook, path).commit)
    assert accounts.find_run(notebook, tmp_path / "a.ipynb") == accounts.Run("P", "2026-01-02", "")


def places(svg):
    asked = re.search(r'class="asked" x="([\d.]+)" width="([\d.]+)"', svg)
    interval = re.search(r'class="interval" d="M([\d.]+) [\d.]+H([\d.]+)"', svg)
    dot = re.search(r'circle cx="([\d.]+)"', svg)
    return *map(float, asked.groups()), *map(float, interval.groups()), float(dot[1])


def test_the_strip_shows_the_interval_against_what_was_asked():
    left, width, low, high, dot = places(strip(Measurement("x", 3.0, (2.0, 4.0), "above 0", "pass", 5)))
    assert (left, left + width) == (MARGIN, WIDTH)  # from 0 to the edge
    assert (low, dot, high) == (MARGIN + 102, MARGIN + 153, MARGIN + 204)  # 2, 3 and 4 of 4 parts of 204
    left, width, low, high, dot = places(strip(Measurement("x", -1.0, (-3.0, 1.0), "below 0", "undecided", 5)))
    assert (left, left + width) == (0, MARGIN + 153)
    assert low < left + width < high
    left, width, *_ = places(strip(Measurement("x", 5.0, None, "between 1 and 3", "fail", 1)))
    assert (left, left + width) == (MARGIN, MARGIN + 102)
    assert f"V{HEIGHT}" in strip(Measurement("x", 5.0, None, "exactly 5", "pass", 1))


def test_the_question_and_the_picture_of_a_chapter():
    cell = {"cell_type": "markdown", "metadata": {}, "source": "# Title\n\n*How\nso?*\n\n*emphasis*"}
    drawn = {"cell_type": "code", "metadata": {}, "source": "", "outputs": [{"data": {"image/png": "first"}}]}
    alt = {"mystnb": {"image": {"alt": "A map"}}}
    chosen = drawn | {"metadata": {"tags": ["card"]} | alt, "outputs": [{"data": {"image/png": "second"}}]}
    assert stored.find_question({"cells": [cell]}) == "How so?"
    assert stored.find_question({"cells": [cell | {"source": "# Title\n\n*No question.*"}]}) == ""
    assert stored.find_picture({"cells": [cell, drawn, chosen]}) == ("second", "A map")
    assert stored.find_picture({"cells": [cell, drawn]})[0] == "first"
    assert stored.find_picture({"cells": [cell]}) == ("", "")


@pytest.fixture
def claims_page(page, built):
    page.goto((built / "book/claims.html").as_uri())
    return page


def shown(page):
    return page.locator(".claim:visible").evaluate_all("all => all.map((one) => one.id.toUpperCase())")


def test_every_claim_stands_once_and_beside_the_page_as_json(claims_page, built):
    record = json.loads((built / accounts.FILE).read_text(encoding="utf-8"))
    judged = [entry["id"] for entry in record["claims"] if entry["verdict"]]
    assert [entry["id"] for entry in record["claims"]] == list(claims())
    assert shown(claims_page) == judged
    assert claims_page.locator(".claims-waiting li").count() == len(claims()) - len(judged)
    assert claims_page.locator(".claim svg.strip").count() == sum(
        len(part["measurements"]) for entry in record["claims"] for part in entry["parts"]
    )


def test_claims_are_chosen_by_verdict_part_and_words(claims_page, built):
    entries = json.loads((built / accounts.FILE).read_text(encoding="utf-8"))["claims"]
    failing = [entry["id"] for entry in entries if entry["verdict"] == "fails"]
    claims_page.locator("select[name=verdict]").select_option("fails")
    assert shown(claims_page) == failing != []
    claims_page.locator("select[name=verdict]").select_option("all")
    claims_page.locator("select[name=part]").select_option("Models")
    modelled = [e["id"] for e in entries if any(part["chapter"].startswith("models/") for part in e["parts"])]
    assert shown(claims_page) == modelled
    claims_page.locator("input[name=words]").fill("BERT bidirectional")
    assert shown(claims_page) == ["C14"]
    assert claims_page.locator(".claims-filter [role=status]").inner_text().startswith("1 of ")
    claims_page.goto(claims_page.url.split("#")[0] + "#c01")  # a link shows its claim, whatever was asked for
    assert "C01" in shown(claims_page)
    claims_page.goto(claims_page.url.split("#")[0] + "#c57")
    assert claims_page.locator("#c57").is_visible()


def test_each_chapter_has_a_card_with_its_question_and_picture(page, built):
    page.goto((built / "index.html").as_uri())
    cards = page.locator(".chapter-card")
    chapters = [path for path in notebook_paths() if path.stem != "index"]
    assert cards.count() == len(chapters)
    for text in cards.all_inner_texts():
        assert "?" in text
        assert " min" in text
    loaded = (
        "all => all.every((one) => { one.loading = 'eager'; return one.decode().then(() => one.naturalWidth > 200); })"
    )
    assert cards.locator("img").count() == len(chapters)
    assert cards.locator("img").evaluate_all(loaded)
