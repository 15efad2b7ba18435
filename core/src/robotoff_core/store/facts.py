"""What is known around insights: dropped candidates, product snapshots, images, model outputs, tripped components."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from attrs import asdict
from sqlalchemy import Connection, delete, select, text, tuple_

from ..model.candidates import Drop
from ..model.ids import ProductId
from .records import ComponentState, DropSet, ImagePredictionRow, ImageRow, Snapshot
from .sql import among, insert_rows, of_products
from .tables import component_state, dropped_candidate, image, image_prediction, product_snapshot

__all__ = ["Components", "Drops", "ImagePredictions", "Images", "Products"]


class Drops:
    """Why candidates were dropped, per product and insight type: the answer to "why is there no question?"."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, sets: Sequence[DropSet], now: datetime) -> int:
        """Replace what is recorded for each set's product and type; equal sets write nothing. Returns rows written.

        An empty set removes the record.
        """
        if not sets:
            return 0
        rows: list[dict[str, Any]] = [
            {
                "barcode": item.product.barcode,
                "server_type": item.product.server_type,
                "type": item.type,
                "drops": [asdict(drop) for drop in item.drops],
                "at": now,
            }
            for item in sets
        ]
        before = {
            (row.barcode, row.server_type, row.type): row.drops
            for row in self._connection.execute(
                select(dropped_candidate).where(
                    of_products(self._connection, dropped_candidate, {item.product for item in sets})
                )
            )
        }
        kept: list[dict[str, Any]] = []
        gone: dict[str, list[ProductId]] = {}
        for row in rows:
            key = (row["barcode"], row["server_type"], row["type"])
            if row["drops"] and before.get(key) != row["drops"]:
                kept.append(row)
            elif not row["drops"] and key in before:
                gone.setdefault(row["type"], []).append(ProductId(row["barcode"], row["server_type"]))
        insert_rows(
            self._connection,
            dropped_candidate,
            kept,
            conflict='(barcode, server_type, type) DO UPDATE SET drops = excluded.drops, "at" = excluded."at"',
        )
        for kind, products in gone.items():
            here = of_products(self._connection, dropped_candidate, products)
            self._connection.execute(delete(dropped_candidate).where(here, dropped_candidate.c.type == kind))
        return len(kept) + sum(map(len, gone.values()))

    def of(self, product: ProductId, type: str | None = None) -> list[DropSet]:  # noqa: A002
        """The recorded drops of *product*, by type; of one *type* only when given."""
        query = select(dropped_candidate).where(of_products(self._connection, dropped_candidate, [product]))
        if type is not None:
            query = query.where(dropped_candidate.c.type == type)
        return [
            DropSet(product, row.type, tuple(Drop(**drop) for drop in row.drops), row.at)
            for row in self._connection.execute(query.order_by(dropped_candidate.c.type))
        ]

    def clean_up(self, before: datetime, limit: int = 10_000) -> int:
        """Delete at most *limit* records from before *before*; returns how many. Their products' next import writes
        them again."""
        key = tuple_(dropped_candidate.c.barcode, dropped_candidate.c.server_type, dropped_candidate.c.type)
        old = select(*key.clauses).where(dropped_candidate.c.at < before).limit(limit)
        return self._connection.execute(delete(dropped_candidate).where(key.in_(old))).rowcount


