"""Check that each of the six tools works alone: in an environment that holds it, ganc-common and what they require.

Run by `make check-tools` with the Python of an environment that has setuptools. In each environment the other five
tools must be absent, `pip check` content, `--help` and one tiny run good. The runs make a pipeline: a stage reads the
files that the stages before wrote from their own environments. What is installed are the wheels that `make wheels`
builds.
"""

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from build_packages import ROOT, CheckError, build_all, run

TRAINING = "--data set --load-size 36 --crop-size 32 --batch-size 2 --max-steps 2"
STAGES = {
    "replace": f"{TRAINING} --discriminator-width 8 --width 8 --n-blocks 3 -o replace.safetensors",
    "distill": f"{TRAINING} --teacher replace.safetensors --width 8 -o distill.safetensors",
    "supernet": f"{TRAINING} --teacher replace.safetensors --student distill.safetensors"
    " --space 8,4/8,4/8/8/8/8/8/8 -o supernet.safetensors",
    "search": "--data set --supernet supernet.safetensors -o search.h5",
    "finetune": f"{TRAINING} --teacher replace.safetensors --supernet supernet.safetensors --results search.h5"
    " -o finetune.safetensors",
    "export": "--checkpoint finetune.safetensors -o exported",
}
DEMO_SET = "from ganc.demo.dataset import write_demo_set; write_demo_set('set', train=4, test=4, size=36)"
FIND_MODULES = (
    "import importlib.util, sys; found = [name for name in sys.argv[1:] if importlib.util.find_spec(name)];"
    "found and sys.exit('importable: ' + ' '.join(found))"
)


def check_tool(name: str, wheels: Mapping[str, Path], environment: Path, folder: Path) -> None:
    """Install one tool into a new environment, look at what is there, and run it in `folder`.

    Raises:
        CheckError: something failed.
    """
    run(sys.executable, "-m", "venv", environment, folder=folder)
    python, command = environment / "bin" / "python", environment / "bin" / f"ganc-{name}"
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    constraints = ROOT / "constraints.txt"
    # lite0: what the recipe of the stages that distill learns by.
    run(*pip, "install", "-qq", "-c", constraints, f"{wheels['common']}[lite0]", f"{wheels[name]}[cpu]", folder=folder)
    run(*pip, "check", folder=folder)
    run(python, "-c", FIND_MODULES, *(f"ganc_{other}" for other in STAGES if other != name), folder=folder)
    if not run(command, "--help", folder=folder).startswith("Usage: "):
        raise CheckError(f"{command.name} --help: printed no usage")
    run(command, *STAGES[name].split(), folder=folder)


def check_all(work: Path) -> int:
    """Check the tools one after the other, with a line each; return how many failed."""
    wheels = {name: files["wheel"] for name, files in build_all(work, work / "packages").items()}
    folder = work / "files"
    folder.mkdir()
    run(sys.executable, "-c", DEMO_SET, folder=folder)
    failures = 0
    for name in STAGES:
        start = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(dir=work) as environment:
                check_tool(name, wheels, Path(environment), folder)
            result = "works alone, --help and a run are good"
        except CheckError as error:
            failures += 1
            result = f"FAILED\n{error}"
        print(f"ganc-{name:9}{result} ({time.monotonic() - start:.0f} s)", flush=True)
    return failures


def main() -> None:
    """Exit with 1 if a tool does not work alone."""
    with tempfile.TemporaryDirectory(prefix="ganc-check-tools-") as work:
        try:
            failures = check_all(Path(work))
        except CheckError as error:
            sys.exit(str(error))
    if failures:
        sys.exit(f"{failures} of {len(STAGES)} tools failed")


if __name__ == "__main__":
    main()
