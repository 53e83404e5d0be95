"""Indexes in the order of the feed and of the desk."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_post_published", "post", ["status", "published_at"])
    op.create_index("ix_post_changed", "post", ["status", "live", "changed_at"])
