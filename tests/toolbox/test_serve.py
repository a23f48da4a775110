"""`ganc serve`: what it answers, with which headers, and how it ends."""

import http.client
import signal
import socket
import subprocess
import urllib.parse

import pytest
from helpers.stages import refusal
from helpers.support import PATIENCE, command_line


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder as ganc-export --format web leaves one, as far as a server looks at it; beside it a secret."""
    root = tmp_path_factory.mktemp("serve")
    page = root / "dist" / "web"
    (page / "ort").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><p>页面")
    (page / "page.json").write_text("{}")
    (page / "main.js").write_text("1")
    (page / "ort" / "ort.mjs").write_text("1")
    (page / "ort" / "ort.wasm").write_bytes(bytes(range(256)) * 20_000)
    (page / "generator.onnx").write_bytes(b"graph")
    (page / ".hidden").write_text("secret")
    (root / "secret.txt").write_text("secret")
    (page / "link.txt").symlink_to(root / "secret.txt")
    return root / "dist"


def started(*arguments):
    command = command_line("ganc", "serve", *arguments)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line, process.communicate()
    return process, urllib.parse.urlsplit(line.split()[0])


@pytest.fixture(scope="module")
def server(exported):
    process, address = started(exported, "--port", 0)
    yield address
    process.kill()
    process.communicate()


def ask(address, target, method="GET"):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
    connection.putrequest(method, target, skip_host=True)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


@pytest.mark.parametrize(
    ("target", "file", "kind"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/index.html?engine=wasm", "index.html", "text/html; charset=utf-8"),
        ("/main.js", "main.js", "text/javascript; charset=utf-8"),
        ("/ort/ort.mjs", "ort/ort.mjs", "text/javascript; charset=utf-8"),
        ("/ort/ort%2ewasm", "ort/ort.wasm", "application/wasm"),
        ("/page.json", "page.json", "application/json"),
        ("/generator.onnx", "generator.onnx", "application/octet-stream"),
    ],
)
def test_files_come_with_their_type_and_isolated(server, exported, target, file, kind):
    answer, content = ask(server, target)
    assert (answer.status, content) == (200, (exported / "web" / file).read_bytes())
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    head, nothing = ask(server, target, "HEAD")
    assert (head.status, nothing) == (200, b"")
    assert head.headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/absent",
            "/ort/",
            "/ort",
            "/.hidden",
            "/link.txt",
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
        ),
        *("//etc/passwd", "/%00", "/index.html/", "/../model.json", "/%ff"),
    ],
)
def test_nothing_else_comes(server, target):
    answer, content = ask(server, target)
    assert answer.status == 404
    assert b"secret" not in content
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_it_listens_to_this_machine_alone(server):
    assert server.hostname == "127.0.0.1"
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.2", server.port), 5):
        pass


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_it_with_one_word(exported, number, status, word):
    process, address = started(exported / "web", "--port", 0)
    assert ask(address, "/")[0].status == 200
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said.strip()) == (status, word)


def test_a_busy_port_and_a_strange_address_are_one_line(exported):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal("ganc", "serve", exported, "--port", port)
    assert f"port {port}" in said
    assert "--port" in said
    said = refusal("ganc", "serve", exported, "--port", 0, "--host", "203.0.113.7")
    assert said.startswith("203.0.113.7: ")
    assert "--host" in said


def test_a_folder_without_a_page_says_what_writes_one(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        assert "--format web" in refusal("ganc", "serve", folder)


def test_a_browser_that_leaves_in_the_middle_is_no_trouble(server):
    connection = socket.create_connection((server.hostname, server.port), 5)
    connection.sendall(b"GET /ort/ort.wasm HTTP/1.1\r\n\r\n")
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    assert ask(server, "/")[0].status == 200