class Products:
    """Snapshots of the facts that insights copy from their product."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def upsert(self, snapshots: Sequence[Snapshot]) -> int:
        """Store *snapshots*; one that says what is stored already writes nothing. Returns the rows written."""
        rows = [
            {
                "barcode": item.product.barcode,
                "server_type": item.product.server_type,
                "countries": item.countries,
                "brands": item.brands,
                "unique_scans_n": item.unique_scans_n,
                "lang": item.lang,
                "raw_images": item.raw_images,
                "updated_at": item.updated_at,
            }
            for item in {snapshot.product: snapshot for snapshot in snapshots}.values()
        ]
        facts = ("countries", "brands", "unique_scans_n", "lang", "raw_images")
        changed = " OR ".join(f"product_snapshot.{name} IS DISTINCT FROM excluded.{name}" for name in facts)
        if self._connection.dialect.name == "sqlite":
            changed = changed.replace("IS DISTINCT FROM", "IS NOT")
        written = insert_rows(
            self._connection,
            product_snapshot,
            rows,
            conflict=(
                "(barcode, server_type) DO UPDATE SET "
                + ", ".join(f"{name} = excluded.{name}" for name in (*facts, "updated_at"))
                + f" WHERE {changed}"
            ),
            returning=("barcode",),
        )
        return len(written)

    def of(self, products: Collection[ProductId]) -> dict[ProductId, Snapshot]:
        """The snapshots of *products*; unknown products are absent."""
        if not products:
            return {}
        query = select(product_snapshot).where(of_products(self._connection, product_snapshot, products))
        found = {}
        for row in self._connection.execute(query):
            product = ProductId(row.barcode, row.server_type)
            found[product] = Snapshot(
                product=product,
                updated_at=row.updated_at,
                countries=tuple(row.countries),
                brands=tuple(row.brands),
                unique_scans_n=row.unique_scans_n,
                lang=row.lang,
                raw_images=tuple(row.raw_images),
            )
        return found


class Images:
    """Uploaded images. Rows are never removed; a deleted image is flagged."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def upsert(self, images: Sequence[ImageRow]) -> dict[tuple[ProductId, str], int]:
        """Store *images* and return the row id of each (product, image id)."""
        rows: list[dict[str, Any]] = [
            {
                "server_type": item.product.server_type,
                "barcode": item.product.barcode,
                "image_id": item.image_id,
                "source_image": item.source_image,
                "width": item.width,
                "height": item.height,
                "uploaded_at": item.uploaded_at,
                "deleted": item.deleted,
                "fingerprint": item.fingerprint,
            }
            for item in {(entry.product, entry.image_id): entry for entry in images}.values()
        ]
        written = insert_rows(
            self._connection,
            image,
            rows,
            conflict=(
                "(barcode, server_type, image_id) DO UPDATE SET source_image = excluded.source_image, "
                "width = excluded.width, height = excluded.height, deleted = excluded.deleted, "
                "uploaded_at = coalesce(excluded.uploaded_at, image.uploaded_at), "
                "fingerprint = coalesce(excluded.fingerprint, image.fingerprint)"
            ),
            returning=("id", "server_type", "barcode", "image_id"),
        )
        return {(ProductId(row.barcode, row.server_type), row.image_id): row.id for row in written}

    def of(self, product: ProductId) -> list[ImageRow]:
        """The images of *product*, deleted ones too, in the order they were stored."""
        query = select(image).where(of_products(self._connection, image, [product])).order_by(image.c.id)
        found = []
        for row in self._connection.execute(query):
            values = row._asdict()
            del values["barcode"], values["server_type"]
            found.append(ImageRow(product=product, **values))
        return found


class ImagePredictions:
    """Raw outputs of models on images: one row per image, model and model version."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def upsert(self, predictions: Sequence[ImagePredictionRow]) -> None:
        """Store *predictions*; the same image, model and version replaces the earlier output (an error was retried)."""
        rows = [asdict(item, filter=lambda attribute, _: attribute.name != "id", recurse=False) for item in predictions]
        columns = ("type", "data", "timestamp", "max_confidence", "status")
        insert_rows(
            self._connection,
            image_prediction,
            rows,
            conflict="(image, model_name, model_version) DO UPDATE SET "
            + ", ".join(f'"{name}" = excluded."{name}"' for name in columns),
        )

    def of(self, images: Collection[int]) -> list[ImagePredictionRow]:
        """The outputs on the image rows *images*, in the order they were stored."""
        if not images:
            return []
        query = select(image_prediction).where(among(self._connection, image_prediction.c.image, images))
        return [
            ImagePredictionRow(**row._asdict())
            for row in self._connection.execute(query.order_by(image_prediction.c.id))
        ]


class Components:
    """Components that were switched off because they failed; shared by all processes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def trip(self, component: str, plugin: str, reason: str, at: datetime) -> bool:
        """Record that *component* is off; returns false when it was off already (the first reason stays)."""
        written = insert_rows(
            self._connection,
            component_state,
            [{"component": component, "plugin": plugin, "reason": reason, "at": at}],
            conflict="(component) DO NOTHING",
            returning=("component",),
        )
        return bool(written)

    def reset(self, component: str | None = None) -> int:
        """Switch *component*, or all of them, on again; returns how many were off."""
        condition = text("true") if component is None else component_state.c.component == component
        return self._connection.execute(delete(component_state).where(condition)).rowcount

    def all(self) -> list[ComponentState]:
        """The components that are off, by name."""
        rows = self._connection.execute(select(component_state).order_by(component_state.c.component))
        return [ComponentState(**row._asdict()) for row in rows]
