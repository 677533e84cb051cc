"""Codes of clinical formats: leads, waves and beats of ISO/IEEE 11073-10102 (MDC), and statements
of SNOMED CT."""

from __future__ import annotations

from typing import NamedTuple

from ecgsynth.signals.vocabulary import FIDUCIALS

MDC_OID = "2.16.840.1.113883.6.24"
SNOMED_OID = "2.16.840.1.113883.6.96"


class Code(NamedTuple):
    """A concept of MDC: number in its partition, as in 2:61; name; meaning in words."""

    number: str
    name: str
    meaning: str


def _lead(number: int, name: str, meaning: str = "") -> Code:
    return Code(f"2:{number}", f"MDC_ECG_LEAD_{name}", meaning or f"Lead {name}")


LEADS = {
    "I": _lead(1, "I"), "II": _lead(2, "II"), "III": _lead(61, "III"),
    "aVR": _lead(62, "AVR", "aVR, augmented voltage, right"),
    "aVL": _lead(63, "AVL", "aVL, augmented voltage, left"),
    "aVF": _lead(64, "AVF", "aVF, augmented voltage, foot"),
} | {
    name: _lead(number, name)
    for name, number in (
        *((f"V{k}", k + 2) for k in range(1, 8)), ("V8", 66), ("V9", 67), ("V2R", 10),
        *((f"V{k}R", k + 8) for k in range(3, 8)), ("V8R", 68), ("V9R", 69),
        ("X", 16), ("Y", 17), ("Z", 18),
    )
}  # fmt: skip
"""Standard name of a lead -> its code (CID 3001 of DICOM; MDC_ECG_LEAD_ of aECG)."""

ANY_LEAD = Code("2:0", "MDC_ECG_LEAD_CONFIG", "Unspecified lead")
"""Of a lead that has no code."""


def _wave(number: int, name: str, meaning: str) -> Code:
    return Code(f"10:{number}", f"MDC_ECG_WAVC_{name}", meaning)


P, QRS, R, T = (
    _wave(256, "PWAVE", "P wave"),
    _wave(1600, "QRSWAVE", "Entire QRS (excluding P, T and U)"),
    _wave(576, "RWAVE", "R wave"),
    _wave(1024, "TWAVE", "T wave"),
)

BEGIN, PEAK, END = "onset", "peak", "offset"

WAVES = {
    name: ({"p": P, "qrs": QRS, "r": R, "t": T}[name.split("_")[0]], name.split("_")[1])
    for name in FIDUCIALS
}
"""Fiducial -> code of its wave, and which point of that it is."""

FIDUCIAL_OF = {(code.number, point): name for name, (code, point) in WAVES.items()} | {
    (R.number, BEGIN): "qrs_onset", (R.number, END): "qrs_offset", (QRS.number, PEAK): "r_peak",
}  # fmt: skip
"""(number of a wave, point) -> fiducial."""

BEATS = {
    symbol: Code(f"10:{number}", f"MDC_ECG_BEAT_{name}", meaning)
    for symbol, number, name, meaning in (
        ("N", 8208, "NORMAL", "Normal beat (sinus beat, normal conduction)"),
        ("S", 8256, "SV_P_C", "Supraventricular premature contraction"),
        ("A", 8272, "ATR_P_C", "Atrial premature contraction (beat)"),
        ("J", 8288, "JUNC_P_C", "Junctional (nodal) premature contraction"),
        ("a", 8304, "ATR_P_C_ABERR", "Aberrated atrial premature beat (Ashman beat)"),
        ("V", 8336, "V_P_C", "Ventricular premature contraction beat"),
        ("F", 8352, "V_P_C_FUSION", "Fusion of ventricular and normal beat"),
        ("r", 8368, "V_P_C_RonT", "R-on-T premature ventricular beat"),
        ("n", 8384, "SV_ESC", "Supraventricular escape beat"),
        ("e", 8400, "ATR_ESC", "Atrial escape beat"),
        ("j", 8416, "JUNC_ESC", "Junctional (nodal) escape beat"),
        ("E", 8432, "V_ESC", "Ventricular escape beat"),
        ("B", 8448, "BB_BLK", "Bundle branch block beat"),
        ("L", 8464, "LBB_BLK_COMP", "Left bundle branch block beat"),
        ("R", 8496, "RBB_BLK_COMP", "Right bundle branch block beat"),
        ("/", 8704, "PACED", "Paced beat"),
        ("f", 8720, "PACED_FUS", "Pacemaker Fusion beat"),
        ("Q", 8736, "UNKNOWN", "Unclassifiable beat"),
        ("?", 8752, "LEARN", "Pacemaker Learning beat"),
    )
}
"""WFDB's symbol of a beat -> its code (CID 3335)."""

BEAT_OF = {code.number: symbol for symbol, code in BEATS.items()} | {"10:8192": "Q"}
BEAT_OF_NAME = {code.name: symbol for symbol, code in BEATS.items()} | {"MDC_ECG_BEAT": "Q"}
"""The same from number and name; a beat of no stated kind is unclassified."""

WAVE_OF_NAME = {code.name: code for code in (P, QRS, R, T)}

STATEMENTS = {
    "SR": ("426783006", "Sinus rhythm"),
    "AFIB": ("164889003", "Atrial fibrillation"),
    "AFLT": ("164890007", "Atrial flutter"),
    "STACH": ("427084000", "Sinus tachycardia"),
    "SBRAD": ("426177001", "Sinus bradycardia"),
    "SARRH": ("427393009", "Sinus arrhythmia"),
    "SVTAC": ("426761007", "Supraventricular tachycardia"),
    "PACE": ("10370003", "Pacing rhythm"),
    "1AVB": ("270492004", "First degree atrioventricular block"),
    "2AVB": ("195042002", "Second degree atrioventricular block"),
    "3AVB": ("27885002", "Complete atrioventricular block"),
    "LPR": ("164947007", "Prolonged PR interval"),
    "CLBBB": ("733534002", "Complete left bundle branch block"),
    "ILBBB": ("251120003", "Incomplete left bundle branch block"),
    "CRBBB": ("713427006", "Complete right bundle branch block"),
    "IRBBB": ("713426002", "Incomplete right bundle branch block"),
    "LAFB": ("445118002", "Left anterior fascicular block"),
    "LPFB": ("445211001", "Left posterior fascicular block"),
    "IVCD": ("698252002", "Nonspecific intraventricular conduction delay"),
    "WPW": ("74390002", "Wolff-Parkinson-White pattern"),
    "PAC": ("284470004", "Premature atrial contraction"),
    "PVC": ("427172004", "Premature ventricular contractions"),
    "LVH": ("164873001", "Left ventricular hypertrophy"),
    "RVH": ("89792004", "Right ventricular hypertrophy"),
    "LNGQT": ("111975006", "Prolonged QT interval"),
    "QWAVE": ("164917005", "Q wave abnormal"),
    "LVOLT": ("251146004", "Low QRS voltages"),
    "INVT": ("59931005", "T wave inversion"),
}
"""A statement by its name in PTB-XL (SCP-ECG) -> its SNOMED CT code, as in the PhysioNet/CinC
Challenge 2021, and its meaning."""
