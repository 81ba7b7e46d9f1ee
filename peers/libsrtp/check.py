#!/usr/bin/env python3
"""Lets libsrtp open the capture of a demo call and compares what it finds
with the speech that was sent, octet for octet.

usage: check.py UNPROTECT DEMO-FOLDER SPEECH-FOLDER

Shares no code with callseal: it has a reader of pcapng and pcap of its own
and takes only the keys from the demo's folder.
"""

import json
import pathlib
import struct
import subprocess
import sys


def udp_of_frame(frame):
    """((source address, port), payload) of an Ethernet/IPv4/UDP frame."""
    if frame[12:14] != b"\x08\x00" or frame[14] >> 4 != 4 or frame[23] != 17:
        return None
    ip = frame[14:]
    header_len = (ip[0] & 15) * 4
    source = ".".join(str(octet) for octet in ip[12:16])
    port, _, udp_len = struct.unpack_from(">HHH", ip, header_len)
    return f"{source}:{port}", ip[header_len + 8 : header_len + udp_len]


def pcapng_frames(data):
    """Frames of the enhanced packet blocks of a little-endian pcapng file."""
    offset = 0
    while offset < len(data):
        kind, block_len = struct.unpack_from("<II", data, offset)
        if kind == 0x0A0D0D0A and struct.unpack_from("<I", data, offset + 8)[0] != 0x1A2B3C4D:
            raise ValueError("not a little-endian pcapng file")
        if kind == 6:
            captured_len = struct.unpack_from("<I", data, offset + 20)[0]
            yield data[offset + 28 : offset + 28 + captured_len]
        offset += block_len


def pcap_frames(data):
    """Frames of a little-endian pcap file."""
    if struct.unpack_from("<I", data)[0] not in (0xA1B2C3D4, 0xA1B23C4D):
        raise ValueError("not a little-endian pcap file")
    offset = 24
    while offset < len(data):
        captured_len = struct.unpack_from("<I", data, offset + 8)[0]
        yield data[offset + 16 : offset + 16 + captured_len]
        offset += 16 + captured_len


def is_rtcp(packet):
    return len(packet) >= 8 and 192 <= packet[1] <= 223


def is_handshake(packet):
    """An RTCP compound in clear that carries the handshake."""
    return is_rtcp(packet) and packet[36:37] == b"\x80" and packet[44:48] == b"CSTS" or (
        is_rtcp(packet) and b"CSTS" in packet[:64] and packet[1] == 201
    )


def main():
    unprotect, demo, speech = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    keys = json.loads((demo / "keys.json").read_text())["keys"]
    wire = [udp for udp in map(udp_of_frame, pcapng_frames((demo / "call.pcapng").read_bytes())) if udp]

    said = {}
    for capture in sorted(speech.glob("*.pcap")):
        for frame in pcap_frames(capture.read_bytes()):
            _, packet = udp_of_frame(frame)
            if not is_rtcp(packet):
                said.setdefault(packet[8:12], []).append(packet)

    problems = []
    heard = {}
    opened = {"rtp": 0, "rtcp": 0}
    strangers = refused = handshake = 0
    senders = {address for key in keys for address in key["from"]}
    for key in keys:
        lines, kinds, ours = [], [], []
        for source, packet in wire:
            if is_handshake(packet):
                handshake += key is keys[0]
                continue
            if source in senders and source not in key["from"]:
                continue
            kinds.append("rtcp" if is_rtcp(packet) else "rtp")
            lines.append(f"{kinds[-1]} {packet.hex()}")
            ours.append(source in key["from"])
        answers = subprocess.run(
            [unprotect, key["profile"], key["master_key"] + key["master_salt"], key.get("mki", "")],
            input="\n".join(lines) + "\n", capture_output=True, text=True, check=True,
        ).stdout.splitlines()
        if len(answers) != len(lines):
            problems.append(f"{key['sender']}: {len(lines)} packets, {len(answers)} answers")
        for answer, kind, own in zip(answers, kinds, ours):
            good = answer.startswith("ok ")
            if not own:
                strangers += 1
                refused += not good
                continue
            if not good:
                problems.append(f"{key['sender']}: libsrtp refuses a packet: {answer}")
                continue
            opened[kind] += 1
            if kind == "rtp":
                packet = bytes.fromhex(answer[3:])
                heard.setdefault(packet[8:12], []).append(packet)
    if strangers != refused:
        problems.append(f"{strangers - refused} packets from strangers were opened")
    for ssrc, packets in said.items():
        if heard.get(ssrc) != packets:
            problems.append(f"SSRC {ssrc.hex()}: {len(packets)} packets said, {len(heard.get(ssrc, []))} found, and not all equal")
    for ssrc in heard.keys() - said.keys():
        problems.append(f"SSRC {ssrc.hex()}: nobody said that")
    for problem in problems[:20]:
        print(problem, file=sys.stderr)
    print(f"libsrtp opened {opened['rtp']} RTP and {opened['rtcp']} RTCP packets of {len(said)} streams, byte for byte as they were said;"
          f" {handshake} handshake datagrams passed over; {refused} of {strangers} tries with strangers' packets refused"
          if not problems else f"{len(problems)} problems")
    return 1 if problems or not opened["rtp"] or not opened["rtcp"] else 0


if __name__ == "__main__":
    sys.exit(main())
