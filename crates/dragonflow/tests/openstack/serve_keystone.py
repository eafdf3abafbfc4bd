"""A keystone for tests: what it lacks is made, and then it is served until it is killed.

Arguments: the directory of its files, the address and the port on which it listens. One process takes all steps of an
installation: to start Python and load keystone costs more than most of them do.
"""

import grp
import multiprocessing
import os
import pathlib
import pwd
import socketserver
import sys
import wsgiref.simple_server

from keystone.cmd import cli
from keystone.server import wsgi

CONFIGURATION = """
[DEFAULT]
log_file = {home}/keystone.log
[database]
connection = sqlite:///{home}/keystone.db?timeout=60
[fernet_tokens]
key_repository = {home}/fernet
[fernet_receipts]
key_repository = {home}/fernet
[credential]
key_repository = {home}/credential
[identity]
password_hash_rounds = 4
"""
USER, GROUP = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


def manage(*arguments):
    # In a process of its own, since what one command configured is in the way of the next.
    command = ["keystone-manage", "--config-file", str(configuration), *arguments]
    process = multiprocessing.get_context("fork").Process(target=cli.main, args=(command,))
    process.start()
    process.join()
    if process.exitcode != 0:
        sys.exit(f"{command} ends with {process.exitcode}")


home, address, port = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
url = f"http://{address}:{port}/v3"
configuration = home / "keystone.conf"
is_new = not configuration.exists()
if is_new:
    configuration.write_text(CONFIGURATION.format(home=home))
    manage("db_sync")
for name in ("fernet", "credential"):
    if not (home / name).exists():
        (home / name).mkdir()
        manage(f"{name}_setup", "--keystone-user", USER, "--keystone-group", GROUP)
if is_new:
    manage("bootstrap", "--bootstrap-password", "secret", "--bootstrap-region-id", "RegionOne",
           "--bootstrap-public-url", url, "--bootstrap-internal-url", url, "--bootstrap-admin-url", url)
sys.argv[1:] = ["--config-file", str(configuration)]
application = wsgi.initialize_public_application()
wsgiref.simple_server.make_server(address, port, application, Server, Handler).serve_forever()
