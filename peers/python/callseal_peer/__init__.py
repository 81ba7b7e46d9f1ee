"""A second implementation of the callseal handshake, written from sts/PROTOCOL.md alone."""
