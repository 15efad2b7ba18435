"""The first tables.

Revision ID: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from robotoff_core.store.types import BigId, JsonValue, Tags, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_OPEN = "status IN ('open', 'deciding')"


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    """Create everything; what differs between the databases stands at the end."""
    op.create_table(
        "component_state",
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("component", name="pk_component_state"),
    )
    op.create_table(
        "dropped_candidate",
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("server_type", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("drops", JsonValue, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("barcode", "server_type", "type", name="pk_dropped_candidate"),
    )
    op.create_index("ix_dropped_candidate_at", "dropped_candidate", ["at"])
    op.create_table(
        "edit",
        sa.Column("id", BigId, nullable=False),
        sa.Column("insight_id", sa.Uuid(), nullable=False),
        sa.Column("server_type", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("edit", JsonValue, nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("intent_at", UtcDateTime),
        sa.Column("last_error", sa.Text()),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_edit"),
    )
    op.create_index("ix_edit_insight_id", "edit", ["insight_id"])
    op.create_index(
        "ix_edit_waiting", "edit", ["barcode", "server_type", "id"], **_where("state IN ('queued', 'sending')")
    )
    op.create_table(
        "image",
        sa.Column("id", BigId, nullable=False),
        sa.Column("server_type", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("image_id", sa.Text(), nullable=False),
        sa.Column("source_image", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("uploaded_at", UtcDateTime),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_image"),
    )
    op.create_index("uq_image_id", "image", ["barcode", "server_type", "image_id"], unique=True)
    op.create_table(
        "insight",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("server_type", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("data", JsonValue, nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("value_tag", sa.Text()),
        sa.Column("source_image", sa.Text()),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Float()),
        sa.Column("predictor", sa.Text()),
        sa.Column("predictor_version", sa.Text()),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("predictor_plugin", sa.Text(), nullable=False),
        sa.Column("box", JsonValue),
        sa.Column("campaigns", Tags, nullable=False),
        sa.Column("lc", Tags),
        sa.Column("countries", Tags, nullable=False),
        sa.Column("brands", Tags, nullable=False),
        sa.Column("unique_scans_n", sa.Integer(), nullable=False),
        sa.Column("reserved_barcode", sa.Boolean(), nullable=False),
        sa.Column("with_image", sa.Boolean()),
        sa.Column("username", sa.Text()),
        sa.Column("annotation", sa.SmallInteger()),
        sa.Column("annotated_result", sa.SmallInteger()),
        sa.Column("n_votes", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("timestamp", UtcDateTime),
        sa.Column("completed_at", UtcDateTime),
        sa.Column("process_after", UtcDateTime),
        sa.Column("random_key", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_insight"),
    )
    op.create_index("ix_insight_answered", "insight", ["server_type", "id"], **_where("annotation IS NOT NULL"))
    op.create_index(
        "ix_insight_due", "insight", ["process_after", "id"], **_where(f"{_OPEN} AND process_after IS NOT NULL")
    )
    op.create_index(
        "ix_insight_open_popularity",
        "insight",
        ["server_type", sa.literal_column("unique_scans_n DESC"), "id"],
        **_where(_OPEN),
    )
    op.create_index("ix_insight_open_random", "insight", ["server_type", "random_key", "id"], **_where(_OPEN))
    op.create_index("ix_insight_open_tag", "insight", ["server_type", "type", "value_tag"], **_where(_OPEN))
    op.create_index(
        "ix_insight_open_type",
        "insight",
        ["server_type", "type", sa.literal_column("unique_scans_n DESC"), "id"],
        **_where(_OPEN),
    )
    op.create_index("ix_insight_predictor", "insight", ["predictor", "server_type"])
    op.create_index("ix_insight_product", "insight", ["barcode", "server_type", "type"])
    op.create_index("ix_insight_type", "insight", ["server_type", "type", "id"])
    op.create_index("ix_insight_value_tag", "insight", ["value_tag", "server_type"])
    op.create_index(
        "uq_insight_open_claim", "insight", ["barcode", "server_type", "type", "claim"], unique=True, **_where(_OPEN)
    )
    op.create_table(
        "insight_event",
        sa.Column("id", BigId, nullable=False),
        sa.Column("insight_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("detail", JsonValue, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_insight_event"),
    )
    op.create_index("ix_insight_event_insight_id", "insight_event", ["insight_id"])
    op.create_table(
        "job",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JsonValue, nullable=False),
        sa.Column("key", sa.Text()),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("run_at", UtcDateTime, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("recompute", sa.Boolean(), nullable=False),
        sa.Column("plugin", sa.Text()),
        sa.Column("dedup", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("finished_at", UtcDateTime),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_key", "job", ["key", "id"], **_where("key IS NOT NULL AND state IN ('pending', 'running')"))
    op.create_index("ix_job_lease", "job", ["lease_until"], **_where("state = 'running'"))
    op.create_index("ix_job_pending", "job", ["lane", "id"], **_where("state = 'pending'"))
    op.create_index("ix_job_settled", "job", ["state", "finished_at"], **_where("state IN ('done', 'dead', 'parked')"))
    op.create_index("uq_job_equal", "job", ["dedup"], unique=True, **_where("dedup IS NOT NULL AND state = 'pending'"))
    op.create_index(
        "uq_job_running_key", "job", ["key"], unique=True, **_where("key IS NOT NULL AND state = 'running'")
    )
    op.create_table(
        "prediction_run",
        sa.Column("id", BigId, nullable=False),
        sa.Column("server_type", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("source_image", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_prediction_run"),
    )
    op.create_index(
        "uq_prediction_run_key",
        "prediction_run",
        ["barcode", "server_type", "source_image", "component", "scope"],
        unique=True,
    )
    op.create_table(
        "product_snapshot",
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("server_type", sa.Text(), nullable=False),
        sa.Column("countries", JsonValue, nullable=False),
        sa.Column("brands", JsonValue, nullable=False),
        sa.Column("unique_scans_n", sa.Integer(), nullable=False),
        sa.Column("lang", sa.Text()),
        sa.Column("raw_images", JsonValue, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("barcode", "server_type", name="pk_product_snapshot"),
    )
    op.create_table(
        "schedule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("interval", sa.Float(), nullable=False),
        sa.Column("next_run", UtcDateTime, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("last_run", UtcDateTime),
        sa.Column("last_duration", sa.Float()),
        sa.Column("last_outcome", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", UtcDateTime),
        sa.PrimaryKeyConstraint("name", name="pk_schedule"),
    )
    op.create_table(
        "annotation_vote",
        sa.Column("id", BigId, nullable=False),
        sa.Column("insight_id", sa.Uuid(), nullable=False),
        sa.Column("voter_key", sa.Text(), nullable=False),
        sa.Column("username", sa.Text()),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("value", sa.SmallInteger(), nullable=False),
        sa.Column("update", sa.Boolean(), nullable=False),
        sa.Column("timestamp", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(
            ["insight_id"], ["insight.id"], name="fk_annotation_vote_insight_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_annotation_vote"),
    )
    op.create_index("ix_annotation_vote_address", "annotation_vote", ["address", "insight_id"])
    op.create_index("ix_annotation_vote_device", "annotation_vote", ["device_id", "insight_id"])
    op.create_index(
        "ix_annotation_vote_known", "annotation_vote", ["timestamp"], **_where("device_id <> '' OR address <> ''")
    )
    op.create_index("ix_annotation_vote_username", "annotation_vote", ["username", "insight_id"])
    op.create_index("uq_annotation_vote_voter", "annotation_vote", ["insight_id", "voter_key"], unique=True)
    op.create_table(
        "image_prediction",
        sa.Column("id", BigId, nullable=False),
        sa.Column("image", BigId, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("data", JsonValue, nullable=False),
        sa.Column("timestamp", UtcDateTime, nullable=False),
        sa.Column("max_confidence", sa.Float()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name="fk_image_prediction_image", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_image_prediction"),
    )
    op.create_index(
        "uq_image_prediction_model", "image_prediction", ["image", "model_name", "model_version"], unique=True
    )
    op.create_table(
        "prediction",
        sa.Column("id", BigId, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("server_type", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("value_tag", sa.Text()),
        sa.Column("data", JsonValue, nullable=False),
        sa.Column("automatic", sa.Boolean()),
        sa.Column("confidence", sa.Float()),
        sa.Column("source_image", sa.Text()),
        sa.Column("predictor", sa.Text()),
        sa.Column("predictor_version", sa.Text()),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("timestamp", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["prediction_run.id"], name="fk_prediction_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_prediction"),
    )
    op.create_index("ix_prediction_product", "prediction", ["barcode", "server_type", "type"])
    op.create_index("ix_prediction_run_id", "prediction", ["run_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "ix_insight_open_confidence",
            "insight",
            ["server_type", sa.literal_column("confidence DESC NULLS LAST"), "id"],
            **_where(_OPEN),
        )
        op.create_index(
            "ix_insight_tags", "insight", ["countries", "brands", "campaigns", "lc"], postgresql_using="gin"
        )
    else:
        op.create_index(
            "ix_insight_open_confidence",
            "insight",
            ["server_type", sa.literal_column("confidence DESC"), "id"],
            **_where(_OPEN),
        )
        op.create_table(
            "insight_tag",
            sa.Column("insight_id", sa.Uuid(), nullable=False),
            sa.Column("kind", sa.Text(), nullable=False),
            sa.Column("tag", sa.Text(), nullable=False),
            sa.ForeignKeyConstraint(
                ["insight_id"], ["insight.id"], name="fk_insight_tag_insight_id", ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("insight_id", "kind", "tag", name="pk_insight_tag"),
            info={"dialect": "sqlite"},
        )
        op.create_index("ix_insight_tag_tag", "insight_tag", ["tag", "kind", "insight_id"])
