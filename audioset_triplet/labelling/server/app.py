"""The web application between the rating page and the annotation log.

    GET  /                        the page; ?rater=NAME begins at once, ?token=SECRET lets another machine in
    GET  /static/NAME             its style and its script
    GET  /api/session             {secret, version, keys, actions, rater, has_loop}: what the page needs to begin, or to
                                  go on after the server was started again
    GET  /api/next?rater=NAME     {question, following, progress}
             question             {number, clip_id, segment: [start, end] in seconds of the clip or null, candidates:
                                  [{name, description, examples}]}, or null: all questions have an answer
             following            numbers of the next questions, to fetch their clips in advance
             progress             {answered, total, per_hour: a number or null}
    POST /api/answer              {rater, question, key, ratings: {label: PRESENT | NOT_PRESENT | UNSURE |
                                  NOT_ACOUSTIC}, added: [label], unknown, skip, comment, seconds}: keeps it, then as
                                  /api/next. `key` is the request's own: with the same one it counts once.
    POST /api/undo                {rater, key}: as /api/next, with the question that is open again and `undone`
    GET  /api/labels?text=TEXT    {labels: [{name, description, examples}]}
    POST /api/keys                {action: [key]}: {keys}
    GET  /api/loop                {phase: idle | training | scoring, progress: from 0 to 1, error, num_new, train_every,
                                  precision, confidence, num_ratings, is_scored, classes}; 404 without a loop
             classes              [{name, problem, has_head, num_present, num_absent, num_random, num_windows,
                                  average_precision, threshold: {score, precision, low, high} or null, charts:
                                  {present, absent: counts of 20 bins, curve: [[threshold, precision, low]]} or null}]
    POST /api/loop/train          {}: begins to train; as /api/loop
    POST /api/loop/offer          {label, source: top | uncertain | random, count}: {added}: questions that come next
    GET  /api/clip/NUMBER         {seconds, start_seconds, segment, sample_rate_hz, peak_decibels, time_ticks,
                                  frequency_ticks} of the excerpt of a question; times from the start of the excerpt
    GET  /api/audio/NUMBER        the excerpt as WAV; Range requests work
    GET  /api/image/NUMBER        its mel spectrogram; /api/waveform/NUMBER  its waveform: PNG, without axes

The last four take ?context=SECONDS, low=HZ and high=HZ. An error is {error}: 400 a bad request, 403 refused, 404 not
there, 409 another window has answered, 422 the clip cannot be read, 507 the log cannot be written.

Requests that change anything are JSON and carry the secret in the header X-Rating-Secret (`safety`).
"""

import io
import json
import os
from typing import Any, Callable, Dict, Iterable, Mapping, Optional

import jinja2
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect, send_file
from werkzeug.wrappers import Request, Response

from audioset_triplet.errors import UserError
from audioset_triplet.labelling.server import key_bindings
from audioset_triplet.labelling.server.loop import Loop
from audioset_triplet.labelling.server.media import Media, View
from audioset_triplet.labelling.server.safety import COOKIE, HEADER, Guard
from audioset_triplet.labelling.server.session import BadRequest, Conflict, Session
from audioset_triplet.media.audio_error import AudioError

_FOLDER = os.path.dirname(__file__)
_SCRIPTS = ("rating.js", "api.js", "charts.js", "keys.js", "labels.js", "loop.js", "player.js")
_STATIC = {**dict.fromkeys(_SCRIPTS, "text/javascript"), "rating.css": "text/css", "icon.svg": "image/svg+xml"}
_MOST_BYTES = 1 << 16  # of a request
_MOST_CONTEXT_SECONDS = 60.0
_MOST_HZ = 96000.0
_KEPT = {"Cache-Control": "private, max-age=3600"}  # addresses name the start of the server

_ROUTES = Map(
    [
        Rule("/", endpoint="page", methods=["GET"]),
        Rule("/static/<name>", endpoint="static", methods=["GET"]),
        Rule("/api/session", endpoint="session", methods=["GET"]),
        Rule("/api/next", endpoint="next", methods=["GET"]),
        Rule("/api/answer", endpoint="answer", methods=["POST"]),
        Rule("/api/undo", endpoint="undo", methods=["POST"]),
        Rule("/api/labels", endpoint="labels", methods=["GET"]),
        Rule("/api/keys", endpoint="keys", methods=["POST"]),
        Rule("/api/loop", endpoint="loop", methods=["GET"]),
        Rule("/api/loop/train", endpoint="train", methods=["POST"]),
        Rule("/api/loop/offer", endpoint="offer", methods=["POST"]),
        Rule("/api/clip/<int:number>", endpoint="clip", methods=["GET"]),
        Rule("/api/audio/<int:number>", endpoint="audio", methods=["GET"]),
        Rule("/api/image/<int:number>", endpoint="image", methods=["GET"]),
        Rule("/api/waveform/<int:number>", endpoint="waveform", methods=["GET"]),
    ]
)


