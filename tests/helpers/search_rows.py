"""Small searches for the tests of results, their journal and what works on them."""

import dataclasses
import itertools

from ganc.results.search_results import SearchIdentity, SearchResults
from ganc.results.table import SearchRow

IDENTITY = SearchIdentity(
    supernet_digest="supernet",
    generator_spec={"family": "resnet", "widths": (32,) * 8},
    space="channels-32",
    feature_set="untrained",
    feature_digest="features",
    statistics_digest="statistics",
    data_fingerprint="data",
    image_size=(64, 48),
)


def make_row(widths, metric=1.0, images=60, **values):
    cost = sum(widths) * 1000 + widths[0]
    metrics = values.pop("metrics", {"untrained": metric})
    row = {"macs": cost, "device_macs": cost // 2, "params": cost // 10, "images": images, "metrics": metrics}
    return SearchRow(widths=widths, **(row | values))


def make_results(rows, facts=None, identity=IDENTITY, source="the search"):
    return SearchResults(identity, facts or {"seed": 1}, rows, source=source)


def eight_rows():
    return [make_row(widths, metric=index / 4) for index, widths in enumerate(itertools.product((16, 32), repeat=3))]


def changed(**values):
    return dataclasses.replace(IDENTITY, **values)
