"""JupyterLab on this machine, as a test drives it: started, asked over its REST and websocket interface, measured."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil
import websocket

from tools.notebook_rules import raises
from tools.notebooks import ROOT, code_cells, read

CELL_TIMEOUT_S = 300
BARE = "--LabApp.labextensions_path=[]"  # as most readers have it: JupyterLab alone, whatever else is installed here
# Every cell is drawn, not only those in view.
WHOLE = ("@jupyterlab/notebook-extension/tracker.jupyterlab-settings", '{"windowingMode": "none"}')

__all__ = ["Server", "run_notebook"]


class Server:
    """JupyterLab on this machine, and the memory that it and its kernels take."""

    def __init__(self, python: Path, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.token = secrets.token_hex(16)
        self.peak_bytes = 0
        port = self.address.rpartition(":")[2]
        options = ["--no-browser", "--allow-root", f"--port={port}", f"--ServerApp.root_dir={ROOT}", BARE]
        own = {name: str(folder / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
        own |= {"JUPYTERLAB_SETTINGS_DIR": str(written(folder / "settings", *WHOLE))}
        own |= {"JUPYTER_TOKEN": self.token, "JUPYTER_PREFER_ENV_PATH": "1"}
        self.log = (folder / "log").open("w+", encoding="utf-8")
        command = [python, "-m", "jupyterlab", *options]
        self.process = subprocess.Popen(command, env=os.environ | own, stdout=self.log, stderr=self.log)
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        """Resident memory of the whole tree; pages that processes share count for each, so the sum errs upwards."""
        while self.process.poll() is None:
            self.peak_bytes = max(self.peak_bytes, resident_bytes(self.process.pid))
            time.sleep(0.05)

    def call(self, path: str, content: object = None) -> object:
        """One call of the server's REST interface: POST where there is content, else GET."""
        data = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        with urlopen(Request(f"http://{self.address}/api/{path}", data, headers), timeout=30) as answer:
            return json.load(answer)

    def wait_until_ready(self) -> None:
        for _ in range(240):
            try:
                self.call("status")
                return
            except URLError:
                time.sleep(0.25)
        raise TimeoutError(f"JupyterLab did not answer within 60 s:\n{Path(self.log.name).read_text(encoding='utf-8')}")

    def close(self) -> None:
        processes = tree(self.process.pid)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        self.process.wait(timeout=30)
        psutil.wait_procs(processes, timeout=30)
        self.log.close()


def written(folder: Path, name: str, text: str) -> Path:
    """The folder, with this file in it."""
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def tree(pid: int) -> list[psutil.Process]:
    """A process and all it started; nothing where it has ended, or ends while it is being asked."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def resident_bytes(pid: int) -> int:
    total = 0
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):  # ended between the listing and the question
            total += process.memory_info().rss
    return total


def run_cell(kernel: websocket.WebSocket, source: str) -> dict | None:
    """Run code in a kernel; return the error it raised, None if it raised none."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "session": "",
        "username": "",
        "version": "5.3",
    }
    content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    kernel.send(json.dumps(message))
    while True:
        answer = json.loads(kernel.recv())
        mine = answer["parent_header"].get("msg_id") == header["msg_id"]
        if mine and answer["msg_type"] == "execute_reply":
            return answer["content"] if answer["content"]["status"] == "error" else None


def run_notebook(server: Server, path: Path) -> list[str]:
    """Open a session on a notebook as JupyterLab does and run every cell; return what went another way than meant."""
    name = path.relative_to(ROOT).as_posix()
    session = server.call("sessions", {"path": name, "name": "", "type": "notebook", "kernel": {"name": "python3"}})
    cells = code_cells(read(path))
    channels = f"ws://{server.address}/api/kernels/{session['kernel']['id']}/channels?token={server.token}"
    kernel = websocket.create_connection(channels, timeout=CELL_TIMEOUT_S)
    try:
        errors = [run_cell(kernel, cell.source) for cell in cells]
    finally:
        kernel.close()
    return [
        f"code cell {number}: {error['traceback'][-1] if error else 'is marked to raise and did not'}"
        for number, (cell, error) in enumerate(zip(cells, errors, strict=True), 1)
        if bool(error) != raises(cell)
    ]
