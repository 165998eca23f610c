"""What explains an incident is kept as it is shown: with `net`, `gross` and `moved` of each field instead of `lift`, a share of `net`."""

from alembic import op

from opsloop_common.entry import every_workspace

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_OTHER = "CASE jsonb_typeof(field->'other') WHEN 'object' THEN jsonb_build_array(field->'other') ELSE '[]' END"
_CHANGES = (
    "FROM (SELECT (told->>'change')::float8 AS change "
    f"FROM jsonb_array_elements((field->'rows') || {_OTHER}) AS told) AS changes"
)
_NEW = (
    "(field - 'lift') || (SELECT jsonb_build_object('net', coalesce(sum(change), 0), 'gross', coalesce(sum(abs(change)), 0), "
    f"'moved', abs(coalesce(sum(change), 0) * (field->>'lift')::float8)) {_CHANGES})"
)
_OLD = (
    "(field - ARRAY['net', 'gross', 'moved']) || jsonb_build_object('lift', "
    "CASE WHEN (field->>'net')::float8 = 0 THEN 0 ELSE (field->>'moved')::float8 / abs((field->>'net')::float8) END)"
)


def upgrade() -> None:
    _rewrite(_NEW, "lift")


def downgrade() -> None:
    _rewrite(_OLD, "moved")


def _rewrite(field: str, known_by: str) -> None:
    with every_workspace(op.get_bind(), "incident"):
        op.execute(
            f"UPDATE incident SET explanation = jsonb_set(explanation, '{{fields}}', (SELECT jsonb_agg({field} ORDER BY place) "
            "FROM jsonb_array_elements(explanation->'fields') WITH ORDINALITY AS told(field, place))) "
            f"WHERE jsonb_exists(explanation #> '{{fields,0}}', '{known_by}')"
        )
