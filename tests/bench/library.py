"""Starts by kakuri's library beside hakoniwa's: the same program by each, in the same rounds, in random order.

usage: library.py KAKURI FOLDER [-n ROUNDS]    FOLDER: where by-kakuri and by-hakoniwa are
"""

import os
import random
import statistics
import subprocess
import sys
import time


def main():
    words = sys.argv[1:]
    rounds = 40
    if "-n" in words:
        at = words.index("-n")
        rounds = int(words[at + 1])
        del words[at : at + 2]
    if len(words) != 2:
        sys.exit(__doc__)
    kakuri, folder = words
    env = dict(os.environ, KAKURI=kakuri)
    programs = [os.path.join(folder, name) for name in ("by-hakoniwa", "by-kakuri")]

    def took(program, starts):
        begun = time.perf_counter()
        subprocess.run([program, str(starts)], check=True, env=env)
        return (time.perf_counter() - begun) / starts * 1000

    for program in programs:
        took(program, 3)
    for starts, what in ((10, "ten starts of one program"), (1, "a program that starts one")):
        times = {program: [] for program in programs}
        for _ in range(rounds):
            for program in random.sample(programs, 2):
                times[program].append(took(program, starts))
        theirs, ours = (times[program] for program in programs)
        ratios = sorted(our / their for our, their in zip(ours, theirs))
        print(
            f"{what}: kakuri {statistics.median(ours):.2f} ms, hakoniwa {statistics.median(theirs):.2f} ms, "
            f"ratio {statistics.median(ratios):.3f} ({ratios[len(ratios) // 4]:.3f} to {ratios[len(ratios) * 3 // 4]:.3f})"
        )


main()
