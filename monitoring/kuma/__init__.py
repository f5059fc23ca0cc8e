"""What Uptime Kuma is to watch, declared in `kuma_config.yml` and brought about over its own interface."""
