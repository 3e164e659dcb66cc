"""A report as a page: every section, nothing read as markup, two of them open."""

import re
from types import SimpleNamespace

from course.report_page import OPEN, ReportPage
from mha.bias.audit.report import SECTIONS

TEXT = """Said <here> & `there`:

- one, two
- three

| Figure | Value [95 %] |
|---|---|
| a | 1 |

| Figure | p |
|---|---|
| b | 0.5 |
| c | 0.6 |"""


def test_paragraphs_bullets_and_tables_are_html():
    report = SimpleNamespace(model={"name": "a & b"}, section=lambda name: TEXT)
    page = ReportPage(report)._repr_html_()
    assert re.findall(r"<summary[^>]*><strong>([^<]+)", page) == list(SECTIONS)
    assert page.count("<details open") == len(OPEN) == 2
    assert "Audit of a &amp; b" in page
    one = page.split("<details")[1]
    assert "<p>Said &lt;here&gt; &amp; <code>there</code>:</p>" in one
    assert "<ul><li>one, two</li><li>three</li></ul>" in one
    tables = re.findall(r"<table.*?</table>", one)
    assert [re.findall(r"<t[hd](?: [^>]*)?>([^<]*)", table) for table in tables] == [
        ["Figure", "Value [95 %]", "a", "1"],
        ["Figure", "p", "b", "0.5", "c", "0.6"],
    ]
    assert all(f"{name}\n\n{TEXT}" in repr(ReportPage(report)) for name in OPEN)
