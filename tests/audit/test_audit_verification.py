from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bylaw.audit import AuditLog, Kind, verify
from bylaw.audit import verification as module
from bylaw.audit.canonical import MAX_LINE_BYTES

Forge = Callable[[Sequence[Mapping[str, object]]], Path]
Lines = tuple[bytes, ...]

OPEN = {"event": "log.open"}
END = {"event": "session.end"}


def check(lines: Sequence[bytes]) -> module.Verification:
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(b"".join(lines))
        file.flush()
        return verify(file.name)


def found(answer: module.Verification) -> list[tuple[Kind, int]]:
    return [(finding.kind, finding.line) for finding in answer.findings]


def test_an_untouched_log_is_consistent_and_never_plainly_ok(sample: Path) -> None:
    answer = verify(sample)
    assert answer.summary == "consistent, unanchored: this account could have rewritten it"
    assert (answer.findings, answer.notes, answer.ended, answer.live, answer.records, answer.session) == ((), (), True, False, 8, "sample")
    assert "lines cut from the end of the file" in answer.not_detectable


def test_a_copy_under_another_name_verifies_alone(sample: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "evidence"
    copy.parent.mkdir()
    copy.write_bytes(sample.read_bytes())
    sample.unlink()
    assert verify(copy).summary.startswith("consistent, unanchored")


def test_every_flipped_bit_before_the_last_line_is_found_at_its_line(sample_lines: Lines) -> None:
    whole = b"".join(sample_lines)
    starts = [sum(map(len, sample_lines[:number])) for number in range(len(sample_lines))]
    for position in range(starts[-1]):
        mutant = bytearray(whole)
        mutant[position] ^= 1 << (position % 8)
        answer = check([bytes(mutant)])
        line = sum(start <= position for start in starts)
        assert not answer.consistent, (position, bytes(mutant))
        assert line in {finding.line for finding in answer.findings} or line + 1 in {finding.line for finding in answer.findings}


@st.composite
def edits(draw: st.DrawFn, lines: Lines) -> list[bytes]:
    """One to three edits of the file that leave its last line where and what it is."""
    edited = list(lines[:-1])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(edited) - 1, 0)))
        match draw(st.sampled_from(["bytes", "delete", "double", "swap", "insert", "merge"])) if edited else "insert":
            case "bytes":
                start = draw(st.integers(0, len(edited[place]) - 1))
                end = draw(st.integers(start, len(edited[place])))
                edited[place] = edited[place][:start] + draw(st.binary(max_size=5)) + edited[place][end:] or b"\n"
            case "delete":
                del edited[place]
            case "double":
                edited.insert(draw(st.integers(0, len(edited))), edited[place])
            case "swap":
                other = draw(st.integers(0, len(edited) - 1))
                edited[place], edited[other] = edited[other], edited[place]
            case "merge":
                edited[place] = edited[place].replace(b"\n", b" ")
            case _:
                edited.insert(
                    place,
                    draw(st.sampled_from(lines) | st.just(b"{}\n") | st.just(b"\n") | st.binary(max_size=9).map(lambda some: some + b"\n")),
                )
    return [*edited, lines[-1]]


@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_no_edit_of_the_log_goes_unseen(sample_lines: Lines, data: st.DataObject) -> None:
    edited = data.draw(edits(sample_lines))
    answer = check(edited)
    assert answer.consistent == (b"".join(edited) == b"".join(sample_lines))


def test_a_cut_tail_is_reported_as_unended_and_its_limit_is_named(sample_lines: Lines) -> None:
    for kept in range(1, len(sample_lines)):
        answer = check(sample_lines[:kept])
        assert (Kind.UNENDED, kept) in found(answer)
        assert answer.consistent
        assert answer.summary.startswith("incomplete (")
        assert answer.summary.endswith("consistent, unanchored: this account could have rewritten it")


def test_a_changed_last_line_goes_unseen_but_changes_the_head(sample_lines: Lines) -> None:
    answer = check([*sample_lines[:-1], sample_lines[-1].replace(b"done", b"kept")])
    assert answer.findings == ()
    assert answer.head != check(sample_lines).head
    assert "a change of the last line" in answer.not_detectable


def test_a_torn_tail_is_found_at_every_length(sample_lines: Lines) -> None:
    for length in range(1, len(sample_lines[-1])):
        answer = check([*sample_lines[:-1], sample_lines[-1][:length]])
        assert found(answer) == [(Kind.TORN, 8), (Kind.UNENDED, 8)]


def change(lines: Lines, how: str) -> list[bytes]:
    a = list(lines)
    match how:
        case "edit":
            a[2] = a[2].replace(b'"bash"', b'"read"')
        case "delete one":
            del a[2]
        case "delete two":
            del a[2:4]
        case "delete first":
            del a[0]
        case "double":
            a.insert(5, a[2])
        case "swap":
            a[4], a[5] = a[5], a[4]
        case "move back":
            a.insert(1, a.pop(6))
        case "insert":
            a.insert(3, b"{}\n")
        case "insert two":
            a[3:3] = [b"{}\n", b"[]\n"]
        case _:
            a[0] = a[0].replace(b'"prev":"0', b'"prev":"1')
    return a


