#!/usr/bin/env python3
"""The tunnel of kakuri-netns beside wireguard-go, in turns over the same kind of path, as ratios.

    tunnel.py KAKURI-NETNS [-n ROUNDS] [--check]

Runs as an ordinary user, in networks of its own: a client's host, and a server whose tunnel is ours for both, because
wireguard-go as the server would be all that is measured. Each round sends and receives over TCP by iperf3 and counts
the processor time of the client's tunnel; then both are pinged. With --check it fails below the bars.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

SECONDS = 4
BARS = {"send": 4.0, "receive": 6.0, "CPU": 5.0, "latency": 1.0}


def stop(why):
    sys.exit(f"tunnel.py: {why}")


def sh(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout.strip()


def wait_for(what, *words):
    for _ in range(200):
        if subprocess.run(words, capture_output=True).returncode == 0:
            return
        time.sleep(0.05)
    stop(f"no {what}")


def keys():
    private = sh("wg", "genkey")
    return private, sh("wg", "pubkey", input=private)


def network(script):
    """A network namespace, held by a process that runs the script; how to enter it."""
    held = subprocess.Popen(["unshare", "-nm", "sh", "-c", f"ip link set lo up; {script} echo made; exec sleep infinity"],
                            stdout=subprocess.PIPE)
    held.stdout.readline()
    return held, ["nsenter", "-t", str(held.pid), "-n", "-m"]


def cable(near, near_in, far, number):
    name, net = f"eth{number}", f"198.51.{number}"
    sh(*near_in, "ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", str(far.pid))
    for inside, host in ((near_in, 1), (["nsenter", "-t", str(far.pid), "-n"], 2)):
        sh(*inside, "ip", "addr", "add", f"{net}.{host}/24", "dev", name)
        sh(*inside, "ip", "link", "set", name, "up")
    return f"{net}.2:51820"


def conf(folder, name, private, address, peers, port=""):
    path = os.path.join(folder, name)
    text = f"[Interface]\nPrivateKey = {private}\nAddress = {address}\nDNS = 10.9.0.1\n{port}"
    for public, allowed, endpoint in peers:
        text += f"[Peer]\nPublicKey = {public}\nAllowedIPs = {allowed}\n{endpoint}"
    with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        file.write(text)
    return path


def children(pid):
    found = sh("pgrep", "-P", str(pid)).split()
    return [int(child) for child in found]


def cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ours(program, path, inside, command):
    """A tunnel by hand: the process that minds it, the tunnel's own pid, and how to enter its network."""
    minder = subprocess.Popen([*inside, program, "--vpn", path, "--", *command],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        parts = [] if minder.poll() is not None else subprocess.run(
            ["pgrep", "-P", str(minder.pid)], capture_output=True, text=True).stdout.split()
        if len(parts) == 2 and subprocess.run(["pgrep", "-P", parts[1]], capture_output=True).returncode == 0:
            return minder, int(parts[0]), ["nsenter", "-t", parts[1], "-U", "-n", "--preserve-credentials"]
        time.sleep(0.05)
    stop("the tunnel does not start")


def measure(client, back):
    inside, tunnel = client
    before = cpu(tunnel)
    words = [*inside, "iperf3", "-c", "10.9.0.1", "-t", str(SECONDS), "-J", *(["-R"] if back else [])]
    end = json.loads(sh(*words))["end"]
    gigabits = end["sum_received"]["bytes"] * 8 / 1e9
    return gigabits / SECONDS, (cpu(tunnel) - before) / gigabits


def latency(client):
    said = sh(*client[0], "ping", "-q", "-i", "0.01", "-c", "300", "10.9.0.1")
    return float(re.search(r"= [\d.]+/([\d.]+)/", said).group(1))


def main(program, rounds, check):
    folder = tempfile.mkdtemp(prefix="kakuri-bench.")
    sh("ip", "link", "set", "lo", "up")
    server, first, second = keys(), keys(), keys()
    far, far_in = network("")
    near, near_in = network("mount -t tmpfs none /run;")
    here = cable(near, [], far, 100)
    there = cable(near, near_in, far, 101)
    held = [far, near]
    try:
        peers = [(first[1], "10.9.0.2/32", ""), (second[1], "10.9.0.3/32", "")]
        path = conf(folder, "server.conf", server[0], "10.9.0.1/24", peers, "ListenPort = 51820\n")
        held.append(ours(program, path, far_in, ["iperf3", "-s"])[0])
        path = conf(folder, "client.conf", first[0], "10.9.0.2/24", [(server[1], "10.9.0.0/24", f"Endpoint = {here}\n")])
        minder, tunnel, inside = ours(program, path, [], ["sleep", "infinity"])
        held.append(minder)
        go = subprocess.Popen([*near_in, "env", "WG_PROCESS_FOREGROUND=1", "wireguard-go", "wg0"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        held.append(go)
        wait_for("wireguard-go", *near_in, "wg", "show", "wg0")
        sh(*near_in, "wg", "set", "wg0", "private-key", "/dev/stdin", "peer", server[1], "allowed-ips", "10.9.0.0/24",
           "endpoint", there, input=second[0])
        sh(*near_in, "ip", "addr", "add", "10.9.0.3/24", "dev", "wg0")
        sh(*near_in, "ip", "link", "set", "wg0", "mtu", "1420", "up")
        clients = {"kakuri": (inside, tunnel), "wireguard-go": (near_in, go.pid)}
        for inside, _ in clients.values():
            wait_for("answer", *inside, "ping", "-c", "1", "-W", "1", "10.9.0.1")
        report(clients, rounds, check)
    finally:
        for process in reversed(held):
            process.kill()
            process.wait()
        subprocess.run(["rm", "-rf", folder])


def report(clients, rounds, check):
    ratios = {}
    for number in range(rounds):
        order = list(clients.items())[:: 1 if number % 2 else -1]
        for what, back in (("send", False), ("receive", True)):
            seen = {name: measure(client, back) for name, client in order}
            (speed, cost), (their_speed, their_cost) = seen["kakuri"], seen["wireguard-go"]
            print(f"{what:8} kakuri {speed:.2f} Gbit/s {cost:.3f} s/Gbit   "
                  f"wireguard-go {their_speed:.2f} Gbit/s {their_cost:.3f} s/Gbit", flush=True)
            ratios.setdefault(what, []).append(speed / their_speed)
            ratios.setdefault(f"CPU, {what}", []).append(their_cost / cost)
        seen = {name: latency(client) for name, client in order}
        ratios.setdefault("latency", []).append(seen["wireguard-go"] / seen["kakuri"])
    low = []
    for what, all_of_it in ratios.items():
        ratio = statistics.median(all_of_it)
        bar = BARS[what.split(",")[0]]
        print(f"{what:14} {ratio:.2f} times better (bar {bar})")
        if ratio < bar:
            low.append(what)
    if check and low:
        stop(f"below the bar: {', '.join(low)}")


if __name__ == "__main__":
    words = sys.argv[1:]
    if os.environ.get("BENCH_INSIDE") != "yes":
        os.environ["BENCH_INSIDE"] = "yes"
        os.execvp("unshare", ["unshare", "-Urnm", sys.executable, os.path.abspath(__file__), *words])
    if not words:
        stop("usage: tunnel.py KAKURI-NETNS [-n ROUNDS] [--check]")
    count = int(words[words.index("-n") + 1]) if "-n" in words else 5
    main(words[0], count, "--check" in words)
