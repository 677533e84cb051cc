"""The fixed instruments: shipped networks that classify and embed signals."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Trial, is_record, once
from ecgsynth.evaluation.reference_models.classifiers import Network, features, predict
from ecgsynth.evaluation.reference_models.resnet import ResNet1D
from ecgsynth.evaluation.reference_models.xresnet import XResNet1D
from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.rates import at_rate
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12, twelve_leads

SHIPPED = ("mitbih-instrument", "ptbxl-instrument")
"""Stems: beats of one lead (mitbih:train, early stop on mitbih:validation), 12-lead records of
10 s (ptbxl:train, early stop on ptbxl:validation)."""

COMPONENTS = 32
"""Dimensions of an embedding (PCA of the penultimate layer)."""

LEAST_PER_LEAD = 8
"""Least coordinates of a lead, if no instrument fits the signals."""


@dataclass(frozen=True)
class Instrument:
    """A network trained on real recordings, with the PCA of its penultimate layer.

    mean, axes: of the PCA.
    spec: of its training items.
    facts: how it was make_instrument.
    hash: of its file.
    """

    net: Network
    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    spec: Spec
    facts: dict[str, Any]
    hash: str

    def knows(self, spec: Spec) -> bool:
        """Whether it accepts such signals.

        Beats must have its window and rate; records may have another rate and length, if they have
        the leads.
        """
        if spec.unit != "mV":
            return False
        if not is_record(self.spec):
            same = ("samples", "fs")
            return len(spec.leads) == len(self.spec.leads) and all(
                getattr(spec, name) == getattr(self.spec, name) for name in same
            )
        return is_record(spec) and set(INDEPENDENT_LEADS) <= set(spec.leads)

    def predict(self, ecg: Ecg) -> NDArray[np.float32]:
        """[item, class of its spec] probabilities."""
        return predict(self.net, self._prepare(ecg), self.spec.multilabel)

    def embed(self, ecg: Ecg) -> NDArray[np.float64]:
        """[item, 32] coordinates."""
        return (features(self.net, self._prepare(ecg)) - self.mean) @ self.axes

    def _prepare(self, ecg: Ecg) -> Ecg:
        """The signals resampled to its rate, in its leads."""
        if not is_record(self.spec):
            return ecg
        rows = [ecg.spec.leads.index(lead) for lead in INDEPENDENT_LEADS]
        spec = Spec(LEADS_12, ecg.spec.fs, ecg.spec.samples)
        return at_rate(Ecg(twelve_leads(ecg.signal[:, rows]), spec), self.spec.fs)

    def save(self, path: Path) -> None:
        """Write it as safetensors, the network in 16 bits."""
        import torch
        from safetensors.torch import save_file

        tensors = {f"net/{k}": v.half().contiguous() for k, v in self.net.state_dict().items()}
        tensors["pca/mean"] = torch.tensor(self.mean).float()
        tensors["pca/axes"] = torch.tensor(self.axes).float()
        facts = json.dumps(self.facts | {"spec": self.spec.to_json()})
        with atomic_write(path) as temporary:
            save_file(tensors, temporary, {"facts": facts})

    @classmethod
    def load(cls, path: Path) -> Instrument:
        """Read an instrument from its file.

        Raises
        ------
        EcgsynthError: the file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                facts = json.loads(file.metadata()["facts"])
                tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            spec = Spec.from_json(facts["spec"])
            kind = XResNet1D if is_record(spec) else ResNet1D
            net: Network = kind(len(spec.leads), len(spec.classes), 1.0)
            net.load_state_dict(
                {k.removeprefix("net/"): v for k, v in tensors.items() if k.startswith("net/")}
            )
            mean, axes = tensors["pca/mean"].numpy(), tensors["pca/axes"].numpy()
        except (SafetensorError, OSError, KeyError, TypeError, RuntimeError) as problem:
            raise EcgsynthError(f"the instrument {path} is damaged ({problem}).") from None
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        return cls(net.eval(), mean, axes, spec, facts, digest)


def make_instrument(net: Network, train: Ecg, facts: dict[str, Any]) -> Instrument:
    """An instrument of a trained network; its PCA is fitted on its training set."""
    from sklearn.decomposition import PCA

    pca = PCA(COMPONENTS, random_state=0).fit(features(net, train))
    axes = np.ascontiguousarray(pca.components_.T)
    return Instrument(net, pca.mean_, axes, train.spec, facts, "")


@lru_cache(maxsize=1)
def instruments() -> tuple[Instrument, ...]:
    """The shipped instruments."""
    folder = Path(str(files("ecgsynth"))) / "pretrained" / "instruments"
    paths = [folder / f"{stem}.safetensors" for stem in SHIPPED]
    return tuple(Instrument.load(path) for path in paths if path.is_file())


def instrument(spec: Spec) -> Instrument | None:
    """The shipped instrument that accepts such signals."""
    return next((one for one in instruments() if one.knows(spec)), None)


def embed(ecg: Ecg) -> NDArray[np.float64]:
    """[item, 32 or more] coordinates for distances, coverage and the Frechet distance.

    The penultimate layer of the shipped instrument that accepts such signals, after its PCA. If
    none does: for beats the first DCT coefficients of every lead; for records the spectrum of every
    lead and the correlations of leads. All of these are fixed, so that two sets can be embedded
    separately; the number of coordinates of the last two grows with the leads.
    """
    known = instrument(ecg.spec)
    if known is not None:
        return known.embed(ecg)
    if is_record(ecg.spec):
        return _spectral(ecg)
    from scipy.fft import dct

    keep = min(max(COMPONENTS // len(ecg.spec.leads), LEAST_PER_LEAD), ecg.spec.samples)
    cosines = dct(ecg.signal.astype(np.float64), norm="ortho", axis=2)[..., :keep]
    return cosines.reshape(len(ecg), -1)


def _spectral(ecg: Ecg) -> NDArray[np.float64]:
    """[item, feature]: log power in octave-wide bands of every lead, and correlations of leads."""
    from scipy.signal import welch

    hz, power = welch(
        ecg.signal, ecg.spec.fs, nperseg=min(ecg.spec.samples, round(2 * ecg.spec.fs)), axis=-1
    )
    edges = [0, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, ecg.spec.fs]
    bands = [
        np.log10(power[..., (hz >= low) & (hz < high)].mean(-1) + 1e-9)
        for low, high in itertools.pairwise(edges)
        if ((hz >= low) & (hz < high)).any()
    ]
    found = np.stack(bands, 2).reshape(len(ecg), -1)
    if len(ecg.spec.leads) > 1:
        flat = ecg.signal - ecg.signal.mean(2, keepdims=True)
        flat = flat / np.maximum(np.linalg.norm(flat, axis=2, keepdims=True), 1e-6)
        upper = np.triu_indices(len(ecg.spec.leads), 1)
        found = np.concatenate([found, (flat @ flat.transpose(0, 2, 1))[:, *upper]], 1)
    return found.astype(np.float64)


@once
def embedded(trial: Trial) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All synthetic and test items as points [item, 32] in the embedding."""
    assert trial.test is not None
    return embed(trial.synthetic.quantised()), embed(trial.test.quantised())
