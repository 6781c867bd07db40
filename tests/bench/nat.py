#!/usr/bin/env python3
"""Throughput of kakuri --network beside the same program alone, in turns, as ratios.

    nat.py KAKURI [-n ROUNDS] [--check RATIO]

Runs as an ordinary user, in a network of its own: a host, and another machine where iperf3 answers. Each program is
measured sending, receiving, and through a published port, over TCP.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SECONDS = os.environ.get("KAKURI_BENCH_SECONDS", "3")
# Gigabits a second below which nothing is compared.
STALLED = 0.1
HERE = os.path.abspath(__file__)
USER = ["unshare", "-U", "--map-user=1000", "--map-group=1000"]


def stop(why):
    sys.exit(f"nat.py: {why}")


def sh(*words):
    subprocess.run(words, check=True)


def network():
    """The other machine is a process, which the caller ends."""
    far = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo made; exec sleep infinity"], stdout=subprocess.PIPE)
    far.stdout.readline()
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "host", "type", "veth", "peer", "name", "far", "netns", str(far.pid))
    sh("ip", "addr", "add", "198.51.100.1/24", "dev", "host")
    sh("ip", "link", "set", "host", "up")
    there = ["nsenter", "-t", str(far.pid), "-n"]
    sh(*there, "ip", "addr", "add", "198.51.100.254/24", "dev", "far")
    sh(*there, "ip", "link", "set", "far", "up")
    sh("ip", "route", "add", "default", "via", "198.51.100.254")
    subprocess.Popen([*there, "iperf3", "-s", "-p", "5201"], stdout=subprocess.DEVNULL)
    until(lambda: ":5201" in said(*there, "ss", "-ltn"))
    return far


class Bare:
    """An unshared network namespace with the program alone, given the same address and MTU."""

    def __init__(self, program):
        self.holder = subprocess.Popen(["unshare", "-Urn", "sh", "-c", "echo made; exec sleep infinity"],
                                       stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        pid = str(self.holder.pid)
        self.inside = ["nsenter", "-t", pid, "-U", "-n", "--preserve-credentials"]
        if program == "pasta":
            words = ["pasta", "-f", "-q", "--config-net", "-t", "7000:5201", "-u", "none", "-T", "none", "-U", "none"]
            words += ["-a", "10.0.2.100", "-n", "24", "-g", "10.0.2.2", "--no-map-gw"]
            self.program = subprocess.Popen([*words, pid], stderr=subprocess.DEVNULL)
        else:
            api = tempfile.mktemp()
            words = ["slirp4netns", "-c", "-m", "65520", "--disable-host-loopback", "-a", api, pid, "tap0"]
            self.program = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until(lambda: os.path.exists(api))
            forward = {"proto": "tcp", "host_addr": "127.0.0.1", "host_port": 7000, "guest_port": 5201}
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(api)
                s.sendall(json.dumps({"execute": "add_hostfwd", "arguments": forward}).encode())
                s.shutdown(socket.SHUT_WR)
                s.recv(4096)
        until(lambda: "default" in said(*self.inside, "ip", "route"))

    def end(self):
        for process in (self.program, self.holder):
            process.kill()
            process.wait()


class Kakuri:
    """A container that waits, entered by its own exec."""

    def __init__(self, kakuri, program):
        self.words = [*USER, kakuri]
        sh(*self.words, "run", "-d", "--name", "bench", "--network", program, "-p", "7000:5201", "--",
           "sleep", "infinity")
        self.inside = [*self.words, "exec", "bench"]

    def end(self):
        sh(*self.words, "remove", "-f", "bench")


def said(*words):
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout


def until(true):
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    stop("nothing happens")


def rate(*words):
    """Gigabits a second that arrived."""
    words = [*words, "-J", "-t", SECONDS, "-O", "1"]
    try:
        ran = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        return json.loads(ran.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        return 0.0


def measure(place):
    far = [*place.inside, "iperf3", "-c", "198.51.100.254", "-p", "5201"]
    rates = {"sending": rate(*far), "receiving": rate(*far, "-R")}
    server = subprocess.Popen([*place.inside, "iperf3", "-s", "-1", "-p", "5201"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until(lambda: ":5201" in said(*place.inside, "ss", "-ltn"))
    rates["published"] = rate("iperf3", "-c", "127.0.0.1", "-p", "7000")
    server.kill()
    server.wait()
    return rates


def main(kakuri, rounds, limit):
    home = tempfile.mkdtemp(prefix="kakuri-bench.")
    os.environ.update(HOME=home, XDG_RUNTIME_DIR=home)
    far = network()
    low = []
    for program in ("pasta", "slirp4netns"):
        if not any(os.access(f"{folder}/{program}", os.X_OK) for folder in ("/usr/bin", "/usr/local/bin")):
            print(f"{program}: not installed")
            continue
        rates = {"kakuri": [], program: []}
        for turn in range(rounds):
            for name in list(rates)[:: 1 if turn % 2 else -1]:
                place = Kakuri(kakuri, program) if name == "kakuri" else Bare(program)
                rates[name].append(measure(place))
                if os.environ.get("KAKURI_BENCH_VERBOSE"):
                    print(program, name, rates[name][-1], flush=True)
                place.end()
        for what in ("sending", "receiving", "published"):
            ours, bare = ([one[what] for one in rates[name]] for name in rates)
            ratio = statistics.median(ours) / max(statistics.median(bare), 1e-9)
            print(f"{program:12} {what:10} {statistics.median(bare):6.2f} Gbit/s alone, "
                  f"{statistics.median(ours):6.2f} by kakuri: {ratio:.2f}", flush=True)
            if statistics.median(bare) < STALLED:
                print(f"{program:12} {what:10} stalls alone too: a pasta of before 2024")
            elif limit and ratio < limit:
                low.append(f"{program} {what} {ratio:.2f}")
    far.kill()
    subprocess.run(["rm", "-rf", home])
    if low:
        stop(f"below {limit}: {', '.join(low)}")


if __name__ == "__main__":
    words = sys.argv[1:]
    if os.environ.get("KAKURI_BENCH_INSIDE") != "yes":
        # In process, network and user namespaces of its own: nothing of it outlives this.
        os.environ["KAKURI_BENCH_INSIDE"] = "yes"
        os.execvp("unshare", ["unshare", "-Urnmpf", "--mount-proc", "--kill-child", "python3", HERE, *words])
    options = dict(zip(words[1::2], words[2::2]))
    if not words or set(options) - {"-n", "--check"}:
        stop("usage: nat.py KAKURI [-n ROUNDS] [--check RATIO]")
    main(words[0], int(options.get("-n", 3)), float(options.get("--check", 0)))
