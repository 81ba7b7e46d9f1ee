"""Phones on a network in virtual time that loses, doubles, delays and damages datagrams."""

import heapq
import itertools
import random

from callseal_peer.phone import Phone
from callseal_peer.session import make_local

ANNA, BERT, EVE = "+4915100000001", "+4915100000002", "+4915100000003"
SECRETS = {ANNA: bytes(31) + b"\x11", BERT: bytes(31) + b"\x22", EVE: bytes(31) + b"\x33"}
ANNA_AT, BERT_AT, EVE_AT = ("10.0.0.1", 5001), ("10.0.0.2", 5001), ("10.0.0.3", 5001)


def local(number, suites=(1, 2), seed=None, secret=None):
    source = random.Random(seed) if seed is not None else random.SystemRandom()
    return make_local(number, secret or SECRETS[number], suites, source.randbytes)


REGISTRY = {number: local(number).identity.key for number in SECRETS}


def phone(number, now=0.0, registry=REGISTRY, suites=(1, 2), seed=None, secret=None, **options):
    return Phone(local(number, suites, seed, secret), registry.get, now, **options)


class Net:
    def __init__(self, seed=0, loss=0.0, double=0.0, jitter=0.0, flip=0.0, delay=0.01):
        self.random = random.Random(seed)
        self.loss, self.double, self.jitter, self.flip, self.delay = loss, double, jitter, flip, delay
        self.phones = {}
        self.now = 0.0
        self.log = []  # time, source, destination, datagram: what was sent
        self.filter = None  # (datagram, source, destination) -> list of (datagram, source, destination)
        self._queue, self._order = [], itertools.count()

    def add(self, address, one):
        self.phones[address] = one
        return one

    def inject(self, datagram, source, destination, delay=0.0):
        heapq.heappush(self._queue, (self.now + delay, next(self._order), datagram, source, destination))

    def _collect(self):
        for address, one in self.phones.items():
            sent, one.outbox = one.outbox, []
            for datagram, destination in sent:
                self.log.append((self.now, address, destination, datagram))
                parts = [(datagram, address, destination)]
                if self.filter is not None:
                    parts = self.filter(datagram, address, destination)
                for part in parts:
                    self._transmit(*part)

    def _transmit(self, datagram, source, destination):
        for _ in range(2 if self.random.random() < self.double else 1):
            if self.random.random() < self.loss:
                continue
            octets = bytearray(datagram)
            if self.random.random() < self.flip:
                bit = self.random.randrange(8 * len(octets))
                octets[bit // 8] ^= 1 << bit % 8
            self.inject(bytes(octets), source, destination, self.delay + self.random.random() * self.jitter)

    def run(self, until, done=lambda: False):
        self._collect()
        while not done():
            arrival = self._queue[0][0] if self._queue else float("inf")
            timer = min(one.deadline() for one in self.phones.values())
            if min(arrival, timer) > until:
                self.now = until
                break
            if arrival <= timer:
                self.now, _, datagram, source, destination = heapq.heappop(self._queue)
                if destination in self.phones:
                    self.phones[destination].datagram(datagram, source, self.now)
            else:
                self.now = max(self.now, timer)
                for one in self.phones.values():
                    one.tick(self.now)
            self._collect()


def pair(net, anna=None, bert=None):
    return (
        net.add(ANNA_AT, anna or phone(ANNA)),
        net.add(BERT_AT, bert or phone(BERT)),
    )


def both_done(anna, bert):
    return lambda: bool(anna.established and bert.established)
