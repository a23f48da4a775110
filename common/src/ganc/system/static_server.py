"""A server of one folder's files for browsers, with the headers that let WebAssembly use threads."""

import errno
import os
import socketserver
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from ganc.base.errors import RunError

HEADERS = {
    # Together they isolate the page, without which browsers give it no shared memory, and WebAssembly no threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# Not those of the system, which may know no .mjs and no .wasm: browsers take neither without its type.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
INDEX = "index.html"
_BLOCK = 1 << 20


class StaticServer(socketserver.ThreadingTCPServer):
    """Serves the files of a folder, and nothing outside of it, hidden or listed.

    Args:
        host: the address or the name to listen on.
        port: 0 takes a free one, which `address` then names.

    Raises:
        RunError: the port is taken, or there is no such address here.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, folder: Path, host: str, port: int):
        self.folder = Path(os.path.realpath(folder))
        if ":" in host:
            import socket

            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise RunError(_cannot_listen(host, port, error)) from error
        except OverflowError as error:
            raise RunError(f"port {port}: expected 0 to 65535") from error

    @property
    def address(self) -> str:
        """The page's address."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def file_of(self, target: str) -> Path | None:
        """Return the file that a request's target names, None where the folder has no such file."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(target).path, errors="surrogateescape")
        parts = [part for part in path.split("/") if part]
        if "\0" in path or any(part.startswith(".") for part in parts):
            return None
        file = Path(os.path.realpath(self.folder.joinpath(*parts, *([INDEX] if path.endswith("/") else []))))
        return file if file.is_relative_to(self.folder) and file.is_file() else None

    def handle_error(self, request, client_address) -> None:
        """Say nothing: a browser that leaves in the middle of a file is none."""


class _Handler(BaseHTTPRequestHandler):
    server: StaticServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ganc", ""
    timeout = 60  # seconds until an idle connection is closed

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def _answer(self, with_content: bool) -> None:
        path = self.server.file_of(self.path)
        try:
            file = path.open("rb") if path else None
        except OSError:
            file = None
        if not (path and file):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with file:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", TYPES.get(path.suffix.lower(), "application/octet-stream"))
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            while with_content and (block := file.read(_BLOCK)):
                self.wfile.write(block)

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *arguments) -> None:
        """Say nothing of each request."""


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken by another program; choose another with --port (0 takes a free one)"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} is kept for the system; choose one above 1023 with --port"
    return f"{host}: cannot be listened on ({error.strerror or error}); name an address of this machine with --host"
