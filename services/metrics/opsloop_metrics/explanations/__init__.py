"""Why a KPI changed: which values of a field explain the difference between two times (docs/kpis.md)."""
