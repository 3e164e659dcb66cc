"""Which browser the tests take, how one is got where there is none, and what is said where none can be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import browser, environment

SHELL = "chrome-headless-shell-linux64/chrome-headless-shell"


def program(path: Path, *, status: int = 0) -> Path:
    """A program that says its version, or one that does not start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 1.2.3\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A Linux machine with an empty PATH, nothing of playwright's, no network, and no right to install."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.setattr(browser, "download_answers", lambda: False)
    monkeypatch.setattr(browser, "apt", lambda: None)
    monkeypatch.setattr(browser, "drives", lambda python: True)
    return tmp_path


@pytest.fixture
def calls(machine, monkeypatch):
    """The commands that would change the machine, recorded; each brings what `brings` holds for its last word."""
    commands: list[list[str]] = []
    brings: dict[tuple[str, str], Path] = {}

    def call(command: list[str], **_: object) -> int:
        commands.append(command)
        for (verb, package), path in brings.items():
            if verb in command and command[-1] == package:
                program(path)
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    return commands, brings


def test_the_systems_browser_comes_before_playwrights(machine):
    theirs = program(machine / "playwright" / "chromium_headless_shell-1255" / SHELL)
    assert browser.find_browser() == str(theirs)
    edge = program(machine / "bin" / "microsoft-edge")
    assert browser.find_browser() == str(edge)
    chrome = program(machine / "bin" / "google-chrome")
    assert browser.find_browser() == str(chrome)
    chromium = program(machine / "bin" / "chromium")
    assert browser.find_browser() == str(chromium)


def test_a_browser_that_does_not_start_is_passed_over(machine):
    program(machine / "bin" / "chromium-browser", status=1)  # as Ubuntu's, which stands for a snap
    assert browser.find_browser() is None
    chrome = program(machine / "bin" / "google-chrome")
    assert browser.find_browser() == str(chrome)


def test_playwrights_newest_is_taken(machine):
    for revision in (999, 1255, 1012):
        program(machine / "playwright" / f"chromium_headless_shell-{revision}" / SHELL)
    program(machine / "playwright" / "firefox-2000" / "firefox" / "chrome")
    assert "chromium_headless_shell-1255" in browser.find_browser()


def test_windows_browsers_are_looked_for_where_they_are_installed():
    folders = {"PROGRAMFILES": "C:/Program Files", "LOCALAPPDATA": "C:/Users/a/AppData/Local"}
    found = [path.replace("\\", "/") for path in browser.windows_programs(folders)]
    assert "C:/Program Files/Google/Chrome/Application/chrome.exe" in found
    assert "C:/Users/a/AppData/Local/Google/Chrome/Application/chrome.exe" in found
    assert "C:/Program Files/Microsoft/Edge/Application/msedge.exe" in found


def test_a_machine_with_a_browser_is_left_alone(machine, calls, monkeypatch):
    monkeypatch.setattr(browser, "apt", lambda: ["apt-get"])
    program(machine / "bin" / "chromium")
    browser.prepare()
    browser.bring("python")
    assert calls[0] == []


def test_playwrights_own_is_downloaded_once_playwright_is_there(machine, calls, monkeypatch):
    commands, brings = calls
    brings["playwright", "chromium"] = machine / "playwright" / "chromium_headless_shell-7" / SHELL
    monkeypatch.setattr(browser, "download_answers", lambda: True)
    monkeypatch.setattr(browser, "apt", lambda: ["apt-get"])
    browser.prepare()
    assert commands == []
    browser.bring("python")
    assert commands == [["python", "-m", "playwright", "install", "--only-shell", "--with-deps", "chromium"]]


def test_debians_comes_by_apt_where_nothing_can_be_downloaded(machine, calls, monkeypatch):
    commands, brings = calls
    brings["apt-get", "chromium"] = machine / "bin" / "chromium"
    monkeypatch.setattr(browser, "apt", lambda: ["apt-get"])
    browser.prepare()
    assert commands == [
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
    ]


def test_debians_comes_by_apt_where_a_download_fails(machine, calls, monkeypatch):
    commands, brings = calls
    brings["apt-get", "chromium"] = machine / "bin" / "chromium"
    monkeypatch.setattr(browser, "download_answers", lambda: True)
    monkeypatch.setattr(browser, "apt", lambda: ["apt-get"])
    browser.prepare()
    browser.bring("python")
    assert [command[1] for command in commands] == ["-m", "update", "install"]


def test_a_driver_that_does_not_start_gets_its_library_or_a_sentence(machine, calls, monkeypatch):
    program(machine / "bin" / "chromium")
    answers = iter([False, True, False, False])
    monkeypatch.setattr(browser, "drives", lambda python: next(answers))
    monkeypatch.setattr(browser, "apt", lambda: ["apt-get"])
    browser.bring("python")
    assert [command[-1] for command in calls[0]] == ["update", "libatomic1"]
    with pytest.raises(SystemExit, match="playwright does not start"):
        browser.bring("python")


@pytest.mark.parametrize(
    ("root", "sudo", "expected"), [(True, None, "env"), (False, 0, "sudo"), (False, 1, None), (False, None, None)]
)
def test_apt_is_used_by_root_or_without_a_password(tmp_path, monkeypatch, root, sudo, expected):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    assert browser.apt() is None
    program(tmp_path / "apt-get")
    if sudo is not None:
        program(tmp_path / "sudo", status=sudo)
    command = browser.apt()
    assert (command[0] if command else None) == expected


def test_without_any_way_one_sentence_is_said_before_anything_is_installed(machine, calls, monkeypatch):
    monkeypatch.setitem(sys.modules, "browser", browser)
    monkeypatch.setattr(environment, "make_venv", lambda venv: pytest.fail("the sentence comes first"))
    with pytest.raises(SystemExit, match=r"The tests need a browser: no Chromium, Chrome or Edge was found"):
        environment.main(["--tests", "--venv", str(machine / "venv")])
    assert calls[0] == []
