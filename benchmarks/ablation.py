"""What the ablations of recipes share: a variant of a stage trains for as many steps as fit into a time."""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from distillation_setup import ran

from ganc.data import read_images
from ganc.workflow.estimate import epoch_steps

HALF, LAST_THIRD = "half", "two thirds"  # of the epochs come before the GAN loss
RESTART = ("--restart", "-o")  # a run must not continue what one of other settings left
FEW, MORE = 10, 70  # steps of the two runs that the speed is taken from

Variants = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Ablation:
    """Trains variants of a stage for the same time.

    The time is the processor's, so that other work on the machine does not count; OMP_NUM_THREADS=1 makes it that of a
    clock. It is taken first, from runs of a few steps; what a run needs beside its steps is left out.

    Attributes:
        command: the stage's.
        options: those of all variants, without schedule and output; a variant may name them again.
        images: how many there are to train on, of "trainA" and "trainB".
        minutes: of the processor's time, each variant.
        out: folder for the checkpoints.
    """

    command: str
    options: Sequence[object]
    images: Mapping[str, int]
    minutes: float
    out: Path

    def trained(self, name: str, variant: Sequence[str]) -> tuple[Path, dict]:
        """Train a variant, unless that is done with the same options.

        Returns:
            Its checkpoint; `steps` and `step_ms`, how many there were and how long one took.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        made = self.out / f"{_file_name(name)}.safetensors"
        notes = made.with_suffix(".json")
        options = [*self.options, *variant]
        asked = {"minutes": self.minutes, "options": [*map(str, options)]}
        if made.exists() and notes.exists() and asked.items() <= (found := json.loads(notes.read_text())).items():
            return made, found
        step = self._step_seconds(options, made)
        epoch = epoch_steps(self.images, _last(options, "--batch-size"))
        epochs = max(2, round(60 * self.minutes / step / epoch))
        half = epochs // 2
        starts = {HALF: half, LAST_THIRD: 2 * epochs // 3}
        options = [starts.get(one, one) for one in options]
        ran(self.command, *options, *("--epochs", half, "--decay-epochs", epochs - half), *RESTART, made)
        found = asked | {"steps": epochs * epoch, "step_ms": 1000 * step}
        notes.write_text(json.dumps(found))
        return made, found

    def _step_seconds(self, options: list, made: Path) -> float:
        """Return a step's processor time; where the GAN loss comes later, the mean of the steps without and with it."""
        for start, share in {HALF: 1 / 2, LAST_THIRD: 2 / 3}.items():
            if start in options:
                place = options.index(start) - 1
                rest = options[:place] + options[place + 2 :]
                without = self._step_seconds([*rest, "--gan-weight", 0], made)
                # A recipe may have a later start of its own.
                return share * without + (1 - share) * self._step_seconds([*rest, "--gan-from", 0], made)
        if "--refit" in options or "imitate" in options:
            options = [*options, "--refit", 1]  # which takes longer than the steps, and does not change their speed
        seconds: dict[int, list[float]] = {FEW: [], MORE: []}
        for steps in (*seconds, *seconds):  # the lower of two times
            schedule = ("--epochs", 1, "--decay-epochs", 0, "--max-steps", steps)
            started = os.times()
            ran(self.command, *options, *schedule, *RESTART, made)
            ended = os.times()
            used = ended.children_user + ended.children_system - started.children_user - started.children_system
            seconds[steps].append(used)
            made.unlink()
        return (min(seconds[MORE]) - min(seconds[FEW])) / (MORE - FEW)


def parsed(description: str, variants: Variants, shape: tuple[str, str], out: Path) -> argparse.Namespace:
    """Return the options of an ablation.

    Args:
        shape: the option that names what is trained, such as --widths, and its default.
        out: where checkpoints go unless said.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("teacher", type=Path, help="its checkpoint, such as ganc import makes")
    parser.add_argument("data", type=Path, help="folder with trainA, trainB, testA, testB")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="of " + "; ".join(variants))
    parser.add_argument("--minutes", type=float, default=4.0, help="of the processor's time, each variant")
    parser.add_argument(shape[0], default=shape[1], help="what is trained")
    parser.add_argument("--size", type=int, default=256, help="of the images that are compared")
    parser.add_argument("--crop", type=int, default=128, help="of the images that are trained on, two a step")
    parser.add_argument("--engine", default="openvino", help="of the training's passes")
    parser.add_argument("--out", type=Path, default=out, help="folder for the checkpoints")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    arguments = parser.parse_args()
    if unknown := set(arguments.variants or ()) - set(variants):
        parser.error(f"no variants: {'; '.join(sorted(unknown))}")
    return arguments


def ablation_of(command: str, arguments: argparse.Namespace, *shape: object) -> Ablation:
    """Return the ablation of a stage's command; `shape` are its options that name what is trained."""
    return Ablation(
        command=command,
        options=[
            *("--teacher", arguments.teacher, "--data", arguments.data, *shape),
            *("--load-size", arguments.size, "--crop-size", arguments.crop, "--batch-size", 2, "--eval-every", 0),
            *("--engine", arguments.engine, "--device", "cpu", "--seed", 1, "--recipe", "published"),
        ],
        images={subset: len(read_images(arguments.data, subset)) for subset in ("trainA", "trainB")},
        minutes=arguments.minutes,
        out=arguments.out,
    )


def training_columns(row: Mapping) -> dict[str, str]:
    """Return the columns of a table that say how a row was trained; none where it was not."""
    return {"steps": str(row["steps"]), "ms a step": f"{row['step_ms']:.0f}"} if "steps" in row else {}


def _last(options: Sequence[object], name: str) -> int:
    """Return the value of an option, which may be named several times."""
    places = [place for place, option in enumerate(options) if option == name]
    return int(str(options[places[-1] + 1]))


def _file_name(name: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in name).strip("-")
