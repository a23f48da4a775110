"""What `import ganc` offers: a generator from any file in one call, translating, costs, comparing, choosing.

`ganc` itself imports this package when one of its names is first used, so that `import ganc` costs nothing.
"""

from ganc.api.comparing import compare, evaluate
from ganc.api.images import Picture
from ganc.api.model import Model, Profile, load
from ganc.api.selecting import select
from ganc.base.errors import GancError
from ganc.models.spec import GeneratorSpec
from ganc.results.table import SearchRow
from ganc.training.keywords import TrainingOptions

__all__ = [
    "GancError",
    "GeneratorSpec",
    "Model",
    "Picture",
    "Profile",
    "SearchRow",
    "TrainingOptions",
    "compare",
    "evaluate",
    "load",
    "select",
]
