"""PostGraphile 5 beside the service: what it is asked, how it is started, and the rounds of both."""
