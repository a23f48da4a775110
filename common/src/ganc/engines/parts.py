"""Which engines run parts of a network, on the device that was chosen: segments in a search, passes in training."""

from ganc.base.engine_table import REFERENCE, engine_row, engines_of_parts
from ganc.base.errors import RunError, SpecError
from ganc.base.extras import require
from ganc.system.runtime import paddle


def require_engine_of_parts(engine: str) -> None:
    """Check that an engine can run parts of a network here.

    Raises:
        SpecError: there is no such engine, or it runs whole networks only.
        MissingDependencyError: it, or what writes its graphs, is not installed.
        RunError: it computes on the CPU, and another device was chosen.
    """
    row = engine_row(engine)
    if not row.runs_parts:
        raise SpecError(f"engine '{engine}' runs whole networks only, expected one of {', '.join(engines_of_parts())}")
    require(*row.packages)
    if row.gpu_place is None and paddle.get_device() != "cpu":
        raise RunError(f"--engine {engine} runs on the CPU: add --device cpu, or use --engine {REFERENCE}")
