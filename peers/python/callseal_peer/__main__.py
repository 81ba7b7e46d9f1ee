"""Command line: python3 -m callseal_peer listen|call|key"""

import argparse
import binascii
import dataclasses
import ipaddress
import json
import signal
import sys

from . import keys, messages
from .errors import ProtocolError
from .peer import Options, Peer, SetupError
from .session import make_local


def hex_octets(text: str, length: int, what: str) -> bytes:
    try:
        octets = binascii.unhexlify(text.strip())
    except (binascii.Error, ValueError):
        raise argparse.ArgumentTypeError(f"{what}: not hexadecimal") from None
    if len(octets) != length:
        raise argparse.ArgumentTypeError(f"{what}: {length} octets wanted, not {len(octets)}")
    return octets


def identity_key(text: str) -> bytes:
    if text.startswith("@"):
        try:
            with open(text[1:], encoding="ascii") as file:
                text = file.read(1024)
        except (OSError, UnicodeDecodeError) as error:
            raise argparse.ArgumentTypeError(f"cannot read {text[1:]}: {error}") from None
    octets = hex_octets(text, 32, "identity key")
    try:
        keys.IdentityKey(octets)
    except ProtocolError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return octets


def number(text: str) -> str:
    try:
        return messages.check_number(text)
    except ProtocolError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def peer(text: str):
    name, equals, key = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("+NUMBER=KEY wanted")
    octets = hex_octets(key, 33, "registry key")
    try:
        keys.public_key(octets)
    except ProtocolError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from None
    return number(name), octets


def address(text: str):
    host, colon, port = text.rpartition(":")
    try:
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError
        return str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))), int(port)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: IP:PORT wanted") from None


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"{text}: a number from 0 to 1000000 wanted")
    return int(text)


def staple(text: str) -> bytes:
    try:
        with open(text, "rb") as file:
            octets = file.read(messages.MAX_STAPLE + 1)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error}") from None
    if not 1 <= len(octets) <= messages.MAX_STAPLE:
        raise argparse.ArgumentTypeError(f"{text}: 1 to {messages.MAX_STAPLE} octets wanted")
    return octets


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text}: seconds, more than 0 and at most 86400, wanted")
    return value


def parse(arguments=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="callseal_peer", description="A phone from PROTOCOL.md alone.")
    modes = parser.add_subparsers(dest="mode", required=True)

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--number", type=number, required=True, metavar="+N", help="our own number")
    shared.add_argument(
        "--identity-key", type=identity_key, required=True, metavar="HEX32|@FILE", help="our secp256k1 secret"
    )
    shared.add_argument(
        "--peer", type=peer, action="append", required=True, metavar="+N=HEX33",
        help="the key that the registry has for a number; may be repeated",
    )  # fmt: skip
    shared.add_argument("--suite", type=int, choices=sorted(messages.SUITES), help="offer or accept only this one")
    shared.add_argument("--mux", action="store_true", help="RTP and RTCP on one port; else RTCP on the port above")
    shared.add_argument("--rtp-bind", type=address, metavar="IP:PORT", help="our RTP port, with --bind for RTCP alone")
    shared.add_argument("--rtp-remote", type=address, metavar="IP:PORT", help="the peer's RTP port, if elsewhere")
    shared.add_argument("--send", type=count, default=0, metavar="N", help="send so many RTP packets")
    shared.add_argument("--expect", type=count, metavar="N", help="end well once so many have come and ours are sent")
    shared.add_argument("--timeout", type=seconds, default=30.0, metavar="S", help="end after so long (30)")
    shared.add_argument("--always-challenge", action="store_true", help="ask every caller for a cookie")
    shared.add_argument("--take-staples", action="store_true", help="ask the peer for what proves its record")
    shared.add_argument("--staple", type=staple, default=b"", metavar="FILE", help="what proves our own record")
    shared.add_argument("--json", action="store_true", help="nothing but the JSON line, no log on standard error")

    listen = modes.add_parser("listen", parents=[shared], help="wait for a call")
    listen.add_argument("--bind", type=address, required=True, metavar="IP:PORT")
    listen.add_argument("--from", dest="to", type=number, metavar="+N", help="only this number may call")

    call = modes.add_parser("call", parents=[shared], help="call")
    call.add_argument("--remote", type=address, required=True, metavar="IP:PORT")
    call.add_argument("--bind", type=address, metavar="IP:PORT")
    call.add_argument("--to", type=number, metavar="+N", help="whom to call; the --peer where there is but one")
    call.add_argument(
        "--renew-after", type=count, metavar="N", help="renew the keys after N packets sent, and 10 s at least"
    )

    key = modes.add_parser("key", help="print the public key of a secret")
    key.add_argument("--identity-key", type=identity_key, required=True, metavar="HEX32|@FILE")

    args = parser.parse_args(arguments)
    if args.mode == "key":
        return args
    if args.mux and (args.rtp_bind or args.rtp_remote):
        parser.error("--mux leaves no room for --rtp-bind and --rtp-remote")
    peers = dict(args.peer)
    if len(peers) != len(args.peer):
        parser.error("--peer: a number twice")
    if args.number in peers:
        parser.error("--peer: our own number")
    if args.mode == "call":
        if args.remote[1] == 0:
            parser.error("--remote: port 0")
        if args.to is None:
            if len(peers) > 1:
                parser.error("--to: say which of the peers to call")
            args.to = next(iter(peers))
        if args.bind is None:
            host = "127.0.0.1" if ipaddress.ip_address(args.remote[0]).is_loopback else "0.0.0.0"
            if ":" in args.remote[0]:
                host = "::1" if host == "127.0.0.1" else "::"
            args.bind = (host, 0)
        if (":" in args.bind[0]) != (":" in args.remote[0]):
            parser.error("--bind and --remote: one is IPv4, the other IPv6")
    return args


def main(arguments=None) -> int:
    args = parse(arguments)
    if args.mode == "key":
        print(keys.IdentityKey(args.identity_key).public.hex())
        return 0
    suites = (args.suite,) if args.suite else tuple(messages.SUITES)
    options = Options(
        local=dataclasses.replace(
            make_local(args.number, args.identity_key, suites),
            staple=args.staple,
            takes_staples=args.take_staples,
        ),
        peers=dict(args.peer),
        bind=args.bind,
        remote=getattr(args, "remote", None),
        number=args.to,
        mux=args.mux,
        rtp_bind=args.rtp_bind,
        rtp_remote=args.rtp_remote,
        send=args.send,
        expect=args.expect,
        always_challenge=args.always_challenge,
        renew_after=getattr(args, "renew_after", None),
        timeout=args.timeout,
        quiet=args.json,
    )
    try:
        running = Peer(options)
    except SetupError as error:
        print(f"callseal_peer: {error}", file=sys.stderr)
        return 2

    def interrupt(signum, frame) -> None:
        running.stop = True

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, interrupt)
    report = running.run()
    print(json.dumps(report), flush=True)
    arrived = options.expect is None or report["packets_received"] >= options.expect
    return 0 if report["established"] and arrived else 1


if __name__ == "__main__":
    sys.exit(main())
