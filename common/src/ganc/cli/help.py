"""Help for people: options in groups, the required ones first, and at the end the page that says more."""

import os
from collections.abc import Iterable, Mapping

import click

REQUIRED, OTHERS, RUN = "Required", "Options", "Run"
FEW = 7  # options of a command's own that need no groups

# Where each option stands, by its first long name: an option means the same in all commands that have it. What is
# named nowhere stands under OTHERS.
GROUPS = {
    "Files": (
        *("checkpoint", "teacher", "student", "supernet", "original", "init-from", "teacher-output", "output"),
        *("run-dir", "chart", "discriminator", "generator-b", "discriminator-b", "recursive", "existing", "format"),
        *("io",),
    ),
    "Budget": ("preset",),
    "Page": ("title", "sample", "runtime", "webgpu"),
    "Network": (
        *("width", "widths", "family", "block", "n-blocks", "dropout", "importance", "online", "teacher-width", "key"),
        *("discriminator-width", "refit", "start-from", "sampling", "task"),
    ),
    "Sub-networks": (
        *("space", "config", "results", "max-macs", "max-params", "max-latency", "rank", "objective", "strategy"),
        *("samples", "configs", "shard", "latency", "racing", "racing-keep", "racing-features", "group-size"),
        *("rank-check", "top", "predicted"),
    ),
    "Evolution": (
        *("population", "generations", "parent-ratio", "mutation-ratio", "mutation", "patience", "evaluations"),
    ),
    "Predictor": ("predictor-model", "predictor-first", "predictor-refits"),
    "Images": (
        *("data", "domain", "direction", "load-size", "crop-size", "resize", "eval-size", "size", "levels", "channels"),
        *("shuffle", "alpha", "tile", "overlap", "quality"),
    ),
    "Schedule": ("recipe", "epochs", "decay-epochs", "max-steps", "batch-size", "lr", "warm-up", "ema"),
    "Losses": (
        *("gan-weight", "reconstruction-weight", "feature-weight", "cycle-weight", "identity-weight"),
        *("original-weight", "loss", "gan-from"),
    ),
    "Metric": (
        *("eval-every", "choose-on", "stats", "feature-set", "reference", "kid-subsets", "kid-subset-size"),
        *("untouched",),
    ),
    OTHERS: (),
    RUN: (
        *("seed", "device", "engine", "latency-engine", "latency-precision", "precision", "batch", "threads"),
        *("repeats", "min-seconds"),
        *("time", "amp", "workers", "cores", "cache-memory", "restart", "restart-if-changed", "yes", "dry-run", "json"),
        *("defaults", "quiet", "verbose", "debug", "version", "help"),
    ),
}  # fmt: skip
OF_EVERY_COMMAND = ("json", "defaults", "quiet", "verbose", "debug", "version", "help")

PLACES = {name: (group, place) for group, names in GROUPS.items() for place, name in enumerate(names)}

# Where the pages of docs/ are read.
PAGES = "docs/"


def long_name(option: click.Option) -> str:
    """Return an option's first long name without its dashes."""
    return next((name for name in option.opts if name.startswith("--")), option.opts[0]).lstrip("-")


def group_of(option: click.Option) -> str:
    """Return the group in which help shows an option that is not required."""
    if long_name(option) == "config" and isinstance(option.type, click.Path):  # elsewhere it names a sub-network
        return "Files"
    return PLACES.get(long_name(option), (OTHERS, 0))[0]


def in_groups(options: Iterable[click.Option], moved: Mapping[str, str] | None = None) -> dict[str, list[click.Option]]:
    """Return options by their groups, those that are required first; a few need no groups.

    Args:
        moved: the groups of options that stand elsewhere in this command, by the options' long names; REQUIRED for
            those that are needed unless another option stands for them.
    """
    found: dict[str, list[click.Option]] = {name: [] for name in (REQUIRED, *GROUPS)}
    shown = [option for option in options if not option.hidden]
    own = [option for option in shown if long_name(option) not in OF_EVERY_COMMAND]
    for option in shown:
        plain = not own or (option in own and len(own) <= FEW)
        group = (moved or {}).get(long_name(option)) or group_of(option)
        needed = option.required or group == REQUIRED
        found[REQUIRED if needed else OTHERS if plain else group].append(option)
    for group in GROUPS:
        if group != OTHERS:
            found[group].sort(key=lambda option: _place_in(group, option))
    return {name: members for name, members in found.items() if members}


def _place_in(group: str, option: click.Option) -> float:
    """Return an option's place in a group; what was moved there stands behind its own, before every command's."""
    usual, place = PLACES.get(long_name(option), (group, 0))
    if usual == group:
        return place
    return next((at for at, name in enumerate(GROUPS[group]) if name in OF_EVERY_COMMAND), len(GROUPS[group])) - 0.5


class Helpful(click.Command):
    """What a Click command or group says of itself when it is asked for help.

    Attributes:
        page: the page of docs/ that says more.
        moved: as of `in_groups`.
    """

    page = "options.md"
    moved: Mapping[str, str] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        for name, members in in_groups(options, self.moved).items():
            with formatter.section(click.style(name, bold=True)):
                formatter.write_dl(list(filter(None, (one.get_help_record(ctx) for one in members))))
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write_text(f"More: {page_address(self.page)}")


def page_address(page: str) -> str:
    """Return where a page of docs/ is read."""
    return PAGES + page


def wants_colour() -> bool | None:
    """Return False where the environment asks for no colours, None where a terminal decides."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
