"""What a deployment is made with, and checked by: secrets, the proxy, the Dockerfile followed without Docker."""
