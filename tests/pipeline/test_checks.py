"""What `make lint` and `make docs` check, so that a change which breaks it is seen by `make test`."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))


def said_by(*command: str | Path) -> str:
    """Run a command in the repository and return what it prints; it must succeed."""
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_site_builds_in_strict_mode_in_both_languages(tmp_path):
    assert said_by(sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path) == ""
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.suffixes == [".md"] and page.stem != "index"]
    for page in pages:
        for language in ("", "zh"):
            assert (tmp_path / language / Path(page).stem / "index.html").is_file(), (page, language)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'src="https://' not in text
    assert "fonts.googleapis" not in text


def test_the_dockerfile_is_what_its_linter_wants():
    assert said_by(SCRIPTS / "hadolint", "Dockerfile") == ""


def test_the_code_has_the_style_that_its_linter_wants():
    assert "All checks passed" in said_by(sys.executable, "-m", "ruff", "check", "--no-cache", ".")
    assert "already formatted" in said_by(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".")


def test_the_types_are_right():
    assert "no issues found" in said_by(sys.executable, "-m", "mypy")
