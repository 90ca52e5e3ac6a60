"""Keeps an installation running: reaper, retention, heartbeats, health, metrics, repairs."""
