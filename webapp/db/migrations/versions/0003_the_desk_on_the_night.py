"""Quiet live posts, withdrawals for legal reasons, and who has which update open."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("post", sa.Column("kept_live_at", sa.BigInteger()))
    op.add_column("update", sa.Column("withdrawal", sa.String()))
    op.create_table(
        "editing",
        sa.Column("update_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["update_id"], ["update.id"], name="fk_editing_update_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_editing_user_id"),
        sa.PrimaryKeyConstraint("update_id", "user_id", name="pk_editing"),
    )
    op.create_index("ix_editing_at", "editing", ["at"])
    op.create_index("ix_comment_author_withdrawn", "comment", ["author_id", "withdrawn_by_id"])
