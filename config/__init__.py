"""How one installation of Segmill is set up: settings, URLs, servers."""
