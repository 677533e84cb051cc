"""What stands beside the shards: the plan, a data card, and Croissant metadata (MLCommons)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ecgsynth.corpus.manifest import STATEMENT
from ecgsynth.corpus.plan import SIMULATOR, CorpusPlan
from ecgsynth.corpus.store import Store
from ecgsynth.formats import contract, write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer.card import Card
from ecgsynth.synthesizer.card_text import markdown

PLAN, CARD, CROISSANT = "plan.yaml", "README.md", "croissant.json"

FILES = (PLAN, CARD, CROISSANT)

CONFORMS = "http://mlcommons.org/croissant/1.0"

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of Croissant 1.0, as its specification prints it."""

PARQUET = "application/x-parquet"
"""What Croissant calls Parquet; IANA's name is not known to mlcroissant."""

TYPES = {"int": "sc:Integer", "flo": "sc:Float", "dou": "sc:Float", "boo": "sc:Boolean"}
"""Beginning of the name of a type of Arrow -> data type; the rest is text."""


def describe(
    store: Store, plan: CorpusPlan, manifest: Mapping[str, Any], first: Mapping[str, Ecg]
) -> None:
    """Write plan, data card and metadata; first: the first item of every part."""
    store.write(PLAN, plan.to_yaml().encode())
    store.write(CARD, data_card(plan, manifest, first).encode())
    content = json.dumps(croissant(plan, manifest, first), indent=1, ensure_ascii=False)
    store.write(CROISSANT, content.encode())


def data_card(plan: CorpusPlan, manifest: Mapping[str, Any], first: Mapping[str, Ecg]) -> str:
    """What is in the corpus, of which models, and how it is made again; Markdown."""
    lines = [f"# {plan.name}", f"**{STATEMENT}**", *filter(None, [plan.description])]
    rows = ["| part | items | hours | MB | signal | labels |", "|---|---|---|---|---|---|"]
    for name, part in manifest["parts"].items():
        labels = ", ".join(f"{label} {count:,}" for label, count in part["labels"].items())
        spec = first[name].spec
        signal = f"{'/'.join(spec.leads)}, {spec.seconds:.3g} s at {spec.fs:g} Hz, {spec.unit}"
        cells = [name, f"{part['items']:,}", f"{part['seconds'] / 3600:,.1f}",
                 f"{part['bytes'] / 1e6:,.1f}", signal, labels]  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    lines += ["\n".join(rows), "## Sources"]
    for name, part in plan.parts.items():
        rhythm = f", the rhythm '{part.rhythm}'" * bool(part.rhythm)
        lines.append(f"{name}: {first[name].source}{rhythm}.")
    cards = {p.model: first[name].card for name, p in plan.parts.items() if p.model != SIMULATOR}
    lines += [markdown(Card.from_dict(card)) for card in cards.values() if card is not None]
    maker = manifest["maker"]
    versions = ", ".join(f"{name} {number}" for name, number in maker["versions"].items())
    lines += [
        "## Made with",
        f"{versions}; backend {maker['backend']}; processor {maker['processor']}.",
        f"`plan.yaml` makes the same bytes again, with these: `ecgsynth corpus plan.yaml --to "
        f"PLACE`. `corpus.json` has the checksum of every file, and of all: "
        f"`{manifest['checksum']}`.",
    ]
    return "\n\n".join(lines) + "\n"


def croissant(
    plan: CorpusPlan, manifest: Mapping[str, Any], first: Mapping[str, Ecg]
) -> dict[str, Any]:
    """Croissant 1.0: every file with its checksum; of Parquet also the columns of each part."""
    kind = contract.named(plan.format)
    media_type = "application/octet-stream" if contract.in_folder(kind) else kind.media_type
    if plan.format == "parquet":
        media_type = PARQUET
    files = [
        {
            "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
            "contentSize": f"{one['bytes']} B", "sha256": one["sha256"],
            "encodingFormat": media_type,
        }
        for entry in manifest["shards"] for name, one in entry["files"].items()
    ]  # fmt: skip
    sets, records = [], []
    if plan.format == "parquet":
        for name in plan.parts:
            sets.append({
                "@type": "cr:FileSet", "@id": f"{name}-shards", "name": f"{name}-shards",
                "encodingFormat": PARQUET, "includes": f"shards/{name}-*.parquet",
            })  # fmt: skip
            fields = list(_fields(name, first[name]))
            records.append({"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields})
    described = plan.description or f"Synthetic ECG of {', '.join(plan.parts)}."
    made = {"license": plan.licence} if plan.licence else {}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": plan.name,
        "description": f"{STATEMENT} {described}",
        "conformsTo": CONFORMS,
        "version": f"1.0.0+{manifest['checksum'][:12]}",
        "citeAs": f"ecgsynth {manifest['maker']['versions']['ecgsynth']}, seed {plan.seed}",
        "personalSensitiveInformation": "None: every item is synthetic.",
        **made,
        "distribution": files + sets,
        **({"recordSet": records} if records else {}),
    }


def croissant_problem(content: bytes) -> str:
    """What mlcroissant finds wrong with metadata; "" where nothing is, or it is not installed."""
    import logging

    try:
        import mlcroissant
    except ImportError:
        return ""
    logging.getLogger("absl").setLevel(logging.ERROR)  # of what is recommended alone
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / CROISSANT
        file.write_bytes(content)
        try:
            mlcroissant.Dataset(str(file))
        except Exception as problem:  # of several kinds
            return " ".join(str(problem).split())[:200] or type(problem).__name__
    return ""


def _fields(part: str, ecg: Ecg) -> Iterator[dict[str, Any]]:
    """The columns of a part's Parquet files, of which one with a single item is written."""
    from pyarrow import types
    from pyarrow.parquet import read_schema

    with tempfile.TemporaryDirectory() as folder:
        schema = read_schema(write(ecg, Path(folder) / "one.parquet"))
    for column in schema:
        kind, repeated = column.type, False
        if types.is_list(kind) or types.is_fixed_size_list(kind):
            kind, repeated = kind.value_type, True
        if types.is_struct(kind):  # of marks
            continue
        yield {
            "@type": "cr:Field", "@id": f"{part}/{column.name}", "name": column.name,
            "dataType": TYPES.get(str(kind)[:3], "sc:Text"), "repeated": repeated,
            "source": {
                "fileSet": {"@id": f"{part}-shards"}, "extract": {"column": column.name},
            },
        }  # fmt: skip
