"""What watches the service, and what sets it up."""
