"""Processes that wait for each other and tell each other what ended them; here they are threads with real sockets."""

import queue
import socket
import threading
import time

import pytest

from ganc.base.errors import LostProcessError
from ganc.system import meeting
from ganc.system.meeting import Meeting, join

SECONDS = 20


def lines(count):
    """Return the lines of so many processes."""
    pairs = {index: socket.socketpair() for index in range(1, count)}
    first = {index: pair[0] for index, pair in pairs.items()}
    return [first, *({0: pair[1]} for pair in pairs.values())]


def run(count, does):
    """Let `does(meeting, lines)` run for each of `count` processes at once; return what each raised, or None."""
    raised = [None] * count
    all_lines = lines(count)

    def one(index):
        try:
            does(Meeting(index, count, all_lines[index]), all_lines[index])
        except LostProcessError as error:
            raised[index] = str(error)
        finally:
            leave(all_lines[index])

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()
    return raised


def leave(lines):
    """Close a process's lines, as the system does where it ends."""
    for line in lines.values():
        line.close()
    lines.clear()


def test_all_wait_for_the_last_one():
    came = []

    def meet(one, _):
        for turn in range(3):
            time.sleep(0.05 * ((one.index + turn) % 3))
            came.append((turn, one.index))
            one.wait()

    assert run(3, meet) == [None] * 3
    assert [turn for turn, _ in came] == [0] * 3 + [1] * 3 + [2] * 3


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_the_others_learn_why_a_process_failed(failing):
    def fail(one, own):
        one.wait()
        if one.index == failing:
            one.fail("a.png: is corrupt")
            leave(own)
        else:
            one.wait()

    expected = f"process {failing + 1} of 3 failed: a.png: is corrupt"
    assert [said for index, said in enumerate(run(3, fail)) if index != failing] == [expected] * 2


@pytest.mark.parametrize("ending", [0, 1, 2])
def test_the_others_learn_which_process_ended_without_a_word(ending):
    def end(one, own):
        one.wait()
        if one.index == ending:
            leave(own)
        else:
            one.wait()

    said = [said for index, said in enumerate(run(3, end)) if index != ending]
    assert said[0] == said[1]
    assert said[0].startswith(f"process {ending + 1} of 3 ended")


def test_a_collective_that_broke_is_explained_by_the_process_that_is_gone():
    def collect(one, own):
        if one.index == 1:
            one.wait()
            leave(own)
        else:
            with one.together():
                raise RuntimeError("TIMEOUT pair_rank = 1")

    first, _, third = run(3, collect)
    assert first == third
    assert first.startswith("process 2 of 3 ended")


def test_processes_find_each_other_and_send_strangers_away(monkeypatch):
    monkeypatch.setattr(meeting, "_joined", [])
    told: queue.Queue = queue.Queue()

    def share(content):
        if not content:
            return told.get(timeout=SECONDS)
        host, _, port = content[16:].decode().rpartition(":")
        with socket.create_connection((host, int(port))) as stranger:
            stranger.sendall(b"x" * 20)
        told.put(content)
        return content

    met = []

    def meet(index):
        one = join(index, 2, share)
        one.wait()
        met.append(index)
        one.close()

    threads = [threading.Thread(target=meet, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(met) == [0, 1]
