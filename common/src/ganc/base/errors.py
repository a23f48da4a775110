"""The errors that ganc's libraries raise. A message is one line: which file or value, what was expected, what to do."""


class GancError(Exception):
    """Base of every error that a command shows to its user as one line."""


class DataError(GancError):
    """Images or list files are missing, unreadable or unfit."""


class TooFewImagesError(DataError):
    """There is one image where a metric needs two: nothing can be measured, and the rest can be done."""


class FileFormatError(GancError):
    """A file is not what it should be: of another kind or version, truncated, or with a wrong shape inside."""


class SpecError(GancError):
    """A width string, a search space or a pair of networks does not fit."""


class StatisticsError(GancError):
    """Statistics, features or results of different metrics meet, or their numbers are unusable."""


class SelectionError(GancError):
    """No sub-network satisfies the budget, or none can be picked as asked."""


class SettingError(GancError):
    """A setting's value is outside its limits, or two settings do not go together."""


class RunError(GancError):
    """A run directory belongs to other settings, or a run cannot continue."""


class LostProcessError(RunError):
    """Another process of the run has failed or ended; the message says which, and why where that is known."""


class ExportError(GancError):
    """An exported model does not do what its checkpoint does, or cannot be made."""


class MissingDependencyError(GancError):
    """An optional library is not installed; the message names the extra that brings it."""


class InterruptedRun(GancError):  # noqa: N818 - nothing went wrong
    """A signal stopped a run after its state was saved.

    Attributes:
        signal_number: the signal that stopped it; the exit status is 128 + this number.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number