@pytest.mark.parametrize(
    ("how", "expected", "said"),
    [
        ("edit", [(Kind.EDITED, 3)], "line 3 is not the line that line 4 was chained to"),
        ("delete one", [(Kind.DELETED, 3), (Kind.UNANNOUNCED, 4)], "record 3 is missing before line 3"),
        ("delete two", [(Kind.DELETED, 3), (Kind.UNANNOUNCED, 3)], "records 3 to 4 are missing before line 3"),
        ("delete first", [(Kind.DELETED, 1), (Kind.HEADER, 1)], "record 1 is missing before line 1"),
        ("double", [(Kind.DUPLICATED, 6), (Kind.INSERTED, 6), (Kind.UNFINISHED, 6)], "line 6 repeats line 3"),
        ("swap", [(Kind.DELETED, 5), (Kind.REORDERED, 6), (Kind.INSERTED, 6)], "record 5 is missing before line 5"),
        ("move back", [(Kind.DELETED, 2), (Kind.REORDERED, 3), (Kind.INSERTED, 3), (Kind.UNFINISHED, 7)], "records 2 to 6 are missing"),
        ("insert", [(Kind.MALFORMED, 4), (Kind.INSERTED, 4)], "line 4 is not a record of version 1"),
        ("insert two", [(Kind.MALFORMED, 4), (Kind.MALFORMED, 5), (Kind.INSERTED, 4)], "line 4 is not a record of version 1"),
        ("header", [(Kind.HEADER, 1), (Kind.EDITED, 1)], "line 1 is numbered 1 but does not begin a chain"),
    ],
)
def test_what_was_done_is_named_with_its_line(sample_lines: Lines, how: str, expected: list[tuple[Kind, int]], said: str) -> None:
    answer = check(change(sample_lines, how))
    assert found(answer) == expected
    assert answer.findings[0].text.startswith(said)
    assert answer.summary.startswith(f"not consistent: {len(expected)} finding")


def test_lines_of_another_chain_are_found(sample_lines: Lines, tmp_path: Path) -> None:
    with AuditLog.create_file(tmp_path / "other.jsonl", session="other") as log:
        for _ in range(7):
            log.append("notice", {})
    other = log.path.read_bytes().splitlines(keepends=True)
    answer = check([*sample_lines[:4], *other[4:]])
    assert (Kind.EDITED, 4) in found(answer)
    assert (Kind.FOREIGN, 5) in found(answer)


def test_a_line_moved_further_back_than_is_remembered_is_still_found(forge: Forge) -> None:
    lines = forge([OPEN, *[{"event": "notice"}] * 1200, END]).read_bytes().splitlines(keepends=True)
    answer = check([*lines[:-1], lines[3], lines[-1]])
    assert found(answer) == [(Kind.REORDERED, 1202), (Kind.INSERTED, 1202)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([OPEN, {"event": "notice", "seq": 7}, END | {"seq": 8}], [(Kind.SEQUENCE, 2)]),
        ([OPEN, {"event": "notice", "mono_ns": 9}, END], [(Kind.CLOCK, 3)]),
        ([OPEN, {"event": "notice", "session": "else"}, END], [(Kind.FOREIGN, 2)]),
        ([{"event": "notice"}, END], [(Kind.HEADER, 1)]),
        ([OPEN, OPEN, END], [(Kind.HEADER, 2)]),
        ([OPEN, {"event": "notice", "v": 2}, END], [(Kind.MALFORMED, 2)]),
        ([OPEN, {"event": "notice", "v": True}, END], [(Kind.MALFORMED, 2)]),
        ([OPEN, {"event": 1}, END], [(Kind.MALFORMED, 2)]),
        ([OPEN, {"event": "notice", "session": None}, END], [(Kind.MALFORMED, 2)]),
        ([OPEN, {"event": "notice", "prev": "A" * 64}, END], [(Kind.MALFORMED, 2)]),
        ([OPEN, {"event": "notice", "prev": 1}, END], [(Kind.MALFORMED, 2)]),
        ([OPEN, {"event": "notice", "seq": True}, END], [(Kind.MALFORMED, 2)]),
        ([OPEN, {"event": "notice", "ts_us": -1}, END], [(Kind.MALFORMED, 2)]),
        ([OPEN, {"event": "notice", "mono_ns": "1"}, END], [(Kind.MALFORMED, 2)]),
        ([OPEN, {"event": "tool.outcome", "call_id": "c"}, END], [(Kind.UNANNOUNCED, 2)]),
        ([OPEN, {"event": "tool.refused", "call_id": "c"}, {"event": "tool.intent"}, {"event": "notice", "call_id": "c"}, END], []),
        ([OPEN, {"event": "tool.intent", "call_id": "c"}, END], [(Kind.UNFINISHED, 2)]),
        ([OPEN, *[{"event": "tool.intent", "call_id": "c"}] * 2, {"event": "tool.outcome", "call_id": "c"}, END], [(Kind.UNFINISHED, 2)]),
        ([OPEN, {"event": "tool.intent", "call_id": "c"}, {"event": "tool.confirmation", "call_id": "c", "answer": "edited"}, END], []),
        ([OPEN, {"event": "tool.intent", "call_id": "c"}, {"event": "tool.skipped", "call_id": "c"}, END], []),
        ([OPEN, END, {"event": "notice"}], [(Kind.UNENDED, 3)]),
    ],
)
def test_a_well_chained_log_that_no_honest_writer_writes_is_found(
    forge: Forge, records: list[dict[str, object]], expected: list[tuple[Kind, int]]
) -> None:
    assert found(verify(forge(records))) == expected


