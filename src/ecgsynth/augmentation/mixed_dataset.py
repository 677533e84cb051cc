"""A data set for PyTorch that mixes real and synthetic items while it is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ecgsynth.arguments import MOST, as_real_number, is_count, quote
from ecgsynth.arguments import check_names as listed
from ecgsynth.augmentation.arrays import DEFAULT_MODEL, Model
from ecgsynth.augmentation.augmenter import check_real_set
from ecgsynth.augmentation.matching import check_match, match_items
from ecgsynth.errors import EcgsynthError, NotThereError
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.joining import concatenate
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.inputs import counter_uniform


class MixedDataset(Dataset[tuple[Tensor, Tensor]]):
    """Real items, of which a share is replaced by synthetic ones, drawn anew every epoch.

    Item k is (signal [lead, sample] in mV, label): a class number, or [class] where items carry
    several. Whether it is synthetic, of which class and with which numbers depends on
    (seed, epoch, k) alone: the same with any number of workers, in any order. Synthetic items are
    made in blocks when one of them is first asked for, in every worker that asks, and kept until
    the next epoch.

    Parameters
    ----------
    real: the real set. model: a generator, or synthetic items that are drawn from, such as those
        that passed a gate.
    ratio: share of synthetic items, 0 to 1.
    label: classes of the synthetic ones, which take turns; those of both sets when left out.

    Raises
    ------
    EcgsynthError: a ratio outside 0 to 1, items that hold NaN or no label, a doubtful unit,
        signals that cannot be matched, an unknown class.
    """

    def __init__(
        self,
        real: Ecg,
        model: Model | Ecg = DEFAULT_MODEL,
        *,
        ratio: float = 0.5,
        label: str | Sequence[str] | None = None,
        seed: int = 0,
    ) -> None:
        if not isinstance(real, Ecg):
            raise EcgsynthError(
                "the real set is an Ecg, as es.read and es.load give it; for arrays see es.augment."
            )
        if as_real_number(ratio) is None or not 0 <= ratio <= 1:
            raise EcgsynthError(
                f"the ratio is a share of synthetic items, 0 to 1; got {quote(ratio)}."
            )
        check_real_set(real)
        bad = ~np.isfinite(real.signal).all((1, 2))
        if not real.spec.multilabel:
            bad |= real.labels_id < 0
        if bad.any():
            raise EcgsynthError(
                f"{int(bad.sum()):,} of the {len(real):,} real items hold NaN or no label; leave "
                "them out, as in real[kept]."
            )
        if not is_count(seed):
            raise EcgsynthError(f"a seed is a whole number from 0 on; got {quote(seed)}.")
        if not isinstance(model, Ecg | Synthesizer):
            model = Synthesizer.load(model)
        makes: tuple[str, ...] = () if isinstance(model, Ecg) else tuple(model.prior.classes)
        chosen = None if label is None else (label,) if isinstance(label, str) else label
        if isinstance(model, Ecg):
            makes = tuple(name for name, count in model.counts().items() if count)
        shared = [name for name in real.spec.classes if name in makes]
        names = shared if chosen is None else list(listed(chosen, "label"))
        for name in names:
            real.spec.class_index(name)
            if name not in makes:
                raise EcgsynthError(
                    f"there is nothing that makes class {name}; choose from {', '.join(makes)}."
                )
        if not names:
            what = "the model" if makes else "the empty set"
            raise EcgsynthError(f"the real set shares no class with {what} that is drawn from.")
        check_match(
            model.spec, real.spec, "the model" if isinstance(model, Synthesizer) else "the set"
        )
        self.real, self.model, self.ratio, self.seed = real, model, float(ratio), int(seed)
        self.names = names
        self.pool = (
            {name: match_items(model.of_class(name), real.spec, name).signal for name in names}
            if isinstance(model, Ecg)
            else {}
        )
        # Shared, so that workers that outlive an epoch hear of the next one.
        self.epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Other synthetic items in other places; call it before each pass, as with samplers."""
        if not is_count(epoch) or epoch > MOST:
            raise EcgsynthError(f"epochs are whole numbers, counted from 0; got {quote(epoch)}.")
        self.epoch.fill_(int(epoch))
        self._plan_epoch(int(epoch))

    def _plan_epoch(self, epoch: int) -> None:
        self.begun = epoch
        words = np.random.SeedSequence([self.seed, epoch]).generate_state(2, np.uint32)
        self.epoch_seed = int(words[0]) << 31 | int(words[1]) >> 1
        uniform = counter_uniform(self.epoch_seed, 0, len(self.real), 2)
        self.synthetic: NDArray[np.bool_] = uniform[:, 0] < self.ratio
        self.drawn = uniform[:, 1]
        # The synthetic items are numbered one after another, so that no block has idle ones.
        self.number = np.cumsum(self.synthetic) - 1
        self.blocks: dict[int, NDArray[np.float32]] = {}

    def __repr__(self) -> str:
        return f"MixedDataset({self.real!r}, ratio {self.ratio:g})"

    def __len__(self) -> int:
        return len(self.real)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        number = as_real_number(index)
        if not isinstance(number, int) or not -len(self) <= number < len(self):
            raise NotThereError(f"no item {quote(index)}: the set holds {len(self):,}, from 0.")
        index = number
        if self.begun != (epoch := int(self.epoch)):
            self._plan_epoch(epoch)
        index %= len(self)
        real = self.real
        if self.synthetic[index]:
            name = self.names[int(self.number[index]) % len(self.names)]
            signal, number = self._synthetic_item(index, name), real.spec.class_index(name)
            row = one_hot([number], len(real.spec.classes))[0]
        else:
            assert real.label is not None
            signal, row = real.signal[index], real.label[index]
        if real.spec.multilabel:
            label = torch.from_numpy(np.array(row))
        else:
            label = torch.tensor(int(row.argmax()))
        return torch.from_numpy(np.array(signal)), label

    def _synthetic_item(self, index: int, name: str) -> NDArray[np.float32]:
        """[lead, sample] of a synthetic item, as the real ones are cut."""
        if name in self.pool:
            return self.pool[name][int(self.drawn[index] * len(self.pool[name]))]
        assert isinstance(self.model, Synthesizer)
        size = self.model.sampler.size
        block, place = divmod(int(self.number[index]), size)
        if block not in self.blocks:
            stream = self.model.stream(
                size * (block + 1), self.names, self.epoch_seed, start=size * block
            )
            made = concatenate(list(stream))
            self.blocks[block] = match_items(made, self.real.spec, name).signal
        return self.blocks[block][place]
