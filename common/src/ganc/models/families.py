"""The families of generators. A new one is a file beside `resnet.py` and a row here."""

from ganc.base.errors import SpecError
from ganc.models.family import DEFAULT_FAMILY, Family, Widths, width_numbers
from ganc.models.resnet import RESNET

FAMILIES: dict[str, Family] = {family.name: family for family in (RESNET,)}
DEFAULT = FAMILIES[DEFAULT_FAMILY]


def family_named(name: str) -> Family:
    """Return a family. Raises SpecError where there is none of that name."""
    if name not in FAMILIES:
        raise SpecError(f"generator family '{name}' is not known, expected one of {', '.join(FAMILIES)}")
    return FAMILIES[name]


def numbers_of_any_family(text: str) -> Widths:
    """Return the numbers of a width string that some family reads; `Family.full_widths` says what they mean.

    Raises:
        SpecError: no family reads it; the message is the default family's.
    """
    numbers = width_numbers(text)
    for family in FAMILIES.values():
        try:
            family.full_widths(numbers)
        except SpecError:
            continue
        return numbers
    return DEFAULT.read_widths(text)
