"""A phone on a slow line: the built book served with gzip, a browser slowed down, and what a page costs there."""

from __future__ import annotations

import functools
import gzip
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

LINE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
SLOWER = 4  # than this machine's processor
TEXT = {".html", ".css", ".js", ".svg"}
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"


@dataclass(frozen=True)
class Cost:
    """What one page cost: seconds to its first paint, and the bytes that came, pictures left out."""

    paint_s: float
    bytes: int


class Zipped(http.server.SimpleHTTPRequestHandler):
    """Files, those of text compressed as hosts send them."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: a test's output is for what fails."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if path.suffix in TEXT:
            content = gzip.compress(content)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        with suppress(ConnectionError):  # the browser has left
            self.end_headers()
            self.wfile.write(content)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The address under which a folder is served meanwhile."""
    handler = functools.partial(Zipped, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def visit(browser: Browser, address: str, *, slow: bool) -> Cost:
    """Load a page in an empty browser, to the last file that it asks for; `slow` as a phone on a slow line does."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = context.new_page()
    wire = context.new_cdp_session(page)
    kinds: dict[str, str] = {}
    sizes: dict[str, int] = {}
    wire.on("Network.responseReceived", lambda event: kinds.update({event["requestId"]: event["type"]}))
    wire.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    wire.send("Network.enable")
    if slow:
        wire.send("Network.emulateNetworkConditions", LINE)
        wire.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address, wait_until="networkidle")
    paint_s = page.evaluate(PAINT)
    context.close()
    return Cost(paint_s, int(sum(size for request, size in sizes.items() if kinds.get(request) != "Image")))
