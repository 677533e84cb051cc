"""Clinical files of others: what they leave open, and what is wrong with them, in one sentence."""

from __future__ import annotations

import base64
import copy
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from clinical_files import strip, without_facts, written
from outcome import Command
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import contract
from ecgsynth.signals.vocabulary import LEADS_12

TWELVE = strip(LEADS_12, 500, 200)
SMALL = strip(("I", "II", "V1"), 500, 60)


def refusal(path: Path) -> str:
    with pytest.raises(EcgsynthError) as caught:
        formats.read(path)
    return str(caught.value)


# XML that harms.

BOMB = """<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><%s>&c;</%s>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<%s>&x;</%s>"""


@pytest.mark.parametrize(("name", "root"), [("aecg", "AnnotatedECG"), ("muse", "RestingECG")])
def test_entities_are_never_expanded_or_fetched(tmp_path: Path, name: str, root: str) -> None:
    path = tmp_path / f"bad{contract.named(name).endings[0]}"
    for text in (BOMB, OUTSIDE):
        path.write_text(text % (root, root))
        assert "declares an entity of its own" in refusal(path)
    path.write_text("<a>" * 5000)
    assert "elements in one another" in refusal(path)
    path.write_text(f"<{root}/>")
    assert "so it has no ECG" in refusal(path)
    path.write_text("<html/>")
    assert "its root is <html>" in refusal(path)
    path.write_bytes(b"\0\x01\x02")
    assert "it is no whole XML" in refusal(path)


def test_an_xml_of_either_kind_is_known_by_what_is_in_it(tmp_path: Path, command: Command) -> None:
    for name in ("aecg", "muse"):
        (tmp_path / f"{name}.xml").write_bytes(written(TWELVE, tmp_path, name).read_bytes())
        assert formats.read(tmp_path / f"{name}.xml").spec == TWELVE.spec
    (tmp_path / "page.xml").write_text("<html/>")
    said = "holds no HL7 aECG or GE MUSE XML"
    assert said in refusal(tmp_path / "page.xml")
    folder = tmp_path / "visit"
    folder.mkdir()
    for k in range(2):
        (folder / f"{k}.xml").write_bytes((tmp_path / "muse.xml").read_bytes())
    assert len(formats.read(folder)) == len(formats.record_files(folder)) == 2
    assert formats.open_record(folder / "1.xml").leads == LEADS_12


# DICOM of others.


def changed(folder: Path, change: Callable[[Dataset], object], ecg: object = TWELVE) -> Path:
    """A file of another program with something changed."""
    path = without_facts(written(ecg, folder, "dicom"))  # type: ignore[arg-type]
    data = pydicom.dcmread(path)
    change(data)
    data.save_as(path, enforce_file_format=True)
    return path


def channel(data: Dataset, k: int = 0) -> Dataset:
    return data.WaveformSequence[0].ChannelDefinitionSequence[k]


def test_dicom_without_a_waveform_or_an_ecg_is_named(tmp_path: Path) -> None:
    def drop(data: Dataset) -> None:
        del data.WaveformSequence
        data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"

    assert "holds no waveform (CT Image Storage)" in refusal(changed(tmp_path, drop))

    def pressures(data: Dataset) -> None:
        for one in data.WaveformSequence[0].ChannelDefinitionSequence:
            one.ChannelSensitivityUnitsSequence[0].CodeValue = "mm[Hg]"

    assert "no channel of one.dcm is in a voltage" in refusal(changed(tmp_path, pressures))


