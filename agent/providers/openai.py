"""OpenAI and every server that speaks its Chat Completions: one request, one streamed answer."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Iterator, Mapping
from typing import Final

from ...tools.result import JSON
from ..errors import ConfigurationError, CutOffError, KeyRefusedError, MalformedAnswerError, ProviderError, RateLimitError, ResponseError
from ..http import Answer, HttpClient, Post, Waiting, host_of, is_loopback
from .interface import ModelRequest, Retrying, TextDelta, TurnDone, TurnEvent
from .openai_chat import ChatDecoder, clean, encode_request, error_text
from .sse import EventDecoder

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
KEY_VARIABLE: Final = "OPENAI_API_KEY"
BASE_VARIABLE: Final = "OPENAI_BASE_URL"
_ERROR_BYTES: Final = 64 * 1024
_SECRET_LENGTH: Final = 6
_HINTS: Final[Mapping[int, str]] = {
    400: "the request does not suit this model or server",
    404: "check the model's name and the base URL (it usually ends in `/v1`)",
    413: "the conversation is too long for this server",
}


class OpenAIProvider:
    """Speaks Chat Completions at `base_url`. `extra` holds further request fields, such as `tool_choice`.

    Raises ConfigurationError for a base URL or a key that cannot be used. A server on this machine needs no key.
    """

    name = "openai"

    def __init__(
        self,
        *,
        base_url: str = DEFAULT_BASE_URL,
        key: str | None = None,
        http: HttpClient | None = None,
        extra: Mapping[str, JSON] | None = None,
    ) -> None:
        host = host_of(base_url)
        if host is None:
            raise ConfigurationError(
                "the base URL is not a plain http or https address",
                hint="give one such as https://api.openai.com/v1, without a user, a query or a fragment",
            )
        key = (key or "").strip()
        if not key and not is_loopback(host):
            raise ConfigurationError(f"there is no key for `{host}`", hint=f"set {KEY_VARIABLE} in the environment")
        if not re.fullmatch(r"[!-~]*", key):
            raise ConfigurationError(
                f"{KEY_VARIABLE} holds characters that no key has", hint="copy the key again, without blanks or quotes around it"
            )
        self.host = host
        self._url = base_url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        self._key = key
        self._http = http or HttpClient()
        self._extra = dict(extra or {})

    def encode(self, request: ModelRequest) -> bytes:
        """The body of the request."""
        return encode_request(request, self._extra)

    def turn(self, body: bytes) -> Generator[TurnEvent, None, None]:
        """Sends the body and yields the turn as it comes. Raises ProviderError."""
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        with contextlib.closing(self._http.post(Post(url=self._url, headers=headers, body=body))) as steps:
            for step in steps:
                match step:
                    case Waiting():
                        yield Retrying(attempt=step.attempt, seconds=step.seconds, reason=step.reason)
                    case Answer():
                        yield from self._read(step)

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._http.close()

    def _read(self, answer: Answer) -> Iterator[TextDelta | TurnDone]:
        if answer.status != 200:
            raise self._error(answer)
        if answer.media_type != "text/event-stream":
            said = self._scrub(error_text(answer.read(_ERROR_BYTES)))
            raise MalformedAnswerError(
                f"`{self.host}` did not answer with a stream but with `{clean(answer.media_type, 80) or 'nothing'}`: {said}",
                hint="check the base URL; the server must be able to stream",
            )
        events, decoder = EventDecoder(), ChatDecoder(model="")
        try:
            for chunk in answer.chunks():
                for data in events.feed(chunk):
                    yield from decoder.feed(data)
                if decoder.done:
                    break
        except CutOffError:
            # a server may drop the connection right behind its end mark
            if not decoder.done:
                raise
        except ResponseError as problem:
            raise ResponseError(self._scrub(problem.message)) from None
        yield decoder.finish()

    def _error(self, answer: Answer) -> ProviderError:
        status = answer.status
        said = self._scrub(error_text(answer.read(_ERROR_BYTES))) or "no explanation"
        if status in {401, 403}:
            hint = (
                f"check the key in {KEY_VARIABLE}, and that it may use this model"
                if self._key
                else f"set {KEY_VARIABLE} in the environment"
            )
            return KeyRefusedError(
                f"`{self.host}` refused the {'key' if self._key else 'request without a key'} (status {status}): {said}", hint=hint
            )
        if status == 429:
            return RateLimitError(f"`{self.host}` asks to wait (status 429): {said}", hint="wait, or check the account's limits and credit")
        if 300 <= status < 400:
            target = host_of(answer.headers.get("location", "")) or "elsewhere"
            return ResponseError(
                f"`{self.host}` points to `{clean(target, 100)}` (status {status}), and redirects are not followed",
                hint="check the base URL",
            )
        advice = "try again later" if status >= 500 else _HINTS.get(status)
        return ResponseError(f"`{self.host}` answered with status {status}: {said}", hint=advice)

    def _scrub(self, text: str) -> str:
        """Foreign text without the key, should a server repeat it."""
        return text.replace(self._key, "[key]") if len(self._key) >= _SECRET_LENGTH else text
