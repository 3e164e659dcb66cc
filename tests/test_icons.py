"""The icons of the pages: which are asked for, and how they are taken from Font Awesome's script."""

from __future__ import annotations

from types import SimpleNamespace

from book.ext.measured_book import icons

SCRIPT = (
    'x={sun:[512,511,[9728],"f185","M1 outline"],"angle-left":[320,512,[8249],"f104","M2"]};'
    'y={sun:[512,513,[9728],"f185","M3"]}'
)


def test_icons_are_found_by_their_classes():
    page = (
        '<i class="theme-switch fa-solid fa-sun  fa-lg"></i><i class="fas fa-file-pdf"></i><p class="fa-none">fa-no</p>'
    )
    assert icons.names_in(page) == {"sun", "file-pdf"}


def test_of_two_drawings_the_solid_one_counts():
    drawings = icons.read_drawings(SCRIPT)
    assert drawings.keys() == {"sun", "angle-left"}
    assert drawings["sun"] == '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 513"><path d="M3"/></svg>'


def test_the_themes_rules_on_font_awesome_go_and_no_others():
    theirs = '@font-face{font-family:A;src:url(../vendor/fontawesome/a.woff2)}.fa-sun:before,.fa-x:before{content:"a"}'
    assert icons.THEIR_RULES.sub("", f"{theirs}.fa-lg{{a:b}}p{{c:d}}") == ".fa-lg{a:b}p{c:d}"


def test_an_icon_that_does_not_exist_is_named(tmp_path, caplog):
    (tmp_path / "_static" / "styles").mkdir(parents=True)
    (tmp_path / "_static" / icons.THEME_SHEET).write_text("")
    (tmp_path / "index.html").write_text('<i class="fa-solid fa-moon"></i><i class="fa-solid fa-no-such-icon"></i>')
    icons.write_icons(SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=str(tmp_path)), None)
    assert "no icon named 'no-such-icon'" in caplog.text
    assert ".fa-moon { --icon: url(" in (tmp_path / "_static" / icons.SHEET).read_text()
