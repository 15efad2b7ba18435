"""The values that go in and out of the store beside those of the model: plain, frozen, without SQL.

Times are timezone-aware and in UTC everywhere.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from attrs import field, frozen

from ..model.candidates import Drop
from ..model.ids import ProductId
from ..model.insights import Status
from ..model.predictions import RunKey

__all__ = [
    "ComponentState",
    "DropSet",
    "EditState",
    "ImagePredictionRow",
    "ImageRow",
    "InsightEvent",
    "InsightFilter",
    "InsightOrder",
    "Job",
    "JobSpec",
    "JobState",
    "Lane",
    "OutboxEdit",
    "RunInfo",
    "ScheduleRow",
    "Snapshot",
    "StoredRuns",
    "Vote",
]


@frozen
class RunInfo:
    """What the store knows of one predictor's run without its predictions.

    ``count`` is the number of predictions it holds, possibly 0; ``updated_at`` when it last changed.
    """

    key: RunKey
    plugin: str
    version: str
    count: int
    updated_at: datetime


@frozen
class StoredRuns:
    """What storing a batch of runs did.

    ``changed``: the products whose predictions are different now; ``stored``, ``unchanged`` and ``refused_older`` count
    runs, ``predictions`` the rows written.
    """

    changed: frozenset[ProductId]
    stored: int
    unchanged: int
    refused_older: int
    predictions: int


@frozen
class Vote:
    """The latest vote of one voter on one insight; ``value`` is 1, 0 or -1."""

    insight_id: UUID
    voter_key: str
    value: int
    timestamp: datetime
    update: bool = True
    username: str | None = None
    device_id: str = ""
    address: str = ""


@frozen
class InsightEvent:
    """One line of an insight's append-only log: ``kind`` is created, updated, voted, answered, sent, failed, ..."""

    insight_id: UUID
    kind: str
    at: datetime
    detail: Mapping[str, Any] = field(factory=dict)


class EditState(StrEnum):
    """Where an edit of the outbox stands.

    ``queued`` waits for its job; ``sending`` was attempted and its outcome is not recorded yet; ``sent`` is on the
    product; ``refused`` was turned down by the server for good; ``withdrawn`` was taken back before it took effect;
    ``failed`` was given up.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


@frozen
class OutboxEdit:
    """One edit to be sent to the product's server. ``edit`` is its JSON form, ``comment`` the complete edit comment.

    ``id`` orders the edits and is given by the store; ``intent_at`` is when the latest attempt began.
    """

    insight_id: UUID
    product: ProductId
    edit: Mapping[str, Any]
    comment: str
    created_at: datetime
    id: int = 0
    state: EditState = EditState.QUEUED
    attempts: int = 0
    intent_at: datetime | None = None
    last_error: str | None = None
    updated_at: datetime | None = None


@frozen
class DropSet:
    """Everything dropped for one product and insight type in the latest import; ``at`` is set when read."""

    product: ProductId
    type: str
    drops: tuple[Drop, ...]
    at: datetime | None = None


@frozen
class Snapshot:
    """The facts of a product that insights carry copies of. ``raw_images`` are image ids ("1", "2")."""

    product: ProductId
    updated_at: datetime
    countries: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    unique_scans_n: int = 0
    lang: str | None = None
    raw_images: tuple[str, ...] = ()


@frozen
class ImageRow:
    """An uploaded image; sizes in pixels of the full image. ``id`` is given by the store."""

    product: ProductId
    image_id: str
    source_image: str
    width: int
    height: int
    uploaded_at: datetime | None = None
    deleted: bool = False
    fingerprint: int | None = None
    id: int = 0


@frozen
class ImagePredictionRow:
    """The whole output of one model version on one image. ``image`` is the image row's id.

    ``status``: ``ok``, ``no_result`` or ``error``; an error may be tried again, and a newer version always runs.
    """

    image: int
    type: str
    model_name: str
    model_version: str
    data: Mapping[str, Any]
    timestamp: datetime
    max_confidence: float | None = None
    status: str = "ok"
    id: int = 0


@frozen
class ComponentState:
    """A component that was switched off because it failed: which, of which plugin, why and since when."""

    component: str
    plugin: str
    reason: str
    at: datetime


class InsightOrder(StrEnum):
    """The order of a search; every order ends with the id, so that pages never overlap.

    ``random`` favours insights that have votes, draws anew at each call and knows no offset.
    """

    ID = "id"
    POPULARITY = "popularity"
    CONFIDENCE = "confidence"
    VOTES = "n_votes"
    RANDOM = "random"


@frozen
class InsightFilter:
    """Which insights a search looks at; ``None`` means "any".

    - ``types``: one of these; an empty tuple matches nothing.
    - ``annotated``: ``True`` answered, ``False`` not answered yet; ``annotation``: exactly this answer.
    - ``countries``, ``brands``, ``lc``: any of these; ``campaigns``: all of these. Empty means any.
    - ``plugins``: owners of the type; ``predictor_plugins``: the plugin behind the prediction; insights that were
      imported rather than predicted (an empty predictor plugin) always pass the latter.
    - ``statuses``: where it stands; ``None`` is everything but superseded.
    - ``skip_usernames``, ``skip_devices``, ``skip_addresses``: without those that one of these has voted on.
    """

    server_type: str | None = "off"
    barcode: str | None = None
    types: tuple[str, ...] | None = None
    predictor: str | None = None
    value_tag: str | None = None
    annotated: bool | None = None
    annotation: int | None = None
    countries: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    lc: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    reserved_barcode: bool | None = None
    with_image: bool | None = None
    automatic: bool | None = None
    plugins: frozenset[str] | None = None
    predictor_plugins: frozenset[str] | None = None
    statuses: tuple[Status, ...] | None = None
    skip_usernames: tuple[str, ...] = ()
    skip_devices: tuple[str, ...] = ()
    skip_addresses: tuple[str, ...] = ()


class Lane(StrEnum):
    """Who waits for a job: ``high`` people, ``model`` a model's turn, ``low`` nobody in particular."""

    HIGH = "high"
    MODEL = "model"
    LOW = "low"


