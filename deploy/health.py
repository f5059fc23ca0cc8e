"""The health check of the image, which has no curl: exit status 0 where /health/ready says that the service is."""

import json
import os
import sys
import urllib.error
import urllib.request

_TIMEOUT_SECONDS = 6
"""More than /health/ready waits for the database, so that the reason is told."""


def main() -> int:
    """Ask the service in this container, and say what it says.

    Returns:
        0 where it is ready, 1 where it is not or does not answer.
    """
    url = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/health/ready"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            body = response.read()
    except urllib.error.HTTPError as error:
        print(error.read().decode(errors="replace"))
        return 1
    except OSError as error:
        print(f"{url} does not answer: {error}")
        return 1
    status = json.loads(body)["status"]
    print(status)
    return int(status != "ready")


if __name__ == "__main__":
    sys.exit(main())
