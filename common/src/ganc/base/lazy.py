"""Names that a package offers without importing where they are from: `import` stays cheap."""

import importlib
from collections.abc import Callable, Mapping


def offered(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return a package's `__getattr__`: it imports a name's module when the name is first used.

    Args:
        homes: the module of each name.
    """

    def found(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return found
