"""No secret reaches the record."""

import pytest

from bylaw.agent.redaction import MARK, Redactor


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "GITHUB_TOKEN", "db_password", "AWS_SECRET_ACCESS_KEY", "X_AUTH"])
def test_values_of_variables_named_like_secrets_are_replaced(name: str) -> None:
    assert Redactor({name: "hunter2hunter2"})("curl -u me:hunter2hunter2 x") == f"curl -u me:{MARK} x"


def test_short_values_and_ordinary_variables_stay() -> None:
    assert Redactor({"API_KEY": "abc", "EDITOR": "some-editor"})("abc some-editor") == "abc some-editor"


def test_a_value_that_holds_another_is_replaced_whole() -> None:
    assert Redactor({"A_KEY": "secret-1", "B_KEY": "secret-1-longer"})("secret-1-longer") == MARK


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnopqrstuvwx",
        "ghp_abcdefghijklmnopqrstuvwxyz012345",
        "AKIAABCDEFGHIJKLMNOP",
        "xoxb-123456789012-abcdef",
        "Bearer abcdefghijklmnopqrstuvwx",
        "postgres://me:hunter2@",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_known_shapes_are_replaced_without_knowing_the_value(secret: str) -> None:
    shown = Redactor({})(f"before {secret}after")
    assert secret not in shown
    assert shown.startswith("before ")


def test_ordinary_text_is_not_touched() -> None:
    text = "the task: skip-level tests, basket, https://example.org/a:b, risk-free"
    assert Redactor({})(text) == text
