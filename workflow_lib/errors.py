"""Exceptions whose messages are written for the user of a study."""


class DownlinkError(Exception):
    """An error that the user can fix; the message names the file or key, and the remedy."""


class BitstreamError(DownlinkError):
    """A container or codestream is damaged, or its bytes have another format."""
