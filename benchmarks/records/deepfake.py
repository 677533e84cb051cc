"""Records of deepfake-ecg 1.1.2 (Thambawita et al., Sci. Rep. 2021; MIT licence), by its weights.

The package is installed in a folder of its own below the cache of the recordings, never beside
ecgsynth, and runs in a process of its own. Its weights are read as tensors alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets.store import cached_arrays, data_root
from ecgsynth.errors import EcgsynthError

PACKAGES = ("deepfake-ecg==1.1.2", "tqdm")
"""It needs PyTorch too, which is here."""

FS = 500.0

PROGRAM = """
import sys
import time
from pathlib import Path

import numpy as np
import torch
import deepfakeecg
from deepfakeecg import Generator

count, seed, target = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
weights = Path(deepfakeecg.__file__).parent / "checkpoints" / "g_stat.pt"
net = Generator()
net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["stat_dict"])
net.eval()
torch.manual_seed(seed)
parts = []
began = time.process_time()
with torch.inference_mode():
    for start in range(0, count, 16):
        noise = torch.empty(min(16, count - start), 8, 5000).uniform_(-1, 1)
        parts.append((net(noise) * 6000).int().numpy() / 1000)  # uV to mV, as its own command
spent = time.process_time() - began
np.savez(target, signal=np.concatenate(parts).astype(np.float32), seconds=spent / count)
"""


def generate(count: int, seed: int) -> NDArray[np.float32]:
    """[item, lead, sample] of its eight leads (I, II, V1-V6) in mV, at FS.

    Raises
    ------
    EcgsynthError: it cannot be installed or does not run.
    """
    return np.array(_made(count, seed)["signal"])


def seconds_per_record(count: int, seed: int) -> float:
    """CPU seconds that its network took for a record."""
    return float(_made(count, seed)["seconds"])


def _made(count: int, seed: int) -> dict[str, NDArray]:
    key = {"package": PACKAGES[0], "count": count, "seed": seed}
    return cached_arrays("deepfake-ecg", key, lambda: (_run(count, seed), {}))[0]


def _run(count: int, seed: int) -> dict[str, NDArray]:
    site = data_root() / "cache" / PACKAGES[0].replace("==", "-")
    if not (site / "deepfakeecg").is_dir():
        _call("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), *PACKAGES)
    with TemporaryDirectory() as folder:
        target = Path(folder) / "made.npz"
        code = f"import sys\nsys.path.insert(0, {str(site)!r})\n{PROGRAM}"
        _call("-W", "ignore", "-c", code, str(count), str(seed), str(target))
        with np.load(target) as file:
            return {name: np.asarray(file[name]) for name in file.files}


def _call(*words: str) -> None:
    """Run Python.

    Raises
    ------
    EcgsynthError: it fails; the message ends with the last line of its output.
    """
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise EcgsynthError(
            f"deepfake-ecg cannot be run ({last}); give a network that reaches the package index, "
            "or leave the system out."
        )
