"""The tables of core. A change here needs a migration beside it; a test compares the two.

Columns that name a product are always (``server_type``, ``barcode``). ``server_type`` is the name ("off_pro"), never
Product Opener's database name. Payload columns (``data``, ``detail``) are never indexed.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from .types import BigId, JsonValue, Tags, UtcDateTime

__all__ = [
    "OPEN",
    "annotation_vote",
    "component_state",
    "dropped_candidate",
    "edit",
    "image",
    "image_prediction",
    "insight",
    "insight_event",
    "insight_tag",
    "job",
    "metadata",
    "prediction",
    "prediction_run",
    "product_snapshot",
    "schedule",
]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

OPEN = "status IN ('open', 'deciding')"
"""The condition of the partial indexes on unanswered insights. Queries repeat it word for word: SQLite recognises a
partial index by its text only."""

WAITING = "state IN ('queued', 'sending')"
"""The condition of the partial index on edits that are not settled."""

KNOWN = "device_id <> '' OR address <> ''"
"""The condition of the partial index on votes whose voter's device or address is not forgotten yet."""

prediction_run = Table(
    "prediction_run",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("server_type", Text, nullable=False),
    Column("barcode", Text, nullable=False),
    # "" for none: NULLs would not be unique
    Column("source_image", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("plugin", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("uq_prediction_run_key", "barcode", "server_type", "source_image", "component", "scope", unique=True),
)

prediction = Table(
    "prediction",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("run_id", BigId, ForeignKey("prediction_run.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("server_type", Text, nullable=False),
    Column("barcode", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", Text),
    Column("value_tag", Text),
    Column("data", JsonValue, nullable=False),
    Column("automatic", Boolean),
    Column("confidence", Float),
    Column("source_image", Text),
    Column("predictor", Text),
    Column("predictor_version", Text),
    Column("component", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("plugin", Text, nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    Index("ix_prediction_product", "barcode", "server_type", "type"),
)

insight = Table(
    "insight",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("server_type", Text, nullable=False),
    Column("barcode", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("claim", Text, nullable=False),
    Column("plugin", Text, nullable=False),
    Column("data", JsonValue, nullable=False),
    Column("value", Text),
    Column("value_tag", Text),
    Column("source_image", Text),
    Column("automatic", Boolean, nullable=False),
    Column("confidence", Float),
    Column("predictor", Text),
    Column("predictor_version", Text),
    Column("component", Text, nullable=False),
    Column("predictor_plugin", Text, nullable=False),
    Column("box", JsonValue),
    Column("campaigns", Tags, nullable=False),
    Column("lc", Tags),
    Column("countries", Tags, nullable=False),
    Column("brands", Tags, nullable=False),
    Column("unique_scans_n", Integer, nullable=False),
    Column("reserved_barcode", Boolean, nullable=False),
    Column("with_image", Boolean),
    Column("username", Text),
    Column("annotation", SmallInteger),
    Column("annotated_result", SmallInteger),
    Column("n_votes", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("timestamp", UtcDateTime),
    Column("completed_at", UtcDateTime),
    Column("process_after", UtcDateTime),
    # drawn once per row, so that random questions are a range of an index rather than a sort of the table
    Column("random_key", Float, nullable=False),
    Index("ix_insight_product", "barcode", "server_type", "type"),
    Index("ix_insight_value_tag", "value_tag", "server_type"),
    Index("ix_insight_type", "server_type", "type", "id"),
    Index("ix_insight_predictor", "predictor", "server_type"),
)
_open: Any = {"postgresql_where": text(OPEN), "sqlite_where": text(OPEN)}
Index(
    "uq_insight_open_claim",
    insight.c.barcode, insight.c.server_type, insight.c.type, insight.c.claim,
    unique=True, **_open,
)  # fmt: skip
Index(
    "ix_insight_open_popularity",
    insight.c.server_type, insight.c.unique_scans_n.desc(), insight.c.id, **_open,
)  # fmt: skip
Index(
    "ix_insight_open_type",
    insight.c.server_type, insight.c.type, insight.c.unique_scans_n.desc(), insight.c.id, **_open,
)  # fmt: skip
Index("ix_insight_open_tag", insight.c.server_type, insight.c.type, insight.c.value_tag, **_open)
Index("ix_insight_open_random", insight.c.server_type, insight.c.random_key, insight.c.id, **_open)
# SQLite sorts NULLs last here by itself and knows no word for it in an index
Index(
    "ix_insight_open_confidence",
    insight.c.server_type, insight.c.confidence.desc().nulls_last(), insight.c.id, **_open,
).ddl_if(dialect="postgresql")  # fmt: skip
Index(
    "ix_insight_open_confidence",
    insight.c.server_type, insight.c.confidence.desc(), insight.c.id, **_open,
).ddl_if(dialect="sqlite")  # fmt: skip
_due = text(f"{OPEN} AND process_after IS NOT NULL")
Index("ix_insight_due", insight.c.process_after, insight.c.id, postgresql_where=_due, sqlite_where=_due)
_answered = text("annotation IS NOT NULL")
Index("ix_insight_answered", insight.c.server_type, insight.c.id, postgresql_where=_answered, sqlite_where=_answered)

insight_tag = Table(
    "insight_tag",
    metadata,
    Column("insight_id", Uuid, ForeignKey("insight.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Index("ix_insight_tag_tag", "tag", "kind", "insight_id"),
    info={"dialect": "sqlite"},
)
"""The searchable copy of an insight's tag columns on SQLite; PostgreSQL has a GIN index on the columns themselves."""

Index(
    "ix_insight_tags",
    insight.c.countries, insight.c.brands, insight.c.campaigns, insight.c.lc,
    postgresql_using="gin",
).ddl_if(dialect="postgresql")  # fmt: skip

annotation_vote = Table(
    "annotation_vote",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("insight_id", Uuid, ForeignKey("insight.id", ondelete="CASCADE"), nullable=False),
    Column("voter_key", Text, nullable=False),
    Column("username", Text),
    Column("device_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("value", SmallInteger, nullable=False),
    Column("update", Boolean, nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    Index("uq_annotation_vote_voter", "insight_id", "voter_key", unique=True),
    Index("ix_annotation_vote_username", "username", "insight_id"),
    Index("ix_annotation_vote_device", "device_id", "insight_id"),
    Index("ix_annotation_vote_address", "address", "insight_id"),
    Index("ix_annotation_vote_known", "timestamp", postgresql_where=text(KNOWN), sqlite_where=text(KNOWN)),
)

insight_event = Table(
    "insight_event",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("insight_id", Uuid, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("detail", JsonValue, nullable=False),
)

image = Table(
    "image",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("server_type", Text, nullable=False),
    Column("barcode", Text, nullable=False),
    Column("image_id", Text, nullable=False),
    Column("source_image", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("uploaded_at", UtcDateTime),
    Column("deleted", Boolean, nullable=False),
    Column("fingerprint", BigInteger),
    Index("uq_image_id", "barcode", "server_type", "image_id", unique=True),
)

image_prediction = Table(
    "image_prediction",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("image", BigId, ForeignKey("image.id", ondelete="CASCADE"), nullable=False),
    Column("type", Text, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("data", JsonValue, nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("max_confidence", Float),
    Column("status", Text, nullable=False),
    Index("uq_image_prediction_model", "image", "model_name", "model_version", unique=True),
)

product_snapshot = Table(
    "product_snapshot",
    metadata,
    Column("barcode", Text, primary_key=True),
    Column("server_type", Text, primary_key=True),
    Column("countries", JsonValue, nullable=False),
    Column("brands", JsonValue, nullable=False),
    Column("unique_scans_n", Integer, nullable=False),
    Column("lang", Text),
    Column("raw_images", JsonValue, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

edit = Table(
    "edit",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("insight_id", Uuid, nullable=False, index=True),
    Column("server_type", Text, nullable=False),
    Column("barcode", Text, nullable=False),
    Column("edit", JsonValue, nullable=False),
    Column("comment", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("intent_at", UtcDateTime),
    Column("last_error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(
        "ix_edit_waiting", "barcode", "server_type", "id", postgresql_where=text(WAITING), sqlite_where=text(WAITING)
    ),
)

dropped_candidate = Table(
    "dropped_candidate",
    metadata,
    Column("barcode", Text, primary_key=True),
    Column("server_type", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    # one row per product and type: an import always replaces them together
    Column("drops", JsonValue, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)

component_state = Table(
    "component_state",
    metadata,
    Column("component", Text, primary_key=True),
    Column("plugin", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

_pending = text("state = 'pending'")
_running = text("state = 'running'")
_active_key = text("key IS NOT NULL AND state IN ('pending', 'running')")
_running_key = text("key IS NOT NULL AND state = 'running'")
_equal = text("dedup IS NOT NULL AND state = 'pending'")
_settled = text("state IN ('done', 'dead', 'parked')")

job = Table(
    "job",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", JsonValue, nullable=False),
    Column("key", Text),
    # 0 high, 1 model, 2 low
    Column("lane", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("run_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("recompute", Boolean, nullable=False),
    Column("plugin", Text),
    # digest of kind, key, plugin and payload; NULL when equal jobs shall not coalesce
    Column("dedup", Text),
    Column("owner", Text),
    Column("lease_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("last_error", Text),
    Index("ix_job_pending", "lane", "id", postgresql_where=_pending, sqlite_where=_pending),
    Index("ix_job_key", "key", "id", postgresql_where=_active_key, sqlite_where=_active_key),
    # two jobs of one key can never run at once, whatever the claimers saw
    Index("uq_job_running_key", "key", unique=True, postgresql_where=_running_key, sqlite_where=_running_key),
    Index("uq_job_equal", "dedup", unique=True, postgresql_where=_equal, sqlite_where=_equal),
    Index("ix_job_lease", "lease_until", postgresql_where=_running, sqlite_where=_running),
    Index("ix_job_settled", "state", "finished_at", postgresql_where=_settled, sqlite_where=_settled),
    sqlite_autoincrement=True,
)

schedule = Table(
    "schedule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("interval", Float, nullable=False),
    Column("next_run", UtcDateTime, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("last_run", UtcDateTime),
    Column("last_duration", Float),
    Column("last_outcome", Text),
    Column("owner", Text),
    Column("lease_until", UtcDateTime),
)
