#!/usr/bin/env python3
"""compare.py OVN.json OURS.json - one table out of two results of the harness on the same workload: the peer, we, how many times
less we need, and what we are after.  The harness's own report has the details."""
import json
import sys

# What is aimed at, by the size of the workload; a single number holds for every size.
AIMS = {
    'one more local port, last flow p50, ms': 10,
    'one more remote port, last flow p50, ms': 5,
    'CPU of all daemons for a local port, ms': 5,
    'restart (kill), back in control, s': {'medium': 0.5, 'large': 2, 'xlarge': 10},
    'restart (kill), flows missing, s': 0,
    'memory of the agent, MiB': {'medium': 25, 'large': 60, 'xlarge': 250},
    'memory of everything central, MiB': {'medium': 60, 'large': 200, 'xlarge': 800},
    'look-ups, other host, same network': 8,
    'look-ups, other host, routed': 10,
    'a rule in a group of ports, last flow p50, ms': 5,
    'a rule in a group of ports, flow changes': 4,
    'recirculations of an established packet, this side': 1,
}


def changes(phase):
    return sum(phase['flow_changes'][kind]['p50'] for kind in ('added', 'deleted', 'modified'))


def figures(result):
    rule = result['sgrule']
    bulk, kill = result['bulk'], result['restart']['kill']
    of_host = {name for name in bulk['mem'] if name.startswith('hv0.')}
    measured = {
        'bulk load, to the last flow, s': bulk['t_flows'],
        'bulk load, CPU of all daemons, s': bulk['cpu_total'],
        'one more local port, last flow p50, ms': result['local']['last']['p50'] * 1000,
        'one more remote port, last flow p50, ms': result['remote']['last']['p50'] * 1000,
        'CPU of all daemons for a local port, ms': result['local']['cpu_ms_total']['p50'],
        'CPU of all daemons for a remote port, ms': result['remote']['cpu_ms_total']['p50'],
        'one more member of two groups, elsewhere: flow changes': changes(result['remote']),
        'a rule in a group of ports, last flow p50, ms': rule['add']['last']['p50'] * 1000,
        'a rule in a group of ports, flow changes': changes(rule['add']),
        'a rule taken away, last flow p50, ms': rule['delete']['last']['p50'] * 1000,
        'a rule taken away, flow changes': changes(rule['delete']),
        'CPU of all daemons for a rule, ms': rule['add']['cpu_ms_total']['p50'],
        'restart (kill), back in control, s': kill['sync']['p50'],
        'restart (kill), flows missing, s': kill['outage']['p50'],
        'memory of the agent, MiB': bulk['mem']['hv0.controller']['rss'],
        'memory of everything central, MiB': sum(
            used['rss'] for name, used in bulk['mem'].items() if name not in of_host),
        'OpenFlow flows': bulk['flows'],
        'look-ups, other host, same network': bulk['trace']['cross_l2']['lookups'],
        'recirculations of an established packet, this side': bulk['trace']['cross_l2']['passes'] - 1,
    }
    routed = bulk['trace'].get('cross_l3')
    return {**measured, 'look-ups, other host, routed': routed['lookups']} if routed else measured


def aim(figure, size):
    wanted = AIMS.get(figure)
    wanted = wanted.get(size) if isinstance(wanted, dict) else wanted
    return '' if wanted is None else 'none' if wanted == 0 else '<= %g' % wanted


def number(value):
    return '%d' % value if value == int(value) else '%.2f' % value if value < 10 else '%.0f' % value


def main():
    with open(sys.argv[1]) as peer, open(sys.argv[2]) as ours:
        peer, ours = json.load(peer), json.load(ours)
    theirs, own = figures(peer), figures(ours)
    print('### %s beside %s: workload %s, %d ports (%d here)\n' % (
        ours['backend'], peer['backend'], ours['workload'], ours['ports'], ours['local_ports']))
    print('| figure | %s | %s | times less | aim |' % (peer['backend'], ours['backend']))
    print('|---|---|---|---|---|')
    for figure, value in own.items():
        times = '%.1f' % (theirs[figure] / value) if value else '' if not theirs[figure] else 'all'
        print('| %s | %s | %s | %s | %s |' % (
            figure, number(theirs[figure]), number(value), times, aim(figure, ours['workload'])))
    print()


if __name__ == '__main__':
    main()
