"""A browser for the tests: what the system has, what playwright has, and how to get one where there is neither.

Standard library only: tools/environment.py asks before anything is installed, and what it brought is found by the same
function, `find_browser`, when the tests start.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

COMMANDS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
MAC_PROGRAMS = tuple(
    f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Chromium", "Google Chrome", "Microsoft Edge")
)
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
WINDOWS_PROGRAMS = (
    "Chromium/Application/chrome.exe",
    "Google/Chrome/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
PLAYWRIGHT_HOST = "https://cdn.playwright.dev"
PLAYWRIGHT_PROGRAM = re.compile(r"(chrome-headless-shell|headless_shell|chrome)(\.exe)?|Chromium")
PROBE_S = 5
START_S = 60
NO_BROWSER = (
    "The tests need a browser: no Chromium, Chrome or Edge was found, playwright's own cannot be downloaded or does "
    "not start, and Debian's is not to be had by apt. Install one of them, then run this again."
)
NO_DRIVER = (
    "playwright does not start, so the tests could not drive a browser. Most often libatomic is missing (Debian: "
    "apt install libatomic1); `{} -m playwright --version` shows what is."
)

__all__ = ["NO_BROWSER", "bring", "find_browser", "prepare"]


def find_browser() -> str | None:
    """The first Chromium, Chrome or Edge of the system that starts, else playwright's own; None where there is none."""
    return next((path for path in candidates() if starts(path)), None)


def candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, COMMANDS))
    installed = MAC_PROGRAMS if sys.platform == "darwin" else windows_programs(os.environ) if os.name == "nt" else ()
    yield from (path for path in installed if Path(path).exists())
    yield from playwrights(playwright_folder(os.environ))


def windows_programs(environ: Mapping[str, str]) -> list[str]:
    roots = [environ[name] for name in WINDOWS_FOLDERS if name in environ]
    return [str(Path(root) / program) for program in WINDOWS_PROGRAMS for root in roots]


def playwright_folder(environ: Mapping[str, str]) -> Path:
    """Where playwright keeps the browsers that it downloads."""
    if environ.get("PLAYWRIGHT_BROWSERS_PATH", "0") != "0":
        return Path(environ["PLAYWRIGHT_BROWSERS_PATH"])
    if os.name == "nt":
        return Path(environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "ms-playwright"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "ms-playwright"


def playwrights(folder: Path) -> list[str]:
    """The Chromiums that playwright has downloaded, the newest first; their folders end in a revision."""
    found = [
        path for path in folder.glob("chromium*-*/**/*") if PLAYWRIGHT_PROGRAM.fullmatch(path.name) and path.is_file()
    ]
    revision = {path: int(path.relative_to(folder).parts[0].rpartition("-")[2]) for path in found}
    return [str(path) for path in sorted(found, key=revision.__getitem__, reverse=True)]


def starts(path: str) -> bool:
    """Whether a program says its version: a snap that is not there and a library that is missing show here."""
    if os.name == "nt":  # Windows' Chrome would open a window instead
        return True
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=START_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def prepare() -> None:
    """Before anything is installed: see to it that there is or will be a browser.

    Where playwright can download one, that waits until playwright is installed.

    Raises:
        SystemExit: there is none, and no way to get one; the message says so in a sentence.
    """
    if find_browser() is None and not download_answers():
        bring_by_apt()


def bring(python: str) -> None:
    """Once playwright is installed for that Python: see that it starts; download its browser if there is none; else
    take Debian's.

    Raises:
        SystemExit: playwright does not start, or no browser was to be had.
    """
    if not drives(python):
        by_apt("libatomic1")  # its driver needs it, and a bare Debian has none
        if not drives(python):
            sys.exit(NO_DRIVER.format(python))
    if find_browser() is None:
        say("Downloading a browser for the tests")
        needs = ["--with-deps"] if apt() is not None else []  # the libraries that a bare system lacks
        subprocess.call([python, "-m", "playwright", "install", "--only-shell", *needs, "chromium"])
        if find_browser() is None:
            bring_by_apt()


def drives(python: str) -> bool:
    return subprocess.run([python, "-m", "playwright", "--version"], capture_output=True).returncode == 0


def download_answers() -> bool:
    """Whether the server that playwright downloads from can be reached, whatever it answers."""
    host = os.environ.get("PLAYWRIGHT_DOWNLOAD_HOST", PLAYWRIGHT_HOST)
    try:
        urllib.request.urlopen(host, timeout=PROBE_S).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def apt() -> list[str] | None:
    """How to call apt-get, None where there is none or where it may not be called without a password."""
    if shutil.which("apt-get") is None:
        return None
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n", *command]
    return None


def bring_by_apt() -> None:
    by_apt("chromium")
    if find_browser() is None:
        sys.exit(NO_BROWSER)


def by_apt(package: str) -> None:
    """Install a package of Debian's where that is allowed."""
    command = apt()
    if command is not None:
        say(f"Installing {package} by apt, for the tests")
        subprocess.call([*command, "update"])
        subprocess.call([*command, "install", "-y", "--no-install-recommends", package], stdout=subprocess.DEVNULL)


def say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
