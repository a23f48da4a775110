"""Several processes that work together, started by `python -m paddle.distributed.launch`.

Training: every process prepares its share of each batch; gradients are averaged in one flattened all-reduce, each
process's weighted by its images, which makes the step that of one process with the whole batch. Paddle's
DataParallel wrapper is not used: it aborts when a network runs more than once before a backward pass. Other work is
handed out and collected as bytes.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from ganc.system.meeting import Meeting, join
from ganc.system.runtime import paddle

_WORD = 1 << 30  # lengths are said in two whole numbers of 32 bits


@dataclass
class Processes:
    """Which of how many processes this one is.

    Every method but `writes` must be called by all processes, in the same order. They wait for each other as long as it
    takes, and raise LostProcessError where one has failed or ended.

    Attributes:
        index: from 0.
        count: how many work together.
        weight: of this process's gradients in their mean; 1 on average over the processes.
        meeting: where they wait for each other; None for one process.
    """

    index: int = 0
    count: int = 1
    weight: float = 1.0
    meeting: Meeting | None = None

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.index == 0

    def share_weights(self, networks: Iterable) -> None:
        """Give every process the weights of the first."""
        if self.count > 1:
            for network in networks:
                with self._together():
                    for parameter in network.parameters():
                        paddle.distributed.broadcast(parameter, src=0)

    def weigh(self, images: int) -> None:
        """Weigh this process's gradients by its share of a batch of so many images, of which it has every count-th."""
        self.weight = len(range(self.index, images, self.count)) * self.count / images

    def average_gradients(self, parameters: Iterable) -> None:
        """Replace each gradient by its weighted mean over the processes."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = paddle.concat([gradient.flatten() for gradient in gradients])
        if self.weight != 1.0:
            flat = flat * self.weight
        with self._together():
            paddle.distributed.all_reduce(flat)
        parts = paddle.split(flat / self.count, [int(np.prod(gradient.shape)) for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.set_value(part.reshape(gradient.shape))

    def largest(self, number: int) -> int:
        """Return the largest of the processes' whole numbers, so that all of them decide alike."""
        return self.largest_of([number])[0]

    def largest_of(self, numbers: Sequence[int]) -> list[int]:
        """Return, place by place, the largest of the processes' whole numbers."""
        if self.count == 1:
            return list(numbers)
        shared = paddle.to_tensor(list(numbers), dtype="int32")
        with self._together():
            paddle.distributed.all_reduce(shared, op=paddle.distributed.ReduceOp.MAX)
        return [int(number) for number in shared.numpy()]

    def wait_for_all(self) -> None:
        """Return when every process has called this."""
        self.largest(0)

    @contextlib.contextmanager
    def first_one_first(self) -> Iterator[None]:
        """Let the first process run the block before the others do, which then find in a cache what it made."""
        if not self.writes:
            self.wait_for_all()
        yield
        if self.writes:
            self.wait_for_all()

    def share_bytes(self, content: bytes) -> bytes:
        """Return what the first process gave; what the others give is ignored."""
        if self.count == 1:
            return content
        return self._sent(content, 0)()

    def collect_bytes(self, content: bytes) -> Iterator[bytes]:
        """Yield what each process gave, in their order, in the process that writes; nothing in the others.

        They send by turns, and every process has to iterate to the end: beside its own each holds one other's bytes at
        a time, however many there are.
        """
        if self.writes:
            yield content
        for source in range(1, self.count):
            read = self._sent(content, source)
            if self.writes:
                yield read()

    def gather_bytes(self, content: bytes) -> list[bytes]:
        """Return what each process gave, in their order; every process gets all."""
        if self.count == 1:
            return [content]
        lengths = [int.from_bytes(part, "little") for part in self._gathered(len(content).to_bytes(8, "little"), 8)]
        parts = self._gathered(content, max(lengths))
        return [part[:length] for part, length in zip(parts, lengths, strict=True)]

    def _together(self) -> AbstractContextManager[None]:
        return self.meeting.together() if self.meeting else contextlib.nullcontext()

    def _sent(self, content: bytes, source: int) -> Callable[[], bytes]:
        """Return what reads the bytes that the process `source` gave, in every process."""
        mine = content if self.index == source else b""
        high, low = self.largest_of(divmod(len(mine), _WORD))  # the others say 0
        length = high * _WORD + low
        shared = paddle.to_tensor(_padded(mine, length))
        with self._together():
            paddle.distributed.broadcast(shared, src=source)
        return lambda: shared.numpy()[:length].tobytes()  # one copy: pools of many processes are large

    def _gathered(self, content: bytes, length: int) -> list[bytes]:
        parts: list = []
        with self._together():
            paddle.distributed.all_gather(parts, paddle.to_tensor(_padded(content, length)))
        return [part.numpy().tobytes() for part in parts]


def _padded(content: bytes, length: int) -> np.ndarray:
    """Return the bytes and zeros behind them as an array of at least one element: collectives take no empty ones."""
    return np.frombuffer(content.ljust(max(1, length), b"\0"), np.uint8)


def join_processes() -> Processes:
    """Join the other processes where the launcher started several; else be the only one.

    Raises:
        LostProcessError: not all of them come.
    """
    if int(os.environ.get("PADDLE_TRAINERS_NUM", "1")) == 1:
        return Processes()
    paddle.distributed.init_parallel_env()
    processes = Processes(paddle.distributed.get_rank(), paddle.distributed.get_world_size())
    processes.meeting = join(processes.index, processes.count, processes.share_bytes)
    return processes
