#!/usr/bin/python3
# watcher LOG: a line for every kind of packet that leaves by any interface but loopback, as soon as it is seen.
import socket, struct, sys

ALL, OUTGOING, LOOPBACK = 0x0003, 4, 772
seen = set()
log = open(sys.argv[1], "w", buffering=1)


def note(line):
    if line not in seen:
        seen.add(line)
        log.write(line + "\n")


s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
note("ready")
while True:
    packet, (_, protocol, kind, hardware, _) = s.recvfrom(65536)
    if kind != OUTGOING or hardware == LOOPBACK:
        continue
    if protocol == 0x0806:
        note("arp")
    elif protocol == 0x0800 and len(packet) >= 24:
        there = socket.inet_ntoa(packet[16:20])
        port = struct.unpack("!H", packet[(packet[0] & 15) * 4 + 2:][:2])[0]
        note(f"udp {there} {port}" if packet[9] == 17 else f"ip protocol {packet[9]} {there} {port}")
    else:
        note(f"ethernet protocol {protocol:#06x}")
