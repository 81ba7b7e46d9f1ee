"""The one exception for everything that comes from outside and is not as it should be."""


class ProtocolError(ValueError):
    """Octets from the network that are malformed, forged or not meant for us: to be ignored."""
