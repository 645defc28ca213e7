"""HTTP for models: one POST, its answer as a stream of bytes. The only module that imports httpx.

Redirects are never followed, so a key reaches the host it was meant for and no other. Certificates are checked against
the system's trust store. Proxies of the environment are obeyed, but for loopback; a `.netrc` file is not read. Nothing
compressed is accepted: a small body cannot become a large one.
"""

from __future__ import annotations

import contextlib
import email.utils
import ipaddress
import random
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field

import httpx

from .errors import ConnectionFailedError, CutOffError, MalformedAnswerError

_RETRIED = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, and for a whole answer."""

    connect: float = 10.0
    idle: float = 120.0
    total: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a request is sent at most, and the seconds waited: first, longest, and longest that a server may ask for."""

    attempts: int = 4
    first: float = 0.5
    longest: float = 8.0
    patience: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One request. Headers and body may hold secrets and are kept out of the representation."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The request failed in a way that may pass; it is sent again after `seconds`."""

    attempt: int
    seconds: float
    reason: str


class Answer:
    """An answer whose head has arrived; the body is read from the connection as it comes."""

    def __init__(self, response: httpx.Response, *, host: str, deadline: float, attempts: int) -> None:
        self._response = response
        self._host = host
        self._deadline = deadline
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self.media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.attempts = attempts

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces; CutOffError when it does not arrive whole or in time, MalformedAnswerError when it is encoded."""
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise MalformedAnswerError(
                f"`{self._host}` sent an encoded answer, which was not asked for", hint="check the proxy or gateway in between"
            )
        try:
            for chunk in self._response.iter_raw():
                if time.monotonic() > self._deadline:
                    raise CutOffError(f"the answer of `{self._host}` took too long")
                yield chunk
        except httpx.TimeoutException as problem:
            raise CutOffError(f"`{self._host}` stopped sending in the middle of its answer", again=True) from problem
        except httpx.TransportError as problem:
            raise CutOffError(f"the connection to `{self._host}` broke in the middle of the answer", again=True) from problem

    def read(self, limit: int) -> bytes:
        """The first `limit` bytes of the body, or what came of it before it broke off: for the text of an error."""
        collected = bytearray()
        with contextlib.suppress(CutOffError, MalformedAnswerError):
            for chunk in self.chunks():
                collected += chunk
                if len(collected) >= limit:
                    break
        return bytes(collected[:limit])


class HttpClient:
    """Sends requests to one host and keeps the connection between them."""

    def __init__(
        self,
        *,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self._retries = retries or Retries()
        self._sleep = sleep
        self._transport = transport
        self._client: httpx.Client | None = None

    def post(self, post: Post) -> Generator[Waiting | Answer, None, None]:
        """Sends the request, again where that may help, each time after a `Waiting`; the last item is the `Answer`, of any status.

        Close the iterator when done with the answer: that ends the connection's use. A request is never sent again
        once the head of a good answer has arrived. Raises ConnectionFailedError.
        """
        url = httpx.URL(post.url)
        client = self._client = self._client or self._connect(url)
        request = client.build_request("POST", url, content=post.body, headers={**post.headers, "accept-encoding": "identity"})
        attempt = 0
        while True:
            attempt += 1
            deadline = time.monotonic() + self._timeouts.total
            try:
                response = client.send(request, stream=True)
            except httpx.TransportError as problem:
                error, passing = _connection_failed(problem, url.host)
                if not passing or attempt >= self._retries.attempts:
                    raise error from problem
                waiting = Waiting(attempt=attempt, seconds=self._backoff(attempt), reason=error.message)
            else:
                with contextlib.closing(response):
                    seconds = self._patience(response, attempt)
                    if seconds is None:
                        yield Answer(response, host=url.host, deadline=deadline, attempts=attempt)
                        return
                waiting = Waiting(attempt=attempt, seconds=seconds, reason=f"`{url.host}` answered with status {response.status_code}")
            yield waiting
            self._sleep(waiting.seconds)

    def close(self) -> None:
        """Closes the connections that are kept."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connect(self, url: httpx.URL) -> httpx.Client:
        timeouts = self._timeouts
        return httpx.Client(
            verify=_trust(url),
            timeout=httpx.Timeout(timeouts.idle, connect=timeouts.connect),
            follow_redirects=False,
            # a proxy has no business with a server on this machine
            trust_env=not is_loopback(url.host),
            transport=self._transport,
            default_encoding="utf-8",
        )

    def _patience(self, response: httpx.Response, attempt: int) -> float | None:
        """Seconds to wait before the request is sent again; None: this answer is the last."""
        if attempt >= self._retries.attempts or not (response.status_code in _RETRIED or response.status_code >= 500):
            return None
        asked = _retry_after(response.headers)
        if asked is None:
            return self._backoff(attempt)
        return asked if asked <= self._retries.patience else None

    def _backoff(self, attempt: int) -> float:
        longest = min(self._retries.longest, self._retries.first * 2.0 ** (attempt - 1))
        return longest * random.uniform(0.75, 1.0)  # noqa: S311  # spreads load, guards no secret


def host_of(url: str) -> str | None:
    """The host that a URL names; None when it is not an absolute http or https URL, or holds credentials, a query or a fragment."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return None
    plain = not (parsed.userinfo or parsed.query or parsed.fragment) and 0 < (parsed.port or 1) < 65536
    return parsed.host or None if plain and parsed.scheme in {"http", "https"} else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address alone; nothing is looked up."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _trust(url: httpx.URL) -> ssl.SSLContext:
    if url.scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and costs nothing where no TLS is spoken
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _connection_failed(problem: httpx.TransportError, host: str) -> tuple[ConnectionFailedError, bool]:
    """The error to raise, and whether it may pass.

    The text of a protocol error may quote a header, so only what the system said is repeated.
    """
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = "add the certificate authority to the system's trust store"
            return ConnectionFailedError(f"the certificate of `{host}` is not trusted: {cause.verify_message}", hint=hint), False
        cause = cause.__cause__ or cause.__context__
    match problem:
        case httpx.ConnectTimeout():
            what = "no connection in time"
        case httpx.TimeoutException():
            what = "no answer in time"
        case httpx.ConnectError():
            what = str(problem)[:200] or "no connection"
        case httpx.ProxyError():
            return ConnectionFailedError(
                f"the proxy on the way to `{host}` refused", hint="check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
            ), False
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return ConnectionFailedError(f"the request to `{host}` cannot be sent", hint="check the base URL and the key"), False
        case _:
            what = "the server closed the connection without an answer"
    return ConnectionFailedError(f"cannot reach `{host}`: {what}", hint="check the network and the base URL"), True


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that the server asks to wait (RFC 9110 10.2.3: a number or a date; `retry-after-ms` as OpenAI sends it)."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit() and len(text) <= 12:
            return float(text) / scale
        if text and scale == 1.0:
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None
