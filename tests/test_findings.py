"""Findings are read from what chapters have stored."""

from __future__ import annotations

import json

import pytest

from course import findings as module
from course.claims import MIME_TYPE, Claim
from course.findings import Finding, Findings, findings, stored_findings


@pytest.fixture
def chapters(tmp_path):
    claim = Claim("C05", fixed="before")
    claim.measure("share", [0.8, 0.81, 0.79, 0.8, 0.82], above=0.5)
    silent = claim._repr_mimebundle_()[MIME_TYPE]
    claim.find("Four in five are found.")
    told = claim._repr_mimebundle_()[MIME_TYPE]
    outputs = [{"data": {MIME_TYPE: record}} for record in (silent, told)]
    cells = [{"cell_type": "markdown", "source": ["# Heads\n", "\n"]}, {"cell_type": "code", "outputs": outputs}]
    path = tmp_path / "part/heads.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps({"cells": cells}))
    return tmp_path


def test_a_finding_is_read_with_its_chapter(chapters, monkeypatch):
    expected = Finding("C05", "holds", "Four in five are found.", "part/heads", "Heads")
    assert list(stored_findings(chapters)) == [expected]
    monkeypatch.setattr(module, "stored_findings", lambda: stored_findings(chapters))
    shown = findings("C05")
    assert shown == Findings((expected,))
    assert repr(shown) == "- Four in five are found. (Heads; C05)"
    assert shown._repr_markdown_() == "- Four in five are found. ([Heads](chapters/part/heads.ipynb))"
    with pytest.raises(ValueError, match="no chapter has stored a finding on C06"):
        findings("C06")
    with pytest.raises(ValueError, match="id must be one of"):
        findings("C99")
