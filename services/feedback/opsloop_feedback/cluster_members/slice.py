"""What members of clusters bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.cluster_members.models import ClusterMember

SLICE = Slice("cluster_members", models=(ClusterMember,))
