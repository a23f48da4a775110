"""A headless Chromium, driven through its debugging pipe: no driver, no port and no package is needed."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 240  # until a condition of the page is given up; a busy machine may be slow

# Its sandbox needs what containers and root do not have; all that it opens is served from this machine.
FLAGS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-dev-shm-usage", "--mute-audio"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--hide-scrollbars", "--lang=en-US"),
)


def find_browser() -> str | None:
    """Return the path of a Chromium, None where there is none; $GANC_BROWSER names another one."""
    named = os.environ.get("GANC_BROWSER")
    return next(filter(None, map(shutil.which, [named] if named else NAMES)), None)


class BrowserError(AssertionError):
    """The browser does not do what it was asked to, or a script in the page failed."""


class Browser:
    """One tab with its workers. What they log as errors, throw or cannot load is collected in `complaints`."""

    def __init__(self, process: subprocess.Popen, read: int, write: int):
        self.process, self._read, self._write = process, read, write
        self._buffer, self._count, self._session = b"", 0, None
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "DOM"):
            self.send(f"{domain}.enable")
        self._watch(self._session)

    def send(self, method: str, **parameters) -> dict:
        """Send a command of the DevTools protocol and return its result."""
        number = self._post(self._session, method, **parameters)
        while True:
            answer = self._next()
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def _post(self, session: str | None, method: str, **parameters) -> int:
        """Send a command and wait for nothing; return its number."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        return self._count

    def _watch(self, session: str | None) -> None:
        """Have a page or a worker tell what it does; the workers that it starts wait until they are watched too."""
        for domain in ("Runtime", "Log", "Network"):
            self._post(session, f"{domain}.enable")
        self._post(session, "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        self._post(session, "Runtime.runIfWaitingForDebugger")

    def _next(self) -> dict:
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], SECONDS)[0]:
                raise BrowserError(f"the browser says nothing for {SECONDS} s")
            part = os.read(self._read, 1 << 20)
            if not part:
                raise BrowserError("the browser ended")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict) -> None:
        values = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = values["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif event.get("method") == "Runtime.consoleAPICalled" and values["type"] in ("error", "assert"):
            self.complaints.append(" ".join(str(one.get("value")) for one in values["args"]))
        elif event.get("method") == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.complaints.append(f"{values['entry']['text']} {values['entry'].get('url', '')}")
        elif event.get("method") == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"])
        elif event.get("method") == "Target.attachedToTarget":
            self._watch(values["sessionId"])

    def before_page(self, script: str) -> None:
        """Run a script before those of every page that is opened from now on."""
        self.send("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(self, address: str) -> None:
        self.send("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete'")

    def run(self, expression: str):
        """Return the value of an expression in the page; promises are awaited."""
        done = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            details = done["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return done["result"].get("value")

    def wait_for(self, condition: str, seconds: float = SECONDS) -> None:
        """Wait until an expression is true in the page."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                shown = self.run("document.body.innerText")
                raise BrowserError(f"never true: {condition}; the page says: {shown}; complaints: {self.complaints}")
            time.sleep(0.05)

    def give_file(self, selector: str, path: Path) -> None:
        """Choose a file in a file input."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def press(self, key: str, code: int = 0, text: str = "") -> None:
        """Press and release a key, such as ArrowLeft with its code 37."""
        for kind in ("keyDown", "keyUp"):
            values = {"text": text} if text and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **values)

    def look(self, width: int, height: int, dark: bool = False, scale: float = 1) -> None:
        """Take a window's size in CSS pixels and a colour scheme."""
        phone = width < 600
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """Save all of the page as a PNG."""
        data = self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def running_browser(*flags: str) -> Iterator[Browser]:
    """Start a browser with a profile of its own; it ends with the block."""
    to_browser, write = os.pipe()
    read, from_browser = os.pipe()
    # It reads commands from 3 and writes to 4.
    script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [find_browser(), *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield Browser(process, read, write)
        finally:
            os.close(write)  # which tells it to end
            os.close(read)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
