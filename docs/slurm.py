"""Recipe: run a dgf command on workers that SLURM gives for as long as there are shards to do (`docs/clusters.md`).

    python docs/slurm.py --most 8 --queue gpu -- extract-features DATA --out FEATURES ...

Needs `pip install 'dgf[slurm]'`.
"""

import argparse
import importlib
import subprocess
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts the cluster, runs the command against its scheduler, and gives the workers back.

    Returns:
        The command's exit code.
    """
    options = _parser().parse_args(arguments)
    jobqueue = importlib.import_module("dask_jobqueue")  # an extra: this recipe alone needs it
    with jobqueue.SLURMCluster(
        queue=options.queue,
        account=options.account,
        cores=2,  # threads of the one worker in each job: a shard is written while the next is computed
        processes=1,
        job_cpu=options.cpus,
        memory=options.memory,
        walltime=options.walltime,
        job_extra_directives=[f"--gpus={options.gpus}"] if options.gpus else [],
    ) as cluster:
        cluster.adapt(minimum_jobs=0, maximum_jobs=options.most)
        device = "cuda" if options.gpus else "cpu"
        where = ["--scheduler", cluster.scheduler_address, "--device", device]
        start = [sys.executable, "-c", "from dgf.cli.main import main; main()"]
        return subprocess.run([*start, *options.command, *where], check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python docs/slurm.py", description="Run a dgf command on workers from SLURM."
    )
    parser.add_argument("--most", type=int, default=4, help="jobs at once (default: 4)")
    parser.add_argument("--queue", help="partition")
    parser.add_argument("--account", help="account to charge")
    parser.add_argument("--cpus", type=int, default=8, help="cores of a job, which read photos (default: 8)")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs of a job, 0 or 1 (default: 1)", choices=(0, 1))
    parser.add_argument("--memory", default="32GB", help="of a job (default: 32GB)")
    parser.add_argument("--walltime", default="02:00:00", help="of a job (default: 02:00:00)")
    parser.add_argument("command", nargs="+", help="extract-features or caption with its options, after `--`")
    return parser


if __name__ == "__main__":
    sys.exit(main())
