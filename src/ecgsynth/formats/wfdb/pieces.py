"""Writing WFDB piece by piece: recordings of any length, known samples in their own steps."""

from __future__ import annotations

from contextlib import ExitStack

from ecgsynth.formats import stream
from ecgsynth.formats.pieces import steps_of, write_steps
from ecgsynth.formats.stream import InPieces
from ecgsynth.formats.wfdb.records import NewFolder
from ecgsynth.formats.wfdb.writer import (
    BEATS,
    STEP_MV,
    WAVES,
    MarkWriter,
    beat_notes,
    comment_lines,
    made_notes,
    rows_of,
    signal_names,
    write_annotations,
)
from ecgsynth.signals.acquisition import partly_synthetic
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.synthetic_parts import text_of_stretches


def write_record_pieces(folder: NewFolder, recording: InPieces) -> None:
    """One synthetic or partly real record, with its header, annotations and row of items.csv.

    Its own leads keep their steps; others have 1 uV, limb leads those of I and II.

    Raises
    ------
    EcgsynthError: an amplitude is beyond the range.
    """
    head = recording.head
    name = folder.next_name()
    steps = steps_of(head.spec.leads, recording.own, STEP_MV)
    bits = max(one.bits for one in steps)
    places = {annotator: folder.path / f"{name}.{annotator}" for annotator in (BEATS, WAVES)}
    with ExitStack() as stack:
        file = stack.enter_context(open(folder.path / f"{name}.dat", "wb"))
        files = {key: stack.enter_context(open(path, "wb")) for key, path in places.items()}
        marks = MarkWriter(files)
        written = write_steps(recording, steps, bits, file, "WFDB", marks.write)
        for annotations in marks.files.values():
            annotations.end()
    for annotator, path in places.items():
        if not marks.files[annotator].count:
            path.unlink()
    if not places[BEATS].is_file():
        notes = beat_notes(head) + made_notes(written.made, head.spec)
        write_annotations(places[BEATS], notes)
    comments = comment_lines(head, partly_synthetic(head, recording.real, written.made))
    lines = [f"{name} {len(steps)} {head.spec.fs:.17g} {written.samples}"]
    for k, lead in enumerate(signal_names(head.spec)):
        one = steps[k]
        checksum = int(written.total[k]) % 65536
        checksum -= 65536 * (checksum > 32767)
        lines.append(
            f"{name}.dat {bits} {one.gain:.17g}({one.baseline})/mV {bits} 0 "
            f"{int(written.first[k])} {checksum} 0 {lead}"
        )
    lines += [f"# {line}" for line in comments]
    (folder.path / f"{name}.hea").write_text("\n".join(lines) + "\n", encoding="utf-8")
    row = rows_of(stream.without(head, ["synthetic_mask"]), name)[1][0]
    folder.table.writerow(
        row if head.synthetic_mask is None else [*row, text_of_stretches(written.made)]
    )


def heads_of(head: Ecg) -> list[str]:
    """Columns of items.csv."""
    mask = [] if head.synthetic_mask is None else ["synthetic_mask"]
    return [*rows_of(stream.without(head, mask)[:0], "")[0], *mask]
