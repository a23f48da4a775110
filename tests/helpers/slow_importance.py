"""Channel importance as method.md describes it, one weight after the other and without the library's plans."""

import numpy as np


def prune_slowly(tensors, widths, *, n_blocks, block="mobile"):
    """Return the pruned tensors by name.

    Args:
        tensors: of the wide generator, arrays by name.
        widths: eight base widths of the thin one.
    """
    return _Pruning(tensors, widths, n_blocks, block).run()


class _Pruning:
    def __init__(self, tensors, widths, n_blocks, block):
        self.tensors, self.widths, self.n_blocks, self.block = tensors, widths, n_blocks, block
        self.pruned = {}

    def run(self):
        w = self.widths
        kept = self._plain("stages.0.conv", [0, 1, 2], w[0])
        kept = self._plain("stages.1.conv", kept, 2 * w[1])
        stream = self._plain("stages.2.conv", kept, 4 * w[2])
        for segment in (3, 4, 5):
            for number in range(self.n_blocks // 3):
                name = f"stages.{segment}.blocks.{number}"
                inner = self._half(f"{name}.first", stream, 4 * w[segment])
                self._half(f"{name}.second", inner, stream)
        kept = self._transposed("stages.6.conv", stream, 2 * w[6])
        kept = self._transposed("stages.7.conv", kept, w[7])
        self._plain("stages.7.output", kept, [0, 1, 2])
        return self.pruned

    def _half(self, name, ins, outs):
        if self.block == "resnet":
            return self._plain(f"{name}.conv", ins, outs)
        depthwise = self.tensors[f"{name}.depthwise.weight"]
        self._put(f"{name}.depthwise", [[depthwise[i][0]] for i in ins], ins)
        return self._plain(f"{name}.pointwise", ins, outs)

    def _plain(self, name, ins, outs):
        """Outputs come first in the weight; `outs` is how many to keep, or which."""
        weight = self.tensors[f"{name}.weight"]
        norms = [sum(_l1(weight[o][i]) for i in ins) for o in range(len(weight))]
        kept = _ranked(norms, outs) if isinstance(outs, int) else outs
        self._put(name, [[weight[o][i] for i in ins] for o in kept], kept)
        return kept

    def _transposed(self, name, ins, count):
        """Inputs come first in the weight."""
        weight = self.tensors[f"{name}.weight"]
        norms = [sum(_l1(weight[i][o]) for i in ins) for o in range(weight.shape[1])]
        kept = _ranked(norms, count)
        self._put(name, [[weight[i][o] for o in kept] for i in ins], kept)
        return kept

    def _put(self, name, weight, kept):
        self.pruned[f"{name}.weight"] = np.array(weight, np.float32)
        self.pruned[f"{name}.bias"] = np.array([self.tensors[f"{name}.bias"][o] for o in kept], np.float32)


def _l1(kernel):
    return sum(abs(float(value)) for value in kernel.ravel())


def _ranked(norms, count):
    """The largest first; of equal ones the first index first."""
    return sorted(range(len(norms)), key=lambda channel: (-norms[channel], channel))[:count]
