"""What every worker does, whichever the computation: check itself, load the networks, compute shards, commit them."""

from dataclasses import dataclass

from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import Computation, ComputationSpec, Report, ShardResult, Turns, use_threads
from dgf.pipeline.shards import ShardFolder


@dataclass(frozen=True, slots=True)
class ShardJob:
    """Everything a worker needs to know; the plan and the photos it finds in their folders.

    Args:
        folder: Where the shards go, claimed by the driver.
        spec: What to compute.
        device: `cpu`, `cuda` or `cuda:N`.
        threads: Of the networks on a CPU: their number changes the last bits. None for a computation without torch.
    """

    folder: ShardFolder
    spec: ComputationSpec
    device: str = "cpu"
    threads: int | None = None

    def open(self) -> "ShardWork":
        """Load the networks, once in each worker process, after a look at whether this machine can do the job.

        Raises:
            UserError: This worker lacks the device, or has other weights or files than the driver.
        """
        if self.device.startswith("cuda"):
            import torch  # a worker without a GPU may do without it

            if not torch.cuda.is_available():
                raise UserError(f"This worker has no GPU, and the device is {self.device}.", "Give --device cpu.")
        claimed = self.folder.settings
        for name, here in self.spec.describe().items():
            if here != claimed.get(name):
                raise UserError(
                    f"This worker would run another {name}: {here} instead of {claimed.get(name)}.",
                    "Give every machine the same weights and configuration files.",
                )
        use_threads(self.threads)
        return ShardWork(self.folder, self.spec.load(self.folder, self.device), Turns(self.threads))


class ShardWork:
    """A job with its networks loaded."""

    def __init__(self, folder: ShardFolder, computation: Computation, turns: Turns) -> None:
        self._folder = folder
        self._computation = computation
        self._turns = turns

    def run(self, index: int, report: Report) -> ShardResult:
        """Compute and commit one shard, unless it is committed already. Called from several threads; safe to repeat.

        Args:
            index: Number of the shard.
            report: Told, as batches end, how many photos of the shard are done.
        """
        committed = self._folder.committed(index)
        if committed is not None:
            return ShardResult.of(committed, computed=False)
        content = self._computation.compute(index, self._turns, report)
        return ShardResult.of(self._folder.commit(index, content.write, content.stats), computed=True)

    def close(self) -> None:
        """No more shards will be asked for; `run` calls that are still under way may raise early."""
        self._turns.stop()