def test_a_wall_clock_that_steps_back_is_a_note_and_no_finding(forge: Forge) -> None:
    answer = verify(forge([OPEN | {"ts_us": 900}, {"event": "notice", "ts_us": 100}, END]))
    assert answer.findings == ()
    assert "stepped back by 800 us before line 2" in answer.notes[0]


def test_an_empty_file_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    answer = verify(tmp_path / "x")
    assert found(answer) == [(Kind.HEADER, 0)]
    assert (answer.head, answer.ended, answer.records) == (None, False, 0)


@pytest.mark.parametrize("ended", [True, False])
def test_a_line_over_the_cap_is_found_and_the_chain_is_followed_behind_it(sample_lines: Lines, *, ended: bool) -> None:
    long = b"x" * (MAX_LINE_BYTES * 2) + (b"\n" if ended else b"")
    answer = check([*sample_lines, long])
    assert found(answer)[0] == (Kind.MALFORMED, 9)
    assert "longer than" in answer.findings[0].text
    answer = check([sample_lines[0], long, *sample_lines[1:]]) if ended else answer
    assert (found(answer) == [(Kind.MALFORMED, 2), (Kind.INSERTED, 2)]) == ended


def test_a_chained_line_over_the_cap_breaks_no_link(forge: Forge) -> None:
    answer = verify(forge([OPEN, {"event": "notice", "text": "x" * (MAX_LINE_BYTES + 1)}, END]))
    assert found(answer) == [(Kind.MALFORMED, 2)]


def test_what_follows_the_end_takes_the_end_away(sample_lines: Lines) -> None:
    answer = check([*sample_lines, b"junk\n"])
    assert (found(answer), answer.ended) == ([(Kind.MALFORMED, 9), (Kind.UNENDED, 9)], False)


def test_a_log_in_use_is_live_and_not_called_unended(tmp_path: Path) -> None:
    with AuditLog.create_file(tmp_path / "x", session="s") as log:
        log.append("tool.intent", {"call_id": "c"})
        answer = verify(log.path)
        assert (answer.findings, answer.live, answer.ended) == ((), True, False)
        assert answer.summary.endswith("(its writer is at work)")
        assert "the intent of call `c` in line 2 has no outcome" in answer.notes[0]
    assert not verify(log.path).live


def test_a_line_that_is_being_written_is_not_called_torn(sample_lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"".join(sample_lines) + b'{"half')
    with path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        answer = verify(path)
    assert (answer.findings, answer.notes[0]) == ((), "line 9 is being written")


def test_a_file_system_without_locks_holds_no_writer(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    assert not verify(sample).live


def test_findings_and_notes_are_bounded_and_the_rest_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FINDINGS", 5)
    path = tmp_path / "x"
    path.write_bytes(b"{}\n" * 20)
    answer = verify(path)
    assert (len(answer.findings), answer.more, answer.consistent) == (5, 16, False)
    assert "21 findings" in answer.summary


def test_more_unfinished_calls_than_are_listed_are_still_no_tampering(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FINDINGS", 5)
    answer = verify(forge([OPEN, *({"event": "tool.intent", "call_id": str(number)} for number in range(8)), END]))
    assert (len(answer.findings), answer.more, answer.consistent) == (5, 3, True)
    assert answer.summary.startswith("incomplete (unfinished)")


def test_notes_are_bounded(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FINDINGS", 5)
    answer = verify(forge([OPEN, *({"event": "notice", "ts_us": 100 - number} for number in range(20)), END]))
    assert (len(answer.notes), answer.findings) == (5, ())


def test_more_open_calls_than_are_remembered_are_said_and_not_guessed(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OPEN_CALLS", 2)
    intents = [{"event": "tool.intent", "call_id": str(number)} for number in range(3)]
    outcomes = [{"event": "tool.outcome", "call_id": str(number)} for number in range(3)]
    answer = verify(forge([OPEN, *intents, *outcomes, END]))
    assert answer.findings == ()
    assert "more than 2 calls were open at once" in answer.notes[0]
