"""Counting votes. Pure: from the vote rows of one insight to a decision, or none yet.

One person and one device have one vote, the latest. Anonymous votes belong to different voters only when device *and*
address differ (or, by setting, the device alone).
"""

from collections.abc import Iterable
from typing import Protocol

from attrs import frozen

__all__ = ["CastVote", "Tally", "tally", "voter_key"]


class CastVote(Protocol):
    """One stored vote."""

    @property
    def username(self) -> str | None: ...
    @property
    def device_id(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def value(self) -> int: ...
    @property
    def update(self) -> bool: ...


@frozen
class Tally:
    """``n_votes``: voters who said yes or no. ``outcome``: the decision, -1 for an ambiguous split, or none yet.

    ``update``: whether the edit is sent: unless every voter of the winning side asked not to.
    """

    n_votes: int
    outcome: int | None
    update: bool


def voter_key(username: str | None, device_id: str, address: str) -> str:
    """What identifies a vote's row: the latest vote with the same key replaces the earlier one."""
    return f"user:{username}" if username else f"device:{device_id}:{address}"


def tally(votes: Iterable[CastVote], *, needed: int, by_device_only: bool) -> Tally:
    """Count *votes*, given oldest first.

    Two voters on each side make an insight ambiguous (-1); else *needed* equal votes decide. Skips (-1) count for
    nothing.
    """
    latest = [group[-1] for group in _voters(votes, by_device_only)]
    yes = [vote for vote in latest if vote.value == 1]
    no = [vote for vote in latest if vote.value == 0]
    winners = max(yes, no, key=len)
    outcome: int | None = None
    if len(yes) >= 2 and len(no) >= 2:
        outcome = -1
    elif len(winners) >= needed:
        outcome = winners[0].value
    return Tally(len(yes) + len(no), outcome, any(vote.update for vote in winners))


def _voters(votes: Iterable[CastVote], by_device_only: bool) -> list[list[CastVote]]:
    """The votes grouped by voter; a vote that links two groups (one's device, the other's address) joins them."""
    groups: list[tuple[set[str], list[CastVote]]] = []
    for position, vote in enumerate(votes):
        if vote.username:
            marks = {f"user:{vote.username}"}
        elif by_device_only:
            marks = {f"device:{vote.device_id}"}
        else:
            marks = {f"{kind}:{mark}" for kind, mark in (("device", vote.device_id), ("address", vote.address)) if mark}
            marks = marks or {f"vote:{position}"}
        members = [vote]
        apart = []
        for group_marks, group_votes in groups:
            if marks & group_marks:
                marks |= group_marks
                members = group_votes + members
            else:
                apart.append((group_marks, group_votes))
        groups = [*apart, (marks, members)]
    return [members for _, members in groups]
