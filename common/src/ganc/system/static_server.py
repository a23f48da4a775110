"""A server of one folder's files for browsers, with the headers that let WebAssembly use threads."""

import errno
import ipaddress
import os
import socketserver
import sys
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from ganc.base.errors import RunError

# What a page and its workers may load: files of their own host, and nothing else. A worker's is that of its own answer.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    # Together they isolate the page, without which browsers give it no shared memory, and WebAssembly no threads.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
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
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_BLOCK = 1 << 20


class StaticServer(socketserver.ThreadingTCPServer):
    """Serves the files of a folder, and nothing outside of it, hidden or listed.

    Where it listens to this machine alone, it answers to this machine's names alone: a foreign site whose name was made
    to lead here does not get the files.

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
        self.host = host
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

    def answers_to(self, host: str | None) -> bool:
        """Return whether a request is meant for this server, by its header Host: any port, as it may be forwarded."""
        own = str(self.server_address[0])
        if not ipaddress.ip_address(own).is_loopback:
            return True
        try:
            name = urllib.parse.urlsplit(f"//{host or ''}").hostname
        except ValueError:
            return False
        return name in (*LOCAL_NAMES, own, self.host.lower())

    def file_of(self, target: str) -> Path | None:
        """Return the file that a request's target names, None where the folder has no such file."""
        try:
            return self._file_of(target)
        except (OSError, ValueError):  # a name that no file can have, a target that is no address
            return None

    def _file_of(self, target: str) -> Path | None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(target).path, errors="surrogateescape")
        parts = [part for part in path.split("/") if part]
        if "\0" in path or any(part.startswith(".") for part in parts):
            return None
        file = Path(os.path.realpath(self.folder.joinpath(*parts, *([INDEX] if path.endswith("/") else []))))
        return file if file.is_relative_to(self.folder) and file.is_file() else None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that leaves in the middle of a file, or falls silent."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


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
        if not self.server.answers_to(self.headers.get("Host")):
            said = f"This server answers to {LOCAL_NAMES[0]} alone; ganc serve --host lets others in."
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, explain=said)
            return
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

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing of each request."""


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken by another program; choose another with --port (0 takes a free one)"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} is kept for the system; choose one above 1023 with --port"
    return f"{host}: cannot be listened on ({error.strerror or error}); name an address of this machine with --host"
