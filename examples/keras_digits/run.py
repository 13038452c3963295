"""Train the digits from end to end on this machine: data, ``smc run``, and the saved model in a fresh process.

Usage: python run.py [train.py | train_script.py] [JOB_DIR]

The job lies in ``demo/job`` below the working folder unless another folder is named. Exits with 0 where the model
is good enough.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(program="train.py", job_dir="demo/job"):
    """Run the three programs one after the other; the first that fails ends it with its exit code."""
    job = {
        **os.environ,
        "SAGEMAKER_BASE_DIR": os.path.abspath(job_dir),
        "SAGEMAKER_PROGRAM": program,
        "SAGEMAKER_SUBMIT_DIRECTORY": str(HERE),
    }
    for arguments in (
        [str(HERE / "prepare_data.py"), job_dir],
        ["-m", "smc_core", "run"],
        [str(HERE / "evaluate.py"), job_dir],
    ):
        ended = subprocess.run([sys.executable, *arguments], env=job, check=False)  # noqa: S603 - our own programs
        if ended.returncode != 0:
            return ended.returncode
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 3 or "-h" in sys.argv or "--help" in sys.argv:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