def test_dicom_that_states_more_than_it_has_takes_no_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for field, value in (("NumberOfWaveformSamples", 2**31), ("NumberOfWaveformChannels", 60000)):
        path = changed(tmp_path, lambda d, f=field, v=value: setattr(d.WaveformSequence[0], f, v))  # type: ignore[misc]
        assert "damaged or cut short" in refusal(path)
    content = bytearray(written(TWELVE, tmp_path, "dicom").read_bytes())
    at = content.rindex(b"\x00\x54\x10\x10OW")
    content[at + 8 : at + 12] = (2**32 - 2).to_bytes(4, "little")
    (tmp_path / "one.dcm").write_bytes(content)
    assert formats.read(tmp_path / "one.dcm").spec.samples == 200

    def longer(data: Dataset) -> None:
        data.WaveformSequence[0].WaveformData += bytes(48)

    assert formats.read(changed(tmp_path, longer)).spec.samples == 200
    assert "more samples than it states" in caplog.text

    def far(data: Dataset) -> None:
        data.WaveformSequence.append(copy.deepcopy(data.WaveformSequence[0]))
        data.WaveformSequence[1].MultiplexGroupTimeOffset = "1e9"

    path = changed(tmp_path, far)
    assert "correct their offsets" in refusal(path)


@pytest.mark.parametrize("value", ["0", "1e30", "nan"])
def test_a_sensitivity_that_no_recorder_has_is_refused(tmp_path: Path, value: str) -> None:
    def change(data: Dataset) -> None:
        channel(data).ChannelSensitivity = value

    assert "channel I of one.dcm has the sensitivity" in refusal(changed(tmp_path, change))


def test_units_and_baselines_of_dicom_are_heeded(tmp_path: Path) -> None:
    def change(data: Dataset) -> None:
        first, second, third = (channel(data, k) for k in range(3))
        first.ChannelSensitivity = "0.001"
        first.ChannelSensitivityUnitsSequence[0].CodeValue = "mV"
        second.ChannelSensitivityCorrectionFactor = "2"
        second.ChannelBaseline = "100"
        third.ChannelSourceSequence[0].CodingSchemeDesignator = "SCPECG"
        third.ChannelSourceSequence[0].CodeValue = "5.6.3-9-61"

    back, was = formats.read(changed(tmp_path, change)), TWELVE.signal
    assert back.spec.leads == LEADS_12
    np.testing.assert_allclose(back.signal[:, 0], was[:, 0], atol=0.0011)
    np.testing.assert_allclose(back.signal[:, 1], 2 * was[:, 1] + 0.1, atol=0.0021)


def test_dicom_of_the_other_order_of_bytes_is_read_and_a_packed_one_refused(tmp_path: Path) -> None:
    path = without_facts(written(TWELVE, tmp_path, "dicom"))
    expected, data = formats.read(path).signal, Dataset()
    data.update(pydicom.dcmread(path))
    group = data.WaveformSequence[0]
    group.WaveformData = np.frombuffer(group.WaveformData, "<i2").astype(">i2").tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    data.save_as(path, enforce_file_format=True)
    np.testing.assert_array_equal(formats.read(path).signal, expected)
    data = pydicom.dcmread(written(TWELVE, tmp_path, "dicom"))
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(path)
    assert "is packed (deflated DICOM)" in refusal(path)


def test_groups_of_a_sheet_lie_at_their_times(tmp_path: Path) -> None:
    def sheet(data: Dataset) -> None:
        """Three leads at a time, as on paper, with a strip of II below, and a median beat."""
        whole = data.WaveformSequence[0]
        steps = np.frombuffer(whole.WaveformData, "<i2").reshape(200, 12)
        channels = [*whole.ChannelDefinitionSequence]
        groups = []
        for rows, part, originality in (
            *(([3 * k, 3 * k + 1, 3 * k + 2], slice(50 * k, 50 * k + 50), "ORIGINAL")
              for k in range(4)),
            ([1], slice(0, 200), "ORIGINAL"), ([0], slice(0, 20), "DERIVED"),
        ):  # fmt: skip
            group = copy.deepcopy(whole)
            content = np.ascontiguousarray(steps[part, rows])
            group.NumberOfWaveformSamples, group.NumberOfWaveformChannels = content.shape
            group.ChannelDefinitionSequence = Sequence([channels[k] for k in rows])
            group.WaveformData = content.tobytes()
            group.WaveformOriginality = originality
            group.MultiplexGroupTimeOffset = str(2 * (part.start or 0))
            groups.append(group)
        data.WaveformSequence = Sequence(groups)

    back = formats.read(changed(tmp_path, sheet))
    assert back.spec.leads == (*LEADS_12, "II_2") and back.spec.samples == 200
    row = LEADS_12.index("V1")
    assert np.isnan(back.signal[0, row, :100]).all() and np.isnan(back.signal[0, row, 150:]).all()
    np.testing.assert_allclose(
        back.signal[0, row, 100:150], TWELVE.signal[0, row, 100:150], atol=0.0011
    )
    np.testing.assert_allclose(back.signal[0, -1], TWELVE.signal[0, 1], atol=0.0011)


