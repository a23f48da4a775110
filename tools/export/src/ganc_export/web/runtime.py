"""ONNX Runtime Web, what runs the generator in a browser: one version of npm's package, proven by digests."""

import base64
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganc.base.atomic_folder import replacing_folder
from ganc.base.cache import default_cache
from ganc.base.errors import ExportError
from ganc.base.reading import one_line, read_bytes, sha256_of
from ganc.base.temporaries import temporary_folder

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
# Of the package's archive, as the registry publishes it.
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
ARCHIVE_BYTES = 33_106_585
REGISTRY = "https://registry.npmjs.org"  # where npm is not installed and its configuration names no other
MARKER = "package.json"
SECONDS = 600
# npm's words for a registry that nobody reaches.
UNREACHABLE = (
    *("EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EPIPE", "ETIMEDOUT"),
    *("ERR_SOCKET_TIMEOUT", "FETCH_ERROR"),
)


class RegistryUnreachableError(ExportError):
    """The registry does not answer; what it answers otherwise is another `ExportError`."""


@dataclass(frozen=True)
class Part:
    """What one engine of the browser needs.

    Attributes:
        script, binary: files of the package's folder `dist`, with their SHA-256 in `DIGESTS`.
    """

    script: str
    binary: str


PARTS: Mapping[str, Part] = {
    "wasm": Part("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"),
    "webgpu": Part("ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"),
}
DIGESTS: Mapping[str, str] = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    "ort.webgpu.bundle.min.mjs": "0730816731ce2cdfb06f273da065d4a1c7091eb9d1756a83b2916c8a89d015e2",
    "ort-wasm-simd-threaded.asyncify.wasm": "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da",
}
WANTED = f"{PACKAGE} {VERSION}"
WAYS = f"name a folder with {WANTED} (npm install {PACKAGE}@{VERSION}) with --runtime"


def cached_runtime() -> Path:
    """Return the folder of ganc's cache in which the runtime is kept."""
    return default_cache() / f"{PACKAGE}-{VERSION}"


def find_runtime(folder: Path | None = None) -> Path:
    """Return a folder that holds the runtime's files: `folder`, or that of the cache, fetched where it is not there.

    Args:
        folder: npm's package, its folder `dist`, or a project in which npm installed it.

    Raises:
        ExportError: a file is missing or is not that of the version; or nothing can be fetched.
        WriteError: the cache cannot be written.
    """
    if folder is not None:
        places = [folder, folder / "dist", folder / "node_modules" / PACKAGE / "dist"]
        place = next((one for one in places if all((one / name).is_file() for name in DIGESTS)), None)
        if place is None:
            raise ExportError(f"{folder}: does not hold {', '.join(DIGESTS)} of {WANTED}; {WAYS}")
        for name, digest in DIGESTS.items():
            if _digest(place / name) != digest:
                raise _other_file(place / name)
        return place
    kept = cached_runtime()
    if not all((kept / name).is_file() and _digest(kept / name) == digest for name, digest in DIGESTS.items()):
        fetch_runtime(kept)
    return kept


def fetch_runtime(folder: Path) -> None:
    """Fetch the package from npm's registry, prove it, and write its files into `folder`.

    npm fetches it where it is installed, with the user's configuration; else it is downloaded from the registry that
    NPM_CONFIG_REGISTRY names, or from the public one.

    Raises:
        RegistryUnreachableError: the registry does not answer.
        ExportError: it cannot be fetched, or is not what the registry published.
        WriteError: the folder cannot be written, or holds something else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder) as temporary:
        archive = _packed(temporary) if shutil.which("npm") else _downloaded(temporary / "package.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{found}" != INTEGRITY:
            raise ExportError(f"what was fetched as {WANTED} is something else (its integrity hash differs); {WAYS}")
        with replacing_folder(folder, MARKER) as new, tarfile.open(archive) as package:
            for name, inside in ((MARKER, MARKER), *((name, f"dist/{name}") for name in DIGESTS)):
                if file := package.extractfile(f"package/{inside}"):
                    (new / name).write_bytes(file.read())


def _packed(folder: Path) -> Path:
    """Let npm fetch the archive into a folder; return its path."""
    command = ["npm", "pack", "--json", "--loglevel=error", "--pack-destination", str(folder), f"{PACKAGE}@{VERSION}"]
    failed = f"npm cannot fetch {WANTED}"
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired as error:
        raise RegistryUnreachableError(f"{failed} within {SECONDS} s; {WAYS}") from error
    except OSError as error:
        raise ExportError(f"{failed} ({one_line(error)}); {WAYS}") from error
    archive = next(folder.glob("*.tgz"), None)
    if done.returncode or archive is None:
        code, reason = _npm_error(done)
        kind = RegistryUnreachableError if code in UNREACHABLE else ExportError
        raise kind(f"{failed} ({reason[:200]}); {WAYS}")
    return archive


def _npm_error(done: subprocess.CompletedProcess) -> tuple[str, str]:
    """Return npm's code and its reason in one line: of its JSON, else the first line that it complained with."""
    try:
        error = json.loads(done.stdout)["error"]
        return str(error["code"]), " ".join(str(error["summary"]).split())
    except (ValueError, KeyError, TypeError):
        said = done.stderr.decode(errors="replace").strip()
        return "", said.splitlines()[0] if said else f"it ended with status {done.returncode} and no word"


def _downloaded(path: Path) -> Path:
    """Download the archive without npm to `path`."""
    registry = os.environ.get("NPM_CONFIG_REGISTRY") or REGISTRY
    address = f"{registry.rstrip('/')}/{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            path.write_bytes(answer.read(ARCHIVE_BYTES + 1))  # what is longer is something else
    except (OSError, ValueError, http.client.HTTPException) as error:
        answered = isinstance(error, urllib.error.HTTPError | ValueError | http.client.HTTPException)
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        kind = ExportError if answered else RegistryUnreachableError
        raise kind(f"{WANTED} cannot be fetched from npm's registry ({one_line(error)}); {WAYS}") from error
    return path


def runtime_file(folder: Path, name: str) -> bytes:
    """Return a file's bytes out of what `find_runtime` returned. Raises ExportError where they are others."""
    content = read_bytes(folder / name, f"a file of {WANTED}; {WAYS}", ExportError)
    if hashlib.sha256(content).hexdigest() != DIGESTS[name]:
        raise _other_file(folder / name)
    return content


def _other_file(path: Path) -> ExportError:
    return ExportError(f"{path}: is not that of {WANTED} (its digest differs); {WAYS}")


def _digest(path: Path) -> str:
    return sha256_of(path, f"a file of {WANTED}; {WAYS}", ExportError)
