"""Votes: the latest word of each voter on each insight."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Text, case, cast, literal, select, text, update

from ..model.answers import Voter
from .records import Vote
from .sql import among, insert_rows
from .tables import KNOWN, annotation_vote

__all__ = ["Votes"]


class Votes:
    """The repository of votes, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def cast(self, insight_id: UUID, voter_key: str, voter: Voter, value: int, update: bool, now: datetime) -> None:
        """Record *value* (1, 0, -1) as the vote of *voter_key*; an earlier vote of the same key is replaced.

        *voter_key* is the digest or name by which the policy tells voters apart; *update* whether the product shall be
        edited should this vote decide.
        """
        insert_rows(
            self._connection,
            annotation_vote,
            [
                {
                    "insight_id": insight_id,
                    "voter_key": voter_key,
                    "username": voter.username,
                    "device_id": voter.device_id,
                    "address": voter.address,
                    "value": value,
                    "update": update,
                    "timestamp": now,
                }
            ],
            conflict=(
                "(insight_id, voter_key) DO UPDATE SET username = excluded.username, device_id = excluded.device_id, "
                'address = excluded.address, value = excluded.value, "update" = excluded."update", '
                '"timestamp" = excluded."timestamp"'
            ),
        )

    def of(self, insight_id: UUID) -> list[Vote]:
        """The votes on one insight, oldest first."""
        return self.of_all([insight_id]).get(insight_id, [])

    def of_all(self, insight_ids: Collection[UUID]) -> dict[UUID, list[Vote]]:
        """The votes on *insight_ids*, oldest first; insights without votes are absent."""
        if not insight_ids:
            return {}
        query = (
            select(annotation_vote)
            .where(among(self._connection, annotation_vote.c.insight_id, insight_ids))
            .order_by(annotation_vote.c.timestamp, annotation_vote.c.id)
        )
        found: dict[UUID, list[Vote]] = {}
        for row in self._connection.execute(query):
            values = row._asdict()
            del values["id"]
            found.setdefault(row.insight_id, []).append(Vote(**values))
        return found

    def forget_voters(self, before: datetime, limit: int = 10_000) -> int:
        """Blank device and address of at most *limit* votes from before *before*; returns how many. The votes stay."""
        old = select(annotation_vote.c.id).where(annotation_vote.c.timestamp < before, text(f"({KNOWN})")).limit(limit)
        # The key holds both digests; the row's own id keeps it unique.
        key = case(
            (annotation_vote.c.username.is_not(None), annotation_vote.c.voter_key),
            else_=literal("forgotten:").concat(cast(annotation_vote.c.id, Text)),
        )
        query = update(annotation_vote).where(annotation_vote.c.id.in_(old))
        return self._connection.execute(query.values(voter_key=key, device_id="", address="")).rowcount
