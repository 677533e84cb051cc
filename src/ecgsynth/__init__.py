"""ecgsynth: synthetic ECG from generative adversarial networks, judged against real patients.

The public names are imported when they are first used, so that `import ecgsynth` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Annotations": "signals.annotations",
    "Card": "synthesizer",
    "Ecg": "signals.ecg",
    "EcgsynthError": "errors",
    "Marks": "signals.marks",
    "MixedDataset": "augmentation.mixed_dataset",
    "Recording": "signals.recording",
    "Report": "evaluation.report",
    "Performance": "scoring",
    "Run": "config",
    "Spec": "signals.spec",
    "SyntheticSampler": "augmentation.sampler",
    "Synthesizer": "synthesizer",
    "augment": "augmentation.arrays",
    "candidates": "evaluation.candidates",
    "complete": "completion.complete",
    "concatenate": "signals.joining",
    "evaluate": "evaluation.judge",
    "finetune": "training.finetune",
    "load": "datasets",
    "make_corpus": "corpus.make",
    "make_rhythm": "rhythm.compose",
    "merge_corpora": "corpus.check",
    "draw": "signals.paper",
    "draw_rhythm": "simulator.drawing",
    "pretrained": "synthesizer",
    "read": "formats",
    "record": "completion.record",
    "replay": "rhythm.replay",
    "Rhythm": "rhythm",
    "score": "scoring",
    "simulate_record": "simulator.records",
    "stream": "completion.stream",
    "train": "training.loop",
    "verify_corpus": "corpus.check",
    "write": "formats",
    "write_testpack": "testpack.pack",
}
__all__ = sorted(_HOME)  # noqa: PLE0605

if TYPE_CHECKING:
    from ecgsynth.augmentation.arrays import augment as augment
    from ecgsynth.augmentation.mixed_dataset import MixedDataset as MixedDataset
    from ecgsynth.augmentation.sampler import SyntheticSampler as SyntheticSampler
    from ecgsynth.completion.complete import complete as complete
    from ecgsynth.completion.record import record as record
    from ecgsynth.completion.stream import stream as stream
    from ecgsynth.config import Run as Run
    from ecgsynth.corpus.check import merge_corpora as merge_corpora
    from ecgsynth.corpus.check import verify_corpus as verify_corpus
    from ecgsynth.corpus.make import make_corpus as make_corpus
    from ecgsynth.datasets import load as load
    from ecgsynth.errors import EcgsynthError as EcgsynthError
    from ecgsynth.evaluation.candidates import candidates as candidates
    from ecgsynth.evaluation.judge import evaluate as evaluate
    from ecgsynth.evaluation.report import Report as Report
    from ecgsynth.formats import read as read
    from ecgsynth.formats import write as write
    from ecgsynth.rhythm import Rhythm as Rhythm
    from ecgsynth.rhythm.compose import make_rhythm as make_rhythm
    from ecgsynth.rhythm.replay import replay as replay
    from ecgsynth.scoring import Performance as Performance
    from ecgsynth.scoring import score as score
    from ecgsynth.signals.annotations import Annotations as Annotations
    from ecgsynth.signals.ecg import Ecg as Ecg
    from ecgsynth.signals.joining import concatenate as concatenate
    from ecgsynth.signals.marks import Marks as Marks
    from ecgsynth.signals.paper import draw as draw
    from ecgsynth.signals.recording import Recording as Recording
    from ecgsynth.signals.spec import Spec as Spec
    from ecgsynth.simulator.drawing import draw_rhythm as draw_rhythm
    from ecgsynth.simulator.records import simulate_record as simulate_record
    from ecgsynth.synthesizer import Card as Card
    from ecgsynth.synthesizer import Synthesizer as Synthesizer
    from ecgsynth.synthesizer import pretrained as pretrained
    from ecgsynth.testpack.pack import write_testpack as write_testpack
    from ecgsynth.training.finetune import finetune as finetune
    from ecgsynth.training.loop import train as train


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ecgsynth' has no attribute '{name}'")
    return getattr(import_module(f"ecgsynth.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