class App:
    """The application, as WSGI servers call it."""

    def __init__(
        self, session: Session, media: Media, guard: Guard, workdir: str, rater: str = "", loop: Optional[Loop] = None
    ) -> None:
        """
        Args:
            session: questions and answers.
            media: audio and images.
            guard: who may ask.
            workdir: of the key bindings.
            rater: whose page it is; empty: the page asks for a name.
            loop: trains on the ratings and offers questions; None: there is none.
        """
        self._session = session
        self._media = media
        self._guard = guard
        self._workdir = workdir
        self._rater = rater
        self._loop = loop
        self._keys = key_bindings.read(workdir)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(os.path.join(_FOLDER, "templates")),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._page = environment.get_template("rating.html.jinja").render(actions=key_bindings.ACTIONS)

    def __call__(self, environ: Dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = _MOST_BYTES
        response = self._response(request)
        response.headers.update(self._guard.headers)
        response.headers.setdefault("Cache-Control", "no-store")
        return response(environ, start_response)

    def _response(self, request: Request) -> Response:
        try:
            if request.path == "/" and self._guard.has_token(request.args.get("token", "")):
                return self._let_in(request)
            refused = self._guard.refusal(request)
            if refused:
                return _error(403, refused)
            endpoint, values = _ROUTES.bind_to_environ(request.environ).match()
            if request.method == "POST" and not self._guard.may_change(request):
                return _error(403, "the server was started again, or the request comes from another page")
            return getattr(self, f"_get_{endpoint}" if request.method != "POST" else f"_post_{endpoint}")(
                request, **values
            )
        except BadRequest as error:
            return _error(400, str(error))
        except Conflict as error:
            return _error(409, str(error))
        except AudioError as error:
            return _error(422, str(error))
        except UserError as error:
            return _error(507 if request.method == "POST" else 422, str(error))
        except OSError as error:  # a full disk
            return _error(507, str(error))
        except HTTPException as error:
            return _error(error.code or 500, error.description or "")

    def _let_in(self, request: Request) -> Response:
        """Keeps the token in a cookie, so that it does not stay in the address."""
        rest = "&".join(f"{name}={value}" for name, value in request.args.items() if name == "rater")
        response = redirect(f"/?{rest}" if rest else "/")
        response.set_cookie(COOKIE, request.args["token"], httponly=True, samesite="Strict")
        return response

    def _get_page(self, request: Request) -> Response:
        return Response(self._page, mimetype="text/html")

    def _get_static(self, request: Request, name: str) -> Response:
        if name not in _STATIC:
            raise NotFound()
        with open(os.path.join(_FOLDER, "static", name), "rb") as file:
            return Response(file.read(), mimetype=_STATIC[name])

    def _get_session(self, request: Request) -> Response:
        return _json(
            {
                "secret": self._guard.secret,
                "header": HEADER,
                "version": self._guard.secret[:6],
                "keys": self._keys,
                "rater": self._rater,
                "has_loop": self._loop is not None,
            }
        )

    def _get_next(self, request: Request) -> Response:
        return _json(self._session.next(request.args.get("rater", "")))

    def _post_answer(self, request: Request) -> Response:
        answered = self._session.answer(_values(request))
        if self._loop:
            self._loop.answered()
        return _json(answered)

    def _post_undo(self, request: Request) -> Response:
        undone = self._session.undo(_values(request))
        if self._loop:
            self._loop.answered(-1)
        return _json(undone)

    def _get_loop(self, request: Request) -> Response:
        return _json(self._require_loop().state())

    def _post_train(self, request: Request) -> Response:
        return _json(self._require_loop().train())

    def _post_offer(self, request: Request) -> Response:
        values = _values(request)
        added = self._require_loop().offer(values.get("label"), values.get("source"), values.get("count"))
        return _json({"added": added})

    def _require_loop(self) -> Loop:
        if self._loop is None:
            raise NotFound("the server was started without --embeddings")
        return self._loop

    def _post_keys(self, request: Request) -> Response:
        self._keys = key_bindings.write(self._workdir, _values(request))
        return _json({"keys": self._keys})

    def _get_labels(self, request: Request) -> Response:
        return _json({"labels": self._session.completions(request.args.get("text", ""))})

    def _get_clip(self, request: Request, number: int) -> Response:
        return _json(self._media.describe(self._session.question(number), _view(request)))

    def _get_audio(self, request: Request, number: int) -> Response:
        return _file(request, self._media.audio(self._session.question(number), _view(request)), "audio/wav")

    def _get_image(self, request: Request, number: int) -> Response:
        return _file(request, self._media.spectrogram(self._session.question(number), _view(request)), "image/png")

    def _get_waveform(self, request: Request, number: int) -> Response:
        return _file(request, self._media.waveform(self._session.question(number), _view(request)), "image/png")


def _values(request: Request) -> Mapping[str, Any]:
    """The JSON object of a request."""
    if request.mimetype != "application/json":
        raise BadRequest("the request is not JSON")
    try:
        values = json.loads(request.get_data())
        json.dumps(values, ensure_ascii=False, allow_nan=False).encode()  # as the log will have it
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the request is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise BadRequest("the request is not a JSON object")
    return values


def _view(request: Request) -> View:
    limits = {"context": (0.0, _MOST_CONTEXT_SECONDS), "low": (0.0, _MOST_HZ), "high": (1.0, _MOST_HZ)}
    defaults = dict(zip(limits, View()))
    context, low, high = (_number(request, name, defaults[name], *limits[name]) for name in limits)
    if low >= high:
        raise BadRequest("low has to be below high")
    return View(context, low, high)


def _number(request: Request, name: str, default: float, least: float, most: float) -> float:
    text = request.args.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError as error:
        raise BadRequest(f"{name} is not a number") from error
    if not least <= value <= most:
        raise BadRequest(f"{name} is not from {least:g} to {most:g}")
    return value


def _json(values: Any, status: int = 200) -> Response:
    return Response(json.dumps(values, ensure_ascii=False), status, mimetype="application/json")


def _error(status: int, text: str) -> Response:
    return _json({"error": text}, status)


def _file(request: Request, data: bytes, mimetype: str) -> Response:
    """Bytes, or the part of them that the request asks for."""
    response = send_file(io.BytesIO(data), request.environ, mimetype=mimetype, conditional=True)
    response.headers.update(_KEPT)
    return response
