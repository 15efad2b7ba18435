"""Counting votes: thresholds, ambiguity, and who counts as one voter."""

import pytest
from attrs import frozen

from robotoff_core.engine.votes import tally


@frozen
class Cast:
    value: int
    device_id: str = ""
    address: str = ""
    username: str | None = None
    update: bool = True


def anonymous(*values: int) -> list[Cast]:
    return [Cast(value, f"device-{n}", f"address-{n}") for n, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "n_votes", "outcome"),
    [
        ([], 0, None),
        ([1], 1, None),
        ([1, 1], 2, None),
        ([1, 1, 1], 3, 1),
        ([0, 0, 0], 3, 0),
        ([1, 1, 0, 1], 4, 1),
        ([1, 0, 1, 0], 4, -1),
        ([1, 1, 1, 0, 0], 5, -1),
        ([-1, -1, -1, -1], 0, None),
        ([1, -1, 1, -1], 2, None),
    ],
)
def test_thresholds(values: list[int], n_votes: int, outcome: int | None) -> None:
    counted = tally(anonymous(*values), needed=3, by_device_only=False)
    assert (counted.n_votes, counted.outcome) == (n_votes, outcome)


def test_one_device_cannot_decide_alone() -> None:
    votes = [Cast(1, "phone", f"address-{n}") for n in range(5)]
    assert tally(votes, needed=3, by_device_only=False).n_votes == 1


def test_one_address_cannot_decide_alone_unless_the_setting_says_devices_count() -> None:
    votes = [Cast(1, f"device-{n}", "household") for n in range(3)]
    assert tally(votes, needed=3, by_device_only=False).outcome is None
    assert tally(votes, needed=3, by_device_only=True).outcome == 1


def test_the_latest_vote_of_a_voter_counts_even_when_a_later_vote_links_two() -> None:
    votes = [Cast(1, "phone", "home"), Cast(1, "laptop", "office"), Cast(0, "phone", "office")]
    counted = tally(votes, needed=3, by_device_only=False)
    assert (counted.n_votes, counted.outcome) == (1, None)
    assert tally([*votes, *anonymous(0, 0)], needed=3, by_device_only=False).outcome == 0


def test_users_are_told_apart_by_name() -> None:
    votes = [Cast(1, "kiosk", "library", username=name) for name in ("ada", "bob", "cleo")]
    assert tally(votes, needed=3, by_device_only=False).outcome == 1


def test_update_is_sent_unless_every_winning_voter_declined() -> None:
    votes = anonymous(1, 1, 1)
    declined = [Cast(v.value, v.device_id, v.address, update=False) for v in votes]
    assert tally([declined[0], declined[1], votes[2]], needed=3, by_device_only=False).update
    assert not tally(declined, needed=3, by_device_only=False).update
