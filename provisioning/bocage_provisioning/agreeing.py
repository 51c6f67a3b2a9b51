"""Agreeing on a convention by hand: checked in words, then approved by one person of each site.

The two people sign the same words: each command prints a digest that they compare on the telephone.
A responsible person's key is made with `configuration key`; it belongs to that person alone.
"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any, Literal, cast

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.convention.approval import (
    Approval,
    Role,
    approve,
    verify_approval,
    words_digest,
)
from bocage_contract.convention.faults import Fault, faults_of
from bocage_contract.convention.model import Convention
from bocage_contract.errors import ContractError
from bocage_provisioning.signing import read_key
from bocage_system.durable import read_limited, write_atomic

_DOCUMENT_BYTES = 1 << 20
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_LANGUAGE = click.option("--language", type=click.Choice(["fr", "en"]), default="fr")
_SUMS = {
    "fr": ("{faults} à corriger, {warnings} à savoir", "rien à corriger, {warnings} à savoir"),
    "en": ("{faults} to put right, {warnings} to know", "nothing to put right, {warnings} to know"),
}
_MARKS = {"fr": ("à corriger", "à savoir"), "en": ("put right", "know")}
_DIGEST = {
    "fr": "empreinte à comparer au téléphone : {digest}",
    "en": "digest to compare on the telephone: {digest}",
}
_NEXT = {
    "fr": ("il manque l'approbation de l'autre site", "les deux sites ont approuvé : {out}"),
    "en": ("the other site's approval is missing", "both sites have approved: {out}"),
}


@click.group()
def convention() -> None:
    """Check and approve conventions."""


@convention.command()
@click.argument("file", type=_FILE)
@_LANGUAGE
@click.pass_context
def check(ctx: click.Context, file: Path, language: Literal["fr", "en"]) -> None:
    """Say everything that is wrong with a convention (JSON); status 1: something is."""
    words, _ = _opened(file)
    faults = faults_of(words, language)
    _tell(faults, language)
    if any(not each.is_warning for each in faults):
        ctx.exit(1)
    _tell_digest(Convention.read(words), language)


@convention.command("approve")
@click.argument("file", type=_FILE)
@click.option("--key", "key_file", required=True, type=_FILE, help="Of the responsible person.")
@click.option("--site", required=True, type=click.Choice(["requesting", "reading"]))
@click.option("--name", required=True, help="The responsible person's.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to write; else into FILE.")
@_LANGUAGE
@click.pass_context
def approve_one(
    ctx: click.Context,
    file: Path,
    key_file: Path,
    site: Role,
    name: str,
    out: Path | None,
    language: Literal["fr", "en"],
) -> None:
    """Add one site's approval to a convention; it is in force once both sites' stand in it.

    The file then holds the convention and its approvals, as a link's `conventions` takes them.
    """
    words, before = _opened(file)
    faults = faults_of(words, language)
    if any(not each.is_warning for each in faults):
        _tell(faults, language)
        ctx.exit(1)
    agreed, key = Convention.read(words), read_key(key_file)
    approvals = [*_of_others(agreed, before, site, key), _approval(agreed, site, name, key)]
    document = {
        "convention": agreed.to_json(),
        "approvals": [each.to_json() for each in sorted(approvals, key=lambda it: it.role)],
    }
    there = out or file
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    write_atomic(there, text.encode(), mode=0o644)
    _tell_digest(agreed, language)
    click.echo(_NEXT[language][len(approvals) - 1].format(out=there), err=True)


def _approval(agreed: Convention, site: Role, name: str, key: Ed25519PrivateKey) -> Approval:
    public = key.public_key().public_bytes_raw()
    try:
        return approve(agreed, site, name, int(time.time()), key.sign, public)
    except ValueError as error:
        raise click.ClickException("a name has 1 to 80 characters") from error


def _of_others(
    agreed: Convention, before: list[Any], site: Role, key: Ed25519PrivateKey
) -> list[Approval]:
    """Give the approvals that stay: those of the other site, which must hold."""
    try:
        standing = [Approval.of(cast("dict[str, Any]", each)) for each in before]
        others = [each for each in standing if each.role != site]
        for each in others:
            verify_approval(agreed, each)
    except (ContractError, ValueError) as error:
        raise click.ClickException(
            f"{error}: the words were changed since; start again from the convention alone"
        ) from error
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    if any(each.key == public for each in others):
        raise click.ClickException("this key approved for the other site: it takes two people")
    return others


def _opened(file: Path) -> tuple[bytes, list[Any]]:
    """Give the words of a convention, and the approvals where the file holds some."""
    try:
        raw = read_limited(file, _DOCUMENT_BYTES)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return raw, []
    if isinstance(value, dict) and isinstance(value.get("convention"), dict):
        approvals = value.get("approvals")
        words = json.dumps(value["convention"], ensure_ascii=False).encode()
        return words, approvals if isinstance(approvals, list) else []
    return raw, []


def _tell(faults: list[Fault], language: Literal["fr", "en"]) -> None:
    for each in faults:
        click.echo(f"{_MARKS[language][each.is_warning]:<11} {each.text}")
    wrong = sum(not each.is_warning for each in faults)
    words = _SUMS[language][0 if wrong else 1]
    click.echo(words.format(faults=wrong, warnings=len(faults) - wrong))


def _tell_digest(agreed: Convention, language: Literal["fr", "en"]) -> None:
    digest = words_digest(agreed)
    said = " ".join(digest[at : at + 4] for at in range(0, 16, 4))
    click.echo(_DIGEST[language].format(digest=said), err=True)
