"""Who may talk to the rating page: this machine, or whoever has the token.

A page of somebody else that is open in the same browser can send requests to this machine too. The Host header has to
be an address of the server (against names that lead here, "DNS rebinding"), the Origin, where there is one, the page's
own, and what changes anything needs a secret of this start of the server that only its own page can read.
"""

import hmac
import ipaddress
import secrets
import socket
from typing import Dict, Optional

from werkzeug.wrappers import Request

from audioset_triplet.config.rating import LOOPBACK

COOKIE = "rating-token"
HEADER = "X-Rating-Secret"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Checks requests."""

    def __init__(self, host: str, token: str) -> None:
        """
        Args:
            host: at which the server listens.
            token: that every request needs; empty: none.
        """
        self._host = host
        self._token = token
        self.secret = secrets.token_urlsafe(24)  # of this start of the server

    @property
    def headers(self) -> Dict[str, str]:
        """Of every answer: nothing is loaded from elsewhere, and no other page frames or reads it."""
        return _HEADERS

    def refusal(self, request: Request) -> Optional[str]:
        """Why a request is refused; None: it is not."""
        if not self._is_own_host(request.host):
            return f"the address {request.host} is not one of this server"
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{request.host}":
            return "the request comes from another page"
        if self._token and not self.has_token(request.cookies.get(COOKIE, "")):
            return "the address of this page ends in /?token=SECRET: ask for it whoever has started the server"
        return None

    def has_token(self, text: str) -> bool:
        """Whether a text is the token."""
        return bool(self._token) and hmac.compare_digest(text.encode(), self._token.encode())

    def may_change(self, request: Request) -> bool:
        """Whether a request comes from a page of this start of the server."""
        return hmac.compare_digest(request.headers.get(HEADER, "").encode(), self.secret.encode())

    def _is_own_host(self, host_and_port: str) -> bool:
        host = host_and_port.rpartition(":")[0] if not host_and_port.endswith("]") else host_and_port
        host = (host or host_and_port).strip("[]")
        if host in LOOPBACK or host == self._host:
            return True
        return self._host not in LOOPBACK and (_is_address(host) or host == socket.gethostname())


def _is_address(host: str) -> bool:
    """Whether a host is a number, which no name server can lead elsewhere."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
