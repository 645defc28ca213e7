from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from bylaw.agent import errors
from bylaw.agent.errors import ConfigurationError
from bylaw.agent.providers import provider_for
from bylaw.agent.providers.history import unanswered, with_new_ids
from bylaw.agent.providers.interface import AssistantMessage, Message, ToolCall, ToolMessage, Usage, UserMessage

KEY = {"OPENAI_API_KEY": "sk-test-4f1d8c2b7a90"}
LOCAL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("model", "base", "environ", "host", "name"),
    [
        ("openai/gpt-4o", None, KEY, "api.openai.com", "gpt-4o"),
        ("gpt-4o", None, KEY, "api.openai.com", "gpt-4o"),
        ("openai/gpt-4o", LOCAL, {}, "127.0.0.1", "gpt-4o"),
        ("gpt-4o", LOCAL, {}, "127.0.0.1", "gpt-4o"),
        ("meta-llama/Llama-3", LOCAL, {}, "127.0.0.1", "meta-llama/Llama-3"),
        ("openai/meta-llama/Llama-3", LOCAL, {}, "127.0.0.1", "meta-llama/Llama-3"),
        ("gpt-4o", None, {"OPENAI_BASE_URL": LOCAL}, "127.0.0.1", "gpt-4o"),
        ("gpt-4o", "https://models.example/v1", {"OPENAI_BASE_URL": LOCAL, **KEY}, "models.example", "gpt-4o"),
        ("gpt-4o", None, {"OPENAI_BASE_URL": " ", **KEY}, "api.openai.com", "gpt-4o"),
    ],
)
def test_a_name_stands_for_a_provider_and_its_model(model: str, base: str | None, environ: dict[str, str], host: str, name: str) -> None:
    provider, known_as = provider_for(model, base_url=base, environ=environ)
    assert (provider.name, provider.host, known_as) == ("openai", host, name)


def test_a_script_is_a_provider(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "a.yaml"
    script.write_text("- text: hi\n")
    provider, known_as = provider_for(f"scripted:{script}", environ={})
    assert (provider.name, provider.host, known_as) == ("scripted", "", str(script))


@pytest.mark.parametrize("model", ["mistral/large", "anthropic/claude", "scripted/x", "/gpt", "OpenAI/gpt-4o"])
def test_an_unknown_provider_is_refused_with_the_names_that_there_are(model: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no provider") as caught:
        provider_for(model, environ=KEY)
    assert caught.value.hint == "models are named openai/MODEL, MODEL with --base-url, scripted:FILE"
    assert caught.value.exit_code == 7


@pytest.mark.parametrize("model", ["", " ", "openai/", "gpt\n4"])
def test_a_name_that_is_none_is_refused(model: str) -> None:
    with pytest.raises(ConfigurationError, match="names no model"):
        provider_for(model, environ=KEY)


@pytest.mark.parametrize("base", ["", " "])
def test_an_empty_base_url_is_refused_and_not_replaced_by_the_environment(base: str) -> None:
    with pytest.raises(ConfigurationError, match="base URL is empty"):
        provider_for("gpt-4o", base_url=base, environ={"OPENAI_BASE_URL": LOCAL, **KEY})


def test_a_missing_key_is_named_by_its_variable() -> None:
    with pytest.raises(ConfigurationError) as caught:
        provider_for("openai/gpt-4o", environ={})
    assert caught.value.hint == "set OPENAI_API_KEY in the environment"


def test_a_script_needs_no_http() -> None:
    code = "import sys, bylaw.agent.providers.scripted, bylaw.agent.loop; print([name for name in ('httpx', 'stamina', 'pydantic') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "httpx" not in done.stdout


def test_every_error_is_in_the_tree_of_the_docstring() -> None:
    named = [name for name in vars(errors) if name.endswith("Error")]
    assert len(named) == 10
    for name in named:
        assert name in (errors.__doc__ or "")
        assert issubclass(getattr(errors, name), errors.AgentError)


def wanted(call_id: str) -> ToolCall:
    return ToolCall(id=call_id, name="ls", arguments="{}")


def test_an_id_that_was_used_before_is_replaced() -> None:
    before = [AssistantMessage(text="", calls=(wanted("0"), wanted("0-2")))]
    assert [call.id for call in with_new_ids([wanted("0"), wanted("1"), wanted("1")], before)] == ["0-3", "1", "1-2"]


def test_calls_without_an_answer_are_found() -> None:
    messages: list[Message] = [
        UserMessage(text="hi"),
        AssistantMessage(text="", calls=(wanted("a"), wanted("b"))),
        ToolMessage(call_id="a", name="ls", text="x"),
    ]
    assert [call.id for call in unanswered(messages)] == ["b"]


def test_unknown_tokens_stay_unknown_in_a_sum() -> None:
    assert Usage(input=1, output=2, cached=3) + Usage(input=4, output=None, cached=5) == Usage(input=5, cached=8)
