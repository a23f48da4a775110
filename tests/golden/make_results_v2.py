"""Writes the golden search results of version 2. Run it once for a version; the file must then be readable for ever.

Those of version 1 have the same content.

python tests/golden/make_results_v2.py tests/golden/results-v2.h5
"""

import sys
from pathlib import Path

from ganc.results.hdf5 import write_results
from ganc.results.search_results import SearchIdentity, SearchResults
from ganc.results.table import SearchRow

IDENTITY = SearchIdentity(
    supernet_digest="5" * 64,
    generator_spec={"family": "resnet", "block": "mobile", "n_blocks": 9, "widths": [32] * 8},
    space="channels-32",
    feature_set="untrained-conv3-v1",
    feature_digest="f" * 64,
    statistics_digest="7" * 64,
    data_fingerprint="d" * 64,
    image_size=(64, 48),
)
FACTS = {"strategy": "random", "seed": 7, "subset": "Pferde-Größe 馬"}
ROWS = [
    SearchRow(
        widths=(32, 32, 32, 32, 32, 32, 32, 32),
        macs=308_000_000,
        device_macs=195_000_000,
        params=514_000,
        images=60,
        metrics={"untrained-conv3-v1": 2.5, "kid": 0.03125},
        errors={"kid": 0.0078125},
        latency_ms=12.5,
        latency_engine="paddle",
        latency_precision="f32",
        latency_device="cpu",
        seconds=1.5,
    ),
    SearchRow(
        widths=(16, 16, 32, 16, 32, 32, 16, 16),
        macs=157_800_000,
        device_macs=115_000_000,
        params=357_000,
        images=60,
        metrics={"untrained-conv3-v1": 3.25},
        seconds=0.75,
    ),
    SearchRow(widths=(16,) * 8, macs=90_000_000, device_macs=60_000_000, params=150_000, images=0),
]

if __name__ == "__main__":
    write_results(Path(sys.argv[1]), SearchResults(IDENTITY, FACTS, ROWS))
