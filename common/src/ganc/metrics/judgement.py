"""Whether a model is better than doing nothing: its images compared with the untouched ones, in words."""

from enum import Enum

from ganc.base.ranking_metric import combined_error
from ganc.metrics.reference import Measurement


class Judgement(Enum):
    """What a model's distance to the target says beside that of the untouched images."""

    BETTER = "better"
    WITHIN_ERROR = "within the error"
    NO_BETTER = "no better"


def judged(model: Measurement, untouched: Measurement) -> Judgement:
    """Return how a model compares with the untouched images; both were measured on equally many."""
    gained = untouched.ranking - model.ranking
    if not gained > 0:
        return Judgement.NO_BETTER
    if gained <= combined_error(model.ranking_error, untouched.ranking_error):
        return Judgement.WITHIN_ERROR
    return Judgement.BETTER


def sentence(name: str, judgement: Judgement) -> str | None:
    """Return what is to be said of a model, None where it is better than doing nothing."""
    said = {
        Judgement.NO_BETTER: "is no better than doing nothing: the untouched images are as near the target, or nearer",
        Judgement.WITHIN_ERROR: "is better than the untouched images only within the standard error: it may be chance",
    }
    return f"{name} {said[judgement]}" if judgement in said else None
