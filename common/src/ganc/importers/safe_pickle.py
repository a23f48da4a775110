"""Reading pickles of other programs: a small machine that builds plain containers and never runs anything.

Python's own `pickle` imports and calls what a file names. This one follows the same instructions (`pickletools`
documents them) with a table of the few names that files of tensors need; what such a name does when a file calls it is
ganc's. Anything else is refused by name.

A `pickle.Unpickler` with a list of allowed names would have a sixth of the lines, but is not as safe: a name is all
that it can refuse. Of seventeen files of at most 8 MB made to do harm, two ended the interpreter (a deeply nested tuple
as a key overflows the stack when it is hashed), and three took 2 to 4 GiB (an index of the memo of 2^28, the same text
or list copied again and again); the same class in Python ends as well, and takes 8 GiB for a declared size. The machine
below ends with an error or a plain value on all of them, with 140 MiB at most.
"""

import io
import itertools
import pickletools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# A file of a network has some thousands; the bound keeps a malicious one from running for hours.
MAX_INSTRUCTIONS = 2_000_000
KEY_TYPES = (str, int)  # others are left out: hashing a deeply nested tuple overflows the stack


class RefusedError(ValueError):
    """A file holds what ganc does not read. The message lacks the path, which the caller knows."""

    def __init__(self, message: str):
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Return a text that quotes a foreign file so that nothing in it moves the cursor or ends the line."""
    return "".join(character if character.isprintable() else "?" for character in text)


class Stateful:
    """An object that a file may give a state after making it."""

    def take_state(self, state: Any) -> None:
        """Take the state, or raise RefusedError."""
        raise NotImplementedError


class Inert(Stateful):
    """A placeholder of an object that no network needs; whatever a file does with it changes nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def take_state(self, state: Any) -> None:
        """Pass over the state."""


@dataclass(frozen=True)
class Named:
    """A name that a file refers to, and what happens when the file calls it (None: it may not be called)."""

    name: str
    call: Callable | None


def load_pickle(
    stream: io.BytesIO, names: Mapping[str, Callable | None], persistent: Callable[[Any], Any] | None = None
) -> Any:
    """Read one pickle and leave the stream behind it.

    Args:
        names: what the file may refer to, as `module.name`.
        persistent: returns the object of a persistent id, PyTorch's way to point at data outside the pickle.

    Raises:
        RefusedError: the pickle needs more than containers, numbers, texts and `names`.
        ValueError, TypeError, IndexError, KeyError: the pickle is damaged.
    """
    return _Machine(names, persistent, len(stream.getbuffer())).run(pickletools.genops(stream))


