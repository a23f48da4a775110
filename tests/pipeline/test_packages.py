"""The seven distributions: what their source distributions and wheels carry, and what the seven have in common."""

import importlib.util
import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ganc.base.extras import CORE, OPTIONAL, PADDLE, PURPOSES, Package

ROOT = Path(__file__).parents[2]
PROJECTS = [ROOT / "common", *(path.parent for path in sorted(ROOT.glob("tools/*/pyproject.toml")))]


@pytest.fixture(scope="module")
def build_packages():
    """The module scripts/build_packages.py, which `make wheels` and `make check-tools` run."""
    spec = importlib.util.spec_from_file_location("build_packages", ROOT / "scripts" / "build_packages.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", text)


def test_the_seven_say_the_same_of_licence_version_and_systems():
    first, *others = map(project, PROJECTS)
    assert len(others) == 6
    assert first["license"] == "Apache-2.0"
    assert "Operating System :: POSIX :: Linux" in first["classifiers"]
    for other in others:
        for key in ("version", "license", "license-files", "requires-python", "classifiers"):
            assert other[key] == first[key], (other["name"], key)
    for folder in PROJECTS:
        assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


# What an extra installs beside the package that it is named for, and nothing of ganc asks for.
BESIDE = {"setuptools", "numpy"}


def distributions(packages: Iterable[Package], extra: str = "") -> set[str]:
    """Return what the packages of an extra are called on the index."""
    paddle = {"cpu": "paddlepaddle", "gpu": "paddlepaddle-gpu"}
    return {paddle[extra] if one is PADDLE else (one.title or one.module).lower() for one in packages}


def test_doctor_and_refusals_know_what_is_installed_and_every_extra():
    common = project(ROOT / "common")
    assert distributions(CORE) == {Requirement(one).name for one in common["dependencies"]}
    assert list(PURPOSES) == list(common["optional-dependencies"])
    for extra, ones in common["optional-dependencies"].items():
        known = distributions((package for package in OPTIONAL if extra in package.extras), extra)
        assert known == {Requirement(one).name.lower() for one in ones} - BESIDE, extra


@pytest.mark.parametrize("name", ["common", "export"])
def test_a_distribution_carries_licence_types_and_a_readme_without_dead_links(build_packages, name, tmp_path):
    source = build_packages.source_of(name)
    built = build_packages.build(name, tmp_path / "work", tmp_path / "packages")
    package = next(path.name for path in (source / "src").iterdir() if not path.name.endswith(".egg-info"))
    with tarfile.open(built["sdist"]) as archive:
        inside = {member.name.partition("/")[2]: member for member in archive.getmembers()}
        assert {"LICENSE", "README.md", "pyproject.toml", f"src/{package}/py.typed"} <= set(inside)
        assert inside["LICENSE"].isfile()
        text = archive.extractfile(inside["README.md"]).read().decode()
    assert links((source / "README.md").read_text(encoding="utf-8"))
    assert [link for link in links(text) if "://" not in link and not link.startswith("#")] == []
    with zipfile.ZipFile(built["wheel"]) as archive:
        files = archive.namelist()
        (metadata,) = (file for file in files if file.endswith(".dist-info/METADATA"))
        said = message_from_bytes(archive.read(metadata))
    assert f"{package}/py.typed" in files
    assert any(file.endswith(".dist-info/licenses/LICENSE") for file in files)
    assert said["License-Expression"] == "Apache-2.0"
    assert said.get_payload(decode=True).decode().strip() == text.strip()
    there = (path for path in (source / "src" / package).rglob("*") if path.is_file() and path.suffix != ".pyc")
    sources = {path.relative_to(source / "src").as_posix() for path in there}
    assert sources <= set(files)


def test_a_link_of_a_readme_becomes_text_that_names_the_file(build_packages):
    folder = ROOT / "tools" / "search"
    text = (
        "[docs/search.md](../../docs/search.md#racing), [the example](../supernet/README.md#example), "
        "[below](#example), [Paddle](https://www.paddlepaddle.org.cn)"
    )
    assert build_packages.standalone(text, folder) == (
        "`docs/search.md`, the example (`tools/supernet/README.md` in the repository), "
        "[below](#example), [Paddle](https://www.paddlepaddle.org.cn)"
    )