class JobState(StrEnum):
    """``pending`` waits (perhaps in back-off), ``running`` is leased, ``done`` succeeded, ``dead`` failed for good and
    can be replayed, ``parked`` waits for its plugin."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    PARKED = "parked"


@frozen
class JobSpec:
    """A job to be done. The payload is JSON and never holds a secret.

    - ``key``: jobs with the same key run one at a time, in order (a product's ``str()``); ``None`` for no order.
    - ``run_at``: not before; ``None`` for at once.
    - ``coalesce``: an equal waiting job (kind, key, plugin and payload) is enough; no second one is made.
    - ``max_attempts``: after so many failures the job is dead.
    - ``recompute``: the job reads everything it needs anew, so that in back-off it lets later ones of its key pass and
      an equal later one takes its place at once.
    - ``plugin``: the plugin whose work it is; without it the job is parked.
    """

    kind: str
    payload: Mapping[str, Any] = field(factory=dict)
    key: str | None = None
    lane: Lane = Lane.HIGH
    run_at: datetime | None = None
    coalesce: bool = True
    max_attempts: int = 5
    recompute: bool = False
    plugin: str | None = None


@frozen
class Job:
    """A job as the ledger holds it. ``attempts`` counts the claims, the running one included, and fences the lease."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    key: str | None
    lane: Lane
    state: JobState
    run_at: datetime
    attempts: int
    max_attempts: int
    created_at: datetime
    recompute: bool = False
    plugin: str | None = None
    owner: str | None = None
    lease_until: datetime | None = None
    finished_at: datetime | None = None
    last_error: str | None = None


@frozen
class ScheduleRow:
    """A periodic task: its last run (durations in seconds) and how that ended, the next one, whether it is paused."""

    name: str
    interval: float
    next_run: datetime
    paused: bool = False
    last_run: datetime | None = None
    last_duration: float | None = None
    last_outcome: str | None = None
    owner: str | None = None
    lease_until: datetime | None = None
