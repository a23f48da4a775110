"""What type checkers and editors are told of the stages' functions: all options, with the types that these take."""

import inspect
import os
import re
import subprocess
import sys
import typing
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal

import pytest

import ganc
import ganc_distill
import ganc_export
import ganc_finetune
import ganc_replace
import ganc_search
import ganc_supernet
from ganc.base.engine_table import FORMATS, PRECISIONS, engines_of_parts, graph_engines
from ganc.base.settings import settings_of
from ganc.files.choice import Selection
from ganc.models.family import BLOCKS
from ganc.models.space import SearchSpace
from ganc.training.losses.names import WeightedLoss
from ganc.training.options import option_names
from ganc.training.settings import (
    DataSettings,
    DistillationSettings,
    InitSettings,
    RefitSettings,
    RunSettings,
    Schedule,
)
from ganc_distill.keywords import DistillOptions
from ganc_distill.settings import OnlineSettings, StudentStart
from ganc_export.keywords import ExportOptions
from ganc_export.settings import ExportSettings, Source
from ganc_export.web.page import PageSettings
from ganc_finetune.keywords import FinetuneOptions
from ganc_finetune.settings import FinetuneRun
from ganc_replace.keywords import ReplaceOptions
from ganc_replace.settings import ReplaceSettings
from ganc_search.keywords import SearchOptions
from ganc_search.settings import Budget, EvolutionSettings, PredictorSettings, SearchSettings
from ganc_search.strategies.racing import Racing
from ganc_supernet.keywords import SupernetOptions
from ganc_supernet.settings import SupernetStart

ROOT = Path(__file__).parents[2]
TRAINING = (Schedule, DataSettings)
# Each function with the type of its keyword arguments and the settings that they are of.
FUNCTIONS = [
    (ganc_replace.train, ReplaceOptions, (*TRAINING, RunSettings, ReplaceSettings, RefitSettings)),
    (
        ganc_distill.train,
        DistillOptions,
        (*TRAINING, RunSettings, StudentStart, DistillationSettings, RefitSettings, OnlineSettings),
    ),
    (
        ganc_supernet.train,
        SupernetOptions,
        (*TRAINING, RunSettings, SupernetStart, DistillationSettings, RefitSettings),
    ),
    (ganc_search.find_subnets, SearchOptions, (SearchSettings, Budget, EvolutionSettings, PredictorSettings, Racing)),
    (ganc_finetune.train, FinetuneOptions, (*TRAINING, FinetuneRun, DistillationSettings, InitSettings, Selection)),
    (ganc_export.export_model, ExportOptions, (Source, Selection, ExportSettings, PageSettings)),
]
IDS = ["replace", "distill", "supernet", "search", "finetune", "export"]

PATH = {str, os.PathLike[str]}
WIDTHS = {int, str, Sequence[int]}
# Texts whose choices no setting says, and what reads more than its field's type.
CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("SearchOptions", "engine"): ("auto", *engines_of_parts()),
    ("SearchOptions", "latency_engine"): ("auto", *graph_engines()),
    ("ReplaceOptions", "block"): BLOCKS,
    ("ExportOptions", "format"): tuple(FORMATS),
    ("ExportOptions", "precision"): tuple(PRECISIONS),
}
READS_A_FILE = ("feature_set", "results")


def members(kind: Any) -> set:
    """Return the types of a union, with literals one by one, and those of a sequence in a set of their own."""
    if kind in (None, NoneType):
        return {None}
    if typing.get_origin(kind) in (UnionType, typing.Union):
        return set().union(*map(members, typing.get_args(kind)))
    if typing.get_origin(kind) is Literal:
        return set(typing.get_args(kind))
    if typing.get_origin(kind) is Sequence and kind != Sequence[int]:
        return {frozenset(members(typing.get_args(kind)[0]))}
    return {kind}


def taken(name: str, kind: Any, choices: Sequence[str]) -> set:
    """Return the types that `Options` makes a field of a type of."""
    if isinstance(kind, str):
        return {str, SearchSpace} | ({None} if "None" in kind else set())
    if isinstance(kind, UnionType):
        (inner,) = {*typing.get_args(kind)} - {NoneType}
        return {None} | taken(name, inner, choices)
    if typing.get_origin(kind) is tuple:
        return _several(name, typing.get_args(kind), choices)
    if kind is WeightedLoss:
        return {str, WeightedLoss}
    if issubclass(kind, Enum):
        return {kind, *(one.value for one in kind)}
    if kind is int and name in ("max_macs", "max_params"):
        return {int, str}
    if kind is Path or name in READS_A_FILE:
        return set(PATH)
    return set(choices) or {kind}


