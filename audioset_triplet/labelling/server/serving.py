"""Runs the rating page: opens the log and the clips, adds the questions, and serves until it is stopped."""

import contextlib
import signal
import socket
import threading
from typing import Any, Callable, Dict, Iterator, List

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from audioset_triplet.config.rating import AddressConfig, RatingConfig
from audioset_triplet.errors import UserError
from audioset_triplet.labelling import class_names, log_folder, screens, votes
from audioset_triplet.labelling.annotation_log import AnnotationLog
from audioset_triplet.labelling.class_names import ClassNames
from audioset_triplet.labelling.events import Question
from audioset_triplet.labelling.server import clip_audio
from audioset_triplet.labelling.server import loop as loops
from audioset_triplet.labelling.server.app import App
from audioset_triplet.labelling.server.clip_audio import Clips
from audioset_triplet.labelling.server.loop import Loop
from audioset_triplet.labelling.server.media import Media
from audioset_triplet.labelling.server.safety import Guard
from audioset_triplet.labelling.server.session import Session
from audioset_triplet.plurals import counted
from audioset_triplet.store import questions, ratings


def run(config: RatingConfig, ready: Callable[[str], None]) -> None:
    """Serves the rating page until SIGINT or SIGTERM.

    Args:
        config: the page.
        ready: called with a line of text when the page can be opened.

    Raises:
        UserError: clips, questions or names that cannot be read; a question about a clip that is not there; another
            server of this workdir; a port that is taken.
    """
    with log_folder.open_or_create(config.workdir, None, {}) as log:
        clips = clip_audio.open_clips(config.data, config.audio, config.workdir)
        names = class_names.read(log.classes.values(), config.classes, config.ontology)
        new_questions = _new_questions(config, log, clips, names)
        guard = Guard(config.address.host, config.address.token)
        session = Session(log, names)
        loop = Loop(session, config.loop, config.workdir, clips.clip_ids) if config.loop.embeddings else None
        app = App(session, Media(clips), guard, config.workdir, config.rater, loop)
        with _listening(config.address) as listener:
            num_new = log.add_questions(new_questions)
            server = _server(app, config.address, listener)
            new = f", {counted(num_new, 'new one')}" if num_new else ""
            ready(f"{config.workdir}: {counted(len(log.questions), 'question')}{new}: {_url(config.address, listener)}")
            with loops.running(loop):
                _serve(server)


def _new_questions(config: RatingConfig, log: AnnotationLog, clips: Clips, names: ClassNames) -> List[Question]:
    """Those of the file with the gold ones among them; without a file none if the log has any, else of every clip.

    Raises:
        UserError: a file that cannot be read, or a clip that is not there.
    """
    if config.questions:
        new = screens.of_questions(questions.read(config.questions), names.names_of_ids)
    else:
        new = [] if log.questions else screens.of_clips(clips.clip_ids)
    gold = screens.of_gold(ratings.read(config.gold), names.names_of_ids) if config.gold else []
    asked = {question.clip_id for question in (*log.questions.values(), *new, *gold)}
    missing = asked.difference(clips.clip_ids)
    if missing:
        raise UserError(
            f"{config.data or config.audio}: lacks {len(missing)} of the {len(asked)} clips that are asked about, such "
            f"as {min(missing)}: give the records, or the folder, whose clips have these ids."
        )
    new = [question for question in new if _is_new(log, question)]
    gold = [question for question in gold if _is_new(log, question)]
    return votes.mixed_in(new, gold, config.gold_every)


def _is_new(log: AnnotationLog, question: Question) -> bool:
    return not all(log.was_asked(question.interval, candidate.label) for candidate in question.candidates)


@contextlib.contextmanager
def _listening(address: AddressConfig) -> Iterator[socket.socket]:
    """A socket that listens; a UserError for a port that is taken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, address.port))
        except OSError as error:
            raise UserError(
                f"--host={address.host} --port={address.port}: {error.strerror}: give another --port; 0 takes any."
            ) from error
        listener.listen(128)
        yield listener


def _url(address: AddressConfig, listener: socket.socket) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    secret = f"?token={address.token}" if address.token else ""
    return f"http://{host}:{listener.getsockname()[1]}/{secret}"


def _server(app: App, address: AddressConfig, listener: socket.socket) -> BaseWSGIServer:
    options: Dict[str, Any] = dict(threaded=True, request_handler=_Quiet, fd=listener.fileno())
    return make_server(address.host, address.port, app, **options)


def _serve(server: BaseWSGIServer) -> None:
    """Until a signal."""

    def stop(*_: Any) -> None:
        threading.Thread(target=server.shutdown).start()  # it waits for the loop, which is in this thread

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.serve_forever()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Quiet(WSGIRequestHandler):
    """Says nothing of requests, on stderr or anywhere: the log has what counts."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        if type == "error":
            super().log(type, message, *args)
