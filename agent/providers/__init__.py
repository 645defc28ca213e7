"""Models, behind one protocol.

    interface.py     messages, tool calls, usage, the events of a turn, `Provider`
    history.py       what must hold in any conversation
    openai.py        OpenAI and every server that speaks its Chat Completions
    openai_chat.py   the wire format of that, without input and output
    sse.py           server-sent events from bytes
    scripted.py      the deterministic model of demonstrations and tests: a YAML file of turns

A model is named `provider/model`, or `scripted:FILE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .interface import Provider

__all__ = ["provider_for"]

_SCRIPTED = "scripted:"
_FORMS = "openai/MODEL, MODEL with --base-url, scripted:FILE"


def provider_for(model: str, *, base_url: str | None = None, environ: Mapping[str, str]) -> tuple[Provider, str]:
    """The provider that a model's name stands for, and the name that the provider knows the model by.

    Without `base_url`, `OPENAI_BASE_URL` of `environ` is obeyed; the key is `OPENAI_API_KEY` of `environ`. A name without
    `provider/` is OpenAI's; at a base URL of its own, every name is. Raises ConfigurationError.
    """
    if model.startswith(_SCRIPTED):
        from .scripted import ScriptedProvider

        path = model.removeprefix(_SCRIPTED)
        return ScriptedProvider.load(path), path
    from .openai import BASE_VARIABLE, DEFAULT_BASE_URL, KEY_VARIABLE, OpenAIProvider

    if base_url is not None and not base_url.strip():
        raise ConfigurationError("the base URL is empty", hint="give the URL of a server, or leave --base-url out")
    base = base_url if base_url is not None else environ.get(BASE_VARIABLE, "").strip()
    prefix, slash, rest = model.partition("/")
    if slash and prefix != "openai" and not base:
        raise ConfigurationError(f"there is no provider `{prefix[:80]}`", hint=f"models are named {_FORMS}")
    name = rest if slash and prefix == "openai" else model
    if not name.strip() or not name.isprintable():
        raise ConfigurationError(f"`{model[:80]}` names no model", hint=f"models are named {_FORMS}")
    return OpenAIProvider(base_url=base or DEFAULT_BASE_URL, key=environ.get(KEY_VARIABLE)), name
