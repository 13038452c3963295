# exit: 1
# first: KeyError: 'label' (remote_task.py:9, in fetch)
# has: Surfaced as RayTaskError(KeyError): ray::fetch() (pid=4711, ip=10.0.0.1) (remote_task.py:14, in <module>)
# Ray's form: a line of its own in place of Python's header, in colours.
import traceback


def fetch():
    return {}["label"]
try:
    fetch()
except KeyError as e:
    frames = "".join(traceback.format_exc().splitlines(True)[1:])
Kind = type("RayTaskError(KeyError)", (Exception,), {}); raise Kind("\x1b[36mray::fetch()\x1b[39m (pid=4711, ip=10.0.0.1)\n" + frames) from None
