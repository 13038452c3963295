"""Start the user's script (:mod:`smc_core.process.script_runner`).

Python compiles a file that it is started with each time anew, and keeps what it has compiled of a module only. So what
runs the script is in a module. Its loader is asked for the code alone: an import would leave modules behind, and the
script is to find those that Python starts with.
"""

if __name__ == "__main__":
    __file__ = f"{__file__.removesuffix('.py')}_runner.py"
    loader = type(globals()["__loader__"])
    exec(loader("smc_core.process.script_runner", __file__).get_code("smc_core.process.script_runner"))  # noqa: S102
