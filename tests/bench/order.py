#!/usr/bin/env python3
"""Writes link.ld beside each program: the functions a start and an exec run are laid side by side.

    order.py FOLDER        FOLDER holds the programs, linked with their symbols

Every page a program touches for the first time costs a fault, and more than the code on it; the kernel maps sixteen at
once, so that functions scattered over two megabytes bring nearly all of them in. Single-steps the commands below with
ptrace(2), as an ordinary user, and notes which functions run. A name that a later build no longer has costs nothing but
its place: run this again when the start path has changed much.
"""

import bisect
import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile

PROGRAMS = ["kakuri", "kakuri-init", "kakuri-mount"]
# What a start with a range of ids runs too: its tools have no rights where somebody traces.
BESIDE = {"kakuri": ["_ZN6kakuri5idmap*"]}
TRACEME, CONT, SINGLESTEP, GETREGS, SETOPTIONS, GETEVENTMSG = 0, 7, 9, 12, 0x4200, 0x4201
# TRACEFORK, TRACEVFORK, TRACECLONE and TRACEEXEC, and the event the last one is.
OPTIONS, EXEC = 0x02 | 0x04 | 0x08 | 0x10, 4
WALL = 0x40000000
RIP = 16
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class Process:
    """One that is traced: which of our programs it is, and where that lies."""

    def __init__(self, pid, like=None):
        self.pid = pid
        self.program, self.base, self.end = (like.program, like.base, like.end) if like else (None, 0, 0)

    def look(self):
        exe = os.readlink(f"/proc/{self.pid}/exe")
        name = os.path.basename(exe)
        self.program = name if name in PROGRAMS else None
        with open(f"/proc/{self.pid}/maps") as maps:
            spans = [line.split()[0].split("-") for line in maps if line.rstrip().endswith(exe)]
        self.base, self.end = int(spans[0][0], 16), int(spans[-1][1], 16)


def step(command, seen):
    """Runs the command, and notes what our programs execute: seen[program] is a dictionary in order of first use."""
    pid = os.fork()
    if pid == 0:
        libc.ptrace(TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.execvp(command[0], command)
    os.waitpid(pid, 0)
    libc.ptrace(SETOPTIONS, pid, None, OPTIONS)
    processes = {pid: Process(pid)}
    registers, word = (ctypes.c_ulonglong * 27)(), ctypes.c_ulong()
    libc.ptrace(CONT, pid, None, None)
    code = 1
    while True:
        try:
            who, status = os.waitpid(-1, WALL)
        except ChildProcessError:
            return code
        if not os.WIFSTOPPED(status):
            if who == pid:
                code = os.waitstatus_to_exitcode(status)
            processes.pop(who, None)
            continue
        process = processes.setdefault(who, Process(who))
        number, event = os.WSTOPSIG(status), status >> 16
        if event == EXEC:
            process.look()
        elif event:
            libc.ptrace(GETEVENTMSG, who, None, ctypes.addressof(word))
            processes[word.value] = Process(word.value, process)
        if event or number in (signal.SIGTRAP, signal.SIGSTOP):
            number = 0
        if process.program:
            if libc.ptrace(GETREGS, who, None, ctypes.addressof(registers)) == 0:
                at = registers[RIP]
                if process.base <= at < process.end:
                    seen[process.program].setdefault(at - process.base)
            libc.ptrace(SINGLESTEP, who, None, number)
        else:
            libc.ptrace(CONT, who, None, number)


def functions(program):
    """Address and linker's name of each, by address."""
    found = []
    for line in subprocess.run(["nm", "-n", program], check=True, capture_output=True, text=True).stdout.splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in "tTwW":
            found.append((int(words[0], 16), words[2]))
    return found


def patterns(program, addresses):
    """What names the functions in a linker script, without the hash of the build."""
    known = functions(program)
    starts = [start for start, _ in known]
    names = (known[bisect.bisect_right(starts, address) - 1][1] for address in addresses)
    return list(dict.fromkeys(re.sub(r"(17h[0-9a-f]{16}E|\.llvm\.).*$", "*", name) for name in names))


def script(names):
    """A piece that is put before the linker's own."""
    lines = ["/* Written by tests/bench/run order: what a start and an exec run lies side by side. */", "SECTIONS", "{",
             "  .text.first :", "  {"]
    for name in names:
        lines.append(f"    *(.text.{name})" if name.endswith("*") else f"    *(.text.{name}) *libc.a:{name}.lo(.text)")
    lines += ["  }", "}", "INSERT BEFORE .text;", "",
              "/* Large, and touched at their ends only: behind the small variables, which then share a page. */",
              "SECTIONS", "{", "  .bss.far (NOLOAD) :", "  {", "    *(.bss._ZN11kakuri_wire3sys5arena6SHARED*)",
              "    *(.bss._ZN11kakuri_wire3sys7process*STACK*)", "    *(.bss._ZN11kakuri_wire7channel7LANDING*)", "  }", "}",
              "INSERT AFTER .bss;", ""]
    return "\n".join(lines)


def main():
    folder = os.path.abspath(sys.argv[1])
    kakuri = os.path.join(folder, "kakuri")
    seen = {program: {} for program in PROGRAMS}
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(HOME=home, XDG_RUNTIME_DIR=home)
        quiet = dict(check=True, stdout=subprocess.DEVNULL)
        subprocess.run([kakuri, "create", "order"], **quiet)
        subprocess.run([kakuri, "start", "-d", "-T", "order", "sleep", "1000"], **quiet)
        try:
            # What is measured first comes first.
            for command in (["exec", "order", "true"], ["true"], ["--bind", "/usr:/usr:ro", "true"]):
                if (code := step([kakuri, *command], seen)) != 0:
                    sys.exit(f"order.py: kakuri {' '.join(command)} ended with {code}")
        finally:
            subprocess.run([kakuri, "remove", "-f", "order"], **quiet)
    for program, addresses in seen.items():
        names = patterns(os.path.join(folder, program), addresses) + BESIDE.get(program, [])
        print(f"{program}: {len(names)} functions")
        sys.stdout.flush()
        with open(os.path.join(folder, f"{program}.ld"), "w") as out:
            out.write(script(names))


main()
