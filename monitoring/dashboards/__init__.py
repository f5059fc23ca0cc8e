"""The dashboards of Grafana, written in Python: what each panel shows and why. `classic` makes Grafana's JSON of it."""
