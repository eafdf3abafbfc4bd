"""Runs the commands of `openstack`, one a line as a JSON list of arguments; answers a line of JSON to each.

It is the program's own entry point that runs, in one process: to start the program costs more than a command does.
"""

import contextlib
import io
import json
import logging
import sys

from openstackclient import shell


def run(arguments):
    output, errors = io.StringIO(), io.StringIO()
    # Each run adds its own, which write to the streams of that run.
    logging.getLogger().handlers.clear()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            code = shell.main(arguments)
        except SystemExit as end:
            code = end.code
    return {"code": code, "output": output.getvalue(), "errors": errors.getvalue()}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
