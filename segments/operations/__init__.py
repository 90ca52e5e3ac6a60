"""What keeps an installation going: reaper, retention, heartbeats, health, metrics, repairs."""
