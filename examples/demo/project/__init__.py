"""The demo site: settings only."""
