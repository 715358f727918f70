"""What an import may say to its caller."""


class ImportRefused(Exception):  # noqa: N818 - says what happened
    """The whole import is refused and nothing was written; the message is one line that names the cure."""


class BadValue(Exception):  # noqa: N818 - says what is wrong
    """One row is refused; the message is the reason in the reject file."""
