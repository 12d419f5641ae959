"""What the command's exit status says."""

from enum import IntEnum


class Exit(IntEnum):
    """They are stable: scripts may rely on them."""

    OK = 0
    FAILED = 1
    """An execution came to a bad end, or the platform could not be asked."""
    USAGE = 2
    """The command, a file or a value is wrong."""
    AUTHENTICATION = 3
    """Nobody is signed in, or who is may not do this."""
    NOT_FOUND = 4
    CONFLICT = 5
    """It is there already, has changed meanwhile, or its state does not allow this."""
    INTERRUPTED = 130
    """Ctrl-C. What runs in the platform goes on."""
    UNREAD = 141
    """Nobody reads what is printed any more, as behind ``| head``."""
