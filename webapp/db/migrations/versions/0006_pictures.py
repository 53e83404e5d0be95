"""Pictures, and where they are used."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "picture",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("name", "digest", "kind")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("width", "height", "bytes")),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("fallback", "ground", "file_name", "alt", "caption", "credit")
        ),
        sa.Column("decorative", sa.Boolean(), nullable=False),
        sa.Column("uploader_id", sa.Integer(), nullable=False),
        sa.Column("submission", sa.String()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger()) for name in ("used_at", "erased_at")),
        sa.Column("replaced_by_id", sa.Integer()),
        sa.ForeignKeyConstraint(["uploader_id"], ["user.id"], name="fk_picture_uploader_id"),
        sa.ForeignKeyConstraint(["replaced_by_id"], ["picture.id"], name="fk_picture_replaced_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_picture"),
        sa.UniqueConstraint("name", name="uq_picture_name"),
        sa.UniqueConstraint("uploader_id", "submission", name="uq_picture_uploader_id"),
    )
    op.create_index("ix_picture_created", "picture", ["erased_at", "created_at"])
    op.create_index("ix_picture_used", "picture", ["used_at"])
    op.create_table(
        "picture_use",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"], name="fk_picture_use_picture_id"),
        sa.PrimaryKeyConstraint("kind", "item_id", "picture_id", name="pk_picture_use"),
    )
    op.create_index("ix_picture_use_picture_id", "picture_use", ["picture_id"])
    op.add_column("post", sa.Column("cover_name", sa.String()))
    op.add_column("post", sa.Column("cover", sa.JSON()))
