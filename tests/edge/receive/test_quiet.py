"""An exam is quiet once its associations are over and nothing has come for a while."""

from __future__ import annotations

from bocage_edge.receive.quiet import Quiet

EXAM = ("flers-thury", "ab" * 16)
OTHER = ("flers-thury", "cd" * 16)


def test_an_open_association_keeps_its_exams_awake() -> None:
    quiet = Quiet()
    quiet.touch(1, EXAM, 0.0)
    quiet.touch(2, EXAM, 5.0)
    quiet.touch(2, OTHER, 6.0)
    assert quiet.take_due(1000.0, 60.0) == []
    quiet.over(2)
    assert quiet.take_due(1000.0, 60.0) == [OTHER]
    quiet.over(1)
    assert quiet.take_due(64.9, 60.0) == []
    assert quiet.take_due(65.0, 60.0) == [EXAM]


def test_each_is_due_once_and_again_after_something_late() -> None:
    quiet = Quiet()
    quiet.touch(1, EXAM, 0.0)
    quiet.over(1)
    assert quiet.take_due(60.0, 60.0) == [EXAM]
    assert quiet.take_due(120.0, 60.0) == []
    quiet.touch(3, EXAM, 130.0)
    quiet.over(3)
    assert quiet.take_due(189.0, 60.0) == []
    assert quiet.take_due(190.0, 60.0) == [EXAM]


def test_an_association_that_nobody_knows_ends_without_harm() -> None:
    quiet = Quiet()
    quiet.over(9)
    assert quiet.take_due(1e9, 0.0) == []
