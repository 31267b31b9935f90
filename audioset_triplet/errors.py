"""The exceptions that end a program with a line of text: "the input is wrong", and "stopped as asked"."""


class UserError(Exception):
    """A problem that the person at the keyboard can mend.

    The message is one line that says what is wrong, where, and what to do. Binaries print it without a
    traceback and exit with code 1 (`audioset_triplet.command_line.run`).
    """


def op_reason(message: str) -> str:
    """The message of a failed TensorFlow op without the op's own name: `{{node ...}} REASON [Op:SaveV2]` -> REASON."""
    return message.split("}} ")[-1].split(" [Op:")[0]


class Interrupted(KeyboardInterrupt):
    """SIGINT came; the message says what of the work is kept."""


class Terminated(Exception):
    """SIGTERM came and the work is saved: a program says the message and exits with 0."""
