#!/usr/bin/python3
# Whatever a program may try, over and over. A refusal is as good as an answer; each round is noted.
import os, socket, time

PLACES = [("10.9.0.1", 9), ("192.0.2.2", 9), ("192.0.2.2", 51820), ("192.0.2.1", 53), ("8.8.8.8", 53),
          ("255.255.255.255", 67), ("224.0.0.251", 5353), ("fd09::1", 9), ("2001:db8::1", 9), ("ff02::1", 9)]


def say(family, kind, place):
    with socket.socket(family, kind) as s:
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if kind == socket.SOCK_DGRAM:
            s.sendto(b"x" * 64, place)
        else:
            s.connect_ex(place)


while True:
    for place in PLACES:
        family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            try:
                say(family, kind, place)
            except OSError:
                pass
    with open("links", "w") as links:
        links.write(" ".join(sorted(os.listdir("/sys/class/net"))))
    with open("rounds", "ab") as rounds:
        rounds.write(b".")
    time.sleep(0.05)
