"""ganc-search --configs: another program says which sub-networks are evaluated."""

import math

import pytest
from helpers.agreement import assert_same_search
from helpers.stages import SPACE, nothing_changes, refusal, widths_of_space
from helpers.support import UNTRAINED_SET, invoke, succeed

from ganc.base.reading import LARGEST_LIST
from ganc.base.rng import keyed_generator
from ganc.demo.dataset import write_demo_set
from ganc.metrics.evaluation import Evaluation
from ganc.models.family import format_widths
from ganc.results.hdf5 import read_results

LISTED = ("strategy",)  # what a search of a list says otherwise of itself
EVERYTHING = sorted(widths_of_space(SPACE))


@pytest.fixture
def arguments(chain):
    return ("ganc-search", "--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu")


def listed(subnets, path):
    path.write_text("# a list\n\n" + "".join(f"{format_widths(widths)}\n" for widths in subnets))
    return path


def test_a_list_in_any_order_has_the_rows_of_an_exhaustive_search(arguments, chain, tmp_path):
    shuffled = [EVERYTHING[place] for place in keyed_generator(1, "configs").permutation(len(EVERYTHING))]
    path = listed([*shuffled, *shuffled[:5]], tmp_path / "configs")
    said = succeed(*arguments, "--configs", path, "-o", tmp_path / "search.h5")
    results = read_results(tmp_path / "search.h5")
    assert_same_search(results, read_results(chain.search), other_facts=LISTED)
    assert results.facts["strategy"] == "configs"
    assert f"candidates {len(EVERYTHING)}," in said.stderr
    assert "left out" not in said.stderr


def test_a_longer_list_evaluates_only_what_is_new(arguments, tmp_path, monkeypatch):
    out = tmp_path / "search.h5"
    succeed(*arguments, "--configs", listed(EVERYTHING[:3], tmp_path / "configs"), "-o", out)
    before = {row.widths: row for row in read_results(out)}
    assert sorted(before) == EVERYTHING[:3]
    evaluated = []
    measure = Evaluation.measure_features
    monkeypatch.setattr(Evaluation, "measure_features", lambda *both: evaluated.append(both) or measure(*both))
    succeed(*arguments, "--configs", listed(EVERYTHING[1:6], tmp_path / "configs"), "-o", out)
    after = {row.widths: row for row in read_results(out)}
    assert sorted(after) == EVERYTHING[:6]
    assert len(evaluated) == 3
    assert before.items() <= after.items()


def test_standard_input_is_a_list_too(arguments, tmp_path):
    text = "\n".join(map(format_widths, EVERYTHING[4:6]))
    done = invoke(*arguments, "--configs", "-", "-o", tmp_path / "search.h5", stdin=text.encode())
    assert done.exit_code == 0, done.output
    assert sorted(row.widths for row in read_results(tmp_path / "search.h5")) == EVERYTHING[4:6]


def test_shards_of_a_list_and_a_race_over_it(arguments, chain, tmp_path):
    path = listed(EVERYTHING, tmp_path / "configs")
    for part in (1, 2):
        succeed(*arguments, "--configs", path, "--shard", f"{part}/2", "-o", tmp_path / f"{part}.h5")
    succeed("ganc", "merge", tmp_path / "1.h5", tmp_path / "2.h5", "-o", tmp_path / "merged.h5")
    assert_same_search(read_results(tmp_path / "merged.h5"), read_results(chain.search), other_facts=LISTED)
    write_demo_set(tmp_path / "data", train=4, test=12, size=32)
    raced = ("--data", tmp_path / "data", "--configs", path, "--racing", "-o", tmp_path / "raced.h5")
    succeed("ganc-search", "--supernet", chain.supernet, *UNTRAINED_SET, "--device", "cpu", *raced)
    rows = read_results(tmp_path / "raced.h5")
    assert sorted(row.widths for row in rows) == EVERYTHING
    assert [row.images for row in rows].count(12) == math.ceil(len(EVERYTHING) / 3)
    assert {row.images for row in rows} == {8, 12}


def test_the_budget_holds_for_a_list(arguments, chain, tmp_path):
    limit = sorted(row.macs for row in read_results(chain.search))[9]
    path = listed(EVERYTHING, tmp_path / "configs")
    said = succeed(*arguments, "--configs", path, "--max-macs", limit, "-o", tmp_path / "search.h5")
    results = read_results(tmp_path / "search.h5")
    assert len(results) >= 10
    assert max(row.macs for row in results) == limit
    (line,) = (line for line in said.stderr.splitlines() if "left out" in line)
    assert f" {len(EVERYTHING) - len(results)} " in line
    assert "--max-macs" in line
    one = listed([EVERYTHING[-1]], tmp_path / "one")
    with nothing_changes(tmp_path):
        said = refusal(*arguments, "--configs", one, "--max-macs", limit, "-o", tmp_path / "other.h5")
    assert "--max-macs" in said


@pytest.mark.parametrize("line", ["8_8", "8_8_8_8_8_8_8_9", "", "8 8"])
def test_a_wrong_line_is_named_and_nothing_is_evaluated(arguments, tmp_path, line):
    path = listed(EVERYTHING[:2], tmp_path / "configs")
    path.write_text(path.read_text() + line + "\n" if line else "# nothing\n")
    with nothing_changes(tmp_path):
        said = refusal(*arguments, "--configs", path, "-o", tmp_path / "search.h5")
    assert (f"{path}: line 5" if line else f"{path}: names no sub-network") in said


def test_what_is_no_list_is_named(arguments, tmp_path):
    (tmp_path / "latin").write_bytes("8_8 # für".encode("latin-1"))
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGEST_LIST + 1)
    for name, word in (("absent", "no such file"), ("latin", "UTF-8"), ("large", "more than")):
        with nothing_changes(tmp_path):
            said = refusal(*arguments, "--configs", tmp_path / name, "-o", tmp_path / "search.h5")
        assert f"{tmp_path / name}: " in said
        assert word in said
