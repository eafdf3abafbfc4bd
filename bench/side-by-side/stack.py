"""Dragonflow as a stack of the data-path bench: `dataplane.py --plugin stack.py --stacks direct,normal,ovn,dragonflow`."""
import subprocess

from dragonflow import Backend


class DragonflowStack(Stack):  # noqa: F821, the harness gives the class
    name = 'dragonflow'
    paths = {'same_l2': ('a1', 'a2'), 'cross_l2': ('a1', 'a3'), 'same_l3': ('a3', 'b1'),
             'cross_l3': ('a1', 'b1')}

    def start_hosts(self, real, hns):
        self.b = Backend(self.dir)
        for h in real:
            self.hosts[h['id']] = o = self.b.add_host(h, ns=hns[h['id']])
            o.add_bridge('br-ex', 'standalone')
            o.vsctl('add-port', 'br-ex', 'ext')
        self.b.wait_hosts()

    def load(self):
        self.b.load(self.w)
        self.b.wait_up([p['id'] for p in self.w['ports']], 60)

    def pids(self):
        return self.b.pids()

    def stop(self):
        for p in self.procs:
            p.kill()
            p.wait()
        if hasattr(self, 'b'):
            self.b.stop()
        for n in self.netns:
            subprocess.run(['ip', 'netns', 'del', n])


stacks = {DragonflowStack.name: DragonflowStack}
