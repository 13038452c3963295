"""Start the user's script (:mod:`smc_core.process.script_runner`).

Python keeps compiled code for modules, but compiles the file it is started with every time. So the code that runs the
script is in a module. It is loaded without importing it: an import would leave modules behind, and the script must find
only those that Python starts with.
"""

if __name__ == "__main__":
    __file__ = f"{__file__.removesuffix('.py')}_runner.py"
    loader = type(globals()["__loader__"])
    exec(loader("smc_core.process.script_runner", __file__).get_code("smc_core.process.script_runner"))  # noqa: S102
