#!/usr/bin/env python3
"""Pulls of one image beside `skopeo copy` and `umoci unpack`, and beside `podman pull` where podman is installed, in
turns, as ratios; and the start of a container from it beside one over the host's own programs.

    pull.py KAKURI [-n ROUNDS] [--check RATIO]

Runs as an ordinary user, with Debian's docker-registry on loopback. The image has eight layers of 25 MB in 4,000 files,
half of what is in them random; KAKURI_BENCH_MEGABYTES is another size. podman keeps what it pulls in a store of its own
beside kakuri's, with the driver it takes by itself; KAKURI_BENCH_PODMAN has more options for it (--storage-driver=vfs).
"""

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

LAYERS = 8
SIZE = int(os.environ.get("KAKURI_BENCH_MEGABYTES", "200")) * 1_000_000 // LAYERS
HERE = os.path.dirname(os.path.abspath(__file__))


def layer(number):
    """A layer in gzip, and the digest of the archive in it."""
    source = random.Random(number)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        if number == 0:
            for folder in ("bin", "dev", "etc", "proc", "root", "sys", "tmp"):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
            tar.add("/bin/busybox", "bin/busybox")
            for name in ("sh", "true"):
                entry = tarfile.TarInfo(f"bin/{name}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(entry)
        written = 0
        while written < SIZE:
            length = source.choice((2_000, 20_000, 200_000, 100_000))
            entry = tarfile.TarInfo(f"usr/share/l{number}/{written % 37}/f{written}")
            entry.size, entry.mode = length, 0o644
            half = source.randbytes(length // 2)
            tar.addfile(entry, io.BytesIO((half + b"plain text " * length)[:length]))
            written += length
    archive = out.getvalue()
    return gzip.compress(archive, 6), hashlib.sha256(archive).hexdigest()


def image(folder):
    """A folder of the OCI layout with the image."""
    blobs = os.path.join(folder, "blobs", "sha256")
    os.makedirs(blobs)

    def put(media, data):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as file:
            file.write(data)
        return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{digest}", "size": len(data)}

    packed, ids = zip(*[layer(number) for number in range(LAYERS)])
    layers = [put("layer.v1.tar+gzip", data) for data in packed]
    config = put("config.v1+json", json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["true"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in ids]}}).encode())
    manifest = put("manifest.v1+json", json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
        "layers": layers}).encode())
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "bench"}
    with open(os.path.join(folder, "index.json"), "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
    with open(os.path.join(folder, "oci-layout"), "w") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')


def timed(words, **more):
    began = time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"pull.py: {' '.join(words)}: {done.stderr.decode(errors='replace')}")
    return time.perf_counter() - began


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    words = sys.argv[1:]
    rounds, check = 3, None
    if "-n" in words:
        at = words.index("-n")
        rounds = int(words[at + 1])
        del words[at:at + 2]
    if "--check" in words:
        at = words.index("--check")
        check = float(words[at + 1])
        del words[at:at + 2]
    if len(words) != 1:
        sys.exit("usage: pull.py KAKURI [-n ROUNDS] [--check RATIO]")
    kakuri = words[0]
    for program in ("docker-registry", "skopeo", "umoci"):
        if shutil.which(program) is None:
            sys.exit(f"pull.py: no {program}: apt-get install docker-registry skopeo umoci")
    with tempfile.TemporaryDirectory(prefix="kakuri-bench.") as top:
        oci, home = os.path.join(top, "oci"), os.path.join(top, "home")
        os.makedirs(home)
        image(oci)
        registry = f"127.0.0.1:{free_port()}"
        settings = os.path.join(top, "config.yml")
        with open(settings, "w") as file:
            file.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
                       f"storage: {{filesystem: {{rootdirectory: {top}/store}}}}\nhttp: {{addr: {registry}}}\n")
        server = subprocess.Popen(["docker-registry", "serve", settings], stderr=subprocess.DEVNULL)
        try:
            measure(kakuri, registry, top, home, rounds, check)
        finally:
            server.kill()
            server.wait()
            subprocess.run([kakuri, "image", "rm", "-f", f"{registry}/bench:latest"], env=dict(os.environ, HOME=home),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def measure(kakuri, registry, top, home, rounds, check):
    name = f"{registry}/bench:latest"
    env = dict(os.environ, HOME=home)
    skopeo = ["skopeo", "copy", "-q", "--insecure-policy"]
    for _ in range(100):
        if subprocess.run([*skopeo, "--dest-tls-verify=false", f"oci:{top}/oci:bench", f"docker://{name}"],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0:
            break
        time.sleep(0.1)
    times = {"kakuri": [], "skopeo+umoci": [], "podman": []}
    podman = podman_of(top)
    try:
        take_turns(kakuri, name, top, env, skopeo, podman, rounds, times)
    finally:
        if podman:
            # Owned by the ids of a range, which only their root may remove.
            subprocess.run([*podman[0], "unshare", "rm", "-rf", f"{top}/podman"], check=False)
    report(kakuri, name, env, times, check)


def podman_of(top):
    """podman with a store and a policy of its own, if there is one: its line, and the driver is told."""
    if shutil.which("podman") is None:
        return None
    policy = os.path.join(top, "policy.json")
    with open(policy, "w") as file:
        file.write('{"default": [{"type": "insecureAcceptAnything"}]}')
    line = ["podman", "--root", f"{top}/podman/store", "--runroot", f"{top}/podman/run",
            *os.environ.get("KAKURI_BENCH_PODMAN", "").split()]
    told = subprocess.run([*line, "info", "--format", "{{.Version.Version}}, {{.Store.GraphDriverName}}"],
                          stdout=subprocess.PIPE, text=True, check=True)
    print(f"podman {told.stdout.strip()}")
    return line, policy


def take_turns(kakuri, name, top, env, skopeo, podman, rounds, times):
    for _ in range(rounds):
        subprocess.run([kakuri, "image", "rm", "-f", name], env=env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        times["kakuri"].append(timed([kakuri, "pull", "-q", name], env=env))
        copy, tree = os.path.join(top, "copy"), os.path.join(top, "tree")
        both = timed([*skopeo, "--src-tls-verify=false", f"docker://{name}", f"oci:{copy}:bench"])
        both += timed(["umoci", "unpack", "--rootless", "--image", f"{copy}:bench", tree])
        times["skopeo+umoci"].append(both)
        subprocess.run(["chmod", "-R", "u+rwX", tree], check=True)
        shutil.rmtree(copy)
        shutil.rmtree(tree)
        if podman:
            line, policy = podman
            subprocess.run([*line, "rmi", "-f", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            times["podman"].append(timed([*line, "pull", "-q", "--tls-verify=false", "--signature-policy", policy, name]))


def report(kakuri, name, env, times, check):
    own = statistics.median(times["kakuri"])
    worst = 0.0
    for other in ("skopeo+umoci", "podman"):
        if times[other]:
            ratio = own / statistics.median(times[other])
            worst = max(worst, ratio)
            print(f"pull: kakuri {own:.2f} s, {other} {statistics.median(times[other]):.2f} s: {ratio:.2f}")
    starts = {"host": [kakuri, "/bin/true"], "image": [kakuri, "--image", name, "--userns", "single", "true"],
              "image, range": [kakuri, "--image", name, "true"]}
    took = {what: [] for what in starts}
    for _ in range(40):
        for what, line in starts.items():
            took[what].append(timed(line, env=env))
    for what in list(starts)[1:]:
        ratio = statistics.median(took[what]) / statistics.median(took["host"])
        print(f"start from the {what}: {ratio:.2f} of one over the host's programs")
    if check is not None and worst > check:
        sys.exit(f"pull.py: {worst:.2f} is above {check}")


main()
