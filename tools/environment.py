# ruff: noqa: T201, UP010, UP020, UP032
"""Make the virtual environment and install into it what the book or its tests need; skip what is done.

    python tools/environment.py            the book
    python tools/environment.py --tests    the book and what tests it, a browser included

Standard library only, and no syntax newer than Python 2.7's, so that an interpreter that is too old reads far enough
to say so in a sentence.
"""

from __future__ import print_function

import argparse
import hashlib
import io
import os
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROBE_S = 3
DATA_PACKAGES = "data-packages.txt"
DATA_OPTIONS = ["--no-deps", "--require-hashes", "-r", DATA_PACKAGES]  # pip takes them nowhere but here


def interpreter_problem(version):
    """The sentence for an interpreter that will not do, None for one that will."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    return "Python 3.11 to 3.13 is needed; this is {} ({}). Name another one: PYTHON=python3.12 make book".format(
        ".".join(str(part) for part in version[:3]), sys.executable
    )


def say(sentence):
    print(sentence)
    sys.stdout.flush()  # before pip's own lines, also where both go into a file


def read(name):
    with io.open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def cpu_index():
    """Address of PyTorch's index of CPU builds, which .binder/requirements.txt names."""
    lines = [line.split() for line in read(os.path.join(".binder", "requirements.txt")).splitlines()]
    return next(words[1] for words in lines if words and words[0] == "--extra-index-url")


def has_nvidia_gpu():
    program = shutil.which("nvidia-smi")
    return program is not None and subprocess.call([program, "-L"], stdout=subprocess.DEVNULL) == 0


def torch_options():
    """Extra arguments for pip: on Linux without an NVIDIA GPU the CPU build of torch, where its index answers."""
    import urllib.request

    if not sys.platform.startswith("linux") or has_nvidia_gpu():
        return []
    index = cpu_index()
    try:
        urllib.request.urlopen(index + "/torch/", timeout=PROBE_S).close()
    except (OSError, ValueError):
        say("PyTorch's index of CPU builds does not answer; torch comes from where pip finds it.")
        return []
    return ["--extra-index-url", index]


def venv_python(venv):
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(venv, folder, name)


def venv_version(venv):
    """(major, minor) of an environment's Python, None where there is no environment that runs."""
    code = "import sys; print(sys.version_info[0], sys.version_info[1])"
    try:
        words = subprocess.check_output([venv_python(venv), "-c", code]).split()
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(int(word) for word in words)


def make_venv(venv):
    if venv_version(venv) == tuple(sys.version_info[:2]):
        return
    say("Making {} with Python {}".format(os.path.relpath(venv), sys.version.split()[0]))
    if subprocess.call([sys.executable, "-m", "venv", "--clear", venv]) != 0:
        sys.exit("python -m venv failed. On Debian and Ubuntu it is a package of its own: apt install python3-venv")


def digest(kind, requirements):
    """Changes when a file that says what to install, the Python or the place of the checkout does."""
    names = ["requirements.txt", requirements, "constraints.txt", DATA_PACKAGES, "pyproject.toml"]
    parts = [kind, sys.version, ROOT] + [read(name) for name in names]
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()


def stamp_holds(stamp, value):
    if not os.path.exists(stamp):
        return False
    with io.open(stamp, encoding="utf-8") as file:
        return file.read() == value


def newest_allowed(names, venv):
    """Write the pins of the named files as ranges into one file within the environment; return its path."""
    from ranges import as_ranges  # beside this file; it need not parse on an old interpreter

    path = os.path.join(venv, "newest.txt")
    with io.open(path, "w", encoding="utf-8") as file:
        file.write("".join(as_ranges(read(name)) for name in names))
    return path


def install(venv, arguments):
    pip = [venv_python(venv), "-m", "pip", "--disable-pip-version-check", "install"]
    say("Installing what the pins ask for: some minutes the first time")
    for step in (arguments + torch_options(), DATA_OPTIONS, ["--no-deps", "-e", "."]):
        if subprocess.call(pip + step, cwd=ROOT) != 0:
            sys.exit("pip could not install what was asked for; its own message stands above.")


def parse(arguments):
    parser = argparse.ArgumentParser(description="Make the virtual environment; skip what is done.")
    parser.add_argument("--tests", action="store_true", help="what the tests need as well")
    parser.add_argument("--newest", action="store_true", help="the newest versions that the pins' ranges admit")
    parser.add_argument("--venv", default=os.path.join(ROOT, ".venv"), help="its folder (default: .venv)")
    return parser.parse_args(arguments)


def set_up(chosen, names):
    """Make the environment and install into it what the named requirements files ask for, unless that is done."""
    make_venv(chosen.venv)
    kind = "newest" if chosen.newest else "pinned"
    stamps = {os.path.join(chosen.venv, name + ".installed"): digest(kind, name) for name in names}
    if all(stamp_holds(stamp, value) for stamp, value in stamps.items()):
        return
    wanted = ["-r", names[-1], "-c", "constraints.txt"]
    install(chosen.venv, ["--upgrade", "-r", newest_allowed(names, chosen.venv)] if chosen.newest else wanted)
    for stamp, value in stamps.items():
        with io.open(stamp, "w", encoding="utf-8") as file:
            file.write(value)


def main(arguments=None):
    problem = interpreter_problem(sys.version_info)
    if problem:
        sys.exit(problem)
    chosen = parse(arguments)
    names = ["requirements.txt", "requirements-test.txt"][: 2 if chosen.tests else 1]
    if chosen.tests:
        import browser  # beside this file; it need not parse on an old interpreter

        browser.prepare()  # first of all: minutes of installing would be in vain without
    set_up(chosen, names)
    if chosen.tests:
        browser.bring(venv_python(chosen.venv))


if __name__ == "__main__":
    main()
