"""What tests of the search's engine share: a metric in closed form instead of networks, and a search over it."""

from contextlib import nullcontext

import numpy as np

from ganc.metrics import Measurement
from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.results.journal import ResultsWriter
from ganc.system.processes import Processes
from ganc_search.evaluate.processes import Team
from ganc_search.evaluate.rounds import Rounds
from ganc_search.settings import Budget
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import Listed, exhaustive
from helpers.search_rows import IDENTITY

METRIC = IDENTITY.feature_set
SPACE = parse_space("8,6,4/8/8/8,6,4/8/8/8,6,4/8,6,4")  # 81 sub-networks
COSTS = SubnetCosts(GeneratorSpec(widths=SPACE.largest, n_blocks=3), (32, 32))


def value(widths, images):
    """A metric that prefers wide last segments, and whose ranks on few images are not quite those on all."""
    noise = np.sin(7.0 * np.dot(widths, range(1, 9)) + images)
    return 100.0 + 200.0 / images - widths[0] - 2.0 * widths[6] - 3.0 * widths[7] + 4.0 * noise / images


class Formula:
    """An evaluator without networks; it notes what it was asked for as (widths, images)."""

    images = 32
    whole_batch = 8
    metric = ranking = METRIC

    def __init__(self):
        self.asked = []

    def fits(self, group):
        return True

    def measure(self, group, images):
        self.asked.extend((tuple(widths), images) for widths in group)
        return [Measurement(value(widths, images), None, None, images) for widths in group]


def everything(space=SPACE):
    return exhaustive(Allowed(space, Budget(), COSTS))


def run(path, strategy=None, evaluator=None, *, cheap=None, signalled=lambda: 0, facts=None, **options):
    """Search into a file; return its results and the progress."""
    evaluator = evaluator or Formula()
    team = Team(Processes(), evaluator, cheap, noticing=lambda: nullcontext(signalled))
    with ResultsWriter(path, IDENTITY, facts or {}) as writer, team:
        rounds = Rounds(team, writer, SPACE, COSTS, **options)
        steps = [*rounds.run(strategy or Listed(everything()))]
        return writer.close(), steps