class _Machine:
    """The stack machine of a pickle. Every operand is checked to be of the machine's own plain types."""

    def __init__(self, names: Mapping[str, Callable | None], persistent: Callable[[Any], Any] | None, size: int):
        self.names, self.persistent = names, persistent
        self.copies_left = 2 * size  # characters and items that calls may copy: once what the file holds, and some
        self.stack: list = []
        self.below: list[list] = []  # the stacks under the marks
        self.memo: dict[int, Any] = {}

    def run(self, instructions: Iterator) -> Any:
        for opcode, argument, _ in itertools.islice(instructions, MAX_INSTRUCTIONS):
            if opcode.name == "STOP":
                return self.stack.pop()
            if opcode.name in _VALUES:
                self.stack.append(argument)
            elif opcode.name in _ACTIONS:
                _ACTIONS[opcode.name](self, argument)
            else:
                raise RefusedError(f"its pickle has the instruction {opcode.name}, which no file of tensors needs")
            if opcode.name in ("GLOBAL", "STACK_GLOBAL") and self.stack[-1].name not in self.names:
                raise _unknown(self.stack[-1].name, instructions)
        raise RefusedError(f"its pickle has more than {MAX_INSTRUCTIONS:,} instructions; no file of tensors needs that")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self, _: object) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list:
        items, self.stack = self.stack, self.below.pop()
        return items

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise TypeError(f"a {type(self.stack[-1]).__name__} is where a {kind.__name__} is needed")
        return self.stack[-1]

    def pop(self, kind: type) -> Any:
        self.top(kind)
        return self.stack.pop()

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise IndexError("the stack is empty")
        items = self.stack[len(self.stack) - count :]
        self.stack[len(self.stack) - count :] = [tuple(items)]

    def append(self, items: list) -> None:
        if not isinstance(self.stack[-1], Inert):
            self.top(list).extend(items)

    def set_items(self, items: list) -> None:
        if isinstance(self.stack[-1], Inert):
            return
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) in KEY_TYPES:
                target[key] = value

    def dict_since_mark(self, _: object) -> None:
        items = self.since_mark()
        self.stack.append({})
        self.set_items(items)

    def set_item(self, _: object) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def name(self, argument: str | None) -> None:
        if argument is None:
            last, module = self.pop(str), self.pop(str)
        else:
            module, _, last = argument.partition(" ")
        full = f"{module}.{last}"
        self.stack.append(Named(full, self.names.get(full)))

    def reduce(self, _: object) -> None:
        arguments, called = self.pop(tuple), self.pop(Named)
        if called.call is None:
            raise RefusedError(f"it calls {called.name}, which no file of tensors needs")
        self.copies_left -= sum(len(argument) for argument in arguments if isinstance(argument, str | list | tuple))
        if self.copies_left < 0:
            raise RefusedError("it copies the same data again and again, which no file of tensors needs")
        self.stack.append(called.call(*arguments))

    def new(self, _: object) -> None:
        arguments, called = self.pop(tuple), self.pop(Named)
        if called.call is not Inert:
            raise RefusedError(
                f"its pickle has the instruction NEWOBJ for {called.name}, which no file of tensors needs"
            )
        self.stack.append(Inert(*arguments))

    def add_items(self, _: object) -> None:
        self.since_mark()
        self.top(Inert)

    def frozen_set(self, _: object) -> None:
        self.since_mark()
        self.stack.append(Inert())

    def build(self, _: object) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Stateful):
            self.stack[-1].take_state(state)
        elif not isinstance(self.stack[-1], dict):  # that of an ordered dict (PyTorch's `_metadata`) is passed over
            raise RefusedError(f"it gives a state to a {type(self.stack[-1]).__name__}")

    def persistent_id(self, _: object) -> None:
        if self.persistent is None:
            raise RefusedError("it points at data outside its pickle where there can be none")
        self.stack.append(self.persistent(self.stack.pop()))


_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
_BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8")
_VALUES = frozenset((*_NUMBERS, *_TEXTS, *_BYTES))
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "MARK": _Machine.mark,
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "DICT": _Machine.dict_since_mark,
    "SETITEM": _Machine.set_item,
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memo)),
    "GET": lambda machine, index: machine.push(machine.memo[index]),
    "BINGET": lambda machine, index: machine.push(machine.memo[index]),
    "LONG_BINGET": lambda machine, index: machine.push(machine.memo[index]),
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.new,
    "EMPTY_SET": lambda machine, _: machine.push(Inert()),
    "ADDITEMS": _Machine.add_items,
    "FROZENSET": _Machine.frozen_set,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent_id,
}


def _unknown(name: str, instructions: Iterator) -> RefusedError:
    """Return the error about a name that is not in the table, looking ahead for what the whole pickle is."""
    if name.startswith(_MODULES) or _refers_to_modules(instructions):
        return RefusedError(
            f"is a whole pickled module ({name[:100]}): reading it would run its code; in the program that made it, "
            "save the state dict instead: torch.save(net.state_dict(), FILE)"
        )
    return RefusedError(
        f"refers to {name[:100]}, which is neither a tensor nor a plain container: reading it would run code; in the "
        "program that made it, save the state dict alone: torch.save(net.state_dict(), FILE)"
    )


_MODULES = ("torch.nn.", "paddle.nn.")


def _refers_to_modules(instructions: Iterator) -> bool:
    try:
        following = itertools.islice(instructions, MAX_INSTRUCTIONS)
        return any(isinstance(argument, str) and argument.startswith(_MODULES) for _, argument, _ in following)
    except ValueError:  # damaged further on
        return False
