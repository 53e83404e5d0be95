"""Imports with numbers, the files that posts came from, and their old addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_import"),
    )
    op.create_table(
        "imported_file",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("title_digest", sa.String(), nullable=False),
        sa.Column("body_digest", sa.String(), nullable=False),
        sa.Column("text_digest", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("dated_at", sa.BigInteger()),
        sa.Column("kept", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON()),
        sa.ForeignKeyConstraint(["import_id"], ["import.id"], name="fk_imported_file_import_id"),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_imported_file_post_id"),
        sa.PrimaryKeyConstraint("import_id", "post_id", name="pk_imported_file"),
    )
    for column in ("post_id", "path", "place", "title_digest", "text_digest"):
        op.create_index(f"ix_imported_file_{column}", "imported_file", [column])
    op.create_table(
        "old_address",
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_old_address_post_id"),
        sa.PrimaryKeyConstraint("path", name="pk_old_address"),
    )
    op.create_index("ix_old_address_post_id", "old_address", ["post_id"])
