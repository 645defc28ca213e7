"""Which hosts a manifest grants, and which addresses no name may lead to."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bylaw.tools.errors import HostError
from bylaw.tools.sandbox.proxy.addresses import never, not_public, parse_address
from bylaw.tools.sandbox.proxy.hosts import Allowed, HostRule, target_of


def grants(rule: str, host: str, port: int) -> bool:
    return Allowed.parse([rule]).grants(target_of(host, port))


@pytest.mark.parametrize(
    ("rule", "host", "port"),
    [
        ("example.org:443", "example.org", 443),
        ("example.org", "example.org", 80),
        ("example.org", "example.org", 443),
        ("EXAMPLE.org:443", "example.ORG", 443),
        ("example.org.:443", "example.org", 443),
        ("example.org:443", "example.org.", 443),
        ("bücher.example:443", "xn--bcher-kva.example", 443),
        ("xn--bcher-kva.example:443", "XN--BCHER-KVA.example", 443),
        ("*.example.org:443", "a.example.org", 443),
        ("*.example.org:443", "a.b.example.org", 443),
        ("*", "example.org", 22),
        ("*", "93.184.215.14", 22),
        ("*:443", "example.org", 443),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("10.0.0.5", "10.0.0.5", 80),
        ("[2001:DB8:0::1]:443", "2001:db8::1", 443),
        ("[2001:db8::1]:443", "[2001:0db8::0001]", 443),
        ("[::1]", "::1", 443),
        ("a_b.example:1", "a_b.example", 1),
    ],
)
def test_a_rule_grants_the_host_that_it_names(rule: str, host: str, port: int) -> None:
    assert grants(rule, host, port)


@pytest.mark.parametrize(
    ("rule", "host", "port"),
    [
        ("example.org:443", "example.org", 80),
        ("example.org", "example.org", 8080),
        ("example.org:443", "www.example.org", 443),
        ("example.org:443", "example.org.evil.example", 443),
        ("*.example.org:443", "example.org", 443),
        ("*.example.org:443", "badexample.org", 443),
        ("*.example.org:443", "a.example.org", 80),
        ("*", "localhost", 80),
        ("*", "intranet", 80),
        ("*:443", "example.org", 80),
        ("10.0.0.5:443", "10.0.0.6", 443),
        ("127.0.0.1:80", "localhost", 80),
        ("127.0.0.1:80", "::ffff:127.0.0.1", 80),
    ],
)
def test_a_rule_grants_nothing_beside_what_it_names(rule: str, host: str, port: int) -> None:
    assert not grants(rule, host, port)


def test_no_rules_grant_nothing() -> None:
    assert not Allowed().grants(target_of("example.org", 443))


@pytest.mark.parametrize(
    "host",
    ["0x7f.1", "127.1", "0177.0.0.1", "2130706433", "127.0.0.01", "1.2.3", "example.0x1f", "0x", "127.0.0.256", "1.2.3.4.5"],
)
def test_a_number_that_programs_read_as_an_address_is_refused_by_name(host: str) -> None:
    with pytest.raises(HostError, match="is a number that programs read as an address"):
        target_of(host, 80)


@pytest.mark.parametrize(
    "host",
    ["", ".", "a..b", ".a", "a b", "a\0b", "a%2eb", "a/b", "a@b", "-a", "a-", "a\nb", "a:b", "x" * 64, "a." * 130, "fe80::1%eth0", "[a]",
     "[127.0.0.1]", "a\\b", "ａ\ud800", "straße.example", "℀.example", "*.a", "*"],
)  # fmt: skip
def test_a_host_that_is_no_plain_name_is_refused_by_name(host: str) -> None:
    with pytest.raises(HostError, match="host"):
        target_of(host, 80)


@pytest.mark.parametrize(
    "rule",
    ["", ":443", "example.org:", "example.org:0", "example.org:65536", "example.org:https", "example.org:+1", "https://example.org", "*.",
     "*example.org", "a.*.org", "*.127.0.0.1", "*.[::1]", "2001:db8::1", "2001:db8::1:443", "[2001:db8::1", "[::1]x", "[::1]:",
     "[10.0.0.1]:80", "**", "example.org:４４３"],
)  # fmt: skip
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    with pytest.raises(HostError):
        Allowed.parse(["example.org", rule])


@pytest.mark.parametrize(
    "rule",
    ["169.254.169.254:80", "169.254.1.1", "[fe80::1]:80", "[fd00:ec2::254]:80", "100.100.100.200:80", "0.0.0.0:80", "[::]:80",
     "[::ffff:10.0.0.1]:80", "224.0.0.1:80", "[ff02::1]:80", "255.255.255.255", "[64:ff9b::a9fe:a9fe]:80", "[2002:a00:1::]:80",
     "[::10.0.0.1]:80", "168.63.129.16"],
)  # fmt: skip
def test_an_address_that_is_nobodys_server_cannot_be_granted(rule: str) -> None:
    with pytest.raises(HostError, match="cannot be granted"):
        HostRule.parse(rule)


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "0.0.0.0", "100.64.0.1", "192.0.2.1",
     "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254",
     "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "2002:7f00:1::", "2002:808:808::", "2001:0:4136::1",
     "2001:db8::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "::ffff:0:8.8.8.8", "100::1", "4000::1"],
)  # fmt: skip
def test_an_address_that_is_not_public_is_said_to_be_so(address: str) -> None:
    found = parse_address(address)
    assert found is not None
    assert not_public(found)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808", "100.128.0.1"])
def test_a_public_address_is_public(address: str) -> None:
    found = parse_address(address)
    assert found is not None
    assert not_public(found) == ""


def test_an_address_that_a_rule_names_is_reached_at_that_port_only() -> None:
    allowed = Allowed.parse(["10.0.0.5:443", "*"])
    address = ipaddress.ip_address("10.0.0.5")
    assert allowed.why_not(address, 443) == ""
    assert allowed.why_not(address, 80) == "private"
    assert allowed.why_not(ipaddress.ip_address("10.0.0.6"), 443) == "private"


@given(st.ip_addresses())
def test_nothing_that_is_called_public_is_local_in_another_book(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not not_public(address) and address not in ipaddress.ip_network("64:ff9b::/96"):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_private
    if never(address):
        assert not_public(address)


@given(st.text(max_size=300))
@example("0x7f.1")
@example("１２７.1")
@example("127。0。0。1")
def test_no_text_is_both_a_name_here_and_an_address_to_the_c_library(text: str) -> None:
    try:
        target = target_of(text, 80)
    except HostError:
        return
    if target.address is None:
        with pytest.raises(OSError, match="illegal IP address"):
            socket.inet_aton(target.host)
    assert target_of(target.host, 80) == target


@given(st.text(alphabet="*.:[]abc019x%-_@/", max_size=40) | st.text(max_size=40))
def test_no_text_makes_a_rule_raise_anything_but_its_own_error(text: str) -> None:
    try:
        HostRule.parse(text)
    except HostError as problem:
        assert problem.message.isascii()
        assert problem.message.isprintable()


@given(st.from_regex(r"[a-z0-9.-]{1,30}", fullmatch=True), st.integers(1, 65535))
def test_one_granted_name_grants_no_other(host: str, port: int) -> None:
    try:
        target = target_of(host, port)
    except HostError:
        return
    wanted = (target.host, target.port) == ("granted.example", 443)
    assert Allowed.parse(["granted.example:443"]).grants(target) == wanted
