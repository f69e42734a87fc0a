"""Checks an export with nothing but its files: who signed it, whether they are as they were written, and whether the stock that it
ends with follows from the movements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from projections.audit.contents import contents
from projections.audit.manifest import AROUND, MANIFEST, SIGNATURE, SUMS, File, Manifest, sums
from projections.audit.once import Once
from projections.audit.report import Problem, Report
from projections.audit.retracing import Retraced
from projections.audit.shapes import files_of
from projections.audit.signing import BadKey, PublicKey
from schemas.codec import Undecodable


def check(folder: Path, public_key: PublicKey | None = None, *, unsigned: bool = False) -> Report:
    """Checks an export. `public_key` is whose it must be. Memory grows with the number of cells. Raises `OSError`."""
    report = Report()
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = Manifest.read(content)
    except FileNotFoundError:
        report.note(Problem(MANIFEST, "is missing"))
        return report
    except Undecodable as error:
        report.note(Problem(MANIFEST, f"is not what onhand writes, or of a newer version: {error}"))
        return report
    report.public_key, report.since, report.until = manifest.public_key, manifest.since, manifest.until
    signed = _signed(folder, manifest, content, public_key, report)
    report.note(*(one for one in signed if not (unsigned and report.signature == "missing")))
    report.note(*_around(folder, manifest, content, report.signature))
    shapes = files_of(list(manifest.chain), opening=manifest.since is not None)
    if shapes.keys() != manifest.files.keys():
        report.note(Problem(MANIFEST, "lists other files than an export of this kind has"))
        return report
    report.note(*_listed(folder, manifest))
    report.files = len(manifest.files)
    present = {name: shape for name, shape in shapes.items() if shape and (folder / name).is_file()}
    with Once() as once:
        contents(folder, manifest, present, report, Retraced(once))
    return report


def _signed(
    folder: Path, manifest: Manifest, content: bytes, pinned: PublicKey | None, report: Report
) -> Iterator[Problem]:
    """Whether the manifest was signed by whom it says, and that is who it must be."""
    signature = folder / SIGNATURE
    if not signature.is_file():
        yield Problem(SIGNATURE, "is missing: nobody vouches for this export")
        return
    report.signature = "wrong"
    try:
        stated = PublicKey.read(manifest.public_key)
    except BadKey as error:
        yield Problem(MANIFEST, f"has no public key: {error}")
        return
    if not stated.made(signature.read_bytes(), content):
        yield Problem(_changed(folder, content), "the signature is not that of the manifest as it is")
    elif pinned is not None and stated != pinned:
        yield Problem(SIGNATURE, f"is made with another key than the one that was given: {stated.text}")
    else:
        report.signature = "consistent" if pinned is None else "pinned"


def _changed(folder: Path, manifest: bytes) -> str:
    """Which of two files was changed, of a manifest and its signature: the digest of the one stands elsewhere too."""
    noted = f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
    beside = folder / SUMS
    return MANIFEST if beside.is_file() and noted not in beside.read_bytes() else SIGNATURE


def _around(folder: Path, manifest: Manifest, content: bytes, signature: str) -> Iterator[Problem]:
    """The digests once more, for other programs."""
    beside = folder / SUMS
    if not beside.is_file():
        yield Problem(SUMS, "is missing")
    elif signature != "wrong" and beside.read_bytes() != sums(manifest.files, content):
        yield Problem(SUMS, "says other digests than the manifest")


def _listed(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    """Nothing is missing, nothing is there that does not belong there, and every file is as it was written."""
    for path in sorted(folder.iterdir()):
        if path.name not in manifest.files.keys() | AROUND:
            yield Problem(path.name, "is not in the manifest")
    for name, listed in sorted(manifest.files.items()):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            yield Problem(name, "is missing")
        elif (found := File.of(path, listed.rows)) != listed:
            yield Problem(
                name,
                "was changed: it has other content than the manifest says"
                if found.bytes == listed.bytes
                else f"was changed: it has {found.bytes} bytes, and the manifest says {listed.bytes}",
            )
