"""Submit a training to SLURM that goes on after every time limit until it is done.

    python deploy/slurm_train.py mitbih-beats model.width=64 --to runs/mine --hours 4
    python deploy/slurm_train.py mitbih-beats --to runs/mine --nodes 2 --processes 4 --gpus

Needs submitit beside ecgsynth (`pip install submitit`), and a folder that all nodes share. Before
the time limit, and when the job must make room, submitit hears of it by SIGUSR2: the training ends
its step and writes a snapshot, the job is queued again and goes on with --resume. `scancel` leaves
a snapshot too, and the same command takes it up. Output stands in RUN/slurm.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from submitit import Job
    from submitit.helpers import DelayedSubmission

SNAPSHOT = "resume.safetensors"
NOTICE_S = 120
"""How long before the time limit the training hears of it: a step and a snapshot long."""
OFTEN = 1000
"""So many times a job may be queued again; a training may take weeks."""
PORT = 20000
"""First of ten thousand ports, by the job's number, where the processes of several nodes meet."""


class Training:
    """What a job does, once for every time limit: it starts `ecgsynth train` and waits.

    words: of the command. folder: of the run. processes: on each node.
    """

    def __init__(self, words: list[str], folder: Path, processes: int) -> None:
        self.words, self.folder, self.processes = words, folder, processes

    def __call__(self) -> None:
        resume = ["--resume"] if (self.folder / SNAPSHOT).is_file() else []
        # In a session of its own, so that SLURM's signals reach it through this process alone.
        self.child = subprocess.Popen([*self.command(), *resume], start_new_session=True)
        signal.signal(signal.SIGTERM, lambda *_: self.child.terminate())
        code = self.child.wait()
        if code:
            raise RuntimeError(f"the training ended with code {code}; its output says why.")

    def checkpoint(self) -> DelayedSubmission:
        """Called by submitit before the time limit: a snapshot, then the same again."""
        from submitit.helpers import DelayedSubmission

        self.child.terminate()
        with suppress(ChildProcessError):  # not Popen.wait, which this has interrupted
            os.waitpid(self.child.pid, 0)
        return DelayedSubmission(Training(self.words, self.folder, self.processes))

    def command(self) -> list[str]:
        """`ecgsynth train ...`, by `torchrun` where several processes train together."""
        import submitit

        job = submitit.JobEnvironment()
        words = ["-m", "ecgsynth", "train", *self.words, "--to", str(self.folder)]
        if self.processes * job.num_nodes == 1:
            return [sys.executable, *words]
        place = ["--standalone"]
        if job.num_nodes > 1:
            port = PORT + int("".join(filter(str.isdigit, job.job_id))) % 10_000
            place = [
                f"--nnodes={job.num_nodes}", f"--node-rank={job.node}",
                f"--master-addr={job.hostnames[0]}", f"--master-port={port}",
            ]  # fmt: skip
        return [
            sys.executable, "-m", "torch.distributed.run", *place,
            f"--nproc-per-node={self.processes}", *words,
        ]  # fmt: skip


def submit(words: list[str] | None = None) -> Job[None]:
    """Read the command line and queue the job."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="+", metavar="RECIPE [key=value]", help="as for a training")
    parser.add_argument("--to", type=Path, required=True, help="run folder, seen by all nodes")
    parser.add_argument("--hours", type=float, default=4.0, help="time limit of one job")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="on each node, one a GPU")
    parser.add_argument("--cpus", type=int, default=4, help="cores of each process")
    parser.add_argument("--memory", type=float, default=16.0, help="of each node, GB")
    parser.add_argument("--gpus", action="store_true", help="a GPU for each process")
    parser.add_argument("--partition", help="of the cluster; its own default when left out")
    parser.add_argument("--cluster", default="slurm", choices=["slurm", "local"],
                        help="local: on this machine, to try it")  # fmt: skip
    asked = parser.parse_intermixed_args(words)
    try:
        import submitit
    except ImportError:
        parser.exit(2, "submitting to SLURM needs submitit; run `pip install submitit`.\n")
    folder = asked.to.resolve()
    executor = submitit.AutoExecutor(
        folder / "slurm", asked.cluster, slurm_max_num_timeout=OFTEN, local_max_num_timeout=OFTEN
    )
    executor.update_parameters(
        name=f"ecgsynth-{folder.name}", nodes=asked.nodes, tasks_per_node=1,
        timeout_min=max(1, round(60 * asked.hours)), cpus_per_task=asked.cpus * asked.processes,
        mem_gb=asked.memory, gpus_per_node=asked.processes * asked.gpus,
        slurm_signal_delay_s=NOTICE_S,
        **({"slurm_partition": asked.partition} if asked.partition else {}),
    )  # fmt: skip
    job = executor.submit(Training(asked.words, folder, asked.processes))
    print(f"job {job.job_id}; output: {job.paths.stdout}, progress: ecgsynth watch {folder}")
    return job


if __name__ == "__main__":
    submit()
