"""Dragonflow as a backend of the product-neutral bench: starts its daemons, hands the workload to `bench agent`, which
writes it into the northbound store as rows, the way a Neutron plugin does.

    cargo xtask bench side-by-side SIZE

runs it beside OVN.  DRAGONFLOW_BIN is where the programs are (default target/release of this repository)."""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from lib import Daemon, OvsHost, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get('DRAGONFLOW_BIN', os.path.join(HERE, '..', '..', 'target', 'release'))
CONFIG = """[DEFAULT]
host = {host}

[df]
local_ip = {ip}
tunnel_types = geneve
nb_db_class = etcd_nb_db_driver
remote_db_hosts = {store}
integration_bridge = br-int
ovsdb_connection = unix:{ovsdb}

[df_store]
embedded_path = {dir}/store
embedded_listen = {store}

[df_api]
bind = 127.0.0.1:{api_port}
"""


def free_port():
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    port = s.getsockname()[1]
    s.close()
    return port


class Ready(threading.Thread):
    """The other end of sd_notify: when a controller last said that it is in control."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.s.bind(path)
        self.at = None
        self.cv = threading.Condition()
        self.start()

    def run(self):
        while True:
            message = self.s.recv(4096)
            if b'READY=1' in message:
                with self.cv:
                    self.at = time.monotonic()
                    self.cv.notify_all()

    def wait(self, timeout):
        with self.cv:
            if not self.cv.wait_for(lambda: self.at is not None, timeout):
                raise TimeoutError('the controller did not become ready')
            return self.at


class Agent:
    """`bench agent`, the harness's hand in the store."""

    def __init__(self, store, logdir):
        log = open(os.path.join(logdir, 'agent.out'), 'ab')
        self.p = subprocess.Popen([os.path.join(BIN, 'bench'), 'agent', store], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
        self.cv = threading.Condition()
        self.answers = []
        self.up = {}
        self.claimed = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.p.stdout:
            now = time.monotonic()
            m = json.loads(line)
            with self.cv:
                if 'answer' in m:
                    self.answers.append(m)
                elif m['up']:
                    self.up.setdefault(m['port'], (now, m['host']))
                else:
                    self.up.pop(m['port'], None)
                self.cv.notify_all()

    def do(self, what, timeout=3600, **members):
        self.p.stdin.write(json.dumps(dict(members, do=what)) + '\n')
        with self.cv:
            if not self.cv.wait_for(lambda: self.answers, timeout):
                raise TimeoutError(what)
            answer = self.answers.pop(0)
        if answer['answer'] != 'ok':
            raise RuntimeError('%s: %s' % (what, answer['reason']))

    def wait(self, condition, timeout, what):
        with self.cv:
            if not self.cv.wait_for(condition, timeout):
                raise TimeoutError(what)

    def close(self):
        self.p.stdin.close()
        self.p.wait(20)


class Backend:
    name = 'dragonflow'

    def __init__(self, d, options=None, host_options=None):
        self.d = d
        self.store = '127.0.0.1:%d' % free_port()
        self.api_port = free_port()
        self.hosts, self.ctrl, self.ready, self.taps = {}, {}, {}, {}
        config = self._config(d, 'central', '127.0.0.1', '/nonexistent')
        self.server = Daemon('server', [os.path.join(BIN, 'dragonflow'), 'server', '--config-file', config], d)
        wait_for(lambda: self._listens() or not self.server.alive(), 30, 'server')
        self.agent = Agent(self.store, d)

    def _listens(self):
        host, port = self.store.split(':')
        try:
            socket.create_connection((host, int(port)), 1).close()
            return True
        except OSError:
            return False

    def _config(self, d, host, ip, ovsdb):
        path = os.path.join(d, 'dragonflow.ini')
        with open(path, 'w') as f:
            f.write(CONFIG.format(host=host, ip=ip, store=self.store, ovsdb=ovsdb, dir=self.d, api_port=self.api_port))
        return path

    # ---- hypervisors
    def add_host(self, host, ns=None, dummy=False, mappings='', tap=False):
        name = host['id']
        h = OvsHost(os.path.join(self.d, name), name, ns, dummy)
        self.hosts[name] = h
        h.add_bridge('br-int', 'secure')
        h.config = self._config(h.d, name, host['tunnel_ip'], h.sock)
        if tap:
            td = os.path.join(h.d, 'tap')
            os.makedirs(td)
            oftap = os.path.join(os.path.dirname(os.path.abspath(sys.modules['lib'].__file__)), 'oftap.py')
            self.taps[name] = Daemon('oftap', [sys.executable, oftap, os.path.join(td, 'br-int.mgmt'), h.mgmt(),
                                               os.path.join(td, 'stats.json')], h.d)
            wait_for(lambda: os.path.exists(os.path.join(td, 'stats.json')), 10, 'tap')
        self.start_controller(name)
        return h

    def start_controller(self, name):
        h = self.hosts[name]
        env = dict(h.env)
        if name in self.taps:
            env['OVS_RUNDIR'] = os.path.join(h.d, 'tap')
        notify = os.path.join(h.d, 'notify.%d' % time.monotonic_ns())
        self.ready[name] = Ready(notify)
        env['NOTIFY_SOCKET'] = notify
        # Not in the namespace of its switch: it reaches that by Unix sockets, and the store by loopback.
        self.ctrl[name] = Daemon('controller', [os.path.join(BIN, 'dragonflow'), 'local-controller', '--config-file',
                                                h.config], h.d, env)

    def restart_controller(self, name, graceful=True):
        self.ctrl[name].stop(signal.SIGTERM if graceful else signal.SIGKILL)
        self.start_controller(name)

    def wait_hosts(self, timeout=30):
        for ready in self.ready.values():
            ready.wait(timeout)

    def wait_up(self, ids, timeout):
        self.agent.wait(lambda: all(i in self.agent.up for i in ids), timeout, 'ports up')
        return max(self.agent.up[i][0] for i in ids)

    def sync(self, timeout=1800):
        """A controller is ready when the switch confirmed all that it knew; later changes are reported port by port."""
        return max([time.monotonic()] + [ready.wait(timeout) for ready in self.ready.values()])

    def pids(self):
        # The harness asks what OVN's southbound database spent; there is none here, and no process 0.
        p = {'server': self.server.pid, 'sb-ovsdb': 0}
        for name, h in self.hosts.items():
            p.update(h.pids())
            if name in self.ctrl:
                p[name + '.controller'] = self.ctrl[name].pid
        return p

    def extra(self):
        path = os.path.join(self.d, 'store')
        return {'db_bytes': {'store': os.path.getsize(path) if os.path.isfile(path) else 0}}

    def stop(self):
        self.agent.close()
        for d in list(self.ctrl.values()) + list(self.taps.values()):
            d.stop()
        for h in self.hosts.values():
            h.stop()
        self.server.stop()

    # ---- the workload
    def load(self, w):
        path = os.path.join(self.d, 'workload.json')
        with open(path, 'w') as f:
            json.dump(w, f)
        self.agent.do('load', file=path)

    def create_port(self, p):
        self.agent.do('create_ports', ports=[p])

    def delete_ports(self, ps):
        self.agent.do('delete_ports', ids=[p['id'] for p in ps])

    def add_rule(self, sg, r):
        self.agent.do('add_rule', group=sg, rule=r)

    def del_rule(self, sg, r):
        self.agent.do('del_rule', group=sg, rule=r)

    def delete_all(self):
        self.agent.do('delete_all')


class Binder:
    """Plays the controllers of the fake hosts: each port that is bound to one of them is claimed as soon as it is seen."""

    def __init__(self, backend, hosts):
        self.agent = backend.agent
        self.hosts = {h['id'] for h in hosts}
        self.agent.do('play', hosts=hosts)

    @property
    def n(self):
        return sum(host in self.hosts for _, host in list(self.agent.up.values()))

    def wait(self, n, timeout):
        self.agent.wait(lambda: self.n >= n, timeout, 'remote ports claimed')
        return time.monotonic()

    def close(self):
        pass