def _several(name: str, parts: tuple, choices: Sequence[str]) -> set:
    if parts[-1] is not Ellipsis:
        return {int, tuple[int, int], list[int]} if name.endswith("size") else {tuple[int, int]}
    if parts[0] is int:
        return set(WIDTHS)
    one = taken(name, parts[0], choices)
    return one | {frozenset(one)}


@pytest.mark.parametrize(("function", "options", "kinds"), FUNCTIONS, ids=IDS)
def test_the_typed_options_are_those_of_the_settings_with_the_types_that_these_take(function, options, kinds):
    expected: dict[str, set] = {}
    for kind in kinds:
        said = settings_of(RunSettings) | settings_of(kind)
        for field, name in option_names(kind).items():
            choices = said[field.name][1].choices if field.name in said else ()
            found = taken(name, field.type, CHOICES.get((options.__name__, name), choices))
            found -= {None} if name in options.__required_keys__ else set()
            assert expected.setdefault(name, found) == found, name
    hints = typing.get_type_hints(options, localns={"SearchSpace": SearchSpace})
    typed = {name: members(kind) for name, kind in hints.items()}
    if function is ganc_replace.train:  # which looks at the recipe itself
        typed.pop("recipe")
    assert typed == expected
    parameter = inspect.signature(function).parameters["options"]
    assert typing.get_args(parameter.annotation) == (options,)


@pytest.mark.parametrize(("function", "options", "kinds"), FUNCTIONS, ids=IDS)
def test_a_function_takes_what_is_typed_and_needs_what_is_needed(function, options, kinds):
    others = inspect.signature(function).parameters.keys() - {"options"}
    given = dict.fromkeys(others - {"watch", "racing"}, "a")
    with pytest.raises(ganc.GancError, match="no option nonsense; it has") as caught:
        function(**given, nonsense=1)
    names = set(re.search("it has (.*)", str(caught.value))[1].split(", "))
    assert names == options.__annotations__.keys() - ({"recipe"} if options is ReplaceOptions else set())
    if options is FinetuneOptions:
        given["config"] = "8"
    complete = given | dict.fromkeys(options.__required_keys__, "a")
    for name in options.__required_keys__:
        with pytest.raises(ganc.GancError, match=f"{name} is missing"):
            function(**{key: value for key, value in complete.items() if key != name})


WRONG = """\
import ganc, ganc_distill, ganc_export, ganc_finetune, ganc_replace, ganc_search, ganc_supernet
common: ganc.TrainingOptions = {"epochs": 1}
ganc_replace.train(data="a", output="b", widht=8)  # call-arg
ganc_replace.train(data="a", output="b", block="moblie")  # arg-type
ganc_distill.train(data="a", output="b", lr="fast")  # arg-type
ganc_supernet.train(data="a", output="b", **common)  # call-arg
ganc_search.find_subnets(data="a", output="b", supernet="c", strategy="evolve")  # arg-type
ganc_finetune.train(data="a", output="b", supernet="c", teacher="d", rank="1")  # arg-type
ganc_export.export_model(output="b", format=["onnx", "tflite"])  # list-item
ganc_export.export_model(checkpoint="a")  # call-arg
wrong: ganc.TrainingOptions = {"epoch": 1}  # typeddict-unknown-key
"""


def test_a_type_checker_takes_the_examples_and_refuses_a_misspelt_option(tmp_path):
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text("\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)), encoding="utf-8")
    wrong.write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--hide-error-context", "--no-pretty", right, wrong]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    said = re.findall(r"^(.*?):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    lines = [(number, line.partition("  # ")[2]) for number, line in enumerate(WRONG.splitlines(), 1)]
    wanted = [(str(number), code) for number, code in lines if code]
    assert [(Path(file).name, *rest) for file, *rest in said] == [("wrong.py", *one) for one in wanted], done.stdout
