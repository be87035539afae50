"""This machine itself: a virtual environment per pip variant and a pinned process. No container."""

from orchestrator.engines.local.engine import LocalEngine

__all__ = ["LocalEngine"]
