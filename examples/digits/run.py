"""Train the digits from end to end on this machine: the data, ``smc run``, and the saved model in a fresh process.

Exits with 0 where the model is good enough.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(example, program, job_dir):
    """Run the steps one after the other; the first that fails ends it with its exit code."""
    code_dir = job_dir / "code"
    code_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy2(example / program, code_dir)
    job = {**os.environ, "SAGEMAKER_BASE_DIR": str(job_dir.resolve()), "SAGEMAKER_PROGRAM": program}
    for step in (
        [HERE / "prepare_data.py", job_dir],
        ["-m", "smc_core", "run"],
        [example / "evaluate.py", job_dir],
    ):
        ended = subprocess.run([sys.executable, *step], env=job, check=False)  # noqa: S603 - our own programs
        if ended.returncode != 0:
            return ended.returncode
    return 0


if __name__ == "__main__":
    examples = sorted(path.parent.name for path in HERE.parent.glob("*_digits/evaluate.py"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("example", nargs="?", default="keras_digits", choices=examples)
    parser.add_argument("program", nargs="?", default="train.py", help="train.py, train_script.py or train_ps.py")
    parser.add_argument("job_dir", nargs="?", default="demo/job", type=Path, help="folder laid out as /opt/ml")
    options = parser.parse_args()
    if not (HERE.parent / options.example / options.program).is_file():
        parser.error(f"{options.example} has no {options.program}")
    sys.exit(main(HERE.parent / options.example, options.program, options.job_dir))