# aECG and MUSE of others.


def edited(folder: Path, name: str, old: str, new: str, count: int = -1) -> Path:
    path = without_facts(written(TWELVE, folder, name))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))
    return path


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("aecg", '<increment value="0.002"', '<increment value="-1"', "no sampling interval"),
        ("aecg", "<digits>", "<digits>7 ", None),
        ("aecg", '<scale value="1"', '<scale value="0"', "lead I of one.aecg.xml has the scale 0"),
        ("aecg", "<digits>", "<digits>seven ", "damaged"),
        ("aecg", 'unit="uV"', 'unit="mm[Hg]"', "no lead in a voltage"),
        ("muse", "<SampleBase>500<", "<SampleBase>0<", "states the rate 0 x 10"),
        ("muse", "<LeadSampleCountTotal>200<", "<LeadSampleCountTotal>99999<", "200 of 99999"),
        ("muse", "MICROVOLTS", "PARSECS", "steps of '4.88 PARSEC', which is no voltage"),
        ("muse", "<WaveFormData>", "<WaveFormData>???", "are not base64"),
        ("muse", "<LeadSampleSize>2<", "<LeadSampleSize>3<", "no whole samples of 3 bytes"),
    ],
)
def test_what_is_wrong_with_an_xml_is_named(
    tmp_path: Path, name: str, old: str, new: str, said: str | None
) -> None:
    path = edited(tmp_path, name, old, new, 1 if said is None else -1)
    assert (said or "the leads of one.aecg.xml have 200 to 201 samples") in refusal(path)


def test_rates_units_and_doubled_leads_of_an_xml(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for text, fs in (("0.00278", 360), ("2.0", 500), ("0.0078125", 128)):
        unit = "ms" if text == "2.0" else "s"
        new = f'<increment value="{text}" unit="{unit}"'
        path = edited(tmp_path, "aecg", '<increment value="0.002" unit="s"', new)
        assert formats.read(path).spec.fs == fs
    path = edited(tmp_path, "aecg", 'unit="uV"', 'unit="mV"')
    assert np.abs(formats.read(path).signal).max() > 100
    path = edited(tmp_path, "aecg", 'MDC_ECG_LEAD_II"', 'MDC_ECG_LEAD_I"')
    assert formats.read(path).spec.leads[:2] == ("I", "I_2")
    path = edited(tmp_path, "muse", "<LeadID>II<", "<LeadID>I<")
    assert formats.read(path).spec.leads == ("I", *LEADS_12[6:])
    assert "a second lead I is left out" in caplog.text


def test_a_wrong_checksum_is_named_and_the_samples_are_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = without_facts(written(TWELVE, tmp_path, "muse"))
    samples = re.findall(r"<WaveFormData>(.*?)<", path.read_text())
    stated = re.findall(r"<LeadDataCRC32>(.*?)<", path.read_text())
    assert [str(zlib.crc32(base64.b64decode(one))) for one in samples] == stated
    path.write_text(path.read_text().replace(stated[2], "1"))
    assert formats.read(path).spec == TWELVE.spec
    assert "the checksum of lead V1 is not that of its samples" in caplog.text
