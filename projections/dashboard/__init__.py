"""The dashboard at `/`: what is there, why, since when, and what needs a person. Server-rendered; a browser adds liveness only."""

from projections.dashboard.house import Dashboard
from projections.dashboard.letters import Letters
from projections.dashboard.oidc import Oidc, Provider
from projections.dashboard.routes import dashboard_routes

__all__ = ["Dashboard", "Letters", "Oidc", "Provider", "dashboard_routes"]
