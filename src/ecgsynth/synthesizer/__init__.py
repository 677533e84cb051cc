"""A trained generator with its scaler, its prior of contexts and its card: load, generate, save."""

from ecgsynth.synthesizer.card import Card
from ecgsynth.synthesizer.find import shipped_models
from ecgsynth.synthesizer.shipped import pretrained
from ecgsynth.synthesizer.synthesizer import Synthesizer

__all__ = ["Card", "Synthesizer", "pretrained", "shipped_models"]
