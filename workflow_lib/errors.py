"""The one exception whose message is meant for the person who runs the study."""


class DownlinkError(Exception):
    """Something the user can mend: the message names the file or key, and the remedy."""


class BitstreamError(DownlinkError):
    """The bytes of a container or codestream are damaged, or are something else."""
