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


def ask(address, target, method="GET", host=None):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
    connection.putrequest(method, target, skip_host=True)
    connection.putheader("Host", host or address.netloc)
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
    assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
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
        *(f"/{'a' * 300}", f"/{'a/' * 5000}", "http://[x/", "/main.js/x"),
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
    ("host", "status"),
    [
        *(("localhost", 200), ("LOCALHOST:9000", 200), ("127.0.0.1:80", 200), ("[::1]:8000", 200)),
        *(("elsewhere.example", 421), ("localhost.elsewhere.example:8000", 421), ("127.0.0.2", 421), ("[x", 421)),
    ],
)
def test_it_answers_to_this_machine_s_names_alone(server, host, status):
    """A foreign site whose name leads to this machine is sent with the site's name."""
    answer, content = ask(server, "/generator.onnx", host=host)
    assert answer.status == status
    assert (content == b"graph") is (status == 200)


def test_other_machines_may_name_it_as_they_like_where_they_are_let_in(exported):
    process, address = started(exported, "--port", 0, "--host", "0.0.0.0")
    try:
        assert ask(address, "/generator.onnx", host="elsewhere.example")[0].status == 200
    finally:
        process.kill()
        process.communicate()


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
    (tmp_path / "index.html").write_text("of something else")
    assert "--format web" in refusal("ganc", "serve", tmp_path)


def test_a_browser_that_leaves_in_the_middle_is_no_trouble(exported):
    process, server = started(exported, "--port", 0)
    connection = socket.create_connection((server.hostname, server.port), 5)
    connection.sendall(b"GET /ort/ort.wasm HTTP/1.1\r\n\r\n")
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    assert ask(server, "/")[0].status == 200
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE)[1].strip() == "terminated"
