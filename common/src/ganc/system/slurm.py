"""Which task of a Slurm array this process is, from the variables that Slurm gives each of them."""

from collections.abc import Mapping

from ganc.base.errors import SpecError
from ganc.base.text import parse_whole, shortened

# sbatch, "OUTPUT ENVIRONMENT VARIABLES": the index of this task, how many tasks the array has, its ends.
ID, COUNT, FIRST, LAST = (f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "COUNT", "MIN", "MAX"))
_ADVICE = "submit with 'sbatch --array=1-N', or name the part, such as --shard 3/16"


def array_part(variables: Mapping[str, str]) -> tuple[int, int]:
    """Return which part, from 1, of how many a task of an array has.

    An array that does not begin at 1 or leaves numbers out is refused: of one such as 0-15, or of the parts of another
    that are to be done again, some task would take a part that is not its own.

    Raises:
        SpecError: a variable is missing, is no number, or is of another array than 1 to N.
    """
    values = {}
    for name in (ID, COUNT, FIRST, LAST):
        text = variables.get(name)
        if text is None and name in (FIRST, LAST):  # of other programs that start arrays, not all say these
            continue
        if text is None:
            raise SpecError(f"{name} is not set, as it is in a task of a Slurm array: {_ADVICE}")
        try:
            values[name] = parse_whole(text)
        except SpecError:
            raise SpecError(f"{name}={shortened(text)!r}: expected a whole number; {_ADVICE}") from None
    part, parts = values[ID], values[COUNT]
    if not 1 <= part <= parts or values.get(FIRST, 1) != 1 or values.get(LAST, parts) != parts:
        said = ", ".join(f"{name}={value}" for name, value in values.items())
        raise SpecError(f"{said}: expected the tasks 1 to N of one array, all of them; {_ADVICE}")
    return part, parts
