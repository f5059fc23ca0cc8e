"""The model at work: how fast it answers, which version does, and what it says."""

from monitoring.dashboards.panels import Board, Panel, Query, mean, quantile, rate

_SERVED = (("1", "served", "green"),)

INFERENCE = Board(
    "inference",
    "m7b0: Inference",
    "Predictions by outcome, the time they take, the models that serve, and the distribution of their answers.",
    [
        Panel(
            "Predictions",
            "Flights that were asked about in a second, by the model that answered and what became of it.",
            "ops",
            [Query(rate("inference_requests_total", "model_version", "outcome"), "{{model_version}} {{outcome}}")],
        ),
        Panel(
            "Time by phase",
            "95 of 100 take less time than this: waiting for the batch, building its inputs, running the model.",
            "s",
            [Query(quantile(0.95, "inference_duration_seconds", "phase"), "{{phase}}")],
        ),
        Panel(
            "Batch size",
            "Rows of one run of a model: on average, and what 95 of 100 runs stay within.",
            "short",
            [
                Query(mean("inference_batch_size"), "mean"),
                Query(quantile(0.95, "inference_batch_size"), "p95"),
            ],
            width=8,
        ),
        Panel(
            "Batches by size",
            "Runs by the number of their rows: the darker, the more.",
            "short",
            [Query("sum by (le) (increase(inference_batch_size_bucket[$__rate_interval]))", "{{le}}")],
            "heatmap",
            width=8,
        ),
        Panel(
            "Runs",
            "Runs of a model in a second.",
            "ops",
            [Query(rate("inference_batch_size_count"), "runs")],
            width=8,
        ),
        Panel(
            "Distribution of predictions",
            "Predicted probabilities of being delayed: the darker, the more flights.",
            "short",
            [Query("sum by (le) (increase(inference_probability_bucket[$__rate_interval]))", "{{le}}")],
            "heatmap",
        ),
        Panel(
            "Mean probability",
            "Mean of the predicted probabilities of being delayed. Of the flights in data/, 26.6% were.",
            "percentunit",
            [Query(mean("inference_probability", "model_version"), "{{model_version}}")],
            width=6,
        ),
        Panel(
            "Distance from the week",
            "How far the distribution of the last six hours is from that of the week: the largest difference of the "
            "share of predictions below some probability. At 15% there is an alert.",
            "percentunit",
            [Query("round(model_version:inference_probability:distance, 0.001)", "{{model_version}}")],
            width=6,
        ),
        Panel(
            "Models",
            "Versions that are served, with their roles.",
            "none",
            [Query("max by (version, alias) (model_info)", "{{version}} {{alias}}")],
            "states",
            words=_SERVED,
        ),
        Panel(
            "Reloads",
            "Bundles and aliases that were loaded, refused or removed, within the step of the graph.",
            "short",
            [Query("sum by (outcome) (increase(model_reloads_total[$__rate_interval]))", "{{outcome}}")],
        ),
    ],
)
