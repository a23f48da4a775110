"""Settings: frozen dataclasses whose fields hold default, limits and help once. Options are made from them."""

from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from ganc.base.errors import SettingError

_KEY = "ganc"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a field of settings declares besides its type and default.

    Attributes:
        names: the option's names; none is `--` and the field's name.
        least, most: the bounds of a number, inclusive.
        above, below: the bounds of a number, exclusive.
        choices: the texts that there are.
        default_text: what a default of None means.
        folder: a path is that of a folder, not of a file.
        written: a path is that of something that is written, not read.
        names_file: a text may name a file that is read.
        repeats: the option may be given several times; the field is a tuple of what each gives.
        placeholder: what help calls a value; none is a word for the field's type.
    """

    help: str
    names: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    default_text: str | None = None
    folder: bool = False
    written: bool = False
    names_file: bool = False
    repeats: bool = False
    placeholder: str | None = None

    @property
    def limits(self) -> str:
        """The bounds, or the choices, in words."""
        bounds = {"at least": self.least, "above": self.above, "at most": self.most, "below": self.below}
        said = [f"{words} {bound}" for words, bound in bounds.items() if bound is not None]
        return " and ".join(said) or " or ".join(self.choices)

    def allows(self, value: Any) -> bool:
        """Whether a number is within the bounds, or a text one of the choices."""
        if self.choices:
            return value in self.choices
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
        )


def setting(help: str, default: Any = MISSING, **facts: Any) -> Any:
    """Return a dataclass field with what `Setting` says of it; Any, as for the type checker it is the field's value."""
    return field(default=default, metadata={_KEY: Setting(help=help, **facts)})


def settings_of(kind: type) -> dict[str, tuple[Field, Setting]]:
    """Return field and setting of every field that was made by `setting`, by the field's name, in their order."""
    return {one.name: (one, one.metadata[_KEY]) for one in fields(kind) if _KEY in one.metadata}


def check_limits(settings: object) -> None:
    """Raise SettingError where a value is outside its field's limits; None is within all of them."""
    for name, (_, said) in settings_of(type(settings)).items():
        value = getattr(settings, name)
        if value is not None and said.limits and not said.allows(value):
            raise SettingError(f"{name} (={value}): expected {said.limits}")
