"""The ledger as a file, from two keepers that run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bocage_contract.ledger import draft, entry_hash, sign_head
from bocage_edge.cli import main
from bocage_edge.errors import KeeperError
from bocage_edge.exam.identity import exam_ref
from bocage_edge.keeper import daemon
from bocage_edge.keeper.client import Keeper
from tests.contract.exports import raws_of
from tests.edge.keeper.box import LINK, Site, card_value, make_pair

TIMEOUT_S = 10.0
EXAM, OTHER_EXAM = "1" * 32, "f" * 32


@contextmanager
def keeping(site: Site, partner: Site) -> Iterator[Keeper]:
    """Run a box's keeper, with the partner confirmed."""
    stop = threading.Event()
    running = threading.Thread(target=daemon.run, args=(site.box, stop))
    running.start()
    keeper = Keeper(site.box.keeper_socket)
    while running.is_alive() and not answers(keeper):
        running.join(0.01)
    keeper.pin(LINK, card_value(partner))
    yield keeper
    keeper.close()
    stop.set()
    running.join(TIMEOUT_S)


def answers(keeper: Keeper) -> bool:
    try:
        keeper.head("box")
    except KeeperError:
        return False
    return True


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """Two boxes that exchanged one object, and their ledgers."""
    flers, caen = make_pair(tmp_path)
    with ExitStack() as stack:
        here = stack.enter_context(keeping(flers, caen))
        there = stack.enter_context(keeping(caen, flers))
        body = {"object": "a" * 64, "digest": "b" * 64, "exam_id": EXAM}
        here.append("receive:1", [(1, LINK, draft("received", 5.0, **body))])
        kinds = ("stored", "opened", "delivered")
        there.append("deliver:1", [(n, LINK, draft(k, 6.0, **body)) for n, k in enumerate(kinds)])
        for one, other in ((here, there), (there, here)):
            raws, head = other.entries(LINK, 0, 100)
            one.accept_partner(LINK, raws, head)
        yield flers, caen


def run(site: Site, *words: str) -> Result:
    arguments = ["--state", str(site.box.state), "--run", str(site.box.run), "ledger", *words]
    return CliRunner().invoke(main, arguments)


def test_two_exports_are_whole_and_agree(sites: tuple[Site, Site], tmp_path: Path) -> None:
    files = [str(tmp_path / f"{site.device}.ledger") for site in sites]
    for site, file in zip(sites, files, strict=True):
        assert run(site, "export", file).exit_code == 0
        assert run(site, "verify", file, "--identity", site.card.identity).exit_code == 0
    paired = run(sites[0], "reconcile", *files, "--json")
    said = json.loads(paired.stdout)
    assert (paired.exit_code, said["settled"], said["delivered"]) == (0, True, 1)


def test_an_edited_export_is_said_to_be(sites: tuple[Site, Site], tmp_path: Path) -> None:
    files = [tmp_path / f"{site.device}.ledger" for site in sites]
    for site, file in zip(sites, files, strict=True):
        run(site, "export", str(file), "--link", LINK)
    files[0].write_bytes(files[0].read_bytes().replace(b'"kind":"received"', b'"kind":"receiver"'))
    refused = run(sites[0], "verify", str(files[0]))
    assert refused.exit_code == 1
    assert f"flers-1/{LINK} (own), entry 2" in refused.stdout
    paired = run(sites[0], "reconcile", *map(str, files))
    assert paired.exit_code == 1
    assert f"flers-1/{LINK}, entries 2 to 2: " in paired.stdout
    stranger = run(sites[0], "verify", str(files[1]), "--identity", sites[0].card.identity)
    assert stranger.exit_code == 1
    assert "other identity" in stranger.stdout


def test_a_second_history_is_exported_and_told(sites: tuple[Site, Site], tmp_path: Path) -> None:
    """A partner that signed two: the second lies in the export, and anybody can check it."""
    flers, caen = sites
    keeper = Keeper(flers.box.keeper_socket)
    lie = draft("delivered", 6.0, object="c" * 64, done=True)
    lies = raws_of(f"caen-1/{LINK}", [lie, lie, lie])
    head = sign_head(f"caen-1/{LINK}", 3, entry_hash(lies[-1]), caen.identity.sign)
    for _ in range(2):  # the same again is no more evidence
        with pytest.raises(KeeperError, match="two histories"):
            keeper.accept_partner(LINK, lies, head)
    keeper.close()
    files = [str(tmp_path / f"{site.device}.ledger") for site in sites]
    for site, file in zip(sites, files, strict=True):
        assert run(site, "export", file, "--link", LINK).exit_code == 0
    assert lies[2] in Path(files[0]).read_bytes()
    told = run(flers, "verify", files[0])
    assert told.exit_code == 1
    assert told.stdout == f"caen-1/{LINK}: a second history was signed, entries 1 to 3\n"
    assert run(caen, "verify", files[1]).exit_code == 0
    paired = run(flers, "reconcile", *files)
    assert paired.exit_code == 1
    assert f"caen-1/{LINK}, entries 1 to 3: fork (flers-1 keeps the second" in paired.stdout
    assert run(flers, "verify").exit_code == 1


def test_what_is_no_export_is_refused_in_words(sites: tuple[Site, Site], tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.write_bytes(b"")
    refused = run(sites[0], "reconcile", str(nothing), str(nothing))
    assert refused.exit_code == 1


def test_the_ledger_is_shown_by_exam_kind_and_time(sites: tuple[Site, Site]) -> None:
    def shown(*words: str) -> list[str]:
        done = run(sites[0], "show", LINK, "--partner", "--json", *words)
        return [json.loads(line)["kind"] for line in done.stdout.splitlines()]

    everything = shown()
    assert shown("--exam", exam_ref(EXAM).lower()) == ["stored", "opened", "delivered"]
    assert shown("--exam", exam_ref(OTHER_EXAM)) == []
    assert shown("--kind", "opened", "--kind", "stored") == ["stored", "opened"]
    assert shown("--since", "1970-01-01 00:00:07") == everything[: everything.index("stored")]


def test_a_statement_names_the_chains_it_is_made_of(sites: tuple[Site, Site]) -> None:
    """The link has no exams here: nothing is billed."""
    box = sites[0].box
    words = ["--state", str(box.state), "--run", str(box.run), "statement", "2026-11"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "TOTAL,0," in done.stdout
    assert f"flers-1/{LINK} up to entry 2" in done.stdout
    assert f"caen-1/{LINK} up to entry 4" in done.stdout
